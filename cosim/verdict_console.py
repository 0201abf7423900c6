"""Criteria on the terminal: verdicts of a run, limits of profiles."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

STYLES = {
    "pass": "bold green",
    "completed": "green",
    "fail": "bold red",
    "not_assessed": "yellow",
    "simulation_failed": "bold red",
}
MOST_CRITERIA = 12
"""With more criteria than this, those that did not fail are summed up."""


def number(value: float | None, digits: int = 4) -> str:
    """A number in a cell; ``-`` for none."""
    return (
        "-" if value is None else f"{value:.{digits}f}".rstrip("0").rstrip(".") if abs(value) < 1e6 else f"{value:.6g}"
    )


def print_criteria(console: Console, criteria: list[dict[str, Any]]) -> None:
    """Verdicts: all of a few criteria; of many, those that fail, deciding ones first, then the rest summed up."""
    if len(criteria) <= MOST_CRITERIA:
        console.print(_criteria_table(criteria, "Criteria"))
        return
    failed = sorted((e for e in criteria if e["verdict"] == "fail"), key=lambda e: not e["decides"])
    if failed:
        console.print(_criteria_table(failed, f"Criteria that fail: {len(failed)} of {len(criteria)}"))
    passed = [entry for entry in criteria if entry["verdict"] == "pass"]
    if passed:
        console.print(Text(f"{len(passed)} of {len(criteria)} criteria pass{_closest(passed)}", style="green"))
    unjudged = [entry["reason"] or "no value" for entry in criteria if entry["verdict"] not in ("fail", "pass")]
    for reason, count in Counter(unjudged).most_common():
        console.print(Text(f"{count} not assessed: {reason}", style="yellow"))


def _closest(passed: list[dict[str, Any]]) -> str:
    """Of what passes, the criterion with the smallest margin as a share of its limit.

    Frequencies are left out: every margin of theirs is small beside 50 or 60 Hz.
    """
    by_share = [(e["margin"] / abs(e["limit"]), e) for e in passed if e["limit"] and e["unit"] != "Hz"]
    if not by_share:
        return ""
    share, entry = min(by_share, key=lambda pair: pair[0])
    return f"; closest: {entry['id']}, {number(entry['value'])} {entry['unit']}, {100 * share:.3g} % from its limit"


def _criteria_table(criteria: Iterable[dict[str, Any]], title: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for name in ("criterion", "value", "limit", "margin", "unit", "verdict"):
        table.add_column(name, justify="right" if name in ("value", "limit", "margin") else "left", overflow="fold")
    for entry in criteria:
        verdict = Text(entry["verdict"].replace("_", " "), style=STYLES[entry["verdict"]])
        if entry["reason"] and entry["verdict"] == "not_assessed":
            verdict.append(f" ({entry['reason']})", style="default")
        if not entry["decides"]:
            verdict.append(f" (informs: {entry['limit_status']})", style="dim")
        numbers = (number(entry[key]) for key in ("value", "limit", "margin"))
        table.add_row(entry["id"], *numbers, entry["unit"], verdict)
    return table


def print_limits(rows: list[dict[str, Any]]) -> None:
    """Limits of profiles, a block for each profile."""
    console = Console()
    for profile in dict.fromkeys(row["profile"] for row in rows):
        of_profile = [row for row in rows if row["profile"] == profile]
        table = Table(title=profile, title_justify="left", box=SIMPLE_HEAD)
        for name in ("id", "limit", "standing", "source"):
            table.add_column(name, overflow="fold")
        for row in of_profile:
            if row["id"] is not None:
                table.add_row(row["id"], _limit_cell(row), _standing_cell(row), _source_cell(row))
        console.print(table)
        for row in of_profile:
            if row["id"] is None:
                console.print(Text(f"left out: {row['title']}: {row['left_out']}", style="dim"))
    console.print("use a profile as {profile: NAME} in a scenario's criteria, with area, only and decide as needed")


def _limit_cell(row: dict[str, Any]) -> Text:
    cell = Text(row["title"])
    cell.append("\n" + " ".join(filter(None, (row["metric"], row["bound"]))), style="dim")
    if row["note"]:
        cell.append(f"\n{row['note']}", style="italic dim")
    return cell


def _standing_cell(row: dict[str, Any]) -> Text:
    scope = [f"area {row['area']}"] if row["area"] else []
    return Text("\n".join([row["status"], "decides" if row["decides"] else "informs", *scope, *row["scope"]]))


def _source_cell(row: dict[str, Any]) -> Text:
    cell = Text(", ".join(str(row[key]) for key in ("source", "clause", "date") if row[key]))
    cell.append(f"\n{row['evidence']}")
    if row["verify_before_citing"]:
        cell.append(": verify before citing", style="yellow")
    return cell
