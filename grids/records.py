"""What a case file says, record by record, with the place of each: common ground of all readers and of their checks."""

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grids.errors import GridError

_SHOWN = 20
"""More problems than this in one file tell nothing new."""


@dataclass(frozen=True)
class Record:
    """One device: its ANDES model and parameters, what the user calls it, and where the file has it."""

    model: str
    values: dict[str, Any]
    name: str
    place: str


@dataclass
class CaseRecords:
    """All devices of a case; ``notes`` say what was left out or read in another way than written."""

    path: Path
    base_mva: float
    nominal_hz: float | None
    records: list[Record] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, model: str, called: str, place: str, /, **values: Any) -> None:
        """Append a device; ``called`` is what the user calls it, ``values`` are its ANDES parameters."""
        self.records.append(Record(model, values, called, place))


class Complaints:
    """What is wrong with a file, collected so that the user sees it all at once."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, place: str, message: str) -> None:
        """Note something wrong at a place."""
        self.found.append(f"{place}: {message}")

    def stop_if_any(self) -> None:
        """Raise `GridError` with all that was noted, if anything was."""
        if self.found:
            more = len(self.found) - _SHOWN
            shown = [*self.found[:_SHOWN], *([f"and {more} more"] if more > 0 else [])]
            raise GridError("\n".join(shown))


def read_text(path: Path) -> str:
    """Text of a file; UTF-8 or, failing that, Latin-1, as older programs write it."""
    data = path.read_bytes()
    if b"\x00" in data:
        raise GridError(f"{path}: this is no text file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def system_from_records(case: CaseRecords, dyr: str | None = None) -> tuple[Any, list[str]]:
    """Make an ANDES system of records.

    Parameters
    ----------
    case : CaseRecords
        Checked: ANDES itself says little of what is wrong.
    dyr : str, optional
        Text of PSS/E dynamic data for the case.

    Returns
    -------
    system : andes.System or None
        Not yet set up.
    messages : list of str
        What ANDES had to say.
    """
    from grids.andes_runtime import read_case

    tables: dict[str, list[dict[str, Any]]] = {}
    for record in case.records:
        tables.setdefault(record.model, []).append(record.values)
    with tempfile.TemporaryDirectory() as folder:
        json_path = Path(folder) / f"{case.path.stem}.json"
        json_path.write_text(json.dumps(tables), encoding="utf-8")
        dyr_path = None
        if dyr is not None:
            dyr_path = json_path.with_suffix(".dyr")
            dyr_path.write_text(dyr, encoding="utf-8")
        system, messages = read_case(json_path, dyr_path)
    if system is not None:
        system.config.mva = case.base_mva
        if case.nominal_hz is not None:
            system.config.freq = case.nominal_hz
    return system, messages
