"""The steps of cleaning in their order, for one file."""

from __future__ import annotations

from dataclasses import dataclass, replace

from loads.cleaning.blocks import Block, blocks_of
from loads.cleaning.devices import split_devices
from loads.cleaning.duplicates import average_duplicates
from loads.cleaning.findings import Finding
from loads.cleaning.gaps import find_gaps
from loads.cleaning.missing import drop_missing
from loads.cleaning.order import sort_late_samples, undo_clock_changes
from loads.cleaning.power import clip_negative, find_spikes
from loads.cleaning.sensor import look_at_sensor
from loads.errors import LoadDataError
from loads.readers.readings import Channel, Readings, ReadOptions


@dataclass(frozen=True, eq=False)
class Cleaned:
    """The channels of one file, fit to be summed.

    Parameters
    ----------
    blocks
        Times increasing, powers finite and not negative, each channel in one block.
    findings
        What was odd.
    windows_s
        Averaging window of the sensor [s] of the channels that have one.
    """

    blocks: list[Block]
    findings: list[Finding]
    windows_s: dict[str, float]


def clean(readings: Readings, options: ReadOptions, path: str, prefix: str = "") -> Cleaned:
    """Clean the readings of one file.

    Parameters
    ----------
    readings
        As a reader returned them.
    options
        What the user said.
    path
        Of the file, for errors.
    prefix
        Put in front of the channels' names.

    Raises
    ------
    LoadDataError
        If the samples cannot be used as they stand.
    """
    channels, findings = _split(readings, options, path)
    names = tuple(channel.name for channel in channels)
    findings = [Finding(w.code, names, w.count, w.message) for w in readings.warnings] + findings
    blocks = blocks_of(channels, path)
    is_reported = any(warning.code == "unreadable_cells" for warning in readings.warnings)
    blocks, found = drop_missing(blocks, path, is_reported)
    findings += found
    if readings.clock == "naive":
        blocks, found = undo_clock_changes(blocks)
        findings += found
    blocks, found = sort_late_samples(blocks, path)
    findings += found
    blocks, found = average_duplicates(blocks, path)
    findings += found
    if readings.clock == "naive":
        detail = "the times are local, without a zone"
        findings.append(Finding("naive_time", names, 1, detail, "only their differences are used"))
    findings += find_gaps(blocks, path, options.max_gap_s)
    known_s = options.sensor_window_s if options.sensor_window_s is not None else readings.sensor_window_s
    windows_s, found = look_at_sensor(blocks, known_s)
    findings += found
    blocks, found = clip_negative(blocks, path)
    findings += found
    findings += find_spikes(blocks)
    return _named(Cleaned(blocks, findings, windows_s), prefix)


def already_clean(readings: Readings, window_s: float | None, prefix: str = "") -> Cleaned:
    """Take the readings of a file that was written from a trace as they are."""
    names = tuple(channel.name for channel in readings.channels)
    findings = [Finding(w.code, names, w.count, w.message) for w in readings.warnings]
    blocks = [Block((c.name,), c.time_s, (c.power_w,), c.line) for c in readings.channels]
    return _named(Cleaned(blocks, findings, dict.fromkeys(names, window_s) if window_s else {}), prefix)


def _split(readings: Readings, options: ReadOptions, path: str) -> tuple[tuple[Channel, ...], list[Finding]]:
    if not readings.indexed and len(readings.channels) == 1:
        return split_devices(readings.channels[0], options.devices, path)
    if options.devices not in (None, len(readings.channels)):
        raise LoadDataError(
            f"devices={options.devices} does not fit: the file names {len(readings.channels)} channels",
            path=path,
            hint="devices is for files whose rows do not say whose they are",
        )
    return readings.channels, []


def _named(cleaned: Cleaned, prefix: str) -> Cleaned:
    if not prefix:
        return cleaned
    return Cleaned(
        [replace(block, names=tuple(prefix + name for name in block.names)) for block in cleaned.blocks],
        [replace(f, channels=tuple(prefix + name for name in f.channels)) for f in cleaned.findings],
        {prefix + name: window_s for name, window_s in cleaned.windows_s.items()},
    )
