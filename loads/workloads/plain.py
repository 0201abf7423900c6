"""Models from plain data (numbers, texts, lists and mappings, as in a YAML file), with errors that name the key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from loads.errors import LoadDataError
from loads.readers.units import suggestion

T = TypeVar("T")

Builder = Callable[[Any, str], Any]
"""From a plain value and the name of its key, such as ``"arrivals.prompt_tokens"``."""


def build(kind: type[T], plain: Any, place: str, nested: Mapping[str, Builder]) -> T:
    """Build a dataclass.

    Parameters
    ----------
    kind
        The dataclass.
    plain
        A mapping from the names of its fields to plain values; lists stand for tuples.
    place
        Name of the key whose value this is; empty at the top.
    nested
        What turns the values of some keys into objects.

    Raises
    ------
    LoadDataError
        Naming the key that is unknown, missing, or has a value of the wrong type or out of range.
    """
    check_mapping(plain, place)
    valid = {field.name: field.default is MISSING and field.default_factory is MISSING for field in fields(kind)}  # type: ignore[arg-type]
    for key in plain:
        if key not in valid:
            near = suggestion(str(key), list(valid)) or f"valid keys are {', '.join(valid)}"
            raise LoadDataError(f"{dotted(place, key)}: unknown key", hint=near.strip())
    for key, required in valid.items():
        if required and key not in plain:
            raise LoadDataError(f"{dotted(place, key)}: missing key")
    values = {key: nested[key](value, dotted(place, key)) if key in nested else value for key, value in plain.items()}
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = dotted(place, ".".join(str(part) for part in first["loc"]))
        message = first["msg"].removeprefix("Value error, ")
        got = "" if first["type"] == "value_error" else f", got {first['input']!r}"
        raise LoadDataError(f"{where}: {message}{got}" if where else f"{message}{got}") from error


def check_mapping(plain: Any, place: str) -> None:
    """Raise `LoadDataError` if a value is no mapping."""
    if not isinstance(plain, Mapping):
        raise LoadDataError(f"{place or 'the model'}: expected keys and values, got {plain!r}")


def dotted(place: str, key: Any) -> str:
    """Return the name of a key below another one."""
    return ".".join(part for part in (place, str(key)) if part)
