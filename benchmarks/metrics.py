"""How long the metrics of a large result take. Run:  python benchmarks/metrics.py [SAMPLES_PER_SECOND]

Writes a synthetic result of the size of wecc179 (179 buses, 29 generators, 263 lines; 10 minutes, 100 samples/s unless
told, all channels; one site with its demand at 1 kHz; a fault that pulls most voltages down), reads it back family by
family and as a whole, and prints the seconds beside the goal. The first time includes numba's compilation. Flicker
needs 200 samples/s.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from cosim.metrics import Wanted, compute, flicker, frequency, oscillation, ramp, site, swing, voltage
from cosim.metrics.envelope import Envelope, Row
from cosim.network import Network, NetworkBus, NetworkGenerator, NetworkLine
from cosim.recorder import ChannelSpec, Recorder
from cosim.result import Result
from loads.workloads.cycle import TrainingCycle

DURATION_S = 600.0
GOAL_S = 5.0
REPEATS = 3
NOMINAL_HZ = 60.0
FAULT_S, CLEARED_S = 60.0, 60.1
RATING_MW = 200.0
AREAS = 4
BLOCK_ROWS = 4096
BUSES = tuple(str(k) for k in range(1, 180))
GENERATORS = tuple(f"GENROU_{k}" for k in range(1, 30))
LINES = tuple(f"Line_{k}" for k in range(1, 264))
MODES_HZ = (0.25, 0.6, 1.1, 1.7)
# Unit, elements, steady value, and the size of the swing.
CHANNELS = {
    "voltage_pu": ("pu", BUSES, 1.0, 0.01),
    "angle_rad": ("rad", BUSES, 0.0, 0.1),
    "frequency_hz": ("Hz", BUSES, NOMINAL_HZ, 0.03),
    "speed_pu": ("pu", GENERATORS, 1.0, 5e-4),
    "rotor_angle_rad": ("rad", GENERATORS, 0.5, 0.1),
    "generator_mw": ("MW", GENERATORS, 800.0, 20.0),
    "line_mw": ("MW", LINES, 300.0, 20.0),
    "coi_hz": ("Hz", ("coi",), NOMINAL_HZ, 0.02),
}
PRC_024 = ((0.45, 0.15), (0.65, 0.30), (0.75, 2.0), (0.90, 3.0))
WANTED = Wanted(
    (
        *(f"ramp.total.excursion_mw.{window}s" for window in (4, 5, 6, 15)),
        *(f"ramp.total.mw_per_min.{window}s" for window in (60, 600)),
        "ramp.total.filtered_mw.0.1-55Hz,5s",
        "ramp.total.band_mw.0.1-5Hz",
        "ramp.total.band_energy_percent.0.1-20Hz",
        "frequency.outside_s.36mHz",
    ),
    (
        Envelope("voltage", "voltage", "buses", tuple(Row("below", level, max_s) for level, max_s in PRC_024)),
        Envelope("frequency", "frequency", "buses", (Row("below", 59.4, 180.0), Row("above", 60.6, 180.0))),
    ),
)
FAMILIES: dict[str, Callable[[Result], object]] = {
    "frequency": lambda result: frequency.assess(result, WANTED),
    "voltage, with flicker": lambda result: voltage.assess(result, WANTED),
    "flicker alone": flicker.assess,
    "ramp": lambda result: ramp.assess(result, WANTED),
    "site": site.assess,
    "generator": swing.assess_generators,
    "line": swing.assess_lines,
    "oscillation": oscillation.assess,
    "all": lambda result: compute(result, WANTED),
}


def network() -> Network:
    """Areas of equal size in a chain; lines join neighbours, so that some are tie lines."""
    count = len(BUSES)
    buses = [NetworkBus(name, 345.0, str(1 + k * AREAS // count), 300.0) for k, name in enumerate(BUSES)]
    generators = [NetworkGenerator(name, BUSES[6 * k], 1000.0, False) for k, name in enumerate(GENERATORS)]
    ends = [(BUSES[k % count], BUSES[(k + 1 + k // count) % count]) for k in range(len(LINES))]
    lines = [NetworkLine(name, *pair, 600.0, True) for name, pair in zip(LINES, ends, strict=True)]
    return Network(tuple(buses), tuple(generators), tuple(lines))


def blocks(time_s: np.ndarray) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Times and channels, some thousands of rows at a time: modes with a shape for each element, and noise."""
    random = np.random.default_rng(1)
    shapes = {
        name: size * random.standard_normal((len(MODES_HZ), len(elements)))
        for name, (_, elements, _, size) in CHANNELS.items()
    }
    fault_pu = random.uniform(0.05, 0.8, len(BUSES))
    for start in range(0, time_s.size, BLOCK_ROWS):
        now_s = time_s[start : start + BLOCK_ROWS, None]
        modes = np.sin(2 * np.pi * np.array(MODES_HZ) * now_s) / len(MODES_HZ)
        values = {}
        for name, (_, elements, steady, size) in CHANNELS.items():
            noise = 0.05 * size * random.standard_normal((now_s.size, len(elements)))
            values[name] = steady + modes @ shapes[name] + noise
        values["voltage_pu"] -= fault_pu * ((now_s >= FAULT_S) & (now_s < CLEARED_S))
        yield now_s[:, 0], values


