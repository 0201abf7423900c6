"""Plots of frequency and of its rate of change."""

from __future__ import annotations

import numpy as np

from cosim.metrics import frequency
from cosim.metrics.faults import fault_intervals
from cosim.metrics.section import finite
from cosim.report.drawing import (
    BLUE,
    ORANGE,
    PURPLE,
    SINGLE_PX,
    WINDOW_COLOURS,
    Range,
    axes,
    band,
    curve,
    extreme,
    thinned_if,
)
from cosim.report.figures.base import Figure, Source, frame_of, no_figure
from cosim.report.limits import Limit, limits_on
from cosim.report.marks import draw_limits, finish
from cosim.report.text import number

FREQUENCY = ("figure-frequency", "Frequency")
ROCOF = ("figure-rocof", "Rate of change of frequency")


def grid_frequency(source: Source) -> Figure:
    """Frequency of the centre of inertia, all generators, the worst generator and the worst bus."""
    about = FREQUENCY
    result, values = source.result, source.metrics["frequency"]
    nominal_hz = float(result.attributes["nominal_hz"])
    plot = axes(1, ["frequency (Hz)"], SINGLE_PX)
    drawn, missing = Range(), []

    buses = frame_of(result, "frequency_hz", [values["worst_bus"]])
    if isinstance(buses, str):
        missing.append(f"Buses are not drawn: {buses}.")
    elif values["worst_bus"] in buses.columns:
        bus_hz = finite(buses[values["worst_bus"]].to_numpy())
        label = f"bus {values['worst_bus']}"
        drawn.add(curve(plot, buses.index.to_numpy(), bus_hz, label, PURPLE, dash="dot", width=1))
    worst = _further(values["nadir_hz"], values["zenith_hz"], nominal_hz) if values["nadir_hz"] is not None else "nadir"
    name = values[f"{worst}_generator"]
    speeds = frame_of(result, "speed_pu", [name])
    if isinstance(speeds, str):
        missing.append(f"Generators are not drawn: {speeds}.")
    else:
        if len(result.elements("speed_pu")) > 1:
            drawn.add(band(plot, nominal_hz * result.envelope("speed_pu"), "all generators"))
        if name in speeds.columns:
            hz = nominal_hz * finite(speeds[name].to_numpy())
            drawn.add(curve(plot, speeds.index.to_numpy(), hz, f"generator {name}", ORANGE))
    coi = frequency.coi_series(result, nominal_hz)
    if isinstance(coi, str):
        missing.append(f"The centre of inertia is not drawn: {coi}.")
    else:
        drawn.add(curve(plot, coi[0], finite(coi[1]), "centre of inertia", BLUE, width=2.2))
    if not drawn.known:
        return no_figure(about, " ".join(missing) or "the run left no finite value")

    for kind in ("nadir", "zenith"):
        extreme(plot, values[f"{kind}_time_s"], values[f"{kind}_hz"], kind, ORANGE)
    outside = draw_limits(plot, _frequency_limits(source, nominal_hz), drawn, reach=0.6)
    finish(plot, result)
    alt = (
        f"Frequency over time. Lowest {number(values['nadir_hz'], 'Hz')} Hz at generator "
        f"{values['nadir_generator']} at {number(values['nadir_time_s'], 's')} s; highest "
        f"{number(values['zenith_hz'], 'Hz')} Hz at generator {values['zenith_generator']}; "
        f"largest deviation {number(values['max_deviation_mhz'], 'mHz')} mHz from {nominal_hz:g} Hz."
        if not isinstance(speeds, str)
        else f"Frequency over time, between {number(drawn.low, 'Hz')} and {number(drawn.high, 'Hz')} Hz."
    )
    bus = values["worst_bus"]
    strays = "that strays" if bus is None else f"and the bus ({bus}) that stray"
    caption = (
        "Band: lowest to highest generator at each instant. "
        f"Curves: the generator {strays} furthest, and the centre of inertia."
    )
    return Figure(*about, alt, " ".join([caption + thinned_if(result), *outside, *missing]), plot)


def rocof(source: Source) -> Figure:
    """Rate of change of frequency of the centre of inertia over each window."""
    about = ROCOF
    result, values = source.result, source.metrics["frequency"]
    coi = frequency.coi_series(result, float(result.attributes["nominal_hz"]))
    if isinstance(coi, str):
        return no_figure(about, coi)
    time_s, coi_hz = coi
    plot, drawn = axes(1, ["RoCoF (Hz/s)"], SINGLE_PX), Range()
    faults = fault_intervals(result.events)
    missing, sentences = [], []
    for (name, window_s), colour in zip(frequency.ROCOF_WINDOWS_S.items(), WINDOW_COLOURS, strict=True):
        worst = frequency.max_rocof(time_s, coi_hz, window_s, faults)
        if isinstance(worst, str):
            missing.append(f"Not drawn over {name}: {worst}.")
            continue
        at, rate = frequency.rocof(time_s, finite(coi_hz), window_s)
        for start_s, end_s in faults:
            rate[(at > start_s + 1e-9) & (at - window_s < end_s - 1e-9)] = np.nan
        drawn.add(curve(plot, at, rate, f"over {window_s:g} s", colour))
        sentences.append(f"{number(values['max_rocof_hz_per_s'][name], 'Hz/s')} Hz/s over {window_s:g} s")
    if not drawn.known:
        return no_figure(about, " ".join(missing))
    limits = [
        limit.at(sign * limit.value)
        for name in frequency.ROCOF_WINDOWS_S
        for limit in limits_on(source.limits, f"frequency.max_rocof_hz_per_s.{name}")
        for sign in (1, -1)
    ]
    outside = draw_limits(plot, limits, drawn, reach=0.6)
    finish(plot, result)
    caption = (
        "(f(t) − f(t − w)) / w at the centre of inertia."
        + " Windows that reach into a fault are left out." * bool(faults)
    )
    return Figure(
        *about,
        alt=f"RoCoF of the centre of inertia over time; largest magnitudes {', '.join(sentences)}.",
        caption=" ".join([caption, *outside, *missing]),
        plot=plot,
    )


def _further(low: float, high: float, nominal: float) -> str:
    return "nadir" if nominal - low >= high - nominal else "zenith"


def _frequency_limits(source: Source, nominal_hz: float) -> list[Limit]:
    same = ("nadir_hz", "zenith_hz", "coi.nadir_hz", "coi.zenith_hz", "settling_hz")
    found = [limit for key in same for limit in limits_on(source.limits, f"frequency.{key}")]
    for key in ("max_deviation_mhz", "worst_bus_deviation_mhz"):
        for limit in limits_on(source.limits, f"frequency.{key}"):
            found += [limit.at(nominal_hz + sign * limit.value / 1e3) for sign in (1, -1)]
    return found
