"""A scenario made concrete: grid edited, traces read or generated, places checked, nodes planned."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosim import metrics
from cosim.criteria import CriteriaReference, Criterion, wanted_by
from cosim.criteria.check import scenario_criteria
from cosim.demand import scaled_trace, site_demand
from cosim.driven_loads import driven_loads, load_points, switched_demands
from cosim.edited_grid import edited_grid
from cosim.engines.andes import AndesEngine
from cosim.events import plan_events
from cosim.load_shedding import LoadShedding
from cosim.placement import PoiStrength, check_redispatch, place, poi_strengths
from cosim.problems import Problems
from cosim.scenario.model import Scenario
from cosim.scenario.site import Site
from cosim.scenario.source import Location, Source
from cosim.scenario.workloads import TraceWorkload, with_absolute_files
from cosim.simulation import Event, Load
from cosim.timeline import Timeline, plan
from cosim.watchers import Watcher
from grids import Grid, GridError
from loads.errors import LoadDataError
from loads.site import SiteDemand

EDGE_SHARE = 0.01
"""A jump of the trace larger than this share of the site's rating ends a step; smaller ones are averaged."""


@dataclass
class Study:
    """All that a run needs. ``scenario`` is resolved: nothing left to default, paths absolute."""

    scenario: Scenario
    grid: Grid
    engine: AndesEngine
    loads: list[Load]
    events: list[Event]
    timeline: Timeline
    demands: dict[str, SiteDemand]
    start_level: np.ndarray
    redispatch_mw: dict[str, float]
    strengths: dict[str, PoiStrength]
    criteria: list[Criterion]

    def watchers(self) -> list[Watcher]:
        """Protection that acts during the run; once the engine is initialised."""
        return [LoadShedding(scheme, self.engine) for scheme in self.scenario.grid.load_shedding]


def prepare_study(scenario: Scenario, source: Source) -> Study:
    """Make a scenario concrete.

    Parameters
    ----------
    scenario : Scenario
        Validated.
    source : Source
        Where its keys stand; relative paths start at its folder.

    Raises
    ------
    InputError
        With every bus, line, machine, file or metric that does not exist or does not fit.
    """
    problems = Problems(source)
    folder = source.path.parent if source.path else Path()
    grid = edited_grid(scenario, folder, problems)
    scenario = _resolve(scenario, grid, folder)
    criteria = scenario_criteria(scenario, problems)
    scenario = _with_channels(scenario, criteria)
    event_plan = plan_events(scenario, grid, problems)
    check_redispatch(scenario, grid, problems)
    demands = {
        str(site.name): demand
        for k, site in enumerate(scenario.sites)
        if (demand := _site_demand(scenario, k, site, grid, problems)) is not None
    }
    problems.stop_if_any()

    simulation = scenario.simulation
    edges = [
        edge
        for site in scenario.sites
        for edge in demands[str(site.name)].edges(simulation.duration_s, EDGE_SHARE * site.rating_mw)
    ]
    timeline = plan(simulation.duration_s, simulation.step_s, [*edges, *event_plan.times_s])
    demands = switched_demands(demands, event_plan.connections)
    loads = driven_loads(scenario, demands, event_plan.connections)
    start_level = np.array([load.injector.initial_value for load in loads])
    redispatch_mw = place(scenario, grid, loads, start_level, problems)
    problems.stop_if_any()

    return Study(
        scenario=scenario,
        grid=grid,
        engine=AndesEngine(grid, load_points(scenario, loads), simulation.tolerance, event_plan.shunts),
        loads=loads,
        events=event_plan.events,
        timeline=timeline,
        demands=demands,
        start_level=start_level,
        redispatch_mw=redispatch_mw,
        strengths=poi_strengths(scenario, grid),
        criteria=criteria,
    )


def _resolve(scenario: Scenario, grid: Grid, folder: Path) -> Scenario:
    """Fill in what depends on the grid, and make paths absolute, so that the stored scenario stands alone."""
    largest = max(grid.buses, key=lambda bus: bus.load_mw)

    def absolute(path: str | None) -> str | None:
        return str((folder / Path(path).expanduser()).resolve()) if path else None

    spec = scenario.grid
    case = spec.case if grid.name == spec.case else absolute(spec.case)
    return scenario.model_copy(
        update={
            "grid": spec.model_copy(update={"case": case, "dyr": absolute(spec.dyr)}),
            "sites": [
                site.model_copy(
                    update={
                        "bus": largest.idx if site.bus is None else site.bus,
                        "workloads": [with_absolute_files(w, folder) for w in site.workloads],
                    }
                )
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


def _with_channels(scenario: Scenario, criteria: Sequence[Criterion]) -> Scenario:
    """Record also the channels that the criteria are judged by."""
    wanted = wanted_by(criteria, [str(site.name) for site in scenario.sites])
    needed = metrics.channels_for([*wanted.paths, *(e.path(row) for e in wanted.envelopes for row in e.rows)])
    channels = list(dict.fromkeys([*scenario.outputs.channels, *needed]))
    return scenario.model_copy(update={"outputs": scenario.outputs.model_copy(update={"channels": channels})})


def _site_demand(scenario: Scenario, number: int, site: Site, grid: Grid, problems: Problems) -> SiteDemand | None:
    """The site's power at the POI; None, with the problems noted, if it cannot be had."""
    before = len(problems.found)
    try:
        grid.find_bus(site.bus)  # type: ignore[arg-type]
    except GridError as error:
        problems.add_error(("sites", number, "bus"), error)
    if site.rating_mw > grid.rating_mva:
        problems.add(
            ("sites", number, "rating_mw"),
            f"{site.rating_mw:g} MW is larger than the whole grid: its machines add up to {grid.rating_mva:g} MVA",
        )
    simulation, workloads = scenario.simulation, []
    for k, workload in enumerate(site.workloads):
        seed = np.random.SeedSequence(simulation.seed, spawn_key=(number, k))
        try:
            workloads.append(scaled_trace(workload, simulation.duration_s, seed))
        except LoadDataError as error:
            place: Location = ("sites", number, "workloads", k)
            problems.add((*place, "file") if isinstance(workload, TraceWorkload) else place, str(error))
        except ValueError as error:
            problems.add(("sites", number, "workloads", k), str(error))
    if len(problems.found) > before:
        return None
    try:
        return site_demand(site, workloads)
    except ValueError as error:
        problems.add(("sites", number), str(error))
        return None
