"""Plots of sensitivity indices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from cosim.report.drawing import BLUE, GREY, ORANGE, plane, safe
from cosim.report.figures.base import Figure
from cosim.report.figures.sweep_axes import name_axis
from cosim.report.figures.sweep_effects import BAR_PX
from cosim.report.sweep_text import metric_label
from cosim.report.text import general
from cosim.sweep.sensitivity import MorrisEffects, SobolIndices


def sobol_figure(about: tuple[str, str], names: Sequence[str], found: SobolIndices, metric: str) -> Figure:
    """First-order and total indices of each parameter with their intervals, the largest total first."""
    order = np.argsort(-found.total, kind="stable")
    labels = [safe(names[k]) for k in order]
    plot = plane(safe(f"share of the variance: {metric_label(metric)}".partition(" (")[0]), "")
    for title, values, half, colour in (
        ("alone (first order)", found.first, found.first_half, BLUE),
        ("with interactions (total)", found.total, found.total_half, ORANGE),
    ):
        plot.add_trace(
            go.Bar(
                x=values[order],
                y=labels,
                name=title,
                orientation="h",
                marker={"color": colour},
                error_x={"array": half[order], "color": GREY, "thickness": 1.4, "width": 4},
                hovertemplate="%{y}: %{x:.3f} ± %{error_x.array:.3f}<extra>%{fullData.name}</extra>",
            )
        )
    plot.update_yaxes(name_axis([names[k] for k in order]), autorange="reversed")
    plot.update_layout(barmode="group", height=2 * BAR_PX * len(labels) + 100)
    said = "; ".join(f"{names[k]} {found.first[k]:.2f} and {found.total[k]:.2f}" for k in order)
    return Figure(*about, alt=f"Sobol indices for {metric}, first order and total: {said}.", plot=plot)


def morris_figure(about: tuple[str, str], names: Sequence[str], found: MorrisEffects, metric: str) -> Figure:
    """Mean size of the elementary effects against their standard deviation."""
    title = safe(metric_label(metric))
    plot = plane(f"mean size of the effect, μ*: {title}", f"standard deviation, σ:<br>{title}")
    reach = 1.1 * float(max(found.mean_size.max(), found.deviation.max())) or 1.0
    plot.add_trace(
        go.Scatter(
            x=[0, reach],
            y=[0, reach],
            name="σ = μ*",
            mode="lines",
            line={"color": GREY, "dash": "dot", "width": 1},
            hoverinfo="skip",
        )
    )
    plot.add_trace(
        go.Scatter(
            x=found.mean_size,
            y=found.deviation,
            mode="markers+text",
            name="parameters",
            text=[safe(name) for name in names],
            textposition=_away_from_neighbours(found),
            marker={"color": BLUE, "size": 9},
            error_x={"array": found.mean_size_half, "color": GREY, "thickness": 1.2, "width": 3},
            hovertemplate="%{text}: μ* %{x:.5~g}, σ %{y:.5~g}<extra></extra>",
            cliponaxis=False,
        )
    )
    plot.update_xaxes(range=[0, 1.15 * reach])
    plot.update_yaxes(range=[0, 1.15 * reach])
    plot.update_layout(height=460)
    said = "; ".join(f"{name} {general(value, 4)}" for name, value in zip(names, found.mean_size, strict=True))
    return Figure(*about, alt=f"Morris effects on {metric}, mean size: {said}.", plot=plot)


def _away_from_neighbours(found: MorrisEffects) -> list[str]:
    """Where each mark's label stands: on the side that its nearest neighbour is not on."""
    at = np.column_stack([found.mean_size, found.deviation])
    distance = np.linalg.norm(at[:, None] - at, axis=2)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argmin(axis=1)
    is_above = (at[:, 1] > at[nearest, 1]) | ((at[:, 1] == at[nearest, 1]) & (np.arange(len(at)) <= nearest))
    return ["top center" if above else "bottom center" for above in is_above]
