"""What linear equations save: a run at 1 ms against engine andes, and a screen of many seeds.

Run on an idle machine:  OPENBLAS_NUM_THREADS=1 python benchmarks/linear.py [SEEDS]
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import timed_loop
from rich.console import Console

from cosim.scenario.load import validate
from cosim.scenario.source import Source
from cosim.study import Study, prepare_study
from cosim.sweep.drive import run_sweep
from cosim.sweep.model import Sweep
from cosim.sweep.plan import make_plan
from cosim.sweep.pool import LocalWorkers
from cosim.sweep.table import read_table

ANDES_S, LINEAR_S = 3.0, 60.0
"""Simulated time of either engine; that of andes is scaled to the other's."""

SEEDS = 1000


def study_of(engine: str, duration_s: float, step_s: float) -> Study:
    """A training site of 100 MW on ieee39."""
    source = Source(
        None,
        {
            "grid": {"case": "ieee39"},
            "sites": [{"bus": 16, "rating_mw": 100.0, "workloads": [{"type": "training"}]}],
            "simulation": {"duration_s": duration_s, "step_s": step_s, "engine": engine},
        },
    )
    return prepare_study(validate(source), source)


def loop_s(engine: str, duration_s: float) -> float:
    """Time of a run at 1 ms from the equilibrium to the end, results written, s."""
    study = study_of(engine, duration_s, 0.001)
    powers = [
        study.start_level * [getattr(load, key) for load in study.loads] for key in ("active_mw", "reactive_mvar")
    ]
    assert study.engine.initialise(*powers).succeeded
    taken_s, outcome = timed_loop(study)
    assert outcome.status == "completed"
    return taken_s


def main() -> None:
    """Print the ratios."""
    seeds, console = int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS, Console()
    loop_s("linear", 1.0)  # loads and compiles
    linear_s = min(loop_s("linear", LINEAR_S) for _ in range(3))
    andes_s = loop_s("andes", ANDES_S) * LINEAR_S / ANDES_S
    both = f"engine linear {linear_s:.3f} s, andes {andes_s:.0f} s (from {ANDES_S:g} s)"
    console.print(f"{LINEAR_S:g} s of ieee39 at 1 ms: {both}")
    console.print(f"{andes_s / linear_s:.0f} times faster, set-up excluded, results written")
    data: dict[str, Any] = {
        "name": "benchmark",
        "scenario": "ieee39-training",
        "set": {
            "grid.case": "wecc179",
            "sites[0].bus": 66,
            "sites[0].workloads": [{"type": "mix", "sample_rate_hz": 100}],
            "simulation.duration_s": 60.0,
        },
        "replicates": seeds,
        "screen": {"confirm": None},
        "keep": "none",
    }
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        run_sweep(make_plan(Sweep.model_validate(data), Source(None, data)), Path(folder), LocalWorkers(2))
        screen_s = time.perf_counter() - started
        table = read_table(Path(folder))
        assert (table["status"] == "completed").all()
    console.print(
        f"{seeds} seeds of 60 s at 10 ms on wecc179 screened in {screen_s:.0f} s by two workers, all included"
    )


if __name__ == "__main__":
    main()
