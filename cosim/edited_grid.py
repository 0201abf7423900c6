"""The grid of a scenario, read and edited."""

from pathlib import Path

from cosim.problems import Problems
from cosim.scenario.model import Scenario
from grids import Grid, GridError, load_grid


def edited_grid(scenario: Scenario, folder: Path, problems: Problems) -> Grid:
    """Grid with the scenario's edits.

    Raises
    ------
    InputError
        If the case cannot be read.
    """
    spec = scenario.grid
    try:
        grid = load_grid(spec.case, spec.dyr, folder)
    except GridError as error:
        key = "dyr" if spec.dyr and ("dyr" in error.message or Path(spec.dyr).name in error.message) else "case"
        problems.add_error(("grid", key), error)
        problems.stop_if_any()
        raise
    grid.set_base_load(spec.base_load.z, spec.base_load.i, spec.base_load.p)
    for edit in spec.edits:
        if isinstance(edit.inertia_scale, float):
            grid.scale_inertia(edit.inertia_scale)
    return grid
