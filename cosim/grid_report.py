"""What `cosim grid check` prints of a grid's static side."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from grids import Grid
from grids.contingencies import Contingency
from grids.limits import Violation
from grids.static_check import StaticCheck

_MOST_LOADED = 5
_OUTAGES_SHOWN = 40
"""More rows than this are for --json."""

_PLAIN_SHARE = 0.1
"""Off a terminal, a line is printed each time this share of the outages is done."""

_KINDS = {
    "low_voltage": "low voltage",
    "high_voltage": "high voltage",
    "overload": "overload",
    "generator_mw": "active limit",
    "generator_mvar": "reactive limit",
}


@contextlib.contextmanager
def outages_progress(show: bool) -> Iterator[Callable[[int, int], None]]:
    """Progress bar over outages on a terminal, plain lines elsewhere."""
    console = Console(stderr=True)
    if not show:
        yield lambda _, __: None
    elif console.is_terminal:
        columns = (TextColumn("outages"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("", total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    else:
        next_share = _PLAIN_SHARE

        def line(done: int, total: int) -> None:
            nonlocal next_share
            if done >= next_share * total:
                print(f"{done} of {total} outages", file=sys.stderr)
                next_share += _PLAIN_SHARE

        yield line


def describe(grid: Grid, outcome: StaticCheck, sites_mw: dict[str, float]) -> dict[str, Any]:
    """All that the check found, as plain data."""
    flows = {
        flow.tool: {
            "iterations": flow.iterations,
            "generation_mw": flow.generation_mw,
            "generation_mvar": flow.generation_mvar,
            "load_mw": flow.load_mw,
            "load_mvar": flow.load_mvar,
            "losses_mw": flow.losses_mw,
        }
        for flow in (outcome.andes, outcome.pandapower)
    }
    difference = outcome.difference
    outages = outcome.contingencies
    return {
        "grid": grid.name,
        "source": grid.source,
        "sites_mw": sites_mw,
        "power_flow": flows,
        "difference": {
            "voltage_pu": difference.voltage_pu,
            "voltage_bus": str(difference.voltage_bus),
            "angle_deg": difference.angle_deg,
            "angle_bus": str(difference.angle_bus),
        },
        "limits": {
            "min_pu": outcome.band.min_pu,
            "max_pu": outcome.band.max_pu,
            "branches": len(outcome.loadings),
            "branches_without_rating": outcome.branches_without_rating,
            "loadings": [
                {
                    "branch": x.branch.name,
                    "power_mva": x.power_mva,
                    "rating_mva": x.branch.rating_mva,
                    "percent": x.percent,
                }
                for x in outcome.loadings
            ],
            "violations": [_violation(v) for v in outcome.violations],
        },
        "contingencies": None if outages is None else [_contingency(c) for c in outages],
        "secure": outcome.secure,
        "notes": list(grid.notes),
    }


def _violation(v: Violation) -> dict[str, Any]:
    return {"kind": v.kind, "element": v.element, "value": v.value, "limit": v.limit, "unit": v.unit}


def _contingency(c: Contingency) -> dict[str, Any]:
    return {
        "kind": c.kind,
        "element": c.element,
        "status": c.status,
        "secure": c.secure,
        "lost_buses": [str(bus) for bus in c.lost_buses],
        "lost_load_mw": c.lost_load_mw,
        "islands": [[str(bus) for bus in island] for island in c.islands],
        "violations": [_violation(v) for v in c.violations],
    }


def show_check(grid: Grid, outcome: StaticCheck, sites_mw: dict[str, float], as_json: bool) -> None:
    """Print what the check found."""
    if as_json:
        typer.echo(json.dumps(describe(grid, outcome, sites_mw), indent=2, ensure_ascii=False))
        return
    console = Console()
    on = ", ".join(f"{name} {mw:.4g} MW" for name, mw in sites_mw.items())
    console.print(Text.assemble((grid.name, "bold"), f" ({grid.source})", f"; sites on: {on}" if on else ""))
    console.print(_flow_table(outcome))
    difference = outcome.difference
    console.print(
        f"largest differences: {difference.voltage_pu:.2g} pu at bus {difference.voltage_bus}, "
        f"{difference.angle_deg:.2g} degrees at bus {difference.angle_bus}",
        highlight=False,
    )
    _show_loadings(console, outcome)
    if outcome.violations:
        console.print(_violation_table(outcome.violations))
    else:
        console.print(Text("no limit is passed", style="green"))
    if outcome.contingencies is not None:
        _show_contingencies(console, outcome.contingencies)
    for note in grid.notes:
        console.print(Text(f"note: {note}", style="yellow"))


def _flow_table(outcome: StaticCheck) -> Table:
    flows = (outcome.andes, outcome.pandapower)
    table = Table(title="Power flow", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("quantity")
    for flow in flows:
        table.add_column(flow.tool, justify="right")
    table.add_column("unit")
    for name, key, unit, digits in (
        ("generation", "generation_mw", "MW", 3),
        ("reactive generation", "generation_mvar", "Mvar", 3),
        ("load", "load_mw", "MW", 3),
        ("reactive load", "load_mvar", "Mvar", 3),
        ("losses of the branches", "losses_mw", "MW", 3),
        ("iterations", "iterations", "", 0),
    ):
        table.add_row(name, *(f"{getattr(flow, key):,.{digits}f}" for flow in flows), unit)
    return table


def _show_loadings(console: Console, outcome: StaticCheck) -> None:
    """The most loaded branches, and how many cannot be judged."""
    rated = sorted((x for x in outcome.loadings if x.percent is not None), key=lambda x: -(x.percent or 0.0))
    without = outcome.branches_without_rating
    if rated:
        shown = ", ".join(f"{x.branch.name} {x.percent:.0f} %" for x in rated[:_MOST_LOADED])
        console.print(f"most loaded branches: {shown}", highlight=False)
    if without:
        total = len(outcome.loadings)
        console.print(f"{without} of {total} branches have no rating: their loading is not judged", highlight=False)


def _violation_table(found: list[Violation]) -> Table:
    table = Table(title="Limits passed", title_justify="left", box=SIMPLE_HEAD)
    for name in ("limit", "where", "value", "bound", "unit"):
        table.add_column(name, justify="right" if name in ("value", "bound") else "left", overflow="fold")
    for v in found[:_OUTAGES_SHOWN]:
        table.add_row(_KINDS[v.kind], v.element, f"{v.value:.5g}", f"{v.limit:.5g}", v.unit)
    if len(found) > _OUTAGES_SHOWN:
        table.caption = f"and {len(found) - _OUTAGES_SHOWN} more (see --json)"
    return table


def _show_contingencies(console: Console, outages: list[Contingency]) -> None:
    harmful = [c for c in outages if not c.secure]
    kinds = [sum(c.kind == kind for c in outages) for kind in ("branch", "generator")]
    said = f"N-1: {len(outages)} outages ({kinds[0]} branches, {kinds[1]} generators)"
    if not harmful:
        console.print(Text(f"{said}, none does harm", style="green"))
        return
    table = Table(title=f"{said}, {len(harmful)} do harm", title_justify="left", box=SIMPLE_HEAD)
    for name in ("out of service", "what happens", "worst limit passed"):
        table.add_column(name, overflow="fold")
    for c in sorted(harmful, key=_severity)[:_OUTAGES_SHOWN]:
        table.add_row(f"{c.kind} {c.element}", _consequence(c), _worst(c))
    console.print(table)
    if len(harmful) > _OUTAGES_SHOWN:
        console.print(f"and {len(harmful) - _OUTAGES_SHOWN} more (see --json)", highlight=False)


def _severity(c: Contingency) -> tuple[bool, float, int, int]:
    return c.status == "solved", -c.lost_load_mw, -len(c.islands), -len(c.violations)


def _consequence(c: Contingency) -> str:
    parts = []
    if c.status == "not_converged":
        parts.append("no solution found: the voltage collapses")
    if c.lost_buses:
        parts.append(f"cuts off {_buses(c.lost_buses)}, {c.lost_load_mw:.4g} MW of load")
    parts += [f"island of {_buses(island)}" for island in c.islands]
    if c.violations:
        parts.append(f"{len(c.violations)} limit(s) passed")
    return "; ".join(parts)


def _buses(buses: list[int | str]) -> str:
    if len(buses) > 6:
        return f"{len(buses)} buses"
    return f"bus{'es' if len(buses) > 1 else ''} {', '.join(map(str, buses))}"


def _worst(c: Contingency) -> str:
    if not c.violations:
        return "-"
    worst = max(c.violations, key=lambda v: v.excess / max(abs(v.limit), 1e-9))
    return f"{_KINDS[worst.kind]}, {worst.element}: {worst.value:.4g} {worst.unit} (bound {worst.limit:.4g})"
