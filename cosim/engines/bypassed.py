"""Blocks that a zero time constant bypasses, in ANDES's equations T x' = f(x, y), 0 = g(x, y)."""

from typing import Any

import numpy as np


def bypassed_second_order(fx: Any, time_constants: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the states of second-order blocks with zero time constants.

    Such a block leaves ``0 = u - y`` and ``y' = x``: y follows the block's input at once, and x is the derivative of
    that input, which no equation fixes at one instant.

    Parameters
    ----------
    fx : sparse matrix, shape (states, states)
        Derivatives of f with respect to the states.
    time_constants : ndarray, shape (states,)

    Returns
    -------
    derivative, follower : ndarray of bool, shape (states,) each
        The states that stand for x and for y; as many of either.
    """
    algebraic = time_constants == 0.0
    derivative = algebraic & (np.abs(fx.diagonal()) < 1e-6)
    follower = ~algebraic & (np.abs(fx[:, np.flatnonzero(derivative)]).sum(axis=1).A1 > 0)
    if follower.sum() != derivative.sum():
        derivative[:], follower[:] = False, False
    return derivative, follower
