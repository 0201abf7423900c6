"""The Nordic 44-bus system: its RAW put right, and its DYR with named substitutes for models that ANDES lacks."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from grids.andes_runtime import stock_case
from grids.dynamic_devices import (
    Parameters,
    StaticGenerator,
    add_control,
    add_machine,
    add_stabiliser,
    static_generators,
)
from grids.errors import GridError
from grids.hydro_governor import HydroUnit, linear_hydro_governor

_LINE_SHUNTS_PU = {
    ("5101", "5501"): (0.0223, -0.9744, -0.0216, 0.9744),
    ("5102", "6001"): (0.0002, 0.0001, 0.0002, -0.0001),
    ("5401", "6001"): (-0.0002, -0.0005, 0.0002, 0.0005),
    ("5500", "5603"): (0.0003, 0.0013, -0.0003, -0.0013),
}
"""GI, BI, GJ, BJ of the branch records that have them; ANDES's reader passes them over."""

_WASHOUT_SCALE = 100.0
"""By how much the two washouts that a filter stands for outweigh its constant part."""


@dataclass(frozen=True)
class DyrRecord:
    """One record of a PSS/E dynamic data file."""

    bus: int
    model: str
    machine: int
    parameters: tuple[float, ...]


@cache
def substitutes() -> dict[str, dict[str, str]]:
    """Models of the DYR that are replaced: by which model of ANDES, and why that is fair."""
    text = resources.files("grids").joinpath("nordic44_substitutes.yaml").read_text(encoding="utf-8")
    return YAML(typ="safe", pure=True).load(text)


def read_dyr(path: Path) -> list[DyrRecord]:
    """Records of a DYR file, in its order."""
    records = []
    for text in path.read_text(encoding="utf-8").split("/"):
        words = text.replace("'", " ").split()
        if words:
            records.append(DyrRecord(int(words[0]), words[1], int(words[2]), tuple(float(word) for word in words[3:])))
    return records


def add_nordic44_dynamics(system: Any) -> list[str]:
    """Correct the network, add the devices of the DYR, and return what there is to say about it.

    Raises
    ------
    GridError
        If a record names a machine or a model that there is not.
    """
    _correct_network(system)
    generators = {(generator.bus, generator.number): generator for generator in static_generators(system)}
    by_unit: defaultdict[tuple[int, int], dict[str, DyrRecord]] = defaultdict(dict)
    records = read_dyr(stock_case("nordic44/N44_BC.dyr"))
    for record in records:
        if (record.bus, record.machine) not in generators:
            raise GridError(f"{record.model} at bus {record.bus}: there is no machine {record.machine} in service")
        by_unit[record.bus, record.machine][record.model] = record
    for key, unit in by_unit.items():
        _add_unit(system, generators[key], unit)
    counts = Counter(record.model for record in records)
    return [
        f"{counts[model]} {model} represented by {entry['by']}: {entry['reason']}"
        for model, entry in substitutes().items()
    ] + ["line data taken on the system's base of 1,000 MVA, and line shunts honoured, which ANDES's reader does not"]


def _correct_network(system: Any) -> None:
    line, base = system.Line, float(system.config.mva)
    base_kv = dict(zip(system.Bus.idx.v, system.Bus.Vn.v, strict=True))
    for i in range(line.n):
        if not line.trans.v[i]:
            line.Sn.v[i] = base
        shunts = _LINE_SHUNTS_PU.get((str(line.bus1.v[i]), str(line.bus2.v[i])), (0.0,) * 4)
        # As shunts of their own: ANDES puts the from-side shunt of a line at both its ends.
        for bus, (g_pu, b_pu) in zip((line.bus1.v[i], line.bus2.v[i]), (shunts[:2], shunts[2:]), strict=True):
            if g_pu or b_pu:
                name = f"end of line {line.idx.v[i]} at bus {bus}"
                system.add("Shunt", {"idx": name, "bus": bus, "Sn": base, "Vn": base_kv[bus], "g": g_pu, "b": b_pu})


def _add_unit(system: Any, generator: StaticGenerator, records: dict[str, DyrRecord]) -> None:
    remaining = dict(records)
    hydro = _hydro_unit(remaining.pop("HYGOV", None))
    damping_pu = 0.0
    if hydro:
        unit, turbine_damping_pu = hydro
        power_pu = generator.p_mw / generator.rating_mva
        to_system = generator.rating_mva / float(system.config.mva)
        gate = power_pu / unit.turbine_gain + unit.no_load_flow
        damping_pu = turbine_damping_pu * gate
        governor: Parameters = linear_hydro_governor(unit, power_pu, to_system)
    else:
        governor = _steam_governor(remaining.pop("IEESGO"), generator.rating_mva / float(system.config.mva))
    kind = "GENSAL" if "GENSAL" in remaining else "GENROU"
    machine_parameters = _MACHINES[kind](remaining.pop(kind).parameters)
    machine_parameters["D"] += damping_pu
    machine = add_machine(system, generator, generator.rating_mva, machine_parameters)
    add_control(system, "IEESGO", machine, governor)
    stabiliser = remaining.pop("STAB2A", None)
    for model, record in remaining.items():
        if model not in _EXCITERS:
            raise GridError(f"bus {record.bus}, machine {record.machine}: nothing stands in for {model}")
        substitute, convert = _EXCITERS[model]
        exciter = add_control(system, substitute, machine, convert(record.parameters))
        if stabiliser:
            add_stabiliser(system, exciter, machine, _power_stabiliser(stabiliser.parameters))


