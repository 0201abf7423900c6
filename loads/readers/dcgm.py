"""Tables of fields of NVIDIA's DCGM: power in W, an energy counter in mJ, and activity of the GPU's parts.

Units are those of the field identifiers' documentation: DCGM_FI_DEV_POWER_USAGE in W,
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION in mJ since the driver was loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from loads.readers.columns import device_names, find_time, identity_columns
from loads.readers.device_table import DeviceTable, read_device_table
from loads.readers.layout import Layout, find_layout, names_in
from loads.readers.readings import Channel, Readings, ReadOptions
from loads.readers.source import SourceFile
from loads.readers.table_rows import read_rows
from loads.readers.ticks import row_times, unit_of_time
from loads.trace import TraceWarning

POWER_WINDOW_S = 1.0
"""Averaging of the power that NVML reports, which DCGM passes on."""

COUNTER_TOLERANCE = 0.02
"""Share by which the energy of the samples may differ from the counter's."""

_POWERS = ("dcgm_fi_dev_power_usage", "power_w")
_SHORT_NAMES = ("power", "totec")
"""As ``dcgmi dmon`` heads its columns."""

_COUNTERS = ("dcgm_fi_dev_total_energy_consumption", "energy_mj", "total_energy_mj", _SHORT_NAMES[1])


def looks_like(file: SourceFile) -> bool:
    """Whether there is DCGM's power, ``power_w`` beside a counter ``energy_mj``, or a table of ``dcgmi dmon``."""
    names = [_plain(name) for name in names_in(file)]
    is_monitor = _SHORT_NAMES[0] in names and ("entity" in names or _SHORT_NAMES[1] in names)
    return is_monitor or _POWERS[0] in names or (_POWERS[1] in names and any(name in names for name in _COUNTERS))


def read(file: SourceFile, options: ReadOptions) -> Readings:
    """Read the power of each GPU, and compare its energy with the counter's: warning ``energy_counter``.

    Raises
    ------
    LoadDataError
        If the table is malformed, or leaves a unit or the time open.
    """
    layout = find_layout(file)
    lowered = [_plain(name) for name in layout.names]
    powers = [lowered.index(name) for name in (*_POWERS, _SHORT_NAMES[0]) if name in lowered][:1]
    devices = identity_columns(layout.names)
    notes = ("the sensor's window of 1 s is the one documented for NVML's power",)
    tool = DeviceTable("dcgm", powers, devices, "W", [POWER_WINDOW_S] * len(powers), notes)
    readings = read_device_table(file, layout, tool, options)
    counter = next((lowered.index(name) for name in _COUNTERS if name in lowered), None)
    if counter is None or options.power_column is not None or options.device_column is not None:
        return readings
    found = _compare(readings, _counter(file, layout, counter, devices, options, readings.channels[0].name))
    return replace(readings, warnings=(*readings.warnings, *found))


def _plain(name: str) -> str:
    return name.lower().removesuffix(" [w]")


def _counter(
    file: SourceFile, layout: Layout, column: int, devices: Sequence[int], options: ReadOptions, power: str
) -> dict[str, Channel]:
    """Read the counter in mJ, in a second pass over the file, into channels named like those of power."""
    time, _ = find_time(layout.names, options.time_column, file.path, layout.header_line)
    unit = unit_of_time(layout.names, time, options, file.path)
    rows = read_rows(file, layout, time=time, powers=[column], devices=devices, time_unit=unit)
    times, _ = row_times(rows, options, file.path)
    labels = device_names(rows.devices, [layout.names[at] for at in devices])
    return {
        channel.name: channel for channel in rows.channels(times.time_s, [rows.powers[0].power], [power], labels)[0]
    }


def _compare(readings: Readings, counters: dict[str, Channel]) -> list[TraceWarning]:
    different = []
    for channel in readings.channels:
        counter = counters.get(channel.name)
        if counter is None:
            continue
        # A last line that is cut short may be in one pass only.
        _, at, same = np.intersect1d(
            np.asarray(channel.line), np.asarray(counter.line), assume_unique=True, return_indices=True
        )
        step_s = np.diff(channel.time_s[at])
        energy_j = step_s * (channel.power_w[at][1:] + channel.power_w[at][:-1]) / 2
        counted_j = np.diff(counter.power_w[same]) * 1e-3
        # A counter that falls was reset; rows that go back in time are for cleaning to judge.
        usable = (step_s > 0) & np.isfinite(energy_j) & (counted_j >= 0)
        energy, counted = float(energy_j[usable].sum()), float(counted_j[usable].sum())
        if abs(energy - counted) > COUNTER_TOLERANCE * max(energy, counted):
            different.append(f"{channel.name}: {energy:.6g} J of power, {counted:.6g} J counted")
    if not different:
        return []
    message = f"energy by power and by counter differ by more than {COUNTER_TOLERANCE:.0%}: {'; '.join(different)}"
    return [TraceWarning("energy_counter", len(different), message)]
