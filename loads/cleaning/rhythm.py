"""The rhythm of a file's rows: bursts of N, then a pause."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loads.readers.readings import Floats

_MOST_ROWS = 64
_PAUSE_RATIO = 3.0
"""A pause is at least this many times longer than any other interval of a tick, in the median."""
_TICK_RATIO = 1.5
"""The same for a single tick."""
_LEAST_CLEAR = 0.75
"""Share of the blocks, and of the ticks in them, that must show the pause at one place."""
_LEAST_TICKS = 3
_LEAST_EVIDENCE = 8.0
"""Ticks times log2(N): few ticks of few rows are a rhythm by chance."""
_LEAST_BROKEN_SHARE = 0.5
"""Share of the rows in bursts of the commonest size."""
_TICKS_PER_BLOCK = 32
_ALIKE = 0.2
_LEAST_REPEATS = 8
_SAMPLED_INTERVALS = 16_384


@dataclass(frozen=True)
class Rhythm:
    """Bursts of rows with a pause after each.

    Parameters
    ----------
    period
        Rows in a burst.
    first_row
        Row that starts the first complete burst; None if rows are missing, so that the bursts shift.
    pause_s
        An interval longer than this is a pause.
    is_instant
        Whether the rows of a burst share one time.
    """

    period: int
    first_row: int | None
    pause_s: float
    is_instant: bool


def find_rhythm(time_s: Floats) -> Rhythm | None:
    """Find the smallest burst, of 2 to 64 rows, that the intervals repeat all through the file.

    Parameters
    ----------
    time_s
        Shape (n,), in the order of the file.

    Returns
    -------
    Rhythm or None
        None if there is none: evenly spaced, jittering and irregular rows have none.
    """
    intervals = np.diff(time_s)
    middle = max(0, intervals.size - _SAMPLED_INTERVALS) // 2
    sample = intervals[middle : middle + _SAMPLED_INTERVALS]
    for period in range(2, min(_MOST_ROWS, time_s.size // _LEAST_TICKS) + 1):
        # A long file without a rhythm is not folded 63 times over.
        if _test(sample, period) is not None:
            rhythm = _test(intervals, period)
            if rhythm is not None:
                return rhythm
    return _broken_rhythm(intervals)


def _broken_rhythm(intervals: Floats) -> Rhythm | None:
    """Find bursts that are mostly of one size, where so many rows are missing that no place in a tick lasts."""
    usual_s = float(np.median(intervals))
    positive = intervals[intervals > 0]
    if not positive.size:
        return None
    pause_s = _PAUSE_RATIO * usual_s if usual_s > 0 else 0.5 * float(np.median(positive))
    sizes = np.diff(np.flatnonzero(np.concatenate([[True], intervals > pause_s, [True]])))
    counts = np.bincount(sizes[sizes <= _MOST_ROWS], minlength=3)
    period = int(counts[2:].argmax()) + 2
    share = period * counts[period] / sizes.sum()
    if share < _LEAST_BROKEN_SHARE or counts[period] * np.log2(period) < _LEAST_EVIDENCE:
        return None
    return Rhythm(period, None, pause_s, is_instant=usual_s == 0)


def rhythm_of(time_s: Floats, period: int) -> Rhythm:
    """Return the rhythm of a known number of rows; without pauses, it starts at the first row."""
    return _test(np.diff(time_s), period) or Rhythm(period, 0, np.inf, is_instant=False)


def rows_alike(power_w: Floats) -> int | None:
    """Find the smallest number of rows, 2 to 64, after which the values are alike though neighbours are not.

    Devices that take turns without a pause look so, and so does one device whose load repeats in step with its meter.

    Parameters
    ----------
    power_w
        Shape (n,), in the order of the file.
    """
    middle = max(0, power_w.size - _SAMPLED_INTERVALS) // 2
    sample = power_w[middle : middle + _SAMPLED_INTERVALS]
    sample = sample[np.isfinite(sample)]
    if sample.size < 2:
        return None
    neighbours_w = float(np.median(np.abs(np.diff(sample))))
    for rows in range(2, min(_MOST_ROWS, sample.size // _LEAST_REPEATS) + 1):
        if np.median(np.abs(sample[rows:] - sample[:-rows])) < _ALIKE * neighbours_w:
            return rows
    return None


def _test(intervals: Floats, period: int) -> Rhythm | None:
    ticks = (intervals.size + 1) // period
    if ticks < _LEAST_TICKS:
        return None
    per_block = min(_TICKS_PER_BLOCK, intervals.size // period)
    length = per_block * period
    blocks = intervals.size // length
    starts = period * per_block * np.arange(blocks)
    # The last block reaches the end, so that no part of the file goes unseen.
    starts = np.append(starts, (intervals.size - length) // period * period)
    folded = np.stack([intervals[start : start + length] for start in starts]).reshape(-1, per_block, period)
    medians = np.median(folded, axis=1)
    place = medians.argmax(axis=1)
    ordered = np.sort(medians, axis=1)
    pause, other = ordered[:, -1], ordered[:, -2]
    is_clear = (pause > 0) & (pause >= _PAUSE_RATIO * other)
    if is_clear.mean() < _LEAST_CLEAR:
        return None
    at_pause = np.take_along_axis(folded[is_clear], place[is_clear][:, None, None], axis=2)[..., 0]
    highest_two = np.partition(folded[is_clear], -2, axis=2)[..., -2:]
    # Strictly: half a burst also has its pauses at one place, but only in every second of its ticks.
    in_time = (at_pause == highest_two[..., 1]) & (at_pause > _TICK_RATIO * highest_two[..., 0])
    is_instant = bool((ordered[is_clear, :-1] == 0).all())
    if in_time.mean() < _LEAST_CLEAR or not (is_instant or ticks * np.log2(period) >= _LEAST_EVIDENCE):
        return None
    pause_s = float(np.median(pause[is_clear]))
    other_s = float(np.median(other[is_clear]))
    places = np.unique(place[is_clear])
    first_row = int((places[0] + 1) % period) if places.size == 1 else None
    return Rhythm(period, first_row, max(float(np.sqrt(other_s * pause_s)), 0.25 * pause_s), is_instant)
