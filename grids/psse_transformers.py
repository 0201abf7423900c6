"""Transformers of a PSS/E network: what their codes mean, two windings and three."""

import math

from grids.psse_branches import Network, add_end_shunt, add_line, record_name
from grids.psse_raw import RawRecord

SMALLEST_REACTANCE_PU = 1e-4
"""A star branch below this (PSS/E's own threshold of a jumper, THRSHZ) gets it: power flows stumble over less."""


def _ratio(network: Network, record: RawRecord, winding: int, bus: int) -> float:
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


def _impedance(network: Network, record: RawRecord, pair: str) -> complex:
    """Impedance between two windings in pu on the system base, by the impedance code CZ."""
    r, x, base = record[f"R{pair}"], record[f"X{pair}"], record[f"SBASE{pair}"] or network.raw.base_mva
    if record["CZ"] == 1:
        return complex(r, x)
    if record["CZ"] == 3:  # r is the load loss in W, x the magnitude of the impedance
        r = r / (base * 1e6)
        x = math.sqrt(max(x**2 - r**2, 0.0))
    return complex(r, x) * network.raw.base_mva / base


def _magnetising(network: Network, record: RawRecord) -> complex:
    """Core admittance at the first winding's bus in pu on the system base, by the admittance code CM."""
    if record["CM"] == 1:
        return complex(record["MAG1"], record["MAG2"])
    base_kv = network.buses[abs(record["I"])]["BASKV"] or 1.0
    to_bus_base = (base_kv / (record["NOMV1"] or base_kv)) ** 2 / network.raw.base_mva
    conductance = record["MAG1"] / 1e6 * to_bus_base  # MAG1 is the no-load loss in W
    magnitude = abs(record["MAG2"]) * (record["SBASE12"] or network.raw.base_mva) * to_bus_base
    return complex(conductance, -math.sqrt(max(magnitude**2 - conductance**2, 0.0)))


def _check_codes(network: Network, record: RawRecord) -> None:
    for code, valid in (("CW", (1, 2, 3)), ("CZ", (1, 2, 3)), ("CM", (1, 2))):
        if record[code] not in valid:
            network.complaints.add(
                record.place, f"{record_name('transformer', record)}: {code} must be in {valid}, got {record[code]}"
            )


def add_two_windings(network: Network, record: RawRecord) -> None:
    """The ratio moves to the first winding; the impedance is seen from the second one's bus."""
    ends = (abs(record["I"]), abs(record["J"]))
    if not network.isolated.isdisjoint(ends):
        return
    _check_codes(network, record)
    first, second = _ratio(network, record, 1, ends[0]), _ratio(network, record, 2, ends[1])
    core = _magnetising(network, record)
    _note_controls(network, record, (1,))
    add_line(
        network,
        record,
        record_name("transformer", record),
        ends,
        int(record["STAT"] > 0),
        _impedance(network, record, "12") * second**2,
        [record[f"RATE{k}_1"] for k in (1, 2, 3)],
        trans=1,
        tap=first / second,
        phi=math.radians(record["ANG1"]),
    )
    add_end_shunt(network, record, f"core of {record_name('transformer', record)}", ends[0], core, record["STAT"] > 0)


_WINDING_OFF = {2: 2, 3: 3, 4: 1}
"""STAT of a three-winding transformer that has one winding out of service: which one."""


def add_three_windings(network: Network, record: RawRecord) -> None:
    """Three branches to a star bus of 1 kV, on from the status of each winding."""
    ends = (abs(record["I"]), abs(record["J"]), abs(record["K"]))
    status = record["STAT"]
    off = {1, 2, 3} if status == 0 else {_WINDING_OFF[status]} if status in _WINDING_OFF else set()
    off |= {k for k, bus in enumerate(ends, 1) if bus in network.isolated}
    name = record_name("transformer", record)
    if len(off) > 1:
        network.case.notes.append(f"{name} is out of service and left out")
        return
    _check_codes(network, record)
    z12, z23, z31 = (_impedance(network, record, pair) for pair in ("12", "23", "31"))
    legs = ((z12 + z31 - z23) / 2, (z12 + z23 - z31) / 2, (z23 + z31 - z12) / 2)
    star = network.next_star
    network.next_star += 1
    high = network.buses[ends[0]]
    start = record["VMSTAR"], record["ANSTAR"]
    if start == (1.0, 0.0):  # the default, which a power flow that starts near its solution does not survive
        nearest = network.buses[ends[min(range(3), key=lambda k: abs(legs[k]))]]
        start = nearest["VM"], nearest["VA"]
    network.case.add(
        "Bus",
        f"star bus of {name}",
        record.place,
        idx=star,
        name="_".join(map(str, ends)),
        Vn=1.0,
        v0=start[0],
        a0=math.radians(start[1]),
        area=high["AREA"],
        zone=high["ZONE"],
        owner=high["OWNER"],
    )
    network.case.notes.append(f"{name} is three branches to a star bus, {star}")
    core = _magnetising(network, record)
    _note_controls(network, record, (1, 2, 3))
    for k, impedance in enumerate(legs, 1):
        if k in off and ends[k - 1] in network.isolated:
            continue
        add_line(
            network,
            record,
            f"winding {k} of {name}",
            (ends[k - 1], star),
            int(k not in off),
            impedance
            if abs(impedance.imag) > SMALLEST_REACTANCE_PU
            else complex(impedance.real, SMALLEST_REACTANCE_PU),
            [record[f"RATE{n}_{k}"] for n in (1, 2, 3)],
            trans=1,
            tap=_ratio(network, record, k, ends[k - 1]),
            phi=math.radians(record[f"ANG{k}"]),
        )
    if ends[0] not in network.isolated:
        add_end_shunt(network, record, f"core of {name}", ends[0], core, 1 not in off)


def _note_controls(network: Network, record: RawRecord, windings: tuple[int, ...]) -> None:
    """Tap changers and phase shifters stay where the file has them; impedance does not follow their position."""
    name = record_name("transformer", record)
    if any(record[f"COD{k}"] > 0 for k in windings):
        network.case.notes.append(f"{name}: its tap or angle is not regulated, it stays as given")
    if any(record[f"TAB{k}"] for k in windings):
        network.case.notes.append(f"{name}: the impedance correction table is not applied")
