"""MLPerf power logs: ``:::MLLOG {json}`` lines with the key ``power_reading``."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import numpy as np
import pandas as pd

from loads.errors import LoadDataError
from loads.readers.readings import Channel, Floats, Readings, ReadOptions
from loads.readers.rows import BadRows, numbered_lines, refuse_columns, unreadable_cells
from loads.readers.source import SourceFile
from loads.readers.timestamps import numbers_to_times
from loads.readers.units import POWER_UNITS, power_unit, time_unit
from loads.trace import TraceWarning

PREFIX = ":::MLLOG"
POWER_KEY = "power_reading"
EFFICIENCY_KEY = "conversion_eff"
DEVICE_KEYS = ("host", "hostname", "node", "device", "gpu")
"""Metadata that say whose reading it is; those present are joined."""


def looks_like(file: SourceFile) -> bool:
    """Whether a line of the head holds an MLLOG record; launchers may put a rank or a time before it."""
    return any(PREFIX in line for line in file.head)


def read(file: SourceFile, options: ReadOptions) -> Readings:
    """Read the power readings: ``time_ms`` is epoch milliseconds, ``value`` watts unless a unit is given.

    Records with other keys, malformed records and lines of other programs are skipped and counted. A ``value`` that is
    no number is a missing cell. Readings whose metadata name different hosts or devices become channels.

    Raises
    ------
    LoadDataError
        If there is no power reading, or if more than half of the lines are malformed.
    """
    refuse_columns(options, "mllog", file.path)
    unit = power_unit(options.power_unit or "W", file.path)
    ticks = time_unit(options.time_unit or "ms", file.path)
    log = _Log(BadRows(file.path))
    for number, line in numbered_lines(file):
        log.take(number, line)
    # Lines of other programs, such as the training itself, say nothing about the log's own.
    warnings = log.bad.warnings(len(log.lines) + log.others.total() + log.foreign)
    if not log.lines:
        raise LoadDataError(f"no record has the key {POWER_KEY!r}", path=file.path, hint=_others(log.others))
    if log.others:
        skipped = f"records with other keys skipped: {_others(log.others)}"
        warnings += (TraceWarning("other_records", log.others.total(), skipped),)
    times = numbers_to_times(np.array(log.times), ticks, column="time_ms", path=file.path)
    channels = log.channels(times.time_s, POWER_UNITS[unit])
    assumed = () if options.power_unit else (f"{POWER_KEY} is taken as W, as the MLPerf power logs define it",)
    return Readings(
        channels=channels,
        format="mllog",
        power_unit=unit,
        time_unit=times.unit,
        clock=times.clock,
        origin_ns=times.origin_ns,
        # The rules of MLPerf ask for a log a node, so rows without a name are of one node.
        indexed=options.devices is None,
        notes=(*assumed, *log.notes),
        warnings=warnings + unreadable_cells(channels),
    )


@dataclass
class _Log:
    """What has been read so far: of each reading its time as written, power, line and channel."""

    bad: BadRows
    times: list[int | float] = field(default_factory=list)
    powers: list[float] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    foreign: int = 0
    notes: dict[str, None] = field(default_factory=dict)

    def take(self, number: int, line: str) -> None:
        if PREFIX not in line:
            self.foreign += 1
            self.bad.add(number, f"expected {PREFIX} {{json}}, got {line[:40]!r}")
            return
        record = _record(line)
        if isinstance(record, str):
            self.bad.add(number, record)
        elif record["key"] != POWER_KEY:
            self.others[record["key"]] += 1
            if record["key"] == EFFICIENCY_KEY:
                self.notes[_efficiency(record)] = None
        elif not _is_number(record.get("time_ms")):
            self.bad.add(number, f"time_ms of a {POWER_KEY} is {str(record.get('time_ms'))[:40]!r}")
        else:
            value = record.get("value")
            self.times.append(record["time_ms"])
            self.powers.append(_power(value))
            self.lines.append(number)
            self.names.append(_channel_name(record.get("metadata")))

    def channels(self, time_s: Floats, watts: float) -> tuple[Channel, ...]:
        codes, names = pd.factorize(np.array(self.names, dtype=object))
        power_w = np.array(self.powers) * watts
        lines = np.array(self.lines, dtype=np.int64)
        return tuple(
            Channel(name, time_s[codes == code], power_w[codes == code], lines[codes == code])
            for code, name in enumerate(names)
        )


def _record(line: str) -> dict[str, Any] | str:
    """Return the record of a line, or what is wrong with it."""
    text = line.partition(PREFIX)[2]
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        return f"{error.msg} at column {len(line) - len(text) + error.colno}"
    except (RecursionError, ValueError) as error:
        # Nested too deeply, or a number of thousands of digits.
        return str(error)
    if not isinstance(record, dict) or not isinstance(record.get("key"), str):
        return f"expected a record with a key, got {text.strip()[:40]!r}"
    return record


def _is_number(value: Any) -> TypeGuard[int | float]:
    if isinstance(value, float):
        return math.isfinite(value)
    # An integer of any length is valid JSON.
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _power(value: Any) -> float:
    try:
        number = float(value) if isinstance(value, str) or _is_number(value) else math.nan
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _channel_name(metadata: Any) -> str:
    if not isinstance(metadata, dict):
        return "power"
    named = [str(metadata[key]) for key in DEVICE_KEYS if isinstance(metadata.get(key), str | int)]
    return "/".join(named) or "power"


def _efficiency(record: dict[str, Any]) -> str:
    metadata = record.get("metadata")
    kind = metadata.get("measurement_type") if isinstance(metadata, dict) else None
    side = {"AC": "AC power at the wall", "DC": "DC power behind the supplies"}.get(str(kind), "of a kind not stated")
    return f"the log states {EFFICIENCY_KEY} {record.get('value')}; its readings are {side}, and taken as they stand"


def _others(others: Counter[str]) -> str:
    return "keys are " + ", ".join(f"{key} ({count})" for key, count in others.most_common(10)) if others else ""
