"""Numbers as a reader wants them: digits by unit, real minus signs, a dash for what is missing."""

from __future__ import annotations

import math
import re
from typing import Any

MISSING = "–"
_DIGITS = {"Hz": 4, "mHz": 1, "pu": 4, "MW": 2, "MWh": 3, "MW/s": 2, "MW/min": 2, "Hz/s": 4, "s": 3, "%": 2, "deg": 2}
_SUFFIXES = {"s": "s", "hz": "Hz", "w": "W", "mw": "MW", "mwh": "MWh", "j": "J", "pu": "pu"}
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: Any, unit: str = "", digits: int | None = None) -> str:
    """Format a number with the digits that its unit calls for; times lose trailing zeros."""
    if not is_number(value):
        return MISSING
    if digits is None:
        digits = _DIGITS.get(unit)
    if digits is None or abs(value) >= 1e9:
        return general(value)
    text = f"{value:.{digits}f}"
    if unit == "s" and "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if float(text) == 0 and unit == "s" else minus(text)


def general(value: Any, significant: int = 6) -> str:
    """Format a number with significant digits, and powers of ten in print."""
    if not is_number(value):
        return MISSING
    text = f"{value:.{significant}g}"
    mantissa, mark, exponent = text.partition("e")
    if not mark:
        return minus(text)
    return f"{minus(mantissa)} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def digits_to_show(margin: float | None, unit: str) -> int | None:
    """Digits with which a value does not look as if it lay on its limit when it does not."""
    usual = _DIGITS.get(unit)
    if usual is None or margin is None or margin == 0:
        return usual
    return min(max(usual, 1 - math.floor(math.log10(abs(margin)))), 9) if abs(margin) < 10**-usual else usual


def minus(text: str) -> str:
    """Put a minus sign where a hyphen stands in for one, and none before a zero."""
    if text.startswith("-") and not text.strip("-0."):
        text = text[1:]
    return text.replace("-", "−")


def words(name: str) -> str:
    """An identifier as words."""
    return name.replace("_", " ")


def label(key: str) -> str:
    """A key as a title: its words, and the unit that its name ends with."""
    stem, _, last = key.rpartition("_")
    unit = _SUFFIXES.get(last)
    over = _SUFFIXES.get(stem.removesuffix("_per").rpartition("_")[2])
    if stem.endswith("_per") and unit and over:  # factor_mw_per_w
        stem, unit = stem.removesuffix("_per").rpartition("_")[0], f"{over}/{unit}"
    return f"{words(stem)} ({unit})" if unit and stem else words(key)


def printed_id(name: str) -> str:
    """A criterion's name, with the signs of a generated one as they are printed."""
    return name.replace(" <= ", " ≤ ").replace(" >= ", " ≥ ")


def is_number(value: Any) -> bool:
    """Whether a value is a finite number (and not a truth value)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def spaced(parameter: str) -> str:
    """A metric's parameter as it is printed: ``0.1-55Hz,5s`` as 0.1–55 Hz, 5 s."""
    parts = re.sub(r"(?<=\d)(mHz|Hz|ms|s)(?=$|,)", r" \1", parameter)
    return parts.replace("-", "–").replace(",", ", ")
