"""Sag, swell and interruption events, classified by IEEE Std 1159-2009."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.metrics.section import finite

Array = NDArray[np.float64]
# IEEE Std 1159-2009, table 2: magnitudes in pu and durations.
SAG_PU = 0.9
SWELL_PU = 1.1
INTERRUPTION_PU = 0.1
UNDERVOLTAGE_PU = 0.8
SHORTEST_CYCLES = 0.5
INSTANTANEOUS_CYCLES = 30.0
MOMENTARY_S = 3.0
TEMPORARY_S = 60.0
SWELL_TOP_PU = {"instantaneous": 1.8, "momentary": 1.4, "temporary": 1.2}
OVERVOLTAGE_TOP_PU = 1.2


def events(time_s: Array, voltage_pu: Array, buses: Sequence[str], nominal_hz: float) -> list[dict[str, Any]]:
    """Every excursion of a bus below 0.9 or above 1.1 pu, by start time.

    One event is one unbroken excursion, named by its worst sample: a sag that touches 0.1 pu is an
    interruption, and its duration is the whole time outside the band. Crossings are interpolated
    linearly between samples; at a jump, which has two samples of one time, that is exact. A bus that starts
    outside has an event that starts with the record. A value that is not finite ends an event.

    Parameters
    ----------
    time_s
        [time].
    voltage_pu
        [time, bus].
    nominal_hz
        For limits which the standard states in cycles.

    Returns
    -------
    list of dict
        bus, kind (sag, swell, interruption, undervoltage, overvoltage), residual_pu, duration_s, start_s,
        category, open (still on at the end of the record: its duration is a lower bound).
    """
    found: list[dict[str, Any]] = []
    # A swell is a sag of the negated voltage.
    for sign, threshold in ((1.0, SAG_PU), (-1.0, -SWELL_PU)):
        signed = sign * finite(voltage_pu)
        for bus in np.flatnonzero((signed < threshold).any(axis=0)).tolist():
            starts, durations, worst, still_on = _excursions(time_s, signed[:, bus], threshold)
            rows = zip(starts, durations, sign * worst, still_on, strict=True)
            for start, duration, residual, is_open in rows:
                kind, category = classify(float(residual), float(duration), nominal_hz)
                found.append(
                    {
                        "bus": buses[bus],
                        "kind": kind,
                        "residual_pu": float(residual),
                        "duration_s": float(duration),
                        "start_s": float(start),
                        "category": category,
                        "open": bool(is_open),
                    }
                )
    return sorted(found, key=lambda event: event["start_s"])


def classify(residual_pu: float, duration_s: float, nominal_hz: float) -> tuple[str, str]:
    """Kind and category of an excursion by IEEE Std 1159-2009, table 2.

    A magnitude that the standard's table does not have for that duration is said to be beyond it.
    """
    low_kind = "interruption" if residual_pu < INTERRUPTION_PU else "sag"
    kind = low_kind if residual_pu < 1 else "swell"
    if duration_s > TEMPORARY_S:
        return _long_duration(kind, residual_pu)
    if duration_s * nominal_hz < SHORTEST_CYCLES:
        return kind, "too short to classify"
    if duration_s > MOMENTARY_S:
        length = "temporary"
    elif kind != "interruption" and duration_s * nominal_hz <= INSTANTANEOUS_CYCLES:
        length = "instantaneous"
    else:
        length = "momentary"
    category = f"{length} {kind}"
    if kind == "swell" and residual_pu > SWELL_TOP_PU[length]:
        category += f" (beyond {SWELL_TOP_PU[length]:g} pu)"
    return kind, category


def _long_duration(kind: str, residual_pu: float) -> tuple[str, str]:
    if kind == "interruption":
        return kind, "sustained interruption"
    if kind == "sag":
        beyond = "" if residual_pu >= UNDERVOLTAGE_PU else f" (below {UNDERVOLTAGE_PU:g} pu)"
        return "undervoltage", "undervoltage" + beyond
    beyond = "" if residual_pu <= OVERVOLTAGE_TOP_PU else f" (beyond {OVERVOLTAGE_TOP_PU:g} pu)"
    return "overvoltage", "overvoltage" + beyond


def _excursions(time_s: Array, value: Array, threshold: float) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    """Start, duration, minimum and still-on flag of each stretch of `value` [time] below a threshold."""
    below = value < threshold
    edges = np.flatnonzero(np.diff(below, prepend=False, append=False))
    first, after = edges[::2], edges[1::2]  # samples first ... after - 1 are below
    last_sample = time_s.size - 1
    still_on = after > last_sample
    start_s = _crossing(time_s, value, threshold, first)
    back_s = _crossing(time_s, value, threshold, np.minimum(after, last_sample))
    end_s = np.where(still_on, time_s[-1], back_s)
    # The appended +inf lets the last stretch end with the record; odd entries are gaps between stretches.
    padded = np.append(value, np.inf)
    worst = np.minimum.reduceat(padded, edges)[::2]
    return start_s, end_s - start_s, worst, still_on


def _crossing(time_s: Array, value: Array, threshold: float, sample: NDArray[np.intp]) -> Array:
    """When `value` crosses the threshold between each given sample and the one before it."""
    before = np.maximum(sample - 1, 0)
    step = value[sample] - value[before]
    crosses = np.isfinite(step) & (step != 0)  # neither the record's first sample nor a border to NaN
    share = np.divide(threshold - value[before], step, out=np.ones_like(step), where=crosses)
    return time_s[before] + share * (time_s[sample] - time_s[before])
