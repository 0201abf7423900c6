"""The scenario file, version 1: one model that validates it, documents it, and yields its JSON Schema."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cosim.criteria import AnyCriterion
from cosim.scenario.events import AnyEvent
from cosim.scenario.grid import GridSpec, Redispatch
from cosim.scenario.part import Part
from cosim.scenario.site import Site

EngineName = Literal["auto", "compiled", "andes", "linear"]


class Simulation(Part):
    """How the run is made."""

    engine: EngineName = Field(
        "auto",
        description="what integrates the grid: ANDES's equations in compiled code or by ANDES itself (auto: the first "
        "where every model is covered, else the second), or the same made linear at t = 0",
    )
    duration_s: Annotated[float, Field(gt=0, le=86_400)] = Field(description="simulated time")
    step_s: Annotated[float, Field(ge=1e-4, le=0.1)] = Field(0.01, description="longest step")
    injection: Literal["average", "point"] = Field(
        "average",
        description="energy-preserving average of the trace over each step, or its value at the step",
    )
    tolerance: Annotated[float, Field(ge=1e-10, le=1e-3)] = Field(1e-6, description="Newton tolerance (pu)")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(1, description="of all random draws")

    @model_validator(mode="after")
    def _at_least_one_step(self) -> Self:
        if self.duration_s < self.step_s:
            raise ValueError(f"duration_s ({self.duration_s:g}) is shorter than step_s ({self.step_s:g})")
        return self


ChannelName = Literal[
    "voltage_pu", "angle_rad", "frequency_hz", "speed_pu", "rotor_angle_rad", "generator_mw", "line_mw"
]


class Outputs(Part):
    """What is stored."""

    channels: list[ChannelName] = Field(["voltage_pu", "frequency_hz", "speed_pu"], description="stored time series")
    every_s: Annotated[float, Field(ge=1e-4)] = Field(
        0.01, description="interval at which channels are stored; extremes see every step"
    )


class Scenario(Part):
    """Grid, sites, events, simulation settings and criteria: all that a run needs."""

    schema_version: Literal[1] = Field(1, alias="schema", description="version of this format")
    name: str = Field("", pattern=r"^[^\x00-\x1f]*$", description="any text of one line; the file's name if not given")
    description: str = ""
    grid: GridSpec
    sites: list[Site] = Field([], description="data centres")
    redispatch: Redispatch = Field(Redispatch(), description="which generators supply added sites")
    events: list[AnyEvent] = Field([], description="what happens to the grid, and when")
    simulation: Simulation
    outputs: Outputs = Outputs()
    criteria: list[AnyCriterion] = Field([], description="limits that the run is judged against")
