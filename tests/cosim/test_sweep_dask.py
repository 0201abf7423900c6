"""Sweeps on a Dask cluster of real processes: the same numbers, and clear words where the cluster fails."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from distributed import Client
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

from cosim.provenance import versions
from cosim.sweep import cluster
from cosim.sweep.pool import SweepStopped

pytestmark = pytest.mark.slow
DASK = Path(sys.executable).with_name("dask")
QUIET = ("--quiet", "--no-report")

# What a process needs that has another machine's name, and not the files of a folder.
ELSEWHERE = ("unshare", "--mount", "--uts", "sh", "-c")
BECOME = 'echo elsewhere > /proc/sys/kernel/hostname && mount -t tmpfs tmpfs "$0" && exec "$@"'


class Cluster:
    """A Dask scheduler and workers, each a process with its own group."""

    def __init__(self, folder, threads):
        folder.mkdir(parents=True)
        self._folder, self._processes = folder, []
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", folder / "scheduler.json")
        until(self._is_up)
        self.workers = [self.add(count) for count in threads]
        self.options = ("--scheduler", self._address)

    def _is_up(self):
        """Whether the scheduler has written its file, to the end."""
        file = self._folder / "scheduler.json"
        return file.exists() and file.read_text().rstrip().endswith("}")

    @property
    def _address(self):
        import json

        return json.loads((self._folder / "scheduler.json").read_text())["address"]

    def add(self, threads, prefix=()):
        """Start a worker, by a program that becomes it if one is given."""
        common = ("--scheduler-file", self._folder / "scheduler.json", "--local-directory", self._folder / "local")
        return self._start("worker", *common, "--nthreads", threads, "--no-nanny", prefix=prefix)

    def _start(self, *arguments, prefix=()):
        common = ("--host", "127.0.0.1", "--no-dashboard")
        command = [str(part) for part in (*prefix, DASK, *arguments, *common)]
        with (self._folder / "log.txt").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        self._processes.append(process)
        return process

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self._processes):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two Dask workers, one with one thread and one with two."""
    with Cluster(tmp_path_factory.mktemp("dask") / "two", (1, 2)) as made:
        yield made


def test_no_scheduler_is_said_soon(few, tmp_path, capsys, monkeypatch):
    assert cluster.CONNECT_TIMEOUT_S <= 25  # the user waits no longer than half a minute
    monkeypatch.setattr(cluster, "CONNECT_TIMEOUT_S", 1)
    for address, reason in (
        ("tcp://127.0.0.1:1", "Timed out"),
        ("nonsense", "missing port number"),
        ("", "missing port number"),
        ("pigeon://127.0.0.1:1", "unknown address scheme 'pigeon'"),
    ):
        assert cosim("sweep", "run", few[0], "--out", tmp_path / "out", *QUIET, "--scheduler", address) == 2
        message = capsys.readouterr().err
        assert message.startswith(f"--scheduler {address}: no Dask scheduler answers: ")
        assert reason in message
        assert "dask scheduler" in message  # how to start one
    assert not (tmp_path / "out").exists()


def test_ways_to_run_exclude_each_other(few, tmp_path, capsys):
    assert cosim("sweep", "run", few[0], "--out", tmp_path, "--workers", 1, "--scheduler", "tcp://127.0.0.1:1") == 2
    assert "--workers and --scheduler exclude each other" in capsys.readouterr().err


def test_workers_of_one_and_of_two_threads_give_the_same_numbers(few, tmp_path, two):
    file, expected = few
    out = tmp_path / "out"
    sweep = start(out, "run", file, "--out", out, "--no-report", *two.options)
    until(lambda: len(workers(out)) == 3 or sweep.poll() is not None)
    assert sweep.wait() == 0
    assert_same_numbers(numbers(out), expected)
    assert finished(out) == len(expected)
    until(lambda: not workers(out))  # they end with the sweep, not only with the cluster
    assert [line for line in printed(out).splitlines() if "arning" in line or "distributed" in line] == []


