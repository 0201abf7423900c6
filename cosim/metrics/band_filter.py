"""Band-pass filters for power, frequency and voltage, and what a report prints of them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Array = NDArray[np.float64]

ZERO_PHASE_ORDER = 4
SETTLED_PERIODS = 3.0
"""A zero-phase filter's record is continued at both ends by this many periods of the lowest frequency."""


def band_pass(values: Array, rate_hz: float, low_hz: float, high_hz: float) -> Array:
    """Filter to a band without delay: a Butterworth filter run forwards and backwards.

    The mean and the straight line through the record's ends are taken out first and the record is continued by odd
    reflection, so that a constant or a steady ramp gives nothing. With `high_hz` at or above the Nyquist frequency the
    filter is a high-pass.

    Parameters
    ----------
    values
        [time] or [time, element], any unit; no NaN.
    rate_hz
        Samples per second.
    low_hz, high_hz
        Edges of the band (-6 dB, as the filter acts twice), Hz.

    Returns
    -------
    Array
        Same shape and unit.

    Raises
    ------
    ValueError
        If the band is empty, or lies above the Nyquist frequency.
    """
    nyquist_hz = rate_hz / 2
    if not 0 < low_hz < min(high_hz, nyquist_hz):
        raise ValueError(f"expected 0 < low < high and low below {nyquist_hz:g} Hz, got {low_hz:g} to {high_hz:g} Hz")
    count = values.shape[0]
    if count < 2:
        return np.zeros_like(values)
    line = np.linspace(0.0, 1.0, count).reshape((-1,) + (1,) * (values.ndim - 1))
    moving = values - values[:1] - line * (values[-1:] - values[:1])
    sections = _butterworth(rate_hz, low_hz, high_hz if high_hz < nyquist_hz else None)
    padding = min(count - 1, int(np.ceil(SETTLED_PERIODS * rate_hz / low_hz)))
    return signal.sosfiltfilt(sections, moving, axis=0, padtype="odd", padlen=padding)


@lru_cache(maxsize=256)
def _butterworth(rate_hz: float, low_hz: float, high_hz: float | None) -> Array:
    """Second-order sections of a band-pass, or of a high-pass where there is no upper edge; not to be changed."""
    edges, kind = (low_hz, "highpass") if high_hz is None else ((low_hz, high_hz), "bandpass")
    return signal.butter(ZERO_PHASE_ORDER, edges, kind, fs=rate_hz, output="sos")


def first_order(values: Array, interval_s: float, low_hz: float, high_hz: float) -> Array:
    """Filter interval means by a first-order high-pass at `low_hz` and a first-order low-pass at `high_hz`.

    Causal, and at rest at the first value before the record starts. The output is exact for an input that holds
    through each interval, at the end of each. With `high_hz` at or above the Nyquist frequency there is no low-pass,
    and the output is the value at the start of each interval, after its jump: a step passes whole. A sinusoid that
    became a staircase then passes with about ``pi * low_hz * interval_s`` too much (0.3 % at 0.1 Hz and 100 samples/s).

    Parameters
    ----------
    values
        Means [interval].
    interval_s
        Length of an interval.
    low_hz, high_hz
        Corner frequencies (-3 dB), different from each other.

    Returns
    -------
    Array
        [interval], the unit of `values`.
    """
    moving = values - values[:1]
    if high_hz >= 0.5 / interval_s:
        kept = np.exp(-2 * np.pi * low_hz * interval_s)
        return moving - signal.lfilter([0.0, 1 - kept], [1, -kept], moving)
    # s h / ((s + l)(s + h)) = h / (h - l) [h / (s + h) - l / (s + l)]: two lags, each exact for held values.
    fast, slow = (_lag(moving, interval_s, corner_hz) for corner_hz in (high_hz, low_hz))
    return high_hz / (high_hz - low_hz) * (fast - slow)


def _lag(values: Array, interval_s: float, corner_hz: float) -> Array:
    """First-order low-pass of values that hold through each interval, at the end of each."""
    kept = np.exp(-2 * np.pi * corner_hz * interval_s)
    return signal.lfilter([1 - kept], [1, -kept], values)


def describe_first_order(low_hz: float, high_hz: float, interval_s: float) -> str:
    """Say in a sentence what :func:`first_order` does, for the appendix of a report."""
    rate_hz = 1 / interval_s
    high = f"low-pass at {high_hz:g} Hz" if high_hz < rate_hz / 2 else "no low-pass (at or above the Nyquist frequency)"
    return (
        f"causal, first-order Butterworth high-pass at {low_hz:g} Hz, {high}, exact for a power that holds "
        f"through each interval, at {rate_hz:g} samples/s, at rest at the first value"
    )


def describe_band_pass(low_hz: float, high_hz: float) -> str:
    """Say in a sentence what :func:`band_pass` does, for the appendix of a report."""
    return (
        f"zero phase, Butterworth of order {ZERO_PHASE_ORDER} from {low_hz:g} to {high_hz:g} Hz, forwards and backwards"
    )
