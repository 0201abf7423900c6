"""What it costs that sites react: protection and storage in the loop against the same site without them.

The storage is too small to change the power, so that both runs take the same steps; the time is that of the processor,
and pairs alternate. Run:  python benchmarks/closed_loop.py
"""

import time
from typing import Any

import numpy as np
from common import timed_loop
from rich.console import Console

from cosim.scenario.load import validate
from cosim.scenario.source import Source
from cosim.study import Study, prepare_study

CASES = {"ieee39": (16, 1), "npcc140": (131, 3)}
"""Bus and number of sites."""

DURATION_S = 5.0
PAIRS = 9

TINY = {"power_mw": 1e-6, "energy_mwh": 1e-6}
EQUIPMENT: dict[str, Any] = {
    "protection": {"preset": "legacy-ups"},
    "mitigation": [
        {
            "type": "storage",
            "smoothing_s": 10.0,
            "split_hz": 0.2,
            "battery": TINY,
            "supercapacitor": TINY,
            "droop_mw_per_hz": 1.0,
        }
    ],
}


def initialised(case: str, bus: int, sites: int, equipment: dict[str, Any]) -> Study:
    """A study with its engine in equilibrium."""
    source = Source(
        None,
        {
            "grid": {"case": case},
            "sites": [
                {"bus": bus, "rating_mw": 100.0, "workloads": [{"type": "training"}], **equipment} for _ in range(sites)
            ],
            "simulation": {"duration_s": DURATION_S},
        },
    )
    study = prepare_study(validate(source), source)
    active = study.start_level * [load.active_mw for load in study.loads]
    reactive = study.start_level * [load.reactive_mvar for load in study.loads]
    assert study.engine.initialise(active, reactive).succeeded
    return study


def main() -> None:
    """Print the ratio of the time of a step with and without equipment."""
    console = Console()
    for case, (bus, sites) in CASES.items():
        ratios, with_ms, without_ms = [], [], []
        for number in range(PAIRS):
            order = [EQUIPMENT, {}] if number % 2 else [{}, EQUIPMENT]
            taken = {
                bool(equipment): timed_loop(initialised(case, bus, sites, equipment), time.process_time)
                for equipment in order
            }
            (closed_s, outcome), (open_s, plain) = taken[True], taken[False]
            assert outcome.steps == plain.steps
            ratios.append(closed_s / open_s)
            with_ms.append(1e3 * closed_s / outcome.steps)
            without_ms.append(1e3 * open_s / outcome.steps)
        console.print(
            f"{case}, {sites} site(s): closed loop {min(with_ms):.3f} ms a step, open loop {min(without_ms):.3f} ms, "
            f"ratio of the fastest {min(with_ms) / min(without_ms):.3f}, median of pairs {np.median(ratios):.3f}"
        )


if __name__ == "__main__":
    main()
