"""A limit as data: on a metric or an envelope, with where it comes from and where it applies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, FiniteFloat, Tag, model_validator

from cosim.metrics.envelope import Comparison, Envelope, Row

LimitStatus = Literal["binding", "draft", "proposed", "withdrawn", "example", "inline"]
Evidence = Literal["primary", "secondary", "recalled", "user"]
DECIDING: frozenset[str] = frozenset({"binding", "inline"})
TRUSTED: frozenset[str] = frozenset({"primary", "user"})
"""Evidence with which a limit may be cited as it stands; any other must be checked against its source first."""
EVERY_SITE = "*"


class Part(BaseModel):
    """Base of every part of a criterion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class EnvelopeRow(Part):
    """A region of the signal and the longest accumulated time in it."""

    below: FiniteFloat | None = Field(None, description="the region is under this level")
    at_most: FiniteFloat | None = Field(None, description="under this level, or on it")
    above: FiniteFloat | None = Field(None, description="over this level")
    at_least: FiniteFloat | None = Field(None, description="over this level, or on it")
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(description="longest time that passes")

    @model_validator(mode="after")
    def _has_one_level(self) -> Self:
        if len(self._levels) != 1:
            raise ValueError(f"a row needs one of below, at_most, above and at_least, got {len(self._levels)}")
        return self

    @property
    def _levels(self) -> dict[Comparison, float]:
        given: dict[Comparison, float | None] = {
            "below": self.below,
            "at_most": self.at_most,
            "above": self.above,
            "at_least": self.at_least,
        }
        return {name: level for name, level in given.items() if level is not None}

    def as_row(self) -> Row:
        """The row as metrics take it."""
        ((comparison, level),) = self._levels.items()
        return Row(comparison, level, self.seconds)


class EnvelopeCurve(Part):
    """Levels of a signal and how long it may stay beyond each."""

    signal: Literal["voltage", "frequency"] = Field(description="bus voltage (pu) or bus frequency (Hz)")
    at: Literal["sites", "generators", "buses"] = Field("sites", description="which buses count")
    rows: Annotated[list[EnvelopeRow], Field(min_length=1)]


class Scope(Part):
    """Where a limit applies."""

    nominal_hz: FiniteFloat | None = Field(None, description="of the grid")
    min_site_mw: FiniteFloat | None = Field(None, description="rating of the smallest site that it is meant for")
    contingency: bool | None = Field(None, description="only to runs with a fault or a trip, or only to those without")

    @property
    def in_words(self) -> dict[str, str]:
        """By key, what the limit is set for."""
        words = {}
        if self.nominal_hz is not None:
            words["nominal_hz"] = f"grids of {self.nominal_hz:g} Hz"
        if self.min_site_mw is not None:
            words["min_site_mw"] = f"sites of {self.min_site_mw:g} MW and more"
        if self.contingency is not None:
            words["contingency"] = f"runs {'with' if self.contingency else 'without'} a fault or a trip"
        return words


