"""Records of a PSS/E RAW file, versions 32 to 34, section by section with their line numbers.

The file format is free: values separated by commas or blanks, text in single quotes, ``/`` ends a record, a record
that begins with 0 ends a section, Q ends the file, and what is left out has a default.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grids.errors import GridError
from grids.psse_layout import COMMON_SECTIONS, LAYOUTS, SECTIONS, VERSIONS, Field
from grids.records import Complaints, read_text

_TOKEN = re.compile(r"'[^']*'|[^,\s']+|,")


@dataclass(frozen=True)
class RawRecord:
    """Values of one record by the names of PSS/E's manual; ``place`` is ``file:line``."""

    values: dict[str, Any]
    place: str

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


@dataclass
class RawFile:
    """A RAW file: base, frequency, and records by section. A transformer is one record of all its lines."""

    path: Path
    version: int
    base_mva: float
    nominal_hz: float
    sections: dict[str, list[RawRecord]] = field(default_factory=dict)


def split_values(text: str) -> list[str | None]:
    """Values of a line in free format, without quotes; None where one is left out between two commas."""
    values: list[str | None] = []
    pending = True  # whether a comma now would mean a value left out
    for token in _TOKEN.findall(text):
        if token == ",":
            if pending:
                values.append(None)
            pending = True
        else:
            values.append(token[1:-1].strip() if token.startswith("'") else token)
            pending = False
    return values


def before_slash(line: str) -> tuple[str, str]:
    """A line's data and the comment after the first slash that stands outside quotes."""
    quoted = False
    for k, char in enumerate(line):
        if char == "'":
            quoted = not quoted
        elif char == "/" and not quoted:
            return line[:k], line[k + 1 :]
    return line, ""


def read_raw(path: Path) -> RawFile:
    """Read a RAW file.

    Raises
    ------
    GridError
        For another version, a wrong number of sections, a value that is no number, or a file that is cut short; with
        file and line.
    """
    lines = read_text(path).splitlines()
    raw = _header(path, lines)
    names = SECTIONS[raw.version]
    complaints = Complaints()
    section, ended = 0, False
    pending: list[tuple[int, list[str | None]]] = []
    for number, line in enumerate(lines[3:], 4):
        place = f"{path}:{number}"
        data, comment = before_slash(line)
        values = split_values(data)
        if not values or line.lstrip().startswith("@!"):
            continue
        if values[0] == "Q":
            ended = True
            break
        if values[0] == "0" and not pending:
            if section >= len(names):
                raise GridError(f"{place}: a section ends here, but version {raw.version} has {len(names)} sections")
            _check_order(names[section], comment, place)
            section += 1
            if section == len(names):
                ended = True
            continue
        if section >= len(names):
            raise GridError(f"{place}: a record after the last section of version {raw.version}", "end the file with Q")
        name = names[section]
        pending.append((number, values))
        if len(pending) == _lines_of(name, pending):
            _take(raw, name, pending, complaints)
            pending = []
    if pending or (not ended and section <= max(names.index(name) for name in COMMON_SECTIONS)):
        where = names[min(section, len(names) - 1)]
        raise GridError(f"{path}:{len(lines)}: the file ends within the {where} section", "is it cut short?")
    complaints.stop_if_any()
    return raw


def _header(path: Path, lines: list[str]) -> RawFile:
    if len(lines) < 4:
        raise GridError(
            f"{path}: this is no PSS/E RAW file: it has {len(lines)} lines", "it begins with three lines of title"
        )
    values = split_values(before_slash(lines[0])[0])
    place = f"{path}:1"
    numbers = [_number(v) for v in values[:6]]
    if len(values) < 3 or numbers[1] is None or numbers[2] is None:
        raise GridError(
            f"{place}: this is no header of a PSS/E RAW file", "expected IC, SBASE, REV, XFRRAT, NXFRAT, BASFRQ"
        )
    version, base_mva = int(numbers[2]), numbers[1]
    if version not in VERSIONS:
        raise GridError(
            f"{place}: RAW version {version} cannot be read, only {', '.join(map(str, VERSIONS))}",
            "save the case as version 33 in PSS/E",
        )
    if numbers[0]:
        raise GridError(
            f"{place}: IC is {values[0]}: this file changes another case instead of being one", "IC must be 0"
        )
    if not base_mva > 0:
        raise GridError(f"{place}: SBASE must be above 0 MVA, got {values[1]}")
    nominal_hz = numbers[5] if len(numbers) > 5 and numbers[5] is not None else 60.0
    if nominal_hz not in (50.0, 60.0):
        raise GridError(f"{place}: BASFRQ must be 50 or 60 Hz, got {nominal_hz:g}")
    return RawFile(path, version, base_mva, nominal_hz, {name: [] for name in SECTIONS[version]})


def _number(text: str | None) -> float | None:
    try:
        return float(text.replace("D", "E").replace("d", "e")) if text is not None else None
    except ValueError:
        return None


_NAMED = re.compile(r"^\s*END\s+OF\s+(.*)", re.IGNORECASE)


def _check_order(section: str, comment: str, place: str) -> None:
    """A terminator that names another section shows that one too many or too few stands before it."""
    match = _NAMED.match(comment)
    if match is None:
        return
    said = re.sub(r"[^a-z]", "", match[1].split(",")[0].lower())
    matching = [name for name, words in COMMON_SECTIONS.items() if any(said.startswith(word) for word in words)]
    if matching and section not in matching and section in COMMON_SECTIONS:
        raise GridError(
            f"{place}: this line ends the {matching[0]} section by its comment, the {section} section by its position",
            "a section terminator (0) is missing or stands twice above",
        )


def _lines_of(section: str, pending: list[tuple[int, list[str | None]]]) -> int:
    """How many lines a record has: a transformer's depends on whether it has a third winding."""
    if section != "transformer":
        return 1
    first = pending[0][1]
    return 4 if len(first) < 3 or first[2] in (None, "0") else 5


def _take(raw: RawFile, section: str, lines: list[tuple[int, list[str | None]]], complaints: Complaints) -> None:
    """Name the values of a record and add it to its section."""
    place = f"{raw.path}:{lines[0][0]}"
    if section not in LAYOUTS[raw.version]:
        raw.sections[section].append(RawRecord({"I": lines[0][1][0]}, place))
        return
    layout = LAYOUTS[raw.version][section]
    if section == "transformer" and len(lines) == 4:
        layout = [layout[0], layout[1][:3], layout[2], layout[3]]
    values: dict[str, Any] = {}
    for fields, (number, given) in zip(layout, lines, strict=True):
        for k, wanted in enumerate(fields):
            text = given[k] if k < len(given) else None
            value = _value(wanted, text, raw.base_mva)
            if value is None:
                got = "left out" if text is None else f"'{text}'"
                kind = "text" if wanted.kind is str else "a whole number" if wanted.kind is int else "a number"
                complaints.add(f"{raw.path}:{number}", f"{section} record: {wanted.name} is {got}, expected {kind}")
                return
            values[wanted.name] = value
    if section == "generator" and len(lines[0][1]) > 28:
        complaints.add(place, f"generator record: {len(lines[0][1])} values, expected at most 28; is it version 35?")
        return
    raw.sections[section].append(RawRecord(values, place))


def _value(wanted: Field, text: str | None, base_mva: float) -> Any:
    if text is None or text == "":
        return base_mva if wanted.default == "SBASE" else wanted.default
    if wanted.kind is str:
        return text
    number = _number(text)
    if number is None or (wanted.kind is int and number != int(number)):
        return None
    return int(number) if wanted.kind is int else number
