"""Put the page together: what the template shows, and the page's bytes."""

from __future__ import annotations

import base64
import functools
import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from cosim.criteria import COMPLETED
from cosim.report import tables
from cosim.report.figures import Figure, Source, all_figures
from cosim.report.limits import Limit, judged_limits
from cosim.report.text import MISSING, general, is_number, label, number, words
from cosim.result import Result, ResultError

_HERE = Path(__file__).parent
_NOT_A_VERDICT = "simulation_failed"
_STATUS_TEXT = {
    "completed": "Simulated to the end.",
    "unstable": "The grid lost synchronism.",
    "diverged": "The solver found no solution and stopped.",
    "power_flow_failed": "The power flow has no solution, so there was nothing to simulate.",
    "initialisation_failed": "The grid did not start in equilibrium, so there was nothing to simulate.",
    "interrupted": "The run was stopped before its end.",
}


def render(result: Result) -> str:
    """The whole page as text; the same result gives the same bytes."""
    summary = result.summary
    scenario_text, scenario = _scenario(result)
    status, entries = summary["status"], _entries(summary)
    limits = judged_limits(entries)
    nothing = "" if status == COMPLETED or _has_rows(result) else "the run ended before its first step"
    figures = all_figures(Source(result, summary, limits, nothing))
    buses = {name: str(result.site_attributes(name).get("bus", MISSING)) for name in result.sites}
    metrics, reasons = summary["metrics"], summary.get("not_assessed") or {}
    return _template().render(
        style=Markup(_asset("style.css")),
        scripts=[Markup(text) for text in _scripts()],
        policy=_policy(),
        name=summary["name"],
        description=scenario.get("description") or "",
        grid=_grid(result, summary),
        status=status,
        completed=status == COMPLETED,
        status_text=_STATUS_TEXT.get(status, "The run did not complete."),
        message=result.attributes.get("message") or "",
        verdict=_verdict(summary, status),
        extent=_extent(summary, scenario),
        tiles=_tiles(metrics, entries),
        compliance=tables.compliance(entries, limits),
        verdict_note=_verdict_note(summary, limits),
        nothing=nothing,
        number_tables=[
            tables.grid_numbers(metrics, reasons),
            tables.site_numbers(metrics, buses),
            tables.ramp_numbers(metrics, reasons),
        ],
        warnings=summary["warnings"],
        figures=[(figure, _figure_json(figure)) for figure in figures],
        excesses=tables.ramp_excesses(metrics),
        violations=tables.ramp_violations(metrics),
        events=tables.scenario_events(result.events.to_dict("records")),
        voltage_events=tables.voltage_events(metrics["voltage"], reasons),
        model=_model(scenario, summary),
        network=_network(result.attributes.get("network_svg")),
        redispatch=tables.redispatch((summary["initialisation"] or {}).get("redispatch_mw") or {}),
        shortest_event=number(metrics["voltage"]["shortest_event_s"], "s"),
        provenance=_provenance(summary["provenance"]),
        traces=(summary["provenance"] or {}).get("sites") or {},
        averaged=(summary["provenance"] or {}).get("injection") != "point",
        scenario_text=scenario_text,
    )


def _has_rows(result: Result) -> bool:
    """Whether anything was simulated."""
    return result.time_s.size > 0 or any(not result.site(name).empty for name in result.sites)


@functools.cache
def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"words": words, "label": label, "value": _value}
    environment.tests["mapping_like"] = lambda item: isinstance(item, Mapping)
    return environment.get_template("template.html.j2")


@functools.cache
def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


@functools.cache
def _scripts() -> tuple[str, str]:
    return get_plotlyjs().replace("\r\n", "\n"), _asset("page.js")


@functools.cache
def _network(svg: str | None) -> str | None:
    """The stored picture of the network as a data address; None if the run stored none."""
    return None if svg is None else f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _policy() -> str:
    """What a browser may do with the page: run these two scripts, and load nothing from anywhere."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in _scripts()]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"


def _figure_json(figure: Figure) -> Markup:
    """The figure's JSON, safe inside a script element whatever names it holds."""
    if figure.plot is None:
        return Markup()
    text = str(figure.plot.to_json())
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


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
    engine, step = (
        provenance.get("engine", settings.get("engine")),
        provenance.get("step_s", settings.get("step_s")),
    )
    tolerance = general(settings.get("tolerance"))
    solver = f"{engine or MISSING}, steps of at most {general(step)} s, tolerance {tolerance} pu"
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


def _provenance(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Everything noted but the traces, which have their own table."""
    return {key: value for key, value in (provenance or {}).items() if key not in ("sites", "grid")}


def _plain_text(value: Any) -> str:
    """Nested data as one line."""
    if isinstance(value, Mapping):
        return ", ".join(
            f"{words(str(key))} {_plain_text(item)}" for key, item in value.items() if item not in ([], {}, None)
        )
    if isinstance(value, list | tuple):
        return ", ".join(_plain_text(item) for item in value)
    return _value(value)


def _value(value: Any) -> str:
    if value is None or value == "":
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    return general(value) if isinstance(value, float) else str(value)
