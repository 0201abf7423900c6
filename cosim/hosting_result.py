"""What came out of a hosting study, as plain data, and as a table."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from cosim.criteria import Criterion
from cosim.hosting import Plan
from cosim.hosting_margins import CheckedLimit, Trial
from cosim.hosting_search import Found
from cosim.scenario.model import EngineName

COLUMNS = (
    "bus",
    "status",
    "capacity_mw",
    "fails_at_mw",
    "linear_mw",
    "confirmed",
    "binding_limit",
    "metric",
    "value",
    "limit",
    "unit",
    "where",
    "time_s",
    "value_at_capacity",
    "seed",
    "linear_runs",
    "nonlinear_runs",
)


def as_dict(plan: Plan, found: Mapping[int | str, Found]) -> dict[str, Any]:
    """The content of ``hosting.json``: the same for the same request."""
    scenario = plan.scenario
    site = scenario.sites[0]
    buses = [_bus(plan, bus, outcome) for bus, outcome in found.items()]
    return {
        "name": scenario.name,
        "grid": scenario.grid.case,
        "site": site.model_dump(mode="json", exclude_none=True, exclude={"bus", "rating_mw"}),
        "other_sites": [str(other.name) for other in scenario.sites[1:]],
        "criteria": [_criterion(criterion) for criterion in plan.criteria],
        "duration_s": scenario.simulation.duration_s,
        "step_s": scenario.simulation.step_s,
        "seeds": list(plan.seeds),
        "max_mw": plan.bracket.max_mw,
        "tolerance": plan.bracket.tolerance,
        "search_engine": _stepped_by(plan.search, found.values()),
        "confirmed_with": _stepped_by(plan.confirm, found.values()),
        "linear_runs": sum(bus["linear_runs"] for bus in buses),
        "nonlinear_runs": sum(bus["nonlinear_runs"] for bus in buses),
        "buses": buses,
        "notes": [*plan.notes, *_reasons(found.values())],
    }


def as_csv(result: Mapping[str, Any]) -> str:
    """A row for each bus: columns `COLUMNS`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for bus in result["buses"]:
        limit = bus["binding_limit"] or {}
        row = bus | limit | {"binding_limit": limit.get("id"), "status": bus["status"]}
        writer.writerow("" if row.get(name) is None else row[name] for name in COLUMNS)
    return text.getvalue()


def _bus(plan: Plan, bus: int | str, found: Found) -> dict[str, Any]:
    low, high = found.low, found.high
    linear_mw = next((e.size_mw for e in found.estimates if e.seed == found.seed), None)
    capacity_mw = None if found.status == "not_assessed" else low.size_mw if low else 0.0
    return {
        "bus": str(bus),
        "status": found.status,
        "capacity_mw": capacity_mw,
        "fails_at_mw": high.size_mw if high else None,
        "linear_mw": linear_mw,
        "confirmed": plan.confirm != "linear" and low is not None,
        "binding_limit": _binding(low, high),
        "seed": found.seed,
        "checked_seeds": list(found.checked),
        "seeds": [
            {
                "seed": e.seed,
                "linear_mw": e.size_mw,
                "predicted_mw": e.predicted_mw if e.predicted_mw < float("inf") else None,
                "limit": e.limit,
            }
            for e in found.estimates
        ],
        "linear_runs": sum(trial.is_linear for trial in found.trials),
        "nonlinear_runs": sum(not trial.is_linear for trial in found.trials),
        "trials": [_trial(trial) for trial in found.trials],
        "warnings": [*found.warnings, *([] if found.status != "not_assessed" else [_why_not(found)])],
    }


def _stepped_by(asked: EngineName, found: Iterable[Found]) -> str:
    """The engine that took the steps of runs for which one was asked; the one asked for if there were none."""
    names = {trial.stepped_by for outcome in found for trial in outcome.trials if trial.engine == asked}
    return " and ".join(sorted(name for name in names if name)) or asked


def _reasons(found: Iterable[Found]) -> list[str]:
    """Why runs were not made in compiled code."""
    reasons = dict.fromkeys(trial.reason for outcome in found for trial in outcome.trials if trial.reason)
    return [f"runs were not compiled: {reason}" for reason in reasons]


def _why_not(found: Found) -> str:
    return f"nothing is assessed here: {found.trials[0].message or 'no criterion decides'}"


def _binding(low: Trial | None, high: Trial | None) -> dict[str, Any] | None:
    """What stands in the way of a larger site; if nothing does, what is nearest to do so."""
    trial = high or low
    if trial is None:
        return None
    limit = trial.binding if trial.is_complete else None
    if limit is None:
        nothing = dict.fromkeys(("metric", "value", "limit", "unit", "where", "time_s", "value_at_capacity"))
        return {"id": trial.status, **nothing, "breaks": not trial.passes, "message": trial.message}
    at_capacity = low.of(limit.key) if low else None
    return {
        "id": limit.id,
        "metric": limit.metric,
        "value": limit.value,
        "limit": limit.limit,
        "unit": limit.unit,
        "where": limit.where,
        "time_s": limit.time_s,
        "value_at_capacity": at_capacity.value if at_capacity else None,
        "breaks": not limit.passes,
        "message": trial.message,
    }


def _trial(trial: Trial) -> dict[str, Any]:
    limit: CheckedLimit | None = trial.binding
    return {
        "engine": trial.made_with,
        "seed": trial.seed,
        "size_mw": trial.size_mw,
        "status": trial.status,
        "verdict": trial.verdict,
        "nearest_limit": limit.id if limit else None,
        "value": limit.value if limit else None,
        "limit": limit.limit if limit else None,
    }


def _criterion(criterion: Criterion) -> dict[str, Any]:
    return {
        "id": criterion.id or " and ".join(bound.id for bound in criterion.bounds(1.0)),
        "metric": criterion.metric,
        "decides": criterion.decides,
        "status": criterion.status,
        "evidence": criterion.evidence,
        "profile": criterion.profile,
    }
