"""Device columns of a table: whose each row is, as a small number."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

NO_DEVICE = "unnamed"
"""Device of a row that names none."""


@dataclass(eq=False)
class DeviceCodes:
    """Turns the names of a device column, block by block, into numbers counted from 0 in order of appearance."""

    codes: dict[str, int] = field(default_factory=dict)

    def of(self, array: pa.Array) -> NDArray[np.int32]:
        """Return the numbers of an arrow array of names or numbers, shape (n,)."""
        if not pa.types.is_dictionary(array.type):
            array = array.dictionary_encode()
        names = [*(_name(value) for value in array.dictionary.to_pylist()), NO_DEVICE]
        indices = pc.fill_null(pc.cast(array.indices, pa.int64()), len(names) - 1).to_numpy(zero_copy_only=False)
        code_of = np.zeros(len(names), dtype=np.int32)
        # Only those that occur: the dictionary of a category may hold more, in another order.
        for index in pd.unique(indices):
            code_of[index] = self.codes.setdefault(names[index], len(self.codes))
        return code_of[indices]


def _name(value: object) -> str:
    if value is None:
        return NO_DEVICE
    return f"{value:g}" if isinstance(value, float) else str(value)


def joined(codes: list[NDArray[np.int32]], names: list[list[str]]) -> tuple[NDArray[np.int64], list[str]]:
    """Join several device columns, such as host and GPU, into one with names ``host gpu``.

    Parameters
    ----------
    codes
        Of each column, shape (n,).
    names
        Of each column, by code.
    """
    flat = codes[0].astype(np.int64)
    labels = names[0]
    for code, column in zip(codes[1:], names[1:], strict=True):
        flat = flat * len(column) + code
        present = np.flatnonzero(np.bincount(flat))
        labels = [f"{labels[at // len(column)]} {column[at % len(column)]}" for at in present]
        flat = np.searchsorted(present, flat)
    return flat, labels


def rows_of_each(codes: NDArray[np.int64], names: list[str]) -> list[NDArray[np.int64]]:
    """Return the rows of each code, in the file's order."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(codes, minlength=len(names)))[:-1])
