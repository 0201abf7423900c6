"""Search for the largest size of a site that passes with every seed: on linear equations, then on the full ones.

That a larger site never does what a smaller one did not is assumed, not known: trials that show otherwise are told.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from cosim.hosting_margins import Trial, contradictions, extrapolated, predicted
from cosim.scenario.model import EngineName

Status = Literal["found", "at_max", "none", "not_assessed"]

SMALLEST_SHARE = 1e-3
"""The search ends at this share of the largest size."""
FIRST_SHARE = 1e-2
"""Of the largest size: the second one tried, from which that at which a limit binds is predicted."""
DIGITS = 5
"""Significant digits of the sizes that are tried, so that what is printed is what was run."""
GAPS = 2.0
"""Seeds are run nonlinearly if their linear size is within so many times the gap found between both engines."""
MOST_PREDICTED = 10
"""So many sizes of a seed are predicted; if that was not enough, its bracket is bisected."""


@dataclass(frozen=True)
class Bracket:
    """Where to search.

    Parameters
    ----------
    max_mw
        Largest size.
    tolerance
        The smallest size that fails is larger than the largest that passes by at most this share.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    max_mw: float
    tolerance: float = 0.01

    def __post_init__(self) -> None:
        if not 0.0 < self.max_mw < math.inf:
            raise ValueError(f"max_mw must be above 0 MW, got {self.max_mw:g}")
        if not 0.001 <= self.tolerance <= 0.5:
            raise ValueError(f"tolerance must be from 0.1 % to 50 %, got {100 * self.tolerance:g} %")

    @property
    def smallest_mw(self) -> float:
        """The smallest size tried."""
        return rounded(SMALLEST_SHARE * self.max_mw)


