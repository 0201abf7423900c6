"""Power as a sequence of phases, and its rendering at any sample rate.

Every workload model draws `Phases`: pieces of time in which the power goes straight from one level to another. Sampling
them is exact: a sample is the mean over its interval, so a phase that ends inside a sample contributes its share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from loads.interpolation import Waveform
from loads.segments import Floats, Segments, kernel, moments, moments_within

NOISE_KEY = 2
"""Key of the random stream of the white noise; models draw their phases from streams with other keys."""


@dataclass(frozen=True, eq=False)
class Phases:
    """Consecutive phases from time 0 on.

    Parameters
    ----------
    knots_s
        Shape (n + 1,), strictly increasing from 0.
    start_w, end_w
        Shape (n,): power at the start and end of each phase; equal unless it is a ramp.
    noise_sd_w
        Shape (n,): standard deviation of the noise in each phase, white at the sample rate.
    expected_w
        Shape (n,): what many devices that run the same job out of step draw on average in each phase. The difference
        between the power and it is the fluctuation that synchronisation is about.
    expected_end_w
        Shape (n,): the same at the end of each phase, where `expected_w` is that at the start. None: it stays.

    Raises
    ------
    ValueError
        If the shapes do not fit, a number is not finite, a time does not increase or a deviation is negative.
    """

    knots_s: Floats
    start_w: Floats
    end_w: Floats
    noise_sd_w: Floats
    expected_w: Floats
    expected_end_w: Floats | None = None

    def __post_init__(self) -> None:
        if self.expected_end_w is None:
            object.__setattr__(self, "expected_end_w", self.expected_w)
        n = np.size(self.knots_s) - 1
        if n < 1:
            raise ValueError(f"phases need at least 2 knots, got {n + 1}")
        for name in ("knots_s", "start_w", "end_w", "noise_sd_w", "expected_w", "expected_end_w"):
            values = np.asarray(getattr(self, name), dtype=np.float64)
            expected = (n + 1,) if name == "knots_s" else (n,)
            if values.shape != expected:
                raise ValueError(f"{name} must have the shape {expected} for {n} phases, got {values.shape}")
            if not np.isfinite(values).all():
                raise ValueError(f"{name} must be finite, got {values[~np.isfinite(values)][0]}")
            object.__setattr__(self, name, values)
        if self.knots_s[0] != 0.0:
            raise ValueError(f"knots_s must start at 0, got {self.knots_s[0]}")
        lengths = np.diff(self.knots_s)
        if not (lengths > 0.0).all():
            at = int(np.argmax(lengths <= 0.0))
            raise ValueError(f"knots_s must increase, got {self.knots_s[at]} then {self.knots_s[at + 1]} at {at + 1}")
        if (self.noise_sd_w < 0.0).any():
            raise ValueError(f"noise_sd_w must be 0 or more, got {self.noise_sd_w.min()}")

    @classmethod
    def from_time_zero(
        cls,
        knots_s: Floats,
        start_w: Floats,
        end_w: Floats,
        noise_sd_w: Floats,
        expected_w: Floats,
        expected_end_w: Floats | None = None,
    ) -> Self:
        """Build from knots that do not decrease and may begin before time 0.

        What lies before time 0 is cut off, and phases of no length are left out.
        """
        ramps = [(start_w, end_w), (expected_w, expected_w if expected_end_w is None else expected_end_w)]
        kept = (np.diff(knots_s) > 0.0) & (knots_s[1:] > 0.0)
        knots = np.maximum(np.append(knots_s[:-1][kept], knots_s[-1]), 0.0)
        first = int(np.argmax(kept))
        gone = (knots[0] - knots_s[first]) / (knots_s[first + 1] - knots_s[first])
        cut = []
        for at_start, at_end in ramps:
            start, end = at_start[kept], at_end[kept]
            start[0] += gone * (end[0] - start[0])
            cut += [start, end]
        return cls(knots, cut[0], cut[1], noise_sd_w[kept], cut[2], cut[3])

    @property
    def duration_s(self) -> float:
        """Time of the last knot."""
        return float(self.knots_s[-1])

    def means(self, sample_rate_hz: float, count: int) -> Floats:
        """Mean power [W] without noise over each of `count` samples, shape (count,)."""
        return _sample_means(self.knots_s, self.start_w, self.end_w, sample_rate_hz, count)

    def expected_means(self, sample_rate_hz: float, count: int) -> Floats:
        """Mean of the expected power [W] over each of `count` samples, shape (count,)."""
        assert self.expected_end_w is not None
        return _sample_means(self.knots_s, self.expected_w, self.expected_end_w, sample_rate_hz, count)

    def jumps(self) -> tuple[Floats, Floats, Floats]:
        """Return the inner knots [s], and by how much the power and the expected power [W] jump there."""
        assert self.expected_end_w is not None
        jump_w = self.start_w[1:] - self.end_w[:-1]
        return self.knots_s[1:-1], jump_w, self.expected_w[1:] - self.expected_end_w[:-1]


class WorkloadModel(Protocol):
    """A model of the power of one device, one node, one replica or one whole job."""

    @property
    def nominal_w(self) -> float:
        """Power that a share of a site's rating stands for."""
        ...

    @property
    def source(self) -> str:
        """A sentence for the provenance: the model and its publication."""
        ...

    def draw(self, duration_s: float, seed: np.random.SeedSequence) -> tuple[Phases, dict[str, Any]]:
        """Draw phases that cover at least `duration_s`, and the parameters drawn (for the provenance).

        The same seed gives the same phases, and those of a longer duration begin with those of a shorter one.
        """
        ...


