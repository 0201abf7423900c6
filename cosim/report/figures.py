"""Plots of a run: pure functions from a stored result to Plotly figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from cosim.metrics import frequency, ramp
from cosim.metrics.faults import fault_intervals
from cosim.metrics.section import finite
from cosim.report.decimate import MAX_POINTS
from cosim.report.drawing import (
    BLUE,
    GREEN,
    GREY,
    MAX_PANELS,
    ORANGE,
    PURPLE,
    SINGLE_PX,
    Range,
    axes,
    band,
    curve,
    draw_limits,
    extreme,
    finish,
    omitted_note,
    panels,
    thinned,
    thinned_if,
)
from cosim.report.limits import Limit, limits_on
from cosim.report.text import number
from cosim.result import Result

Array = NDArray[np.float64]

WINDOW_COLOURS = (BLUE, ORANGE, GREEN)
SAG_PU, SWELL_PU = 0.9, 1.1
NEAR_PU = 0.03
# Ids and titles of the plots, in their order.
ABOUT = (
    ("figure-power", "Site power"),
    ("figure-frequency", "Frequency"),
    ("figure-rocof", "Rate of change of frequency"),
    ("figure-voltage", "Voltage"),
    ("figure-ramp", "Power change over a window"),
)
POWER, FREQUENCY, ROCOF, VOLTAGE, RAMP = ABOUT


@dataclass(frozen=True)
class Figure:
    """A plot with what a reader needs beside it; ``plot`` is None when ``missing`` says why."""

    id: str
    title: str
    alt: str
    caption: str = ""
    plot: go.Figure | None = None
    missing: str | None = None

    @property
    def height_px(self) -> int:
        """Height that the page reserves for the plot."""
        return int(self.plot.layout.height) if self.plot is not None else 0


@dataclass(frozen=True)
class Source:
    """What every plot is made from: the result, its summary, and the limits it was judged against."""

    result: Result
    summary: Mapping[str, Any]
    limits: Sequence[Limit] = ()
    nothing: str = ""
    """Why there is nothing to draw at all, if so."""

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Metrics of the summary."""
        return self.summary["metrics"]


def all_figures(source: Source) -> list[Figure]:
    """Every plot of the report, in its order."""
    makers: tuple[Callable[[Source], Figure], ...] = (site_power, grid_frequency, rocof, voltage, ramps)
    if source.nothing:
        return [_no_figure(about, source.nothing) for about in ABOUT]
    return [maker(source) for maker in makers]


def site_power(source: Source) -> Figure:
    """Demand of each site at its trace's rate, and what the grid saw."""
    about = POWER
    sites = [name for name in source.result.sites if not source.result.site(name).empty]
    if not sites:
        return _no_figure(about, _why_no_sites(source.result))
    shown = sites[:MAX_PANELS]
    plot, sentences, capped = panels(shown, "power (MW)"), [], False
    for row, name in enumerate(shown, start=1):
        draw = source.result.site(name)
        time_s, power_mw = draw.index.to_numpy(), finite(draw["power_mw"].to_numpy())
        if source.result.has_demand(name):
            demand = source.result.demand(name)
            capped |= demand.size > MAX_POINTS
            rate = f"demand every {number(demand.attrs['interval_s'], 's')} s"
            curve(plot, demand.index.to_numpy(), demand.to_numpy(), rate, GREY, row=row, shape="hv", width=1)
        capped |= power_mw.size > MAX_POINTS
        curve(plot, time_s, power_mw, "drawn from the grid", BLUE, row=row)
        command_mw = finite(draw["command_mw"].to_numpy())
        if np.nanmax(np.abs(command_mw - power_mw), initial=0) > 5e-3 * np.nanmax(np.abs(command_mw), initial=0):
            curve(plot, time_s, command_mw, "at nominal voltage", ORANGE, row=row, dash="dash")
        low, high = np.nanmin(power_mw), np.nanmax(power_mw)
        sentences.append(f"{name} between {number(low, 'MW')} and {number(high, 'MW')} MW")
    finish(plot, source.result)
    omitted = omitted_note(len(sites), "sites")
    return Figure(
        *about,
        alt=f"Active power over time for each site: {'; '.join(sentences)}.{omitted}",
        caption="Demand is the trace's own; what is drawn from the grid is the solver's value at each step, "
        f"after averaging over the step and the voltage dependence of the load.{thinned(capped)}{omitted}",
        plot=plot,
    )


