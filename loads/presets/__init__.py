"""Named workloads: hardware, parameters and where each figure comes from, one small data file each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from ruamel.yaml import YAML

from loads.errors import LoadDataError
from loads.readers.units import suggestion

__all__ = ["Preset", "PresetSource", "find_preset", "presets"]

Evidence = Literal["primary", "secondary", "computed", "assumed"]


@dataclass(frozen=True)
class PresetSource:
    """Where some of a preset's figures come from.

    Parameters
    ----------
    figures
        Which.
    source
        Publication, record, or the reason of an assumption.
    evidence
        ``"primary"``: the publication itself was read; ``"secondary"``: a text about it; ``"computed"``: from
        recorded data; ``"assumed"``: nobody published it.
    """

    figures: str
    source: str
    evidence: Evidence


@dataclass(frozen=True)
class Preset:
    """A named workload.

    Parameters
    ----------
    name, description, hardware
        For people.
    model
        Kind of model, a key of `loads.workloads.MODELS`, or ``"mix"``.
    unit
        What one of it is: a GPU, a node, a replica, a whole job.
    at_devices
        Whether its power is that of the devices, on the DC side of the servers' power supplies, or of whole servers.
    sample_rate_hz
        Rate at which its traces are made unless another is asked for.
    thumbnail_s
        Length that shows what is typical of it.
    parameters
        Of the model, as its ``from_dict`` takes them.
    follows
        Which of the published spectra, which disagree, it follows.
    sources
        Of the figures.
    """

    name: str
    description: str
    hardware: str
    model: str
    unit: str
    at_devices: bool
    sample_rate_hz: float
    thumbnail_s: float
    parameters: Mapping[str, Any]
    follows: str
    sources: tuple[PresetSource, ...]


@cache
def presets() -> dict[str, Preset]:
    """Return all presets by name."""
    loader = YAML(typ="safe", pure=True)
    found = {}
    for file in sorted(resources.files(__name__).iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".yaml"):
            data = loader.load(file.read_text(encoding="utf-8"))
            sources = tuple(PresetSource(**source) for source in data.pop("sources"))
            name = file.name.removesuffix(".yaml")
            found[name] = Preset(name=name, sources=sources, **data)
    return found


def find_preset(name: str) -> Preset:
    """Return a preset.

    Raises
    ------
    LoadDataError
        With the nearest valid name, if there is none of this name.
    """
    known = presets()
    if name not in known:
        raise LoadDataError(
            f"there is no preset {name!r}", hint=f"{suggestion(name, list(known))}presets are {', '.join(known)}"
        )
    return known[name]
