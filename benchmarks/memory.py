"""Whether memory grows with the simulated time. Run:  python benchmarks/memory.py [SIMULATED_SECONDS]

Prepares an hour of npcc140 at 10 ms with all default channels, simulates the first part of it, and prints the resident
memory as it goes, its slope after the first half, and what the whole hour would need.
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np

import cosim


def resident_mb() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main(simulated_s: float) -> None:
    """Run and print."""
    seen: list[tuple[float, float]] = []

    def watch(time_s: float) -> None:
        if time_s >= simulated_s:
            raise KeyboardInterrupt  # ends the run in good order
        if time_s >= len(seen) * 10.0:
            seen.append((time_s, resident_mb()))
            print(f"{time_s:6.0f} s simulated: {seen[-1][1]:.1f} MB", flush=True)

    scenario = {
        "grid": {"case": "npcc140"},
        "sites": [{"bus": 50, "rating_mw": 200.0}],
        "simulation": {"duration_s": 3600.0, "step_s": 0.01},
    }
    with tempfile.TemporaryDirectory() as folder:
        cosim.run(scenario, folder, report=False, progress=watch)
    time_s, memory = np.array(seen[len(seen) // 2 :]).T
    slope = np.polyfit(time_s, memory, 1)[0]
    print(f"slope {60 * slope:.2f} MB a simulated minute; the whole hour would need {memory[-1] + slope * 3600:.0f} MB")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 180.0)
