"""Records brought to even steps, for filters and spectra."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def even_times(time_s: Array) -> tuple[Array, float]:
    """Times at the record's median interval, from its first to its last, and their rate in Hz.

    Parameters
    ----------
    time_s
        [time], at least two, not decreasing.
    """
    steps = np.diff(time_s)
    interval_s = float(np.median(steps[steps > 0]))
    count = int((time_s[-1] - time_s[0]) / interval_s * (1 + 1e-9)) + 1
    return time_s[0] + interval_s * np.arange(count), 1.0 / interval_s


def resampled(time_s: Array, values: Array, at_s: Array) -> Array:
    """Values [at] or [at, element] of signals that are linear between samples [time] or [time, element]."""
    if values.shape[0] == at_s.size and np.allclose(time_s, at_s, rtol=0, atol=1e-9):
        return values
    if values.ndim == 1:
        return np.interp(at_s, time_s, values)
    return np.column_stack([np.interp(at_s, time_s, column) for column in values.T])
