"""Times of the rows of a table: from its column, or counted if it has none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loads.errors import LoadDataError
from loads.readers.readings import ReadOptions
from loads.readers.table_rows import TableRows
from loads.readers.timestamps import Times
from loads.readers.units import time_unit, time_unit_in


def unit_of_time(names: Sequence[str], time: int | None, options: ReadOptions, path: str) -> str | None:
    """Return the unit of numeric times, as given or else in the column's name; None if it is in neither."""
    if options.time_unit is not None:
        return time_unit(options.time_unit, path)
    return None if time is None else time_unit_in(names[time])


def row_times(rows: TableRows, options: ReadOptions, path: str) -> tuple[Times, list[str]]:
    """Return the times of the rows, and notes on how the options were used.

    Without a column of time, each repetition of all devices is one tick. It begins where a device comes that is not
    further down the list than the one before, so that a missing row does not shift those that follow.

    Raises
    ------
    LoadDataError
        If there is neither a column of time nor an interval.
    """
    if rows.times is not None:
        is_ignored = options.time_unit is not None and rows.times.unit == "timestamp"
        return rows.times, ["time_unit is not used, since the times are dates"] if is_ignored else []
    if options.interval_s is None:
        raise LoadDataError(
            "the table has no time column", path=path, hint="give interval_s, the time between samples, or time_column"
        )
    if rows.device is not None:
        tick = np.cumsum(np.diff(rows.device, prepend=np.iinfo(rows.device.dtype).max) <= 0) - 1
    else:
        tick = np.arange(rows.line.size) // (options.devices or 1)
    note = f"the table has no times: its rows are taken as {options.interval_s:g} s apart, as given by interval_s"
    return Times(tick * np.float64(options.interval_s), 0, "relative", "s"), [note]
