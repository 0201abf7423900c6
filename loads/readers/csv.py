"""Delimited tables that no tool defines: long ones with a row a device, wide ones with a column a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from loads.errors import LoadDataError
from loads.readers import columns as column_names
from loads.readers.columns import are_models, column_index, device_names, find_time, identity_columns
from loads.readers.layout import BLANKS, GAPS, find_layout, joined_time, names_in
from loads.readers.not_power import refuse_known
from loads.readers.power_units import to_watts
from loads.readers.readings import Readings, ReadOptions
from loads.readers.several_powers import choose_powers, without_the_total
from loads.readers.source import SourceFile
from loads.readers.table_rows import TableRows, read_rows
from loads.readers.ticks import row_times, unit_of_time


def looks_like(file: SourceFile) -> bool:
    """Whether the file is a table with a header, of whatever."""
    names = names_in(file)
    if len(names) < 2:
        return False
    if find_layout(file).delimiter not in (BLANKS, GAPS):
        return True
    # Prose is set apart by blanks too.
    return any(map(column_names.is_time, names)) and any(map(column_names.is_power, names))


def read(file: SourceFile, options: ReadOptions) -> Readings:
    """Read a table delimited by comma, semicolon, tab, bar or blanks, with a header and optional ``#`` comments.

    Units come from the header (``time_ms``, ``Power [MW]``), the cells (``71.25 W``) or the options. Where one is
    missing it is told from the size of the numbers if only one fits, with a warning.

    Raises
    ------
    LoadDataError
        If the table is malformed, or leaves a unit or a column open.
    """
    layout = find_layout(file)
    names, path, line = layout.names, file.path, layout.header_line or layout.first_line
    refuse_known(names, path, line)
    time, notes = find_time(names, options.time_column, path, line)
    time, notes = joined_time(layout, time, notes)
    powers = _powers(names, time, options, path, line)
    headers = [names[index] for index in powers]
    choice = choose_powers(headers, path, line)
    if time is None and options.interval_s is None:
        hint = f"give time_column, one of {', '.join(names)}, or interval_s"
        raise LoadDataError("no time column", path=path, line=line, hint=hint)
    if options.device_column is not None:
        devices = [column_index("device_column", options.device_column, names, path, line)]
    else:
        devices = [index for index in identity_columns(names) if index not in (time, *powers)]
    rows = read_rows(
        file,
        layout,
        time=time,
        powers=[powers[at] for at in choice.kept],
        devices=devices,
        time_unit=unit_of_time(names, time, options, path),
    )
    row_notes: list[str] = []
    labels = rows.devices
    if options.device_column is None:
        rows, row_notes = _without_false_devices(rows, [names[at] for at in devices])
    has_models = bool(labels) and rows.device is None and are_models(labels)
    times, tick_notes = row_times(rows, options, path)
    power_w, unit, unit_notes, unit_warnings = to_watts(rows.powers, options, path, of_devices=choice.of_devices)
    summed, total_notes = without_the_total(choice, headers, power_w, path, line)
    power_w = [power for at, power in zip(choice.kept, power_w, strict=True) if at in summed]
    channels, empty = rows.channels(
        times.time_s,
        power_w,
        column_names.channel_names([headers[at] for at in summed]),
        device_names(rows.devices, [names[at] for at in devices]),
    )
    used = {time, *(layout.date_time or ()), *powers, *devices}
    unused = [name for index, name in enumerate(names) if index not in used and name]
    if unused:
        notes.append(f"columns not used: {', '.join(unused)}")
    return Readings(
        channels=channels,
        format="csv",
        power_unit=unit,
        time_unit=times.unit,
        clock=times.clock,
        origin_ns=times.origin_ns,
        indexed=rows.device is not None or len(channels) > 1 or (options.devices is None and not has_models),
        notes=(*notes, *choice.notes, *total_notes, *row_notes, *tick_notes, *unit_notes),
        warnings=(*choice.warnings, *rows.warnings, *unit_warnings, *empty),
    )


def _powers(names: Sequence[str], time: int | None, options: ReadOptions, path: str, line: int) -> list[int]:
    if options.power_column is not None:
        return [column_index("power_column", options.power_column, names, path, line)]
    others = [index for index in range(len(names)) if index != time]
    found = [others[at] for at in column_names.power_columns([names[index] for index in others])]
    if not found:
        hint = f"give power_column, one of {', '.join(names[index] for index in others)}"
        raise LoadDataError("no power column", path=path, line=line, hint=hint)
    for index in found:
        column_index("power_column", names[index], names, path, line)
    return found


def _without_false_devices(rows: TableRows, columns: Sequence[str]) -> tuple[TableRows, list[str]]:
    """Do not take for devices what is different in each row, or a model that several devices share."""
    if rows.device is None:
        return rows, []
    if 2 <= rows.line.size == len(rows.devices):
        why = "is different in each row"
    elif are_models(rows.devices):
        why = "names models, which several devices may share"
    else:
        return rows, []
    note = f"column {' '.join(columns)!r} {why}: not taken as a device"
    return replace(rows, device=None, devices=()), [note]
