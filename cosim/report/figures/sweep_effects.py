"""Plots of what each parameter of a sweep does to a metric."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from cosim.metrics import unit_of
from cosim.report.drawing import BAND, BLUE, GREY, ORANGE, Range, plane, safe
from cosim.report.figures.base import Figure, no_figure
from cosim.report.figures.sweep_axes import PANEL_PX, TITLE_PX, name_axis
from cosim.report.figures.sweep_distribution import REACH, drawable
from cosim.report.marks import LABEL_SHARE, draw_limits
from cosim.report.sweep_text import metric_label, parameter_label
from cosim.report.text import general
from cosim.sweep.effects import PASS_SHARE, Change, Effect
from cosim.sweep.limits import SweepLimit

BAR_PX = 30
MAX_UPRIGHT, LETTER_PX = 16, 6
"""More names than that are turned, and need so much height for each letter."""


Array = NDArray[np.float64]


def effect_panel(
    about: tuple[str, str],
    effect: Effect,
    metric: str,
    limits: Sequence[SweepLimit],
    y_range: tuple[float, float],
    values: pd.Series | None,
) -> Figure:
    """A metric against one parameter: median and quantiles, and the runs themselves where they are given.

    Parameters
    ----------
    about
        Id and title of the figure.
    effect
        Of the parameter on the metric.
    metric
        Its path.
    limits
        On the metric.
    y_range
        Of the vertical axis, the same for all parameters.
    values
        Of the metric in each run that the effect is made from [run], by the parameter's value as index.
    """
    known = np.isfinite(effect.median)
    if not known.any():
        return no_figure(about, "no run has completed with a number for it")
    grouping, is_share = effect.grouping, metric == PASS_SHARE
    plot = plane(safe(parameter_label(grouping.parameter)), safe(metric_label(metric)), log_x=grouping.is_log)
    names = np.array([safe(name) for name in grouping.names])[known]
    low, median, high = effect.low[known], effect.median[known], effect.high[known]
    if grouping.centres is None:
        x: Array = names
        plot.update_xaxes(name_axis(grouping.names))
    else:
        x = grouping.centres[known]
        if not grouping.is_binned and x.size <= 7:
            plot.update_xaxes(tickmode="array", tickvals=x, ticktext=list(names))
    if values is not None:
        _add_runs(plot, values, is_category=grouping.centres is None)
    is_line = grouping.centres is not None
    if is_line and not is_share:
        outline = {"x": x, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        plot.add_trace(go.Scatter(y=low, **outline))
        plot.add_trace(go.Scatter(y=high, fill="tonexty", fillcolor=BAND, **outline))
    what = "%{y:.4~g} %" if is_share else "median %{y:.6~g}, 5 to 95 %: %{customdata[1]} to %{customdata[2]}"
    plot.add_trace(
        go.Scatter(
            x=x,
            y=median,
            mode="lines+markers" if is_line else "markers",
            line={"color": BLUE, "width": 1.8},
            marker={"color": BLUE, "size": 7},
            error_y=None
            if is_line or is_share
            else {"array": high - median, "arrayminus": median - low, "color": GREY, "thickness": 1.5, "width": 4},
            customdata=[
                [name, general(a), general(b), f"{n:,}"]
                for name, a, b, n in zip(names, low, high, effect.count[known], strict=True)
            ],
            hovertemplate="%{customdata[0]}: " + what + "; %{customdata[3]} runs<extra></extra>",
            showlegend=False,
        )
    )
    drawn = Range()
    drawn.add(np.array(y_range))
    draw_limits(plot, drawable(limits), drawn, reach=0.0)
    plot.update_yaxes(range=list(y_range), title_standoff=TITLE_PX)
    longest = max(map(len, grouping.names)) if grouping.centres is None and len(grouping.names) > MAX_UPRIGHT else 0
    plot.update_layout(height=PANEL_PX + LETTER_PX * longest, margin={"t": 14})
    said = ", ".join(f"{name}: {general(value, 4)}" for name, value in zip(names, median, strict=True))
    return Figure(
        *about, alt=f"{metric_label(metric)} against {parameter_label(grouping.parameter)}: {said}.", plot=plot
    )


def _add_runs(plot: go.Figure, values: pd.Series, *, is_category: bool) -> None:
    x = [safe(str(cell)) for cell in values.index] if is_category else values.index.to_numpy(float)
    plot.add_trace(
        go.Scatter(
            x=x,
            y=values.to_numpy(float),
            mode="markers",
            marker={"color": ORANGE, "size": 4, "opacity": 0.45},
            hovertemplate="%{y:.6~g}<extra>a run</extra>",
            showlegend=False,
        )
    )


def effect_range(
    effects: Sequence[Effect], values: pd.Series | None, limits: Sequence[SweepLimit]
) -> tuple[float, float]:
    """Range of the vertical axis that holds all panels of a metric, and the limits that are near."""
    drawn = Range()
    for effect in effects:
        drawn.add(np.concatenate([effect.low, effect.high]))
    if values is not None:
        drawn.add(values.to_numpy(float))
    if not drawn.known:
        return 0.0, 1.0
    near = [limit.value for limit in drawable(limits) if drawn.is_near(limit.value, REACH, 0.0)]
    low, high = min([drawn.low, *near]), max([drawn.high, *near])
    room = 0.06 * (high - low) or 0.05 * abs(high) or 0.5
    return low - room, high + room


def ranking(about: tuple[str, str], effects: Sequence[Effect], seeds: float, metric: str) -> Figure:
    """How far each parameter moves a metric, the strongest first; in grey what the seed does."""
    bars = [(parameter_label(e.grouping.parameter), e.movement, BLUE) for e in effects if np.isfinite(e.movement)]
    bars.sort(key=lambda bar: -bar[1])
    if not bars:
        return no_figure(about, "fewer than two values of any parameter have runs that completed")
    if np.isfinite(seeds):
        bars.append(("seed, at one point", seeds, GREY))
    names, sizes = [name for name, _, _ in bars], [size for _, size, _ in bars]
    plot = plane(safe(_movement_title(metric)), "")
    plot.add_trace(
        go.Bar(
            x=sizes,
            y=[safe(name) for name in names],
            orientation="h",
            marker={"color": [colour for _, _, colour in bars]},
            hovertemplate="%{y}: %{x:.5~g}<extra></extra>",
            showlegend=False,
        )
    )
    _make_list(plot, names)
    unit = "%" if metric == PASS_SHARE else unit_of(metric)
    said = "; ".join(f"{name} {general(size, 4)} {unit}".strip() for name, size, _ in bars)
    return Figure(*about, alt=f"How far each parameter moves {metric}: {said}.", plot=plot)


def _movement_title(metric: str) -> str:
    text, mark, unit = metric_label(metric).partition(" (")
    return (
        f"largest less smallest median: {text}{mark}{unit}"
        if metric != PASS_SHARE
        else "largest less smallest share (%)"
    )


def _make_list(plot: go.Figure, names: Sequence[str]) -> None:
    """A vertical axis of names, from the top down, each as high as a bar."""
    plot.update_yaxes(name_axis(names), autorange="reversed")
    plot.update_layout(height=BAR_PX * len(names) + 80, margin={"t": 14})


def tornado(about: tuple[str, str], changes: Sequence[Change], metric: str) -> Figure:
    """What each parameter alone changes of a metric, from the base point, the strongest first."""
    ends: dict[str, list[Change]] = {}
    for change in changes:
        ends.setdefault(parameter_label(change.parameter), []).append(change)
    ordered = sorted(ends.items(), key=lambda item: -max(abs(change.median) for change in item[1]))
    plot = plane(safe(f"change from the base point: {metric_label(metric)}"), "")
    names = [safe(name) for name, _ in ordered]
    lows = [min(0.0, *(change.median for change in found)) for _, found in ordered]
    highs = [max(0.0, *(change.median for change in found)) for _, found in ordered]
    for base, colour in ((lows, ORANGE), (highs, BLUE)):
        plot.add_trace(
            go.Bar(
                x=base,
                y=names,
                orientation="h",
                marker={"color": colour, "opacity": 0.5},  # values are written across
                hoverinfo="skip",
                showlegend=False,
            )
        )
    flat = [(safe(name), change) for name, found in ordered for change in found]
    reach = max(abs(value) for _, change in flat for value in (change.low, change.high)) or 1.0
    plot.add_trace(
        go.Scatter(
            x=[change.median for _, change in flat],
            y=[name for name, _ in flat],
            mode="markers+text",
            text=[text for _, found in ordered for text in _value_labels(found, LABEL_SHARE * reach)],
            textposition=["middle right" if change.median >= 0 else "middle left" for _, change in flat],
            marker={"color": GREY, "size": 7, "line": {"width": 1, "color": "white"}},
            error_x={
                "array": [change.high - change.median for _, change in flat],
                "arrayminus": [change.median - change.low for _, change in flat],
                "color": GREY,
                "thickness": 1.2,
                "width": 3,
            },
            customdata=[
                [safe(change.value), change.pairs, general(change.low), general(change.high)] for _, change in flat
            ],
            hovertemplate="%{y} = %{customdata[0]}: %{x:.5~g} (%{customdata[1]} seeds: %{customdata[2]} to "
            "%{customdata[3]})<extra></extra>",
            showlegend=False,
            cliponaxis=False,
        )
    )
    _make_list(plot, [name for name, _ in ordered])
    plot.update_layout(barmode="overlay")
    plot.update_xaxes(
        range=[min(0, *(c.low for _, c in flat)) - 0.15 * reach, max(0, *(c.high for _, c in flat)) + 0.15 * reach]
    )
    plot.update_xaxes(zeroline=True, zerolinecolor=GREY)
    said = "; ".join(f"{c.parameter.title} = {c.value}: {general(c.median, 4)}" for _, c in flat)
    return Figure(*about, alt=f"Change of {metric} from the base point: {said}.", plot=plot)


def _value_labels(changes: Sequence[Change], width: float) -> list[str]:
    """Text beside each change: values whose marks are nearer than a label is wide stand at the outermost of them."""
    texts = [""] * len(changes)
    order = sorted(range(len(changes)), key=lambda k: -abs(changes[k].median))
    at = order[0]
    for k in order:
        if abs(changes[k].median - changes[at].median) >= width:
            at = k
        texts[at] = ", ".join(filter(None, (texts[at], safe(changes[k].value))))
    return texts
