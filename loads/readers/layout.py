"""How a delimited table is written: its delimiter and its header, found from a file's first lines."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from loads.errors import LoadDataError
from loads.readers.source import SourceFile
from loads.readers.timestamps import text_to_ns
from loads.readers.units import POWER_UNITS

COMMENT = "#"
BLANKS = " "
"""The delimiter of a table whose cells are set apart by runs of blanks."""

GAPS = "  "
"""The delimiter of a table set in columns: at least two blanks, since its cells have blanks of their own."""

DELIMITERS = ",;\t|"

_LINES_TO_FIND_THE_HEADER = 20
_DATE = re.compile(r"\d{4}([-/]?)\d{2}\1\d{2}|\d{2}-\d{2}-\d{4}")
_CLOCK = re.compile(r"\d{2}:\d{2}:\d{2}(?:[.,]\d+)?(?:Z|[+-]\d{2}:?\d{2})?")


@dataclass(frozen=True)
class Layout:
    """How a table is written.

    Parameters
    ----------
    delimiter
        One of `DELIMITERS`, `BLANKS` or `GAPS`.
    names
        Of the columns, stripped; numbered if there is no header.
    header_line
        Line of the header, counted from 1; the table begins below it. One less than the first row's if there is none.
    first_line, first_cells
        Of the header, or of the first row if there is none.
    date_time
        Columns of the date and of the time of day, if these are apart.
    """

    delimiter: str
    names: tuple[str, ...]
    header_line: int
    first_line: int
    first_cells: tuple[str, ...]
    date_time: tuple[int, int] | None = None

    @property
    def header_cells(self) -> tuple[str, ...]:
        """The header as a restarted logger repeats it."""
        is_written = self.header_line == self.first_line and len(self.first_cells) == len(self.names)
        return self.first_cells if is_written else self.names

    @property
    def parsed_delimiter(self) -> str:
        """What stands between cells once the gaps of `GAPS` are tabs."""
        return "\t" if self.delimiter == GAPS else self.delimiter

    @property
    def decimal_comma(self) -> bool:
        """Whether a comma in a number may be a decimal mark."""
        return self.delimiter == ";"


def split_cells(line: str, delimiter: str) -> list[str]:
    """Split one line into stripped cells."""
    if delimiter == BLANKS:
        return line.split()
    if delimiter == GAPS:
        return re.split(r"\t+| {2,}", line.strip())
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [""])]


def find_layout(file: SourceFile) -> Layout:
    """Find the delimiter, the header and its line from a file's head.

    The header is the first line that is neither blank nor a comment and has as many cells as one of those below it:
    some tools greet the reader first. Where that one holds numbers, a comment above it
    with as many cells is the header (numpy writes tables so); else the table has none, and its columns get numbers.

    Raises
    ------
    LoadDataError
        If there is no such line.
    """
    content = [
        (n, line) for n, line in enumerate(file.head, 1) if line.strip() and not line.lstrip().startswith(COMMENT)
    ]
    if not content:
        raise LoadDataError("the file has only comments", path=file.path)
    at = _header_at([line for _, line in content[:_LINES_TO_FIND_THE_HEADER]])
    number, first = content[at]
    below = [line for _, line in content[at + 1 : at + _LINES_TO_FIND_THE_HEADER]]
    delimiter = _delimiter(first, below)
    names = first_cells = split_cells(first, delimiter)
    rows = [split_cells(line, delimiter) for line in below]
    header_line = number
    comments = [
        split_cells(line.strip().lstrip(COMMENT), delimiter) for line in file.head[: number - 1] if line.strip()
    ]
    fitting = [cells for cells in comments if len(cells) == len(names)]
    if any(re.match(r"[+-]?\.?\d", name) for name in names) and not any(re.match(r"[A-Za-z]", name) for name in names):
        header_line = number - 1
        names = fitting[-1] if fitting else _numbered(first_cells)
        rows = [first_cells, *rows]
    elif fitting and any(name in POWER_UNITS for name in names):
        # Tools that set their tables in columns write units below the names.
        names = [
            f"{name} [{unit}]" if unit in POWER_UNITS else name for name, unit in zip(fitting[-1], names, strict=True)
        ]
    date_time = next((found for row in rows if (found := _date_and_clock(row))), None)
    if date_time and rows and all(_has_a_clock_more(row, len(names)) for row in rows):
        names = [*names[: date_time[1]], "time of day", *names[date_time[1] :]]
    elif rows and all(_has_an_end(row, len(names)) for row in rows):
        names = [*names, ""]
    return Layout(delimiter, tuple(names), header_line, number, tuple(first_cells), date_time)


def joined_time(layout: Layout, time: int | None, notes: list[str]) -> tuple[int | None, list[str]]:
    """Return the column of dates and a note, if the column of time found is a part of the time; else what was found."""
    if layout.date_time is None or (time is not None and time not in layout.date_time):
        return time, notes
    date, clock = layout.date_time
    return date, [f"time is columns {layout.names[date]!r} and {layout.names[clock]!r} together"]


def _numbered(cells: Sequence[str]) -> list[str]:
    """Name the columns of a table without a header; a date-time beside one other column needs no choice."""
    names = [f"column {index + 1}" for index in range(len(cells))]
    times = [at for at, cell in enumerate(cells) if text_to_ns([cell])[1][0]]
    if len(times) == 1 and len(cells) == 2:
        names[times[0]], names[1 - times[0]] = "timestamp", "power"
    return names


def _date_and_clock(row: Sequence[str]) -> tuple[int, int] | None:
    dates = [at for at, cell in enumerate(row) if _DATE.fullmatch(cell)]
    clocks = [at for at, cell in enumerate(row) if _CLOCK.fullmatch(cell)]
    return (dates[0], clocks[0]) if dates and clocks else None


def _has_a_clock_more(row: Sequence[str], cells: int) -> bool:
    """Whether a date-time is split by the blank in it, and so has a cell more than the header."""
    found = _date_and_clock(row)
    return found is not None and len(row) == cells + 1 and found[1] == found[0] + 1


def names_in(file: SourceFile) -> tuple[str, ...]:
    """Return the names of a table's columns, for detection; none if the file has no rows of text."""
    has_rows = any(line.strip() and not line.lstrip().startswith(COMMENT) for line in file.head)
    return find_layout(file).names if has_rows else ()


