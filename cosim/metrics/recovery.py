"""Voltage recovery after a fault."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RETURNS = {"to_80_percent_s": 0.8, "to_90_percent_s": 0.9}
DIPS = {"then_below_70_percent_s": 0.7, "then_below_80_percent_s": 0.8}
RECOVERED = 0.8
"""Share of the voltage before the fault with which a bus has recovered; later dips count from there on."""


class Recovery(NamedTuple):
    """Longest time in s, the column of its bus, and whether any bus is below the level at the end of the record."""

    time_s: float
    bus: int
    is_open: bool


def time_to_return(time_s: Array, share: Array, level: float, cleared_s: float) -> Recovery:
    """Longest time from the clearing of a fault until the voltage is back at a level.

    Parameters
    ----------
    time_s
        [time], none before the clearing.
    share
        [time, bus], voltage over the voltage before the fault, linear between samples.
    level
        Share that must be reached.
    cleared_s
        When the fault was cleared. A voltage that is back at the first sample took until that sample.
    """
    back = share >= level
    returns: NDArray[np.bool_] = np.any(back, axis=0)
    first = np.where(returns, back.argmax(axis=0), time_s.size - 1)
    times_s = np.empty(share.shape[1])
    for bus, k in enumerate(first.tolist()):
        before, after = share[max(k - 1, 0), bus], share[k, bus]
        part = 1.0 if k == 0 or not returns[bus] or after == before else (level - before) / (after - before)
        times_s[bus] = time_s[max(k - 1, 0)] + part * (time_s[k] - time_s[max(k - 1, 0)]) - cleared_s
    worst = int(times_s.argmax())
    return Recovery(float(times_s[worst]), worst, not bool(returns.all()))


def longest_dip(time_s: Array, share: Array, level: float) -> Recovery:
    """Longest unbroken time below a level, once the voltage has recovered to 80 % of that before the fault.

    Parameters
    ----------
    time_s, share
        As for :func:`time_to_return`.
    level
        Share of the voltage before the fault.
    """
    longest_s, worst, is_open = 0.0, 0, False
    for bus in np.flatnonzero((share < level).any(axis=0)).tolist():
        recovered = share[:, bus] >= RECOVERED
        if not recovered.any():
            continue
        low = (share[:, bus] < level) & (np.arange(time_s.size) > recovered.argmax())
        edges = np.flatnonzero(np.diff(low, prepend=False, append=False))
        for first, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            start_s = _crossing(time_s, share[:, bus], level, first)
            goes_on = stop == time_s.size
            is_open |= goes_on
            end_s = time_s[-1] if goes_on else _crossing(time_s, share[:, bus], level, stop)
            if end_s - start_s > longest_s:
                longest_s, worst = float(end_s - start_s), bus
    return Recovery(longest_s, worst, is_open)


def _crossing(time_s: Array, value: Array, level: float, k: int) -> float:
    """When the value crosses a level between sample k and the one before."""
    step = value[k] - value[k - 1]
    return float(time_s[k - 1] + (level - value[k - 1]) / step * (time_s[k] - time_s[k - 1]))
