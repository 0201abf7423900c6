"""LLM data-centre load waveforms: traces, readers, workload models, sites.

The names below are loaded when first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loads.errors import LoadDataError
    from loads.export import resample, scale, trim, write_trace
    from loads.injector import Injector
    from loads.interpolation import Waveform, hat_average, point_sample
    from loads.power_chain import PowerChain
    from loads.presets import find_preset
    from loads.readers import FORMATS, detect_format, read_recording, read_trace
    from loads.recording import Recording
    from loads.site import SiteDemand, Workload
    from loads.trace import Provenance, Trace, TraceWarning
    from loads.workloads import (
        SITE_MIX,
        FineTuningCycle,
        JobLifeCycle,
        Mix,
        Phases,
        ServingModel,
        TrainingCycle,
        WorkloadModel,
        build_model,
        synthesise,
    )

__all__ = [
    "FORMATS",
    "SITE_MIX",
    "FineTuningCycle",
    "Injector",
    "JobLifeCycle",
    "LoadDataError",
    "Mix",
    "Phases",
    "PowerChain",
    "Provenance",
    "Recording",
    "ServingModel",
    "SiteDemand",
    "Trace",
    "TraceWarning",
    "TrainingCycle",
    "Waveform",
    "Workload",
    "WorkloadModel",
    "build_model",
    "detect_format",
    "find_preset",
    "hat_average",
    "point_sample",
    "read_recording",
    "read_trace",
    "resample",
    "scale",
    "synthesise",
    "trim",
    "write_trace",
]

_MODULES = {
    "errors": ("LoadDataError",),
    "export": ("resample", "scale", "trim", "write_trace"),
    "injector": ("Injector",),
    "interpolation": ("Waveform", "hat_average", "point_sample"),
    "power_chain": ("PowerChain",),
    "presets": ("find_preset",),
    "readers": ("FORMATS", "detect_format", "read_recording", "read_trace"),
    "recording": ("Recording",),
    "site": ("SiteDemand", "Workload"),
    "trace": ("Provenance", "Trace", "TraceWarning"),
    "workloads": (
        "SITE_MIX",
        "FineTuningCycle",
        "JobLifeCycle",
        "Mix",
        "Phases",
        "ServingModel",
        "TrainingCycle",
        "WorkloadModel",
        "build_model",
        "synthesise",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"loads.{_HOME[name]}"), name)
    raise AttributeError(f"module 'loads' has no attribute {name!r}")
