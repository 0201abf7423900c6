"""A sweep on a disk that becomes full: it stops with a message, and goes on to the same numbers once there is room."""

import os
import subprocess

import h5py
import pytest
from sweeps import (
    assert_same_numbers,
    cosim,
    finished,
    made_few,  # noqa: F401 (the fixture `few`)
    numbers,
)

from cosim.sweep.pool import SweepStopped, WorkerProcess

pytestmark = pytest.mark.slow
TOO_LITTLE = "4k"
"""Not even the sweep file has room."""

SOME_RUNS = "3m"
"""Room for three results of the twelve."""

ENOUGH = "64m"


@pytest.fixture
def disk(tmp_path):
    """The folder of a small disk."""
    if os.geteuid() != 0:
        pytest.skip("mounting a disk takes root")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={TOO_LITTLE}", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def resize(disk, size):
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)


def test_a_full_disk_stops_a_sweep_that_goes_on_when_there_is_room(few, disk, capfd):
    file, expected = few
    arguments = ("sweep", "run", file, "--out", disk, "--set", "keep=all", "--quiet", "--no-report", "--workers")
    assert cosim(*arguments, 2) == 2
    assert capfd.readouterr().err == f"{disk}: cannot be written: No space left on device\n"

    resize(disk, SOME_RUNS)
    assert cosim(*arguments, 2) == 2
    said = capfd.readouterr().err  # of the workers too
    assert said.startswith(f"{disk}: the sweep has stopped: ")
    assert "No space left on device" in said
    assert said.endswith("mend it, then go on with --resume\n")
    assert "Traceback" not in said
    done = finished(disk)
    assert 0 < done < len(expected)
    assert (numbers(disk)["status"] != "pending").sum() == done
    assert list((disk / "partial").iterdir()) == []

    resize(disk, ENOUGH)
    assert cosim(*arguments, 1, "--resume") == 0
    assert_same_numbers(numbers(disk), expected)
    assert finished(disk) == len(expected)  # none was made twice
    results = sorted((disk / "runs").glob("*/result.h5"))
    assert {path.parent.name for path in results} == set(expected["run_id"])
    for path in results:
        with h5py.File(path) as result:
            assert len(result["time_s"]) == len(result["channels/voltage_pu"])


def test_a_worker_that_tells_of_a_full_disk_stops_a_sweep_that_goes_on_later(few, tmp_path, capsys, monkeypatch):
    """Also where no disk can be mounted: after two runs a worker answers as one does that cannot write."""
    file, expected = few
    arguments = ("sweep", "run", file, "--out", tmp_path, "--workers", 1, "--quiet", "--no-report")
    tasks = []
    run = WorkerProcess.run

    def full_after_two(worker, task):
        tasks.append(task)
        if len(tasks) > 2:
            raise SweepStopped("[Errno 28] No space left on device")
        return run(worker, task)

    with monkeypatch.context() as patch:
        patch.setattr(WorkerProcess, "run", full_after_two)
        assert cosim(*arguments) == 2
    assert "No space left" in capsys.readouterr().err
    assert finished(tmp_path) == 2
    assert cosim(*arguments, "--resume") == 0
    assert_same_numbers(numbers(tmp_path), expected)
