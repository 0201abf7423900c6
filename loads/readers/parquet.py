"""Parquet files with columns of time and power."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from loads.errors import LoadDataError
from loads.readers.device_codes import DeviceCodes, joined
from loads.readers.readings import Clock, Readings, ReadOptions
from loads.readers.source import SourceFile
from loads.readers.stated_units import unit_of, with_stated_units
from loads.readers.typed_columns import Kind, Roles, TypedColumn, find_roles
from loads.readers.typed_table import Cells, to_readings
from loads.readers.values import TimeCells, power_cells, time_cells

MAGIC = b"PAR1"
BATCH_ROWS = 1 << 18
BUFFER_BYTES = 1 << 20


def looks_like(file: SourceFile) -> bool:
    """Whether the file begins as Parquet does."""
    return file.head_bytes.startswith(MAGIC)


def read(file: SourceFile, options: ReadOptions) -> Readings:
    """Read a long table, with a column of devices, or a wide one, with a column of power a device.

    Only the columns that matter are read, a block of rows at a time. Units come from column names, from the metadata
    ``unit`` of a column, from ``power_unit`` and ``time_unit`` of the schema, or from the options.

    Raises
    ------
    LoadDataError
        If the file is damaged, has no time or no power (with the columns that are there), or leaves a unit open.
    """
    try:
        # Without buffering ahead, which would hold the whole file.
        with pq.ParquetFile(
            _source(file), pre_buffer=False, buffer_size=BUFFER_BYTES, page_checksum_verification=True
        ) as table:
            roles = find_roles(_columns(table.schema_arrow), options, file.path)
            cells = _cells(table, roles, file.path)
    except (pa.ArrowException, OSError, UnicodeDecodeError, MemoryError) as error:
        raise LoadDataError(f"cannot be read as Parquet: {error}", path=file.path) from error
    return to_readings(roles, cells, options, "parquet", file.path)


def _source(file: SourceFile) -> str | pa.BufferReader:
    with Path(file.path).open("rb") as stream:
        compressed = stream.read(len(MAGIC)) != MAGIC
    if not compressed:
        return file.path
    with file.stream() as stream:
        return pa.BufferReader(stream.read())


def _columns(schema: pa.Schema) -> list[TypedColumn]:
    columns = [TypedColumn(field.name, _kind(field.type), _unit(field)) for field in schema]
    return with_stated_units(columns, _table_metadata(_text(schema.metadata)))


def _unit(field: pa.Field) -> str | None:
    return "s" if pa.types.is_duration(field.type) else unit_of(_text(field.metadata))


def _text(metadata: Mapping[bytes, bytes] | None) -> dict[str, Any]:
    return {key.decode(errors="replace"): value.decode(errors="replace") for key, value in (metadata or {}).items()}


def _table_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the schema's metadata with the attributes of a pandas data frame among them."""
    try:
        attributes = json.loads(metadata.get("PANDAS_ATTRS", "{}"))
    except (ValueError, RecursionError):
        return metadata
    return metadata | attributes if isinstance(attributes, dict) else metadata


def _kind(kind: pa.DataType) -> Kind:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_timestamp(kind) or pa.types.is_date64(kind) or pa.types.is_duration(kind):
        return "timestamp"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    return "text" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else "other"


def _cells(table: pq.ParquetFile, roles: Roles, path: str) -> Cells:
    """Read the columns that matter into arrays made beforehand, so that a table is never held twice."""
    rows = max(table.metadata.num_rows, 0)
    powers = [np.empty(rows) for _ in roles.powers]
    time = _TimeArray(rows)
    codes = [np.empty(rows, dtype=np.int32) for _ in roles.devices]
    coders = [DeviceCodes() for _ in roles.devices]
    wanted = [column.name for column in (roles.time, *roles.powers, *roles.devices) if column is not None]
    at = 0
    for batch in table.iter_batches(BATCH_ROWS, columns=wanted):
        here = slice(at, at + batch.num_rows)
        at = here.stop
        if at > rows:
            break
        for column, power in zip(roles.powers, powers, strict=True):
            power[here] = power_cells(batch.column(column.name), column.name, path)
        for column, coder, code in zip(roles.devices, coders, codes, strict=True):
            code[here] = coder.of(batch.column(column.name))
        if roles.time is not None:
            time.put(here, time_cells(batch.column(roles.time.name), roles.time.name, path))
    if at != rows:
        raise LoadDataError(f"the file should have {rows} rows, and has not", path=path)
    device = joined(codes, [list(coder.codes) for coder in coders]) if coders else None
    return Cells(time.cells() if roles.time is not None else None, tuple(powers), device)


class _TimeArray:
    """Times of a column whose type shows with its first block."""

    def __init__(self, rows: int) -> None:
        self._ok = np.zeros(rows, dtype=bool)
        self._values: NDArray = np.empty(0)
        self._clock: Clock | None = None
        self._empty = True

    def put(self, where: slice, cells: TimeCells) -> None:
        """Take a block. One of another clock than the first with times (text with and without a zone) is unreadable."""
        if self._empty and cells.ok.any():
            self._values, self._clock, self._empty = np.zeros(self._ok.size, cells.values.dtype), cells.clock, False
        if not self._empty and cells.clock == self._clock:
            self._values[where], self._ok[where] = cells.values, cells.ok

    def cells(self) -> TimeCells:
        values = np.zeros(self._ok.size) if self._empty else self._values
        return TimeCells(values, self._ok, self._clock)
