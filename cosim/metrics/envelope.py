"""Envelopes: how long a signal may stay beyond each of several levels (ride-through and immunity curves)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Comparison = Literal["below", "at_most", "above", "at_least"]
SIGNS: dict[str, str] = {"below": "<", "at_most": "<=", "above": ">", "at_least": ">="}


@dataclass(frozen=True)
class Row:
    """A region of the signal, such as ``below`` 0.45, and the longest accumulated time in it, in s."""

    comparison: Comparison
    level: float
    max_s: float

    @property
    def is_low(self) -> bool:
        """Whether the region lies below the level."""
        return self.comparison in ("below", "at_most")


@dataclass(frozen=True)
class Envelope:
    """Rows of one curve for one signal.

    Each row has a timer. It runs while the signal is in the row's region and keeps its count until the signal returns
    to the continuous band, which is what lies in no row of the same side (NERC PRC-024, attachment 2).

    Parameters
    ----------
    id
        Name under ``metrics.voltage.envelopes`` or ``metrics.frequency.envelopes``.
    signal
        Bus voltage (pu) or bus frequency (Hz).
    at
        Buses of the sites, buses of the generators, or all buses.
    rows
        In any order.
    """

    id: str
    signal: Literal["voltage", "frequency"]
    at: Literal["sites", "generators", "buses"]
    rows: tuple[Row, ...]

    def row_name(self, row: Row) -> str:
        """Name of a row in paths, such as ``<0.45pu``."""
        unit = "pu" if self.signal == "voltage" else "Hz"
        return f"{SIGNS[row.comparison]}{row.level:g}{unit}"

    def path(self, row: Row) -> str:
        """Path of the row's time, in s, under ``metrics`` in ``summary.json``."""
        return f"{self.signal}.envelopes.{self.id}.{self.row_name(row)}"
