"""A small sweep of many kinds of runs, and what tests do with sweeps: start, watch, kill, compare."""

import functools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pandas as pd
import psutil
import pytest
from ruamel.yaml import YAML

from cosim.cli import main

COMMAND = (sys.executable, "-c", "from cosim.cli import main; main()", "sweep")
TIME_LIMIT_S = 120.0

BASE = {
    "schema": 1,
    "name": "base",
    "grid": {"case": "kundur"},
    "sites": [
        {
            "name": "dc1",
            "bus": 7,
            "rating_mw": 50,
            "load_model": {"z": 0, "i": 0, "p": 1, "v_min_pu": 0.3},
            "workloads": [{"type": "training", "frequency_hz": 2.0}],
        }
    ],
    "simulation": {"duration_s": 0.4},
    "criteria": [{"metric": "voltage.min_pu", "min": 0.9, "id": "no sag"}],
}
FAULT = [{"type": "fault", "bus": 8, "at_s": 0.1, "duration_s": 0.06, "x_pu": 0.02}]
SHEDS = {"voltage": {"rows": [{"below": 0.9, "seconds": 0.01}]}}


def _with_fault(rating_mw: float, **values: object) -> dict[str, object]:
    """All of these start from the same grid."""
    return {"sites[0].bus": 8, "sites[0].rating_mw": rating_mw, "events": FAULT} | values


KINDS = {
    "diverges": _with_fault(1310),
    "has no power flow": _with_fault(1400),
    "is larger than the grid": _with_fault(4000),
    "has a fault": _with_fault(50),
    "is shed": _with_fault(50, **{"sites[0].protection": SHEDS}),
    "loses a line": {"events": [{"type": "line_trip", "line": {"from": 8, "to": 9, "circuit": 1}, "at_s": 0.2}]},
    "is plain": {},
    "is elsewhere": {"sites[0].bus": 9},
    "is on another grid": {"grid.case": "ieee14", "sites[0].bus": 9, "sites[0].rating_mw": 10},
}
"""Cases of a sweep, bad ones before good ones on the same grid; on five grids, more than a worker holds."""

OUTCOMES = {
    "diverges": ("diverged", "simulation_failed"),
    "has no power flow": ("power_flow_failed", "simulation_failed"),
    "is larger than the grid": ("invalid", "simulation_failed"),
    "has a fault": ("completed", "fail"),
    "is shed": ("completed", "fail"),
    "loses a line": ("completed", "fail"),
    "is plain": ("completed", "pass"),
    "is elsewhere": ("completed", "pass"),
    "is on another grid": ("completed", "pass"),
}
"""Status and verdict of each."""


def write_sweep(folder: Path, base: dict[str, object] | None = None, **keys: object) -> Path:
    """A sweep file of all kinds of runs with two seeds, or with other keys, and its scenario beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    yaml = YAML()
    yaml.dump(base or BASE, folder / "base.yaml")
    sweep = {
        "schema": 1,
        "scenario": "base.yaml",
        "parameters": [{"name": "kind", "cases": KINDS}],
        "replicates": 2,
        "keep": "none",
    }
    yaml.dump(sweep | keys, folder / "small.yaml")
    return folder / "small.yaml"


def write_few(folder: Path) -> Path:
    """A sweep file of three kinds of runs on two grids, with four seeds: enough to be interrupted."""
    kinds = {name: KINDS[name] for name in ("diverges", "has a fault", "is plain")}
    return write_sweep(folder, parameters=[{"name": "kind", "cases": kinds}], replicates=4)


@pytest.fixture(name="few", scope="session")
def made_few(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """The file of `write_few`, and the table of its runs when nothing disturbs them."""
    return _made_few(tmp_path_factory.getbasetemp() / "few")


@functools.cache
def _made_few(folder: Path) -> tuple[Path, pd.DataFrame]:
    """Made once, however many modules have the fixture."""
    file = write_few(folder)
    assert cosim("sweep", "run", file, "--out", folder / "out", "--workers", 1, "--quiet", "--no-report") == 0
    return file, numbers(folder / "out")


def cosim(*arguments: object) -> int:
    """Run the command line in this process; return its exit code."""
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    return stop.value.code


def start(folder: Path, *arguments: object, **options: object) -> subprocess.Popen:
    """Start `cosim sweep` in a process, and a process group, of its own; what it prints goes into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "printed.txt").open("wb") as printed:
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )


def printed(folder: Path) -> str:
    """What the command that was started last with this folder has printed."""
    return (folder / "printed.txt").read_text()


def numbers(folder: Path) -> pd.DataFrame:
    """The table of a sweep without the times that its runs took."""
    return pd.read_parquet(folder / "runs.parquet").drop(columns="wall_time_s")


def assert_same_numbers(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Every column equal to the last bit."""
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert _bytes(found) == _bytes(expected)


def _bytes(frame: pd.DataFrame) -> bytes:
    buffer = BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def workers(folder: Path) -> list[psutil.Process]:
    """Worker processes of a sweep's folder."""
    return [process for process in _of_folder(folder) if not _is_run(process)]


def run_processes(folder: Path) -> list[psutil.Process]:
    """Processes that the workers of a sweep's folder have forked, each for a run."""
    return [process for process in _of_folder(folder) if _is_run(process)]


def _of_folder(folder: Path) -> list[psutil.Process]:
    """Processes that are alive and have been started as a worker of a folder, or forked from one."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess):
            command = process.cmdline()
            is_worker = "cosim.sweep.worker" in command and command[-1] == str(folder)
            if is_worker and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _is_run(process: psutil.Process) -> bool:
    """Whether a worker has forked it, which may have died since."""
    with suppress(ProcessLookupError):
        return os.getsid(process.pid) != process.pid
    return False


def until(condition: Callable[[], object], limit_s: float = TIME_LIMIT_S, every_s: float = 0.01) -> None:
    """Wait for a condition."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, f"not within {limit_s:g} s"
        time.sleep(every_s)


def finished(folder: Path) -> int:
    """Number of runs that workers have written down."""
    return sum(path.read_bytes().count(b"\n") for path in (folder / "workers").glob("*.jsonl"))
