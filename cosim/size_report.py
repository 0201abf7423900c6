"""What a search for a size shows while it goes on, and what it says in the end."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from cosim.criteria import CriterionResult
from cosim.sizing import NONE, Bracket, Size, Sizing, Step
from cosim.storage_trials import StorageTrials
from cosim.verdict_console import STYLES, number

AIMS = {
    "without": "no battery",
    "largest": "largest",
    "halved": "half of that",
    "power": "power",
    "energy": "energy",
    "again": "found, again",
    "larger": "larger",
}
_WIDTHS = {"step": 4, "for": 12, "MW": 8, "MWh": 10, "value": 10, "limit": 10, "verdict": 17, "seconds": 7}
_LEFT = ("for", "verdict")


class Steps:
    """Steps of a search: a table and a bar that grow on a terminal, a line for each step elsewhere."""

    def __init__(self, limit: CriterionResult, duration_s: float, console: Console):
        self._limit, self._duration_s, self._console = limit, duration_s, console
        self._table = Table(title=title_of(limit), title_justify="left", box=SIMPLE_HEAD)
        for name in _WIDTHS:
            self._table.add_column(name, justify="left" if name in _LEFT else "right")
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.1f} of {task.total:g} s"),
        )
        self._bar = Progress(*columns, TimeElapsedColumn(), console=console)
        self._live = Live(Group(self._table, self._bar), console=console, refresh_per_second=5)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        else:
            self._print(title_of(self._limit))
            self._print(_line(dict(zip(_WIDTHS, _WIDTHS, strict=True))))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for task in self._bar.task_ids:
            self._bar.remove_task(task)
        if self._console.is_terminal:
            self._live.update(self._table, refresh=True)
            self._live.stop()

    def started(self, size: Size) -> None:
        """Show what is being run."""
        for task in self._bar.task_ids:
            self._bar.remove_task(task)
        self._bar.add_task("no battery" if size == NONE else str(size), total=self._duration_s)

    def simulated(self, time_s: float) -> None:
        """Show how far it is."""
        self._bar.update(self._bar.task_ids[-1], completed=time_s)

    def done(self, step: Step) -> None:
        """Show what came out."""
        cells = _cells(step, self._limit)
        if self._console.is_terminal:
            style = STYLES[step.outcome.verdict]
            self._table.add_row(*(Text(text, style if key == "verdict" else "") for key, text in cells.items()))
        else:
            self._print(_line(cells))

    def _print(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, highlight=False, markup=False)


def title_of(limit: CriterionResult) -> str:
    """The limit in one line."""
    sign = {("max", False): "<=", ("max", True): "<", ("min", False): ">=", ("min", True): ">"}[
        limit.side, limit.strict
    ]
    bound = " ".join(filter(None, (limit.metric, sign, f"{limit.limit:g}", limit.unit)))
    return f"{limit.id} ({bound})" if limit.metric not in limit.id else bound


def _cells(step: Step, limit: CriterionResult) -> dict[str, str]:
    outcome, size = step.outcome, step.size
    return {
        "step": str(step.number),
        "for": AIMS[step.aim],
        "MW": f"{size.power_mw:g}",
        "MWh": f"{size.energy_mwh:g}",
        "value": number(outcome.value),
        "limit": number(limit.limit),
        "verdict": outcome.verdict.replace("_", " "),
        "seconds": f"{outcome.wall_time_s:.1f}",
    }


def _line(cells: Mapping[str, str]) -> str:
    padded = (text.ljust(_WIDTHS[key]) if key in _LEFT else text.rjust(_WIDTHS[key]) for key, text in cells.items())
    return "  ".join(padded)


def message(sizing: Sizing, limit: CriterionResult, bracket: Bracket) -> str:
    """What came out, in a sentence or two."""
    outcome, size = sizing.basis.outcome, sizing.basis.size
    reached = "no value" if outcome.value is None else f"{number(outcome.value)} {limit.unit}".strip()
    against = f"{reached} against a limit of {number(limit.limit)} {limit.unit}".strip()
    if sizing.status == "not_needed":
        return f"No battery is needed: {against} without one."
    if sizing.status == "not_assessed":
        return f"The limit is not assessed, neither without a battery nor with {size}: {outcome.reason}."
    if sizing.status == "not_met":
        why = f" ({outcome.reason})" if outcome.reason else ""
        nearest = "With " if outcome.margin is None else "The closest, "
        least_mw = sizing.steps[-1].size.power_mw
        return (
            f"No battery up to {bracket.max_mw:g} MW was found that meets the limit, of those tried down to "
            f"{least_mw:g} MW. {nearest}{size}: {against}{why}."
        )
    if sizing.status == "not_reproduced":
        return f"{size} met the limit, but not when it was run again: runs of this scenario do not repeat."
    found = f"{size} ({size.seconds:.3g} s at full power)"
    charges = (
        f"{name} {100.0 * device['soc_min']:.1f} to {100.0 * device['soc_max']:.1f} %"
        for name, device in outcome.devices.items()
    )
    return f"Smallest battery found: {found}. Run again: {against}. States of charge: {', '.join(charges)}."


def as_dict(sizing: Sizing, trials: StorageTrials, bracket: Bracket, folders: Mapping[int, Path]) -> dict[str, Any]:
    """Build the JSON of a search; ``folders`` are those of the steps whose runs were kept."""
    limit, size, outcome = trials.limit, sizing.size, sizing.basis.outcome
    battery = size if size != NONE else None
    return {
        "scenario": trials.scenario.name,
        "site": trials.site.name,
        "criterion": {key: getattr(limit, key) for key in ("id", "metric", "side", "strict", "limit", "unit")},
        "max_mw": bracket.max_mw,
        "hours": bracket.hours,
        "tolerance": bracket.tolerance,
        "status": sizing.status,
        "message": message(sizing, limit, bracket),
        "power_mw": size.power_mw if size else None,
        "energy_mwh": size.energy_mwh if size else None,
        "value": outcome.value,
        "storage": trials.storage(battery) if battery else None,
        "devices": outcome.devices,
        "warnings": [*sizing.warnings, *(trials.drift_warnings(battery, outcome) if battery else [])],
        "steps": [
            {
                "step": step.number,
                "for": step.aim,
                "power_mw": step.size.power_mw,
                "energy_mwh": step.size.energy_mwh,
                "value": step.outcome.value,
                "limit": limit.limit,
                "verdict": step.outcome.verdict,
                "reason": step.outcome.reason,
                "wall_time_s": step.outcome.wall_time_s,
                "folder": str(folders[step.number]) if step.number in folders else None,
            }
            for step in sizing.steps
        ],
    }


def print_result(found: Mapping[str, Any]) -> None:
    """Say what came out, and how to write it in the scenario."""
    console = Console(highlight=False, soft_wrap=True)
    style = {"found": "bold green", "not_needed": "bold green"}.get(found["status"], "bold red")
    console.print(Text(found["message"], style=style))
    if found["storage"]:
        console.print(Text(f"As an entry of the site's mitigation:  - {_flow(found['storage'])}"))
    for warning in found["warnings"]:
        console.print(Text(f"note: {warning}", style="yellow"))


def _flow(value: Any) -> str:
    """YAML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    return f"{value:.15g}" if isinstance(value, float) else str(value)
