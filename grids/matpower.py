"""MATPOWER case files (version 2), read as text with the line of every row: no MATLAB is run."""

import re
from pathlib import Path

from grids.bus_branch import Row, Tables, add_tables
from grids.errors import GridError
from grids.records import CaseRecords, Complaints, read_text

_ASSIGNMENT = re.compile(r"^\s*mpc\.(\w+)\s*=\s*(.*)$")
_COLUMNS = {"bus": 13, "gen": 10, "branch": 11}
"""Columns that a row must have; more are allowed."""


def read_matpower(path: Path) -> CaseRecords:
    """Devices of a MATPOWER case.

    Raises
    ------
    GridError
        For every row with too few columns or a value that is no number, with file and line.
    """
    complaints = Complaints()
    scalars, rows = _split(path, complaints)
    complaints.stop_if_any()
    version = scalars.get("version", "2").strip("'\"")
    if version != "2":
        raise GridError(f"{path}: mpc.version is '{version}', only version 2 can be read", "convert it with MATPOWER")
    for name in ("bus", "gen", "branch"):
        if name not in rows:
            raise GridError(f"{path}: there is no mpc.{name}", "is this a MATPOWER case?")
    try:
        base_mva = float(scalars.get("baseMVA", ""))
    except ValueError:
        raise GridError(f"{path}: mpc.baseMVA is '{scalars.get('baseMVA', '')}', expected a number") from None
    if not base_mva > 0:
        raise GridError(f"{path}: mpc.baseMVA must be above 0, got {base_mva:g}")
    tables = Tables(base_mva)
    for name, table in (("bus", tables.bus), ("gen", tables.gen), ("branch", tables.branch)):
        for number, text in rows[name]:
            row = _row(name, text, f"{path}:{number}", complaints)
            if row is not None:
                table.append(row)
    complaints.stop_if_any()
    case = CaseRecords(path, base_mva, None)
    if rows.get("dcline"):
        raise GridError(f"{path}:{rows['dcline'][0][0]}: mpc.dcline cannot be converted", "replace it by loads")
    add_tables(case, tables)
    return case


def _split(path: Path, complaints: Complaints) -> tuple[dict[str, str], dict[str, list[tuple[int, str]]]]:
    """Scalars by name, and rows of matrices by name with their lines."""
    scalars: dict[str, str] = {}
    rows: dict[str, list[tuple[int, str]]] = {}
    open_name, opened_at, closing = "", 0, "]"
    for number, full in enumerate(read_text(path).splitlines(), 1):
        line = full.split("%")[0]
        if not open_name:
            match = _ASSIGNMENT.match(line)
            if match is None:
                continue
            name, line = match[1], match[2]
            if line[:1] not in ("[", "{"):
                scalars[name] = line.rstrip().rstrip(";").strip()
                continue
            closing = "]" if line[0] == "[" else "}"
            open_name, opened_at, line = name, number, line[1:]
            rows[name] = []
        elif _ASSIGNMENT.match(line):
            complaints.add(
                f"{path}:{number}", f"mpc.{open_name}, begun in line {opened_at}, is not closed by {closing}"
            )
            return scalars, rows
        body, closed, _ = line.partition(closing)
        rows[open_name] += [(number, text) for text in body.split(";") if text.strip()]
        if closed:
            open_name = ""
    if open_name:
        complaints.add(f"{path}:{opened_at}", f"mpc.{open_name} is not closed by {closing}; is the file cut short?")
    return scalars, rows


def _row(table: str, text: str, place: str, complaints: Complaints) -> Row | None:
    words = text.replace(",", " ").split()
    values = []
    for position, word in enumerate(words, 1):
        try:
            values.append(float(word))
        except ValueError:
            complaints.add(place, f"mpc.{table}: column {position} is '{word}', not a number")
            return None
    if len(values) < _COLUMNS[table]:
        complaints.add(place, f"mpc.{table}: a row of {len(values)} columns, expected at least {_COLUMNS[table]}")
        return None
    if table == "branch":
        name = f"branch {values[0]:g}-{values[1]:g}"
    else:
        name = f"{'bus' if table == 'bus' else 'generator at bus'} {values[0]:g}"
    return Row(values, name, place)
