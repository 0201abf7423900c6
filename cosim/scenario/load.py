"""From a scenario file to a validated `Scenario`, with errors that name line and key."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from cosim.errors import InputError, Problem
from cosim.scenario.library import find_scenario
from cosim.scenario.model import Scenario
from cosim.scenario.source import Source, apply_override, read_yaml
from cosim.scenario.translation import problems_in

MAX_STEPS = 10_000_000
"""A day at 10 ms is 8.6 million steps; more is a mistake."""


def load_scenario(name_or_path: str | Path, overrides: Iterable[str] = ()) -> tuple[Scenario, Source]:
    """Read and validate a scenario.

    Parameters
    ----------
    name_or_path : str or Path
        A name of the library or a path.
    overrides : iterable of str
        ``KEY=VALUE`` assignments, applied before validation.

    Returns
    -------
    scenario : Scenario
        With names given to the scenario and its sites.
    source : Source
        Where each key stands, for later messages.

    Raises
    ------
    InputError
        With every problem found.
    """
    path = find_scenario(name_or_path)
    source = read_yaml(path)
    if not isinstance(source.data, dict):
        got = "nothing" if source.data is None else type(source.data).__name__
        raise InputError(Problem(f"expected keys and values, got {got}", place=f"{path}:1:1"))
    for assignment in overrides:
        apply_override(source, assignment)
    return validate(source), source


def validate(source: Source) -> Scenario:
    """Validate plain data; every problem becomes one of the `InputError`."""
    try:
        scenario = Scenario.model_validate(source.data)
    except ValidationError as error:
        raise InputError(*problems_in(error, source, Scenario)) from None
    sites = [s if s.name else s.model_copy(update={"name": f"dc{k}"}) for k, s in enumerate(scenario.sites, 1)]
    stem = source.path.stem if source.path else "scenario"
    named = scenario.model_copy(update={"name": scenario.name or stem, "sites": sites})
    contradictions = list(_contradictions(named, source))
    if contradictions:
        raise InputError(*contradictions)
    return named


def _contradictions(scenario: Scenario, source: Source) -> Iterator[Problem]:
    """What is wrong between parts that are each right."""
    names = [site.name for site in scenario.sites]
    for k, name in enumerate(names):
        if name in names[:k]:
            yield source.problem(("sites", k, "name"), f"two sites are named '{name}'")
        if name == "total":
            yield source.problem(("sites", k, "name"), "'total' names the sum of all sites; choose another name")
    duration_s = scenario.simulation.duration_s
    steps = duration_s / scenario.simulation.step_s
    if steps > MAX_STEPS:
        yield source.problem(
            ("simulation", "step_s"), f"{steps:.2g} steps are too many, at most {MAX_STEPS:.0e} are made"
        )
    for k, event in enumerate(scenario.events):
        if event.at_s >= duration_s:
            yield source.problem(
                ("events", k, "at_s"), f"{event.at_s:g} s is not before the end of the run ({duration_s:g} s)"
            )
