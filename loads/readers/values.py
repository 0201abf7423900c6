"""Cells of time and power, of whatever type they are stored in, as arrays of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from loads.errors import LoadDataError
from loads.readers.readings import Clock, Floats
from loads.readers.timestamps import text_to_ns

_LARGEST_TIME = 2.0**62
"""Beyond this neither an integer nor a difference of two fits into 64 bits."""


@dataclass(frozen=True, eq=False)
class TimeCells:
    """Times as stored.

    Parameters
    ----------
    values
        Shape (n,), int64 or float64: nanoseconds since 1970 if there is a `clock`, else numbers of a unit yet to be
        found. 0 where not ok.
    ok
        Shape (n,): whether there is a time.
    clock
        Of a date-time; None for numbers.
    """

    values: NDArray[np.int64] | Floats
    ok: NDArray[np.bool_]
    clock: Clock | None


def time_cells(array: pa.Array, column: str, path: str) -> TimeCells:
    """Return the times in an arrow array: of numbers, time stamps with or without a zone, or text.

    Raises
    ------
    LoadDataError
        For any other type.
    """
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_null(array.type):
        return TimeCells(np.zeros(len(array), dtype=np.int64), np.zeros(len(array), dtype=bool), None)
    kind = array.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        # Unsafe: a date-time that nanoseconds cannot express wraps around, and is found by looking at the whole.
        stamps = pc.cast(array, pa.timestamp("ns", getattr(kind, "tz", None)), safe=False).cast(pa.int64())
        clock: Clock = "utc" if getattr(kind, "tz", None) else "naive"
        return _checked(stamps, clock)
    if pa.types.is_duration(kind):
        # Seconds, as `loads.readers.parquet` says of such a column.
        ns = pc.cast(pc.cast(array, pa.duration("ns"), safe=False), pa.int64())
        return _checked(pc.divide(pc.cast(ns, pa.float64(), safe=False), 1e9), None)
    if pa.types.is_integer(kind):
        if pa.types.is_uint64(kind):
            array = pc.cast(array, pa.float64(), safe=False) if _beyond_int64(array) else array
        return _checked(array if pa.types.is_floating(array.type) else pc.cast(array, pa.int64()), None)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _checked(pc.cast(array, pa.float64(), safe=False), None)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        ns, ok, text_clock = text_to_ns(pc.cast(array, pa.string()))
        if not ok.any():
            return _checked(pa.array(_floats(array.to_pylist()), from_pandas=True), None)
        return TimeCells(ns, ok & (ns > 0), text_clock)
    raise LoadDataError(f"time column {column!r} is of type {kind}", path=path, column=column)


def power_cells(array: pa.Array, column: str, path: str) -> Floats:
    """Return the powers in an arrow array, shape (n,), float64; NaN where there is no finite number.

    Raises
    ------
    LoadDataError
        If the type is neither of numbers nor of text.
    """
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_null(kind):
        return np.full(len(array), np.nan)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        values = _floats(array.to_pylist())
    else:
        raise LoadDataError(f"power column {column!r} is of type {kind}", path=path, column=column)
    return values if np.isfinite(values).all() else np.where(np.isfinite(values), values, np.nan)


def as_arrow(values: Iterable[Any]) -> pa.Array:
    """Return plain Python values as an arrow array: of integers, floats or, if there is any text, text.

    What is neither number nor text becomes null.
    """
    cells: list[Any] = [None if isinstance(value, bool) else value for value in values]
    if any(isinstance(cell, str) for cell in cells):
        return pa.array([str(cell) if isinstance(cell, int | float | str) else None for cell in cells], pa.string())
    if all(cell is None or (isinstance(cell, int) and abs(cell) < 2**63) for cell in cells):
        return pa.array(cells, pa.int64())
    return pa.array([_float(cell) if isinstance(cell, int | float) else math.nan for cell in cells], pa.float64())


def _checked(array: pa.Array, clock: Clock | None) -> TimeCells:
    ok = pc.is_valid(array).to_numpy(zero_copy_only=False)
    values = array.to_numpy(zero_copy_only=False) if not array.null_count else pc.fill_null(array, 0).to_numpy()
    ok = ok & np.isfinite(values) & (values > -_LARGEST_TIME if clock is None else values > 0)
    if clock is None:
        ok &= values < _LARGEST_TIME
    return TimeCells(values if ok.all() else np.where(ok, values, np.zeros(1, values.dtype)), ok, clock)


def _beyond_int64(array: pa.Array) -> bool:
    highest = pc.max(array).as_py()
    return highest is not None and highest >= 2**63


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _floats(values: Iterable[Any]) -> Floats:
    return np.array([_float(value) for value in values], dtype=np.float64)
