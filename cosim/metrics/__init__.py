"""Metrics: pure functions of the stored result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cosim.metrics import frequency, ramp, site, voltage
from cosim.metrics.section import Section, plain
from cosim.result import Result

__all__ = ["Section", "compute", "metric_paths", "plain", "unit_of"]

# Longest first: a suffix may end another one.
_UNITS = {
    "_hz_per_s": "Hz/s",
    "_mw_per_min": "MW/min",
    "_mw_per_s": "MW/s",
    "_mwh": "MWh",
    "_mhz": "mHz",
    "_mw": "MW",
    "_hz": "Hz",
    "_pu": "pu",
    "_s": "s",
}
_GROUP_UNITS = {"windows": "MW", "window_times_s": "s"}


def compute(result: Result) -> Section:
    """Compute the ``metrics`` part of ``summary.json``.

    Returns
    -------
    Section
        ``values``: plain JSON types, None for what was not assessed; every key is always there.
        ``reasons``: why, by dotted path or the beginning of one.
    """
    values: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for name, family in (("frequency", frequency), ("voltage", voltage), ("ramp", ramp), ("site", site)):
        section = family.assess(result)
        values[name] = plain(section.values)
        reasons |= section.reasons
    return Section(values, reasons)


def metric_paths(site_names: Iterable[str]) -> list[str]:
    """List every dotted path which a criterion may name: the metrics that are single numbers."""
    names = list(site_names)
    return list(
        _number_paths(
            {
                "frequency": frequency.template(),
                "voltage": voltage.template(),
                "ramp": {"sites": {name: ramp.template() for name in names}, "total": ramp.template()},
                "site": {name: site.template() for name in names},
            }
        )
    )


def unit_of(path: str) -> str:
    """Unit of a metric, read off its name; empty for a plain ratio.

    A metric inside a group of windows (``windows.10s``, ``max_rocof_hz_per_s.1s``) has its group's unit.
    """
    group, _, name = path.rpartition(".")
    if name[:1].isdigit():
        name = group.rpartition(".")[2]
        if name in _GROUP_UNITS:
            return _GROUP_UNITS[name]
    return next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), "")


def _number_paths(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _number_paths(value, f"{prefix}{key}.")
        elif key != "events" and not key.endswith(("_generator", "_bus")):
            yield prefix + key
