"""Power against time, recorded or synthetic, with where it came from."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loads.errors import LoadDataError

Shape = Literal["linear", "hold"]
Kind = Literal["recorded", "synthetic"]

EVEN_SPACING_TOLERANCE = 1e-9
"""How far a knot may lie from an evenly spaced one, as a share of the interval."""


@dataclass(frozen=True)
class TraceWarning:
    """An oddity of the data that was handled, and how often it occurred."""

    code: str
    count: int
    message: str


@dataclass(frozen=True)
class Provenance:
    """Where a trace came from and what was assumed on the way.

    Parameters
    ----------
    kind
        ``"recorded"`` or ``"synthetic"``.
    source
        A sentence: the instrument or file, or the model and its publication.
    path, sha256, format, power_unit, time_unit
        Of the file read; None for a synthetic trace.
    sample_interval_s
        Median distance between the samples of a channel.
    sensor_window_s
        Time over which the sensor averages or holds: shorter ramps are not in the trace. None: not known.
    channels
        Names of the channels that the trace is the sum of.
    samples
        How many samples they have together, after cleaning.
    parameters
        Of the model, drawn values and seed included.
    notes
        Assumptions made, one sentence each.
    warnings
        Oddities handled, with counts.
    """

    kind: Kind
    source: str
    path: str | None = None
    sha256: str | None = None
    format: str | None = None
    power_unit: str | None = None
    time_unit: str | None = None
    sample_interval_s: float | None = None
    sensor_window_s: float | None = None
    channels: tuple[str, ...] = ()
    samples: int | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[TraceWarning, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in ("recorded", "synthetic"):
            raise LoadDataError(f"provenance kind must be 'recorded' or 'synthetic', got {self.kind!r}")

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts and lists, ready for JSON."""
        plain = asdict(self)
        plain["notes"] = list(self.notes)
        plain["channels"] = list(self.channels)
        plain["warnings"] = [asdict(warning) for warning in self.warnings]
        return plain


@dataclass(frozen=True, eq=False)
class Trace:
    """Electric power against time.

    Parameters
    ----------
    time_s
        Knots, float64 of shape (n + 1,), strictly increasing, n >= 1. May start anywhere.
    power_w
        Consumption. With ``shape="linear"``, float64 of shape (n + 1,): the values at the knots, joined by
        straight lines. With ``shape="hold"``, shape (n,): the mean over each interval.
    provenance
        Where the trace came from.
    shape
        ``"linear"`` or ``"hold"``.
    edge_knots
        Indices of the inner knots at which the power jumps by design, such as phase changes, where a solver's step
        should end. None: any knot may be an edge. Jumps elsewhere, such as noise, are averaged over steps.

    Raises
    ------
    LoadDataError
        If the lengths do not fit, a number is not finite, or the time does not increase.

    Notes
    -----
    The arrays are copied and made read-only, so a trace can be shared.
    """

    time_s: NDArray[np.float64]
    power_w: NDArray[np.float64]
    provenance: Provenance
    shape: Shape = "linear"
    edge_knots: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.shape not in ("linear", "hold"):
            raise LoadDataError(f"trace shape must be 'linear' or 'hold', got {self.shape!r}")
        for name in ("time_s", "power_w"):
            values = np.array(getattr(self, name), dtype=np.float64, order="C")
            if values.ndim != 1:
                raise LoadDataError(f"{name} must have one dimension, got {values.ndim}")
            if not np.isfinite(values).all():
                raise LoadDataError(f"{name} must be finite, got {values[~np.isfinite(values)][0]}")
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        knots = self.time_s.size
        expected = knots if self.shape == "linear" else knots - 1
        if knots < 2:
            raise LoadDataError(f"a trace needs at least 2 knots, got {knots}")
        if self.power_w.size != expected:
            raise LoadDataError(
                f"a {self.shape} trace with {knots} knots needs {expected} powers, got {self.power_w.size}"
            )
        steps = np.diff(self.time_s)
        if not (steps > 0).all():
            at = int(np.argmax(steps <= 0))
            raise LoadDataError(
                f"time_s must increase, got {self.time_s[at]} s then {self.time_s[at + 1]} s at knot {at + 1}"
            )

    @classmethod
    def from_samples(cls, time_s: ArrayLike, power_w: ArrayLike, provenance: Provenance) -> Self:
        """Build a trace of instantaneous samples joined by straight lines."""
        return cls(np.asarray(time_s), np.asarray(power_w), provenance, "linear")

    @property
    def duration_s(self) -> float:
        """Time from the first knot to the last."""
        return float(self.time_s[-1] - self.time_s[0])

    @cached_property
    def sample_interval_s(self) -> float:
        """Distance between samples, from the provenance; if it gives none, the median distance between knots.

        The sum of channels read at different instants has more knots than any of them has samples.
        """
        if self.provenance.sample_interval_s is not None:
            return self.provenance.sample_interval_s
        return float(np.median(np.diff(self.time_s)))

    @cached_property
    def is_uniform(self) -> bool:
        """Whether the knots are evenly spaced.

        Each knot is compared with its place on an even grid (not each interval with the next, so that a drift
        shows), within a share of 1e-9 of the interval plus the rounding of the time stamps themselves: an
        epoch time in float64 is only good to 0.2 microseconds.
        """
        n = self.time_s.size - 1
        interval_s = self.duration_s / n
        off_s = np.abs(self.time_s - self.time_s[0] - interval_s * np.arange(n + 1)).max()
        rounding_s = 4 * np.finfo(np.float64).eps * np.abs(self.time_s[[0, -1]]).max()
        return bool(off_s <= EVEN_SPACING_TOLERANCE * interval_s + rounding_s)

    @cached_property
    def energy_j(self) -> float:
        """Integral of the power over the trace, exact for its shape."""
        steps = np.diff(self.time_s)
        means = self.power_w if self.shape == "hold" else 0.5 * (self.power_w[:-1] + self.power_w[1:])
        return float(np.sum(means * steps))

    @property
    def mean_w(self) -> float:
        """Energy over duration (not the mean of the samples, which differs when they are not even)."""
        return self.energy_j / self.duration_s

    @cached_property
    def min_w(self) -> float:
        """Lowest power."""
        return float(self.power_w.min())

    @cached_property
    def max_w(self) -> float:
        """Highest power."""
        return float(self.power_w.max())

    def edges(self, threshold_w: float) -> NDArray[np.float64]:
        """Return the times [s] of the edges at which the power jumps by more than a threshold.

        A linear trace is continuous and has none; a hold trace may jump at its inner knots.
        """
        if self.shape == "linear":
            return np.empty(0)
        knots = np.arange(1, self.power_w.size) if self.edge_knots is None else self.edge_knots
        return self.time_s[knots][np.abs(self.power_w[knots] - self.power_w[knots - 1]) > threshold_w]
