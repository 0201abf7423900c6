"""What a sweep will take, and whether its runs can be made: found out from its grids and a short trial."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from cosim import runner
from cosim.errors import InputError, Problem
from cosim.result import RESULT_NAME
from cosim.scenario.load import validate
from cosim.scenario.model import Scenario
from cosim.scenario.source import Source
from cosim.study import prepare_study
from cosim.sweep.plan import Plan, PlannedRun, with_values
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
    """What a run takes on this machine, in s and bytes."""

    run_s: float
    result_bytes: float

    def wall_s(self, runs: int, workers: int) -> float:
        """Time that runs take with workers that are as fast as this machine."""
        return runs * self.run_s / workers

    def disk_bytes(self, runs: int, kept: int) -> float:
        """Size of the folder of a sweep that keeps the results of some runs."""
        return runs * RECORD_BYTES + kept * self.result_bytes


def check(plan: Plan) -> None:
    """Check what the scenario's model cannot know: that buses exist, and that some runs can be prepared as a whole.

    Raises
    ------
    InputError
        With what is wrong, and with which values of the parameters.
    """
    _check_buses(plan)
    first = {run.grid: run for run in reversed(plan.tasks)}
    for run in list(first.values())[-CHECKED_GRIDS:]:
        try:
            prepare_study(validate(Source(None, run.data)), Source(None, run.data))
        except InputError as error:
            raise InputError(*(with_values(problem, run.cells) for problem in error.problems)) from None


def _check_buses(plan: Plan) -> None:
    """Look every site's bus up in the case."""
    wanted: dict[tuple[str, str | None], dict[str, PlannedRun]] = {}
    for run in plan.tasks:
        grid = run.data["grid"]
        buses = wanted.setdefault((grid["case"], grid.get("dyr")), {})
        for site in run.data["sites"]:
            if site.get("bus") is not None:
                buses.setdefault(str(site["bus"]), run)
    for (case, dyr), buses in wanted.items():
        spec = validate(Source(None, next(iter(buses.values())).data)).grid if buses else None
        if spec is None:
            continue
        try:
            grid = load_grid(case, dyr, substitutes=spec.substitutes, dynamics=spec.dynamics)
        except GridError as error:
            raise InputError(Problem(str(error), key="grid.case")) from None
        for bus, run in buses.items():
            try:
                grid.find_bus(bus)
            except GridError as error:
                raise InputError(with_values(Problem(str(error)), run.cells)) from None


def estimate(plan: Plan) -> Estimate | None:
    """Make short runs of the first scenario of a plan; None where it cannot be cut short."""
    scenario = validate(Source(None, plan.tasks[0].data))
    steps = scenario.simulation.duration_s / scenario.simulation.step_s
    try:
        with tempfile.TemporaryDirectory(prefix="cosim-plan-") as folder:
            _trial(scenario, SHORT_STEPS, Path(folder))  # loads what the next ones need
            short = _trial(scenario, SHORT_STEPS, Path(folder))
            long = _trial(scenario, LONG_STEPS, Path(folder))
    except InputError:
        return None
    amounts = []
    for few, many in zip(short, long, strict=True):
        per_step = max(0.0, many - few) / (LONG_STEPS - SHORT_STEPS)
        amounts.append(max(0.0, few - SHORT_STEPS * per_step) + per_step * steps)
    return Estimate(*amounts)


def _trial(scenario: Scenario, steps: int, folder: Path) -> tuple[float, float]:
    """Time of the processor (s) without the preparation, and size of the result (bytes), of a run of some steps."""
    study = prepare_study(shortened(scenario, steps), Source(None, {}))
    started = time.process_time()
    runner.execute(study, folder, report=False)
    return time.process_time() - started, float((folder / RESULT_NAME).stat().st_size)
