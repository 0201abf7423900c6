"""A trace as a function of time, its exact integrals, and the energy-preserving average of it.

A trace is finer than a solver's step, so sampling it at the step times aliases. The average under a hat
function over the two steps beside a node does not, and makes the trapezoidal rule integrate the trace's
energy exactly. It follows from two integrals over a step of length h from a,

    M0 = integral of P,   M1 = integral of (t - a) P,

as the rising half hat weighs the step with (t - a) / h, giving M1 / h, and the falling half gives M0 - M1 /
h.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loads.segments import (
    BLOCK,
    Floats,
    Segments,
    kernel,
    locate,
    moments,
    moments_within,
    sum_segments,
    value,
)
from loads.trace import Trace

AtEnd = Literal["loop", "hold"]

SNAP_S = 1e-9
"""A nanosecond: nearer instants are one when a value at a jump is asked for, as looped times are rounded."""


@dataclass(frozen=True, eq=False)
class Waveform:
    """A trace as a function of the time since its first knot, for every time >= 0.

    Build it with `from_trace`, or with `from_segments` where the function is not a trace. Compiled code can
    take ``segments`` and call the kernels of `loads.segments`.
    """

    segments: Segments
    edge_knots: NDArray[np.int64] | None = None
    """Inner knots that count as edges; None: all of them."""

    @classmethod
    def from_trace(cls, trace: Trace, at_end: AtEnd = "loop") -> Self:
        """Build from a trace; its first knot becomes time 0.

        ``at_end="loop"`` repeats it with its duration as the period (a linear trace then jumps at the wrap);
        ``at_end="hold"`` keeps the last value for ever.
        """
        linear = trace.shape == "linear"
        start_w = trace.power_w[:-1] if linear else trace.power_w
        end_w = trace.power_w[1:] if linear else trace.power_w
        first = trace.time_s[0]
        knots_s = trace.time_s - first if first != 0.0 else trace.time_s  # shared where it can be: it may be long
        return cls.from_segments(knots_s, start_w, end_w, at_end, trace.edge_knots)

    @classmethod
    def from_segments(
        cls,
        knots_s: ArrayLike,
        start_w: ArrayLike,
        end_w: ArrayLike,
        at_end: AtEnd = "loop",
        edge_knots: NDArray[np.int64] | None = None,
    ) -> Self:
        """Build from n + 1 knots, increasing from 0, and n values at the start and n at the end of each
        segment.

        Raises
        ------
        ValueError
            If `at_end` is neither ``"loop"`` nor ``"hold"``.
        """
        if at_end not in ("loop", "hold"):
            raise ValueError(f"at_end must be 'loop' or 'hold', got {at_end!r}")
        knots, start, end = (
            np.ascontiguousarray(values, dtype=np.float64).view() for values in (knots_s, start_w, end_w)
        )
        n = start.size
        shortest_s = float(np.diff(knots).min())
        uneven_s = np.abs(knots - np.arange(n + 1) * (knots[-1] / n)).max()
        segments = Segments(
            knots_s=knots,
            start_w=start,
            end_w=end,
            sum0=np.zeros(n + 1),
            sum1=np.zeros(n + 1),
            blocks=np.zeros((n // BLOCK, 2)),
            totals=np.zeros(2),
            # Even enough for the arithmetic index to be off by one at most, and for differences inside a
            # block.
            segments_per_s=float(n / knots[-1]) if uneven_s < 0.25 * shortest_s else 0.0,
            snap_s=min(SNAP_S, 0.25 * shortest_s),
            loops=at_end == "loop",
        )
        for array in (knots, start, end):
            array.setflags(write=False)
        sum_segments(segments)
        for array in (segments.sum0, segments.sum1, segments.blocks, segments.totals):
            array.setflags(write=False)
        return cls(segments, edge_knots)

    @property
    def duration_s(self) -> float:
        """Time of the last knot; the period of a waveform that loops."""
        return float(self.segments.knots_s[-1])

    @property
    def range_w(self) -> tuple[float, float]:
        """Lowest and highest value."""
        s = self.segments
        return float(min(s.start_w.min(), s.end_w.min())), float(max(s.start_w.max(), s.end_w.max()))

    def moments(self, a: float, b: float) -> tuple[float, float]:
        """Integrals of P and of (t - a) P over [a, b], 0 <= a <= b: [W s] and [W s2]."""
        return moments(self.segments, float(a), float(b))

    def value(self, t: float) -> float:
        """Power [W] at time t, from the right where it jumps."""
        return value(self.segments, float(t), False)

    def value_before(self, t: float) -> float:
        """Power [W] just before time t; at 0, where nothing is before, the value there."""
        return value(self.segments, float(t), True)

    def edges(self, t_end: float, threshold: float) -> Floats:
        """Return the times [s] in (0, t_end) of edges, wraps included, that jump by more than `threshold` [W]."""
        s = self.segments
        knots = np.arange(1, s.start_w.size) if self.edge_knots is None else self.edge_knots
        times = s.knots_s[knots][np.abs(s.start_w[knots] - s.end_w[knots - 1]) > threshold]
        if s.loops:
            if abs(s.start_w[0] - s.end_w[-1]) > threshold:
                times = np.append(times, self.duration_s)
            turns = np.arange(math.floor(t_end / self.duration_s) + 1)
            times = (turns[:, None] * self.duration_s + times).ravel()
        return times[times < t_end - s.snap_s]

    def interval_means(self, interval_s: float, count: int) -> Floats:
        """Mean power [W] over each of `count` intervals from time 0, shape (count,)."""
        means = np.empty(int(count))
        _interval_means(self.segments, float(interval_s), means)
        return means


def hat_average(waveform: Waveform, nodes: Floats, is_jump: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Node values whose trapezoidal integral is the waveform's energy.

    An ordinary node takes the average under the hat that rises over the step before it and falls over the
    step after it. The first node, and the far side of a jump node, takes the falling half alone; the last
    node, and the near side of a jump node, the rising half: no average reaches across a jump. Constant
    waveforms are exact everywhere, linear ones at ordinary nodes between equal steps.

    Parameters
    ----------
    waveform
        The function to average.
    nodes
        Node times [s], shape (N + 1,), N >= 1, increasing, from 0 or later.
    is_jump
        Shape (N + 1,): nodes with a value before and another after. Ignored at both ends.

    Returns
    -------
    before, after
        Node values [W] for the step that ends and the step that starts there, each of shape (N + 1,).
    """
    times = np.ascontiguousarray(nodes, dtype=np.float64)
    before, after = np.empty(times.size), np.empty(times.size)
    _hat_average(waveform.segments, times, np.ascontiguousarray(is_jump, dtype=np.bool_), before, after)
    return before, after


