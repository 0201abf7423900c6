"""Commands that start at once where ANDES has never run: one generates its code, the others wait for it."""

import ast
import json
import subprocess
import sys

import pytest
from sweeps import KINDS, assert_same_numbers, cosim, numbers, write_sweep

from grids import andes_runtime

pytestmark = pytest.mark.slow

NOTED = """
import os, sys
import andes
prepare = andes.System.prepare

def noted(system, **options):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(f"{os.getpid()}\\n")
    return prepare(system, **options)

andes.System.prepare = noted
from cosim.cli import main
main()
"""
"""The command line, which notes each time that it generates ANDES's code."""

WAITING = """
import os, signal, sys, time
from pathlib import Path
import andes
from grids import andes_runtime
path, count, dies = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "dies"

def note(what):
    with path.open("ab", buffering=0) as notes:
        notes.write(f"{what} {os.getpid()}\\n".encode())

def noted(what):
    return path.read_text().count(what)

class Slow:
    def __init__(self, **options):
        pass

    def prepare(self, **options):
        note("generates")
        if dies and noted("generates") == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.5)
        note("has generated")

andes.System = Slow
for _ in range(count):
    if os.fork() == 0:
        note("starts")
        while noted("starts") < count:
            time.sleep(0.001)
        andes_runtime.prepare()
        note("goes on")
        os._exit(0)
for _ in range(count):
    os.wait()
"""
"""Processes that want the code at the same moment; what generates it takes long, and may die the first time."""


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A cache folder in which nothing has been generated."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("COSIM_CACHE_DIR", str(folder))
    return folder


@pytest.mark.parametrize("fate", ["lives", "dies"])
def test_one_generates_and_no_other_goes_on_before_it_has(fate, fresh, tmp_path):  # noqa: ARG001
    notes, count = tmp_path / "notes", 4
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", WAITING, notes, str(count), fate]
    subprocess.run(command, check=True, timeout=60)
    said = [line.rpartition(" ")[0] for line in notes.read_text().splitlines()]
    died = fate == "dies"
    assert said == ["starts"] * count + ["generates"] * (1 + died) + ["has generated"] + ["goes on"] * (count - died)
    assert andes_runtime.is_prepared()


def test_a_sweep_and_a_run_that_start_at_once_give_the_numbers_of_later_ones(tmp_path, monkeypatch):
    kinds = {name: KINDS[name] for name in ("is plain", "has a fault")}
    file = write_sweep(tmp_path, parameters=[{"name": "kind", "cases": kinds}], replicates=1)
    with monkeypatch.context() as first:
        first.setenv("COSIM_CACHE_DIR", str(tmp_path / "cache"))
        first.setenv("NOTES", str(tmp_path / "notes"))
        started = [
            subprocess.Popen([sys.executable, "-c", NOTED, *map(str, arguments), "--quiet", "--no-report"])
            for arguments in (
                ("sweep", "run", file, "--out", tmp_path / "first", "--workers", 2),
                ("run", file.parent / "base.yaml", "--out", tmp_path / "alone"),
            )
        ]
        assert [process.wait() for process in started] == [0, 0]
    assert len((tmp_path / "notes").read_text().split()) == 1
    assert cosim("sweep", "run", file, "--out", tmp_path / "later", "--workers", 1, "--quiet", "--no-report") == 0
    later = numbers(tmp_path / "later")
    assert_same_numbers(numbers(tmp_path / "first"), later)
    alone = json.loads((tmp_path / "alone" / "summary.json").read_text())["metrics"]
    plain = later[later["kind"] == "is plain"].iloc[0]
    assert alone["frequency"]["nadir_hz"] == plain["frequency.nadir_hz"]
    assert alone["voltage"]["min_pu"] == plain["voltage.min_pu"]
    assert_whole(tmp_path / "cache")


def assert_whole(cache):
    """What has been generated has all models, each to its last line, and nothing lies beside it."""
    (folder,) = cache.glob("andes-*")
    assert {path.name for path in folder.iterdir()} == {"complete", "lock", "pycode"}
    code = {path.stem: ast.parse(path.read_text()) for path in (folder / "pycode").glob("*.py")}
    assert {path.stem for path in (folder / "pycode").iterdir()} - {"__pycache__"} == set(code)
    models = {
        statement.names[0].name for statement in code.pop("__init__").body if isinstance(statement, ast.ImportFrom)
    }
    assert set(code) == models
    assert {"GENROU", "ControlledLoad"} <= models
    assert {content.body[-1].targets[0].id for content in code.values()} == {"need_diag_eps"}
