"""Runs grouped by the value of a parameter: its levels, or bins of what was sampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.sweep.model import Sweep
from cosim.sweep.parameters import AnyParameter, Distribution, Parameter, Range

MAX_LEVELS = 40
"""Numbers with more different values are put into bins."""

MAX_BINS = 10
RUNS_PER_BIN = 8
DISCRETE = ("grid", "list", "one_at_a_time", "morris")
"""Samplings that give a range only a few values."""

_NAMES = frozenset({"bus", "from", "to", "circuit", "seed"})
"""Keys whose numbers are names: there is nothing between bus 4 and bus 8."""


@dataclass(frozen=True)
class Grouping:
    """Runs by the value of a parameter.

    Attributes
    ----------
    parameter
        Whose values they are.
    names
        Of the groups.
    centres
        Value, or middle value of a bin, of each group; None where the values are not numbers on a scale.
    codes
        Group of each run [run]; -1 for none.
    is_log
        Whether the values are spaced evenly on a logarithmic scale.
    is_binned
        Whether a group holds runs of different values.
    """

    parameter: Parameter
    names: tuple[str, ...]
    centres: NDArray[np.float64] | None
    codes: NDArray[np.intp]
    is_log: bool = False
    is_binned: bool = False


def varied(sweep: Sweep, runs: pd.DataFrame) -> list[AnyParameter]:
    """The parameters of a sweep that have more than one value in its runs."""
    return [parameter for parameter in sweep.parameters if runs[parameter.column].nunique(dropna=False) > 1]


def is_scale(parameter: Parameter, cells: pd.Series) -> bool:
    """Whether a parameter's values are numbers on a scale, and no names."""
    if not pd.api.types.is_numeric_dtype(cells) or pd.api.types.is_bool_dtype(cells):
        return False
    return not any(key.rsplit(".", 1)[-1] in _NAMES for key in parameter.keys)


def is_sampled(parameter: Parameter, method: str) -> bool:
    """Whether each point has a value of its own."""
    return isinstance(parameter, Range | Distribution) and method not in DISCRETE


def grouped(parameter: Parameter, cells: pd.Series, method: str, max_bins: int = MAX_BINS) -> Grouping:
    """Group runs by a parameter.

    Parameters
    ----------
    parameter
        Of the sweep.
    cells
        Its value in each run: its column of the table.
    method
        Of sampling.
    max_bins
        Bins hold as many runs each, and at least `RUNS_PER_BIN` where there are enough for two bins.
    """
    if not is_scale(parameter, cells):
        texts = cells.map(str)
        order = [str(level.cell) for level in parameter.levels or []]
        names = list(dict.fromkeys(name for name in (*order, *texts) if name in set(texts)))
        codes = pd.Categorical(texts, categories=names).codes.astype(np.intp)
        return Grouping(parameter, tuple(names), None, codes)
    values = cells.to_numpy(float)
    is_log = getattr(parameter, "scale", "") == "log" or getattr(parameter, "distribution", "") == "log_uniform"
    levels, codes = np.unique(values, return_inverse=True)
    if levels.size <= MAX_LEVELS and not is_sampled(parameter, method):
        return Grouping(parameter, tuple(f"{level:.6g}" for level in levels), levels, codes.astype(np.intp), is_log)
    bins = int(np.clip(values.size // RUNS_PER_BIN, 2, max_bins))
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)))
    codes = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, max(edges.size - 2, 0)).astype(np.intp)
    held = np.unique(codes)
    codes = np.searchsorted(held, codes)
    centres = np.array([np.median(values[codes == k]) for k in range(held.size)])
    ends = [(values[codes == k].min(), values[codes == k].max()) for k in range(held.size)]
    names = [f"{low:.4g} to {high:.4g}" for low, high in ends]
    return Grouping(parameter, tuple(names), centres, codes, is_log, is_binned=True)


def find_parameter(parameters: Sequence[AnyParameter], key: str) -> AnyParameter | None:
    """The parameter with a key, a name or a column."""
    for parameter in parameters:
        if key in (*parameter.keys, parameter.title, parameter.column):
            return parameter
    return None
