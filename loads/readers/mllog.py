"""MLPerf power logs: ``:::MLLOG {json}`` lines with the key ``power_reading``."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import numpy as np

from loads.errors import LoadDataError
from loads.readers.samples import ReadOptions, Samples, TextFile, to_trace
from loads.readers.units import power_unit, time_unit
from loads.trace import Trace, TraceWarning

PREFIX = ":::MLLOG"
POWER_KEY = "power_reading"


def looks_like(file: TextFile) -> bool:
    """Whether the first line that is not blank is an MLLOG record."""
    return next((line for line in file.lines if line.strip()), "").lstrip().startswith(PREFIX)


def read(file: TextFile, options: ReadOptions) -> Trace:
    """Read the power readings: ``time_ms`` is epoch milliseconds, ``value`` watts unless a unit is given.

    Records with other keys are skipped and counted in the warnings.
    """
    if options.power_column or options.time_column:
        raise LoadDataError("format mllog has no columns to choose from", path=file.path)
    times: list[int | float] = []
    powers: list[float] = []
    lines: list[int] = []
    skipped: Counter[str] = Counter()
    for number, line in enumerate(file.lines, start=1):
        if not line.strip():
            continue
        record = _record(line, file.path, number)
        if record["key"] != POWER_KEY:
            skipped[str(record["key"])] += 1
            continue
        times.append(_number(record, "time_ms", file.path, number))
        powers.append(_number(record, "value", file.path, number))
        lines.append(number)
    warnings: tuple[TraceWarning, ...] = ()
    if skipped:
        listed = ", ".join(f"{key} ({count})" for key, count in skipped.items())
        warnings = (TraceWarning("other_records", skipped.total(), f"records with other keys skipped: {listed}"),)
    notes = () if options.power_unit else (f"{POWER_KEY} is taken as W, as the MLPerf power logs define it",)
    samples = Samples(
        time=np.array(times),
        power=np.array(powers, dtype=np.float64),
        lines=np.array(lines, dtype=np.int64),
        format="mllog",
        power_unit=power_unit(options.power_unit or "W", file.path),
        time_unit=time_unit(options.time_unit or "ms", file.path),
        notes=notes,
        warnings=warnings,
    )
    return to_trace(file, samples)


def _record(line: str, path: str, number: int) -> dict[str, Any]:
    text = line.strip()
    try:
        record = json.loads(text.removeprefix(PREFIX)) if text.startswith(PREFIX) else None
    except json.JSONDecodeError as error:
        raise LoadDataError(
            f"malformed record: {error.msg}",
            path=path,
            line=number,
            column=error.colno,
            hint=f"expected {PREFIX} {{json}}",
        ) from error
    except RecursionError as error:
        raise LoadDataError("malformed record: nested too deeply", path=path, line=number) from error
    if not isinstance(record, dict) or "key" not in record:
        raise LoadDataError(
            f"malformed record: {text[:40]!r}",
            path=path,
            line=number,
            hint=f'expected {PREFIX} {{"key": ...}}',
        )
    return record


def _number(record: dict[str, Any], name: str, path: str, line: int) -> int | float:
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise LoadDataError(
            f"{name} of a {POWER_KEY} is {value!r}",
            path=path,
            line=line,
            column=name,
            hint="expected a number",
        )
    return value
