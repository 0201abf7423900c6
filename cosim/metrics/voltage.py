"""Voltage: extremes, and sag, swell and interruption events classified by IEEE Std 1159-2009."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.metrics import flicker
from cosim.metrics.faults import fault_intervals
from cosim.metrics.recovery import DIPS, RETURNS, longest_dip, time_to_return
from cosim.metrics.ride_through import assess_envelopes
from cosim.metrics.section import NOTHING_WANTED, Place, Section, Wanted, finite, not_recorded
from cosim.metrics.time_average import rapid_change, sliding_means
from cosim.metrics.voltage_events import SAG_PU, SWELL_PU, events
from cosim.result import Result

Array = NDArray[np.float64]
MEAN_S = 600.0
SAME_TIME_S = 1e-6


def template() -> dict[str, Any]:
    """Every key of the section, with nothing assessed."""
    keys = ("min_pu", "min_bus", "min_time_s", "max_pu", "max_bus", "max_time_s", "shortest_event_s", "events")
    changes = ("max_pu", "max_bus", "max_time_s", "steady_pu", "steady_bus", "steady_time_s")
    return {
        **dict.fromkeys((*keys, "swing_pu", "swing_bus")),
        "mean_600s": dict.fromkeys(("min_pu", "max_pu")),
        "rapid_change": dict.fromkeys(changes),
        "recovery": dict.fromkeys((*RETURNS, *DIPS)),
        "flicker": {},
        "envelopes": {},
    }


def assess(result: Result, wanted: Wanted = NOTHING_WANTED) -> Section:
    """Assess the voltage section of a run's metrics."""
    values = template()
    flickers = flicker.assess(result)
    values["flicker"] = flickers.values
    section = Section(values, dict(flickers.reasons), dict(flickers.places), dict(flickers.lower_bounds))
    envelopes = assess_envelopes(result, [e for e in wanted.envelopes if e.signal == "voltage"])
    values["envelopes"] = envelopes.values
    section.add(envelopes)
    if not result.has_channel("voltage_pu"):
        section.reasons.update(_not_assessed(values, not_recorded("voltage_pu")))
        return section
    table = result.extrema("voltage_pu").dropna()
    if table.empty or not result.time_s.size:
        section.reasons.update(_not_assessed(values, "channel voltage_pu holds no values"))
        return section
    add_extremes(section, table)
    frame = result.channel_with_jumps("voltage_pu", result.elements("voltage_pu"))
    time_s, voltage_pu = frame.index.to_numpy(), frame.to_numpy()
    buses = list(frame.columns)
    values["shortest_event_s"] = shortest_event(time_s, result.attributes.get("step_s"))
    if not values["shortest_event_s"]:
        section.reasons["voltage.shortest_event_s"] = "one row was stored"
    outside = (table["min"] < SAG_PU) | (table["max"] > SWELL_PU)
    chosen = [k for k, bus in enumerate(buses) if bus in table.index and outside[bus]]  # of others no event can be
    nominal_hz = float(result.attributes["nominal_hz"])
    values["events"] = events(time_s, voltage_pu[:, chosen], [buses[k] for k in chosen], nominal_hz)
    _add_changes(section, time_s, voltage_pu, table.reindex(buses))
    _add_means(section, time_s, voltage_pu, buses)
    _add_recovery(section, result, time_s, voltage_pu, buses)
    return section


def _not_assessed(values: Mapping[str, Any], why: str) -> dict[str, str]:
    """Reasons for everything but flicker and envelopes, which say their own."""
    return {f"voltage.{key}": why for key in values if key not in ("flicker", "envelopes")}


def add_extremes(section: Section, table: pd.DataFrame) -> None:
    """Add smallest and largest voltage, and the largest swing, from each bus's extremes."""
    for side, index in (("min", table["min"].to_numpy().argmin()), ("max", table["max"].to_numpy().argmax())):
        row = table.iloc[index]
        time_s = row[f"{side}_time_s"]
        section.values.update({f"{side}_pu": row[side], f"{side}_bus": row.name, f"{side}_time_s": time_s})
        section.places[f"voltage.{side}_pu"] = Place(str(row.name), float(time_s))
    swing = (table["max"] - table["min"]).to_numpy()
    section.values.update({"swing_pu": swing.max(), "swing_bus": table.index[swing.argmax()]})
    section.places["voltage.swing_pu"] = Place(str(table.index[swing.argmax()]))


