"""What the reader of a result should know besides its numbers."""

from scipy.ndimage import uniform_filter1d

from cosim.engines.andes import Initialisation
from cosim.engines.compiled import CompiledEngine
from cosim.engines.linear import LinearEngine
from cosim.placement import strength_warnings
from cosim.simulation import Outcome
from cosim.study import Study
from loads.site import SiteDemand

OVERDRAW = 1.15
"""A site whose 1-s mean exceeds its rating by this factor is worth a note: random draws and scaling to a mean pass it
by a little, a wrong scaling by much."""


def run_warnings(study: Study, outcome: Outcome) -> list[str]:
    """What a reader of the result should know, in order of weight."""
    out = (
        linear_warnings(study)
        + ([outcome.message] if outcome.message else [])
        + outcome.warnings
        + strength_warnings(study.strengths)
    )
    for site in study.scenario.sites:
        second_s, power_mw = study.demands[str(site.name)].native_series(study.scenario.simulation.duration_s, 0.01)
        per_second = max(1, round(1.0 / second_s))
        peak_mw = float(uniform_filter1d(power_mw, min(per_second, power_mw.size)).max())
        if peak_mw > OVERDRAW * site.rating_mw:
            out.append(f"site {site.name} draws up to {peak_mw:.4g} MW over 1 s, its rating is {site.rating_mw:g} MW")
        out += [f"site {site.name}: {text}" for text in _data_warnings(study.demands[str(site.name)])]
    if outcome.cut_steps:
        out.append(f"the solver needed {outcome.cut_steps} shortened step(s)")
    if outcome.unsettled_jumps:
        out.append(f"at {outcome.unsettled_jumps} jump(s) the network had no solution at t+")
    return out + away_warnings(study)


def away_warnings(study: Study) -> list[str]:
    """When ANDES itself took steps of a run in compiled code, and which buses had lost their supply."""
    out = []
    for away in study.engine.away if isinstance(study.engine, CompiledEngine) else ():
        which = f"{'buses' if len(away.buses) > 1 else 'bus'} {', '.join(away.buses)}"
        until = "on" if away.to_s == float("inf") else f"to {away.to_s:.6g} s"
        out.append(f"from {away.from_s:.6g} s {until} ANDES itself took the steps: {which} had no supply")
    return out


def linear_warnings(study: Study) -> list[str]:
    """Where a run with the linear engine went beyond what linear equations hold for."""
    engine = study.engine
    return engine.domain.warnings() if isinstance(engine, LinearEngine) and engine.domain else []


_TELLING = (
    "assumed_power_unit",
    "assumed_time_unit",
    "sensor_average",
    "stuck_sensor",
    "unindexed_devices",
    "implausible_spike",
    "negative_power",
)
"""Oddities of a recording that bear on the result; the report lists all."""


def _data_warnings(demand: SiteDemand) -> list[str]:
    """What was odd about the recordings of a site and bears on its result."""
    return [
        f"{trace.provenance.source}: {warning.message}"
        for trace in (workload.trace for workload in demand.workloads)
        for warning in trace.provenance.warnings
        if warning.code in _TELLING
    ]


def model_notes(study: Study, initialisation: Initialisation) -> list[str]:
    """What the reader of the case and ANDES said about its data: evidence for the report, no cause for alarm."""
    return study.grid.notes + [m.splitlines()[0] for m in initialisation.messages if "not verified" not in m]
