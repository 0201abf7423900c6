"""LU factors of a sparse matrix whose pattern stays while its values change.

The ordering and the pivots come from SuperLU once; then the same pivots are used for new values, column by column
(left-looking, after Gilbert and Peierls, SIAM J. Sci. Stat. Comput. 9(5), 1988), until one becomes too small.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from cosim.compiled.kernels import inlined, kernel

PIVOT_THRESHOLD = 1e-3
"""SuperLU keeps the diagonal as pivot where it is at least so large, relative to the column's largest."""

SMALLEST_PIVOT = 1e-10
"""A pivot smaller than this, relative to its column's largest, asks for a new ordering."""


class Triangle(NamedTuple):
    """One of the factors by columns, without its diagonal."""

    start: np.ndarray
    """Of each column; shape (n + 1,)."""
    row: np.ndarray
    column: np.ndarray
    value: np.ndarray


class Factors(NamedTuple):
    """Pattern and values of L, D and U of a matrix with its rows and columns permuted; all arrays C-ordered.

    L and U have unit diagonals, which are not stored; ``diagonal`` holds the inverse of D. So a triangular solution is
    one loop over all entries, without one for each column whose length the processor would have to guess. Rows in a
    column ascend. Indices are unsigned, which spares compiled code the test for negative ones.
    """

    column_start: np.ndarray
    """Of the matrix's columns in the new order, into the next two; shape (n + 1,)."""
    entry: np.ndarray
    """Position of each entry among the matrix's values."""
    entry_row: np.ndarray
    """Its row in the new order."""
    lower: Triangle
    upper: Triangle
    diagonal: np.ndarray
    row_order: np.ndarray
    """Row of the matrix that is row k of the factors."""
    column_order: np.ndarray
    """Column of the matrix that is column k of the factors."""
    work: np.ndarray
    """Zero outside of `factorise`."""
    solution: np.ndarray


FACTOR_ARRAYS = 16
"""Arrays of `Factors`, those of its triangles included."""

Index = np.uint32


def _triangle(start: np.ndarray, row: np.ndarray) -> Triangle:
    column = np.repeat(np.arange(len(start) - 1), np.diff(start))
    return Triangle(start.astype(Index), row.astype(Index), column.astype(Index), np.zeros(len(row)))


def analyse(indptr: np.ndarray, indices: np.ndarray, values: np.ndarray) -> Factors | None:
    """Choose ordering and pivots, find the pattern of the factors, and factorise.

    Parameters
    ----------
    indptr, indices, values
        The matrix by columns (CSC), shape (n + 1,), (entries,), (entries,).

    Returns
    -------
    Factors or None
        None if the matrix is singular.
    """
    n = len(indptr) - 1
    matrix = csc_matrix((values, indices, indptr), shape=(n, n))
    if not np.all(np.isfinite(values)):
        return None
    try:
        lu = splu(
            matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=PIVOT_THRESHOLD, options={"SymmetricMode": True}
        )
    except RuntimeError:  # exactly singular
        return None
    row_position = lu.perm_r.astype(np.int64)  # row i of the matrix is row perm_r[i] of the factors
    column_order = np.argsort(lu.perm_c).astype(np.int64)
    row_order = np.argsort(row_position).astype(np.int64)
    counts = np.diff(indptr)[column_order]
    column_start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    entry = np.concatenate([np.arange(indptr[c], indptr[c + 1]) for c in column_order]).astype(np.int64)
    entry_row = row_position[indices[entry]]
    lower_start, lower_row, upper_start, upper_row = _symbolic(column_start, entry_row)
    factors = Factors(
        column_start.astype(Index),
        entry.astype(Index),
        entry_row.astype(Index),
        _triangle(lower_start, lower_row),
        _triangle(upper_start, upper_row),
        np.zeros(n),
        row_order.astype(Index),
        column_order.astype(Index),
        np.zeros(n),
        np.zeros(n),
    )
    return factors if factorise(factors, np.asarray(values)) else None


def factor_arrays(factors: Factors) -> list[np.ndarray]:
    """All arrays, in order."""
    return [array for part in factors for array in (part if isinstance(part, Triangle) else (part,))]


