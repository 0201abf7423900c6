"""An idle stretch before and after the load."""

from __future__ import annotations

import numpy as np

from loads.cleaning.findings import Finding
from loads.cleaning.order import runs
from loads.readers.readings import Floats

_LEAST_PEAK_TO_IDLE = 1.5
_LEAST_S = 5.0
_LEAST_SAMPLES = 5
_TIMES_LONGEST_DIP = 3.0


def busy_part(time_s: Floats, power_w: Floats) -> tuple[int, int]:
    """Return the first and last sample of the load between an idle head and an idle tail.

    Idle is below the middle between the minimum and the 95th percentile, if these are apart by half. A head or tail
    is idle if it stays there for at least 5 s and 5 samples, and three times longer than any dip in between.

    Parameters
    ----------
    time_s, power_w
        Shape (n,), n >= 2.
    """
    last = time_s.size - 1
    low_w, high_w = float(power_w.min()), float(np.percentile(power_w, 95))
    if high_w < _LEAST_PEAK_TO_IDLE * low_w:
        return 0, last
    is_low = power_w < 0.5 * (low_w + high_w)
    starts, ends = runs(is_low)
    if not starts.size or (starts[0] == 0 and ends[0] == time_s.size):
        return 0, last
    inner = (starts > 0) & (ends <= last)
    dips_s = time_s[ends[inner]] - time_s[starts[inner] - 1]
    least_s = max(_LEAST_S, _TIMES_LONGEST_DIP * float(dips_s.max(initial=0.0)))
    first_busy, last_busy = 0, last
    if starts[0] == 0 and ends[0] >= _LEAST_SAMPLES and time_s[ends[0]] - time_s[0] >= least_s:
        first_busy = int(ends[0])
    if ends[-1] > last and last + 1 - starts[-1] >= _LEAST_SAMPLES and time_s[last] - time_s[starts[-1] - 1] >= least_s:
        last_busy = int(starts[-1] - 1)
    return first_busy, last_busy


def find_idle(
    time_s: Floats, power_w: Floats, channels: tuple[str, ...], trim: bool
) -> tuple[Floats, Floats, list[Finding]]:
    """Report an idle head and tail, and cut them off if asked to."""
    first, last = busy_part(time_s, power_w)
    action = "cut off" if trim else "kept; trim_idle cuts it off"
    findings = []
    stretches = (
        ("idle_head", "before", slice(0, first + 1), first),
        ("idle_tail", "after", slice(last, time_s.size), time_s.size - 1 - last),
    )
    for code, side, part, count in stretches:
        if count:
            seconds = time_s[part][-1] - time_s[part][0]
            mean_w = power_w[:first].mean() if side == "before" else power_w[last + 1 :].mean()
            detail = f"{seconds:.6g} s at a mean of {mean_w:.6g} W lie {side} the load"
            findings.append(Finding(code, channels, count, detail, action))
    if trim and last > first:
        return time_s[first : last + 1], power_w[first : last + 1], findings
    return time_s, power_w, findings