def grid_frequency(source: Source) -> Figure:
    """Frequency of the centre of inertia, all generators, the worst generator and the worst bus."""
    about = FREQUENCY
    result, values = source.result, source.metrics["frequency"]
    nominal_hz = float(result.attributes["nominal_hz"])
    plot = axes(1, ["frequency (Hz)"], SINGLE_PX)
    drawn, missing = Range(), []

    buses = _frame(result, "frequency_hz", [values["worst_bus"]])
    if isinstance(buses, str):
        missing.append(f"Buses are not drawn: {buses}.")
    elif values["worst_bus"] in buses.columns:
        bus_hz = finite(buses[values["worst_bus"]].to_numpy())
        label = f"bus {values['worst_bus']}"
        drawn.add(curve(plot, buses.index.to_numpy(), bus_hz, label, PURPLE, dash="dot", width=1))
    worst = _further(values["nadir_hz"], values["zenith_hz"], nominal_hz) if values["nadir_hz"] is not None else "nadir"
    name = values[f"{worst}_generator"]
    speeds = _frame(result, "speed_pu", [name])
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
        return _no_figure(about, " ".join(missing) or "the run left no finite value")

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
        return _no_figure(about, coi)
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
        return _no_figure(about, " ".join(missing))
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


def voltage(source: Source) -> Figure:
    """Voltage of all buses as a band, with the lowest, the highest and the sites' buses."""
    about = VOLTAGE
    result, values = source.result, source.metrics["voltage"]
    pois: dict[str, list[str]] = {}
    for name in result.sites:
        pois.setdefault(str(result.site_attributes(name).get("bus")), []).append(name)
    frame = _frame(result, "voltage_pu", [values["min_bus"], values["max_bus"], *pois])
    if isinstance(frame, str):
        return _no_figure(about, frame)
    plot, drawn = axes(1, ["voltage (pu)"], SINGLE_PX), Range()
    time_s, volts = frame.index.to_numpy(), finite(frame.to_numpy())
    if len(result.elements("voltage_pu")) > 1:
        drawn.add(band(plot, result.envelope("voltage_pu"), "all buses"))
    for bus, colour, what in ((values["min_bus"], ORANGE, "lowest"), (values["max_bus"], GREEN, "highest")):
        if bus in frame.columns:
            at_poi = f", POI of {', '.join(pois.pop(bus))}" if bus in pois else ""
            column = volts[:, frame.columns.get_loc(bus)]
            drawn.add(curve(plot, time_s, column, f"bus {bus} ({what}{at_poi})", colour))
    for bus, names in list(pois.items())[:MAX_PANELS]:
        if bus in frame.columns:
            column = volts[:, frame.columns.get_loc(bus)]
            drawn.add(curve(plot, time_s, column, f"bus {bus} (POI of {', '.join(names)})", BLUE, dash="dot"))
    if not drawn.known:
        return _no_figure(about, "channel voltage_pu holds no finite values")
    limits = [*limits_on(source.limits, "voltage.min_pu"), *limits_on(source.limits, "voltage.max_pu")]
    known = {limit.value for limit in limits}
    for edge_pu, name in ((SAG_PU, "sag"), (SWELL_PU, "swell")):
        if edge_pu not in known:
            limits.append(Limit(name, "", edge_pu, judged=False))
    outside = draw_limits(plot, limits, drawn, reach=0, near=NEAR_PU)
    for side, colour in (("min", ORANGE), ("max", GREEN)):
        extreme(plot, values[f"{side}_time_s"], values[f"{side}_pu"], f"{side}imum", colour)
    finish(plot, result)
    return Figure(
        *about,
        alt="Bus voltages over time. "
        f"Lowest {number(values['min_pu'], 'pu')} pu at bus {values['min_bus']} at "
        f"{number(values['min_time_s'], 's')} s; highest {number(values['max_pu'], 'pu')} pu at bus "
        f"{values['max_bus']} at {number(values['max_time_s'], 's')} s.",
        caption=" ".join(["Band: lowest to highest bus at each instant." + thinned_if(result), *outside]),
        plot=plot,
    )


