"""Responses over one step to an input that goes straight, exact for any step: a lag, and a lag with limits.

For a first-order lag of time constant T this is the first-order hold (Franklin, Powell and Workman, Digital Control of
Dynamic Systems, section 6.3): with u going from u0 to u1 over a step h and g = 1 - exp(-h / T),

    x(h) = x(0) + (u0 - x(0)) g + (u1 - u0) (1 - g T / h).

Bounds of the input and a ramp limit cut the step into stretches in each of which one such formula holds.
"""

from __future__ import annotations

import math

import numpy as np

from loads.segments import inlined, kernel


@inlined
def lag_step(x: float, u0: float, u1: float, dt_s: float, lag_s: float) -> float:
    """State of a lag after a step over which its input goes straight from u0 to u1."""
    if dt_s <= 0.0:
        return x
    gone = -math.expm1(-dt_s / lag_s)
    return x + (u0 - x) * gone + (u1 - u0) * (1.0 - gone * lag_s / dt_s)


@kernel
def follow_within(
    power: float,
    wish0: float,
    wish1: float,
    lowest: float,
    highest: float,
    dt_s: float,
    lag_s: float,
    ramp: float,
) -> tuple[float, float, float, float]:
    """Power after a step over which the wish goes straight and the command is the wish within bounds.

    Returns the power, and how long the ramp limit, the upper and the lower bound held.
    """
    slope = (wish1 - wish0) / dt_s
    reaches_high = (highest - wish0) / slope if slope != 0.0 else np.inf
    reaches_low = (lowest - wish0) / slope if slope != 0.0 else np.inf
    first = min(max(min(reaches_low, reaches_high), 0.0), dt_s)
    second = min(max(max(reaches_low, reaches_high), 0.0), dt_s)
    at_ramp_s = high_s = low_s = t = 0.0
    for until in (first, second, dt_s):
        if until > t:
            middle = wish0 + slope * 0.5 * (t + until)
            high_s += until - t if middle > highest else 0.0
            low_s += until - t if middle < lowest else 0.0
            start = min(max(wish0 + slope * t, lowest), highest)
            end = min(max(wish0 + slope * until, lowest), highest)
            power, limited_s = follow(power, start, end, until - t, lag_s, ramp)
            at_ramp_s += limited_s
            t = until
    return power, at_ramp_s, high_s, low_s


@kernel
def follow(
    power: float, command0: float, command1: float, dt_s: float, lag_s: float, ramp: float
) -> tuple[float, float]:
    """Power behind a lag and a ramp limit after a step over which the command goes straight; and the time at the limit.

    The gap e = command - power obeys e' = slope - clip(e / lag, -ramp, ramp). With a straight command, the limit holds
    at most once before and once after a stretch without it.
    """
    slope = (command1 - command0) / dt_s
    widest = ramp * lag_s
    gap = command0 - power
    time_left = dt_s
    at_ramp_s = 0.0
    for _ in range(3):
        side = math.copysign(1.0, gap)
        if abs(gap) > widest or (abs(gap) == widest and side * slope > ramp):
            closing = ramp - side * slope
            span = time_left
            if closing > 0.0 and (abs(gap) - widest) < closing * time_left:
                span = (abs(gap) - widest) / closing
                gap = side * widest
            else:
                gap -= side * closing * span
            at_ramp_s += span
        else:
            rest = slope * lag_s
            outside = math.copysign(widest, slope)
            span = time_left
            if abs(rest) > widest:
                span = min(span, lag_s * math.log((rest - gap) / (rest - outside)))
            if span < time_left:
                gap = outside
            else:
                gap += (rest - gap) * -math.expm1(-span / lag_s)
        time_left -= span
        if time_left <= 0.0:
            break
    return command1 - gap, at_ramp_s
