"""A scenario made concrete: grid edited, traces read or generated, places checked, nodes planned."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosim import metrics
from cosim.connection import Connection
from cosim.criteria import Criterion, wanted_by
from cosim.criteria.check import scenario_criteria
from cosim.demand import scaled_trace, site_demand, spread_jobs
from cosim.driven_loads import driven_loads, load_points, start_levels
from cosim.edited_grid import edited_grid
from cosim.engines.andes import AndesEngine, ShuntPoint
from cosim.engines.interface import Engine
from cosim.engines.linear import LinearEngine
from cosim.events import plan_events
from cosim.load_shedding import LoadShedding
from cosim.loop_inputs import Event, Load
from cosim.mitigation import Stage, mitigated
from cosim.placement import PoiStrength, check_redispatch, place, poi_strengths
from cosim.problems import Problems
from cosim.scenario.mitigation import SiteStorage, Staggering
from cosim.scenario.model import Scenario
from cosim.scenario.paths import with_absolute_paths
from cosim.scenario.site import Site
from cosim.scenario.source import Location, Source
from cosim.scenario.workloads import TraceWorkload
from cosim.site_equipment import SiteEquipment
from cosim.timeline import Timeline, plan
from cosim.watchers import Watcher
from grids import Grid, GridError
from loads.errors import LoadDataError
from loads.protection import build
from loads.site import SiteDemand
from loads.site import Workload as ScaledTrace

LINEAR_EVENTS = ("load_step", "load_ramp", "site_trip", "site_return")
"""Events that change loads alone, which the linear engine can do."""

EDGE_SHARE = 0.01
"""A jump of the trace larger than this share of the site's rating ends a step; smaller ones are averaged."""


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
    scenario = _resolve(scenario, grid, folder)
    shunts = plan_events(scenario, grid, problems).shunts
    check_engine(scenario, problems)
    problems.stop_if_any()
    return SetUpGrid(grid, _engine(scenario, grid, shunts))


def prepare_study(scenario: Scenario, source: Source, set_up: SetUpGrid | None = None) -> Study:
    """Make a scenario concrete.

    Parameters
    ----------
    scenario : Scenario
        Validated.
    source : Source
        Where its keys stand; relative paths start at its folder.
    set_up : SetUpGrid, optional
        A grid of the same `grid_key` to use; it belongs to the study from then on.

    Raises
    ------
    InputError
        With every bus, line, machine, file or metric that does not exist or does not fit.
    """
    problems = Problems(source)
    folder = source.path.parent if source.path else Path()
    grid = set_up.grid if set_up else edited_grid(scenario, folder, problems)
    scenario = _resolve(scenario, grid, folder)
    criteria = scenario_criteria(scenario, problems)
    scenario = _with_channels(scenario, criteria)
    event_plan = plan_events(scenario, grid, problems)
    check_redispatch(scenario, grid, problems)
    check_engine(scenario, problems)
    found = [_site_demand(scenario, k, site, grid, problems) for k, site in enumerate(scenario.sites)]
    problems.stop_if_any()
    demands, stages = {}, {}
    for site, pair in zip(scenario.sites, found, strict=True):
        assert pair is not None
        demands[str(site.name)], stages[str(site.name)] = pair

    simulation = scenario.simulation
    edges = [
        edge
        for site in scenario.sites
        for edge in demands[str(site.name)].edges(simulation.duration_s, EDGE_SHARE * site.rating_mw)
    ]
    timeline = plan(simulation.duration_s, simulation.step_s, [*edges, *event_plan.times_s])
    equipment = {
        str(site.name): _equipment(
            site, k, demands[str(site.name)], grid, timeline, event_plan.connections, simulation.duration_s, problems
        )
        for k, site in enumerate(scenario.sites)
    }
    problems.stop_if_any()
    engine = set_up.engine if set_up else _engine(scenario, grid, event_plan.shunts)
    loads = driven_loads(scenario, demands, equipment)
    start_level = start_levels(loads)
    redispatch_mw = place(scenario, grid, loads, start_level, problems)
    problems.stop_if_any()

    return Study(
        scenario=scenario,
        grid=grid,
        engine=engine,
        loads=loads,
        events=event_plan.events,
        timeline=timeline,
        demands=demands,
        stages=stages,
        start_level=start_level,
        redispatch_mw=redispatch_mw,
        strengths=poi_strengths(scenario, grid),
        criteria=criteria,
    )


def _engine(scenario: Scenario, grid: Grid, shunts: Sequence[ShuntPoint]) -> Engine:
    simulation = scenario.simulation
    if simulation.engine == "linear":
        return LinearEngine(grid, load_points(scenario), simulation.tolerance)
    return AndesEngine(grid, load_points(scenario), simulation.tolerance, shunts)


