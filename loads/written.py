"""What a file that `loads.export.write_trace` wrote says of its trace, so that reading it gives the same trace."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet

from loads.errors import LoadDataError
from loads.readers.source import SourceFile
from loads.trace import Kind, Shape, Trace, TraceWarning

METADATA_KEY = "loads.trace"
"""Key of the JSON text among a Parquet file's schema metadata and an HDF5 file's attributes."""

CSV_MARK = "# loads.trace: "
"""How the first line of a CSV file begins; JSON follows."""

_LONGEST_SHORT_HEADER = 16_000
_PARQUET_MAGIC = b"PAR1"
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class Header:
    """Facts of a written trace, as in `loads.trace.Trace` and its provenance."""

    shape: Shape
    kind: Kind
    source: str
    sample_interval_s: float | None
    sensor_window_s: float | None
    parameters: dict[str, Any]
    notes: tuple[str, ...]
    warnings: tuple[TraceWarning, ...]


def header_of(trace: Trace, short: bool = False) -> str:
    """Return a trace's facts as JSON; a short header leaves out parameters that would make it very long."""
    facts = {"shape": trace.shape, "unit": "W", "provenance": trace.provenance.to_dict()}
    text = json.dumps(facts, default=_plain)
    if short and len(text) > _LONGEST_SHORT_HEADER:
        facts["provenance"] = trace.provenance.to_dict() | {"parameters": {}}
        text = json.dumps(facts, default=_plain)
    return text


def read_header(file: SourceFile) -> Header | None:
    """Return what a file says of its trace; None if `loads.export.write_trace` did not write it.

    Raises
    ------
    LoadDataError
        If it says so, but not what.
    """
    text = _header_text(file)
    if text is None:
        return None
    try:
        facts = json.loads(text)
        stored = facts["provenance"]
        return Header(
            shape=facts["shape"],
            kind=stored["kind"],
            source=stored["source"],
            sample_interval_s=stored["sample_interval_s"],
            sensor_window_s=stored["sensor_window_s"],
            parameters=stored["parameters"],
            notes=tuple(stored["notes"]),
            warnings=tuple(TraceWarning(**warning) for warning in stored["warnings"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise LoadDataError(
            f"the description of the trace is damaged: {error}", path=file.path, hint=f"take {METADATA_KEY} out of it"
        ) from error


def _header_text(file: SourceFile) -> str | None:
    first = file.head[0] if file.head else ""
    if first.startswith(CSV_MARK):
        return first.removeprefix(CSV_MARK)
    # The bytes on disk, as a compressed file was not written here.
    with Path(file.path).open("rb") as stream:
        magic = stream.read(len(_HDF5_MAGIC))
    try:
        if magic.startswith(_PARQUET_MAGIC):
            text = (pyarrow.parquet.read_schema(file.path).metadata or {}).get(METADATA_KEY.encode())
            return None if text is None else text.decode()
        if magic == _HDF5_MAGIC:
            with h5py.File(file.path, "r") as stored:
                return stored.attrs.get(METADATA_KEY)
    except (OSError, pyarrow.ArrowException) as error:
        raise LoadDataError(f"cannot be read: {error}", path=file.path) from error
    return None


def _plain(value: object) -> object:
    """Turn numpy's numbers and arrays, which parameters of models hold, into Python's."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return str(value)
