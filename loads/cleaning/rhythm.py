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
_ENOUGH_TICKS = 5
_LEAST_EVIDENCE = 8.0
"""Ticks times log2(N): few ticks of few rows are a rhythm by chance."""
_LONG_PAUSE_RATIO = 10.0
"""Of few ticks, each must show a pause this clear."""
_CLEAR_EVIDENCE = 20.0
"""The same where the times alone tell, or a pause is hardly longer than the others: chance below one in a million."""
_SLIGHT_SHARE = 0.9
_LEAST_SLIGHT = 0.02
"""A slight pause is longer than any other interval by this share of a tick: more than rounding of time stamps."""
_LEAST_BROKEN_SHARE = 0.5
"""Share of the rows in bursts of the commonest size."""
_EVEN = 0.1
"""One row of a burst comes that much more evenly than the next best: it is the one that a timer starts."""
_LEAST_EVEN_TICKS = 20
_LEAST_OF_PAUSE = 0.25
"""An interval shorter than this share of the usual pause is none."""
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
    is_clear
        Whether the times alone tell. If not, the pause is slight or seen only a few times, and rows with levels of
        their own must speak for devices too.
    """

    period: int
    first_row: int | None
    pause_s: float
    is_instant: bool
    is_clear: bool = True


def find_rhythm(time_s: Floats) -> Rhythm | None:
    """Find the burst, of 2 to 64 rows, that the intervals repeat all through the file.

    Parameters
    ----------
    time_s
        Shape (n,), in the order of the file.

    Returns
    -------
    Rhythm or None
        None if there is none: evenly spaced, jittering and irregular rows have none.
    """
    if time_s.size < 2:
        return None
    intervals = np.diff(time_s)
    middle = max(0, intervals.size - _SAMPLED_INTERVALS) // 2
    sample = intervals[middle : middle + _SAMPLED_INTERVALS]
    periods = range(2, min(_MOST_ROWS, time_s.size // _LEAST_TICKS) + 1)
    # A long file without a rhythm is not folded 63 times over.
    found = [_test(intervals, period) for period in periods if _test(sample, period) is not None]
    rhythms = [rhythm for rhythm in found if rhythm is not None]
    if rhythms:
        # Rows written within a millisecond have intervals of 0 and 1 ms in turn, a rhythm within the rhythm.
        return max(rhythms, key=lambda rhythm: rhythm.pause_s)
    return _broken_rhythm(intervals) or _slight_rhythm(time_s, intervals)


def _slight_rhythm(time_s: Floats, intervals: Floats) -> Rhythm | None:
    """Find bursts that fill most of the time between them: they end in the longest interval, or start evenly."""
    rows = min(time_s.size, _SAMPLED_INTERVALS)
    for period in range(2, min(_MOST_ROWS, rows // _LEAST_TICKS) + 1):
        ticks = (rows - 1) // period
        if ticks * np.log2(period) < _CLEAR_EVIDENCE:
            continue
        folded = intervals[: ticks * period].reshape(ticks, period)
        medians = np.median(folded, axis=0)
        place = int(medians.argmax())
        others = np.delete(folded, place, axis=1).max(axis=1)
        ahead = np.median(folded[:, place] - others) / medians.sum() if medians.sum() > 0 else 0.0
        if np.mean(folded[:, place] > others) >= _SLIGHT_SHARE and ahead >= _LEAST_SLIGHT:
            return Rhythm(period, (place + 1) % period, np.inf, is_instant=False, is_clear=False)
        if ticks >= _LEAST_EVEN_TICKS:
            between_s = np.diff(time_s[: ticks * period].reshape(ticks, period), axis=0)
            off_s = np.percentile(np.abs(between_s - np.median(between_s, axis=0)), 80, axis=0)
            best, next_best = np.sort(off_s)[:2]
            if best < _EVEN * next_best:
                return Rhythm(period, int(off_s.argmin()), np.inf, is_instant=False, is_clear=False)
    return None


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
    is_enough = counts[period] >= _ENOUGH_TICKS and counts[period] * np.log2(period) >= _CLEAR_EVIDENCE
    if share < _LEAST_BROKEN_SHARE or not is_enough:
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
    in_time &= at_pause > _LEAST_OF_PAUSE * pause[is_clear][:, None]
    is_instant = bool((ordered[is_clear, :-1] == 0).all())
    if in_time.mean() < _LEAST_CLEAR:
        return None
    is_enough = is_instant or (ticks >= _ENOUGH_TICKS and ticks * np.log2(period) >= _LEAST_EVIDENCE)
    if not is_enough and not (at_pause >= _LONG_PAUSE_RATIO * highest_two[..., 0]).all():
        return None
    pause_s = float(np.median(pause[is_clear]))
    other_s = float(np.median(other[is_clear]))
    places = np.unique(place[is_clear])
    first_row = int((places[0] + 1) % period) if places.size == 1 else None
    pause_s = max(float(np.sqrt(other_s * pause_s)), _LEAST_OF_PAUSE * pause_s)
    # A rhythm that chance also makes once in hundreds of files needs levels of its own beside it.
    is_clear_of_chance = is_instant or ticks * np.log2(period) >= _CLEAR_EVIDENCE
    return Rhythm(period, first_row, pause_s, is_instant, is_clear=bool(is_enough and is_clear_of_chance))
