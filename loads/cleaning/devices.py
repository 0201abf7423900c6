"""Rows of several devices that take turns without saying so: found by their rhythm, and split.

A tool that polls N devices writes N rows in a burst and then pauses. The rows cannot be grouped by equal times, as a
burst may take milliseconds or most of a second, but every N-th interval is the pause. A single device gives the same
rhythm when it is polled in bursts, or faster than its clock counts. What tells them apart is that each device has its
own level: the rows of a burst then differ in the same way, burst after burst, beyond what the trend explains.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loads.cleaning.findings import Finding
from loads.cleaning.rhythm import Rhythm, find_rhythm, rhythm_of, rows_alike
from loads.errors import LoadDataError
from loads.readers.readings import Channel, Floats

_LEAST_WHOLE_ROWS = 0.9
_LEAST_TICKS = 3
_BY_CHANCE = 4.0
_LEAST_LEVELS = {True: (5.0, 0.15), False: (8.0, 0.5)}
"""Significance and effect over scatter of levels: where the times show the ticks clearly, and where they do not."""
_ROUNDING = 1e-9


def split_devices(channel: Channel, devices: int | None, path: str) -> tuple[tuple[Channel, ...], list[Finding]]:
    """Split the rows of devices that take turns into one channel a device.

    Parameters
    ----------
    channel
        All rows, those without a number included, as they keep a device's place.
    devices
        Number of devices if it is known; 1 leaves the channel as it is. None: found from the times.
    path
        Of the file.

    Returns
    -------
    channels
        The channel itself, or ``device-0`` to ``device-(N - 1)`` in the order of the rows.
    findings
        `unindexed_devices` if it was split, `possible_devices` if only the values suggest it.

    Raises
    ------
    LoadDataError
        If the rows may belong to one device or to several, or too many of them are missing to tell whose they are.
    """
    if devices == 1:
        return (channel,), []
    rhythm = find_rhythm(channel.time_s) if devices is None else rhythm_of(channel.time_s, devices)
    if rhythm is None:
        return (channel,), _suspected(channel)
    starts = _tick_starts(rhythm, channel.time_s)
    rows = starts[:, None] + np.arange(rhythm.period)
    levels = "own" if devices else _levels(_clock(rhythm, channel.time_s, rows), channel.power_w[rows], rhythm.is_clear)
    if levels == "alike" and rhythm.is_instant:
        return (channel,), []
    if not rhythm.is_clear and (levels != "own" or rhythm.first_row is None):
        return (channel,), _suspected(channel)
    if rhythm.first_row is None and rows.size < _LEAST_WHOLE_ROWS * channel.time_s.size:
        raise LoadDataError(
            f"the rows seem to be of {rhythm.period} devices in turn, but only {starts.size} turns are complete",
            path=path,
            line=None if channel.line is None else int(channel.line[0]),
            hint="expected a device column, or all devices in each turn; devices=1 takes the rows as one device",
        )
    if levels != "own":
        raise LoadDataError(
            f"the rows come in bursts of {rhythm.period}, which may be as many devices or one device",
            path=path,
            line=None if channel.line is None else int(channel.line[0]),
            hint=f"give devices={rhythm.period} or devices=1",
        )
    dropped = channel.time_s.size - rows.size
    return _by_device(channel, rows), [_finding(rhythm, dropped, devices)]


def _by_device(channel: Channel, rows: NDArray[np.int64]) -> tuple[Channel, ...]:
    times_s = channel.time_s[rows]
    is_shared = bool((times_s == times_s[:, :1]).all())
    first_s = np.ascontiguousarray(times_s[:, 0])
    return tuple(
        Channel(
            f"device-{i}",
            first_s if is_shared else np.ascontiguousarray(times_s[:, i]),
            channel.power_w[rows[:, i]],
            None if channel.line is None else channel.line[rows[:, i]],
        )
        for i in range(rows.shape[1])
    )


def _finding(rhythm: Rhythm, dropped: int, devices: int | None) -> Finding:
    n = rhythm.period
    names = tuple(f"device-{i}" for i in range(n))
    detail = f"rows of {n} devices take turns without an index" + (", as given" if devices else "")
    action = f"split into device-0 to device-{n - 1} by their turn"
    if dropped:
        action += f"; {dropped} rows of incomplete turns dropped"
    return Finding("unindexed_devices", names, n, detail, action)


def _suspected(channel: Channel) -> list[Finding]:
    rows = rows_alike(channel.power_w)
    if rows is None:
        return []
    detail = f"the values are alike every {rows} rows, as those of {rows} devices in turn are, but no pause shows it"
    action = f"taken as one device; give devices={rows} if they are several, or devices=1"
    return [Finding("possible_devices", (channel.name,), rows, detail, action)]


def _tick_starts(rhythm: Rhythm, time_s: Floats) -> NDArray[np.int64]:
    """Return the first rows of the complete ticks, shape (ticks,)."""
    n = rhythm.period
    if rhythm.first_row is not None:
        return np.arange(rhythm.first_row, time_s.size - n + 1, n)
    # Rows are missing, so the turn is lost: each pause starts it anew.
    firsts = np.concatenate([[0], np.flatnonzero(np.diff(time_s) > rhythm.pause_s) + 1])
    return firsts[np.diff(np.append(firsts, time_s.size)) == n]


def _clock(rhythm: Rhythm, time_s: Floats, rows: NDArray[np.int64]) -> Floats:
    """Return the times of the rows; where a clock stands still within a tick, one device would be read evenly."""
    return rows.astype(np.float64) if rhythm.is_instant else time_s[rows]


def _levels(time: Floats, power_w: Floats, is_clear: bool = True) -> str:
    """Tell whether the rows of a tick have levels of their own.

    The mean of each place in the tick, less the tick's mean and the trend over the file, is compared with its scatter.

    Parameters
    ----------
    time
        Shape (ticks, N), of any unit.
    power_w
        Shape (ticks, N).
    is_clear
        Whether the times show the ticks clearly; if not, more is asked of the levels.

    Returns
    -------
    str
        ``"own"``: the places differ, as devices do. ``"alike"``: they differ by chance only. ``"unclear"``.
    """
    is_whole = np.isfinite(power_w).all(axis=1)
    time, power_w = time[is_whole], power_w[is_whole]
    ticks = len(power_w)
    if ticks < _LEAST_TICKS or time[-1, 0] <= time[0, 0]:
        return "unclear"
    means_w = power_w.mean(axis=1)
    residuals_w = power_w - means_w[:, None]
    # One device on a steady ramp also differs from place to place, by its slope.
    within = (time - time.mean(axis=1, keepdims=True)).mean(axis=0)
    trend_w = (means_w[-1] - means_w[0]) / (time[-1, 0] - time[0, 0]) * within
    offsets_w = residuals_w.mean(axis=0) - trend_w
    effect_w = _rms(offsets_w)
    if not is_clear:
        # The ends of a file tell little of its trend: the levels must stand out with and without it.
        effect_w = min(effect_w, _rms(offsets_w + trend_w))
        if effect_w < _rms(trend_w):
            return "unclear"
    scatter_w = _rms(residuals_w - residuals_w.mean(axis=0))
    rounding_w = _ROUNDING * float(np.abs(power_w).max())
    if np.ptp(power_w) <= rounding_w:
        return "unclear"
    significance = effect_w / max(scatter_w, rounding_w) * np.sqrt(ticks)
    if effect_w <= rounding_w or significance < _BY_CHANCE:
        return "alike"
    least, least_effect = _LEAST_LEVELS[is_clear]
    if significance >= least and effect_w >= least_effect * scatter_w:
        return "own"
    return "unclear"


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))
