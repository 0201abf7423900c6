"""The grid in compiled code: one trapezoidal step, and what it is made of.

It does what ANDES does, in its order, so that the same iterations lead to the same numbers: `step` is
``ImplicitIter.step`` of ANDES with a line search, a Jacobian that is renewed only on certain occasions and the states
at their limits left out. What differs: the factors are kept while neither the Jacobian nor the step's length changes.
"""

import numpy as np

from cosim.compiled.arena import ITERATIONS, MODE_CHANGED, TIME, VARIABLES
from cosim.compiled.directory import floats, indices, words
from cosim.compiled.grid_layout import (
    ARENA,
    BAD_PIVOT,
    BEFORE,
    CONDITION,
    CONSTANT,
    DIAGONAL,
    FACTORS,
    FUNCTION,
    HAS_CONVERGED,
    HAS_FACTORS,
    INCREMENT,
    IS_ALGEBRAIC,
    JACOBIAN_VALUES,
    LAST_SWITCH_S,
    LENGTH_S,
    LINE_SEARCH,
    LOAD_P,
    LOAD_Q,
    LOAD_SHAPE,
    LOAD_V,
    MATRIX,
    MAX_ITERATIONS,
    NUMBER,
    ORIGIN,
    PEG_FLAG,
    PEG_STATE,
    PIVOT_OF_STEP,
    RESIDUAL,
    SAVED,
    SAVED_S,
    TABLE,
    TIME_CONSTANT,
    TINY,
    TOLERANCE,
    Grid,
)
from cosim.compiled.kernel_call import call_model
from cosim.compiled.kernels import inlined, kernel
from cosim.compiled.sparse_lu import Factors, Triangle, factorise, solve
from cosim.share_kernel import voltage_share

DIFFERENTIAL, ALGEBRAIC, JACOBIAN = 0, 1, 2

RENEW_AFTER_SWITCH_S = 0.1
SAME_LENGTH = 1e-9
"""Steps whose lengths differ by less than this share, as differences of times do, have the same factors."""
LINE_SEARCH_TRIALS = 4
MERITS = 3
CHATTER_ITERATIONS, CHATTER_SUM, CHATTER_SIZE = 4, 1e-6, 1e-4
RUNAWAY = 1e6


_voltage_share = inlined(voltage_share)


@inlined
def factors_at(listed, first):  # type: ignore[no-untyped-def]
    """Factors whose arrays start at a place in the directory."""
    return Factors(
        indices(listed, first),
        indices(listed, first + 1),
        indices(listed, first + 2),
        Triangle(
            indices(listed, first + 3),
            indices(listed, first + 4),
            indices(listed, first + 5),
            floats(listed, first + 6),
        ),
        Triangle(
            indices(listed, first + 7),
            indices(listed, first + 8),
            indices(listed, first + 9),
            floats(listed, first + 10),
        ),
        floats(listed, first + 11),
        indices(listed, first + 12),
        indices(listed, first + 13),
        floats(listed, first + 14),
        floats(listed, first + 15),
    )


@inlined
def time_s(grid: Grid) -> float:
    """Time reached."""
    return floats(grid.listed, ARENA)[TIME]


@inlined
def set_power(grid: Grid, k: int, p_pu: float, q_pu: float) -> None:
    """Set the power of load k at 1 pu voltage, system base, at the end of the next step or at t+."""
    arena = floats(grid.listed, ARENA)
    arena[words(grid.listed, LOAD_P)[k]] = p_pu
    arena[words(grid.listed, LOAD_Q)[k]] = q_pu


@inlined
def load_share(grid: Grid, k: int) -> float:
    """What load k draws at the present voltage, over what it would at 1 pu."""
    shape = floats(grid.listed, LOAD_SHAPE)
    v = grid.y[words(grid.listed, LOAD_V)[k]]
    return _voltage_share(v, shape[4 * k], shape[4 * k + 1], shape[4 * k + 2], shape[4 * k + 3])


