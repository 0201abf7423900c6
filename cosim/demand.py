"""From the scenario's sites and load steps to the loads that the co-simulation drives."""

from typing import Any

import numpy as np

from cosim.scenario.model import LoadStep, Site, TraceWorkload, TrainingWorkload, Workload
from cosim.simulation import Load
from loads.injector import Injector
from loads.interpolation import Waveform
from loads.readers import read_trace
from loads.site import SiteDemand
from loads.site import Workload as ScaledTrace
from loads.workloads.cycle import TrainingCycle

MAX_LOOPS = 100_000
"""More repetitions of a trace than this in one run are a mistake in its time unit."""


def scaled_trace(workload: Workload, duration_s: float, seed: np.random.SeedSequence) -> ScaledTrace:
    """Trace of a workload, read or generated, with its scaling to the site.

    Raises
    ------
    LoadDataError
        If a trace file cannot be read.
    ValueError
        If the parameters or the scaling make no sense.
    """
    if isinstance(workload, TraceWorkload):
        trace = read_trace(
            workload.file,
            workload.format,
            power_unit=workload.power_unit,
            time_unit=workload.time_unit,
            power_column=workload.power_column,
            time_column=workload.time_column,
        )
        if workload.at_end == "loop" and duration_s > MAX_LOOPS * trace.duration_s:
            raise ValueError(f"a trace of {trace.duration_s:g} s would loop {duration_s / trace.duration_s:.2g} times")
        return ScaledTrace(trace, workload.share, workload.scale_to, workload.count, workload.at_end)
    assert isinstance(workload, TrainingWorkload)
    names = set(TrainingCycle.__dataclass_fields__)
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in workload if k in names}
    length_s = max(duration_s, 1.0 / workload.sample_rate_hz)
    trace = TrainingCycle(**given).generate(length_s, workload.sample_rate_hz, seed)
    return ScaledTrace(trace, workload.share, "nominal", None, "hold")


def site_load(site: Site, demand: SiteDemand, injection: str) -> Load:
    """The engine's load for a site: its level is the power in MW."""
    tangent = float(np.sqrt(1 - site.power_factor**2) / site.power_factor)
    injector = Injector(demand.components, demand.constant_mw, injection)  # type: ignore[arg-type]
    return Load(str(site.name), injector, 1.0, tangent, site.load_model.v_min_pu, is_site=True)


def step_load(number: int, event: LoadStep) -> Load:
    """A load whose level goes from 0 to 1 at the event."""
    levels = [0.0, 1.0]
    waveform = Waveform.from_segments([0.0, event.at_s, 2 * event.at_s], levels, levels, "hold")
    injector = Injector([(waveform, 1.0)])
    return Load(f"event:{number}", injector, event.mw, event.mvar, event.load_model.v_min_pu, is_site=False)
