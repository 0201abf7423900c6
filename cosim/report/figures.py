"""Plots of a run: pure functions from a stored result to Plotly figures."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from cosim.metrics import frequency, ramp
from cosim.metrics.section import finite
from cosim.report.decimate import MAX_POINTS, decimate
from cosim.report.limits import Limit, limits_on
from cosim.report.text import number, words
from cosim.result import Result

Array = NDArray[np.float64]

# Mid tones, told apart by colour-blind readers, that read on white and on near-black; each also has its own dash.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#3584c8", "#d5762a", "#219b7c", "#a873c4", "#868d96"
RED = "#cf4b3c"
BAND = "rgba(134, 141, 150, 0.28)"
WINDOW_STYLES = ((BLUE, "solid"), (ORANGE, "solid"), (GREEN, "solid"))
MAX_PANELS = 12
MAX_EVENT_LABELS = 12
PANEL_PX, MARGINS_PX, SINGLE_PX = 190, 110, 380  # heights
SAG_PU, SWELL_PU = 0.9, 1.1
NEAR_PU = 0.03


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

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Metrics of the summary."""
        return self.summary["metrics"]


def all_figures(source: Source) -> list[Figure]:
    """Every plot of the report, in its order."""
    makers: tuple[Callable[[Source], Figure], ...] = (site_power, grid_frequency, rocof, voltage, ramps)
    return [maker(source) for maker in makers]


def site_power(source: Source) -> Figure:
    """Demand of each site at its trace's rate, and what the grid saw."""
    about = ("figure-power", "Site power")
    sites = [name for name in source.result.sites if not source.result.site(name).empty]
    if not sites:
        return _no_figure(about, _why_no_sites(source.result))
    shown = sites[:MAX_PANELS]
    plot, sentences, capped = _panels(shown, "power (MW)"), [], False
    for row, name in enumerate(shown, start=1):
        draw = source.result.site(name)
        time_s, power_mw = draw.index.to_numpy(), finite(draw["power_mw"].to_numpy())
        if source.result.has_demand(name):
            demand = source.result.demand(name)
            capped |= demand.size > MAX_POINTS
            rate = f"demand every {number(demand.attrs['interval_s'], 's')} s"
            _curve(plot, demand.index.to_numpy(), demand.to_numpy(), rate, GREY, row=row, shape="hv", width=1)
        capped |= power_mw.size > MAX_POINTS
        _curve(plot, time_s, power_mw, "drawn from the grid", BLUE, row=row)
        command_mw = finite(draw["command_mw"].to_numpy())
        if np.nanmax(np.abs(command_mw - power_mw), initial=0) > 5e-3 * np.nanmax(
            np.abs(command_mw), initial=0
        ):
            _curve(plot, time_s, command_mw, "at nominal voltage", ORANGE, row=row, dash="dash")
        low, high = np.nanmin(power_mw), np.nanmax(power_mw)
        sentences.append(f"{name} between {number(low, 'MW')} and {number(high, 'MW')} MW")
    _finish(plot, source.result)
    omitted = _omitted(len(sites), "sites")
    return Figure(
        *about,
        alt=f"Active power over time for each site: {'; '.join(sentences)}.{omitted}",
        caption="Demand is the trace's own; what is drawn is the solver's value at each step, after averaging over "
        f"the step and the voltage dependence of the load.{_thinned(capped)}{omitted}",
        plot=plot,
    )