def no_factors() -> Factors:
    """Factors of nothing, to be replaced."""
    none = np.zeros(1, dtype=np.int64)
    triangle = _triangle(np.zeros(2, dtype=np.int64), none[:0])
    index = none.astype(Index)
    return Factors(index, index, index, triangle, triangle, np.zeros(1), index, index, np.zeros(1), np.zeros(1))


@kernel
def _symbolic(column_start, entry_row):  # type: ignore[no-untyped-def]
    """Rows of L and U in each column, if the pivots are on the diagonal."""
    n = len(column_start) - 1
    lower_start, upper_start = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    lower_row, upper_row = np.zeros(16 * n + 16, np.int64), np.zeros(16 * n + 16, np.int64)
    seen = np.full(n, -1, np.int64)
    stack = np.zeros(n, np.int64)
    reached = np.zeros(n, np.int64)
    for j in range(n):
        count = 0
        for p in range(column_start[j], column_start[j + 1]):
            top = 0
            if seen[entry_row[p]] != j:
                seen[entry_row[p]] = j
                stack[0] = entry_row[p]
                top = 1
            while top:
                top -= 1
                k = stack[top]
                reached[count] = k
                count += 1
                if k < j:
                    for q in range(lower_start[k], lower_start[k + 1]):
                        i = lower_row[q]
                        if seen[i] != j:
                            seen[i] = j
                            stack[top] = i
                            top += 1
        rows = np.sort(reached[:count])
        lower_count, upper_count = lower_start[j], upper_start[j]
        if lower_count + n > len(lower_row):
            lower_row = np.concatenate((lower_row, np.zeros(len(lower_row) + n, np.int64)))
        if upper_count + n > len(upper_row):
            upper_row = np.concatenate((upper_row, np.zeros(len(upper_row) + n, np.int64)))
        for i in rows:
            if i < j:
                upper_row[upper_count] = i
                upper_count += 1
            elif i > j:
                lower_row[lower_count] = i
                lower_count += 1
        lower_start[j + 1], upper_start[j + 1] = lower_count, upper_count
    return lower_start, lower_row[: lower_start[n]].copy(), upper_start, upper_row[: upper_start[n]].copy()


@kernel
def factorise(f, values):  # type: ignore[no-untyped-def]
    """Compute the factors for new values with the old pivots; False if one of them has become too small."""
    column_start, entry, entry_row, work = f.column_start, f.entry, f.entry_row, f.work
    lower, upper = f.lower, f.upper
    is_good = True
    for j in range(len(f.diagonal)):
        for p in range(column_start[j], column_start[j + 1]):
            work[entry_row[p]] = values[entry[p]]
        for q in range(upper.start[j], upper.start[j + 1]):
            k = upper.row[q]
            factor = work[k]
            work[k] = 0.0
            upper.value[q] = factor * f.diagonal[k]
            for p in range(lower.start[k], lower.start[k + 1]):
                work[lower.row[p]] -= lower.value[p] * factor
        pivot = work[j]
        work[j] = 0.0
        largest = abs(pivot)
        inverse = 1.0 / pivot
        for p in range(lower.start[j], lower.start[j + 1]):
            value = work[lower.row[p]]
            largest = max(largest, abs(value))
            work[lower.row[p]] = 0.0
            lower.value[p] = value * inverse
        f.diagonal[j] = inverse
        if not abs(pivot) > SMALLEST_PIVOT * largest:
            is_good = False  # the columns that follow still leave the work array clean
    return is_good


@inlined
def solve(f, right, out):  # type: ignore[no-untyped-def]
    """Solve for a right-hand side."""
    n = len(f.diagonal)
    z, lower, upper = f.solution, f.lower, f.upper
    for k in range(n):
        z[k] = right[f.row_order[k]]
    for p in range(len(lower.value)):
        z[lower.row[p]] -= lower.value[p] * z[lower.column[p]]
    for k in range(n):
        z[k] *= f.diagonal[k]
    for p in range(len(upper.value) - 1, -1, -1):
        z[upper.row[p]] -= upper.value[p] * z[upper.column[p]]
    for k in range(n):
        out[f.column_order[k]] = z[k]
