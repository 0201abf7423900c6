"""A worker: a process that runs the scenarios it is given, one after the other.

It reads tasks from its standard input, a pipe, and answers on its standard output, a line of JSON each. A grid is read
and set up once. Each run is made in a process forked from the worker, so that it starts from the grid as it was set up,
whatever ran before, and cannot take the worker with it when it crashes; what is only screened needs no process of its
own. When the owner of the pipe is gone, a worker ends, and with it the run that it is at.

Started as ``python -m cosim.sweep.worker FOLDER``.
"""

import gc
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cosim import runner
from cosim.result import RESULT_NAME
from cosim.scenario.load import validate
from cosim.scenario.model import Scenario
from cosim.scenario.source import Source
from cosim.study import SetUpGrid, prepare_study, set_up_grid
from cosim.sweep.records import CRASHED, PARTIAL_NAME, RUNS_NAME, RecordWriter, record_of, record_of_failure
from cosim.sweep.screens import Screens
from cosim.variants import shortened

WARM_UP_STEPS = 100

MAX_GRIDS = 4
"""Grids that a worker holds; the one used longest ago goes first."""


class OwnerGone(Exception):
    """Nobody is there who wants the result of a run."""


class Worker:
    """Runs tasks, and keeps the grids they start from.

    Parameters
    ----------
    folder
        The sweep's.
    owner
        File descriptor of a pipe; a run is ended when nobody holds its other end any more.
    """

    def __init__(self, folder: Path, owner: int):
        self._folder, self._owner = folder, owner
        self._grids: OrderedDict[str, SetUpGrid | None] = OrderedDict()
        self._is_warm = False
        self._screens = Screens()

    def run(self, task: dict[str, Any]) -> dict[str, Any]:
        """Run a task in a process of its own; return its record.

        Parameters
        ----------
        task
            ``run_id``, ``data`` (the scenario), ``grid`` (its key), ``keep``, and ``reference`` if it is screened.

        Raises
        ------
        OwnerGone
            If the owner has gone; the run is ended.
        """
        started = time.perf_counter()
        if "reference" in task and (record := self._screens.record_of(task)):
            return {"run_id": task["run_id"], **record, "wall_time_s": round(time.perf_counter() - started, 6)}
        set_up = self._grid(task)
        reader, writer = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(reader)
            _answer_and_exit(writer, self._folder, task, set_up)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            is_wanted = self._is_wanted_until_readable(reader)
            if not is_wanted:
                os.kill(process, signal.SIGKILL)
            answer = pipe.read()
        _, code = os.waitpid(process, 0)
        if not is_wanted:
            raise OwnerGone
        record = {"status": CRASHED, "error": _cause_of_death(code)} if code else json.loads(answer)
        wall_time_s = round(time.perf_counter() - started, 6)
        return {"run_id": task["run_id"], **record, "wall_time_s": wall_time_s}

    def _is_wanted_until_readable(self, reader: int) -> bool:
        """Wait for a run's answer, or its end; False as soon as the owner has gone."""
        poll = select.poll()
        poll.register(reader, select.POLLIN)
        poll.register(self._owner, 0)  # only hang-ups
        return all(source == reader for source, _ in poll.poll())

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
    sys.unraisablehook = lambda *_: None  # HDF5 complains of a full disk for each object that it closes, both ways
    sys.excepthook = lambda *_: None
    try:
        record = json.dumps(_record_of(folder, task, set_up), allow_nan=False).encode()
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(record)
    except BrokenPipeError:  # the worker is gone, and with it whoever wants the record
        code = 1
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        sys.stderr.flush()
        os._exit(code)


def _record_of(folder: Path, task: dict[str, Any], set_up: SetUpGrid | None) -> dict[str, Any]:
    """Run a task and say what came out, or what stops the sweep; its files are kept or removed."""
    partial = folder / PARTIAL_NAME / f"{task['run_id']}-{os.getpid()}"
    try:
        partial.mkdir(parents=True, exist_ok=True)
        record = _outcome(task, set_up, partial)
        bad = record["status"] != "completed" or record.get("verdict") == "fail"
        if (partial / RESULT_NAME).exists() and (task["keep"] == "all" or (task["keep"] == "violations" and bad)):
            _move(partial, folder / RUNS_NAME / task["run_id"])
            record["kept"] = True
        else:
            shutil.rmtree(partial)
    except (OSError, MemoryError) as error:
        return {"stop": str(error)}
    return record


def _outcome(task: dict[str, Any], set_up: SetUpGrid | None, partial: Path) -> dict[str, Any]:
    """Run a task in a folder and say what came out.

    Raises
    ------
    OSError, MemoryError
        If it is not the scenario's fault.
    """
    parent = os.getppid()

    def stop_if_orphaned(_: float) -> None:
        if os.getppid() != parent:
            os._exit(1)  # the worker is gone

    source = Source(None, task["data"])
    try:
        study = prepare_study(validate(source), source, set_up)
        result = runner.execute(study, partial, report=False, progress=stop_if_orphaned)
        return record_of(result.summary, result.attributes.get("message") or None)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        if _is_of_a_disk(error) or not partial.exists():
            raise OSError(f"{type(error).__name__}: {error}") from error
        return record_of_failure(error)


def _is_of_a_disk(error: BaseException | None) -> bool:
    """Whether an error comes from one of the operating system, such as a full disk; HDF5 makes it one of its own."""
    while error is not None:
        if isinstance(error, OSError) or "errno = " in str(error):
            return True
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


def _move(partial: Path, target: Path) -> None:
    """Put a run's folder in its place, unless it is there from an earlier attempt."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        partial.rename(target)
    except OSError:
        if not target.exists():
            raise
        shutil.rmtree(partial)


def _cause_of_death(code: int) -> str:
    if os.WIFSIGNALED(code):
        return f"the process of the run was ended by {signal.Signals(os.WTERMSIG(code)).name}"
    return "the process of the run ended without a result"


@contextmanager
def _own_channel() -> Iterator[Any]:
    """Standard output for answers alone: what else is printed goes to standard error."""
    with os.fdopen(os.dup(1), "wb", buffering=0) as channel:
        os.dup2(2, 1)
        yield channel


def main(folder: Path) -> None:
    """Serve tasks until the input ends, or nobody takes the answers."""
    worker, records = Worker(folder, sys.stdin.fileno()), RecordWriter(folder)
    with _own_channel() as channel:
        channel.write(_line({"ready": True}))
        for line in sys.stdin:
            record = worker.run(json.loads(line))
            if "stop" not in record and record["status"] != CRASHED:
                try:
                    records.append(record)
                except OSError as error:
                    record = {"run_id": record["run_id"], "stop": str(error)}
            channel.write(_line(record))


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


if __name__ == "__main__":
    with suppress(OwnerGone, BrokenPipeError):
        main(Path(sys.argv[1]))
