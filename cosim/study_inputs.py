"""What of a scenario does not depend on an engine: traces read or generated, places checked, nodes planned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosim import metrics
from cosim.connection import Connection
from cosim.criteria import Criterion, wanted_by
from cosim.criteria.check import scenario_criteria
from cosim.demand import scaled_trace, site_demand, spread_jobs
from cosim.driven_loads import driven_loads, start_levels
from cosim.events import EventPlan, plan_events
from cosim.loop_inputs import Load
from cosim.mitigation import Stage, mitigated
from cosim.placement import check_redispatch
from cosim.problems import Problems
from cosim.scenario.mitigation import SiteStorage, Staggering
from cosim.scenario.model import Scenario
from cosim.scenario.paths import with_absolute_paths
from cosim.scenario.site import Site
from cosim.scenario.source import Location
from cosim.scenario.workloads import TraceWorkload
from cosim.site_equipment import SiteEquipment
from cosim.timeline import Timeline, plan
from grids import Grid, GridError
from loads.errors import LoadDataError
from loads.protection import build
from loads.site import SiteDemand
from loads.site import Workload as ScaledTrace

EDGE_SHARE = 0.01
"""A jump of the trace larger than this share of the site's rating ends a step; smaller ones are averaged."""

LINEAR_EVENTS = ("load_step", "load_ramp", "site_trip", "site_return")
"""Events that change loads alone, which the linear engine can do."""


@dataclass
class StudyInputs:
    """What drives a run. ``scenario`` is resolved: nothing left to default, paths absolute."""

    scenario: Scenario
    criteria: list[Criterion]
    events: EventPlan
    demands: dict[str, SiteDemand]
    stages: dict[str, list[Stage]]
    timeline: Timeline
    loads: list[Load]
    start_level: np.ndarray


def study_inputs(
    scenario: Scenario, folder: Path, grid: Grid, problems: Problems, edge_grid_s: float = 0.0
) -> StudyInputs:
    """Make all of a scenario concrete but the grid.

    Parameters
    ----------
    scenario : Scenario
        Validated.
    folder : Path
        Relative paths start here.
    grid : Grid
        Edited.
    problems : Problems
        Takes what is wrong.
    edge_grid_s : float
        Edges of traces go to the nearest multiple of this, so that few lengths of steps occur; 0 leaves them.

    Raises
    ------
    InputError
        With every bus, line, machine, file or metric that does not exist or does not fit.
    """
    scenario = resolved(scenario, grid, folder)
    criteria = scenario_criteria(scenario, problems)
    scenario = _with_channels(scenario, criteria)
    events = plan_events(scenario, grid, problems)
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
    if edge_grid_s:
        edges = [round(edge / edge_grid_s) * edge_grid_s for edge in edges]
    timeline = plan(simulation.duration_s, simulation.step_s, [*edges, *events.times_s])
    equipment = {
        str(site.name): _equipment(
            site, k, demands[str(site.name)], grid, timeline, events.connections, simulation.duration_s, problems
        )
        for k, site in enumerate(scenario.sites)
    }
    problems.stop_if_any()
    loads = driven_loads(scenario, demands, equipment)
    return StudyInputs(scenario, criteria, events, demands, stages, timeline, loads, start_levels(loads))


def check_engine(scenario: Scenario, problems: Problems) -> None:
    """Note what the scenario asks for and its engine does not have."""
    if scenario.simulation.engine != "linear":
        return
    reason = "the linear engine keeps the network as it is at t = 0; use simulation.engine: auto"
    for k, event in enumerate(scenario.events):
        if event.type not in LINEAR_EVENTS:
            problems.add(("events", k, "type"), f"{event.type}: {reason}")
    for k, edit in enumerate(scenario.grid.edits):
        if edit.ufls is not None:
            problems.add(("grid", "edits", k, "ufls"), f"load shedding: {reason}")


def resolved(scenario: Scenario, grid: Grid, folder: Path) -> Scenario:
    """Fill in what depends on the grid, and make paths absolute, so that the stored scenario stands alone."""
    scenario = with_absolute_paths(scenario, folder)
    largest = max(grid.buses, key=lambda bus: bus.load_mw).idx
    known = {str(bus.idx): bus.idx for bus in grid.buses}  # a number may have been written as text
    sites = [
        site.model_copy(update={"bus": largest if site.bus is None else known.get(str(site.bus), site.bus)})
        for site in scenario.sites
    ]
    events = [
        event.model_copy(update={"bus": known.get(str(event.bus), event.bus)}) if hasattr(event, "bus") else event
        for event in scenario.events
    ]
    return scenario.model_copy(update={"sites": sites, "events": events})


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
