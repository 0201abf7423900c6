"""Random matrices with the eigenvalues that grids have: clusters, Jordan blocks, coinciding pairs, stiffness, zeros."""

import numpy as np
from hypothesis import strategies as st
from scipy.linalg import block_diag

REAL = [-1.0, -1.0, -2.0, 0.0, -1000.0, -1e-3, 0.05]
IMAGINARY = [2.0, 2.0, 5.0, 1e-4, 1e-8, 400.0]


def pair(real, imaginary, scale=1.0):
    """A block with one complex pair of eigenvalues; ``scale`` makes it lopsided."""
    return np.array([[real, imaginary * scale], [-imaginary / scale, real]])


def jordan(eigenvalue, size):
    return eigenvalue * np.eye(size) + np.eye(size, k=1)


@st.composite
def matrices(draw, largest=10):
    """Blocks along the diagonal, coupled above it or not, in coordinates turned at random."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    apart = draw(st.sampled_from([0.0, 1e-15, 1e-12, 1e-9, 1e-6]))
    parts = []
    for kind in draw(st.lists(st.sampled_from(["real", "pair", "jordan", "random"]), min_size=1, max_size=4)):
        eigenvalue = rng.choice(REAL) * (1 + apart * rng.normal())
        if kind == "real":
            parts.append(np.array([[eigenvalue]]))
        elif kind == "pair":
            imaginary = rng.choice(IMAGINARY) * (1 + apart * rng.normal())
            parts.append(pair(eigenvalue, imaginary, draw(st.sampled_from([1.0, 30.0]))))
        elif kind == "jordan":
            parts.append(jordan(eigenvalue, rng.integers(2, 4)))
        else:
            parts.append(rng.normal(size=(3, 3)))
    a = block_diag(*parts)[:largest, :largest]
    n = len(a)
    if draw(st.booleans()):
        start = np.cumsum([0, *map(len, parts)])
        row = np.repeat(np.arange(len(parts)), np.diff(start))[:n]
        a = a + np.where(row[:, None] < row[None, :], rng.normal(size=(n, n)), 0.0)
    turn = np.linalg.qr(rng.normal(size=(n, n)))[0]
    return turn @ a @ turn.T


@st.composite
def systems(draw, inputs=2):
    """A matrix and what drives it, shape (states, inputs)."""
    a = draw(matrices())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return a, rng.normal(size=(len(a), inputs))
