"""Thin a long series for plotting without losing its extremes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MAX_POINTS = 4000
"""Most points of a drawn curve: two for each pixel of a wide screen."""


def decimate(x: Array, y: Array, max_points: int = MAX_POINTS) -> tuple[Array, Array]:
    """Keep the smallest and the largest value of each of equally many samples, in the order they came.

    Parameters
    ----------
    x, y
        [sample]; y may hold NaN, which stays a gap where nothing else lies in its bucket.
    max_points
        Most samples to keep; a shorter series is returned as it is.

    Returns
    -------
    tuple of Array
        x and y at the samples kept: values are never averaged or invented. First and last always stay.
    """
    if max_points < 4:
        raise ValueError(f"max_points must be >= 4, got {max_points}")
    if y.size <= max_points:
        return x, y
    size = -(-y.size // (max_points // 2 - 1))
    whole = y.size // size * size
    starts = np.arange(0, whole, size)
    blocks = y[:whole].reshape(-1, size)
    low = np.where(np.isnan(blocks), np.inf, blocks).argmin(axis=1) + starts
    high = np.where(np.isnan(blocks), -np.inf, blocks).argmax(axis=1) + starts
    keep = [np.array([0, y.size - 1]), low, high]
    if whole < y.size and not np.isnan(y[whole:]).all():
        keep.append(np.array([np.nanargmin(y[whole:]), np.nanargmax(y[whole:])]) + whole)
    kept = np.unique(np.concatenate(keep))
    return x[kept], y[kept]
