"""What `cosim trace` prints of a trace."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from loads.plots import power_scale, sparkline
from loads.statistics import dominant_lines, largest_changes_w, max_ramp_w_per_s, percentiles_w
from loads.trace import Trace

if TYPE_CHECKING:
    from loads.workloads.arrivals import Requests


def describe(trace: Trace) -> dict[str, Any]:
    """All that `inspect` knows of a trace, as plain data; powers in W."""
    provenance = trace.provenance
    lines = dominant_lines(trace)
    p1, p99 = percentiles_w(trace, (1, 99))
    samples = trace.power_w.size if provenance.samples is None else provenance.samples
    return {
        "format": provenance.format,
        "unit": provenance.power_unit,
        "time_unit": provenance.time_unit,
        "channels": list(provenance.channels),
        "samples": samples,
        "duration_s": trace.duration_s,
        "sample_interval_s": trace.sample_interval_s,
        "mean_w": trace.mean_w,
        "min_w": trace.min_w,
        "max_w": trace.max_w,
        "p1_w": float(p1),
        "p99_w": float(p99),
        "peak_to_idle": float(p99 / p1) if p1 > 0 else None,
        "energy_j": trace.energy_j,
        "dominant_period_s": lines[0].period_s if lines else None,
        "periods": [{"period_s": line.period_s, "share": line.share} for line in lines],
        "max_ramp_w_per_s": max_ramp_w_per_s(trace),
        "largest_changes_w": {f"{window:g}s": change for window, change in largest_changes_w(trace).items()},
        "sensor_window_s": provenance.sensor_window_s,
        "ramps_are_lower_bounds": provenance.sensor_window_s is not None,
        "source": provenance.source,
        "sha256": provenance.sha256,
        "notes": list(provenance.notes),
        "warnings": [{"code": w.code, "count": w.count, "message": w.message} for w in provenance.warnings],
    }


def show_trace(trace: Trace, title: str, as_json: bool) -> None:
    """Print a trace's description."""
    described = describe(trace)
    if as_json:
        typer.echo(json.dumps(described, indent=2, ensure_ascii=False))
        return
    console = Console()
    unit, watts = power_scale(trace.max_w)
    bound = "at least " if described["ramps_are_lower_bounds"] else ""

    def power(value_w: float) -> str:
        return f"{value_w / watts:.4g} {unit}"

    channels = described["channels"]
    named = ", ".join(channels[:8]) + (", ..." if len(channels) > 8 else "")
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_header=False)
    table.add_column("quantity")
    table.add_column("value", overflow="fold")
    rows = [
        ("format", f"{described['format']}, power in {described['unit']}, time in {described['time_unit']}"),
        ("channels", f"{len(channels)}, summed: {named}" if len(channels) > 1 else named),
        ("samples", f"{described['samples']:,}, every {trace.sample_interval_s:.4g} s over {trace.duration_s:,.6g} s"),
        ("mean", power(trace.mean_w)),
        ("lowest, highest", f"{power(trace.min_w)}, {power(trace.max_w)}"),
        ("1 %, 99 % of the time", f"{power(described['p1_w'])}, {power(described['p99_w'])}"),
        ("peak to idle", f"{described['peak_to_idle']:.3g}" if described["peak_to_idle"] else "-"),
        ("energy", _energy(trace.energy_j)),
        ("periods", _periods(described["periods"])),
        ("steepest ramp", f"{bound}{power(described['max_ramp_w_per_s'])}/s"),
        *(
            (f"largest change in {window}", bound + power(change))
            for window, change in described["largest_changes_w"].items()
        ),
        ("sensor window", f"{described['sensor_window_s']:.3g} s" if described["sensor_window_s"] else "not known"),
    ]
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)
    console.print(f"  {sparkline(trace, 56)}", highlight=False)
    for note in described["notes"]:
        console.print(Text(f"assumed: {note}"))
    for warning in described["warnings"]:
        console.print(Text(f"warning [{warning['code']}, {warning['count']}]: {warning['message']}", style="yellow"))


def show_arrivals(requests: "Requests", path: Path, as_json: bool) -> None:
    """Print what a file of request arrivals holds."""
    described: dict[str, Any] = {"format": "arrivals", **requests.statistics()}
    if as_json:
        typer.echo(json.dumps(described, indent=2))
        return
    table = Table(title=f"{path.name}: request arrivals, no power", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("quantity")
    table.add_column("value", justify="right")
    for name, value in described.items():
        table.add_row(name, f"{value:,.6g}" if isinstance(value, int | float) else str(value))
    console = Console()
    console.print(table)
    console.print("use it as {type: inference, arrivals: {file: ...}}", highlight=False)


def show_written(trace: Trace, path: Path) -> None:
    """Print, in one line, what was written."""
    unit, watts = power_scale(trace.max_w)
    typer.echo(
        f"wrote {path}: {trace.duration_s:g} s, {trace.power_w.size:,} values every {trace.sample_interval_s:g} s, "
        f"mean {trace.mean_w / watts:.4g} {unit}, {trace.min_w / watts:.4g} to {trace.max_w / watts:.4g} {unit}"
    )


def _energy(joules: float) -> str:
    kwh = joules / 3.6e6
    return f"{joules:,.6g} J ({kwh:.4g} kWh)"


def _periods(lines: list[dict[str, float]]) -> str:
    return ", ".join(f"{line['period_s']:.4g} s ({line['share']:.0%})" for line in lines) or "none stands out"
