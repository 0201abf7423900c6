"""What our loop costs over plain ANDES, and how fast the interpolator looks up. Run:  python benchmarks/speed.py

Both sides take the same steps of the same system with the same load values: ANDES through its own run loop and
perturbation hook, ours through the co-simulation loop with its recorder. Pairs alternate, so that the machine's mood
hits both; the ratio is of the fastest runs.
"""

import time

import numpy as np
from common import make_study, noisy_mw, timed_andes, timed_loop
from rich.console import Console

from loads.interpolation import Waveform, hat_average
from loads.workloads.cycle import TrainingCycle

CASES = {"ieee39": 16, "npcc140": 50}
DURATION_S = 10.0
STEP_S = 0.01
PAIRS = 5


def initialised(case: str, bus: int):
    """A study with its engine in equilibrium."""
    study = make_study(noisy_mw(DURATION_S), case=case, bus=bus, duration_s=DURATION_S, step_s=STEP_S, tolerance=1e-6)
    assert study.engine.initialise(study.start_level, 0 * study.start_level).succeeded
    return study


def ours(case: str, bus: int) -> tuple[float, np.ndarray]:
    """Seconds for our loop, and the speeds at the end."""
    study = initialised(case, bus)
    seconds, outcome = timed_loop(study)
    assert outcome.steps == round(DURATION_S / STEP_S)
    return seconds, study.engine.channel("speed_pu").copy()


def plain(case: str, bus: int) -> tuple[float, np.ndarray]:
    """Seconds for ANDES's own loop with the same values, and the speeds at the end."""
    study = initialised(case, bus)
    return timed_andes(study, noisy_mw(DURATION_S)), study.engine.channel("speed_pu").copy()


def lookups_per_second(minutes: float) -> float:
    """Hat averages a second on one core: 1 kHz trace, 10 ms steps."""
    trace = TrainingCycle().generate(60 * minutes, 1000.0, 1)
    waveform = Waveform.from_trace(trace, "hold")
    nodes = np.arange(0, 60 * minutes, 0.01)
    nodes = np.append(nodes, 60 * minutes)
    is_jump = np.zeros(nodes.size, dtype=bool)
    hat_average(waveform, nodes, is_jump)
    best = np.inf
    for _ in range(20):
        started = time.perf_counter()
        hat_average(waveform, nodes, is_jump)
        best = min(best, time.perf_counter() - started)
    return nodes.size / best


def main() -> None:
    """Print ratios and rates."""
    console = Console()
    for case, bus in CASES.items():
        pairs = [(ours(case, bus), plain(case, bus)) for _ in range(PAIRS)]
        mine = min(pair[0][0] for pair in pairs)
        andes = min(pair[1][0] for pair in pairs)
        apart = np.abs(pairs[0][0][1] - pairs[0][1][1]).max()
        steps = DURATION_S / STEP_S
        console.print(
            f"{case}: ours {1000 * mine / steps:.2f} ms a step, plain ANDES {1000 * andes / steps:.2f} ms, "
            f"ratio {mine / andes:.3f}; speeds at the end differ by {apart:.1e} pu"
        )
    for minutes in (1, 60):
        console.print(
            f"hat average, {minutes} min at 1 kHz: {lookups_per_second(minutes) / 1e6:.0f} million look-ups a second"
        )


if __name__ == "__main__":
    main()
