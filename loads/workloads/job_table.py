"""What a job does, as a table: one row a phase, the rows of a kind of block one after the other.

A run of the job is a list of blocks, each with its own drawn length, and gathering their rows is one indexing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from loads.segments import Floats

if TYPE_CHECKING:
    from loads.workloads.job import JobLifeCycle, Stage, Step

ITERATION, BEGIN, FIRST_BEGIN, BATCH, CHECKPOINT, START = range(6)
"""Kinds of blocks; iterations are followed by their pause."""


class Rows(NamedTuple):
    """Phases, each array of shape (n,)."""

    length_s: Floats
    start_w: Floats
    end_w: Floats
    noise_sd_w: Floats
    expected_w: Floats
    expected_end_w: Floats


@dataclass(frozen=True)
class Table:
    """The rows of all kinds of blocks. A row lasts ``scaled_s`` times the block's drawn factor plus ``fixed_s``."""

    first: NDArray[np.int64]
    """Shape (kinds,): first row of each kind."""
    size: NDArray[np.int64]
    """Shape (kinds,): number of its rows."""
    period_sd: Floats
    """Shape (kinds,): relative standard deviation of its length."""
    scaled_s: Floats
    fixed_s: Floats
    start_w: Floats
    end_w: Floats
    level_sd_w: Floats
    noise_sd_w: Floats
    expected_w: Floats
    expected_end_w: Floats
    back: NDArray[np.int64]
    """Rows back to the one whose draw of the level holds here too."""

    @classmethod
    def of(cls, job: JobLifeCycle) -> Table:
        """Lay out a job."""
        evaluation, checkpoint = job.evaluation, job.checkpoint
        begin = evaluation.begin if evaluation else ()
        first_begin = evaluation.first_begin if evaluation and evaluation.first_begin is not None else begin
        pause = (job.pause,) if job.pause else ()
        blocks = [
            _step_rows(job.step, pause),
            _stage_rows(begin),
            _stage_rows(first_begin),
            _step_rows(evaluation.step, ()) if evaluation else [],
            [
                (
                    0.0,
                    checkpoint.duration_s,
                    *[checkpoint.level_w] * 2,
                    0.0,
                    checkpoint.noise_sd_w,
                    *[checkpoint.level_w] * 2,
                    0,
                )
            ]
            if checkpoint
            else [],
            _stage_rows(job.start),
        ]
        size = np.array([len(block) for block in blocks])
        columns = np.array([row for block in blocks for row in block]).T
        period_sd = np.zeros(len(blocks))
        period_sd[ITERATION] = job.step.period_sd
        period_sd[BATCH] = evaluation.step.period_sd if evaluation else 0.0
        *floats, back = columns
        scaled_s, fixed_s, start_w, end_w, level_sd_w, noise_sd_w, expected_w, expected_end_w = floats
        return cls(
            np.cumsum(size) - size,
            size,
            period_sd,
            scaled_s,
            fixed_s,
            start_w,
            end_w,
            level_sd_w,
            noise_sd_w,
            expected_w,
            expected_end_w,
            back.astype(np.int64),
        )

    def lengths_s(self, kinds: NDArray[np.int64], factors: Floats) -> Floats:
        """Length of each block, shape of `kinds`."""
        ends = self.first + self.size
        scaled, fixed = (
            np.array([part[a:b].sum() for a, b in zip(self.first, ends, strict=True)])
            for part in (self.scaled_s, self.fixed_s)
        )
        return scaled[kinds] * factors + fixed[kinds]

    def rows(self, kinds: NDArray[np.int64], factors: Floats, rng: np.random.Generator) -> Rows:
        """Rows of blocks one after the other, with levels drawn."""
        sizes = self.size[kinds]
        row = np.repeat(self.first[kinds] - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())
        draws = rng.standard_normal(row.size)[np.arange(row.size) - self.back[row]]
        shift_w = self.level_sd_w[row] * draws
        return Rows(
            self.scaled_s[row] * np.repeat(factors, sizes) + self.fixed_s[row],
            np.maximum(self.start_w[row] + shift_w, 0.0),
            np.maximum(self.end_w[row] + shift_w, 0.0),
            self.noise_sd_w[row],
            self.expected_w[row],
            self.expected_end_w[row],
        )


def _step_rows(step: Step, pause: Iterable[Stage]) -> list[tuple[float, ...]]:
    """Rows of a step and its pause, in the order of the columns of `Table`."""
    pauses = _stage_rows(pause)
    total = sum(phase.share for phase in step.phases)
    paused_s = sum(row[1] for row in pauses)
    paused_j = sum(row[1] * 0.5 * (row[2] + row[3]) for row in pauses)
    mean_w = (step.mean_w * step.period_s + paused_j) / (step.period_s + paused_s)
    rows: list[tuple[float, ...]] = []
    back = 0
    before_w: float | None = None
    for phase in step.phases:
        end_w = phase.last_w
        back = back + 1 if phase.start_w == before_w else 0
        before_w = end_w
        scaled_s = phase.share / total * step.period_s
        rows.append((scaled_s, 0.0, phase.start_w, end_w, phase.level_sd_w, phase.noise_sd_w, mean_w, mean_w, back))
    return rows + [(*row[:6], mean_w, mean_w, 0) for row in pauses]


def _stage_rows(stages: Iterable[Stage]) -> list[tuple[float, ...]]:
    """Rows of stages; all devices go through them together, so what is expected is the level itself."""
    rows: list[tuple[float, ...]] = []
    for stage in stages:
        levels_w = stage.start_w, stage.last_w
        rows.append((0.0, stage.duration_s, *levels_w, 0.0, stage.noise_sd_w, *levels_w, 0))
    return rows