class Criterion(Part):
    """A limit on one metric or envelope, and where the limit comes from."""

    id: str | None = Field(None, description="name in results; by default the metric and its bound")
    title: str | None = Field(None, description="what it limits, in words")
    metric: str | None = Field(
        None, min_length=1, description="path of the metric in summary.json under metrics; * stands for each site"
    )
    envelope: EnvelopeCurve | None = Field(None, description="a curve of level against time, instead of a metric")
    max: FiniteFloat | None = Field(None, description="largest value that passes, in the metric's unit")
    min: FiniteFloat | None = Field(None, description="smallest value that passes, in the metric's unit")
    below: FiniteFloat | None = Field(None, description="values under it pass, itself does not")
    above: FiniteFloat | None = Field(None, description="values over it pass, itself does not")
    max_share_of_rating: Annotated[float, Field(gt=0)] | None = Field(
        None, description="largest value that passes as a share of the site's rating; with max, the lesser of both"
    )
    source: str | None = Field(None, description="document that sets the limit")
    clause: str | None = Field(None, description="where in the document")
    date: str | None = Field(None, description="of the document, or from when it holds")
    note: str | None = Field(None, description="what the reader of a verdict should know")
    status: LimitStatus = Field("inline", description="standing of the limit; binding and inline decide")
    evidence: Evidence = Field("user", description="how the number was obtained")
    decide: bool | None = Field(None, description="whether the limit decides the verdict, whatever its status")
    area: str | None = Field(None, description="of a profile's limit: the area that must be chosen for it")
    applies: Scope = Field(Scope(), description="where the limit applies")
    profile: str | None = Field(None, description="profile or file that the limit comes from; filled in")

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if (self.metric is None) == (self.envelope is None):
            raise ValueError("a criterion needs a metric or an envelope, and not both")
        given = [v for v in (self.max, self.min, self.below, self.above, self.max_share_of_rating) if v is not None]
        if self.envelope is not None:
            if given:
                raise ValueError("an envelope has its bounds in its rows")
            if not self.id:
                raise ValueError("an envelope needs an id")
            return self
        if not given:
            raise ValueError("a criterion needs max or min (or below, above or max_share_of_rating), got none")
        if (self.max is not None and self.below is not None) or (self.min is not None and self.above is not None):
            raise ValueError("max goes without below, and min without above")
        low, high = self._side(self.min, self.above), self._side(self.max, self.below)
        if low is not None and high is not None and low > high:
            raise ValueError(f"min must be <= max, got {low:g} and {high:g}")
        if self.max_share_of_rating is not None and not self.is_per_site:
            raise ValueError(f"max_share_of_rating needs a metric of a site, got '{self.metric}'")
        return self

    @staticmethod
    def _side(inclusive: float | None, strict: float | None) -> float | None:
        return strict if inclusive is None else inclusive

    @property
    def is_per_site(self) -> bool:
        """Whether the metric is that of each site."""
        return self.metric is not None and EVERY_SITE in self.metric.split(".")

    @property
    def decides(self) -> bool:
        """Whether a failure fails the run."""
        return self.status in DECIDING if self.decide is None else self.decide

    def path_for(self, site: str) -> str:
        """The metric's path for a site; the same for all where the metric is not a site's."""
        assert self.metric is not None
        return ".".join(site if part == EVERY_SITE else part for part in self.metric.split("."))

    def curve(self) -> Envelope:
        """The envelope as metrics take it."""
        assert self.envelope is not None
        assert self.id is not None
        rows = tuple(row.as_row() for row in self.envelope.rows)
        return Envelope(self.id, self.envelope.signal, self.envelope.at, rows)

    def bounds(self, rating_mw: float | None = None) -> list[Bound]:
        """The bounds of a metric's criterion, for a site of that rating where it depends on one."""
        highest, strict = (self.max, False) if self.below is None else (self.below, True)
        if self.max_share_of_rating is not None and rating_mw is not None:
            share = self.max_share_of_rating * rating_mw
            highest = share if highest is None else min(highest, share)
        lowest, lowest_strict = (self.min, False) if self.above is None else (self.above, True)
        given = []
        if highest is not None:
            given.append(("max", "<" if strict else "<=", highest, strict))
        if lowest is not None:
            given.append(("min", ">" if lowest_strict else ">=", lowest, lowest_strict))
        bounds = []
        for side, sign, limit, is_strict in given:
            name = self.id or f"{self.metric} {sign} {limit:g}"
            if self.id and len(given) == 2:
                name += f" ({side})"
            bounds.append(Bound(name, side == "max", limit, is_strict))
        return bounds


@dataclass(frozen=True)
class Bound:
    """One side of a criterion; ``is_strict`` if a value on the limit is outside it."""

    id: str
    is_max: bool
    limit: float
    is_strict: bool = False

    def margin(self, value: float) -> float:
        """Distance from the limit, positive inside it."""
        return self.limit - value if self.is_max else value - self.limit

    def passes(self, value: float) -> bool:
        """Whether a value keeps the limit."""
        margin = self.margin(value)
        return margin > 0 if self.is_strict else margin >= 0


class CriteriaReference(Part):
    """A profile of the library, or a file of the user's own limits."""

    profile: str | None = Field(None, description="name in the library: cosim list criteria")
    file: str | None = Field(None, description="file in the form of a profile")
    area: str | None = Field(None, description="which of the profile's areas the grid is in")
    decide: bool | None = Field(None, description="whether its limits decide the verdict, whatever their status")
    only: Annotated[list[str], Field(min_length=1)] | None = Field(None, description="ids of the limits wanted")

    @model_validator(mode="after")
    def _has_one_origin(self) -> Self:
        if (self.profile is None) == (self.file is None):
            raise ValueError("give profile or file, and not both")
        return self


def _kind(entry: object) -> str:
    keys = entry if isinstance(entry, dict) else getattr(entry, "model_fields_set", ())
    is_reference = isinstance(entry, CriteriaReference) or (
        isinstance(entry, dict)
        and "metric" not in keys
        and "envelope" not in keys
        and ("profile" in keys or "file" in keys)
    )
    return "a reference" if is_reference else "a criterion"


AnyCriterion = Annotated[
    Annotated[Criterion, Tag("a criterion")] | Annotated[CriteriaReference, Tag("a reference")], Discriminator(_kind)
]
"""An entry of a scenario's criteria."""
