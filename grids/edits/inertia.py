"""Inertia of machines, scaled."""

from collections.abc import Sequence
from dataclasses import replace

from grids.edits.selection import device, written
from grids.errors import GridError
from grids.grid import Grid, Machine


def scale_inertia(grid: Grid, factor: float, machines: Sequence[Machine] | None = None) -> None:
    """Multiply H of machines by a factor.

    Parameters
    ----------
    grid : Grid
        Changed in place.
    factor : float
        Greater than 0.
    machines : sequence of Machine, optional
        All that are no infinite bus by default.

    Raises
    ------
    GridError
        If a machine that was asked for is an infinite bus, or there are none but infinite buses.
    """
    chosen = [m for m in grid.machines if not m.infinite] if machines is None else list(machines)
    for machine in chosen:
        if machine.infinite:
            raise GridError(f"machine {machine.idx} is an infinite bus: its inertia cannot be scaled")
    if not chosen:
        raise GridError(f"all machines of grid '{grid.name}' are infinite buses: there is no inertia to scale")
    for machine in chosen:
        model, k = device(grid.system, machine)
        model.M.v[k] *= factor
    grid.notes.append(f"edit: inertia of {written(grid, chosen)} times {factor:g}")
    names = {m.idx for m in chosen}
    grid.machines = [replace(m, inertia_s=m.inertia_s * factor) if m.idx in names else m for m in grid.machines]
