"""Which columns of a typed table (JSON, Parquet, HDF5) are time, power and device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loads.errors import LoadDataError
from loads.readers.columns import find_time, identity_columns, power_columns
from loads.readers.readings import ReadOptions
from loads.readers.units import split_unit, suggestion

Kind = Literal["number", "timestamp", "text", "other"]


@dataclass(frozen=True)
class TypedColumn:
    """A column before its values are read.

    Parameters
    ----------
    name
        As in the file.
    kind
        ``"number"``, ``"timestamp"`` (a type of its own), ``"text"``, or ``"other"`` (of no use here).
    unit
        As the file's metadata state it, or None.
    of_device
        Whether the format tells that it is the power of one device, so that a missing unit may be told from its size.
    """

    name: str
    kind: Kind
    unit: str | None = None
    of_device: bool = False

    @property
    def header(self) -> str:
        """The name as a text table would have it: with the unit of the metadata, if there is one."""
        return f"{split_unit(self.name)[0]} [{self.unit}]" if self.unit else self.name


@dataclass(frozen=True)
class Roles:
    """Columns that matter; `time` is None where `ReadOptions.interval_s` stands in for it."""

    time: TypedColumn | None
    powers: tuple[TypedColumn, ...]
    devices: tuple[TypedColumn, ...]
    notes: tuple[str, ...] = ()


def find_roles(columns: Sequence[TypedColumn], options: ReadOptions, path: str) -> Roles:
    """Find the columns of time, power and device.

    Raises
    ------
    LoadDataError
        If an option names no column, two columns have one name, or there is no time or no power.
    """
    names = [column.name for column in columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise LoadDataError(f"column {twice!r} occurs twice", path=path, column=twice)
    there = f"columns are {', '.join(names[:40])}" if columns else "there are no columns"
    power = options.power_column and _named(columns, options.power_column, "power_column", path, there)
    device = options.device_column and _named(columns, options.device_column, "device_column", path, there)
    free = [column for column in columns if column not in (power, device) and column.kind != "other"]
    time, notes = _time(columns, free, options, path, there)
    free = [column for column in free if column is not time]
    powers = (power,) if power else tuple(columns_of_power(free))
    if not powers:
        raise LoadDataError("no column of power", path=path, hint=f"give power_column; {there}")
    rest = [column for column in free if column not in powers]
    devices = (device,) if device else tuple(rest[at] for at in identity_columns([c.header for c in rest]))
    return Roles(time, powers, devices, notes)


def _named(columns: Sequence[TypedColumn], name: str, argument: str, path: str, there: str) -> TypedColumn:
    for column in columns:
        if column.name == name:
            return column
    hint = suggestion(name, [column.name for column in columns]) + there
    raise LoadDataError(f"{argument} {name!r} is not in the file", path=path, column=name, hint=hint)


def _time(
    columns: Sequence[TypedColumn], free: Sequence[TypedColumn], options: ReadOptions, path: str, there: str
) -> tuple[TypedColumn | None, tuple[str, ...]]:
    if options.time_column is not None:
        return _named(columns, options.time_column, "time_column", path, there), ()
    candidates = [column for column in free if column.kind == "timestamp"] or list(free)
    at, notes = find_time([column.header for column in candidates], None, path, 0)
    if at is None and candidates and candidates[0].kind == "timestamp":
        at = 0
    if at is None and options.interval_s is None:
        raise LoadDataError("no column of time", path=path, hint=f"give time_column, or interval_s; {there}")
    return (None if at is None else candidates[at]), tuple(notes)


def columns_of_power(columns: Sequence[TypedColumn]) -> list[TypedColumn]:
    """Return the columns of power, as `loads.readers.columns.power_columns` finds them."""
    of_number = [column for column in columns if column.kind in ("number", "text")]
    found = power_columns([column.header for column in of_number], [column.of_device for column in of_number])
    return [of_number[at] for at in found]
