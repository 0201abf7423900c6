"""How a delimited table is written: its delimiter and its header, found from a file's first lines."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from loads.errors import LoadDataError
from loads.readers.source import SourceFile

COMMENT = "#"
BLANKS = " "
"""The delimiter of a table whose cells are set apart by runs of blanks."""

DELIMITERS = ",;\t|"

_LINES_TO_FIND_THE_HEADER = 20


@dataclass(frozen=True)
class Layout:
    """How a table is written.

    Parameters
    ----------
    delimiter
        One of `DELIMITERS`, or `BLANKS`.
    names
        Of the columns, stripped; numbered if there is no header.
    header_line
        Line of the header, counted from 1; the table begins below it. One less than the first row's if there is none.
    first_line, first_cells
        Of the header, or of the first row if there is none.
    """

    delimiter: str
    names: tuple[str, ...]
    header_line: int
    first_line: int
    first_cells: tuple[str, ...]

    @property
    def decimal_comma(self) -> bool:
        """Whether a comma in a number may be a decimal mark."""
        return self.delimiter == ";"


def split_cells(line: str, delimiter: str) -> list[str]:
    """Split one line into stripped cells."""
    if delimiter == BLANKS:
        return line.split()
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
    number, first = content[_header_at([line for _, line in content[:_LINES_TO_FIND_THE_HEADER]])]
    content = [(at, line) for at, line in content if at >= number]
    delimiter = _delimiter(first)
    names = first_cells = split_cells(first, delimiter)
    header_line = number
    if any(re.match(r"[+-]?\.?\d", name) for name in names) and not any(re.match(r"[A-Za-z]", name) for name in names):
        header_line = number - 1
        above = [
            split_cells(line.strip().lstrip(COMMENT), delimiter) for line in file.head[: number - 1] if line.strip()
        ]
        fitting = [cells for cells in above if len(cells) == len(names)]
        names = fitting[-1] if fitting else [f"column {index + 1}" for index in range(len(names))]
    rows = [split_cells(line, delimiter) for _, line in content[1:_LINES_TO_FIND_THE_HEADER]]
    if rows and all(_has_an_end(row, len(names)) for row in rows):
        names = [*names, ""]
    return Layout(delimiter, tuple(names), header_line, number, tuple(first_cells))


def names_in(file: SourceFile) -> tuple[str, ...]:
    """Return the names of a table's columns, for detection; none if the file has no rows of text."""
    has_rows = any(line.strip() and not line.lstrip().startswith(COMMENT) for line in file.head)
    return find_layout(file).names if has_rows else ()


def _header_at(lines: list[str]) -> int:
    for at, line in enumerate(lines):
        delimiter = _delimiter(line)
        cells = len(split_cells(line, delimiter))
        rows = [split_cells(below, delimiter) for below in lines[at + 1 :]]
        fits = any(len(row) == cells or _has_an_end(row, cells) for row in rows)
        # A first line that fits nothing is still the header if only rows of numbers follow.
        if fits and (at == 0 or line.strip('"')[:1].isalpha()):
            return at
    return 0


def _has_an_end(row: Sequence[str], cells: int) -> bool:
    """Whether a row ends in a delimiter, as some loggers write it, but not in the header."""
    return len(row) == cells + 1 and not row[-1]


def _delimiter(line: str) -> str:
    outside_quotes = re.sub(r'"[^"]*"', "", line).strip()
    best = max(DELIMITERS, key=outside_quotes.count)
    if best in outside_quotes:
        return best
    # One column `power.draw [W]` is not two.
    return BLANKS if len(re.sub(r"\s*\[[^\]]*\]", "", outside_quotes).split()) > 1 else DELIMITERS[0]