def grid_frequency(source: Source) -> Figure:
    """Frequency of the centre of inertia, all generators, the worst generator and the worst bus."""
    about = ("figure-frequency", "Frequency")
    result, values = source.result, source.metrics["frequency"]
    nominal_hz = float(result.attributes["nominal_hz"])
    plot = _axes(1, ["frequency (Hz)"], SINGLE_PX)
    drawn, missing = _Range(), []

    buses = _frame(result, "frequency_hz")
    if isinstance(buses, str):
        missing.append(f"Buses are not drawn: {buses}.")
    elif values["worst_bus"] in buses.columns:
        bus_hz = finite(buses[values["worst_bus"]].to_numpy())
        label = f"bus {values['worst_bus']}"
        drawn.add(_curve(plot, buses.index.to_numpy(), bus_hz, label, PURPLE, dash="dot", width=1))
    speeds = _frame(result, "speed_pu")
    if isinstance(speeds, str):
        missing.append(f"Generators are not drawn: {speeds}.")
    else:
        time_s, hz = speeds.index.to_numpy(), nominal_hz * finite(speeds.to_numpy())
        drawn.add(_band(plot, time_s, hz, "all generators"))
        worst = _further(values["nadir_hz"], values["zenith_hz"], nominal_hz)
        name = values[f"{worst}_generator"]
        if name in speeds.columns:
            drawn.add(_curve(plot, time_s, hz[:, speeds.columns.get_loc(name)], f"generator {name}", ORANGE))
    coi = frequency.coi_series(result, nominal_hz)
    if isinstance(coi, str):
        missing.append(f"The centre of inertia is not drawn: {coi}.")
    else:
        drawn.add(_curve(plot, coi[0], finite(coi[1]), "centre of inertia", BLUE, width=2.2))
    if not drawn.known:
        return _no_figure(about, " ".join(missing) or "the run left no finite value")

    for kind in ("nadir", "zenith"):
        _extreme(plot, values[f"{kind}_time_s"], values[f"{kind}_hz"], kind, ORANGE)
    outside = _draw_limits(plot, _frequency_limits(source, nominal_hz), drawn, reach=0.6)
    _finish(plot, result)
    alt = (
        f"Frequency over time. Lowest {number(values['nadir_hz'], 'Hz')} Hz at generator {values['nadir_generator']} "
        f"at {number(values['nadir_time_s'], 's')} s; highest {number(values['zenith_hz'], 'Hz')} Hz at generator "
        f"{values['zenith_generator']}; largest deviation {number(values['max_deviation_mhz'], 'mHz')} mHz from "
        f"{nominal_hz:g} Hz."
        if not isinstance(speeds, str)
        else f"Frequency over time, between {number(drawn.low, 'Hz')} and {number(drawn.high, 'Hz')} Hz."
    )
    worst_bus = (
        ""
        if values["worst_bus"] is None
        else f", and of the bus that strays furthest ({values['worst_bus']})"
    )
    caption = (
        f"Band: lowest to highest generator at each instant. Curves: the generator{worst_bus}, and the centre of "
        "inertia. Bus frequency is the derivative of the bus angle, so it moves further than any rotor does."
    )
    return Figure(*about, alt, " ".join([caption + _thinned_if(result), *outside, *missing]), plot)


def rocof(source: Source) -> Figure:
    """Rate of change of frequency of the centre of inertia over each window."""
    about = ("figure-rocof", "Rate of change of frequency")
    result, values = source.result, source.metrics["frequency"]
    coi = frequency.coi_series(result, float(result.attributes["nominal_hz"]))
    if isinstance(coi, str):
        return _no_figure(about, coi)
    time_s, coi_hz = coi
    plot, drawn = _axes(1, ["RoCoF (Hz/s)"], SINGLE_PX), _Range()
    faults = frequency.fault_intervals(result.events)
    missing, sentences = [], []
    for (name, window_s), (colour, dash) in zip(
        frequency.ROCOF_WINDOWS_S.items(), WINDOW_STYLES, strict=True
    ):
        worst = frequency.max_rocof(time_s, coi_hz, window_s, faults)
        if isinstance(worst, str):
            missing.append(f"Not drawn over {name}: {worst}.")
            continue
        at, rate = frequency.rocof(time_s, finite(coi_hz), window_s)
        for start_s, end_s in faults:
            rate[(at > start_s + 1e-9) & (at - window_s < end_s - 1e-9)] = np.nan
        drawn.add(_curve(plot, at, rate, f"over {window_s:g} s", colour, dash=dash))
        sentences.append(f"{number(values['max_rocof_hz_per_s'][name], 'Hz/s')} Hz/s over {window_s:g} s")
    if not drawn.known:
        return _no_figure(about, " ".join(missing))
    limits = [
        limit.at(sign * limit.value)
        for name in frequency.ROCOF_WINDOWS_S
        for limit in limits_on(source.limits, f"frequency.max_rocof_hz_per_s.{name}")
        for sign in (1, -1)
    ]
    outside = _draw_limits(plot, limits, drawn, reach=0.6)
    _finish(plot, result)
    caption = (
        "(f(t) − f(t − w)) / w at the centre of inertia."
        + " Windows that reach into a fault are left out." * bool(faults)
    )
    return Figure(
        *about,
        alt=f"Rate of change of frequency of the centre of inertia; largest magnitudes {', '.join(sentences)}.",
        caption=" ".join([caption, *outside, *missing]),
        plot=plot,
    )


