"""Time that does not run forward: changes of daylight saving time, samples written late, runs appended."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from loads.cleaning.blocks import Block
from loads.cleaning.findings import Finding
from loads.errors import LoadDataError
from loads.readers.readings import Floats

_HOUR_S = 3600.0
_HOUR_TOLERANCE_INTERVALS = 5
_LONGEST_INTERVAL_S = 300.0
"""A clock read less often than this does not tell an hour's step from a few missing samples."""
_LONGEST_LATE_RUN = 3
_LONGEST_LATE_SHARE = 0.01


def undo_clock_changes(blocks: list[Block]) -> tuple[list[Block], list[Finding]]:
    """Take out steps of an hour from a local clock, as daylight saving time makes them twice a year.

    A step counts if it is an hour to within a few sample intervals, back or forth.
    """
    cleaned, findings = [], []
    for block in blocks:
        steps = np.diff(block.time_s)
        usual_s = _usual_interval_s(steps)
        off_hour = np.abs(np.abs(steps - usual_s) - _HOUR_S)
        jumps = np.flatnonzero(off_hour <= _HOUR_TOLERANCE_INTERVALS * usual_s)
        if not 0 < usual_s <= _LONGEST_INTERVAL_S or not jumps.size:
            cleaned.append(block)
            continue
        correction = np.zeros(block.size)
        correction[jumps + 1] = -np.sign(steps[jumps]) * _HOUR_S
        cleaned.append(replace(block, time_s=block.time_s + np.cumsum(correction)))
        detail = f"the clock steps by an hour {_times(jumps.size)}, first after {block.place(int(jumps[0]))}"
        findings.append(
            Finding("clock_change", block.names, int(jumps.size), detail, "taken for daylight saving time and undone")
        )
    return cleaned, findings


def sort_late_samples(blocks: list[Block], path: str) -> tuple[list[Block], list[Finding]]:
    """Sort samples that were written a little late.

    Raises
    ------
    LoadDataError
        If a whole run of samples lies before those ahead of it: the file then holds several recordings.
    """
    cleaned, findings = [], []
    for block in blocks:
        is_late = block.time_s < np.maximum.accumulate(block.time_s)
        late = np.flatnonzero(is_late)
        if not late.size:
            cleaned.append(block)
            continue
        starts, ends = runs(is_late)
        long = np.flatnonzero(ends - starts > max(_LONGEST_LATE_RUN, _LONGEST_LATE_SHARE * block.size))
        if long.size:
            at = int(starts[long[0]])
            raise LoadDataError(
                f"time goes back from {block.time_s[at - 1]:.9g} to {block.time_s[at]:.9g} s",
                path=path,
                line=block.line_at(at),
                hint="expected one recording in order of time: split a file that holds several runs",
            )
        cleaned.append(block.take(np.argsort(block.time_s, kind="stable")))
        detail = f"{late.size} samples are out of order, first at {block.place(int(late[0]))}"
        findings.append(Finding("out_of_order", block.names, int(late.size), detail, "sorted by time"))
    return cleaned, findings


def runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where runs of True start and end (exclusive), each of shape (number of runs,)."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return edges[::2], edges[1::2]


def _usual_interval_s(steps: Floats) -> float:
    forward = steps[steps > 0]
    return float(np.median(forward)) if forward.size else 0.0


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
