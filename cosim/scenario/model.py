"""The scenario file, version 1: one model that validates it, documents it, and yields its JSON Schema."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from cosim.criteria import Criterion
from cosim.scenario.part import Part, Positive, Share
from cosim.scenario.workloads import AnyWorkload, TrainingWorkload


def _idx(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("expected the number or name of an element of the grid")
    return value


Idx = Annotated[int | str, BeforeValidator(_idx)]
"""Number or name of an element of the grid."""


class ZipShares(Part):
    """Voltage dependence of a load: shares of constant impedance, current and power, which add up to 1."""

    z: Share = Field(0.0, description="constant-impedance share")
    i: Share = Field(0.0, description="constant-current share")
    p: Share = Field(0.0, description="constant-power share")

    @model_validator(mode="before")
    @classmethod
    def _shares_not_given_are_zero(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.keys().isdisjoint("zip"):
            return {"z": 0.0, "i": 0.0, "p": 0.0, **data}
        return data

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        total = self.z + self.i + self.p
        if abs(total - 1) > 1e-9:
            raise ValueError(f"shares z, i and p must add up to 1, they add up to {total:.6g}")
        return self


class BaseLoad(ZipShares):
    """Voltage dependence of the case's own loads."""

    z: Share = Field(1.0, description="constant-impedance share")


class LoadModel(ZipShares):
    """Voltage dependence of a site: a constant impedance below ``v_min_pu``."""

    p: Share = Field(1.0, description="constant-power share")
    v_min_pu: float = Field(0.7, gt=0, lt=1, description="constant impedance below this voltage (pu)")


class InertiaScale(Part):
    """Multiply the inertia of every machine."""

    inertia_scale: Positive = Field(description="factor on H of every machine")


class GridSpec(Part):
    """Which grid, and what is changed in it."""

    case: str = Field(description="catalogue name (cosim list grids), or path of a case (.xlsx .json .raw .m)")
    dyr: str | None = Field(None, description="PSS/E dynamic data that goes with a .raw case")
    base_load: BaseLoad = Field(BaseLoad(), description="voltage dependence of the case's own loads")
    edits: list[InertiaScale] = Field([], description="changes to the grid, applied in order")


class PowerChain(Part):
    """Power supplies of the servers, uninterruptible supply (UPS) and transformer of a site."""

    psu_efficiency: Annotated[float, Field(gt=0, le=1)] = Field(
        0.94, description="of the servers' supplies, for power measured at the devices (0.94: MLPerf power logs)"
    )
    psu_lag_s: Annotated[float, Field(ge=0, le=10)] = Field(
        0.03, description="of the servers' supplies: edges last 20 to 50 ms in front of them"
    )
    ups_efficiency: Annotated[float, Field(gt=0, le=1)] = Field(0.95, description="of the UPS (94 to 96 %)")
    ups_lag_s: Annotated[float, Field(ge=0, le=10)] = Field(0.04, description="of the UPS (30 to 50 ms)")
    transformer_efficiency: Annotated[float, Field(gt=0, le=1)] = Field(
        0.99, description="of the transformer (98.5 to 99.2 %)"
    )


class Site(Part):
    """A data centre at one bus."""

    name: str | None = Field(None, pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", description="dc1, dc2, ... if not given")
    bus: Idx | None = Field(None, description="point of interconnection; the bus with the largest load if not given")
    mode: Literal["add", "replace"] = Field("add", description="on top of the bus's load, or in place of a part of it")
    rating_mw: Positive = Field(
        100.0,
        description="rated power at the POI, cooling included; draws of a random workload may pass it by a few percent",
    )
    steady_share: Share = Field(0.0, description="share of the rating that does not fluctuate")
    power_factor: Annotated[float, Field(gt=0, le=1)] = Field(0.98, description="lagging, at the POI")
    load_model: LoadModel = Field(LoadModel(), description="voltage dependence")
    pue: Annotated[float, Field(ge=1, le=3)] = Field(1.0, description="power usage effectiveness, POI over IT")
    cooling_lag_s: Positive = Field(60.0, description="first-order lag of the cooling power behind the IT power")
    other_it_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="share of the IT power that does not fluctuate: storage, network, management"
    )
    power_chain: PowerChain | None = Field(
        None, description="supplies between devices and POI; ideal if not given, typical with {}"
    )
    workloads: Annotated[list[AnyWorkload], Field(min_length=1)] = Field(
        [TrainingWorkload(type="training")], description="what the fluctuating part runs"
    )

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        total = sum(w.share for w in self.workloads if w.scale_to != "count")
        if total > 1 + 1e-9:
            raise ValueError(f"shares of the workloads add up to {total:.6g}, more than 1")
        return self


class Redispatch(Part):
    """Which generators supply the sites that are added."""

    mode: Literal["headroom", "slack", "machines"] = Field(
        "headroom",
        description="all in proportion to their headroom, the slack generator alone, or the named machines",
    )
    machines: list[Idx] = Field([], description="machines that share it, in proportion to their headroom")

    @model_validator(mode="before")
    @classmethod
    def _machines_name_the_mode(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("machines") and "mode" not in data:
            return {**data, "mode": "machines"}
        return data

    @model_validator(mode="after")
    def _machines_go_with_mode(self) -> Self:
        if (self.mode == "machines") != bool(self.machines):
            raise ValueError("mode: machines needs a list of machines, and only it takes one")
        return self


class LineEnds(Part):
    """A line by its end buses."""

    from_: Idx = Field(alias="from", description="bus at one end")
    to: Idx = Field(description="bus at the other end")
    circuit: Annotated[int, Field(ge=1)] | None = Field(None, description="needed for parallel lines: 1, 2, ...")


LineRef = Annotated[
    Annotated[Idx, Tag("idx")] | Annotated[LineEnds, Tag("ends")],
    Discriminator(lambda value: "ends" if isinstance(value, dict | LineEnds) else "idx"),
]


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


class Simulation(Part):
    """How the run is made."""

    engine: Literal["andes"] = Field("andes", description="what integrates the grid")
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
    name: str = Field("", pattern=r"^([^./\\\x00-\x1f][^/\\\x00-\x1f]*)?$", description="the file's name if not given")
    description: str = ""
    grid: GridSpec
    sites: list[Site] = Field([], description="data centres")
    redispatch: Redispatch = Field(Redispatch(), description="which generators supply added sites")
    events: list[AnyEvent] = Field([], description="what happens to the grid, and when")
    simulation: Simulation
    outputs: Outputs = Outputs()
    criteria: list[Criterion] = Field([], description="limits that the run is judged against")
