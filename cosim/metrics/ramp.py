"""Ramps, excursions and fluctuation of a site's demand, at the native rate of its trace."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.metrics import parameters
from cosim.metrics.demand import Demand, demands, total
from cosim.metrics.parameters import Band, numbers
from cosim.metrics.power_band import Swing, band_energy_percent, band_swing, dominant_frequency, unseen
from cosim.metrics.power_band import unusable as band_unusable
from cosim.metrics.power_change import Violation, is_measure, measure, violations
from cosim.metrics.section import NOTHING_WANTED, Place, Section, Wanted, leaves
from cosim.result import Result

__all__ = [
    "PARAMETERS",
    "WINDOWS_S",
    "Demand",
    "Violation",
    "assess",
    "demands",
    "is_measure",
    "site_ramps",
    "takes",
    "template",
    "total",
    "violations",
]

Array = NDArray[np.float64]
WINDOWS_S = {"1s": 1.0, "10s": 10.0, "60s": 60.0, "300s": 300.0, "600s": 600.0}
EXCURSIONS = ("5s", "15s")
BANDS = ("0.1-0.8Hz", "0.8-2Hz", "2-5Hz", "5-55Hz")
RATES = {
    "max_up_mw_per_s": "max_up_time_s",
    "max_down_mw_per_s": "max_down_time_s",
    "max_mw_per_min": None,
    "max_up_mw_per_min": None,
    "max_down_mw_per_min": None,
}
"""Fastest changes, and the key that has the time of each, if one has."""
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
TIMES_OF = {"windows": "window_times_s", "excursion_mw": "excursion_times_s"}
SENSOR_WINDOWS = 2.0
"""A sensor that averages over a time hides part of what happens within this many of those times."""


def template() -> dict[str, Any]:
    """Every key of one site's ramps, with nothing assessed."""
    return {
        **dict.fromkeys(("max_up_mw_per_s", "max_up_time_s", "max_down_mw_per_s", "max_down_time_s")),
        "windows": dict.fromkeys(WINDOWS_S),
        "window_times_s": dict.fromkeys(WINDOWS_S),
        **dict.fromkeys(("max_mw_per_min", "max_up_mw_per_min", "max_down_mw_per_min")),
        "mw_per_min": {"600s": None},
        "excursion_mw": dict.fromkeys(EXCURSIONS),
        "excursion_times_s": dict.fromkeys(EXCURSIONS),
        "filtered_mw": {"0.1-55Hz,5s": None},
        "band_mw": dict.fromkeys(BANDS),
        "band_rms_mw": dict.fromkeys(BANDS),
        "band_energy_percent": {"0.1-20Hz": None},
        "dominant_hz": None,
    }


def takes(path: str) -> bool:
    """Whether a path under one site's ramps is a metric with a parameter."""
    return parameters.takes(PARAMETERS, path)


def assess(result: Result, wanted: Wanted = NOTHING_WANTED, *, only_wanted: bool = False) -> Section:
    """Assess the ramp section of a run's metrics; violations are added when criteria are judged.

    With ``only_wanted`` what no criterion asks for is left out.
    """
    known = demands(result)
    section = Section({"sites": {}, "total": template(), "violations": []})
    for name in (*result.sites, "total"):
        path = "ramp.total" if name == "total" else f"ramp.sites.{name}"
        if name in known:
            ramps = site_ramps(
                known[name],
                tuple(wanted.parameters(path)),
                sensor_window_s=_sensor_window(result, name),
                only_wanted=only_wanted,
            )
            section.reasons.update({f"{path}.{key}": why for key, why in ramps.reasons.items()})
            section.lower_bounds.update({f"{path}.{key}": why for key, why in ramps.lower_bounds.items()})
            section.places.update({f"{path}.{key}": Place(name, place.time_s) for key, place in ramps.places.items()})
            values = ramps.values
        else:
            values = template()
            section.reasons[path] = "demand at the trace's rate was not stored" + " for every site" * (name == "total")
        if name == "total":
            section.values["total"] = values
        else:
            section.values["sites"][name] = values
    return section


