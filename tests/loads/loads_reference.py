"""Slow and obvious versions of what `loads` computes, in plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from loads.trace import Provenance, Shape, Trace

SYNTHETIC = Provenance("synthetic", "made for a test")


def make_trace(time_s: Sequence[float], power_w: Sequence[float], shape: Shape) -> Trace:
    return Trace(np.asarray(time_s, float), np.asarray(power_w, float), SYNTHETIC, shape)


def pieces(trace: Trace, loop: bool, t_end: float) -> list[tuple[float, float, float, float]]:
    """(t0, t1, value at t0, value at t1) of every linear piece up to t_end."""
    knots = trace.time_s - trace.time_s[0]
    p = trace.power_w
    base = [
        (knots[k], knots[k + 1], p[k], p[k + 1] if trace.shape == "linear" else p[k]) for k in range(len(knots) - 1)
    ]
    if not loop:
        return [*base, (knots[-1], max(t_end, knots[-1]) + 1.0, p[-1], p[-1])]
    turns = int(t_end / knots[-1]) + 2
    return [(a + m * knots[-1], b + m * knots[-1], x, y) for m in range(turns) for a, b, x, y in base]


def integral(
    parts: list[tuple[float, float, float, float]], a: float, b: float, weight: Callable[[float], float]
) -> float:
    """Integral of weight(t) P(t) over [a, b]; Simpson's rule is exact for the product of two lines."""
    terms = []
    for t0, t1, p0, p1 in parts:
        low, high = max(a, t0), min(b, t1)
        if high > low:

            def f(t: float, t0: float = t0, t1: float = t1, p0: float = p0, p1: float = p1) -> float:
                return weight(t) * (p0 + (p1 - p0) * (t - t0) / (t1 - t0))

            terms.append((high - low) / 6.0 * (f(low) + 4.0 * f(0.5 * (low + high)) + f(high)))
    return math.fsum(terms)


def one(_: float) -> float:
    """Weigh the plain energy."""
    return 1.0


def trapezoid(nodes: Sequence[float], before: Sequence[float], after: Sequence[float]) -> float:
    """Energy of node values: `after` starts a step, `before` ends it."""
    return math.fsum(0.5 * (nodes[k + 1] - nodes[k]) * (after[k] + before[k + 1]) for k in range(len(nodes) - 1))
