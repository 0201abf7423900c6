"""Several files on one axis of time, though their clocks may differ by whole hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from loads.cleaning.blocks import NS_PER_S, Block, shifted
from loads.cleaning.findings import Finding
from loads.errors import LoadDataError
from loads.readers.readings import Clock

_HOUR_NS = 3600 * NS_PER_S
_MOST_HOURS = 14
"""Zones reach from UTC-12 to UTC+14."""
_LEAST_TOLERANCE_S = 60.0
_TOLERANCE_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class ClockedBlocks:
    """The blocks of one file, and the clock their times are of.

    Parameters
    ----------
    path
        Of the file.
    clock, origin_ns
        As in `loads.readers.readings.Readings`.
    blocks
        With times since the origin.
    """

    path: str
    clock: Clock
    origin_ns: int
    blocks: list[Block]

    @property
    def span_ns(self) -> tuple[int, int]:
        """First and last instant [ns] of the clock."""
        first_s = min(float(block.time_s[0]) for block in self.blocks)
        last_s = max(float(block.time_s[-1]) for block in self.blocks)
        return self.origin_ns + round(first_s * NS_PER_S), self.origin_ns + round(last_s * NS_PER_S)


def on_one_clock(files: Sequence[ClockedBlocks]) -> tuple[list[Block], list[Finding]]:
    """Return the blocks of all files with times since the origin of the first.

    A file that does not overlap with the first, where one of the two has a local clock, is shifted by the whole hours
    that bring the starts nearest, if these are then within a minute or a tenth of the shorter file. One that overlaps
    is shifted if both its ends are then within a minute of those of the first.

    Raises
    ------
    LoadDataError
        If some files have times since their own start and others dates.
    """
    first = files[0]
    blocks = list(first.blocks)
    findings = []
    for file in files[1:]:
        if (file.clock == "relative") != (first.clock == "relative"):
            raise LoadDataError(
                f"the times are {_kind(file.clock)}, those of {first.path} are {_kind(first.clock)}",
                path=file.path,
                hint="files can be added up if all have dates or none has",
            )
        hours = _hours_off(first, file)
        by_ns = file.origin_ns - first.origin_ns + hours * _HOUR_NS
        moved = [replace(block, time_s=shifted(block.time_s, by_ns)) if by_ns else block for block in file.blocks]
        blocks += moved
        if hours:
            names = tuple(name for block in moved for name in block.names)
            detail = f"the clock of {file.path} differs by {-hours:+d} h from that of {first.path}"
            findings.append(Finding("clock_offset", names, 1, detail, "shifted by whole hours"))
    return blocks, findings


def _hours_off(first: ClockedBlocks, file: ClockedBlocks) -> int:
    (a_start, a_end), (b_start, b_end) = first.span_ns, file.span_ns
    if "naive" not in (first.clock, file.clock):
        return 0
    hours = round((a_start - b_start) / _HOUR_NS)
    starts_s, ends_s = (abs(a - b - hours * _HOUR_NS) / NS_PER_S for a, b in ((a_start, b_start), (a_end, b_end)))
    if min(a_end, b_end) > max(a_start, b_start):
        is_near = max(starts_s, ends_s) <= _LEAST_TOLERANCE_S
    else:
        shorter_s = min(a_end - a_start, b_end - b_start) / NS_PER_S
        is_near = starts_s <= max(_LEAST_TOLERANCE_S, _TOLERANCE_SHARE * shorter_s)
    return hours if abs(hours) <= _MOST_HOURS and is_near else 0


def _kind(clock: Clock) -> str:
    return "since some start" if clock == "relative" else "dates"
