"""Draw a report's Plotly figures as SVG for print: the same data, as vectors, through matplotlib."""

from __future__ import annotations

import base64
import html
import io
import re
from typing import Any

import matplotlib as mpl
import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import ScalarFormatter

WIDTH_IN = 7.1
PX_PER_IN = 105.0
PT_PER_PX = 72.0 / PX_PER_IN
_DASHES = {"solid": "-", "dash": "--", "dot": ":", "longdash": (0, (8, 4)), "dashdot": "-."}
_MARKERS = {
    "circle": "o",
    "circle-open": "o",
    "diamond": "D",
    "diamond-open": "D",
    "triangle-down": "v",
}
_STYLE: Any = {
    "svg.hashsalt": "cosim",
    "svg.fonttype": "none",
    "font.size": 8,
    "axes.linewidth": 0.6,
    "font.family": "sans-serif",
}


def svg(plot: go.Figure) -> str:
    """A Plotly figure as SVG text, the same bytes every time.

    Parameters
    ----------
    plot
        Made of what the report's plots are made of: scatter traces (lines, markers, fills), shapes of lines and
        rectangles, annotations, panels one above the other, linear and logarithmic axes.
    """
    data = plot.to_dict()
    layout = data["layout"]
    names = sorted((key for key in layout if key.startswith("yaxis")), key=lambda key: int(key[5:] or 1))
    with mpl.rc_context(_STYLE):
        canvas = Canvas(figsize=(WIDTH_IN, layout["height"] / PX_PER_IN), layout="constrained")
        grid = canvas.subplots(len(names), 1, sharex=len(names) > 1, squeeze=False)[:, 0]
        by_name = {f"y{name[5:]}": axes for name, axes in zip(names, grid, strict=True)}
        for name, axes in zip(names, grid, strict=True):
            _set_axes(axes, layout[f"xaxis{name[5:]}"], layout[name])
        previous: dict[str, Any] = {}
        for trace in data["data"]:
            axes = by_name[trace.get("yaxis", "y")]
            _trace(axes, trace, previous)
            previous = trace
        for shape in layout.get("shapes", ()):
            _shape(by_name, shape)
        for note in layout.get("annotations", ()):
            _annotation(by_name, note)
        for name, axes in zip(names, grid, strict=True):
            _limits(axes, layout[f"xaxis{name[5:]}"], layout[name])
        _legend(canvas, grid)
        text = io.StringIO()
        canvas.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _set_axes(axes: Axes, x: dict[str, Any], y: dict[str, Any]) -> None:
    if x.get("visible") is False:
        axes.set_axis_off()
        axes.set_aspect("equal", adjustable="datalim")
        return
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#e3e6e9", linewidth=0.5)
    axes.set_axisbelow(True)
    for axis, scale, letter in ((x, axes.set_xscale, "x"), (y, axes.set_yscale, "y")):
        if axis.get("type") == "log":
            scale("log")
        else:
            plain = ScalarFormatter(useOffset=False)
            getattr(axes, f"{letter}axis").set_major_formatter(plain)
    axes.set_xlabel(_text((x.get("title") or {}).get("text", "")))
    axes.set_ylabel(_text((y.get("title") or {}).get("text", "")))


def _limits(axes: Axes, x: dict[str, Any], y: dict[str, Any]) -> None:
    for axis, set_limits in ((x, axes.set_xlim), (y, axes.set_ylim)):
        if axis.get("range"):
            low, high = axis["range"]
            set_limits((10**low, 10**high) if axis.get("type") == "log" else (low, high))


def _trace(axes: Axes, trace: dict[str, Any], previous: dict[str, Any]) -> None:
    x, y = _values(trace["x"]), _values(trace["y"])
    label = _text(trace.get("name") or "") if trace.get("showlegend") is not False else None
    mode = trace.get("mode", "lines")
    if trace.get("fill") == "tonexty":
        axes.fill_between(x, _values(previous["y"]), y, color="#868d96", alpha=0.28, linewidth=0, label=label)
        label = None
    if "lines" in mode:
        line = trace.get("line", {})
        step = "steps-post" if line.get("shape") == "hv" else "default"
        style = {"color": line.get("color"), "linewidth": 0.7 * line.get("width", 1.5)}
        axes.plot(x, y, linestyle=_DASHES[line.get("dash") or "solid"], drawstyle=step, label=label, **style)
    if "markers" in mode:
        _markers(axes, trace, x, y, label)
    if "text" in mode:
        for at_x, at_y, text in zip(x, y, trace["text"], strict=True):
            axes.annotate(_text(text), (at_x, at_y), xytext=(3, 3), textcoords="offset points", fontsize=6)


