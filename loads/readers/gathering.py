"""Blocks of a table turned into arrays as they come, so that no text is held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from loads.errors import LoadDataError
from loads.readers.cells import number_cells, power_cells
from loads.readers.layout import Layout
from loads.readers.readings import Clock, Floats
from loads.readers.table import Block
from loads.readers.timestamps import text_to_ns
from loads.trace import TraceWarning

_TEXTS_SHOWN = 5


@dataclass
class Unreadable:
    """Cells of one column that could not be read."""

    count: int = 0
    first_line: int = 0
    texts: list[str] = field(default_factory=list)

    def add(self, cells: pa.Array, bad: NDArray[np.bool_], line: NDArray[np.int64]) -> None:
        """Count the bad ones among some cells, and keep a few to show."""
        if not bad.any():
            return
        if not self.count:
            self.first_line = int(line[np.argmax(bad)])
        self.count += int(np.count_nonzero(bad))
        if len(self.texts) < _TEXTS_SHOWN:
            found = pc.unique(cells.filter(pa.array(bad)))[:_TEXTS_SHOWN].to_pylist()
            self.texts = list(dict.fromkeys([*self.texts, *found]))[:_TEXTS_SHOWN]

    def shown(self) -> str:
        """Return the texts and the first line, for a message."""
        texts = ", ".join(repr(text[:40]) for text in self.texts)
        return f"{texts}; the first at line {self.first_line}"


@dataclass
class Gatherer:
    """Blocks turned into arrays as they come, so that no text is held."""

    path: str
    layout: Layout
    time: int | None
    powers: Sequence[int]
    devices: Sequence[int]
    clock: Clock | None = None
    lines: list[NDArray[np.int64]] = field(default_factory=list)
    times: list[NDArray] = field(default_factory=list)
    power: dict[int, list[Floats]] = field(default_factory=dict)
    own_unit: dict[int, list[NDArray[np.bool_]]] = field(default_factory=dict)
    units: dict[int, set[str]] = field(default_factory=dict)
    codes: list[NDArray[np.int32]] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    headers: int = 0
    bad_times: Unreadable = field(default_factory=Unreadable)
    bad_cells: dict[int, Unreadable] = field(default_factory=dict)
    text_times: bool | None = None

    def add(self, block: Block) -> None:
        """Take over the rows of a block that have a time."""
        block = self._without_headers(block)
        if not block.line.size:
            return
        if self.time is not None:
            cells = self._time_cells(block)
            times, ok = self._read_times(cells)
            self.bad_times.add(cells, ~ok, block.line)
            if not ok.all():
                block, times = _rows(block, ok), times[ok]
            self.times.append(times)
        self.lines.append(block.line)
        for index in self.powers:
            read = power_cells(block.cells[index], self.layout.decimal_comma)
            self.bad_cells.setdefault(index, Unreadable()).add(block.cells[index], np.isnan(read.power), block.line)
            self.power.setdefault(index, []).append(read.power)
            self.own_unit.setdefault(index, []).append(read.own_unit)
            self.units.setdefault(index, set()).update(read.units)
        if self.devices:
            self.codes.append(self._codes([block.cells[index] for index in self.devices]))

    def _without_headers(self, block: Block) -> Block:
        """Leave out rows that repeat the header, which a restarted logger writes; refuse a different header."""
        names = self.layout.header_cells
        key = self.time if self.time is not None else (self.devices or self.powers)[0]
        repeats = pc.equal(block.cells[key], names[key]).to_numpy(zero_copy_only=False)
        if not repeats.any():
            return block
        for index, cells in block.cells.items():
            different = repeats & ~pc.equal(cells, names[index]).to_numpy(zero_copy_only=False)
            if different.any():
                at = int(np.argmax(different))
                raise LoadDataError(
                    f"a second header has {cells[at].as_py()!r} where the first has {names[index]!r}",
                    path=self.path,
                    line=int(block.line[at]),
                    hint="expected the same columns throughout; split the file here",
                )
        self.headers += int(np.count_nonzero(repeats))
        return _rows(block, ~repeats)

    def _time_cells(self, block: Block) -> pa.Array:
        date_time = self.layout.date_time
        if date_time is None or self.time not in date_time:
            return block.cells[self.time or 0]
        date, clock = (block.cells[index] for index in date_time)
        dashed = pc.replace_substring_regex(date, r"^(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3")
        return pc.binary_join_element_wise(dashed, clock, " ")

    def _read_times(self, cells: pa.Array) -> tuple[NDArray, NDArray[np.bool_]]:
        if self.text_times is None:
            self.text_times = bool(text_to_ns(cells[:1000])[1].any())
        if not self.text_times:
            return number_cells(cells, self.layout.decimal_comma)
        ns, ok, clock = text_to_ns(cells)
        self.clock = self.clock or clock
        return ns, ok & (clock == self.clock)

    def _codes(self, columns: list[pa.Array]) -> NDArray[np.int32]:
        cells = columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, " ")
        encoded = pc.dictionary_encode(cells)
        codes = [self.labels.setdefault(label, len(self.labels)) for label in encoded.dictionary.to_pylist()]
        return np.array(codes, dtype=np.int32)[encoded.indices.to_numpy()]

    def warnings(self) -> list[TraceWarning]:
        """Return what was left out or missing."""
        found = []
        if self.headers:
            message = f"repeated header lines, as of a logger that was restarted, are skipped: {self.headers}"
            found.append(TraceWarning("repeated_header", self.headers, message))
        if bad := self.bad_times.count:
            message = f"rows without a readable time are left out: {bad} ({self.bad_times.shown()})"
            found.append(TraceWarning("unreadable_times", bad, message))
        for index, cells in self.bad_cells.items():
            if cells.count:
                name = self.layout.names[index]
                message = (
                    f"cells of column {name!r} without a number are missing values: {cells.count} ({cells.shown()})"
                )
                found.append(TraceWarning("unreadable_cells", cells.count, message))
        return found


def _rows(block: Block, keep: NDArray[np.bool_]) -> Block:
    mask = pa.array(keep)
    return Block(block.line[keep], {index: cells.filter(mask) for index, cells in block.cells.items()})
