"""Which machines an edit concerns, and how their names are written in a note."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from grids.errors import GridError
from grids.grid import Grid, Machine, nearest, synchronous_models

_SHOWN = 6


def select_machines(grid: Grid, names: Sequence[int | str] | None = None) -> list[Machine]:
    """Machines by their names, or the names of their generators; all by default.

    Raises
    ------
    GridError
        If there is no such machine, or it is named twice.
    """
    if names is None:
        return list(grid.machines)
    chosen: list[Machine] = []
    for name in names:
        machine = grid.find_machine(name)
        if machine in chosen:
            raise GridError(f"machine {machine.idx} is named twice")
        chosen.append(machine)
    return chosen


def machines_at(grid: Grid, kind: Literal["area", "zone"], wanted: int | str) -> list[Machine]:
    """Machines at the buses of an area or zone; `GridError` if it has none."""
    bus = grid.system.Bus
    region = {str(b): str(r) for b, r in zip(bus.idx.v, getattr(bus, kind).v, strict=True)}
    found = [m for m in grid.machines if region[str(m.bus)] == str(wanted)]
    if not found:
        there = sorted({region[str(m.bus)] for m in grid.machines})
        raise GridError(f"grid '{grid.name}' has no machine in {kind} {wanted}", nearest(wanted, there))
    return found


def device(system: Any, machine: Machine) -> tuple[Any, int]:
    """ANDES model of a machine, and the machine's position in it."""
    for model in synchronous_models(system):
        if model.class_name == machine.model and machine.idx in model.idx.v:
            return model, model.idx.v.index(machine.idx)
    raise GridError(f"machine {machine.idx} is not in the case any more")


def written(grid: Grid, machines: Iterable[Machine]) -> str:
    """Machines as a note names them: all, or the first few by name."""
    names = [str(machine.idx) for machine in machines]
    if len(names) == len(grid.machines) > 1:
        return "all machines"
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
