"""Units in column names: which are written there, and what they are worth."""

from __future__ import annotations

import re
from difflib import get_close_matches

from loads.errors import LoadDataError

POWER_UNITS = {"mW": 1e-3, "W": 1.0, "kW": 1e3, "MW": 1e6, "GW": 1e9}
"""Watts in each unit."""

TIME_UNITS = {"ns": 1_000_000_000, "us": 1_000_000, "ms": 1_000, "s": 1}
"""Units in a second (integers: dividing by them rounds once)."""

_SPELLINGS = {
    **{name: name for name in (*POWER_UNITS, *TIME_UNITS)},
    "w": "W",
    "watt": "W",
    "watts": "W",
    "Watt": "W",
    "Watts": "W",
    "milliwatt": "mW",
    "milliwatts": "mW",
    "kilowatt": "kW",
    "kilowatts": "kW",
    "kw": "kW",
    "KW": "kW",
    "gw": "GW",
    "sec": "s",
    "secs": "s",
    "second": "s",
    "seconds": "s",
    "msec": "ms",
    "millisecond": "ms",
    "milliseconds": "ms",
    "usec": "us",
    "microsecond": "us",
    "microseconds": "us",
    "nanosecond": "ns",
    "nanoseconds": "ns",
    "µs": "us",
    "μs": "us",
}
_BRACKETED = re.compile(r"^(?P<base>.*?)[\s_./-]*[\[(]\s*(?P<unit>[^\])]+?)\s*[\])]\s*$")
_SUFFIXED = re.compile(r"^(?P<base>.+?)[\s_./-]+(?P<unit>[A-Za-zµμ]+)$")


def split_unit(column: str) -> tuple[str, str | None]:
    """Split a column name into its words and the unit it ends in, as written, or None.

    ``"Power [MW]"`` gives ``("Power", "MW")``, ``"power_total_W"`` ``("power_total", "W")``. A last word that
    is no known unit stays a word; ``mw`` in lower case is returned, for `power_unit` to refuse. A name that is
    nothing but a unit is both.
    """
    if column in _SPELLINGS:
        return column, column
    match = _BRACKETED.match(column)
    if match:
        return match["base"], match["unit"]
    match = _SUFFIXED.match(column)
    if match and (match["unit"] in _SPELLINGS or match["unit"] == "mw"):
        return match["base"], match["unit"]
    return column, None


def power_unit_in(column: str) -> str | None:
    """Return the power unit (standard spelling) that a column name ends in, or None; refuses ``mw``."""
    written = split_unit(column)[1]
    if written == "mw":
        return power_unit(written)
    return _of_kind(written, POWER_UNITS)


def time_unit_in(column: str) -> str | None:
    """Return the time unit (standard spelling) that a column name ends in, or None."""
    return _of_kind(split_unit(column)[1], TIME_UNITS)


def _of_kind(written: str | None, kind: dict[str, float] | dict[str, int]) -> str | None:
    name = _SPELLINGS.get(written) if written else None
    return name if name in kind else None


def power_unit(written: str, path: str | None = None) -> str:
    """Return the power unit's standard spelling.

    Raises
    ------
    LoadDataError
        For a unit that is not known, and for ``mw``, which may be a milliwatt or a megawatt.
    """
    if written == "mw":
        raise LoadDataError(
            "power unit 'mw' may be milliwatt or megawatt", path=path, hint="give power_unit='mW' or 'MW'"
        )
    return _standard(written, list(POWER_UNITS), "power_unit", path)


def time_unit(written: str, path: str | None = None) -> str:
    """Return the time unit's standard spelling; `LoadDataError` if it is not known."""
    return _standard(written, list(TIME_UNITS), "time_unit", path)


def _standard(written: str, valid: list[str], argument: str, path: str | None) -> str:
    name = _SPELLINGS.get(written)
    if name not in valid:
        raise LoadDataError(
            f"{argument} {written!r} is not known",
            path=path,
            hint=suggestion(written, valid) + f"give {argument} as one of {', '.join(valid)}",
        )
    return name


def suggestion(name: str, valid: list[str]) -> str:
    """Return ``"did you mean 'x'? "`` for the nearest valid name, or nothing."""
    by_lower = {candidate.lower(): candidate for candidate in valid}
    near = get_close_matches(name.lower(), list(by_lower), n=1)
    return f"did you mean {by_lower[near[0]]!r}? " if near else ""
