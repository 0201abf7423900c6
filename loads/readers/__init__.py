"""Readers of recorded power: files in, `loads.readers.readings.Readings` or a `loads.trace.Trace` out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from loads.errors import LoadDataError
from loads.readers.readings import Readings, ReadOptions
from loads.readers.source import SourceFile
from loads.readers.units import suggestion
from loads.trace import Trace

if TYPE_CHECKING:
    from loads.recording import Recording

__all__ = ["FORMATS", "Format", "ReadOptions", "detect_format", "read_readings", "read_recording", "read_trace"]


class Format(Protocol):
    """What a format's module offers."""

    looks_like: Callable[[SourceFile], bool]
    read: Callable[[SourceFile, ReadOptions], Readings]


_HOMES = {
    "nvidia-smi": "nvidia_smi",
    "rocm-smi": "amd_smi:ROCM_SMI",
    "amd-smi": "amd_smi:AMD_SMI",
    "dcgm": "dcgm",
    "zeus": "zeus",
    "mllog": "mllog",
    "ptdaemon": "ptdaemon",
    "wattameter": "wattameter",
    "json": "json_columns",
    "parquet": "parquet",
    "hdf5": "hdf5",
    "csv": "csv",
}


class _Formats(Mapping[str, Format]):
    """Formats by name in the order of detection, each imported when first used."""

    def __getitem__(self, name: str) -> Format:
        module, _, attribute = _HOMES[name].partition(":")
        home: Any = import_module(f"{__name__}.{module}")
        return getattr(home, attribute) if attribute else home

    def __iter__(self) -> Iterator[str]:
        return iter(_HOMES)

    def __len__(self) -> int:
        return len(_HOMES)


FORMATS: Mapping[str, Format] = _Formats()
"""Formats by name, in the order in which they are tried."""


def detect_format(path: str | Path) -> str:
    """Return the name of a file's format.

    Raises
    ------
    LoadDataError
        If the file cannot be read or looks like none of `FORMATS`.
    """
    return _detect(SourceFile.open(path))


def read_readings(path: str | Path, format: str = "auto", options: ReadOptions | None = None) -> Readings:
    """Read the rows of a file, channel by channel, not yet cleaned.

    Parameters
    ----------
    path
        File to read; it may be compressed (.gz, .bz2, .zst, .lz4).
    format
        A name in `FORMATS`, or ``"auto"``.
    options
        What the file itself does not tell.

    Raises
    ------
    LoadDataError
        With file and line, if the file is malformed or leaves a unit or a column open.
    """
    return _read(path, format, options or ReadOptions())[1]


def read_recording(paths: str | Path | Sequence[str | Path], format: str = "auto", **options: Any) -> Recording:
    """Read one file or several that belong together, such as one a node, and clean them.

    Parameters
    ----------
    paths
        Files of one recording.
    format
        A name in `FORMATS`, or ``"auto"``.
    **options
        Fields of `ReadOptions`.

    Raises
    ------
    LoadDataError
        With file and line, if a file is malformed or leaves something open.
    """
    from loads.recording import record

    chosen = _options(options)
    listed = [paths] if isinstance(paths, str | Path) else paths
    return record([_read(path, format, chosen) for path in listed], chosen)


def read_trace(
    path: str | Path, format: str = "auto", *, channels: Sequence[str] | None = None, **options: Any
) -> Trace:
    """Read a recorded trace: the sum of a file's channels, from 0 s on. Its provenance says what was assumed.

    Parameters
    ----------
    path
        File to read.
    format
        A name in `FORMATS`, or ``"auto"``.
    channels
        Names of the channels to sum; all by default.
    **options
        Fields of `ReadOptions`.

    Raises
    ------
    LoadDataError
        With file and line, if the file is malformed or leaves a unit or a column open.
    """
    return read_recording(path, format, **options).trace(channels)


def _read(path: str | Path, format: str, options: ReadOptions) -> tuple[SourceFile, Readings]:
    if format != "auto" and format not in FORMATS:
        names = ["auto", *FORMATS]
        raise LoadDataError(
            f"format {format!r} is not known",
            path=str(path),
            hint=f"{suggestion(format, names)}formats are {', '.join(names)}",
        )
    file = SourceFile.open(path)
    return file, FORMATS[_detect(file) if format == "auto" else format].read(file, options)


def _options(given: dict[str, Any]) -> ReadOptions:
    known = list(ReadOptions.__dataclass_fields__)
    for name in given:
        if name not in known:
            raise LoadDataError(
                f"option {name!r} is not known", hint=f"{suggestion(name, known)}options are {', '.join(known)}"
            )
    return ReadOptions(**given)


def _detect(file: SourceFile) -> str:
    for name, format in FORMATS.items():
        if format.looks_like(file):
            return name
    # Says so if it is no text.
    file.text()
    raise LoadDataError(
        "the format is not recognised", path=file.path, hint=f"give format, one of {', '.join(FORMATS)}"
    )
