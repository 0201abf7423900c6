"""What every family of metrics returns, what criteria ask of it, and the step to plain JSON values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosim.metrics.envelope import Envelope


class Place(NamedTuple):
    """Where a metric's value comes from (generator, bus, line or site), and when."""

    where: str | None = None
    time_s: float | None = None


@dataclass(frozen=True)
class Section:
    """Metrics of one family, with what a verdict needs besides the numbers.

    Keys of the last three are dotted paths under ``metrics`` in ``summary.json``.

    Parameters
    ----------
    values
        Nested keys and values; None for what was not assessed.
    reasons
        Why a value is None; a key may be the beginning of several metrics' paths.
    places
        Where and when the value was reached.
    lower_bounds
        Why the true value may be larger than the one found, such as a record that is sampled too slowly for the band:
        it can show that a limit is broken, not that it is kept.
    """

    values: dict[str, Any]
    reasons: dict[str, str] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    lower_bounds: dict[str, str] = field(default_factory=dict)

    def add(self, other: Section) -> None:
        """Take over what another section says of its values; the values themselves are the caller's to place."""
        self.reasons.update(other.reasons)
        self.places.update(other.places)
        self.lower_bounds.update(other.lower_bounds)


@dataclass(frozen=True)
class Wanted:
    """What the criteria ask for beyond the metrics that are always computed.

    Parameters
    ----------
    paths
        Dotted paths of metrics whose last part is a parameter, such as ``ramp.total.excursion_mw.6s``.
    envelopes
        Curves of level against time.
    """

    paths: tuple[str, ...] = ()
    envelopes: tuple[Envelope, ...] = ()

    def parameters(self, prefix: str) -> Iterator[str]:
        """Yield the last part of each wanted path that starts with ``prefix`` and a dot, once."""
        yield from dict.fromkeys(p.removeprefix(f"{prefix}.") for p in self.paths if p.startswith(f"{prefix}."))


NOTHING_WANTED = Wanted()


def reason_for(reasons: Mapping[str, str], path: str) -> str:
    """Why a metric is None: reasons go by its path or the beginning of it, the longest counts; empty if none does."""
    known = [key for key in reasons if path == key or path.startswith(f"{key}.")]
    return reasons[max(known, key=len)] if known else ""


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted path and the value of everything in nested mappings that is no mapping."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


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
