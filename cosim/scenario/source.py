"""YAML text to plain data, with the place of every key kept for error messages."""

import copy
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from cosim.errors import InputError, Problem

MAX_BYTES = 1_000_000
MAX_NODES = 100_000
MAX_DEPTH = 40

Location = tuple[str | int, ...]


@dataclass
class Source:
    """Plain data of a YAML file and where each key of it stands."""

    path: Path | None
    data: Any
    places: dict[Location, str] = field(default_factory=dict)

    def place(self, location: Location) -> str:
        """``file:line:column`` of a key, or of the nearest key above it that the file has."""
        for end in range(len(location), -1, -1):
            if location[:end] in self.places:
                return self.places[location[:end]]
        return str(self.path) if self.path else ""

    def problem(self, location: Location, message: str, hint: str | None = None) -> Problem:
        """A `Problem` at a key of this file."""
        return Problem(message, key=key_path(location), place=self.place(location), hint=hint)


def key_path(location: Location) -> str:
    """``("sites", 0, "bus")`` as ``sites[0].bus``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text


def read_yaml(path: Path) -> Source:
    """Read a YAML file of sane size, without duplicate keys, into plain data.

    Raises
    ------
    InputError
        If the file is missing, too large, not YAML, or expands without bound.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(Problem(f"{size:,} bytes is too large, at most {MAX_BYTES:,} are read", place=str(path)))
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(Problem(f"cannot be read: {error.strerror}", place=str(path))) from error
    except UnicodeDecodeError as error:
        raise InputError(Problem(f"is not UTF-8 text (byte {error.start})", place=str(path))) from error
    return parse_yaml(text, path)


def parse_yaml(text: str, path: Path | None) -> Source:
    """Parse YAML text; ``path`` is for messages."""
    source = Source(path, None)
    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
        builder = _Builder(source, yaml, str(path) if path else "")
        source.data = None if node is None else builder.build(node, (), 0)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise InputError(Problem(f"is not YAML: {error.problem or error.context}", place=place)) from error
    except (YAMLError, ValueError) as error:
        raise InputError(Problem(f"is not YAML: {error}", place=str(path or ""))) from error
    except RecursionError as error:
        raise InputError(Problem(f"is nested deeper than {MAX_DEPTH} levels", place=str(path or ""))) from error
    return source


