"""Logs of one record a line: bad lines are skipped and counted, unless there are too many of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from loads.errors import LoadDataError
from loads.readers.readings import Channel, ReadOptions
from loads.readers.source import SourceFile
from loads.trace import TraceWarning

MOST_BAD_ROWS = 0.5
"""Share of bad rows above which a file is taken for something else, or for spoilt."""


def whole_text(file: SourceFile) -> str:
    """Return the content; `LoadDataError` if it is no text, or breaks off inside its compression."""
    try:
        return file.text()
    except (OSError, pa.ArrowException) as error:
        raise LoadDataError(f"cannot be read to its end: {error}", path=file.path) from error


def numbered_lines(file: SourceFile) -> list[tuple[int, str]]:
    """Return the lines that are not blank, stripped, with their numbers counted from 1.

    Raises
    ------
    LoadDataError
        If the file is no text, breaks off inside its compression, or has only blank lines.
    """
    stripped = ((number, line.strip()) for number, line in enumerate(whole_text(file).split("\n"), start=1))
    lines = [(number, line) for number, line in stripped if line]
    if not lines:
        raise LoadDataError("the file is empty", path=file.path)
    return lines


def first_line(file: SourceFile) -> str:
    """Return the first line of the head that is not blank, stripped; empty for a file that is not text."""
    return next((line.strip() for line in file.head if line.strip()), "")


def refuse_columns(options: ReadOptions, format: str, path: str) -> None:
    """Raise `LoadDataError` if columns are chosen in a format whose columns are fixed."""
    for name in ("power_column", "time_column", "device_column"):
        if getattr(options, name) is not None:
            raise LoadDataError(f"format {format} has no columns to choose from", path=path, hint=f"leave out {name}")


@dataclass
class BadRows:
    """Rows that could not be used, and what was wrong with the first."""

    path: str
    count: int = 0
    first: tuple[int, str] = field(default=(0, ""))

    def add(self, line: int, reason: str) -> None:
        """Count a row."""
        if not self.count:
            self.first = (line, reason)
        self.count += 1

    def warnings(self, good: int) -> tuple[TraceWarning, ...]:
        """Return the warning `malformed_rows`, if there is something to warn of.

        Raises
        ------
        LoadDataError
            If more than half of the rows are bad, naming the first.
        """
        if not self.count:
            return ()
        line, reason = self.first
        if self.count > MOST_BAD_ROWS * (self.count + good):
            raise LoadDataError(
                f"{self.count} of {self.count + good} rows are malformed, the first: {reason}",
                path=self.path,
                line=line,
            )
        return (
            TraceWarning(
                "malformed_rows", self.count, f"{self.count} rows skipped, the first in line {line}: {reason}"
            ),
        )


def unreadable_cells(channels: tuple[Channel, ...], why: str = "hold no number") -> tuple[TraceWarning, ...]:
    """Return the warning `unreadable_cells`, if a power is NaN."""
    missing = {channel.name: int(np.isnan(channel.power_w).sum()) for channel in channels}
    count = sum(missing.values())
    if not count:
        return ()
    listed = ", ".join(f"{name} ({number})" for name, number in missing.items() if number)
    return (TraceWarning("unreadable_cells", count, f"{count} power cells {why}: {listed}"),)
