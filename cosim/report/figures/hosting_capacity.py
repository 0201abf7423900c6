"""Plots of hosting capacity: a map of the network, and bars by bus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from cosim.network import Network
from cosim.report.drawing import BLUE, GREEN, GREY, ORANGE, PINK, PURPLE, RED, SINGLE_PX, axes, plane, safe
from cosim.report.figures.base import Figure, no_figure
from cosim.report.text import general, printed_id
from grids.network_graph import Position, layout

MAP = ("figure-hosting-map", "Network: hosting capacity of each bus")
BARS = ("figure-hosting-bars", "Hosting capacity by bus and binding limit")

SCALE = "Viridis"
MOST_LABELS = 60
SMALLEST_PX, LARGEST_PX = 10.0, 34.0
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, PINK, RED)

Bus = Mapping[str, Any]


def capacity_map(buses: Sequence[Bus], network: Network, texts: Mapping[str, str]) -> Figure:
    """Network with the buses that were studied sized and coloured by capacity.

    Parameters
    ----------
    buses
        Those of ``hosting.json``.
    network
    texts
        What is said of each bus when it is pointed at, by name.
    """
    known = [bus for bus in buses if bus["capacity_mw"] is not None]
    if not known:
        return no_figure(MAP, "no bus has a capacity")
    lines = [line for line in network.lines if line.in_service]
    base_kv = {bus.name: bus.base_kv for bus in network.buses}
    positions = layout(base_kv, [(x.from_bus, x.to_bus) for x in lines])
    plot = axes(1, [""], SINGLE_PX + 160)
    _draw_lines(plot, [(positions[x.from_bus], positions[x.to_bus]) for x in lines])
    studied = {bus["bus"] for bus in known}
    others = [name for name in positions if name not in studied]
    few = len(positions) <= MOST_LABELS
    _draw_others(plot, others, positions, few)
    machines = list(dict.fromkeys(generator.bus for generator in network.generators))
    _draw_machines(plot, [positions[name] for name in machines])
    capacity = np.array([bus["capacity_mw"] for bus in known])
    share = capacity / capacity.max() if capacity.max() > 0 else np.zeros(len(capacity))
    xy = np.array([positions[bus["bus"]] for bus in known])
    plot.add_trace(
        go.Scatter(
            x=xy[:, 0],
            y=xy[:, 1],
            name="studied",
            showlegend=False,
            mode="markers+text" if few else "markers",
            text=[f"<br><b>{safe(bus['bus'])}</b>: {_sign(bus, 3)} MW" for bus in known],  # below a machine's ring
            textposition="bottom center",
            textfont={"size": 11, "color": GREY},
            customdata=[safe(texts[bus["bus"]]) for bus in known],
            hovertemplate="%{customdata}<extra></extra>",
            marker={
                "size": SMALLEST_PX + (LARGEST_PX - SMALLEST_PX) * np.sqrt(share),
                "color": capacity,
                "cmin": 0.0,
                "cmax": float(capacity.max()) or 1.0,
                "colorscale": SCALE,
                "showscale": True,
                "colorbar": {"title": {"text": "capacity (MW)", "side": "right"}, "thickness": 12},
                "line": {"width": 1, "color": GREY},
                "opacity": 1.0,  # of sized marks it would be less
            },
        )
    )
    plot.update_xaxes(visible=False)
    plot.update_yaxes(visible=False, scaleanchor="x")
    plot.update_layout(hovermode="closest", meta={"time": False})
    said = "; ".join(f"bus {bus['bus']}: {_sign(bus)} MW" for bus in known)
    return Figure(
        *MAP,
        alt=f"{MAP[1]}. {said}.",
        caption="Discs: buses studied, larger and lighter with capacity; small dots: other buses; rings: machines. "
        "Distances count branches, they are not geography.",
        plot=plot,
    )


def capacity_bars(buses: Sequence[Bus], names: Mapping[str, str], texts: Mapping[str, str]) -> Figure:
    """Bars by bus, coloured by what binds.

    Parameters
    ----------
    buses
        Those of ``hosting.json``.
    names
        What binds at each bus, by its name.
    texts
        What is said of each bus when it is pointed at, by name.
    """
    known = [bus for bus in buses if bus["capacity_mw"] is not None]
    if not known:
        return no_figure(BARS, "no bus has a capacity")
    ordered = sorted(known, key=lambda bus: -bus["capacity_mw"])
    plot = plane("bus", "hosting capacity (MW)")
    limits = list(dict.fromkeys(names[bus["bus"]] for bus in ordered))
    for k, limit in enumerate(limits):
        own = [bus for bus in ordered if names[bus["bus"]] == limit]
        plot.add_trace(
            go.Bar(
                x=[safe(bus["bus"]) for bus in own],
                y=[bus["capacity_mw"] for bus in own],
                name=safe(printed_id(limit)),
                marker={"color": COLOURS[k % len(COLOURS)]},
                text=[_sign(bus) for bus in own],
                textposition="outside",
                cliponaxis=False,
                customdata=[safe(texts[bus["bus"]]) for bus in own],
                hovertemplate="%{customdata}<extra></extra>",
            )
        )
    order = [safe(bus["bus"]) for bus in ordered]
    plot.update_xaxes(type="category", categoryorder="array", categoryarray=order)
    plot.update_yaxes(rangemode="tozero")
    plot.update_layout(showlegend=True, bargap=0.35)
    said = "; ".join(f"bus {bus['bus']}: {_sign(bus)} MW, {names[bus['bus']]}" for bus in ordered)
    return Figure(
        *BARS,
        alt=f"{BARS[1]}. {said}.",
        caption="The largest bus first; colours: the limit that a larger site breaks first.",
        plot=plot,
    )


def _sign(bus: Bus, digits: int = 4) -> str:
    if bus["status"] == "none":
        return "0"
    return f"{'≥ ' if bus['status'] == 'at_max' else ''}{general(bus['capacity_mw'], digits)}"


def _draw_lines(plot: go.Figure, ends: Sequence[tuple[Position, Position]]) -> None:
    x: list[float | None] = []
    y: list[float | None] = []
    for (x0, y0), (x1, y1) in ends:
        x += [x0, x1, None]
        y += [y0, y1, None]
    style = {"color": GREY, "width": 1}
    plot.add_trace(go.Scatter(x=x, y=y, mode="lines", line=style, name="lines", showlegend=False, hoverinfo="skip"))


def _draw_others(plot: go.Figure, names: Sequence[str], positions: Mapping[str, Position], labelled: bool) -> None:
    plot.add_trace(
        go.Scatter(
            x=[positions[name][0] for name in names],
            y=[positions[name][1] for name in names],
            name="other buses",
            showlegend=False,
            mode="markers+text" if labelled else "markers",
            text=[safe(name) for name in names],
            textposition="top right",
            textfont={"size": 10, "color": GREY},
            hovertemplate="bus %{text}: not studied<extra></extra>",
            marker={"size": 6, "color": GREY},
        )
    )


def _draw_machines(plot: go.Figure, at: Sequence[Position]) -> None:
    if at:
        x, y = zip(*at, strict=True)
        marker = {"symbol": "circle-open", "size": 40, "color": GREY, "line": {"width": 1.2}}
        plot.add_trace(go.Scatter(x=x, y=y, mode="markers", name="machines", marker=marker, hoverinfo="skip"))
