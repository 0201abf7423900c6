"""HDF5 files: datasets of time and power side by side in a group, or in one compound dataset."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from loads.errors import LoadDataError
from loads.readers.columns import is_power, is_time, power_unit_in_or_none
from loads.readers.device_codes import DeviceCodes, joined
from loads.readers.readings import Readings, ReadOptions
from loads.readers.source import SourceFile
from loads.readers.stated_units import unit_of, with_stated_units
from loads.readers.typed_columns import Kind, TypedColumn, columns_of_power, find_roles
from loads.readers.typed_table import Cells, merged, to_readings
from loads.readers.values import as_arrow, power_cells, time_cells

MAGIC = b"\x89HDF\r\n\x1a\n"
LARGEST_ATTRIBUTE_BYTES = 1 << 20

MOST_COMPRESSION = 2000.0
"""How many times larger than stored a dataset may be: more than deflate can do (1032)."""

_DAMAGE = (OSError, RuntimeError, KeyError, TypeError, ValueError, OverflowError, MemoryError, pa.ArrowException)
"""What h5py raises for a file that is cut off or damaged, and for types that numpy does not have."""


def looks_like(file: SourceFile) -> bool:
    """Whether the file begins as HDF5 does."""
    return file.head_bytes.startswith(MAGIC)


def read(file: SourceFile, options: ReadOptions) -> Readings:
    """Read every group, or compound dataset, that has power; several become channels named after them.

    A group without a time of its own uses that of the groups around it. A dataset of two dimensions is power of several
    devices. Units come from names, from the attribute ``unit`` or ``units`` of a dataset, from ``power_unit`` and
    ``time_unit`` of a group, or from the options. `power_column` and `time_column` are names or paths of datasets.

    Raises
    ------
    LoadDataError
        If the file is damaged, has no time or no power (with the datasets that are there), or leaves a unit open.
    """
    try:
        with h5py.File(_source(file), "r") as content:
            return merged(_readings(content, options, file.path), file.path)
    except LoadDataError:
        raise
    except _DAMAGE as error:
        raise LoadDataError(f"cannot be read as HDF5: {error}", path=file.path) from error


def _source(file: SourceFile) -> str | io.BytesIO:
    with Path(file.path).open("rb") as stream:
        compressed = stream.read(len(MAGIC)) != MAGIC
    if not compressed:
        return file.path
    with file.stream() as stream:
        return io.BytesIO(stream.read())


@dataclass
class _Table:
    """Columns of one group or compound dataset, unread: a dataset, and the index of a field or second dimension."""

    name: str
    columns: dict[str, tuple[h5py.Dataset, Any]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    of_device: set[str] = field(default_factory=set)
    metadata: dict[str, Any] = field(default_factory=dict)

    def values(self, name: str) -> NDArray:
        dataset, index = self.columns[name]
        elsewhere = dataset.is_virtual or dataset.external
        if not elsewhere and dataset.nbytes > MOST_COMPRESSION * max(dataset.id.get_storage_size(), 1):
            raise OSError(f"dataset {name!r} should have {dataset.size} values, and has not")
        return np.asarray(dataset[index]).reshape(-1)

    def length(self, name: str) -> int:
        dataset, index = self.columns[name]
        is_row = isinstance(index, tuple) and index[1:] == (slice(None),)
        return dataset.shape[1 if is_row else 0]

    def typed(self) -> list[TypedColumn]:
        columns = [
            TypedColumn(name, _kind(dataset, index), self.units.get(name), name in self.of_device)
            for name, (dataset, index) in self.columns.items()
        ]
        return with_stated_units(columns, self.metadata)


def _readings(content: h5py.File, options: ReadOptions, path: str) -> dict[str, Readings]:
    readings: dict[str, Readings] = {}
    there: list[str] = []
    problem: LoadDataError | None = None
    for table in _tables(content):
        there += [f"{table.name}/{name}".lstrip("/") for name in table.columns]
        own = _own_options(table.name, options)
        if own is None or not (own.power_column or columns_of_power(table.typed())):
            continue
        try:
            roles = find_roles(table.typed(), own, path)
        except LoadDataError as error:
            problem = problem or error
            continue
        used = [column.name for column in (roles.time, *roles.powers, *roles.devices) if column is not None]
        for name in used:
            if table.length(name) != table.length(used[0]):
                raise LoadDataError(
                    f"dataset {name!r} has {table.length(name)} values, but {used[0]!r} has {table.length(used[0])}",
                    path=path,
                    column=name,
                )
        coders = [DeviceCodes() for _ in roles.devices]
        codes = [coder.of(_arrow(table.values(c.name))) for coder, c in zip(coders, roles.devices, strict=True)]
        cells = Cells(
            None if roles.time is None else time_cells(_arrow(table.values(roles.time.name)), roles.time.name, path),
            tuple(power_cells(_arrow(table.values(column.name)), column.name, path) for column in roles.powers),
            joined(codes, [list(coder.codes) for coder in coders]) if coders else None,
        )
        readings[table.name.strip("/")] = to_readings(roles, cells, own, "hdf5", path)
    if readings:
        return readings
    raise problem or LoadDataError(
        "no dataset of power",
        path=path,
        hint=f"give power_column; datasets are {', '.join(there[:40])}" if there else "there are no datasets",
    )


def _own_options(group: str, options: ReadOptions) -> ReadOptions | None:
    """Return the options with the names of columns in this group; None if one is the path of another group's."""
    named = {}
    for option in ("power_column", "time_column", "device_column"):
        value = getattr(options, option)
        if value is not None and "/" in value.strip("/"):
            parent, _, value = value.strip("/").rpartition("/")
            if parent != group.strip("/") and option == "power_column":
                return None
        named[option] = value and value.strip("/")
    return replace(options, **named)


