"""What pydantic says of a file's data, in the words of the file: line, key, value, and what was expected."""

from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cosim.errors import Problem, nearest
from cosim.scenario.source import Location, Source

_KINDS = {
    "float_type": "a number",
    "int_type": "a whole number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "dataclass_type": "keys and values",
    "tuple_type": "a list",
    "finite_number": "a finite number",
}


def problems_in(error: ValidationError, source: Source, model: type[BaseModel]) -> list[Problem]:
    """Translate what pydantic found wrong with data of a model into problems of its file.

    Parameters
    ----------
    error
        From validating ``source.data``.
    source
        Where each key stands.
    model
        What the data was validated as; its schema has the names of valid keys.
    """
    schema = model.model_json_schema(by_alias=True)
    found = [_problem(details, source, schema) for details in error.errors(include_url=False)]
    return list(dict.fromkeys(found))


def _problem(details: ErrorDetails, source: Source, schema: dict[str, Any]) -> Problem:
    """Say one of pydantic's errors in words of the scenario."""
    kind, context, value = details["type"], details.get("ctx", {}), details["input"]
    location = _data_location(details["loc"], source.data, missing=kind == "missing")
    parent = location[:-1]
    if kind == "missing":
        return source.problem(location, "this key is required and missing")
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        valid = _valid_keys(schema, parent, source.data)
        return source.problem(location, "unknown key", nearest(location[-1], valid))
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        tags = [t.strip(" '") for t in str(context.get("expected_tags", "")).split(",") if t.strip()]
        location = (*location, "type")
        if kind == "union_tag_invalid":
            got = context.get("tag")
            return source.problem(location, f"unknown type {got!r}, expected {' or '.join(tags)}", nearest(got, tags))
        valid = _tags(schema, location[:-1], source.data)
        return source.problem(location, "this key is required and missing", f"one of {', '.join(valid)}")
    if kind == "literal_error":
        options = str(context.get("expected", ""))
        names = [o.strip(" '") for o in options.replace(" or ", ",").split(",")]
        hint = nearest(value, names)
        return source.problem(
            location, f"expected {options}, got {_shown(value)}", hint if hint.startswith("did") else None
        )
    if kind == "string_pattern_mismatch":
        rule = "a scenario's is text of one line, a site's has letters, digits, - and _ alone and starts with a letter"
        return source.problem(location, f"{_shown(value)} cannot be a name", rule)
    if kind in ("too_short", "too_long"):
        bound = context.get("min_length", context.get("max_length"))
        return source.problem(location, f"expected a list of {bound}, got {_shown(value)}")
    if kind in _KINDS:
        return source.problem(location, f"expected {_KINDS[kind]}, got {_shown(value)}")
    message = details["msg"].removeprefix("Value error, ")
    message = message.replace("Input should", "must").replace("should", "must")
    return source.problem(location, f"{message}, got {_shown(value)}" if kind != "value_error" else message)


def _shown(value: Any) -> str:
    """A value as the user wrote it, with its kind where that is the point."""
    if isinstance(value, str):
        return f"the text '{value}'" if len(value) <= 40 else f"the text '{value[:40]}...'"
    if isinstance(value, dict):
        return "keys and values"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "nothing" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


def _data_location(location: tuple[int | str, ...], data: Any, missing: bool) -> Location:
    """Drop the parts of pydantic's location that name union members instead of keys of the data."""
    out: list[str | int] = []
    tagged = False
    for k, part in enumerate(location):
        if isinstance(data, dict) and part == data.get("type") and not tagged:
            tagged = True  # the member of the union; the same word may follow as a key
            continue
        present = (isinstance(data, dict) and part in data) or (
            isinstance(data, list) and isinstance(part, int) and part < len(data)
        )
        if present:
            out.append(part)
            data, tagged = data[part], False
        elif missing and k == len(location) - 1:
            out.append(part)
    return tuple(out)


def _resolve(node: dict[str, Any], root: dict[str, Any], data: Any) -> list[dict[str, Any]]:
    """The object schemas that a node of the JSON Schema may stand for, given the data's ``type``."""
    if "$ref" in node:
        return _resolve(root["$defs"][node["$ref"].rsplit("/", 1)[1]], root, data)
    members = node.get("oneOf") or node.get("anyOf") or node.get("allOf")
    if not members:
        return [node]
    tag = data.get("type") if isinstance(data, dict) else None
    mapping = node.get("discriminator", {}).get("mapping", {})
    if tag in mapping:
        return _resolve({"$ref": mapping[tag]}, root, data)
    return [found for member in members for found in _resolve(member, root, data)]


def _node_at(root: dict[str, Any], location: Location, data: Any) -> tuple[list[dict[str, Any]], Any]:
    nodes = _resolve(root, root, data)
    for part in location:
        data = data[part]
        children = [
            node["items"] if isinstance(part, int) else node["properties"][part]
            for node in nodes
            if (isinstance(part, int) and "items" in node) or part in node.get("properties", {})
        ]
        nodes = [found for child in children for found in _resolve(child, root, data)]
    return nodes, data


def _valid_keys(root: dict[str, Any], location: Location, data: Any) -> list[str]:
    nodes, _ = _node_at(root, location, data)
    return [key for node in nodes for key in node.get("properties", {})]


def _tags(root: dict[str, Any], location: Location, data: Any) -> list[str]:
    nodes, _ = _node_at(root, location, data)
    return [str(node["properties"]["type"]["const"]) for node in nodes if "type" in node.get("properties", {})]
