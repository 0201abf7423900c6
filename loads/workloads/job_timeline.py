"""A job's life cycle unfolded in time, a chunk of iterations at once: no loop runs over iterations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from loads.segments import Floats
from loads.workloads.job_table import BATCH, BEGIN, CHECKPOINT, FIRST_BEGIN, ITERATION, START, Rows, Table
from loads.workloads.phases import Phases, stream

if TYPE_CHECKING:
    from loads.workloads.job import JobLifeCycle

CHUNK = 256
"""Iterations drawn at a time; part of what a seed means."""

SHORTEST_FACTOR = 0.2
"""A step's length is kept at this share of its mean or above."""


def unfold(job: JobLifeCycle, duration_s: float, seed: np.random.SeedSequence) -> tuple[Phases, dict[str, Any]]:
    """Return the phases of a job over at least `duration_s`, and what was drawn for the whole of it."""
    timeline = _Timeline(job, seed)
    while timeline.now_s <= duration_s and not timeline.done:
        timeline.advance()
    rows = _joined(timeline.rows)
    if job.end_s is not None and job.end_s < timeline.now_s:
        rows = _until(rows, job.end_s - timeline.start_s)
        timeline.now_s = job.end_s
    if timeline.now_s <= duration_s:
        rest_s = duration_s - timeline.now_s + 1.0
        rows = _joined([rows, _level(rest_s, job.idle_w)])
    knots_s = timeline.start_s + np.concatenate([[0.0], np.cumsum(rows.length_s)])
    drawn = {
        "phase": timeline.phase,
        "first_iteration": timeline.first_iteration,
        "failures_s": [float(t) for t in timeline.failures_s if t <= duration_s],
        "shortest_factor": SHORTEST_FACTOR,
    }
    return Phases.from_time_zero(knots_s, *rows[1:]), drawn


