"""Frequency: extremes, settling, peak to peak, and rate of change at the centre of inertia."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.metrics import parameters
from cosim.metrics.faults import fault_intervals
from cosim.metrics.frequency_means import COI, OUTSIDE_MHZ, PARAMETERS, add_means
from cosim.metrics.ride_through import assess_envelopes
from cosim.metrics.section import NOTHING_WANTED, Place, Section, Wanted, finite, not_recorded
from cosim.result import Result

Array = NDArray[np.float64]
ROCOF_WINDOWS_S = {"100ms": 0.1, "500ms": 0.5, "1s": 1.0}
GENERATOR_KEYS = (
    "nadir_hz",
    "nadir_time_s",
    "nadir_generator",
    "zenith_hz",
    "zenith_time_s",
    "zenith_generator",
    "max_deviation_mhz",
    "peak_to_peak_mhz",
    "peak_to_peak_generator",
)
COI_KEYS = (
    "settling_hz",
    "settling_deviation_mhz",
    "coi",
    "mean_10s",
    "outside_s",
    "max_rocof_hz_per_s",
    "max_rocof_time_s",
)
BUS_KEYS = ("worst_bus", "worst_bus_deviation_mhz", "worst_bus_time_s")


def template() -> dict[str, Any]:
    """Every key of the section, with nothing assessed."""
    return {
        **dict.fromkeys(("nominal_hz", *GENERATOR_KEYS, "settling_hz")),
        "coi": dict.fromkeys(
            ("nadir_hz", "nadir_time_s", "zenith_hz", "zenith_time_s", "max_deviation_mhz", "peak_to_peak_mhz")
        ),
        "settling_deviation_mhz": None,
        "mean_10s": dict.fromkeys(("min_hz", "max_hz")),
        "outside_s": {f"{band:g}mHz": None for band in OUTSIDE_MHZ},
        "envelopes": {},
        "max_rocof_hz_per_s": dict.fromkeys(ROCOF_WINDOWS_S),
        "max_rocof_time_s": dict.fromkeys(ROCOF_WINDOWS_S),
        **dict.fromkeys(BUS_KEYS),
    }


def takes(path: str) -> bool:
    """Whether a path under ``frequency`` is a metric with a parameter."""
    return parameters.takes(PARAMETERS, path)


def assess(result: Result, wanted: Wanted = NOTHING_WANTED) -> Section:
    """Assess the frequency section of a run's metrics."""
    values = template()
    section = Section(values)
    nominal_hz = values["nominal_hz"] = float(result.attributes["nominal_hz"])

    speeds = extremes(result, "speed_pu", nominal_hz)
    if isinstance(speeds, str):
        section.reasons.update({f"frequency.{key}": speeds for key in GENERATOR_KEYS})
    else:
        _add_worst_generators(section, speeds, nominal_hz)

    buses = extremes(result, "frequency_hz", 1.0)
    if isinstance(buses, str):
        section.reasons.update({f"frequency.{key}": buses for key in BUS_KEYS})
    else:
        _add_worst_bus(section, buses, nominal_hz)

    envelopes = assess_envelopes(result, [e for e in wanted.envelopes if e.signal == "frequency"])
    values["envelopes"] = envelopes.values
    section.add(envelopes)

    for parameter in wanted.parameters("frequency.outside_s"):
        values["outside_s"].setdefault(parameter, None)
    coi = coi_series(result, nominal_hz)
    if isinstance(coi, str):
        section.reasons.update({f"frequency.{key}": coi for key in COI_KEYS})
        return section
    time_s, coi_hz = coi
    _add_coi_extremes(section, result, time_s, coi_hz, nominal_hz)
    _add_rocof(section, time_s, coi_hz, fault_intervals(result.events))
    add_means(section, time_s, coi_hz, nominal_hz)
    return section


