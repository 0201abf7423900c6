"""Parameters at the end of a metric's path: a window, a frequency band, a deviation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_NUMBER = r"(\d+(?:\.\d+)?)"
_PATTERNS = {
    "<seconds>s": re.compile(rf"{_NUMBER}s"),
    "<deviation>mHz": re.compile(rf"{_NUMBER}mHz"),
    "<low>-<high>Hz": re.compile(rf"{_NUMBER}-{_NUMBER}Hz"),
    "<low>-<high>Hz,<seconds>s": re.compile(rf"{_NUMBER}-{_NUMBER}Hz,{_NUMBER}s"),
}
"""How parameters are written; what stands in brackets is a positive number."""


class Band(NamedTuple):
    """A frequency band in Hz."""

    low_hz: float
    high_hz: float


def numbers(shape: str, text: str) -> tuple[float, ...] | None:
    """Read the numbers of a parameter of that shape; None if it has another shape, or a band or window is empty."""
    match = _PATTERNS[shape].fullmatch(text)
    if match is None:
        return None
    found = tuple(float(group) for group in match.groups())
    is_ordered = "<low>" not in shape or found[0] < found[1]
    return found if all(value > 0 for value in found) and is_ordered else None


def takes(shapes: Mapping[str, str], path: str) -> bool:
    """Whether a path, less its family's beginning, is a group of those with a parameter of the group's shape."""
    for group, shape in shapes.items():
        if path.startswith(f"{group}.") and numbers(shape, path.removeprefix(f"{group}.")):
            return True
    return False
