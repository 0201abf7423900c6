"""Means over intervals of what goes straight between nodes."""

import numpy as np

from loads.segments import Floats


def mean_over_intervals(time_s: Floats, values: Floats, interval_s: float, count: int) -> Floats:
    """Means of a function that is straight between nodes, over intervals from time 0.

    Parameters
    ----------
    time_s, values
        Shape (nodes,); two nodes of one time are a jump. After the last node it stays.
    interval_s, count
        Of the intervals.

    Returns
    -------
    ndarray, shape (count,)
    """
    area = np.concatenate([[0.0], np.cumsum(np.diff(time_s) * (values[1:] + values[:-1]) / 2)])
    edges_s = np.arange(count + 1) * interval_s
    last = time_s.size - 1
    k = np.clip(np.searchsorted(time_s, edges_s, side="right") - 1, 0, last)
    into_s = edges_s - time_s[k]
    following = np.minimum(k + 1, last)
    length_s = time_s[following] - time_s[k]
    slope = np.divide(values[following] - values[k], length_s, out=np.zeros_like(into_s), where=length_s > 0.0)
    total = area[k] + into_s * (values[k] + slope * into_s / 2)
    return np.diff(total) / interval_s
