"""Damage to a file, and what a reader may make of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from loads.errors import LoadDataError
from loads.readers.readings import Readings, ReadOptions
from loads.readers.source import SourceFile

JUNK = (b"\0", b"nan", b"inf", b"-1", b"1e999", b",", b'"', b"[" * 3000, b"null", b"\xff", b"9" * 30, b"{}", b"true")
KINDS = ("flip", "flip", "delete line", "repeat line", "insert", "cut")
ONE = st.tuples(st.sampled_from(KINDS), st.floats(0, 1, exclude_max=True), st.integers(0, 255))


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """Flip bytes, delete or repeat lines, insert junk, or cut the end; up to three times."""
    return st.lists(ONE, min_size=1, max_size=3).map(lambda damages: _with_damages(content, damages))


def _with_damages(content: bytes, damages: list[tuple[str, float, int]]) -> bytes:
    data = bytearray(content)
    for kind, where, number in damages:
        at = int(where * len(data))
        if kind == "flip" and data:
            data[at] = number
        elif kind == "insert":
            data[at:at] = JUNK[number % len(JUNK)]
        elif kind == "cut":
            del data[at:]
        elif lines := data.splitlines(keepends=True):
            line = int(where * len(lines))
            lines[line : line + 1] = [lines[line]] * (2 if kind == "repeat line" else 0)
            data = bytearray(b"".join(lines))
    return bytes(data)


def read_anyhow(
    path: str, read: Callable[[SourceFile, ReadOptions], Readings], options: ReadOptions | None = None
) -> Readings | None:
    """Read a file that may be damaged: None for a `LoadDataError`, else readings that hold together."""
    try:
        readings = read(SourceFile.open(path), options or ReadOptions())
    except LoadDataError:
        return None
    assert readings.channels
    assert len({channel.name for channel in readings.channels}) == len(readings.channels)
    for channel in readings.channels:
        assert channel.time_s.dtype == channel.power_w.dtype == np.float64
        assert channel.time_s.shape == channel.power_w.shape
        assert channel.line is None or channel.line.shape == channel.time_s.shape
        assert channel.time_s.size
        assert np.isfinite(channel.time_s).all()
        assert not np.isinf(channel.power_w).any()
    return readings
