"""The grid in compiled code: one trapezoidal step, and the network solved again after a jump.

Both do what ANDES does, in its order, so that the same iterations lead to the same numbers: `step` is
``ImplicitIter.step`` of ANDES with a line search, a Jacobian that is renewed only on certain occasions and the states
at their limits left out; `solve_network` is `cosim.engines.jump.NetworkSolver`. What differs: the factors are kept
while neither the Jacobian nor the step's length changes.
"""

from typing import NamedTuple

import numpy as np

from cosim.compiled.arena import ITERATIONS, MODE_CHANGED, TIME, VARIABLES
from cosim.compiled.kernel_call import call_model
from cosim.compiled.kernels import inlined, kernel
from cosim.compiled.sparse_lu import Factors, factorise, solve

DIFFERENTIAL, ALGEBRAIC, JACOBIAN = 0, 1, 2

# Numbers of `Grid.number`.
(LENGTH_S, LAST_SWITCH_S, TOLERANCE, TINY, SAVED_S) = range(5)
NUMBERS = 5
# Conditions of `Grid.condition`.
(HAS_CONVERGED, HAS_FACTORS, HAS_NETWORK_FACTORS, BAD_PIVOT, LINE_SEARCH, MAX_ITERATIONS, ADDRESS, JACOBIAN_ADDRESS) = (
    range(8)
)
CONDITIONS = 8
(PIVOT_OF_STEP, PIVOT_OF_NETWORK) = (1, 2)
"""Values of `BAD_PIVOT`: which ordering no longer serves."""

RENEW_AFTER_SWITCH_S = 0.1
SAME_LENGTH = 1e-9
"""Steps whose lengths differ by less than this share, as differences of times do, have the same factors."""
LINE_SEARCH_TRIALS = 4
MERITS = 3
CHATTER_ITERATIONS, CHATTER_SUM, CHATTER_SIZE = 4, 1e-6, 1e-4
RUNAWAY = 1e6

NETWORK_ITERATIONS, NETWORK_HALVINGS = 30, 6
NETWORK_SLOW = 0.2
NETWORK_SOLVED = 1e-9


class Grid(NamedTuple):
    """One scenario's grid: its arena and work space, and what it shares with others of its kind.

    Variables are states, then algebraic variables; ``n`` stands for the states, ``size`` for all.
    """

    arena: np.ndarray
    x: np.ndarray
    """View of the arena, shape (n,)."""
    y: np.ndarray
    f: np.ndarray
    g: np.ndarray
    jacobian: np.ndarray
    """Values of [[fx, fy], [gx, gy]] by columns when it was last renewed."""
    matrix: np.ndarray
    """Values of the matrix that was factorised last; work space."""
    residual: np.ndarray
    """Shape (size,), as the next three; work space."""
    increment: np.ndarray
    origin: np.ndarray
    """Variables where a line search starts."""
    before: np.ndarray
    """Variables, then derivatives, at the start of a step; shape (size + n,)."""
    saved: np.ndarray
    """The same, as `save` keeps it."""
    number: np.ndarray
    condition: np.ndarray
    factors: Factors
    network_factors: Factors
    # Shared from here on.
    function: np.ndarray
    """Addresses of the models' functions."""
    table: np.ndarray
    """Addresses of their tables."""
    constant: np.ndarray
    """Entries of the Jacobian that models add theirs to."""
    is_algebraic: np.ndarray
    """Of each entry of the Jacobian, whether its row is an algebraic equation."""
    diagonal: np.ndarray
    """Position of each state's diagonal entry, shape (n,)."""
    time_constant: np.ndarray
    peg_flag: np.ndarray
    peg_state: np.ndarray
    network_source: np.ndarray
    """Of each entry of the network's matrix, its position in the Jacobian, or -1."""
    network_constant: np.ndarray
    """What is added to it."""
    must_hold: np.ndarray
    """Of each state, 1 if its own equation must hold right after a jump, else 0."""
    bus_v: np.ndarray
    """Positions of bus voltages in y."""
    speed: np.ndarray
    """Positions of machines' speeds in x."""
    angle: np.ndarray
    """Positions of machines' rotor angles in x."""
    load_bus: np.ndarray
    """Bus of each controlled load."""
    load_p: np.ndarray
    """Place of its power in the arena, shape (loads,)."""
    load_q: np.ndarray
    load_shape: np.ndarray
    """Shape (loads, 4): z, i, p and v_min."""


@inlined
def time_s(grid: Grid) -> float:
    """Time reached."""
    return grid.arena[TIME]


