"""Tables of the report: cells hold what is read and what is sorted by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cosim.report.limits import Limit
from cosim.report.text import MISSING, digits_to_show, general, is_number, number, printed_id, words

MAX_ROWS = 200
_TRUSTED_EVIDENCE = frozenset({"primary", "user"})


@dataclass(frozen=True)
class Cell:
    """One cell: a text, perhaps a second and quieter line, and a verdict that makes it a badge."""

    text: str
    note: str = ""
    sort: float | str | None = None
    verdict: str | None = None
    warning: str = ""


@dataclass(frozen=True)
class Column:
    """A column's title; numbers stand to the right."""

    title: str
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    """A table, or why it has no rows."""

    id: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    empty: str = ""
    note: str = ""


def compliance(entries: Sequence[Mapping[str, Any]], limits: Sequence[Limit]) -> Table:
    """Each criterion with its value, limit, margin, verdict, and where the limit comes from."""
    columns = _columns(
        "Criterion",
        "Verdict",
        "Value>",
        "Limit>",
        "Margin>",
        "Unit",
        "Where",
        "Time (s)>",
        "Source",
        "Standing",
        "Evidence",
    )
    rows = [_compliance_row(entry, limit) for entry, limit in zip(entries, limits, strict=True)]
    return Table(
        "table-compliance",
        "Compliance with each criterion",
        columns,
        rows,
        "The scenario sets no criteria, so there is nothing to comply with.",
    )


def _compliance_row(entry: Mapping[str, Any], limit: Limit) -> list[Cell]:
    unit, margin = entry["unit"], entry["margin"]
    digits = digits_to_show(margin, unit)
    sign = "≤ " if limit.is_max else "≥ "
    trusted = entry["evidence"] in _TRUSTED_EVIDENCE
    decides = "decides" if limit.decides else "informs"
    return [
        Cell(printed_id(entry["id"]), entry["metric"] if entry["metric"] not in entry["id"] else ""),
        Cell(words(entry["verdict"]), entry["reason"] or "", entry["verdict"], verdict=entry["verdict"]),
        Cell(number(entry["value"], unit, digits), sort=entry["value"]),
        Cell(sign + general(entry["limit"]), sort=entry["limit"]),
        Cell(number(margin, unit, digits), sort=margin),
        Cell(unit or "–"),
        Cell(_text(entry["where"])),
        Cell(number(entry["time_s"], "s"), sort=entry["time_s"]),
        Cell(_text(entry["source"]), entry["clause"] or ""),
        Cell(words(entry["limit_status"]), decides),
        Cell(words(entry["evidence"]), warning="" if trusted else "verify before citing"),
    ]


def grid_numbers(metrics: Mapping[str, Any], reasons: Mapping[str, str]) -> Table:
    """Frequency, its rate of change, and voltage: value, place, time."""
    f, v = metrics["frequency"], metrics["voltage"]
    coi = "centre of inertia"
    generator, bus = "generator {}", "bus {}"
    rows: list[list[Cell]] = []

    def add(name: str, path: str, unit: str, where: str, place: Any = None, time_s: Any = None, what: str = "") -> None:
        value = _find(metrics, path)
        if value is None:
            cells = [Cell(MISSING), Cell(unit), Cell("not assessed", _reason(reasons, path)), Cell(MISSING)]
        else:
            shown = where.format(place) if place is not None or "{}" not in where else MISSING
            cells = [
                Cell(number(value, unit), sort=value),
                Cell(unit),
                Cell(shown),
                Cell(number(time_s, "s"), sort=time_s),
            ]
        rows.append([Cell(name, what), *cells])

    add("Nadir", "frequency.nadir_hz", "Hz", generator, f["nadir_generator"], f["nadir_time_s"])
    add("Zenith", "frequency.zenith_hz", "Hz", generator, f["zenith_generator"], f["zenith_time_s"])
    add(
        "Largest deviation",
        "frequency.max_deviation_mhz",
        "mHz",
        "any generator",
        what=f"from {_text(f['nominal_hz'])} Hz",
    )
    add("Peak to peak", "frequency.peak_to_peak_mhz", "mHz", generator, f["peak_to_peak_generator"])
    add("Nadir, COI", "frequency.coi.nadir_hz", "Hz", coi, time_s=f["coi"].get("nadir_time_s"))
    add("Zenith, COI", "frequency.coi.zenith_hz", "Hz", coi, time_s=f["coi"].get("zenith_time_s"))
    add("Peak to peak, COI", "frequency.coi.peak_to_peak_mhz", "mHz", coi)
    add("Settling frequency", "frequency.settling_hz", "Hz", coi, what="mean of the last tenth of the record")
    for name in f["max_rocof_hz_per_s"]:
        time_s = f.get("max_rocof_time_s", {}).get(name)
        add(f"Largest |RoCoF|, {name}", f"frequency.max_rocof_hz_per_s.{name}", "Hz/s", coi, time_s=time_s)
    add(
        "Worst bus deviation",
        "frequency.worst_bus_deviation_mhz",
        "mHz",
        bus,
        f["worst_bus"],
        f.get("worst_bus_time_s"),
    )
    add("Lowest voltage", "voltage.min_pu", "pu", bus, v["min_bus"], v["min_time_s"])
    add("Highest voltage", "voltage.max_pu", "pu", bus, v["max_bus"], v["max_time_s"])
    return Table(
        "table-grid",
        "Frequency and voltage",
        _columns("Quantity", "Value>", "Unit", "Where", "Time (s)>"),
        rows,
    )


