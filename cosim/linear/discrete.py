"""Exact steps of linear equations whose inputs are straight lines between the nodes (first-order hold)."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.linalg import expm

from cosim.linear.blocks import BlockForm

_SERIES_BELOW = 0.5
_SERIES_TERMS = 16

MAX_STEPS = 256
"""Lengths of steps that are remembered."""


@dataclass(frozen=True)
class Step:
    r"""One step of length h of w' = J w + b, for each block J.

    .. math::
        w(h) = e^{J h} w(0) + \Phi b(0) + \Psi (b(h) - b(0)) / h, \quad
        \Phi = \int_0^h e^{J s} ds, \quad \Psi = \int_0^h e^{J (h - s)} s \, ds

    Each attribute holds the blocks one after the other, row by row, as `advance` reads them: the propagator
    :math:`e^{J h}`, what multiplies b at the start, :math:`\Phi - \Psi / h`, and at the end, :math:`\Psi / h`.
    """

    propagator: np.ndarray
    at_start: np.ndarray
    at_end: np.ndarray


class Discretisation:
    """Steps of any length for a matrix in block-diagonal form; those of equal length are worked out once.

    Parameters
    ----------
    form : BlockForm
    """

    def __init__(self, form: BlockForm):
        self.sizes = np.array([len(block) for block in form.blocks], dtype=np.int64)
        self._blocks = form.blocks
        self._eigenvalues = np.array([_eigenvalue(block) for block in form.blocks if _is_simple(block)], dtype=complex)
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
        simple = iter(range(len(self._eigenvalues)))
        parts: tuple[list[np.ndarray], ...] = ([], [], [])
        for block in self._blocks:
            if _is_simple(block):
                k = next(simple)
                propagator, start, end = (_as_block(f[k], self._eigenvalues[k], block) for f in (e, phi, psi))
            else:
                propagator, start, end = _functions_of_block(block, h)
            for part, values in zip(parts, (propagator, start - end / h, end / h), strict=True):
                part.append(values.ravel())
        return Step(*(np.concatenate(part) for part in parts))


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
    """Propagator and both integrals of `Step` for scalars; by a series where the closed form loses digits."""
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
    """Propagator and both integrals of `Step` for a block of any size, from one exponential.

    C. F. Van Loan, "Computing integrals involving the matrix exponential", IEEE Trans. Automatic Control 23 (1978).
    """
    n = len(block)
    unit, none = np.eye(n), np.zeros((n, n))
    whole = expm(h * np.block([[block, unit, none], [none, none, unit], [none, none, none]]))
    return whole[:n, :n], whole[:n, n : 2 * n], whole[:n, 2 * n :]


@njit(cache=True, error_model="numpy")
def advance(  # type: ignore[no-untyped-def]
    w: np.ndarray,
    sizes: np.ndarray,
    propagator: np.ndarray,
    at_start: np.ndarray,
    at_end: np.ndarray,
    b_start: np.ndarray,
    b_end: np.ndarray,
):
    """Make one step in place; `b_start` and `b_end` are the inputs times their columns, shape (states,)."""
    first = entry = 0
    for size in sizes:
        if size == 1:
            w[first] = propagator[entry] * w[first] + at_start[entry] * b_start[first] + at_end[entry] * b_end[first]
        elif size == 2:
            i, j, k = first, first + 1, entry
            new = (
                propagator[k] * w[i]
                + propagator[k + 1] * w[j]
                + at_start[k] * b_start[i]
                + at_start[k + 1] * b_start[j]
                + at_end[k] * b_end[i]
                + at_end[k + 1] * b_end[j]
            )
            w[j] = (
                propagator[k + 2] * w[i]
                + propagator[k + 3] * w[j]
                + at_start[k + 2] * b_start[i]
                + at_start[k + 3] * b_start[j]
                + at_end[k + 2] * b_end[i]
                + at_end[k + 3] * b_end[j]
            )
            w[i] = new
        else:
            fresh = np.zeros(size)
            for row in range(size):
                for column in range(size):
                    at = entry + row * size + column
                    c = first + column
                    fresh[row] += propagator[at] * w[c] + at_start[at] * b_start[c] + at_end[at] * b_end[c]
            w[first : first + size] = fresh
        first += size
        entry += size * size


@njit(cache=True, error_model="numpy")
def march(  # type: ignore[no-untyped-def]
    w: np.ndarray,
    sizes: np.ndarray,
    propagator: np.ndarray,
    at_start: np.ndarray,
    at_end: np.ndarray,
    b_start: np.ndarray,
    b_end: np.ndarray,
    out: np.ndarray,
):
    """Make steps of one length in place; `out` takes what each arrives at, shape (steps, states) as the inputs."""
    for k in range(len(out)):
        advance(w, sizes, propagator, at_start, at_end, b_start[k], b_end[k])
        out[k] = w
