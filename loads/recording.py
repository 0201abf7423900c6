"""One or several files of recorded power: their channels, cleaned, and the traces made from them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from loads.cleaning.blocks import Block, started_at_zero
from loads.cleaning.clocks import ClockedBlocks, on_one_clock
from loads.cleaning.combine import total
from loads.cleaning.findings import Finding, names_in_words, warnings_of
from loads.cleaning.identical import find_identical
from loads.cleaning.idle import find_idle
from loads.cleaning.pipeline import already_clean, clean
from loads.errors import LoadDataError
from loads.readers.readings import Readings, ReadOptions
from loads.readers.source import SourceFile
from loads.readers.units import suggestion
from loads.trace import Provenance, Trace, TraceWarning
from loads.written import Header, read_header

_JOINED = "samples are joined by straight lines"
_HELD = "each value holds until the next"


@dataclass(frozen=True, eq=False)
class Recording:
    """Recorded power, channel by channel. Build it with `record`.

    Parameters
    ----------
    origin
        Where it came from, without what depends on the channels chosen.
    blocks
        The channels, with times from a common origin.
    findings
        What was odd in the samples.
    windows_s
        Averaging window of the sensor [s] of the channels that have one.
    trim_idle
        Whether an idle head and tail of the sum are cut off.
    is_held
        Whether each value is the mean until the next time, as in a file written from a trace of shape ``"hold"``.
    """

    origin: Provenance
    blocks: tuple[Block, ...]
    findings: tuple[Finding, ...]
    windows_s: dict[str, float]
    trim_idle: bool = False
    is_held: bool = False

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return tuple(name for block in self.blocks for name in block.names)

    @property
    def warnings(self) -> tuple[TraceWarning, ...]:
        """What was odd in the samples of all channels; what their sum brings up comes with the trace."""
        return _joined(self.origin.warnings, warnings_of(self.findings, self.channels))

    def trace(self, channels: Sequence[str] | None = None) -> Trace:
        """Return the sum of channels as a function of time.

        Parameters
        ----------
        channels
            Names; None for all.

        Returns
        -------
        Trace
            Samples joined by straight lines, starting at 0 s; or a hold trace as it was written. The warnings are those
            that concern these channels.

        Raises
        ------
        LoadDataError
            If a name is not known, or the channels share less than half of the longest.
        """
        names = self._chosen(channels)
        blocks = [chosen for block in self.blocks if (chosen := block.select(names)).names]
        time_s, power_w, found = total(blocks, self.origin.path or "")
        findings = [*self.findings, *find_identical(blocks), *found]
        time_s, power_w, found = find_idle(time_s, power_w, names, self.trim_idle)
        findings += found
        intervals_s = [np.median(np.diff(block.time_s)) for block in blocks]
        provenance = replace(
            self.origin,
            sample_interval_s=self.origin.sample_interval_s or round(float(np.median(intervals_s)), 9),
            sensor_window_s=max((self.windows_s[name] for name in names if name in self.windows_s), default=None),
            channels=names,
            samples=sum((block.size - self.is_held) * len(block.names) for block in blocks),
            notes=tuple(dict.fromkeys((*self.origin.notes, _HELD if self.is_held else _JOINED))),
            warnings=_joined(self.origin.warnings, warnings_of(findings, names)),
        )
        if self.is_held:
            return Trace(started_at_zero(time_s), power_w[:-1], provenance, "hold")
        return Trace.from_samples(started_at_zero(time_s), power_w, provenance)

    def _chosen(self, channels: Sequence[str] | None) -> tuple[str, ...]:
        if channels is None:
            return self.channels
        wanted = [channels] if isinstance(channels, str) else channels
        for name in wanted:
            if name not in self.channels:
                raise LoadDataError(
                    f"there is no channel {name!r}",
                    path=self.origin.path,
                    hint=f"{suggestion(name, list(self.channels))}channels are {names_in_words(self.channels, 12)}",
                )
        if not wanted:
            raise LoadDataError("no channel is chosen", path=self.origin.path, hint="None stands for all")
        return tuple(name for name in self.channels if name in wanted)


def record(sources: Sequence[tuple[SourceFile, Readings]], options: ReadOptions) -> Recording:
    """Clean the readings of one or several files and put them on one axis of time.

    A file that `loads.export.write_trace` wrote is clean, and taken as it is.

    Parameters
    ----------
    sources
        Files and what their readers returned. With several, channels are named ``file/channel``.
    options
        What the user said about the files.

    Raises
    ------
    LoadDataError
        If the samples of a file cannot be used as they stand; the message names the file and line.
    """
    if not sources:
        raise LoadDataError("there is no file to read")
    headers = [read_header(source) for source, _ in sources]
    files: list[ClockedBlocks] = []
    findings: list[Finding] = []
    windows_s: dict[str, float] = {}
    prefixes = _prefixes([source.path for source, _ in sources])
    for (source, readings), prefix, header in zip(sources, prefixes, headers, strict=True):
        if header is None:
            cleaned = clean(readings, options, source.path, prefix)
        else:
            known_s = header.sensor_window_s if options.sensor_window_s is None else options.sensor_window_s
            cleaned = already_clean(readings, known_s, prefix)
        files.append(ClockedBlocks(source.path, readings.clock, readings.origin_ns, cleaned.blocks))
        findings += cleaned.findings
        windows_s |= cleaned.windows_s
    blocks, found = on_one_clock(files)
    findings += found
    names = [name for block in blocks for name in block.names]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise LoadDataError(f"several channels are named {repeated!r}", path=sources[0][0].path)
    origin = _origin(sources)
    is_held = False
    if len(headers) == 1 and headers[0] is not None:
        origin = _with_header(origin, headers[0])
        is_held = headers[0].shape == "hold"
    return Recording(origin, tuple(blocks), tuple(findings), windows_s, options.trim_idle, is_held)


def _prefixes(paths: list[str]) -> list[str]:
    """Return what tells the files' channels apart: nothing, the stem, or the shortest distinct end of the path."""
    if len(paths) == 1:
        return [""]
    parts = [Path(path).with_suffix("").parts for path in paths]
    for depth in range(1, max(map(len, parts)) + 1):
        ends = ["/".join(part[-depth:]) for part in parts]
        if len(set(ends)) == len(ends):
            return [f"{end}/" for end in ends]
    return [f"{path}/" for path in paths]


