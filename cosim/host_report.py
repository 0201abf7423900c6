"""The page of a hosting study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from cosim.hosting_console import all_notes, basis, capacity_text, limit_text
from cosim.network import Network
from cosim.report.figures import hosting_capacity
from cosim.report.page import asset, figure_json, policy, scripts, template
from cosim.report.tables.cells import Cell, Table, columns
from cosim.report.text import MISSING, general, printed_id

Result = Mapping[str, Any]


def render_hosting(result: Result, network: Network) -> str:
    """The page as text.

    Parameters
    ----------
    result
        Content of ``hosting.json``.
    network
        Of the grid.
    """
    buses = result["buses"]
    texts = {bus["bus"]: _hover(bus) for bus in buses}
    names = {bus["bus"]: _short_limit(bus) for bus in buses}
    figures = [
        hosting_capacity.capacity_map(buses, network, texts),
        hosting_capacity.capacity_bars(buses, names, texts),
    ]
    return template("hosting.html.j2").render(
        style=Markup(asset("style.css")),
        scripts=[Markup(text) for text in scripts()],
        policy=policy(),
        printed=False,
        name=result["name"],
        tiles=_tiles(result),
        figures=[(figure, figure_json(figure)) for figure in figures],
        capacities=_capacities(result),
        seeds=_seeds(result),
        facts=_facts(result),
        basis=basis(result),
        notes=all_notes(result),
    )


def _tiles(result: Result) -> list[tuple[str, str, str]]:
    """Title, value and note of the numbers at the top."""
    known = [bus for bus in result["buses"] if bus["capacity_mw"] is not None]
    tiles = []
    if known:
        for title, bus in (
            ("Largest", max(known, key=lambda bus: bus["capacity_mw"])),
            ("Smallest", min(known, key=lambda bus: bus["capacity_mw"])),
        ):
            tiles.append((title, f"{_capacity(bus)} MW", f"bus {bus['bus']}: {printed_id(_short_limit(bus))}"))
    count, seeds = len(result["buses"]), len(result["seeds"])
    tiles.append(("Buses", f"{count}", f"with {seeds} seed{'s' * (seeds > 1)} each"))
    tiles.append(("Nonlinear runs", f"{result['nonlinear_runs']}", f"and {result['linear_runs']} linear ones"))
    return tiles


def _capacities(result: Result) -> Table:
    rows = []
    for bus in result["buses"]:
        limit = bus["binding_limit"] or {}
        unit = limit.get("unit") or ""
        rows.append(
            [
                Cell(bus["bus"]),
                Cell(_capacity(bus), sort=bus["capacity_mw"]),
                Cell(_number(bus["fails_at_mw"]), sort=bus["fails_at_mw"]),
                Cell(_number(bus["linear_mw"]), sort=bus["linear_mw"]),
                Cell(printed_id(limit_text(bus)), _metric_note(bus)),
                Cell(_number(limit.get("value")), unit, sort=limit.get("value")),
                Cell(_number(limit.get("limit")), unit, sort=limit.get("limit")),
                Cell(limit.get("where") or MISSING),
                Cell(_number(limit.get("time_s"), 4), sort=limit.get("time_s")),
                Cell(str(bus["seed"]), sort=bus["seed"]),
                Cell(str(bus["nonlinear_runs"]), sort=bus["nonlinear_runs"]),
            ]
        )
    titles = (
        "Bus",
        "Capacity (MW)>",
        "Fails at (MW)>",
        "Linear (MW)>",
        "Binding limit",
        "Value>",
        "Limit>",
        "Where",
        "At (s)>",
        "Seed>",
        "Nonlinear runs>",
    )
    note = (
        "Capacity: the largest size that passes, with every seed that was run at it. Value: at the smallest size that "
        "fails, with the seed that decides. Linear: where the first limit binds by the linear equations."
    )
    return Table("table-capacities", "Hosting capacity by bus", columns(*titles), rows, "No bus was studied.", note)


def _seeds(result: Result) -> Table:
    rows = [
        [
            Cell(bus["bus"]),
            Cell(str(seed["seed"]), sort=seed["seed"]),
            Cell(_number(seed["linear_mw"]), sort=seed["linear_mw"]),
            Cell(printed_id(str(seed["limit"]).replace("_", " ")) if seed["limit"] else MISSING),
            Cell(_checked(bus, seed["seed"])),
        ]
        for bus in result["buses"]
        for seed in bus["seeds"]
    ]
    titles = ("Bus", "Seed>", "Binds at (MW)>", "Limit", "Run with the engine that confirms")
    note = "By each bus, the seed whose first limit binds at the smallest size first."
    return Table("table-seeds", "Seeds", columns(*titles), rows, "No seed was searched.", note)


def _checked(bus: Mapping[str, Any], seed: int) -> str:
    if seed == bus["seed"]:
        return "decides"
    return "at the size found" if seed in bus["checked_seeds"] else "no: binds at a larger size"


def _facts(result: Result) -> list[tuple[str, str]]:
    site = result["site"]
    workloads = ", ".join(str(w.get("preset") or w["type"]) for w in site["workloads"]) or "none"
    deciding = [limit["id"] for limit in result["criteria"] if limit["decides"]]
    informing = [limit["id"] for limit in result["criteria"] if not limit["decides"]]
    profiles = ", ".join(dict.fromkeys(str(x["profile"]) for x in result["criteria"] if x["profile"])) or "none"
    facts = [
        ("Grid", result["grid"]),
        ("Workloads of the site", workloads),
        ("Power factor", f"{site['power_factor']:g}"),
        ("Mitigation", ", ".join(part["type"] for part in site["mitigation"]) or "none"),
        ("Other sites", ", ".join(result["other_sites"]) or "none"),
        ("Limits that decide", ", ".join(printed_id(str(name)) for name in deciding)),
        ("Limits that inform", ", ".join(printed_id(str(name)) for name in informing) or "none"),
        ("Profiles", profiles),
        ("Simulated", f"{result['duration_s']:g} s in steps of {result['step_s']:g} s"),
        ("Seeds", ", ".join(map(str, result["seeds"]))),
        ("Sizes", f"up to {general(result['max_mw'])} MW, brackets of {100 * result['tolerance']:g} %"),
        ("Engines", f"{result['search_engine']} to search, {result['confirmed_with']} to confirm"),
    ]
    unsure = [x["id"] for x in result["criteria"] if x["evidence"] not in ("primary", "user")]
    if unsure:
        facts.append(("Check against the source before citing", ", ".join(map(str, unsure))))
    return facts


def _hover(bus: Mapping[str, Any]) -> str:
    limit = bus["binding_limit"] or {}
    text = f"bus {bus['bus']}: {_capacity(bus)} MW, {printed_id(limit_text(bus))}"
    if limit.get("value") is not None and bus["status"] != "at_max":
        text += f" ({general(limit['value'], 4)} against {general(limit['limit'], 4)} {limit['unit']})"
    return text


def _short_limit(bus: Mapping[str, Any]) -> str:
    return limit_text(bus).removesuffix(" (no size passes)")


def _metric_note(bus: Mapping[str, Any]) -> str:
    limit = bus["binding_limit"] or {}
    if limit.get("metric") is None:
        return limit.get("message") or ""
    return "" if limit["metric"] in limit["id"] else limit["metric"]


def _capacity(bus: Mapping[str, Any]) -> str:
    return capacity_text(bus).replace(">= ", "≥ ").replace("-", MISSING)


def _number(value: float | None, significant: int = 5) -> str:
    return MISSING if value is None else general(value, significant)
