"""The scenario file, version 1: one model that validates it, documents it, and yields its JSON Schema."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from cosim.criteria import Criterion

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


def _idx(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("expected the number or name of an element of the grid")
    return value


Idx = Annotated[int | str, BeforeValidator(_idx)]
"""Number or name of an element of the grid."""


class Part(BaseModel):
    """Base of every part of a scenario: unknown keys are errors, text is not turned into numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True, populate_by_name=True)


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


class Workload(Part):
    """What every workload has."""

    share: Share = Field(1.0, description="share of the site's fluctuating rating")


class TrainingWorkload(Workload):
    """Stochastic training cycle: compute (up) and communication (down) phases in turn, in step over all devices."""

    type: Literal["training"]
    frequency_hz: Positive | None = Field(None, description="iterations per second; drawn from the range if not given")
    frequency_range_hz: Annotated[list[Positive], Field(min_length=2, max_length=2)] = Field(
        [0.5, 1.5], description="range that the frequency is drawn from"
    )
    frequency_sd: Annotated[float, Field(ge=0)] = Field(
        0.1, description="relative spread of each iteration's frequency"
    )
    compute_share_range: Annotated[list[Share], Field(min_length=2, max_length=2)] = Field(
        [0.55, 0.80], description="range of the compute phase's share of an iteration"
    )
    up_sd: Annotated[float, Field(ge=0)] = Field(0.05, description="spread of the compute phase's power")
    down_mean: Share = Field(0.3, description="mean drop of power in the communication phase")
    down_sd: Annotated[float, Field(ge=0)] = Field(0.05, description="spread of that drop")
    up_noise_range: Annotated[list[Share], Field(min_length=2, max_length=2)] = Field(
        [0.02, 0.05], description="range of the standard deviation of the noise in compute phases"
    )
    down_noise_range: Annotated[list[Share], Field(min_length=2, max_length=2)] = Field(
        [0.01, 0.03], description="the same in communication phases"
    )
    random_phase: bool = Field(True, description="start somewhere in an iteration rather than at its beginning")
    sample_rate_hz: Annotated[float, Field(ge=10, le=100_000)] = Field(
        1000.0, description="rate of the trace and its noise"
    )

    @model_validator(mode="after")
    def _sampled_finely_enough(self) -> Self:
        fastest = self.frequency_hz or max(self.frequency_range_hz)
        if fastest > self.sample_rate_hz / 2:
            raise ValueError(f"{fastest:g} Hz is more than half the sample rate of {self.sample_rate_hz:g} Hz")
        return self


class TraceWorkload(Workload):
    """A recorded trace from a file."""

    type: Literal["trace"]
    file: str = Field(description="trace file; a relative path starts at the scenario's folder")
    format: str = Field("auto", description="csv or mllog; detected from the content with auto")
    power_unit: Literal["W", "kW", "MW", "mW"] | None = Field(None, description="needed where the file does not say")
    time_unit: Literal["s", "ms", "us", "ns"] | None = Field(None, description="needed where the file does not say")
    power_column: str | None = Field(None, description="needed where the file has several")
    time_column: str | None = Field(None, description="needed where the file has several")
    scale_to: Literal["mean", "peak", "count"] = Field(
        "mean",
        description="what becomes share x rating: the trace's mean or its peak; or count: trace times count",
    )
    count: Annotated[float, Field(gt=0)] | None = Field(None, description="number of devices, with scale_to: count")
    at_end: Literal["loop", "hold"] = Field("loop", description="after the end: start again, or keep the last value")

    @model_validator(mode="after")
    def _count_goes_with_scale(self) -> Self:
        if (self.scale_to == "count") != (self.count is not None):
            raise ValueError("count goes with scale_to: count, and scale_to: count needs it")
        return self


AnyWorkload = Annotated[TrainingWorkload | TraceWorkload, Field(discriminator="type")]


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
    pue: Annotated[float, Field(ge=1, le=3)] = Field(1.0, description="power usage effectiveness; cooling is steady")
    workloads: Annotated[list[AnyWorkload], Field(min_length=1)] = Field(
        [TrainingWorkload(type="training")], description="what the fluctuating part runs"
    )

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        total = sum(w.share for w in self.workloads if getattr(w, "scale_to", "") != "count")
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
    sites: list[Site] = []
    redispatch: Redispatch = Field(Redispatch(), description="which generators supply added sites")
    events: list[AnyEvent] = []
    simulation: Simulation
    outputs: Outputs = Outputs()
    criteria: list[Criterion] = Field([], description="limits that the run is judged against")
