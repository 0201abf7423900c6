"""Power of generators before the run: who supplies a change of demand, within their limits."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from grids.edits.selection import select_machines
from grids.errors import GridError
from grids.grid import Grid

Generation = Literal["proportional", "headroom", "slack"]
"""Who supplies a change of demand: generators in proportion to their power, to their room, or the slack alone."""

_NO_LIMIT_PU = 90.0
"""A generator limit above this (system base) is a placeholder, such as 9,999 MW, and says nothing of the machine."""


def headroom_mw(grid: Grid) -> dict[str, float]:
    """MW that each generator can still add: to its limit, or its machines' rating where that is a placeholder.

    Only generators with a synchronous machine count: an inverter-based plant gives what sun or wind allow.
    """
    return {name: max(0.0, high - now) for name, (now, _, high) in _ranges_mw(grid).items()}


def redispatch(grid: Grid, added_mw: float, machines: Sequence[int | str] | None = None) -> dict[str, float]:
    """Share added demand over generators in proportion to their headroom.

    The slack generator takes what is left, losses included, whatever its set point says.

    Parameters
    ----------
    grid : Grid
        Changed in place.
    added_mw : float
        Demand to share, at least 0.
    machines : sequence of idx, optional
        Machines (or power-flow generators) that take part; all by default.

    Returns
    -------
    dict
        Added MW for each generator that takes part.

    Raises
    ------
    GridError
        If the headroom does not suffice, or a machine does not exist.
    """
    chosen = None if machines is None else {str(m.generator) for m in select_machines(grid, machines)}
    headroom = {g: mw for g, mw in headroom_mw(grid).items() if chosen is None or g in chosen}
    total = sum(headroom.values())
    if added_mw > total:
        raise GridError(
            f"the generators that share {added_mw:.6g} MW have {total:.6g} MW of headroom",
            "use redispatch mode slack, other machines, or a smaller site",
        )
    shares = {g: added_mw * mw / total for g, mw in headroom.items()} if total > 0 else {}
    _add_mw(grid, shares)
    return shares


def follow_load(grid: Grid, change_mw: float, generation: Generation) -> None:
    """Let generators follow a change of the base load, of either sign.

    Parameters
    ----------
    grid : Grid
        Changed in place.
    change_mw : float
        Demand that is added.
    generation : {"proportional", "headroom", "slack"}
        Who supplies it. With ``headroom``, less demand is taken off in proportion to the room down to the lower limit.

    Raises
    ------
    GridError
        If a generator would leave its limits.
    """
    if generation == "slack" or change_mw == 0:
        return
    ranges = _ranges_mw(grid)
    if generation == "proportional":
        weight = {name: max(0.0, now) for name, (now, _, _) in ranges.items()}
    elif change_mw > 0:
        weight = {name: max(0.0, high - now) for name, (now, _, high) in ranges.items()}
    else:
        weight = {name: max(0.0, now - low) for name, (now, low, _) in ranges.items()}
    total = sum(weight.values())
    if total <= 0 or (generation == "headroom" and abs(change_mw) > total):
        raise GridError(
            f"{change_mw:+.6g} MW of load cannot be followed: the generators have {total:.6g} MW of room",
            "use a factor nearer to 1, or generation: slack",
        )
    shares = {name: change_mw * w / total for name, w in weight.items()}
    for name, share in shares.items():
        now, low, high = ranges[name]
        if share > 0 and now + share > max(high, now) + 1e-6:
            raise GridError(
                f"generator {name} would give {now + share:.6g} MW, its limit is {high:.6g} MW",
                "use generation: headroom or slack, or a smaller factor",
            )
        if share < 0 and now + share < min(low, now) - 1e-6:
            raise GridError(
                f"generator {name} would give {now + share:.6g} MW, its lower limit is {low:.6g} MW",
                "use generation: headroom or slack, or a larger factor",
            )
    _add_mw(grid, shares)


def _ranges_mw(grid: Grid) -> dict[str, tuple[float, float, float]]:
    """Present power and limits of each generator in service that has a synchronous machine."""
    rating_mva: defaultdict[str, float] = defaultdict(float)
    for machine in grid.machines:
        rating_mva[str(machine.generator)] += machine.rating_mva
    base = grid.base_mva
    out = {}
    for model in (grid.system.PV, grid.system.Slack):
        for k in range(model.n):
            name = str(model.idx.v[k])
            if name not in rating_mva or not model.u.v[k]:
                continue
            low, high = float(model.pmin.v[k]), float(model.pmax.v[k])
            high_mw = rating_mva[name] if high > _NO_LIMIT_PU else high * base
            low_mw = 0.0 if low < -_NO_LIMIT_PU else low * base
            out[name] = (float(model.p0.v[k]) * base, low_mw, high_mw)
    return out


def _add_mw(grid: Grid, shares_mw: dict[str, float]) -> None:
    """Add to the set points; the slack's is only a first guess of the power flow, and where the next edit starts."""
    for model in (grid.system.PV, grid.system.Slack):
        for k in range(model.n):
            model.p0.v[k] += shares_mw.get(str(model.idx.v[k]), 0.0) / grid.base_mva
