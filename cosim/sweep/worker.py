"""A worker: a process that runs the scenarios it is given, one after the other.

It reads tasks from its standard input and answers on its standard output, a line of JSON each. A grid is read and set
up once. Each run is made in a process forked from the worker, so that it starts from the grid as it was set up,
whatever ran before, and cannot take the worker with it when it crashes.

Started as ``python -m cosim.sweep.worker FOLDER``.
"""

import gc
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cosim import runner
from cosim.errors import InputError
from cosim.scenario.load import validate
from cosim.scenario.model import Scenario
from cosim.scenario.source import Source
from cosim.study import SetUpGrid, prepare_study, set_up_grid
from cosim.sweep.records import CRASHED, ERROR, INVALID, PARTIAL_NAME, RUNS_NAME, RecordWriter
from cosim.sweep.table import flat
from cosim.variants import shortened

WARM_UP_STEPS = 100

MAX_GRIDS = 4
"""Grids that a worker holds; the one used longest ago goes first."""


class Worker:
    """Runs tasks, and keeps the grids they start from."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._grids: OrderedDict[str, SetUpGrid | None] = OrderedDict()
        self._is_warm = False

    def run(self, task: dict[str, Any]) -> dict[str, Any]:
        """Run a task in a process of its own; return its record.

        Parameters
        ----------
        task
            ``run_id``, ``data`` (the scenario), ``grid`` (its key) and ``keep``.
        """
        started = time.perf_counter()
        set_up = self._grid(task)
        reader, writer = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(reader)
            _answer_and_exit(writer, self._folder, task, set_up)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            answer = pipe.read()
        _, code = os.waitpid(process, 0)
        record = json.loads(answer) if answer else {"status": CRASHED, "error": _cause_of_death(code)}
        wall_time_s = round(time.perf_counter() - started, 6)
        return {"run_id": task["run_id"], **record, "wall_time_s": wall_time_s}

    def _grid(self, task: dict[str, Any]) -> SetUpGrid | None:
        """The grid that a task starts from; None where it cannot be had: the run then finds out why."""
        key = task["grid"]
        if key not in self._grids:
            while len(self._grids) >= MAX_GRIDS:
                self._grids.popitem(last=False)
            source = Source(None, task["data"])
            try:
                scenario = validate(source)
                if not self._is_warm:
                    _warm_up(scenario)
                    self._is_warm = True
                self._grids[key] = set_up_grid(scenario, source)
            except Exception:  # whatever it is, the run meets it too, and its record tells
                self._grids[key] = None
            gc.collect()
            gc.freeze()  # a forked process then shares the memory longer
        self._grids.move_to_end(key)
        return self._grids[key]


def _warm_up(scenario: Scenario) -> None:
    """Make a short run here, so that forked processes find all code loaded and compiled."""
    with tempfile.TemporaryDirectory(prefix="cosim-worker-") as folder:
        runner.execute(prepare_study(shortened(scenario, WARM_UP_STEPS), Source(None, {})), Path(folder), report=False)


def _answer_and_exit(writer: int, folder: Path, task: dict[str, Any], set_up: SetUpGrid | None) -> None:
    """In the forked process: run, write the record into the pipe, and end."""
    code = 0
    try:
        record = json.dumps(_record_of(folder, task, set_up), allow_nan=False).encode()
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(record)
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        sys.stderr.flush()
        os._exit(code)


def _record_of(folder: Path, task: dict[str, Any], set_up: SetUpGrid | None) -> dict[str, Any]:
    """Run a task and say what came out; its files are kept or removed."""
    parent = os.getppid()

    def stop_if_orphaned(_: float) -> None:
        if os.getppid() != parent:
            raise SystemExit("the worker is gone")

    run_id, source = task["run_id"], Source(None, task["data"])
    partial = folder / PARTIAL_NAME / f"{run_id}-{os.getpid()}"
    try:
        study = prepare_study(validate(source), source, set_up)
        result = runner.execute(study, partial, report=False, progress=stop_if_orphaned)
        summary = result.summary
        record: dict[str, Any] = {
            "status": summary["status"],
            "verdict": summary["verdict"],
            "values": flat(summary),
            "error": result.attributes.get("message") or None,
        }
    except InputError as error:
        record = {"status": INVALID, "error": str(error)}
    except (OSError, MemoryError) as error:
        return {"stop": str(error)}
    except Exception as error:
        record = {"status": ERROR, "error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
    bad = record["status"] != "completed" or record.get("verdict") == "fail"
    if partial.exists():
        if task["keep"] == "all" or (task["keep"] == "violations" and bad):
            _move(partial, folder / RUNS_NAME / run_id)
            record["kept"] = True
        else:
            shutil.rmtree(partial)
    return record


def _move(partial: Path, target: Path) -> None:
    """Put a run's folder in its place, unless it is there from an earlier attempt."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        shutil.rmtree(partial)
    else:
        partial.rename(target)


def _cause_of_death(code: int) -> str:
    if os.WIFSIGNALED(code):
        return f"the process of the run was ended by {signal.Signals(os.WTERMSIG(code)).name}"
    return "the process of the run ended without a result"


@contextmanager
def _own_channel() -> Iterator[Any]:
    """Standard output for answers alone: what else is printed goes to standard error."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with channel:
        yield channel


def main(folder: Path) -> None:
    """Serve tasks until the input ends."""
    worker, records = Worker(folder), RecordWriter(folder)
    with _own_channel() as channel:
        print(json.dumps({"ready": True}), file=channel, flush=True)
        for line in sys.stdin:
            record = worker.run(json.loads(line))
            if "stop" not in record and record["status"] != CRASHED:
                try:
                    records.append(record)
                except OSError as error:
                    record = {"run_id": record["run_id"], "stop": str(error)}
            print(json.dumps(record), file=channel, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