def site_ramps(
    demand: Demand, wanted: tuple[str, ...] = (), *, sensor_window_s: float = 0.0, only_wanted: bool = False
) -> Section:
    """Ramps of one demand; keys of the section's tables are without the site's path.

    ``max_up`` and ``max_down`` are the fastest rise and fall over a window, both as magnitudes: 0 where the
    demand never rises, or never falls. ``windows`` are the largest ``|P(t) - P(t - w)|`` in MW.

    Parameters
    ----------
    demand
        Of a site, or of all.
    wanted
        Further metrics with a parameter, such as ``excursion_mw.6s``.
    sensor_window_s
        Time over which the trace's sensor averaged; 0 for none.
    only_wanted
        Whether to leave out all that is not in ``wanted``.
    """
    section = Section(template())
    swing = lru_cache(lambda band: band_swing(demand, band))  # several measures are of one band
    usual = [] if only_wanted else [leaf for leaf, _ in leaves(section.values)]
    for leaf in dict.fromkeys((*usual, *wanted)):
        group, _, parameter = leaf.partition(".")
        if is_measure(leaf):
            _add_change(section, demand, leaf, sensor_window_s)
        elif parameter and takes(leaf):
            _add_band(section, demand, leaf, sensor_window_s, swing)
        elif group == "dominant_hz":
            section.values[group] = dominant_frequency(demand) if np.isfinite(demand.power_mw).all() else None
            if section.values[group] is None:
                section.reasons[group] = "the demand is steady, or not finite throughout"
    return section


def _add_change(section: Section, demand: Demand, leaf: str, sensor_window_s: float) -> None:
    group, _, parameter = leaf.partition(".")
    time_group = TIMES_OF.get(group)
    found = measure(demand, leaf)
    if isinstance(found, str):
        largest, time_s = None, None
        section.reasons[leaf] = found
        if time_group:
            section.reasons[f"{time_group}.{parameter}"] = found
        if RATES.get(leaf):
            section.reasons[str(RATES[leaf])] = found
    else:
        largest, at = found.largest
        time_s = at * demand.interval_s if largest > 0 else None
        section.places[leaf] = Place(None, time_s)
        if sensor_window_s and found.window_s < SENSOR_WINDOWS * sensor_window_s:
            section.lower_bounds[leaf] = _averages(sensor_window_s)
        if group == "filtered_mw":
            band = Band(*(numbers(PARAMETERS[group], parameter) or ())[:2])
            _note_unseen(section, demand, leaf, band, sensor_window_s)
    if parameter:
        section.values[group][parameter] = largest
        if time_group:
            section.values[time_group][parameter] = time_s
    else:
        section.values[leaf] = largest
        if RATES.get(leaf):
            section.values[str(RATES[leaf])] = time_s


def _add_band(
    section: Section, demand: Demand, leaf: str, sensor_window_s: float, swing: Callable[[Band], Swing]
) -> None:
    group, _, parameter = leaf.partition(".")
    band = Band(*(numbers(PARAMETERS[group], parameter) or ()))
    why = band_unusable(demand, band)
    value: float | None = None
    if why is None and group == "band_energy_percent":
        value = band_energy_percent(demand, band)
        why = "the demand is steady" if value is None else None
    elif why is None:
        found = swing(band)
        value = found.peak_to_peak_mw if group == "band_mw" else found.rms_mw
        if group == "band_mw":
            section.places[leaf] = Place(None, found.time_s)
    section.values[group][parameter] = value
    if why is not None:
        section.reasons[leaf] = why
    else:
        _note_unseen(section, demand, leaf, band, sensor_window_s)


def _note_unseen(section: Section, demand: Demand, leaf: str, band: Band, sensor_window_s: float) -> None:
    hidden = unseen(demand, band)
    # A mean over T weakens f by sin(pi f T) / (pi f T): by a third where f T is a half.
    if sensor_window_s and SENSOR_WINDOWS * sensor_window_s * band.high_hz > 1:
        hidden = _averages(sensor_window_s)
    if hidden:
        section.lower_bounds[leaf] = hidden


def _averages(sensor_window_s: float) -> str:
    return f"the recording's sensor averages over {sensor_window_s:g} s"


def _sensor_window(result: Result, name: str) -> float:
    sites = result.sites if name == "total" else [name]
    return max((float(result.site_attributes(site).get("sensor_window_s", 0.0)) for site in sites), default=0.0)
