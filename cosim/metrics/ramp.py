"""Ramps of a site's demand, at the native rate of its trace."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosim.metrics import parameters
from cosim.metrics.section import NOTHING_WANTED, Section, Wanted
from cosim.result import Result

Array = NDArray[np.float64]
WINDOWS_S = {"1s": 1.0, "10s": 10.0, "60s": 60.0}
PARAMETERS = {
    "windows": "<seconds>s",
    "excursion_mw": "<seconds>s",
    "mw_per_min": "<seconds>s",
    "filtered_mw": "<low>-<high>Hz,<seconds>s",
    "band_mw": "<low>-<high>Hz",
    "band_rms_mw": "<low>-<high>Hz",
    "band_energy_percent": "<low>-<high>Hz",
}
"""Groups whose last part is a parameter, and its shape."""
SECOND_KEYS = ("max_up_mw_per_s", "max_up_time_s", "max_down_mw_per_s", "max_down_time_s")
# Metrics whose limit has violations: the window, and the changes that count. Each one's number is the
# change over its window in MW, whatever its unit: MW per 1 s, MW, MW per 60 s.
LIMITED: dict[str, tuple[float, str]] = {
    "max_up_mw_per_s": (1.0, "up"),
    "max_down_mw_per_s": (1.0, "down"),
    "max_mw_per_min": (60.0, "both"),
} | {f"windows.{name}": (window_s, "both") for name, window_s in WINDOWS_S.items()}
# Metric -> the one that says when it was reached (the end of its window).
TIME_OF = {
    "max_up_mw_per_s": "max_up_time_s",
    "max_down_mw_per_s": "max_down_time_s",
    "max_mw_per_min": "window_times_s.60s",
} | {f"windows.{name}": f"window_times_s.{name}" for name in WINDOWS_S}


class Demand(NamedTuple):
    """Demand as interval means [interval] in MW; it holds its value through each interval."""

    power_mw: Array
    interval_s: float


class Violation(NamedTuple):
    """A stretch of time over a ramp limit, and the largest change over the window in it, as a magnitude."""

    start_s: float
    duration_s: float
    worst_mw: float


def template() -> dict[str, Any]:
    """Every key of one site's ramps, with nothing assessed."""
    return {
        **dict.fromkeys(SECOND_KEYS),
        "windows": dict.fromkeys(WINDOWS_S),
        "window_times_s": dict.fromkeys(WINDOWS_S),
        "max_mw_per_min": None,
        "max_up_mw_per_min": None,
        "max_down_mw_per_min": None,
        "mw_per_min": {"600s": None},
        "excursion_mw": {"5s": None, "15s": None},
        "excursion_times_s": {"5s": None, "15s": None},
        "filtered_mw": {"0.1-55Hz,5s": None},
        "band_mw": dict.fromkeys(("0.1-0.8Hz", "0.8-2Hz", "2-5Hz", "5-55Hz")),
        "band_rms_mw": dict.fromkeys(("0.1-0.8Hz", "0.8-2Hz", "2-5Hz", "5-55Hz")),
        "band_energy_percent": {"0.1-20Hz": None},
        "dominant_hz": None,
    }


def takes(path: str) -> bool:
    """Whether a path under one site's ramps is a metric with a parameter."""
    return parameters.takes(PARAMETERS, path)


def assess(result: Result, wanted: Wanted = NOTHING_WANTED) -> Section:  # noqa: ARG001
    """Assess the ramp section of a run's metrics; violations are added when criteria are judged."""
    known = demands(result)
    values: dict[str, Any] = {"sites": {}, "total": template(), "violations": []}
    reasons: dict[str, str] = {}
    for name in (*result.sites, "total"):
        path = "ramp.total" if name == "total" else f"ramp.sites.{name}"
        if name in known:
            ramps, why = site_ramps(known[name])
            reasons |= {f"{path}.{key}": reason for key, reason in why.items()}
        else:
            ramps = template()
            reasons[path] = "demand at the trace's rate was not stored" + " for every site" * (name == "total")
        if name == "total":
            values["total"] = ramps
        else:
            values["sites"][name] = ramps
    return Section(values, reasons)


def demands(result: Result) -> dict[str, Demand]:
    """Each site's demand, and their sum as ``total`` when every site has one."""
    known = {}
    for name in result.sites:
        if result.has_demand(name):
            series = result.demand(name)
            known[name] = Demand(series.to_numpy(), series.attrs["interval_s"])
    if known and len(known) == len(result.sites):
        known["total"] = total(known)
    return known


