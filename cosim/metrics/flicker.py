"""Flicker by IEC 61000-4-15, from the rms voltage at each site's bus.

A load's power is averaged over the solver's steps before it reaches the grid. With steps of 5 ms that takes 0.6 % off a
modulation at 8.8 Hz and 5 % at 25 Hz.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.metrics.flickermeter import (
    LAMPS,
    LOW_PASS_HZ,
    PST_PER_PLT,
    PST_WINDOW_S,
    SLOWEST_HZ,
    LampName,
    is_fast_enough,
    long_term_severity,
    sensation,
    short_term_severity,
)
from cosim.metrics.section import Place, Section, not_recorded
from cosim.result import Result

Array = NDArray[np.float64]
# Intervals that differ by less are one: times are sums and products of steps.
_SAME_INTERVAL = 1e-6


class Severity(NamedTuple):
    """Worst Pst and Plt of a record for one lamp; the times are those of the largest sensation in the worst window."""

    pst: float
    pst_time_s: float
    plt: float | None
    plt_time_s: float | None


def template() -> dict[str, Any]:
    """Every key of one site, with nothing assessed."""
    return dict.fromkeys(("pst_120v", "pst_230v", "plt_120v", "plt_230v"))


def assess(result: Result) -> Section:
    """Assess the flicker at each site's bus: ``voltage.flicker`` of a run's metrics."""
    section = Section({name: template() for name in result.sites})
    refusal = _refusal(result)
    if refusal:
        section.reasons["voltage.flicker"] = refusal
        return section
    interval_s = float(np.median(np.diff(result.time_s)))
    mains_hz = round(result.attributes["nominal_hz"])
    buses = {name: str(result.site_attributes(name).get("bus")) for name in result.sites}
    recorded = set(result.elements("voltage_pu"))
    frame = result.channel("voltage_pu", sorted(recorded & set(buses.values())))
    found = {bus: _assess_bus(frame[bus], interval_s, mains_hz) for bus in frame.columns}
    for name, bus in buses.items():
        path = f"voltage.flicker.{name}"
        if bus not in found:
            section.reasons[path] = f"the voltage of the site's bus ({bus}) was not recorded"
            continue
        one = found[bus]
        section.values[name] |= one.values
        section.reasons.update({path + key: why for key, why in one.reasons.items()})
        section.places.update({path + key: place for key, place in one.places.items()})
        section.lower_bounds.update({path + key: why for key, why in one.lower_bounds.items()})
    return section


def severity(voltage_pu: Array, rate_hz: float, lamp: LampName, mains_hz: int) -> Severity:
    """Worst Pst and Plt of a record.

    Pst is taken over consecutive windows of 600 s, and over the last 600 s where the record is no multiple of it; over
    the whole of a shorter record. Plt is taken over every twelve consecutive windows.

    Parameters
    ----------
    voltage_pu
        Rms voltage [sample], finite.
    rate_hz, lamp, mains_hz
        As in :func:`cosim.metrics.flickermeter.sensation`.
    """
    felt = sensation(voltage_pu, rate_hz, lamp, mains_hz)
    length = round(PST_WINDOW_S * rate_hz)
    windows = [slice(first, first + length) for first in range(0, felt.size - length + 1, length)]
    pst = [short_term_severity(felt[window]) for window in windows]
    plt = [long_term_severity(pst[k : k + PST_PER_PLT]) for k in range(len(pst) - PST_PER_PLT + 1)]
    if not windows or windows[-1].stop < felt.size:
        windows.append(slice(max(felt.size - length, 0), felt.size))
        pst.append(short_term_severity(felt[windows[-1]]))

    def peak_s(first: int, stop: int) -> float:
        return (first + int(felt[first:stop].argmax())) / rate_hz

    worst = windows[int(np.argmax(pst))]
    at_s = peak_s(worst.start, worst.stop)
    if not plt:
        return Severity(max(pst), at_s, None, None)
    first = int(np.argmax(plt)) * length
    return Severity(max(pst), at_s, max(plt), peak_s(first, first + PST_PER_PLT * length))


def uniform(time_s: Array, value: Array, interval_s: float) -> Array:
    """Put a record on a uniform grid by linear interpolation; one that is on it already stays as it is.

    Parameters
    ----------
    time_s
        Rising times [sample].
    value
        [sample].
    interval_s
        Of the grid, which starts with the record.
    """
    if np.allclose(np.diff(time_s), interval_s, rtol=_SAME_INTERVAL, atol=0):
        return value
    samples = int((time_s[-1] - time_s[0]) / interval_s * (1 + _SAME_INTERVAL)) + 1
    return np.interp(time_s[0] + interval_s * np.arange(samples), time_s, value)


def _refusal(result: Result) -> str | None:
    """Why no site's flicker can be assessed, if so."""
    if not result.has_channel("voltage_pu"):
        return not_recorded("voltage_pu")
    if result.time_s.size < 2:
        return "fewer than two rows were stored"
    rate_hz = 1 / float(np.median(np.diff(result.time_s)))
    if not is_fast_enough(rate_hz):
        return (
            f"voltage_pu was stored {rate_hz:.3g} times a second and flicker needs {SLOWEST_HZ:g}: "
            f"set outputs.every_s and simulation.step_s to {1 / SLOWEST_HZ:g} or less"
        )
    nominal_hz = result.attributes["nominal_hz"]
    if nominal_hz not in LOW_PASS_HZ:
        return f"IEC 61000-4-15 is for mains of 50 or 60 Hz; the grid has {nominal_hz:g} Hz"
    return None


def _assess_bus(voltage_pu: pd.Series, interval_s: float, mains_hz: int) -> Section:
    """One bus, up to its first value that is not finite; keys of reasons and the like start after the site's path."""
    bus, time_s = str(voltage_pu.name), voltage_pu.index.to_numpy()
    missing = np.flatnonzero(~np.isfinite(voltage_pu.to_numpy()))
    known = int(missing[0]) if missing.size else time_s.size
    if not known:
        return Section({}, {"": f"the voltage of bus {bus} has no finite value"})
    voltage = uniform(time_s[:known], voltage_pu.to_numpy()[:known], interval_s)
    record_s = (voltage.size - 1) * interval_s
    section = Section({})
    for lamp in LAMPS:
        found = severity(voltage, 1 / interval_s, lamp, mains_hz)
        section.values[f"pst_{lamp}"] = found.pst
        section.places[f".pst_{lamp}"] = Place(bus, float(time_s[0]) + found.pst_time_s)
        if voltage.size < round(PST_WINDOW_S / interval_s):
            section.lower_bounds[f".pst_{lamp}"] = (
                f"the record holds {record_s:.6g} s, Pst is defined over {PST_WINDOW_S:g} s"
            )
        section.values[f"plt_{lamp}"] = found.plt
        if found.plt is None or found.plt_time_s is None:
            section.reasons[f".plt_{lamp}"] = (
                f"the record holds {record_s:.6g} s, Plt is defined over {PST_PER_PLT} Pst of {PST_WINDOW_S:g} s"
            )
        else:
            section.places[f".plt_{lamp}"] = Place(bus, float(time_s[0]) + found.plt_time_s)
    return section
