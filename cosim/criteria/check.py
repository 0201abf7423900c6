"""A scenario's criteria, complete, with what is wrong with them said by key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cosim.criteria.library import expand, reference_problem
from cosim.criteria.model import CriteriaReference, Criterion
from cosim.errors import InputError, Problem, nearest
from cosim.metrics import is_metric, metric_paths, parameter_shapes
from cosim.problems import Problems
from cosim.scenario.source import read_yaml

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
            wrong = reference_problem(entry) if isinstance(entry, CriteriaReference) else _wrong_inline(entry, sites)
        except InputError as error:
            problems.found += error.problems
            continue
        if wrong:
            key, message, hint = wrong
            problems.add(("criteria", k, key), message, hint)
            continue
        for criterion in expand([entry]):
            if isinstance(entry, CriteriaReference) and (unknown := _unknown_metric(criterion, sites)):
                problems.found.append(_in_file(Path(str(entry.file)), criterion, *unknown))
            elif any(_is_another(criterion, other) for other in found):
                problems.add(("criteria", k), f"another envelope has the id '{criterion.id}'", "give it one of its own")
            elif criterion not in found:  # two areas of a profile share what is set for all areas
                found.append(criterion)
    return found


def _wrong_inline(criterion: Criterion, sites: list[str]) -> tuple[str, str, str] | None:
    """Say what is wrong with a scenario's own criterion, if anything, as `reference_problem` does."""
    for key in ("profile", "area"):
        if getattr(criterion, key) is not None:
            return key, f"an inline criterion takes no {key}", "both choose limits of the library, without metric"
    return _unknown_metric(criterion, sites)


def _in_file(path: Path, criterion: Criterion, key: str, message: str, hint: str) -> Problem:
    """Place a problem of a limit in the file that it comes from."""
    source = read_yaml(path)
    number = next(k for k, limit in enumerate(source.data["limits"]) if limit.get("id") == criterion.id)
    return source.problem(("limits", number, key), message, hint)


def _is_another(criterion: Criterion, other: Criterion) -> bool:
    """Whether both are envelopes whose times would be found under the same path, but not the same envelope."""
    if criterion.envelope is None or other.envelope is None:
        return False
    same_path = criterion.id == other.id and criterion.envelope.signal == other.envelope.signal
    return same_path and criterion.envelope != other.envelope


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
