"""HDF5 datasets that grow behind buffers of fixed size, and running extrema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

TEXT = h5py.string_dtype("utf-8")
EXTREMA_COLUMNS = ("min", "min_time_s", "max", "max_time_s")


@dataclass(frozen=True)
class Column:
    """Shape and type of one row of a dataset."""

    shape: tuple[int, ...] = ()
    dtype: Any = float


class Table:
    """Datasets that grow together, row by row, behind one buffer.

    The last row stays in the buffer until the next one comes, so it can still be replaced after a write.
    """

    def __init__(self, group: h5py.Group, columns: Mapping[str, Column], chunk_rows: int) -> None:
        self._file = group.file
        self._start = 0
        self._count = 0
        self._capacity = chunk_rows
        self._datasets = []
        self._buffers = []
        for name, column in columns.items():
            shape = (0, *column.shape)
            chunks = (chunk_rows, *(max(n, 1) for n in column.shape))
            self._datasets.append(
                group.create_dataset(name, shape, maxshape=(None,) * len(shape), chunks=chunks, dtype=column.dtype)
            )
            kind = float if column.dtype is float else object
            self._buffers.append(np.empty((chunk_rows, *column.shape), dtype=kind))

    def append(self, *row: Any) -> None:
        """Add a row: one value per column, in the columns' order."""
        if self._count == self._capacity:
            self.write()
            self._file.flush()
            self._start += self._count
            self._count = 0
        self._count += 1
        self.replace_last(*row)

    def replace_last(self, *row: Any) -> None:
        """Put a row in the place of the last one."""
        last = self._count - 1
        for buffer, value in zip(self._buffers, row, strict=True):
            buffer[last] = value

    def extend(self, *columns: NDArray[Any]) -> None:
        """Add many rows: an array for each column, in the columns' order."""
        self.write()
        self._start += self._count
        self._count = 0
        if not len(columns[0]):
            return
        end = self._start + len(columns[0])
        for dataset, values in zip(self._datasets, columns, strict=True):
            dataset.resize(end, axis=0)
            dataset[self._start : end] = values
        self._start = end

    def write(self) -> None:
        """Bring the datasets up to date with the buffer."""
        if self._count == 0:
            return
        end = self._start + self._count
        for dataset, buffer in zip(self._datasets, self._buffers, strict=True):
            if dataset.shape[0] != end:
                dataset.resize(end, axis=0)
            dataset[self._start : end] = buffer[: self._count]


class RunningExtrema:
    """Smallest and largest value of each element, and when each was first reached; NaN never counts.

    Attributes
    ----------
    min, min_time_s, max, max_time_s : ndarray, shape (elements,)
        Infinite, at times that are NaN, before any value.
    """

    def __init__(self, count: int) -> None:
        self.min = np.full(count, np.inf)
        self.max = np.full(count, -np.inf)
        self.min_time_s = np.full(count, np.nan)
        self.max_time_s = np.full(count, np.nan)
        self._beyond = np.empty(count, dtype=bool)

    def update(self, time_s: float, values: NDArray[np.float64]) -> None:
        """Take the values [element] of a node."""
        beyond = np.less(values, self.min, out=self._beyond)
        np.copyto(self.min, values, where=beyond)
        np.copyto(self.min_time_s, time_s, where=beyond)
        np.greater(values, self.max, out=beyond)
        np.copyto(self.max, values, where=beyond)
        np.copyto(self.max_time_s, time_s, where=beyond)

    def update_rows(self, time_s: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Take the values [row, element] of many nodes."""
        has_gaps = bool(np.isnan(values.sum()))
        for own, own_time_s, first, is_beyond, never in (
            (self.min, self.min_time_s, np.argmin, np.less, np.inf),
            (self.max, self.max_time_s, np.argmax, np.greater, -np.inf),
        ):
            seen = np.where(np.isnan(values), never, values) if has_gaps else values
            row = first(seen, axis=0)
            found = np.take_along_axis(seen, row[None], axis=0)[0]
            beyond = is_beyond(found, own)
            np.copyto(own, found, where=beyond)
            np.copyto(own_time_s, time_s[row], where=beyond)


class Extrema(RunningExtrema):
    """Running extrema that are stored in a group of an HDF5 file; NaN there before any value."""

    def __init__(self, group: h5py.Group, count: int) -> None:
        super().__init__(count)
        self._datasets = {name: group.create_dataset(name, data=np.full(count, np.nan)) for name in EXTREMA_COLUMNS}

    def write(self) -> None:
        """Bring the datasets up to date."""
        self._datasets["min_time_s"][...] = self.min_time_s
        self._datasets["max_time_s"][...] = self.max_time_s
        self._datasets["min"][...] = np.where(np.isnan(self.min_time_s), np.nan, self.min)
        self._datasets["max"][...] = np.where(np.isnan(self.max_time_s), np.nan, self.max)
