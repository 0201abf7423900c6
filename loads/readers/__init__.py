"""Readers of recorded power: one file in, one `loads.trace.Trace` out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from loads.errors import LoadDataError
from loads.readers import csv, mllog
from loads.readers.samples import ReadOptions, TextFile
from loads.readers.units import suggestion
from loads.trace import Trace

__all__ = ["FORMATS", "detect_format", "read_trace"]

FORMATS: dict[str, Callable[[TextFile, ReadOptions], Trace]] = {"csv": csv.read, "mllog": mllog.read}
"""Readers by the name of their format."""

_DETECTORS = {"mllog": mllog.looks_like, "csv": csv.looks_like}


def detect_format(path: str | Path) -> str:
    """Return the name of a file's format.

    Raises
    ------
    LoadDataError
        If the file cannot be read or looks like none of `FORMATS`.
    """
    return _detect(TextFile.read(path))


def read_trace(
    path: str | Path,
    format: str = "auto",
    *,
    power_unit: str | None = None,
    time_unit: str | None = None,
    power_column: str | None = None,
    time_column: str | None = None,
) -> Trace:
    """Read a recorded trace; its time starts at 0 s and its provenance says what was assumed.

    Parameters
    ----------
    path
        File to read.
    format
        A name in `FORMATS`, or ``"auto"``.
    power_unit, time_unit
        mW, W, kW, MW or GW, and ns, us, ms or s: needed where the file does not tell, and stronger than it.
    power_column, time_column
        Names of table columns, where there is a choice.

    Raises
    ------
    LoadDataError
        With file and line, if the file is malformed or leaves a unit or a column open.
    """
    if format != "auto" and format not in FORMATS:
        names = ["auto", *FORMATS]
        raise LoadDataError(
            f"format {format!r} is not known",
            path=str(path),
            hint=f"{suggestion(format, names)}formats are {', '.join(names)}",
        )
    file = TextFile.read(path)
    reader = FORMATS[_detect(file) if format == "auto" else format]
    return reader(file, ReadOptions(power_unit, time_unit, power_column, time_column))


def _detect(file: TextFile) -> str:
    for name, looks_like in _DETECTORS.items():
        if looks_like(file):
            return name
    raise LoadDataError(
        "the format is not recognised", path=file.path, hint=f"give format, one of {', '.join(FORMATS)}"
    )
