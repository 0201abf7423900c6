"""A picture of the network: buses coloured by voltage level and sized by load, machines and sites marked."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx  # type: ignore[import-untyped]
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from grids.grid import Grid

Position = tuple[float, float]

_TRANSFORMER_LENGTH = 0.6
"""Of a line's length 1: a transformer's ends are one place."""

_COLOURS = ("#b3362b", "#2f6db3", "#2a8f62", "#c98a1b", "#7b4fa3", "#4d8f9e", "#a65f7e", "#6b6f76")
"""For voltage levels from the highest down; the last one stands for all that are left."""

_MAX_LABELS = 150
"""With more buses, only those with a machine or a site are named."""


@dataclass(frozen=True)
class NetworkGraph:
    """Positions of the buses by idx (the shorter side of the picture is 1 long), and the figure drawn with them."""

    positions: dict[str, Position]
    figure: Figure

    def svg(self) -> str:
        """The figure as SVG text, the same bytes every time."""
        text = io.StringIO()
        self.figure.savefig(text, format="svg", bbox_inches="tight", metadata={"Date": None})
        return text.getvalue()


def network_layout(grid: Grid) -> dict[str, Position]:
    """Positions of a grid's buses by idx: see :func:`layout`."""
    base_kv = {str(bus.idx): bus.base_kv for bus in grid.buses}
    return layout(base_kv, [(str(line.from_bus), str(line.to_bus)) for line in grid.lines])


def layout(base_kv: Mapping[str, float], branches: Iterable[tuple[str, str]]) -> dict[str, Position]:
    """Positions of buses: distances follow the number of branches between (Kamada and Kawai, 1989).

    There is nothing random in it: the same network has the same picture. The longer side lies horizontally.

    Parameters
    ----------
    base_kv
        Of each bus by name; a branch between two levels is a transformer and short.
    branches
        Names of the buses at both ends.
    """
    graph = nx.Graph()
    graph.add_nodes_from(base_kv)
    for ends in branches:
        same_level = abs(base_kv[ends[0]] - base_kv[ends[1]]) <= 0.01 * base_kv[ends[0]]
        graph.add_edge(*ends, length=1.0 if same_level else _TRANSFORMER_LENGTH)
    return _lying(nx.kamada_kawai_layout(graph, weight="length"))


def draw_network(grid: Grid, sites: Mapping[str, int | str] | None = None) -> NetworkGraph:
    """Draw the network of a grid.

    Parameters
    ----------
    grid : Grid
        Open lines are dashed.
    sites : mapping, optional
        Bus of each site by the site's name.

    Raises
    ------
    GridError
        If a site's bus does not exist.
    """
    placed = {name: str(grid.find_bus(bus).idx) for name, bus in (sites or {}).items()}
    positions = network_layout(grid)
    many = len(grid.buses)
    width = 8.0 if many <= 60 else 12.0 if many <= 200 else 16.0
    figure = Figure(figsize=(width, 0.7 * width), layout="constrained")
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_aspect("equal")
    unit = 170.0 / many**0.5  # area of a mark in square points, so that marks of a large grid do not overlap

    for line in grid.lines:
        x, y = zip(positions[str(line.from_bus)], positions[str(line.to_bus)], strict=True)
        if line.in_service:
            axes.plot(x, y, color="#9aa0a8", linewidth=1.0, zorder=1)
        else:
            axes.plot(x, y, color="#c4504a", linewidth=1.2, linestyle=(0, (3, 3)), zorder=1)

    levels = sorted({bus.base_kv for bus in grid.buses}, reverse=True)
    colour = {level: _COLOURS[min(k, len(_COLOURS) - 1)] for k, level in enumerate(levels)}
    largest_mw = max((bus.load_mw for bus in grid.buses), default=0.0)
    for bus in grid.buses:
        share = max(0.0, bus.load_mw) / largest_mw if largest_mw > 0 else 0.0
        axes.scatter(*positions[str(bus.idx)], s=unit * (0.6 + 4.0 * share), color=colour[bus.base_kv], zorder=3)
    _rings(axes, positions, [str(m.bus) for m in grid.machines], 5.5 * unit, "#22262b", "o")
    _rings(axes, positions, [str(inverter.bus) for inverter in grid.inverters], 5.5 * unit, "#22262b", "s")
    _rings(axes, positions, list(placed.values()), 11 * unit, "#d1188f", "D")
    _labels(axes, grid, positions, placed)
    handles = _legend(levels, colour, grid, bool(placed), largest_mw)
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize=8)
    return NetworkGraph(positions, figure)


