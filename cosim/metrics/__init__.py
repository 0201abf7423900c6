"""Metrics: pure functions of the stored result."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from cosim.metrics import flicker, frequency, oscillation, ramp, site, swing, voltage
from cosim.metrics.section import NOTHING_WANTED, Place, Section, Wanted, leaves, plain, reason_for
from cosim.result import Result

__all__ = [
    "NOTHING_WANTED",
    "Place",
    "Section",
    "Wanted",
    "channels_for",
    "compute",
    "is_metric",
    "leaves",
    "metric_paths",
    "parameter_shapes",
    "plain",
    "reason_for",
    "unit_of",
]

# Longest first: a suffix may end another one.
_UNITS = {
    "_hz_per_s": "Hz/s",
    "_mw_per_min": "MW/min",
    "_mw_per_s": "MW/s",
    "_percent": "%",
    "_mwh": "MWh",
    "_mhz": "mHz",
    "_deg": "deg",
    "_mw": "MW",
    "_hz": "Hz",
    "_pu": "pu",
    "_s": "s",
}
_GROUP_UNITS = {"windows": "MW", "window_times_s": "s"}
_CHANNELS = {
    "frequency.worst_bus": ("frequency_hz",),
    "frequency.envelopes": ("frequency_hz",),
    "frequency": ("speed_pu",),
    "voltage": ("voltage_pu",),
    "generator.angle_swing": ("rotor_angle_rad",),
    "generator": ("generator_mw", "speed_pu"),
    "line": ("line_mw",),
    "oscillation": ("speed_pu", "generator_mw", "line_mw", "voltage_pu"),
    "site": ("voltage_pu",),
}
"""Channels that a metric is made from, by the beginning of its path; the first that fits counts."""


def compute(result: Result, wanted: Wanted = NOTHING_WANTED) -> Section:
    """Compute the ``metrics`` part of ``summary.json``.

    Parameters
    ----------
    result
        Of any status, with any channels.
    wanted
        Metrics with a parameter, and envelopes, that criteria ask for beyond those that are always computed.

    Returns
    -------
    Section
        ``values``: plain JSON types, None for what was not assessed; every key is always there.
    """
    sections = {
        "frequency": frequency.assess(result, wanted),
        "voltage": voltage.assess(result, wanted),
        "ramp": ramp.assess(result, wanted),
        "site": site.assess(result),
        "generator": swing.assess_generators(result),
        "line": swing.assess_lines(result),
        "oscillation": oscillation.assess(result),
    }
    whole = Section({})
    for name, section in sections.items():
        whole.values[name] = plain(section.values)
        whole.add(section)
    return whole


def metric_paths(site_names: Iterable[str]) -> list[str]:
    """List every dotted path which a criterion may name and which is always there: the metrics that are numbers."""
    return list(_metric_paths(tuple(site_names)))


@lru_cache(maxsize=64)
def _metric_paths(names: tuple[str, ...]) -> tuple[str, ...]:
    voltages = voltage.template() | {"flicker": {name: flicker.template() for name in names}}
    tree = {
        "frequency": frequency.template(),
        "voltage": voltages,
        "ramp": {"sites": {name: ramp.template() for name in names}, "total": ramp.template()},
        "site": {name: site.template() for name in names},
        "generator": swing.generator_template(),
        "line": swing.line_template(),
        "oscillation": oscillation.template(),
    }
    lists, names_of = (".events", ".modes"), ("_generator", "_bus", "_line")
    return tuple(path for path, _ in leaves(tree) if not path.endswith((*lists, *names_of)))


def parameter_shapes(site_names: Iterable[str]) -> dict[str, str]:
    """Metrics that take a parameter: the path without it, and the parameter's shape, such as ``<seconds>s``."""
    shapes = {f"frequency.{group}": shape for group, shape in frequency.PARAMETERS.items()}
    for name in (*(f"sites.{name}" for name in site_names), "total"):
        shapes |= {f"ramp.{name}.{group}": shape for group, shape in ramp.PARAMETERS.items()}
    return shapes


def is_metric(path: str, site_names: Iterable[str]) -> bool:
    """Whether a criterion may name a path: a metric that is always there, or one with a parameter."""
    names = list(site_names)
    if path in metric_paths(names):
        return True
    if path.startswith("frequency."):
        return frequency.takes(path.removeprefix("frequency."))
    prefixes = ("ramp.total.", *(f"ramp.sites.{name}." for name in names))
    return any(ramp.takes(path.removeprefix(prefix)) for prefix in prefixes if path.startswith(prefix))


def channels_for(paths: Iterable[str]) -> list[str]:
    """List the channels that metrics are made from, so that a run which is judged by them records them."""
    found: dict[str, None] = {}
    for path in paths:
        start = next((start for start in _CHANNELS if path.startswith(start)), None)
        found |= dict.fromkeys(_CHANNELS[start] if start else ())
    return list(found)


def unit_of(path: str) -> str:
    """Unit of a metric, read off its name; empty for a plain ratio.

    A metric inside a group of windows (``windows.10s``, ``max_rocof_hz_per_s.1s``) has its group's unit.
    """
    parts = path.split(".")
    if parts[1:2] == ["envelopes"]:
        return "s"
    for k in range(len(parts) - 1, -1, -1):
        if parts[k] in _GROUP_UNITS:
            return _GROUP_UNITS[parts[k]]
        unit = next((unit for suffix, unit in _UNITS.items() if f"_{parts[k]}".endswith(suffix)), None)
        if unit:
            return unit
        if not any(character.isdigit() for character in parts[k]):
            return ""
    return ""
