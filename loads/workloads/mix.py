"""Several jobs side by side, each at its own random place in its cycle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from loads.errors import LoadDataError
from loads.segments import Floats
from loads.workloads.cycle import FineTuningCycle, TrainingCycle
from loads.workloads.phases import Phases, WorkloadModel, child

JOB_KEY = 1_000_002
"""Key of the seeds of the jobs: far from the small ones that models and noise use."""


@dataclass(frozen=True)
class Mix:
    """Jobs that know nothing of one another; the nominal power of the mix is the sum of the weights.

    Parameters
    ----------
    jobs
        Models and weights; a model's nominal power counts as its weight [W].

    Raises
    ------
    ValueError
        If there is no job, or a weight is not above 0.
    """

    jobs: tuple[tuple[WorkloadModel, float], ...]

    def __post_init__(self) -> None:
        if not self.jobs:
            raise ValueError("a mix must have at least one job, got none")
        for _, weight in self.jobs:
            if not 0.0 < weight < np.inf:
                raise ValueError(f"the weights of a mix must be above 0, got {weight}")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from plain data: ``jobs`` is a list of mappings with ``type``, ``share`` and the type's parameters.

        Raises
        ------
        LoadDataError
            Naming the key that is wrong.
        """
        from loads.workloads import build_model

        jobs = data.get("jobs")
        if not isinstance(jobs, list | tuple) or set(data) != {"jobs"}:
            raise LoadDataError("a mix has one key, jobs, a list")
        built = []
        for number, job in enumerate(jobs):
            if not isinstance(job, Mapping) or "type" not in job:
                raise LoadDataError(f"jobs[{number}]: expected a mapping with type, share and parameters, got {job!r}")
            parameters = {key: value for key, value in job.items() if key not in ("type", "share")}
            try:
                built.append((build_model(str(job["type"]), parameters), float(job.get("share", 1.0))))
            except LoadDataError as error:
                raise LoadDataError(f"jobs[{number}]: {error.message}", hint=error.hint) from error
        return cls(tuple(built))

    @property
    def nominal_w(self) -> float:
        """Sum of the weights."""
        return float(sum(weight for _, weight in self.jobs))

    @property
    def source(self) -> str:
        """Weights and sources of the jobs."""
        return "mix of " + "; ".join(f"{weight:g} x {model.source}" for model, weight in self.jobs)

    def draw(self, duration_s: float, seed: np.random.SeedSequence) -> tuple[Phases, dict[str, Any]]:
        """Draw the sum of the jobs, each from a seed of its own, and each job's parameters."""
        drawn, described = [], []
        for number, (model, weight) in enumerate(self.jobs):
            phases, parameters = model.draw(duration_s, child(seed, JOB_KEY, number))
            drawn.append((phases, weight / model.nominal_w))
            described.append({"weight": weight, "source": model.source} | parameters)
        return _sum(drawn), {"jobs": described}


SITE_MIX = Mix(
    (
        (TrainingCycle(), 0.90),
        (TrainingCycle(), 0.025),
        (TrainingCycle(), 0.025),
        (FineTuningCycle(), 0.025),
        (FineTuningCycle(), 0.025),
    )
)
"""Jobs of a site and their shares of its fluctuating power, arXiv 2508.16457: one large training job, two small ones
and two of fine-tuning."""


def _sum(weighted: list[tuple[Phases, float]]) -> Phases:
    """Add phases up on the union of their knots, as long as all of them last."""
    end_s = min(phases.duration_s for phases, _ in weighted)
    knots_s = np.unique(np.concatenate([phases.knots_s for phases, _ in weighted]))
    knots_s = knots_s[knots_s <= end_s]
    powers = np.zeros((4, knots_s.size - 1))
    variance = np.zeros(knots_s.size - 1)
    for phases, factor in weighted:
        assert phases.expected_end_w is not None
        at = np.searchsorted(phases.knots_s, knots_s[:-1], side="right") - 1
        for row, (start_w, end_w) in enumerate(
            ((phases.start_w, phases.end_w), (phases.expected_w, phases.expected_end_w))
        ):
            powers[2 * row] += factor * _on_line(phases, at, start_w, end_w, knots_s[:-1])
            powers[2 * row + 1] += factor * _on_line(phases, at, start_w, end_w, knots_s[1:])
        variance += (factor * phases.noise_sd_w[at]) ** 2
    start_w, end_w, expected_w, expected_end_w = powers
    return Phases(knots_s, start_w, end_w, np.sqrt(variance), expected_w, expected_end_w)


def _on_line(phases: Phases, at: np.ndarray, start_w: Floats, end_w: Floats, time_s: Floats) -> Floats:
    """Values at times on the lines of the phases `at`."""
    into = (time_s - phases.knots_s[at]) / (phases.knots_s[at + 1] - phases.knots_s[at])
    return start_w[at] + into * (end_w[at] - start_w[at])