def _lying(found: Mapping[str, Sequence[float]]) -> dict[str, Position]:
    """Turn the longer side to the horizontal and bring the shorter one to a length of 1."""
    columns = list(zip(*found.values(), strict=True))
    low = [min(column) for column in columns]
    extent = [max(column) - min(column) for column in columns]
    first, second = (0, 1) if extent[0] >= extent[1] else (1, 0)
    scale = extent[second] if extent[second] > 1e-9 else extent[first] or 1.0
    return {
        bus: (float(at[first] - low[first]) / scale, float(at[second] - low[second]) / scale)
        for bus, at in found.items()
    }


def _rings(
    axes: Axes, positions: Mapping[str, Position], buses: Sequence[str], area: float, colour: str, marker: str
) -> None:
    if buses:
        x, y = zip(*(positions[bus] for bus in buses), strict=True)
        axes.scatter(x, y, s=area, facecolors="none", edgecolors=colour, linewidths=1.4, marker=marker, zorder=4)


def _labels(axes: Axes, grid: Grid, positions: Mapping[str, Position], placed: Mapping[str, str]) -> None:
    """Numbers of the buses, and names of the sites, beside their marks."""
    marked = {str(machine.bus) for machine in grid.machines} | {str(inverter.bus) for inverter in grid.inverters}
    marked |= set(placed.values())
    size = 8 if len(grid.buses) <= 60 else 6
    text: dict[str, Any] = {"fontsize": size, "textcoords": "offset points", "zorder": 5}
    for bus, at in positions.items():
        if len(positions) <= _MAX_LABELS or bus in marked:
            axes.annotate(bus, at, xytext=(4, 4), color="#33383f", **text)
    for name, bus in placed.items():
        axes.annotate(
            name, positions[bus], xytext=(9, -11), color="#d1188f", fontweight="bold", **{**text, "fontsize": 9}
        )


def _legend(
    levels: Sequence[float], colour: Mapping[float, str], grid: Grid, with_sites: bool, largest_mw: float
) -> list[Line2D]:
    def mark(label: str, **style: Any) -> Line2D:
        return Line2D([], [], linestyle="none", label=label, **style)

    alone = levels[: len(_COLOURS) - 1] if len(levels) > len(_COLOURS) else levels
    handles = [mark(f"{level:g} kV", marker="o", color=colour[level], markersize=6) for level in alone]
    if len(alone) < len(levels):
        handles.append(mark(f"below {alone[-1]:g} kV", marker="o", color=_COLOURS[-1], markersize=6))
    ring: dict[str, Any] = {"markerfacecolor": "none", "markersize": 9, "markeredgewidth": 1.4}
    handles.append(mark("machine", marker="o", markeredgecolor="#22262b", **ring))
    if grid.inverters:
        handles.append(mark("inverter-based plant", marker="s", markeredgecolor="#22262b", **ring))
    if with_sites:
        handles.append(mark("site", marker="D", markeredgecolor="#d1188f", **ring))
    if not all(line.in_service for line in grid.lines):
        handles.append(Line2D([], [], color="#c4504a", linestyle=(0, (3, 3)), label="open line"))
    if largest_mw > 0:
        handles.append(mark(f"size: load, up to {largest_mw:.4g} MW", marker="o", color="#9aa0a8", markersize=9))
    return handles
