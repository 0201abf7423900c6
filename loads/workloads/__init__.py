"""Models of what makes the power of a data centre move, and the traces drawn from them."""

from collections.abc import Mapping
from typing import Any

from loads.errors import LoadDataError
from loads.readers.units import suggestion
from loads.workloads.cycle import FineTuningCycle, StochasticCycle, TrainingCycle
from loads.workloads.job import Checkpoint, Evaluation, Failures, JobLifeCycle, Stage, Step, StepPhase
from loads.workloads.mix import SITE_MIX, Mix
from loads.workloads.phases import Phases, WorkloadModel, render
from loads.workloads.serving import ServingModel
from loads.workloads.synthesis import synthesise

__all__ = [
    "MODELS",
    "SITE_MIX",
    "Checkpoint",
    "Evaluation",
    "Failures",
    "FineTuningCycle",
    "JobLifeCycle",
    "Mix",
    "Phases",
    "ServingModel",
    "Stage",
    "Step",
    "StepPhase",
    "StochasticCycle",
    "TrainingCycle",
    "WorkloadModel",
    "build_model",
    "render",
    "synthesise",
]

MODELS: dict[str, Any] = {
    "training": TrainingCycle,
    "fine_tuning": FineTuningCycle,
    "job": JobLifeCycle,
    "inference": ServingModel,
    "mix": Mix,
}
"""Models by the name of their kind in scenarios and presets."""


def build_model(kind: str, parameters: Mapping[str, Any]) -> WorkloadModel:
    """Build a model from plain data.

    Parameters
    ----------
    kind
        A key of `MODELS`.
    parameters
        Of the model.

    Raises
    ------
    LoadDataError
        Naming the kind or the key that is wrong.
    """
    if kind not in MODELS:
        hint = f"{suggestion(kind, list(MODELS))}types are {', '.join(MODELS)}"
        raise LoadDataError(f"there is no workload of type {kind!r}", hint=hint)
    return MODELS[kind].from_dict(parameters)
