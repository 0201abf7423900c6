"""What a sweep varies: keys of the scenario, and the values that they get."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator
from scipy import stats

from cosim.errors import nearest
from cosim.scenario.part import Part
from cosim.scenario.source import Location
from cosim.sweep.file_types import KeyPath, Name, PlainValue
from cosim.sweep.located import located

Cell = float | int | str | bool
"""A value as tables and plots show it."""

MAX_STEPS = 100_000


@dataclass(frozen=True)
class Level:
    """One value of a parameter: how tables show it, what expressions see of it, and what keys get."""

    cell: Cell
    term: Cell
    values: dict[str, Any]


class Parameter(Part):
    """What parameters have in common."""

    key: Annotated[
        Annotated[KeyPath, Tag("one key")] | Annotated[list[KeyPath], Field(min_length=1), Tag("several keys")],
        Discriminator(lambda value: "several keys" if isinstance(value, list) else "one key"),
    ] = Field(description="key of the scenario that gets the value, or several")
    name: Name | None = Field(
        None, description="what expressions and plots call it; the last part of its key if not given"
    )
    unit: str | None = Field(None, description="for tables and plots; that in the key's name if not given")

    @property
    def keys(self) -> list[str]:
        """The keys that get its value."""
        return [self.key] if isinstance(self.key, str) else list(self.key)

    @property
    def title(self) -> str:
        """What expressions and plots call it."""
        return self.name or self.keys[0].rsplit(".", 1)[-1]

    @property
    def column(self) -> str:
        """Its column in the table of runs: its key, or its name where it sets several."""
        return self.keys[0] if len(self.keys) == 1 else self.title

    @property
    def levels(self) -> list[Level] | None:
        """Its values, where it has a list of them; None if it can only be sampled."""
        raise NotImplementedError

    def at(self, share: float) -> Level:
        """Its value at a share of its distribution, from 0 to 1."""
        levels = self.levels
        assert levels is not None
        return levels[min(int(share * len(levels)), len(levels) - 1)]

    def level(self, value: Any, cell: Cell | None = None) -> Level:
        """The level with a value."""
        shown = value if isinstance(value, int | float | str | bool) else json.dumps(value)
        cell = shown if cell is None else cell
        term = value if isinstance(value, int | float) else cell  # a label stands for a text, not for a number
        return Level(cell, term, dict.fromkeys(self.keys, value))


class Values(Parameter):
    """A list of values."""

    values: Annotated[list[PlainValue], Field(min_length=1)] = Field(description="of any type that the key takes")
    labels: list[str] | None = Field(None, description="a name for each value, for tables and plots")

    @model_validator(mode="after")
    def _a_label_each(self) -> Self:
        labels = self.labels
        if labels is not None and len(labels) != len(self.values):
            raise located((("labels",), f"there are {len(labels)} labels for {len(self.values)} values"))
        if labels is not None and len(set(labels)) < len(labels):
            raise located((("labels",), "two labels are the same"))
        return self

    @property
    def levels(self) -> list[Level]:
        """A level for each value."""
        labels: Sequence[str | None] = self.labels or [None] * len(self.values)
        return [self.level(value, label) for value, label in zip(self.values, labels, strict=True)]


class Cases(Parameter):
    """Named cases, each with the values of several keys."""

    key: None = None  # type: ignore[assignment]
    name: Name = Field(description="what expressions and plots call it")
    cases: Annotated[dict[str, dict[KeyPath, PlainValue]], Field(min_length=1)] = Field(
        description="for each case, values by key; {} leaves the scenario as it is"
    )

    @property
    def keys(self) -> list[str]:
        """The keys that any case sets."""
        return list(dict.fromkeys(key for values in self.cases.values() for key in values))

    @property
    def title(self) -> str:
        """Its name."""
        return self.name

    @property
    def column(self) -> str:
        """Its name."""
        return self.name

    @property
    def levels(self) -> list[Level]:
        """A level for each case."""
        return [Level(name, name, values) for name, values in self.cases.items()]


class Range(Parameter):
    """Numbers between two ends, both included."""

    range: Annotated[list[float], Field(min_length=2, max_length=2)] = Field(description="first and last value")
    steps: Annotated[int, Field(ge=2, le=MAX_STEPS)] | None = Field(
        None, description="number of values, where they are not sampled"
    )
    scale: Literal["linear", "log"] = Field("linear", description="how the values are spaced")

    @model_validator(mode="after")
    def _rises(self) -> Self:
        low, high = self.range
        if not low < high:
            raise located((("range",), f"range must rise, got [{low:g}, {high:g}]"))
        if self.scale == "log" and low <= 0:
            raise located((("range",), f"a log scale needs values above 0, got {low:g}"))
        return self

    @property
    def levels(self) -> list[Level] | None:
        """A level for each step; None without steps."""
        if self.steps is None:
            return None
        return [self.at(share) for share in np.linspace(0.0, 1.0, self.steps)]

    def at(self, share: float) -> Level:
        """The value at a share of the range; a whole number is an int, for keys that take no other."""
        low, high = self.range
        value = low * (high / low) ** share if self.scale == "log" else low + share * (high - low)
        value = _short(float(value), low, high)
        return self.level(int(value) if value.is_integer() and abs(value) < 2**53 else value)


class Distribution(Parameter):
    """Random numbers."""

    distribution: Literal["uniform", "log_uniform", "triangular", "normal"] = Field(
        description="uniform and log_uniform have low and high, triangular also mode; normal has mean and sd, and may "
        "be cut off at low and high"
    )
    low: float | None = Field(None, description="smallest value")
    high: float | None = Field(None, description="largest value")
    mode: float | None = Field(None, description="of a triangular distribution: the likeliest value")
    mean: float | None = Field(None, description="of a normal distribution")
    sd: Annotated[float, Field(gt=0)] | None = Field(None, description="of a normal distribution: standard deviation")

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        kind, low, high = self.distribution, self.low, self.high
        needed, allowed = _ARGUMENTS[kind]
        given = [name for name in ("low", "high", "mode", "mean", "sd") if getattr(self, name) is not None]
        if missing := [name for name in needed if name not in given]:
            raise located((("distribution",), f"a {kind} distribution needs {' and '.join(missing)}"))
        if unused := [name for name in given if name not in (*needed, *allowed)]:
            raise located(*(((name,), f"a {kind} distribution has no {name}") for name in unused))
        if low is not None and high is not None and not low < high:
            raise located((("high",), f"low must be less than high, got {low:g} and {high:g}"))
        if kind == "log_uniform" and low is not None and low <= 0:
            raise located((("low",), f"log_uniform needs low above 0, got {low:g}"))
        if self.mode is not None and low is not None and high is not None and not low <= self.mode <= high:
            raise located((("mode",), f"mode must be between low and high, got {self.mode:g}"))
        return self

    @property
    def levels(self) -> None:
        """None: it can only be sampled."""
        return None

    @property
    def is_bounded(self) -> bool:
        """Whether it has a smallest and a largest value."""
        return self.low is not None and self.high is not None

    def at(self, share: float) -> Level:
        """The quantile."""
        return self.level(_short(float(self._frozen.ppf(share)), self.low, self.high))

    @cached_property
    def _frozen(self) -> Any:
        low, high = self.low, self.high
        if self.distribution == "normal":
            ends = [-np.inf if low is None else low, np.inf if high is None else high]
            a, b = ((end - self.mean) / self.sd for end in ends)  # type: ignore[operator]
            return stats.truncnorm(a, b, loc=self.mean, scale=self.sd)
        assert low is not None
        assert high is not None
        if self.distribution == "log_uniform":
            return stats.loguniform(low, high)
        if self.distribution == "triangular":
            return stats.triang((self.mode - low) / (high - low), loc=low, scale=high - low)  # type: ignore[operator]
        return stats.uniform(low, high - low)


_ARGUMENTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "uniform": (("low", "high"), ()),
    "log_uniform": (("low", "high"), ()),
    "triangular": (("low", "high", "mode"), ()),
    "normal": (("mean", "sd"), ("low", "high")),
}
"""What each distribution needs, and what it may have."""


def _short(value: float, low: float | None, high: float | None) -> float:
    """A number of 12 digits, as exact as any key can be and readable, that rounding does not take beyond the ends."""
    short = float(f"{value:.12g}")
    short = short if low is None else max(short, low)
    return short if high is None else min(short, high)


KINDS: dict[str, type[Parameter]] = {"values": Values, "cases": Cases, "range": Range, "distribution": Distribution}
"""Kinds of parameters, by the key that tells them."""


_KEYS = {kind: [key for key in model.model_fields if (kind, key) != ("cases", "key")] for kind, model in KINDS.items()}
"""Keys that a parameter of each kind may have."""


def _of_one_kind(value: object) -> object:
    """Refuse a parameter of no kind, or of two, or with a key of another kind."""
    if not isinstance(value, dict):
        return value
    kinds = [kind for kind in KINDS if kind in value]
    known = dict.fromkeys(key for keys in _KEYS.values() for key in keys)
    if not kinds:
        unknown: list[tuple[Location, str]] = [
            ((key,), f"unknown key; {nearest(key, known)}") for key in value if key not in known
        ]
        raise located(*(unknown or [((), f"a parameter needs {', '.join(list(KINDS)[:-1])} or {list(KINDS)[-1]}")]))
    if len(kinds) > 1:
        raise located(((kinds[-1],), f"a parameter has one of {' and '.join(kinds)}, not both"))
    foreign = [key for key in value if key in known and key not in _KEYS[kinds[0]]]
    if foreign:
        raise located(*(((key,), f"a parameter with {kinds[0]} has no {key}") for key in foreign))
    return value


def _kind(value: object) -> str:
    keys = value if isinstance(value, dict) else getattr(type(value), "model_fields", ())
    return f"with {next((kind for kind in KINDS if kind in keys), 'values')}"


AnyParameter = Annotated[
    Annotated[
        Annotated[Values, Tag("with values")]
        | Annotated[Cases, Tag("with cases")]
        | Annotated[Range, Tag("with range")]
        | Annotated[Distribution, Tag("with distribution")],
        Discriminator(_kind),
    ],
    BeforeValidator(_of_one_kind),
]
"""A parameter of a sweep: with values, cases, a range or a distribution.

Tags are no keys: those that name a key would be taken for it in the place of an error.
"""
