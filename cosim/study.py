"""A scenario made concrete: grid edited, traces read or generated, places checked, nodes planned."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosim.compiled.code_cache import Told
from cosim.criteria import Criterion
from cosim.edited_grid import edited_grid
from cosim.engine_choice import build_engine
from cosim.engines.interface import Engine
from cosim.events import plan_events
from cosim.load_shedding import LoadShedding
from cosim.loop_inputs import Event, Load
from cosim.mitigation import Stage
from cosim.placement import PoiStrength, place, poi_strengths
from cosim.problems import Problems
from cosim.scenario.mitigation import SiteStorage
from cosim.scenario.model import Scenario
from cosim.scenario.source import Source
from cosim.study_inputs import check_engine, resolved, study_inputs
from cosim.timeline import Timeline
from cosim.watchers import Watcher
from grids import Grid
from loads.site import SiteDemand


@dataclass
class Study:
    """All that a run needs. ``scenario`` is resolved: nothing left to default, paths absolute."""

    scenario: Scenario
    grid: Grid
    engine: Engine
    loads: list[Load]
    events: list[Event]
    timeline: Timeline
    demands: dict[str, SiteDemand]
    stages: dict[str, list[Stage]]
    start_level: np.ndarray
    redispatch_mw: dict[str, float]
    strengths: dict[str, PoiStrength]
    criteria: list[Criterion]

    def watchers(self) -> list[Watcher]:
        """Protection that acts during the run; once the engine is initialised."""
        return [LoadShedding(scheme, self.engine) for scheme in self.scenario.grid.load_shedding]


@dataclass(frozen=True)
class SetUpGrid:
    """A grid with the loads and shunts of a scenario, set up but not initialised."""

    grid: Grid
    engine: Engine


def grid_key(scenario: Scenario) -> str:
    """What `set_up_grid` depends on, as text: scenarios with the same key can start from the same grid."""
    parts = {
        "grid": scenario.grid.model_dump(mode="json"),
        "sites": [
            (site.name, site.bus, site.load_model.model_dump(mode="json"), site.mitigated_by(SiteStorage) is not None)
            for site in scenario.sites
        ],
        "events": [event.model_dump(mode="json") for event in scenario.events],
        "engine": scenario.simulation.engine,
        "tolerance": scenario.simulation.tolerance,
    }
    return json.dumps(parts, sort_keys=True)


def set_up_grid(scenario: Scenario, source: Source) -> SetUpGrid:
    """Read the grid of a scenario, edit it and set it up: what takes longest of `prepare_study`.

    A grid serves one study. Several can start from it in processes that are forked from the one that has it.

    Raises
    ------
    InputError
        If the grid, its edits or the events' places cannot be had.
    """
    problems = Problems(source)
    folder = source.path.parent if source.path else Path()
    grid = edited_grid(scenario, folder, problems)
    scenario = resolved(scenario, grid, folder)
    shunts = plan_events(scenario, grid, problems).shunts
    check_engine(scenario, problems)
    problems.stop_if_any()
    return SetUpGrid(grid, build_engine(scenario, grid, shunts))


def prepare_study(
    scenario: Scenario, source: Source, set_up: SetUpGrid | None = None, told: Told | None = None
) -> Study:
    """Make a scenario concrete.

    Parameters
    ----------
    scenario : Scenario
        Validated.
    source : Source
        Where its keys stand; relative paths start at its folder.
    set_up : SetUpGrid, optional
        A grid of the same `grid_key` to use; it belongs to the study from then on.
    told : callable, optional
        Told each model that the engine has to compile, once it is initialised, and the seconds that it took.

    Raises
    ------
    InputError
        With every bus, line, machine, file or metric that does not exist or does not fit.
    """
    problems = Problems(source)
    folder = source.path.parent if source.path else Path()
    grid = set_up.grid if set_up else edited_grid(scenario, folder, problems)
    inputs = study_inputs(scenario, folder, grid, problems)
    scenario = inputs.scenario
    engine = set_up.engine if set_up else build_engine(scenario, grid, inputs.events.shunts, told)
    redispatch_mw = place(scenario, grid, inputs.loads, inputs.start_level, problems)
    problems.stop_if_any()

    return Study(
        scenario=scenario,
        grid=grid,
        engine=engine,
        loads=inputs.loads,
        events=inputs.events.events,
        timeline=inputs.timeline,
        demands=inputs.demands,
        stages=inputs.stages,
        start_level=inputs.start_level,
        redispatch_mw=redispatch_mw,
        strengths=poi_strengths(scenario, grid),
        criteria=inputs.criteria,
    )
