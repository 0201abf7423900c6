"""A hosting study on the terminal: how far it is, and what came out."""

from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from cosim.hosting_margins import Trial
from cosim.hosting_search import Found

STATUS_TEXTS = {"at_max": "no limit up to this size", "none": "no size passes", "not_assessed": "not assessed"}
NO_LIMIT_TEXTS = {"not_placed": "the grid cannot supply it"}


class HostingProgress:
    """A bar over buses with the runs made so far, on a terminal; a line for each bus elsewhere."""

    def __init__(self, console: Console, buses: int):
        self._console, self._runs = console, Counter[str]()
        columns = (
            TextColumn("buses"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
        )
        self._bar = Progress(*columns, console=console, transient=True, refresh_per_second=5)
        self._task = self._bar.add_task("", total=buses)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def trial(self, bus: int | str, trial: Trial) -> None:
        """Show a run."""
        self._runs[trial.made_with] += 1
        runs = ", ".join(f"{count} runs {engine}" for engine, count in sorted(self._runs.items()))
        at = f"bus {bus}: {trial.size_mw:g} MW, seed {trial.seed}: {trial.verdict.replace('_', ' ')}"
        self._bar.update(self._task, description=f"{runs}; {at}")

    def found(self, bus: int | str, found: Found) -> None:
        """Show a bus that is finished."""
        self._bar.advance(self._task)
        if not self._console.is_terminal:
            size = f"{found.low.size_mw:g} MW" if found.low else found.status.replace("_", " ")
            engines = Counter(trial.made_with for trial in found.trials)
            runs = ", ".join(f"{count} runs {engine}" for engine, count in sorted(engines.items()))
            self._console.print(f"bus {bus}: {size} ({runs})", soft_wrap=True, highlight=False)


def capacity_text(bus: Mapping[str, Any]) -> str:
    """The size of a bus in a cell."""
    if bus["capacity_mw"] is None:
        return "-"
    return f"{'>= ' if bus['status'] == 'at_max' else ''}{bus['capacity_mw']:g}"


def limit_text(bus: Mapping[str, Any]) -> str:
    """What binds, in a cell."""
    limit = bus["binding_limit"]
    if limit is None or bus["status"] == "at_max":
        return STATUS_TEXTS.get(bus["status"], "")
    name = limit["id"] if limit["metric"] else NO_LIMIT_TEXTS.get(limit["id"], limit["id"].replace("_", " "))
    return f"{name} ({STATUS_TEXTS['none']})" if bus["status"] == "none" else name


def print_hosting(console: Console, result: Mapping[str, Any]) -> None:
    """Print what a study found."""
    table = Table(title=title(result), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("bus", "MW", "fails\nat", "binding limit", "value and limit", "seed", "runs"):
        table.add_column(name, justify="left" if name in ("bus", "binding limit") else "right", overflow="fold")
    for bus in result["buses"]:
        fails_mw = bus["fails_at_mw"]
        table.add_row(
            bus["bus"],
            Text(capacity_text(bus), style="bold"),
            "-" if fails_mw is None else f"{fails_mw:g}",
            limit_text(bus),
            _value_cell(bus["binding_limit"] or {}),
            str(bus["seed"]),
            str(bus["nonlinear_runs"]),
        )
    console.print(table)
    console.print(Text(basis(result)), soft_wrap=True)
    for text in all_notes(result):
        console.print(Text(f"note: {text}", style="yellow"), soft_wrap=True)


def _value_cell(limit: Mapping[str, Any]) -> str:
    """Value, limit and unit; below, where and when."""
    if limit.get("value") is None:
        return "-"
    place = [limit["where"] or "", "" if limit["time_s"] is None else f"{limit['time_s']:.2f} s"]
    value = f"{limit['value']:.4g} / {limit['limit']:g} {limit['unit']}".strip()
    return "\n".join(filter(None, (value, ", ".join(filter(None, place)))))


def title(result: Mapping[str, Any]) -> str:
    """What was sought."""
    count = len(result["seeds"])
    seeds = f"seed {result['seeds'][0]}" if count == 1 else f"seeds {result['seeds'][0]} to {result['seeds'][-1]}"
    return f"Hosting capacity of {result['name']}: {result['duration_s']:g} s, {seeds}"


def basis(result: Mapping[str, Any]) -> str:
    """How it was found."""
    percent = 100.0 * result["tolerance"]
    runs = f"{result['linear_runs']} linear and {result['nonlinear_runs']} nonlinear runs"
    if result["confirmed_with"] == "linear":
        return f"By {runs}; brackets of {percent:g} %, not confirmed by the nonlinear equations."
    return f"By {runs}; brackets of {percent:g} %, confirmed by nonlinear runs."


def all_notes(result: Mapping[str, Any]) -> list[str]:
    """What to know, the buses' warnings included."""
    return [*result["notes"], *(f"bus {bus['bus']}: {text}" for bus in result["buses"] for text in bus["warnings"])]
