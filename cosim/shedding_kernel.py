"""Timers of under-frequency load shedding over one step, compiled: a row of `TIMER` values each."""

import math

from loads.segments import Floats, inlined, kernel

SAME_TIME_S = 1e-6
"""A timer that runs out within a microsecond has run out."""

(
    RELAY,  # whose frequency counts
    THRESHOLD_HZ,
    DELAY_S,
    BELOW_SINCE_S,  # NaN: not below
    ACTED_S,  # NaN: it has not acted
) = range(5)
TIMER = 5


@inlined
def _runs(timer: Floats, t0: float, hz0: float, t1: float, hz1: float) -> tuple[float, float]:
    """Since when a timer runs (NaN: it does not), and until when within the step."""
    share = 0.0 if hz0 == hz1 else (timer[THRESHOLD_HZ] - hz0) / (hz1 - hz0)
    crossing = math.nan if math.isnan(share) else t0 + (t1 - t0) * min(max(share, 0.0), 1.0)
    is_low = hz1 < timer[THRESHOLD_HZ]
    since = timer[BELOW_SINCE_S]
    if math.isnan(since) and is_low:
        since = crossing
    if is_low:
        return since, t1
    return since, -math.inf if math.isnan(crossing) else crossing


@kernel
def due(timers: Floats, t0: float, hz0: Floats, t1: float, hz1: Floats) -> float:
    """When within a step the first timer runs out; infinite if none does.

    Parameters
    ----------
    timers
        Shape (timers, TIMER); not changed.
    t0, t1
        Start and end of the step.
    hz0, hz1
        Frequency of each relay there; NaN: not known.
    """
    earliest = math.inf
    for k in range(timers.shape[0]):
        timer = timers[k]
        relay = int(timer[RELAY])
        since, until = _runs(timer, t0, hz0[relay], t1, hz1[relay])
        out_s = since + timer[DELAY_S]
        if math.isnan(timer[ACTED_S]) and out_s <= until + SAME_TIME_S:  # false for NaN
            earliest = min(earliest, out_s)
    return earliest


@kernel
def observe(timers: Floats, t0: float, hz0: Floats, t1: float, hz1: Floats) -> None:
    """Start and stop the timers; the arguments are those of `due`, and `timers` is changed."""
    for k in range(timers.shape[0]):
        timer = timers[k]
        relay = int(timer[RELAY])
        since, until = _runs(timer, t0, hz0[relay], t1, hz1[relay])
        goes_on = hz1[relay] < timer[THRESHOLD_HZ] or until >= t1
        timer[BELOW_SINCE_S] = since if goes_on else math.nan
