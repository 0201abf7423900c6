"""Logs of ``nvidia-smi --query-gpu=timestamp,index,power.draw --format=csv``, with or without units and header.

What the columns mean: ``nvidia-smi --help-query-gpu``. ``power.draw`` is the last measured draw and, on Ampere and
newer except GA100, the average over one second; ``power.draw.instant`` has no such average.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from loads.errors import LoadDataError
from loads.readers.device_table import DeviceTable, read_device_table
from loads.readers.layout import Layout, find_layout, names_in, split_cells
from loads.readers.readings import Readings, ReadOptions
from loads.readers.source import SourceFile
from loads.readers.timestamps import text_to_ns
from loads.readers.units import split_unit

AVERAGE_WINDOW_S = 1.0
"""Documented averaging of power.draw and power.draw.average."""

_BEST_FIRST = ("power.draw.instant", "power.draw", "power.draw.average")
_NOTE = "power without a unit is taken as W, as nvidia-smi defines it"
_IDENTITIES = ("index", "gpu_uuid", "uuid", "pci.bus_id", "gpu_bus_id", "gpu_serial", "serial")
_GA100 = re.compile(r"\b(A100|A800|A30)\b")
_CELL_OF_POWER = re.compile(r"\d+(\.\d+)? W")
_CELL_OF_IDENTITY = re.compile(r"GPU-[0-9a-fA-F-]{8,}|[0-9a-fA-F]{8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.\d")


def looks_like(file: SourceFile) -> bool:
    """Whether there is a column ``power.draw``, or no header but a time and a power with its unit."""
    names = names_in(file)
    return any(_base(name) in _BEST_FIRST for name in names) or (bool(names) and _is_row(find_layout(file)))


def read(file: SourceFile, options: ReadOptions) -> Readings:
    """Read the power of each GPU.

    Without ``index``, ``uuid`` or ``pci.bus_id`` the rows do not say whose they are.

    Raises
    ------
    LoadDataError
        If the table is malformed, or has no header and several powers.
    """
    layout = find_layout(file)
    if _is_row(layout):
        return _read_without_header(file, layout, options)
    bases = [_base(name) for name in layout.names]
    powers = [bases.index(name) for name in _BEST_FIRST if name in bases]
    identities = [bases.index(name) for name in _IDENTITIES if name in bases]
    if not powers and options.power_column is None:
        raise LoadDataError(
            "no column power.draw",
            path=file.path,
            line=layout.header_line,
            hint=f"give power_column, one of {', '.join(layout.names)}",
        )
    averaged = None if _has_no_average(file, layout, bases) else AVERAGE_WINDOW_S
    windows_s = [None if bases[index] == _BEST_FIRST[0] else averaged for index in powers]
    bare = options.power_unit is None and all(split_unit(layout.names[index])[1] is None for index in powers)
    notes = (_NOTE,) if powers and bare else ()
    tool = DeviceTable("nvidia-smi", powers, identities[:1], "W" if powers else None, windows_s, notes)
    return read_device_table(file, layout, tool, options)


def _read_without_header(file: SourceFile, layout: Layout, options: ReadOptions) -> Readings:
    cells = layout.first_cells
    powers = [index for index, cell in enumerate(cells) if _CELL_OF_POWER.fullmatch(cell)]
    time = next(index for index, cell in enumerate(cells) if _is_time(cell))
    devices = [index for index, cell in enumerate(cells) if _CELL_OF_IDENTITY.fullmatch(cell)]
    names = [f"column {index + 1}" for index in range(len(cells))]
    names[time] = "timestamp"
    if len(powers) > 1 and options.power_column is None:
        listed = ", ".join(names[index] for index in powers)
        raise LoadDataError(
            f"without a header it is open which power is the draw: {listed}",
            path=file.path,
            line=layout.first_line,
            hint=f"give power_column, one of {listed}",
        )
    headless = replace(layout, names=tuple(names), header_line=layout.first_line - 1)
    note = "the table has no header: its power is taken as power.draw of nvidia-smi"
    tool = DeviceTable("nvidia-smi", powers[:1], devices[:1], None, [AVERAGE_WINDOW_S], (note,))
    return read_device_table(file, headless, tool, options)


def _base(name: str) -> str:
    return split_unit(name)[0].lower()


def _is_row(layout: Layout) -> bool:
    """Whether the table begins with a row, which has a time and a power with its unit."""
    cells = layout.first_cells
    return any(_CELL_OF_POWER.fullmatch(cell) for cell in cells) and any(map(_is_time, cells))


def _is_time(cell: str) -> bool:
    return bool(text_to_ns([cell])[1][0])


def _has_no_average(file: SourceFile, layout: Layout, bases: Sequence[str]) -> bool:
    """Whether the table names GPUs with a GA100 chip, whose power.draw is no average."""
    column = next((bases.index(name) for name in ("name", "gpu_name") if name in bases), None)
    if column is None:
        return False
    rows = (split_cells(line, layout.delimiter) for line in file.head[layout.header_line :])
    models = [cells[column] for cells in rows if len(cells) == len(layout.names)]
    return bool(models) and all(_GA100.search(model) for model in models if model != layout.names[column])
