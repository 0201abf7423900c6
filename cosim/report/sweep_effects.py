"""What the parameters of a sweep do to each metric, as its report shows it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from cosim.criteria import COMPLETED
from cosim.report.choice import Choice, Place, Selector, metric_selector
from cosim.report.figures.base import Figure
from cosim.report.figures.sweep_effects import MAX_UPRIGHT, effect_panel, effect_range, ranking, tornado
from cosim.report.figures.sweep_heat import heat_map
from cosim.report.sweep_text import parameter_label
from cosim.report.tables import sweep as tables
from cosim.sweep.analysis import Outcome
from cosim.sweep.effects import (
    PASS_SHARE,
    Change,
    Effect,
    away_from_base,
    changes_from_base,
    effect,
    pass_plane,
    pass_share,
    plane_of,
    seed_movement,
)
from cosim.sweep.grouping import MAX_BINS, grouped, is_scale, varied
from cosim.sweep.table import PENDING

MAX_POINTS = 300
"""Runs are drawn one by one up to so many."""

MAX_PAIRED = 12
"""Heat maps are for pairs of the parameters that move the first metric most: of so many."""

RUNS_PER_CELL = 5


class Effects:
    """What the parameters do to each metric, as figures and tables."""

    def __init__(self, outcome: Outcome, metrics: Sequence[str]):
        self._outcome = outcome
        sweep, completed = outcome.plan.sweep, outcome.completed
        self._completed = completed
        self._made = outcome.runs[outcome.runs["status"] != PENDING]
        self._method = sweep.sampling.method
        self.parameters = varied(sweep, outcome.runs)
        self.metrics = list(metrics)
        self.is_from_base = self._method == "one_at_a_time"
        self._effects = {metric: [self._effect(p, metric) for p in self.parameters] for metric in self.all_metrics}

    @property
    def all_metrics(self) -> list[str]:
        """The metrics, and the share of runs that pass where any was judged."""
        judged = self._outcome.runs["verdict"].isin(["pass", "fail"]).any()
        return [*self.metrics, *([PASS_SHARE] if judged else [])]

    def _rows(self, runs: pd.DataFrame, parameter: Any) -> pd.DataFrame:
        """The runs that show what a parameter does: with all else at the base point if one at a time is varied."""
        if not self.is_from_base:
            return runs
        away = away_from_base(self.parameters, runs)
        return runs[~away.drop(columns=parameter.column).any(axis=1)]

    def _effect(self, parameter: Any, metric: str) -> Effect:
        rows = self._rows(self._made if metric == PASS_SHARE else self._completed, parameter)
        grouping = grouped(parameter, rows[parameter.column], self._method)
        return pass_share(rows, grouping) if metric == PASS_SHARE else effect(rows[metric], grouping)

    def choice(self) -> Choice | None:
        """Panels of the metric that is chosen, one for each parameter, and how far each moves it."""
        if not self.parameters or not self.all_metrics or self._made.empty:
            return None
        places = []
        if not self.is_from_base:
            ranks = {
                str(k): ranking(("figure-ranking", ""), self._effects[metric], self._seeds(metric), metric)
                for k, metric in enumerate(self.all_metrics)
            }
            places.append(Place("figure-ranking", "How far each parameter moves it", ranks, is_wide=True))
        panels: list[dict[str, Figure]] = [{} for _ in self.parameters]
        for k, metric in enumerate(self.all_metrics):
            effects, limits = self._effects[metric], self._outcome.limits_on(metric)
            shown = None if metric == PASS_SHARE or len(self._completed) > MAX_POINTS else self._completed[metric]
            y_range = (-4.0, 104.0) if metric == PASS_SHARE else effect_range(effects, shown, limits)
            for number, (parameter, found) in enumerate(zip(self.parameters, effects, strict=True)):
                values = None
                if shown is not None:
                    values = self._rows(self._completed, parameter).set_index(parameter.column)[metric].dropna()
                about = (f"figure-effect-{number}", parameter_label(parameter))
                panels[number][str(k)] = effect_panel(about, found, metric, limits, y_range, values)
        places += [
            Place(
                f"figure-effect-{number}",
                parameter_label(p),
                panels[number],
                len(self._effects_of(number)) > MAX_UPRIGHT,
            )
            for number, p in enumerate(self.parameters)
        ]
        return Choice("effects", [metric_selector(self.all_metrics)], places)

    def _effects_of(self, number: int) -> tuple[str, ...]:
        return self._effects[self.all_metrics[0]][number].grouping.names

    def _seeds(self, metric: str) -> float:
        if metric == PASS_SHARE:
            return float("nan")
        values = self._outcome.runs[metric].where(self._outcome.runs["status"] == COMPLETED)
        return seed_movement(values, self._outcome.plan.sweep.replicates)

    def table(self) -> Any:
        """Medians at each value of each parameter."""
        return tables.effects(self._effects) if self.parameters else None

    def from_base(self) -> tuple[Choice | None, Any, list[str]]:
        """The changes from the base point: figures, table, and why there are none of some metrics."""
        found: dict[str, list[Change]] = {}
        missing = []
        for metric in self.metrics:
            changes = changes_from_base(self.parameters, self._completed, metric)
            if isinstance(changes, str):
                missing.append(f"{metric}: {changes}.")
            else:
                found[metric] = changes
        if not found:
            return None, None, missing
        figures = {
            str(k): tornado(("figure-tornado", ""), changes, metric)
            for k, (metric, changes) in enumerate(found.items())
        }
        place = Place("figure-tornado", "Change from the base point", figures)
        return Choice("tornado", [metric_selector(list(found))], [place]), tables.changes(found), missing

    def heat_maps(self) -> Choice | str:
        """Two parameters at a time, those that move the first metric most first; or why there are none."""
        if len(self.parameters) < 2:
            return "fewer than two parameters have more than one value"
        if self.is_from_base:
            return "parameters are varied one at a time, never two together"
        if self._made.empty or not self.all_metrics:
            return "no run has completed"
        first = [found.movement for found in self._effects[self.all_metrics[0]]]
        order = np.argsort([-size if np.isfinite(size) else np.inf for size in first], kind="stable")
        chosen = [self.parameters[k] for k in order[:MAX_PAIRED]]
        bins = int(np.clip(np.sqrt(len(self._completed) / RUNS_PER_CELL), 2, MAX_BINS))
        groups = {
            p.column: tuple(grouped(p, runs[p.column], self._method, bins) for runs in (self._completed, self._made))
            for p in chosen
            if not self._completed.empty
        }
        if not groups:
            return "no run has completed"
        pairs = list(itertools.combinations(chosen, 2))
        figures: dict[str, Figure] = {}
        for number, (one, other) in enumerate(pairs):
            x, y = (one, other) if self._is_wider(one, other) else (other, one)
            for k, metric in enumerate(self.all_metrics):
                is_share = metric == PASS_SHARE
                across, up = groups[x.column][is_share], groups[y.column][is_share]
                cells = (
                    pass_plane(self._made, across, up) if is_share else plane_of(self._completed[metric], across, up)
                )
                figures[f"{number}|{k}"] = heat_map(("figure-heat", ""), cells, across, up, metric)
        options = [(str(n), f"{parameter_label(a)} and {parameter_label(b)}") for n, (a, b) in enumerate(pairs)]
        selectors = [Selector("Parameters", options), metric_selector(self.all_metrics)]
        return Choice("heat", selectors, [Place("figure-heat", "Two parameters together", figures)])

    def _is_wider(self, one: Any, other: Any) -> bool:
        """Whether the first of two parameters is the better horizontal axis: numbers before names."""
        cells = self._outcome.runs
        return is_scale(one, cells[one.column]) or not is_scale(other, cells[other.column])
