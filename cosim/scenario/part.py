"""The base of every part of a scenario."""

import inspect
import math
import re
from dataclasses import MISSING, fields
from typing import Annotated, Any, ClassVar, Self, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class Part(BaseModel):
    """Base of every part of a scenario: unknown keys are errors, text is not turned into numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True, populate_by_name=True)


class PartOf(Part):
    """Base of parts whose keys are the parameters of a class elsewhere, ``of``.

    The class's own checks count, unless the part ``changes_another``, which is then to be checked with the changes.
    """

    of: ClassVar[Any]
    changes_another: ClassVar[bool] = False

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if not self.changes_another:
            self.built()
        return self

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters of the class that were given."""
        values = {field.name: getattr(self, field.name, None) for field in fields(self.of)}
        return {name: _built(value) for name, value in values.items() if value is not None}

    def built(self) -> Any:
        """The class with these parameters."""
        return self.of(**self.parameters)


def _built(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_built(item) for item in value)
    return value.built() if isinstance(value, PartOf) else value


def part_of(model: Any, omit: str = "", with_defaults: bool = True, **types: Any) -> Any:
    """Part with the parameters of a dataclass as its keys, described as in its docstring.

    Those with a default need not be given; none stands for a default that is not finite.

    Parameters
    ----------
    model
        The dataclass.
    omit
        A parameter that is no key.
    with_defaults
        Whether keys have the dataclass's defaults; without, none of them, for what changes something else.
    **types
        Types of keys that differ from the dataclass's.
    """
    described, hints = described_parameters(model), get_type_hints(model)
    keys: dict[str, Any] = {}
    for field in (field for field in fields(model) if field.name != omit):
        text, kind = described.get(field.name), types.get(field.name, hints[field.name])
        if field.default is MISSING and field.default_factory is MISSING:
            keys[field.name] = (kind, Field(description=text))
        elif with_defaults and field.default is not None and field.default != math.inf:
            keys[field.name] = (kind, Field(field.default, description=text))
        else:
            keys[field.name] = (kind | None, Field(None, description=text))
    part = create_model(
        f"{model.__name__}Part", __base__=PartOf, __doc__=(inspect.getdoc(model) or "").split("\n")[0], **keys
    )
    part.of, part.changes_another = model, not with_defaults
    return part


def described_parameters(model: type) -> dict[str, str]:
    """Texts of the section Parameters in the docstrings of a model and its bases."""
    found: dict[str, str] = {}
    for parent in reversed(model.__mro__):
        section = re.search(r"Parameters\n-+\n(.*?)(?:\n\n\w|\Z)", inspect.getdoc(parent) or "", re.DOTALL)
        names: list[str] = []
        for line in section[1].splitlines() if section else []:
            if line.startswith(" "):
                for name in names:
                    found[name] = f"{found.get(name, '')} {line.strip()}".strip()
            else:
                names = [name for name in line.split(", ") if name not in found]
    return found
