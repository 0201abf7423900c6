"""Sensitivity indices of samples that were made for them: Sobol's and Morris's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.criteria import COMPLETED
from cosim.sweep.analysis import counts
from cosim.sweep.model import Morris, Saltelli, Sweep
from cosim.sweep.sampling import unit_problem, unit_sample

RESAMPLES = 500
CONFIDENCE = 0.95
_RESAMPLING_SEED = 1
"""Intervals come out the same each time. SALib takes 0 for no seed."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SobolIndices:
    """Shares of a metric's variance, in the order of the parameters.

    Attributes
    ----------
    first, total
        Share that a parameter explains alone, and with all its interactions [parameter].
    first_half, total_half
        Half widths of their 95 % confidence intervals, from the bootstrap.
    second, second_half
        The same for pairs [parameter, parameter], above the diagonal; None if the sample is not for them.
    """

    first: Array
    first_half: Array
    total: Array
    total_half: Array
    second: Array | None = None
    second_half: Array | None = None


@dataclass(frozen=True)
class MorrisEffects:
    """Elementary effects: changes of a metric, in its unit, over the whole range of a parameter [parameter].

    Attributes
    ----------
    mean, mean_size
        Mean, and mean of the absolute values (mu, mu*).
    mean_size_half
        Half width of the 95 % confidence interval of the latter, from the bootstrap.
    deviation
        Standard deviation (sigma): how far the effect depends on where the other parameters are.
    """

    mean: Array
    mean_size: Array
    mean_size_half: Array
    deviation: Array


def point_means(sweep: Sweep, runs: pd.DataFrame, metric: str) -> Array | str:
    """Mean of a metric over the seeds of each point, in the order of the sample; or why it cannot be had.

    Parameters
    ----------
    sweep
        Without filters, as the samples that need this must be.
    runs
        Its table, the seeds of a point one after the other.
    metric
        Column of the table.
    """
    left = runs[runs["status"] != COMPLETED]
    if len(left):
        points = np.unique(np.flatnonzero(runs["status"] != COMPLETED) // sweep.replicates).size
        why = ", ".join(f"{count:,} {status.replace('_', ' ')}" for status, count in counts(left["status"]).items())
        total = len(runs) // sweep.replicates
        verb = "is" if points == 1 else "are"
        return f"the indices need every point, and {points:,} of {total:,} {verb} not complete (runs: {why})"
    values = runs[metric].to_numpy(float)
    without = int((~np.isfinite(values)).sum())
    if without:
        what = "1 run has" if without == 1 else f"{without:,} runs have"
        return f"the indices need every point, and {what} no number"
    means = values.reshape(-1, sweep.replicates).mean(axis=1)
    if np.ptp(means) <= 1e-12 * np.abs(means).max():
        return "it is the same at every point"
    return means


def sobol_indices(sweep: Sweep, runs: pd.DataFrame, metric: str) -> SobolIndices | str:
    """Sobol indices of a metric; or why they cannot be had.

    First-order and total indices by the estimators of Saltelli et al., Computer Physics Communications 181 (2010) 259,
    as SALib computes them, of the metric's mean over the seeds of a point.

    Parameters
    ----------
    sweep
        With sampling ``saltelli``.
    runs
        Its table.
    metric
        Column of the table.
    """
    from SALib.analyze import sobol

    sampling = sweep.sampling
    assert isinstance(sampling, Saltelli)
    means = point_means(sweep, runs, metric)
    if isinstance(means, str):
        return means
    found = sobol.analyze(
        unit_problem(len(sweep.parameters)),
        means,
        calc_second_order=sampling.second_order,
        num_resamples=RESAMPLES,
        conf_level=CONFIDENCE,
        seed=_RESAMPLING_SEED,
    )
    first = SobolIndices(*(np.asarray(found[name], float) for name in ("S1", "S1_conf", "ST", "ST_conf")))
    if not sampling.second_order:
        return first
    pairs = (np.asarray(found[name], float) for name in ("S2", "S2_conf"))
    return SobolIndices(first.first, first.first_half, first.total, first.total_half, *pairs)


def morris_effects(sweep: Sweep, runs: pd.DataFrame, metric: str) -> MorrisEffects | str:
    """Elementary effects on a metric; or why they cannot be had.

    The method of Morris, Technometrics 33 (1991) 161, with the mean of absolute values of Campolongo et al.,
    Environmental Modelling & Software 22 (2007) 1509, as SALib computes them, of the metric's mean over the seeds of a
    point.

    Parameters
    ----------
    sweep
        With sampling ``morris``.
    runs
        Its table.
    metric
        Column of the table.
    """
    from SALib.analyze import morris

    sampling = sweep.sampling
    assert isinstance(sampling, Morris)
    means = point_means(sweep, runs, metric)
    if isinstance(means, str):
        return means
    found = morris.analyze(
        unit_problem(len(sweep.parameters)),
        unit_sample(sampling, len(sweep.parameters), sweep.seed),
        means,
        num_resamples=RESAMPLES,
        conf_level=CONFIDENCE,
        num_levels=sampling.grid_levels,
        seed=_RESAMPLING_SEED,
    )
    return MorrisEffects(*(np.asarray(found[name], float) for name in ("mu", "mu_star", "mu_star_conf", "sigma")))
