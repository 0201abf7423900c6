"""Means of the frequency of the centre of inertia: settling, 10-s means, time outside bands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.metrics import parameters
from cosim.metrics.section import Place, Section
from cosim.metrics.time_average import block_means, sliding_means

Array = NDArray[np.float64]
COI = "centre of inertia"
SETTLING_SHARE = 0.1
SETTLING_MIN_S = 1.0
MEAN_S = 10.0
OUTSIDE_MHZ = (36.0, 50.0, 100.0, 200.0, 500.0)
ROUNDING_MHZ = 1e-6
"""A mean that is no further beyond a band is on it: sums of many samples round."""
PARAMETERS = {"outside_s": "<deviation>mHz"}
"""Groups whose last part is a parameter, and its shape."""


def add_means(section: Section, time_s: Array, coi_hz: Array, nominal_hz: float) -> None:
    """Add the settling frequency, the extremes of 10-s means, and the seconds outside each band by 1-s means.

    The 1-s means are those of successive seconds from the record's start; a rest shorter than a second does not count.

    Parameters
    ----------
    section
        The frequency section; ``outside_s`` names the bands.
    time_s, coi_hz
        [time], s and Hz.
    nominal_hz
        Centre of the bands.
    """
    values = section.values
    values["settling_hz"] = settled_hz = settling(time_s, coi_hz)
    if settled_hz is None:
        for key in ("settling_hz", "settling_deviation_mhz"):
            section.reasons[f"frequency.{key}"] = f"the record is shorter than {SETTLING_MIN_S:g} s"
    else:
        values["settling_deviation_mhz"] = 1e3 * abs(settled_hz - nominal_hz)
    for key in ("settling_hz", "settling_deviation_mhz"):
        section.places[f"frequency.{key}"] = Place(COI)

    end_s, mean_hz = sliding_means(time_s, coi_hz, MEAN_S)
    if not end_s.size or np.isnan(mean_hz).all():
        section.reasons["frequency.mean_10s"] = f"the record is shorter than {MEAN_S:g} s, or not finite"
    else:
        for side, at in (("min", int(np.nanargmin(mean_hz))), ("max", int(np.nanargmax(mean_hz)))):
            values["mean_10s"][f"{side}_hz"] = mean_hz[at]
            section.places[f"frequency.mean_10s.{side}_hz"] = Place(COI, float(end_s[at]))

    second_hz = block_means(time_s, coi_hz, 1.0)
    if not second_hz.size:
        section.reasons["frequency.outside_s"] = "the record is shorter than 1 s"
        return
    away_mhz = 1e3 * np.abs(second_hz - nominal_hz)
    for parameter in values["outside_s"]:
        (band_mhz,) = parameters.numbers(PARAMETERS["outside_s"], parameter) or (np.nan,)
        outside = away_mhz > band_mhz + ROUNDING_MHZ
        values["outside_s"][parameter] = float(outside.sum())
        first_s = float(time_s[0] + outside.argmax()) if outside.any() else None
        section.places[f"frequency.outside_s.{parameter}"] = Place(COI, first_s)


def settling(time_s: Array, f_hz: Array) -> float | None:
    """Mean over the last tenth of the record, or its last second when that is longer.

    The mean is over time (trapezoid), so uneven steps do not bias it. None for a record under 1 s.

    Parameters
    ----------
    time_s, f_hz
        [time], s and Hz.
    """
    duration_s = time_s[-1] - time_s[0]
    window_s = max(SETTLING_SHARE * duration_s, SETTLING_MIN_S)
    if duration_s < window_s * (1 - 1e-9):
        return None
    start_s = max(time_s[-1] - window_s, time_s[0])
    inside = time_s > start_s
    time = np.concatenate([[start_s], time_s[inside]])
    value = np.concatenate([[np.interp(start_s, time_s, f_hz)], f_hz[inside]])
    return float(np.trapezoid(value, time) / (time[-1] - time[0]))
