"""Models of what makes the power of a data centre move, and the traces drawn from them."""

from loads.workloads.cycle import SITE_MIX, FineTuningCycle, StochasticCycle, TrainingCycle
from loads.workloads.job import Checkpoint, Evaluation, Failures, JobLifeCycle, Stage, Step, StepPhase
from loads.workloads.phases import Phases, WorkloadModel, render
from loads.workloads.synthesis import mix, synthesise

__all__ = [
    "SITE_MIX",
    "Checkpoint",
    "Evaluation",
    "Failures",
    "FineTuningCycle",
    "JobLifeCycle",
    "Phases",
    "Stage",
    "Step",
    "StepPhase",
    "StochasticCycle",
    "TrainingCycle",
    "WorkloadModel",
    "mix",
    "render",
    "synthesise",
]
