"""A site of a scenario: one data centre at one bus."""

from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, model_validator

from cosim.scenario.elements import Idx, LoadModel
from cosim.scenario.mitigation import Mitigation
from cosim.scenario.part import Part, Positive, Share
from cosim.scenario.protection import Protection
from cosim.scenario.workloads import AnyWorkload, TrainingWorkload

AnyMitigation = TypeVar("AnyMitigation", bound=Part)


class PowerChain(Part):
    """Power supplies of the servers, uninterruptible supply (UPS) and transformer of a site."""

    psu_efficiency: Annotated[float, Field(gt=0, le=1)] = Field(
        0.94, description="of the servers' supplies, for power measured at the devices (0.94: MLPerf power logs)"
    )
    psu_lag_s: Annotated[float, Field(ge=0, le=10)] = Field(
        0.03, description="of the servers' supplies: edges last 20 to 50 ms on their AC side"
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
    workloads: list[AnyWorkload] = Field(
        [TrainingWorkload(type="training")],
        description="what the fluctuating part runs; [] for a site that draws its steady share alone",
    )

    mitigation: list[Mitigation] = Field(
        [],
        description="what smooths the power, each kind once at most; it acts in the order smoothing, stagger, "
        "ramp_limiter, storage",
    )
    protection: Protection = Field(Protection(), description="when the site leaves the grid and how it comes back")

    @model_validator(mode="after")
    def _each_mitigation_once(self) -> Self:
        kinds = [part.type for part in self.mitigation]
        for kind in kinds:
            if kinds.count(kind) > 1:
                raise ValueError(f"mitigation has {kind} more than once")
        return self

    def mitigated_by(self, kind: type[AnyMitigation]) -> AnyMitigation | None:
        """The mitigation of a kind; None if the site has none."""
        return next((part for part in self.mitigation if isinstance(part, kind)), None)

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        total = sum(w.share for w in self.workloads if w.scale_to != "count")
        if total > 1 + 1e-9:
            raise ValueError(f"shares of the workloads add up to {total:.6g}, more than 1")
        return self
