"""Plots of sites that react to the grid: what they asked for, what they drew, and what took or gave the difference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from cosim.metrics.section import finite
from cosim.report.decimate import MAX_POINTS
from cosim.report.drawing import (
    BLUE,
    GREEN,
    GREY,
    MARGINS_PX,
    ORANGE,
    PANEL_PX,
    PINK,
    PURPLE,
    SINGLE_PX,
    axes,
    curve,
    thinned,
)
from cosim.report.figures.base import Figure, Source, no_figure
from cosim.report.marks import finish
from cosim.report.text import number

Array = NDArray[np.float64]

DEVICES = {"battery": ORANGE, "supercapacitor": PURPLE}


def reactions(source: Source, sites: Sequence[str]) -> dict[str, list[Figure]]:
    """A plot of each of the sites whose reaction was recorded, as sections of the report (``reaction.<site>``)."""
    found = {}
    for name in sites:
        draw = source.result.site(name)
        if "connected_share" in draw:
            found[f"reaction.{name}"] = [_reaction(source, name, draw)]
    return found


def _reaction(source: Source, name: str, draw: pd.DataFrame) -> Figure:
    about = (f"figure-reaction-{name}", f"{name}: demand and what passes the POI")
    if draw.empty:
        return no_figure(about, "no time step was stored for the site")
    devices = [device for device in DEVICES if f"{device}_soc" in draw]
    time_s, share = draw.index.to_numpy(), draw["connected_share"].to_numpy()
    titles = ["power (MW)"]
    titles += ["connected (%)"] if (share != 1.0).any() else []
    titles += ["storage (MW)", "charge (%)"] if devices else []
    plot = axes(len(titles), titles, max(SINGLE_PX, PANEL_PX * len(titles) + MARGINS_PX))
    caption = _draw_power(plot, draw)
    power_mw = finite(draw["power_mw"].to_numpy())
    said = [f"Power through the POI from {_range(power_mw, 'MW')} MW."]
    if "connected (%)" in titles:
        curve(plot, time_s, 100.0 * share, "connected share", GREEN, row=2)
        plot.data[-1].showlegend = False
        least = int(share.argmin())
        said.append(f"At the least {number(100 * share[least], '%')} % connected, at {number(time_s[least], 's')} s.")
        caption += " Connected is the share of the demand that the grid feeds."
    if devices:
        row = titles.index("storage (MW)") + 1
        storage_mw = draw["storage_mw"].to_numpy()
        curve(plot, time_s, storage_mw, "storage", PINK, row=row)
        plot.data[-1].showlegend = False
        said.append(f"Storage from {_range(storage_mw, 'MW')} MW.")
        for device in devices:
            soc = 100.0 * draw[f"{device}_soc"].to_numpy()
            curve(plot, time_s, soc, device, DEVICES[device], row=row + 1)
            said.append(f"Charge of the {device} from {_range(soc, '%')} %.")
        caption += " Storage is above zero while it charges; charge is the energy in a device, of what it can hold."
    plot.update_yaxes(title={"standoff": 6})
    finish(plot, source.result)
    return Figure(
        *about,
        alt=f"Over time, for {name}. {' '.join(said)}",
        caption=f"{caption} {' '.join(said[1:])}{thinned(time_s.size > MAX_POINTS)}".replace("  ", " "),
        plot=plot,
    )


def _draw_power(plot: go.Figure, draw: pd.DataFrame) -> str:
    """Draw demand, power at the POI and charging of UPS batteries in the first panel, and say what they are."""
    time_s = draw.index.to_numpy()
    curve(plot, time_s, draw["wanted_mw"].to_numpy(), "demand", GREY, width=1.2)
    curve(plot, time_s, finite(draw["power_mw"].to_numpy()), "through the POI", BLUE)
    text = "POI: point of interconnection, where the site connects. Demand is what the workloads ask for "
    text += "before protection and storage act, at nominal voltage."
    recharge_mw = draw["recharge_mw"].to_numpy()
    if recharge_mw.any():
        curve(plot, time_s, recharge_mw, "charging of UPS batteries", ORANGE, dash="dot")
        text += " Charging of UPS batteries is a part of what passes. UPS: uninterruptible power supply, whose "
        text += "batteries carry the equipment while it is off the grid."
    return text


def _range(values: Array, unit: str) -> str:
    return f"{number(float(np.nanmin(values)), unit)} to {number(float(np.nanmax(values)), unit)}"
