"""Power from energy counters, which wrap around and start again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from loads.errors import LoadDataError
from loads.readers.readings import Channel, Floats
from loads.trace import TraceWarning

COUNTER_RANGES_J = (65_532.610987, 262_143.328850)
"""Where RAPL counters wrap: 2^32 - 1 steps of 2^-16 J or 2^-14 J, in the digits of Linux's ``max_energy_range_uj``."""

HIGHEST_WRAP = 5.0
"""A wrap is believed if its power is at most this many times the 95th percentile of the power without a wrap."""


def power_from_energy(
    counters_j: Mapping[str, Floats], time_s: Floats, lines: NDArray[np.int64], path: str
) -> tuple[tuple[Channel, ...], tuple[TraceWarning, ...]]:
    """Return the mean power between readings of each counter, at the time midway.

    Parameters
    ----------
    counters_j
        Readings [J] by channel name, each of shape (n,).
    time_s, lines
        Shape (n,). The line of a power is that of the later reading.

    Returns
    -------
    tuple
        Channels of n - 1 samples, and warnings: `counter_wrapped` where a counter fell and one of
        `COUNTER_RANGES_J` explains it, `counter_restarted` where none does (the power there is NaN).

    Raises
    ------
    LoadDataError
        With fewer than 2 rows.
    """
    if time_s.size < 2:
        raise LoadDataError("energy counters give power from 2 rows on, got 1", path=path)
    step_s = np.diff(time_s)
    step_s[step_s <= 0] = np.nan
    middle_s = (time_s[1:] + time_s[:-1]) / 2
    wrapped, restarted = 0, 0
    channels = []
    for name, counter in counters_j.items():
        # Loggers write 0 for a counter that could not be read; a counter that just passes 0 loses one sample.
        risen = np.diff(np.where(counter == 0, np.nan, counter))
        fell = risen < 0
        power = np.where(fell, np.nan, risen / step_s)
        if fell.any():
            unwrapped = _unwrapped(risen, counter, step_s, power)
            power = np.where(fell, unwrapped, power)
            believed = int((fell & np.isfinite(unwrapped)).sum())
            wrapped += believed
            restarted += int(fell.sum()) - believed
        channels.append(Channel(name, middle_s, power, lines[1:]))
    warnings = []
    if wrapped:
        warnings.append(TraceWarning("counter_wrapped", wrapped, f"{wrapped} wrap-arounds of an energy counter undone"))
    if restarted:
        warnings.append(
            TraceWarning("counter_restarted", restarted, f"an energy counter fell {restarted} times: no power there")
        )
    return tuple(channels), tuple(warnings)


def _unwrapped(risen: Floats, counter: Floats, step_s: Floats, power: Floats) -> Floats:
    """Return the power if the counter wrapped at the lowest range that holds its readings; NaN where not believable."""
    ranges = [limit for limit in COUNTER_RANGES_J if limit >= np.nanmax(counter)]
    if not ranges or not np.isfinite(power).any():
        return np.full(risen.shape, np.nan)
    candidate = (risen + ranges[0]) / step_s
    return np.where(candidate <= HIGHEST_WRAP * np.nanpercentile(power, 95), candidate, np.nan)
