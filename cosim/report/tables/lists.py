"""Tables of what happened: events, sags, ramp limits exceeded, oscillations, redispatch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cosim.comparison import HEADLINE, differences
from cosim.criteria import COMPLETED
from cosim.metrics import reason_for
from cosim.report.tables.cells import MAX_ROWS, Cell, Table, columns, first_rows
from cosim.report.text import MISSING, general, number, printed_id, words

MOST_CHANGES = 20


def ramp_excesses(metrics: Mapping[str, Any]) -> Table:
    """How often and how long each ramp limit was exceeded."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for entry in metrics["ramp"]["violations"] or []:
        groups.setdefault((entry["site"], entry["criterion"]), []).append(entry)
    titles = columns("Site", "Criterion", "Times>", "In all (s)>", "First at (s)>", "Largest change (MW)>", "Limit>")
    rows = []
    for (site, criterion), entries in groups.items():
        length_s = sum(entry["duration_s"] for entry in entries)
        worst = max(entry["value"] for entry in entries)
        first_s, limit = entries[0]["start_s"], entries[0]["limit"]
        numbers = [
            (str(len(entries)), len(entries)),
            (number(length_s, "s"), length_s),
            (number(first_s, "s"), first_s),
        ]
        numbers += [(number(worst, "MW"), worst), (general(limit), limit)]
        rows.append([Cell(site), Cell(printed_id(criterion)), *(Cell(text, sort=value) for text, value in numbers)])
    return Table("table-excesses", "Ramp limits exceeded", titles, rows, "No ramp limit was exceeded, or none is set.")


def ramp_violations(metrics: Mapping[str, Any]) -> Table:
    """When a ramp limit was exceeded."""
    entries = metrics["ramp"]["violations"] or []
    titles = columns("Site", "Criterion", "Start (s)>", "Duration (s)>", "Largest change (MW)>", "Limit>")
    rows = [
        [
            Cell(entry["site"]),
            Cell(printed_id(entry["criterion"])),
            *(Cell(number(entry[key], "s"), sort=entry[key]) for key in ("start_s", "duration_s")),
            Cell(number(entry["value"], "MW"), sort=entry["value"]),
            Cell(general(entry["limit"]), sort=entry["limit"]),
        ]
        for entry in entries[:MAX_ROWS]
    ]
    note = first_rows(len(entries), "violations")
    return Table("table-violations", "Each time over a ramp limit", titles, rows, note=note)


def voltage_events(voltage: Mapping[str, Any], reasons: Mapping[str, str]) -> Table:
    """Sags, swells and interruptions."""
    entries = voltage["events"]
    titles = columns("Bus", "Category", "Start (s)>", "Duration (s)>", "Residual (pu)>")
    rows = [
        [
            Cell(str(entry["bus"])),
            Cell(entry["category"], "still on at the end of the record" if entry.get("open") else ""),
            *(Cell(number(entry[key], "s"), sort=entry[key]) for key in ("start_s", "duration_s")),
            Cell(number(entry["residual_pu"], "pu"), sort=entry["residual_pu"]),
        ]
        for entry in (entries or [])[:MAX_ROWS]
    ]
    empty = (
        "No bus left 0.9 to 1.1 pu."
        if entries is not None
        else f"Not assessed: {reason_for(reasons, 'voltage.events')}."
    )
    shortest = voltage["shortest_event_s"]
    note = f"Categories of IEEE Std 1159-2009. The record resolves events from {number(shortest, 's')} s." * (
        shortest is not None
    )
    return Table(
        "table-sags",
        "Sags, swells and interruptions",
        titles,
        rows,
        empty,
        f"{note} {first_rows(len(entries or []), 'events')}",
    )


def scenario_events(rows: Sequence[Mapping[str, Any]]) -> Table:
    """What happened on the grid, numbered as in the plots."""
    cells = [
        [
            Cell(f"E{k}", sort=k),
            Cell(number(row["time_s"], "s"), sort=row["time_s"]),
            Cell(words(row["kind"])),
            Cell(row["description"]),
        ]
        for k, row in enumerate(rows[:MAX_ROWS], start=1)
    ]
    empty = "No event happened: no line trip, load step or protection action."
    return Table(
        "table-events",
        "Events",
        columns("No.", "Time (s)>", "Kind", "Description"),
        cells,
        empty,
        first_rows(len(rows), "events"),
    )


def redispatch(shares_mw: Mapping[str, float]) -> Table:
    """Which generators supply the sites."""
    rows = [[Cell(str(name)), Cell(number(value, "MW"), sort=value)] for name, value in shares_mw.items()]
    empty = "No generator was redispatched: nothing was added, or the slack generator supplies it."
    return Table(
        "table-redispatch",
        "Added generation that supplies the sites",
        columns("Generator", "Added (MW)>"),
        rows,
        empty,
    )