@inlined
def set_power(grid: Grid, k: int, p_pu: float, q_pu: float) -> None:
    """Set the power of load k at 1 pu voltage, system base, at the end of the next step or at t+."""
    grid.arena[grid.load_p[k]] = p_pu
    grid.arena[grid.load_q[k]] = q_pu


@inlined
def load_share(grid: Grid, k: int) -> float:
    """What load k draws at the present voltage, over what it would at 1 pu."""
    v = grid.y[grid.bus_v[grid.load_bus[k]]]
    z, i, p, v_min = grid.load_shape[k]
    at = max(v, v_min)
    return (z * at**2 + i * at + p) * (v / at) ** 2


@kernel
def save(grid: Grid) -> None:
    """Keep time, variables and derivatives, for `restore`."""
    n, size = len(grid.x), len(grid.residual)
    grid.number[SAVED_S] = grid.arena[TIME]
    grid.saved[:] = grid.arena[VARIABLES : VARIABLES + size + n]


@kernel
def restore(grid: Grid) -> None:
    """Return to what was saved."""
    n, size = len(grid.x), len(grid.residual)
    grid.arena[TIME] = grid.number[SAVED_S]
    grid.arena[VARIABLES : VARIABLES + size + n] = grid.saved


@inlined
def evaluate(grid: Grid) -> None:
    """Bring services, flags, derivatives and residuals to the present variables."""
    size = len(grid.residual)
    grid.arena[VARIABLES + size : VARIABLES + 2 * size] = 0.0
    arena, jacobian = grid.condition[ADDRESS], grid.condition[JACOBIAN_ADDRESS]
    for k in range(len(grid.function)):
        call_model(grid.function[k], DIFFERENTIAL, arena, grid.table[k], jacobian)
    for k in range(len(grid.function)):
        call_model(grid.function[k], ALGEBRAIC, arena, grid.table[k], jacobian)


@kernel
def evaluate_model(grid: Grid, k: int) -> None:
    """What one model alone makes of the present variables: its part of derivatives, residuals and Jacobian."""
    size = len(grid.residual)
    grid.arena[VARIABLES + size : VARIABLES + 2 * size] = 0.0
    grid.jacobian[:] = 0.0
    for kind in (DIFFERENTIAL, ALGEBRAIC, JACOBIAN):
        call_model(grid.function[k], kind, grid.condition[ADDRESS], grid.table[k], grid.condition[JACOBIAN_ADDRESS])


@inlined
def renew_jacobian(grid: Grid) -> None:
    """Bring the Jacobian to the present variables, services and flags."""
    grid.jacobian[:] = grid.constant
    for k in range(len(grid.function)):
        call_model(grid.function[k], JACOBIAN, grid.condition[ADDRESS], grid.table[k], grid.condition[JACOBIAN_ADDRESS])
    grid.condition[HAS_FACTORS] = 0


@inlined
def step_matrix(grid: Grid, step_s: float) -> None:
    """Fill `Grid.matrix` for a step: [[T - h/2 fx, -h/2 fy], [h gx, h gy]]."""
    for p in range(len(grid.jacobian)):
        grid.matrix[p] = (step_s if grid.is_algebraic[p] else -0.5 * step_s) * grid.jacobian[p]
    for k in range(len(grid.diagonal)):
        grid.matrix[grid.diagonal[k]] += grid.time_constant[k]


@kernel
def network_matrix(grid: Grid) -> np.ndarray:
    """Matrix of `solve_network`: equations that must hold, and states that are held."""
    out = grid.network_constant.copy()
    for p in range(len(out)):
        if grid.network_source[p] >= 0:
            out[p] += grid.jacobian[grid.network_source[p]]
    return out


@inlined
def _residual(grid: Grid, step_s: float) -> float:
    """Fill `Grid.residual` for a step, and return its sum of squares."""
    n, size = len(grid.x), len(grid.residual)
    residual, before = grid.residual, grid.before
    for k in range(n):
        residual[k] = grid.time_constant[k] * (grid.x[k] - before[k]) - step_s * 0.5 * (grid.f[k] + before[size + k])
    for k in range(len(grid.peg_flag)):
        if grid.arena[grid.peg_flag[k]] == 0.0:
            residual[grid.peg_state[k]] = 0.0
    for k in range(size - n):
        residual[n + k] = step_s * grid.g[k]
    return np.dot(residual, residual)


