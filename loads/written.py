"""What a file that `loads.export.write_trace` wrote says of its trace, so that reading it gives the same trace."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import pyarrow.parquet

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
    """Return what a file says of its trace; None if `loads.export.write_trace` did not write it."""
    text = _header_text(file)
    if text is None:
        return None
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


def _header_text(file: SourceFile) -> str | None:
    if file.head_bytes.startswith(_PARQUET_MAGIC):
        metadata = pyarrow.parquet.read_schema(file.path).metadata or {}
        text = metadata.get(METADATA_KEY.encode())
        return None if text is None else text.decode()
    if file.head_bytes.startswith(_HDF5_MAGIC):
        with h5py.File(file.path) as stored:
            return stored.attrs.get(METADATA_KEY)
    first = file.head[0] if file.head else ""
    return first.removeprefix(CSV_MARK) if first.startswith(CSV_MARK) else None


def _plain(value: object) -> object:
    """Turn numpy's numbers and arrays, which parameters of models hold, into Python's."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return str(value)