def _origin(sources: Sequence[tuple[SourceFile, Readings]]) -> Provenance:
    """Describe the files; several have the hash of the list of their hashes, as `sha256sum` prints it."""
    paths = [source.path for source, _ in sources]
    names = [Path(path).name for path in paths]
    parameters: dict[str, Any] = {}
    path, sha256, source = paths[0], sources[0][0].sha256, f"file {names[0]}"
    if len(paths) > 1:
        path = os.path.commonpath([Path(path).parent for path in paths]) or "."
        hashes = {file.path: file.sha256 for file, _ in sources}
        listing = "".join(f"{digest}  {name}\n" for name, digest in hashes.items())
        sha256 = hashlib.sha256(listing.encode()).hexdigest()
        source = f"{len(paths)} files: {names_in_words(names)}"
        parameters["files"] = hashes
    return Provenance(
        kind="recorded",
        source=source,
        path=path,
        sha256=sha256,
        format=_each_once(readings.format for _, readings in sources),
        power_unit=_each_once(readings.power_unit for _, readings in sources),
        time_unit=_each_once(readings.time_unit for _, readings in sources),
        parameters=parameters,
        notes=tuple(dict.fromkeys(note for _, readings in sources for note in readings.notes)),
    )


def _with_header(origin: Provenance, header: Header) -> Provenance:
    """Describe a file written from a trace as that trace, which may be synthetic."""
    return replace(
        origin,
        kind=header.kind,
        source=f"{origin.source}, written from {header.source}",
        sample_interval_s=header.sample_interval_s,
        parameters=header.parameters,
        notes=(*header.notes, *origin.notes),
        warnings=header.warnings,
    )


def _joined(stored: tuple[TraceWarning, ...], found: tuple[TraceWarning, ...]) -> tuple[TraceWarning, ...]:
    """Add the warnings found to those that a file carries, which told of the same oddities before."""
    codes = {warning.code for warning in stored}
    return stored + tuple(warning for warning in found if warning.code not in codes)


def _each_once(words: Any) -> str:
    return ", ".join(dict.fromkeys(words))
