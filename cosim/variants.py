"""Further runs of a scenario to compare with: without fluctuation, without mitigation, and at half the step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cosim.comparison import differences
from cosim.criteria import COMPLETED
from cosim.scenario.model import Scenario

if TYPE_CHECKING:
    from cosim.study import Study

NEGLIGIBLE = 1e-12
"""Changes smaller than this, in the metric's unit, are rounding."""


def steady_scenario(study: Study) -> Scenario:
    """The same scenario with each site drawing its mean power, so that what moves is the grid's own doing.

    Trips and returns of sites and their protection stay: they are no fluctuation. Mitigation has nothing left to do.
    """
    duration_s = study.scenario.simulation.duration_s
    sites = []
    for site in study.scenario.sites:
        mean_mw = study.demands[str(site.name)].mean_mw(duration_s)
        rating_mw = max(site.rating_mw, mean_mw)
        changes = {"workloads": [], "rating_mw": rating_mw, "steady_share": mean_mw / rating_mw, "pue": 1.0}
        changes |= {"mitigation": [], "power_chain": None}
        sites.append(site.model_copy(update=changes))
    name = f"{study.scenario.name} without fluctuation"
    return study.scenario.model_copy(update={"name": name, "sites": sites})


def unmitigated_scenario(study: Study) -> Scenario:
    """The same scenario without any mitigation."""
    sites = [site.model_copy(update={"mitigation": []}) for site in study.scenario.sites]
    name = f"{study.scenario.name} without mitigation"
    return study.scenario.model_copy(update={"name": name, "sites": sites})


def half_step_scenario(study: Study) -> Scenario:
    """The same scenario at half the step."""
    simulation = study.scenario.simulation
    halved = simulation.model_copy(update={"step_s": simulation.step_s / 2})
    return study.scenario.model_copy(update={"name": f"{study.scenario.name} at half the step", "simulation": halved})


def shortened(scenario: Scenario, steps: int) -> Scenario:
    """The same scenario cut off after some steps."""
    simulation = scenario.simulation
    duration_s = min(simulation.duration_s, steps * simulation.step_s)
    changes = {
        "simulation": simulation.model_copy(update={"duration_s": duration_s}),
        "events": [event for event in scenario.events if event.at_s < duration_s],
    }
    return scenario.model_copy(update=changes)


def comparison_entry(other: dict[str, Any]) -> dict[str, Any]:
    """Build ``summary["baseline"]`` or ``summary["unmitigated"]`` from the summary of that run."""
    return {key: other[key] for key in ("status", "verdict", "metrics", "criteria")}


def step_check_entry(summary: dict[str, Any], halved: dict[str, Any]) -> dict[str, Any]:
    """Build ``summary["step_check"]`` from the summaries of a run and of the same at half the step.

    Returns
    -------
    dict
        ``step_s`` of the second run, its ``status``, ``changes`` ({metric, unit, value, halved, change, relative}, the
        relatively largest first; times of extremes are left out) and ``verdicts_changed`` (ids of criteria).
    """
    changes = [
        {
            "metric": row.metric,
            "unit": row.unit,
            "value": row.values[0],
            "halved": row.values[1],
            "change": row.changes[0],
            "relative": abs(row.changes[0] / row.values[0]) if row.values[0] else None,
        }
        for row in differences([summary["metrics"], halved["metrics"]])
        if row.unit != "s" and row.changes[0] is not None and abs(row.changes[0]) > NEGLIGIBLE
    ]
    changes.sort(key=lambda entry: entry["relative"] or 0.0, reverse=True)
    verdicts = {entry["id"]: entry["verdict"] for entry in halved["criteria"]}
    return {
        "step_s": halved["provenance"]["step_s"],
        "status": halved["status"],
        "changes": changes,
        "verdicts_changed": [e["id"] for e in summary["criteria"] if verdicts.get(e["id"]) != e["verdict"]],
    }


def step_warnings(check: dict[str, Any]) -> list[str]:
    """Say where the step is too long for the verdicts to be believed."""
    step = f"{check['step_s']:g} s"
    if check["status"] != COMPLETED:
        return [f"with a step of {step} the run did not complete ({check['status'].replace('_', ' ')}): use that step"]
    if check["verdicts_changed"]:
        return [f"with a step of {step} the verdict changes for {', '.join(check['verdicts_changed'])}: use that step"]
    return []
