"""Which instants the solver visits: a regular grid, bent so that it lands on every jump."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

MERGE_SHARE = 1e-3
"""A regular node closer to a jump than this share of the step gives way to it: no sliver steps."""


@dataclass(frozen=True)
class Timeline:
    """Solver nodes of a run.

    Attributes
    ----------
    time_s : ndarray, shape (nodes,)
        From 0 to exactly the duration, strictly increasing.
    is_jump : ndarray of bool, shape (nodes,)
        Where the injected power or the network jumps: the node has a value before and one after.
    merge_s : float
        Instants closer than this share one node.
    """

    time_s: np.ndarray
    is_jump: np.ndarray
    merge_s: float


def plan(duration_s: float, step_s: float, jumps_s: Iterable[float]) -> Timeline:
    """Nodes every ``step_s``, at the end, and at every jump inside the run.

    Parameters
    ----------
    duration_s, step_s : float
        Length of the run and of a regular step.
    jumps_s : iterable of float
        Times of trace edges and events; those closer together than `MERGE_SHARE` of a step become one.
    """
    merge_s = MERGE_SHARE * step_s
    count = int(np.ceil(duration_s / step_s - MERGE_SHARE))
    regular = np.append(np.arange(count) * step_s, duration_s)
    first, last = 1.5 * merge_s, duration_s - 1.5 * merge_s  # a jump at an end of the run moves just inside
    kept: list[float] = []
    for jump in sorted(min(max(t, first), last) for t in jumps_s if 0 <= t <= duration_s):
        if not kept or jump - kept[-1] > merge_s:
            kept.append(float(jump))
    jumps = np.array(kept)
    position = np.searchsorted(regular, jumps)
    near = np.concatenate([np.maximum(position - 1, 0), np.minimum(position, regular.size - 1)])
    gives_way = near[np.abs(regular[near] - np.tile(jumps, 2)) <= merge_s]
    regular = np.delete(regular, gives_way)
    position = np.searchsorted(regular, jumps)
    time_s = np.insert(regular, position, jumps)
    is_jump = np.zeros(time_s.size, dtype=bool)
    is_jump[position + np.arange(jumps.size)] = True
    return Timeline(time_s, is_jump, merge_s)