def write(folder: Path, rate_hz: float) -> None:
    """Write the result."""
    demand_mw = RATING_MW * TrainingCycle().generate(DURATION_S, 1000.0, 1).power_w
    time_s = np.arange(round(DURATION_S * rate_hz) + 1) / rate_hz
    power_mw = np.interp(time_s, np.arange(demand_mw.size) / 1000, demand_mw)
    notes = {
        "name": "wecc179",
        "nominal_hz": NOMINAL_HZ,
        "status": "completed",
        "step_s": 1 / rate_hz,
        "network": json.dumps(network().as_dict()),
    }
    specs = {name: ChannelSpec(unit, elements) for name, (unit, elements, _, _) in CHANNELS.items()}
    inertia = np.full(len(GENERATORS), 4000.0)
    with Recorder(folder / "result.h5", specs, ["dc1"], 0.0, notes, inertia=inertia) as recorder:
        row = 0
        total = -(-time_s.size // BLOCK_ROWS)
        for times, values in track(blocks(time_s), description="writing", total=total, transient=True):
            for k, now_s in enumerate(times):
                recorder.record(now_s, {name: channel[k] for name, channel in values.items()})
                recorder.record_site("dc1", now_s, power_mw[row], 0.2 * power_mw[row], power_mw[row])
                row += 1
        recorder.record_demand("dc1", 1e-3, demand_mw)
        recorder.record_event(FAULT_S, "fault", "fault at bus 12")
        recorder.record_event(CLEARED_S, "fault_cleared", "fault cleared")
        recorder.set_site_attribute("dc1", "bus", BUSES[15])


def seconds(family: Callable[[Result], object], folder: Path) -> float:
    """Seconds for one family from a result that was just opened, so that nothing is left from the last time."""
    result = Result.open(folder)
    started = time.perf_counter()
    family(result)
    return time.perf_counter() - started


def main(rate_hz: float) -> None:
    """Print the table."""
    table = Table(title=f"Metrics of wecc179, {DURATION_S:g} s at {rate_hz:g} samples/s (seconds)")
    for column in ("family", "first", f"best of {REPEATS} more"):
        table.add_column(column, justify="left" if column == "family" else "right")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, rate_hz)
        for family, assess in FAMILIES.items():
            first = seconds(assess, folder)
            best = min(seconds(assess, folder) for _ in range(REPEATS))
            if family == "all":
                table.add_section()
            table.add_row(family, f"{first:.2f}", f"{best:.2f}")
    console = Console()
    console.print(table)
    console.print(f"all: {best:.2f} s, goal {GOAL_S:g} s: {'met' if best <= GOAL_S else 'missed'}")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 100.0)
