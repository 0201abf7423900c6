"""Named protection of sites, and named envelopes: settings, and where each figure comes from, as data files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from ruamel.yaml import YAML

from loads.presets import PresetSource
from loads.protection.reading import envelope_from_dict, settings_from_dict, suggested
from loads.protection.settings import Envelope, ProtectionSettings

__all__ = ["NamedEnvelope", "ProtectionPreset", "envelopes", "find_envelope", "find_protection", "protection_presets"]

ENVELOPES = "envelopes.yaml"


@dataclass(frozen=True)
class NamedEnvelope:
    """An envelope of voltage, what it is, and its source."""

    name: str
    description: str
    envelope: Envelope
    sources: tuple[PresetSource, ...]


@dataclass(frozen=True)
class ProtectionPreset:
    """The protection of a kind of site, what it does, and its sources."""

    name: str
    description: str
    settings: ProtectionSettings
    sources: tuple[PresetSource, ...]


@cache
def envelopes() -> dict[str, NamedEnvelope]:
    """Return all named envelopes."""
    found = {}
    for name, data in _load(ENVELOPES).items():
        envelope = envelope_from_dict({"rows": data["rows"], "timers": data["timers"]})
        found[name] = NamedEnvelope(name, data["description"], envelope, _sources(data))
    return found


def find_envelope(name: str) -> NamedEnvelope:
    """Return a named envelope.

    Raises
    ------
    ValueError
        With the nearest valid name, if there is none of this name.
    """
    if name not in envelopes():
        raise ValueError(f"there is no envelope {name!r}; {suggested(name, envelopes())}")
    return envelopes()[name]


@cache
def protection_presets() -> dict[str, ProtectionPreset]:
    """Return all presets by name."""
    found = {}
    for file in sorted(entry.name for entry in resources.files(__name__).iterdir()):
        if file.endswith(".yaml") and file != ENVELOPES:
            data, name = _load(file), file.removesuffix(".yaml")
            settings = settings_from_dict(data["protection"])
            found[name] = ProtectionPreset(name, data["description"], settings, _sources(data))
    return found


def find_protection(name: str) -> ProtectionPreset:
    """Return a preset.

    Raises
    ------
    ValueError
        With the nearest valid name, if there is none of this name.
    """
    if name not in protection_presets():
        raise ValueError(f"there is no protection preset {name!r}; {suggested(name, protection_presets())}")
    return protection_presets()[name]


def _load(file: str) -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load((resources.files(__name__) / file).read_text(encoding="utf-8"))


def _sources(data: Mapping[str, Any]) -> tuple[PresetSource, ...]:
    return tuple(PresetSource(**source) for source in data["sources"])
