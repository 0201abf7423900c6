"""Tables of a sweep's report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cosim.metrics import unit_of
from cosim.report.sweep_text import cell_text, parameter_label, parameter_name, parameter_unit, parameter_values
from cosim.report.tables.cells import MAX_ROWS, Cell, Table, columns
from cosim.report.text import MISSING, general, minus, number, printed_id
from cosim.sweep.analysis import Outcome, Spread, criterion_columns
from cosim.sweep.effects import PASS_SHARE, Change, Effect
from cosim.sweep.grouping import is_sampled
from cosim.sweep.hosting import Hosting
from cosim.sweep.limits import SweepLimit
from cosim.sweep.records import CRITERIA
from cosim.sweep.sensitivity import MorrisEffects, SobolIndices

_VERDICTS = ("pass", "fail", "not_assessed", "simulation_failed")


def parameters(outcome: Outcome) -> Table:
    """What is varied, and how."""
    method = outcome.plan.sweep.sampling.method
    rows = [
        [
            Cell(parameter_name(parameter)),
            Cell(", ".join(parameter.keys) or MISSING),
            Cell(parameter_unit(parameter) or MISSING),
            Cell(parameter_values(parameter, is_sampled=is_sampled(parameter, method))),
            Cell(str(n := outcome.runs[parameter.column].nunique(dropna=False)), sort=n),
        ]
        for parameter in outcome.plan.sweep.parameters
    ]
    titles = ("Parameter", "Keys of the scenario", "Unit", "Values", "Different ones>")
    return Table("table-parameters", "Parameters", columns(*titles), rows, "Nothing is varied but the seed.")


def criteria(outcome: Outcome) -> Table:
    """How often each limit was kept, those that decide first, the most broken first."""
    runs, known = outcome.runs, {limit.id: limit for limit in outcome.limits}
    found = []
    for name, id_ in criterion_columns(runs).items():
        limit = known.get(id_)
        verdicts = Counter(runs[f"{CRITERIA}.{name}.verdict"].dropna())
        margin = pd.to_numeric(runs[f"{CRITERIA}.{name}.margin"], errors="coerce").min()
        found.append((not (limit and limit.decides), -verdicts["fail"], name, limit, verdicts, float(margin)))
    rows = []
    for informs, _, name, limit, verdicts, margin in sorted(found, key=lambda entry: entry[:2]):
        unit = limit.unit if limit else ""
        cells = [Cell(printed_id(name), limit.metric if limit and limit.metric not in name else "")]
        cells += [Cell(bounds_text(limit)), Cell(unit or MISSING), Cell("informs" if informs else "decides")]
        cells += [Cell(f"{verdicts[verdict]:,}", sort=verdicts[verdict]) for verdict in _VERDICTS]
        rows.append([*cells, Cell(number(margin, unit), sort=margin if np.isfinite(margin) else None)])
    titles = ("Criterion", "Limit", "Unit", "Standing", "Pass>", "Fail>", "Not assessed>", "Did not complete>")
    empty = "No run was judged by any criterion."
    return Table("table-criteria", "Criteria", columns(*titles, "Smallest margin>"), rows, empty)


def bounds_text(limit: SweepLimit | None) -> str:
    """The bound of a limit, or the range of its bounds."""
    if limit is None:
        return MISSING
    sign = "≤" if limit.is_max else "≥"
    low, high = limit.bounds[0], limit.bounds[-1]
    return f"{sign} {general(low)}" if low == high else f"{sign} {general(low)} to {general(high)}, by run"


def spreads(found: Sequence[Spread]) -> Table:
    """How each metric spreads."""
    rows = []
    for row in found:
        shown = (row.smallest, row.low, row.median, row.high, row.largest)
        cells = [Cell(row.metric), Cell(row.unit or MISSING), Cell(f"{row.count:,}", sort=row.count)]
        cells += [Cell(number(value, row.unit), sort=value) for value in shown]
        rows.append([*cells, Cell(row.worst_run)])
    titles = ("Metric", "Unit", "Runs>", "Smallest>", "5 %>", "Median>", "95 %>", "Largest>", "Worst run")
    return Table("table-spreads", "Metrics", columns(*titles), rows, "No run has completed.")


def effects(found: Mapping[str, Sequence[Effect]]) -> Table:
    """Median of each metric, and the share of runs that pass, at each value of each parameter."""
    metrics = list(found)
    rows: list[list[Cell]] = []
    headings = {}
    for k, first in enumerate(next(iter(found.values()), ())):
        headings[len(rows)] = parameter_label(first.grouping.parameter)
        for group, name in enumerate(first.grouping.names):
            cells = [Cell(name, sort=None if first.grouping.centres is None else first.grouping.centres[group])]
            for metric in metrics:
                value = found[metric][k].median[group]
                unit = "%" if metric == PASS_SHARE else unit_of(metric)
                cells.append(Cell(number(value, unit, 1 if unit == "%" else None), sort=_finite(value)))
            rows.append(cells)
    titles = ["Value", *(f"{m}{_in(unit_of(m)) if m != PASS_SHARE else ' (%)'}>" for m in metrics)]
    caption = "Median of each metric at each value"
    return Table("table-effects", caption, columns(*titles), rows, "No parameter has two values.", headings=headings)


def changes(found: Mapping[str, Sequence[Change]]) -> Table:
    """Changes of each metric from the base point."""
    metrics = list(found)
    order = dict.fromkeys((c.parameter.column, c.value) for each in found.values() for c in each)
    by_metric = {metric: {(c.parameter.column, c.value): c for c in each} for metric, each in found.items()}
    label = {c.parameter.column: parameter_label(c.parameter) for each in found.values() for c in each}
    rows: list[list[Cell]] = []
    headings, before = {}, None
    for column, value in order:
        if column != before:
            headings[len(rows)], before = label[column], column
        cells = [Cell(value)]
        for metric in metrics:
            change = by_metric[metric].get((column, value))
            if change is None:
                cells.append(Cell(MISSING))
                continue
            unit = unit_of(metric)
            ends = f"{number(change.low, unit)} to {number(change.high, unit)}" if change.pairs > 1 else ""
            cells.append(Cell(number(change.median, unit), ends, sort=change.median))
        rows.append(cells)
    titles = ["Value", *(f"{metric}{_in(unit_of(metric))}>" for metric in metrics)]
    note = "Median over the seeds; below it the smallest and the largest."
    caption = "Change of each metric from the base point"
    return Table("table-changes", caption, columns(*titles), rows, "No run can be compared.", note, headings)


def capacities(hosting: Hosting) -> Table:
    """What each combination can host, the smallest first."""
    label = parameter_label(hosting.parameter)
    ordered = sorted(hosting.capacities, key=lambda capacity: capacity.rank)
    rows = []
    for capacity in ordered[:MAX_ROWS]:
        cells = [Cell(cell_text(cell), sort=_sortable(cell)) for cell in capacity.others]
        largest = "none" if capacity.end == "fail" else "not known"
        if capacity.largest is not None:
            largest = ("" if capacity.is_exact else "≥ ") + general(capacity.largest)
        cells.append(Cell(largest, sort=capacity.largest or 0.0))
        above = general(capacity.next_value)
        text = {
            "fail": f"{above} fails",
            "tested": "no larger value was tested",
            "not_assessed": f"{above} was not assessed",
            "pending": f"{above} is pending",
        }[capacity.end]
        again = "a larger value passes again" if capacity.passes_again else ""
        cells += [Cell(text, warning=again), Cell(str(capacity.values), sort=capacity.values)]
        rows.append([*cells, Cell(f"{capacity.runs:,}", sort=capacity.runs)])
    others = [f"{parameter_label(other)}" for other in hosting.others]
    titles = [*others, f"Largest {label} that passes>", "Above it", "Values tested>", "Runs>"]
    left = len(ordered) - MAX_ROWS
    note = f"The {MAX_ROWS} smallest; {left:,} more are not shown." if left > 0 else ""
    return Table("table-hosting", f"Largest {label} that passes", columns(*titles), rows, note=note)


def sobol(names: Sequence[str], found: Mapping[str, SobolIndices]) -> Table:
    """Sobol indices of each metric, the largest total first."""
    rows: list[list[Cell]] = []
    headings = {}
    for metric, indices in found.items():
        headings[len(rows)] = metric
        for k in np.argsort(-indices.total, kind="stable"):
            pairs = ((indices.first, indices.first_half), (indices.total, indices.total_half))
            cells = [Cell(minus(f"{v[k]:.3f}"), f"± {half[k]:.3f}", sort=float(v[k])) for v, half in pairs]
            rows.append([Cell(names[k]), *cells])
    titles = ("Parameter", "Alone (first order)>", "With interactions (total)>")
    return Table("table-sobol", "Sobol indices", columns(*titles), rows, headings=headings)


def sobol_pairs(names: Sequence[str], found: Mapping[str, SobolIndices]) -> Table:
    """Second-order indices, the largest first."""
    rows: list[list[Cell]] = []
    headings = {}
    for metric, indices in found.items():
        assert indices.second is not None
        assert indices.second_half is not None
        headings[len(rows)] = metric
        pairs = [(j, k) for j in range(len(names)) for k in range(j + 1, len(names))]
        for j, k in sorted(pairs, key=lambda pair: -indices.second[pair]):  # type: ignore[index]
            value, half = float(indices.second[j, k]), float(indices.second_half[j, k])
            rows.append([Cell(f"{names[j]} × {names[k]}"), Cell(minus(f"{value:.3f}"), f"± {half:.3f}", value)])
    titles = ("Pair", "Second order>")
    return Table("table-sobol-pairs", "Interactions of pairs", columns(*titles), rows, headings=headings)


def morris(names: Sequence[str], found: Mapping[str, MorrisEffects]) -> Table:
    """Elementary effects on each metric, the largest first."""
    rows: list[list[Cell]] = []
    headings = {}
    for metric, effect in found.items():
        unit = unit_of(metric)
        headings[len(rows)] = f"{metric}{_in(unit)}"
        for k in np.argsort(-effect.mean_size, kind="stable"):
            size = Cell(
                number(effect.mean_size[k], unit), f"± {number(effect.mean_size_half[k], unit)}", effect.mean_size[k]
            )
            others = [Cell(number(v[k], unit), sort=float(v[k])) for v in (effect.mean, effect.deviation)]
            rows.append([Cell(names[k]), size, *others])
    titles = ("Parameter", "Mean size μ*>", "Mean μ>", "Standard deviation σ>")
    return Table("table-morris", "Elementary effects", columns(*titles), rows, headings=headings)


def _in(unit: str) -> str:
    return f" ({unit})" if unit else ""


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _sortable(cell: object) -> float | str:
    return float(cell) if isinstance(cell, int | float) else str(cell)