@kernel
def step(grid: Grid, end_s: float) -> bool:
    """Take one trapezoidal step; on failure nothing has changed and False is returned.

    A failure by a pivot that has become too small is noted in `BAD_PIVOT`: a new ordering may mend it.
    """
    n, size = len(grid.x), len(grid.residual)
    arena, condition, number = grid.arena, grid.condition, grid.number
    start_s = arena[TIME]
    step_s = end_s - start_s
    variables = arena[VARIABLES : VARIABLES + size]
    grid.before[:] = arena[VARIABLES : VARIABLES + size + n]
    arena[TIME] = end_s
    arena[ITERATIONS] = 0.0
    evaluate(grid)
    merit = _residual(grid, step_s)
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
            renew_jacobian(grid)
        if condition[HAS_FACTORS] == 0 or not abs(number[LENGTH_S] - step_s) <= SAME_LENGTH * step_s:
            step_matrix(grid, step_s)
            number[LENGTH_S] = step_s
            condition[HAS_FACTORS] = 1
            if not factorise(grid.factors, grid.matrix):
                condition[HAS_FACTORS] = 0
                condition[BAD_PIVOT] = PIVOT_OF_STEP
                break
        solve(grid.factors, grid.residual, grid.increment)
        largest, increment, is_finite = 0.0, 0.0, True
        for k in range(size):
            value = grid.increment[k]
            if abs(value) < number[TINY]:
                grid.increment[k] = 0.0
            elif abs(value) > largest:
                largest, increment = abs(value), value
            elif np.isnan(value):
                is_finite = False
        if not is_finite:
            break
        if iterations == 0:
            for k in range(size):
                first_mismatch = max(first_mismatch, abs(grid.residual[k]))
        is_chattering = (
            iterations > CHATTER_ITERATIONS and abs(last + increment) < CHATTER_SUM and abs(increment) > CHATTER_SIZE
        )
        last = abs(increment) if iterations == 0 else increment
        merits[iterations % MERITS] = merit
        reference = merits.max()
        grid.origin[:] = variables
        share = 1.0
        for _ in range(LINE_SEARCH_TRIALS if condition[LINE_SEARCH] else 1):
            for k in range(size):
                variables[k] = grid.origin[k] - share * grid.increment[k]
            evaluate(grid)
            merit = _residual(grid, step_s)
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
        arena[VARIABLES : VARIABLES + size + n] = grid.before
        arena[TIME] = start_s
    return has_converged


@kernel
def _network_residual(grid: Grid, out: np.ndarray) -> float:
    """Residuals at the present variables, and their norm: equations of states that must hold, and the network's."""
    evaluate(grid)
    n = len(grid.x)
    for k in range(n):
        out[k] = grid.must_hold[k] * grid.f[k]
    out[n:] = grid.g
    return np.sqrt(np.dot(out, out))


@kernel
def solve_network(grid: Grid) -> bool:
    """Bring the algebraic variables to their values at t+; restore them and return False if that fails.

    The factors are kept from jump to jump and renewed where they no longer make the residual shrink fast.
    """
    size = len(grid.residual)
    condition, variables = grid.condition, grid.arena[VARIABLES : VARIABLES + size]
    start, residual, new = variables.copy(), grid.residual, np.empty(size)
    norm, is_fresh = _network_residual(grid, residual), False
    for _ in range(NETWORK_ITERATIONS):
        if condition[HAS_NETWORK_FACTORS] == 0:
            renew_jacobian(grid)
            is_fresh = True
            if not factorise(grid.network_factors, network_matrix(grid)):
                condition[BAD_PIVOT] = PIVOT_OF_NETWORK
                break
            condition[HAS_NETWORK_FACTORS] = 1
        solve(grid.network_factors, residual, grid.increment)
        if not np.all(np.isfinite(grid.increment)):
            break
        grid.origin[:] = variables
        share, new_norm = 1.0, 0.0
        for _ in range(NETWORK_HALVINGS):
            variables[:] = grid.origin - share * grid.increment
            new_norm = _network_residual(grid, new)
            if new_norm <= norm or new_norm < NETWORK_SOLVED:
                break
            share /= 2
        residual[:] = new
        before, norm = norm, new_norm
        if share * np.abs(grid.increment).max() < grid.number[TOLERANCE]:
            return True
        if norm > NETWORK_SLOW * before:
            if not is_fresh:
                variables[:] = start
                norm = _network_residual(grid, residual)
            condition[HAS_NETWORK_FACTORS] = 0
    condition[HAS_NETWORK_FACTORS] = 0
    variables[:] = start
    _network_residual(grid, residual)
    return False