@dataclass(frozen=True)
class Estimate:
    """Of a seed, the size at which the first limit binds by the linear equations.

    ``predicted_mw`` may lie beyond the largest size allowed, ``size_mw`` does not.
    """

    seed: int
    size_mw: float
    predicted_mw: float
    limit: str | None


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes
    ----------
    status
        ``found``; ``at_max``: the largest size passes; ``none``: the smallest fails; ``not_assessed``: no verdict.
    seed
        The one that decides.
    low, high
        Trials of the largest size that passes and of the smallest that fails; None where there is none.
    checked
        Seeds that were run at the size found, or at one that is larger, with the engine of ``low``.
    """

    status: Status
    seed: int
    low: Trial | None
    high: Trial | None
    estimates: tuple[Estimate, ...]
    checked: tuple[int, ...]
    trials: tuple[Trial, ...]
    warnings: tuple[str, ...] = ()


RunTrial = Callable[[EngineName, int, float], Trial]


def largest_size(
    run: RunTrial,
    seeds: Sequence[int],
    bracket: Bracket,
    *,
    search: EngineName = "linear",
    confirm: EngineName = "auto",
) -> Found:
    """Find the largest size that passes with every seed.

    With the engine of the search, the size at which the first limit binds is found for each seed: from the margins of
    two runs that at which they are used up is predicted, a run there linearises the grid anew, and so on. The seed
    with the smallest size decides. With the engine that confirms, a run on either side of it follows, and more until
    they are near enough. Other seeds are run at the size found if their own is not much larger; a seed that fails
    there decides from then on.

    Parameters
    ----------
    run
        Runs a size.
    seeds
        At least one.
    bracket
        Where to search.
    search, confirm
        Engines.
    """
    return _Search(run, seeds, bracket, search, confirm).found()


@dataclass
class _Bracketing:
    """The largest size that passes and the smallest that fails, so far, for one seed."""

    low: Trial | None = None
    high: Trial | None = None

    def take(self, trial: Trial) -> None:
        if trial.passes and (self.low is None or trial.size_mw > self.low.size_mw):
            self.low = trial
        if not trial.passes and (self.high is None or trial.size_mw < self.high.size_mw):
            self.high = trial

    @property
    def low_mw(self) -> float:
        return self.low.size_mw if self.low else 0.0

    @property
    def high_mw(self) -> float:
        return self.high.size_mw if self.high else math.inf


@dataclass
class _Search:
    """A search while it goes on."""

    run: RunTrial
    seeds: Sequence[int]
    bracket: Bracket
    search: EngineName
    confirm: EngineName
    trials: dict[tuple[EngineName, int, float], Trial] = field(default_factory=dict)

    def found(self) -> Found:
        smallest = self._trial(self.search, self.seeds[0], self.bracket.smallest_mw)
        if smallest.is_complete and smallest.verdict == "not_assessed":
            return self._result("not_assessed", smallest.seed, _Bracketing(), (), ())
        start_mw = rounded(FIRST_SHARE * self.bracket.max_mw)
        estimates: list[Estimate] = []
        for seed in self.seeds:
            estimates.append(self._estimate(seed, smallest, start_mw))
            start_mw = estimates[-1].size_mw
        return self._confirmed(sorted(estimates, key=lambda e: (e.predicted_mw, e.seed)))

    def _trial(self, engine: EngineName, seed: int, size_mw: float) -> Trial:
        key = engine, seed, size_mw
        if key not in self.trials:
            self.trials[key] = self.run(*key)
        return self.trials[key]

    def _of(self, engine: EngineName, seed: int) -> list[Trial]:
        return [trial for (e, s, _), trial in self.trials.items() if (e, s) == (engine, seed)]

    def _estimate(self, seed: int, smallest: Trial, start_mw: float) -> Estimate:
        """Find where a seed's first limit binds with the engine of the search."""
        bracket, tolerance = self.bracket, self.bracket.tolerance
        if not smallest.passes:
            return Estimate(seed, bracket.smallest_mw, bracket.smallest_mw, _cause(smallest))
        tried, size_mw = [smallest], start_mw
        state = _Bracketing(low=smallest)
        while True:
            trial = self._trial(self.search, seed, size_mw)
            tried.append(trial)
            state.take(trial)
            predicted_mw, limit = predicted(tried)
            if state.low_mw >= bracket.max_mw:
                return Estimate(seed, bracket.max_mw, max(predicted_mw, bracket.max_mw), limit)
            if state.high_mw <= state.low_mw * (1 + tolerance / 2) or state.high_mw <= bracket.smallest_mw:
                middle_mw = rounded(math.sqrt(state.low_mw * state.high_mw))
                return Estimate(seed, middle_mw, middle_mw, _cause(state.high))
            aim_mw = min(predicted_mw, bracket.max_mw)
            is_near = abs(aim_mw - size_mw) <= tolerance / 4 * size_mw
            if is_near and trial.is_complete and predicted_mw < bracket.max_mw:
                return Estimate(seed, rounded(aim_mw), predicted_mw, limit)
            if len(tried) > MOST_PREDICTED or not state.low_mw < rounded(aim_mw) < state.high_mw:
                top_mw = min(state.high_mw, bracket.max_mw)
                aim_mw = math.sqrt(state.low_mw * top_mw) if state.high else top_mw
            size_mw = rounded(aim_mw)
            if size_mw in (state.low_mw, state.high_mw):
                return Estimate(seed, size_mw, size_mw, _cause(state.high))

    def _confirmed(self, order: Sequence[Estimate]) -> Found:
        """Bracket the size with the engine that confirms, for the seed that decides."""
        deciding, checked = order[0], [order[0].seed]
        state, gap = self._closed(deciding, _Bracketing()), 0.0
        while state.low:
            if state.high:
                gap = max(gap, abs(math.sqrt(state.low_mw * state.high_mw) / deciding.size_mw - 1))
            reach_mw = order[0].predicted_mw * (1 + max(self.bracket.tolerance, GAPS * gap))
            near = [e for e in order if e.seed not in checked and e.predicted_mw <= reach_mw]
            if not near:
                break
            trial = self._trial(self.confirm, near[0].seed, state.low_mw)
            checked.append(near[0].seed)
            if not trial.passes:
                deciding = near[0]
                state = self._closed(deciding, _Bracketing(high=trial))
        status: Status = "none" if state.low is None else "found" if state.high else "at_max"
        return self._result(status, deciding.seed, state, tuple(order), tuple(checked))

    def _closed(self, estimate: Estimate, state: _Bracketing) -> _Bracketing:
        """Run sizes of a seed until the largest that passes and the smallest that fails are near enough."""
        bracket, step = self.bracket, 1 + self.bracket.tolerance
        count = 0
        while True:
            is_closed = state.high_mw <= state.low_mw * step * (1 + 10 ** (1 - DIGITS))
            if is_closed or state.low_mw >= bracket.max_mw or state.high_mw <= bracket.smallest_mw:
                return state
            expected_mw = self._expected(estimate, state, count)
            aim_mw = rounded(min(max(_next(expected_mw, state, step), bracket.smallest_mw), bracket.max_mw))
            if count > MOST_PREDICTED or not state.low_mw < aim_mw < state.high_mw:
                low_mw, high_mw = max(state.low_mw, bracket.smallest_mw), min(state.high_mw, bracket.max_mw)
                aim_mw = rounded(math.sqrt(low_mw * high_mw))
            if not state.low_mw < aim_mw < state.high_mw:
                return state
            state.take(self._trial(self.confirm, estimate.seed, aim_mw))
            count += 1

    def _expected(self, estimate: Estimate, state: _Bracketing, count: int) -> float:
        """Size at which the first limit binds: from the margins of the nearest trial and their linear slopes."""
        trial = state.high or state.low
        if trial is None:
            return estimate.predicted_mw
        tried = [*self._of(self.search, estimate.seed), *self._of(self.search, self.seeds[0])[:1]]
        found = [trial for trial in (state.low, state.high) if trial is not None and trial.is_complete]
        sizes = [size for t in found if (size := extrapolated(t, tried)) is not None]
        if sizes:
            return sum(sizes) / len(sizes)
        stride = (1 + self.bracket.tolerance) ** (2**count)  # nothing to go by: ever longer steps
        return state.high_mw / stride if state.high else state.low_mw * stride

    def _result(
        self,
        status: Status,
        seed: int,
        state: _Bracketing,
        estimates: tuple[Estimate, ...],
        checked: tuple[int, ...],
    ) -> Found:
        trials = tuple(self.trials.values())
        return Found(status, seed, state.low, state.high, estimates, checked, trials, tuple(contradictions(trials)))


def _next(expected_mw: float, state: _Bracketing, step: float) -> float:
    """The size to try: so that, if the limit binds where it is expected to, the bracket closes soon."""
    if state.low and expected_mw <= state.low_mw * step:
        return state.low_mw * step
    if state.high and expected_mw >= state.high_mw / step:
        return state.high_mw / step
    return expected_mw / math.sqrt(step)


def _cause(trial: Trial | None) -> str | None:
    if trial is None:
        return None
    if not trial.is_complete:
        return trial.status
    return trial.binding.id if trial.binding else None


def rounded(size_mw: float) -> float:
    """A size as it is run."""
    return float(f"{size_mw:.{DIGITS}g}")
