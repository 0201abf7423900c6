"""The table of verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cosim.criteria import TRUSTED
from cosim.report.limits import Limit
from cosim.report.tables.cells import Cell, Table, columns, shown
from cosim.report.text import MISSING, digits_to_show, general, number, printed_id, words

_ORDER = {"fail": 0, "simulation_failed": 1, "pass": 2, "not_assessed": 3}
_OWN = "the scenario's own limits"

Pair = tuple[Mapping[str, Any], Limit]


def compliance(entries: Sequence[Mapping[str, Any]], limits: Sequence[Limit]) -> Table:
    """Each criterion with its value, limit, margin, verdict, and where the limit comes from.

    A heading for each profile, if there are several; profiles with failures that decide and, in each, failures first.
    Rows of an envelope that was not assessed are one row; what the envelope is stands in the first of its rows.
    """
    groups: dict[str, list[Pair]] = {}
    for entry, limit in zip(entries, limits, strict=True):
        groups.setdefault(entry.get("profile") or _OWN, []).append((entry, limit))
    ordered = sorted(groups.items(), key=lambda item: min(map(_rank, item[1])))
    rows: list[list[Cell]] = []
    headings = {}
    for profile, pairs in ordered:
        if len(ordered) > 1:
            headings[len(rows)] = f"{profile}: {_counts(pairs)}"
        told: set[str] = set()
        for entry, limit, stands_for in _merged(sorted(pairs, key=_rank)):
            envelope = entry.get("envelope")
            notes = [entry.get("title"), None if envelope else entry["metric"], entry.get("note")]
            rows.append(_row(entry, limit, stands_for, [] if envelope in told else notes))
            told |= {envelope} if envelope else set()
    titles = ("Criterion", "Verdict", "Value>", "Limit>", "Margin>", "Unit", "Where", "Time (s)>", "Source", "Standing")
    return Table(
        "table-compliance",
        "Compliance with each criterion",
        columns(*titles),
        rows,
        "The scenario sets no criteria, so there is nothing to comply with.",
        headings=headings,
    )


def _rank(pair: Pair) -> tuple[int, bool]:
    entry, limit = pair
    return _ORDER.get(entry["verdict"], 1), not limit.decides


def _counts(pairs: Sequence[Pair]) -> str:
    found = Counter(entry["verdict"] for entry, _ in pairs)
    return ", ".join(f"{found[verdict]} {words(verdict)}" for verdict in _ORDER if found[verdict])


def _merged(pairs: Sequence[Pair]) -> list[tuple[Mapping[str, Any], Limit, int]]:
    """Entry, limit and how many rows of its envelope this one stands for."""
    merged: list[tuple[Mapping[str, Any], Limit, int]] = []
    for entry, limit in pairs:
        if merged and _is_same_gap(merged[-1][0], entry):
            merged[-1] = (*merged[-1][:2], merged[-1][2] + 1)
        else:
            merged.append((entry, limit, 1))
    return merged


def _is_same_gap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two rows of one envelope were not assessed for the same reason."""
    same = all(one.get(key) == other.get(key) for key in ("envelope", "reason", "verdict"))
    return bool(one.get("envelope")) and same and one["verdict"] == "not_assessed" and one["value"] is other["value"]


def _row(entry: Mapping[str, Any], limit: Limit, stands_for: int, notes: Sequence[str | None]) -> list[Cell]:
    unit, margin = entry["unit"], entry["margin"]
    digits = digits_to_show(margin, unit)
    strict = entry.get("strict", False)
    sign = {(True, False): "≤ ", (True, True): "< ", (False, False): "≥ ", (False, True): "> "}[limit.is_max, strict]
    trusted = entry["evidence"] in TRUSTED
    name, bound = entry["id"], Cell(sign + general(entry["limit"]), sort=entry["limit"])
    if stands_for > 1:
        name, bound = entry["envelope"], Cell(MISSING, f"{stands_for} levels")
    origin = ", ".join(str(part) for part in (entry["clause"], entry.get("date")) if part)
    standing = f"{words(entry['limit_status'])}, {'decides' if limit.decides else 'informs'}"
    return [
        Cell(printed_id(name), "\n".join(note for note in notes if note and note not in name)),
        Cell(words(entry["verdict"]), entry["reason"] or "", _ORDER.get(entry["verdict"], 1), verdict=entry["verdict"]),
        Cell(number(entry["value"], unit, digits), sort=entry["value"]),
        bound,
        Cell(number(margin, unit, digits), sort=margin),
        Cell(unit or MISSING),
        Cell(shown(entry["where"])),
        Cell(number(entry["time_s"], "s"), sort=entry["time_s"]),
        Cell(shown(entry["source"]), origin),
        Cell(standing, words(entry["evidence"]), warning="" if trusted else "verify before citing"),
    ]
