"""What a report shows, as plain data for its template: the same for the page and for print."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from cosim.criteria import COMPLETED
from cosim.engine_text import SOLVERS, engine_text
from cosim.report.figures import Source, figures_of
from cosim.report.figures.reaction import reactions
from cosim.report.limitations import filters, limitations
from cosim.report.limits import Limit, drawn_limits, judged_limits
from cosim.report.tables import compliance, lists, number_tables, reaction_tables
from cosim.report.tables.resonance import resonance_table, sentences
from cosim.report.text import MISSING, general, is_number, number, words
from cosim.result import Result, ResultError

_NOT_A_VERDICT = "simulation_failed"
_STATUS_TEXT = {
    "completed": "Simulated to the end.",
    "unstable": "The grid lost synchronism.",
    "diverged": "The solver found no solution and stopped.",
    "power_flow_failed": "The power flow has no solution, so there was nothing to simulate.",
    "initialisation_failed": "The grid did not start in equilibrium, so there was nothing to simulate.",
    "interrupted": "The run was stopped before its end.",
}


def content(result: Result) -> dict[str, Any]:
    """Everything that the template needs but its style and the form of its plots."""
    summary = result.summary
    scenario_text, scenario = _scenario(result)
    status, entries = summary["status"], _entries(summary)
    limits = judged_limits(entries)
    nothing = "" if status == COMPLETED or _has_rows(result) else "the run ended before its first step"
    metrics, reasons = summary["metrics"], summary.get("not_assessed") or {}
    provenance, start = summary["provenance"] or {}, summary["initialisation"] or {}
    traces = provenance.get("sites") or {}
    reacting = {} if nothing else reaction_tables(result, metrics)
    source = Source(result, summary, drawn_limits(entries, limits), nothing)
    return {
        "name": summary["name"],
        "description": scenario.get("description") or "",
        "grid": _grid(result, summary),
        "status": status,
        "completed": status == COMPLETED,
        "status_text": _STATUS_TEXT.get(status, "The run did not complete."),
        "message": result.attributes.get("message") or "",
        "verdict": _verdict(summary, status),
        "extent": _extent(summary, scenario),
        "tiles": _tiles(metrics, entries),
        "compliance": compliance(entries, limits),
        "verdict_note": _verdict_note(summary, limits),
        "nothing": nothing,
        "numbers": {} if nothing else number_tables(summary),
        "warnings": summary["warnings"],
        "figures": figures_of(source) | reactions(source, list(reacting)),
        "baseline": _baseline(summary),
        "unmitigated": lists.without_mitigation(summary) if "unmitigated" in summary else None,
        "step_check": lists.step_check(summary["step_check"]) if "step_check" in summary else None,
        "excesses": lists.ramp_excesses(metrics),
        "violations": lists.ramp_violations(metrics),
        "modes": lists.modes(metrics.get("oscillation", {}), reasons),
        "resonance": resonance_table(summary),
        "resonance_sentences": sentences(summary),
        "events": lists.scenario_events(result.events.to_dict("records")),
        "voltage_events": lists.voltage_events(metrics["voltage"], reasons),
        "model": _model(scenario, summary),
        "notes": start.get("notes") or [],
        "project": _project(scenario, summary, result),
        "strengths": lists.strengths(traces),
        "redispatch": lists.redispatch(start.get("redispatch_mw") or {}),
        "limitations": limitations(result, summary, scenario),
        "filters": filters(result),
        "provenance": {key: value for key, value in provenance.items() if key not in ("sites", "grid")},
        "traces": traces,
        "reactions": reacting,
        "reaction_settings": _reaction_settings(scenario),
        "scenario_text": scenario_text,
    }


def _project(scenario: Mapping[str, Any], summary: Mapping[str, Any], result: Result) -> list[tuple[str, str]]:
    """What was studied: title and text."""
    provenance = summary["provenance"] or {}
    rows = [("Study", summary["name"])]
    if scenario.get("description"):
        rows.append(("Description", str(scenario["description"])))
    for site in _sites(scenario):
        text = f"{general(site.get('rating_mw'))} MW at bus {site.get('bus')}, {words(str(site.get('mode', 'add')))}"
        kinds = _counted([words(str(w.get("preset") or w.get("type"))) for w in site.get("workloads") or []])
        rows.append((f"Site {site.get('name', '')}", text + (f"; {kinds}" if kinds else "; steady")))
    network = result.network
    if network is not None:
        areas = len({bus.area for bus in network.buses})
        text = f"{len(network.buses)} buses in {areas} area{'s' if areas > 1 else ''}, "
        text += f"{len(network.generators)} machines, {len(network.lines)} branches, "
        text += f" {general(sum(bus.load_mw for bus in network.buses))} MW of base load"
        rows.append(("Network", text))
    rows += [
        ("Engine", engine_text(provenance, MISSING)),
        ("Seed", str(provenance.get("seed", MISSING))),
        ("Made on", f"{provenance.get('date', MISSING)} at {provenance.get('host', MISSING)}"),
    ]
    return rows


def _counted(names: Sequence[str]) -> str:
    """Names once each, with how often."""
    return ", ".join(name if count == 1 else f"{count} × {name}" for name, count in Counter(names).items())


def _sites(scenario: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [site for site in scenario.get("sites") or [] if isinstance(site, Mapping)]


def _reaction_settings(scenario: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Protection and mitigation of each site that has any, as the scenario gives them."""
    found = {}
    for site in _sites(scenario):
        given = {key: site[key] for key in ("protection", "mitigation") if site.get(key)}
        if given.get("protection") == {"preset": "none"}:
            del given["protection"]
        if given:
            found[str(site.get("name", ""))] = given
    return found


