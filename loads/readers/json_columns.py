"""JSON files of power: columns, arrays by device, records, and JSON lines."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loads.errors import LoadDataError
from loads.readers.device_codes import DeviceCodes, joined
from loads.readers.json_shapes import JsonTable, tables_of
from loads.readers.readings import Readings, ReadOptions
from loads.readers.rows import BadRows, numbered_lines, whole_text
from loads.readers.source import SourceFile
from loads.readers.stated_units import with_stated_units
from loads.readers.typed_columns import TypedColumn, find_roles
from loads.readers.typed_table import Cells, merged, to_readings
from loads.readers.values import as_arrow, power_cells, time_cells
from loads.trace import TraceWarning

_BEGINNING = re.compile(r'\s*(\{\s*"|\[\s*\{)')


def looks_like(file: SourceFile) -> bool:
    """Whether the file begins with a JSON object, or a list of objects."""
    return _BEGINNING.match("\n".join(file.head[:20])) is not None


def read(file: SourceFile, options: ReadOptions) -> Readings:
    """Read an object of columns, a list of records, or JSON lines.

    Power of several devices may be a list of lists (either way round: the length tells), an object of lists, or a
    column each. Units come from names, from ``power_unit``, ``time_unit`` or ``units`` beside the columns, or from the
    options; the power of single devices without a unit is judged by its size, with a warning.

    Raises
    ------
    LoadDataError
        If the file is no JSON, has no time or no power, or leaves a unit open.
    """
    document, line, warnings = _parsed(file)
    tables = tables_of(document, file.path)
    readings = {name: _readings(table, line, warnings, options, file.path) for name, table in tables.items()}
    return merged(readings, file.path)


def _parsed(file: SourceFile) -> tuple[Any, NDArray[np.int64] | None, tuple[TraceWarning, ...]]:
    """Return the document; of JSON lines, the records with their lines and a warning of malformed ones."""
    try:
        return json.loads(whole_text(file)), None, ()
    except json.JSONDecodeError as error:
        lines = numbered_lines(file)
        if not isinstance(_record(lines[0][1]), dict) and not (
            len(lines) > 2 and isinstance(_record(lines[1][1]), dict)
        ):
            raise LoadDataError(
                f"malformed JSON: {error.msg}", path=file.path, line=error.lineno, column=error.colno
            ) from error
    except (RecursionError, ValueError) as error:
        # Nested too deeply, or a number of thousands of digits.
        raise LoadDataError(f"malformed JSON: {error}", path=file.path) from error
    bad = BadRows(file.path)
    records: list[dict[str, Any]] = []
    numbers: list[int] = []
    for number, text in lines:
        record = _record(text)
        if isinstance(record, dict):
            records.append(record)
            numbers.append(number)
        else:
            bad.add(number, record)
    return records, np.array(numbers, dtype=np.int64), bad.warnings(len(records))


def _record(line: str) -> dict[str, Any] | str:
    """Return the record of a line, or what is wrong with it."""
    try:
        record = json.loads(line)
    except (RecursionError, ValueError) as error:
        return str(error)
    return record if isinstance(record, dict) else f"expected an object, got {line[:40]!r}"


def _readings(
    table: JsonTable,
    line: NDArray[np.int64] | None,
    warnings: tuple[TraceWarning, ...],
    options: ReadOptions,
    path: str,
) -> Readings:
    columns = [_column(name, values, name in table.of_device) for name, values in table.columns.items()]
    roles = find_roles(with_stated_units(columns, table.metadata), options, path)
    used = [column.name for column in (roles.time, *roles.powers, *roles.devices) if column is not None]
    rows = len(table.columns[used[0]])
    for name in used:
        if len(table.columns[name]) != rows:
            raise LoadDataError(
                f"{name!r} has {len(table.columns[name])} values, but {used[0]!r} has {rows}", path=path, column=name
            )
    arrays = {name: as_arrow(table.columns[name]) for name in used}
    coders = [DeviceCodes() for _ in roles.devices]
    codes = [coder.of(arrays[column.name]) for coder, column in zip(coders, roles.devices, strict=True)]
    cells = Cells(
        None if roles.time is None else time_cells(arrays[roles.time.name], roles.time.name, path),
        tuple(power_cells(arrays[column.name], column.name, path) for column in roles.powers),
        joined(codes, [list(coder.codes) for coder in coders]) if coders else None,
        line,
    )
    return to_readings(roles, cells, options, "json", path, tuple(table.notes), warnings)


def _column(name: str, values: Sequence[Any], of_device: bool) -> TypedColumn:
    kinds = {type(value) for value in values} - {type(None), bool}
    if kinds & {list, dict}:
        return TypedColumn(name, "other")
    return TypedColumn(name, "text" if str in kinds else "number", of_device=of_device)