def total(known: Mapping[str, Demand]) -> Demand:
    """Sum of sites' demands at the finest of their intervals, each held through its own intervals.

    The sum ends with the shortest record. Where intervals are not multiples of the finest, a fine
    interval takes the value at its middle.
    """
    finest_s = min(demand.interval_s for demand in known.values())
    duration_s = min(demand.power_mw.size * demand.interval_s for demand in known.values())
    middle_s = (np.arange(math.floor(duration_s / finest_s + 1e-6)) + 0.5) * finest_s
    power_mw = np.zeros(middle_s.size)
    for demand in known.values():
        power_mw += demand.power_mw[(middle_s / demand.interval_s).astype(int)]
    return Demand(power_mw, finest_s)


def site_ramps(demand: Demand) -> tuple[dict[str, Any], dict[str, str]]:
    """Ramps of one demand, and reasons for those that are None.

    ``max_up`` and ``max_down`` are the fastest rise and fall over 1 s, both as magnitudes: 0 where the
    demand never rises, or never falls. ``windows`` are the largest ``|P(t) - P(t - w)|`` in MW.
    """
    values = template()
    reasons: dict[str, str] = {}
    for name, window_s in WINDOWS_S.items():
        why = _cannot(demand, window_s)
        if why:
            reasons |= {f"{key}.{name}": why for key in ("windows", "window_times_s")}
            if name == "1s":
                reasons |= dict.fromkeys(SECOND_KEYS, why)
            if name == "60s":
                reasons["max_mw_per_min"] = why
            continue
        rise, rise_s = _largest(demand, window_s, 1.0)
        fall, fall_s = _largest(demand, window_s, -1.0)
        largest = (rise, rise_s) if rise >= fall else (fall, fall_s)
        values["windows"][name], values["window_times_s"][name] = largest
        if name == "1s":
            values |= {"max_up_mw_per_s": rise / window_s, "max_up_time_s": rise_s}
            values |= {"max_down_mw_per_s": fall / window_s, "max_down_time_s": fall_s}
        if name == "60s":
            values["max_mw_per_min"] = values["windows"][name]
    return values, reasons


def violations(demand: Demand, window_s: float, limit_mw: float, direction: str = "both") -> list[Violation]:
    """Stretches of time during which the change over a window is beyond a limit.

    Stretches less than a window apart are one: their windows overlap, so they see the same swing, and noise that
    brushes the limit does not turn it into hundreds.

    Parameters
    ----------
    window_s, limit_mw
        The change ``P(t) - P(t - w)`` may be at most this.
    direction
        ``up``, ``down`` or ``both``: which changes count.

    Returns
    -------
    list of Violation
        Resolved to the demand's interval. Empty when the record is shorter than the window.
    """
    if _cannot(demand, window_s):
        return []
    worst = np.full(demand.power_mw.size, -np.inf)
    for lag in _lags(window_s, demand.interval_s):
        change = demand.power_mw[lag:] - demand.power_mw[:-lag]
        change = {"up": change, "down": -change, "both": np.abs(change)}[direction]
        np.maximum(worst[lag:], change, out=worst[lag:])
    edges = np.flatnonzero(np.diff(worst > limit_mw, prepend=False, append=False))
    if edges.size == 0:
        return []
    first, stop = edges[::2], edges[1::2]
    apart = (first[1:] - stop[:-1]) * demand.interval_s >= window_s
    first, stop = first[np.insert(apart, 0, True)], stop[np.append(apart, True)]
    bounds = np.column_stack([first, stop]).ravel()
    peaks = np.maximum.reduceat(np.append(worst, -np.inf), bounds)[::2]
    starts, lengths = first * demand.interval_s, (stop - first) * demand.interval_s
    rows = zip(starts.tolist(), lengths.tolist(), peaks.tolist(), strict=True)
    return [Violation(*row) for row in rows]


def _largest(demand: Demand, window_s: float, sign: float) -> tuple[float, float | None]:
    """Largest rise (sign 1) or fall (sign -1) over a window in MW, and when it was reached."""
    best, when = 0.0, None
    for lag in _lags(window_s, demand.interval_s):
        change = sign * (demand.power_mw[lag:] - demand.power_mw[:-lag])
        top = int(change.argmax()) if change.size else 0
        if change.size and change[top] > best:
            best, when = float(change[top]), (top + lag) * demand.interval_s
    return best, when


def _lags(window_s: float, interval_s: float) -> set[int]:
    """How many intervals apart two moments a window apart can lie: one number, or two neighbouring ones."""
    ratio = window_s / interval_s
    return {math.floor(ratio + 1e-6), math.ceil(ratio - 1e-6)}


def _cannot(demand: Demand, window_s: float) -> str | None:
    if window_s < demand.interval_s * (1 - 1e-6):
        return f"the window of {window_s:g} s is shorter than the interval of {demand.interval_s:g} s"
    if not np.isfinite(demand.power_mw).all():
        return "the demand is not finite throughout"
    if demand.power_mw.size <= min(_lags(window_s, demand.interval_s)):
        return f"the demand's record is not longer than the window of {window_s:g} s"
    return None