def render(
    phases: Phases, sample_rate_hz: float, count: int, noise_rng: np.random.Generator
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Sample phases: the arrays of a `loads.trace.Trace` of shape ``"hold"``.

    Parameters
    ----------
    phases
        What to sample; they must last for all samples.
    sample_rate_hz
        Samples a second.
    count
        Number of samples from time 0.
    noise_rng
        Source of the white noise, one number a sample. In a sample that holds a change of phase, its standard deviation
        is the mean of the phases' own.

    Returns
    -------
    time_s, power_w, edge_knots
        Knots, shape (count + 1,); exact interval means plus noise, 0 or above, shape (count,); and the knots at which
        the power jumps from phase to phase.

    Raises
    ------
    ValueError
        If the phases end before the samples do.
    """
    sd_w = _sample_means(phases.knots_s, phases.noise_sd_w, phases.noise_sd_w, sample_rate_hz, count)
    power_w = phases.means(sample_rate_hz, count)
    power_w += sd_w * noise_rng.standard_normal(count)
    times_s, jump_w, _ = phases.jumps()
    edges = edge_knots(times_s[jump_w != 0.0], sample_rate_hz, count)
    return np.arange(count + 1) / sample_rate_hz, np.maximum(power_w, 0.0), edges


def edge_knots(jumps_s: Floats, sample_rate_hz: float, count: int) -> NDArray[np.int64]:
    """Inner knots of `count` samples that stand for jumps.

    A jump inside a sample makes two there that add up to it; the knot nearer to it has the larger one.
    """
    knots = np.unique(np.rint(jumps_s * sample_rate_hz).astype(np.int64))
    return knots[(knots > 0) & (knots < count)]


def stream(sequence: np.random.SeedSequence, *key: int) -> np.random.Generator:
    """Return an independent generator. `SeedSequence.spawn` counts: a second call would draw differently."""
    return np.random.Generator(np.random.PCG64(child(sequence, *key)))


def child(sequence: np.random.SeedSequence, *key: int) -> np.random.SeedSequence:
    """Return an independent seed sequence, the same at every call."""
    return np.random.SeedSequence(sequence.entropy, spawn_key=(*sequence.spawn_key, *key))


def sample_count(duration_s: float, sample_rate_hz: float) -> int:
    """Whole samples in a duration.

    Raises
    ------
    ValueError
        If there is not even one.
    """
    count = round(duration_s * sample_rate_hz) if 0.0 < duration_s * sample_rate_hz < np.inf else 0
    if not sample_rate_hz > 0.0 or count < 1:
        raise ValueError(f"{duration_s} s at {sample_rate_hz} Hz is less than one sample")
    return count


def _sample_means(knots_s: Floats, start_w: Floats, end_w: Floats, sample_rate_hz: float, count: int) -> Floats:
    if knots_s[-1] < count / sample_rate_hz * (1.0 - 1e-12):
        raise ValueError(f"the phases end at {knots_s[-1]} s, before {count} samples at {sample_rate_hz} Hz do")
    waveform = Waveform.from_segments(knots_s, start_w, end_w, "hold")
    # Sums over phases that happen to be even would depend, in the last digit, on how many follow.
    segments = waveform.segments._replace(segments_per_s=0.0)
    means = np.empty(count)
    _march(segments, 1.0 / sample_rate_hz, means)
    return means


@kernel
def _march(s: Segments, interval_s: float, means: Floats) -> None:
    """Mean over each interval from time 0, going through the segments once."""
    last = s.start_w.size - 1
    i = 0
    for k in range(means.size):
        a = k * interval_s
        b = (k + 1) * interval_s
        while i < last and s.knots_s[i + 1] <= a:
            i += 1
        j = i
        while j < last and s.knots_s[j + 1] <= b:
            j += 1
        if b <= s.knots_s[last + 1]:
            means[k] = moments_within(s, i, j, a, b)[0] / (b - a)
        else:
            means[k] = moments(s, a, b)[0] / (b - a)
        i = j
