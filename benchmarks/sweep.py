"""What a sweep costs: two workers against one, against separate commands, and beyond the runs themselves.

The runs are 5 s of ieee39 with a site at two buses. What a run takes by itself (simulation, metrics,
files) and in a worker (its preparation and its process besides) is timed in turn. Run on an idle machine:
OPENBLAS_NUM_THREADS=1 python benchmarks/sweep.py [RUNS]
"""

import os
import statistics
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
from cosim.sweep.pool import LocalWorkers, task_of
from cosim.sweep.table import read_table
from cosim.sweep.worker import Worker

RUNS = 200
SEPARATE = 8
"""Separate commands that are timed; each takes as long as the others."""

PAIRS = 15
"""Runs that are made by a worker, and each right after by itself."""


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


def timed_sweep(plan: Plan, workers: int) -> float:
    """Wall time of a sweep as a whole."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        run_sweep(plan, Path(folder), LocalWorkers(workers))
        whole_s = time.perf_counter() - started
        table = read_table(Path(folder))
        assert (table["status"] == "completed").all()
        return whole_s


def overhead_s(plan: Plan) -> tuple[float, float]:
    """Seconds that a run takes by itself, and that a worker takes more for it: medians of pairs."""
    alone, more = [], []
    owner, owned = os.pipe()
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(Path(folder), owner)
        for number, run in enumerate([plan.tasks[0], *plan.tasks[:PAIRS]]):
            started = time.perf_counter()
            record = worker.run(task_of(run, "none"))
            in_worker_s = time.perf_counter() - started
            assert record["status"] == "completed"
            source = Source(None, run.data)
            study = prepare_study(validate(source), source)
            started = time.perf_counter()
            execute(study, Path(folder) / "alone", report=False)
            if number:  # the first one sets the grid up
                alone.append(time.perf_counter() - started)
                more.append(in_worker_s - alone[-1])
    os.close(owned)
    return statistics.median(alone), statistics.median(more)


def timed_command(plan: Plan) -> float:
    """Seconds of a separate command, on average."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        for run in plan.tasks[:SEPARATE]:
            cosim = Path(sys.executable).with_name("cosim")
            command = [cosim, "run", "ieee39-training", "--quiet", "--no-report", "--out", folder]
            values = [f"--set={key}={value}" for key, value in run.values.items()]
            subprocess.run([*command, *values], check=True)
        return (time.perf_counter() - started) / SEPARATE


def main() -> None:
    """Print the ratios."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    plan, console = plan_of(runs), Console()
    alone_s, more_s = overhead_s(plan)
    one_s, two_s = timed_sweep(plan, 1), timed_sweep(plan, 2)
    command_s = timed_command(plan)
    console.print(f"{runs} runs of 5 s on ieee39; one by itself {alone_s:.3f} s")
    console.print(f"one worker {one_s:.1f} s, two workers {two_s:.1f} s: {one_s / two_s:.2f} times the throughput")
    console.print(f"a run takes {1e3 * more_s:+.0f} ms more in a worker than by itself")
    console.print(f"separate commands {command_s:.2f} s each: {command_s * runs / one_s:.2f} times one worker's time")
    console.print(f"and {command_s * runs / two_s:.2f} times that of two workers")


if __name__ == "__main__":
    main()
