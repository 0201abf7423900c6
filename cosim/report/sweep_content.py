"""What the report of a sweep shows, as plain data and figures for its template."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cosim.report.choice import Choice, Place, Selector, metric_selector
from cosim.report.figures.base import Figure
from cosim.report.figures.sweep_distribution import distribution
from cosim.report.figures.sweep_hosting import hosting_figure
from cosim.report.figures.sweep_sensitivity import morris_figure, sobol_figure
from cosim.report.sweep_text import parameter_label
from cosim.report.tables import sweep as tables
from cosim.report.text import general, words
from cosim.sweep import sensitivity
from cosim.sweep.analysis import Outcome
from cosim.sweep.folder import PROVENANCE_NAME
from cosim.sweep.grouping import is_sampled, is_scale
from cosim.sweep.hosting import Hosting, hosting, hosting_parameter
from cosim.sweep.model import Saltelli
from cosim.sweep.table import PENDING

SAMPLINGS = {
    "grid": "every combination of the parameters' values",
    "list": "the parameters' values together, one after the other",
    "one_at_a_time": "a base point, and each other value of each parameter with all else as there",
    "latin_hypercube": "a Latin hypercube",
    "sobol": "a scrambled Sobol sequence",
    "saltelli": "Saltelli's sample for Sobol indices",
    "morris": "Morris's trajectories for elementary effects",
}


def facts(outcome: Outcome, folder: Path) -> list[tuple[str, str]]:
    """What was run: title and text."""
    plan, runs = outcome.plan, outcome.runs
    sweep = plan.sweep
    distinct = runs["run_id"].nunique()
    size = f"{_count(plan.points, 'point')} × {_count(sweep.replicates, 'seed')} = {_count(len(runs), 'run')}"
    if distinct < len(runs):
        size += f", {distinct:,} of them different"
    rows = [("Scenario", str(plan.base_data["name"]))]
    if plan.base_data.get("description"):
        rows.append(("", str(plan.base_data["description"])))
    rows += [("Sampling", f"{words(sweep.sampling.method)}: {SAMPLINGS[sweep.sampling.method]}"), ("Runs", size)]
    seeds = sorted(runs["seed"].unique())
    same = ", the same at all points" if sweep.replicates > 1 else ""
    rows.append(("Seeds", f"{seeds[0]} to {seeds[-1]}{same}" if len(seeds) > 1 else str(seeds[0])))
    rows += [("Set", f"{key} = {json.dumps(value, ensure_ascii=False)}") for key, value in sweep.fixed.items()]
    rows += [("Follows", f"{entry.key} = {entry.value}") for entry in sweep.derived]
    if sweep.filters:
        rows.append(("Only points with", " and ".join(sweep.filters)))
    wall_s = runs["wall_time_s"].dropna()
    if not wall_s.empty:
        rows.append(("Time of a run", f"median {general(wall_s.median(), 3)} s, longest {general(wall_s.max(), 3)} s"))
    path = folder / PROVENANCE_NAME
    if path.is_file():
        made = json.loads(path.read_text(encoding="utf-8"))
        rows.append(("Begun", f"{made['date']} on {made['host']}"))
        rows.append(("Versions", ", ".join(f"{name} {version}" for name, version in made["versions"].items())))
    return rows


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def distributions(outcome: Outcome, metrics: Sequence[str]) -> list[Figure]:
    """A histogram for each metric."""
    completed = outcome.completed
    verdicts = outcome.verdicts[completed.index]
    return [
        distribution(
            (f"figure-distribution-{k}", metric), completed[metric], verdicts, outcome.limits_on(metric), metric
        )
        for k, metric in enumerate(metrics)
    ]


def hosting_of(outcome: Outcome, key: str | None) -> tuple[Hosting | None, str]:
    """What can be hosted, or why that cannot be told."""
    parameters = outcome.plan.sweep.parameters
    parameter = hosting_parameter(parameters, outcome.runs, key)
    if parameter is None:
        return None, "no parameter is in MW; one can be named with --hosting KEY"
    if (outcome.runs["status"] == PENDING).all():
        return None, "no run has been made"
    if outcome.runs[parameter.column].nunique() < 2:
        return None, f"{parameter_label(parameter)} has one value only"
    found = hosting(parameters, outcome.runs, parameter)
    method = outcome.plan.sweep.sampling.method
    is_scattered = any(is_sampled(other, method) for other in found.others) or (method == "morris" and found.others)
    if is_scattered or not found.capacities:
        why = "each combination of the other parameters was run with a value or two of it"
        return None, f"{parameter_label(parameter)} cannot be searched: {why}. Sampling grid tests more"
    return found, ""


def hosting_choice(found: Hosting, outcome: Outcome) -> Choice | None:
    """What can be hosted against each of the other parameters."""
    if not found.others:
        return None
    figures = {}
    for number, other in enumerate(found.others):
        scale = is_scale(other, outcome.runs[other.column])
        figures[str(number)] = hosting_figure(("figure-hosting", ""), found, number, is_scale=scale)
    scales = [is_scale(other, outcome.runs[other.column]) for other in found.others]
    order = sorted(range(len(scales)), key=lambda k: not scales[k])  # a curve first, if there is one
    options = [(str(k), parameter_label(found.others[k])) for k in order]
    title = f"Largest {parameter_label(found.parameter)} that passes"
    return Choice("hosting", [Selector("Against", options)], [Place("figure-hosting", title, figures)])


def sensitivities(outcome: Outcome, metrics: Sequence[str]) -> dict[str, Any]:
    """Sensitivity indices: figures, tables, and why there are none."""
    sweep = outcome.plan.sweep
    names = [parameter_label(parameter) for parameter in sweep.parameters]
    method = sweep.sampling.method
    nothing: dict[str, Any] = {"choice": None, "tables": [], "missing": []}
    if method not in ("saltelli", "morris"):
        return nothing | {"missing": ["Sensitivity indices need sampling saltelli or morris."]}
    of = sensitivity.sobol_indices if method == "saltelli" else sensitivity.morris_effects
    results = {metric: of(sweep, outcome.runs, metric) for metric in metrics}
    found: dict[str, Any] = {metric: result for metric, result in results.items() if not isinstance(result, str)}
    whys: dict[str, list[str]] = {}
    for metric, result in results.items():
        if isinstance(result, str):
            whys.setdefault(result, []).append(metric)
    missing = [f"No indices{_of(names_of, metrics)}: {why}." for why, names_of in whys.items()]
    if not metrics:
        missing = ["No indices: no run has completed."]
    if not found:
        return nothing | {"missing": missing}
    draw = sobol_figure if method == "saltelli" else morris_figure
    figures = {str(k): draw(("figure-sensitivity", ""), names, r, m) for k, (m, r) in enumerate(found.items())}
    title = "Sobol indices" if method == "saltelli" else "Elementary effects"
    shown = [tables.sobol(names, found) if method == "saltelli" else tables.morris(names, found)]
    if isinstance(sweep.sampling, Saltelli) and sweep.sampling.second_order:
        shown.append(tables.sobol_pairs(names, found))
    place = Place("figure-sensitivity", title, figures)
    return {
        "choice": Choice("sensitivity", [metric_selector(list(found))], [place]),
        "tables": shown,
        "missing": missing,
    }


def _of(some: Sequence[str], metrics: Sequence[str]) -> str:
    return "" if len(some) == len(metrics) else f" for {', '.join(some)}"
