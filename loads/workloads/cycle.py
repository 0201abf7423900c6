"""Stochastic cycles of iterations: computing and communicating by turns.

Source: arXiv 2508.16457 (IEEE Trans. Power Systems, 2026). Iteration i lasts T_i = 1 / (f0 (1 + xi_i)). A
share r_i of it is up (it computes) and the rest is down (it communicates), at

    P_up = P (1 + D_up,i + n_up(t)),    P_down = P (1 - D_down,i + n_down(t)).

Training and fine-tuning differ in the numbers only; the publication calls the fine-tuning phases tail and idle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic.dataclasses import dataclass
from scipy.special import lambertw

from loads.segments import Floats
from loads.trace import Trace
from loads.workloads.phases import Phases, stream
from loads.workloads.plain import CLOSED, ListAsTuple, Number, from_plain
from loads.workloads.synthesis import synthesise

SHORTEST_FACTOR = 0.2
"""1 + xi is kept at this or above: no iteration lasts a negative time, or over five nominal ones."""

LATE_SHARE = 0.1
"""Share of its rate and depth at which the decay of a cycle ends."""

CHUNK = 256
"""Iterations drawn at a time; part of what a seed means."""

Range = Annotated[tuple[Number, Number], ListAsTuple]


@dataclass(frozen=True, config=CLOSED)
class StochasticCycle:
    """Parameters of a stochastic cycle, powers as shares of the nominal power.

    Parameters
    ----------
    nominal_w
        Nominal power P.
    frequency_hz
        Nominal iteration frequency f0; None draws it from `frequency_range_hz`, once a workload.
    frequency_range_hz
        Lowest and highest f0.
    frequency_sd
        Of xi, the deviation of an iteration's frequency. Draws are cut off where 1 + xi < 0.2.
    compute_share_range
        Lowest and highest share r of the up phase, drawn each iteration.
    up_sd
        Of D_up, mean zero, drawn each iteration.
    down_mean, down_sd
        Of D_down, drawn each iteration.
    up_noise_range, down_noise_range
        Lowest and highest standard deviation of n_up and n_down, drawn once a workload. The noise is white at
        the sample rate, so its spectral density depends on that rate.
    random_phase
        Whether the trace starts at a random place within an iteration or at the start of one.
    decay_s
        None, or the time constant with which iterations grow rarer and shallower from early training, deep
        alternation, to late training, sustained power with a small fluctuation. See the notes.

    Raises
    ------
    ValueError
        If a range is not in order or a parameter has no meaning.

    Notes
    -----
    With ``decay_s``, the iteration frequency and the depth D_down at time t are multiplied by

        g(t) = 0.1 + 0.9 exp(-t / decay_s).

    That fine-tuning calms down is reported; the exponential and its end at a tenth are this module's own choice. The
    iterations of a cycle without decay are drawn on a clock u with du/dt = g(t), whose inverse is a Lambert W function.
    """

    nominal_w: Number
    frequency_hz: Number | None
    frequency_range_hz: Range
    frequency_sd: Number
    compute_share_range: Range
    up_sd: Number
    down_mean: Number
    down_sd: Number
    up_noise_range: Range
    down_noise_range: Range
    random_phase: bool
    decay_s: Number | None

    kind: ClassVar[str]
    """What the cycle is of, for the provenance."""

    def __post_init__(self) -> None:
        if not 0.0 < self.nominal_w < np.inf:
            raise ValueError(f"nominal_w must be above 0, got {self.nominal_w}")
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
        if self.decay_s is not None and not 0.0 < self.decay_s < np.inf:
            raise ValueError(f"decay_s must be above 0, got {self.decay_s}")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from plain data, as a YAML or JSON file holds it; `LoadDataError` names the key that is wrong."""
        return from_plain(cls, data)

    @property
    def source(self) -> str:
        """The model and its publication."""
        return f"stochastic {self.kind} cycle, arXiv 2508.16457 (IEEE Trans. Power Systems, 2026)"

    def generate(
        self, duration_s: float, sample_rate_hz: float = 1000.0, seed: np.random.SeedSequence | int = 0
    ) -> Trace:
        """Draw a trace of one such job: see `loads.workloads.synthesis.synthesise`."""
        return synthesise(self, duration_s, sample_rate_hz, seed)

    def draw(self, duration_s: float, seed: np.random.SeedSequence) -> tuple[Phases, dict[str, Any]]:
        """Draw phases that cover at least `duration_s`, and the parameters drawn.

        The expected power is the ensemble mean of the level, weighed by time: T_i and r_i are independent, so
        it is r + (1 - r) (1 - D_down) with their means.
        """
        workload, iterations = stream(seed, 0), stream(seed, 1)
        frequency_hz = workload.uniform(*self.frequency_range_hz)
        if self.frequency_hz is not None:
            frequency_hz = self.frequency_hz
        up_noise_sd = workload.uniform(*self.up_noise_range)
        down_noise_sd = workload.uniform(*self.down_noise_range)
        phase = workload.uniform() if self.random_phase else 0.0

        knots_s, ups, downs = self._iterations(duration_s, frequency_hz, phase, iterations)
        depth = np.ones(downs.size)
        if self.decay_s is not None:
            knots_s = _slowed(np.maximum(knots_s, 0.0), self.decay_s)
            depth = LATE_SHARE + (1.0 - LATE_SHARE) * np.exp(-knots_s[:-1:2] / self.decay_s)
        levels = np.column_stack([1.0 + ups, 1.0 - downs * depth]).ravel()
        sds = np.tile([up_noise_sd, down_noise_sd], downs.size)
        expected = 1.0 - (1.0 - 0.5 * sum(self.compute_share_range)) * self.down_mean * np.repeat(depth, 2)
        drawn = {
            "frequency_hz": frequency_hz,
            "up_noise_sd": up_noise_sd,
            "down_noise_sd": down_noise_sd,
            "phase": phase,
        }
        levels, sds, expected = (self.nominal_w * shares for shares in (levels, sds, expected))
        phases = Phases.from_time_zero(knots_s, levels, levels, sds, expected)
        return phases, asdict(self) | {"shortest_factor": SHORTEST_FACTOR} | drawn

    def _iterations(
        self, duration_s: float, frequency_hz: float, phase: float, draw: np.random.Generator
    ) -> tuple[Floats, Floats, Floats]:
        """Return the times of the phase changes, shape (2 m + 1,), and D_up and D_down, shape (m,).

        Up phases have the even places. The first iteration begins `phase` of its length before time 0.
        """
        lengths: list[Floats] = []
        ups: list[Floats] = []
        downs: list[Floats] = []
        covered_s = 0.0
        while covered_s <= duration_s:
            xi, up, down = draw.standard_normal((3, CHUNK))
            period_s = 1.0 / (frequency_hz * np.maximum(1.0 + self.frequency_sd * xi, SHORTEST_FACTOR))
            if not lengths:
                covered_s = -phase * period_s[0]
            share = draw.uniform(*self.compute_share_range, size=CHUNK)
            lengths.append(np.column_stack([share * period_s, (1.0 - share) * period_s]).ravel())
            ups.append(self.up_sd * up)
            downs.append(self.down_mean + self.down_sd * down)
            covered_s += float(period_s.sum())
        steps = np.concatenate(lengths)
        start_s = -phase * (steps[0] + steps[1])
        knots_s = np.concatenate([[start_s], start_s + np.cumsum(steps)])
        return knots_s, np.concatenate(ups), np.concatenate(downs)


