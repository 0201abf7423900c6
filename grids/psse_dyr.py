"""Records of a PSS/E DYR file, checked one by one: ANDES's own reader passes over what it does not know.

A record is ``BUS 'MODEL' ID parameters /``, over one line or several; what follows the slash is comment.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from grids.psse_network import machine_id
from grids.psse_raw import before_slash, split_values
from grids.records import CaseRecords, Complaints, read_text

DROP = "drop"
"""As a substitute: leave the record out."""

_ONE_EACH = ("SynGen", "Exciter", "TurbineGov", "PSS")
"""Groups of models of which a machine has at most one."""


@dataclass(frozen=True)
class DyrRecord:
    """One record; ``place`` is ``file:line`` of its first line."""

    bus: int
    model: str
    machine: int | str
    parameters: tuple[str, ...]
    place: str

    @property
    def name(self) -> str:
        """Model, bus and machine."""
        return f"{self.model} at bus {self.bus} '{self.machine}'"


@dataclass(frozen=True)
class KnownModel:
    """A model that ANDES reads: the ANDES model it becomes, its parameters, and what it must be attached to."""

    destination: str
    parameters: tuple[str, ...]
    needs: tuple[str, ...]


@cache
def known_models() -> dict[str, KnownModel]:
    """PSS/E models that ANDES's reader knows, from ANDES's own table."""
    text = resources.files("andes.io").joinpath("psse-dyr.yaml").read_text(encoding="utf-8")
    yaml = YAML(typ="safe", pure=True)
    yaml.allow_duplicate_keys = True  # ANDES's table has one
    table: dict[str, Any] = yaml.load(text)
    return {
        name: KnownModel(
            entry["destination"],
            tuple(entry["inputs"][2:]),
            tuple(
                group
                for source in entry.get("find", {}).values()
                for group, conditions in source.items()
                if group not in ("StaticGen", "Line") and not conditions.get("allow_none")
            ),
        )
        for name, entry in table.items()
        if entry.get("inputs", [])[:2] == ["BUS", "ID"]
    }


def read_dyr(path: Path) -> list[DyrRecord]:
    """Read a DYR file.

    Raises
    ------
    GridError
        For every record that is no record, with file and line.
    """
    complaints, records = Complaints(), []
    words: list[str | None] = []
    first_line = 0
    for number, line in enumerate(read_text(path).splitlines(), 1):
        data, _ = before_slash(line)
        found = split_values(data)
        if found and not words:
            first_line = number
        words += found
        if len(data) < len(line) and words:
            record = _record(words, f"{path}:{first_line}", complaints)
            if record is not None:
                records.append(record)
            words = []
    if words:
        complaints.add(f"{path}:{first_line}", "this record is not ended by a slash (/); is the file cut short?")
    complaints.stop_if_any()
    return records


def _record(words: list[str | None], place: str, complaints: Complaints) -> DyrRecord | None:
    if len(words) < 3 or not (words[0] or "").isdigit() or not words[1] or words[2] is None:
        shown = " ".join(word or "" for word in words[:4])
        complaints.add(place, f"expected BUS 'MODEL' ID parameters /, got: {shown} ...")
        return None
    parameters = []
    for position, word in enumerate(words[3:], 1):
        text = (word or "").replace("D", "E").replace("d", "e")
        try:
            float(text)
        except ValueError:
            # names of other machines and buses are text in a few models
            if position == 1 or not (word or "").isalnum():
                complaints.add(place, f"{words[1]} at bus {words[0]}: parameter {position} is '{word}', not a number")
                return None
        parameters.append(text)
    return DyrRecord(int(words[0] or 0), (words[1] or "").upper(), machine_id(words[2]), tuple(parameters), place)


def substituted(
    records: list[DyrRecord], substitutes: Mapping[str, str]
) -> tuple[list[DyrRecord], list[tuple[DyrRecord, str]], list[str]]:
    """Apply the substitutes that a scenario names for models that ANDES does not know.

    Parameters
    ----------
    records : list of DyrRecord
        As read.
    substitutes : mapping
        Model of the file to a known model, or to ``drop``.

    Returns
    -------
    kept : list of DyrRecord
        Of known models. A substitute with as many parameters takes those of the file.
    typical : list of (DyrRecord, str)
        Records whose substitute has other parameters: it is added with ANDES's default ones.
    notes : list of str
        What was substituted and left out.

    Raises
    ------
    GridError
        With every record of an unknown model that has no substitute.
    """
    known, complaints = known_models(), Complaints()
    chosen = {model.upper(): other.upper() if other != DROP else DROP for model, other in substitutes.items()}
    present = {record.model for record in records}
    for model, other in chosen.items():
        if model not in present:
            complaints.add("grid.substitutes", f"the dyr has no model {model}{_near(model, present)}")
        elif other != DROP and other not in known:
            complaints.add("grid.substitutes", f"{model}: there is no model {other}{_near(other, known)}")
    kept: list[DyrRecord] = []
    typical: list[tuple[DyrRecord, str]] = []
    dropped: dict[str, list[str]] = {}
    replaced: dict[str, list[str]] = {}
    for record in records:
        other_model = chosen.get(record.model)
        unit = f"{record.bus} '{record.machine}'"
        if other_model is None and record.model in known:
            kept.append(record)
        elif other_model is None:
            hint = f"name one with grid.substitutes: {{{record.model}: OTHER_MODEL}} or {{{record.model}: drop}}"
            complaints.add(record.place, f"{record.name}: ANDES has no such model; {hint}")
        elif other_model == DROP:
            dropped.setdefault(record.model, []).append(unit)
        elif other_model not in known:
            continue
        else:
            same = len(known[other_model].parameters) == len(record.parameters)
            if same:
                kept.append(replace(record, model=other_model))
            else:
                typical.append((record, other_model))
            how = "with its parameters" if same else "with default parameters of ANDES"
            replaced.setdefault(f"{record.model} is replaced by {other_model}, {how}", []).append(unit)
    complaints.stop_if_any()
    notes = [f"{model} is left out, as the scenario asks: {', '.join(units)}" for model, units in dropped.items()]
    notes += [f"{text}: {', '.join(units)}" for text, units in replaced.items()]
    return kept, typical, notes


def _near(word: str, valid: Any) -> str:
    near = difflib.get_close_matches(word, list(valid), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def check_dyr(records: list[DyrRecord], case: CaseRecords, group_of: Mapping[str, str]) -> list[str]:
    """Check records of known models against the network; return what there is to say.

    Parameters
    ----------
    records : list of DyrRecord
        Of known models.
    case : CaseRecords
        The network.
    group_of : mapping
        Group of each ANDES model, such as ``Exciter``.

    Raises
    ------
    GridError
        For a wrong number of parameters, a bus or machine that the network does not have, a machine with two models of
        a kind, a control of a machine without a model; each with file and line.
    """
    known, complaints = known_models(), Complaints()
    buses = {str(r.values["idx"]) for r in case.records if r.model == "Bus"}
    machines = {(r.values["bus"], r.values.get("subidx")): r for r in case.records if r.model in ("PV", "Slack")}
    have: dict[tuple[int, int | str, str], DyrRecord] = {}
    for record in records:
        group = group_of[known[record.model].destination]
        key = (record.bus, record.machine, group)
        if key in have and group in _ONE_EACH:
            first = have[key]
            complaints.add(record.place, f"{record.name}: the machine has {first.model} already ({first.place})")
        have.setdefault(key, record)
    groups = {(bus, machine, group) for bus, machine, group in have}
    for record in records:
        model = known[record.model]
        if str(record.bus) not in buses:
            complaints.add(
                record.place, f"{record.name}: the case has no bus {record.bus}{_near(str(record.bus), buses)}"
            )
            continue
        if (record.bus, record.machine) not in machines:
            there = ", ".join(f"'{m}'" for b, m in machines if b == record.bus) or "none"
            complaints.add(record.place, f"{record.name}: the case has no such machine; at this bus there is {there}")
            continue
        if len(record.parameters) != len(model.parameters):
            wanted = f"{len(model.parameters)} ({', '.join(model.parameters)})"
            complaints.add(record.place, f"{record.name} has {len(record.parameters)} parameters, expected {wanted}")
        for group in model.needs:
            if (record.bus, record.machine, group) not in groups:
                complaints.add(
                    record.place, f"{record.name} belongs to a {_GROUPS.get(group, group)}, which the dyr lacks"
                )
    complaints.stop_if_any()
    return _notes(records, machines, groups)


_GROUPS = {"SynGen": "machine model", "Exciter": "exciter", "RenGen": "converter", "RenExciter": "converter control"}


def _notes(records: list[DyrRecord], machines: dict[Any, Any], groups: set[tuple[Any, Any, str]]) -> list[str]:
    """Models that ANDES reads as simpler ones, and generators that stay without dynamics."""
    notes = []
    for model in sorted({record.model for record in records}):
        destination = known_models()[model].destination
        if destination != model:
            notes.append(f"ANDES has no {model} of its own and reads it as {destination}")
    static = [
        f"{bus} '{machine}'"
        for (bus, machine), record in machines.items()
        if record.values.get("u", 1) and not any((bus, machine, group) in groups for group in ("SynGen", "RenGen"))
    ]
    if static:
        notes.append(f"generators without a dynamic model keep power and voltage: {', '.join(static)}")
    return notes


def dyr_text(records: list[DyrRecord]) -> str:
    """Records one a line, as ANDES reads them."""
    lines = (f"{r.bus} '{r.model}' {r.machine} {' '.join(r.parameters)} /" for r in records)
    return "\n".join(lines) + "\n"