def _round_rotor(p: tuple[float, ...]) -> Parameters:
    names = ("Td10", "Td20", "Tq10", "Tq20", "H", "D", "xd", "xq", "xd1", "xq1", "xd2", "xl", "S10", "S12")
    return dict(zip(names, p, strict=True))


def _salient_pole(p: tuple[float, ...]) -> Parameters:
    names = ("Td10", "Td20", "Tq20", "H", "D", "xd", "xq", "xd1", "xd2", "xl", "S10", "S12")
    salient = dict(zip(names, p, strict=True))
    # With x'q = xq the transient flux of the q axis stays zero, whatever its time constant.
    return salient | {"xq1": salient["xq"], "Tq10": 1.0}


def _simplified_exciter(p: tuple[float, ...]) -> Parameters:
    return dict(zip(("TATB", "TB", "K", "TE", "EMIN", "EMAX"), p[:6], strict=True))


def _ieee_type_1(p: tuple[float, ...]) -> Parameters:
    names = ("TR", "KA", "TA", "VRMAX", "VRMIN", "KE", "TE", "KF", "TF", "TF2", "E1", "SE1", "E2", "SE2")
    exciter = dict(zip(names, p, strict=True))
    if abs(exciter.pop("TF2") - exciter["TE"] / exciter["KE"]) > 1e-6:
        raise GridError("IEEET2 is like IEEET1 only where TF2 = TE / KE")
    return exciter | {"KF": exciter["KF"] * exciter["KE"]}


def _power_stabiliser(p: tuple[float, ...]) -> Parameters:
    """STAB2A: -(K2 s T2 / (1 + s T2))^3 (K4 + K3 / (1 + s T3)) (K5 / (1 + s T5))^2 of the electrical power.

    IEEEST has one washout and a filter (1 + s^2 A6) / (1 + s A3 + s^2 A4). With A6 = c T2^2 and a gain of 1 / c, this
    is (1 / c + s^2 T2^2) / (1 + s T2)^2: two washouts, but for 1 / c at frequencies below 1 / T2.
    """
    k2, t2, k3, t3, k4, k5, t5, limit = p
    return {
        "MODE": 3,
        "A1": 2 * t5,
        "A2": t5**2,
        "A3": 2 * t2,
        "A4": t2**2,
        "A5": 0.0,
        "A6": _WASHOUT_SCALE * t2**2,
        "T1": k4 * t3 / (k3 + k4),
        "T2": t3,
        "T3": 0.0,
        "T4": 0.0,
        "KS": -(k2**3) * (k3 + k4) * k5**2 / _WASHOUT_SCALE,
        "T5": t2,
        "T6": t2,
        "LSMAX": limit,
        "LSMIN": -limit,
        "VCU": 0.0,
        "VCL": 0.0,
    }


def _hydro_unit(record: DyrRecord | None) -> tuple[HydroUnit, float] | None:
    """A HYGOV record as hydro unit and turbine damping (pu of power per pu of speed at full gate)."""
    if record is None:
        return None
    droop, temporary, reset, filter_s, servo, _velocity, gate_max, gate_min, water, gain, damping, flow = (
        record.parameters
    )
    return HydroUnit(droop, temporary, reset, filter_s, servo, gate_max, gate_min, water, gain, flow), damping


def _steam_governor(record: DyrRecord, machine_to_system: float) -> Parameters:
    names = ("T1", "T2", "T3", "T4", "T5", "T6", "K1", "K2", "K3", "PMAX", "PMIN")
    governor = dict(zip(names, record.parameters, strict=True))
    return governor | {"K1": governor["K1"] * machine_to_system}  # ANDES does not rebase K1


_MACHINES: dict[str, Callable[[tuple[float, ...]], Parameters]] = {"GENROU": _round_rotor, "GENSAL": _salient_pole}
_EXCITERS: dict[str, tuple[str, Callable[[tuple[float, ...]], Parameters]]] = {
    "SEXS": ("SEXS", _simplified_exciter),
    "SCRX": ("SEXS", _simplified_exciter),
    "IEEET2": ("IEEET1", _ieee_type_1),
}
