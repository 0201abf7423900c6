"""The table of verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cosim.criteria import TRUSTED
from cosim.report.limits import Limit
from cosim.report.tables.cells import Cell, Table, columns, shown
from cosim.report.text import digits_to_show, general, number, printed_id, words

_ORDER = {"fail": 0, "simulation_failed": 1, "pass": 2, "not_assessed": 3}


def compliance(entries: Sequence[Mapping[str, Any]], limits: Sequence[Limit]) -> Table:
    """Each criterion with its value, limit, margin, verdict, and where the limit comes from; failures first."""
    pairs = sorted(zip(entries, limits, strict=True), key=_rank)
    titles = ("Criterion", "Verdict", "Value>", "Limit>", "Margin>", "Unit", "Where", "Time (s)>", "Source", "Standing")
    return Table(
        "table-compliance",
        "Compliance with each criterion",
        columns(*titles),
        [_row(entry, limit) for entry, limit in pairs],
        "The scenario sets no criteria, so there is nothing to comply with.",
    )


def _rank(pair: tuple[Mapping[str, Any], Limit]) -> tuple[int, bool]:
    entry, limit = pair
    return _ORDER.get(entry["verdict"], 1), not limit.decides


def _row(entry: Mapping[str, Any], limit: Limit) -> list[Cell]:
    unit, margin = entry["unit"], entry["margin"]
    digits = digits_to_show(margin, unit)
    strict = entry.get("strict", False)
    sign = {(True, False): "≤ ", (True, True): "< ", (False, False): "≥ ", (False, True): "> "}[limit.is_max, strict]
    trusted = entry["evidence"] in TRUSTED
    notes = [entry.get("title"), entry["metric"] if entry["metric"] not in entry["id"] else None, entry.get("note")]
    origin = ", ".join(str(part) for part in (entry["clause"], entry.get("date")) if part)
    standing = f"{words(entry['limit_status'])}, {'decides' if limit.decides else 'informs'}"
    return [
        Cell(printed_id(entry["id"]), "\n".join(note for note in notes if note)),
        Cell(words(entry["verdict"]), entry["reason"] or "", _ORDER.get(entry["verdict"], 1), verdict=entry["verdict"]),
        Cell(number(entry["value"], unit, digits), sort=entry["value"]),
        Cell(sign + general(entry["limit"]), sort=entry["limit"]),
        Cell(number(margin, unit, digits), sort=margin),
        Cell(unit or "–"),
        Cell(shown(entry["where"])),
        Cell(number(entry["time_s"], "s"), sort=entry["time_s"]),
        Cell(shown(entry["source"]), origin),
        Cell(standing, words(entry["evidence"]), warning="" if trusted else "verify before citing"),
    ]
