"""A PSS/E network as ANDES devices.

ANDES reads RAW files itself, but passes over what this module keeps: the status of three-winding transformers and
their ratings, the second winding's ratio, the losses of a two-winding transformer's core, shunts at line ends, buses
and generators that their type switches off. Sources: PSS/E's definitions as restated by MATPOWER's converter.
"""

import math
from typing import Any

from grids.psse_branches import BUS_KEYS, SECTION_KEYS, Network, add_end_shunt, add_line, record_name
from grids.psse_raw import RawFile, RawRecord
from grids.psse_transformers import add_three_windings, add_two_windings
from grids.records import CaseRecords, Complaints

_LOAD_BUS, _SLACK_BUS, _ISOLATED = 1, 3, 4

_NOT_CONVERTED = (
    "two-terminal dc",
    "vsc dc",
    "multi-terminal dc",
    "facts",
    "gne",
    "induction machine",
    "switching device",
)
"""Sections whose records carry power that would be missing: a case that has any is refused."""


def network_records(raw: RawFile) -> CaseRecords:
    """Devices of a RAW file.

    Raises
    ------
    GridError
        If records contradict each other or have no counterpart, each with file and line.
    """
    case = CaseRecords(raw.path, raw.base_mva, raw.nominal_hz)
    network = Network(raw, case, Complaints(), {}, set())
    _refuse_unconverted(network)
    _refuse_duplicates(network)
    _add_buses(network)
    _refuse_missing_buses(network)
    network.complaints.stop_if_any()
    _add_loads(network)
    _add_shunts(network)
    _add_generators(network)
    _add_branches(network)
    for record in raw.sections["transformer"]:
        (add_three_windings if record["K"] else add_two_windings)(network, record)
    network.complaints.stop_if_any()
    return case


def _refuse_unconverted(network: Network) -> None:
    for section in _NOT_CONVERTED:
        for record in network.raw.sections.get(section, []):
            network.complaints.add(
                record.place, f"{section} record {record['I']} cannot be converted; replace it by loads"
            )


def _refuse_duplicates(network: Network) -> None:
    for section, keys in SECTION_KEYS.items():
        seen: dict[tuple[Any, ...], RawRecord] = {}
        for record in network.raw.sections[section]:
            ends = tuple(sorted(abs(record[k]) for k in keys if k in BUS_KEYS))
            key = (*ends, *(record[k] for k in keys if k not in BUS_KEYS))
            if key in seen:
                network.complaints.add(
                    record.place, f"{record_name(section, record)} stands twice, first at {seen[key].place}"
                )
            seen.setdefault(key, record)


def _refuse_missing_buses(network: Network) -> None:
    for section in ("load", "fixed shunt", "generator", "branch", "transformer", "switched shunt"):
        for record in network.raw.sections[section]:
            for key in BUS_KEYS:
                number = abs(record.values.get(key, 0))
                if (number or key != "K") and key in record.values and number not in network.buses:
                    name = record_name(section, record) if section in SECTION_KEYS else f"{section} {number}"
                    network.complaints.add(record.place, f"{name}: there is no bus {number}")


def _add_buses(network: Network) -> None:
    for record in network.raw.sections["bus"]:
        number = record["I"]
        network.buses.setdefault(number, record)
        if record["IDE"] not in (1, 2, 3, 4):
            network.complaints.add(record.place, f"bus {number}: type IDE must be 1, 2, 3 or 4, got {record['IDE']}")
        if record["IDE"] == _ISOLATED:
            network.isolated.add(number)
            continue
        network.case.add(
            "Bus",
            f"bus {number}",
            record.place,
            idx=number,
            name=record["NAME"] or str(number),
            Vn=record["BASKV"] or 1.0,
            v0=record["VM"],
            a0=math.radians(record["VA"]),
            area=record["AREA"],
            zone=record["ZONE"],
            owner=record["OWNER"],
        )
    for record in network.raw.sections["area"]:
        network.case.add(
            "Area", f"area {record['I']}", record.place, idx=record["I"], name=record["ARNAME"] or record["I"]
        )
    network.next_star = max(network.buses, default=0) + 1
    if network.isolated:
        shown = ", ".join(map(str, sorted(network.isolated)))
        network.case.notes.append(f"isolated buses (type 4) and what is connected to them are left out: {shown}")


