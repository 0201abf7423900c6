"""A scenario made concrete: grid edited, traces read or generated, places checked, nodes planned."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from cosim import metrics
from cosim.demand import scaled_trace, site_demand, site_load, step_load
from cosim.engines.andes import AndesEngine, LoadPoint
from cosim.errors import InputError, Problem, nearest
from cosim.scenario.model import (
    LineEnds,
    LineTrip,
    LoadStep,
    Scenario,
    Site,
)
from cosim.scenario.source import Location, Source
from cosim.scenario.workloads import TraceWorkload, with_absolute_files
from cosim.simulation import Event, Load
from cosim.timeline import Timeline, plan
from grids import Grid, GridError, Line, load_grid
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


class _Problems:
    """Collects what is wrong, so that the user sees all of it at once."""

    def __init__(self, source: Source):
        self.source, self.found = source, list[Problem]()

    def add(self, location: Location, message: str, hint: str | None = None) -> None:
        self.found.append(self.source.problem(location, message, hint))

    def add_error(self, location: Location, error: GridError) -> None:
        self.found.append(self.source.problem(location, str(error)))

    def stop_if_any(self) -> None:
        if self.found:
            raise InputError(*self.found)


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
    problems = _Problems(source)
    folder = source.path.parent if source.path else Path()
    grid = _edited_grid(scenario, folder, problems)
    scenario = _resolve(scenario, grid, folder)
    _check_criteria(scenario, problems)
    lines = _check_events(scenario, grid, problems)
    _check_redispatch(scenario, grid, problems)
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
    timeline = plan(simulation.duration_s, simulation.step_s, [*edges, *(e.at_s for e in scenario.events)])
    loads = [site_load(site, demands[str(site.name)], simulation.injection) for site in scenario.sites]
    loads += [step_load(k, e) for k, e in enumerate(scenario.events) if isinstance(e, LoadStep)]
    start_level = np.array([load.injector.initial_value for load in loads])
    redispatch_mw = _place(scenario, grid, loads, start_level, problems)
    problems.stop_if_any()

    steps = [e for e in scenario.events if isinstance(e, LoadStep)]
    placed: list[Site | LoadStep] = [*scenario.sites, *steps]
    points = [
        LoadPoint(load.name, part.bus, part.load_model.z, part.load_model.i, part.load_model.p, load.v_min_pu)  # type: ignore[arg-type]
        for load, part in zip(loads, placed, strict=True)
    ]
    return Study(
        scenario=scenario,
        grid=grid,
        engine=AndesEngine(grid, points, simulation.tolerance),
        loads=loads,
        events=_events(scenario, lines),
        timeline=timeline,
        demands=demands,
        start_level=start_level,
        redispatch_mw=redispatch_mw,
    )


def _edited_grid(scenario: Scenario, folder: Path, problems: _Problems) -> Grid:
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
        grid.scale_inertia(edit.inertia_scale)
    return grid


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
        }
    )


def _check_criteria(scenario: Scenario, problems: _Problems) -> None:
    valid = metrics.metric_paths([str(site.name) for site in scenario.sites])
    for k, criterion in enumerate(scenario.criteria):
        if criterion.metric not in valid:
            hint = nearest(criterion.metric, valid, cutoff=0.5)
            problems.add(("criteria", k, "metric"), f"there is no metric '{criterion.metric}'", hint)


def _check_events(scenario: Scenario, grid: Grid, problems: _Problems) -> dict[int, Line]:
    """Check the events' places; the lines that trip, by the event's position."""
    lines = {}
    for k, event in enumerate(scenario.events):
        try:
            if isinstance(event, LoadStep):
                grid.find_bus(event.bus)
            elif isinstance(event.line, LineEnds):
                lines[k] = grid.find_line(ends=(event.line.from_, event.line.to), circuit=event.line.circuit)
            else:
                lines[k] = grid.find_line(event.line)
            if k in lines:
                line, earlier = lines[k], [lines[j].idx for j in lines if j != k]
                if not line.in_service or line.idx in earlier:
                    problems.add(("events", k, "line"), f"line {line.idx} is open already, it cannot trip")
        except GridError as error:
            problems.add_error(("events", k, "bus" if isinstance(event, LoadStep) else "line"), error)
    return lines


def _check_redispatch(scenario: Scenario, grid: Grid, problems: _Problems) -> None:
    for k, machine in enumerate(scenario.redispatch.machines):
        try:
            grid.find_machine(machine)
        except GridError as error:
            problems.add_error(("redispatch", "machines", k), error)


def _site_demand(scenario: Scenario, number: int, site: Site, grid: Grid, problems: _Problems) -> SiteDemand | None:
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


def _place(
    scenario: Scenario, grid: Grid, loads: list[Load], start_level: np.ndarray, problems: _Problems
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


def _events(scenario: Scenario, lines: dict[int, Line]) -> list[Event]:
    """Events in the order of their times."""
    out = []
    for k, event in enumerate(scenario.events):
        if isinstance(event, LineTrip):
            line = lines[k]
            text = f"line {line.idx} (bus {line.from_bus} to {line.to_bus}) trips"
            out.append(Event(event.at_s, event.type, text, partial(AndesEngine.trip_line, idx=line.idx)))
        else:
            out.append(Event(event.at_s, event.type, f"{event.mw:+g} MW at bus {event.bus}"))
    return sorted(out, key=lambda event: event.at_s)
