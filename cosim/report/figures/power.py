"""Plots of the sites' power and of how it changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.metrics import ramp
from cosim.metrics.power_change import lags_of
from cosim.metrics.section import finite
from cosim.report.decimate import MAX_POINTS
from cosim.report.drawing import (
    BLUE,
    GREY,
    MAX_PANELS,
    ORANGE,
    WINDOW_COLOURS,
    Range,
    curve,
    omitted_note,
    panels,
    thinned,
)
from cosim.report.figures.base import Figure, Source, no_figure, why_no_sites
from cosim.report.limits import Limit, limits_on
from cosim.report.marks import draw_limits, finish
from cosim.report.text import number, spaced

Array = NDArray[np.float64]

POWER = ("figure-power", "Site power")
RAMP = ("figure-ramp", "Power change over a window")
DRAWN_WINDOWS_S = {name: ramp.WINDOWS_S[name] for name in ("1s", "10s", "60s")}


def site_power(source: Source) -> Figure:
    """Demand of each site at its trace's rate, and what the grid saw."""
    about = POWER
    sites = [name for name in source.result.sites if not source.result.site(name).empty]
    if not sites:
        return no_figure(about, why_no_sites(source.result))
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
        caption="Demand is that of the workloads, at the trace's own rate, with what protection and storage make of "
        "it; what is drawn from the grid is the solver's value at each step, "
        f"after averaging over the step and the voltage dependence of the load.{thinned(capped)}{omitted}",
        plot=plot,
    )


def ramps(source: Source) -> Figure:
    """Change of demand over each window, per site and in total."""
    about = RAMP
    known = ramp.demands(source.result)
    if len(source.result.sites) == 1:
        known.pop("total", None)
    if not known:
        without = "the sites' demand was not stored" if source.result.sites else why_no_sites(source.result)
        return no_figure(about, without)
    names = [*known][:MAX_PANELS]
    drawn_panels, missing = [], []
    for name in names:
        curves = {key: _changes(known[name], window_s) for key, window_s in DRAWN_WINDOWS_S.items()}
        drawable = {key: curve for key, curve in curves.items() if curve is not None}
        short = [key for key in curves if key not in drawable]
        if short:
            missing.append(f"{name}: the record is too short for windows of {', '.join(map(spaced, short))}.")
        drawn_panels.append(drawable)
    if not any(drawn_panels):
        return no_figure(about, " ".join(missing))

    plot, outside, sentences = panels(names, "change (MW)"), [], []
    for row, (name, drawable) in enumerate(zip(names, drawn_panels, strict=True), start=1):
        panel = Range()
        for key, colour in zip(DRAWN_WINDOWS_S, WINDOW_COLOURS, strict=True):
            if key in drawable:
                at_s, change_mw = drawable[key]
                panel.add(curve(plot, at_s, change_mw, f"over {spaced(key)}", colour, row=row, width=1.2))
                largest = float(np.nanmax(np.abs(change_mw)))
                sentences.append(f"{name} {number(largest, 'MW')} MW over {spaced(key)}")
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


def _changes(demand: ramp.Demand, window_s: float) -> tuple[Array, Array] | None:
    """Times [t] at the ends of windows and P(t) - P(t - w) [t]; None if the record is too short.

    Where the window lies between two numbers of intervals, the larger change of both.
    """
    if window_s < demand.interval_s * (1 - 1e-6):
        return None
    lags = sorted(lags_of(window_s, demand.interval_s))
    power_mw = finite(demand.power_mw)
    if power_mw.size <= lags[-1]:
        return None
    ends = power_mw[lags[-1] :]
    change, *other = (ends - power_mw[lags[-1] - lag : power_mw.size - lag] for lag in lags)
    if other:
        change = np.where(np.abs(change) >= np.abs(other[0]), change, other[0])
    return np.arange(lags[-1], power_mw.size, dtype=float) * demand.interval_s, change


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
