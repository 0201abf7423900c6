"""Channels that were read at the same instants: what the cleaning steps work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from loads.errors import LoadDataError
from loads.readers.readings import Channel, Floats
from loads.segments import kernel

NS_PER_S = 1_000_000_000

_GRID_TOLERANCE_NS = 1e-3
_GRID_TOLERANCE = 4 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Block:
    """Channels of one file with one series of times, so that each time is looked at once.

    Parameters
    ----------
    names
        One for each channel.
    time_s
        Shape (n,).
    power_w
        One array of shape (n,) for each channel.
    line
        Shape (n,): line of the file of each sample, counted from 1, or None.
    """

    names: tuple[str, ...]
    time_s: Floats
    power_w: tuple[Floats, ...]
    line: NDArray[np.int64] | None = None

    @property
    def size(self) -> int:
        """Samples a channel."""
        return int(self.time_s.size)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        """Return the block of the given rows, by index or mask."""
        return replace(
            self,
            time_s=self.time_s[rows],
            power_w=tuple(power[rows] for power in self.power_w),
            line=None if self.line is None else self.line[rows],
        )

    def select(self, names: Sequence[str]) -> Self:
        """Return the block with those of its channels that are named."""
        kept = [i for i, name in enumerate(self.names) if name in names]
        return replace(self, names=tuple(self.names[i] for i in kept), power_w=tuple(self.power_w[i] for i in kept))

    def line_at(self, row: int) -> int | None:
        """Line of the file that a sample stands in, if it has lines."""
        return None if self.line is None else int(self.line[row])

    def place(self, row: int) -> str:
        """Words for where a sample is: its time, and its line if the file has lines."""
        line = self.line_at(row)
        at = f"{self.time_s[row] - self.time_s[0]:.6g} s"
        return at if line is None else f"{at} (line {line})"


def blocks_of(channels: Sequence[Channel], path: str) -> list[Block]:
    """Group the channels that share their array of times.

    Times are put on whole nanoseconds where they are that but for rounding.

    Raises
    ------
    LoadDataError
        If a time is not finite.
    """
    groups: dict[int, list[Channel]] = {}
    for channel in channels:
        groups.setdefault(id(channel.time_s), []).append(channel)
    blocks = []
    for group in groups.values():
        first = group[0]
        bad = np.flatnonzero(~np.isfinite(first.time_s))
        if bad.size:
            line = None if first.line is None else int(first.line[bad[0]])
            raise LoadDataError(f"a time must be finite, got {first.time_s[bad[0]]}", path=path, line=line)
        names = tuple(channel.name for channel in group)
        powers = tuple(channel.power_w for channel in group)
        blocks.append(Block(names, shifted(first.time_s, 0), powers, first.line))
    return blocks


def shifted(time_s: Floats, by_ns: int) -> Floats:
    """Return times later by some nanoseconds, without rounding noise if they are whole nanoseconds.

    0.1 + 0.2 is 0.30000000000000004; through integers it is 0.3.
    """
    later_s = np.empty(time_s.size)
    if _shift_whole_ns(np.ascontiguousarray(time_s, dtype=np.float64), float(by_ns), later_s):
        return later_s
    return time_s + by_ns / NS_PER_S


@kernel
def _shift_whole_ns(time_s: Floats, by_ns: float, later_s: Floats) -> bool:
    """Write the times shifted; False if one of them is not a whole number of nanoseconds but for rounding."""
    for k in range(time_s.size):
        scaled = time_s[k] * 1e9
        whole = np.rint(scaled)
        if abs(scaled - whole) > _GRID_TOLERANCE_NS + _GRID_TOLERANCE * abs(scaled):
            return False
        later_s[k] = (whole + by_ns) / 1e9
    return True


def started_at_zero(time_s: Floats) -> Floats:
    """Return times less the first of them, without rounding noise if they are whole nanoseconds."""
    if time_s[0] == 0:
        return time_s
    from_first = shifted(time_s, -round(time_s[0] * NS_PER_S))
    return from_first if from_first[0] == 0 else time_s - time_s[0]
