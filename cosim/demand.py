"""From the workloads of a scenario to the power that its sites ask for."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from cosim.scenario.site import Site
from cosim.scenario.workloads import PresetWorkload, SyntheticWorkload, TraceWorkload, Workload
from loads.mitigation import spread_checkpoints
from loads.power_chain import PowerChain
from loads.readers import read_trace
from loads.site import SiteDemand
from loads.site import Workload as ScaledTrace
from loads.trace import Trace
from loads.workloads import WorkloadModel, synthesise
from loads.workloads.job import JobLifeCycle

MAX_LOOPS = 100_000
"""More repetitions of a trace than this in one run are a mistake in its time unit."""


def scaled_trace(workload: Workload, duration_s: float, seed: np.random.SeedSequence) -> ScaledTrace:
    """Trace of a workload, read or generated, with its scaling to the site.

    Raises
    ------
    LoadDataError
        If a file cannot be read.
    ValueError
        If the parameters or the scaling make no sense.
    """
    if isinstance(workload, TraceWorkload):
        trace = read_trace(workload.file, **workload.read_options)
        if workload.at_end == "loop" and duration_s > MAX_LOOPS * trace.duration_s:
            raise ValueError(f"a trace of {trace.duration_s:g} s would loop {duration_s / trace.duration_s:.2g} times")
        return ScaledTrace(
            trace,
            workload.share,
            workload.scale_to,
            workload.count,
            workload.at_end,
            nominal_w=trace.max_w,
            at_devices=workload.measured_at == "devices",
        )
    assert isinstance(workload, SyntheticWorkload)
    trace = synthetic_trace(workload, duration_s, seed)
    # The trace is that of all devices already; a count on top of it would count them twice.
    return ScaledTrace(
        trace,
        workload.share,
        workload.scale_to,
        1 if workload.scale_to == "count" else None,
        "hold",
        trace.provenance.parameters["nominal_w"],
        workload.at_devices,
    )


def spread_jobs(
    workload: Workload, scaled: ScaledTrace, jobs: int, duration_s: float, seed: np.random.SeedSequence
) -> list[ScaledTrace]:
    """A job workload as several jobs, each at another place of its cycle; any other workload as it is.

    The jobs have a part of its devices each, and random draws of their own.
    """
    model = workload.model() if isinstance(workload, SyntheticWorkload) else None
    if not isinstance(model, JobLifeCycle) or model.checkpoint is None or model.checkpoint.every_iterations is None:
        return [scaled]
    assert isinstance(workload, SyntheticWorkload)
    part = None if scaled.count is None else scaled.count / jobs
    seeds = seed.spawn(jobs)
    return [
        replace(scaled, trace=synthetic_trace(workload, duration_s, own, job), share=scaled.share / jobs, count=part)
        for job, own in zip(spread_checkpoints(model, jobs), seeds, strict=True)
    ]


def synthetic_trace(
    workload: SyntheticWorkload,
    duration_s: float,
    seed: np.random.SeedSequence,
    model: WorkloadModel | None = None,
) -> Trace:
    """Power (W) of all that a workload counts, for at least a duration; of its own model or another."""
    length_s = max(duration_s, 1.0 / workload.rate_hz)
    trace = synthesise(
        workload.model() if model is None else model,
        length_s,
        workload.rate_hz,
        seed,
        devices=workload.count or 1,
        synchronisation=workload.synchronisation,
    )
    if isinstance(workload, PresetWorkload):
        provenance = replace(trace.provenance, source=f"preset {workload.preset}: {trace.provenance.source}")
        trace = replace(trace, provenance=provenance)
    return trace


def site_demand(site: Site, workloads: Iterable[ScaledTrace]) -> SiteDemand:
    """Demand of a site that runs these workloads.

    Raises
    ------
    ValueError
        If its numbers do not go together.
    """
    chain = {} if site.power_chain is None else site.power_chain.model_dump()
    return SiteDemand(
        site.rating_mw,
        tuple(workloads),
        site.steady_share,
        site.pue,
        PowerChain(**chain, other_it_share=site.other_it_share, cooling_lag_s=site.cooling_lag_s),
        site.power_factor,
    )
