"""What the benchmarks share: a study with a load of one's own, run without writing a report."""

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cosim.engines.linear import LinearEngine
from cosim.open_loop import OpenLoopRun
from cosim.recorder import ChannelSpec, Recorder
from cosim.runner import execute
from cosim.scenario.load import validate
from cosim.scenario.source import Source
from cosim.simulation import CoSimulation, Outcome
from cosim.study import Study, prepare_study
from cosim.timeline import plan
from loads.injector import InjectionMode, Injector
from loads.interpolation import Waveform, hat_average
from loads.workloads.cycle import TrainingCycle


def make_study(
    waveform: Waveform,
    *,
    case: str = "ieee39",
    bus: int = 16,
    constant_mw: float = 0.0,
    duration_s: float = 10.0,
    step_s: float = 0.01,
    injection: InjectionMode = "average",
    align: bool = True,
    tolerance: float = 1e-8,
    engine: str = "andes",
    equipment: Mapping[str, Any] | None = None,
) -> Study:
    """Study of one constant-power site that draws ``waveform`` (in MW) plus a constant."""
    scenario = {
        "grid": {"case": case},
        "sites": [{"name": "dc1", "bus": bus, "rating_mw": 200.0, "power_factor": 1.0, **(equipment or {})}],
        "simulation": {"engine": engine, "duration_s": duration_s, "step_s": step_s, "tolerance": tolerance},
        "outputs": {"channels": ["speed_pu"], "every_s": step_s},
    }
    source = Source(None, scenario)
    study = prepare_study(validate(source), source)
    injector = Injector([(waveform, 1.0)], constant_mw, injection)
    edges = injector.edges(duration_s, 2.0) if align else []
    study.timeline = plan(duration_s, step_s, edges)
    study.loads[0].injector = injector
    study.start_level[0] = injector.initial_value
    return study


def speeds(study: Study) -> tuple[np.ndarray, np.ndarray]:
    """Run a study; return times (s) and generator frequencies (Hz), shape (times, generators)."""
    with tempfile.TemporaryDirectory() as folder:
        result = execute(study, Path(folder), report=False)
        frame = result.speed_pu
        assert result.summary["status"] == "completed"
        return frame.index.to_numpy(), frame.to_numpy() * 60.0


def timed_loop(study: Study, clock: Callable[[], float] = time.perf_counter) -> tuple[float, Outcome]:
    """Seconds that the loop takes from an equilibrium, recording what a run does by default, and how it ended."""
    engine = study.engine
    names = {"voltage_pu": "bus", "frequency_hz": "bus", "speed_pu": "generator"}
    channels = {name: ChannelSpec("", engine.elements[kind]) for name, kind in names.items()}
    channels["coi_hz"] = ChannelSpec("Hz", ("coi",))
    columns = {load.name: load.equipment.columns for load in study.loads if load.equipment}
    step_s, attributes = study.scenario.simulation.step_s, {"nominal_hz": engine.nominal_hz}
    with (
        tempfile.TemporaryDirectory() as folder,
        Recorder(
            Path(folder) / "r.h5", channels, list(study.demands), step_s, attributes, site_columns=columns
        ) as recorder,
    ):
        arguments = (study.loads, study.timeline, study.events, recorder, list(names))
        loop: CoSimulation | OpenLoopRun
        if isinstance(engine, LinearEngine):
            loop = OpenLoopRun(engine, *arguments)
        else:
            loop = CoSimulation(engine, *arguments, study.watchers())
        started = clock()
        outcome = loop.run(study.start_level, lambda _: None)
        return clock() - started, outcome


def noisy_mw(duration_s: float, seed: int = 1) -> Waveform:
    """200 MW with 1 kHz noise and no edges, so that ANDES's own loop and ours take the same steps."""
    trace = TrainingCycle().generate(duration_s, 1000.0, seed)
    power = 200.0 * trace.power_w
    return Waveform.from_segments(trace.time_s, power, power, "hold", np.zeros(0, dtype=np.int64))


def timed_andes(study: Study, waveform: Waveform) -> float:
    """Seconds for ANDES's own loop from an equilibrium, with the values that our loop would give the first load."""
    system, nodes = study.engine._system, study.timeline.time_s
    simulation = study.scenario.simulation
    values, _ = hat_average(waveform, nodes, np.zeros(nodes.size, dtype=bool))
    power = system.ControlledLoad.p

    def hook(t: np.ndarray, _system: object) -> None:
        power.v[0] = values[min(round(float(t) / simulation.step_s), nodes.size - 1)] / 100.0

    tds = system.TDS
    tds.callpert = hook
    tds.config.tstep, tds.config.tf, tds.config.fixt = simulation.step_s, simulation.duration_s, 1
    tds.calc_h(resume=True)
    started = time.perf_counter()
    tds.run(no_summary=True)
    return time.perf_counter() - started
