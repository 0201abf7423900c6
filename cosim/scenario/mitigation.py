"""What a site of a scenario does about its fluctuation, in the order in which it acts on the power."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from cosim.scenario.part import Part, Positive, part_of
from loads.mitigation import PowerSmoothing, Stagger, Storage, StorageDevice


class Smoothing(Part):
    """Power smoothing of the GPUs: a floor held by burning energy, and limited ramps."""

    type: Literal["smoothing"]
    nominal_w: Positive = Field(700.0, description="of one GPU, which the rates are for (W; 700: H100)")
    floor_share: Annotated[float, Field(ge=0, le=0.9)] = Field(0.8, description="floor, as a share of nominal power")
    hysteresis_s: Annotated[float, Field(ge=0)] = Field(
        1.0, description="how long the floor is held after the load has dropped below it"
    )
    ramp_up_w_per_s: Positive = Field(700.0, description="most that one GPU's power rises a second")
    ramp_down_w_per_s: Positive = Field(700.0, description="most that one GPU's power falls a second")

    def built(self) -> PowerSmoothing:
        """For one GPU."""
        return PowerSmoothing(**self.model_dump(exclude={"type"}))


class Staggering(Part):
    """Cohorts of a synchronised job that run a little after one another, and jobs whose checkpoints do not coincide."""

    type: Literal["stagger"]
    cohorts: Annotated[int, Field(ge=1, le=10_000)] = Field(1, description="groups of equal size")
    spread_s: Annotated[float, Field(ge=0)] = Field(0.0, description="time within which they follow one another")
    delays: Literal["even", "random"] = Field("even", description="0, T/N, 2T/N, ..., or drawn from the seed")
    checkpoint_jobs: Annotated[int, Field(ge=1, le=1000)] = Field(
        1, description="jobs that a job workload stands for, evenly spread over its cycle of checkpoints"
    )

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if (self.cohorts == 1 or self.spread_s == 0) and self.checkpoint_jobs == 1:
            raise ValueError("it needs cohorts and spread_s, or checkpoint_jobs")
        return self

    def built(self, seed: int) -> Stagger:
        """The cohorts."""
        return Stagger(self.cohorts, self.spread_s, self.delays, seed)


class RampLimiter(Part):
    """Limit on how fast the whole site's demand rises and falls."""

    type: Literal["ramp_limiter"]
    up_mw_per_s: Positive | None = Field(None, description="no limit if not given")
    down_mw_per_s: Positive | None = Field(None, description="no limit if not given")

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.up_mw_per_s is None and self.down_mw_per_s is None:
            raise ValueError("it needs up_mw_per_s, down_mw_per_s, or both")
        return self


_Device: Any = part_of(StorageDevice)
_Storage: Any = part_of(Storage, omit="nominal_hz", battery=_Device, supercapacitor=_Device)


class SiteStorage(_Storage):
    """Battery at the POI, and a supercapacitor for what is too fast for it."""

    type: Literal["storage"]

    def built(self, nominal_hz: float = 60.0) -> Storage:
        """The devices and their control, in a grid of a nominal frequency."""
        return Storage(**self.parameters, nominal_hz=nominal_hz)


Mitigation = Annotated[
    Smoothing | Staggering | RampLimiter | SiteStorage,
    Field(discriminator="type"),
]
