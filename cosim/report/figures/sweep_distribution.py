"""Plots of how metrics of a sweep spread."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from cosim.metrics import unit_of
from cosim.report.drawing import BLUE, GREY, ORANGE, RED, Range, plane, safe
from cosim.report.figures.base import Figure, no_figure
from cosim.report.figures.sweep_axes import PANEL_PX, TITLE_PX
from cosim.report.limits import Limit
from cosim.report.marks import LABEL_SHARE
from cosim.report.sweep_text import VERDICT_NAMES, metric_label
from cosim.report.text import general, number, printed_id
from cosim.sweep.limits import SweepLimit

OUTCOME_COLOURS = {"pass": BLUE, "fail": ORANGE, "not_assessed": GREY}
MAX_BOUNDS = 3
"""A limit with more bounds than that, because it depends on a parameter, is not drawn."""

MIN_BARS, MAX_BARS = 8, 40
MAX_SINGLE_RUNS = 6
"""Each run has its tick on the vertical axis below so many: there are no half runs."""

REACH = 1.0
"""Limits are drawn up to so many spans of the values away from them."""

Array = NDArray[np.float64]


def drawable(limits: Sequence[SweepLimit]) -> list[Limit]:
    """The lines of limits in a plot of the metric that they are on."""
    return [
        Limit(limit.id, limit.metric, bound, limit.is_max, limit.decides, judged=limit.decides)
        for limit in limits
        for bound in limit.bounds
        if len(limit.bounds) <= MAX_BOUNDS
    ]


def distribution(
    about: tuple[str, str], values: pd.Series, verdicts: pd.Series, limits: Sequence[SweepLimit], metric: str
) -> Figure:
    """Histogram of a metric over the runs that completed, by their verdict, with its limits.

    Parameters
    ----------
    about
        Id and title of the figure.
    values, verdicts
        Of the metric, and of each run [run].
    limits
        On the metric.
    metric
        Its path.
    """
    known = values.dropna()
    if known.empty:
        return no_figure(about, "no run has completed with a number for it")
    drawn = Range()
    drawn.add(known.to_numpy(float))
    edges = _edges(known.to_numpy(float))
    plot = plane(safe(metric_label(metric)), "runs")
    left, width = edges[:-1], np.diff(edges)
    for name, colour in OUTCOME_COLOURS.items():
        inside = known[verdicts[known.index] == name]
        if len(inside):
            count, _ = np.histogram(np.clip(inside, edges[0], edges[-1]), edges)
            texts = [f"{general(a)} to {general(b)}" for a, b in itertools.pairwise(edges)]
            plot.add_trace(
                go.Bar(
                    x=left,
                    y=count,
                    width=width,
                    offset=0,
                    name=VERDICT_NAMES.get(name, name),
                    marker={"color": colour, "line": {"width": 0.5, "color": "rgba(255,255,255,0.6)"}},
                    customdata=texts,
                    hovertemplate="%{customdata}: %{y} runs<extra>%{fullData.name}</extra>",
                )
            )
    plot.update_layout(barmode="stack", height=PANEL_PX, showlegend=True)
    highest = np.histogram(np.clip(known, edges[0], edges[-1]), edges)[0].max()
    whole = {"dtick": 1} if highest < MAX_SINGLE_RUNS else {}
    plot.update_yaxes(rangemode="tozero", tickformat=",d", title_standoff=TITLE_PX, **whole)
    outside = _vertical_limits(plot, drawable(limits), drawn)
    low, median, high = np.quantile(known, [0.05, 0.5, 0.95])
    unit = unit_of(metric)
    varies = [limit.id for limit in limits if len(limit.bounds) > MAX_BOUNDS]
    notes = [*outside, *(f"The limit “{printed_id(name)}” depends on the run and is not drawn." for name in varies)]
    return Figure(
        *about,
        alt=f"Histogram of {metric} over {known.size} runs: median {number(median, unit)}, from {number(low, unit)} at "
        f"5 % to {number(high, unit)} at 95 % {unit}.",
        caption=" ".join(notes),
        plot=plot,
    )


def _edges(values: Array) -> Array:
    """Edges of a histogram's bars, on round numbers; one bar where all values are the same."""
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        half = 0.005 * max(abs(low), abs(high)) or 0.5
        return np.array([low - half, high + half])
    count = int(np.clip(np.histogram_bin_edges(values, "auto").size - 1, MIN_BARS, MAX_BARS))
    return np.asarray(MaxNLocator(count, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))


def _vertical_limits(plot: go.Figure, limits: Sequence[Limit], drawn: Range) -> list[str]:
    """Draw limits on the horizontal axis; return sentences on those that lie far away."""
    near = 0.05 * max(abs(drawn.low), abs(drawn.high)) if drawn.low == drawn.high else 0.0
    shown = [limit for limit in limits if drawn.is_near(limit.value, REACH, near)]
    for limit in shown:
        line = {"color": RED if limit.judged else GREY, "width": 1.4, "dash": "longdash"}
        plot.add_shape(type="line", x0=limit.value, x1=limit.value, y0=0, y1=1, yref="y domain", line=line)
    ends = [drawn.low, drawn.high, *(limit.value for limit in shown)]
    middle, gap = (min(ends) + max(ends)) / 2, LABEL_SHARE * (max(ends) - min(ends))
    row, before = 0, -np.inf
    for limit in sorted(shown, key=lambda limit: limit.value):
        row = row + 1 if limit.value - before < 6 * gap else 0
        before = limit.value
        plot.add_annotation(
            x=limit.value,
            y=1 - 0.08 * row,
            yref="y domain",
            yanchor="top",
            xanchor="left" if limit.value <= middle else "right",
            text=safe(printed_id(limit.label)),
            showarrow=False,
            font={"size": 11, "color": RED if limit.judged else GREY},
        )
    return [
        f"The limit “{printed_id(limit.id)}”, {general(limit.bound)}, lies outside the plot."
        for limit in limits
        if limit not in shown
    ]
