"""Units that a file states in its metadata: of a column, of all power, of all time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from loads.readers.columns import is_bare_device, is_power, is_time, power_unit_in_or_none
from loads.readers.typed_columns import TypedColumn
from loads.readers.units import time_unit_in

UNIT_KEYS = ("unit", "units")


def unit_of(metadata: Mapping[str, Any]) -> str | None:
    """Return what the metadata of one column state as its unit."""
    for key in UNIT_KEYS:
        if isinstance(metadata.get(key), str) and metadata[key].strip():
            return metadata[key].strip()
    return None


def with_stated_units(columns: Sequence[TypedColumn], metadata: Mapping[str, Any]) -> list[TypedColumn]:
    """Give columns the units that the metadata of their table state.

    Understood are ``power_unit`` and ``time_unit``, ``unit`` or ``units`` as the unit of the power, and ``units`` as
    an object of units by column (also as JSON text). A column's own metadata, and a unit in its name, are stronger.
    """
    by_column: dict[str, str] = {}
    power, time = metadata.get("power_unit"), metadata.get("time_unit")
    for key in UNIT_KEYS:
        stated = _from_json(metadata.get(key))
        if isinstance(stated, Mapping):
            by_column |= {str(name): unit for name, unit in stated.items() if isinstance(unit, str)}
        elif isinstance(stated, str) and power_unit_in_or_none(f"power [{stated}]"):
            power = power or stated
    given = []
    for column in columns:
        unit = column.unit or by_column.get(column.name)
        if unit is None and isinstance(power, str) and _is_open_power(column):
            unit = power
        elif unit is None and isinstance(time, str) and is_time(column.name) and time_unit_in(column.name) is None:
            unit = time
        given.append(replace(column, unit=unit))
    return given


def _is_open_power(column: TypedColumn) -> bool:
    is_one = is_power(column.name) or is_bare_device(column.name) or column.of_device
    return is_one and power_unit_in_or_none(column.name) in (None, "mw")


def _from_json(value: Any) -> Any:
    if not isinstance(value, str) or not value.lstrip().startswith("{"):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
