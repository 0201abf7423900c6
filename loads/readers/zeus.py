"""Logs of the Zeus power monitor: ``Time,Power``, the power in mW without saying so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from loads.errors import LoadDataError
from loads.readers.device_table import DeviceTable, read_device_table
from loads.readers.layout import find_layout, split_cells
from loads.readers.readings import Readings, ReadOptions
from loads.readers.source import SourceFile
from loads.readers.timestamps import text_to_ns

HEADER = ("Time", "Power")

CREDIBLE_MW = (5e3, 3e6)
"""Milliwatts that one GPU may draw. The numbers of a table in W or kW are smaller."""


def looks_like(file: SourceFile) -> bool:
    """Whether the header is exactly ``Time,Power`` and the first time is a date."""
    lines = [line for line in file.head if line.strip()]
    if not lines or tuple(split_cells(lines[0], ",")) != HEADER:
        return False
    return len(lines) == 1 or bool(text_to_ns(split_cells(lines[1], ",")[:1])[1].all())


def read(file: SourceFile, options: ReadOptions) -> Readings:
    """Read the power of one GPU.

    Raises
    ------
    LoadDataError
        If the table is malformed, or its numbers are too small or large for mW.
    """
    layout = find_layout(file)
    note = "power without a unit is taken as mW, as the Zeus power monitor defines it"
    tool = DeviceTable("zeus", [1], [], "mW", notes=() if options.power_unit else (note,))
    readings = read_device_table(file, layout, tool, options)
    middle_mw = 1e3 * float(np.nanmedian(np.concatenate([channel.power_w for channel in readings.channels])))
    if readings.power_unit == "mW" and options.power_unit is None and not CREDIBLE_MW[0] <= middle_mw <= CREDIBLE_MW[1]:
        raise LoadDataError(
            f"the table looks like one of Zeus, whose power is in mW, but a median of {middle_mw:g} mW is no GPU's",
            path=file.path,
            column=HEADER[1],
            hint="give power_unit",
        )
    # One file is one GPU, unless the user knows better.
    return replace(readings, indexed=options.devices is None)
