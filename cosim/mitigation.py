"""What a site does about its fluctuation before the grid comes into it: smoothing, staggering, ramp limits."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from cosim.scenario.mitigation import RampLimiter, Smoothing, Staggering
from cosim.scenario.site import Site
from loads.mitigation import LimitReport, PowerSmoothing, Stagger, smoothed, staggered
from loads.site import RampLimitedDemand, SiteDemand
from loads.trace import Trace


@dataclass(frozen=True)
class Stage:
    """One kind of mitigation: the site's demand before and after it, and what its limits did.

    Parameters
    ----------
    name
        Of the kind.
    before, after
        Demand of the site.
    limits
        Of each thing that was limited, a workload or the site.
    """

    name: str
    before: SiteDemand
    after: SiteDemand
    limits: tuple[LimitReport, ...] = ()

    def report(self, duration_s: float, interval_s: float) -> dict[str, float | None]:
        """What it did in a run: energy added, swing before and after, and how long a limit held.

        Parameters
        ----------
        duration_s
            Of the run.
        interval_s
            Longest interval of the means that the swing is of.
        """
        before, after = (demand.native_series(duration_s, interval_s)[1] for demand in (self.before, self.after))
        energy_mwh = self.before.energy_mwh(duration_s)
        added_mwh = self.after.energy_mwh(duration_s) - energy_mwh
        report: dict[str, float | None] = {
            "added_mwh": added_mwh,
            "added_percent": 100.0 * added_mwh / energy_mwh if energy_mwh > 0.0 else None,
            "peak_to_peak_before_mw": float(np.ptp(before)),
            "peak_to_peak_after_mw": float(np.ptp(after)),
            "sd_before_mw": float(before.std()),
            "sd_after_mw": float(after.std()),
        }
        timed = ("ramping_up_s", "ramping_down_s") if self.limits else ()
        for name in ("at_floor_s", *timed) if self.name == "smoothing" else timed:
            share = max(getattr(limits, name) / limits.duration_s for limits in self.limits)
            report[name] = share * duration_s
        return report


def mitigated(
    site: Site, demand: SiteDemand, spread: SiteDemand | None, duration_s: float, seed: int
) -> tuple[SiteDemand, list[Stage]]:
    """Demand of a site with what smooths it before the grid comes into it, and each stage that it went through.

    Parameters
    ----------
    site
        Of the scenario.
    demand
        Of its workloads as they are.
    spread
        Of its workloads with the checkpoints of its jobs spread; None if they are not.
    duration_s
        Of the run.
    seed
        Of random delays.
    """
    stages: list[Stage] = []
    if smoothing := site.mitigated_by(Smoothing):
        gpu, before = smoothing.built(), demand
        demand, limits = _smoothed(before, gpu)
        spread = _smoothed(spread, gpu)[0] if spread else None
        stages.append(Stage("smoothing", before, demand, limits))
    if staggering := site.mitigated_by(Staggering):
        cohorts, before = staggering.built(seed), demand
        demand = _staggered(spread or demand, cohorts)
        stages.append(Stage("stagger", before, demand))
    if limiter := site.mitigated_by(RampLimiter):
        before = demand
        parts = {part.name: getattr(demand, part.name) for part in fields(SiteDemand)}
        up, down = limiter.up_mw_per_s or np.inf, limiter.down_mw_per_s or np.inf
        demand = RampLimitedDemand(**parts, up_mw_per_s=up, down_mw_per_s=down, limited_s=duration_s)
        stages.append(Stage("ramp_limiter", before, demand, (demand.limits,)))
    return demand, stages


def _smoothed(demand: SiteDemand, gpu: PowerSmoothing) -> tuple[SiteDemand, tuple[LimitReport, ...]]:
    both = [smoothed(w.trace, gpu.scaled_to(w.nominal_w), w.at_end) for w in demand.workloads]
    return _with_traces(demand, [trace for trace, _ in both]), tuple(report for _, report in both)


def _staggered(demand: SiteDemand, cohorts: Stagger) -> SiteDemand:
    return _with_traces(demand, [staggered(w.trace, cohorts, w.at_end)[0] for w in demand.workloads])


def _with_traces(demand: SiteDemand, traces: Sequence[Trace]) -> SiteDemand:
    """The demand with other traces for as many devices."""
    workloads = tuple(
        replace(workload, trace=trace, scaled_as=workload.scaled_as or workload.trace)
        for workload, trace in zip(demand.workloads, traces, strict=True)
    )
    return replace(demand, workloads=workloads)
