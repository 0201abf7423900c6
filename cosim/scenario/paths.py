"""The files that a scenario names."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cosim.criteria import CriteriaReference
from cosim.scenario.model import Scenario
from cosim.scenario.workloads import with_absolute_files
from grids.catalogue import catalogue

FILE_KEYS = ("file", "case", "dyr")


def with_absolute_paths(scenario: Scenario, folder: Path) -> Scenario:
    """The same scenario with paths that do not start at its folder."""

    def absolute(path: str | None) -> str | None:
        return str((folder / Path(path).expanduser()).resolve()) if path else None

    spec = scenario.grid
    case = spec.case if spec.case in catalogue() else absolute(spec.case)
    return scenario.model_copy(
        update={
            "grid": spec.model_copy(update={"case": case, "dyr": absolute(spec.dyr)}),
            "sites": [
                site.model_copy(update={"workloads": [with_absolute_files(w, folder) for w in site.workloads]})
                for site in scenario.sites
            ],
            "criteria": [
                entry.model_copy(update={"file": absolute(entry.file)})
                if isinstance(entry, CriteriaReference)
                else entry
                for entry in scenario.criteria
            ],
        }
    )


def absolute_data(data: Any, folder: Path) -> Any:
    """A scenario's plain data with absolute paths, all else as it is."""
    if isinstance(data, list):
        return [absolute_data(value, folder) for value in data]
    if not isinstance(data, dict):
        return data
    out = {}
    for key, value in data.items():
        if key in FILE_KEYS and isinstance(value, str) and not (key == "case" and value in catalogue()):
            out[key] = str((folder / Path(value).expanduser()).resolve())
        else:
            out[key] = absolute_data(value, folder)
    return out


def named_files(data: Any) -> Iterator[str]:
    """The files that a scenario's plain data names by absolute paths, as far as they exist."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key in FILE_KEYS and isinstance(value, str):
                if Path(value).is_absolute() and Path(value).is_file():
                    yield value
            else:
                yield from named_files(value)
    elif isinstance(data, list):
        for value in data:
            yield from named_files(value)
