"""What a sweep varies: keys of the scenario, and the values that they get."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Discriminator, Field, Tag, model_validator
from scipy import stats

from cosim.scenario.part import Part

KeyPath = Annotated[str, Field(min_length=1, description="such as sites[0].bus; sites[*] stands for each site")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Cell = float | int | str | bool
"""A value as tables and plots show it."""


@dataclass(frozen=True)
class Level:
    """One value of a parameter: how tables show it, and what keys get."""

    cell: Cell
    values: dict[str, Any]


class Parameter(Part):
    """What parameters have in common."""

    key: KeyPath | Annotated[list[KeyPath], Field(min_length=1)] = Field(
        description="key of the scenario that gets the value, or several"
    )
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
        return Level(shown if cell is None else cell, dict.fromkeys(self.keys, value))


class Values(Parameter):
    """A list of values."""

    values: Annotated[list[Any], Field(min_length=1)] = Field(description="of any type that the key takes")
    labels: list[str] | None = Field(None, description="a name for each value, for tables and plots")

    @model_validator(mode="after")
    def _a_label_each(self) -> Self:
        labels = self.labels
        if labels is not None and len(labels) != len(self.values):
            raise ValueError(f"there are {len(self.values)} values and {len(labels)} labels")
        if labels is not None and len(set(labels)) < len(labels):
            raise ValueError("two labels are the same")
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
    cases: Annotated[dict[str, dict[str, Any]], Field(min_length=1)] = Field(
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
        return [Level(name, values) for name, values in self.cases.items()]


class Range(Parameter):
    """Numbers between two ends, both included."""

    range: Annotated[list[float], Field(min_length=2, max_length=2)] = Field(description="first and last value")
    steps: Annotated[int, Field(ge=2)] | None = Field(None, description="number of values, where they are not sampled")
    scale: Literal["linear", "log"] = Field("linear", description="how the values are spaced")

    @model_validator(mode="after")
    def _rises(self) -> Self:
        low, high = self.range
        if not low < high:
            raise ValueError(f"range must rise, got [{low:g}, {high:g}]")
        if self.scale == "log" and low <= 0:
            raise ValueError(f"a log scale needs values above 0, got {low:g}")
        return self

    @property
    def levels(self) -> list[Level] | None:
        """A level for each step; None without steps."""
        if self.steps is None:
            return None
        return [self.at(share) for share in np.linspace(0.0, 1.0, self.steps)]

    def at(self, share: float) -> Level:
        """The value at a share of the range."""
        low, high = self.range
        value = low * (high / low) ** share if self.scale == "log" else low + share * (high - low)
        return self.level(_short(float(value)))


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
        needed, allowed = _ARGUMENTS[self.distribution]
        given = {name for name in ("low", "high", "mode", "mean", "sd") if getattr(self, name) is not None}
        if missing := [name for name in needed if name not in given]:
            raise ValueError(f"a {self.distribution} distribution needs {' and '.join(missing)}")
        if unused := given - {*needed, *allowed}:
            raise ValueError(f"a {self.distribution} distribution has no {' or '.join(sorted(unused))}")
        low, high = self.low, self.high
        if low is not None and high is not None and not low < high:
            raise ValueError(f"low must be less than high, got {low:g} and {high:g}")
        if self.distribution == "log_uniform" and low is not None and low <= 0:
            raise ValueError(f"log_uniform needs low above 0, got {low:g}")
        if self.mode is not None and low is not None and high is not None and not low <= self.mode <= high:
            raise ValueError(f"mode must be between low and high, got {self.mode:g}")
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
        return self.level(_short(float(self._frozen.ppf(share))))

    @property
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


def _short(value: float) -> float:
    """A number of 12 digits: as exact as any key can be, and readable."""
    return float(f"{value:.12g}")


KINDS = {"values": Values, "cases": Cases, "range": Range, "distribution": Distribution}
"""Kinds of parameters, by the key that tells them."""


def _kind(value: object) -> str:
    keys = value if isinstance(value, dict) else getattr(type(value), "model_fields", ())
    return next((kind for kind in KINDS if kind in keys), "values")


AnyParameter = Annotated[
    Annotated[Values, Tag("values")]
    | Annotated[Cases, Tag("cases")]
    | Annotated[Range, Tag("range")]
    | Annotated[Distribution, Tag("distribution")],
    Discriminator(_kind),
]
"""A parameter of a sweep: with values, cases, a range or a distribution."""
