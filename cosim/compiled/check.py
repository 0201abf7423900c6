"""Is the compiled system the same as ANDES's? Both are evaluated at points near the operating point and compared."""

import numpy as np

from cosim.compiled import grid_kernel as kernel
from cosim.compiled.arena import VARIABLES
from cosim.compiled.flat_system import FlatSystem, NotCovered
from cosim.compiled.grid_kernel import Grid

POINTS = 3
PERTURBATION = 1e-3
TOLERANCE = 1e-9


def check(flat: FlatSystem, grid: Grid) -> None:
    """Compare residuals and Jacobian with ANDES's at perturbed points; both are left as they were.

    Raises
    ------
    NotCovered
        If they differ by more than 1e-9, relative to the largest of the equation or entry and one; with the model.
    """
    system, size = flat.system, flat.size
    models = system.exist.pflow_tds
    start = grid.arena.copy()
    kept_jacobian = grid.jacobian.copy()
    generator = np.random.default_rng(0)
    with np.errstate(all="ignore"):
        for number in range(POINTS):
            shift = PERTURBATION * generator.standard_normal(size) * (number > 0)
            grid.arena[:] = start
            grid.arena[VARIABLES : VARIABLES + size] += shift
            flat.push(grid.arena)
            system.TDS.fg_update(models=models)
            system.j_update(models=models)
            kernel.evaluate(grid)
            kernel.renew_jacobian(grid)
            equations = grid.arena[VARIABLES + size : VARIABLES + 2 * size]
            _compare("the equation of", np.concatenate([system.dae.f, system.dae.g]), equations, flat, np.arange(size))
            _compare("the Jacobian in the equation of", flat.jacobian(), grid.jacobian, flat, flat.pattern.indices)
    grid.arena[:] = start
    flat.push(grid.arena)
    system.TDS.fg_update(models=models)
    system.j_update(models=models)
    flat.push(grid.arena)
    grid.jacobian[:] = kept_jacobian
    grid.condition[kernel.HAS_FACTORS] = 0


def _compare(what: str, expected: np.ndarray, found: np.ndarray, flat: FlatSystem, rows: np.ndarray) -> None:
    off = np.abs(found - expected) / np.maximum(np.abs(expected), 1.0)
    off[~(np.isnan(expected) & np.isnan(found)) & np.isnan(off)] = np.inf
    worst = int(np.nanargmax(off)) if len(off) else 0
    if len(off) and off[worst] > TOLERANCE:
        name = flat.system.dae.xy_name[rows[worst]]
        raise NotCovered(f"{what} {name} is {found[worst]:.12g} where ANDES has {expected[worst]:.12g}")
