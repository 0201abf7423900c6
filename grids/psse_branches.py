"""The network that is being built of PSS/E records, what its records are called, and its branches and their shunts."""

from dataclasses import dataclass

from grids.psse_raw import RawFile, RawRecord
from grids.records import CaseRecords, Complaints


@dataclass
class Network:
    """A network that is being built; ``isolated`` are buses of type 4, ``next_star`` is the next star bus's number."""

    raw: RawFile
    case: CaseRecords
    complaints: Complaints
    buses: dict[int, RawRecord]
    isolated: set[int]
    next_star: int = 0


SECTION_KEYS = {
    "bus": ("I",),
    "load": ("I", "ID"),
    "fixed shunt": ("I", "ID"),
    "generator": ("I", "ID"),
    "branch": ("I", "J", "CKT"),
    "transformer": ("I", "J", "K", "CKT"),
}
"""What identifies a record of each section."""

BUS_KEYS = ("I", "J", "K")
"""Those of them that are bus numbers."""


def record_name(section: str, record: RawRecord) -> str:
    """Section, bus numbers and id of a record, as in ``branch 1-2 '1'``."""
    buses = "-".join(str(abs(record[k])) for k in SECTION_KEYS[section] if k in BUS_KEYS and record[k])
    rest = "".join(f" '{record[k]}'" for k in SECTION_KEYS[section] if k not in BUS_KEYS)
    return f"{section} {buses}{rest}"


def add_end_shunt(
    network: Network, record: RawRecord, name: str, bus: int, admittance_pu: complex, in_service: bool
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


def add_line(
    network: Network,
    record: RawRecord,
    name: str,
    ends: tuple[int, int],
    in_service: int,
    impedance_pu: complex,
    ratings: list[float],
    **values: float,
) -> None:
    """A line or transformer on the system base; ``ratings`` are rates A, B and C in MVA."""
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
