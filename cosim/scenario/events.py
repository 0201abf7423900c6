"""The events of a scenario: what happens to the grid, and when."""

from typing import Annotated, Literal

from pydantic import Field

from cosim.scenario.elements import Idx, LineRef, LoadModel
from cosim.scenario.part import Part, Positive


class LineTrip(Part):
    """A line opens at both ends."""

    type: Literal["line_trip"]
    line: LineRef = Field(description="idx, or {from: bus, to: bus, circuit: number}")
    at_s: Positive = Field(description="when")


class LoadStep(Part):
    """A load is connected (or, with negative MW, disconnected) at a bus."""

    type: Literal["load_step"]
    bus: Idx = Field(description="where")
    mw: float = Field(description="active power at 1 pu voltage")
    mvar: float = Field(0.0, description="reactive power at 1 pu voltage")
    load_model: LoadModel = Field(LoadModel(), description="voltage dependence")
    at_s: Positive = Field(description="when")


AnyEvent = Annotated[LineTrip | LoadStep, Field(discriminator="type")]
