"""Page that puts several runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from cosim.comparison import Comparison
from cosim.files import write_whole
from cosim.metrics import frequency
from cosim.metrics.section import finite
from cosim.report.drawing import BLUE, GREEN, GREY, ORANGE, PINK, PURPLE, RED, SINGLE_PX, axes, curve
from cosim.report.figures.base import Figure, no_figure
from cosim.report.page import asset, figure_json, policy, scripts, template
from cosim.report.tables.cells import Cell, Table, columns
from cosim.report.text import general, number, printed_id, words
from cosim.result import Result

COLOURS = (BLUE, ORANGE, GREEN, PURPLE, PINK, RED, GREY)
POWER = ("figure-power", "Power of all sites")
FREQUENCY = ("figure-frequency", "Frequency of the centre of inertia")
LOWEST = ("figure-lowest", "Lowest bus voltage at each instant")
WORST = ("figure-worst", "Frequency of the generator that strays furthest")


def render_comparison(comparison: Comparison) -> str:
    """The page as text; the same results give the same bytes."""
    figures = [
        _overlay(comparison, POWER, "power (MW)", _site_power),
        _overlay(comparison, FREQUENCY, "frequency (Hz)", _coi),
        _overlay(comparison, WORST, "frequency (Hz)", _worst_generator),
        _overlay(comparison, LOWEST, "voltage (pu)", _lowest_voltage),
    ]
    return template("comparison.html.j2").render(
        style=Markup(asset("style.css")),
        scripts=[Markup(text) for text in scripts()],
        policy=policy(),
        labels=comparison.labels,
        runs=_runs(comparison),
        verdicts=_verdicts(comparison),
        differences=_differences(comparison),
        figures=[(figure, figure_json(figure)) for figure in figures],
        printed=False,
    )


def write_comparison(comparison: Comparison, path: str | Path) -> None:
    """Write the page; a write that is cut short leaves no half of one."""
    write_whole(path, render_comparison(comparison))


def _runs(comparison: Comparison) -> Table:
    rows = []
    for label, summary in zip(comparison.labels, comparison.summaries, strict=True):
        provenance = summary.get("provenance") or {}
        rows.append(
            [
                Cell(label),
                Cell(words(summary["verdict"]), verdict=summary["verdict"]),
                Cell(words(summary["status"])),
                Cell(str((provenance.get("grid") or {}).get("name", "–"))),
                Cell(number(summary.get("end_time_s"), "s"), sort=summary.get("end_time_s")),
                Cell(general(provenance.get("step_s")), sort=provenance.get("step_s")),
                Cell(str(provenance.get("date", "–"))),
            ]
        )
    titles = ("Run", "Verdict", "Status", "Grid", "Simulated (s)>", "Step (s)>", "Made on")
    return Table("table-runs", "Runs", columns(*titles), rows)


def _verdicts(comparison: Comparison) -> Table:
    rows = []
    for row in comparison.verdicts:
        cells = [Cell(printed_id(row.id), row.metric if row.metric not in row.id else "")]
        cells += [Cell(general(row.limit), sort=row.limit), Cell(row.unit or "–")]
        for verdict, value in zip(row.verdicts, row.values, strict=True):
            if verdict is None:
                cells.append(Cell("–"))
            else:
                cells.append(Cell(words(verdict), number(value, row.unit), sort=value, verdict=verdict))
        rows.append(cells)
    titles = ("Criterion", "Limit>", "Unit", *comparison.labels)
    return Table("table-verdicts", "Verdicts", columns(*titles), rows, "No run was judged by any criterion.")


def _differences(comparison: Comparison) -> Table:
    titles = ["Metric", "Unit", f"{comparison.labels[0]}>"]
    for label in comparison.labels[1:]:
        titles += [f"{label}>", "Change>"]
    rows = []
    for row in comparison.differences:
        cells = [Cell(row.metric), Cell(row.unit or "–"), Cell(number(row.values[0], row.unit), sort=row.values[0])]
        for value, change in zip(row.values[1:], row.changes, strict=True):
            cells += [Cell(number(v, row.unit), sort=v) for v in (value, change)]
        rows.append(cells)
    note = f"Changes are from {comparison.labels[0]}."
    return Table("table-differences", "Metrics and their differences", columns(*titles), rows, note=note)


def _overlay(comparison: Comparison, about: tuple[str, str], y_title: str, series: Any) -> Figure:
    """One curve for each run."""
    plot = axes(1, [y_title], SINGLE_PX)
    sentences, missing = [], []
    for k, (label, result) in enumerate(zip(comparison.labels, comparison.results, strict=True)):
        found = series(result)
        if isinstance(found, str):
            missing.append(f"{label}: {found}.")
            continue
        values = finite(found.to_numpy())
        dash = "solid" if k < len(COLOURS) else "dash"
        curve(plot, found.index.to_numpy(), values, label, COLOURS[k % len(COLOURS)], width=1.3, dash=dash)
        sentences.append(f"{label} from {general(np.nanmin(values), 5)} to {general(np.nanmax(values), 5)}")
    if not sentences:
        return no_figure(about, " ".join(missing))
    return Figure(*about, alt=f"{about[1]}: {'; '.join(sentences)}.", caption=" ".join(missing), plot=plot)


def _site_power(result: Result) -> pd.Series | str:
    draws = [result.site(name)["power_mw"] for name in result.sites]
    draws = [draw for draw in draws if not draw.empty]
    if not draws:
        return "no site, or no time step stored"
    time_s = draws[0].index.to_numpy()
    total_mw = sum(np.interp(time_s, draw.index.to_numpy(), draw.to_numpy()) for draw in draws)
    return pd.Series(total_mw, index=draws[0].index)


def _coi(result: Result) -> pd.Series | str:
    found = frequency.coi_series(result, float(result.attributes["nominal_hz"]))
    return found if isinstance(found, str) else pd.Series(found[1], index=found[0])


def _worst_generator(result: Result) -> pd.Series | str:
    nominal_hz = float(result.attributes["nominal_hz"])
    table = frequency.extremes(result, "speed_pu", nominal_hz)
    if isinstance(table, str):
        return table
    away = np.maximum(nominal_hz - table["min"], table["max"] - nominal_hz)
    return nominal_hz * result.channel("speed_pu", [str(away.idxmax())]).iloc[:, 0]


def _lowest_voltage(result: Result) -> pd.Series | str:
    if not result.has_channel("voltage_pu") or not result.time_s.size:
        return "channel voltage_pu was not recorded"
    lowest = result.envelope("voltage_pu")["min"]
    return "the voltages are not finite" if lowest.isna().all() else lowest
