"""Envelopes: how long a signal may stay beyond each of several levels (ride-through and immunity curves)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Comparison = Literal["below", "at_most", "above", "at_least"]
SIGNS: dict[str, str] = {"below": "<", "at_most": "<=", "above": ">", "at_least": ">="}
TOUCH_S = 1e-6
"""A region that is entered and left again between two samples, or only touched, counts as this long."""


@dataclass(frozen=True)
class Row:
    """A region of the signal, such as ``below`` 0.45, and the longest accumulated time in it, in s."""

    comparison: Comparison
    level: float
    max_s: float

    @property
    def is_low(self) -> bool:
        """Whether the region lies below the level."""
        return self.comparison in ("below", "at_most")

    @property
    def is_strict(self) -> bool:
        """Whether the level itself is outside the region."""
        return self.comparison in ("below", "above")

    def holds(self, value: Array | float) -> NDArray[np.bool_]:
        """Whether values lie in the region."""
        compare = {"below": np.less, "at_most": np.less_equal, "above": np.greater, "at_least": np.greater_equal}
        return np.asarray(compare[self.comparison](value, self.level))


@dataclass(frozen=True)
class Envelope:
    """Rows of one curve for one signal.

    Each row has a timer. It runs while the signal is in the row's region and keeps its count until the signal returns
    to the continuous band, which is what lies in no row of the same side (NERC PRC-024, attachment 2).

    Parameters
    ----------
    id
        Name under ``metrics.voltage.envelopes`` or ``metrics.frequency.envelopes``.
    signal
        Bus voltage (pu) or bus frequency (Hz).
    at
        Buses of the sites, buses of the generators, or all buses.
    rows
        In any order.
    """

    id: str
    signal: Literal["voltage", "frequency"]
    at: Literal["sites", "generators", "buses"]
    rows: tuple[Row, ...]

    def row_name(self, row: Row) -> str:
        """Name of a row in paths, such as ``<0.45pu``."""
        unit = "pu" if self.signal == "voltage" else "Hz"
        return f"{SIGNS[row.comparison]}{row.level:g}{unit}"

    def outermost(self, row: Row) -> Row:
        """Row of the same side that borders the continuous band."""
        same = [other for other in self.rows if other.is_low == row.is_low]
        return max(same, key=lambda r: (r.level if r.is_low else -r.level, not r.is_strict))

    def path(self, row: Row) -> str:
        """Path of the row's time, in s, under ``metrics`` in ``summary.json``."""
        return f"{self.signal}.envelopes.{self.id}.{self.row_name(row)}"


class Stay(NamedTuple):
    """The longest accumulated time in a row's region.

    ``reached_s`` is when it passed the row's `max_s`, or when its excursion began if it did not; NaN if the region was
    never entered. ``is_open`` says that the record ends in the region, or its last finite value is there.
    """

    time_s: float
    reached_s: float
    is_open: bool


def longest_stay(time_s: Array, value: Array, row: Row, outermost: Row) -> Stay:
    """Accumulated time of a signal in a row's region, the longest of all excursions out of the continuous band.

    The signal is linear between samples, which may be uneven. A value that is not finite ends an excursion.

    Parameters
    ----------
    time_s, value
        [time], s and the unit of the row's level.
    row
        Region and longest time.
    outermost
        Row of the same side that borders the continuous band: see :meth:`Envelope.outermost`.
    """
    sign = 1.0 if row.is_low else -1.0
    levels = sign * row.level, sign * outermost.level
    found = _stay(time_s, sign * value, *levels, row.is_strict, outermost.is_strict, row.max_s)
    longest_s, reached_s, entered, is_open = found
    return Stay(max(longest_s, TOUCH_S) if entered else 0.0, reached_s, bool(is_open))


@numba.njit(cache=True)
def _inside(value: float, level: float, strict: bool) -> bool:
    return value < level if strict else value <= level


@numba.njit(cache=True)
def _stay(
    time_s: Array, value: Array, level: float, outer: float, strict: bool, outer_strict: bool, max_s: float
) -> tuple[float, float, bool, bool]:
    """Run the timer of a region below a level."""
    longest, reached, entered = -1.0, np.nan, False
    count, began, passed = 0.0, np.nan, np.nan
    touched = False  # whether this excursion has been in the region
    for k in range(time_s.size):
        v = value[k]
        in_band = not (np.isfinite(v) and _inside(v, outer, outer_strict))
        if k > 0 and np.isfinite(v) and np.isfinite(value[k - 1]):
            u, start, step = value[k - 1], time_s[k - 1], time_s[k] - time_s[k - 1]
            was, now = _inside(u, level, strict), _inside(v, level, strict)
            first, last = 0.0, 0.0  # part of the step in the region
            if was and now:
                last = 1.0
            elif was:
                last = (level - u) / (v - u)
            elif now:
                first, last = (level - u) / (v - u), 1.0
            if last > first or was or now:
                if not touched:
                    touched, began, passed = True, start + first * step, np.nan
                spent = (last - first) * step
                if np.isnan(passed) and count + spent > max_s:
                    passed = start + first * step + max(max_s - count, 0.0)
                count += spent
        elif np.isfinite(v) and _inside(v, level, strict) and not touched:
            touched, began, passed = True, time_s[k], np.nan
        if touched and (in_band or k == time_s.size - 1):
            entered = True
            if count > longest:
                longest, reached = count, began if np.isnan(passed) else passed
        if in_band:
            touched, count = False, 0.0
    end = value.size - 1
    while end >= 0 and not np.isfinite(value[end]):
        end -= 1
    return max(longest, 0.0), reached, entered, end >= 0 and _inside(value[end], level, strict)
