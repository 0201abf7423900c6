"""What a run shows on the terminal: progress, then tables of metrics and verdicts."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from cosim.compile_console import one_line, say_compiled
from cosim.engine_text import engine_text
from cosim.verdict_console import STYLES, number, print_criteria

if TYPE_CHECKING:
    from cosim.comparison import Comparison
    from cosim.compilation import Compilation
    from cosim.result import Result
    from cosim.simulation import Progress as ProgressCallback

_SIMULATING = "simulating"
_PLAIN_SHARE = 0.1
"""Off a terminal, a line is printed each time this share of the run is done."""


@contextlib.contextmanager
def status(text: str, show: bool) -> Iterator[None]:
    """Spinner with a text while something takes a moment, on a terminal."""
    console = Console(stderr=True)
    if show and console.is_terminal:
        with console.status(text):
            yield
    else:
        yield


@contextlib.contextmanager
def progress(duration_s: float, show: bool, compilation: "Compilation") -> Iterator["ProgressCallback"]:
    """Progress bar on a terminal, plain lines elsewhere; with what is compiled before the run starts."""
    console = Console(stderr=True)
    if not show:
        yield lambda _: None
    elif console.is_terminal:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.completed:.1f} of {task.total:g} s"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True, refresh_per_second=5) as bar:
            task = bar.add_task(_SIMULATING, total=duration_s)
            compilation.show = lambda text: bar.update(task, description=text)
            yield lambda time_s: bar.update(task, completed=time_s, description=_SIMULATING)
        say_compiled(compilation)
    else:
        next_share = _PLAIN_SHARE

        def line(time_s: float) -> None:
            nonlocal next_share
            if time_s >= next_share * duration_s * (1 - 1e-9):
                print(f"simulated {time_s:g} of {duration_s:g} s", file=sys.stderr)
            while time_s >= next_share * duration_s * (1 - 1e-9):  # many steps may have been taken in one go
                next_share += _PLAIN_SHARE

        with one_line(show, compilation):
            yield line
        say_compiled(compilation)


def print_summary(result: "Result", folder: Path) -> None:
    """Metrics, verdicts, warnings, and where the files are."""
    console, summary = Console(), result.summary
    provenance = summary["provenance"]
    console.print()
    console.print(
        Text.assemble(
            (summary["name"], "bold"),
            f" on {provenance['grid']['name']}: ",
            (summary["status"], STYLES.get(summary["status"], "bold red")),
            f", {summary['end_time_s']:g} s simulated in {provenance['wall_time_s']:.1f} s. Verdict: ",
            (summary["verdict"].replace("_", " "), STYLES[summary["verdict"]]),
        )
    )
    console.print(Text(f"Engine: {engine_text(provenance)}"))
    if summary["status"] not in ("power_flow_failed", "initialisation_failed"):
        console.print(_frequency_table(summary["metrics"]))
        if summary["metrics"]["site"]:
            console.print(_site_table(summary["metrics"], result))
    if summary["criteria"]:
        print_criteria(console, summary["criteria"])
    for key, title in VARIANTS.items():
        if key in summary:
            runs = [summary[key]["metrics"], summary["metrics"]]
            console.print(_differences_table(runs, (title, "this run"), title.capitalize()))
    if "step_check" in summary:
        _print_step_check(console, summary["step_check"])
    for warning in summary["warnings"]:
        console.print(Text(f"note: {warning}", style="yellow"))
    files = ", ".join(p.name for p in sorted(folder.iterdir()) if p.is_file())
    console.print(f"written to {folder}: {files}", soft_wrap=True, highlight=False)


LOST_MWH = 1e-6
"""Less than this is rounding."""

VARIANTS = {"baseline": "without fluctuation", "unmitigated": "without mitigation"}
"""Runs that a run is compared with, by their key in the summary."""


def _print_step_check(console: Console, check: dict[str, Any]) -> None:
    """What changes most at half the step."""
    table = Table(title=f"With steps of {check['step_s']:g} s", title_justify="left", box=SIMPLE_HEAD)
    for name in ("metric", "value", "at half the step", "change (%)", "unit"):
        table.add_column(name, justify="left" if name in ("metric", "unit") else "right", overflow="fold")
    from cosim.comparison import HEADLINE

    shown = [entry for entry in check["changes"] if entry["metric"] in HEADLINE]
    for entry in shown:
        share = "-" if entry["relative"] is None else f"{100 * entry['relative']:.3g}"
        table.add_row(entry["metric"], number(entry["value"]), number(entry["halved"]), share, entry["unit"])
    if shown:
        console.print(table)
    elif check["status"] == "completed":
        console.print(f"No headline metric changes with steps of {check['step_s']:g} s.", highlight=False)


def _differences_table(runs: list[dict[str, Any]], labels: Sequence[str], title: str) -> Table:
    """Headline metrics of runs, and the changes from the first."""
    from cosim.comparison import HEADLINE, differences

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("metric", overflow="fold")
    for k, label in enumerate(labels):
        table.add_column(label, justify="right", overflow="fold")
        if k:
            table.add_column("change", justify="right")
    table.add_column("unit")
    for row in differences(runs):
        if row.metric in HEADLINE:
            cells = [number(row.values[0])]
            for value, change in zip(row.values[1:], row.changes, strict=True):
                cells += [number(value), number(change)]
            table.add_row(row.metric, *cells, row.unit)
    return table


def print_comparison(comparison: "Comparison") -> None:
    """Runs side by side: headline metrics and verdicts."""
    console = Console()
    metrics = [summary["metrics"] for summary in comparison.summaries]
    console.print(_differences_table(metrics, comparison.labels, "Metrics"))
    changed = [row for row in comparison.verdicts if len(set(row.verdicts)) > 1 or "fail" in row.verdicts]
    if not changed:
        return
    table = Table(title="Verdicts that fail or differ", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("criterion", overflow="fold")
    for label in comparison.labels:
        table.add_column(label, overflow="fold")
    for verdicts in changed:
        shown = [Text("-") if v is None else Text(v.replace("_", " "), style=STYLES[v]) for v in verdicts.verdicts]
        table.add_row(verdicts.id, *shown)
    console.print(table)


_NOTES = ("title", "source", "quirks")
"""Columns too wide for a table: printed below it."""


def print_rows(rows: list[dict[str, Any]], title: str) -> None:
    """Rows of plain data as a table, with their longer texts below it."""
    console = Console()
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    columns = [key for key in rows[0] if key not in _NOTES]
    for key in columns:
        is_number = isinstance(rows[0][key], int | float)
        table.add_column(
            _heading(key), justify="right" if is_number else "left", overflow="fold", no_wrap=key == "name"
        )
    for row in rows:
        table.add_row(*(f"{row[key]:,}" if isinstance(row[key], int | float) else str(row[key]) for key in columns))
    console.print(table)
    for row in rows:
        notes = "; ".join(row[key] for key in _NOTES if row.get(key))
        if notes:
            console.print(Text.assemble((row["name"], "bold"), f": {notes}"))


def print_workloads(rows: list[dict[str, Any]]) -> None:
    """Types of workload and presets, each with its description, and with its sparkline where there is one."""
    console = Console()
    table = Table(title="workloads", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("name", no_wrap=True)
    table.add_column("description", overflow="fold")
    for row in rows:
        text = Text(row["description"])
        if "unit" in row:
            text.append(f"; {row['unit']}, nominal {row['nominal_w']:,.6g} W", style="dim")
        if "sparkline" in row:
            text.append(f"\n{row['sparkline']}")
        table.add_row(row["name"], text)
    console.print(table)
    console.print("use a preset as {type: preset, preset: NAME}, or make its trace: cosim trace synth NAME -o FILE")


def _heading(key: str) -> str:
    for suffix, unit in (("_mws", "MW s"), ("_mw", "MW"), ("_hz", "Hz"), ("_s", "s")):
        if key.endswith(suffix):
            return f"{key.removesuffix(suffix)} ({unit})"
    return key


def _frequency_table(metrics: dict[str, Any]) -> Table:
    """Frequency and voltage: value, where, when."""
    frequency, voltage = metrics["frequency"], metrics["voltage"]
    table = Table(title="Grid", title_justify="left", box=SIMPLE_HEAD)
    for name, justify in (
        ("metric", "left"),
        ("value", "right"),
        ("unit", "left"),
        ("where", "left"),
        ("at (s)", "right"),
    ):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    rocof = frequency["max_rocof_hz_per_s"]
    coi = frequency["coi"]
    rows = [
        (
            "frequency nadir",
            frequency["nadir_hz"],
            "Hz",
            frequency["nadir_generator"],
            frequency["nadir_time_s"],
        ),
        (
            "frequency zenith",
            frequency["zenith_hz"],
            "Hz",
            frequency["zenith_generator"],
            frequency["zenith_time_s"],
        ),
        ("largest deviation", frequency["max_deviation_mhz"], "mHz", "any generator", None),
        ("peak to peak", frequency["peak_to_peak_mhz"], "mHz", frequency["peak_to_peak_generator"], None),
        ("COI nadir", coi["nadir_hz"], "Hz", "centre of inertia", None),
        ("COI RoCoF, 100 ms", rocof["100ms"], "Hz/s", "centre of inertia", None),
        ("COI RoCoF, 500 ms", rocof["500ms"], "Hz/s", "centre of inertia", None),
        ("COI RoCoF, 1 s", rocof["1s"], "Hz/s", "centre of inertia", None),
        ("settling frequency", frequency["settling_hz"], "Hz", "centre of inertia", None),
        ("lowest voltage", voltage["min_pu"], "pu", _bus(voltage["min_bus"]), voltage["min_time_s"]),
        ("highest voltage", voltage["max_pu"], "pu", _bus(voltage["max_bus"]), voltage["max_time_s"]),
    ]
    if voltage["events"] is not None:
        resolved = f"resolved from {number(voltage['shortest_event_s'])} s"
        rows.append(("sags and swells", len(voltage["events"]), "", resolved, None))
    for name, value, unit, where, time_s in rows:
        table.add_row(name, number(value), unit, str(where or "-"), number(time_s, 2))
    return table


def _bus(name: str | None) -> str:
    return f"bus {name}" if name is not None else "-"


def _site_table(metrics: dict[str, Any], result: "Result") -> Table:
    """Each site's power, energy, largest power changes and voltage: a column for each site."""
    table = Table(title="Sites", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("quantity")
    for name in metrics["site"]:
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("unit")
    sites, ramps = list(metrics["site"].values()), list(metrics["ramp"]["sites"].values())
    for label, key, unit, digits in (
        ("mean power", "mean_mw", "MW", 2),
        ("lowest power", "min_mw", "MW", 2),
        ("highest power", "max_mw", "MW", 2),
        ("energy", "energy_mwh", "MWh", 3),
        ("lowest voltage at the POI", "poi_min_pu", "pu", 4),
        ("highest voltage at the POI", "poi_max_pu", "pu", 4),
    ):
        table.add_row(label, *(number(site[key], digits) for site in sites), unit)
    for window in ("1s", "10s", "60s"):
        label = f"largest change in {window.removesuffix('s')} s"
        table.add_row(label, *(number(ramp["windows"][window], 1) for ramp in ramps), "MW")
    away = [_away(name, site, result) for name, site in metrics["site"].items()]
    if any(percent is not None for percent, _ in away):
        table.add_row("away from the grid at the end", *(number(percent, 2) for percent, _ in away), "%")
        table.add_row("energy lost: carried by nothing", *(number(lost_mwh, 3) for _, lost_mwh in away), "MWh")
    return table


def _away(name: str, site: dict[str, Any], result: "Result") -> tuple[float | None, float | None]:
    """Percent of a site's demand off the grid at the end, and the energy lost; None if protection did not act."""
    lost_mwh = site["energy"]["lost_mwh"] or 0.0
    if not site["protection"]["transfers"] and not lost_mwh > LOST_MWH:
        return None, None
    return 100.0 * max(0.0, 1.0 - float(result.site(name)["connected_share"].iloc[-1])), lost_mwh
