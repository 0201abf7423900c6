"""Logs of a power analyser behind SPEC PTDaemon (``spl.txt`` of MLPerf): ``key,value`` pairs without a header."""

from __future__ import annotations

import math
import re
from collections import Counter

import numpy as np

from loads.errors import LoadDataError
from loads.readers.readings import Channel, Floats, Readings, ReadOptions
from loads.readers.rows import BadRows, first_line, numbered_lines, refuse_columns, unreadable_cells
from loads.readers.source import SourceFile
from loads.readers.timestamps import ns_to_times, text_to_ns
from loads.readers.units import POWER_UNITS, power_unit

_FIRST = re.compile(r"Time,\s*\d\d-\d\d-\d{4} [\d:.]+,.*\bWatts,")
_PHASE = re.compile(r"Ch\d+$")


def looks_like(file: SourceFile) -> bool:
    """Whether the first line has a time and watts by their keys."""
    return _FIRST.match(first_line(file)) is not None


def read(file: SourceFile, options: ReadOptions) -> Readings:
    """Read the total power of the analyser; its channels ``Ch1``, ``Ch2``, ... are parts of it.

    Times are local, in US order of the date. A line with another number of fields than most is cut off or mixed up:
    it is skipped and counted. A negative power is PTDaemon's way to say that there is no reading.

    Raises
    ------
    LoadDataError
        If no line has a time and watts, or if more than half of the lines are malformed.
    """
    refuse_columns(options, "ptdaemon", file.path)
    unit = power_unit(options.power_unit or "W", file.path)
    bad = BadRows(file.path)
    rows = [(number, line.split(",")) for number, line in numbered_lines(file)]
    usual = _usual_length([fields for _, fields in rows])
    lines: list[int] = []
    stamps: list[str] = []
    numbers: list[tuple[float, float]] = []
    phases: set[str] = set()
    for number, fields in rows:
        pairs = _pairs(fields)
        if len(fields) != usual or "Time" not in pairs or "Watts" not in pairs:
            bad.add(number, f"expected {usual} fields with Time and Watts, got {','.join(fields)[:40]!r}")
            continue
        lines.append(number)
        stamps.append(pairs["Time"])
        numbers.append((_number(pairs["Watts"]), _number(pairs.get("PF", ""))))
        phases.update(name for name in fields if _PHASE.match(name))
    ns, readable, clock = text_to_ns(stamps)
    usable = readable & (ns >= 0)
    for at in np.flatnonzero(~usable):
        bad.add(lines[at], f"{stamps[at][:40]!r} is no time")
    warnings = bad.warnings(int(usable.sum()))
    if not usable.any():
        raise LoadDataError("no line has a time and watts", path=file.path)
    watts, power_factor = np.array(numbers, dtype=np.float64)[usable].T
    watts = np.where(watts < 0, np.nan, watts)
    times = ns_to_times(ns[usable], clock)
    channel = Channel("analyser", times.time_s, watts * POWER_UNITS[unit], np.array(lines, dtype=np.int64)[usable])
    return Readings(
        channels=(channel,),
        format="ptdaemon",
        power_unit=unit,
        time_unit=times.unit,
        clock=times.clock,
        origin_ns=times.origin_ns,
        indexed=options.devices is None,
        notes=_notes(sorted(phases), watts, power_factor),
        warnings=warnings + unreadable_cells((channel,), "are negative or hold no number"),
    )


def _usual_length(rows: list[list[str]]) -> int:
    lengths = Counter(len(fields) for fields in rows if fields[0] == "Time")
    return lengths.most_common(1)[0][0] if lengths else 0


def _pairs(fields: list[str]) -> dict[str, str]:
    """Return what stands before the first channel, by its key."""
    end = next((at for at, name in enumerate(fields) if _PHASE.match(name)), len(fields))
    return dict(zip(fields[0:end:2], fields[1:end:2], strict=False))


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _notes(phases: list[str], watts: Floats, power_factor: Floats) -> tuple[str, ...]:
    notes = []
    if phases:
        notes.append(f"Watts is the total of {', '.join(phases)}, which are not added again")
    known = np.isfinite(watts) & (power_factor > 0) & (power_factor <= 1)
    if known.any():
        watts, power_factor = watts[known], power_factor[known]
        low, high = watts.min(), np.percentile(watts, 95)
        loaded = watts > (low + high) / 2
        if high >= 1.5 * low and loaded.any():
            notes.append(
                f"mean power factor {power_factor[~loaded].mean():.3f} idle, {power_factor[loaded].mean():.3f} loaded "
                f"(above {(low + high) / 2:.0f} W)"
            )
        else:
            notes.append(f"mean power factor {power_factor.mean():.3f}")
    return tuple(notes)
