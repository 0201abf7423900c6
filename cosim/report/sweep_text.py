"""How a sweep's parameters and metrics are called in its report."""

from __future__ import annotations

import re

from cosim.metrics import unit_of
from cosim.report.text import general, label, spaced, words
from cosim.sweep.effects import PASS_SHARE
from cosim.sweep.parameters import Distribution, Parameter, Range

MOST_VALUES = 12
_UNIT_IN_NAME = re.compile(r"_(hz_per_s|mw_per_min|mw_per_s|percent|mwh|mhz|deg|mw|hz|pu|s)(?=\.|$)")
_DOT = re.compile(r"\.(?!\d)|(?<!\d)\.")
"""Between names, and not inside a number."""

VERDICT_NAMES = {"not_assessed": "not assessed", "simulation_failed": "did not complete"}


def parameter_unit(parameter: Parameter) -> str:
    """Unit of a parameter: its own, or that in the name of its key; empty if it has none."""
    if parameter.unit is not None:
        return parameter.unit
    if not parameter.keys:
        return ""
    last = parameter.keys[0].rsplit(".", 1)[-1]
    _, mark, unit = label(last).partition(" (")
    return unit.removesuffix(")") if mark else unit_of(last)


def parameter_name(parameter: Parameter) -> str:
    """A parameter's title, in words, without its unit."""
    return label(parameter.title).partition(" (")[0] if parameter_unit(parameter) else words(parameter.title)


def parameter_label(parameter: Parameter) -> str:
    """A parameter's title, in words, with its unit."""
    unit = parameter_unit(parameter)
    return f"{parameter_name(parameter)} ({unit})" if unit else parameter_name(parameter)


def parameter_values(parameter: Parameter, *, is_sampled: bool) -> str:
    """The values that a parameter takes."""
    if isinstance(parameter, Distribution):
        given = {name: getattr(parameter, name) for name in ("low", "high", "mode", "mean", "sd")}
        text = ", ".join(f"{name} {general(value)}" for name, value in given.items() if value is not None)
        return f"{words(parameter.distribution)}: {text}"
    if isinstance(parameter, Range) and is_sampled:
        scale = ", evenly on a logarithmic scale" if parameter.scale == "log" else ""
        return f"{general(parameter.range[0])} to {general(parameter.range[1])}{scale}"
    cells = [cell_text(level.cell) for level in parameter.levels or []]
    left = len(cells) - MOST_VALUES
    return ", ".join(cells[:MOST_VALUES]) + (f" and {left} more" if left > 0 else "")


def cell_text(cell: object) -> str:
    """A value of a parameter as it is printed."""
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return str(cell)
    return general(float(cell))


def metric_label(metric: str) -> str:
    """A metric's path as the title of an axis, with its unit."""
    if metric == PASS_SHARE:
        return "runs that pass (%)"
    unit = unit_of(metric)
    name = _UNIT_IN_NAME.sub("", metric, count=1) if unit else metric
    parts = _DOT.sub(" ", name).split(" ")
    text = words(" ".join(spaced(part) if part[:1].isdigit() else part for part in parts))
    return f"{text} ({unit})" if unit else text
