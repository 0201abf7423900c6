"""When a site of a scenario leaves the grid, and how it comes back."""

from dataclasses import fields, replace
from typing import Any, Self

from pydantic import Field, model_validator

from cosim.scenario.part import Part, Positive, part_of
from loads.protection import (
    Electronic,
    Envelope,
    EventCounter,
    ProtectionSettings,
    Return,
    Row,
    Spread,
    Ups,
    find_envelope,
    find_protection,
)
from loads.protection.settings import COMPARISONS

LEAST_HZ = 10.0
"""A lower level of a frequency is a mistake in its unit."""


class ProtectionRow(Part):
    """A region, such as below 0.7, in which the signal may stay for so long; longer, and the site leaves."""

    below: float | None = Field(None, ge=0, description="lower side, the level itself left out")
    at_most: float | None = Field(None, ge=0, description="lower side, with the level itself")
    above: float | None = Field(None, ge=0, description="upper side, the level itself left out")
    at_least: float | None = Field(None, ge=0, description="upper side, with the level itself")
    seconds: float = Field(ge=0, description="how long it may last")

    @model_validator(mode="after")
    def _has_one_level(self) -> Self:
        if sum(getattr(self, name) is not None for name in COMPARISONS) != 1:
            raise ValueError(f"a row needs one of {', '.join(COMPARISONS)}")
        return self

    def built(self) -> Row:
        """The row."""
        name = next(name for name in COMPARISONS if getattr(self, name) is not None)
        return Row(name, getattr(self, name), self.seconds)


class ProtectionEnvelope(Part):
    """For how long the site bears which levels: a named envelope, or rows."""

    envelope: str | None = Field(None, description="its name, for voltages: itic, prc-024, semi-f47 or nogrr282")
    rows: list[ProtectionRow] | None = Field(None, description="in pu or Hz, in any order")
    timers: str | None = Field(
        None, description="per_excursion: each row's timer starts anew; accumulate: until the signal is in no row"
    )

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.envelope is not None and (self.rows is not None or self.timers is not None):
            raise ValueError("an envelope is either named or given by rows")
        self.built()
        return self

    def built(self) -> Envelope:
        """The envelope."""
        if self.envelope is not None:
            return find_envelope(self.envelope).envelope
        rows = tuple(row.built() for row in self.rows or ())
        return Envelope(rows, self.timers or "per_excursion")  # type: ignore[arg-type]  # it checks them itself


_Electronic: Any = part_of(Electronic, with_defaults=False)
_Counter: Any = part_of(EventCounter, with_defaults=False)
_Return: Any = part_of(Return, with_defaults=False)
_Ups: Any = part_of(Ups, with_defaults=False)
_Spread: Any = part_of(Spread, with_defaults=False, weights=list[Positive])


class Protection(Part):
    """A preset, and what differs from it: keys of its parts, or an envelope as a whole."""

    preset: str = Field(
        "none",
        description="none; compliant: stays as the newest rules ask; legacy-ups: counts sags and latches; no-ups: "
        "sheds with voltage",
    )
    voltage: ProtectionEnvelope | None = Field(None, description="at the POI (pu)")
    frequency: ProtectionEnvelope | None = Field(None, description="at the POI (Hz)")
    electronic: _Electronic | None = Field(None, description="load that sheds with voltage while connected")
    counter: _Counter | None = Field(None, description="disturbances that together make the site leave")
    return_: _Return | None = Field(None, alias="return", description="how a site that has left comes back")
    ups: _Ups | None = Field(None, description="batteries that carry what has left")
    spread: _Spread | None = Field(None, description="of the settings over the fleet")

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        for name in self.model_fields_set:
            if getattr(self, name) is None:
                raise ValueError(f"{name.rstrip('_')} has no value; to leave a part of a preset out, start from none")
        if self.frequency is not None:
            if self.frequency.envelope is not None:
                raise ValueError("frequency: the named envelopes are of voltages, give rows (Hz)")
            if any(row.level < LEAST_HZ for row in self.frequency.built().rows):
                raise ValueError("frequency: levels are in Hz")
        self.settings()
        return self

    def settings(self) -> ProtectionSettings:
        """The preset with what was given in place of its own."""
        base = find_protection(self.preset).settings
        changes: dict[str, Any] = {}
        for field in fields(ProtectionSettings):
            part = getattr(self, "return_" if field.name == "back" else field.name)
            if isinstance(part, ProtectionEnvelope):
                changes[field.name] = part.built()
            elif part is not None:
                own = getattr(base, field.name)
                try:
                    changes[field.name] = part.built() if own is None else replace(own, **part.parameters)
                except ValueError as error:
                    raise ValueError(f"{'return' if field.name == 'back' else field.name}: {error}") from error
        return replace(base, **changes)
