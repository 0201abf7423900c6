"""What a sweep costs: two workers against one, against separate commands, and beyond the runs themselves.

The runs are 5 s of ieee39 with a site at two buses. The work of a run by itself (simulation, metrics, files) is timed
in this process, on a grid that is set up already. Run on an idle machine:
OPENBLAS_NUM_THREADS=1 python benchmarks/sweep.py [RUNS]
"""

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
from cosim.sweep.pool import LocalWorkers
from cosim.sweep.table import read_table

RUNS = 200
SEPARATE = 8
"""Separate commands that are timed; each takes as long as the others."""

SINGLE = 6
"""Runs at each bus that are also timed by themselves."""


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


def timed_sweep(plan: Plan, workers: int) -> tuple[float, dict[str, float]]:
    """Wall time of a sweep as a whole, and of each of its runs."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        run_sweep(plan, Path(folder), LocalWorkers(workers))
        whole_s = time.perf_counter() - started
        table = read_table(Path(folder))
        assert (table["status"] == "completed").all()
        return whole_s, dict(zip(table["run_id"], table["wall_time_s"], strict=True))


def timed_runs(plan: Plan) -> dict[str, float]:
    """Seconds that some of the runs take by themselves, half of them at each bus; but for the first on its grid."""
    times = {}
    for run in [*plan.tasks[:SINGLE], *plan.tasks[-SINGLE:]]:
        study = prepare_study(validate(Source(None, run.data)), Source(None, run.data))
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            execute(study, Path(folder), report=False)
            times[run.run_id] = time.perf_counter() - started
    del times[plan.tasks[0].run_id]  # it loads what the others find
    return times


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
    alone_s = timed_runs(plan)
    one_s, in_sweep_s = timed_sweep(plan, 1)
    two_s, _ = timed_sweep(plan, 2)
    command_s = timed_command(plan)
    more_s = statistics.median(in_sweep_s[run] - alone for run, alone in alone_s.items())
    console.print(f"{runs} runs of 5 s on ieee39; one by itself {statistics.median(alone_s.values()):.3f} s")
    console.print(f"one worker {one_s:.1f} s, two workers {two_s:.1f} s: {one_s / two_s:.2f} times the throughput")
    console.print(f"the same run takes {1e3 * more_s:+.0f} ms more in the sweep than by itself")
    console.print(f"separate commands {command_s:.2f} s each: {command_s * runs / one_s:.2f} times one worker's time")
    console.print(f"and {command_s * runs / two_s:.2f} times that of two workers")


if __name__ == "__main__":
    main()
