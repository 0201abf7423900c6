"""A PSS/E network as ANDES devices.

ANDES reads RAW files itself, but passes over what this module keeps: the status of three-winding transformers and
their ratings, the second winding's ratio, the losses of a two-winding transformer's core, shunts at line ends, buses
and generators that their type switches off. Sources: PSS/E's definitions as restated by MATPOWER's converter.
"""

import math
from dataclasses import dataclass
from typing import Any

from grids.psse_raw import RawFile, RawRecord
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


@dataclass
class _Network:
    raw: RawFile
    case: CaseRecords
    complaints: Complaints
    buses: dict[int, RawRecord]
    isolated: set[int]
    next_star: int = 0


def network_records(raw: RawFile) -> CaseRecords:
    """Devices of a RAW file.

    Raises
    ------
    GridError
        If records contradict each other or have no counterpart, each with file and line.
    """
    case = CaseRecords(raw.path, raw.base_mva, raw.nominal_hz)
    network = _Network(raw, case, Complaints(), {}, set())
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
        (_add_three_windings if record["K"] else _add_two_windings)(network, record)
    network.complaints.stop_if_any()
    return case


def _refuse_unconverted(network: _Network) -> None:
    for section in _NOT_CONVERTED:
        for record in network.raw.sections.get(section, []):
            network.complaints.add(
                record.place, f"{section} record {record['I']} cannot be converted; replace it by loads"
            )


_KEYS = {
    "bus": ("I",),
    "load": ("I", "ID"),
    "fixed shunt": ("I", "ID"),
    "generator": ("I", "ID"),
    "branch": ("I", "J", "CKT"),
    "transformer": ("I", "J", "K", "CKT"),
}
_BUS_KEYS = ("I", "J", "K")


def _name(section: str, record: RawRecord) -> str:
    buses = "-".join(str(abs(record[k])) for k in _KEYS[section] if k in _BUS_KEYS and record[k])
    rest = "".join(f" '{record[k]}'" for k in _KEYS[section] if k not in _BUS_KEYS)
    return f"{section} {buses}{rest}"


def _refuse_duplicates(network: _Network) -> None:
    for section, keys in _KEYS.items():
        seen: dict[tuple[Any, ...], RawRecord] = {}
        for record in network.raw.sections[section]:
            ends = tuple(sorted(abs(record[k]) for k in keys if k in _BUS_KEYS))
            key = (*ends, *(record[k] for k in keys if k not in _BUS_KEYS))
            if key in seen:
                network.complaints.add(
                    record.place, f"{_name(section, record)} stands twice, first at {seen[key].place}"
                )
            seen.setdefault(key, record)


def _refuse_missing_buses(network: _Network) -> None:
    for section in ("load", "fixed shunt", "generator", "branch", "transformer", "switched shunt"):
        for record in network.raw.sections[section]:
            for key in _BUS_KEYS:
                number = abs(record.values.get(key, 0))
                if (number or key != "K") and key in record.values and number not in network.buses:
                    name = _name(section, record) if section in _KEYS else f"{section} {number}"
                    network.complaints.add(record.place, f"{name}: there is no bus {number}")


def _add_buses(network: _Network) -> None:
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


def _add_loads(network: _Network) -> None:
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
            _name("load", record),
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


def _add_shunts(network: _Network) -> None:
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
                _name(section, record) if fixed else f"switched shunt {bus}",
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


def _add_generators(network: _Network) -> None:
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
            _name("generator", record),
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


def _add_branches(network: _Network) -> None:
    for record in network.raw.sections["branch"]:
        ends = (abs(record["I"]), abs(record["J"]))  # a minus sign marks the metered end
        if network.isolated.isdisjoint(ends):
            _add_line(
                network,
                record,
                _name("branch", record),
                ends,
                int(record["ST"] > 0),
                record["R"] + 1j * record["X"],
                [record[f"RATE{k}"] for k in "ABC"],
                b=record["B"],
            )
            for bus, end in zip(ends, "IJ", strict=True):
                admittance = complex(record[f"G{end}"], record[f"B{end}"])
                _add_end_shunt(
                    network, record, f"shunt of {_name('branch', record)}", bus, admittance, record["ST"] > 0
                )


def _add_end_shunt(
    network: _Network, record: RawRecord, name: str, bus: int, admittance_pu: complex, in_service: bool
) -> None:
    """A branch's shunt at one end as a device of its own: ANDES puts a line's from-side shunt at both its ends."""
    if admittance_pu:
        network.case.add(
            "Shunt",
            name,
            record.place,
            bus=bus,
            u=int(in_service),
            Vn=network.buses[bus]["BASKV"] or 1.0,
            Sn=network.raw.base_mva,
            g=admittance_pu.real,
            b=admittance_pu.imag,
        )


def _add_line(
    network: _Network,
    record: RawRecord,
    name: str,
    ends: tuple[int, int],
    in_service: int,
    impedance_pu: complex,
    ratings: list[float],
    **values: float,
) -> None:
    kv = [network.buses[bus]["BASKV"] or 1.0 if bus in network.buses else 1.0 for bus in ends]
    network.case.add(
        "Line",
        name,
        record.place,
        u=in_service,
        bus1=ends[0],
        bus2=ends[1],
        Vn1=kv[0],
        Vn2=kv[1],
        Sn=network.raw.base_mva,
        r=impedance_pu.real,
        x=impedance_pu.imag,
        rate_a=ratings[0],
        rate_b=ratings[1],
        rate_c=ratings[2],
        **values,
    )


