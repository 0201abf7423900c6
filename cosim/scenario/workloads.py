"""The workloads of a site, as a scenario writes them.

The keys of a synthetic workload are the parameters of its model in `loads.workloads`, taken over from there: a model's
own checks, defaults and units are the scenario's.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, create_model, model_validator

from cosim.scenario.part import Part, Positive, Share
from loads.errors import LoadDataError
from loads.presets import find_preset
from loads.workloads import FineTuningCycle, JobLifeCycle, ServingModel, TrainingCycle, WorkloadModel, build_model

MeasuredAt = Literal["devices", "servers"]
SampleRate = Annotated[float, Field(ge=0.1, le=100_000)]


class Workload(Part):
    """What every workload has."""

    share: Share = Field(1.0, description="share of the site's fluctuating rating")
    scale_to: Literal["nominal", "mean", "peak", "count"] = Field(
        "nominal",
        description="what becomes share x rating: the nominal, mean or highest power; or count: power times count",
    )


class SyntheticWorkload(Workload):
    """What every workload has that a model makes."""

    count: Annotated[int, Field(ge=1)] | None = Field(
        None, description="number of devices (or of what the model describes); with scale_to: count and synchronisation"
    )
    synchronisation: Share = Field(
        1.0, description="correlation of the devices' fluctuations: 1 in step, 0 independent; below 1 it needs count"
    )
    sample_rate_hz: SampleRate | None = Field(None, description="rate of the trace and its noise")
    measured_at: MeasuredAt | None = Field(
        None, description="devices: in front of the servers' power supplies; servers: behind them"
    )

    @model_validator(mode="after")
    def _count_is_given_where_needed(self) -> Self:
        if self.count is None and self.scale_to == "count":
            raise ValueError("scale_to: count needs count")
        if self.count is None and self.synchronisation < 1:
            raise ValueError("synchronisation below 1 needs count, the number of devices")
        return self

    def model(self) -> WorkloadModel:
        """The model with these parameters."""
        names = type(self).model_fields.keys() - SyntheticWorkload.model_fields.keys() - {"type"}
        return build_model(self.type, {name: getattr(self, name) for name in names})  # type: ignore[attr-defined]

    @property
    def rate_hz(self) -> float:
        """Sample rate, by default what the edges of the model need."""
        return self.sample_rate_hz or DEFAULT_RATE_HZ[self.type]  # type: ignore[attr-defined]

    @property
    def at_devices(self) -> bool:
        """Whether the power is that of the devices; models describe devices unless told otherwise."""
        return self.measured_at != "servers"


DEFAULT_RATE_HZ = {"training": 1000.0, "fine_tuning": 1000.0, "job": 100.0, "inference": 100.0, "mix": 1000.0}


def _from_model(name: str, kind: str, model: type, description: str) -> type[SyntheticWorkload]:
    """A workload whose keys are a model's parameters."""
    fields: dict[str, Any] = {key: (field.annotation, field) for key, field in model.__pydantic_fields__.items()}  # type: ignore[attr-defined]
    made = create_model(name, __base__=SyntheticWorkload, __doc__=description, type=(Literal[kind], ...), **fields)

    def check(self: SyntheticWorkload) -> SyntheticWorkload:
        self.model()
        return self

    return create_model(
        name, __base__=made, __doc__=description, __validators__={"_model_is_possible": model_validator(mode="after")(check)}
    )
