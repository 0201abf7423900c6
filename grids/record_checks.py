"""Checks that hold for a case of any format: numbers are numbers, what is named exists, the network can be solved."""

import difflib
import math
from collections import defaultdict
from typing import Any

from grids.records import CaseRecords, Complaints, Record

_GENERATORS = ("PV", "Slack")


def check_records(case: CaseRecords) -> None:
    """Refuse a case that no power flow can be run on.

    A negative reactance is a series capacitor and welcome; on a line with charging it is a wrong sign.

    Raises
    ------
    GridError
        With every problem found, each with the place of its record.
    """
    complaints = Complaints()
    buses = _check_buses(case, complaints)
    for record in case.records:
        for key in ("bus", "bus1", "bus2"):
            wanted = record.values.get(key)
            if record.model != "Bus" and key in record.values and str(wanted) not in buses:
                complaints.add(record.place, f"{record.name}: there is no bus {wanted}{_near(wanted, buses)}")
        for key, value in record.values.items():
            if isinstance(value, float) and not math.isfinite(value):
                complaints.add(record.place, f"{record.name}: {key} is {value}, not a finite number")
        if record.model == "Line":
            _check_branch(record, complaints)
        elif record.model in _GENERATORS:
            _check_generator(record, complaints)
    complaints.stop_if_any()
    _check_supply(case, buses, complaints)
    _check_common_voltage(case, complaints)
    complaints.stop_if_any()
    crossed = [
        r.name
        for r in case.records
        if r.model in _GENERATORS and r.values.get("qmin", -math.inf) > r.values.get("qmax", math.inf)
    ]
    if crossed:
        case.notes.append(f"reactive limits that contradict each other are not used: {', '.join(crossed)}")
    negative = [r.name for r in case.records if r.model == "Line" and r.values.get("x", 1.0) < 0]
    if negative:
        shown = ", ".join(negative[:6]) + (f" and {len(negative) - 6} more" if len(negative) > 6 else "")
        case.notes.append(f"taken as series capacitors, because the reactance is negative: {shown}")


def _near(wanted: Any, valid: Any) -> str:
    near = difflib.get_close_matches(str(wanted), [str(v) for v in valid], n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _check_buses(case: CaseRecords, complaints: Complaints) -> dict[str, Record]:
    buses: dict[str, Record] = {}
    for record in case.records:
        if record.model != "Bus":
            continue
        idx = str(record.values["idx"])
        if idx in buses:
            complaints.add(record.place, f"{record.name} stands twice, first at {buses[idx].place}")
            continue
        buses[idx] = record
        base_kv, start_pu = record.values.get("Vn", 1.0), record.values.get("v0", 1.0)
        if not base_kv > 0:
            complaints.add(record.place, f"{record.name}: a base voltage must be above 0 kV, got {base_kv:g}")
        if not 0.1 < start_pu < 3:
            complaints.add(record.place, f"{record.name}: a voltage of {start_pu:g} pu makes no sense")
    if not buses:
        complaints.add(str(case.path), "there are no buses")
    return buses


def _check_branch(record: Record, complaints: Complaints) -> None:
    values = record.values
    x, b = values.get("x", 1e-8), values.get("b", 0.0)
    if str(values.get("bus1")) == str(values.get("bus2")):
        complaints.add(record.place, f"{record.name} begins and ends at the same bus")
    if x == 0:
        complaints.add(record.place, f"{record.name}: its reactance x is 0; join the buses, or give 1e-4 pu")
    elif x < 0 and b > 0:
        complaints.add(record.place, f"{record.name}: its reactance x is {x:g}; only a series capacitor is negative")
    if not values.get("tap", 1.0) > 0:
        complaints.add(record.place, f"{record.name}: a tap ratio must be above 0, got {values['tap']:g}")


def _check_generator(record: Record, complaints: Complaints) -> None:
    values = record.values
    if not 0.5 <= values.get("v0", 1.0) <= 1.5:
        complaints.add(record.place, f"{record.name}: a set voltage of {values['v0']:g} pu makes no sense")
    if not values.get("Sn", 100.0) > 0:
        complaints.add(record.place, f"{record.name}: its rating (MVA) must be above 0, got {values['Sn']:g}")
    low, high = values.get("pmin", -math.inf), values.get("pmax", math.inf)
    if low > high:
        complaints.add(record.place, f"{record.name}: its lowest power ({low:g} pu) is above its highest ({high:g} pu)")


def _check_supply(case: CaseRecords, buses: dict[str, Record], complaints: Complaints) -> None:
    """Every bus in service must be connected to a slack generator."""
    near: defaultdict[str, list[str]] = defaultdict(list)
    for record in case.records:
        if record.model in ("Line", "Jumper") and record.values.get("u", 1):
            ends = str(record.values["bus1"]), str(record.values["bus2"])
            near[ends[0]].append(ends[1])
            near[ends[1]].append(ends[0])
    slacks = [str(r.values["bus"]) for r in case.records if r.model == "Slack" and r.values.get("u", 1)]
    if not slacks:
        complaints.add(str(case.path), "there is no slack generator in service (the bus that holds the angle)")
        return
    reached, waiting = set(slacks), list(slacks)
    while waiting:
        for bus in near[waiting.pop()]:
            if bus not in reached:
                reached.add(bus)
                waiting.append(bus)
    for idx, record in buses.items():
        if idx not in reached and record.values.get("u", 1):
            complaints.add(record.place, f"{record.name} is not connected to a slack generator")


def _check_common_voltage(case: CaseRecords, complaints: Complaints) -> None:
    """Generators of one bus must hold the same voltage."""
    held: dict[str, Record] = {}
    for record in case.records:
        if record.model not in _GENERATORS or not record.values.get("u", 1):
            continue
        first = held.setdefault(str(record.values["bus"]), record)
        here, there = record.values.get("v0", 1.0), first.values.get("v0", 1.0)
        if abs(here - there) > 1e-6:
            complaints.add(
                record.place,
                f"{record.name} holds {here:g} pu, {first.name} at the same bus holds {there:g} pu ({first.place})",
            )