def site_numbers(metrics: Mapping[str, Any], buses: Mapping[str, str]) -> Table:
    """Power, energy and POI voltage of each site."""
    columns = _columns(
        "Site",
        "Bus",
        "Mean (MW)>",
        "Min (MW)>",
        "Max (MW)>",
        "Energy (MWh)>",
        "Energy error>",
        "POI min (pu)>",
        "POI max (pu)>",
        "Below v_min (s)>",
    )
    units = {"mean_mw": "MW", "min_mw": "MW", "max_mw": "MW", "energy_mwh": "MWh"}
    rows = [
        [
            Cell(name),
            Cell(buses.get(name, MISSING)),
            *(Cell(number(site[key], unit), sort=site[key]) for key, unit in units.items()),
            Cell(general(site["energy_error"], 2), sort=site["energy_error"]),
            *(Cell(number(site[key], "pu"), sort=site[key]) for key in ("poi_min_pu", "poi_max_pu")),
            Cell(number(site["below_v_min_s"], "s"), sort=site["below_v_min_s"]),
        ]
        for name, site in metrics["site"].items()
    ]
    note = "Energy error: energy commanded at nominal voltage against the trace's, relative."
    return Table("table-sites", "Power and energy of each site", columns, rows, "The scenario has no sites.", note)


def ramp_numbers(metrics: Mapping[str, Any], reasons: Mapping[str, str]) -> Table:
    """Ramps of each site and of their sum."""
    columns = _columns(
        "Site",
        "Up (MW/s)>",
        "Down (MW/s)>",
        "Δ in 1 s (MW)>",
        "Δ in 10 s (MW)>",
        "Δ in 60 s (MW)>",
        "Most in a minute (MW/min)>",
    )
    ramps = metrics["ramp"]
    known = dict(ramps["sites"])
    if len(known) > 1:
        known["total"] = ramps["total"]
    rows, why = [], []
    for name, site in known.items():
        windows = site["windows"]
        values = [
            site["max_up_mw_per_s"],
            site["max_down_mw_per_s"],
            *windows.values(),
            site["max_mw_per_min"],
        ]
        rows.append([Cell(name), *(Cell(number(value, "MW"), sort=value) for value in values)])
        path = "ramp.total" if name == "total" else f"ramp.sites.{name}"
        why += [f"{name}, {key}: {reason}." for key in windows if (reason := _reason(reasons, f"{path}.windows.{key}"))]
    note = "Largest changes of the demand at the trace's own rate. " + " ".join(why)
    return Table("table-ramps", "Ramps of each site", columns, rows, "The scenario has no sites.", note)


def ramp_excesses(metrics: Mapping[str, Any]) -> Table:
    """How often and how long each ramp limit was exceeded."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for entry in metrics["ramp"]["violations"] or []:
        groups.setdefault((entry["site"], entry["criterion"]), []).append(entry)
    columns = _columns("Site", "Criterion", "Times>", "In all (s)>", "First at (s)>", "Largest change (MW)>", "Limit>")
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
    return Table("table-excesses", "Ramp limits exceeded", columns, rows, "No ramp limit was exceeded, or none is set.")


def ramp_violations(metrics: Mapping[str, Any]) -> Table:
    """When a ramp limit was exceeded."""
    entries = metrics["ramp"]["violations"] or []
    columns = _columns("Site", "Criterion", "Start (s)>", "Duration (s)>", "Largest change (MW)>", "Limit>")
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
    note = _first_rows(len(entries), "violations")
    return Table("table-violations", "Each time over a ramp limit", columns, rows, note=note)


def voltage_events(voltage: Mapping[str, Any], reasons: Mapping[str, str]) -> Table:
    """Sags, swells and interruptions."""
    entries = voltage["events"]
    columns = _columns("Bus", "Category", "Start (s)>", "Duration (s)>", "Residual (pu)>")
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
        "No bus left 0.9 to 1.1 pu." if entries is not None else f"Not assessed: {_reason(reasons, 'voltage.events')}."
    )
    shortest = voltage["shortest_event_s"]
    note = f"Categories of IEEE Std 1159-2009. The record resolves events from {number(shortest, 's')} s." * (
        shortest is not None
    )
    return Table(
        "table-sags",
        "Sags, swells and interruptions",
        columns,
        rows,
        empty,
        f"{note} {_first_rows(len(entries or []), 'events')}",
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
        _columns("No.", "Time (s)>", "Kind", "Description"),
        cells,
        empty,
        _first_rows(len(rows), "events"),
    )


def redispatch(shares_mw: Mapping[str, float]) -> Table:
    """Which generators supply the sites."""
    rows = [[Cell(str(name)), Cell(number(value, "MW"), sort=value)] for name, value in shares_mw.items()]
    empty = "No generator was redispatched: nothing was added, or the slack generator supplies it."
    return Table(
        "table-redispatch",
        "Added generation that supplies the sites",
        _columns("Generator", "Added (MW)>"),
        rows,
        empty,
    )


def _columns(*titles: str) -> list[Column]:
    """Columns from their titles; one that ends in ``>`` holds numbers."""
    return [Column(title.removesuffix(">"), title.endswith(">")) for title in titles]


def _find(tree: Mapping[str, Any], path: str) -> Any:
    value: Any = tree
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if is_number(value) else None


def _reason(reasons: Mapping[str, str], path: str) -> str:
    """Why a metric is missing: reasons go by its path or the beginning of it."""
    known = [key for key in reasons if path == key or path.startswith(f"{key}.")]
    return reasons[max(known, key=len)] if known else ""


def _text(value: Any) -> str:
    return MISSING if value is None else general(value) if is_number(value) else str(value)


def _first_rows(count: int, what: str) -> str:
    return f"The first {MAX_ROWS} of {count} {what}; summary.json has all of them." if count > MAX_ROWS else ""
