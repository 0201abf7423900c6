"""ANDES's own case files (.xlsx, .json), checked cell by cell before ANDES reads them.

ANDES ignores a column that it does not know, and stops with a traceback at most other mistakes.
"""

import difflib
import json
import math
import tempfile
import warnings
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

from grids.errors import GridError
from grids.records import CaseRecords, Complaints, Record, read_text

_IGNORED_COLUMNS = ("uid", "ue")
_OLD_NAMES = {"Toggler": "Toggle"}
"""Models that ANDES still reads under an earlier name."""

_CHECKED_ELSEWHERE = ("bus", "bus1", "bus2")


def read_andes_tables(path: Path) -> CaseRecords:
    """Records of an ANDES case file, checked against ANDES's models; ANDES itself reads the file afterwards.

    Raises
    ------
    GridError
        For every sheet that is no model, column that is no parameter, missing or malformed value, reference to nothing
        and repeated idx; with sheet and row, or model and entry.
    """
    tables, place_of = _read_xlsx(path) if path.suffix.lower() == ".xlsx" else _read_json(path)
    models = _empty_system().models
    complaints = Complaints()
    ignored: dict[str, None] = {}
    case = CaseRecords(path, 100.0, None)
    for model, rows in tables.items():
        if model.startswith("_"):
            continue
        model = _OLD_NAMES.get(model, model)
        if model not in models:
            complaints.add(place_of(model, None), f"ANDES has no model {model}{_near(model, models)}")
            continue
        for number, row in enumerate(rows):
            record = _record(models[model], model, row, place_of(model, number), complaints, ignored)
            if record is not None:
                case.records.append(record)
    complaints.stop_if_any()
    if ignored:
        case.notes.append(f"columns that ANDES does not know are ignored: {', '.join(ignored)}")
    _check_references(case, complaints)
    complaints.stop_if_any()
    unequal = [r.name for r in case.records if r.model == "Line" and _has_unequal_shunts(r.values)]
    if unequal:
        case.notes.append(f"ANDES puts the from-side shunt of a line at both its ends: {', '.join(unequal[:6])}")
    return case


def _has_unequal_shunts(line: dict[str, Any]) -> bool:
    return any(line.get(f"{kind}1", 0.0) != line.get(f"{kind}2", 0.0) for kind in ("g", "b"))


@cache
def _empty_system() -> Any:
    """An ANDES system without devices, for its models' parameters."""
    from grids.andes_runtime import read_case

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.json"
        path.write_text("{}", encoding="utf-8")
        return read_case(path)[0]


def group_of_models() -> dict[str, str]:
    """Group of every ANDES model, such as ``Exciter`` for ``SEXS``."""
    return {name: model.group for name, model in _empty_system().models.items()}


def _read_xlsx(path: Path) -> tuple[dict[str, list[dict[str, Any]]], Any]:
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl on styles and extensions
            sheets = pd.read_excel(path, sheet_name=None, index_col=None, engine="openpyxl")
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise GridError(f"{path}: this is no readable .xlsx file: {error}", "is it cut short?") from error

    def place(sheet: str, number: int | None) -> str:
        # the first row of a sheet is its header
        return f"{path}: sheet '{sheet}'" + ("" if number is None else f", row {number + 2}")

    tables = {
        str(name): [{str(k): v for k, v in row.items()} for row in frame.to_dict(orient="records")]
        for name, frame in sheets.items()
    }
    return tables, place


def _read_json(path: Path) -> tuple[dict[str, list[dict[str, Any]]], Any]:
    try:
        data = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        place = f"{path}:{error.lineno}:{error.colno}"
        raise GridError(f"{place}: this is no valid JSON: {error.msg}", "is the file cut short?") from error
    if not isinstance(data, dict):
        raise GridError(f"{path}: expected models and their devices, got a {type(data).__name__}")
    for model, rows in data.items():
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise GridError(f"{path}: {model}: expected a list of devices, each with its parameters")

    def place_of(model: str, number: int | None) -> str:
        return f"{path}: {model}" + ("" if number is None else f"[{number}]")

    return data, place_of


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or value == ""


def _whole(value: Any) -> Any:
    """A whole number that a spreadsheet has as 1.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _record(
    model: Any, name: str, row: dict[str, Any], place: str, complaints: Complaints, ignored: dict[str, None]
) -> Record | None:
    """Check the cells of a device; None for an empty row.

    A column that is no parameter is a misspelt one where its nearest parameter is not given, else a relic.
    """
    values = {key: value for key, value in row.items() if not key.startswith("Unnamed") and not _missing(value)}
    if not values:
        return None
    called = f"{name} {_whole(values['idx'])}" if "idx" in values else name
    for key in list(values):
        parameter = model.params.get(key)
        if key in _IGNORED_COLUMNS:
            del values[key]
        elif parameter is None:
            near = difflib.get_close_matches(key, list(model.params), n=1, cutoff=0.75)
            if near and near[0] not in values:
                complaints.add(place, f"{called}: {name} has no parameter {key}; did you mean {near[0]}?")
            ignored.setdefault(f"{name}.{key}")
            del values[key]
        elif type(parameter).__name__ == "NumParam" and parameter.iconvert is None and name != "Alter":
            number = values[key]
            if isinstance(number, bool):
                values[key] = int(number)
            elif not isinstance(number, int | float):
                complaints.add(place, f"{called}: {key} is '{number}', expected a number")
                del values[key]
            elif parameter.property.get("non_zero") and number == 0 and key in ("Sn", "Vn", "Vn1", "Vn2"):
                complaints.add(place, f"{called}: {key} must not be 0")
        elif type(parameter).__name__ != "NumParam":
            values[key] = _whole(values[key])
    for key, parameter in model.params.items():
        if parameter.property.get("mandatory") and key not in values and key not in row:
            complaints.add(place, f"{called}: the parameter {key} is missing")
        elif parameter.property.get("mandatory") and _missing(row.get(key)):
            complaints.add(place, f"{called}: {key} is empty")
    if name == "Bus" and "idx" not in values:
        complaints.add(place, "a bus without idx")
    return Record(name, values, called, place)


def _check_references(case: CaseRecords, complaints: Complaints) -> None:
    """Every idx is given once, and every device that is referred to exists."""
    models = _empty_system().models
    first: dict[tuple[str, str], Record] = {}
    known: dict[str, set[str]] = {}
    unnamed: set[str] = set()
    for record in case.records:
        targets = (record.model, models[record.model].group)
        if "idx" not in record.values:
            unnamed.update(targets)  # ANDES makes up a name
            continue
        idx = str(record.values["idx"])
        if (record.model, idx) in first and record.model != "Bus":
            place = first[record.model, idx].place
            complaints.add(record.place, f"{record.name} stands twice, first at {place}")
        first.setdefault((record.model, idx), record)
        for target in targets:
            known.setdefault(target, set()).add(idx)
    for record in case.records:
        for key, parameter in models[record.model].params.items():
            if type(parameter).__name__ != "IdxParam" or key not in record.values or key in _CHECKED_ELSEWHERE:
                continue
            target, wanted = parameter.model, str(record.values[key])
            optional = not parameter.property.get("mandatory") and target not in known
            if target is None or optional or target in unnamed or wanted in known.get(target, set()):
                continue
            near = _near(wanted, known.get(target, set()))
            complaints.add(record.place, f"{record.name}: {key} names {target} {wanted}, which there is not{near}")


def _near(word: str, valid: Any) -> str:
    near = difflib.get_close_matches(str(word), [str(v) for v in valid], n=1)
    return f"; did you mean {near[0]}?" if near else ""
