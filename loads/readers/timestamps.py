"""Times as they are written, text or numbers, turned into nanoseconds since 1970 or seconds since a start.

The clock of a time is ``"utc"`` if it is epoch time or names its zone, ``"naive"`` if it is a date without a zone
(local time of some machine), and ``"relative"`` if it counts from some start.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from loads.errors import LoadDataError
from loads.readers.cells import cast_all
from loads.readers.readings import Clock, Floats
from loads.readers.units import TIME_UNITS
from loads.trace import TraceWarning

LONGEST_ASSUMED_STEP_S = 60.0
"""Numbers without a unit are taken as seconds only if they step by no more than this; larger ones may be ms."""

NS_PER_S = 1_000_000_000

_EPOCH_S = (1e9, 4e9)
"""Seconds since 1970 that are taken as epoch time: the years 2001 to 2096. A relative time is never that long."""

_TIME_OF_DAY = re.compile(r"\d{2}:\d{2}:\d{2}")
_SOME_DAY = "1970-01-02"
"""Of times of day without a date."""

_WRITTEN = (
    r"^\s*(?:(?P<year>\d{4})[-/](?P<month>\d{2})[-/](?P<day>\d{2})"
    r"|(?P<us_month>\d{2})-(?P<us_day>\d{2})-(?P<us_year>\d{4}))"
    r"[T _](?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9})\d*)?"
    r"\s*(?:(?P<utc>Z|UTC)|(?P<sign>[+-])(?P<zone_hour>\d{2}):?(?P<zone_minute>\d{2})?)?\s*$"
)


def text_to_ns(
    values: pa.Array | pa.ChunkedArray | Sequence[str],
) -> tuple[NDArray[np.int64], NDArray[np.bool_], Clock]:
    """Read date-times.

    Understood are ``2023/07/14 10:12:46.483``, ISO 8601 with T, blank or underscore between date and time, and the
    PTDaemon's ``MM-DD-YYYY HH:MM:SS.mmm`` (US order); fractions of 0 to 9 digits; the zones Z, UTC, +01:00;
    and times of day without a date.

    Parameters
    ----------
    values
        n texts. Nulls are unreadable.

    Returns
    -------
    ns
        Shape (n,): since 1970, UTC or of the local clock; 0 where unreadable.
    ok
        Shape (n,): whether the text is a time of the kind (with a zone, or without) that prevails.
    clock
        ``"utc"`` if most have a zone, else ``"naive"``.
    """
    if not isinstance(values, pa.Array | pa.ChunkedArray):
        values = pa.array(values, pa.string())
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if len(values) and _TIME_OF_DAY.match(values[0].as_py() or ""):
        values = pc.binary_join_element_wise(_SOME_DAY, values, " ")
    return _by_cast(values) or _by_pattern(values)


def _by_cast(values: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_], Clock] | None:
    """Read texts that are all well-formed and alike, which pyarrow does quickly; None if they are not."""
    if not len(values) or values.null_count:
        return None
    first = values[0].as_py()
    if len(first) < len("2023-07-14 10:12:46"):
        # pyarrow reads dates and hours alone too; here a time goes down to the second.
        return None
    if "/" in first:
        values = pc.replace_substring(values, "/", "-")
    elif first[10] == "_":
        values = pc.replace_substring(values, "_", " ")
    lengths = pc.min_max(pc.binary_length(values))
    if lengths["min"].as_py() < len("2023-07-14 10:12:46"):
        return None
    clocks: tuple[tuple[pa.DataType, Clock], ...] = ((pa.timestamp("ns"), "naive"), (pa.timestamp("ns", "UTC"), "utc"))
    for kind, clock in clocks:
        parsed = cast_all(values, kind)
        if parsed is not None:
            return parsed.cast(pa.int64()).to_numpy(), np.ones(len(values), dtype=bool), clock
    return None


def _by_pattern(values: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_], Clock]:
    """Read texts of which some may be anything; slower."""
    parts = pc.extract_regex(values, _WRITTEN)
    ok = pc.is_valid(parts).to_numpy(zero_copy_only=False)

    def number(name: str, other: str | None = None) -> NDArray[np.int64]:
        return _digits(pc.struct_field(parts, name)) + (_digits(pc.struct_field(parts, other)) if other else 0)

    month = number("month", "us_month")
    months = (number("year", "us_year") - 1970) * 12 + month - 1
    days = months.astype("M8[M]").astype("M8[D]") + (number("day", "us_day") - 1)
    hour, minute, second = number("hour"), number("minute"), number("second")
    ok &= (month >= 1) & (month <= 12) & (days.astype("M8[M]").astype(np.int64) == months)
    # A leap second is written as second 60.
    ok &= (hour < 24) & (minute < 60) & (second <= 60)
    fraction = pc.struct_field(parts, "fraction")
    zone = number("zone_hour") * 3600 + number("zone_minute") * 60
    zone *= np.where(_text_equals(pc.struct_field(parts, "sign"), "-"), -1, 1)
    seconds = days.astype(np.int64) * 86_400 + hour * 3600 + minute * 60 + second - zone
    # Years whose nanoseconds fit into 64 bits: 1678 to 2261.
    ok &= np.abs(seconds) < np.iinfo(np.int64).max // NS_PER_S
    ns = np.where(ok, seconds, 0) * NS_PER_S + _digits(pc.utf8_rpad(fraction, 9, "0"))
    zoned = ~_text_equals(pc.struct_field(parts, "utc"), "") | ~_text_equals(pc.struct_field(parts, "sign"), "")
    mostly_zoned = bool(np.count_nonzero(ok & zoned) * 2 > np.count_nonzero(ok))
    ok &= zoned == mostly_zoned
    return np.where(ok, ns, 0), ok, "utc" if mostly_zoned else "naive"


def _digits(text: pa.Array) -> NDArray[np.int64]:
    """Turn digits into numbers; 0 where there are none."""
    filled = pc.if_else(pc.equal(pc.fill_null(text, ""), ""), "0", pc.fill_null(text, "0"))
    return filled.cast(pa.int64()).to_numpy()


def _text_equals(text: pa.Array, value: str) -> NDArray[np.bool_]:
    return pc.equal(pc.fill_null(text, ""), value).to_numpy(zero_copy_only=False)


@dataclass(frozen=True, eq=False)
class Times:
    """Times of the rows of a file.

    Parameters
    ----------
    time_s
        Shape (n,): seconds since `origin_ns`.
    origin_ns
        Nanoseconds since 1970 at time 0; 0 for a relative clock.
    clock
        Of `loads.readers.readings.Readings`.
    unit
        As it stood in the file, or ``"timestamp"``.
    warnings
        What was assumed.
    """

    time_s: Floats
    origin_ns: int
    clock: Clock
    unit: str
    warnings: tuple[TraceWarning, ...] = ()


def ns_to_times(ns: NDArray[np.int64], clock: Clock) -> Times:
    """Return seconds since the first of some times in nanoseconds."""
    origin_ns = int(ns[0]) if ns.size else 0
    return Times((ns - origin_ns) / NS_PER_S, origin_ns, clock, "timestamp")


def numbers_to_times(
    values: NDArray[np.int64] | Floats, unit: str | None, *, column: str = "time", path: str | None = None
) -> Times:
    """Return numeric times in seconds; integers keep every digit, so epoch nanoseconds do.

    Times of 2001 to 2096 are epoch times, others count from some start and keep their offset.

    Parameters
    ----------
    values
        Shape (n,): finite.
    unit
        ns, us, ms or s; None if the file does not tell. Epoch times are then known by their size, and others are
        taken as seconds if their median step is at most `LONGEST_ASSUMED_STEP_S`; both with the warning
        ``assumed_time_unit``.
    column, path
        For messages.

    Raises
    ------
    LoadDataError
        If the unit is open.
    """
    warnings: tuple[TraceWarning, ...] = ()
    if unit is None:
        unit, why = _assumed_unit(values, column, path)
        message = f"column {column!r} has no time unit: taken as {unit}, since {why}"
        warnings = (TraceWarning("assumed_time_unit", values.size, message),)
    if not values.size:
        return Times(np.empty(0), 0, "relative", unit, warnings)
    per_s = TIME_UNITS[unit]
    if not _EPOCH_S[0] <= float(np.median(values)) / per_s <= _EPOCH_S[1]:
        return Times(values / per_s, 0, "relative", unit, warnings)
    # A damaged first time must not become the origin: it may not even fit into nanoseconds.
    epoch = (values >= _EPOCH_S[0] * per_s) & (values <= _EPOCH_S[1] * per_s)
    first = values[np.argmax(epoch)]
    origin_ns = int(first) * (NS_PER_S // per_s) if values.dtype.kind == "i" else round(float(first) / per_s * NS_PER_S)
    if values.dtype.kind == "i" and int(values.max()) - int(values.min()) > np.iinfo(np.int64).max:
        values = values.astype(np.float64)
    return Times((values - first) / per_s, origin_ns, "utc", unit, warnings)


def _assumed_unit(values: NDArray[np.int64] | Floats, column: str, path: str | None) -> tuple[str, str]:
    """Return a unit and the reason for it."""
    if values.size:
        middle = float(np.median(values))
        for unit, per_s in TIME_UNITS.items():
            if _EPOCH_S[0] * per_s <= middle <= _EPOCH_S[1] * per_s:
                return unit, "its numbers are as large as epoch times in that unit"
        steps = np.diff(np.unique(values))
        if steps.size and (step := float(np.median(steps))) <= LONGEST_ASSUMED_STEP_S:
            return "s", f"its numbers step by {step:g}"
    raise LoadDataError(
        f"the unit of column {column!r} is neither in its name nor given",
        path=path,
        column=column,
        hint=f"give time_unit, one of {', '.join(TIME_UNITS)}",
    )