@kernel
def save(grid: Grid) -> None:
    """Keep time, variables and derivatives, for `restore`."""
    arena, saved = floats(grid.listed, ARENA), floats(grid.listed, SAVED)
    floats(grid.listed, NUMBER)[SAVED_S] = arena[TIME]
    saved[:] = arena[VARIABLES : VARIABLES + saved.size]


@kernel
def restore(grid: Grid) -> None:
    """Return to what was saved."""
    arena, saved = floats(grid.listed, ARENA), floats(grid.listed, SAVED)
    arena[TIME] = floats(grid.listed, NUMBER)[SAVED_S]
    arena[VARIABLES : VARIABLES + saved.size] = saved


@inlined
def _call(listed: np.ndarray, k: int, kind: int) -> None:
    call_model(
        words(listed, FUNCTION)[k], kind, listed[2 * ARENA], words(listed, TABLE)[k], listed[2 * JACOBIAN_VALUES]
    )


@inlined
def _evaluate(listed: np.ndarray) -> None:
    size = floats(listed, RESIDUAL).size
    floats(listed, ARENA)[VARIABLES + size : VARIABLES + 2 * size] = 0.0
    models = words(listed, FUNCTION).size
    for k in range(models):
        _call(listed, k, DIFFERENTIAL)
    for k in range(models):
        _call(listed, k, ALGEBRAIC)


@inlined
def _renew_jacobian(listed: np.ndarray) -> None:
    floats(listed, JACOBIAN_VALUES)[:] = floats(listed, CONSTANT)
    for k in range(words(listed, FUNCTION).size):
        _call(listed, k, JACOBIAN)
    words(listed, CONDITION)[HAS_FACTORS] = 0


@kernel
def evaluate(grid: Grid) -> None:
    """Bring services, flags, derivatives and residuals to the present variables."""
    _evaluate(grid.listed)


@kernel
def evaluate_model(grid: Grid, k: int) -> None:
    """What one model alone makes of the present variables: its part of derivatives, residuals and Jacobian."""
    listed = grid.listed
    size = floats(listed, RESIDUAL).size
    floats(listed, ARENA)[VARIABLES + size : VARIABLES + 2 * size] = 0.0
    floats(listed, JACOBIAN_VALUES)[:] = 0.0
    for kind in (DIFFERENTIAL, ALGEBRAIC, JACOBIAN):
        _call(listed, k, kind)


@kernel
def renew_jacobian(grid: Grid) -> None:
    """Bring the Jacobian to the present variables, services and flags."""
    _renew_jacobian(grid.listed)


@inlined
def _step_matrix(listed: np.ndarray, step_s: float) -> None:
    """Fill `MATRIX` for a step: [[T - h/2 fx, -h/2 fy], [h gx, h gy]]."""
    matrix, jacobian, is_algebraic = (
        floats(listed, MATRIX),
        floats(listed, JACOBIAN_VALUES),
        words(listed, IS_ALGEBRAIC),
    )
    diagonal, time_constant = words(listed, DIAGONAL), floats(listed, TIME_CONSTANT)
    for p in range(matrix.size):
        matrix[p] = (step_s if is_algebraic[p] else -0.5 * step_s) * jacobian[p]
    for k in range(diagonal.size):
        matrix[diagonal[k]] += time_constant[k]


@kernel
def step_matrix(grid: Grid, step_s: float) -> None:
    """Fill `MATRIX` for a step."""
    _step_matrix(grid.listed, step_s)


@inlined
def _residual(listed: np.ndarray, step_s: float) -> float:
    """Fill `RESIDUAL` for a step, and return its sum of squares."""
    arena, residual, before = floats(listed, ARENA), floats(listed, RESIDUAL), floats(listed, BEFORE)
    time_constant = floats(listed, TIME_CONSTANT)
    peg_flag, peg_state = words(listed, PEG_FLAG), words(listed, PEG_STATE)
    n, size = time_constant.size, residual.size
    x, f = arena[VARIABLES : VARIABLES + n], arena[VARIABLES + size : VARIABLES + size + n]
    g = arena[VARIABLES + size + n : VARIABLES + 2 * size]
    for k in range(n):
        residual[k] = time_constant[k] * (x[k] - before[k]) - step_s * 0.5 * (f[k] + before[size + k])
    for k in range(peg_flag.size):
        if arena[peg_flag[k]] == 0.0:
            residual[peg_state[k]] = 0.0
    for k in range(size - n):
        residual[n + k] = step_s * g[k]
    return np.dot(residual, residual)