def _add_changes(section: Section, time_s: Array, voltage_pu: Array, table: pd.DataFrame) -> None:
    """Rapid changes of all buses; the table holds their extremes over every node."""
    changes, buses = section.values["rapid_change"], list(table.index)
    extremes = table[["min", "min_time_s", "max", "max_time_s"]].to_numpy().reshape(-1, 2, 2)
    found = np.array([rapid_change(time_s, finite(column), extremes[k]) for k, column in enumerate(voltage_pu.T)])
    for side, column in (("max", 0), ("steady", 2)):
        if np.isnan(found[:, column]).all():
            section.reasons[f"voltage.rapid_change.{side}"] = "the record is too short for means over 1 s"
            for key in ("pu", "bus", "time_s"):
                section.reasons[f"voltage.rapid_change.{side}_{key}"] = "the record is too short for means over 1 s"
            continue
        worst = int(np.nanargmax(found[:, column]))
        size, at_s = found[worst, column : column + 2]
        changes |= {f"{side}_pu": size, f"{side}_bus": buses[worst], f"{side}_time_s": at_s}
        section.places[f"voltage.rapid_change.{side}_pu"] = Place(buses[worst], float(at_s))


def _add_means(section: Section, time_s: Array, voltage_pu: Array, buses: Sequence[str]) -> None:
    """Extremes of all buses' means over 10 minutes."""
    if time_s[-1] - time_s[0] < MEAN_S * (1 - 1e-9):
        section.reasons["voltage.mean_600s"] = f"the record is shorter than {MEAN_S:g} s"
        return
    means = [sliding_means(time_s, column, MEAN_S) for column in voltage_pu.T]
    for side, pick in (("min", np.nanargmin), ("max", np.nanargmax)):
        extremes = np.array([getattr(np, side)(mean) for _, mean in means])
        if np.isnan(extremes).all():
            section.reasons[f"voltage.mean_600s.{side}_pu"] = "the voltages are not finite throughout"
            continue
        worst = int(pick(extremes))
        ends, mean = means[worst]
        section.values["mean_600s"][f"{side}_pu"] = extremes[worst]
        at_s = ends[np.argmin(mean) if side == "min" else np.argmax(mean)]
        section.places[f"voltage.mean_600s.{side}_pu"] = Place(buses[worst], float(at_s))


def _add_recovery(section: Section, result: Result, time_s: Array, voltage_pu: Array, buses: Sequence[str]) -> None:
    """Recovery after the last fault, against the voltage before it."""
    faults = [fault for fault in fault_intervals(result.events) if np.isfinite(fault[1])]
    if not faults:
        section.reasons["voltage.recovery"] = "no fault was cleared in the run"
        return
    start_s, end_s = faults[-1]
    # At a jump the row before it and the row after it have the time of the event, give or take its rounding.
    before = int(np.searchsorted(time_s, start_s - SAME_TIME_S)) - 1
    first = int(np.searchsorted(time_s, end_s + SAME_TIME_S, side="right"))
    first -= first > 0 and time_s[first - 1] >= end_s - SAME_TIME_S
    if before < 0 or time_s.size - first < 2:
        section.reasons["voltage.recovery"] = "nothing was recorded before the last fault, or after it"
        return
    with np.errstate(invalid="ignore", divide="ignore"):
        share = finite(voltage_pu[first:] / voltage_pu[before])
    with_supply = np.flatnonzero(np.isfinite(share).all(axis=0))
    share, names = share[:, with_supply], [buses[k] for k in with_supply.tolist()]
    if not names:
        section.reasons["voltage.recovery"] = "the voltages after the last fault are not finite"
        return
    after_s = time_s[first:]
    measured = [(key, level, time_to_return(after_s, share, level, end_s)) for key, level in RETURNS.items()]
    measured += [(key, level, longest_dip(after_s, share, level)) for key, level in DIPS.items()]
    for key, level, found in measured:
        path = f"voltage.recovery.{key}"
        section.values["recovery"][key] = found.time_s
        section.places[path] = Place(names[found.bus] if found.time_s > 0 else None, end_s)
        if found.is_open:
            section.lower_bounds[path] = (
                f"a bus is below {100 * level:g} % of its voltage before the fault at the end of the record"
            )


def shortest_event(time_s: Array, step_s: float | None) -> float | None:
    """Length in s of the shortest event that cannot slip through: the longest interval between samples.

    Parameters
    ----------
    time_s
        Times of the stored samples [time].
    step_s
        Solver step: the load is averaged over it, so nothing shorter is seen however it was stored.
    """
    if time_s.size < 2:
        return step_s
    return max(float(np.diff(time_s).max()), step_s or 0.0)
