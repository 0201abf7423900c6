"""Parts that plots are put together from: axes, thinned curves, bands and points."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from cosim.report.decimate import MAX_POINTS, decimate
from cosim.report.text import words
from cosim.result import Result

Array = NDArray[np.float64]

# Mid tones, told apart by colour-blind readers, that read on white and on near-black.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#3584c8", "#d5762a", "#219b7c", "#a873c4", "#868d96"
RED, PINK = "#cf4b3c", "#d1188f"
WINDOW_COLOURS = (BLUE, ORANGE, GREEN)
BAND = "rgba(134, 141, 150, 0.28)"
MAX_PANELS = 12
PANEL_PX, MARGINS_PX, SINGLE_PX = 190, 110, 380  # heights


class Range:
    """Smallest and largest value drawn so far."""

    def __init__(self) -> None:
        self.low, self.high = math.inf, -math.inf

    @property
    def known(self) -> bool:
        """Whether anything finite was drawn."""
        return self.low <= self.high

    def add(self, values: Array) -> None:
        """Take in values [any shape]; those that are not finite do not count."""
        if np.isfinite(values).any():
            self.low = min(self.low, float(np.nanmin(values)))
            self.high = max(self.high, float(np.nanmax(values)))

    def is_near(self, value: float, reach: float, near: float) -> bool:
        """Whether a value lies inside, or outside by at most `reach` spans plus `near`."""
        span = reach * (self.high - self.low) + near
        return self.low - span <= value <= self.high + span


def axes(rows: int, y_titles: Sequence[str], height_px: int) -> go.Figure:
    """Empty figure: panels one above the other that share their time axis.

    The page's script gives text and grid the colours of its theme.
    """
    gap = min(0.05, 0.3 / rows)
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


def plane(x_title: str, y_title: str, *, log_x: bool = False, log_y: bool = False) -> go.Figure:
    """Empty figure of one quantity against another that is not time."""
    plot = axes(1, [y_title], SINGLE_PX)
    plot.update_xaxes(title={"text": x_title}, type="log" if log_x else "linear", exponentformat="none")
    plot.update_yaxes(type="log" if log_y else "linear")
    plot.update_layout(hovermode="closest", meta={"time": False})
    return plot


def points(
    plot: go.Figure, x: Array, y: Array, name: str, colour: str, *, symbol: str = "circle", texts: Sequence[str] = ()
) -> None:
    """Add marks, each with a text that is shown when it is pointed at."""
    plot.add_trace(
        go.Scatter(
            x=x,
            y=y,
            name=safe(name),
            mode="markers",
            marker={"symbol": symbol, "size": 8, "color": colour, "line": {"width": 1, "color": colour}},
            text=[safe(text) for text in texts] or None,
            hovertemplate="%{text}<extra></extra>" if texts else "%{y:.6~g}",
        )
    )


def shade(plot: go.Figure, low: float, high: float, text: str, colour: str, *, row: int = 1) -> None:
    """Shade a range of the horizontal axis and write a text at its top."""
    suffix = "" if row == 1 else str(row)
    at = {"xref": f"x{suffix}", "yref": f"y{suffix} domain"}
    plot.add_shape(
        type="rect", x0=low, x1=high, y0=0, y1=1, fillcolor=colour, opacity=0.12, line={"width": 0}, layer="below", **at
    )
    is_log = plot.layout[f"xaxis{suffix}"].type == "log"
    middle = math.log10(math.sqrt(low * high)) if is_log else (low + high) / 2
    plot.add_annotation(
        x=middle, y=1, text=safe(text), showarrow=False, yanchor="top", font={"size": 11, "color": GREY}, **at
    )


def panels(names: Sequence[str], quantity: str) -> go.Figure:
    """One panel for each name, all of the same quantity with its unit."""
    titles = [f"{safe(name)}<br>{quantity}" for name in names]
    return axes(len(names), titles, max(SINGLE_PX - 60, PANEL_PX * len(names) + MARGINS_PX))


def curve(
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
            name=safe(name),
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


def band(plot: go.Figure, envelope: pd.DataFrame, name: str) -> Array:
    """Shade between the smallest and the largest element at each instant (columns min and max over time)."""
    known = envelope.dropna()
    time_s, low, high = known.index.to_numpy(), known["min"].to_numpy(), known["max"].to_numpy()
    edge = {"width": 0.6, "color": GREY}
    for side, fill in ((low, None), (high, "tonexty")):
        x, y = decimate(time_s, side)
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


def extreme(plot: go.Figure, time_s: float | None, value: float | None, name: str, colour: str) -> None:
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


def safe(name: str) -> str:
    """Escape a name that Plotly would read as markup."""
    return html.escape(words(name) if name == "total" else str(name), quote=False)


def thinned(capped: bool) -> str:
    """Say that curves were thinned, if any was."""
    if not capped:
        return ""
    return f" Long curves show the smallest and largest of each group of samples, at most {MAX_POINTS} points."


def thinned_if(result: Result) -> str:
    """Say that curves of the stored rows were thinned, if they were."""
    return thinned(result.time_s.size > MAX_POINTS)


def omitted_note(count: int, what: str) -> str:
    """Say how many panels are left out, if any."""
    return f" Only the first {MAX_PANELS} of {count} {what} are drawn." if count > MAX_PANELS else ""