@kernel
def step(grid: Grid, end_s: float) -> bool:
    """Take one trapezoidal step; on failure nothing has changed and False is returned.

    A failure by a pivot that has become too small is noted in `BAD_PIVOT`: a new ordering may mend it.
    """
    listed = grid.listed
    arena, condition, number = floats(listed, ARENA), words(listed, CONDITION), floats(listed, NUMBER)
    residual, increment, origin = floats(listed, RESIDUAL), floats(listed, INCREMENT), floats(listed, ORIGIN)
    before, factors = floats(listed, BEFORE), factors_at(listed, FACTORS)
    size = residual.size
    start_s = arena[TIME]
    step_s = end_s - start_s
    variables = arena[VARIABLES : VARIABLES + size]
    before[:] = arena[VARIABLES : VARIABLES + before.size]
    arena[TIME] = end_s
    arena[ITERATIONS] = 0.0
    _evaluate(listed)
    merit = _residual(listed, step_s)
    merits = np.full(MERITS, -np.inf)
    iterations, first_mismatch, last = 0, 0.0, 0.0
    has_converged = False
    while True:
        if (
            end_s == 0.0
            or arena[MODE_CHANGED] != 0.0
            or condition[HAS_CONVERGED] == 0
            or (iterations > 4 and (iterations + 1) % 3 == 0)
            or end_s - number[LAST_SWITCH_S] < RENEW_AFTER_SWITCH_S
        ):
            _renew_jacobian(listed)
        if condition[HAS_FACTORS] == 0 or not abs(number[LENGTH_S] - step_s) <= SAME_LENGTH * step_s:
            _step_matrix(listed, step_s)
            number[LENGTH_S] = step_s
            condition[HAS_FACTORS] = 1
            if not factorise(factors, floats(listed, MATRIX)):
                condition[HAS_FACTORS] = 0
                condition[BAD_PIVOT] = PIVOT_OF_STEP
                break
        solve(factors, residual, increment)
        largest, signed, is_finite = 0.0, 0.0, True
        for k in range(size):
            value = increment[k]
            if abs(value) < number[TINY]:
                increment[k] = 0.0
            elif abs(value) > largest:
                largest, signed = abs(value), value
            elif np.isnan(value):
                is_finite = False
        if not is_finite:
            break
        if iterations == 0:
            for k in range(size):
                first_mismatch = max(first_mismatch, abs(residual[k]))
        is_chattering = (
            iterations > CHATTER_ITERATIONS and abs(last + signed) < CHATTER_SUM and abs(signed) > CHATTER_SIZE
        )
        last = abs(signed) if iterations == 0 else signed
        merits[iterations % MERITS] = merit
        reference = merits.max()
        origin[:] = variables
        share = 1.0
        for _ in range(LINE_SEARCH_TRIALS if condition[LINE_SEARCH] else 1):
            for k in range(size):
                variables[k] = origin[k] - share * increment[k]
            _evaluate(listed)
            merit = _residual(listed, step_s)
            if merit < reference:
                break
            share *= 0.5
        iterations += 1
        arena[ITERATIONS] = iterations
        if largest <= number[TOLERANCE] or is_chattering:
            has_converged = True
            break
        if iterations > condition[MAX_ITERATIONS] or (largest > RUNAWAY and largest > RUNAWAY * first_mismatch):
            break
    if condition[BAD_PIVOT] != PIVOT_OF_STEP:
        condition[HAS_CONVERGED] = has_converged
    if has_converged and arena[MODE_CHANGED] != 0.0:
        number[LAST_SWITCH_S], arena[MODE_CHANGED] = end_s, 0.0
    if not has_converged:
        arena[VARIABLES : VARIABLES + before.size] = before
        arena[TIME] = start_s
    return has_converged
