"""Recorded requests to a language model: tables of a time, prompt tokens and generated tokens, one request a row."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute as pc
from pyarrow import csv as pa_csv
from pydantic.dataclasses import dataclass

from loads.errors import LoadDataError
from loads.readers.rows import BadRows
from loads.readers.source import SourceFile
from loads.readers.timestamps import Times, ns_to_times, numbers_to_times, text_to_ns
from loads.readers.units import split_unit, time_unit
from loads.segments import Floats
from loads.trace import Provenance, TraceWarning
from loads.workloads.arrivals import Ints, Requests
from loads.workloads.plain import CLOSED, Number, Whole

COLUMNS = {
    "time": ("timestamp", "time", "arrival", "arrivals", "arrivaltime", "arrivedat", "arrivaltimestamp"),
    "prompt tokens": (
        "contexttokens",
        "numprefilltokens",
        "prompttokens",
        "numprompttokens",
        "inputtokens",
        "requesttokens",
        "inputlength",
    ),
    "generated tokens": (
        "generatedtokens",
        "numdecodetokens",
        "outputtokens",
        "numoutputtokens",
        "completiontokens",
        "responsetokens",
        "outputlength",
    ),
}
"""Names of the columns, in lower case without underscores and blanks; a time may have its unit at the end."""


def is_arrivals(path: str | Path) -> bool:
    """Whether a file's header names a time, prompt tokens and generated tokens."""
    file = SourceFile.open(path)
    names = _header(file) if file.head else []
    return all(any(_plain(role, name) in COLUMNS[role] for name in names) for role in COLUMNS)


def read_arrivals(path: str | Path, *, unit: str | None = None) -> Requests:
    """Read a table of requests, such as ``TIMESTAMP,ContextTokens,GeneratedTokens``.

    Parameters
    ----------
    path
        Comma separated, with a header; may be compressed.
    unit
        Of numeric times: ns, us, ms or s. None: as in the column's name, else assumed with a warning.

    Returns
    -------
    Requests
        In the order of time, the first at 0.

    Raises
    ------
    LoadDataError
        If the file cannot be read, a column is missing, or more than half of the rows are malformed.

    Notes
    -----
    Warnings in the provenance: ``malformed_rows`` (skipped), ``unordered_times`` (sorted) and ``empty_requests`` (token
    counts below 1, as of failed requests, taken as 1).
    """
    file = SourceFile.open(path)
    table, lines, malformed = _table(file)
    names = {role: _column(role, table.column_names, file.path) for role in COLUMNS}
    times, readable = _times(table[names["time"]], names["time"], unit, file.path)
    prompt = _whole_numbers(table[names["prompt tokens"]])
    generated = _whole_numbers(table[names["generated tokens"]])
    good = readable & np.isfinite(prompt) & np.isfinite(generated)
    for row in np.flatnonzero(~good):
        cells = ",".join(str(table[name][row]) for name in names.values())
        malformed.append((int(lines[row]), f"expected a time and two whole numbers of tokens, got {cells[:60]!r}"))
    bad = BadRows(file.path)
    for line, reason in sorted(malformed):
        bad.add(line, reason)
    warnings = list(times.warnings + bad.warnings(int(good.sum())))
    if not good.any():
        raise LoadDataError("the table has no requests", path=file.path)
    arrival_s, prompt, generated = times.time_s[good], prompt[good], generated[good]
    backwards = int((np.diff(arrival_s) < 0.0).sum())
    if backwards:
        warnings.append(
            TraceWarning("unordered_times", backwards, f"{backwards} times are before the row above: sorted")
        )
        order = np.argsort(arrival_s, kind="stable")
        arrival_s, prompt, generated = arrival_s[order], prompt[order], generated[order]
    empty = int(((prompt < 1) | (generated < 1)).sum())
    if empty:
        message = f"{empty} requests have token counts below 1, taken as 1"
        warnings.append(TraceWarning("empty_requests", empty, message))
    provenance = Provenance(
        "recorded",
        "recorded request arrivals",
        path=file.path,
        sha256=file.sha256,
        format="arrivals",
        time_unit=times.unit,
        warnings=tuple(warnings),
    )
    return Requests(
        arrival_s - arrival_s[0],
        np.maximum(prompt, 1.0).astype(np.int64),
        np.maximum(generated, 1.0).astype(np.int64),
        provenance,
    )


