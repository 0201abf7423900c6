"""Tables of the report: cells hold what is read and what is sorted by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cosim.report.text import MISSING, general, is_number

MAX_ROWS = 200


@dataclass(frozen=True)
class Cell:
    """One cell: a text, perhaps a second and quieter line, and a verdict that makes it a badge."""

    text: str
    note: str = ""
    sort: float | str | None = None
    verdict: str | None = None
    warning: str = ""


@dataclass(frozen=True)
class Column:
    """A column's title; numbers stand to the right."""

    title: str
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    """A table, or why it has no rows; ``headings`` stand before the rows with those indices."""

    id: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    empty: str = ""
    note: str = ""
    headings: Mapping[int, str] = field(default_factory=dict)


def columns(*titles: str) -> list[Column]:
    """Columns from their titles; one that ends in ``>`` holds numbers."""
    return [Column(title.removesuffix(">"), title.endswith(">")) for title in titles]


def shown(value: Any) -> str:
    """Write a value that may be a number, a name, or missing."""
    return MISSING if value is None else general(value) if is_number(value) else str(value)


def first_rows(count: int, what: str) -> str:
    """Say that a table is cut short, if it is."""
    return f"The first {MAX_ROWS} of {count} {what}; summary.json has all of them." if count > MAX_ROWS else ""