class _Builder:
    """Turns YAML nodes into data, counting them, so that anchors cannot expand without bound."""

    def __init__(self, source: Source, yaml: YAML, name: str):
        self._source, self._yaml, self._name, self._count = source, yaml, name, 0

    def build(self, node: Node, location: Location, depth: int) -> Any:
        self._count += 1
        if self._count > MAX_NODES:
            raise InputError(Problem(f"expands to more than {MAX_NODES:,} values", place=self._mark(node)))
        if depth > MAX_DEPTH:
            raise InputError(Problem(f"is nested deeper than {MAX_DEPTH} levels", place=self._mark(node)))
        self._source.places.setdefault(location, self._mark(node))
        if isinstance(node, MappingNode):
            return self._mapping(node, location, depth)
        if isinstance(node, SequenceNode):
            return [self.build(item, (*location, k), depth + 1) for k, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self._scalar(node, location)

    def _mapping(self, node: MappingNode, location: Location, depth: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._scalar(key_node, location) if isinstance(key_node, ScalarNode) else None
            if not isinstance(key, str):
                raise InputError(
                    Problem(
                        "a key must be text",
                        key=key_path(location),
                        place=self._mark(key_node),
                        hint="quote it",
                    )
                )
            if key in out:
                first = self._source.places[(*location, key)]
                raise InputError(
                    Problem(
                        "this key stands twice",
                        key_path((*location, key)),
                        self._mark(key_node),
                        f"first at {first}",
                    )
                )
            self._source.places[(*location, key)] = self._mark(key_node)
            out[key] = self.build(value_node, (*location, key), depth + 1)
        return out

    def _scalar(self, node: ScalarNode, location: Location) -> Any:
        try:
            return self._yaml.constructor.construct_object(node)
        except (YAMLError, ValueError, KeyError) as error:
            raise InputError(
                Problem(f"cannot read the value {node.value!r}", key_path(location), self._mark(node))
            ) from error

    def _mark(self, node: Node) -> str:
        mark = node.start_mark
        return f"{self._name}:{mark.line + 1}:{mark.column + 1}"


_PATH_KEYS = ("file", "dyr", "case")


def _path_from_here(key: str | int, value: Any) -> Any:
    """A path typed on the command line starts at the current folder, not at the scenario's."""
    if key in _PATH_KEYS and isinstance(value, str) and (key != "case" or Path(value).expanduser().exists()):
        return str(Path(value).expanduser().absolute())
    return value


_STEP = re.compile(r"(?:^|\.)([A-Za-z_][A-Za-z0-9_-]*)|\[(\d+)\]")


def parse_key(text: str) -> Location:
    """``sites[0].bus`` as ``("sites", 0, "bus")``; `InputError` if it is no such path."""
    location: list[str | int] = []
    position = 0
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            break
        location.append(match[1] if match[1] else int(match[2]))
        position = match.end()
    if position != len(text) or not location:
        raise InputError(Problem(f"'{text}' is not a key path", hint="write keys like sites[0].rating_mw"))
    return tuple(location)


def apply_override(source: Source, assignment: str) -> None:
    """Apply one ``KEY=VALUE`` of the command line to the data; the value is read as YAML.

    ``[*]`` in the key stands for each item of a list.
    """
    key, equals, text = assignment.partition("=")
    option = f"--set {assignment}"
    if not equals:
        raise InputError(Problem("an override has no value", place=option, hint="write --set KEY=VALUE"))
    value = parse_yaml(text, Path(option)).data
    for location in locations(key.strip(), source.data, option):
        assign(source, location, copy.deepcopy(_path_from_here(location[-1], value)), option)


EVERY_ITEM = "[*]"


def locations(key: str, data: Any, place: str) -> list[Location]:
    """The places in the data that a key path means, ``[*]`` being each item of a list.

    Raises
    ------
    InputError
        If it is no key path, or has ``[*]`` where there is no list; ``place`` is where it was given.
    """
    head, star, tail = key.partition(EVERY_ITEM)
    if not star:
        return [parse_key(key)]
    target = data
    for part in parse_key(head):
        inside = isinstance(target, dict) and part in target
        inside = inside or (isinstance(target, list) and isinstance(part, int) and part < len(target))
        target = target[part] if inside else None
    if not isinstance(target, list):
        raise InputError(Problem(f"there is no list {head}", key, place))
    return [found for k in range(len(target)) for found in locations(f"{head}[{k}]{tail}", data, place)]


def assign(source: Source, location: Location, value: Any, place: str) -> None:
    """Set one value of the data, making the keys above it that are missing; ``place`` is where it was given.

    An index one past the end of a list adds an item.

    Raises
    ------
    InputError
        If there is no such place in the data.
    """
    target = source.data
    for depth, (part, following) in enumerate(zip(location, (*location[1:], None), strict=True)):
        here = key_path(location[: depth + 1])
        if isinstance(part, int):
            if not isinstance(target, list) or part > len(target):
                length = len(target) if isinstance(target, list) else 0
                raise InputError(Problem(f"there is no {here}, the list has {length} item(s)", here, place))
            if part == len(target):
                target.append(None)
        elif not isinstance(target, dict):
            raise InputError(Problem(f"{here} is below a value that has no keys", here, place))
        if following is None:
            target[part] = value
            break
        present = target.get(part) if isinstance(part, str) else target[part]
        if present is None:
            target[part] = [] if isinstance(following, int) else {}
        target = target[part]
    source.places = {k: v for k, v in source.places.items() if k[: len(location)] != location}
    source.places[location] = place
