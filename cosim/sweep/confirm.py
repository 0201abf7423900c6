"""Which of a sweep's screened runs are made again with the equations that are not linear."""

from collections.abc import Iterable, Mapping
from typing import Any

from cosim.sweep.limits import SweepLimit, limits_of, worst_is_lowest
from cosim.sweep.plan import Plan, PlannedRun
from cosim.sweep.records import CRITERIA

NEUTRAL = {"voltage.min_pu": 1.0, "voltage.max_pu": 1.0}
"""What a metric without any disturbance is about; that of frequencies is the nominal one, that of all others zero."""


def to_confirm(plan: Plan, records: Mapping[str, Mapping[str, Any]]) -> list[PlannedRun]:
    """The runs that confirm what a screen has found; none before all of it is done, or if there is no screen.

    Those are the worst ones by a metric, those near a limit that decides, those that lost synchronism, and, if wanted,
    those beyond where linear equations hold.

    Parameters
    ----------
    plan
        Of a sweep.
    records
        What workers wrote down, by run.
    """
    confirm = plan.sweep.screen.confirm if plan.sweep.screen else None
    if confirm is None or any(run.run_id not in records for run in plan.tasks):
        return []
    limits = limits_of(run.data for run in plan.runs)
    values = {run.run_id: records[run.run_id].get("values", {}) for run in plan.tasks}
    known = [(float(found[confirm.metric]), k) for k, found in values.items() if found.get(confirm.metric) is not None]
    sign = 1.0 if worst_is_lowest(confirm.metric, limits) else -1.0
    chosen = {run_id for _, run_id in sorted(known, key=lambda pair: sign * pair[0])[: confirm.top]}
    for run_id, found in values.items():
        is_near = nearest_margin(found, limits) <= confirm.near_limit
        is_outside = confirm.outside_domain and not found.get("linear.holds", True)
        if is_near or is_outside or records[run_id]["status"] == "unstable":
            chosen.add(run_id)
    return [run.confirmation for run in plan.tasks if run.run_id in chosen and run.confirmation]


def nearest_margin(values: Mapping[str, Any], limits: Iterable[SweepLimit]) -> float:
    """Smallest distance from a limit that decides, as a share of what the limit allows; infinite if none was judged.

    Parameters
    ----------
    values
        Of a run's record.
    limits
        Those of the sweep.
    """
    shares = [float("inf")]
    for limit in limits:
        margin, value = (values.get(f"{CRITERIA}.{limit.id}.{key}") for key in ("margin", "value"))
        if not limit.decides or margin is None or value is None:
            continue
        bound = value + margin if limit.is_max else value - margin
        neutral = values.get("frequency.nominal_hz", 0.0) if limit.unit == "Hz" else NEUTRAL.get(limit.metric, 0.0)
        if bound != neutral:
            shares.append(abs(margin / (bound - neutral)))
    return min(shares)
