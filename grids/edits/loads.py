"""Base loads: scaled with generation that follows, or taken off for a site in their place."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from grids.edits.dispatch import Generation, follow_load
from grids.errors import GridError
from grids.grid import Grid


def scale_loads(
    grid: Grid,
    factor: float,
    buses: Sequence[int | str] | None = None,
    generation: Generation = "proportional",
) -> None:
    """Multiply active and reactive power of base loads; generation follows.

    Parameters
    ----------
    grid : Grid
        Changed in place.
    factor : float
        At least 0.
    buses : sequence of idx, optional
        All buses by default.
    generation : {"proportional", "headroom", "slack"}
        Who supplies the change (see `follow_load`).

    Raises
    ------
    GridError
        If a bus does not exist or has no load, or a generator would leave its limits.
    """
    chosen = None
    if buses is not None:
        found = [grid.find_bus(bus) for bus in buses]
        chosen = {str(bus.idx) for bus in found}
        with_load = {str(bus) for bus, status in zip(grid.system.PQ.bus.v, grid.system.PQ.u.v, strict=True) if status}
        for bus in found:
            if str(bus.idx) not in with_load:
                raise GridError(f"bus {bus.idx} has no base load in service")
    pq = grid.system.PQ
    places = [k for k in range(pq.n) if pq.u.v[k] and (chosen is None or str(pq.bus.v[k]) in chosen)]
    before_mw = sum(pq.p0.v[k] for k in places) * grid.base_mva
    follow_load(grid, (factor - 1) * before_mw, generation)
    for k in places:
        pq.p0.v[k] *= factor
        pq.q0.v[k] *= factor
    where = "all base loads" if chosen is None else f"base load at bus {', '.join(sorted(chosen))}"
    by = "the slack generator" if generation == "slack" else f"the generators ({generation})"
    grid.notes.append(
        f"edit: {where} times {factor:g} ({before_mw:.6g} to {factor * before_mw:.6g} MW), followed by {by}"
    )
    _count_loads(grid)


def replace_load(grid: Grid, bus: int | str, power_mw: float, reactive_mvar: float) -> None:
    """Take power off the base loads of a bus, each in proportion to its size.

    Raises
    ------
    GridError
        If the bus has less load than that.
    """
    pq = grid.system.PQ
    places = [k for k in range(pq.n) if str(pq.bus.v[k]) == str(bus) and pq.u.v[k]]
    total_mw = sum(pq.p0.v[k] for k in places) * grid.base_mva
    if power_mw <= 0:
        return
    if power_mw > total_mw:
        raise GridError(
            f"bus {bus} has {total_mw:.6g} MW of base load, {power_mw:.6g} MW cannot be replaced",
            "use mode: add, or a smaller rating",
        )
    for k in places:
        share = pq.p0.v[k] * grid.base_mva / total_mw
        pq.p0.v[k] -= share * power_mw / grid.base_mva
        pq.q0.v[k] -= share * reactive_mvar / grid.base_mva
    _count_loads(grid)


def _count_loads(grid: Grid) -> None:
    """Bring what the grid knows of its buses up to date."""
    pq = grid.system.PQ
    load_mw: defaultdict[str, float] = defaultdict(float)
    for k in range(pq.n):
        load_mw[str(pq.bus.v[k])] += float(pq.p0.v[k]) * float(pq.u.v[k]) * grid.base_mva
    grid.buses = [replace(bus, load_mw=load_mw[str(bus.idx)]) for bus in grid.buses]