def _header_at(lines: list[str]) -> int:
    # Prose may look like a header set apart by blanks: such lines come second.
    fitting = []
    for at, line in enumerate(lines):
        delimiter = _delimiter(line, lines[at + 1 :])
        own = split_cells(line, delimiter)
        # A greeting that is repeated fits itself.
        rows = [row for below in lines[at + 1 :] if (row := split_cells(below, delimiter)) != own]
        fits = any(
            len(row) == len(own) or _has_an_end(row, len(own)) or _has_a_clock_more(row, len(own)) for row in rows
        )
        # A first line that fits nothing is still the header if only rows of numbers follow.
        if fits and (at == 0 or line.strip('" ')[:1].isalpha()):
            fitting.append((len(own) == 1, delimiter in (BLANKS, GAPS), at))
    return min(fitting)[-1] if fitting else 0


def _has_an_end(row: Sequence[str], cells: int) -> bool:
    """Whether a row ends in a delimiter, as some loggers write it, but not in the header."""
    return len(row) == cells + 1 and not row[-1]


def _delimiter(line: str, below: Sequence[str] = ()) -> str:
    outside_quotes = re.sub(r'"[^"]*"', "", line).strip()
    best = max(DELIMITERS, key=outside_quotes.count)
    if best in outside_quotes:
        return best
    # One column `power.draw [W]` is not two.
    if len(re.sub(r"\s*\[[^\]]*\]", "", outside_quotes).split()) < 2:
        return DELIMITERS[0]
    words, columns = len(line.split()), len(split_cells(line, GAPS))
    by_words = any(len(other.split()) == words for other in below if other != line)
    by_columns = any(len(split_cells(other, GAPS)) == columns for other in below if other != line)
    return GAPS if columns > 1 and by_columns and not by_words else BLANKS
