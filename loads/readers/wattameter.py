"""WattAMeter logs: a ``#`` header that names the columns with their units, then blank separated rows."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loads.errors import LoadDataError
from loads.readers.energy import power_from_energy
from loads.readers.readings import Channel, Floats, Readings, ReadOptions
from loads.readers.rows import BadRows, numbered_lines, refuse_columns, unreadable_cells
from loads.readers.source import SourceFile
from loads.readers.timestamps import Times, ns_to_times, text_to_ns
from loads.readers.units import POWER_UNITS, power_unit
from loads.trace import TraceWarning

ENERGY_UNITS = {"uJ": 1e-6, "mJ": 1e-3, "J": 1.0, "kJ": 1e3}
"""Joules in each unit of a counter."""

_HEADER = re.compile(r"#\s*timestamp\s+reading-time\[")
_COLUMN = re.compile(r"(?P<name>.+)\[(?P<unit>[^\]]+)\]$")
_PART = re.compile(r"(?P<whole>.+)-(?:core|uncore)$")
"""RAPL domains inside a package's energy (Intel SDM vol. 3B, 15.10.1: PP0 and PP1); ``-dram`` is beside it."""


def looks_like(file: SourceFile) -> bool:
    """Whether one of the comments at the head names the columns as WattAMeter does."""
    return any(_HEADER.match(line.strip()) for line in file.head[:50])


def read(file: SourceFile, options: ReadOptions) -> Readings:
    """Read the columns with a unit of power, a channel each; times are local.

    Without such a column, energy counters give the mean power between rows, placed midway in time. ``X-core`` is a part
    of ``X`` and left out. Rows with another number of cells than the header are skipped and counted.

    Raises
    ------
    LoadDataError
        If there is no header or neither power nor energy, or if more than half of the rows are malformed.
    """
    refuse_columns(options, "wattameter", file.path)
    table = _table(file)
    powers = {name: unit for name, unit in table.units.items() if unit[1] in POWER_UNITS}
    energies = {name: unit for name, unit in table.units.items() if unit[1] in ENERGY_UNITS}
    if not powers and not energies:
        raise LoadDataError(
            "no column with a unit of power or energy", path=file.path, hint=f"columns are {', '.join(table.units)}"
        )
    chosen, part_warnings = _without_parts(powers or energies)
    notes: tuple[str, ...] = ()
    wrap_warnings: tuple[TraceWarning, ...] = ()
    if powers:
        unit = options.power_unit and power_unit(options.power_unit, file.path)
        written = unit or ", ".join(dict.fromkeys(written for _, written in chosen.values()))
        channels = tuple(
            Channel(name, table.times.time_s, table.column(column) * POWER_UNITS[unit or own], table.lines)
            for column, (name, own) in chosen.items()
        )
    else:
        written = "W"
        notes = ("power is the mean between two readings of an energy counter, placed midway between them",)
        counters = {name: table.column(column) * ENERGY_UNITS[own] for column, (name, own) in chosen.items()}
        channels, wrap_warnings = power_from_energy(counters, table.times.time_s, table.lines, file.path)
    return Readings(
        channels=channels,
        format="wattameter",
        power_unit=written,
        time_unit=table.times.unit,
        clock=table.times.clock,
        origin_ns=table.times.origin_ns,
        notes=notes,
        warnings=table.warnings + part_warnings + wrap_warnings + unreadable_cells(channels),
    )


@dataclass(frozen=True)
class _Table:
    """The usable rows; `units` holds name and unit by the column as written."""

    units: dict[str, tuple[str, str]]
    cells: list[list[str]]
    times: Times
    lines: NDArray[np.int64]
    warnings: tuple[TraceWarning, ...]

    def column(self, name: str) -> Floats:
        at = list(self.units).index(name) + 1
        cells = [row[at] for row in self.cells]
        try:
            values = np.array(cells, dtype=np.float64)
        except ValueError:
            values = np.array([_number(cell) for cell in cells])
        return np.where(np.isfinite(values), values, np.nan)


def _table(file: SourceFile) -> _Table:
    bad = BadRows(file.path)
    columns: list[str] = []
    rows: list[tuple[int, list[str]]] = []
    for number, line in numbered_lines(file):
        if line.startswith("#"):
            if _HEADER.match(line):
                columns = _same_columns(columns, line.lstrip("# ").split(), file.path, number)
            continue
        cells = line.split()
        if len(cells) == len(columns):
            rows.append((number, cells))
        else:
            bad.add(number, f"{len(cells)} cells under {len(columns)} columns")
    if not columns:
        raise LoadDataError(
            "no header line", path=file.path, hint="expected # timestamp reading-time[ns] NAME[UNIT] ..."
        )
    ns, readable, clock = text_to_ns([cells[0] for _, cells in rows])
    usable = readable & (ns >= 0)
    for at in np.flatnonzero(~usable):
        bad.add(rows[at][0], f"{rows[at][1][0][:40]!r} is no time")
    warnings = bad.warnings(int(usable.sum()))
    if not usable.any():
        raise LoadDataError("no rows", path=file.path)
    kept = [rows[at] for at in np.flatnonzero(usable)]
    matches = [_COLUMN.match(name) for name in columns[1:]]
    return _Table(
        units={name: (m["name"], m["unit"]) if m else (name, "") for name, m in zip(columns[1:], matches, strict=True)},
        cells=[cells for _, cells in kept],
        times=ns_to_times(ns[usable], clock),
        lines=np.array([number for number, _ in kept], dtype=np.int64),
        warnings=warnings,
    )


def _same_columns(before: list[str], columns: list[str], path: str, line: int) -> list[str]:
    """Return the columns of a header; one in the middle, of a logger started again, must agree with the first."""
    if before and columns != before:
        raise LoadDataError(
            "the columns change", path=path, line=line, hint="split the file here and read the parts on their own"
        )
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise LoadDataError(f"column {twice!r} occurs twice", path=path, line=line, column=twice)
    return columns


def _without_parts(
    columns: dict[str, tuple[str, str]],
) -> tuple[dict[str, tuple[str, str]], tuple[TraceWarning, ...]]:
    """Leave out what is contained in another channel."""
    names = {name for name, _ in columns.values()}
    parts = {
        column: match["whole"]
        for column, (name, _) in columns.items()
        if (match := _PART.match(name)) and match["whole"] in names
    }
    if not parts:
        return columns, ()
    listed = ", ".join(f"{column} (of {whole})" for column, whole in parts.items())
    warning = TraceWarning("part_of_channel", len(parts), f"left out, being part of another channel: {listed}")
    return {column: unit for column, unit in columns.items() if column not in parts}, (warning,)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan
