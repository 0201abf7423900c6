"""The events of a scenario: what happens to the grid, and when."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cosim.scenario.elements import Idx, LineRef, LoadModel
from cosim.scenario.part import Part, Positive

SMALLEST_FAULT_PU = 1e-6
"""A fault impedance below this is numerically nothing but trouble; at 1e-6 pu a bus is at zero volts."""

Duration = Annotated[float, Field(ge=0.001)]
"""A millisecond or more: shorter ones are none of a phasor simulation."""


class Fault(Part):
    """A three-phase short circuit at a bus, cleared by itself or by opening a line."""

    type: Literal["fault"]
    bus: Idx = Field(description="where")
    at_s: Positive = Field(description="when it starts")
    duration_s: Duration = Field(0.1, description="how long it lasts")
    clear: "Clearing | None" = Field(None, description="what opens when it is cleared; it clears itself if not given")
    r_pu: Annotated[float, Field(ge=0)] = Field(0.0, description="resistance, on the system's base")
    x_pu: Annotated[float, Field(ge=0)] = Field(SMALLEST_FAULT_PU, description="reactance, on the system's base")

    @model_validator(mode="after")
    def _has_an_impedance(self) -> Self:
        if abs(complex(self.r_pu, self.x_pu)) < SMALLEST_FAULT_PU:
            raise ValueError(f"a fault needs an impedance of {SMALLEST_FAULT_PU:g} pu or more, its default")
        return self


class Clearing(Part):
    """How a fault is cleared."""

    line_trip: LineRef = Field(description="line that opens at that instant")


class LineTrip(Part):
    """A line opens at both ends, and may close again."""

    type: Literal["line_trip"]
    line: LineRef = Field(description="idx, or {from: bus, to: bus, circuit: number}")
    at_s: Positive = Field(description="when")
    reclose_after_s: Duration | None = Field(None, description="closes again after so long; it stays open if not given")


class GeneratorTrip(Part):
    """A machine and its controls are disconnected."""

    type: Literal["generator_trip"]
    machine: Idx = Field(description="its name, or the name of its generator")
    at_s: Positive = Field(description="when")


class LoadStep(Part):
    """A load is connected (or, with negative MW, disconnected) at a bus."""

    type: Literal["load_step"]
    bus: Idx = Field(description="where")
    mw: float = Field(description="active power at 1 pu voltage")
    mvar: float = Field(0.0, description="reactive power at 1 pu voltage")
    load_model: LoadModel = Field(LoadModel(), description="voltage dependence")
    at_s: Positive = Field(description="when")


class LoadRamp(Part):
    """A load at a bus grows from nothing, in a straight line, and stays."""

    type: Literal["load_ramp"]
    bus: Idx = Field(description="where")
    mw: float = Field(description="active power at its end, at 1 pu voltage")
    mvar: float = Field(0.0, description="reactive power at its end, at 1 pu voltage")
    load_model: LoadModel = Field(LoadModel(), description="voltage dependence")
    at_s: Positive = Field(description="when it starts")
    over_s: Duration = Field(description="how long it takes")


class SiteTrip(Part):
    """A site, or a share of it, is disconnected."""

    type: Literal["site_trip"]
    site: str = Field(description="its name")
    at_s: Positive = Field(description="when")
    share: Annotated[float, Field(gt=0, le=1)] = Field(1.0, description="share of the site that is lost")


class SiteReturn(Part):
    """A site that has tripped comes back as a whole; what its own protection has taken off may come back, too."""

    type: Literal["site_return"]
    site: str = Field(description="its name")
    at_s: Positive = Field(description="when it starts")
    over_s: Annotated[float, Field(ge=0)] = Field(0.0, description="how long it takes, in a straight line; 0: at once")


class NewShunt(Part):
    """A shunt that is not in the case."""

    bus: Idx = Field(description="where")
    mvar: float = Field(description="at 1 pu voltage: positive for a capacitor, negative for a reactor")


class ShuntSwitch(Part):
    """A shunt is connected or disconnected."""

    type: Literal["shunt_switch"]
    shunt: Idx | NewShunt = Field(description="idx of a shunt of the case, or {bus, mvar} of a new one")
    on: bool = Field(description="true connects it, false disconnects it")
    at_s: Positive = Field(description="when")


AnyEvent = Annotated[
    Fault | LineTrip | GeneratorTrip | LoadStep | LoadRamp | SiteTrip | SiteReturn | ShuntSwitch,
    Field(discriminator="type"),
]
