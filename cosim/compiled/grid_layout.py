"""Where the arrays of one scenario's grid lie, for compiled code."""

from typing import NamedTuple

import numpy as np

from cosim.compiled.sparse_lu import FACTOR_ARRAYS

# Numbers of `NUMBER`.
(LENGTH_S, LAST_SWITCH_S, TOLERANCE, TINY, SAVED_S) = range(5)
NUMBERS = 5
# Conditions of `CONDITION`.
(HAS_CONVERGED, HAS_FACTORS, HAS_NETWORK_FACTORS, BAD_PIVOT, LINE_SEARCH, MAX_ITERATIONS) = range(6)
CONDITIONS = 6
(PIVOT_OF_STEP, PIVOT_OF_NETWORK) = (1, 2)
"""Values of `BAD_PIVOT`: which ordering no longer serves."""

# Arrays of a scenario, by their places in its directory. Variables are states, then algebraic variables; n is the
# number of states, size that of all.
(
    ARENA,
    NUMBER,
    CONDITION,
    JACOBIAN_VALUES,  # of [[fx, fy], [gx, gy]] by columns, when it was last renewed
    MATRIX,  # that was factorised last; work space, as the next three
    RESIDUAL,
    INCREMENT,
    ORIGIN,  # variables where a line search starts
    BEFORE,  # variables, then derivatives of the states, at the start of a step
    SAVED,  # the same, as `save` keeps it
    NETWORK_MATRIX,
    NETWORK_RESIDUAL,
    FUNCTION,  # addresses of the models' functions
    TABLE,  # and of their tables
    CONSTANT,  # entries of the Jacobian that models add theirs to
    IS_ALGEBRAIC,  # of each entry of the Jacobian, whether its row is an algebraic equation
    DIAGONAL,  # position of each state's diagonal entry
    TIME_CONSTANT,
    PEG_FLAG,  # place in the arena of a flag that is zero while a limit holds a state
    PEG_STATE,  # that state
    NETWORK_SOURCE,  # of each entry of the network's matrix, its position in the Jacobian, or -1
    NETWORK_CONSTANT,  # what is added to it
    MUST_HOLD,  # of each state, 1 if its own equation must hold right after a jump, else 0
    LOAD_P,  # place in the arena of each controlled load's power
    LOAD_Q,
    LOAD_V,  # position in y of the voltage at its bus
    LOAD_SHAPE,  # z, i, p and v_min of each
    FACTORS,
) = range(28)
NETWORK_FACTORS = FACTORS + FACTOR_ARRAYS
ARRAYS = NETWORK_FACTORS + FACTOR_ARRAYS


class Grid(NamedTuple):
    """One scenario's grid as compiled code has it."""

    listed: np.ndarray
    """Directory of its arrays."""
    x: np.ndarray
    """States, a view of the arena."""
    y: np.ndarray
    """Algebraic variables."""
    bus_v: np.ndarray
    """Positions of bus voltages in y."""
    speed: np.ndarray
    """Positions of machines' speeds in x."""
    angle: np.ndarray
    """Positions of machines' rotor angles in x."""
