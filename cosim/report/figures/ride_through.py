"""Voltage events against envelopes, in the plane of duration and depth."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cosim.criteria.library import find_profile
from cosim.metrics import reason_for
from cosim.metrics.envelope import SIGNS
from cosim.report.drawing import BLUE, GREEN, GREY, ORANGE, PINK, PURPLE, RED, curve, plane, points
from cosim.report.figures.base import Figure, Source, no_figure
from cosim.report.text import number

RIDE_THROUGH = ("figure-ride-through", "Voltage events against envelopes")

COLOURS = (ORANGE, GREEN, PURPLE, RED, PINK)
DASHES = ("solid", "dash", "dot")
SHORTEST_S, LONGEST_S = 1e-3, 4000.0
DEPTH_PU = (0.0, 2.0)
_ROW = re.compile(r"(<=|>=|<|>)([0-9.]+)pu$")


def ride_through(source: Source) -> Figure:
    """Sags and swells of all buses as points, and the envelopes of the criteria as steps."""
    events = source.metrics["voltage"].get("events")
    curves = _envelopes(source.summary["criteria"])
    reference = {} if curves or not events else _itic()
    if events is None:
        why = reason_for(source.summary.get("not_assessed") or {}, "voltage.events")
        return no_figure(RIDE_THROUGH, why or "the voltage was not recorded")
    if not events and not curves:
        return no_figure(RIDE_THROUGH, "no bus left 0.9 to 1.1 pu, and no envelope is among the criteria")
    plot = plane("duration (s)", "residual voltage (pu)", log_x=True)
    for k, (name, rows) in enumerate((curves | reference).items()):
        style: dict[str, Any] = {"dash": DASHES[k // len(COLOURS) % len(DASHES)], "width": 1.6}
        colour = COLOURS[k % len(COLOURS)]
        if name in reference:
            style, colour = {"dash": "dot", "width": 1.0}, GREY
        for side in ("low", "high"):
            x, y = _steps(rows, side)
            if x.size:
                curve(plot, x, y, name, colour, **style)
    if events:
        duration_s = np.array([max(event["duration_s"], SHORTEST_S) for event in events])
        residual_pu = np.array([event["residual_pu"] for event in events])
        texts = [
            f"bus {e['bus']}: {number(e['residual_pu'], 'pu')} pu for {number(e['duration_s'], 's')} s at "
            f"{number(e['start_s'], 's')} s"
            for e in events
        ]
        points(plot, duration_s, residual_pu, "events", BLUE, texts=texts)
    reached = [row[2] for rows in curves.values() for row in rows] + [event["duration_s"] for event in events]
    longest_s = min(max([10.0, *(3 * time_s for time_s in reached)]), LONGEST_S)
    plot.update_xaxes(range=[np.log10(SHORTEST_S), np.log10(longest_s)])
    high = max([1.25, *(row[1] + 0.05 for rows in (curves | reference).values() for row in rows)])
    plot.update_yaxes(range=[DEPTH_PU[0], min(high, DEPTH_PU[1])])
    worst = min(events, key=lambda event: event["residual_pu"], default=None)
    said = f"{len(events)} events" if events else "no event"
    if worst:
        said += f", the deepest to {number(worst['residual_pu'], 'pu')} pu for {number(worst['duration_s'], 's')} s"
    return Figure(
        *RIDE_THROUGH,
        alt=f"Residual voltage against duration: {said}; envelopes: {', '.join(curves) or 'none'}.",
        caption="A point is one excursion of one bus from 0.9 to 1.1 pu, at its worst voltage and its whole duration; "
        "beyond an envelope's step lies what it does not require to be ridden through. The verdicts go by the time "
        "accumulated beyond each level, which is exact where an excursion is not rectangular.",
        plot=plot,
    )


def _envelopes(entries: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[str, float, float]]]:
    """Rows (comparison, level in pu, longest time in s) of each voltage envelope among the criteria."""
    curves: dict[str, list[tuple[str, float, float]]] = {}
    for entry in entries:
        match = _ROW.search(entry["metric"])
        if entry.get("envelope") and match and entry["metric"].startswith("voltage.") and entry["value"] is not None:
            row = (match.group(1), float(match.group(2)), float(entry["limit"]))
            curves.setdefault(entry["envelope"], []).append(row)
    return curves


def _itic() -> dict[str, list[tuple[str, float, float]]]:
    """The ITIC curve, for reference where no envelope was asked for."""
    criterion = next(found for found in find_profile("equipment").criteria if found.id == "itic")
    rows = criterion.curve().rows
    return {"ITIC curve, for reference": [(SIGNS[row.comparison], row.level, row.max_s) for row in rows]}


def _steps(rows: Sequence[tuple[str, float, float]], side: str) -> tuple[np.ndarray, np.ndarray]:
    """Corners of one side of an envelope, from the continuous band outwards."""
    mine = [(level, time_s) for sign, level, time_s in rows if (sign[0] == "<") == (side == "low")]
    if not mine:
        return np.empty(0), np.empty(0)
    mine.sort(reverse=side == "low")
    x, y = [LONGEST_S], [mine[0][0]]
    for k, (level, time_s) in enumerate(mine):
        beyond = mine[k + 1][0] if k + 1 < len(mine) else DEPTH_PU[0 if side == "low" else 1]
        x += [max(time_s, SHORTEST_S)] * 2
        y += [level, beyond]
    return np.array(x), np.array(y)
