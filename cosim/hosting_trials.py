"""Runs of a scenario with its first site at a bus, of one size or another, each in a process of its own.

A grid is read and set up once for each engine; the process of a run is forked from that, so that every run starts from
the same grid, whatever ran before.
"""

import contextlib
import gc
import os
import pickle
import signal
import tempfile
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from cosim import runner
from cosim.errors import InputError, Problem
from cosim.hosting_margins import CheckedLimit, Trial
from cosim.scenario.model import EngineName, Scenario
from cosim.scenario.source import Source
from cosim.study import SetUpGrid, prepare_study, set_up_grid
from cosim.variants import shortened

NOT_PLACED = "not_placed"
"""Status of a trial whose site the grid cannot supply: its machines have no more to give, or are smaller."""

WARM_UP_STEPS = 100

_KINDS_OF_PLACE = ("redispatch", "rating_mw", "mode")
"""Ends of the keys of problems that come from a site's size."""


class BusTrials:
    """Trials at one bus.

    Parameters
    ----------
    scenario
        Resolved; the first of its sites is the one that is placed.
    bus
        Where.
    """

    _warm: ClassVar[set[EngineName]] = set()

    def __init__(self, scenario: Scenario, bus: int | str):
        self._scenario, self._bus = scenario, bus
        self._grids: dict[EngineName, SetUpGrid] = {}

    def scenario(self, engine: EngineName, seed: int, size_mw: float) -> Scenario:
        """What is run: `cosim run` with it gives the same verdict."""
        first, *others = self._scenario.sites
        site = first.model_copy(update={"bus": self._bus, "rating_mw": size_mw})
        simulation = self._scenario.simulation.model_copy(update={"engine": engine, "seed": seed})
        return self._scenario.model_copy(update={"sites": [site, *others], "simulation": simulation})

    def run(self, engine: EngineName, seed: int, size_mw: float) -> Trial:
        """Run a size.

        Raises
        ------
        InputError
            If the scenario cannot be used, whatever the size.
        RuntimeError
            If the process of the run was ended, or there is a bug.
        """
        started = time.perf_counter()
        scenario = self.scenario(engine, seed, size_mw)
        if engine not in self._grids:
            self._warm_up(scenario)
            self._grids[engine] = set_up_grid(scenario, Source(None, {}))
            gc.collect()
            gc.freeze()  # a forked process then shares the memory longer
        trial = _forked(scenario, self._grids[engine])
        return replace(trial, wall_time_s=round(time.perf_counter() - started, 3))

    def _warm_up(self, scenario: Scenario) -> None:
        """Make a short run in this process, once for each engine: forked ones find all code loaded and compiled."""
        engine = scenario.simulation.engine
        if engine in self._warm:
            return
        self._warm.add(engine)
        with (
            tempfile.TemporaryDirectory(prefix="cosim-host-") as folder,
            contextlib.suppress(InputError),  # a run meets it too, and tells
        ):
            study = prepare_study(shortened(scenario, WARM_UP_STEPS), Source(None, {}))
            runner.execute(study, Path(folder), report=False)


def _forked(scenario: Scenario, grid: SetUpGrid) -> Trial:
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reader)
        _answer_and_exit(writer, scenario, grid)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    _, code = os.waitpid(process, 0)
    if code:
        cause = signal.Signals(os.WTERMSIG(code)).name if os.WIFSIGNALED(code) else "no result"
        raise RuntimeError(f"the process of a run ended: {cause}")
    kind, content = pickle.loads(answer)
    if kind == "problems":
        raise InputError(*content)
    if kind == "bug":
        raise RuntimeError(content)
    return content


def _answer_and_exit(writer: int, scenario: Scenario, grid: SetUpGrid) -> None:
    """In the forked process: run, write what came out into the pipe, and end."""
    code = 0
    try:
        answer: tuple[str, Any]
        try:
            answer = "trial", _trial(scenario, grid)
        except InputError as error:
            answer = "problems", error.problems
        except Exception:
            answer = "bug", traceback.format_exc()
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(pickle.dumps(answer))
    except BaseException:
        code = 1
    finally:
        os._exit(code)


def _trial(scenario: Scenario, grid: SetUpGrid) -> Trial:
    """Run a scenario and say what its deciding criteria gave."""
    parent = os.getppid()

    def stop_if_orphaned(_: float) -> None:
        if os.getppid() != parent:
            os._exit(1)  # nobody wants the answer any more

    simulation = scenario.simulation
    about: tuple[EngineName, int, float] = (simulation.engine, simulation.seed, scenario.sites[0].rating_mw)
    try:
        study = prepare_study(scenario, Source(None, {}), grid)
    except InputError as error:
        if not all(_comes_from_size(problem) for problem in error.problems):
            raise
        return Trial(*about, NOT_PLACED, "simulation_failed", (), "; ".join(p.message for p in error.problems))
    with tempfile.TemporaryDirectory(prefix="cosim-host-") as folder:
        result = runner.execute(study, Path(folder), report=False, progress=stop_if_orphaned)
        summary = result.summary
        message = result.attributes.get("message") or None
    deciding = [entry for entry in summary["criteria"] if entry["decides"]]
    if summary["verdict"] == "not_assessed":
        message = "; ".join(dict.fromkeys(f"{entry['id']}: {entry['reason']}" for entry in deciding))
    limits = tuple(_checked(entry) for entry in deciding if entry["verdict"] in ("pass", "fail"))
    made = {"stepped_by": summary["provenance"]["engine"], "reason": summary["provenance"]["engine_reason"]}
    return Trial(*about, summary["status"], summary["verdict"], limits, message, **made)


def _comes_from_size(problem: Problem) -> bool:
    return problem.key.endswith(_KINDS_OF_PLACE) and not problem.key.startswith("redispatch.")


def _checked(entry: dict[str, Any]) -> CheckedLimit:
    keys = ("id", "metric", "value", "limit", "unit", "side", "margin", "where", "time_s")
    return CheckedLimit(passes=entry["verdict"] == "pass", **{key: entry[key] for key in keys})
