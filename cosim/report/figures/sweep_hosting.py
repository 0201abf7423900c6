"""Plot of what can be hosted against one of the other parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from cosim.report.drawing import BLUE, GREEN, GREY, ORANGE, PINK, PURPLE, RED, plane, safe
from cosim.report.figures.base import Figure
from cosim.report.figures.sweep_axes import name_axis
from cosim.report.sweep_text import cell_text, parameter_label
from cosim.report.text import general
from cosim.sweep.hosting import Capacity, Hosting

COLOURS = (BLUE, ORANGE, GREEN, PURPLE, PINK, RED)
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
"""Of the same curves: where two are the same, both are seen."""

SYMBOLS = {"fail": "circle", "tested": "triangle-up", "not_assessed": "circle-open", "pending": "circle-open"}
END_TEXTS = {
    "fail": "the next value tested fails",
    "tested": "the largest value tested passes",
    "not_assessed": "the next value was not assessed",
    "pending": "runs at the next value are pending",
}


@dataclass(frozen=True)
class _Look:
    """How capacities are drawn."""

    colour: str
    dash: str = "solid"
    is_small: bool = False


def hosting_figure(about: tuple[str, str], hosting: Hosting, number: int, *, is_scale: bool) -> Figure:
    """What can be hosted against one of the other parameters.

    A curve, or bars, for each combination of the rest while there are few; beyond that the smallest over the rest, and
    every combination as a mark.

    Parameters
    ----------
    about
        Id and title of the figure.
    hosting
        What each combination can host, at least one.
    number
        Of the other parameter that is the horizontal axis.
    is_scale
        Whether its values are numbers on a scale.
    """
    x_parameter = hosting.others[number]
    plot = plane(safe(parameter_label(x_parameter)), safe(f"largest {parameter_label(hosting.parameter)} that passes"))
    lines: dict[str, list[Capacity]] = {}
    for capacity in hosting.capacities:
        rest = [
            f"{parameter_label(other)} {cell_text(cell)}"
            for k, (other, cell) in enumerate(zip(hosting.others, capacity.others, strict=True))
            if k != number
        ]
        lines.setdefault(", ".join(rest), []).append(capacity)
    few = len(lines) <= len(COLOURS)
    if not few:
        _add(plot, hosting.capacities, number, "each combination", _Look(GREY, is_small=True), is_scale=is_scale)
        lines = {"smallest of all combinations": _smallest(hosting.capacities, number)}
    for (name, found), look in zip(lines.items(), map(_Look, COLOURS, DASHES), strict=False):
        _add(plot, found, number, name, look, is_scale=is_scale)
    if not is_scale:
        order = dict.fromkeys(cell_text(level.cell) for level in x_parameter.levels or [])
        plot.update_xaxes(name_axis(list(order)))
    elif getattr(x_parameter, "scale", "") == "log":
        plot.update_xaxes(type="log")
    plot.update_layout(barmode="group", showlegend=len(lines) > 1 or not few)
    plot.update_yaxes(rangemode="tozero")
    smallest = _smallest(hosting.capacities, number)
    said = "; ".join(
        f"{cell_text(c.others[number])}: {'none' if c.largest is None else general(c.largest)}" for c in smallest
    )
    return Figure(
        *about,
        alt=f"Largest {parameter_label(hosting.parameter)} that passes against {parameter_label(x_parameter)}, the "
        f"smallest of all combinations: {said}.",
        plot=plot,
    )


def _smallest(capacities: Sequence[Capacity], number: int) -> list[Capacity]:
    """The smallest capacity at each value of one of the other parameters."""
    found: dict[Any, Capacity] = {}
    for capacity in capacities:
        key = capacity.others[number]
        if key not in found or capacity.rank < found[key].rank:
            found[key] = capacity
    return list(found.values())


def _height(capacity: Capacity) -> float:
    return 0.0 if capacity.largest is None else capacity.largest


def _add(
    plot: go.Figure, capacities: Sequence[Capacity], number: int, name: str, look: _Look, *, is_scale: bool
) -> None:
    """Add capacities as a curve, as bars where the horizontal axis is no scale, or, small, as marks alone."""
    ordered = sorted(capacities, key=lambda c: float(c.others[number])) if is_scale else list(capacities)
    x = [float(c.others[number]) if is_scale else safe(cell_text(c.others[number])) for c in ordered]
    y = [_height(capacity) for capacity in ordered]
    texts = [_text(capacity) for capacity in ordered]
    hover = {"customdata": texts, "hovertemplate": "%{x}: %{customdata}<extra>%{fullData.name}</extra>"}
    if not is_scale and not look.is_small:
        signs = [_sign(capacity) for capacity in ordered]
        plot.add_trace(
            go.Bar(
                x=x, y=y, name=safe(name), marker={"color": look.colour}, text=signs, textposition="outside", **hover
            )
        )
        return
    symbols = ["x" if c.largest is None else SYMBOLS[c.end] for c in ordered]
    plot.add_trace(
        go.Scatter(
            x=x,
            y=y,
            name=safe(name),
            mode="markers" if look.is_small else "lines+markers",
            line={"color": look.colour, "width": 1.8, "dash": look.dash},
            marker={"color": look.colour, "size": 5 if look.is_small else 9, "symbol": symbols},
            cliponaxis=False,
            **hover,
        )
    )


def _sign(capacity: Capacity) -> str:
    """The number on a bar."""
    if capacity.largest is None:
        return "none" if capacity.end == "fail" else "?"
    return general(capacity.largest) if capacity.is_exact else f"≥ {general(capacity.largest)}"


def _text(capacity: Capacity) -> str:
    return f"{_sign(capacity)} ({END_TEXTS[capacity.end]})"
