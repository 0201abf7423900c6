"""Grids near their operating points, for tests of what is linear."""

from functools import cache

import numpy as np

from cosim.engines.andes import AndesEngine
from cosim.linear.grid import LinearGrid
from grids import load_grid


@cache
def linear_grid(case: str, *, constant_power: bool = False) -> LinearGrid:
    """Linear equations of a case as it is; with impedance base loads unless they are to be constant power."""
    return _started(case, constant_power)[1].linearised()


@cache
def droop_gain_pu(case: str) -> float:
    """Sum of the governors' gains 1/R of a case whose governors are all TGOV1, in system per-unit."""
    system = _started(case, False)[1]._system
    assert system.TGOV1.n == system.TurbineGov.n > 0
    return float(np.sum(1.0 / system.TGOV1.R.v))


def _started(case: str, constant_power: bool):
    grid = load_grid(case)
    if constant_power:
        grid.set_base_load(0.0, 0.0, 1.0)
    engine = AndesEngine(grid, [], 1e-6)
    assert engine.initialise(np.zeros(0), np.zeros(0)).succeeded
    return grid, engine
