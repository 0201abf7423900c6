"""Models from plain data (numbers, texts, lists and mappings, as in a YAML file), with errors that name the key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Strict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from loads.errors import LoadDataError
from loads.readers.units import suggestion

Model = TypeVar("Model")

CLOSED = ConfigDict(extra="forbid", allow_inf_nan=False)
"""Of every model that a file can hold: unknown keys are errors."""

Number = Annotated[float, Strict()]
Whole = Annotated[int, Strict()]
"""Numbers of a model: text is not turned into them."""

ListAsTuple = Strict(False)
"""Marks a tuple that a file writes as a list."""


def from_plain(kind: type[Model], data: Mapping[str, Any]) -> Model:
    """Build a model from plain data.

    Parameters
    ----------
    kind
        A pydantic dataclass.
    data
        From the names of its fields to plain values; lists stand for tuples, mappings for dataclasses.

    Raises
    ------
    LoadDataError
        Naming the key that is unknown, missing, or has a value of the wrong type or out of range.
    """
    try:
        return TypeAdapter(kind).validate_python(dict(data))
    except ValidationError as error:
        raise _load_data_error(error.errors()[0], kind, data) from error


def _load_data_error(details: ErrorDetails, kind: type, data: Any) -> LoadDataError:
    where = _key(details["loc"], data)
    if details["type"] == "unexpected_keyword_argument":
        name = str(details["loc"][-1])
        hint = suggestion(name, sorted(_keys(TypeAdapter(kind).json_schema()) - {name}))
        return LoadDataError(f"{where}unknown key", hint=hint.strip() or None)
    if details["type"] == "missing":
        return LoadDataError(f"{where}missing key")
    if details["type"] in ("union_tag_invalid", "union_tag_not_found"):
        tags = [tag.strip(" '") for tag in details["ctx"].get("expected_tags", "").split(",") if tag.strip()]
        got = details["ctx"].get("tag", "nothing")
        expected = f"expected one of {', '.join(tags)}" if tags else None
        return LoadDataError(
            f"{where.removesuffix(': ')}.type: got {got!r}", hint=suggestion(got, tags).strip() or expected
        )
    message = details["msg"].removeprefix("Value error, ")
    got = "" if details["type"] == "value_error" else f", got {details['input']!r}"
    return LoadDataError(f"{where}{message}{got}"[:300])


def _key(location: tuple[int | str, ...], data: Any) -> str:
    """Name of a key, followed by a colon; parts of the location that are no keys of the data name kinds of it."""
    key = ""
    for place, part in enumerate(location):
        inside = part in data if isinstance(data, Mapping) else isinstance(part, int)
        if inside:
            data = data[part]
        if inside or place == len(location) - 1:
            key += f"[{part}]" if isinstance(part, int) else f".{part}"
    return f"{key.lstrip('.')}: " if key else ""


def _keys(schema: Mapping[str, Any]) -> set[str]:
    """All keys of a model and of its parts."""
    parts = (schema, *schema.get("$defs", {}).values())
    return {key for part in parts for key in part.get("properties", {})}
