"""What every reader hands on: the rows of a file, channel by channel, in SI units and otherwise as they stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from loads.trace import TraceWarning

Floats = NDArray[np.float64]
Clock = Literal["utc", "naive", "relative"]


@dataclass(frozen=True)
class ReadOptions:
    """What the user said about a file; None where the file itself is to tell.

    Parameters
    ----------
    power_unit, time_unit
        mW, W, kW, MW or GW, and ns, us, ms or s: needed where the file does not tell, and stronger than it.
    power_column, time_column, device_column
        Names of table columns, where there is a choice.
    devices
        Number of devices whose rows take turns in a file that does not name them.
    rated_w
        Power that a normalised power of 1 stands for, such as the TDP.
    interval_s
        Distance between samples, for a file without times.
    sensor_window_s
        Averaging window of the sensor, where it is known better than from the format.
    max_gap_s
        Longest gap [s] that is filled with a straight line; a longer one is an error.
    trim_idle
        Whether an idle head and tail are cut off.
    """

    power_unit: str | None = None
    time_unit: str | None = None
    power_column: str | None = None
    time_column: str | None = None
    device_column: str | None = None
    devices: int | None = None
    rated_w: float | None = None
    interval_s: float | None = None
    sensor_window_s: float | None = None
    max_gap_s: float = 60.0
    trim_idle: bool = False


@dataclass(frozen=True, eq=False)
class Channel:
    """One column of power, or the rows of one device, in the file's order.

    Parameters
    ----------
    name
        Of the device or column.
    time_s
        Shape (n,): seconds since `Readings.origin_ns`. Not necessarily in order.
    power_w
        Shape (n,); NaN where a cell holds no number.
    line
        Shape (n,): line of the file, counted from 1; None in a file without lines. Channels of one wide table
        share this array and `time_s`.
    """

    name: str
    time_s: Floats
    power_w: Floats
    line: NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False)
class Readings:
    """The rows of one file.

    Parameters
    ----------
    channels
        At least one. Channels that are parts or totals of others have been left out, with a note.
    format
        Name of the format, a key of `loads.readers.FORMATS`.
    power_unit, time_unit
        As they stood in the file (standard spelling); the arrays are in W and s already. A text time stamp has
        the unit ``"timestamp"``.
    clock
        ``"utc"`` for epoch times and time stamps with a zone, ``"naive"`` for local times without, ``"relative"``
        for times since some start.
    origin_ns
        Nanoseconds since 1970 (of the clock named) at time 0; 0 for a relative clock.
    indexed
        Whether the rows say whose they are. False: several devices may take turns, see `ReadOptions.devices`.
    sensor_window_s
        Averaging window that the format's definition gives; None if it gives none.
    notes
        Assumptions, one sentence each.
    warnings
        Oddities of the file as such (cells, rows); those of the samples are found later, by cleaning.
    """

    channels: tuple[Channel, ...]
    format: str
    power_unit: str
    time_unit: str
    clock: Clock
    origin_ns: int = 0
    indexed: bool = True
    sensor_window_s: float | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[TraceWarning, ...] = field(default=())
