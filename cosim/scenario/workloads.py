"""The workloads of a site, as a scenario writes them.

The keys of a synthetic workload are the parameters of its model in `loads.workloads`, taken over from there with their
defaults, units and checks.
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, create_model, model_validator

from cosim.scenario.part import Part, Positive, Share, described_parameters
from loads.errors import LoadDataError
from loads.presets import Preset, find_preset
from loads.readers import ReadOptions
from loads.workloads import (
    MODELS,
    SITE_MIX,
    FineTuningCycle,
    JobLifeCycle,
    Mix,
    ServingModel,
    TrainingCycle,
    WorkloadModel,
    build_model,
)
from loads.workloads.recorded_arrivals import RecordedArrivals

MeasuredAt = Literal["devices", "servers"]

DEFAULT_RATE_HZ = {"training": 1000.0, "fine_tuning": 1000.0, "job": 100.0, "inference": 100.0, "mix": 1000.0}
"""Samples per second by type; enough for the edges of each."""


class Workload(Part):
    """What every workload has."""

    share: Share = Field(1.0, description="share of the site's fluctuating rating")


class SyntheticWorkload(Workload):
    """What every workload has that a model makes."""

    scale_to: Literal["nominal", "mean", "peak", "count"] = Field(
        "nominal",
        description="what becomes share x rating: the nominal, mean or highest power; or count: the model's power "
        "times count",
    )
    count: Annotated[int, Field(ge=1)] | None = Field(
        None, description="how many of what the model describes (devices, nodes, replicas, jobs) there are"
    )
    synchronisation: Share = Field(
        1.0, description="correlation of their fluctuations: 1 in step, 0 independent; below 1 it needs count"
    )
    sample_rate_hz: Annotated[float, Field(ge=0.1, le=100_000)] | None = Field(
        None, description="rate of the trace and its noise; the workload's own if not given"
    )
    measured_at: MeasuredAt | None = Field(
        None, description="devices: on the DC side of the servers' power supplies; servers: on their AC side"
    )

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.count is None and self.scale_to == "count":
            raise ValueError("scale_to: count needs count")
        if self.count is None and self.synchronisation < 1:
            raise ValueError("synchronisation below 1 needs count")
        try:
            model = self.model()
        except LoadDataError as error:
            raise ValueError(str(error)) from error
        fastest_hz = _fastest_hz(model)
        if fastest_hz > self.rate_hz / 2:
            raise ValueError(f"{fastest_hz:g} Hz is more than half the sample rate of {self.rate_hz:g} Hz")
        return self

    @property
    def kind(self) -> str:
        """Type of the workload."""
        return str(self.type)  # type: ignore[attr-defined]  # every subclass has it

    @property
    def rate_hz(self) -> float:
        """Sample rate."""
        return self.sample_rate_hz or DEFAULT_RATE_HZ[self.kind]

    @property
    def at_devices(self) -> bool:
        """Whether the power is that of the devices, as models describe it unless told otherwise."""
        return self.measured_at != "servers"

    def model(self) -> WorkloadModel:
        """The model with these parameters."""
        own = type(self).model_fields.keys() - SyntheticWorkload.model_fields.keys() - {"type"}
        return build_model(self.kind, {name: getattr(self, name) for name in own})


def _fastest_hz(model: WorkloadModel) -> float:
    """Highest iteration frequency of a stochastic cycle; 0 for models whose edges need not repeat."""
    if isinstance(model, TrainingCycle | FineTuningCycle):
        return max(model.frequency_range_hz) if model.frequency_hz is None else model.frequency_hz
    return max((_fastest_hz(job) for job, _ in model.jobs), default=0.0) if isinstance(model, Mix) else 0.0


def _parameters_of(model: Any) -> Any:
    """Part with the parameters of a model as its keys, described as in the model's docstring."""
    described = described_parameters(model)
    fields: dict[str, Any] = {}
    for key, field in model.__pydantic_fields__.items():
        described_field = copy(field)
        described_field.description = described.get(key)
        fields[key] = (field.annotation, described_field)
    return create_model(f"{model.__name__}Parameters", __base__=Part, **fields)


_Training: Any = _parameters_of(TrainingCycle)
_FineTuning: Any = _parameters_of(FineTuningCycle)
_Job: Any = _parameters_of(JobLifeCycle)
_Inference: Any = _parameters_of(ServingModel)


class TrainingWorkload(SyntheticWorkload, _Training):
    """Stochastic cycle of training: compute and communication by turns, in step over all devices."""

    type: Literal["training"]


class FineTuningWorkload(SyntheticWorkload, _FineTuning):
    """Stochastic cycle of fine-tuning: slower than training, with deeper pauses."""

    type: Literal["fine_tuning"]


class JobWorkload(SyntheticWorkload, _Job):
    """A training job from its start to its end: loading, iterations, evaluations, checkpoints, failures."""

    type: Literal["job"]


class InferenceWorkload(SyntheticWorkload, _Inference):
    """Inference serving: requests arrive at replicas that batch them continuously."""

    type: Literal["inference"]


