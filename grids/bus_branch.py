"""Bus, generator and branch tables in MATPOWER's columns as ANDES devices: for MATPOWER and pandapower cases."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from grids.records import CaseRecords, Complaints

_LOAD_BUS, _SLACK_BUS, _ISOLATED = 1, 3, 4

_UNBOUNDED_MW = 1e5
"""What an infinite limit becomes: ANDES wants a number."""


@dataclass(frozen=True)
class Row:
    """One row: its numbers, what the user calls it, and where it is."""

    values: list[float]
    name: str
    place: str
    conductance_pu: float = 0.0
    """Of a branch, shared by its ends as its charging is."""
    to_shunt_pu: complex = 0j
    """Admittance at a branch's to end alone."""


@dataclass
class Tables:
    """Rows in MATPOWER's columns, power in MW and Mvar, angles in degrees."""

    base_mva: float
    bus: list[Row] = field(default_factory=list)
    gen: list[Row] = field(default_factory=list)
    branch: list[Row] = field(default_factory=list)
    bus_names: dict[int, str] = field(default_factory=dict)


def add_tables(case: CaseRecords, tables: Tables) -> None:
    """Append the devices of bus, generator and branch tables.

    Raises
    ------
    GridError
        With every row that names a bus which there is not, or whose numbers make no sense.
    """
    complaints = Complaints()
    kinds = _add_buses(case, tables, complaints)
    base_kv = {int(row.values[0]): row.values[9] or 1.0 for row in tables.bus}
    for row in tables.gen:
        if _known(row, [row.values[0]], kinds, complaints):
            _add_generator(case, tables, row, kinds, base_kv)
    for row in tables.branch:
        if _known(row, row.values[:2], kinds, complaints):
            _add_branch(case, tables, row, base_kv)
    complaints.stop_if_any()


def _known(row: Row, buses: list[float], kinds: dict[int, int], complaints: Complaints) -> bool:
    """Whether all buses of a row exist and are not isolated; notes those that do not exist."""
    missing = [bus for bus in buses if bus not in kinds]
    for bus in missing:
        complaints.add(row.place, f"{row.name}: there is no bus {bus:g}")
    return not missing and all(kinds[int(bus)] != _ISOLATED for bus in buses)


def _add_buses(case: CaseRecords, tables: Tables, complaints: Complaints) -> dict[int, int]:
    kinds: dict[int, int] = {}
    first: dict[float, Row] = {}
    mva = tables.base_mva
    for row in tables.bus:
        number, kind, load_mw, load_mvar, shunt_mw, shunt_mvar = row.values[:6]
        if number != int(number) or kind not in (1, 2, 3, 4):
            complaints.add(
                row.place, f"{row.name}: the bus must be a whole number of type 1, 2, 3 or 4, got type {kind:g}"
            )
            continue
        if number in first:
            complaints.add(row.place, f"{row.name} stands twice, first at {first[number].place}")
            continue
        first[number] = row
        idx = int(number)
        kinds[idx] = int(kind)
        if kind == _ISOLATED:
            case.notes.append(f"{row.name} is isolated (type 4): it and what is connected to it are left out")
            continue
        base_kv = row.values[9] or 1.0
        case.add(
            "Bus",
            row.name,
            row.place,
            idx=idx,
            name=tables.bus_names.get(idx, str(idx)),
            Vn=base_kv,
            v0=row.values[7],
            a0=math.radians(row.values[8]),
            area=int(row.values[6]),
            zone=int(row.values[10]),
        )
        if load_mw or load_mvar:
            case.add("PQ", f"load at {row.name}", row.place, bus=idx, Vn=base_kv, p0=load_mw / mva, q0=load_mvar / mva)
        if shunt_mw or shunt_mvar:
            case.add(
                "Shunt",
                f"shunt at {row.name}",
                row.place,
                Sn=mva,
                bus=idx,
                Vn=base_kv,
                g=shunt_mw / mva,
                b=shunt_mvar / mva,
            )
    return kinds


def _add_generator(
    case: CaseRecords, tables: Tables, row: Row, kinds: dict[int, int], base_kv: dict[int, float]
) -> None:
    """A slack bus has one slack generator; a generator at a load bus is fixed power."""
    bus, p_mw, q_mvar, q_max, q_min, voltage_pu, rating_mva, status, p_max, p_min = row.values[:10]
    idx, mva, in_service = int(bus), tables.base_mva, int(status > 0)
    if kinds[idx] == _LOAD_BUS:
        case.notes.append(f"{row.name} is at a load bus (type 1): it supplies fixed power, as a negative load")
        values: dict[str, Any] = {"Vn": base_kv[idx], "p0": -p_mw / mva, "q0": -q_mvar / mva}
        case.add("PQ", row.name, row.place, bus=idx, u=in_service, **values)
        return
    has_slack = any(r.model == "Slack" and r.values["bus"] == idx for r in case.records)
    number = 1 + sum(r.model in ("PV", "Slack") for r in case.records)
    at_bus = Counter(r.values["bus"] for r in case.records if r.model in ("PV", "Slack"))[idx]
    is_slack = kinds[idx] == _SLACK_BUS and in_service and not has_slack
    case.add(
        "Slack" if is_slack else "PV",
        row.name,
        row.place,
        idx=number,
        u=in_service,
        bus=idx,
        subidx=at_bus + 1,
        Sn=rating_mva or mva,
        Vn=base_kv[idx],
        v0=voltage_pu,
        p0=p_mw / mva,
        q0=q_mvar / mva,
        pmax=_bounded(p_max) / mva,
        pmin=_bounded(p_min) / mva,
        qmax=_bounded(q_max) / mva,
        qmin=_bounded(q_min) / mva,
        **({"a0": _angle(tables, idx)} if is_slack else {}),
    )


def _angle(tables: Tables, bus: int) -> float:
    return next(math.radians(row.values[8]) for row in tables.bus if row.values[0] == bus)


def _bounded(limit: float) -> float:
    return min(max(limit, -_UNBOUNDED_MW), _UNBOUNDED_MW)


def _add_branch(case: CaseRecords, tables: Tables, row: Row, base_kv: dict[int, float]) -> None:
    """A ratio of 0 means a line; the shift in degrees delays the to side."""
    ends = int(row.values[0]), int(row.values[1])
    r, x, b, rate_a, rate_b, rate_c, ratio, shift_deg, status = row.values[2:11]
    tap = ratio or 1.0
    case.add(
        "Line",
        row.name,
        row.place,
        u=int(status > 0),
        bus1=ends[0],
        bus2=ends[1],
        Vn1=base_kv[ends[0]],
        Vn2=base_kv[ends[1]],
        Sn=tables.base_mva,
        r=r,
        x=x,
        b=b,
        trans=int(ratio not in (0.0, 1.0) or shift_deg != 0.0),
        tap=tap,
        phi=math.radians(shift_deg),
        rate_a=rate_a,
        rate_b=rate_b,
        rate_c=rate_c,
        g=row.conductance_pu,
    )
    if row.to_shunt_pu:  # as a device of its own: ANDES puts a line's from-side shunt at both its ends
        case.add(
            "Shunt",
            f"shunt of {row.name}",
            row.place,
            u=int(status > 0),
            bus=ends[1],
            Vn=base_kv[ends[1]],
            Sn=tables.base_mva,
            g=row.to_shunt_pu.real,
            b=row.to_shunt_pu.imag,
        )
