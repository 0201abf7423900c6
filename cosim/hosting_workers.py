"""Buses shared out over processes: each searches one bus after the other and tells of every trial.

Started as ``python -m cosim.hosting_workers``. A worker reads pickles from its standard input, the plan and then one
bus at a time, and answers on its standard output.
"""

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from typing import IO, Any

from cosim.errors import InputError
from cosim.hosting import Plan, search_bus
from cosim.hosting_margins import Trial
from cosim.hosting_search import Found
from cosim.hosting_trials import BusTrials
from cosim.scenario.model import EngineName
from cosim.sweep.pool import ONE_THREAD

OnTrial = Callable[[int | str, Trial], None]
OnFound = Callable[[int | str, Found], None]


def search_buses(plan: Plan, workers: int, on_trial: OnTrial, on_found: OnFound) -> dict[int | str, Found]:
    """Search every bus of a plan.

    Parameters
    ----------
    plan
    workers
        Processes.
    on_trial, on_found
        Told each run, and each bus that is finished.

    Returns
    -------
    dict
        By bus, in the order of the plan; the same however many workers there are.

    Raises
    ------
    InputError
        If the scenario cannot be used at a bus.
    RuntimeError
        If a worker died, or there is a bug.
    """
    waiting: queue.Queue[int | str] = queue.Queue()
    for bus in plan.buses:
        waiting.put(bus)
    answers: queue.Queue[tuple[str, Any]] = queue.Queue()
    crew = [_Owned(plan, waiting, answers) for _ in range(min(workers, len(plan.buses)))]
    found: dict[int | str, Found] = {}
    try:
        for worker in crew:
            worker.start()
        while len(found) < len(plan.buses):
            try:
                kind, content = answers.get(timeout=1.0)  # not for ever, so that Ctrl-C is heard
            except queue.Empty:
                continue
            if kind == "trial":
                on_trial(*content)
            elif kind == "found":
                found[content[0]] = content[1]
                on_found(*content)
            elif kind == "problems":
                raise InputError(*content)
            else:
                raise RuntimeError(content)
    finally:
        for worker in crew:
            worker.kill()
    return {bus: found[bus] for bus in plan.buses}


class _Owned:
    """A worker as its owner has it: a process, and a thread that hands it buses and passes on its answers."""

    def __init__(self, plan: Plan, waiting: "queue.Queue[int | str]", answers: "queue.Queue[tuple[str, Any]]"):
        self._plan, self._waiting, self._answers = plan, waiting, answers
        self._is_over = False

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cosim.hosting_workers"],  # -P: not the user's own json.py and such
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | ONE_THREAD,
            start_new_session=True,  # Ctrl-C is for the owner, who then ends the worker
        )
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            _send(stdin, self._plan)
            while True:
                try:
                    bus = self._waiting.get_nowait()
                except queue.Empty:
                    return
                _send(stdin, bus)
                while True:
                    answer = pickle.load(stdout)
                    self._answers.put(answer)
                    if answer[0] == "found":
                        break
                    if answer[0] != "trial":
                        return
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            if not self._is_over:
                self._answers.put(("bug", f"a worker ended with code {self._process.wait()}"))

    def kill(self) -> None:
        self._is_over = True
        if not hasattr(self, "_process"):
            return
        with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._thread.join()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):  # of a bus that it never read
                stream.close()


def _send(pipe: IO[bytes], content: Any) -> None:
    pickle.dump(content, pipe)
    pipe.flush()


def main() -> None:
    """Serve until the input ends."""
    with os.fdopen(os.dup(1), "wb") as channel:
        os.dup2(2, 1)  # what else is printed goes to standard error
        plan: Plan = pickle.load(sys.stdin.buffer)
        while True:
            try:
                bus = pickle.load(sys.stdin.buffer)
            except EOFError:
                return
            try:
                told = _told(BusTrials(plan.scenario, bus), channel, bus)
                _send(channel, ("found", (bus, search_bus(plan, bus, told))))
            except InputError as error:
                _send(channel, ("problems", error.problems))
            except BrokenPipeError:
                raise
            except Exception:
                _send(channel, ("bug", traceback.format_exc()))


def _told(trials: BusTrials, channel: IO[bytes], bus: int | str) -> Callable[[EngineName, int, float], Trial]:
    def run(engine: EngineName, seed: int, size_mw: float) -> Trial:
        trial = trials.run(engine, seed, size_mw)
        _send(channel, ("trial", (bus, trial)))
        return trial

    return run


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # the owner is gone
        main()