def _add_loads(network: Network) -> None:
    """Constant-current and constant-impedance parts count with their power at the voltage that the file gives."""
    mva, mixed = network.raw.base_mva, []
    for record in network.raw.sections["load"]:
        bus = record["I"]
        if bus in network.isolated:
            continue
        v = network.buses[bus]["VM"]
        active = record["PL"] + record["IP"] * v + record["YP"] * v**2
        reactive = record["QL"] + record["IQ"] * v - record["YQ"] * v**2
        if any(record[key] for key in ("IP", "IQ", "YP", "YQ")):
            mixed.append(f"{bus} '{record['ID']}'")
        network.case.add(
            "PQ",
            record_name("load", record),
            record.place,
            bus=bus,
            u=int(record["STATUS"] > 0),
            Vn=network.buses[bus]["BASKV"] or 1.0,
            p0=active / mva,
            q0=reactive / mva,
            owner=record["OWNER"],
        )
    if mixed:
        network.case.notes.append(
            f"loads with current or admittance parts ({_some(mixed)}): their power at the file's voltage is taken; "
            "base_load sets how it depends on voltage"
        )


def _some(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _add_shunts(network: Network) -> None:
    mva, stepped = network.raw.base_mva, []
    for section in ("fixed shunt", "switched shunt"):
        for record in network.raw.sections[section]:
            bus = record["I"]
            if bus in network.isolated:
                continue
            fixed = section == "fixed shunt"
            if not fixed and record["MODSW"]:
                stepped.append(str(bus))
            network.case.add(
                "Shunt",
                record_name(section, record) if fixed else f"switched shunt {bus}",
                record.place,
                bus=bus,
                u=int(record["STATUS" if fixed else "STAT"] > 0),
                Vn=network.buses[bus]["BASKV"] or 1.0,
                Sn=mva,
                g=record["GL"] / mva if fixed else 0.0,
                b=record["BL" if fixed else "BINIT"] / mva,
            )
    if stepped:
        network.case.notes.append(f"switched shunts stay at BINIT: bus {_some(stepped)}")


def _add_generators(network: Network) -> None:
    """The first generator in service of a slack bus is the slack, the others hold their power."""
    mva, slack_of = network.raw.base_mva, set()
    off, remote, stepped_up = [], [], []
    number = 0
    for record in network.raw.sections["generator"]:
        number += 1
        bus = record["I"]
        if bus in network.isolated:
            continue
        kind, in_service = network.buses[bus]["IDE"], record["STAT"] > 0
        name = f"{bus} '{record['ID']}'"
        if in_service and kind == _LOAD_BUS:
            off.append(name)
            in_service = False
        if in_service and record["IREG"] not in (0, bus):
            remote.append(name)
        if in_service and record["XT"]:
            stepped_up.append(name)
        is_slack = kind == _SLACK_BUS and in_service and bus not in slack_of
        slack_of |= {bus} if is_slack else set()
        network.case.add(
            "Slack" if is_slack else "PV",
            record_name("generator", record),
            record.place,
            idx=number,
            u=int(in_service),
            bus=bus,
            subidx=machine_id(record["ID"]),
            Sn=record["MBASE"] or mva,
            Vn=network.buses[bus]["BASKV"] or 1.0,
            p0=record["PG"] / mva,
            q0=record["QG"] / mva,
            pmax=record["PT"] / mva,
            pmin=record["PB"] / mva,
            qmax=record["QT"] / mva,
            qmin=record["QB"] / mva,
            v0=record["VS"],
            ra=record["ZR"],
            xs=record["ZX"],
            **({"a0": math.radians(network.buses[bus]["VA"])} if is_slack else {}),
        )
    for names, text in (
        (off, "generators at load buses (type 1) are out of service, as in PSS/E"),
        (remote, "generators that regulate another bus hold their own bus at that voltage instead"),
        (stepped_up, "step-up transformers within generator records (XT) are not modelled"),
    ):
        if names:
            network.case.notes.append(f"{text}: {_some(names)}")


def machine_id(text: str) -> int | str:
    """Machine id as RAW and DYR both mean it: '01' and 1 are one."""
    stripped = text.strip()
    return int(stripped) if stripped.isdigit() else stripped


def _add_branches(network: Network) -> None:
    for record in network.raw.sections["branch"]:
        ends = (abs(record["I"]), abs(record["J"]))  # a minus sign marks the metered end
        if network.isolated.isdisjoint(ends):
            add_line(
                network,
                record,
                record_name("branch", record),
                ends,
                int(record["ST"] > 0),
                record["R"] + 1j * record["X"],
                [record[f"RATE{k}"] for k in "ABC"],
                b=record["B"],
            )
            for bus, end in zip(ends, "IJ", strict=True):
                admittance = complex(record[f"G{end}"], record[f"B{end}"])
                add_end_shunt(
                    network, record, f"shunt of {record_name('branch', record)}", bus, admittance, record["ST"] > 0
                )
