"""Is the compiled system the same as ANDES's? Both are evaluated at points near the operating point and compared."""

from typing import Any

import numpy as np

from cosim.compiled import grid_kernel as kernel
from cosim.compiled import grid_layout as layout
from cosim.compiled.arena import VARIABLES
from cosim.compiled.flat_system import FlatSystem, NotCovered
from cosim.compiled.grid_arrays import GridArrays
from cosim.compiled.model_code import JACOBIANS

POINTS = 3
PERTURBATION = 1e-3
TOLERANCE = 1e-9


def check(flat: FlatSystem, arrays: GridArrays) -> None:
    """Compare residuals and Jacobian with ANDES's at perturbed points; both are left as they were.

    Raises
    ------
    NotCovered
        If they differ by more than 1e-9, relative to the value or to one; with the models that differ.
    """
    system, size = flat.system, flat.size
    start = arrays.arena.copy()
    kept_jacobian = arrays.jacobian.copy()
    generator = np.random.default_rng(0)
    try:
        with np.errstate(all="ignore"):
            for number in range(POINTS):
                arrays.arena[:] = start
                arrays.arena[VARIABLES : VARIABLES + size] += (
                    PERTURBATION * generator.standard_normal(size) * (number > 0)
                )
                perturbed = arrays.arena.copy()
                flat.push(perturbed)
                _evaluate(system)
                kernel.evaluate(arrays.grid)
                kernel.renew_jacobian(arrays.grid)
                equations = arrays.arena[VARIABLES + size : VARIABLES + 2 * size]
                if _differ(system.dae.fg, equations) or _differ(flat.jacobian(), arrays.jacobian):
                    arrays.arena[:] = perturbed
                    raise NotCovered(f"compiled equations differ from ANDES's in {_models_that_differ(flat, arrays)}")
    finally:
        arrays.arena[:] = start
        arrays.jacobian[:] = kept_jacobian
        arrays.condition[layout.HAS_FACTORS] = 0
        flat.push(start)
        with np.errstate(all="ignore"):
            _evaluate(system)
        flat.push(start)  # what was evaluated has set flags anew


def _evaluate(system: Any) -> None:
    models = system.exist.pflow_tds
    system.TDS.fg_update(models=models)
    system.j_update(models=models)


def _differ(expected: np.ndarray, found: np.ndarray) -> bool:
    off = np.abs(found - expected) > TOLERANCE * np.maximum(np.abs(expected), 1.0)
    return bool(np.any(off | (np.isnan(found) != np.isnan(expected))))


def _models_that_differ(flat: FlatSystem, arrays: GridArrays) -> str:
    """Evaluate one model after the other, alone, at the present variables."""
    system, size = flat.system, flat.size
    start, dae = arrays.arena.copy(), flat.system.dae
    names = []
    for number, name in enumerate(flat.names):
        model = system.models[name]
        arrays.arena[:] = start
        flat.push(start)
        dae.clear_fg()
        model.s_update_var()
        model.l_update_var(dae.t, niter=system.TDS.niter)
        model.f_update()
        model.l_check_eq(niter=system.TDS.niter)
        model.g_update()
        for code in ("f", "g"):
            for variable in system._adders[code]:
                if variable.owner is model:
                    np.add.at(getattr(dae, code), variable.a, variable.e)
        model.j_update()
        kernel.evaluate_model(arrays.grid, number)
        entries = np.zeros(len(flat.pattern.indices))
        for matrix in JACOBIANS:
            for rows, columns, values in model.triplets.zip_ijv(matrix):
                row, column = flat.places(matrix, np.asarray(rows), np.asarray(columns))
                np.add.at(entries, flat.pattern.positions(row, column), values)
        found = arrays.arena[VARIABLES + size : VARIABLES + 2 * size]
        if _differ(dae.fg, found) or _differ(entries, arrays.jacobian):
            names.append(name)
    return ", ".join(names) or "more than one model together"
