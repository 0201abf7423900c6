"""What the samples tell about the sensor: one that holds its value, and one that is stuck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loads.cleaning.blocks import Block
from loads.cleaning.findings import Finding
from loads.readers.readings import Floats

_REPEATING_SHARE = 0.25
_STUCK_S = 30.0
_STUCK_SAMPLES = 20


@dataclass(frozen=True)
class Holds:
    """Runs of equal consecutive samples in one channel.

    Parameters
    ----------
    repeats, share
        Samples equal to the one before, outside stuck stretches, and their share of the samples there.
    hold_s
        Median time between changes of the value; None if the sensor does not repeat.
    stuck_samples, stuck_s, stuck_w
        Samples and seconds of the stuck stretches, and the value of the longest.
    """

    repeats: int
    share: float
    hold_s: float | None
    stuck_samples: int
    stuck_s: float
    stuck_w: float


def holds(time_s: Floats, power_w: Floats) -> Holds:
    """Measure how long one value stays.

    A stretch is stuck if it lasts at least 30 s and 20 samples, or is a whole channel of at least 20 samples.

    Parameters
    ----------
    time_s, power_w
        Shape (n,), n >= 2, times increasing.
    """
    starts = np.concatenate([[0], np.flatnonzero(np.diff(power_w)) + 1])
    lengths = np.diff(np.append(starts, power_w.size))
    lasts_s = time_s[starts + lengths - 1] - time_s[starts]
    stuck = (lengths >= _STUCK_SAMPLES) & ((lasts_s >= _STUCK_S) | (lengths == power_w.size))
    repeats = int((lengths[~stuck] - 1).sum())
    pairs = power_w.size - 1 - int((lengths[stuck] - 1).sum())
    share = repeats / pairs if pairs else 0.0
    # The first and the last run are cut by the ends of the recording: their length says nothing.
    until_change_s = np.diff(time_s[starts])[1:][~stuck[1:-1]]
    is_repeating = share > _REPEATING_SHARE and until_change_s.size > 0
    hold_s = round(float(np.median(until_change_s)), 9) if is_repeating else None
    longest = int(np.argmax(np.where(stuck, lengths, 0)))
    return Holds(
        repeats, share, hold_s, int(lengths[stuck].sum()), float(lasts_s[stuck].sum()), float(power_w[starts[longest]])
    )


def look_at_sensor(blocks: list[Block], window_s: float | None) -> tuple[dict[str, float], list[Finding]]:
    """Find repeating and stuck sensors, and the averaging window of each channel.

    Parameters
    ----------
    blocks
        Cleaned in time.
    window_s
        Averaging window if it is known; otherwise the hold time of a sensor that repeats is taken.

    Returns
    -------
    windows_s
        Channels with a window [s].
    findings
        `repeated_samples`, `stuck_sensor` and `sensor_average`.
    """
    windows_s: dict[str, float] = {}
    repeated: list[Finding] = []
    stuck: list[Finding] = []
    averaged: list[Finding] = []
    for block in blocks:
        for name, power_w in zip(block.names, block.power_w, strict=True):
            found = holds(block.time_s, power_w)
            if found.share > _REPEATING_SHARE:
                repeated.append(_repeated(name, found))
            if found.stuck_samples:
                detail = f"{found.stuck_samples} samples over {found.stuck_s:.6g} s stay at {found.stuck_w:g} W"
                stuck.append(
                    Finding("stuck_sensor", (name,), found.stuck_samples, detail, "kept; the power there is not known")
                )
            window = window_s if window_s is not None else found.hold_s
            if window:
                windows_s[name] = window
                detail = f"the sensor averages or holds over {window:.4g} s"
                averaged.append(
                    Finding("sensor_average", (name,), 1, detail, "ramps taken from this trace are lower bounds")
                )
    return windows_s, repeated + stuck + averaged


def _repeated(name: str, found: Holds) -> Finding:
    detail = f"{found.repeats} samples ({found.share:.0%}) repeat the one before"
    if found.hold_s is not None:
        detail += f", the value holds for {found.hold_s:.4g} s"
    return Finding("repeated_samples", (name,), found.repeats, detail, "kept as they are")
