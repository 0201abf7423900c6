"""Compiled kernels over a piecewise-linear function with jumps: its integrals and its values.

Over segment k, from knot t_k to t_(k+1), the power goes straight from ``start_w[k]`` to ``end_w[k]``. Running
integrals of P and of t P make the integral over any whole segments a difference of two look-ups, and they
start anew, with their own time origin, at every block of segments: differences of integrals over an hour
would lose the digits that a 10 ms step is made of. What a step covers of its first and last segment is added
directly.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loads.machine_code import cached_njit

Floats = NDArray[np.float64]

BLOCK = 64
"""Segments a block. A difference inside a block is good to about BLOCK**2 roundings, 1e-12, at worst."""

# The IEEE error model drops the test for zero in each division: no length here is zero.
njit = cached_njit(Path(__file__).parent.rglob("*.py"))
kernel = njit(error_model="numpy")
# A call copies the whole tuple to the stack; the short kernels of every step are spared that.
inlined = njit(error_model="numpy", forceinline=True)


class Segments(NamedTuple):
    """A waveform as arrays for compiled code; the arrays are read-only, C-ordered float64."""

    knots_s: Floats
    """Shape (n + 1,), increasing from 0."""
    start_w: Floats
    """Shape (n,)."""
    end_w: Floats
    """Shape (n,)."""
    sum0: Floats
    """Shape (n + 1,): integral of P [W s] from the start of the knot's block to the knot."""
    sum1: Floats
    """Shape (n + 1,): the same of (t - start of the block) P [W s2]."""
    blocks: Floats
    """Shape (n // BLOCK, 2): both integrals over each whole block."""
    totals: Floats
    """Shape (2,): both integrals, from time 0, over all segments."""
    segments_per_s: float
    """Of evenly spaced knots, else 0."""
    snap_s: float
    """Instants closer than this are one when a value at a jump is asked for."""
    loops: bool


@kernel
def _search(knots_s: Floats, t: float) -> int:
    low = 0
    high = knots_s.size - 2
    while low < high:
        middle = (low + high + 1) // 2
        if knots_s[middle] <= t:
            low = middle
        else:
            high = middle - 1
    return low


@inlined
def locate(s: Segments, t: float) -> int:
    """Index of the segment that holds t, 0 <= t <= last knot; a knot belongs to the segment it starts."""
    if s.segments_per_s == 0.0:
        return _search(s.knots_s, t)
    # The quotient may round across a knot, so the knots decide.
    last = s.start_w.size - 1
    k = min(int(t * s.segments_per_s), last)
    k -= int(s.knots_s[k] > t)
    return min(k + int(s.knots_s[k + 1] <= t), last)


@inlined
def _part(s: Segments, k: int, a: float, b: float) -> tuple[float, float]:
    """Moments about a over [a, b] inside segment k."""
    h = b - a
    start = s.start_w[k]
    slope = (s.end_w[k] - start) / (s.knots_s[k + 1] - s.knots_s[k])
    at_a = start + slope * (a - s.knots_s[k])
    at_b = at_a + slope * h
    return 0.5 * h * (at_a + at_b), h * h * (at_a + 2.0 * at_b) * (1.0 / 6.0)


@inlined
def _even(s: Segments, first: int, stop: int, a: float) -> tuple[float, float]:
    """Moments about a over the segments first .. stop - 1, evenly spaced: by differences inside a block."""
    block = first // BLOCK
    offset = s.knots_s[block * BLOCK] - a
    m0 = -s.sum0[first]
    m1 = offset * m0 - s.sum1[first]
    while block < stop // BLOCK:
        m0 += s.blocks[block, 0]
        m1 += s.blocks[block, 1] + offset * s.blocks[block, 0]
        block += 1
        offset = s.knots_s[block * BLOCK] - a
    return m0 + s.sum0[stop], m1 + s.sum1[stop] + offset * s.sum0[stop]