def voltage(source: Source) -> Figure:
    """Voltage of all buses as a band, with the lowest, the highest and the sites' buses."""
    about = ("figure-voltage", "Voltage")
    result, values = source.result, source.metrics["voltage"]
    frame = _frame(result, "voltage_pu")
    if isinstance(frame, str):
        return _no_figure(about, frame)
    plot, drawn = _axes(1, ["voltage (pu)"], SINGLE_PX), _Range()
    time_s, volts = frame.index.to_numpy(), finite(frame.to_numpy())
    drawn.add(_band(plot, time_s, volts, "all buses"))
    pois: dict[str, list[str]] = {}
    for name in result.sites:
        pois.setdefault(str(result.site_attributes(name).get("bus")), []).append(name)
    for bus, colour, what in ((values["min_bus"], ORANGE, "lowest"), (values["max_bus"], GREEN, "highest")):
        if bus in frame.columns:
            at_poi = f", POI of {', '.join(pois.pop(bus))}" if bus in pois else ""
            column = volts[:, frame.columns.get_loc(bus)]
            drawn.add(_curve(plot, time_s, column, f"bus {bus} ({what}{at_poi})", colour))
    for bus, names in list(pois.items())[:MAX_PANELS]:
        if bus in frame.columns:
            column = volts[:, frame.columns.get_loc(bus)]
            drawn.add(
                _curve(plot, time_s, column, f"bus {bus} (POI of {', '.join(names)})", BLUE, dash="dot")
            )
    if not drawn.known:
        return _no_figure(about, "channel voltage_pu holds no finite values")
    limits = [*limits_on(source.limits, "voltage.min_pu"), *limits_on(source.limits, "voltage.max_pu")]
    known = {limit.value for limit in limits}
    for edge_pu, name in ((SAG_PU, "sag"), (SWELL_PU, "swell")):
        if edge_pu not in known:
            limits.append(Limit(name, "", edge_pu, judged=False))
    outside = _draw_limits(plot, limits, drawn, reach=0, near=NEAR_PU)
    for side, colour in (("min", ORANGE), ("max", GREEN)):
        _extreme(plot, values[f"{side}_time_s"], values[f"{side}_pu"], f"{side}imum", colour)
    _finish(plot, result)
    return Figure(
        *about,
        alt=f"Bus voltages over time. Lowest {number(values['min_pu'], 'pu')} pu at bus {values['min_bus']} at "
        f"{number(values['min_time_s'], 's')} s; highest {number(values['max_pu'], 'pu')} pu at bus "
        f"{values['max_bus']} at {number(values['max_time_s'], 's')} s.",
        caption=" ".join(["Band: lowest to highest bus at each instant." + _thinned_if(result), *outside]),
        plot=plot,
    )


def ramps(source: Source) -> Figure:
    """Change of demand over each window, per site and in total."""
    about = ("figure-ramp", "Power change over a window")
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
        missing += [
            f"{name}: the record is too short for a window of {key}."
            for key, c in curves.items()
            if c is None
        ]
        drawn_panels.append({key: curve for key, curve in curves.items() if curve is not None})
    if not any(drawn_panels):
        return _no_figure(about, " ".join(missing))

    plot, outside, sentences = _panels(names, "change (MW)"), [], []
    for row, (name, curves) in enumerate(zip(names, drawn_panels, strict=True), start=1):
        panel = _Range()
        for key, (colour, dash) in zip(ramp.WINDOWS_S, WINDOW_STYLES, strict=True):
            if key in curves:
                panel.add(_curve(plot, *curves[key], f"over {key}", colour, dash=dash, row=row, width=1.2))
                largest = np.nanmax(np.abs(curves[key][1]))
                sentences.append(f"{name} {number(largest, 'MW')} MW over {key}")
        outside += _draw_limits(plot, _ramp_limits(source, name), panel, reach=1.0, row=row)
    _finish(plot, source.result)
    omitted = _omitted(len(known), "sites")
    thinned = _thinned(any(known[name].power_mw.size > MAX_POINTS for name in names))
    return Figure(
        *about,
        alt=f"Change of demand over windows; largest magnitudes {', '.join(sentences)}.{omitted}",
        caption=" ".join(
            [f"P(t) − P(t − w) of the demand at the trace's own rate.{thinned}{omitted}", *outside, *missing]
        ),
        plot=plot,
    )