class _Timeline:
    """A job that runs: what it has done, and the state that decides what comes next."""

    def __init__(self, job: JobLifeCycle, seed: np.random.SeedSequence) -> None:
        self.job = job
        self.table = Table.of(job)
        workload, self.running, self.failing = (stream(seed, key) for key in (0, 1, 3))
        self.rows: list[Rows] = []
        self.start_s = self.now_s = 0.0
        self.done = False
        self.failures_s: list[float] = []
        self.evaluated = job.skip_start
        self.phase: float | None = None
        self.iteration = 0
        self.since_checkpoint_s = 0.0
        self.skipped = 0.0
        if job.skip_start:
            self.phase = job.phase
            self._enter(workload)
        else:
            self._append(self._block(START))
        self.first_iteration = self.saved_iteration = self.iteration
        self.failure_s = self._next_failure_s()

    def advance(self) -> None:
        """Go on by a chunk of iterations, or to the next failure."""
        count = CHUNK if self.job.iterations is None else min(CHUNK, self.job.iterations - self.iteration)
        numbers = self.iteration + 1 + np.arange(count)
        kinds, factors, units = self._blocks(numbers)
        lengths_s = self.table.lengths_s(kinds, factors)
        kinds, factors, units, saved = self._with_checkpoints(kinds, factors, units, lengths_s, numbers)
        ends_s = np.cumsum(np.bincount(units, self.table.lengths_s(kinds, factors), count))
        rows = self.table.rows(kinds, factors, self.running)
        if self.skipped:
            self.start_s = self.now_s = -self.skipped * float(ends_s[0])
            self.skipped = 0.0
        if self.now_s + ends_s[-1] > self.failure_s:
            completed = int(np.searchsorted(ends_s, self.failure_s - self.now_s, side="right"))
            self.saved_iteration = int(max(numbers[:completed][saved[:completed]], default=self.saved_iteration))
            self._fail(rows)
            return
        self._append(rows)
        self.iteration = int(numbers[-1])
        self.evaluated = self.evaluated or BATCH in kinds
        self.saved_iteration = int(max(numbers[saved], default=self.saved_iteration))
        self.done = self.iteration == self.job.iterations

    def _blocks(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64]]:
        """Kind, length factor and unit of each block but checkpoints; a unit is an iteration and what follows it."""
        often = np.zeros((numbers.size, CHECKPOINT), dtype=np.int64)
        often[:, ITERATION] = 1
        if self.job.evaluation:
            due = np.flatnonzero(numbers % self.job.evaluation.every_iterations == 0)
            often[due, BEGIN] = 1
            often[due, BATCH] = self.job.evaluation.repeats
            if due.size and not self.evaluated:
                often[due[0], [BEGIN, FIRST_BEGIN]] = 0, 1
        kinds = np.repeat(np.tile(np.arange(CHECKPOINT), numbers.size), often.ravel())
        units = np.repeat(np.arange(numbers.size), often.sum(axis=1))
        draws = self.running.standard_normal(kinds.size)
        return kinds, np.maximum(1.0 + self.table.period_sd[kinds] * draws, SHORTEST_FACTOR), units

    def _with_checkpoints(
        self,
        kinds: NDArray[np.int64],
        factors: Floats,
        units: NDArray[np.int64],
        lengths_s: Floats,
        numbers: NDArray[np.int64],
    ) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64], NDArray[np.bool_]]:
        """Insert checkpoints at the end of their units; return whether each unit has one, too."""
        saved = np.zeros(numbers.size, dtype=bool)
        checkpoint = self.job.checkpoint
        if checkpoint is None:
            return kinds, factors, units, saved
        if checkpoint.every_iterations is not None:
            saved[:] = numbers % checkpoint.every_iterations == 0
        elif checkpoint.every_s is not None:
            ends_s = np.cumsum(np.bincount(units, lengths_s, numbers.size))
            begun_s = -self.since_checkpoint_s
            while (at := int(np.searchsorted(ends_s, begun_s + checkpoint.every_s))) < numbers.size:
                saved[at] = True
                begun_s = float(ends_s[at])
            self.since_checkpoint_s = float(ends_s[-1]) - begun_s
        places = np.searchsorted(units, np.flatnonzero(saved), side="right")
        return (
            np.insert(kinds, places, CHECKPOINT),
            np.insert(factors, places, 1.0),
            np.insert(units, places, np.flatnonzero(saved)),
            saved,
        )

    def _enter(self, workload: np.random.Generator) -> None:
        """Choose the iteration, and the place in it, at which the trace begins."""
        drawn = float(workload.uniform())
        phase = self.phase = drawn if self.phase is None else self.phase
        evaluation, checkpoint = self.job.evaluation, self.job.checkpoint
        cycle = max(
            evaluation.every_iterations if evaluation else 1,
            (checkpoint.every_iterations or 1) if checkpoint else 1,
        )
        units_s = np.full(min(cycle, self.job.iterations or cycle), self._mean_length_s(ITERATION))
        if evaluation:
            evaluation_s = self._mean_length_s(BEGIN) + evaluation.repeats * self._mean_length_s(BATCH)
            units_s[evaluation.every_iterations - 1 :: evaluation.every_iterations] += evaluation_s
        if checkpoint and checkpoint.every_iterations:
            units_s[checkpoint.every_iterations - 1 :: checkpoint.every_iterations] += checkpoint.duration_s
        if checkpoint and checkpoint.every_s:
            self.since_checkpoint_s = float(workload.uniform(0.0, checkpoint.every_s))
        ends_s = np.cumsum(units_s)
        place_s = phase * float(ends_s[-1])
        self.iteration = int(np.searchsorted(ends_s[:-1], place_s, side="right"))
        self.skipped = (place_s - float(ends_s[self.iteration] - units_s[self.iteration])) / float(
            units_s[self.iteration]
        )

    def _fail(self, rows: Rows) -> None:
        """Cut the rows at the failure, go down and start again."""
        self._append(_until(rows, self.failure_s - self.now_s))
        self.now_s = self.failure_s
        self.failures_s.append(self.failure_s)
        assert self.job.failures is not None
        self._append(_level(self.job.failures.down_s, self.job.idle_w))
        self._append(self._block(START))
        self.iteration = self.saved_iteration
        self.since_checkpoint_s = 0.0
        self.evaluated = False
        self.failure_s = self._next_failure_s()

    def _next_failure_s(self) -> float:
        if self.job.failures is None:
            return np.inf
        return self.now_s + float(self.failing.exponential(self.job.failures.mean_time_between_s))

    def _mean_length_s(self, kind: int) -> float:
        return float(self.table.lengths_s(np.array([kind]), np.ones(1))[0])

    def _block(self, kind: int) -> Rows:
        return self.table.rows(np.array([kind]), np.ones(1), self.running)

    def _append(self, rows: Rows) -> None:
        self.rows.append(rows)
        self.now_s += float(rows.length_s.sum())


def _level(length_s: float, power_w: float) -> Rows:
    power = np.array([power_w])
    return Rows(np.array([length_s]), power, power, np.zeros(1), power, power)


def _joined(parts: Sequence[Rows]) -> Rows:
    return Rows(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _until(rows: Rows, length_s: float) -> Rows:
    """Rows up to a time, the last one cut."""
    ends_s = np.cumsum(rows.length_s)
    last = min(int(np.searchsorted(ends_s, length_s)), ends_s.size - 1)
    cut = Rows(*(column[: last + 1].copy() for column in rows))
    kept_s = length_s - (ends_s[last] - rows.length_s[last])
    share = kept_s / rows.length_s[last]
    cut.length_s[last] = kept_s
    cut.end_w[last] = cut.start_w[last] + share * (cut.end_w[last] - cut.start_w[last])
    cut.expected_end_w[last] = cut.expected_w[last] + share * (cut.expected_end_w[last] - cut.expected_w[last])
    return cut
