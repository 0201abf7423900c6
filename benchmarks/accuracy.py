"""How much a coarse step loses, with each way to inject a fast load. Run:  python benchmarks/accuracy.py

Largest error of any generator's frequency (mHz) on the 39-bus system over 10 s, against 1 ms steps that land on every
edge. Rows as in docs/theory.md.
"""

import numpy as np
from common import make_study, speeds
from rich.console import Console
from rich.progress import track
from rich.table import Table

from loads.interpolation import Waveform
from loads.workloads.cycle import TrainingCycle

STEPS_S = (0.01, 0.02, 1 / 30)
DURATION_S = 10.0


def training_mw() -> Waveform:
    """200 MW stochastic training cycle, noise at 1 kHz."""
    trace = TrainingCycle().generate(DURATION_S, 1000.0, 1)
    power = 200.0 * trace.power_w
    return Waveform.from_segments(trace.time_s, power, power, "hold", trace.edge_knots)


def square_mw() -> Waveform:
    """300 MW square wave of 0.73 Hz whose edges lie off every step grid."""
    knots = np.concatenate([[0.0], np.arange(0.3337, DURATION_S, 0.5 / 0.73), [DURATION_S]])
    power = np.where(np.arange(knots.size - 1) % 2 == 0, 100.0, 400.0)
    return Waveform.from_segments(knots, power, power, "hold")


ROWS = [
    ("training, 1 kHz noise, 200 MW: point sampling", training_mw, "point", False),
    ("same: hat average", training_mw, "average", False),
    ("same: hat average and edge alignment", training_mw, "average", True),
    ("square wave, 300 MW, edges off the grid: point sampling", square_mw, "point", False),
    ("same: hat average", square_mw, "average", False),
    ("same: steps aligned to the edges", square_mw, "average", True),
]


def main() -> None:
    """Print the table."""
    reference = {
        wave: speeds(make_study(wave(), duration_s=DURATION_S, step_s=0.001)) for wave in (training_mw, square_mw)
    }
    table = Table(title="Largest error of a generator's frequency (mHz)")
    table.add_column("case")
    for step_s in STEPS_S:
        table.add_column(f"{1000 * step_s:.0f} ms", justify="right")
    for name, wave, injection, align in track(ROWS, description="running"):
        cells = []
        for step_s in STEPS_S:
            study = make_study(wave(), duration_s=DURATION_S, step_s=step_s, injection=injection, align=align)
            times, found = speeds(study)
            exact_times, exact = reference[wave]
            there = np.column_stack([np.interp(times, exact_times, column) for column in exact.T])
            cells.append(f"{1000 * np.abs(found - there).max():.3f}")
        table.add_row(name, *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
