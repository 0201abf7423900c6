"""Times within a step over which a signal goes straight: crossings of levels, and when a timer runs out.

A timer that may run for s seconds acts at s if the signal stays beyond, so that a stay of exactly s is survived.
Whether it stays at the end of a step is not known before the next; a timer that runs out there acts at the start of
that one.
"""

from __future__ import annotations

import math

from loads.protection.layout import ABOVE, AT_LEAST, AT_MOST, BELOW
from loads.segments import inlined

TIE_S = 1e-9
"""Times closer than this are one, so that rounding does not decide."""


@inlined
def is_in_row(comparison: float, level: float, x: float) -> bool:
    """Whether a value lies in a row's region; NaN lies in none."""
    if comparison == BELOW:
        return x < level
    if comparison == AT_MOST:
        return x <= level
    if comparison == ABOVE:
        return x > level
    return comparison == AT_LEAST and x >= level


@inlined
def is_low(comparison: float) -> bool:
    """Whether a row's region lies below its level."""
    return comparison in (BELOW, AT_MOST)


@inlined
def crossing(t0: float, x0: float, t1: float, x1: float, level: float) -> float:
    """When a signal from x0 at t0 to x1 at t1 is at a level between them; t1 if an end is not known (NaN)."""
    if x0 == x1:
        return t0
    share = (level - x0) / (x1 - x0)
    if math.isnan(share):
        return t1
    return t0 + min(max(share, 0.0), 1.0) * (t1 - t0)


@inlined
def runs_out(since: float, seconds: float, t0: float, until: float) -> float:
    """When a timer that runs from `since` to `until` has run for `seconds`, t0 or later; infinite if it has not."""
    at = max(since + seconds, t0)
    return at if at < until - TIE_S else math.inf


@inlined
def row_timer(
    comparison: float,
    level: float,
    seconds: float,
    since: float,
    counted: float,
    accumulates: bool,
    touches_band: bool,
    t0: float,
    x0: float,
    t1: float,
    x1: float,
) -> tuple[float, float, float]:
    """Carry a row's timer over a step.

    Parameters
    ----------
    comparison, level, seconds
        The row.
    since, counted
        Since when it runs (NaN: it does not), and what it counted before.
    accumulates
        Whether it keeps its count outside its region.
    touches_band
        Whether the signal is in no row of the same side at some time of the step.
    t0, x0, t1, x1
        The step: times and the signal at them.

    Returns
    -------
    since, counted
        After the step.
    out_s
        When it runs out; infinite: not within the step.
    """
    runs = not math.isnan(since)
    goes_on = is_in_row(comparison, level, x1)
    if not runs:
        # the band, if touched, was touched before the region was entered, or the region was not entered at all
        counted = 0.0 if touches_band else counted
        if not goes_on:
            return math.nan, counted, math.inf
        since = crossing(t0, x0, t1, x1, level)
    until = t1 if goes_on else crossing(t0, x0, t1, x1, level)
    out_s = runs_out(since, seconds - counted, t0, until)
    if goes_on:
        return since, counted, out_s
    return math.nan, counted + until - since if accumulates else 0.0, out_s  # the next step resets it in the band


@inlined
def time_in_band(low: float, high: float, t0: float, x0: float, t1: float, x1: float) -> tuple[float, float]:
    """From when until when a signal is within [low, high] during a step; (inf, -inf) if it is not at any time."""
    if math.isnan(x0) or math.isnan(x1) or t0 == t1:
        return (t1, t1) if low <= x1 <= high else (math.inf, -math.inf)
    if max(x0, x1) < low or min(x0, x1) > high:
        return math.inf, -math.inf
    start, end = t0, t1
    if not low <= x0 <= high:
        start = crossing(t0, x0, t1, x1, low if x0 < low else high)
    if not low <= x1 <= high:
        end = crossing(t0, x0, t1, x1, low if x1 < low else high)
    return start, end


@inlined
def held(since: float, v_start: float, v_end: float, f_start: float, f_end: float) -> tuple[float, float]:
    """Since when and until when both signals are in their bands, from the time of each there; NaN: never."""
    start, end = max(v_start, f_start), min(v_end, f_end)
    if start > end:
        return math.nan, -math.inf
    return (start if math.isnan(since) else since), end
