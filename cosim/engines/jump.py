"""Solution of ANDES's network equations at t+, right after a jump, with the states held."""

from typing import Any

import numpy as np
from andes.linsolvers.scipy import spmatrix_to_csc
from scipy.sparse import bmat, diags
from scipy.sparse.linalg import SuperLU, splu

from cosim.engines.bypassed import bypassed_second_order

_MAX_ITERATIONS = 30
_MAX_HALVINGS = 6
_SLOW = 0.2
"""A residual that shrinks by less than this factor in an iteration calls for a new Jacobian."""


class NetworkSolver:
    """Newton's method on the algebraic equations of an initialised ANDES system.

    ANDES itself starts the step after a jump with derivatives from before it, an error of half a step. Here a jump is
    settled first. Three kinds of states need care, because a zero time constant makes a state algebraic:

    * an ordinary state (T > 0) is held;
    * a state with T = 0 whose own equation contains it, such as a bypassed lag, is solved for like the algebraic ones;
    * of a bypassed second-order block (see `bypassed_second_order`) y follows its input through the jump, and x, the
      derivative of the input, is held.

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
        time_constants = np.asarray(dae.Tf)
        algebraic = time_constants == 0.0
        derivative, follower = bypassed_second_order(fx, time_constants)
        self._active = algebraic.astype(float)  # rows whose equation f = 0 must hold at t+
        held = np.where(algebraic & ~derivative | follower, 0.0, 1.0)
        order = np.arange(dae.n)
        order[np.flatnonzero(follower)], order[np.flatnonzero(derivative)] = (
            np.flatnonzero(derivative),
            np.flatnonzero(follower),
        )
        # row i of "state k keeps its value": for a follower's row, k is the derivative state that feeds it
        self._hold = diags(held).tocsr()[order]
        self._active_rows = diags(self._active)
        self._factors: SuperLU | None = None

    def forget(self) -> None:
        """Drop the factorised Jacobian: the network has changed."""
        self._factors = None

    def solve(self) -> bool:
        """Bring the algebraic variables to their values at t+; restore them and return False if that fails.

        The factorised Jacobian is kept from jump to jump and renewed where it no longer makes the residual shrink fast.
        """
        dae, tolerance = self._system.dae, self._system.TDS.config.tol
        x_before, y_before = dae.x.copy(), dae.y.copy()
        residual, is_fresh = self._evaluate(), False
        for _ in range(_MAX_ITERATIONS):
            if self._factors is None:
                self._factors, is_fresh = self._factorise(), True
                if self._factors is None:
                    break
            increment = -self._factors.solve(residual)
            if not np.all(np.isfinite(increment)):
                break
            size = np.linalg.norm(residual)
            residual, share = self._advance(increment, residual)
            if share * np.abs(increment).max() < tolerance:
                return True
            if np.linalg.norm(residual) > _SLOW * size:
                if not is_fresh:
                    dae.x[:], dae.y[:] = x_before, y_before
                    residual = self._evaluate()
                self._factors = None
        self._factors = None
        dae.x[:], dae.y[:] = x_before, y_before
        self._evaluate()
        return False

    def _factorise(self) -> SuperLU | None:
        """LU factors of the Jacobian at the present variables; None if it is singular."""
        system, dae = self._system, self._system.dae
        system.j_update(models=system.exist.pflow_tds)
        system.TDS.solver.worker.factorize = True  # the pattern may have changed: the integrator's factors are stale
        fx, fy, gx, gy = (spmatrix_to_csc(m) for m in (dae.fx, dae.fy, dae.gx, dae.gy))
        matrix = bmat([[self._hold + self._active_rows @ fx, self._active_rows @ fy], [gx, gy]], format="csc")
        try:
            return splu(matrix)
        except RuntimeError:  # exactly singular
            return None

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
