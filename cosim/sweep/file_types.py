"""What the keys of a sweep file hold: key paths of the scenario, names for expressions, plain values."""

import keyword
import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from cosim.errors import InputError
from cosim.scenario.source import EVERY_ITEM, parse_key

NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"


def _key_path(text: str) -> str:
    try:
        parse_key(text.replace(EVERY_ITEM, "[0]"))
    except InputError:
        raise ValueError(f"'{text}' is not a key path; write keys like sites[0].rating_mw") from None
    return text


def _name(text: str) -> str:
    if not re.fullmatch(NAME_PATTERN, text) or keyword.iskeyword(text):
        raise ValueError(f"'{text}' is no name for expressions: letters, digits and _ alone, the first no digit")
    return text


def _plain(value: Any) -> Any:
    """Refuse what YAML has and scenarios do not: dates, sets, bytes."""
    if isinstance(value, dict):
        for item in value.values():
            _plain(item)
    elif isinstance(value, list):
        for item in value:
            _plain(item)
    elif not isinstance(value, str | int | float | bool | None):
        raise ValueError(f"{value} is a {type(value).__name__}, which no key takes; quote it if it is a text")
    return value


KeyPath = Annotated[
    str, AfterValidator(_key_path), Field(description="such as sites[0].bus; sites[*] stands for each site")
]
Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": NAME_PATTERN})]
PlainValue = Annotated[Any, AfterValidator(_plain)]
