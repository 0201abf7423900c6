"""Lines put out of and into service before the run."""

from dataclasses import replace

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from grids.errors import GridError
from grids.grid import Grid, Line

_SHOWN = 6


def take_line_out(grid: Grid, line: Line) -> None:
    """Open a line at both ends.

    Raises
    ------
    GridError
        If it is open already, or a part of the grid would lose its connection to the rest.
    """
    if not line.in_service:
        raise GridError(f"line {line.idx} is out of service already")
    island = _islands_without(grid, line)
    ends = [island[str(end)] for end in (line.from_bus, line.to_bus)]
    if ends[0] != ends[1]:
        sides = [{bus for bus, number in island.items() if number == end} for end in ends]
        side = min(sides, key=len)
        fed = sorted(str(machine.idx) for machine in grid.machines if str(machine.bus) in side)
        names = [str(bus.idx) for bus in grid.buses if str(bus.idx) in side]
        shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        lost = f"with machine {', '.join(fed[:_SHOWN])}, but no slack generator" if fed else "without a machine"
        raise GridError(
            f"line {line.idx} is the only connection of bus {shown}: without it there is an island {lost}",
            "take out another line",
        )
    _set(grid, line, in_service=False)


def put_line_in(grid: Grid, line: Line) -> None:
    """Close a line at both ends; `GridError` if it is closed already."""
    if line.in_service:
        raise GridError(f"line {line.idx} is in service already")
    _set(grid, line, in_service=True)


def _islands_without(grid: Grid, line: Line) -> dict[str, int]:
    """Number of the island of each bus, with one line open."""
    position = {str(bus.idx): k for k, bus in enumerate(grid.buses)}
    closed = [li for li in grid.lines if li.in_service and li.idx != line.idx]
    rows = [position[str(li.from_bus)] for li in closed]
    cols = [position[str(li.to_bus)] for li in closed]
    graph = coo_matrix((np.ones(len(closed)), (rows, cols)), shape=(len(position), len(position)))
    _, numbers = connected_components(graph, directed=False)
    return {bus: int(numbers[k]) for bus, k in position.items()}


def _set(grid: Grid, line: Line, *, in_service: bool) -> None:
    model = grid.system.Line
    model.u.v[model.idx.v.index(line.idx)] = int(in_service)
    grid.lines = [replace(li, in_service=in_service) if li.idx == line.idx else li for li in grid.lines]
    state = "in" if in_service else "out of"
    grid.notes.append(f"edit: line {line.idx} (bus {line.from_bus} to {line.to_bus}) {state} service")
