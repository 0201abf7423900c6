"""Delimited tables with one time column and one power column."""

from __future__ import annotations

import io
import math
import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loads.errors import LoadDataError
from loads.readers.samples import ReadOptions, Samples, TextFile, to_trace
from loads.readers.units import POWER_UNITS, power_unit, split_unit, suggestion, time_unit
from loads.trace import Trace

DELIMITERS = ",;\t"
COMMENT = "#"
TIME_WORDS = {"time", "timestamp", "timestamps", "t", "ts", "elapsed", "epoch"}
POWER_WORDS = {"power", "p", "pw", "watt", "watts"}
DEVICE_WORDS = {"gpu", "index", "uuid", "node", "device", "host"}


def looks_like(file: TextFile) -> bool:
    """Whether the first line of the table has a delimiter and a column that may be power."""
    header = next((line for line in file.lines if _is_content(line)), "")
    return any(d in header for d in DELIMITERS) and any(_is_power(name) for name in _split_header(header))


def read(file: TextFile, options: ReadOptions) -> Trace:
    """Read a table delimited by comma, semicolon or tab, with a header and optional ``#`` comments.

    Units come from the header (``time_ms``, ``Power [MW]``) or from the options, never from a guess. Of
    several time columns the first is taken, and noted; several power columns are an error.
    """
    numbers = [number for number, line in enumerate(file.lines, start=1) if _is_content(line)]
    if not numbers:
        raise LoadDataError("the file has only comments", path=file.path)
    header = file.lines[numbers[0] - 1]
    columns = _split_header(header)
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise LoadDataError(f"column {twice!r} occurs twice", path=file.path, line=numbers[0])
    power_name, time_name, notes = _choose(columns, options, file.path, numbers[0])
    unit_power = power_unit(options.power_unit or _unit(power_name, "power_unit", file.path), file.path)
    unit_time = time_unit(options.time_unit or _unit(time_name, "time_unit", file.path), file.path)
    lines = np.array(numbers[1:], dtype=np.int64)
    table = _table(file, header, columns, lines)
    _refuse_several_devices(table, power_name, file.path)
    ignored = [name for name in columns if name not in (power_name, time_name)]
    if ignored:
        notes.append(f"columns not used: {', '.join(ignored)}")
    samples = Samples(
        time=_numbers(table[time_name], lines, file.path),
        power=_numbers(table[power_name], lines, file.path).astype(np.float64),
        lines=lines,
        format="csv",
        power_unit=unit_power,
        time_unit=unit_time,
        notes=tuple(notes),
    )
    return to_trace(file, samples)


def _is_content(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith(COMMENT)


def _delimiter(header: str) -> str:
    return max(DELIMITERS, key=header.count)


def _split_header(header: str) -> list[str]:
    return [name.strip().strip('"').strip() for name in header.split(_delimiter(header))]


def _words(column: str) -> set[str]:
    return set(re.split(r"[^a-z]+", split_unit(column)[0].lower()))


def _is_power(column: str) -> bool:
    words, unit = _words(column), split_unit(column)[1]
    # A share of something (`gpu_power_norm`) is no power.
    if words & {"norm", "normalised", "normalized"}:
        return False
    return bool(words & POWER_WORDS) or unit in POWER_UNITS


def _choose(columns: list[str], options: ReadOptions, path: str, line: int) -> tuple[str, str, list[str]]:
    """Return the power column, the time column and what was assumed."""
    for argument, name in (("power_column", options.power_column), ("time_column", options.time_column)):
        if name is not None and name not in columns:
            raise LoadDataError(
                f"{argument} {name!r} is not in the table",
                path=path,
                line=line,
                column=name,
                hint=f"{suggestion(name, columns)}columns are {', '.join(columns)}",
            )
    notes: list[str] = []
    time = options.time_column
    if time is None:
        candidates = [name for name in columns if _words(name) & TIME_WORDS and name != options.power_column]
        if not candidates:
            raise LoadDataError(
                "no time column", path=path, line=line, hint=f"give time_column, one of {', '.join(columns)}"
            )
        time = candidates[0]
        if len(candidates) > 1:
            notes.append(f"time is column {time!r}, the first of {', '.join(candidates)}")
    power = options.power_column
    if power is None:
        candidates = [name for name in columns if _is_power(name) and name != time]
        if len(candidates) != 1:
            found = f"several power columns: {', '.join(candidates)}" if candidates else "no power column"
            choice = candidates or [name for name in columns if name != time]
            raise LoadDataError(found, path=path, line=line, hint=f"give power_column, one of {', '.join(choice)}")
        power = candidates[0]
    return power, time, notes


def _unit(column: str, argument: str, path: str) -> str:
    unit = split_unit(column)[1]
    if unit is None:
        raise LoadDataError(
            f"the unit of column {column!r} is neither in its name nor given",
            path=path,
            column=column,
            hint=f"give {argument}",
        )
    return unit


def _table(file: TextFile, header: str, columns: list[str], lines: NDArray[np.int64]) -> pd.DataFrame:
    """Parse the rows as text, so that a bad cell can be shown as it stands."""
    delimiter = _delimiter(header)
    rows = [file.lines[number - 1] for number in lines]
    for number, row in zip(lines, rows, strict=True):
        if row.count(delimiter) != len(columns) - 1 and '"' not in row:
            raise LoadDataError(
                f"{row.count(delimiter) + 1} cells in a table of {len(columns)} columns",
                path=file.path,
                line=int(number),
            )
    try:
        return pd.read_csv(
            io.StringIO("\n".join(rows)),
            sep=delimiter,
            header=None,
            names=columns,
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
            index_col=False,
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=columns, dtype=str)
    except pd.errors.ParserError as error:
        raise LoadDataError(f"malformed table: {error}", path=file.path) from error


def _refuse_several_devices(table: pd.DataFrame, power: str, path: str) -> None:
    for name in table.columns:
        if name != power and _words(name) & DEVICE_WORDS and _words(name) <= DEVICE_WORDS | {"id", ""}:
            devices = table[name].nunique()
            if devices > 1:
                raise LoadDataError(
                    f"column {name!r} names {devices} devices",
                    path=path,
                    column=name,
                    hint="expected the rows of one device, or of their total",
                )


def _numbers(cells: pd.Series, lines: NDArray[np.int64], path: str) -> NDArray[np.float64] | NDArray[np.int64]:
    """Convert a column; integers stay int64.

    By numpy, since pandas' own conversion of text may be off in the last digit.
    """
    text = cells.str.strip().to_numpy(dtype=np.str_)
    try:
        return text.astype(np.int64)
    except (ValueError, OverflowError):
        values = np.array([_float_or_nan(cell) for cell in text])
    bad = ~np.isfinite(values)
    if bad.any():
        at = int(np.argmax(bad))
        raise LoadDataError(
            f"{cells.iloc[at]!r} in column {cells.name!r} is not a finite number",
            path=path,
            line=int(lines[at]),
            column=str(cells.name),
        )
    return values


def _float_or_nan(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan
