"""Layout of PSS/E RAW files, versions 32 to 34: order of sections, and the leading fields of the records that are used.

Source: field lists of the PSS/E Program Operation Manual as restated in the open readers of MATPOWER and ANDES.
"""

from dataclasses import dataclass
from typing import Any

VERSIONS = (32, 33, 34)
"""Versions that are read. In 30 and 31 shunts and switched shunts stand elsewhere; 35 has new columns."""


@dataclass(frozen=True)
class Field:
    """One value of a record; a default of None means that it must be given, ``SBASE`` the system base."""

    name: str
    kind: type
    default: Any = None


_HEAD = ["bus", "load", "fixed shunt", "generator", "branch"]
_TAIL = [
    "transformer",
    "area",
    "two-terminal dc",
    "vsc dc",
    "impedance correction",
    "multi-terminal dc",
    "multi-section line",
    "zone",
    "inter-area transfer",
    "owner",
    "facts",
    "switched shunt",
    "gne",
    "induction machine",
]

SECTIONS = {
    32: [*_HEAD, *_TAIL],
    33: [*_HEAD, *_TAIL],
    34: ["system", *_HEAD, "switching device", *_TAIL, "substation"],
}
"""Sections in their order. Version 32 ends earlier, with Q."""

COMMON_SECTIONS = {
    "bus": ("bus",),
    "load": ("load",),
    "fixed shunt": ("fixedshunt", "shunt"),
    "generator": ("generator",),
    "branch": ("branch", "nontransformerbranch", "line"),
    "transformer": ("transformer",),
    "area": ("area",),
    "switched shunt": ("switchedshunt",),
}
"""Sections that every version has and that are used, with the words by which comments call them."""


def _fields(text: str) -> list[Field]:
    """Fields of ``NAME:kind=default`` words; kinds i, f and s are whole number, number and text."""
    kinds: dict[str, type] = {"i": int, "f": float, "s": str}
    out = []
    for word in text.split():
        name, _, rest = word.partition(":")
        kind, has_default, default = rest.partition("=")
        value: Any = None
        if has_default:
            value = default if default == "SBASE" else kinds[kind](default)
        out.append(Field(name, kinds[kind], value))
    return out


_BUS = _fields("I:i NAME:s= BASKV:f=0 IDE:i=1 AREA:i=1 ZONE:i=1 OWNER:i=1 VM:f=1 VA:f=0")
_LOAD = _fields("I:i ID:s=1 STATUS:i=1 AREA:i=1 ZONE:i=1 PL:f=0 QL:f=0 IP:f=0 IQ:f=0 YP:f=0 YQ:f=0 OWNER:i=1")
_SHUNT = _fields("I:i ID:s=1 STATUS:i=1 GL:f=0 BL:f=0")
_GENERATOR = _fields(
    "I:i ID:s=1 PG:f=0 QG:f=0 QT:f=9999 QB:f=-9999 VS:f=1 IREG:i=0 MBASE:f=SBASE ZR:f=0 ZX:f=1 RT:f=0 XT:f=0 "
    "GTAP:f=1 STAT:i=1 RMPCT:f=100 PT:f=9999 PB:f=-9999"
)
_ENDS = "I:i J:i CKT:s=1 R:f=0 X:f B:f=0 "
_RATES_33 = "RATEA:f=0 RATEB:f=0 RATEC:f=0 "
_RATES_34 = "RATEA:f=0 RATEB:f=0 RATEC:f=0 " + " ".join(f"RATE{k}:f=0" for k in range(4, 13)) + " "
_SHUNTS = "GI:f=0 BI:f=0 GJ:f=0 BJ:f=0 ST:i=1"
_SWITCHED = _fields("I:i MODSW:i=1 ADJM:i=0 STAT:i=1 VSWHI:f=1 VSWLO:f=1 SWREM:i=0 RMPCT:f=100 RMIDNT:s= BINIT:f=0")
_AREA = _fields("I:i ISW:i=0 PDES:f=0 PTOL:f=10 ARNAME:s=")


def _transformer(version: int) -> list[list[Field]]:
    """The four or five lines of a transformer; of two windings, line 2 has three values and there is no line 5."""
    first = "I:i J:i K:i=0 CKT:s=1 CW:i=1 CZ:i=1 CM:i=1 MAG1:f=0 MAG2:f=0 NMETR:i=2 NAME:s= STAT:i=1"
    second = (
        "R12:f=0 X12:f SBASE12:f=SBASE R23:f=0 X23:f SBASE23:f=SBASE R31:f=0 X31:f SBASE31:f=SBASE "
        "VMSTAR:f=1 ANSTAR:f=0"
    )
    rates = 3 if version < 34 else 12
    tables = {}
    for k in (1, 2, 3):
        words = [f"WINDV{k}:f=1", f"NOMV{k}:f=0", f"ANG{k}:f=0", *(f"RATE{n}_{k}:f=0" for n in range(1, rates + 1))]
        regulation = [f"COD{k}:i=0", f"CONT{k}:i=0", f"RMA{k}:f=1.1", f"RMI{k}:f=0.9", f"VMA{k}:f=1.1", f"VMI{k}:f=0.9"]
        node = [f"NODE{k}:i=0"] if version >= 34 else []
        steps = [f"NTP{k}:i=33", f"TAB{k}:i=0"]
        tables[k] = " ".join([*words, *regulation[:2], *node, *regulation[2:], *steps])
    return [_fields(first), _fields(second), *(_fields(tables[k]) for k in (1, 2, 3))]


LAYOUTS: dict[int, dict[str, list[list[Field]]]] = {
    version: {
        "bus": [_BUS],
        "load": [_LOAD],
        "fixed shunt": [_SHUNT],
        "generator": [_GENERATOR],
        "branch": [_fields(_ENDS + (_RATES_33 if version < 34 else "NAME:s= " + _RATES_34) + _SHUNTS)],
        "transformer": _transformer(version),
        "area": [_AREA],
        "switched shunt": [_SWITCHED],
    }
    for version in VERSIONS
}
"""Lines of a record and their fields, by version and section; sections that are not here are not converted."""