class _Range:
    """Smallest and largest value drawn so far."""

    def __init__(self) -> None:
        self.low, self.high = math.inf, -math.inf

    @property
    def known(self) -> bool:
        return self.low <= self.high

    def add(self, values: Array) -> None:
        if np.isfinite(values).any():
            self.low, self.high = (
                min(self.low, float(np.nanmin(values))),
                max(self.high, float(np.nanmax(values))),
            )

    def is_near(self, value: float, reach: float, near: float) -> bool:
        span = reach * (self.high - self.low) + near
        return self.low - span <= value <= self.high + span


def _no_figure(about: tuple[str, str], why: str) -> Figure:
    return Figure(*about, alt=f"{about[1]}: not drawn, {why}.", missing=why)


def _why_no_sites(result: Result) -> str:
    return "the scenario has no sites" if not result.sites else "no time step was stored for any site"


def _frame(result: Result, channel: str) -> pd.DataFrame | str:
    """Return a recorded channel with finite values in it, or why there is none."""
    if not result.has_channel(channel):
        return f"channel {channel} was not recorded"
    frame = result.channel(channel)
    return frame if np.isfinite(frame.to_numpy()).any() else f"no time step of channel {channel} was stored"


def _further(low: float, high: float, nominal: float) -> str:
    return "nadir" if nominal - low >= high - nominal else "zenith"


def _changes(demand: ramp.Demand, window_s: float) -> tuple[Array, Array] | None:
    """Times [t] at a window's end and P(t) - P(t - w) [t], the larger where two intervals fit; None if too short."""
    ratio = window_s / demand.interval_s
    if ratio < 1 - 1e-6:
        return None
    lags = sorted({math.floor(ratio + 1e-6), math.ceil(ratio - 1e-6)})
    power_mw = finite(demand.power_mw)
    if power_mw.size <= lags[-1]:
        return None
    ends = power_mw[lags[-1] :]
    options = np.stack([ends - power_mw[lags[-1] - lag : power_mw.size - lag] for lag in lags])
    change = options[0] if len(lags) == 1 else np.where(np.abs(options[0]) >= np.abs(options[1]), *options)
    return (np.arange(change.size) + lags[-1]) * demand.interval_s, change


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


def _axes(rows: int, y_titles: Sequence[str], height_px: int) -> go.Figure:
    """Empty figure: panels one above the other that share their time axis. Colours of text and grid are the page's."""
    gap = min(0.09, 0.4 / rows)
    panel = (1 - gap * (rows - 1)) / rows
    layout: dict[str, Any] = {
        "template": "none",
        "height": height_px,
        "margin": {"l": 64, "r": 16, "t": 46, "b": 46},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 12, "color": GREY},
        "hovermode": "x unified" if rows == 1 else "x",
        "legend": {"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top"},
    }
    for row in range(1, rows + 1):
        suffix = "" if row == 1 else str(row)
        top = 1 - (row - 1) * (panel + gap)
        last = row == rows
        common = {"showline": True, "linecolor": GREY, "ticks": "outside", "ticklen": 4, "automargin": True}
        layout[f"xaxis{suffix}"] = common | {
            "anchor": f"y{suffix}",
            "matches": None if row == 1 else "x",
            "showticklabels": last,
            "title": {"text": "time (s)"} if last else None,
            "zeroline": False,
        }
        layout[f"yaxis{suffix}"] = common | {
            "anchor": f"x{suffix}",
            "domain": [max(top - panel, 0), top],
            "title": {"text": y_titles[row - 1]},
            "zeroline": False,
            "exponentformat": "none",
            "separatethousands": False,
            "nticks": 6,
        }
    return go.Figure(layout=layout)


def _panels(names: Sequence[str], quantity: str) -> go.Figure:
    titles = [f"{_safe(name)}<br>{quantity}" for name in names]
    return _axes(len(names), titles, max(SINGLE_PX - 60, PANEL_PX * len(names) + MARGINS_PX))


def _curve(
    plot: go.Figure,
    x: Array,
    y: Array,
    name: str,
    colour: str,
    *,
    row: int = 1,
    dash: str = "solid",
    shape: str = "linear",
    width: float = 1.5,
) -> Array:
    """Add a curve, thinned to what a screen can show; return the values drawn."""
    thin = y.size > MAX_POINTS
    x, y = decimate(x, y)
    suffix = "" if row == 1 else str(row)
    shown_before = any(trace.legendgroup == name for trace in plot.data)
    plot.add_trace(
        go.Scatter(
            x=x,
            y=y,
            name=_safe(name),
            legendgroup=name,
            showlegend=not shown_before,
            mode="lines",
            line={"color": colour, "width": width, "dash": dash, "shape": "linear" if thin else shape},
            xaxis=f"x{suffix}",
            yaxis=f"y{suffix}",
            hovertemplate="%{y:.6~g}",
        )
    )
    return y


