"""What a command takes that studies a grid, with or without sites: a case, or a scenario."""

from collections.abc import Iterable
from pathlib import Path

from cosim.errors import InputError, Problem
from cosim.scenario.library import SUFFIXES, library
from cosim.scenario.load import load_scenario, validate
from cosim.scenario.model import Scenario
from cosim.scenario.source import Source, apply_override
from grids import catalogue


def is_scenario(name: str) -> bool:
    """Whether a name means a scenario: by its ending, or because the library has it and the catalogue has not."""
    return Path(name).suffix.lower() in SUFFIXES or (name in library() and name not in catalogue())


def load_case_or_scenario(name: str, dyr: str | None, overrides: Iterable[str]) -> tuple[Scenario, Source]:
    """Read a scenario, or make one without sites of a case.

    Parameters
    ----------
    name : str
        Name of the catalogue or the library, or a path; a case's path starts at the current folder.
    dyr : str, optional
        Dynamic data of a case.
    overrides : iterable of str
        ``KEY=VALUE`` assignments.

    Raises
    ------
    InputError
        With every problem found.
    """
    if is_scenario(name):
        if dyr is not None:
            raise InputError(Problem("a scenario names its own dyr", place="--dyr", hint="use --set grid.dyr=FILE"))
        return load_scenario(name, overrides)
    case = Path(name).expanduser()
    grid = {"case": str(case.absolute()) if case.exists() else name}
    if dyr is not None:
        grid["dyr"] = str(Path(dyr).expanduser().absolute())
    data = {"schema": 1, "name": case.stem if case.exists() else name, "grid": grid, "simulation": {"duration_s": 1.0}}
    source = Source(None, data)
    for assignment in overrides:
        apply_override(source, assignment)
    return validate(source), source