def _baseline(summary: Mapping[str, Any]) -> str:
    """What is said of the run without fluctuation, if there is one."""
    if "baseline" not in summary:
        return ""
    status = summary["baseline"]["status"]
    text = "Every table of numbers also has the same run with each site at its mean power, and the difference."
    return text if status == COMPLETED else f"{text} That run did not complete: {words(status)}."


def _has_rows(result: Result) -> bool:
    """Whether anything was simulated."""
    return result.time_s.size > 0 or any(not result.site(name).empty for name in result.sites)


def _scenario(result: Result) -> tuple[str, Mapping[str, Any]]:
    """The resolved scenario as text and as data, both empty where it was not stored."""
    try:
        text = result.scenario_text
    except ResultError:
        return "", {}
    try:
        data = YAML(typ="safe", pure=True).load(io.StringIO(text))
    except YAMLError:
        return text, {}
    return text, data if isinstance(data, Mapping) else {}


def _verdict(summary: Mapping[str, Any], status: str) -> str:
    """The overall verdict; whatever was stored, a run that did not complete passes nothing."""
    return summary["verdict"] if status == COMPLETED else _NOT_A_VERDICT


def _entries(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The judged criteria, by the same rule."""
    changes = {} if summary["status"] == COMPLETED else {"verdict": _NOT_A_VERDICT, "margin": None, "reason": None}
    return [{**entry, **changes} for entry in summary["criteria"]]


def _verdict_note(summary: Mapping[str, Any], limits: list[Limit]) -> str:
    if not summary["criteria"]:
        return ""
    text = "A margin is positive inside the limit."
    if any(not limit.decides for limit in limits):
        text += " Draft, proposed, withdrawn and example limits inform; they do not decide the verdict."
    return text


def _grid(result: Result, summary: Mapping[str, Any]) -> dict[str, str]:
    notes, stored = result.attributes, (summary["provenance"] or {}).get("grid") or {}
    return {
        "name": str(notes.get("grid") or stored.get("name") or ""),
        "source": str(notes.get("grid_source") or stored.get("source") or ""),
        "nominal_hz": general(notes.get("nominal_hz")),
    }


def _extent(summary: Mapping[str, Any], scenario: Mapping[str, Any]) -> str:
    end, wanted = summary["end_time_s"], (scenario.get("simulation") or {}).get("duration_s")
    if not is_number(wanted):
        return f"{number(end or 0.0, 's')} s simulated"
    return f"{number(end or 0.0, 's')} of {number(wanted, 's')} s simulated"


def _tiles(metrics: Mapping[str, Any], criteria: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str, str]]:
    """The few numbers that a reader looks for first: title, value, unit, note."""
    f, v = metrics["frequency"], metrics["voltage"]
    site_ramps = {name: ramps["windows"].get("1s") for name, ramps in metrics["ramp"]["sites"].items()}
    site_ramps = {name: value for name, value in site_ramps.items() if is_number(value)}
    steepest = max(site_ramps, key=lambda name: site_ramps[name], default=None)
    tiles = []
    if criteria:
        passed = sum(entry["verdict"] == "pass" for entry in criteria)
        assessed = sum(entry["verdict"] in ("pass", "fail") for entry in criteria)
        note = "" if assessed == len(criteria) else f"{len(criteria) - assessed} not assessed"
        tiles.append(("Criteria passed", f"{passed} of {len(criteria)}", "", note))
    tiles += [
        ("Frequency deviation", number(f["max_deviation_mhz"], "mHz"), "mHz", "any generator"),
        (
            "Largest RoCoF, 500 ms",
            number(f["max_rocof_hz_per_s"].get("500ms"), "Hz/s"),
            "Hz/s",
            "centre of inertia",
        ),
        (
            "Lowest voltage",
            number(v["min_pu"], "pu"),
            "pu",
            "" if v["min_bus"] is None else f"bus {v['min_bus']}",
        ),
    ]
    if steepest is not None:
        tiles.append(("Largest change in 1 s", number(site_ramps[steepest], "MW"), "MW", steepest))
    return [tile for tile in tiles if tile[1] != MISSING]


def _model(scenario: Mapping[str, Any], summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Evidence on model and initialisation: title and text."""
    start, provenance = summary["initialisation"] or {}, summary["provenance"] or {}
    grid, settings = scenario.get("grid") or {}, scenario.get("simulation") or {}
    iterations = start.get("power_flow_iterations")
    residual = general(start.get("residual"), 2)
    if start.get("residual") is not None:
        residual += " pu" + (f", at equation {start['worst_equation']}" if start.get("worst_equation") else "")
    rows = [
        ("Power flow", f"{iterations} iterations" if iterations is not None else MISSING),
        ("Largest initial residual", residual),
        ("Base loads", _zip_text(grid.get("base_load")) or MISSING),
        ("Edits of the grid", "; ".join(_plain_text(edit) for edit in grid.get("edits") or []) or "none"),
        ("Redispatch", _plain_text(scenario.get("redispatch")) or MISSING),
    ]
    for site in scenario.get("sites") or []:
        load = site.get("load_model") or {}
        text = f"bus {site.get('bus')}, {words(str(site.get('mode', '')))}, "
        text += f"{general(site.get('rating_mw'))} MW, "
        text += f"power factor {general(site.get('power_factor'))}; {_zip_text(load)}"
        if "v_min_pu" in load:
            text += f", constant impedance below {general(load['v_min_pu'])} pu"
        rows.append((f"Site {site.get('name', '')}", text))
    engine = provenance.get("engine", settings.get("engine"))
    step, tolerance = provenance.get("step_s", settings.get("step_s")), general(settings.get("tolerance"))
    solver = f"{SOLVERS.get(str(engine), MISSING)}, steps of at most {general(step)} s, tolerance {tolerance} pu"
    rule = provenance.get("injection", settings.get("injection"))
    how = {
        "average": "energy-preserving average of the trace over the adjoining steps; steps end on jumps",
        "point": "value of the trace at each step",
    }
    return [*rows, ("Solver", solver), ("Injection", how.get(str(rule), MISSING))]


def _zip_text(shares: Mapping[str, Any] | None) -> str:
    names = {"z": "constant impedance", "i": "constant current", "p": "constant power"}
    given = {key: (shares or {}).get(key) for key in names}
    return ", ".join(f"{100 * value:.4g} % {names[key]}" for key, value in given.items() if value)


def _plain_text(value: Any) -> str:
    """Nested data as one line."""
    if isinstance(value, Mapping):
        return ", ".join(
            f"{words(str(key))} {_plain_text(item)}" for key, item in value.items() if item not in ([], {}, None)
        )
    if isinstance(value, list | tuple):
        return ", ".join(_plain_text(item) for item in value)
    return plain_value(value)


def plain_value(value: Any) -> str:
    """Write any single value of a scenario or of provenance."""
    if value is None or value == "":
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    return general(value) if isinstance(value, float) else str(value)
