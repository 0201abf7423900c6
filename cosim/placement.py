"""Sites placed on the grid: replaced power taken off the base loads, added power shared over the generators."""

import numpy as np

from cosim.problems import Problems
from cosim.scenario.model import Scenario
from cosim.simulation import Load
from grids import Grid, GridError


def check_redispatch(scenario: Scenario, grid: Grid, problems: Problems) -> None:
    """Check that the machines that share added power exist."""
    for k, machine in enumerate(scenario.redispatch.machines):
        try:
            grid.find_machine(machine)
        except GridError as error:
            problems.add_error(("redispatch", "machines", k), error)


def place(
    scenario: Scenario, grid: Grid, loads: list[Load], start_level: np.ndarray, problems: Problems
) -> dict[str, float]:
    """Take replaced power off the base loads, and share added power over the generators."""
    added_mw = 0.0
    for k, (site, load) in enumerate(zip(scenario.sites, loads, strict=False)):
        start_mw = float(start_level[k])
        if site.mode == "add":
            added_mw += start_mw
            continue
        bus = grid.find_bus(site.bus)  # type: ignore[arg-type]
        if site.rating_mw > bus.load_mw:
            problems.add(
                ("sites", k, "rating_mw"),
                f"{site.rating_mw:g} MW cannot replace a part of the {bus.load_mw:g} MW at bus {bus.idx}",
                "use mode: add, or a smaller rating",
            )
            continue
        try:
            grid.replace_load(bus.idx, start_mw, start_mw * load.reactive_mvar)
        except GridError as error:
            problems.add_error(("sites", k, "mode"), error)
    if scenario.redispatch.mode == "slack" or added_mw <= 0:
        return {}
    machine = {str(m.generator): str(m.idx) for m in grid.machines}  # what channels call the generators
    try:
        shares = grid.redispatch(added_mw, scenario.redispatch.machines or None)
        return {machine[generator]: mw for generator, mw in shares.items()}
    except GridError as error:
        problems.add_error(("redispatch",), error)
        return {}