def _ratio(network: _Network, record: RawRecord, winding: int, bus: int) -> float:
    """Turns ratio of a winding in pu of its bus base voltage, by the winding code CW; 0 means nominal."""
    base_kv = network.buses[bus]["BASKV"] or 1.0
    given = record[f"WINDV{winding}"]
    if given == 0:
        return 1.0
    if record["CW"] == 2:
        return given / base_kv
    if record["CW"] == 3:
        return given * (record[f"NOMV{winding}"] or base_kv) / base_kv
    return given


def _impedance(network: _Network, record: RawRecord, pair: str) -> complex:
    """Impedance between two windings in pu on the system base, by the impedance code CZ."""
    r, x, base = record[f"R{pair}"], record[f"X{pair}"], record[f"SBASE{pair}"] or network.raw.base_mva
    if record["CZ"] == 1:
        return complex(r, x)
    if record["CZ"] == 3:  # r is the load loss in W, x the magnitude of the impedance
        r = r / (base * 1e6)
        x = math.sqrt(max(x**2 - r**2, 0.0))
    return complex(r, x) * network.raw.base_mva / base


def _magnetising(network: _Network, record: RawRecord) -> complex:
    """Core admittance at the first winding's bus in pu on the system base, by the admittance code CM."""
    if record["CM"] == 1:
        return complex(record["MAG1"], record["MAG2"])
    base_kv = network.buses[abs(record["I"])]["BASKV"] or 1.0
    to_bus_base = (base_kv / (record["NOMV1"] or base_kv)) ** 2 / network.raw.base_mva
    conductance = record["MAG1"] / 1e6 * to_bus_base  # MAG1 is the no-load loss in W
    magnitude = abs(record["MAG2"]) * (record["SBASE12"] or network.raw.base_mva) * to_bus_base
    return complex(conductance, -math.sqrt(max(magnitude**2 - conductance**2, 0.0)))


def _check_codes(network: _Network, record: RawRecord) -> None:
    for code, valid in (("CW", (1, 2, 3)), ("CZ", (1, 2, 3)), ("CM", (1, 2))):
        if record[code] not in valid:
            network.complaints.add(
                record.place, f"{_name('transformer', record)}: {code} must be in {valid}, got {record[code]}"
            )


def _add_two_windings(network: _Network, record: RawRecord) -> None:
    """The ratio moves to the first winding; the impedance is seen from the second one's bus."""
    ends = (abs(record["I"]), abs(record["J"]))
    if not network.isolated.isdisjoint(ends):
        return
    _check_codes(network, record)
    first, second = _ratio(network, record, 1, ends[0]), _ratio(network, record, 2, ends[1])
    core = _magnetising(network, record)
    _note_controls(network, record, (1,))
    _add_line(
        network,
        record,
        _name("transformer", record),
        ends,
        int(record["STAT"] > 0),
        _impedance(network, record, "12") * second**2,
        [record[f"RATE{k}_1"] for k in (1, 2, 3)],
        trans=1,
        tap=first / second,
        phi=math.radians(record["ANG1"]),
    )
    _add_end_shunt(network, record, f"core of {_name('transformer', record)}", ends[0], core, record["STAT"] > 0)


_WINDING_OFF = {2: 2, 3: 3, 4: 1}
"""STAT of a three-winding transformer that has one winding out of service: which one."""


def _add_three_windings(network: _Network, record: RawRecord) -> None:
    """Three branches to a star bus of 1 kV, on from the status of each winding."""
    ends = (abs(record["I"]), abs(record["J"]), abs(record["K"]))
    status = record["STAT"]
    off = {1, 2, 3} if status == 0 else {_WINDING_OFF[status]} if status in _WINDING_OFF else set()
    off |= {k for k, bus in enumerate(ends, 1) if bus in network.isolated}
    name = _name("transformer", record)
    if len(off) > 1:
        network.case.notes.append(f"{name} is out of service and left out")
        return
    _check_codes(network, record)
    z12, z23, z31 = (_impedance(network, record, pair) for pair in ("12", "23", "31"))
    star = network.next_star
    network.next_star += 1
    high = network.buses[ends[0]]
    network.case.add(
        "Bus",
        f"star bus of {name}",
        record.place,
        idx=star,
        name="_".join(map(str, ends)),
        Vn=1.0,
        v0=record["VMSTAR"],
        a0=math.radians(record["ANSTAR"]),
        area=high["AREA"],
        zone=high["ZONE"],
        owner=high["OWNER"],
    )
    network.case.notes.append(f"{name} is three branches to a star bus, {star}")
    core = _magnetising(network, record)
    _note_controls(network, record, (1, 2, 3))
    for k, impedance in enumerate(((z12 + z31 - z23) / 2, (z12 + z23 - z31) / 2, (z23 + z31 - z12) / 2), 1):
        if k in off and ends[k - 1] in network.isolated:
            continue
        _add_line(
            network,
            record,
            f"winding {k} of {name}",
            (ends[k - 1], star),
            int(k not in off),
            # a star branch may come out at 0, which ANDES cannot divide by
            impedance if impedance.imag else complex(impedance.real, 1e-6),
            [record[f"RATE{n}_{k}"] for n in (1, 2, 3)],
            trans=1,
            tap=_ratio(network, record, k, ends[k - 1]),
            phi=math.radians(record[f"ANG{k}"]),
        )
    if ends[0] not in network.isolated:
        _add_end_shunt(network, record, f"core of {name}", ends[0], core, 1 not in off)


def _note_controls(network: _Network, record: RawRecord, windings: tuple[int, ...]) -> None:
    """Tap changers and phase shifters stay where the file has them; impedance does not follow their position."""
    name = _name("transformer", record)
    if any(record[f"COD{k}"] > 0 for k in windings):
        network.case.notes.append(f"{name}: its tap or angle is not regulated, it stays as given")
    if any(record[f"TAB{k}"] for k in windings):
        network.case.notes.append(f"{name}: the impedance correction table is not applied")
