"""The life cycle of a training job: start, iterations, evaluations, checkpoints, failures, end.

After the phase-sum model of arXiv 2502.01647: a base and phases of known level and length, one after the other. A job
is plain data, so that a file can hold it; `loads.workloads.job_timeline` unfolds it in time. Levels are in watts of
whatever the job describes (a device, a node, a cluster), or shares of its nominal power, then 1 W.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from loads.workloads import job_timeline
from loads.workloads.phases import Phases
from loads.workloads.plain import CLOSED, ListAsTuple, Number, Whole, from_plain

Positive = Annotated[Number, Field(gt=0.0)]
NotNegative = Annotated[Number, Field(ge=0.0)]
Count = Annotated[Whole, Field(ge=1)]

SHARE_TOLERANCE = 1e-3
"""How far the shares of a step may be from 1 together; they are then scaled to 1."""


@dataclass(frozen=True, config=CLOSED)
class Stage:
    """A stretch of time with a level, or a ramp from one to another.

    Parameters
    ----------
    duration_s
        How long it lasts.
    start_w, end_w
        Power at its start and end; without `end_w` it stays.
    noise_sd_w
        Standard deviation of the noise, white at the sample rate.
    name
        What the job does, for the reader.
    """

    duration_s: Positive
    start_w: NotNegative
    end_w: NotNegative | None = None
    noise_sd_w: NotNegative = 0.0
    name: str = ""

    @property
    def last_w(self) -> float:
        """Power at the end."""
        return self.start_w if self.end_w is None else self.end_w


Stages = Annotated[tuple[Stage, ...], ListAsTuple]


@dataclass(frozen=True, config=CLOSED)
class StepPhase:
    """A part of a step.

    Parameters
    ----------
    share
        Of the step's period.
    start_w, end_w
        Power at its start and end; without `end_w` it stays. A recorded profile is a row of phases that join.
    level_sd_w
        Standard deviation, over the steps, of the level. Phases that join without a jump share the draw, so that they
        still join.
    noise_sd_w
        Standard deviation of the noise, white at the sample rate.
    """

    share: Positive
    start_w: NotNegative
    end_w: NotNegative | None = None
    level_sd_w: NotNegative = 0.0
    noise_sd_w: NotNegative = 0.0

    @property
    def last_w(self) -> float:
        """Power at the end."""
        return self.start_w if self.end_w is None else self.end_w


@dataclass(frozen=True, config=CLOSED)
class Step:
    """What repeats: a training iteration, or a batch of an evaluation.

    Parameters
    ----------
    period_s
        Mean length.
    phases
        In their order, at least one; the shares add up to 1.
    period_sd
        Relative standard deviation of the length, drawn each step; no step is shorter than a fifth of the mean.

    Raises
    ------
    ValueError
        If the shares do not add up to 1.
    """

    period_s: Positive
    phases: Annotated[tuple[StepPhase, ...], Field(min_length=1), ListAsTuple]
    period_sd: NotNegative = 0.0

    def __post_init__(self) -> None:
        total = sum(phase.share for phase in self.phases)
        if abs(total - 1.0) > SHARE_TOLERANCE:
            raise ValueError(f"the shares of a step must add up to 1, got {total:g}")

    @property
    def mean_w(self) -> float:
        """Time average of the power."""
        total = sum(phase.share for phase in self.phases)
        return sum(phase.share * 0.5 * (phase.start_w + phase.last_w) for phase in self.phases) / total

    @classmethod
    def from_profile(
        cls, period_s: float, time_s: list[float], power_w: list[float], period_sd: float = 0.0, noise_sd_w: float = 0.0
    ) -> Self:
        """Build from samples of the power over one period, joined by straight lines and around the end.

        Parameters
        ----------
        period_s
            Length of the step.
        time_s
            Of the samples, shape (n,), increasing within [0, `period_s`).
        power_w
            Samples, shape (n,).
        period_sd
            See `Step`.
        noise_sd_w
            Noise of every phase.

        Raises
        ------
        ValueError
            If the times do not increase or leave the period.
        """
        times, powers = np.asarray(time_s, dtype=np.float64), np.asarray(power_w, dtype=np.float64)
        if times.shape != powers.shape or times.ndim != 1 or times.size < 1:
            raise ValueError(f"a profile needs as many times as powers, got {times.shape} and {powers.shape}")
        if times[0] < 0.0 or times[-1] >= period_s or not (np.diff(times) > 0.0).all():
            raise ValueError(f"the times of a profile must increase within [0, {period_s:g}) s")
        knots = np.unique(np.concatenate([[0.0], times, [period_s]]))
        levels = np.interp(knots, times, powers, period=period_s)
        phases = tuple(
            StepPhase(share=float(length), start_w=float(a), end_w=float(b), noise_sd_w=noise_sd_w)
            for length, a, b in zip(np.diff(knots) / period_s, levels[:-1], levels[1:], strict=True)
        )
        return cls(period_s=period_s, phases=phases, period_sd=period_sd)


@dataclass(frozen=True, config=CLOSED)
class Evaluation:
    """A pause of the training in which the model is evaluated.

    Parameters
    ----------
    every_iterations
        It follows each iteration whose number is a multiple of this.
    step
        One batch of it.
    repeats
        Number of batches.
    begin
        Stages before the first batch, such as a wait for the slowest device.
    first_begin
        Stages instead of `begin` in the first evaluation after a start, such as a compilation; None: the same.
    """

    every_iterations: Count
    step: Step
    repeats: Count = 1
    begin: Stages = ()
    first_begin: Stages | None = None


@dataclass(frozen=True, config=CLOSED)
class Checkpoint:
    """A pause of the training in which its state is saved; the level is reached and left abruptly.

    Parameters
    ----------
    duration_s
        How long it lasts.
    level_w
        Power meanwhile, near idle.
    every_iterations, every_s
        One of them: it follows each iteration whose number is a multiple, or the first one that ends this long after
        the checkpoint before.
    noise_sd_w
        Standard deviation of the noise, white at the sample rate.

    Raises
    ------
    ValueError
        If not exactly one of them is given.
    """

    duration_s: Positive
    level_w: NotNegative
    every_iterations: Count | None = None
    every_s: Positive | None = None
    noise_sd_w: NotNegative = 0.0

    def __post_init__(self) -> None:
        if (self.every_iterations is None) == (self.every_s is None):
            raise ValueError("a checkpoint must have either every_iterations or every_s")


@dataclass(frozen=True, config=CLOSED)
class Failures:
    """Failures that stop the job: idle, then start again from the last checkpoint.

    Parameters
    ----------
    mean_time_between_s
        Of running; the time to a failure is exponential.
    down_s
        How long the job is down before it starts again.
    """

    mean_time_between_s: Positive
    down_s: Positive


@dataclass(frozen=True, config=CLOSED)
class JobLifeCycle:
    """A training job from its start to its end.

    Parameters
    ----------
    step
        One training iteration.
    idle_w
        Power while down and after the end.
    start
        Stages before the first iteration, such as loading, compiling and a warm-up ramp.
    pause
        After each iteration, such as logging.
    evaluation, checkpoint, failures
        What interrupts the iterations; None: nothing of the kind. A failure loses the iterations since the last
        checkpoint (since the start of the trace, if there was none), and they are done again.
    iterations
        Number of iterations after which the job ends with an abrupt fall to idle; None: it goes on.
    end_s
        Time from the start of the trace at which it ends, wherever it is; None: it goes on.
    skip_start
        Whether the trace begins in the running job instead of with the start stages.
    phase
        With `skip_start`, where it begins: from 0 to 1 of the longer of the cycles from evaluation to evaluation and
        from checkpoint to checkpoint (by iterations), or of an iteration where there is neither. None: at random.
    nominal_w
        Power that a share of a site's rating stands for; 0: the time average of an iteration.
    source
        A sentence for the provenance.
    """

    step: Step
    idle_w: NotNegative
    start: Stages = ()
    pause: Stage | None = None
    evaluation: Evaluation | None = None
    checkpoint: Checkpoint | None = None
    failures: Failures | None = None
    iterations: Count | None = None
    end_s: Positive | None = None
    skip_start: bool = False
    phase: Annotated[Number, Field(ge=0.0, lt=1.0)] | None = None
    nominal_w: NotNegative = 0.0
    source: str = "job life cycle, a sum of phases after arXiv 2502.01647"

    def __post_init__(self) -> None:
        if self.nominal_w == 0.0:
            object.__setattr__(self, "nominal_w", self.step.mean_w)
        if self.nominal_w == 0.0:
            raise ValueError("nominal_w must be above 0 where the step takes no power, got 0")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from plain data, as a YAML or JSON file holds it.

        Raises
        ------
        LoadDataError
            If a key is unknown or missing or a value has no meaning; it names the key.
        """
        return from_plain(cls, data)

    def draw(self, duration_s: float, seed: np.random.SeedSequence) -> tuple[Phases, dict[str, Any]]:
        """Draw phases that cover at least `duration_s`, and the parameters drawn.

        Of many devices that run this job out of step, each is somewhere in its iteration or batch, so the expected
        power is their time average; stages, checkpoints and failures stop all of them at once.
        """
        phases, drawn = job_timeline.unfold(self, duration_s, seed)
        return phases, asdict(self) | drawn