def ramps(source: Source) -> Figure:
    """Change of demand over each window, per site and in total."""
    about = RAMP
    known = ramp.demands(source.result)
    if len(source.result.sites) == 1:
        known.pop("total", None)
    if not known:
        without = "the sites' demand was not stored" if source.result.sites else _why_no_sites(source.result)
        return _no_figure(about, without)
    names = [*known][:MAX_PANELS]
    drawn_panels, missing = [], []
    for name in names:
        curves = {key: _changes(known[name], window_s) for key, window_s in ramp.WINDOWS_S.items()}
        drawable = {key: curve for key, curve in curves.items() if curve is not None}
        short = [key for key in curves if key not in drawable]
        if short:
            missing.append(f"{name}: the record is too short for windows of {', '.join(short)}.")
        drawn_panels.append(drawable)
    if not any(drawn_panels):
        return _no_figure(about, " ".join(missing))

    plot, outside, sentences = panels(names, "change (MW)"), [], []
    for row, (name, drawable) in enumerate(zip(names, drawn_panels, strict=True), start=1):
        panel = Range()
        for key, colour in zip(ramp.WINDOWS_S, WINDOW_COLOURS, strict=True):
            if key in drawable:
                at_s, change_mw = drawable[key]
                panel.add(curve(plot, at_s, change_mw, f"over {key}", colour, row=row, width=1.2))
                largest = float(np.nanmax(np.abs(change_mw)))
                sentences.append(f"{name} {number(largest, 'MW')} MW over {key}")
        outside += draw_limits(plot, _ramp_limits(source, name), panel, reach=1.0, row=row)
    finish(plot, source.result)
    omitted = omitted_note(len(known), "sites")
    thin = thinned(any(known[name].power_mw.size > MAX_POINTS for name in names))
    return Figure(
        *about,
        alt=f"Change of demand over windows; largest magnitudes {', '.join(sentences)}.{omitted}",
        caption=" ".join(
            [f"P(t) − P(t − w) of the demand at the trace's own rate.{thin}{omitted}", *outside, *missing]
        ),
        plot=plot,
    )


def _no_figure(about: tuple[str, str], why: str) -> Figure:
    return Figure(*about, alt=f"{about[1]}: not drawn; {why.rstrip('.')}.", missing=why.rstrip("."))


def _why_no_sites(result: Result) -> str:
    return "the scenario has no sites" if not result.sites else "no time step was stored for any site"


def _frame(result: Result, channel: str, wanted: Sequence[str | None]) -> pd.DataFrame | str:
    """Return those of the wanted elements that a recorded channel has, or why it has nothing to show."""
    if not result.has_channel(channel):
        return f"channel {channel} was not recorded"
    if not result.time_s.size or result.extrema(channel)["min"].isna().all():
        return f"no time step of channel {channel} was stored"
    known = result.elements(channel)
    return result.channel(channel, list(dict.fromkeys(name for name in wanted if name in known)))


def _further(low: float, high: float, nominal: float) -> str:
    return "nadir" if nominal - low >= high - nominal else "zenith"


def _changes(demand: ramp.Demand, window_s: float) -> tuple[Array, Array] | None:
    """Times [t] at the ends of windows and P(t) - P(t - w) [t]; None if the record is too short.

    Where the window lies between two numbers of intervals, the larger change of both.
    """
    ratio = window_s / demand.interval_s
    if ratio < 1 - 1e-6:
        return None
    lags = sorted({math.floor(ratio + 1e-6), math.ceil(ratio - 1e-6)})
    power_mw = finite(demand.power_mw)
    if power_mw.size <= lags[-1]:
        return None
    ends = power_mw[lags[-1] :]
    change, *other = (ends - power_mw[lags[-1] - lag : power_mw.size - lag] for lag in lags)
    if other:
        change = np.where(np.abs(change) >= np.abs(other[0]), change, other[0])
    return np.arange(lags[-1], power_mw.size, dtype=float) * demand.interval_s, change


def _frequency_limits(source: Source, nominal_hz: float) -> list[Limit]:
    same = ("nadir_hz", "zenith_hz", "coi.nadir_hz", "coi.zenith_hz", "settling_hz")
    found = [limit for key in same for limit in limits_on(source.limits, f"frequency.{key}")]
    for key in ("max_deviation_mhz", "worst_bus_deviation_mhz"):
        for limit in limits_on(source.limits, f"frequency.{key}"):
            found += [limit.at(nominal_hz + sign * limit.value / 1e3) for sign in (1, -1)]
    return found


def _ramp_limits(source: Source, name: str) -> list[Limit]:
    prefix = "ramp.total." if name == "total" else f"ramp.sites.{name}."
    both = {"windows.1s", "windows.10s", "windows.60s", "max_mw_per_min"}
    signs = {"max_up_mw_per_s": (1,), "max_down_mw_per_s": (-1,)} | dict.fromkeys(sorted(both), (1, -1))
    return [
        limit.at(sign * limit.value)
        for key, given in signs.items()
        for limit in limits_on(source.limits, prefix + key)
        for sign in given
    ]
