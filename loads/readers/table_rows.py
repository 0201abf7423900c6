"""The rows of a table as arrays: time, device, and columns of power, gathered block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loads.errors import LoadDataError
from loads.readers.gathering import Gatherer
from loads.readers.layout import Layout
from loads.readers.readings import Channel, Floats
from loads.readers.source import SourceFile
from loads.readers.table import MOST_BAD_ROWS, Table
from loads.readers.timestamps import Times, ns_to_times, numbers_to_times
from loads.trace import TraceWarning


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
    gathered = Gatherer(file.path, layout, time, powers, devices)
    wanted = [*([] if time is None else [time]), *powers, *devices]
    if layout.date_time is not None and time in layout.date_time:
        wanted += layout.date_time
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
    warnings = [*table.warnings(), *gathered.warnings()]
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


def _power_column(gathered: Gatherer, index: int) -> PowerColumn:
    own_unit = gathered.own_unit.pop(index) if gathered.units[index] else None
    return PowerColumn(
        gathered.layout.names[index],
        np.concatenate(gathered.power.pop(index)),
        None if own_unit is None else np.concatenate(own_unit),
        frozenset(gathered.units[index]),
    )


def _joined(parts: list[NDArray], empty: np.dtype) -> NDArray:
    return np.concatenate(parts) if parts else np.empty(0, empty)
