"""Tables of tools that log devices: the columns are known, and the unit of power is by the tool's definition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loads.readers.columns import channel_name, column_index, device_names, find_time
from loads.readers.layout import Layout, joined_time
from loads.readers.power_units import to_watts
from loads.readers.readings import Readings, ReadOptions
from loads.readers.source import SourceFile
from loads.readers.table_rows import read_rows
from loads.readers.ticks import row_times, unit_of_time


@dataclass(frozen=True)
class DeviceTable:
    """What a tool writes.

    Parameters
    ----------
    format
        A key of `loads.readers.FORMATS`.
    powers
        Indices of columns of power, the best first: the first that holds a number is read.
    devices
        Indices of the columns that say whose a row is.
    unit
        Of the power, if neither header nor cells tell it.
    windows_s
        Averaging window of the sensor of each of `powers`; None if it has none, or none is known.
    notes
        What was assumed.
    """

    format: str
    powers: Sequence[int]
    devices: Sequence[int]
    unit: str | None
    windows_s: Sequence[float | None] = ()
    notes: tuple[str, ...] = ()


def read_device_table(file: SourceFile, layout: Layout, tool: DeviceTable, options: ReadOptions) -> Readings:
    """Read a table of the kind that a tool writes; columns named in the options are stronger than its own.

    Raises
    ------
    LoadDataError
        If the table is malformed, or leaves a unit or the time open.
    """
    names, path, line = layout.names, file.path, layout.header_line
    time, notes = find_time(names, options.time_column, path, line)
    time, notes = joined_time(layout, time, notes)
    candidates, devices = list(tool.powers), list(tool.devices)
    if options.power_column is not None:
        candidates = [column_index("power_column", options.power_column, names, path, line)]
    if options.device_column is not None:
        devices = [column_index("device_column", options.device_column, names, path, line)]
    unit = unit_of_time(names, time, options, path)
    rows = read_rows(file, layout, time=time, powers=candidates, devices=devices, time_unit=unit)
    chosen = next((column for column in rows.powers if np.isfinite(column.power).any()), rows.powers[0])
    if len(candidates) > 1:
        others = ", ".join(column.name for column in rows.powers if column is not chosen)
        best = ", the one without a moving average" if chosen is rows.powers[0] and tool.windows_s else ""
        notes.append(f"power is column {chosen.name!r}{best}, not {others}")
    times, tick_notes = row_times(rows, options, path)
    power_w, unit_of_power, unit_notes, warnings = to_watts([chosen], options, path, defined=tool.unit)
    labels = device_names(rows.devices, [names[at] for at in devices])
    channels, empty = rows.channels(times.time_s, power_w, [channel_name(chosen.name)], labels)
    skipped = [w for w in rows.warnings if w.code != "unreadable_cells" or repr(chosen.name) in w.message]
    return Readings(
        channels=channels,
        format=tool.format,
        power_unit=unit_of_power,
        time_unit=times.unit,
        clock=times.clock,
        origin_ns=times.origin_ns,
        indexed=rows.device is not None,
        sensor_window_s=dict(zip((names[at] for at in tool.powers), tool.windows_s, strict=False)).get(chosen.name),
        notes=(*notes, *tool.notes, *tick_notes, *unit_notes),
        warnings=(*skipped, *warnings, *empty),
    )