def _tables(content: h5py.File) -> Iterator[_Table]:
    groups = [content["/"]]
    content.visititems(lambda _, item: groups.append(item) if isinstance(item, h5py.Group) else None)
    for group in groups:
        datasets = {name: item for name, item in group.items() if isinstance(item, h5py.Dataset) and item.shape}
        metadata = _attributes(content["/"]) | _attributes(group)
        table = _Table(group.name, metadata=metadata)
        for name, dataset in datasets.items():
            if dataset.dtype.names:
                yield _compound(dataset, metadata)
            elif dataset.ndim == 1 or dataset.shape[1:] == (1,):
                table.columns[name] = (dataset, ())
                if unit := unit_of(_attributes(dataset)):
                    table.units[name] = unit
        length = next((dataset.shape[0] for name, (dataset, _) in table.columns.items() if is_time(name)), None)
        for name, dataset in datasets.items():
            if dataset.ndim == 2 and dataset.shape[1] > 1 and is_power(name):
                _add_devices(table, name, dataset, length)
        if length is None and table.columns:
            _inherit_time(table, group)
        if table.columns:
            yield table


def _compound(dataset: h5py.Dataset, metadata: Mapping[str, Any]) -> _Table:
    own = _attributes(dataset)
    names = list(dataset.dtype.names)
    table = _Table(dataset.name, {name: (dataset, name) for name in names}, metadata={**metadata, **own})
    for key in ("unit", "units"):
        if isinstance(own.get(key), Sequence) and not isinstance(own[key], str) and len(own[key]) == len(names):
            table.units |= {name: unit for name, unit in zip(names, own[key], strict=True) if unit}
    return table


def _add_devices(table: _Table, name: str, dataset: h5py.Dataset, length: int | None) -> None:
    """Add a column for each device of a dataset of two dimensions; the length of the times tells which is which."""
    own = _attributes(dataset)
    rows_first = length == dataset.shape[0] if length in dataset.shape else dataset.shape[0] >= dataset.shape[1]
    count = dataset.shape[1] if rows_first else dataset.shape[0]
    names = own.get("elements")
    if not isinstance(names, list) or len(set(names)) != count:
        names = [f"device{number}" for number in range(count)]
    for number, device in enumerate(names):
        table.columns[device] = (dataset, (slice(None), number) if rows_first else (number, slice(None)))
        table.of_device.add(device)
        unit = unit_of(own) or power_unit_in_or_none(name)
        if unit:
            table.units[device] = unit


def _inherit_time(table: _Table, group: h5py.Group) -> None:
    lengths = {table.length(name) for name in table.columns}
    while group.name != "/":
        group = group.parent
        for name, item in group.items():
            if isinstance(item, h5py.Dataset) and is_time(name) and item.ndim == 1 and item.shape[0] in lengths:
                table.columns[name] = (item, ())
                if unit := unit_of(_attributes(item)):
                    table.units[name] = unit
                return


def _attributes(item: h5py.Group | h5py.Dataset) -> dict[str, Any]:
    """Return the attributes that are not absurdly large, as a damaged one may be."""
    small = [name for name in item.attrs if item.attrs.get_id(name).get_storage_size() <= LARGEST_ATTRIBUTE_BYTES]
    return {name: _plain(item.attrs[name]) for name in small}


def _plain(value: Any) -> Any:
    """Return text as text, and arrays of text as lists; other attributes say nothing about units."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, np.ndarray) and value.dtype.kind in "OSU":
        return [_plain(cell) for cell in value.reshape(-1).tolist()]
    return value


def _kind(dataset: h5py.Dataset, index: Any) -> Kind:
    dtype = dataset.dtype[index] if isinstance(index, str) else dataset.dtype
    if dtype.subdtype is not None or h5py.check_enum_dtype(dtype) is not None:
        return "other"
    if dtype.kind in "iuf":
        return "number"
    if dtype.kind == "M":
        return "timestamp"
    return "text" if dtype.kind == "S" or h5py.check_string_dtype(dtype) is not None else "other"


def _arrow(values: NDArray) -> pa.Array:
    if values.dtype.kind in "OS":
        return as_arrow(_plain(cell) for cell in values.tolist())
    if values.dtype.kind == "f" and values.dtype.itemsize > 8:
        values = values.astype(np.float64)
    return pa.array(values.astype(values.dtype.newbyteorder("="), copy=False))