def check_engine(scenario: Scenario, problems: Problems) -> None:
    """Note what the scenario asks for and its engine does not have."""
    if scenario.simulation.engine != "linear":
        return
    reason = "the linear engine keeps the network as it is at t = 0; use simulation.engine: andes"
    for k, event in enumerate(scenario.events):
        if event.type not in LINEAR_EVENTS:
            problems.add(("events", k, "type"), f"{event.type}: {reason}")
    if scenario.grid.load_shedding:
        problems.add(("grid", "load_shedding"), reason)


def _resolve(scenario: Scenario, grid: Grid, folder: Path) -> Scenario:
    """Fill in what depends on the grid, and make paths absolute, so that the stored scenario stands alone."""
    scenario = with_absolute_paths(scenario, folder)
    largest = max(grid.buses, key=lambda bus: bus.load_mw)
    sites = [site.model_copy(update={"bus": largest.idx if site.bus is None else site.bus}) for site in scenario.sites]
    return scenario.model_copy(update={"sites": sites})


def _with_channels(scenario: Scenario, criteria: Sequence[Criterion]) -> Scenario:
    """Record also the channels that the criteria are judged by."""
    wanted = wanted_by(criteria, [str(site.name) for site in scenario.sites])
    needed = metrics.channels_for([*wanted.paths, *(e.path(row) for e in wanted.envelopes for row in e.rows)])
    channels = list(dict.fromkeys([*scenario.outputs.channels, *needed]))
    return scenario.model_copy(update={"outputs": scenario.outputs.model_copy(update={"channels": channels})})


def _site_demand(
    scenario: Scenario, number: int, site: Site, grid: Grid, problems: Problems
) -> tuple[SiteDemand, list[Stage]] | None:
    """The site's demand at the POI, and what smoothed it; None, with the problems noted, if it cannot be had."""
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
    simulation = scenario.simulation
    staggering = site.mitigated_by(Staggering)
    jobs = staggering.checkpoint_jobs if staggering else 1
    workloads: list[ScaledTrace] = []
    spread: list[ScaledTrace] = []
    for k, workload in enumerate(site.workloads):
        seed = np.random.SeedSequence(simulation.seed, spawn_key=(number, k))
        try:
            workloads.append(scaled_trace(workload, simulation.duration_s, seed))
            spread += spread_jobs(workload, workloads[-1], jobs, simulation.duration_s, seed) if jobs > 1 else []
        except LoadDataError as error:
            place: Location = ("sites", number, "workloads", k)
            problems.add((*place, "file") if isinstance(workload, TraceWorkload) else place, str(error))
        except ValueError as error:
            problems.add(("sites", number, "workloads", k), str(error))
    if len(problems.found) > before:
        return None
    if staggering and staggering.spread_s >= simulation.duration_s:
        place = ("sites", number, "mitigation", site.mitigation.index(staggering), "spread_s")
        problems.add(place, f"{staggering.spread_s:g} s is not shorter than the run ({simulation.duration_s:g} s)")
        return None
    if staggering and jobs > 1 and len(spread) == len(workloads):
        place = ("sites", number, "mitigation", site.mitigation.index(staggering), "checkpoint_jobs")
        problems.add(place, "no workload of the site is a job with checkpoints after so many iterations")
        return None
    try:
        demand = site_demand(site, workloads)
        apart = site_demand(site, spread) if spread else None
        return mitigated(site, demand, apart, simulation.duration_s, simulation.seed)
    except ValueError as error:
        problems.add(("sites", number), str(error))
        return None


def _equipment(
    site: Site,
    number: int,
    demand: SiteDemand,
    grid: Grid,
    timeline: Timeline,
    connections: Mapping[str, Connection],
    duration_s: float,
    problems: Problems,
) -> SiteEquipment:
    """What makes a site react to the grid."""
    connection = connections.get(str(site.name))
    if connection:
        connection = connection.aligned(timeline.time_s[timeline.is_jump], 2 * timeline.merge_s)
    settings, protection = site.protection.settings(), None
    if settings.acts:
        try:
            protection = build(settings, site.rating_mw, grid.nominal_hz)
        except ValueError as error:
            problems.add(("sites", number, "protection"), str(error))
    storage = site.mitigated_by(SiteStorage)
    return SiteEquipment(
        connection,
        protection,
        storage.built(grid.nominal_hz) if storage else None,
        demand.mean_mw(duration_s) if storage else 0.0,
    )