def test_an_interrupted_sweep_leaves_a_cluster_idle_and_goes_on(few, tmp_path, two):
    file, expected = few
    out = tmp_path / "out"
    sweep = start(out, "run", file, "--out", out, "--no-report", *two.options)
    until(lambda: finished(out) >= 2 and run_processes(out))
    sweep.send_signal(signal.SIGINT)
    assert sweep.wait(60) == 130
    assert "go on with --resume" in printed(out)
    until(lambda: not workers(out) and not run_processes(out))
    done = finished(out)
    time.sleep(0.5)
    assert finished(out) == done
    assert list((out / "partial").iterdir()) == []
    table = numbers(out)
    assert (table["status"] == "pending").any()
    assert "error" not in set(table["status"])
    assert cosim("sweep", "run", file, "--out", out, *QUIET, "--resume", *two.options) == 0
    assert_same_numbers(numbers(out), expected)


def test_a_dask_worker_that_is_killed_is_done_without(few, tmp_path):
    file, expected = few
    out = tmp_path / "out"
    with Cluster(tmp_path / "dask", (1, 1)) as made:
        sweep = start(out, "run", file, "--out", out, "--no-report", *made.options)
        until(lambda: finished(out) >= 1 and len(run_processes(out)) == 2)
        made.workers[0].kill()
        assert sweep.wait() == 0
        assert_same_numbers(numbers(out), expected)
        until(lambda: not workers(out) and not run_processes(out))
        assert list((out / "partial").iterdir()) == []


def test_a_scheduler_that_is_lost_stops_the_sweep(few, tmp_path):
    file, expected = few
    out = tmp_path / "out"
    with Cluster(tmp_path / "dask", (1,)) as made:
        sweep = start(out, "run", file, "--out", out, "--no-report", *made.options)
        until(lambda: finished(out) >= 1)
        made.scheduler.kill()
        assert sweep.wait(60) == 2
        assert "the connection to the Dask scheduler is lost" in printed(out)
        assert "Traceback" not in printed(out)
    until(lambda: not workers(out))
    assert cosim("sweep", "run", file, "--out", out, "--workers", 1, *QUIET, "--resume") == 0
    assert_same_numbers(numbers(out), expected)


def test_a_worker_whose_versions_or_files_are_others_stops_the_sweep(tmp_path):
    here = os.uname().nodename
    other = versions() | {"andes": "1.9.3"}
    with pytest.raises(SweepStopped, match=rf"the worker on {here} has andes {versions()['andes']}, other than"):
        cluster.make_runs([], str(tmp_path), "sweep", other)
    with pytest.raises(
        SweepStopped, match=rf"the worker on {here} does not see the folder {tmp_path}/missing: it must"
    ):
        cluster.make_runs([], f"{tmp_path}/missing", "sweep", versions())
    assert cluster.make_runs([], str(tmp_path), "sweep", versions()) == []


def test_a_worker_that_does_not_see_the_folder_stops_the_sweep_and_is_named(few, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    tried = subprocess.run([*ELSEWHERE, BECOME, shared, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no process can be given files of its own here: {tried.stderr.strip()}")
    out = shared / "out"
    with Cluster(tmp_path / "dask", (1,)) as made:
        made.add(1, prefix=(*ELSEWHERE, BECOME, shared))
        with Client(made.options[1]) as client:
            client.wait_for_workers(2, timeout=60)  # else the other may have made all runs before
        sweep = start(tmp_path / "said", "run", few[0], "--out", out, "--no-report", *made.options)
        assert sweep.wait(120) == 2
        said = printed(tmp_path / "said")
        assert (
            f"{out}: the sweep has stopped: the worker on elsewhere does not see the folder {out}: it must be" in said
        )
        assert "Traceback" not in said
        until(lambda: not workers(out) and not run_processes(out))
    assert list((out / "partial").glob("*")) == []
    assert (numbers(out)["status"] == "pending").any()
