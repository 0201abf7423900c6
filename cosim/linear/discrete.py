r"""Exact steps of linear equations whose inputs are straight lines between the nodes (first-order hold).

In block-diagonal form :math:`\dot w = J w + b u`, and over a step of length h

.. math::
    w(h) = e^{J h} w(0) + \Phi b u(0) + \Psi b (u(h) - u(0)) / h, \quad
    \Phi = \int_0^h e^{J s} ds, \quad \Psi = \int_0^h e^{J (h - s)} s \, ds
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.linalg import expm

_SERIES_BELOW = 0.5
_SERIES_TERMS = 16

MAX_STEPS = 256
"""Lengths of steps that are remembered."""


class Step(NamedTuple):
    """One step: propagators of the blocks, one after the other, row by row, and what multiplies u at either end."""

    propagator: np.ndarray
    at_start: np.ndarray
    at_end: np.ndarray


class Discretisation:
    """Steps of any length for equations in block-diagonal form; those of equal length are worked out once.

    Parameters
    ----------
    blocks : sequence of ndarray
    b : ndarray, shape (states, inputs)
    """

    def __init__(self, blocks: Sequence[np.ndarray], b: np.ndarray):
        self.sizes = np.array([len(block) for block in blocks], dtype=np.int64)
        self._blocks, self._b = list(blocks), b
        self._eigenvalues = np.array([_eigenvalue(block) for block in blocks if _is_simple(block)], dtype=complex)
        self._steps: dict[float, Step] = {}

    def step(self, step_s: float) -> Step:
        """Return the step of a length, s; lengths that differ by rounding alone are the same."""
        key = float(f"{step_s:.12g}")
        if key not in self._steps:
            if len(self._steps) >= MAX_STEPS:
                self._steps.clear()
            self._steps[key] = self._made(key)
        return self._steps[key]

    def _made(self, h: float) -> Step:
        e, phi, psi = _functions(self._eigenvalues, h)
        simple, first = iter(range(len(self._eigenvalues))), 0
        propagators = []
        at_start, at_end = np.empty_like(self._b), np.empty_like(self._b)
        for block in self._blocks:
            if _is_simple(block):
                k = next(simple)
                propagator, whole, rising = (_as_block(f[k], self._eigenvalues[k], block) for f in (e, phi, psi))
            else:
                propagator, whole, rising = _functions_of_block(block, h)
            rows = slice(first, first + len(block))
            propagators.append(propagator.ravel())
            at_end[rows] = rising @ self._b[rows] / h
            at_start[rows] = whole @ self._b[rows] - at_end[rows]
            first = rows.stop
        return Step(np.concatenate([np.empty(0), *propagators]), at_start, at_end)


def _is_simple(block: np.ndarray) -> bool:
    """Whether it is of one real eigenvalue, or of one complex pair in standard Schur form."""
    return len(block) == 1 or (len(block) == 2 and block[1, 0] != 0.0)


def _eigenvalue(block: np.ndarray) -> complex:
    """Eigenvalue of a simple block, that with the larger imaginary part."""
    if len(block) == 1:
        return complex(block[0, 0])
    return complex(block[0, 0], np.sqrt(abs(block[0, 1] * block[1, 0])))


def _as_block(value: complex, eigenvalue: complex, block: np.ndarray) -> np.ndarray:
    """A function of a block, given its value at the block's eigenvalue."""
    if len(block) == 1:
        return np.array([[value.real]])
    share = value.imag / eigenvalue.imag
    return (value.real - share * eigenvalue.real) * np.eye(2) + share * block


def _functions(eigenvalue: np.ndarray, h: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Propagator, Phi and Psi for scalars; by a series where the closed form loses digits."""
    z = eigenvalue * h
    near = np.abs(z) < _SERIES_BELOW
    safe = np.where(near, 1.0, z)
    phi, psi = (np.exp(z) - 1.0) / safe, (np.exp(z) - 1.0 - z) / safe**2
    series_phi, series_psi, term = np.zeros_like(z), np.zeros_like(z), np.ones_like(z)
    for k in range(1, _SERIES_TERMS + 1):
        series_phi += term / k  # z^(k-1) / k!
        series_psi += term / (k * (k + 1))  # z^(k-1) / (k+1)!
        term = term * z / k
    return np.exp(z), h * np.where(near, series_phi, phi), h**2 * np.where(near, series_psi, psi)


def _functions_of_block(block: np.ndarray, h: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Propagator, Phi and Psi of a block of any size, from one exponential.

    C. F. Van Loan, "Computing integrals involving the matrix exponential", IEEE Trans. Automatic Control 23 (1978).
    """
    n = len(block)
    unit, none = np.eye(n), np.zeros((n, n))
    whole = expm(h * np.block([[block, unit, none], [none, none, unit], [none, none, none]]))
    return whole[:n, :n], whole[:n, n : 2 * n], whole[:n, 2 * n :]


@njit(cache=True, error_model="numpy")
def advance(  # type: ignore[no-untyped-def]
    w: np.ndarray, sizes: np.ndarray, step: Step, u_start: np.ndarray, u_end: np.ndarray
):
    """Make one step in place."""
    first = entry = 0
    propagator = step.propagator
    for size in sizes:
        if size == 1:
            w[first] = propagator[entry] * w[first]
        elif size == 2:
            old = w[first]
            w[first] = propagator[entry] * old + propagator[entry + 1] * w[first + 1]
            w[first + 1] = propagator[entry + 2] * old + propagator[entry + 3] * w[first + 1]
        else:
            fresh = np.zeros(size)
            for row in range(size):
                for column in range(size):
                    fresh[row] += propagator[entry + row * size + column] * w[first + column]
            w[first : first + size] = fresh
        first += size
        entry += size * size
    for row in range(first):
        for k in range(len(u_start)):
            w[row] += step.at_start[row, k] * u_start[k] + step.at_end[row, k] * u_end[k]


@njit(cache=True, error_model="numpy")
def march(  # type: ignore[no-untyped-def]
    w: np.ndarray, sizes: np.ndarray, step: Step, u_start: np.ndarray, u_end: np.ndarray, out: np.ndarray
):
    """Make steps of one length in place; `out` takes what each arrives at, shape (steps, states)."""
    for k in range(len(out)):
        advance(w, sizes, step, u_start[k], u_end[k])
        out[k] = w
