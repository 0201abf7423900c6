"""Plot of a metric of a sweep against two parameters."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from cosim.metrics import unit_of
from cosim.report.drawing import plane, safe
from cosim.report.figures.base import Figure, no_figure
from cosim.report.figures.sweep_axes import TITLE_PX, name_axis
from cosim.report.sweep_text import metric_label, parameter_label
from cosim.report.text import general
from cosim.sweep.effects import PASS_SHARE
from cosim.sweep.grouping import Grouping

MAX_TEXTS = 80
"""Cells have their number printed up to so many."""

Array = NDArray[np.float64]


def heat_map(about: tuple[str, str], cells: Array, x: Grouping, y: Grouping, metric: str) -> Figure:
    """A metric against two parameters [y, x], by colour."""
    if not np.isfinite(cells).any():
        return no_figure(about, "no run has completed with a number for it")
    plot = plane(safe(parameter_label(x.parameter)), safe(parameter_label(y.parameter)))
    is_share = metric == PASS_SHARE
    unit = "%" if is_share else unit_of(metric)
    rounded = np.array([[float(f"{value:.5g}") for value in row] for row in cells])
    plot.add_trace(
        go.Heatmap(
            x=[safe(name) for name in x.names],
            y=[safe(name) for name in y.names],
            z=rounded,
            colorscale="Cividis",
            zmin=0 if is_share else None,
            zmax=100 if is_share else None,
            xgap=1,
            ygap=1,
            colorbar={"title": {"text": unit}, "thickness": 14, "outlinewidth": 0, "exponentformat": "none"},
            texttemplate="%{z:.4~g}" if cells.size <= MAX_TEXTS else None,
            hovertemplate=f"%{{x}}, %{{y}}: %{{z:.5~g}} {unit}<extra></extra>",
            hoverongaps=False,
        )
    )
    plot.update_xaxes(name_axis(x.names))
    plot.update_yaxes(name_axis(y.names), title_standoff=TITLE_PX)
    plot.update_layout(height=int(np.clip(40 * len(y.names) + 120, 260, 720)), margin={"t": 24})
    low, high = np.nanmin(cells), np.nanmax(cells)
    return Figure(
        *about,
        alt=f"{metric_label(metric)} against {parameter_label(x.parameter)} and {parameter_label(y.parameter)}: from "
        f"{general(low, 4)} to {general(high, 4)} {unit}.",
        plot=plot,
    )
