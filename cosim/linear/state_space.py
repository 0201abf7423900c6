"""Equations of a grid near an operating point, reduced to its states."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from cosim.engines.bypassed import bypassed_second_order


class NotLinearisable(ValueError):
    """The equations have no state-space form at this operating point."""


@dataclass(frozen=True)
class StateSpace:
    r"""States x, inputs u and all variables z of a grid, as deviations from the operating point.

    .. math::
        \dot x = A x + B u, \quad z = R x + S u

    where z are ANDES's states and algebraic variables, one after the other. The inputs are power drawn in addition at
    each bus (system per-unit): active at every bus, then reactive at every bus.

    Attributes
    ----------
    a : ndarray, shape (states, states)
        1/s.
    b : ndarray, shape (states, inputs)
    recovery : ndarray, shape (variables, states)
        R. Rows of derivative states of bypassed blocks, which are no states here, are zero.
    feedthrough : ndarray, shape (variables, inputs)
        S.
    names : tuple of str
        Of the states.
    kept : ndarray of int, shape (states,)
        Position of each state among the variables.
    """

    a: np.ndarray
    b: np.ndarray
    recovery: np.ndarray
    feedthrough: np.ndarray
    names: tuple[str, ...]
    kept: np.ndarray


def reduce(jacobian: csc_matrix, time_constants: np.ndarray, inputs: csc_matrix, names: tuple[str, ...]) -> StateSpace:
    r"""Eliminate all that is algebraic.

    With the differential variables x and the algebraic ones w (algebraic variables of the network, states whose time
    constant is zero, outputs of bypassed second-order blocks),

    .. math::
        T \dot x = F_x x + F_w w + F_u u, \quad 0 = G_x x + G_w w + G_u u, \quad
        A = T^{-1} (F_x - F_w G_w^{-1} G_x), \quad B = T^{-1} (F_u - F_w G_w^{-1} G_u)

    A bypassed second-order block has two states of which neither is one: its output is algebraic, fixed by the
    equation ``0 = u - y``; its derivative state enters no other equation and goes, with the equation ``y' = x`` that
    defines it. To keep it as algebraic instead, as ANDES's own eigenvalue analysis does, leaves :math:`G_w` singular;
    what is done against that there gives eigenvalues near +1 that no simulation shows.

    Parameters
    ----------
    jacobian : sparse matrix, shape (variables, variables)
        Derivatives of f, then g, with respect to the states, then the algebraic variables.
    time_constants : ndarray, shape (states,)
        T.
    inputs : sparse matrix, shape (variables, inputs)
        Derivatives of f and g with respect to u.
    names : tuple of str
        Of all variables.

    Raises
    ------
    NotLinearisable
        If the algebraic equations do not determine the algebraic variables.
    """
    n, size = time_constants.size, jacobian.shape[0]
    derivative, follower = bypassed_second_order(jacobian[:n, :n], time_constants)
    algebraic = time_constants == 0.0
    network = np.arange(n, size)
    x = np.flatnonzero(~algebraic & ~follower)
    w = np.concatenate([np.flatnonzero(algebraic & ~derivative | follower), network])
    g = np.concatenate([np.flatnonzero(algebraic), network])  # rows; those of x are x itself
    rows = jacobian.tocsr()
    others = np.concatenate([x, g])
    if derivative.any() and np.abs(rows[others][:, np.flatnonzero(derivative)]).max() > 1e-9:
        raise NotLinearisable("a bypassed block's derivative enters other equations")
    try:
        factors = splu(rows[g][:, w].tocsc())
    except RuntimeError as error:
        raise NotLinearisable(f"the algebraic equations are singular ({error})") from error
    w_of_x = -factors.solve(rows[g][:, x].toarray())
    w_of_u = -factors.solve(inputs.tocsr()[g].toarray())
    scale = 1.0 / time_constants[x][:, None]
    to_x, from_u = rows[x], inputs.tocsr()[x]
    recovery, feedthrough = np.zeros((size, x.size)), np.zeros((size, inputs.shape[1]))
    recovery[x, np.arange(x.size)] = 1.0
    recovery[w], feedthrough[w] = w_of_x, w_of_u
    return StateSpace(
        a=scale * (to_x[:, x].toarray() + to_x[:, w] @ w_of_x),
        b=scale * (from_u.toarray() + to_x[:, w] @ w_of_u),
        recovery=recovery,
        feedthrough=feedthrough,
        names=tuple(names[k] for k in x),
        kept=x,
    )