def _markers(axes: Axes, trace: dict[str, Any], x: np.ndarray, y: np.ndarray, label: str | None) -> None:
    marker = trace.get("marker", {})
    symbol, colour = marker.get("symbol", "circle"), marker.get("color")
    size = (0.55 * marker.get("size", 8)) ** 2
    if marker.get("showscale"):
        drawn = axes.scatter(
            x, y, s=size, c=_values(colour), cmap="viridis", zorder=3, linewidths=0.3, edgecolors="#444"
        )
        bar = axes.get_figure().colorbar(drawn, ax=axes, shrink=0.8)  # type: ignore[union-attr]
        if bar.solids is not None:
            bar.solids.set_rasterized(False)
        bar.set_label(_text(marker["colorbar"]["title"]["text"]))
        return
    hollow = symbol.endswith("-open")
    edge = to_rgba(colour)
    axes.scatter(
        x,
        y,
        s=size,
        marker=_MARKERS[symbol],
        facecolors="none" if hollow else [edge],
        edgecolors=[edge],
        label=label,
        zorder=4,
    )


def _shape(by_name: dict[str, Axes], shape: dict[str, Any]) -> None:
    targets = list(by_name.values()) if shape.get("yref") == "paper" else [_axes_of(by_name, shape)]
    line = shape.get("line", {})
    style: dict[str, Any] = {"color": line.get("color"), "linewidth": 0.7 * line.get("width", 1.0)}
    style["linestyle"] = _DASHES[line.get("dash") or "solid"]
    for axes in targets:
        if shape["type"] == "rect":
            axes.axvspan(shape["x0"], shape["x1"], color=shape["fillcolor"], alpha=shape["opacity"], linewidth=0)
        elif shape["x0"] == shape["x1"]:
            axes.axvline(shape["x0"], **style)
        else:
            axes.axhline(shape["y0"], **style)


def _annotation(by_name: dict[str, Axes], note: dict[str, Any]) -> None:
    paper = note.get("yref") == "paper"
    axes = next(iter(by_name.values())) if paper else _axes_of(by_name, note)
    in_domain_x = str(note.get("xref", "x")).endswith("domain")
    in_domain_y = paper or str(note.get("yref", "y")).endswith("domain")
    transform = axes.get_yaxis_transform() if in_domain_x else axes.get_xaxis_transform()
    if not in_domain_x and not in_domain_y:
        transform = axes.transData
    x = note["x"]
    if not in_domain_x and axes.get_xscale() == "log":
        x = 10**x
    axes.annotate(
        _text(note["text"]),
        (x, note["y"]),
        xycoords=transform,
        xytext=(PT_PER_PX * note.get("xshift", 0), PT_PER_PX * note.get("yshift", 0)),
        textcoords="offset points",
        ha={"left": "left", "right": "right"}.get(note.get("xanchor", ""), "center"),
        va={"top": "top", "bottom": "bottom"}.get(note.get("yanchor", ""), "center"),
        color=(note.get("font") or {}).get("color"),
        fontsize=6.5,
        clip_on=True,
    )


def _axes_of(by_name: dict[str, Axes], item: dict[str, Any]) -> Axes:
    return by_name[str(item.get("yref", "y")).removesuffix(" domain")]


def _legend(canvas: Canvas, grid: np.ndarray) -> None:
    handles: dict[str, Any] = {}
    for axes in grid:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if handles:
        style = {"ncols": min(len(handles), 3), "frameon": False, "fontsize": 7}
        canvas.legend(list(handles.values()), list(handles), loc="outside upper center", **style)


def _values(given: Any) -> np.ndarray:
    if isinstance(given, dict):  # Plotly packs arrays of numbers
        return np.frombuffer(base64.b64decode(given["bdata"]), dtype=given["dtype"]).astype(float)
    return np.array([np.nan if value is None else value for value in given], dtype=float)


def _text(markup: str) -> str:
    """Plotly's text as plain text; matplotlib would read dollars as mathematics."""
    plain = html.unescape(re.sub(r"<br ?/?>", "\n", markup))
    return plain.replace("$", r"\$")
