"""A scenario's criteria, complete, with what is wrong with them said by key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cosim.criteria.library import expand, reference_problem
from cosim.criteria.model import CriteriaReference, Criterion
from cosim.errors import InputError, nearest
from cosim.metrics import is_metric, metric_paths, parameter_shapes
from cosim.problems import Problems

if TYPE_CHECKING:
    from cosim.scenario.model import Scenario


def scenario_criteria(scenario: Scenario, problems: Problems) -> list[Criterion]:
    """Criteria that a scenario's entries stand for.

    Parameters
    ----------
    scenario
        With the files of its criteria as absolute paths.
    problems
        Takes what is wrong; the entry is left out then.
    """
    sites = [str(site.name) for site in scenario.sites]
    found: list[Criterion] = []
    for k, entry in enumerate(scenario.criteria):
        try:
            wrong = reference_problem(entry) if isinstance(entry, CriteriaReference) else _unknown_metric(entry, sites)
        except InputError as error:
            problems.found += error.problems
            continue
        if wrong:
            key, message, hint = wrong
            problems.add(("criteria", k, key), message, hint)
            continue
        added = expand([entry])
        if isinstance(entry, CriteriaReference) and entry.file is not None:
            for criterion in added:
                if unknown := _unknown_metric(criterion, sites):
                    problems.add(("criteria", k, "file"), f"{entry.file}: {criterion.id}: {unknown[1]}", unknown[2])
        found += added
    return found


def _unknown_metric(criterion: Criterion, sites: list[str]) -> tuple[str, str, str] | None:
    """Say that a criterion names no metric, if so, as `reference_problem` does."""
    if criterion.envelope is not None:
        return None
    tried = sites or ["dc1"]
    path = criterion.path_for(tried[0])
    if is_metric(path, tried if criterion.is_per_site else sites):
        return None
    shapes = parameter_shapes(sites)
    shaped = next((group for group in shapes if path.startswith(f"{group}.")), None)
    if shaped:
        hint = f"{shaped} takes {shapes[shaped]}"
    else:
        hint = nearest(
            path, [*metric_paths(sites), *(f"{group}.{shape}" for group, shape in shapes.items())], cutoff=0.5
        )
    return "metric", f"there is no metric '{criterion.metric}'", hint