@dataclass(frozen=True, config=CLOSED)
class TrainingCycle(StochasticCycle):
    """Stochastic cycle of training: compute and communication by turns, in step over all devices.

    See `StochasticCycle` for the parameters.
    """

    nominal_w: Number = 1.0
    frequency_hz: Number | None = None
    frequency_range_hz: Range = (0.5, 1.5)
    frequency_sd: Number = 0.1
    compute_share_range: Range = (0.55, 0.80)
    up_sd: Number = 0.05
    down_mean: Number = 0.3
    down_sd: Number = 0.05
    up_noise_range: Range = (0.02, 0.05)
    down_noise_range: Range = (0.01, 0.03)
    random_phase: bool = True
    decay_s: Number | None = None

    kind: ClassVar[str] = "training"


@dataclass(frozen=True, config=CLOSED)
class FineTuningCycle(StochasticCycle):
    """Stochastic cycle of fine-tuning: slower than training, and with deeper pauses.

    See `StochasticCycle` for the parameters.
    """

    nominal_w: Number = 1.0
    frequency_hz: Number | None = None
    frequency_range_hz: Range = (0.3, 0.7)
    frequency_sd: Number = 0.1
    compute_share_range: Range = (0.7, 0.9)
    up_sd: Number = 0.03
    down_mean: Number = 0.8
    down_sd: Number = 0.03
    up_noise_range: Range = (0.01, 0.03)
    down_noise_range: Range = (0.005, 0.02)
    random_phase: bool = True
    decay_s: Number | None = None

    kind: ClassVar[str] = "fine-tuning"


def _slowed(clock_s: Floats, decay_s: float) -> Floats:
    """Return the times t at which the clock u of a decaying cycle shows `clock_s`.

    The clock is u = F t + (1 - F) decay_s (1 - exp(-t / decay_s)), F the share left at the end. With
    c = (u - (1 - F) decay_s) / F and b = (1 - F) decay_s / F it reads t = c + b exp(-t / decay_s), so
    t = c + decay_s W(b / decay_s exp(-c / decay_s)).
    """
    rest_s = (1.0 - LATE_SHARE) * decay_s
    c = (clock_s - rest_s) / LATE_SHARE
    argument = rest_s / (LATE_SHARE * decay_s) * np.exp(-c / decay_s)
    return np.maximum(c + decay_s * lambertw(argument).real, 0.0)
