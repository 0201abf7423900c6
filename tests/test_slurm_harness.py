"""The SLURM of the tests: it runs arrays and the workers of dask-jobqueue two at a time, and leaves nothing behind."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dask_jobqueue import SLURMCluster
from distributed import Client
from slurm import SlurmCluster, available, running_slurm  # noqa: F401 (the fixture `slurm`)

pytestmark = pytest.mark.slow
CAN_RUN, REASON = available()
needs_slurm = pytest.mark.skipif(not CAN_RUN, reason=REASON)

# Each task ends only once it has seen the other, so not unless both run at the same time.
MEETING = """\
#!/bin/sh
touch {folder}/began-$SLURM_ARRAY_TASK_ID
while ! [ -e {folder}/began-1 ] || ! [ -e {folder}/began-2 ]; do sleep 0.05; done
echo "task $SLURM_ARRAY_TASK_ID has met the other"
"""
ENDLESS = "#!/bin/sh\nsleep 600\n"
KILLED_TESTS = """
import pathlib, sys, time
from slurm import SlurmCluster

with SlurmCluster(pathlib.Path(sys.argv[1])):
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def script(tmp_path):
    """Writes a job script and gives its path."""

    def write(text):
        path = tmp_path / "job.sh"
        path.write_text(text)
        return path

    return write


def names(cluster):
    return sorted(process.name() for process in cluster.processes())


def until(condition, limit_s=30.0):
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, f"not within {limit_s:g} s"
        time.sleep(0.05)


def test_both_tasks_of_an_array_run_at_the_same_time(slurm, script, tmp_path):
    job = script(MEETING.format(folder=tmp_path))
    number = slurm.run("sbatch", "--parsable", "--array=1-2", f"--output={tmp_path}/%a.out", job).strip()
    assert slurm.wait(number) == ["COMPLETED", "COMPLETED"]
    for task in (1, 2):
        assert (tmp_path / f"{task}.out").read_text() == f"task {task} has met the other\n"


def test_failed_job_is_told_from_a_completed_one(slurm, script):
    number = slurm.run("sbatch", "--parsable", "--output=/dev/null", script("#!/bin/sh\nexit 3\n")).strip()
    assert slurm.wait(number) == ["FAILED"]


def test_srun_answers_from_the_node(slurm):
    assert slurm.run("srun", "printenv", "SLURMD_NODENAME") == "node\n"


def test_refused_command_says_why(slurm, script):
    with pytest.raises(RuntimeError, match=r"(?s)sbatch.*invalid partition"):
        slurm.run("sbatch", "--partition=elsewhere", script(ENDLESS))


@pytest.mark.usefixtures("slurm")
def test_two_workers_of_dask_jobqueue_compute(tmp_path):
    workers = {"cores": 1, "processes": 1, "memory": "1GB", "walltime": "00:10:00", "interface": "lo"}
    folders = {"log_directory": str(tmp_path), "local_directory": str(tmp_path)}
    # No fixed port for the dashboard, which two tests at a time would both want.
    scheduler = {"dashboard_address": ":0"}
    with SLURMCluster(**workers, **folders, scheduler_options=scheduler) as cluster, Client(cluster) as client:
        cluster.scale(jobs=2)
        client.wait_for_workers(2, timeout=60)
        assert len(set(client.run(lambda: os.environ["SLURM_JOB_ID"]).values())) == 2
        assert client.gather(client.map(lambda number: number**2, range(20))) == [number**2 for number in range(20)]


@needs_slurm
def test_two_clusters_side_by_side_know_nothing_of_each_other(script, tmp_path):
    with SlurmCluster(tmp_path / "a") as first, SlurmCluster(tmp_path / "b") as second:
        first.run("sbatch", "--output=/dev/null", script(ENDLESS))
        assert len(first.run("squeue", "--noheader").splitlines()) == 1
        assert second.run("squeue", "--noheader") == ""


@needs_slurm
def test_nothing_is_left_after_a_failure(script, tmp_path):
    cluster = SlurmCluster(tmp_path / "slurm")

    def fail_during_a_job():
        with cluster:
            cluster.run("sbatch", "--output=/dev/null", script(ENDLESS))
            until(lambda: "sleep" in names(cluster))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_during_a_job()
    assert names(cluster) == []


@needs_slurm
def test_daemon_that_cannot_start_is_named_with_its_log(tmp_path, monkeypatch):
    monkeypatch.setattr("slurm.CONFIGURATION", "NoSuchKey=1\n")
    cluster = SlurmCluster(tmp_path)
    with pytest.raises(RuntimeError, match=r"(?s)slurmctld has ended.*NoSuchKey"), cluster:
        pytest.fail("it started")
    assert names(cluster) == []


@needs_slurm
def test_daemons_end_with_tests_that_are_killed(tmp_path):
    cluster = SlurmCluster(tmp_path)
    command = [sys.executable, "-c", KILLED_TESTS, tmp_path]
    with subprocess.Popen(command, cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout.readline() == "up\n"
        assert names(cluster) == ["munged", "slurmctld", "slurmd"]
        tests.kill()
    until(lambda: names(cluster) == [])
