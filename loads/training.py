"""Synthetic training load: the stochastic cycle of computing and communicating.

Source: arXiv 2508.16457 (IEEE Trans. Power Systems, 2026). Iteration i lasts T_i = 1 / (f0 (1 + xi_i)). A
share r_i of it computes and the rest communicates, at

    P_up = P (1 + D_up,i + n_up(t)),    P_down = P (1 - D_down,i + n_down(t)).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from loads.interpolation import Waveform
from loads.segments import Floats
from loads.trace import Provenance, Trace

SOURCE = "stochastic training cycle, arXiv 2508.16457 (IEEE Trans. Power Systems, 2026)"

SHORTEST_FACTOR = 0.2
"""1 + xi is kept at this or above: no iteration lasts a negative time, or over five nominal ones."""

CHUNK = 256
"""Iterations drawn at a time; part of what a seed means."""

Range = tuple[float, float]


@dataclass(frozen=True)
class TrainingCycle:
    """Parameters of the stochastic training cycle, powers as shares of the nominal power.

    Parameters
    ----------
    frequency_hz
        Nominal iteration frequency f0; None draws it from `frequency_range_hz`, once a workload.
    frequency_range_hz
        Lowest and highest f0.
    frequency_sd
        Of xi, the deviation of an iteration's frequency. Draws are cut off where 1 + xi < 0.2.
    compute_share_range
        Lowest and highest compute share r, drawn each iteration.
    up_sd
        Of D_up, mean zero, drawn each iteration.
    down_mean, down_sd
        Of D_down, drawn each iteration.
    up_noise_range, down_noise_range
        Lowest and highest standard deviation of n_up and n_down, drawn once a workload. The noise is white at
        the sample rate, so its spectral density depends on that rate.
    random_phase
        Whether the trace starts at a random place within an iteration or at the start of one.

    Raises
    ------
    ValueError
        If a range is not in order or a parameter has no meaning.
    """

    frequency_hz: float | None = None
    frequency_range_hz: Range = (0.5, 1.5)
    frequency_sd: float = 0.1
    compute_share_range: Range = (0.55, 0.80)
    up_sd: float = 0.05
    down_mean: float = 0.3
    down_sd: float = 0.05
    up_noise_range: Range = (0.02, 0.05)
    down_noise_range: Range = (0.01, 0.03)
    random_phase: bool = True

    def __post_init__(self) -> None:
        for name in ("frequency_range_hz", "compute_share_range", "up_noise_range", "down_noise_range"):
            low, high = getattr(self, name)
            if not 0.0 <= low <= high < np.inf:
                raise ValueError(f"{name} must be two numbers in order, from 0, got {low} and {high}")
        if self.compute_share_range[1] > 1.0:
            raise ValueError(f"compute_share_range must end at 1 or below, got {self.compute_share_range[1]}")
        for name in ("frequency_sd", "up_sd", "down_sd"):
            if not 0.0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")
        lowest_hz = self.frequency_range_hz[0] if self.frequency_hz is None else self.frequency_hz
        if not 0.0 < lowest_hz < np.inf:
            raise ValueError(f"the iteration frequency must be above 0 Hz, got {lowest_hz}")
        if not np.isfinite(self.down_mean):
            raise ValueError(f"down_mean must be finite, got {self.down_mean}")

    def generate(
        self, duration_s: float, sample_rate_hz: float = 1000.0, seed: np.random.SeedSequence | int = 0
    ) -> Trace:
        """Draw a trace with a nominal power P of 1 W.

        Parameters
        ----------
        duration_s
            Length; rounded to whole samples, at least one.
        sample_rate_hz
            Samples a second. Each is the mean over its interval: one in which the phase changes is a mixture.
        seed
            The same seed gives the same bytes, and a longer trace begins with the shorter one.

        Returns
        -------
        Trace
            Of shape ``"hold"`` with even knots. Power below zero, which only extreme parameters draw, is set
            to 0.

        Notes
        -----
        The trace's edges are its phase changes. A phase that ends inside a sample makes two jumps there that add up to
        the whole depth; the knot nearer to the change, which has the larger of the two, is the edge.
        """
        count = round(duration_s * sample_rate_hz)
        if not sample_rate_hz > 0.0 or count < 1:
            raise ValueError(f"{duration_s} s at {sample_rate_hz} Hz is less than one sample")
        sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
        workload, iterations, noise = (_stream(sequence, key) for key in range(3))
        frequency_hz = workload.uniform(*self.frequency_range_hz)
        if self.frequency_hz is not None:
            frequency_hz = self.frequency_hz
        up_noise_sd = workload.uniform(*self.up_noise_range)
        down_noise_sd = workload.uniform(*self.down_noise_range)
        phase = workload.uniform() if self.random_phase else 0.0

        knots, levels = self._phases(count / sample_rate_hz, frequency_hz, phase, iterations)
        sds = np.where(np.arange(levels.size) % 2 == 0, up_noise_sd, down_noise_sd)
        first = int(np.argmax(knots[1:] > 0.0))
        knots = np.maximum(knots[first:], 0.0)
        levels, sds = levels[first:], sds[first:]
        interval_s = 1.0 / sample_rate_hz
        power = _means(knots, levels, interval_s, count)
        power += _means(knots, sds, interval_s, count) * noise.standard_normal(count)
        parameters = asdict(self) | {
            "frequency_hz": frequency_hz,
            "up_noise_sd": up_noise_sd,
            "down_noise_sd": down_noise_sd,
            "phase": phase,
            "sample_rate_hz": sample_rate_hz,
            "seed_entropy": sequence.entropy,
            "seed_spawn_key": list(sequence.spawn_key),
        }
        provenance = Provenance(
            kind="synthetic",
            source=SOURCE,
            sample_interval_s=interval_s,
            parameters=parameters,
            notes=(
                "nominal power is 1 W",
                f"noise is white at the sample rate of {sample_rate_hz:g} Hz",
                f"1 + xi is kept at {SHORTEST_FACTOR} or above, and power at 0 or above",
            ),
        )
        changes = np.unique(np.rint(knots[1:-1] * sample_rate_hz).astype(np.int64))
        changes = changes[(changes > 0) & (changes < count)]
        times = np.arange(count + 1) / sample_rate_hz
        return Trace(times, np.maximum(power, 0.0), provenance, "hold", changes)

    def _phases(
        self, duration_s: float, frequency_hz: float, phase: float, draw: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """Return the times of the phase changes, shape (2 m + 1,), and the level of each phase, shape (2 m,).

        Up phases have the even places. The first iteration begins `phase` of its length before time 0.
        """
        lengths: list[Floats] = []
        levels: list[Floats] = []
        covered_s = 0.0
        while covered_s <= duration_s:
            xi, up, down = draw.standard_normal((3, CHUNK))
            period_s = 1.0 / (frequency_hz * np.maximum(1.0 + self.frequency_sd * xi, SHORTEST_FACTOR))
            if not lengths:
                covered_s = -phase * period_s[0]
            share = draw.uniform(*self.compute_share_range, size=CHUNK)
            lengths.append(np.column_stack([share * period_s, (1.0 - share) * period_s]).ravel())
            levels.append(
                np.column_stack([1.0 + self.up_sd * up, 1.0 - (self.down_mean + self.down_sd * down)]).ravel()
            )
            covered_s += float(period_s.sum())
        steps = np.concatenate(lengths)
        start_s = -phase * (steps[0] + steps[1])
        return np.concatenate([[start_s], start_s + np.cumsum(steps)]), np.concatenate(levels)


def _stream(sequence: np.random.SeedSequence, key: int) -> np.random.Generator:
    """Return an independent generator. `SeedSequence.spawn` counts: a second call would draw differently."""
    child = np.random.SeedSequence(sequence.entropy, spawn_key=(*sequence.spawn_key, key))
    return np.random.Generator(np.random.PCG64(child))


def _means(knots: Floats, levels: Floats, interval_s: float, count: int) -> Floats:
    lasting = np.diff(knots) > 0.0  # a compute share of 1 leaves phases of no length
    knots, levels = knots[np.append(lasting, True)], levels[lasting]
    return Waveform.from_segments(knots, levels, levels, "hold").interval_means(interval_s, count)