@dataclass(frozen=True, config=CLOSED)
class RecordedArrivals:
    """Requests of a recorded file, the first at time 0.

    Parameters
    ----------
    file, unit
        See `read_arrivals`.
    rate_scale
        How many times faster than recorded they come; token counts stay.
    loop
        Whether the recording starts anew, one mean gap after its last request; if not, no more requests come.

    Notes
    -----
    A recording is what it is: two draws differ in nothing. Where several models use one file, let each begin at a
    random place of it (`skip_start_s` of `loads.workloads.serving.ServingModel`).
    """

    file: str
    rate_scale: Number = 1.0
    loop: bool = True
    unit: str | None = None
    type: Literal["recorded"] = "recorded"

    def __post_init__(self) -> None:
        if not 0.0 < self.rate_scale < np.inf:
            raise ValueError(f"rate_scale must be above 0, got {self.rate_scale}")

    @cached_property
    def requests(self) -> Requests:
        """As recorded."""
        return read_arrivals(self.file, unit=self.unit)

    @property
    def mean_tokens(self) -> tuple[float, float]:
        """Mean prompt and generated tokens of a request."""
        return float(self.requests.prompt_tokens.mean()), float(self.requests.generated_tokens.mean())

    def draw(self, duration_s: float, seed: np.random.SeedSequence) -> Requests:  # noqa: ARG002 (nothing is random)
        """Return the requests that arrive before `duration_s`.

        Raises
        ------
        LoadDataError
            If the file cannot be used, or is to be looped and has no duration.
        """
        recorded = self.requests
        count = recorded.arrival_s.size
        passes = 1
        period_s = 0.0
        if self.loop:
            period_s = float(recorded.arrival_s[-1]) * count / max(count - 1, 1)
            if period_s == 0.0:
                raise LoadDataError("all requests come at one time", path=self.file, hint="give loop: false")
            passes = max(int(np.ceil(duration_s * self.rate_scale / period_s)), 1)
        starts_s = period_s * np.arange(passes)
        arrival_s = (starts_s[:, np.newaxis] + recorded.arrival_s).ravel() / self.rate_scale
        kept = arrival_s < duration_s
        return Requests(
            arrival_s[kept],
            np.tile(recorded.prompt_tokens, passes)[kept],
            np.tile(recorded.generated_tokens, passes)[kept],
            recorded.provenance,
        )


def _table(file: SourceFile) -> tuple[pa.Table, Ints, list[tuple[int, str]]]:
    """Read all cells as text; also the line of each row, and the lines that do not fit the header with the reason."""
    malformed: list[tuple[Whole, str]] = []
    left_out: list[Whole] = []

    def skip(row: pa_csv.InvalidRow) -> str:
        left_out.append(row.number)
        malformed.append((row.number, f"expected {row.expected_columns} cells, got {row.text[:60]!r}"))
        return "skip"

    try:
        with file.stream() as stream:
            header = _header(file)
            table = pa_csv.read_csv(
                stream,
                # One thread, and blank lines as rows of empty cells: only so are rows numbered.
                read_options=pa_csv.ReadOptions(use_threads=False, column_names=header, skip_rows=1),
                parse_options=pa_csv.ParseOptions(invalid_row_handler=skip, ignore_empty_lines=False),
                convert_options=pa_csv.ConvertOptions(column_types=dict.fromkeys(header, pa.string())),
            )
    except (OSError, pa.ArrowException) as error:
        raise LoadDataError(f"is not a comma separated table: {error}", path=file.path) from error
    lines = np.setdiff1d(np.arange(2, table.num_rows + len(left_out) + 2), np.array(left_out, dtype=np.int64))
    blank = np.logical_and.reduce([pc.equal(pc.utf8_trim_whitespace(column), "") for column in table.columns])
    return table.filter(~blank), lines[~blank], malformed


def _header(file: SourceFile) -> list[str]:
    """Return the names in the first line."""
    if not file.head:
        raise LoadDataError("the file is not text", path=file.path, hint="expected a table of requests")
    return [name.strip().strip('"') for name in file.head[0].split(",")]


def _column(role: str, columns: list[str], path: str) -> str:
    """Return the one column that has a role."""
    found = [name for name in columns if _plain(role, name) in COLUMNS[role]]
    if len(found) != 1:
        which = f"columns {', '.join(found)} may all be" if found else "no column is"
        raise LoadDataError(
            f"{which} the {role}; the table has {', '.join(columns)}",
            path=path,
            line=1,
            hint=f"expected one of {', '.join(COLUMNS[role])} (in any case, with underscores or not)",
        )
    return found[0]


def _plain(role: str, name: str) -> str:
    base = split_unit(name)[0] if role == "time" else name
    return re.sub(r"[\s_-]", "", base).lower()


def _times(cells: pa.ChunkedArray, name: str, unit: str | None, path: str) -> tuple[Times, NDArray[np.bool_]]:
    """Return the times of all rows, and which of them can be read."""
    numbers = pd.to_numeric(cells.to_pandas(), errors="coerce").to_numpy()
    readable = np.isfinite(numbers)
    if readable.sum() * 2 < readable.size:
        ns, legible, clock = text_to_ns(cells)
        if legible.sum() > readable.sum():
            return ns_to_times(ns, clock), legible
    written = unit or split_unit(name)[1]
    if not readable.all():
        numbers = np.where(readable, numbers, numbers[readable][0])
    return numbers_to_times(numbers, written and time_unit(written, path), column=name, path=path), readable


def _whole_numbers(cells: pa.ChunkedArray) -> Floats:
    """Return the numbers in the cells, NaN where there is no whole number."""
    numbers = pd.to_numeric(cells.to_pandas(), errors="coerce").to_numpy(dtype=np.float64)
    return np.where(numbers == np.floor(numbers), numbers, np.nan)
