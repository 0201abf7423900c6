"""Block-diagonal form of a state matrix: what modal form becomes where eigenvectors nearly coincide."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.linalg import schur
from scipy.linalg.lapack import dtrexc, dtrsyl

LARGEST_COUPLING = 1e4
"""Largest entry of the transformation that splits two blocks: more would cost too many digits, and they stay one."""


@dataclass(frozen=True)
class BlockForm:
    """A = V diag(blocks) W with W V = 1.

    A real eigenvalue makes a block of one row, a complex pair one of two. Eigenvalues whose eigenvectors nearly
    coincide (identical lags in series, for instance) share a larger block.

    Attributes
    ----------
    blocks : list of ndarray
        Real, square.
    right, left : ndarray, shape (states, states)
        V and W.
    """

    blocks: list[np.ndarray]
    right: np.ndarray
    left: np.ndarray

    @property
    def starts(self) -> np.ndarray:
        """First row of each block, and the number of states at the end."""
        return np.cumsum([0, *(len(block) for block in self.blocks)])


def block_diagonal(a: np.ndarray) -> BlockForm:
    """Split a matrix into blocks by real Schur form and Sylvester equations.

    C. Bavely, G. W. Stewart, "An algorithm for computing reducing subspaces by block diagonalization", SIAM J. Numer.
    Anal. 16 (1979).

    Parameters
    ----------
    a : ndarray, shape (states, states)

    Returns
    -------
    BlockForm
    """
    t, right = schur(a, output="real")
    n, start, sizes = len(a), 0, []
    while start < n:
        end = start + _size_at(t, start)
        while end < n:
            coupling, scale, _ = dtrsyl(t[start:end, start:end], t[end:, end:], -t[start:end, end:], isgn=-1)
            coupling = coupling / scale if scale else np.full_like(coupling, np.inf)
            if np.abs(coupling).max() <= LARGEST_COUPLING:
                right[:, end:] += right[:, start:end] @ coupling
                t[start:end, end:] = 0.0
                break
            nearest = _nearest(t, start, end)
            size = _size_at(t, nearest)
            t, right, _ = dtrexc(t, right, nearest + 1, end + 1)
            end += size
        sizes.append(end - start)
        start = end
    bounds = np.cumsum([0, *sizes])
    blocks = [t[i:j, i:j].copy() for i, j in pairwise(bounds)]
    return BlockForm(blocks, right, np.linalg.inv(right))


def _size_at(t: np.ndarray, k: int) -> int:
    """Rows of the diagonal block of a Schur form that starts at row k."""
    return 2 if k + 1 < len(t) and t[k + 1, k] != 0.0 else 1


def _eigenvalue(t: np.ndarray, k: int) -> complex:
    """Eigenvalue, with positive imaginary part, of the diagonal block of a Schur form that starts at row k."""
    if _size_at(t, k) == 1:
        return complex(t[k, k])
    return complex(t[k, k], np.sqrt(abs(t[k + 1, k] * t[k, k + 1])))


def _nearest(t: np.ndarray, start: int, end: int) -> int:
    """Row at which the diagonal block beyond `end` starts whose eigenvalue is nearest to one of those before it."""
    own, k = [], start
    while k < end:
        own.append(_eigenvalue(t, k))
        k += _size_at(t, k)
    best, best_distance, k = end, np.inf, end
    while k < len(t):
        distance = min(abs(_eigenvalue(t, k) - value) for value in own)
        if distance < best_distance:
            best, best_distance = k, distance
        k += _size_at(t, k)
    return best
