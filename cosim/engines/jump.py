"""Solution of ANDES's network equations at t+, right after a jump, with the states held."""

from typing import Any

import numpy as np
from andes.linsolvers.scipy import spmatrix_to_csc
from scipy.sparse import bmat, diags
from scipy.sparse.linalg import splu

_MAX_ITERATIONS = 30
_MAX_HALVINGS = 6


class NetworkSolver:
    """Newton's method on the algebraic equations of an initialised ANDES system.

    ANDES itself starts the step after a jump with derivatives from before it, an error of half a step. Here a jump is
    settled first. Three kinds of states need care, because a zero time constant makes a state algebraic:

    * an ordinary state (T > 0) is held;
    * a state with T = 0 whose own equation contains it, such as a bypassed lag, is solved for like an algebraic variable;
    * a bypassed second-order block leaves ``0 = u - y`` and ``y' = x``: here y follows its input through the jump, and
      x, the derivative of the input, which no equation fixes at one instant, is held.

    Parameters
    ----------
    system : andes.System
        With ``TDS.init()`` done.
    """

    def __init__(self, system: Any):
        self._system = system
        dae = system.dae
        system.j_update(models=system.exist.pflow_tds)
        fx = spmatrix_to_csc(dae.fx).tolil()
        algebraic = np.asarray(dae.Tf) == 0.0
        derivative = algebraic & (np.abs(fx.diagonal()) < 1e-6)
        follower = ~algebraic & (np.abs(fx[:, np.flatnonzero(derivative)]).sum(axis=1).A1 > 0)
        if follower.sum() != derivative.sum():
            derivative[:], follower[:] = False, False
        self._active = algebraic.astype(float)  # rows whose equation f = 0 must hold at t+
        held = np.where(algebraic & ~derivative | follower, 0.0, 1.0)
        order = np.arange(dae.n)
        order[np.flatnonzero(follower)], order[np.flatnonzero(derivative)] = (
            np.flatnonzero(derivative),
            np.flatnonzero(follower),
        )
        # row i of "state k keeps its value": for a follower's row, k is the derivative state that feeds it
        hold = diags(held).tocsr()[order]
        self._hold = hold

    def solve(self) -> bool:
        """Bring the algebraic variables to their values at t+; restore them and return False if that fails."""
        system, tds, dae = self._system, self._system.TDS, self._system.dae
        x_before, y_before = dae.x.copy(), dae.y.copy()
        active = diags(self._active)
        residual = self._evaluate()
        for _ in range(_MAX_ITERATIONS):
            system.j_update(models=system.exist.pflow_tds)
            fx, fy, gx, gy = (spmatrix_to_csc(m) for m in (dae.fx, dae.fy, dae.gx, dae.gy))
            matrix = bmat([[self._hold + active @ fx, active @ fy], [gx, gy]], format="csc")
            try:
                increment = -splu(matrix).solve(residual)
            except RuntimeError:  # exactly singular
                break
            if not np.all(np.isfinite(increment)):
                break
            residual, share = self._advance(increment, residual)
            if share * np.abs(increment).max() < tds.config.tol:
                return True
        dae.x[:], dae.y[:] = x_before, y_before
        self._evaluate()
        return False

    def _advance(self, increment: np.ndarray, residual: np.ndarray) -> tuple[np.ndarray, float]:
        """Take the Newton step, halved while it makes the residual larger."""
        dae = self._system.dae
        x, y = dae.x.copy(), dae.y.copy()
        share = 1.0
        for _ in range(_MAX_HALVINGS):
            dae.x[:] = x + share * increment[: dae.n]
            dae.y[:] = y + share * increment[dae.n :]
            new = self._evaluate()
            if np.linalg.norm(new) <= np.linalg.norm(residual) or np.linalg.norm(new) < 1e-9:
                break
            share /= 2
        return new, share

    def _evaluate(self) -> np.ndarray:
        """Residuals [f of the rows that must hold, g] at the present variables; leaves dae.f at its value at t+."""
        system, dae = self._system, self._system.dae
        system.vars_to_models()
        system.TDS.fg_update(models=system.exist.pflow_tds)
        return np.concatenate([self._active * dae.f, dae.g])
