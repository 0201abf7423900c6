"""What a sweep costs: two workers against one, against separate commands, and beyond the runs themselves.

The runs are 5 s of ieee39 with a site at two buses. The work of a run by itself (simulation, metrics, files) is timed
in this process, on a grid that is set up already. Run on an idle machine:
OPENBLAS_NUM_THREADS=1 python benchmarks/sweep.py [RUNS]
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from cosim.runner import execute
from cosim.scenario.load import validate
from cosim.scenario.source import Source
from cosim.study import prepare_study
from cosim.sweep.drive import run_sweep
from cosim.sweep.model import Sweep
from cosim.sweep.plan import Plan, make_plan
from cosim.sweep.pool import LocalWorkers
from cosim.sweep.table import read_table

RUNS = 200
SEPARATE = 8
"""Separate commands that are timed; each takes as long as the others."""


def plan_of(runs: int) -> Plan:
    """A sweep over two buses."""
    data: dict[str, Any] = {
        "name": "benchmark",
        "scenario": "ieee39-training",
        "set": {"simulation.duration_s": 5.0},
        "parameters": [{"key": "sites[0].bus", "values": [16, 20]}],
        "replicates": runs // 2,
        "keep": "none",
    }
    return make_plan(Sweep.model_validate(data), Source(None, data))


def timed_sweep(plan: Plan, workers: int) -> tuple[float, float]:
    """Wall time of a sweep as a whole, and of its runs alone, per run, once each worker has its first two behind it."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        run_sweep(plan, Path(folder), LocalWorkers(workers))
        whole_s = time.perf_counter() - started
        table = read_table(Path(folder))
        assert (table["status"] == "completed").all()
        return whole_s, float(table["wall_time_s"].median())


def timed_run(plan: Plan) -> float:
    """Seconds of a run by itself, the median of five."""
    times = []
    for run in plan.tasks[:6]:
        study = prepare_study(validate(Source(None, run.data)), Source(None, run.data))
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            execute(study, Path(folder), report=False)
            times.append(time.perf_counter() - started)
    return sorted(times[1:])[2]  # the first one loads what the others find


def timed_command(plan: Plan) -> float:
    """Seconds of a separate command, on average."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        for run in plan.tasks[:SEPARATE]:
            command = [
                sys.executable,
                "-m",
                "cosim",
                "run",
                "ieee39-training",
                "--quiet",
                "--no-report",
                "--out",
                folder,
            ]
            values = [f"--set={key}={value}" for key, value in run.values.items()]
            subprocess.run([*command, *values], check=True)
        return (time.perf_counter() - started) / SEPARATE


def main() -> None:
    """Print the ratios."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    plan, console = plan_of(runs), Console()
    alone_s = timed_run(plan)
    one_s, in_sweep_s = timed_sweep(plan, 1)
    two_s, _ = timed_sweep(plan, 2)
    command_s = timed_command(plan)
    console.print(f"{runs} runs of 5 s on ieee39; one run by itself {alone_s:.3f} s")
    console.print(f"one worker {one_s:.1f} s, two workers {two_s:.1f} s: {one_s / two_s:.2f} times the throughput")
    console.print(f"a run in the sweep takes {1e3 * (in_sweep_s - alone_s):+.0f} ms more than by itself")
    console.print(f"separate commands {command_s:.2f} s each: {command_s * runs / one_s:.2f} times one worker's time")
    console.print(f"and {command_s * runs / two_s:.2f} times that of two workers")


if __name__ == "__main__":
    main()