@kernel
def _uneven(s: Segments, first: int, stop: int, a: float) -> tuple[float, float]:
    """Moments about a over the segments first .. stop - 1, however spaced.

    A short segment would drown in its block's running integral, so those that do not fill a block are added
    up.
    """
    m0 = 0.0
    m1 = 0.0
    k = first
    while k < stop:
        offset = s.knots_s[k] - a
        if k % BLOCK == 0 and k + BLOCK <= stop:
            part0 = s.blocks[k // BLOCK, 0]
            part1 = s.blocks[k // BLOCK, 1]
            k += BLOCK
        else:
            part0, part1 = _part(s, k, s.knots_s[k], s.knots_s[k + 1])
            k += 1
        m0 += part0
        m1 += part1 + offset * part0
    return m0, m1


@inlined
def moments_within(s: Segments, i: int, j: int, a: float, b: float) -> tuple[float, float]:
    """Moments about a over [a, b] inside one pass; a is in segment i and b in segment j."""
    if i == j:
        return _part(s, i, a, b)
    m0, m1 = _part(s, i, a, s.knots_s[i + 1])
    first = i + 1
    if first < j:
        if s.segments_per_s > 0.0:
            part0, part1 = _even(s, first, j, a)
        else:
            part0, part1 = _uneven(s, first, j, a)
        m0 += part0
        m1 += part1
    part0, part1 = _part(s, j, s.knots_s[j], b)
    return m0 + part0, m1 + part1 + (s.knots_s[j] - a) * part0


@kernel
def _moments_beyond(s: Segments, a: float, b: float) -> tuple[float, float]:
    """Moments about a over [a, b] when b lies beyond the last knot."""
    h = b - a
    n = s.start_w.size
    period = s.knots_s[n]
    if not s.loops:
        last = s.end_w[n - 1]
        if a >= period:
            return last * h, 0.5 * last * h * h
        m0, m1 = moments_within(s, locate(s, a), n - 1, a, period)
        beyond = b - period
        return m0 + last * beyond, m1 + last * beyond * (0.5 * beyond + (period - a))
    phase = max(a - math.floor(a / period) * period, 0.0)
    if phase >= period:
        phase = 0.0
    # The step's length is kept and only its place is rounded: a constant stays exact in the millionth period.
    if phase + h <= period:
        return moments_within(s, locate(s, phase), locate(s, phase + h), phase, phase + h)
    m0, m1 = moments_within(s, locate(s, phase), n - 1, phase, period)
    offset = period - phase
    turns = math.floor((h - offset) / period)
    m0 += turns * s.totals[0]
    m1 += turns * (s.totals[1] + (offset + 0.5 * (turns - 1) * period) * s.totals[0])
    offset += turns * period
    rest = min(max(h - offset, 0.0), period)
    part0, part1 = moments_within(s, 0, locate(s, rest), 0.0, rest)
    return m0 + part0, m1 + part1 + offset * part0


@kernel
def moments(s: Segments, a: float, b: float) -> tuple[float, float]:
    """Integrals of P and of (t - a) P over [a, b], 0 <= a <= b: [W s] and [W s2]."""
    if b <= s.knots_s[s.knots_s.size - 1]:
        return moments_within(s, locate(s, a), locate(s, b), a, b)
    return _moments_beyond(s, a, b)


@kernel
def value(s: Segments, t: float, left: bool) -> float:
    """Value at t, or its limit from the left; at 0, where nothing is before, the value there."""
    n = s.start_w.size
    period = s.knots_s[n]
    turns = 0.0
    if t >= period - s.snap_s:
        if not s.loops:
            return s.end_w[n - 1]
        turns = math.floor(t / period)
    phase = min(max(t - turns * period, 0.0), period)
    k = locate(s, phase)
    if phase - s.knots_s[k] > s.snap_s:
        length = s.knots_s[k + 1] - s.knots_s[k]
        if s.knots_s[k + 1] - phase > s.snap_s:
            return s.start_w[k] + (s.end_w[k] - s.start_w[k]) * ((phase - s.knots_s[k]) / length)
        k += 1
    # From here t is knot k.
    if left and k > 0:
        return s.end_w[k - 1]
    if left and turns > 0.0:
        return s.end_w[n - 1]
    return s.start_w[k % n]


@kernel
def sum_segments(s: Segments) -> None:
    """Fill in ``sum0``, ``sum1``, ``blocks`` and ``totals``."""
    n = s.start_w.size
    m0 = 0.0
    m1 = 0.0
    origin = 0.0
    for k in range(n):
        part0, part1 = _part(s, k, s.knots_s[k], s.knots_s[k + 1])
        m1 += part1 + (s.knots_s[k] - origin) * part0
        m0 += part0
        if (k + 1) % BLOCK == 0:
            s.blocks[k // BLOCK, 0] = m0
            s.blocks[k // BLOCK, 1] = m1
        if (k + 1) % BLOCK == 0 or k == n - 1:
            s.totals[0] += m0
            s.totals[1] += m1 + origin * m0
            m0 = 0.0
            m1 = 0.0
            origin = s.knots_s[k + 1]
        s.sum0[k + 1] = m0
        s.sum1[k + 1] = m1