def point_sample(waveform: Waveform, nodes: Floats) -> Floats:
    """Values [W] at the nodes, shape of `nodes`, from the right where the waveform jumps."""
    times = np.ascontiguousarray(nodes, dtype=np.float64)
    values = np.empty(times.size)
    _point_sample(waveform.segments, times, values)
    return values


@kernel
def _hat_average(s: Segments, nodes: Floats, is_jump: NDArray[np.bool_], before: Floats, after: Floats) -> None:
    end = s.knots_s[s.knots_s.size - 1]
    last = nodes.size - 1
    up = 0.0
    h_before = 0.0
    i = locate(s, min(nodes[0], end))
    for k in range(last):
        h = nodes[k + 1] - nodes[k]
        if nodes[k + 1] <= end:
            j = locate(s, nodes[k + 1])
            m0, m1 = moments_within(s, i, j, nodes[k], nodes[k + 1])
            i = j
        else:
            m0, m1 = moments(s, nodes[k], nodes[k + 1])
        next_up = m1 / h
        down = m0 - next_up
        if k == 0 or is_jump[k]:
            after[k] = 2.0 * down / h
            before[k] = 2.0 * up / h_before if k > 0 else after[k]
        else:
            before[k] = 2.0 * (up + down) / (h_before + h)
            after[k] = before[k]
        up = next_up
        h_before = h
    before[last] = 2.0 * up / h_before
    after[last] = before[last]


@kernel
def _point_sample(s: Segments, nodes: Floats, values: Floats) -> None:
    for k in range(nodes.size):
        values[k] = value(s, nodes[k], False)


@kernel
def _interval_means(s: Segments, interval_s: float, means: Floats) -> None:
    for k in range(means.size):
        a = k * interval_s
        b = (k + 1) * interval_s
        means[k] = moments(s, a, b)[0] / (b - a)
