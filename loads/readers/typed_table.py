"""From the columns of a typed table (JSON, Parquet, HDF5) to readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from loads.errors import LoadDataError
from loads.readers.columns import channel_names, device_names, power_unit_in_or_none
from loads.readers.device_codes import rows_of_each
from loads.readers.power_units import to_watts
from loads.readers.readings import Channel, Floats, Readings, ReadOptions
from loads.readers.rows import unreadable_cells
from loads.readers.several_powers import choose_powers, without_the_total
from loads.readers.table_rows import PowerColumn
from loads.readers.timestamps import Times, ns_to_times, numbers_to_times
from loads.readers.typed_columns import Roles, TypedColumn
from loads.readers.units import power_unit, power_unit_in, time_unit, time_unit_in
from loads.readers.values import TimeCells
from loads.trace import TraceWarning

MOST_BAD_TIMES = 0.5
"""Share of rows without a time above which a table is refused."""


@dataclass(frozen=True, eq=False)
class Cells:
    """The values of the columns that matter, as stored.

    Parameters
    ----------
    time
        n times; None without a column of time.
    powers
        Of each column of power, shape (n,).
    device
        Shape (n,) codes, and the name of each code; None without a column of devices.
    line
        Shape (n,): line of the file; None in a file without lines.
    """

    time: TimeCells | None
    powers: tuple[Floats, ...]
    device: tuple[NDArray[np.int64], list[str]] | None = None
    line: NDArray[np.int64] | None = None


def to_readings(
    roles: Roles,
    cells: Cells,
    options: ReadOptions,
    format: str,
    path: str,
    notes: tuple[str, ...] = (),
    warnings: tuple[TraceWarning, ...] = (),
) -> Readings:
    """Turn the columns that matter into readings; `notes` and `warnings` are those that the format has to add.

    Raises
    ------
    LoadDataError
        If there are no rows, most have no time, a unit is open or contradictory, or several columns of power are no
        devices.
    """
    cells, time_warnings = _with_times(cells if options.device_column else _without_row_numbers(cells), path)
    times = _times(roles, cells, options, path)
    for column in roles.powers:
        _refuse_contradiction(column, options, path)
    headers = [column.header for column in roles.powers]
    choice = choose_powers(headers, path, of_device=[column.of_device for column in roles.powers])
    as_read = [PowerColumn(headers[at], cells.powers[at], None, frozenset()) for at in choice.kept]
    power_w, unit, unit_notes, unit_warnings = to_watts(as_read, options, path, of_devices=choice.of_devices)
    summed, total_notes = without_the_total(choice, headers, power_w, path)
    power_w = [power for at, power in zip(choice.kept, power_w, strict=True) if at in summed]
    names = channel_names([roles.powers[at].name for at in summed])
    channels = _channels(names, power_w, times, cells, [column.header for column in roles.devices])
    channels, empty = _without_empty(channels, path)
    return Readings(
        channels=channels,
        format=format,
        power_unit=unit,
        time_unit=times.unit,
        clock=times.clock,
        origin_ns=times.origin_ns,
        indexed=cells.device is not None or len(channels) > 1 or options.devices is None,
        notes=(*notes, *roles.notes, *choice.notes, *total_notes, *unit_notes),
        warnings=(
            *warnings,
            *time_warnings,
            *times.warnings,
            *choice.warnings,
            *unit_warnings,
            *empty,
            *unreadable_cells(channels),
        ),
    )


def _without_row_numbers(cells: Cells) -> Cells:
    """Take a column that is different in each row for the number of the row, not for a device."""
    if cells.device is None or len(cells.device[1]) < max(cells.powers[0].size, 2):
        return cells
    return replace(cells, device=None)


def _with_times(cells: Cells, path: str) -> tuple[Cells, tuple[TraceWarning, ...]]:
    """Leave out rows without a time."""
    rows = cells.powers[0].size
    bad = 0 if cells.time is None else int(np.count_nonzero(~cells.time.ok))
    if bad > MOST_BAD_TIMES * rows:
        raise LoadDataError(f"{bad} of {rows} rows have no time that can be read", path=path)
    if bad == rows:
        raise LoadDataError("the table has no rows", path=path)
    if cells.time is None or not bad:
        return cells, ()
    ok = cells.time.ok
    kept = Cells(
        TimeCells(cells.time.values[ok], ok[ok], cells.time.clock),
        tuple(power[ok] for power in cells.powers),
        cells.device and (cells.device[0][ok], cells.device[1]),
        None if cells.line is None else cells.line[ok],
    )
    return kept, (TraceWarning("unreadable_times", bad, f"{bad} rows without a time that can be read are left out"),)


def _times(roles: Roles, cells: Cells, options: ReadOptions, path: str) -> Times:
    given = options.time_unit and time_unit(options.time_unit, path)
    if cells.time is None or roles.time is None:
        return Times(_counted(cells) * (options.interval_s or 0.0), 0, "relative", "s")
    if cells.time.clock is not None:
        return ns_to_times(cells.time.values.astype(np.int64, copy=False), cells.time.clock)
    stated = roles.time.unit and time_unit(roles.time.unit, path)
    in_name = time_unit_in(roles.time.name)
    if not given and stated and in_name and stated != in_name:
        raise LoadDataError(
            f"column {roles.time.name!r} is said to be in {stated}",
            path=path,
            column=roles.time.name,
            hint="give time_unit",
        )
    return numbers_to_times(cells.time.values, given or stated or in_name, column=roles.time.name, path=path)


def _counted(cells: Cells) -> Floats:
    """Return the number of each row among those of its device, shape (n,)."""
    number = np.arange(cells.powers[0].size, dtype=np.float64)
    if cells.device is not None:
        for rows in rows_of_each(*cells.device):
            number[rows] = np.arange(rows.size)
    return number


def _refuse_contradiction(column: TypedColumn, options: ReadOptions, path: str) -> None:
    """Raise if the unit stated is not known, or name and metadata state different ones, and the user none."""
    written = power_unit_in_or_none(column.name)
    if options.power_unit is not None or (column.unit is None and written is None):
        return
    stated = power_unit(column.unit or written or "", path)
    if written is not None and (
        power_unit_in(column.name) != stated if written != "mw" else stated not in ("mW", "MW")
    ):
        raise LoadDataError(
            f"column {column.name!r} is said to be in {stated}", path=path, column=column.name, hint="give power_unit"
        )


def _channels(
    names: Sequence[str], power_w: Sequence[Floats], times: Times, cells: Cells, device_headers: Sequence[str]
) -> tuple[Channel, ...]:
    if cells.device is None:
        return tuple(Channel(name, times.time_s, power, cells.line) for name, power in zip(names, power_w, strict=True))
    channels = []
    devices = device_names(cells.device[1], device_headers)
    for device, rows in zip(devices, rows_of_each(*cells.device), strict=True):
        if not rows.size:
            continue
        time_s, line = times.time_s[rows], None if cells.line is None else cells.line[rows]
        for name, power in zip(names, power_w, strict=True):
            channels.append(Channel(f"{device}/{name}" if len(names) > 1 else device, time_s, power[rows], line))
    return tuple(channels)


def _without_empty(channels: tuple[Channel, ...], path: str) -> tuple[tuple[Channel, ...], tuple[TraceWarning, ...]]:
    """Leave out channels without a single number."""
    kept = tuple(channel for channel in channels if np.isfinite(channel.power_w).any())
    if not kept:
        listed = ", ".join(channel.name for channel in channels[:10])
        raise LoadDataError(f"no cell of power holds a number: {listed}", path=path, hint="give power_column")
    empty = ", ".join(channel.name for channel in channels if channel not in kept)
    if not empty:
        return kept, ()
    message = f"channels without a single number are left out: {empty}"
    return kept, (TraceWarning("empty_channel", len(channels) - len(kept), message),)


def merged(readings: Mapping[str, Readings], path: str) -> Readings:
    """Join the readings of several tables in one file, whose names go before those of their channels.

    Raises
    ------
    LoadDataError
        If their clocks or units differ.
    """
    parts = list(readings.values())
    first = parts[0]
    if len(parts) == 1:
        return first
    for part in parts[1:]:
        if (part.clock, part.power_unit) != (first.clock, first.power_unit):
            raise LoadDataError(
                f"the tables {', '.join(readings)} have clocks or power units of different kinds",
                path=path,
                hint="give power_unit, or power_column with the path of one table",
            )
    origin_ns = min(part.origin_ns for part in parts)
    channels = []
    for name, part in readings.items():
        for channel in part.channels:
            own = f"{name}/{channel.name}" if len(part.channels) > 1 else name
            channels.append(replace(channel, name=own, time_s=channel.time_s + (part.origin_ns - origin_ns) / 1e9))
    return replace(
        first,
        channels=tuple(channels),
        origin_ns=origin_ns,
        indexed=True,
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        warnings=tuple(warning for part in parts for warning in part.warnings),
    )
