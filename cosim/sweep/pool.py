"""Worker processes of this machine: started, given tasks, and replaced when they die."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cosim.sweep.plan import PlannedRun
from cosim.sweep.records import CRASHED

MAX_ATTEMPTS = 3
"""A run whose worker, or own process, died so often is given up."""

ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
"""Environment of workers: they share the machine's cores among them, not within them."""

OnRecord = Callable[[dict[str, Any]], None]


class WorkerDied(Exception):
    """A worker ended while it had a task."""


class SweepStopped(Exception):
    """A worker cannot go on, and no other could: the disk is full, or the folder cannot be written."""


class WorkerProcess:
    """A worker, as its owner sees it."""

    def __init__(self, folder: Path):
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cosim.sweep.worker", str(folder)],  # -P: not the user's own json.py and such
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | ONE_THREAD,
            start_new_session=True,  # Ctrl-C is for the owner, who then ends the worker
            text=True,
        )
        self._is_ready = False

    def run(self, task: dict[str, Any]) -> dict[str, Any]:
        """Have a task run; return its record.

        Raises
        ------
        WorkerDied
            If the worker is gone.
        SweepStopped
            If it cannot write.
        """
        assert self._process.stdin is not None
        try:
            if not self._is_ready:
                self._answer()
                self._is_ready = True
            self._process.stdin.write(json.dumps(task) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise WorkerDied(self._end()) from error
        record = self._answer()
        if "stop" in record:
            raise SweepStopped(record["stop"])
        return record

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith("\n"):
            raise WorkerDied(self._end())
        return json.loads(line)

    def _end(self) -> str:
        code = self._process.wait()
        return f"the worker was ended by {signal.Signals(-code).name}" if code < 0 else f"the worker ended with {code}"

    def kill(self) -> None:
        """End the worker and what it runs."""
        with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):  # of a task that it never read
                stream.close()


def task_of(run: PlannedRun, keep: str) -> dict[str, Any]:
    """What a worker needs to know of a run."""
    task = {"run_id": run.run_id, "grid": run.grid, "data": run.data, "keep": keep}
    return task if run.reference is None else {**task, "reference": run.reference}


class Queue:
    """Tasks that wait, handed out so that a worker stays on its grid while it can."""

    def __init__(self, runs: Sequence[PlannedRun]):
        self._groups: dict[str, deque[PlannedRun]] = {}
        for run in runs:
            self._groups.setdefault(run.grid, deque()).append(run)
        self._attempts: dict[str, int] = {}
        self._busy: dict[str, int] = dict.fromkeys(self._groups, 0)
        self._lock = threading.Lock()

    def next(self, grid: str | None) -> PlannedRun | None:
        """A run on a grid, or else on the one with most runs to a worker; None if none waits."""
        with self._lock:
            waiting = {key: runs for key, runs in self._groups.items() if runs}
            if not waiting:
                return None
            if grid in waiting:
                chosen = str(grid)
            else:
                chosen = max(waiting, key=lambda key: len(waiting[key]) / (1 + self._busy[key]))
            if grid is not None and grid != chosen:
                self._busy[grid] -= 1
            if grid != chosen:
                self._busy[chosen] += 1
            return waiting[chosen].popleft()

    def again(self, run: PlannedRun) -> bool:
        """Put back a run whose process died; False if it has had all its attempts."""
        with self._lock:
            self._attempts[run.run_id] = self._attempts.get(run.run_id, 1) + 1
            if self._attempts[run.run_id] > MAX_ATTEMPTS:
                return False
            self._groups[run.grid].appendleft(run)
            return True


class LocalWorkers:
    """Worker processes of this machine; ``slots`` of them."""

    def __init__(self, slots: int):
        self.slots = slots

    def run(self, runs: Sequence[PlannedRun], folder: Path, keep: str, on_record: OnRecord) -> None:
        """Make runs.

        Parameters
        ----------
        runs
            What to run.
        folder
            The sweep's.
        keep
            Which runs keep their result.
        on_record
            Told each record, in one thread at a time.

        Raises
        ------
        SweepStopped
            If the workers cannot write.
        """
        _Crew(runs, folder, keep, on_record).run(min(self.slots, len(runs)))


class _Crew:
    """A thread for each worker process."""

    def __init__(self, runs: Sequence[PlannedRun], folder: Path, keep: str, on_record: OnRecord):
        self._queue, self._folder, self._keep, self._on_record = Queue(runs), folder, keep, on_record
        self._lock = threading.Lock()
        self._workers: set[WorkerProcess] = set()
        self._failure: BaseException | None = None
        self._is_over = False

    def run(self, count: int) -> None:
        """Serve until no task is left; on a Ctrl-C or a failure the workers are ended."""
        threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        finally:
            self._is_over = True
            with self._lock:
                left = list(self._workers)
            for worker in left:
                worker.kill()
        if self._failure:
            raise self._failure

    def _serve(self) -> None:
        try:
            self._serve_with(None, None)
        except BaseException as error:
            self._failure = self._failure or error
            self._is_over = True

    def _serve_with(self, worker: WorkerProcess | None, grid: str | None) -> None:
        while not self._is_over and (run := self._queue.next(grid)):
            grid = run.grid
            worker = worker or self._started()
            try:
                record = worker.run(task_of(run, self._keep))
            except WorkerDied as error:
                record = {"run_id": run.run_id, "status": CRASHED, "error": str(error)}
                self._ended(worker)
                worker = None
            if self._is_over:
                return
            if record["status"] == CRASHED and self._queue.again(run):
                continue
            with self._lock:
                self._on_record(record)
        if worker:
            self._ended(worker)

    def _started(self) -> WorkerProcess:
        worker = WorkerProcess(self._folder)
        with self._lock:
            self._workers.add(worker)
        return worker

    def _ended(self, worker: WorkerProcess) -> None:
        with self._lock:
            self._workers.discard(worker)
        worker.kill()
