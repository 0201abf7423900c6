"""What a sweep will take, and whether its runs can be made: found out from its grids and a short trial."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cosim import runner
from cosim.errors import InputError, Problem
from cosim.result import RESULT_NAME
from cosim.scenario.load import validate
from cosim.scenario.model import Scenario
from cosim.scenario.source import Source
from cosim.screen import CannotScreen, Screener
from cosim.study import prepare_study
from cosim.sweep.paths import named_paths
from cosim.sweep.plan import MAX_PROBLEMS, Plan, PlannedRun, with_values
from cosim.variants import shortened
from grids import GridError, load_grid

CHECKED_GRIDS = 4
"""Grids of which one run is prepared as a whole before a sweep; the others show what is wrong when they run."""

RECORD_BYTES = 12_000
"""Of a run's record and its row in the table."""

SHORT_STEPS, LONG_STEPS = 50, 250
"""Lengths of the trial runs; from their difference follows what a step takes."""


@dataclass(frozen=True)
class Estimate:
    """What a run takes on this machine, in s and bytes, and what it takes to screen one, if any is screened."""

    run_s: float
    result_bytes: float
    screen_s: float | None = None

    def wall_s(self, runs: int, screened: int, workers: int) -> float:
        """Time that runs, and screened ones, take with workers that are as fast as this machine."""
        return (runs * self.run_s + screened * (self.screen_s or 0.0)) / workers

    def disk_bytes(self, runs: int, kept: int) -> float:
        """Size of the folder of a sweep that keeps the results of some runs."""
        return runs * RECORD_BYTES + kept * self.result_bytes


def check(plan: Plan) -> None:
    """Check what the scenario's model cannot know.

    That buses and files exist, in all runs, and that some runs can be prepared as a whole.

    Raises
    ------
    InputError
        With what is wrong, where it was set, and with which values of the parameters.
    """
    problems = [*_missing_files(plan), *_missing_buses(plan)]
    if problems:
        raise InputError(*problems[:MAX_PROBLEMS])
    first = {run.grid: run for run in reversed(plan.tasks)}
    for run in list(first.values())[-CHECKED_GRIDS:]:
        source = _source(plan, run)
        try:
            prepare_study(validate(source), source)
        except InputError as error:
            raise InputError(*(with_values(problem, run.cells) for problem in error.problems)) from None


def _source(plan: Plan, run: PlannedRun) -> Source:
    """A run's scenario, with the places where it was set."""
    return Source(None, run.data, plan.places)


def _missing_files(plan: Plan) -> Iterator[Problem]:
    """Look up every file that is no case, which is looked up with its buses."""
    seen = set()
    for run in plan.tasks:
        for location, path in named_paths(run.data):
            if location[-1] == "file" and path not in seen and not Path(path).is_file():
                yield with_values(_source(plan, run).problem(location, f"there is no file {path}"), run.cells)
            seen.add(path)


def _missing_buses(plan: Plan) -> Iterator[Problem]:
    """Look every site's bus up in the case."""
    wanted: dict[tuple[str, str | None], dict[str, tuple[PlannedRun, int]]] = {}
    for run in plan.tasks:
        grid = run.data["grid"]
        buses = wanted.setdefault((grid["case"], grid.get("dyr")), {})
        for number, site in enumerate(run.data["sites"]):
            if site.get("bus") is not None:
                buses.setdefault(str(site["bus"]), (run, number))
    for (case, dyr), buses in wanted.items():
        if not buses:
            continue
        run, _ = next(iter(buses.values()))
        spec = validate(_source(plan, run)).grid
        try:
            grid = load_grid(case, dyr, substitutes=spec.substitutes, dynamics=spec.dynamics)
        except GridError as error:
            yield with_values(_source(plan, run).problem(("grid", "case"), str(error)), run.cells)
            continue
        for bus, (run, number) in buses.items():
            try:
                grid.find_bus(bus)
            except GridError as error:
                yield with_values(_source(plan, run).problem(("sites", number, "bus"), str(error)), run.cells)


def estimate(plan: Plan) -> Estimate | None:
    """Make short runs of the first scenario of a plan, and screen it if it is to be; None where it cannot be done."""
    first_run = plan.tasks[0]
    screen_s = None if first_run.reference is None else _screening_s(first_run)
    made = first_run.confirmation or first_run
    if screen_s is not None and not first_run.confirmation:
        return Estimate(0.0, 0.0, screen_s)
    scenario = validate(Source(None, made.data))
    steps = scenario.simulation.duration_s / scenario.simulation.step_s
    try:
        with tempfile.TemporaryDirectory(prefix="cosim-plan-") as folder:
            _trial(scenario, SHORT_STEPS, Path(folder))  # loads what the next ones need
            short = _trial(scenario, SHORT_STEPS, Path(folder))
            long = _trial(scenario, LONG_STEPS, Path(folder))
    except InputError:
        return None
    first, last = (min(count, steps) for count in (SHORT_STEPS, LONG_STEPS))
    amounts = []
    for few, many in zip(short, long, strict=True):
        per_step = max(0.0, many - few) / (last - first) if last > first else 0.0
        amounts.append(few + per_step * (steps - first))
    return Estimate(amounts[0], amounts[1], screen_s)


def _screening_s(run: PlannedRun) -> float | None:
    """Time of the processor (s) that a screened run takes once the operating point is there; None if none can be."""
    source = Source(None, run.data)
    scenario = validate(source)
    try:
        screener = Screener(scenario, source)
        screener.run(scenario, source)  # works out what the next ones find
        started = time.process_time()
        screener.run(scenario, source)
    except (CannotScreen, InputError):
        return None
    return time.process_time() - started


def _trial(scenario: Scenario, steps: int, folder: Path) -> tuple[float, float]:
    """Time of the processor (s) without the preparation, and size of the result (bytes), of a run of some steps."""
    study = prepare_study(shortened(scenario, steps), Source(None, {}))
    started = time.process_time()
    runner.execute(study, folder, report=False)
    return time.process_time() - started, float((folder / RESULT_NAME).stat().st_size)
