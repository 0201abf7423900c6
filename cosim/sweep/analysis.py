"""What came out of a sweep: its runs, the metrics that are worth showing, and how they spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cosim.criteria import COMPLETED
from cosim.errors import InputError, Problem, nearest
from cosim.metrics import unit_of
from cosim.sweep.folder import reopen
from cosim.sweep.limits import SweepLimit, limits_of, worst_is_lowest
from cosim.sweep.plan import Plan
from cosim.sweep.records import CRITERIA
from cosim.sweep.table import PENDING, read_table

LOW, HIGH = 0.05, 0.95
"""Shares of the runs that lie below the quantiles which are shown beside the median."""

SHOWN = (
    "frequency.max_deviation_mhz",
    "frequency.peak_to_peak_mhz",
    "frequency.coi.nadir_hz",
    "frequency.max_rocof_hz_per_s.500ms",
    "voltage.min_pu",
    "ramp.total.windows.1s",
)
"""Metrics that are shown beside those of the criteria."""

MAX_METRICS = 12
OUTCOMES = ("pass", "fail", "not_assessed", "simulation_failed", PENDING)


@dataclass(frozen=True)
class Outcome:
    """A sweep and what has come out of it so far.

    Attributes
    ----------
    plan
        What is run.
    runs
        The table, a row for each run of the plan, in its order.
    limits
        What the runs are judged against.
    has_other_ids
        Whether the table was made from other versions of the scenarios than this plan: another version of the package.
    """

    plan: Plan
    runs: pd.DataFrame
    limits: list[SweepLimit]
    has_other_ids: bool = False

    @property
    def completed(self) -> pd.DataFrame:
        """The runs that completed: those whose metrics cover the whole run."""
        return self.runs[self.runs["status"] == COMPLETED]

    @property
    def verdicts(self) -> pd.Series:
        """Verdict of each run, ``pending`` where it has not been made."""
        return outcomes(self.runs)

    def limits_on(self, metric: str) -> list[SweepLimit]:
        """The limits on a metric."""
        return [limit for limit in self.limits if limit.metric == metric]


def read_outcome(folder: Path) -> Outcome:
    """Read a sweep's folder; runs may still be pending.

    Raises
    ------
    InputError
        If it is no sweep's folder, has no table yet, or its table is that of another sweep file.
    """
    plan, _ = reopen(folder)
    runs = read_table(folder)
    cells = pd.DataFrame([run.cells | {"seed": run.seed} for run in plan.runs])
    if len(runs) != len(cells) or not all(name in runs and _is_same(runs[name], cells[name]) for name in cells):
        raise InputError(
            Problem("runs.parquet is not the table of this sweep.yaml", place=str(folder), hint="collect it again")
        )
    has_other_ids = list(runs["run_id"]) != [run.run_id for run in plan.runs]
    return Outcome(plan, runs, limits_of(run.data for run in plan.runs), has_other_ids)


def _is_same(column: pd.Series, cells: pd.Series) -> bool:
    """Whether a column of the table holds the cells of the plan, whatever type the file has given them."""
    if pd.api.types.is_numeric_dtype(column):
        return bool((column.astype(float) == pd.to_numeric(cells, errors="coerce").astype(float)).all())
    return bool((column.map(str) == cells.map(str)).all())


def outcomes(runs: pd.DataFrame) -> pd.Series:
    """Verdict of each run of a table: one of `OUTCOMES`."""
    return runs["verdict"].where(runs["status"] != PENDING, PENDING).fillna("not_assessed")


def metric_columns(runs: pd.DataFrame) -> list[str]:
    """Columns of a table that are metrics with a number in some run."""
    names = list(runs.columns)
    inside = names[names.index("verdict") + 1 : names.index("wall_time_s")]
    return [
        name
        for name in inside
        if not name.startswith(f"{CRITERIA}.")
        and pd.api.types.is_numeric_dtype(runs[name])
        and not pd.api.types.is_bool_dtype(runs[name])
        and runs[name].notna().any()
    ]


def shown_metrics(outcome: Outcome, first: str | None = None) -> list[str]:
    """The metrics to show: one that is asked for, those of the criteria that decide, and the usual ones.

    Raises
    ------
    InputError
        If the one asked for is no metric with a number in any run.
    """
    runs = outcome.runs
    known = metric_columns(runs)
    if first is not None and first not in known:
        hint = nearest(first, known) if known else "no run has completed yet"
        raise InputError(Problem(f"no run has a number for the metric '{first}'", place="--metric", hint=hint))
    deciding = [limit.metric for limit in outcome.limits if limit.decides]
    wanted = [*([first] if first else []), *deciding]
    chosen: dict[str, None] = {}
    for name in (*wanted, *SHOWN):
        if name in known and (name in wanted or not any(_is_told_by(name, other, runs) for other in chosen)):
            chosen[name] = None
    return list(chosen)[:MAX_METRICS]


def _is_told_by(name: str, other: str, runs: pd.DataFrame) -> bool:
    """Whether two metrics are the same one of other things, and always equal: the total of one site is that site's."""
    return name.rsplit(".", 2)[1:] == other.rsplit(".", 2)[1:] and runs[name].equals(runs[other])


@dataclass(frozen=True)
class Spread:
    """How a metric spreads over the runs that completed, in its unit, and the run where it is worst.

    ``low`` and ``high`` are the quantiles at `LOW` and `HIGH`.
    """

    metric: str
    unit: str
    count: int
    smallest: float
    low: float
    median: float
    high: float
    largest: float
    worst: float
    worst_run: str


def spread(completed: pd.DataFrame, metric: str, limits: Sequence[SweepLimit]) -> Spread | None:
    """How a metric spreads; None if no run has a number for it."""
    values = completed[metric].dropna() if metric in completed else pd.Series(dtype=float)
    if values.empty:
        return None
    low, median, high = np.quantile(values, [LOW, 0.5, HIGH])
    at = values.idxmin() if worst_is_lowest(metric, limits) else values.idxmax()
    return Spread(
        metric,
        unit_of(metric),
        int(values.size),
        float(values.min()),
        float(low),
        float(median),
        float(high),
        float(values.max()),
        float(values[at]),
        str(completed.loc[at, "run_id"]),
    )


def spreads(outcome: Outcome) -> list[Spread]:
    """How the metrics that are shown spread, as far as runs have numbers for them."""
    found = [spread(outcome.completed, name, outcome.limits) for name in shown_metrics(outcome)]
    return [row for row in found if row is not None]


def counts(values: pd.Series, order: Sequence[str] = ()) -> dict[str, int]:
    """How often each value occurs: those of ``order`` first, then the most frequent."""
    found = {str(name): int(count) for name, count in values.value_counts().items()}
    return {name: found[name] for name in (*order, *found) if name in found}


def criterion_columns(runs: pd.DataFrame) -> dict[str, str]:
    """Names that columns of a table have for criteria, each with the id of the criterion."""
    names = [
        column.removeprefix(f"{CRITERIA}.").removesuffix(".verdict")
        for column in runs.columns
        if column.startswith(f"{CRITERIA}.") and column.endswith(".verdict")
    ]
    return {name: name.rpartition("@")[0] if name.rpartition("@")[0] in names else name for name in names}