def _add_rocof(section: Section, time_s: Array, coi_hz: Array, faults: list[tuple[float, float]]) -> None:
    for name, window_s in ROCOF_WINDOWS_S.items():
        path = f"frequency.max_rocof_hz_per_s.{name}"
        worst = max_rocof(time_s, coi_hz, window_s, faults)
        if isinstance(worst, str):
            section.reasons[path] = section.reasons[f"frequency.max_rocof_time_s.{name}"] = worst
        else:
            section.values["max_rocof_hz_per_s"][name], section.values["max_rocof_time_s"][name] = worst
            section.places[path] = Place(COI, worst[1])


def extremes(result: Result, channel: str, scale: float) -> pd.DataFrame | str:
    """Nadir and zenith of each generator or bus over every node, or why there is none.

    Returns
    -------
    DataFrame
        Index: elements; columns min, min_time_s, max, max_time_s, values times `scale` (Hz).
    """
    if not result.has_channel(channel):
        return not_recorded(channel)
    table = result.extrema(channel).dropna()
    if table.empty:
        return f"channel {channel} holds no values"
    table[["min", "max"]] *= scale
    return table


def centre_of_inertia(speed_pu: Array, inertia_mws: Array) -> Array:
    """Speed of the centre of inertia, sum(H S w) / sum(H S) over machines of finite inertia.

    Parameters
    ----------
    speed_pu
        [time, generator].
    inertia_mws
        H times MVA [generator], MW·s; inf marks an infinite bus.

    Returns
    -------
    Array
        [time], pu. Source: Kundur, Power System Stability and Control (1994), the usual definition.
    """
    finite = np.isfinite(inertia_mws)
    return speed_pu[:, finite] @ inertia_mws[finite] / inertia_mws[finite].sum()


def centre_weights(inertia_mws: Array | None, count: int) -> Array:
    """Weights for :func:`centre_of_inertia` [generator]: the inertias, or ones where none is known to be finite."""
    return inertia_mws if inertia_mws is not None and np.isfinite(inertia_mws).any() else np.ones(count)


def coi_series(result: Result, nominal_hz: float) -> tuple[Array, Array] | str:
    """Time [time] in s and centre-of-inertia frequency [time] in Hz, or why there is none."""
    if result.has_channel("coi_hz"):
        frame = result.channel("coi_hz")
        coi_hz = finite(frame.to_numpy()[:, 0])
    elif result.has_channel("speed_pu"):
        frame = result.channel("speed_pu")
        inertia = result.inertia_mws
        if inertia is None or not np.any(np.isfinite(inertia) & (inertia > 0)):
            return "no machine of finite inertia is known, so there is no centre of inertia"
        coi_hz = nominal_hz * centre_of_inertia(finite(frame.to_numpy()), inertia)
    else:
        return not_recorded("speed_pu")
    if not np.any(np.isfinite(coi_hz)):
        return "the centre of inertia was never computed: no time step was stored"
    return frame.index.to_numpy(), coi_hz


def rocof(time_s: Array, f_hz: Array, window_s: float) -> tuple[Array, Array]:
    """Rate of change of frequency over a window, (f(t) - f(t - w)) / w.

    Frequency is linear between samples. The rate is given at every sample and at every sample plus the
    window: between those it is linear too, so its extremes are exact whatever the steps.

    Parameters
    ----------
    time_s, f_hz
        [time], s and Hz; times strictly increasing.
    window_s
        w. The first rate is at ``time_s[0] + w``.

    Returns
    -------
    tuple of Array
        Times [t] in s and rates [t] in Hz/s; empty when the record is shorter than the window.
    """
    at = np.union1d(time_s, time_s + window_s)
    at = at[(at >= time_s[0] + window_s) & (at <= time_s[-1] + 1e-9)]
    return at, (np.interp(at, time_s, f_hz) - np.interp(at - window_s, time_s, f_hz)) / window_s


