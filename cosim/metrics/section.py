"""What every family of metrics returns, and the step to plain JSON values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Section(NamedTuple):
    """Metrics of one family, and why some of them are None.

    `reasons` maps a dotted path, which may be the start of several metrics' paths, to a sentence.
    """

    values: dict[str, Any]
    reasons: dict[str, str]


def plain(value: Any) -> Any:
    """Copy nested data into types that strict JSON has; a number that is not finite becomes None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Copy values with infinities, which a diverged run can leave, as NaN: arithmetic on it is quiet."""
    return np.where(np.isfinite(values), values, np.nan)


def not_recorded(channel: str) -> str:
    """Say that a channel is missing and how to get it."""
    return f"channel {channel} was not recorded (add it to outputs.channels)"