def modes(oscillation: Mapping[str, Any], reasons: Mapping[str, str]) -> Table:
    """Oscillations that the run shows."""
    entries = oscillation.get("modes")
    titles = ("Frequency (Hz)>", "Damping (%)>", "Size (mHz)>", "Generator", "Kind", "Nearest natural mode")
    rows = []
    for entry in entries or []:
        nearest = "–"
        if entry["nearest_natural_hz"] is not None:
            damping = number(entry["nearest_natural_damping_percent"], "%", 1)
            nearest = f"{entry['nearest_natural_hz']:.3f} Hz at {damping} %, {entry['distance_hz']:.3f} Hz away"
        cells = [
            Cell(f"{entry['frequency_hz']:.3f}", sort=entry["frequency_hz"]),
            Cell(number(entry["damping_percent"], "", 2), sort=entry["damping_percent"]),
            Cell(number(entry["amplitude"], "mHz"), sort=entry["amplitude"]),
            Cell(entry["signal"]),
            Cell("forced by the load" if entry["forced"] else "natural"),
            Cell(nearest),
        ]
        rows.append(cells)
    why = reason_for(reasons, "oscillation.modes") or "no oscillation stands out"
    return Table("table-modes", "Oscillations found", columns(*titles), rows, f"None: {why}.")


def step_check(check: Mapping[str, Any]) -> Table:
    """What half the step changes."""
    rows = [
        [
            Cell(entry["metric"]),
            Cell(number(entry["value"], entry["unit"]), sort=entry["value"]),
            Cell(number(entry["halved"], entry["unit"]), sort=entry["halved"]),
            Cell(general(entry["change"], 3), sort=entry["change"]),
            Cell(general(None if entry["relative"] is None else 100 * entry["relative"], 3), sort=entry["relative"]),
            Cell(entry["unit"] or "–"),
        ]
        for entry in check["changes"][:MOST_CHANGES]
    ]
    verdicts = ", ".join(check["verdicts_changed"])
    note = f"Verdicts that change: {verdicts}." if verdicts else "No verdict changes."
    return Table(
        "table-step",
        f"The same run with steps of {general(check['step_s'])} s",
        columns("Metric", "Value>", "At half the step>", "Change>", "Change (%)>", "Unit"),
        rows,
        f"The run at half the step did not complete: {words(check['status'])}."
        if check["status"] != "completed"
        else "No metric changes.",
        f"{note} The relatively largest of {len(check['changes'])} changes; summary.json has all of them.",
    )


def without_mitigation(summary: Mapping[str, Any]) -> Table:
    """What mitigation is worth: the run without it, this one, and the change; metrics that tell most, and criteria."""
    other = summary["unmitigated"]
    rows = [
        [
            Cell(row.metric),
            *(Cell(number(value, row.unit), sort=value) for value in (*row.values, row.changes[0])),
            Cell(row.unit or MISSING),
        ]
        for row in differences([other["metrics"], summary["metrics"]])
        if row.metric in HEADLINE
    ]
    headings = {len(rows): "Criteria"} if summary["criteria"] else {}
    verdicts = {entry["id"]: entry["verdict"] for entry in other["criteria"]}
    rows += [
        [
            Cell(entry["id"]),
            Cell(words(verdicts.get(entry["id"], "not_assessed"))),
            Cell(words(entry["verdict"])),
            Cell(MISSING),
            Cell(MISSING),
        ]
        for entry in summary["criteria"]
    ]
    note = "" if other["status"] == COMPLETED else f"That run did not complete: {words(other['status'])}."
    titles = columns("Quantity", "Without mitigation>", "This run>", "Change>", "Unit")
    caption = "What the mitigation of all sites is worth"
    return Table("table-unmitigated", caption, titles, rows, note=note, headings=headings)


def strengths(sites: Mapping[str, Any]) -> Table:
    """Short-circuit strength at each POI."""
    rows = []
    for name, notes in sites.items():
        strength = notes.get("short_circuit") or {}
        cells = [Cell(name)]
        cells += [Cell(general(strength.get(key), 4), sort=strength.get(key)) for key in ("mva", "ratio", "x_over_r")]
        rows.append(cells)
    return Table(
        "table-strength",
        "Short-circuit strength",
        columns("Site", "Short-circuit power (MVA)>", "Short-circuit ratio>", "X/R>"),
        rows,
        "The scenario has no sites.",
        "Short-circuit ratio: short-circuit power over the site's rating; below 3 the grid is weak.",
    )
