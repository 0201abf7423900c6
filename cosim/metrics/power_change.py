"""How much a demand changes within a window: differences, excursions, and swings after a filter.

Each measure is a series [interval]: at every interval, the change over the window that ends there. The largest value is
the metric, and the stretches above a limit are its violations.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from cosim.metrics.band_filter import first_order
from cosim.metrics.demand import Demand
from cosim.metrics.parameters import Band, numbers

Array = NDArray[np.float64]

SIGNED = {
    "max_up_mw_per_s": (1.0, 1.0),
    "max_down_mw_per_s": (1.0, -1.0),
    "max_up_mw_per_min": (60.0, 1.0),
    "max_down_mw_per_min": (60.0, -1.0),
}
"""Metric -> window in s, and the sign of the changes that count; both have MW per window as their unit."""
SHAPES = {
    "windows": "<seconds>s",
    "mw_per_min": "<seconds>s",
    "excursion_mw": "<seconds>s",
    "filtered_mw": "<low>-<high>Hz,<seconds>s",
}
"""Groups of measures by the shape of their parameter."""


class Measure(NamedTuple):
    """The change over a window: series [interval], -inf before the first full window, and the window's length in s."""

    series: Array
    window_s: float

    @property
    def largest(self) -> tuple[float, int]:
        """The largest value, at least 0, and the interval in which it was reached."""
        at = int(self.series.argmax())
        return max(float(self.series[at]), 0.0), at


class Violation(NamedTuple):
    """A stretch of time over a limit, and the worst value in it, in the limit's unit."""

    start_s: float
    duration_s: float
    worst: float


def measure(demand: Demand, leaf: str) -> Measure | str:
    """Return the series of a measure, or why there is none.

    Parameters
    ----------
    demand
        Of a site, or of all.
    leaf
        ``max_up_mw_per_s``, ``windows.10s``, ``max_mw_per_min``, ``mw_per_min.600s``, ``excursion_mw.15s`` or
        ``filtered_mw.0.1-55Hz,5s``, each in the unit of its name.

    Raises
    ------
    ValueError
        If the leaf names no measure.
    """
    window_s, sign, group, band = _read(leaf)
    why = unusable(demand, window_s)
    if why:
        return why
    if band is not None and band.low_hz >= demand.rate_hz / 2:
        return f"{demand.rate_hz:g} samples/s do not show {band.low_hz:g} Hz"
    if group in ("excursion_mw", "filtered_mw"):
        power_mw = demand.power_mw if band is None else first_order(demand.power_mw, demand.interval_s, *band)
        return Measure(_peak_to_peak(power_mw, max(lags_of(window_s, demand.interval_s)) + 1), window_s)
    series = np.full(demand.power_mw.size, -np.inf)
    for lag in lags_of(window_s, demand.interval_s):
        change = demand.power_mw[lag:] - demand.power_mw[: demand.power_mw.size - lag]
        change = np.abs(change) if sign == 0 else sign * change
        np.maximum(series[lag:], change, out=series[lag:])
    return Measure(series * 60.0 / window_s if group == "mw_per_min" else series, window_s)


def violations(demand: Demand, leaf: str, limit: float) -> list[Violation]:
    """Stretches of time during which a measure is above a limit; empty where it cannot be had.

    Stretches less than a window apart are one: their windows overlap, so they see the same swing, and noise that
    brushes the limit does not turn it into hundreds.

    Parameters
    ----------
    demand, leaf
        See :func:`measure`.
    limit
        In the unit of the measure.

    Returns
    -------
    list of Violation
        Resolved to the demand's interval.
    """
    found = measure(demand, leaf)
    if isinstance(found, str):
        return []
    edges = np.flatnonzero(np.diff(found.series > limit, prepend=False, append=False))
    if edges.size == 0:
        return []
    first, stop = edges[::2], edges[1::2]
    apart = (first[1:] - stop[:-1]) * demand.interval_s >= found.window_s
    first, stop = first[np.insert(apart, 0, True)], stop[np.append(apart, True)]
    bounds = np.column_stack([first, stop]).ravel()
    peaks = np.maximum.reduceat(np.append(found.series, -np.inf), bounds)[::2]
    starts, lengths = first * demand.interval_s, (stop - first) * demand.interval_s
    rows = zip(starts.tolist(), lengths.tolist(), peaks.tolist(), strict=True)
    return [Violation(*row) for row in rows]


def is_measure(leaf: str) -> bool:
    """Whether a leaf names a measure."""
    if leaf in SIGNED or leaf == "max_mw_per_min":
        return True
    group, _, parameter = leaf.partition(".")
    return group in SHAPES and numbers(SHAPES[group], parameter) is not None


def unusable(demand: Demand, window_s: float) -> str | None:
    """Say why a window cannot be measured, if so."""
    if window_s < demand.interval_s * (1 - 1e-6):
        return f"the window of {window_s:g} s is shorter than the interval of {demand.interval_s:g} s"
    if not np.isfinite(demand.power_mw).all():
        return "the demand is not finite throughout"
    if demand.power_mw.size <= min(lags_of(window_s, demand.interval_s)):
        return f"the demand's record is not longer than the window of {window_s:g} s"
    return None


def _read(leaf: str) -> tuple[float, float, str, Band | None]:
    """Window, sign (0: both), group and band of a leaf."""
    if leaf in SIGNED:
        return *SIGNED[leaf], leaf, None
    if leaf == "max_mw_per_min":
        return 60.0, 0.0, leaf, None
    group, _, parameter = leaf.partition(".")
    values = numbers(SHAPES[group], parameter) if group in SHAPES else None
    if values is None:
        raise ValueError(f"{leaf!r} is no measure of a change of power")
    return values[-1], 0.0, group, Band(*values[:2]) if group == "filtered_mw" else None


def _peak_to_peak(power_mw: Array, size: int) -> Array:
    """Largest less smallest of each `size` successive intervals, at the last of them; -inf before the first."""
    size = min(size, power_mw.size)
    ends_here = (size - 1) // 2
    high = maximum_filter1d(power_mw, size, origin=ends_here)
    low = minimum_filter1d(power_mw, size, origin=ends_here)
    out = high - low
    out[: size - 1] = -np.inf
    return out


def lags_of(window_s: float, interval_s: float) -> set[int]:
    """How many intervals apart two moments a window apart can lie: one number, or two neighbouring ones."""
    ratio = window_s / interval_s
    return {math.floor(ratio + 1e-6), math.ceil(ratio - 1e-6)}
