"""The network solved again after a jump, in compiled code: what `cosim.engines.jump.NetworkSolver` does."""

import numpy as np

from cosim.compiled.arena import VARIABLES
from cosim.compiled.directory import floats, words
from cosim.compiled.grid_kernel import evaluate, factors_at, renew_jacobian
from cosim.compiled.grid_layout import (
    ARENA,
    BAD_PIVOT,
    CONDITION,
    HAS_NETWORK_FACTORS,
    INCREMENT,
    JACOBIAN_VALUES,
    MUST_HOLD,
    NETWORK_CONSTANT,
    NETWORK_FACTORS,
    NETWORK_MATRIX,
    NETWORK_RESIDUAL,
    NETWORK_SOURCE,
    NUMBER,
    ORIGIN,
    PIVOT_OF_NETWORK,
    RESIDUAL,
    TOLERANCE,
    Grid,
)
from cosim.compiled.kernels import inlined, kernel
from cosim.compiled.sparse_lu import factorise, solve

NETWORK_ITERATIONS, NETWORK_HALVINGS = 30, 6
NETWORK_SLOW = 0.2
NETWORK_SOLVED = 1e-9


@kernel
def network_matrix(grid: Grid) -> None:
    """Fill `NETWORK_MATRIX`, that of `solve_network`: equations that must hold, and states that are held."""
    jacobian, source = floats(grid.listed, JACOBIAN_VALUES), words(grid.listed, NETWORK_SOURCE)
    matrix, constant = floats(grid.listed, NETWORK_MATRIX), floats(grid.listed, NETWORK_CONSTANT)
    for p in range(matrix.size):
        matrix[p] = constant[p] + (jacobian[source[p]] if source[p] >= 0 else 0.0)


@inlined
def _residual(grid: Grid, out: np.ndarray) -> float:
    """Residuals at the present variables, and their norm: equations of states that must hold, and the network's."""
    evaluate(grid)
    listed = grid.listed
    arena, must_hold = floats(listed, ARENA), floats(listed, MUST_HOLD)
    n, size = must_hold.size, out.size
    for k in range(n):
        out[k] = must_hold[k] * arena[VARIABLES + size + k]
    for k in range(n, size):
        out[k] = arena[VARIABLES + size + k]
    return np.sqrt(np.dot(out, out))


@kernel
def solve_network(grid: Grid) -> bool:
    """Bring the algebraic variables to their values at t+; restore them and return False if that fails.

    The factors are kept from jump to jump and renewed where they no longer make the residual shrink fast.
    """
    listed = grid.listed
    residual, increment, origin = floats(listed, RESIDUAL), floats(listed, INCREMENT), floats(listed, ORIGIN)
    new, condition, factors = (
        floats(listed, NETWORK_RESIDUAL),
        words(listed, CONDITION),
        factors_at(listed, NETWORK_FACTORS),
    )
    variables = floats(listed, ARENA)[VARIABLES : VARIABLES + residual.size]
    start = variables.copy()
    norm, is_fresh = _residual(grid, residual), False
    for _ in range(NETWORK_ITERATIONS):
        if condition[HAS_NETWORK_FACTORS] == 0:
            renew_jacobian(grid)
            is_fresh = True
            network_matrix(grid)
            if not factorise(factors, floats(listed, NETWORK_MATRIX)):
                condition[BAD_PIVOT] = PIVOT_OF_NETWORK
                break
            condition[HAS_NETWORK_FACTORS] = 1
        solve(factors, residual, increment)
        if not np.all(np.isfinite(increment)):
            break
        origin[:] = variables
        share, new_norm = 1.0, 0.0
        for _ in range(NETWORK_HALVINGS):
            variables[:] = origin - share * increment
            new_norm = _residual(grid, new)
            if new_norm <= norm or new_norm < NETWORK_SOLVED:
                break
            share /= 2
        residual[:] = new
        before, norm = norm, new_norm
        if share * np.abs(increment).max() < floats(listed, NUMBER)[TOLERANCE]:
            return True
        if norm > NETWORK_SLOW * before:
            if not is_fresh:
                variables[:] = start
                norm = _residual(grid, residual)
            condition[HAS_NETWORK_FACTORS] = 0
    condition[HAS_NETWORK_FACTORS] = 0
    variables[:] = start
    _residual(grid, residual)
    return False
