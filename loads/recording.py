"""One or several files of recorded power: their channels, cleaned, and the traces made from them."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from loads.cleaning.blocks import Block, started_at_zero
from loads.cleaning.clocks import ClockedBlocks, on_one_clock
from loads.cleaning.combine import total
from loads.cleaning.findings import Finding, names_in_words, warnings_of
from loads.cleaning.identical import find_identical
from loads.cleaning.idle import find_idle
from loads.cleaning.pipeline import clean
from loads.errors import LoadDataError
from loads.readers.readings import Readings, ReadOptions
from loads.readers.source import SourceFile
from loads.readers.units import suggestion
from loads.trace import Provenance, Trace, TraceWarning


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
    """

    origin: Provenance
    blocks: tuple[Block, ...]
    findings: tuple[Finding, ...]
    windows_s: dict[str, float]
    trim_idle: bool = False

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return tuple(name for block in self.blocks for name in block.names)

    @property
    def warnings(self) -> tuple[TraceWarning, ...]:
        """What was odd in the samples of all channels; what their sum brings up comes with the trace."""
        return warnings_of(self.findings, self.channels)

    def trace(self, channels: Sequence[str] | None = None) -> Trace:
        """Return the sum of channels as a function of time.

        Parameters
        ----------
        channels
            Names; None for all.

        Returns
        -------
        Trace
            Samples joined by straight lines, starting at 0 s. The warnings are those that concern these channels.

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
        windows_s = [self.windows_s[name] for name in names if name in self.windows_s]
        provenance = Provenance(
            kind="recorded",
            source=self.origin.source,
            path=self.origin.path,
            sha256=self.origin.sha256,
            format=self.origin.format,
            power_unit=self.origin.power_unit,
            time_unit=self.origin.time_unit,
            sample_interval_s=float(np.median([np.median(np.diff(block.time_s)) for block in blocks])),
            sensor_window_s=max(windows_s, default=None),
            channels=names,
            samples=sum(block.size * len(block.names) for block in blocks),
            parameters=self.origin.parameters,
            notes=(*self.origin.notes, "samples are joined by straight lines"),
            warnings=warnings_of(findings, names),
        )
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
    prefixes = _prefixes([source.path for source, _ in sources])
    files: list[ClockedBlocks] = []
    findings: list[Finding] = []
    windows_s: dict[str, float] = {}
    for (source, readings), prefix in zip(sources, prefixes, strict=True):
        cleaned = clean(readings, options, source.path, prefix)
        files.append(ClockedBlocks(source.path, readings.clock, readings.origin_ns, cleaned.blocks))
        findings += cleaned.findings
        windows_s |= cleaned.windows_s
    blocks, found = on_one_clock(files)
    findings += found
    repeated = [name for name, count in Counter(name for block in blocks for name in block.names).items() if count > 1]
    if repeated:
        raise LoadDataError(f"several channels are named {repeated[0]!r}", path=sources[0][0].path)
    return Recording(_origin(sources), tuple(blocks), tuple(findings), windows_s, options.trim_idle)


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


def _each_once(words: Any) -> str:
    return ", ".join(dict.fromkeys(words))
