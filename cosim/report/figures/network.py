"""Maps of the network: buses coloured by how far their voltage and their frequency went."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cosim.network import Network
from cosim.report.drawing import GREY, PINK, SINGLE_PX, axes, safe
from cosim.report.figures.base import Figure, Source, no_figure
from cosim.report.text import number
from grids.network_graph import Position, layout

VOLTAGE_MAP = ("figure-voltage-map", "Network: swing of each bus voltage")
FREQUENCY_MAP = ("figure-frequency-map", "Network: largest frequency deviation of each bus")

SCALE = "Viridis"
MOST_LABELS = 60


def voltage_map(source: Source) -> Figure:
    """Network coloured by the swing of each bus voltage."""
    table = _extrema(source, "voltage_pu")
    if isinstance(table, str):
        return no_figure(VOLTAGE_MAP, table)
    swing = 1e3 * (table["max"] - table["min"])
    return _map(source, VOLTAGE_MAP, swing, "swing (mpu)", "Largest less smallest voltage of each bus over the run.")


def frequency_map(source: Source) -> Figure:
    """Network coloured by the largest frequency deviation of each bus."""
    table = _extrema(source, "frequency_hz")
    if isinstance(table, str):
        return no_figure(FREQUENCY_MAP, table)
    nominal_hz = float(source.result.attributes["nominal_hz"])
    away = 1e3 * np.maximum(nominal_hz - table["min"], table["max"] - nominal_hz)
    caption = f"Largest distance of each bus frequency from {nominal_hz:g} Hz over the run."
    return _map(source, FREQUENCY_MAP, away, "deviation (mHz)", caption)


def _extrema(source: Source, channel: str) -> pd.DataFrame | str:
    if source.result.network is None:
        return "the network was not stored with the result"
    if not source.result.has_channel(channel):
        return f"channel {channel} was not recorded"
    table = source.result.extrema(channel).dropna()
    return f"channel {channel} holds no values" if table.empty else table


def _map(source: Source, about: tuple[str, str], values: pd.Series, title: str, caption: str) -> Figure:
    network = source.result.network
    assert network is not None
    positions = _positions(network)
    sites: dict[str, list[str]] = {}
    for name in source.result.sites:
        sites.setdefault(str(source.result.site_attributes(name).get("bus")), []).append(name)
    plot = axes(1, [""], SINGLE_PX + 120)
    _draw_lines(plot, network, positions)
    _draw_machines(plot, network, positions)
    shown = [bus for bus in positions if bus in values.index]
    xy = np.array([positions[bus] for bus in shown])
    few = len(shown) <= MOST_LABELS
    unit = title.partition("(")[2].rstrip(")")
    plot.add_trace(
        go.Scatter(
            x=xy[:, 0],
            y=xy[:, 1],
            name="bus",
            showlegend=False,
            mode="markers+text" if few else "markers",
            text=[safe(bus) for bus in shown],
            textposition="top right",
            textfont={"size": 10, "color": GREY},
            customdata=[f"bus {safe(bus)}: {values[bus]:.4g} {unit}" for bus in shown],
            hovertemplate="%{customdata}<extra></extra>",
            marker={
                "size": 11 if few else 8,
                "color": values[shown].to_numpy(),
                "colorscale": SCALE,
                "showscale": True,
                "colorbar": {"title": {"text": title, "side": "right"}, "thickness": 12},
                "line": {"width": 0.5, "color": GREY},
            },
        )
    )
    _draw_sites(plot, sites, positions)
    plot.update_xaxes(visible=False)
    plot.update_yaxes(visible=False, scaleanchor="x")
    plot.update_layout(hovermode="closest", meta={"time": False})
    worst = str(values.idxmax())
    return Figure(
        *about,
        alt=f"{about[1]}. Largest at bus {worst}: {number(values[worst])} {unit}. "
        f"Sites at bus {', '.join(sites) or 'none'}.",
        caption=f"{caption} Circles: machines; diamonds: sites. Distances count branches, they are not geography.",
        plot=plot,
    )


def _positions(network: Network) -> dict[str, Position]:
    ends = [(x.from_bus, x.to_bus) for x in network.lines]
    return layout({bus.name: bus.base_kv for bus in network.buses}, ends)


def _draw_lines(plot: go.Figure, network: Network, positions: Mapping[str, Position]) -> None:
    x: list[float | None] = []
    y: list[float | None] = []
    for branch in network.lines:
        (x0, y0), (x1, y1) = positions[branch.from_bus], positions[branch.to_bus]
        x += [x0, x1, None]
        y += [y0, y1, None]
    style = {"color": GREY, "width": 1}
    plot.add_trace(go.Scatter(x=x, y=y, mode="lines", line=style, name="lines", showlegend=False, hoverinfo="skip"))


def _draw_machines(plot: go.Figure, network: Network, positions: Mapping[str, Position]) -> None:
    buses = list(dict.fromkeys(generator.bus for generator in network.generators))
    _rings(plot, [positions[bus] for bus in buses], "machines", "circle-open", 17, GREY)


def _draw_sites(plot: go.Figure, sites: Mapping[str, list[str]], positions: Mapping[str, Position]) -> None:
    known = {bus: names for bus, names in sites.items() if bus in positions}
    _rings(plot, [positions[bus] for bus in known], "sites", "diamond-open", 22, PINK)
    for bus, names in known.items():
        x, y = positions[bus]
        label = {"text": safe(", ".join(names)), "font": {"size": 12, "color": PINK}, "showarrow": False}
        plot.add_annotation(x=x, y=y, xanchor="left", yanchor="top", xshift=10, yshift=-6, **label)


def _rings(plot: go.Figure, at: list[Position], name: str, symbol: str, size: int, colour: str) -> None:
    if at:
        x, y = zip(*at, strict=True)
        marker = {"symbol": symbol, "size": size, "color": colour, "line": {"width": 1.6}}
        plot.add_trace(go.Scatter(x=x, y=y, mode="markers", name=name, marker=marker, hoverinfo="skip"))
