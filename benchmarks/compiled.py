"""How much faster the compiled engine is than ANDES, and what else was asked of it. Run:  python benchmarks/compiled.py

60 s at 10 ms with the same load values and tolerance, everything compiled before: ANDES through its own run loop, ours
through the whole loop with its recorder. ``python benchmarks/compiled.py speed threads long start study`` runs parts.
"""

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from closed_loop import EQUIPMENT
from common import make_study, noisy_mw, timed_andes, timed_loop
from rich.console import Console

from cosim.loop_inputs import powers
from cosim.study import Study

CASES = {"ieee39": (16, 80), "npcc140": (50, 30), "wecc179": (118, 40)}
"""Bus of the site, and the ratio that is asked for."""

DURATION_S = 60.0
STEP_S = 0.01
TOLERANCE = 1e-6
REPEATS = 3
STUDIES = ("oscillation-wecc179", "oscillation-npcc140")

console = Console()


def initialised(case: str, engine: str, equipment: dict[str, Any] | None = None, seed: int = 1) -> Study:
    """A study with its engine in equilibrium."""
    study = make_study(
        noisy_mw(DURATION_S, seed),
        case=case,
        bus=CASES[case][0],
        duration_s=DURATION_S,
        step_s=STEP_S,
        tolerance=TOLERANCE,
        engine=engine,
        equipment=equipment,
    )
    assert study.engine.initialise(*powers(study.loads, study.start_level)).succeeded
    return study


def ours(case: str, equipment: dict[str, Any] | None = None) -> float:
    """Seconds of our loop, the fastest of a few."""
    seconds = []
    for _ in range(REPEATS):
        study = initialised(case, "compiled", equipment)
        took, outcome = timed_loop(study)
        assert outcome.steps == round(DURATION_S / STEP_S)
        seconds.append(took)
    return min(seconds)


def plain(case: str) -> float:
    """Seconds of ANDES's own loop with the same values."""
    return timed_andes(initialised(case, "andes"), noisy_mw(DURATION_S))


def speed() -> None:
    """Open loop against ANDES, closed loop against open."""
    for case, (_, wanted) in CASES.items():
        ours(case)  # compiles, if it is the first time
        open_s, closed_s, andes_s = ours(case), ours(case, EQUIPMENT), plain(case)
        console.print(
            f"{case}: 60 s at 10 ms in {open_s:.3f} s ({1e6 * open_s / (DURATION_S / STEP_S):.0f} us a step), ANDES "
            f"{andes_s:.1f} s: {andes_s / open_s:.0f} times faster (asked: {wanted}); "
            f"sites that react: {closed_s / open_s:.2f} times open loop (asked: at most 1.3)"
        )


def threads() -> None:
    """Two scenarios in two threads against one after the other."""
    for case in CASES:
        ratios = []
        for _ in range(REPEATS):
            apart = [initialised(case, "compiled", seed=k) for k in (1, 2)]
            started = time.perf_counter()
            for study in apart:
                timed_loop(study)
            in_turn_s = time.perf_counter() - started
            together = [initialised(case, "compiled", seed=k) for k in (1, 2)]
            started = time.perf_counter()
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(timed_loop, together))
            ratios.append(in_turn_s / (time.perf_counter() - started))
        console.print(f"{case}: two threads {max(ratios):.2f} times one (asked: 1.8)")


LONG = """
import resource, time, sys
import cosim
started = time.perf_counter()
result = cosim.run(
    {
        "grid": {"case": "ieee39"},
        "sites": [{"bus": 16, "rating_mw": 200, "workloads": [{"type": "training"}]}],
        "simulation": {"engine": "compiled", "duration_s": 600, "step_s": 0.001},
    },
    sys.argv[1],
    report=False,
)
kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(result.summary["status"], time.perf_counter() - started, kilobytes / 1024)
"""


def long() -> None:
    """Ten minutes at 1 ms: time and memory of the whole process."""
    with tempfile.TemporaryDirectory() as folder:
        said = subprocess.run([sys.executable, "-c", LONG, folder], capture_output=True, text=True, check=True).stdout
    status, seconds, megabytes = said.split()
    console.print(
        f"ieee39, 600 s at 1 ms, {status}: {float(seconds):.1f} s (asked: 30), {float(megabytes):.0f} MB (asked: 500)"
    )


START = """
import sys, time
from cosim.loop_inputs import powers
from cosim.scenario.load import validate
from cosim.scenario.source import Source
from cosim.study import prepare_study
source = Source(None, {"grid": {"case": sys.argv[1]}, "simulation": {"engine": "compiled", "duration_s": 1}})
started = time.perf_counter()
study = prepare_study(validate(source), source)
study.engine.initialise(*powers(study.loads, study.start_level))
study.engine.step(0.01)
print(time.perf_counter() - started)
"""


def start() -> None:
    """Compilation from nothing, and start-up from the cache."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "COSIM_CACHE_DIR": f"{folder}/cosim", "NUMBA_CACHE_DIR": f"{folder}/numba"}
        cosim = str(Path(sys.executable).with_name("cosim"))
        started = time.perf_counter()
        subprocess.run([cosim, "grid", "compile", "wecc179"], env=environment, capture_output=True, check=True)
        console.print(f"wecc179 from nothing: {time.perf_counter() - started:.0f} s (asked: 60)")
    for case in [*CASES, "kundur", "ieee14", "ieee118", "nordic44", "ieee300"]:
        command = [sys.executable, "-c", START, case]
        subprocess.run(command, capture_output=True, check=True)
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        console.print(f"{case}: read, set up, initialised and a first step in {float(said):.2f} s (asked: 1.5)")


def study() -> None:
    """The published study, all factors with 20 seeds."""
    total_s = 0.0
    for name in STUDIES:
        with tempfile.TemporaryDirectory() as folder:
            cosim = str(Path(sys.executable).with_name("cosim"))
            started = time.perf_counter()
            command = [cosim, "sweep", "run", name, "--workers", "2", "--out", folder]
            subprocess.run(command, capture_output=True, check=True)
            took_s = time.perf_counter() - started
        total_s += took_s
        console.print(f"{name}: {took_s:.0f} s on two cores")
    console.print(f"the published study, both grids: {total_s:.0f} s (asked: 180)")


if __name__ == "__main__":
    for part in sys.argv[1:] or ["speed", "threads", "long", "start", "study"]:
        {"speed": speed, "threads": threads, "long": long, "start": start, "study": study}[part]()
