"""Sweeps as a user runs them: the same numbers whatever makes the runs, and nothing lost."""

import sys
import threading
from pathlib import Path

import pandas as pd
import pytest
from slurm import running_slurm  # noqa: F401
from sweeps import (
    OUTCOMES,
    assert_same_numbers,
    cosim,
    numbers,
    write_sweep,
)

from cosim.sweep import drive
from cosim.sweep.folder import reopen
from cosim.sweep.table import TABLE_NAME

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The file of a small sweep, and the table of its runs with one worker."""
    folder = tmp_path_factory.mktemp("undisturbed")
    file = write_sweep(folder)
    assert cosim("sweep", "run", file, "--out", folder / "out", "--workers", 1, "--quiet", "--no-report") == 0
    return file, numbers(folder / "out")


def test_each_kind_of_run_has_its_row(undisturbed):
    _, table = undisturbed
    assert len(table) == 2 * len(OUTCOMES)
    for kind, (status, verdict) in OUTCOMES.items():
        rows = table[table["kind"] == kind]
        assert set(rows["status"]) == {status}, kind
        assert set(rows["verdict"]) == {verdict}, kind
        assert rows["error"].notna().all() == (status != "completed"), kind


class Reader(threading.Thread):
    """Reads a sweep's table again and again from when it is there, until stopped; keeps each that has changed."""

    def __init__(self, out):
        super().__init__()
        self._path, self._over = out / TABLE_NAME, threading.Event()
        self.tables, self.failure = [], None

    def run(self):
        while not self._over.wait(0.01):
            if self.tables or self._path.exists():
                try:
                    table = pd.read_parquet(self._path)
                except Exception as error:
                    self.failure = error
                    return
                if not self.tables or not table.equals(self.tables[-1]):
                    self.tables.append(table)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self.join()


@pytest.fixture(scope="module")
def read_meanwhile(undisturbed, tmp_path_factory):
    """The folder of the same sweep with two workers, and what a reader saw of its table, written as often as can be."""
    file, _ = undisturbed
    out = tmp_path_factory.mktemp("read")
    with pytest.MonkeyPatch.context() as patch, Reader(out) as reader:
        patch.setattr(drive, "POLL_S", 0.05)
        patch.setattr(drive, "TABLE_EVERY_S", 0.0)
        patch.setattr(drive, "TABLE_SHARE", 1.0)
        assert cosim("sweep", "run", file, "--out", out, "--workers", 2, "--quiet", "--no-report") == 0
    return out, reader


def test_two_workers_give_the_same_numbers(undisturbed, read_meanwhile):
    assert_same_numbers(numbers(read_meanwhile[0]), undisturbed[1])


def test_the_table_can_be_read_while_it_is_written_and_only_gains(undisturbed, read_meanwhile):
    _, expected = undisturbed
    _, reader = read_meanwhile
    assert reader.failure is None
    assert set(reader.tables[0]["status"]) == {"pending"}
    done = pd.Series(data=False, index=expected.index)
    counts = set()
    for table in reader.tables:
        assert list(table["run_id"]) == list(expected["run_id"])
        now = table["status"] != "pending"
        assert now[done].all()
        made = table[now].drop(columns="wall_time_s")
        pd.testing.assert_frame_equal(made, expected.loc[now, made.columns], check_dtype=False, check_exact=True)
        done = now
        counts.add(now.sum())
    assert len(counts) > len(expected) / 3  # it has been read at many stages


def test_a_single_run_gives_the_same_numbers(undisturbed, tmp_path):
    import json

    file, expected = undisturbed
    plan, _ = reopen(file.parent / "out")
    run = next(run for run in plan.runs if run.cells["kind"] == "has a fault")
    sets = [f"--set={key}={json.dumps(value)}" for key, value in run.values.items()]
    assert cosim("run", file.parent / "out" / "scenario.yaml", *sets, "--out", tmp_path, "--quiet", "--no-report") == 0
    found = json.loads((tmp_path / "summary.json").read_text())["metrics"]
    row = expected[expected["run_id"] == run.run_id].iloc[0]
    assert found["frequency"]["nadir_hz"] == row["frequency.nadir_hz"]
    assert found["voltage"]["min_pu"] == row["voltage.min_pu"]


def test_parts_are_collected(undisturbed, tmp_path):
    file, expected = undisturbed
    for part in ("2/2", "1/2"):
        arguments = ("--out", tmp_path, "--workers", 1, "--shard", part, "--quiet")
        assert cosim("sweep", "run", file, *arguments) == 0
    assert cosim("sweep", "collect", tmp_path, "--quiet", "--no-report") == 0
    assert_same_numbers(numbers(tmp_path), expected)


def test_batch_jobs_give_the_same_numbers(undisturbed, tmp_path, slurm, monkeypatch):  # noqa: ARG001
    file, expected = undisturbed
    monkeypatch.chdir(tmp_path)
    jobs = tmp_path / "jobs.yaml"
    jobs.write_text("jobs: 2\nmemory: 2GB\nwalltime: '00:10:00'\ninterface: lo\n")
    arguments = ("--out", tmp_path / "out", "--slurm", jobs, "--quiet", "--no-report")
    assert cosim("sweep", "run", file, *arguments) == 0
    assert_same_numbers(numbers(tmp_path / "out"), expected)


def test_a_job_array_gives_the_same_numbers(undisturbed, tmp_path, slurm):
    file, expected = undisturbed
    program = Path(sys.executable).with_name("cosim")
    script = tmp_path / "array.sh"
    script.write_text(
        "#!/bin/sh\n#SBATCH --array=1-2\n"
        f"{program} sweep run {file} --out {tmp_path}/out --workers 1 --shard ${{SLURM_ARRAY_TASK_ID}}/2 --quiet\n"
    )
    job = slurm.run("sbatch", "--parsable", f"--output={tmp_path}/job-%a.txt", str(script)).strip()
    states = slurm.wait(job, limit_s=300)
    assert set(states) == {"COMPLETED"}
    assert cosim("sweep", "collect", tmp_path / "out", "--quiet", "--no-report") == 0
    assert_same_numbers(numbers(tmp_path / "out"), expected)
