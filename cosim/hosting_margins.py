"""What single runs of a search for hosting capacity tell: which limits they keep, and at which size one would bind."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cosim.criteria import COMPLETED, Verdict
from cosim.scenario.model import EngineName


@dataclass(frozen=True)
class CheckedLimit:
    """A deciding criterion that was assessed in a trial."""

    id: str
    metric: str
    value: float
    limit: float
    unit: str
    side: str
    passes: bool
    margin: float
    where: str | None
    time_s: float | None

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is told from others by."""
        return self.id, self.metric, self.side

    @property
    def relative(self) -> float:
        """Margin as a share of the limit."""
        return self.margin / abs(self.limit) if self.limit else self.margin


@dataclass(frozen=True)
class Trial:
    """One run with a site of a size. Only the verdict ``pass`` counts as passed.

    ``status`` is the run's, or ``not_placed`` where the grid cannot supply the site; ``message`` says why it was not
    completed or not assessed. ``engine`` is the one asked for, ``stepped_by`` the one that took the steps, and
    ``reason`` why that was not the compiled one.
    """

    engine: EngineName
    seed: int
    size_mw: float
    status: str
    verdict: Verdict
    limits: tuple[CheckedLimit, ...] = ()
    message: str | None = None
    wall_time_s: float = 0.0
    stepped_by: str | None = None
    reason: str | None = None

    @property
    def made_with(self) -> str:
        """The engine that took the steps; where none were taken, the one asked for."""
        return self.stepped_by or self.engine

    @property
    def is_linear(self) -> bool:
        """Whether its equations were linear."""
        return self.engine == "linear"

    @property
    def passes(self) -> bool:
        """Whether every deciding criterion that was assessed passed, in a run that completed."""
        return self.verdict == "pass"

    @property
    def is_complete(self) -> bool:
        """Whether the run went to its end."""
        return self.status == COMPLETED

    @property
    def binding(self) -> CheckedLimit | None:
        """The limit that is broken by the largest share of itself; of those kept, the nearest; None without any."""
        return min(self.limits, key=lambda limit: (limit.passes, limit.relative), default=None)

    def of(self, key: tuple[str, str, str]) -> CheckedLimit | None:
        """The limit with a key, if it was assessed."""
        return next((limit for limit in self.limits if limit.key == key), None)


def predicted(trials: Iterable[Trial]) -> tuple[float, str | None]:
    """Size at which the first margin is used up, and of which limit: straight lines through two sizes each.

    Those are the sizes on both sides of it, or else the two nearest to it. Infinity if no margin shrinks. A limit that
    is broken and was assessed at one size only binds somewhere below it: halfway to the largest size that passes.
    """
    ordered = sorted((t for t in trials if t.is_complete), key=lambda t: t.size_mw)
    best_mw, name = math.inf, None
    passed_mw = max((t.size_mw for t in ordered if t.passes), default=0.0)
    for key in dict.fromkeys(limit.key for t in ordered for limit in t.limits):
        points = [(t.size_mw, limit.margin, limit.passes) for t in ordered if (limit := t.of(key))]
        failed = next((k for k, (_, _, passes) in enumerate(points) if not passes), None)
        if failed is None and len(points) < 2:
            continue
        if failed is not None and len(points) < 2:
            size_mw = math.sqrt(passed_mw * points[0][0])
        else:
            last = len(points) - 1 if failed is None else max(failed, 1)
            (x0, y0, _), (x1, y1, _) = points[last - 1], points[last]
            size_mw = x1 - y1 * (x1 - x0) / (y1 - y0) if y1 < y0 else math.inf
        if size_mw < best_mw:
            best_mw, name = max(size_mw, 0.0), key[0]
    return best_mw, name


def extrapolated(trial: Trial, slopes_from: Sequence[Trial]) -> float | None:
    """Size at which the first margin of a trial is used up; None if no slope is known for what is broken."""
    ordered = sorted({t.size_mw: t for t in slopes_from if t.is_complete}.values(), key=lambda t: t.size_mw)
    sizes = []
    for limit in trial.limits:
        points = [(t.size_mw, found.margin) for t in ordered if (found := t.of(limit.key))]
        points = sorted(sorted(points, key=lambda p: abs(p[0] - trial.size_mw))[:2])
        slope = (points[1][1] - points[0][1]) / (points[1][0] - points[0][0]) if len(points) == 2 else 0.0
        if slope < 0.0:
            sizes.append(trial.size_mw - limit.margin / slope)
        elif not limit.passes:
            return None
    return max(min(sizes), 0.0) if sizes else None


def contradictions(trials: Iterable[Trial]) -> list[str]:
    """Say where a size passed although a smaller one, with the same seed and engine, did not."""
    found = []
    groups: dict[tuple[int, str], list[Trial]] = {}
    for trial in trials:
        groups.setdefault((trial.seed, trial.made_with), []).append(trial)
    for (seed, engine), group in groups.items():
        failed = min((t.size_mw for t in group if not t.passes), default=math.inf)
        above = max((t.size_mw for t in group if t.passes), default=0.0)
        if above > failed:
            found.append(
                f"a larger site is not always worse here: with seed {seed}, engine {engine}, {above:g} MW passes, but "
                f"not {failed:g} MW; so a size above the one found may pass too"
            )
    return found
