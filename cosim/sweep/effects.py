"""How far each parameter moves a metric: over its levels, from a base point, and two parameters together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.sweep.analysis import HIGH, LOW, outcomes
from cosim.sweep.grouping import Grouping
from cosim.sweep.parameters import AnyParameter, Parameter

PASS_SHARE = "share of runs that pass"
"""Stands for the metric that is the share of runs that pass, in percent."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """A metric in each group of runs [group], in its unit; not a number where a group has no value.

    ``low`` and ``high`` are the quantiles at `LOW` and `HIGH`.
    """

    grouping: Grouping
    low: Array
    median: Array
    high: Array
    count: NDArray[np.intp]

    @property
    def movement(self) -> float:
        """Largest less smallest median; not a number if there are fewer than two."""
        known = self.median[np.isfinite(self.median)]
        return float(np.ptp(known)) if known.size > 1 else float("nan")


def effect(values: pd.Series, grouping: Grouping) -> Effect:
    """A metric in each group.

    Parameters
    ----------
    values
        Of the metric in each run [run]; not a number where there is none.
    grouping
        Of the same runs.
    """
    groups = values.groupby(grouping.codes)
    groups_at = range(len(grouping.names))
    low, median, high = (groups.quantile(share).reindex(groups_at).to_numpy(float) for share in (LOW, 0.5, HIGH))
    count = groups.count().reindex(groups_at, fill_value=0).to_numpy(np.intp)
    return Effect(grouping, low, median, high, count)


def pass_share(runs: pd.DataFrame, grouping: Grouping) -> Effect:
    """Share of runs that pass in each group, in percent, as the median and both quantiles.

    Of the runs that pass, fail, or did not complete; pending ones and those without an assessed criterion do not count.
    """
    verdict = outcomes(runs)
    judged = verdict.isin(["pass", "fail", "simulation_failed"])
    passed = (verdict == "pass").astype(float).where(judged)
    groups = passed.groupby(grouping.codes)
    groups_at = range(len(grouping.names))
    share = 100 * groups.mean().reindex(groups_at).to_numpy(float)
    count = groups.count().reindex(groups_at, fill_value=0).to_numpy(np.intp)
    return Effect(grouping, share, share, share, count)


def seed_movement(values: pd.Series, replicates: int) -> float:
    """How far the seed alone moves a metric: the median over the points of a point's largest less its smallest value.

    Parameters
    ----------
    values
        Of the metric in each run of the whole table, the seeds of a point one after the other.
    replicates
        Seeds of each point.
    """
    of_point = values.to_numpy(float).reshape(-1, replicates)
    of_point = of_point[np.isfinite(of_point).all(axis=1)]
    return float(np.median(np.ptp(of_point, axis=1))) if replicates > 1 and of_point.size else float("nan")


def away_from_base(parameters: Sequence[AnyParameter], runs: pd.DataFrame) -> pd.DataFrame:
    """Whether each parameter is away from its first value, which is that of the base point [run, parameter]."""
    away = {}
    for parameter in parameters:
        levels = parameter.levels
        assert levels is not None
        cells, first = runs[parameter.column], levels[0].cell
        is_text = not pd.api.types.is_numeric_dtype(cells)
        away[parameter.column] = cells.map(str) != str(first) if is_text else cells != first
    return pd.DataFrame(away, index=runs.index)


@dataclass(frozen=True)
class Change:
    """What one value of a parameter changes of a metric, all else as at the base point: over the seeds, in its unit.

    ``low`` and ``high`` are the smallest and the largest change of a seed, ``pairs`` the number of seeds.
    """

    parameter: Parameter
    value: str
    pairs: int
    low: float
    median: float
    high: float


def changes_from_base(parameters: Sequence[AnyParameter], runs: pd.DataFrame, metric: str) -> list[Change] | str:
    """Changes from the base point of a sweep that varies one parameter at a time; or why there are none.

    Runs are compared with the base run of the same seed: what the seed does to both drops out.

    Parameters
    ----------
    parameters
        That are varied.
    runs
        That completed.
    metric
        Column of the table.
    """
    away = away_from_base(parameters, runs)
    number = away.sum(axis=1)
    base = runs[number == 0].drop_duplicates("seed").set_index("seed")[metric].dropna()
    if base.empty:
        return "no run at the base point has completed with a number for it"
    changes = []
    for parameter in parameters:
        rows = runs[(number == 1) & away[parameter.column]]
        for value, group in rows.groupby(parameter.column, sort=False):
            change = (group.set_index("seed")[metric] - base).dropna().to_numpy(float)
            if change.size:
                name = f"{value:.6g}" if isinstance(value, float) else str(value)
                low, high = float(change.min()), float(change.max())
                changes.append(Change(parameter, name, change.size, low, float(np.median(change)), high))
    return changes or "no run away from the base point has completed with the seed of one at it"


def plane_of(values: pd.Series, x: Grouping, y: Grouping) -> Array:
    """Median of a metric for each pair of groups [y, x]; not a number where there are no runs."""
    return _plane(values.groupby([y.codes, x.codes]).median(), x, y)


def pass_plane(runs: pd.DataFrame, x: Grouping, y: Grouping) -> Array:
    """Share of runs that pass for each pair of groups [y, x], in percent, of those that `pass_share` counts."""
    verdict = outcomes(runs)
    judged = verdict.isin(["pass", "fail", "simulation_failed"])
    passed = (verdict == "pass").astype(float).where(judged)
    return 100 * _plane(passed.groupby([y.codes, x.codes]).mean(), x, y)


def _plane(cells: pd.Series, x: Grouping, y: Grouping) -> Array:
    plane = np.full((len(y.names), len(x.names)), np.nan)
    for (row, column), value in cells.items():
        plane[row, column] = value
    return plane