def max_rocof(
    time_s: Array, f_hz: Array, window_s: float, faults: list[tuple[float, float]]
) -> tuple[float, float] | str:
    """Largest magnitude of :func:`rocof` in Hz/s and its time in s, or why there is none.

    A window that reaches into a fault does not count: not while the fault is on, nor until a window
    after it clears.
    """
    if time_s.size < 2 or time_s[-1] - time_s[0] < window_s * (1 - 1e-9):
        return f"the record is shorter than the window of {window_s:g} s"
    interval_s = float(np.median(np.diff(time_s)))
    if window_s < interval_s * (1 - 1e-6):
        return f"the window of {window_s:g} s is shorter than the recording interval of {interval_s:g} s"
    at, rate = rocof(time_s, f_hz, window_s)
    counts = np.isfinite(rate)
    for start_s, end_s in faults:
        counts &= (at <= start_s + 1e-9) | (at - window_s >= end_s - 1e-9)
    if not counts.any():
        return f"no window of {window_s:g} s lies clear of the faults"
    at, rate = at[counts], np.abs(rate[counts])
    worst = int(np.argmax(rate))
    return float(rate[worst]), float(at[worst])


def _add_worst_generators(section: Section, table: pd.DataFrame, nominal_hz: float) -> None:
    nadir = table.iloc[table["min"].to_numpy().argmin()]
    zenith = table.iloc[table["max"].to_numpy().argmax()]
    swing = (table["max"] - table["min"]).to_numpy()
    swinging = str(table.index[swing.argmax()])
    section.values.update(
        {
            "nadir_hz": nadir["min"],
            "nadir_time_s": nadir["min_time_s"],
            "nadir_generator": nadir.name,
            "zenith_hz": zenith["max"],
            "zenith_time_s": zenith["max_time_s"],
            "zenith_generator": zenith.name,
            "max_deviation_mhz": 1e3 * max(nominal_hz - nadir["min"], zenith["max"] - nominal_hz),
            "peak_to_peak_mhz": 1e3 * swing.max(),
            "peak_to_peak_generator": swinging,
        }
    )
    lowest = Place(str(nadir.name), float(nadir["min_time_s"]))
    highest = Place(str(zenith.name), float(zenith["max_time_s"]))
    is_low = nominal_hz - nadir["min"] >= zenith["max"] - nominal_hz
    section.places.update(
        {
            "frequency.nadir_hz": lowest,
            "frequency.zenith_hz": highest,
            "frequency.max_deviation_mhz": lowest if is_low else highest,
            "frequency.peak_to_peak_mhz": Place(swinging),
        }
    )


def _add_worst_bus(section: Section, table: pd.DataFrame, nominal_hz: float) -> None:
    below = (nominal_hz - table["min"]).to_numpy()
    above = (table["max"] - nominal_hz).to_numpy()
    worst = int(np.maximum(below, above).argmax())
    side = "min" if below[worst] >= above[worst] else "max"
    place = Place(str(table.index[worst]), float(table[f"{side}_time_s"].iloc[worst]))
    section.values.update(
        {
            "worst_bus": place.where,
            "worst_bus_deviation_mhz": 1e3 * max(below[worst], above[worst]),
            "worst_bus_time_s": place.time_s,
        }
    )
    section.places["frequency.worst_bus_deviation_mhz"] = place


def _add_coi_extremes(section: Section, result: Result, time_s: Array, coi_hz: Array, nominal_hz: float) -> None:
    if result.has_channel("coi_hz"):
        low, low_s, high, high_s = result.extrema("coi_hz").to_numpy()[0]
    else:
        first, last = int(np.nanargmin(coi_hz)), int(np.nanargmax(coi_hz))
        low, low_s, high, high_s = coi_hz[first], time_s[first], coi_hz[last], time_s[last]
    section.values["coi"] = {
        "nadir_hz": low,
        "nadir_time_s": low_s,
        "zenith_hz": high,
        "zenith_time_s": high_s,
        "max_deviation_mhz": 1e3 * max(nominal_hz - low, high - nominal_hz),
        "peak_to_peak_mhz": 1e3 * (high - low),
    }
    lowest, highest = Place(COI, float(low_s)), Place(COI, float(high_s))
    section.places.update(
        {
            "frequency.coi.nadir_hz": lowest,
            "frequency.coi.zenith_hz": highest,
            "frequency.coi.max_deviation_mhz": lowest if nominal_hz - low >= high - nominal_hz else highest,
            "frequency.coi.peak_to_peak_mhz": Place(COI),
        }
    )
