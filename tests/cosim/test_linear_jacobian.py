"""Jacobians that linear equations start from, against finite differences of ANDES's own residuals."""

import numpy as np
import pytest
from andes.linsolvers.scipy import spmatrix_to_csc
from scipy.sparse import bmat

from cosim.edited_grid import apply_edit
from cosim.engines.andes import AndesEngine, LoadPoint
from cosim.engines.service_derivatives import service_derivatives
from cosim.scenario.edits import Edit
from grids import load_grid

INVERTERS = {"replace_by_inverters": {"share": 0.2, "droop_pu": 0.05}}
GRIDS = {
    "ieee14": ("ieee14", []),
    "kundur": ("kundur", []),
    "kundur with inverters": ("kundur", [INVERTERS]),
    "ieee39": ("ieee39", []),
    "ieee39 with inverters": ("ieee39", [INVERTERS]),
    "npcc140": ("npcc140", []),
    "wecc179": ("wecc179", []),
}
SLOW = ("ieee39", "ieee39 with inverters", "npcc140", "wecc179")


def initialised(case, edits):
    grid = load_grid(case)
    for edit in edits:
        apply_edit(grid, Edit.model_validate(edit))
    grid.set_base_load(0.3, 0.3, 0.4)
    engine = AndesEngine(grid, [LoadPoint("site", grid.buses[-1].idx, 0.2, 0.3, 0.5)], 1e-8)
    assert engine.initialise(np.array([10.0]), np.array([2.0])).succeeded
    return engine._system


def jacobian(system):
    system.vars_to_models()
    system.j_update(models=system.exist.pflow_tds)
    dae = system.dae
    fx, fy, gx, gy = (spmatrix_to_csc(m) for m in (dae.fx, dae.fy, dae.gx, dae.gy))
    return bmat([[fx, fy], [gx, gy]], format="csc"), service_derivatives(system)


def residuals(system, variables):
    dae = system.dae
    dae.x[:], dae.y[:] = variables[: dae.n], variables[dae.n :]
    system.vars_to_models()
    with np.errstate(all="ignore"):
        system.TDS.fg_update(models=system.exist.pflow_tds)
    return np.concatenate([dae.f, dae.g])


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in GRIDS])
def test_every_derivative(name):
    """A control at a limit or at a kink has one from each side: either will do."""
    system = initialised(*GRIDS[name])
    whole = sum(jacobian(system)).toarray()
    variables = np.concatenate([system.dae.x, system.dae.y])
    here = residuals(system, variables).copy()
    names = [*map(str, system.dae.x_name), *map(str, system.dae.y_name)]
    wrong = []
    for k in range(variables.size):
        step = 1e-6 * max(1.0, abs(variables[k]))
        above, below = variables.copy(), variables.copy()
        above[k] += step
        below[k] -= step
        forward = (residuals(system, above).copy() - here) / step
        backward = (here - residuals(system, below).copy()) / step
        sides = [forward, backward, 0.5 * (forward + backward)]
        error = np.min([np.abs(side - whole[:, k]) for side in sides], axis=0)
        wrong += [(names[row], names[k]) for row in np.flatnonzero(error > 1e-4 * (1.0 + np.abs(sides[2])))]
    assert wrong == []


def test_services_of_compounded_exciters_are_what_is_missing():
    """ANDES differentiates the equations of ESST3A as if VE did not depend on the machine's voltage and current."""
    system = initialised("ieee14", [])
    dae = system.dae
    variables = np.concatenate([dae.x, dae.y])
    own, added = jacobian(system)
    exciter, machine = system.ESST3A, system.GENROU
    row = dae.n + exciter.VB_x.a[0]
    column = dae.n + np.array([exciter.vd.a[0], exciter.vq.a[0], exciter.Id.a[0], exciter.Iq.a[0]])
    assert set(column - dae.n) <= {*machine.vd.a, *machine.vq.a, *machine.Id.a, *machine.Iq.a}
    assert np.all(own[row, column].toarray() == 0.0)
    assert np.all(np.abs(added[row, column].toarray()) > 1e-2)
    np.testing.assert_array_equal(np.concatenate([dae.x, dae.y]), variables)  # the system is left as it was
    assert added[dae.n :].nnz == added.nnz
