"""Tables of AMD's tools: ``rocm-smi --showpower --csv`` and ``amd-smi metric --power --csv`` (also ``monitor``).

Neither writes a unit that a machine could rely on; both report socket power in watts. Without ``--watch`` they write no
times either: the table is then one snapshot after another, each with its header.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from loads.readers.columns import identity_columns
from loads.readers.device_table import DeviceTable, read_device_table
from loads.readers.layout import find_layout, names_in
from loads.readers.readings import Readings, ReadOptions
from loads.readers.source import SourceFile
from loads.readers.units import split_unit

_ROCM_BEST_FIRST = ("current socket graphics package power", "average graphics package power", "card power")
_AMD_BEST_FIRST = ("current_socket_power", "socket_power", "average_socket_power", "power_usage", "power")
_NOTE = "power without a unit is taken as W, as {} defines it"


class _Tool:
    """One of the two tools, a format of its own."""

    def __init__(self, name: str, powers: Sequence[str]) -> None:
        self.name = name
        self._powers = powers

    def looks_like(self, file: SourceFile) -> bool:
        """Whether the file has a device in each row, and a column of power as the tool names it."""
        names = names_in(file)
        found = self._columns(names)
        # `power` alone is anybody's; the table that `amd-smi monitor` prints heads it so.
        is_own = bool({"gpu_temp", "gpu_t", "mem_temp", "mem_t"} & {name.lower() for name in names})
        return bool(identity_columns(names)) and any(
            split_unit(names[at])[0].lower() != "power" or is_own for at in found
        )

    def read(self, file: SourceFile, options: ReadOptions) -> Readings:
        """Read the power of each device; without times, `ReadOptions.interval_s` must be given.

        Raises
        ------
        LoadDataError
            If the table is malformed, or there are neither times nor an interval.
        """
        layout = find_layout(file)
        table = DeviceTable(
            self.name,
            self._columns(layout.names),
            identity_columns(layout.names),
            "W",
            notes=(_NOTE.format(self.name),),
        )
        return read_device_table(file, layout, table, options)

    def _columns(self, names: Sequence[str]) -> list[int]:
        bases = [re.sub(r"\s+", " ", split_unit(name)[0].lower()) for name in names]
        return [bases.index(name) for name in self._powers if name in bases]


ROCM_SMI = _Tool("rocm-smi", _ROCM_BEST_FIRST)
AMD_SMI = _Tool("amd-smi", _AMD_BEST_FIRST)
