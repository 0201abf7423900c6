"""Means over windows of a signal that is linear between samples at uneven times."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def block_means(time_s: Array, value: Array, window_s: float) -> Array:
    """Means over successive windows from the record's start; a rest shorter than a window is left out.

    Parameters
    ----------
    time_s, value
        [time]; the signal is linear between the samples.
    window_s
        Length of a window.

    Returns
    -------
    Array
        [window].
    """
    count = int((time_s[-1] - time_s[0]) / window_s * (1 + 1e-9)) if time_s.size > 1 else 0
    edges = time_s[0] + window_s * np.arange(count + 1)
    return np.diff(_integral_at(time_s, value, edges)) / window_s


def sliding_means(time_s: Array, value: Array, window_s: float) -> tuple[Array, Array]:
    """Means over every window that ends at a sample.

    Returns
    -------
    end_s, mean
        [window]; empty for a record shorter than the window.
    """
    ends = time_s[time_s - time_s[0] >= window_s * (1 - 1e-9)] if time_s.size else time_s
    upto, since = _integral_at(time_s, value, ends), _integral_at(time_s, value, ends - window_s)
    return ends, (upto - since) / window_s


NO_EXTREMES: Array = np.empty((0, 2))


class RapidChange(NamedTuple):
    """Largest changes of a voltage and their times; NaN for a record that is too short."""

    max_pu: float
    max_time_s: float
    steady_pu: float
    steady_time_s: float


def rapid_change(time_s: Array, voltage_pu: Array, extremes: Array = NO_EXTREMES, window_s: float = 1.0) -> RapidChange:
    """Largest rapid voltage change: against the mean of the window before, and between windows before and after.

    The first is max |V(t) - mean over [t - w, t]|, the second max |mean over [t, t + w] - mean over [t - w, t]|, both
    over the samples t (IEC 61000-4-30 takes a voltage as steady by its mean over 1 s).

    Parameters
    ----------
    time_s, voltage_pu
        [time]; the voltage is linear between the samples. Values that are not finite are left out with their windows.
    extremes
        [extreme, 2], voltage and time of values that may lie between the samples: the first change sees them too.
    window_s
        w.
    """
    found = RapidChange(*_rapid_change(time_s, voltage_pu, window_s))
    if np.isnan(found.max_pu):
        return found
    low, high = np.nanmin(voltage_pu), np.nanmax(voltage_pu)
    for extreme_pu, at_s in extremes.tolist():
        if low <= extreme_pu <= high or not time_s[0] + window_s * (1 - 1e-9) <= at_s <= time_s[-1]:
            continue
        upto = _integral_at(time_s, voltage_pu, np.array([at_s - window_s, at_s]))
        change = abs(extreme_pu - float(upto[1] - upto[0]) / window_s)
        if change > found.max_pu:
            found = found._replace(max_pu=change, max_time_s=at_s)
    return found


def _integral_at(time_s: Array, value: Array, at_s: Array) -> Array:
    """Integral from the first sample to each time."""
    if not at_s.size:
        return np.empty(0)
    whole = np.concatenate([[0.0], np.cumsum(np.diff(time_s) * (value[1:] + value[:-1]) / 2)])
    k = np.clip(np.searchsorted(time_s, at_s, side="right") - 1, 0, time_s.size - 1)
    into = at_s - time_s[k]
    return whole[k] + into * (value[k] + np.interp(at_s, time_s, value)) / 2


@numba.njit(cache=True)
def _rapid_change(time_s: Array, value: Array, window_s: float) -> tuple[float, float, float, float]:
    count = time_s.size
    whole = np.zeros(count)
    gaps = np.zeros(count)  # steps so far with an end that is not finite
    for k in range(1, count):
        both = value[k] + value[k - 1]
        whole[k], gaps[k] = whole[k - 1], gaps[k - 1]
        if np.isfinite(both):
            whole[k] += (time_s[k] - time_s[k - 1]) * both / 2
        else:
            gaps[k] += 1
    largest, largest_s, steady, steady_s = np.nan, np.nan, np.nan, np.nan
    slack = 1e-9 * window_s
    i, j = 0, 0  # samples at or before the window's start and the next one's end
    for k in range(count):
        start, end = time_s[k] - window_s, time_s[k] + window_s
        if start < time_s[0] - slack:
            continue
        while i + 1 < count and time_s[i + 1] <= start:
            i += 1
        while j + 1 < count and time_s[j + 1] <= end:
            j += 1
        if gaps[k] > gaps[i] or not np.isfinite(value[k]):
            continue
        before = (whole[k] - _upto(time_s, value, whole, i, start)) / window_s
        change = abs(value[k] - before)
        if np.isnan(largest) or change > largest:
            largest, largest_s = change, time_s[k]
        last = j if time_s[j] >= end - slack else min(j + 1, count - 1)
        if end <= time_s[count - 1] + slack and gaps[last] == gaps[k]:
            after = (_upto(time_s, value, whole, j, end) - whole[k]) / window_s
            change = abs(after - before)
            if np.isnan(steady) or change > steady:
                steady, steady_s = change, time_s[k]
    return largest, largest_s, steady, steady_s


@numba.njit(cache=True)
def _upto(time_s: Array, value: Array, whole: Array, k: int, at_s: float) -> float:
    """Integral up to a time just after sample k."""
    if k + 1 >= time_s.size or at_s <= time_s[k] or not np.isfinite(value[k] + value[k + 1]):
        return whole[k]
    into = at_s - time_s[k]
    slope = (value[k + 1] - value[k]) / (time_s[k + 1] - time_s[k])
    return whole[k] + into * (value[k] + 0.5 * slope * into)
