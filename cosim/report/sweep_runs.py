"""Single runs of a sweep as its report lists them: what they gave, what was kept, and how to make them again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cosim.metrics import unit_of
from cosim.report.sweep_text import cell_text, parameter_label
from cosim.report.tables.sweep import bounds_text
from cosim.report.text import MISSING, number, printed_id
from cosim.sweep.analysis import Outcome, criterion_columns
from cosim.sweep.grouping import varied
from cosim.sweep.limits import worst_is_lowest
from cosim.sweep.records import CRITERIA, RUNS_NAME
from cosim.sweep.reproduction import command, failures

WORST = 5
KEPT = {"report.html": "report", "result.h5": "result", "summary.json": "summary"}


@dataclass(frozen=True)
class RunLine:
    """One run: its values as title and text, links to what was kept of it, and the command that makes it again."""

    run_id: str
    value: str
    margin: str
    verdict: str
    parameters: list[tuple[str, str]]
    links: list[tuple[str, str]]
    command: str


@dataclass(frozen=True)
class RunList:
    """Runs under a heading; ``note`` says what the numbers are, ``count`` how many runs there are in all."""

    title: str
    note: str
    runs: list[RunLine]
    count: int = 0


class RunLines:
    """Makes lines of a sweep's runs.

    Parameters
    ----------
    outcome
        Of the sweep.
    folder
        The sweep's.
    page
        The folder of the report, where links start.
    """

    def __init__(self, outcome: Outcome, folder: Path, page: Path):
        self._outcome, self._folder, self._page = outcome, folder, page
        self._varied = varied(outcome.plan.sweep, outcome.runs)

    def line(self, row: int, value: str = "", margin: str = "") -> RunLine:
        """The line of a row of the table."""
        run, planned = self._outcome.runs.loc[row], self._outcome.plan.runs[row]
        if planned.confirmation and run.get("confirmed_as") == planned.confirmation.run_id:
            planned = planned.confirmation
        shown = [(parameter_label(p), cell_text(run[p.column])) for p in self._varied]
        kept = self._folder / RUNS_NAME / planned.run_id
        links = [
            (text, os.path.relpath((kept / name).resolve(), self._page.resolve()).replace(os.sep, "/"))
            for name, text in KEPT.items()
            if (kept / name).is_file()
        ]
        verdict = str(run["verdict"] or "not_assessed")
        again = command(planned, self._folder)
        return RunLine(str(run["run_id"]), value, margin, verdict, [*shown, ("seed", str(run["seed"]))], links, again)

    def worst(self, metrics: Sequence[str]) -> list[RunList]:
        """The worst runs by each criterion that decides, and by each metric that has none."""
        outcome = self._outcome
        known = {limit.id: limit for limit in outcome.limits}
        runs = outcome.completed.drop_duplicates("run_id")
        lists = []
        for name, id_ in criterion_columns(outcome.runs).items():
            limit = known.get(id_)
            if limit is None or not limit.decides:
                continue
            margins = pd.to_numeric(runs[f"{CRITERIA}.{name}.margin"], errors="coerce").dropna().nsmallest(WORST)
            values = pd.to_numeric(runs.loc[margins.index, f"{CRITERIA}.{name}.value"], errors="coerce")
            lines = [
                self.line(row, number(values[row], limit.unit), number(margin, limit.unit))
                for row, margin in margins.items()
            ]
            unit = f" {limit.unit}" if limit.unit else ""
            note = f"{limit.metric} {bounds_text(limit)}{unit}; smallest margin first"
            lists.append(RunList(printed_id(name), note, lines))
        judged = {limit.metric for limit in outcome.limits if limit.decides}
        for metric in metrics:
            if metric not in judged:
                is_low = worst_is_lowest(metric, outcome.limits)
                values = runs[metric].dropna()
                values = values.nsmallest(WORST) if is_low else values.nlargest(WORST)
                lines = [self.line(row, number(value, unit_of(metric))) for row, value in values.items()]
                note = f"no criterion on it decides; {'smallest' if is_low else 'largest'} first"
                lists.append(RunList(metric, note, lines))
        return [found for found in lists if found.runs]

    def failures(self) -> list[RunList]:
        """The runs that did not complete, by status and reason."""
        return [
            RunList(
                failure.status.replace("_", " "),
                failure.reason or "no reason was given",
                [self.line(row, MISSING) for row in failure.rows],
                failure.count,
            )
            for failure in failures(self._outcome.runs)
        ]


def share_text(part: int, whole: int) -> str:
    """A count and its share."""
    return f"{part:,} ({np.round(100 * part / whole, 1):g} %)" if whole else f"{part:,}"
