"""Missing stretches of a recording: short ones are bridged by a straight line, long ones refused."""

from __future__ import annotations

import numpy as np

from loads.cleaning.blocks import Block
from loads.cleaning.findings import Finding
from loads.errors import LoadDataError

_TIMES_MEDIAN = 1.75
"""One lost sample doubles the interval; jitter of three quarters does not count."""
_TIMES_90TH = 1.5
"""A log that is irregular by nature has long intervals among its usual ones."""
_LONG_TIMES_MEDIAN = 10.0


def find_gaps(blocks: list[Block], path: str, max_gap_s: float) -> list[Finding]:
    """Find the gaps, which the straight lines between samples fill.

    A gap is an interval both 1.75 times longer than the median and 1.5 times longer than the 90th percentile.

    Raises
    ------
    LoadDataError
        If a gap is longer than `max_gap_s` and than ten median intervals.
    """
    findings = []
    for block in blocks:
        intervals = np.diff(block.time_s)
        median_s = float(np.median(intervals))
        usual_s = float(np.percentile(intervals, 90, method="lower"))  # the one gap of a short log is not usual
        gaps = np.flatnonzero(intervals > max(_TIMES_MEDIAN * median_s, _TIMES_90TH * usual_s))
        if not gaps.size:
            continue
        lengths_s = intervals[gaps]
        longest = int(gaps[np.argmax(lengths_s)])
        longest_s = float(intervals[longest])
        if longest_s > max(max_gap_s, _LONG_TIMES_MEDIAN * median_s):
            raise LoadDataError(
                f"no samples of {block.names[0]} for {longest_s:.6g} s after {block.place(longest)}",
                path=path,
                line=block.line_at(longest + 1),
                hint=f"a gap of more than {max_gap_s:g} s is not filled unless max_gap_s allows it",
            )
        detail = (
            f"{gaps.size} {'gap' if gaps.size == 1 else 'gaps'} of {lengths_s.sum():.6g} s in all "
            f"(usual interval {median_s:.6g} s), the longest of {longest_s:.6g} s after {block.place(longest)}"
        )
        findings.append(Finding("gap", block.names, int(gaps.size), detail, "filled by straight lines"))
    return findings
