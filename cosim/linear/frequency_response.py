"""C (jw - A)^-1 B + D at many frequencies at once, without a dense solve at each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import schur

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

COLUMNS = 4096
"""Right-hand sides that are solved together: frequencies times inputs, or times outputs."""
BLOCK_ROWS = 32
"""Rows of the triangular matrix that are eliminated before the rows above them are updated."""


class FrequencyResponse:
    r"""Response of :math:`\dot x = A x + B u, \; y = C x + D u` to sinusoids.

    With the Schur form :math:`A = U T U^H`, T upper triangular,

    .. math::
        G(j\omega) = C U (j\omega - T)^{-1} U^H B + D

    and what lies above the diagonal is the same for all frequencies: one back-substitution serves all of them, with
    products of matrices only. U is unitary, so that nothing is lost where eigenvectors nearly coincide, as they would
    in modal form. (After A. J. Laub, "Efficient multivariable frequency response computations", IEEE Trans. Automatic
    Control 26 (1981), who uses the Hessenberg form.)

    Parameters
    ----------
    a : ndarray, shape (states, states)
        1/s.
    """

    def __init__(self, a: Array) -> None:
        self._t: Complex
        self._u: Complex
        self._t, self._u = schur(a, output="complex") if len(a) else (np.zeros((0, 0), complex),) * 2

    @property
    def eigenvalues(self) -> Complex:
        """Of A, 1/s, shape (states,)."""
        return np.diag(self._t).copy()

    def from_inputs(self, b: Array) -> Complex:
        """B in Schur coordinates, for `at`; b has shape (states, inputs)."""
        return self._u.conj().T @ b

    def to_outputs(self, c: Array) -> Complex:
        """C in Schur coordinates, for `at`; c has shape (outputs, states)."""
        return c @ self._u

    def at(self, frequency_hz: Array, right: Complex, left: Complex, d: Array) -> Complex:
        """G at each frequency.

        Parameters
        ----------
        frequency_hz : ndarray, shape (frequencies,)
        right : ndarray, shape (states, inputs)
            `from_inputs` of B.
        left : ndarray, shape (outputs, states)
            `to_outputs` of C.
        d : ndarray, shape (outputs, inputs)

        Returns
        -------
        ndarray, shape (frequencies, outputs, inputs)
        """
        s = 2j * np.pi * np.asarray(frequency_hz, dtype=float)
        found = np.empty((s.size, *d.shape), dtype=complex)
        from_inputs = right.shape[1] <= left.shape[0]
        # From the outputs' side the matrix is T^T, which is upper triangular when its rows and columns are reversed.
        matrix = self._t if from_inputs else np.ascontiguousarray(self._t.T[::-1, ::-1])
        known = right if from_inputs else left.T[::-1]
        together = max(1, COLUMNS // max(1, known.shape[1]))
        for start in range(0, s.size, together):
            part = s[start : start + together]
            solved = _back_substituted(matrix, part, known)
            if from_inputs:
                values = np.tensordot(left, solved, axes=(1, 0)).transpose(1, 0, 2)
            else:
                values = np.tensordot(solved[::-1], right, axes=(0, 0))
            found[start : start + together] = values
        found += d
        return found


def _back_substituted(t: Complex, s: Complex, known: Complex) -> Complex:
    """Solve (s - T) X = known for each s; T upper triangular; X has shape (rows, frequencies, columns)."""
    rows, columns = known.shape
    x: Complex = np.repeat(known[:, None, :], s.size, axis=1).reshape(rows, s.size * columns)
    divisors = np.repeat(s, columns)
    for end in range(rows, 0, -BLOCK_ROWS):
        start = max(0, end - BLOCK_ROWS)
        for row in range(end - 1, start - 1, -1):
            if row + 1 < end:
                x[row] += t[row, row + 1 : end] @ x[row + 1 : end]
            x[row] /= divisors - t[row, row]
        if start:
            x[:start] += t[:start, start:end] @ x[start:end]
    return x.reshape(rows, s.size, columns)
