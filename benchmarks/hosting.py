"""Hosting capacity by `cosim host` against brute force: bisection with nonlinear runs for every bus and every seed.

Both have the same limits, seeds, largest size and tolerance, and every run is a full one. Brute force for all load
buses of ieee14 with five seeds takes an hour; ``--buses``, ``--seeds`` and ``--duration`` make it shorter. Run on an
idle machine: OPENBLAS_NUM_THREADS=1 python benchmarks/hosting.py [--buses 4,9,14] [--seeds 5] [--duration 10]
"""

import argparse
import sys
import time
from collections.abc import Callable

from cosim.hosting import Plan, Request, make_plan, search_bus
from cosim.hosting_margins import Trial
from cosim.hosting_search import Bracket, rounded
from cosim.hosting_trials import BusTrials


def bisected(passes: Callable[[float], bool], bracket: Bracket) -> float:
    """Largest size that passes, by bisection between nothing and the largest size."""
    if passes(bracket.max_mw):
        return bracket.max_mw
    low, high = 0.0, bracket.max_mw
    while high - low > bracket.tolerance * max(low, bracket.smallest_mw):
        middle = rounded((low + high) / 2)
        if passes(middle):
            low = middle
        else:
            high = middle
    return low


def brute_force(plan: Plan, bus: int | str) -> tuple[float, int]:
    """Smallest capacity over the seeds, and how many nonlinear runs it took."""
    trials, runs = BusTrials(plan.scenario, bus), list[Trial]()

    def passes(seed: int, size_mw: float) -> bool:
        runs.append(trials.run("andes", seed, size_mw))
        return runs[-1].passes

    found = [bisected(lambda mw, s=seed: passes(s, mw), plan.bracket) for seed in plan.seeds]  # type: ignore[misc]
    return min(found), len(runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--buses", default="loads")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--duration", type=float, default=10.0)
    options = parser.parse_args()
    plan = make_plan(
        Request(
            "ieee14",
            buses=options.buses,
            criteria=("screening",),
            seeds=options.seeds,
            overrides=(f"simulation.duration_s={options.duration}",),
        )
    )
    print(
        f"{options.seeds} seeds, {options.duration:g} s, up to {plan.bracket.max_mw:g} MW, {plan.bracket.tolerance:.1%}"
    )
    print("bus    host (MW)   runs       s   brute force (MW)   runs       s   difference")
    totals = [0, 0.0, 0, 0.0]
    largest = 0.0
    for bus in plan.buses:
        started = time.perf_counter()
        found = search_bus(plan, bus)
        host_s = time.perf_counter() - started
        host_mw = found.low.size_mw if found.low else 0.0
        host_runs = sum(not trial.is_linear for trial in found.trials)
        started = time.perf_counter()
        brute_mw, brute_runs = brute_force(plan, bus)
        brute_s = time.perf_counter() - started
        difference = host_mw / brute_mw - 1 if brute_mw else 0.0
        largest = max(largest, abs(difference))
        totals = [a + b for a, b in zip(totals, (host_runs, host_s, brute_runs, brute_s), strict=True)]
        print(
            f"{bus!s:<5} {host_mw:10.5g} {host_runs:6d} {host_s:7.0f} {brute_mw:18.5g} {brute_runs:6d} {brute_s:7.0f}"
            f" {difference:11.2%}",
            flush=True,
        )
    print(f"all {totals[0]:18d} {totals[1]:7.0f} {totals[2]:25d} {totals[3]:7.0f}")
    print(f"largest difference {largest:.2%}; {totals[2] / max(totals[0], 1):.0f} times fewer nonlinear runs")
    sys.exit(largest > 0.02)


if __name__ == "__main__":
    main()
