"""Synchronous machines replaced by inverter-based plants (WECC's generic models)."""

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any, Literal

from ruamel.yaml import YAML

from grids.edits.removal import remove_machine
from grids.edits.selection import device, written
from grids.errors import GridError
from grids.grid import Grid, Machine
from grids.short_circuit import short_circuit

WEAK_RATIO = 3.0
"""Short-circuit ratio below which the connection of a plant is weak (NERC, Integrating Inverter-Based Resources into
Low Short Circuit Strength Systems, 2017)."""

Control = Literal["voltage", "reactive_power"]


@cache
def typical_parameters() -> dict[str, dict[str, float]]:
    """Parameters of each ANDES model, with their sources in the file."""
    text = resources.files("grids.edits").joinpath("inverters.yaml").read_text(encoding="utf-8")
    return YAML(typ="safe", pure=True).load(text)


def largest_share(grid: Grid, share: float, order: Literal["largest", "smallest"] = "largest") -> list[Machine]:
    """Machines that come nearest to a share of the grid's MVA, the largest (or smallest) first.

    Raises
    ------
    GridError
        If even the first machine is more than the share by so much that none is nearer.
    """
    machines = sorted(
        (m for m in grid.machines if not m.infinite), key=lambda m: m.rating_mva, reverse=order == "largest"
    )
    total_mva = sum(m.rating_mva for m in machines)
    chosen: list[Machine] = []
    so_far = 0.0
    for machine in machines:
        if abs(so_far + machine.rating_mva - share * total_mva) > abs(so_far - share * total_mva):
            break
        chosen.append(machine)
        so_far += machine.rating_mva
    if not chosen:
        first = machines[0]
        raise GridError(
            f"{share:g} of {total_mva:.6g} MVA is {share * total_mva:.6g} MVA, less than half of machine {first.idx} "
            f"({first.rating_mva:.6g} MVA)",
            "name the machines, or use a larger share or order: smallest",
        )
    return chosen


def replace_by_inverters(
    grid: Grid, machines: Sequence[Machine], control: Control = "voltage", droop_pu: float | None = None
) -> None:
    """Put an inverter-based plant in the place of each machine, with the same power and voltage at t = 0.

    Parameters
    ----------
    grid : Grid
        Changed in place.
    machines : sequence of Machine
        They are removed with all their controls.
    control : {"voltage", "reactive_power"}
        What the plant holds: the voltage at its bus, or its reactive power.
    droop_pu : float, optional
        Frequency droop on the plant's rating, up to that rating; active power is constant by default.

    Raises
    ------
    GridError
        If a machine is an infinite bus, none would be left, or the plant would have no power-flow generator.
    """
    for machine in machines:
        if machine.infinite:
            raise GridError(f"machine {machine.idx} is an infinite bus: an inverter cannot take its place")
    names = {machine.idx for machine in machines}
    if len(names) == len(grid.machines):
        raise GridError(
            f"all {len(names)} machines of grid '{grid.name}' would be replaced: these inverters follow a grid, "
            "they cannot form one",
            "leave at least one machine",
        )
    gone_mva = sum(machine.rating_mva for machine in machines)
    gone_mws = sum(machine.rating_mva * machine.inertia_s for machine in machines)
    note = (
        f"edit: {written(grid, machines)} ({gone_mva:.6g} MVA, {gone_mws:.6g} MW s) replaced by inverter-based plants, "
        f"{control.replace('_', ' ')} control" + (f", droop {droop_pu:g} pu" if droop_pu else "")
    )
    for machine in machines:
        _replace(grid, machine, control, droop_pu)
    grid.machines = [machine for machine in grid.machines if machine.idx not in names]
    grid.notes.append(note)
    _note_weak_connections(grid, names)


def _note_weak_connections(grid: Grid, names: set[int | str]) -> None:
    """Tell of plants that may not run stably where they are; a run that diverges then is no fault of the solver."""
    plants = [plant for plant in grid.inverters if plant.idx in {f"inverter:{name}" for name in names}]
    for plant, strength in zip(plants, short_circuit(grid, [p.bus for p in plants]), strict=True):
        ratio = strength.mva / plant.rating_mva
        if ratio < WEAK_RATIO:
            grid.notes.append(
                f"edit: {plant.idx} at bus {plant.bus} is weakly connected, short-circuit ratio {ratio:.2f} (below "
                f"{WEAK_RATIO:g}): plants that follow the grid may be unstable there"
            )


def _replace(grid: Grid, machine: Machine, control: Control, droop_pu: float | None) -> None:
    system, typical = grid.system, typical_parameters()
    model, k = device(system, machine)
    ratios = {"gammap": model.gammap.v[k], "gammaq": model.gammaq.v[k]}
    static, at = _power_flow_generator(grid, machine)
    power_pu = float(static.p0.v[at]) * ratios["gammap"]
    needed_mva = abs(power_pu) * grid.base_mva
    rating_mva = max(machine.rating_mva, needed_mva)
    if rating_mva > machine.rating_mva:
        grid.notes.append(
            f"edit: the plant in the place of {machine.idx} is rated {rating_mva:.6g} MVA, for it gives as many MW"
        )
    remove_machine(system, model, machine.idx)
    plant, controls = f"inverter:{machine.idx}", f"inverter_control:{machine.idx}"
    system.add(
        "REGCA1",
        {"idx": plant, "name": plant, "bus": machine.bus, "gen": machine.generator, "Sn": rating_mva}
        | typical["REGCA1"]
        | ratios,
    )
    # With VFLAG = 0, ANDES starts in equilibrium only if Vref1 is the voltage that the power flow holds.
    holds_voltage = {"VFLAG": 0, "QFLAG": 1, "Vref1": float(static.v0.v[at])}
    holds_reactive_power = {"VFLAG": 0, "QFLAG": 0}
    system.add(
        "REECA1",
        {"idx": controls, "name": controls, "reg": plant}
        | typical["REECA1"]
        | (holds_voltage if control == "voltage" else holds_reactive_power)
        | {"PMIN": min(typical["REECA1"]["PMIN"], power_pu * grid.base_mva / rating_mva)},
    )
    if droop_pu is not None:
        # Gains and limits of REPCA1 stay on the system's base in ANDES 2.0, whatever the plant's rating.
        own_share = rating_mva / grid.base_mva
        gain = own_share / droop_pu
        frequency = {"Dup": gain, "Ddn": gain, "femax": own_share, "femin": -own_share}
        idx = f"inverter_plant:{machine.idx}"
        system.add("REPCA1", {"idx": idx, "name": idx, "ree": controls} | typical["REPCA1"] | frequency)


def _power_flow_generator(grid: Grid, machine: Machine) -> tuple[Any, int]:
    for model in (grid.system.PV, grid.system.Slack):
        if machine.generator in model.idx.v:
            return model, model.idx.v.index(machine.generator)
    raise GridError(f"machine {machine.idx} has no power-flow generator {machine.generator}")
