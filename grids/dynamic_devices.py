"""Adding machines and their controls to a network that has only power-flow generators."""

from dataclasses import dataclass
from typing import Any

Parameters = dict[str, float]


@dataclass(frozen=True)
class StaticGenerator:
    """A generator of the power flow that is in service; ``number`` counts the units of its bus from 1."""

    idx: int | str
    bus: int | str
    number: int
    rating_mva: float
    p_mw: float
    q_mvar: float
    p_max_mw: float
    q_max_mvar: float
    q_min_mvar: float
    base_kv: float
    alone: bool

    @property
    def label(self) -> str:
        """Name that tells units of one bus apart: the bus, and the unit's number where there are several."""
        return f"{self.bus}" if self.alone else f"{self.bus}_{self.number}"


def static_generators(system: Any) -> list[StaticGenerator]:
    """Generators in service of an ANDES system, in the order of the case; powers as scheduled, not as solved."""
    base = float(system.config.mva)
    rows = [(model, i) for model in (system.PV, system.Slack) for i in range(model.n) if model.u.v[i]]
    buses = [model.bus.v[i] for model, i in rows]
    seen: dict[Any, int] = {}
    out = []
    for model, i in rows:
        bus = model.bus.v[i]
        seen[bus] = seen.get(bus, 0) + 1
        number = int(model.subidx.v[i]) if model.subidx.v[i] is not None else seen[bus]
        out.append(
            StaticGenerator(
                idx=model.idx.v[i],
                bus=bus,
                number=number,
                rating_mva=float(model.Sn.v[i]),
                p_mw=float(model.p0.v[i]) * base,
                q_mvar=float(model.q0.v[i]) * base,
                p_max_mw=float(model.pmax.v[i]) * base,
                q_max_mvar=float(model.qmax.v[i]) * base,
                q_min_mvar=float(model.qmin.v[i]) * base,
                base_kv=float(system.Bus.Vn.v[system.Bus.idx2uid(bus)]),
                alone=buses.count(bus) == 1,
            )
        )
    return out


def add_machine(system: Any, generator: StaticGenerator, rating_mva: float, parameters: Parameters) -> str:
    """Add a GENROU in place of a generator of the power flow.

    Parameters
    ----------
    system : andes.System
        Not yet set up.
    generator : StaticGenerator
        What it replaces.
    rating_mva : float
        Base of ``parameters``.
    parameters : dict
        Names of ANDES, but inertia as ``H`` in s. ``xq2`` is set to ``xd2``: GENROU knows no subtransient saliency.

    Returns
    -------
    str
        The machine's idx.
    """
    given = dict(parameters)
    inertia_s = given.pop("H")
    idx = f"GENROU_{generator.label}"
    connection = {"idx": idx, "name": idx, "bus": generator.bus, "gen": generator.idx}
    system.add(
        "GENROU",
        connection
        | {"Sn": rating_mva, "Vn": generator.base_kv, "fn": system.config.freq, "M": 2 * inertia_s}
        | given
        | {"xq2": given["xd2"]},
    )
    return idx


def add_control(system: Any, model: str, machine: str, parameters: dict[str, Any]) -> str:
    """Add an exciter or governor to a machine; return its idx."""
    idx = f"{model}_{machine.removeprefix('GENROU_')}"
    system.add(model, {"idx": idx, "name": idx, "syn": machine} | parameters)
    return idx


def add_stabiliser(system: Any, exciter: str, machine: str, parameters: Parameters) -> str:
    """Add an IEEEST stabiliser to an exciter; return its idx."""
    idx = f"IEEEST_{machine.removeprefix('GENROU_')}"
    system.add("IEEEST", {"idx": idx, "name": idx, "avr": exciter} | parameters)
    return idx
