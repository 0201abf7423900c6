"""Sweeps whose processes are killed, interrupted or told to end: nothing is lost, and nothing is left over."""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from contextlib import suppress

import psutil
import pytest
from sweeps import (
    assert_same_numbers,
    cosim,
    finished,
    made_few,  # noqa: F401 (the fixture `few`)
    numbers,
    printed,
    run_processes,
    start,
    until,
    workers,
)

from cosim.sweep.plan import load_sweep, make_plan
from cosim.sweep.pool import MAX_ATTEMPTS, WorkerDied, WorkerProcess, task_of

pytestmark = pytest.mark.slow
QUIET = ("--quiet", "--no-report")
GONE_WITHIN_S = 60.0
"""How long a worker may take to see that its owner is gone: an instant in a run, longer while it starts."""

LIVES = (("run", "worker", "parent"), ("worker", "run", "parent"), ("run", "worker", "run", "parent"))
"""What is killed while a sweep lives, which ends with the parent: ten in all."""


def nothing_runs(out):
    return not workers(out) and not run_processes(out)


def until_moves_on(sweep, out, count):
    """Wait until `count` more runs have finished, and others are at work."""
    before = finished(out)
    until(lambda: (finished(out) >= before + count and run_processes(out)) or sweep.poll() is not None)
    assert sweep.poll() is None, printed(out)


def test_ten_kills_at_random_moments_lose_nothing(few, tmp_path):
    file, expected = few
    moments = random.Random(20)
    out = tmp_path / "out"
    killed = []
    for life in LIVES:
        sweep = start(out, "run", file, "--out", out, "--workers", 2, "--no-report", "--resume")
        for victim in life:
            find = {"parent": lambda s=sweep: [s], "worker": lambda: workers(out), "run": lambda: run_processes(out)}
            # A run more or less, and a moment: sometimes while workers start, mostly while they are at a run.
            wanted = finished(out) + (1 if victim == "parent" else moments.choice((0, 0, 1)))
            until(lambda n=wanted, find=find[victim], s=sweep: s.poll() == 0 or (finished(out) >= n and find()))
            time.sleep(moments.uniform(0.0, 0.3))
            with suppress(IndexError, psutil.NoSuchProcess):  # it may end in this very moment
                moments.choice(find[victim]()).kill()
                killed.append(victim)
        assert sweep.wait() in (0, -signal.SIGKILL)
        until(lambda: nothing_runs(out), GONE_WITHIN_S)
        assert "Traceback" not in printed(out)
    assert len(killed) >= 8, killed
    assert cosim("sweep", "run", file, "--out", out, "--workers", 1, *QUIET, "--resume") == 0
    assert_same_numbers(numbers(out), expected)
    assert list((out / "partial").iterdir()) == []
    assert nothing_runs(out)


def test_killed_workers_and_runs_are_replaced_while_the_sweep_goes_on(few, tmp_path):
    file, expected = few
    out = tmp_path / "out"
    sweep = start(out, "run", file, "--out", out, "--workers", 2, "--no-report")
    until_moves_on(sweep, out, 1)
    workers(out)[0].kill()
    until_moves_on(sweep, out, 1)
    with suppress(IndexError, psutil.NoSuchProcess):
        run_processes(out)[0].kill()
    assert sweep.wait() == 0
    assert "Traceback" not in printed(out)
    assert_same_numbers(numbers(out), expected)
    assert list((out / "partial").iterdir()) == []
    assert nothing_runs(out)


class Killer(threading.Thread):
    """Kills the process of a run each time it appears, until stopped."""

    def __init__(self, out, run_id):
        super().__init__()
        self._partial, self._run_id, self._over = out / "partial", run_id, threading.Event()
        self.killed = set()

    def run(self):
        while not self._over.wait(0.002):
            for path in self._partial.glob(f"{self._run_id}-*"):
                process = int(path.name.rpartition("-")[2])
                if process not in self.killed:
                    with suppress(ProcessLookupError):  # killed and cleared away already
                        os.kill(process, signal.SIGKILL)
                        self.killed.add(process)

    def __exit__(self, *_):
        self._over.set()
        self.join()

    def __enter__(self):
        self.start()
        return self


def test_a_run_whose_process_always_dies_is_a_row_that_is_tried_again(few, tmp_path):
    file, expected = few
    doomed = expected["run_id"][5]
    with Killer(tmp_path, doomed) as killer:
        assert cosim("sweep", "run", file, "--out", tmp_path, "--workers", 2, *QUIET) == 0
    assert len(killer.killed) == MAX_ATTEMPTS
    table = numbers(tmp_path)
    row = table.loc[5]
    assert row["run_id"] == doomed
    assert (row["status"], row["verdict"]) == ("crashed", "simulation_failed")
    assert "SIGKILL" in row["error"]
    others = expected["run_id"] != doomed
    assert (table.loc[others, "status"] == expected.loc[others, "status"]).all()
    assert cosim("sweep", "run", file, "--out", tmp_path, "--workers", 1, *QUIET, "--resume") == 0
    assert_same_numbers(numbers(tmp_path), expected)
    lines = [line for path in (tmp_path / "workers").iterdir() for line in path.read_text().splitlines()]
    assert Counter(json.loads(line)["run_id"] for line in lines)[doomed] == 2  # the crash, and the run
    assert len(lines) == len(expected) + 1


@pytest.fixture
def worker(few, tmp_path):
    """A worker process, and tasks for it."""
    tmp_path.mkdir(exist_ok=True)
    process = WorkerProcess(tmp_path)
    yield process, [task_of(run, "none") for run in make_plan(*load_sweep(few[0])).tasks]
    process.kill()


def test_a_worker_that_dies_between_two_runs_is_seen_and_cleared_away(worker, tmp_path):
    process, tasks = worker
    assert process.run(tasks[0])["run_id"] == tasks[0]["run_id"]
    (found,) = workers(tmp_path)
    found.kill()
    until(lambda: not workers(tmp_path))
    with pytest.raises(WorkerDied, match="SIGKILL"):
        process.run(tasks[1])
    process.kill()


def test_interrupted_or_told_to_end_a_sweep_stops_at_once_and_goes_on_later(few, tmp_path):
    file, expected = few
    out = tmp_path / "out"
    ends = (
        (os.killpg, signal.SIGINT, 130, 2),
        (os.kill, signal.SIGINT, 130, 1),
        (os.kill, signal.SIGTERM, -signal.SIGTERM, 2),
    )
    for number, (send, what, code, count) in enumerate(ends):
        sweep = start(out, "run", file, "--out", out, "--workers", count, "--no-report", *["--resume"] * (number > 0))
        until_moves_on(sweep, out, 1)
        done = finished(out)
        send(sweep.pid, what)
        assert sweep.wait(GONE_WITHIN_S) == code
        until(lambda: nothing_runs(out), GONE_WITHIN_S)
        assert finished(out) <= done + 2
        assert "Traceback" not in printed(out)
        if code == 130:
            assert f"interrupted; finished runs are kept in {out}: go on with --resume" in printed(out)
            table = numbers(out)
            assert (table["status"] != "pending").sum() >= done
            assert (table["status"] == "pending").any()
            assert list((out / "partial").iterdir()) == []
    assert cosim("sweep", "run", file, "--out", out, *QUIET) == 2  # without --resume
    assert cosim("sweep", "run", file, "--out", out, "--workers", 1, *QUIET, "--resume") == 0
    assert_same_numbers(numbers(out), expected)
    assert finished(out) == len(expected)  # none was made twice
