"""Delimited tables that no tool defines: long ones with a row a device, wide ones with a column a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from loads.errors import LoadDataError
from loads.readers import columns as column_names
from loads.readers.columns import are_models, column_index, device_names, find_time, identity_columns
from loads.readers.layout import BLANKS, find_layout, names_in
from loads.readers.not_power import refuse_known
from loads.readers.power_units import to_watts
from loads.readers.readings import Floats, Readings, ReadOptions
from loads.readers.source import SourceFile
from loads.readers.table_rows import TableRows, read_rows
from loads.readers.ticks import row_times, unit_of_time
from loads.trace import TraceWarning

SAME_TOTAL = 0.01
"""A total that equals the sum of its parts within this share contains nothing else."""


def looks_like(file: SourceFile) -> bool:
    """Whether the file is a table with a header, of whatever."""
    names = names_in(file)
    if len(names) < 2:
        return False
    if find_layout(file).delimiter != BLANKS:
        return True
    # Prose is set apart by blanks too.
    return any(map(column_names.is_time, names)) and any(map(column_names.is_power, names))


@dataclass
class _Choice:
    """Columns of power to read, and what to make of them."""

    powers: list[int]
    parts: list[int] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)
    of_devices: bool = False
    notes: list[str] = field(default_factory=list)
    warnings: list[TraceWarning] = field(default_factory=list)


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
    names, path, line = layout.names, file.path, layout.header_line
    refuse_known(names, path, line)
    time, notes = find_time(names, options.time_column, path, line)
    choice = _choose_powers(names, time, options, path, line)
    if time is None and options.interval_s is None:
        hint = f"give time_column, one of {', '.join(names)}, or interval_s"
        raise LoadDataError("no time column", path=path, line=line, hint=hint)
    if options.device_column is not None:
        devices = [column_index("device_column", options.device_column, names, path, line)]
    else:
        devices = [index for index in identity_columns(names) if index not in (time, *choice.powers)]
    rows = read_rows(
        file,
        layout,
        time=time,
        powers=[*choice.powers, *choice.totals],
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
    columns = [column.name for column in rows.powers]
    if choice.totals:
        power_w, columns, note = _parts_or_total(power_w, columns, path, line)
        choice.notes.append(note)
    devices_named = device_names(rows.devices, [names[at] for at in devices])
    channels, empty = rows.channels(
        times.time_s, power_w, [column_names.channel_name(column) for column in columns], devices_named
    )
    used = {time, *choice.powers, *choice.parts, *choice.totals, *devices}
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
        notes=(*notes, *choice.notes, *row_notes, *tick_notes, *unit_notes),
        warnings=(*choice.warnings, *rows.warnings, *unit_warnings, *empty),
    )


def _choose_powers(names: Sequence[str], time: int | None, options: ReadOptions, path: str, line: int) -> _Choice:
    if options.power_column is not None:
        index = column_index("power_column", options.power_column, names, path, line)
        return _Choice([index], of_devices=column_names.is_bare_device(names[index]))
    others = [index for index in range(len(names)) if index != time]
    of_devices = False
    found = [index for index in others if column_names.is_power(names[index])]
    if not found:
        found = [index for index in others if column_names.is_share(names[index])]
    if not found:
        found = [index for index in others if column_names.is_bare_device(names[index])]
        of_devices = True
    if not found:
        hint = f"give power_column, one of {', '.join(names[index] for index in others)}"
        raise LoadDataError("no power column", path=path, line=line, hint=hint)
    for index in found:
        column_index("power_column", names[index], names, path, line)
    choice = _Choice([], of_devices=of_devices)
    wholes = {index: _whole_of(index, found, names) for index in found}
    choice.parts = [index for index in found if wholes[index] is not None]
    if choice.parts:
        listed = ", ".join(f"{names[part]} (of {names[whole]})" for part, whole in wholes.items() if whole is not None)
        message = f"left out, being part of another channel: {listed}"
        choice.warnings.append(TraceWarning("part_of_channel", len(choice.parts), message))
    found = [index for index in found if index not in choice.parts]
    choice.totals = [index for index in found if column_names.words(names[index]) & column_names.TOTAL_WORDS]
    choice.powers = [index for index in found if index not in choice.totals]
    if not choice.powers:
        choice.powers, choice.totals = choice.totals, []
    side_by_side = column_names.are_devices_side_by_side([names[index] for index in choice.powers])
    if len(choice.totals) > 1 or (len(choice.powers) > 1 and not side_by_side and not choice.totals):
        listed = ", ".join(names[index] for index in found)
        raise LoadDataError(
            f"several power columns: {listed}", path=path, line=line, hint=f"give power_column, one of {listed}"
        )
    return choice


def _whole_of(index: int, candidates: Sequence[int], names: Sequence[str]) -> int | None:
    """Return the column that a column is part of by its name, as ``cpu-0-core`` is of ``cpu-0``; None if of none."""
    own = column_names.tokens(names[index])
    for other in candidates:
        tokens = column_names.tokens(names[other])
        if tokens and len(tokens) < len(own) and own[: len(tokens)] == tokens:
            return other
    return None


def _parts_or_total(
    power_w: list[Floats], columns: list[str], path: str, line: int
) -> tuple[list[Floats], list[str], str]:
    """Choose between the last column, a total, and those before it; return the columns kept and a note."""
    *parts, total = power_w
    summed = np.sum(parts, axis=0)
    whole = np.isfinite(summed) & np.isfinite(total)
    name, listed = columns[-1], ", ".join(columns[:-1])
    if not whole.any():
        return parts, columns[:-1], f"column {name!r} is left out: no row has both a total and all of {listed}"
    mean_total, mean_sum = float(np.mean(total[whole])), float(np.mean(summed[whole]))
    if abs(mean_total - mean_sum) <= SAME_TOTAL * abs(mean_total):
        return parts, columns[:-1], f"column {name!r} is left out: it is the sum of {listed}"
    if mean_total > mean_sum:
        share = mean_total / mean_sum - 1 if mean_sum > 0 else float("inf")
        note = f"only column {name!r} is used: it contains more than {listed} (by {share:.0%} on average)"
        return [total], [name], note
    raise LoadDataError(
        f"column {name!r} is less than the sum of {listed}",
        path=path,
        line=line,
        column=name,
        hint="give power_column",
    )


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
