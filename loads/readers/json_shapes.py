"""JSON documents of many shapes as a table: columns, records, arrays and objects of devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loads.errors import LoadDataError
from loads.readers.columns import DEVICE_WORDS, is_bare_device, is_power, is_time, numbered_device, words
from loads.readers.stated_units import UNIT_KEYS
from loads.readers.units import split_unit


@dataclass
class JsonTable:
    """Columns of one length, and what is said about them.

    Parameters
    ----------
    columns
        Values by name.
    of_device
        Names of columns that hold the power of one device by the shape of the document.
    metadata
        What stands beside the columns: texts, and objects of units.
    notes
        What was assumed.
    """

    columns: dict[str, Sequence[Any]] = field(default_factory=dict)
    of_device: set[str] = field(default_factory=set)
    metadata: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def tables_of(document: Any, path: str) -> dict[str, JsonTable]:
    """Find the tables in a document: one, called ``""``, or one for each of several objects with times of their own.

    Raises
    ------
    LoadDataError
        If the document is neither a list of records nor an object of columns.
    """
    if isinstance(document, list):
        return {"": _of_columns(_columns_of_records(document, path), path)}
    if not isinstance(document, dict):
        raise LoadDataError(
            f"the JSON document is a {type(document).__name__}",
            path=path,
            hint="expected an object of columns, or a list of records",
        )
    records = [
        key for key, value in document.items() if isinstance(value, list) and value and isinstance(value[0], dict)
    ]
    if len(records) == 1:
        table = _of_columns(_columns_of_records(document[records[0]], path), path)
        table.metadata = _metadata(document)
        return {"": table}
    inner = {key: value for key, value in document.items() if isinstance(value, dict) and _has_times(value)}
    if inner:
        tables = {key: _of_columns(value, path) for key, value in inner.items()}
        for table in tables.values():
            table.metadata = _metadata(document) | table.metadata
        return tables if len(tables) > 1 else {"": next(iter(tables.values()))}
    return {"": _of_columns(document, path)}


def _has_times(value: Mapping[str, Any]) -> bool:
    return any(is_time(key) and isinstance(cells, list) for key, cells in value.items())


def _metadata(document: Mapping[str, Any]) -> dict[str, Any]:
    inner = {
        key: value
        for name in ("metadata", "meta")
        if isinstance(document.get(name), dict)
        for key, value in document[name].items()
    }
    return {key: value for key, value in {**inner, **document}.items() if isinstance(value, str) or key in UNIT_KEYS}


def _columns_of_records(records: Sequence[Any], path: str) -> dict[str, Any]:
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            raise LoadDataError(f"record {number} is no object: {str(record)[:40]}", path=path)
    records = [part for record in records for part in _by_device_of(record)]
    columns: dict[str, Any] = {}
    for key in dict.fromkeys(key for record in records for key in record):
        values = [record.get(key) for record in records]
        inner = dict.fromkeys(sub for value in values if isinstance(value, dict) for sub in value)
        columns[key] = (
            {sub: [value.get(sub) if isinstance(value, dict) else None for value in values] for sub in inner}
            if inner
            else values
        )
    return columns


def _by_device_of(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Make a record a device of one that lists its devices."""
    flat = _with_units(record)
    listed = [key for key, value in flat.items() if isinstance(value, list) and value and isinstance(value[0], dict)]
    if len(listed) != 1 or not all(isinstance(device, dict) for device in flat[listed[0]]):
        return [flat]
    shared = {key: value for key, value in flat.items() if key != listed[0]}
    return [shared | _with_units(device) for device in flat[listed[0]]]


def _with_units(record: Mapping[str, Any]) -> dict[str, Any]:
    """Put the unit of an object ``value, unit`` into its key, also within inner objects."""
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, dict) and value.keys() == {"value", "unit"}:
            flat[f"{key} [{value['unit']}]"] = value["value"]
        else:
            flat[key] = _with_units(value) if isinstance(value, dict) else value
    return flat


def _of_columns(document: Mapping[str, Any], path: str) -> JsonTable:
    names, rows = document.get("columns"), document.get("data")
    if isinstance(names, list) and isinstance(rows, list) and all(isinstance(row, list) for row in rows):
        # pandas, orient="split".
        return JsonTable({str(name): cells for name, cells in zip(names, zip(*rows, strict=False), strict=False)})
    if all(not isinstance(value, list | dict) for value in document.values()):
        document = _columns_of_records([document], path)
    table = JsonTable(metadata=_metadata(document))
    flat = {key: value for key, value in document.items() if isinstance(value, list) and not _is_nested(value)}
    length = next((len(value) for key, value in flat.items() if is_time(key)), None)
    for key, value in document.items():
        if key in flat:
            table.columns[key] = value
        elif isinstance(value, list) and _may_be_power(key):
            arrays = _by_device(key, value, length, table, path)
            _add_devices(table, key, {str(number): cells for number, cells in enumerate(arrays)})
        elif isinstance(value, dict) and value and key not in UNIT_KEYS:
            if all(isinstance(cells, list) for cells in value.values()):
                _add_devices(table, key, value)
            elif not any(isinstance(cell, list | dict) for cell in value.values()):
                # pandas, orient="columns": an object of rows.
                table.columns[key] = list(value.values())
    if "pw" in table.columns:
        # The name that GPU loggers write.
        table.of_device.add("pw")
    return table


def _is_nested(value: list[Any]) -> bool:
    return any(isinstance(cell, list) for cell in value)


def _may_be_power(key: str) -> bool:
    return is_power(key) or bool(words(key) & (DEVICE_WORDS | {"gpus", "devices"}))


def _by_device(key: str, value: list[Any], length: int | None, table: JsonTable, path: str) -> list[Sequence[Any]]:
    """Return the arrays of the devices, whichever way round they are stored."""
    inner = {len(cells) if isinstance(cells, list) else 0 for cells in value}
    if len(inner) == 1 and (width := inner.pop()):
        by_device, by_row = length in (None, width), length in (None, len(value))
        if by_device and by_row:
            by_device = len(value) <= width
            table.notes.append(f"{key!r} is taken as {'a list of devices' if by_device else 'a list of rows'}")
        if by_device:
            return value
        if by_row:
            return list(zip(*value, strict=True))
    raise LoadDataError(
        f"{key!r} is a list of {len(value)} lists that do not fit the {length} times",
        path=path,
        column=key,
        hint="expected a list of all devices for each time, or a list of all times for each device",
    )


def _add_devices(table: JsonTable, key: str, devices: Mapping[str, Sequence[Any]]) -> None:
    base, unit = split_unit(key)
    units: Mapping[str, Any] = next(
        (table.metadata[at] for at in UNIT_KEYS if isinstance(table.metadata.get(at), dict)), {}
    )
    unit = unit or units.get(key)
    for device, cells in devices.items():
        is_device = device.isdigit() or is_bare_device(device)
        called = f"gpu{device}" if device.isdigit() else device
        name = called if is_device and _may_be_power(key) else f"{base} {called}"
        if name in table.columns:
            name = f"{base} {called}"
        if unit is not None and split_unit(name)[1] is None:
            name = f"{name} [{unit}]"
        table.columns[name] = cells
        if (is_power(key) or is_power(name) or name == called) and (is_device or numbered_device(name)):
            table.of_device.add(name)
