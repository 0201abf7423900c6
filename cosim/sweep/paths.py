"""The files that a sweep names: paths among its values, where relative ones start at its folder, and in its runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cosim.scenario.paths import FILE_KEYS, absolute_data
from cosim.scenario.source import Location
from cosim.sweep.model import Sweep
from cosim.sweep.parameters import AnyParameter, Cases, Values
from grids.catalogue import catalogue


def with_files_from(sweep: Sweep, folder: Path) -> Sweep:
    """The same sweep with absolute paths among its values, which are shown as they were."""
    parameters = [_parameter(parameter, folder) for parameter in sweep.parameters]
    return sweep.model_copy(update={"parameters": parameters, "fixed": _by_key(sweep.fixed, folder)})


def is_relative_path(key: str, value: Any) -> bool:
    """Whether a value is a path that starts at some folder."""
    last = key.rsplit(".", 1)[-1]
    if last not in FILE_KEYS or not isinstance(value, str) or (last == "case" and value in catalogue()):
        return False
    return not Path(value).expanduser().is_absolute()


def _parameter(parameter: AnyParameter, folder: Path) -> AnyParameter:
    if isinstance(parameter, Cases):
        cases = {name: _by_key(values, folder) for name, values in parameter.cases.items()}
        return parameter.model_copy(update={"cases": cases})
    if not isinstance(parameter, Values):
        return parameter
    values = [_value(parameter.keys[0], value, folder) for value in parameter.values]
    if values == parameter.values:
        return parameter
    labels = parameter.labels or list(dict.fromkeys(str(level.cell) for level in parameter.levels))
    return parameter.model_copy(update={"values": values, "labels": labels if len(labels) == len(values) else None})


def _by_key(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    return {key: _value(key, value, folder) for key, value in values.items()}


def _value(key: str, value: Any, folder: Path) -> Any:
    last = key.rsplit(".", 1)[-1]
    return absolute_data({last: value}, folder)[last]


def named_paths(data: Any, location: Location = ()) -> Iterator[tuple[Location, str]]:
    """The paths that a run's plain data names by absolute paths, whether there are such files or not."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        if key in FILE_KEYS and isinstance(value, str):
            if Path(value).is_absolute():
                yield (*location, key), value
        else:
            yield from named_paths(value, (*location, key))
