"""The rows of a table as arrays: time, device, and columns of power, gathered block by block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from loads.errors import LoadDataError
from loads.readers.cells import number_cells, power_cells
from loads.readers.layout import Layout
from loads.readers.readings import Channel, Clock, Floats
from loads.readers.source import SourceFile
from loads.readers.table import MOST_BAD_ROWS, Block, Table
from loads.readers.timestamps import Times, ns_to_times, numbers_to_times, text_to_ns
from loads.trace import TraceWarning

_TEXTS_SHOWN = 5


@dataclass(frozen=True, eq=False)
class PowerColumn:
    """One column of power.

    Parameters
    ----------
    name
        As in the header.
    power
        Shape (n,): W where the cell names its own unit, else the bare number; NaN where there is none.
    own_unit
        Shape (n,): whether the cell names its unit; None if no cell does.
    units
        Units named in cells.
    """

    name: str
    power: Floats
    own_unit: NDArray[np.bool_] | None
    units: frozenset[str]


@dataclass(frozen=True, eq=False)
class TableRows:
    """The rows that have a time, in the file's order.

    Parameters
    ----------
    line
        Shape (n,): line of the file, counted from 1.
    times
        None if the table has no column of time.
    powers
        The columns asked for.
    device
        Shape (n,): index into `devices`; None if no column names devices.
    devices
        Their names, in order of appearance.
    warnings
        What was skipped.
    """

    line: NDArray[np.int64]
    times: Times | None
    powers: tuple[PowerColumn, ...]
    device: NDArray[np.integer] | None
    devices: tuple[str, ...]
    warnings: tuple[TraceWarning, ...]

    def channels(
        self, time_s: Floats, power_w: Sequence[Floats], columns: Sequence[str], devices: Sequence[str]
    ) -> tuple[tuple[Channel, ...], list[TraceWarning]]:
        """Return a channel for each column, or for each column of each device; those without any number are left out.

        Parameters
        ----------
        time_s
            Shape (n,).
        power_w
            One or more of shape (n,).
        columns, devices
            Names: of the columns of power, and of `devices`.
        """
        if self.device is None:
            made = [Channel(name, time_s, power, self.line) for name, power in zip(columns, power_w, strict=True)]
        else:
            # Small integers are sorted by radix: in linear time, and stably.
            order = np.argsort(self.device, kind="stable")
            ends = np.cumsum(np.bincount(self.device, minlength=len(self.devices)))[:-1]
            times, lines = np.split(time_s[order], ends), np.split(self.line[order], ends)
            made = [
                Channel(device if len(columns) == 1 else f"{device} {column}", times[at], power, lines[at])
                for column, values in zip(columns, power_w, strict=True)
                for at, (device, power) in enumerate(zip(devices, np.split(values[order], ends), strict=True))
            ]
        kept = tuple(channel for channel in made if np.isfinite(channel.power_w).any())
        empty = [channel.name for channel in made if channel not in kept]
        if not empty:
            return kept, []
        message = f"channels without a single number are left out: {', '.join(empty)}"
        return kept, [TraceWarning("empty_channel", len(empty), message)]


@dataclass
class _Unreadable:
    """Cells of one column that could not be read."""

    count: int = 0
    first_line: int = 0
    texts: Counter[str] = field(default_factory=Counter)

    def add(self, cells: pa.Array, bad: NDArray[np.bool_], line: NDArray[np.int64]) -> None:
        if not bad.any():
            return
        if not self.count:
            self.first_line = int(line[np.argmax(bad)])
        self.count += int(np.count_nonzero(bad))
        if len(self.texts) < _TEXTS_SHOWN:
            self.texts.update(pc.unique(cells.filter(pa.array(bad))).to_pylist()[:_TEXTS_SHOWN])

    def shown(self) -> str:
        texts = ", ".join(repr(text[:40]) for text in list(self.texts)[:_TEXTS_SHOWN])
        return f"{texts}; the first at line {self.first_line}"


@dataclass
class _Gatherer:
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
    bad_times: _Unreadable = field(default_factory=_Unreadable)
    bad_cells: dict[int, _Unreadable] = field(default_factory=dict)
    text_times: bool | None = None

    def add(self, block: Block) -> None:
        block = self._without_headers(block)
        if not block.line.size:
            return
        if self.time is not None:
            times, ok = self._read_times(block.cells[self.time])
            self.bad_times.add(block.cells[self.time], ~ok, block.line)
            if not ok.all():
                block, times = _rows(block, ok), times[ok]
            self.times.append(times)
        self.lines.append(block.line)
        for index in self.powers:
            read = power_cells(block.cells[index], self.layout.decimal_comma)
            self.bad_cells.setdefault(index, _Unreadable()).add(block.cells[index], np.isnan(read.power), block.line)
            self.power.setdefault(index, []).append(read.power)
            self.own_unit.setdefault(index, []).append(read.own_unit)
            self.units.setdefault(index, set()).update(read.units)
        if self.devices:
            self.codes.append(self._codes([block.cells[index] for index in self.devices]))

    def _without_headers(self, block: Block) -> Block:
        """Leave out rows that repeat the header, which a restarted logger writes; refuse a different header."""
        names = self.layout.names
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


def _rows(block: Block, keep: NDArray[np.bool_]) -> Block:
    mask = pa.array(keep)
    return Block(block.line[keep], {index: cells.filter(mask) for index, cells in block.cells.items()})


def read_rows(
    file: SourceFile,
    layout: Layout,
    *,
    time: int | None,
    powers: Sequence[int],
    devices: Sequence[int] = (),
    time_unit: str | None = None,
) -> TableRows:
    """Read the rows of a table.

    Rows without a readable time are left out, cells of power without a number become NaN; both are counted. Infinities
    are no numbers.

    Parameters
    ----------
    time, powers, devices
        Indices of columns.
    time_unit
        Of numeric times; None if the file does not tell.

    Raises
    ------
    LoadDataError
        If there are no rows, too many have no time, or the unit of time is open.
    """
    table = Table(file, layout)
    gathered = _Gatherer(file.path, layout, time, powers, devices)
    wanted = [*([] if time is None else [time]), *powers, *devices]
    for block in table.blocks(wanted):
        gathered.add(block)
    line = _joined(gathered.lines, np.dtype(np.int64))
    bad = gathered.bad_times
    if time is not None and bad.count > MOST_BAD_ROWS * (bad.count + line.size):
        name = layout.names[time]
        raise LoadDataError(
            f"{bad.count} of {bad.count + line.size} cells of column {name!r} are no times: {bad.shown()}",
            path=file.path,
            line=bad.first_line,
            column=name,
            hint="expected dates such as 2024-05-17 15:38:27.123, or numbers; give time_column for another column",
        )
    if not line.size:
        raise LoadDataError("a trace needs at least 2 samples, got 0", path=file.path, line=layout.header_line or None)
    warnings = [*table.warnings(), *_warnings(gathered)]
    times = None
    if time is not None:
        values = _joined(gathered.times, np.dtype(np.float64))
        gathered.times.clear()
        if gathered.text_times:
            times = ns_to_times(values, gathered.clock or "naive")
        else:
            times = numbers_to_times(values, time_unit, column=layout.names[time], path=file.path)
            warnings += times.warnings
    device = None
    if devices:
        device = _joined(gathered.codes, np.dtype(np.int32))
        if len(gathered.labels) <= np.iinfo(np.int16).max:
            device = device.astype(np.int16)
    return TableRows(
        line=line,
        times=times,
        powers=tuple(_power_column(gathered, index) for index in powers),
        device=device,
        devices=tuple(gathered.labels),
        warnings=tuple(warnings),
    )


def _power_column(gathered: _Gatherer, index: int) -> PowerColumn:
    own_unit = gathered.own_unit.pop(index) if gathered.units[index] else None
    return PowerColumn(
        gathered.layout.names[index],
        np.concatenate(gathered.power.pop(index)),
        None if own_unit is None else np.concatenate(own_unit),
        frozenset(gathered.units[index]),
    )


def _joined(parts: list[NDArray], empty: np.dtype) -> NDArray:
    return np.concatenate(parts) if parts else np.empty(0, empty)


def _warnings(gathered: _Gatherer) -> list[TraceWarning]:
    found = []
    if gathered.headers:
        message = f"repeated header lines, as of a logger that was restarted, are skipped: {gathered.headers}"
        found.append(TraceWarning("repeated_header", gathered.headers, message))
    if bad := gathered.bad_times.count:
        message = f"rows without a readable time are left out: {bad} ({gathered.bad_times.shown()})"
        found.append(TraceWarning("unreadable_times", bad, message))
    for index, cells in gathered.bad_cells.items():
        if cells.count:
            name = gathered.layout.names[index]
            message = f"cells of column {name!r} without a number are missing values: {cells.count} ({cells.shown()})"
            found.append(TraceWarning("unreadable_cells", cells.count, message))
    return found
