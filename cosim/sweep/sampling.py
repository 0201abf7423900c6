"""Which points of the parameters' space are run."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import qmc

from cosim.sweep.model import Grid, LatinHypercube, Listed, Morris, OneAtATime, Saltelli, SobolSequence, Sweep
from cosim.sweep.parameters import Level

Point = tuple[Level, ...]
"""A level of each parameter, in the order of the parameters."""


def sample(sweep: Sweep) -> list[Point]:
    """The points of a sweep before its filters; the same ones each time.

    Returns
    -------
    list of tuple of Level
        One point, without levels, where nothing is varied.
    """
    sampling = sweep.sampling
    levels: list[Sequence[Level]] = [parameter.levels or () for parameter in sweep.parameters]
    if isinstance(sampling, Grid):
        return list(itertools.product(*levels))
    if isinstance(sampling, Listed):
        return list(zip(*levels, strict=True)) if levels else [()]
    if isinstance(sampling, OneAtATime):
        base = tuple(values[0] for values in levels)
        others = [(*base[:k], level, *base[k + 1 :]) for k, values in enumerate(levels) for level in values[1:]]
        return [base, *others]
    return [
        tuple(parameter.at(float(share)) for parameter, share in zip(sweep.parameters, row, strict=True))
        for row in unit_sample(sampling, len(sweep.parameters), sweep.seed)
    ]


def number_of_points(sweep: Sweep) -> int:
    """How many points `sample` gives, known without making them."""
    sampling, dimensions = sweep.sampling, len(sweep.parameters)
    if isinstance(sampling, Saltelli):
        return sampling.samples * ((2 * dimensions if sampling.second_order else dimensions) + 2)
    if isinstance(sampling, Morris):
        return sampling.trajectories * (dimensions + 1)
    if isinstance(sampling, LatinHypercube | SobolSequence):
        return sampling.samples
    counts = [len(parameter.levels or ()) for parameter in sweep.parameters]
    if isinstance(sampling, Grid):
        return math.prod(counts)
    return counts[0] if isinstance(sampling, Listed) and counts else 1 + sum(count - 1 for count in counts)


def unit_sample(sampling: LatinHypercube | SobolSequence | Saltelli | Morris, dimensions: int, seed: int) -> np.ndarray:
    """Points of the unit cube, shape (points, dimensions)."""
    if isinstance(sampling, LatinHypercube):
        return qmc.LatinHypercube(dimensions, rng=np.random.default_rng(seed)).random(sampling.samples)
    if isinstance(sampling, SobolSequence):
        sequence = qmc.Sobol(dimensions, rng=np.random.default_rng(seed))
        return sequence.random_base2((sampling.samples - 1).bit_length())[: sampling.samples]
    problem = unit_problem(dimensions)
    if isinstance(sampling, Saltelli):
        from SALib.sample import sobol

        return sobol.sample(problem, sampling.samples, calc_second_order=sampling.second_order, seed=_small(seed))
    from SALib.sample import morris

    return morris.sample(problem, sampling.trajectories, num_levels=sampling.grid_levels, seed=_small(seed))


def unit_problem(dimensions: int) -> dict[str, Any]:
    """The unit cube, as SALib describes parameters."""
    return {
        "num_vars": dimensions,
        "names": [f"x{k}" for k in range(dimensions)],
        "bounds": [[0.0, 1.0]] * dimensions,
    }


def _small(seed: int) -> int:
    """A seed that numpy's older generators take."""
    return seed % 2**32
