"""Compiled kernels that hold a floor under a piecewise-linear power and limit its ramps, exactly in continuous time.

The input goes straight from ``start[k]`` to ``end[k]`` between two knots and may jump at each. Pieces are cut where the
floor takes over or lets go and where a limited ramp meets its target, so the output is exact, not a sampled version:

    target(t) = max(input, floor) while the floor is held, else the input
    output' = up while below the target, -down while above it, else the target's slope within [-down, up].

All powers are in one unit; energies are in that unit times seconds.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from loads.segments import Floats, kernel

(BURNT, DEFERRED, FLOOR_S, FLOOR_COUNT, UP_S, UP_COUNT, DOWN_S, DOWN_COUNT) = range(8)
"""Places in the tally of what was done."""

TALLY_SIZE = 8


class Pieces(NamedTuple):
    """A piecewise-linear power, with the input it was made from.

    ``knots_s`` has shape (n + 1,), increasing; the others (n,): power at the start and end of each piece, and the
    input's.
    """

    knots_s: Floats
    start: Floats
    end: Floats
    input_start: Floats
    input_end: Floats


def empty_pieces(count: int) -> Pieces:
    """Pieces to be filled in."""
    return Pieces(np.empty(count + 1), *(np.empty(count) for _ in range(4)))


def first_pieces(pieces: Pieces, count: int) -> Pieces:
    """Of pieces of which only some were filled in, those."""
    return Pieces(pieces.knots_s[: count + 1], *(values[:count] for values in pieces[1:]))


@kernel
def hold_floor(
    source: Pieces, floor: float, hysteresis_s: float, left_s: float, out: Pieces, tally: Floats
) -> tuple[int, float]:
    """Hold the floor for a time after the input falls below it.

    Parameters
    ----------
    source
        The input, n pieces.
    floor
        Level.
    hysteresis_s
        How long it is held.
    left_s
        How long it will still be held at the start, if the input is below it there.
    out
        Filled in, room for 3 n pieces.
    tally
        Shape (TALLY_SIZE,), added to.

    Returns
    -------
    count, left_s
        Pieces filled in, and what is left of the time at the end.
    """
    count = 0
    out.knots_s[0] = source.knots_s[0]
    holding = left_s > 0.0
    for k in range(source.start.size):
        t = source.knots_s[k]
        stop = source.knots_s[k + 1]
        x = source.start[k]
        last = source.end[k]
        slope = (last - x) / (stop - t)
        while t < stop:  # at most three times: held, let go, above; or above, held, let go
            crosses = (slope < 0.0 and x > floor > last) or (slope > 0.0 and x < floor < last)
            until = min(t + (floor - x) / slope, stop) if crosses else stop
            held = False
            if x > floor or (x == floor and slope >= 0.0):
                left_s = hysteresis_s
                holding = False
            elif left_s > 0.0:
                held = True
                if t + left_s < until:
                    until = t + left_s
                    left_s = 0.0
                    crosses = False
                else:
                    left_s -= until - t
            x_until = last
            if until < stop:
                x_until = floor if crosses else x + slope * (until - t)
            if until > t:
                out.knots_s[count + 1] = until
                out.input_start[count] = x
                out.input_end[count] = x_until
                out.start[count] = floor if held else x
                out.end[count] = floor if held else x_until
                count += 1
                if held:
                    tally[FLOOR_S] += until - t
                    tally[FLOOR_COUNT] += 0.0 if holding else 1.0
                holding = held
            t = until
            x = x_until
    return count, left_s


@kernel
def limit_slope(target: Pieces, up: float, down: float, y: float, out: Pieces, tally: Floats) -> tuple[int, float]:
    """Follow a target within ramp rates.

    Parameters
    ----------
    target
        What to follow, n pieces.
    up, down
        Largest rise and fall a second, above 0; infinite: no limit.
    y
        Output at the start.
    out
        Filled in, room for 2 n pieces; continuous where both rates are finite.
    tally
        Shape (TALLY_SIZE,), added to.

    Returns
    -------
    count, y
        Pieces filled in, and the output at the end.
    """
    count = 0
    out.knots_s[0] = target.knots_s[0]
    mode = 0
    for k in range(target.start.size):
        begin = target.knots_s[k]
        stop = target.knots_s[k + 1]
        f = target.start[k]
        slope = (target.end[k] - f) / (stop - begin)
        x = target.input_start[k]
        x_slope = (target.input_end[k] - x) / (stop - begin)
        if (y < f and up == np.inf) or (y > f and down == np.inf):
            y = f
        middle = begin
        if y != f:
            rate = up if y < f else -down
            closing = (rate - slope) * (f - y)
            middle = stop
            if closing > 0.0:
                middle = min(begin + (f - y) / (rate - slope), stop)
            # The rate is kept between the knots as they are rounded.
            y_middle = y + rate * (middle - begin)
            if middle > begin:
                _emit(out, count, middle, y, y_middle, x, x + x_slope * (middle - begin), tally)
                mode = _count(rate, mode, middle - begin, tally)
                count += 1
                y = y_middle
        if middle < stop:
            length = stop - middle
            needed = (target.end[k] - y) / length
            y_stop = target.end[k]
            rate = 0.0
            if needed > up:
                y_stop = y + up * length
                rate = up if slope > up else 0.0
            elif needed < -down:
                y_stop = y - down * length
                rate = -down if slope < -down else 0.0
            _emit(out, count, stop, y, y_stop, x + x_slope * (middle - begin), target.input_end[k], tally)
            mode = _count(rate, mode, length, tally)
            count += 1
            y = y_stop
    return count, y


@kernel
def _emit(out: Pieces, at: int, until: float, y0: float, y1: float, x0: float, x1: float, tally: Floats) -> None:
    """Write a piece, output y and input x, and add up the energies between them."""
    length = until - out.knots_s[at]
    out.knots_s[at + 1] = until
    out.start[at] = y0
    out.end[at] = y1
    out.input_start[at] = x0
    out.input_end[at] = x1
    tally[BURNT] += positive_area(y0 - x0, y1 - x1, length)
    tally[DEFERRED] += positive_area(x0 - y0, x1 - y1, length)


@kernel
def _count(rate: float, mode: int, length: float, tally: Floats) -> int:
    """Add up the time at a ramp limit; `rate` is the limit, or 0, and `mode` the sign of the one before."""
    if rate > 0.0:
        tally[UP_S] += length
        tally[UP_COUNT] += 0.0 if mode > 0 else 1.0
    elif rate < 0.0:
        tally[DOWN_S] += length
        tally[DOWN_COUNT] += 0.0 if mode < 0 else 1.0
    return int(np.sign(rate))


@kernel
def positive_area(a: float, b: float, length: float) -> float:
    """Integral of the positive part of a line from a to b."""
    if a >= 0.0 and b >= 0.0:
        return 0.5 * (a + b) * length
    if a <= 0.0 and b <= 0.0:
        return 0.0
    top = max(a, b)
    return 0.5 * top * length * top / math.fabs(a - b)
