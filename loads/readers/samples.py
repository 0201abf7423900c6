"""What every reader does: take a file in, and turn its samples into a trace."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from loads.errors import LoadDataError
from loads.readers.units import POWER_UNITS, TIME_UNITS
from loads.trace import Provenance, Trace, TraceWarning


@dataclass(frozen=True)
class TextFile:
    """A text file read whole."""

    path: str
    lines: list[str]
    sha256: str

    @classmethod
    def read(cls, path: str | Path) -> TextFile:
        """Read a file; `LoadDataError` if it is missing, empty or not text."""
        name = str(path)
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise LoadDataError(f"cannot be read: {error.strerror or error}", path=name) from error
        if not data.strip():
            raise LoadDataError("the file is empty", path=name)
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            raise LoadDataError("the file is not UTF-8 text", path=name, hint="expected a table or log of power")
        return cls(name, text.splitlines(), hashlib.sha256(data).hexdigest())


@dataclass(frozen=True)
class ReadOptions:
    """What the user said about a file; None where the file itself is to tell."""

    power_unit: str | None = None
    time_unit: str | None = None
    power_column: str | None = None
    time_column: str | None = None


@dataclass(frozen=True)
class Samples:
    """Samples as they stand in a file.

    Parameters
    ----------
    time, power
        Shape (n,), in the file's units. Integer times stay int64, so epoch nanoseconds keep every digit.
    lines
        Shape (n,): line of each sample, counted from 1.
    """

    time: NDArray[np.float64] | NDArray[np.int64]
    power: NDArray[np.float64]
    lines: NDArray[np.int64]
    format: str
    power_unit: str
    time_unit: str
    notes: tuple[str, ...] = ()
    warnings: tuple[TraceWarning, ...] = ()


def to_trace(file: TextFile, samples: Samples) -> Trace:
    """Turn samples into a linear trace that starts at 0 s.

    Samples with the same time stamp are averaged, and counted in the warnings.

    Raises
    ------
    LoadDataError
        If the time decreases, or fewer than two distinct times are left.
    """
    steps = np.diff(samples.time)
    if (steps < 0).any():
        at = int(np.argmax(steps < 0))
        raise LoadDataError(
            f"time goes back from {samples.time[at]} to {samples.time[at + 1]} {samples.time_unit}",
            path=file.path,
            line=int(samples.lines[at + 1]),
            hint="expected the samples of one device in order of time",
        )
    firsts = np.flatnonzero(np.concatenate([[True], steps > 0])) if samples.time.size else np.empty(0, np.int64)
    if firsts.size < 2:
        raise LoadDataError(f"a trace needs at least 2 samples, got {firsts.size}", path=file.path)
    power = np.add.reduceat(samples.power, firsts) / np.diff(np.append(firsts, samples.time.size))
    time_s = (samples.time[firsts] - samples.time[0]) / TIME_UNITS[samples.time_unit]
    warnings = samples.warnings
    repeated = samples.time.size - firsts.size
    if repeated:
        warnings += (
            TraceWarning("duplicate_time", repeated, f"{repeated} samples share a time stamp with another: averaged"),
        )
    provenance = Provenance(
        kind="recorded",
        source=f"file {Path(file.path).name}",
        path=file.path,
        sha256=file.sha256,
        format=samples.format,
        power_unit=samples.power_unit,
        time_unit=samples.time_unit,
        sample_interval_s=float(np.median(np.diff(time_s))),
        notes=(*samples.notes, "samples are joined by straight lines"),
        warnings=warnings,
    )
    return Trace.from_samples(time_s, power * POWER_UNITS[samples.power_unit], provenance)