class PresetWorkload(SyntheticWorkload):
    """A named workload with its published or recorded figures."""

    type: Literal["preset"]
    preset: str = Field(description="its name (cosim list workloads)")
    parameters: dict[str, Any] = Field({}, description="parameters of its model to change")

    @property
    def definition(self) -> Preset:
        """The preset."""
        return find_preset(self.preset)

    @property
    def rate_hz(self) -> float:
        """Sample rate."""
        return self.sample_rate_hz or self.definition.sample_rate_hz

    @property
    def at_devices(self) -> bool:
        """Whether the power is that of the devices: as the preset says, unless told otherwise."""
        return self.definition.at_devices if self.measured_at is None else self.measured_at == "devices"

    def model(self) -> WorkloadModel:
        """The preset's model, with the changes."""
        return build_model(self.definition.model, _merged(self.definition.parameters, self.parameters))


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Plain data with changes, key by key."""
    merged = dict(base)
    for key, value in changes.items():
        inner = merged.get(key)
        both = isinstance(inner, Mapping) and isinstance(value, Mapping) and inner.get("type") == value.get("type")
        merged[key] = _merged(inner, value) if both and isinstance(inner, Mapping) else value
    return merged


Job = Annotated[
    TrainingWorkload | FineTuningWorkload | JobWorkload | InferenceWorkload | PresetWorkload,
    Field(discriminator="type"),
]


class MixWorkload(SyntheticWorkload):
    """Several jobs side by side, each at a random place in its cycle."""

    type: Literal["mix"]
    jobs: Annotated[list[Job], Field(min_length=1)] | None = Field(
        None,
        description="jobs with their shares of the mix; by default one large training job (0.9), two small ones and "
        "two of fine-tuning (0.025 each)",
    )

    def model(self) -> WorkloadModel:
        """The jobs' models and shares; their scaling, counts and rates are the mix's."""
        return SITE_MIX if self.jobs is None else Mix(tuple((job.model(), job.share) for job in self.jobs))


class TraceWorkload(Workload):
    """A recorded trace from a file."""

    type: Literal["trace"]
    file: str = Field(description="trace file; a relative path starts at the scenario's folder")
    format: str = Field("auto", description="name of its format; detected from the content with auto")
    channels: Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description="devices or columns of the file to add up; all of them if not given"
    )
    power_unit: Literal["W", "kW", "MW", "mW"] | None = Field(None, description="needed where the file does not say")
    time_unit: Literal["s", "ms", "us", "ns"] | None = Field(None, description="needed where the file does not say")
    power_column: str | None = Field(None, description="needed where the file has several")
    time_column: str | None = Field(None, description="needed where the file has several")
    device_column: str | None = Field(None, description="says whose a row is, where the name does not tell")
    devices: Annotated[int, Field(ge=1)] | None = Field(
        None, description="devices whose rows take turns in a file without an index"
    )
    rated_w: Positive | None = Field(None, description="power (W) that a normalised power of 1 stands for")
    interval_s: Positive | None = Field(None, description="distance between samples of a file without times")
    sensor_window_s: Positive | None = Field(None, description="averaging window of the sensor, where it is known")
    max_gap_s: Positive = Field(60.0, description="longest gap that is bridged by a straight line")
    trim_idle: bool = Field(False, description="cut off an idle head and tail")
    scale_to: Literal["mean", "peak", "count"] = Field(
        "mean",
        description="what becomes share x rating: the trace's mean or its peak; or count: trace times count",
    )
    count: Positive | None = Field(None, description="number of devices, with scale_to: count")
    at_end: Literal["loop", "hold"] = Field("loop", description="after the end: start again, or keep the last value")
    measured_at: MeasuredAt = Field(
        "servers", description="devices: on the DC side of the servers' power supplies; servers: on their AC side"
    )

    @model_validator(mode="after")
    def _count_goes_with_scale(self) -> Self:
        if (self.scale_to == "count") != (self.count is not None):
            raise ValueError("count goes with scale_to: count, and scale_to: count needs it")
        return self

    @property
    def read_options(self) -> dict[str, Any]:
        """What `loads.readers.read_trace` needs to know of the file."""
        return {name: getattr(self, name) for name in _READ_OPTIONS}


_READ_OPTIONS = ("format", "channels", *(field.name for field in fields(ReadOptions)))


def with_absolute_files(workload: Any, folder: Path) -> Any:
    """A workload whose files do not depend on the folder of the scenario."""

    def absolute(file: str) -> str:
        return str((folder / Path(file).expanduser()).resolve())

    if isinstance(workload, TraceWorkload):
        return workload.model_copy(update={"file": absolute(workload.file)})
    if isinstance(workload, MixWorkload) and workload.jobs is not None:
        return workload.model_copy(update={"jobs": [with_absolute_files(job, folder) for job in workload.jobs]})
    arrivals = getattr(workload, "arrivals", None)
    if isinstance(arrivals, RecordedArrivals):
        return workload.model_copy(update={"arrivals": replace(arrivals, file=absolute(arrivals.file))})
    if isinstance(workload, PresetWorkload):
        changed = workload.parameters.get("arrivals")
        if isinstance(changed, Mapping) and "file" in changed:
            arrivals = {**changed, "file": absolute(str(changed["file"]))}
            return workload.model_copy(update={"parameters": {**workload.parameters, "arrivals": arrivals}})
    return workload


SYNTHETIC = tuple(MODELS)
"""Types of workload that a model makes."""

AnyWorkload = Annotated[
    TrainingWorkload
    | FineTuningWorkload
    | JobWorkload
    | InferenceWorkload
    | MixWorkload
    | PresetWorkload
    | TraceWorkload,
    Field(discriminator="type"),
]