def _band(plot: go.Figure, time_s: Array, values: Array, name: str) -> Array:
    """Shade between the smallest and the largest element [time, element] at each instant."""
    if values.shape[1] < 2:
        return np.empty(0)
    some = np.isfinite(values).any(axis=1)
    low = np.where(np.isfinite(values), values, np.inf).min(axis=1)[some]
    high = np.where(np.isfinite(values), values, -np.inf).max(axis=1)[some]
    edge = {"width": 0.6, "color": GREY}
    for side, fill in ((low, None), (high, "tonexty")):
        x, y = decimate(time_s[some], side)
        plot.add_trace(
            go.Scatter(
                x=x,
                y=y,
                name=name,
                legendgroup=name,
                showlegend=fill is not None,
                mode="lines",
                line=edge,
                fill=fill,
                fillcolor=BAND if fill else None,
                hovertemplate="%{y:.6~g}",
            )
        )
    return np.concatenate([low, high])


def _extreme(plot: go.Figure, time_s: float | None, value: float | None, name: str, colour: str) -> None:
    """Mark an extreme over every step, which the stored rows may have missed."""
    if time_s is None or value is None:
        return
    plot.add_trace(
        go.Scatter(
            x=[time_s],
            y=[value],
            name=name,
            showlegend=False,
            mode="markers",
            cliponaxis=False,
            marker={"symbol": "circle-open", "size": 9, "color": colour, "line": {"width": 1.8}},
            hovertemplate="%{y:.6~g}",
        )
    )


def _draw_limits(
    plot: go.Figure, limits: Iterable[Limit], drawn: _Range, *, reach: float, near: float = 0.0, row: int = 1
) -> list[str]:
    """Draw the limits that lie near the curves; return sentences on those that would flatten them.

    ``reach`` is in spans of what is drawn, ``near`` in the axis's unit.
    """
    outside: dict[str, str] = {}
    suffix = "" if row == 1 else str(row)
    for limit in limits:
        if not drawn.known:
            continue
        if not drawn.is_near(limit.value, reach, near):
            if limit.judged:
                outside[limit.id] = f"The limit “{limit.id}” lies outside the plot."
            continue
        colour = RED if limit.judged else GREY
        line = {"color": colour, "width": 1.2, "dash": "longdash"}
        at = {"y0": limit.value, "y1": limit.value, "yref": f"y{suffix}"}
        plot.add_shape(type="line", x0=0, x1=1, xref=f"x{suffix} domain", line=line, layer="below", **at)
        plot.add_annotation(
            x=1,
            xref=f"x{suffix} domain",
            xanchor="right",
            y=limit.value,
            yref=f"y{suffix}",
            yanchor="bottom",
            text=_safe(limit.label),
            showarrow=False,
            font={"size": 11, "color": colour},
        )
    return list(outside.values())


def _finish(plot: go.Figure, result: Result) -> None:
    """Show the whole run, and a dashed line at each event, numbered as in the report's table of events."""
    notes = result.attributes
    end_s = notes.get("end_time_s") or (result.time_s[-1] if result.time_s.size else 0.0)
    if end_s > 0:
        plot.update_xaxes(range=[0.0, float(end_s)])
    events = result.events
    for number_, time_s in enumerate(events["time_s"].tolist(), start=1):
        line = {"color": GREY, "width": 1, "dash": "dash"}
        plot.add_shape(type="line", x0=time_s, x1=time_s, y0=0, y1=1, yref="paper", line=line, layer="below")
        if len(events) <= MAX_EVENT_LABELS:
            label = {"text": f"E{number_}", "font": {"size": 11, "color": GREY}, "showarrow": False}
            plot.add_annotation(x=time_s, y=1, yref="paper", xanchor="left", yanchor="top", **label)


def _safe(name: str) -> str:
    """Escape a name that Plotly would read as markup."""
    return html.escape(words(name) if name == "total" else str(name), quote=False)


def _thinned(capped: bool) -> str:
    if not capped:
        return ""
    return f" Long curves show the smallest and largest value of each group of samples, at most {MAX_POINTS} points."


def _thinned_if(result: Result) -> str:
    return _thinned(result.time_s.size > MAX_POINTS)


def _omitted(count: int, what: str) -> str:
    return f" Only the first {MAX_PANELS} of {count} {what} are drawn." if count > MAX_PANELS else ""
