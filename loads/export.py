"""Traces cut, resampled, scaled and written to files that this package and others read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from loads.cleaning.blocks import shifted, started_at_zero
from loads.errors import LoadDataError
from loads.interpolation import Waveform
from loads.readers.readings import Floats
from loads.trace import Provenance, Trace
from loads.written import CSV_MARK, METADATA_KEY, header_of

_WHOLE_TOLERANCE = 1e-9


def resample(trace: Trace, interval_s: float) -> Trace:
    """Return the mean power over equal intervals, which keeps the energy.

    Parameters
    ----------
    trace
        Of any shape and spacing.
    interval_s
        Of the result. A last interval that the trace does not fill is dropped.

    Returns
    -------
    Trace
        Shape ``"hold"``, starting at 0 s.

    Raises
    ------
    LoadDataError
        If the interval is not positive or longer than the trace.
    """
    if not 0 < interval_s < np.inf:
        raise LoadDataError(f"the interval must be positive, got {interval_s} s")
    count = int(trace.duration_s / interval_s * (1 + _WHOLE_TOLERANCE))
    if count < 1:
        raise LoadDataError(
            f"an interval of {interval_s:g} s does not fit into {trace.duration_s:.6g} s", hint="give a shorter one"
        )
    means_w = Waveform.from_trace(trace, "hold").interval_means(interval_s, count)
    knots_s = shifted(np.arange(count + 1, dtype=np.float64) * interval_s, 0)
    note = f"means over {interval_s:g} s"
    rest_s = trace.duration_s - count * interval_s
    if rest_s > _WHOLE_TOLERANCE * interval_s:
        note += f"; the last {rest_s:.6g} s do not fill an interval and are left out"
    provenance = _noted(trace.provenance, note, sample_interval_s=interval_s, samples=count)
    return Trace(knots_s, means_w, provenance, "hold")


def trim(trace: Trace, start_s: float, end_s: float) -> Trace:
    """Return the part of a trace between two of its times, starting at 0 s.

    A linear trace is interpolated at the cuts; of a hold trace, intervals are cut.

    Raises
    ------
    LoadDataError
        If the part is empty or reaches beyond the trace.
    """
    first_s, last_s = float(trace.time_s[0]), float(trace.time_s[-1])
    if not first_s <= start_s < end_s <= last_s:
        raise LoadDataError(
            f"cannot take {start_s:g} to {end_s:g} s of a trace from {first_s:g} to {last_s:g} s",
            hint="expected a start before the end, both within the trace",
        )
    after_start = int(np.searchsorted(trace.time_s, start_s, "right"))
    before_end = int(np.searchsorted(trace.time_s, end_s, "left"))
    knots_s = np.concatenate([[start_s], trace.time_s[after_start:before_end], [end_s]])
    edges = None
    if trace.shape == "linear":
        power_w = np.interp(knots_s, trace.time_s, trace.power_w)
    else:
        power_w = trace.power_w[after_start - 1 : before_end]
    if trace.edge_knots is not None:
        edges = trace.edge_knots - (after_start - 1)
        edges = edges[(edges > 0) & (edges < knots_s.size - 1)]
    samples = knots_s.size if trace.shape == "linear" else power_w.size
    provenance = _noted(trace.provenance, f"cut to {start_s:g} to {end_s:g} s", samples=samples)
    return Trace(started_at_zero(knots_s), power_w, provenance, trace.shape, edges)


def scale(
    trace: Trace, *, factor: float | None = None, mean_w: float | None = None, peak_w: float | None = None
) -> Trace:
    """Return a trace multiplied by a factor, or by the one that gives it a mean or a highest power.

    Raises
    ------
    LoadDataError
        If not exactly one of the three is given, or the factor is not positive and finite.
    """
    given = [value for value in (factor, mean_w, peak_w) if value is not None]
    if len(given) != 1:
        raise LoadDataError(f"give one of factor, mean_w and peak_w, got {len(given)}")
    present_w = trace.mean_w if mean_w is not None else trace.max_w if peak_w is not None else 1.0
    if not (present_w > 0 and 0 < given[0] < np.inf):
        raise LoadDataError(
            f"cannot scale a power of {present_w:g} by or to {given[0]:g}", hint="both must be positive"
        )
    by = given[0] / present_w
    provenance = _noted(trace.provenance, f"power times {by:.6g}")
    return Trace(trace.time_s, trace.power_w * by, provenance, trace.shape, trace.edge_knots)


def write_trace(trace: Trace, path: str | Path) -> None:
    """Write a trace as a table of `time_s` and `power_w`, in the format of the suffix, one of `SUFFIXES`.

    A trace of shape ``"hold"`` has one power fewer than it has knots: the last is written twice, the second time with
    the end of its interval. The file says what shape it is, and where the trace came from; `loads.recording.record`
    then returns the same trace, and other programs that join the rows by straight lines get nearly the same energy.
    Edges that a solver should step on are not written: any jump may then be one.

    Raises
    ------
    LoadDataError
        If the suffix is not known or the file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _WRITERS:
        raise LoadDataError(
            f"a trace cannot be written as {suffix or 'a file without a suffix'}",
            path=str(path),
            hint=f"expected one of {', '.join(SUFFIXES)}",
        )
    power_w = trace.power_w if trace.shape == "linear" else np.append(trace.power_w, trace.power_w[-1])
    try:
        _WRITERS[suffix](trace.time_s, power_w, trace, Path(path))
    except OSError as error:
        raise LoadDataError(f"cannot be written: {error.strerror or error}", path=str(path)) from error


def _write_csv(time_s: Floats, power_w: Floats, trace: Trace, path: Path) -> None:
    with path.open("wb") as stream:
        stream.write(f"{CSV_MARK}{header_of(trace, short=True)}\ntime_s,power_w\n".encode())
        options = pyarrow.csv.WriteOptions(include_header=False)
        pyarrow.csv.write_csv(pa.table({"time_s": time_s, "power_w": power_w}), stream, options)


def _write_parquet(time_s: Floats, power_w: Floats, trace: Trace, path: Path) -> None:
    schema = pa.schema(
        [
            pa.field("time_s", pa.float64(), metadata={"unit": "s"}),
            pa.field("power_w", pa.float64(), metadata={"unit": "W"}),
        ],
        metadata={METADATA_KEY: header_of(trace)},
    )
    pyarrow.parquet.write_table(pa.table([time_s, power_w], schema=schema), path)


def _write_hdf5(time_s: Floats, power_w: Floats, trace: Trace, path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs[METADATA_KEY] = header_of(trace, short=True)
        file.create_dataset("time_s", data=time_s).attrs["unit"] = "s"
        file.create_dataset("power_w", data=power_w).attrs["unit"] = "W"


_WRITERS: dict[str, Callable[[Floats, Floats, Trace, Path], None]] = {
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".h5": _write_hdf5,
}

SUFFIXES = tuple(_WRITERS)
"""Of the files that `write_trace` writes."""


def _noted(provenance: Provenance, note: str, **changes: Any) -> Provenance:
    return replace(provenance, notes=(*provenance.notes, note), **changes)
