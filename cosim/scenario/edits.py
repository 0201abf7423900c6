"""The edits of a grid before it runs: each item of the list has one key, which says what is changed."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from cosim.scenario.elements import Idx, LineRef
from cosim.scenario.part import Part, Positive

Names = Annotated[list[Idx], Field(min_length=1)]


def _number_or_keys(value: object) -> str:
    return "keys" if isinstance(value, dict | Part) else "number"


def _text_or_list(value: object) -> str:
    return "list" if isinstance(value, list) else "text"


class Machines(Part):
    """Which machines an edit concerns: those named, or those of an area or zone; all if nothing is given."""

    machines: Names | None = Field(None, description="their names, or the names of their generators")
    area: Idx | None = Field(None, description="those at the buses of an area")
    zone: Idx | None = Field(None, description="those at the buses of a zone")

    @model_validator(mode="after")
    def _chosen_in_one_way(self) -> Self:
        if sum(way is not None for way in (self.machines, self.area, self.zone)) > 1:
            raise ValueError("choose the machines in one way: machines, area or zone")
        return self


class InertiaScale(Machines):
    """Multiply the inertia of machines."""

    factor: Positive = Field(description="factor on H")


class Droop(Machines):
    """Give governors a new permanent droop."""

    value_pu: Annotated[float, Field(gt=0, le=1)] = Field(
        description="relative speed deviation over relative power (machine base)"
    )


class Damping(Machines):
    """Change the damping coefficient D of machines."""

    value_pu: Annotated[float, Field(ge=0)] | None = Field(
        None, description="relative torque over relative speed deviation (machine base)"
    )
    factor: Annotated[float, Field(ge=0)] | None = Field(None, description="factor on D")

    @model_validator(mode="after")
    def _value_or_factor(self) -> Self:
        if (self.value_pu is None) == (self.factor is None):
            raise ValueError("give either value_pu or factor")
        return self


class LoadScale(Part):
    """Multiply base loads; generators follow."""

    factor: Annotated[float, Field(ge=0)] = Field(description="factor on active and reactive power")
    buses: Names | None = Field(None, description="loads of these buses; all if not given")
    generation: Literal["proportional", "headroom", "slack"] = Field(
        "proportional",
        description="who supplies the change: generators in proportion to what they give, to their headroom, or slack",
    )


class ReplaceByInverters(Part):
    """Put inverter-based plants (WECC generic models) in the place of machines."""

    machines: Names | None = Field(None, description="these machines")
    share: Annotated[float, Field(gt=0, lt=1)] | None = Field(None, description="share of the machines' MVA")
    order: Literal["largest", "smallest"] = Field("largest", description="with share: which machines come first")
    control: Literal["voltage", "reactive_power"] = Field("voltage", description="what the plants hold at their buses")
    droop_pu: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="frequency droop of the plants; constant active power if not given"
    )

    @model_validator(mode="after")
    def _machines_or_share(self) -> Self:
        if (self.machines is None) == (self.share is None):
            raise ValueError("give either machines or share")
        return self


class SheddingStage(Part):
    """A stage of under-frequency load shedding."""

    frequency_hz: Positive = Field(description="it starts to count below this frequency")
    delay_s: Annotated[float, Field(ge=0)] = Field(0.2, description="and sheds after so long below it")
    share: Annotated[float, Field(gt=0, le=1)] = Field(description="share of the base load at t = 0 that it sheds")


class UnderFrequencyLoadShedding(Part):
    """Base load that is shed when frequency is low, in stages."""

    stages: Annotated[list[SheddingStage], Field(min_length=1)] = Field(description="each acts once")
    relay: Literal["coi", "bus"] = Field(
        "bus", description="frequency that counts: of each load's own bus, or of the centre of inertia for all"
    )

    @model_validator(mode="after")
    def _sheds_no_more_than_all(self) -> Self:
        total = sum(stage.share for stage in self.stages)
        if total > 1 + 1e-9:
            raise ValueError(f"shares of the stages add up to {total:.6g}, more than 1")
        return self


class Edit(Part):
    """One change to the grid: exactly one of these keys."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    inertia_scale: (
        Annotated[
            Annotated[Positive, Tag("number")] | Annotated[InertiaScale, Tag("keys")],
            Discriminator(_number_or_keys),
        ]
        | None
    ) = Field(None, description="factor on H of all machines, or factor with machines, area or zone")
    governor_off: (
        Annotated[
            Annotated[Literal["all"], Tag("text")] | Annotated[Names, Tag("list")],
            Discriminator(_text_or_list),
        ]
        | None
    ) = Field(None, description="all, or the machines whose mechanical power stays constant")
    droop: Droop | None = Field(None, description="new permanent droop of governors")
    damping: Damping | None = Field(None, description="damping coefficient D of machines")
    load_scale: (
        Annotated[
            Annotated[Annotated[float, Field(ge=0)], Tag("number")] | Annotated[LoadScale, Tag("keys")],
            Discriminator(_number_or_keys),
        ]
        | None
    ) = Field(None, description="factor on all base loads, or factor with buses; generation follows")
    replace_by_inverters: ReplaceByInverters | None = Field(None, description="machines that inverters replace")
    line_out: LineRef | None = Field(None, description="line that is out of service: idx, or {from, to, circuit}")
    line_in: LineRef | None = Field(None, description="line that is put into service")
    ufls: UnderFrequencyLoadShedding | None = Field(None, description="under-frequency load shedding")

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            got = f"got {' and '.join(given)}" if given else "got none"
            raise ValueError(f"an edit has one key, {got}: {', '.join(type(self).model_fields)}")
        return self

    @property
    def key(self) -> str:
        """The key that is given."""
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)

    @property
    def value(self) -> Any:
        """What stands under the key."""
        return getattr(self, self.key)
