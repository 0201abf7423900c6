"""Metrics of a screened run: those that extremes, the centre of inertia and the demand give."""

from __future__ import annotations

from typing import Any

from cosim.metrics import frequency, oscillation, ramp, site, swing, voltage
from cosim.metrics.section import Section, Wanted, plain
from cosim.result import Result

NOT_SCREENED = "a screen does not compute it; confirm the run"


def assess_extremes(result: Result, wanted: Wanted) -> Section:
    """Compute what of `cosim.metrics.compute` a screen can; the rest is None, and says so.

    Of ramps those are computed that a criterion asks for.

    Parameters
    ----------
    result
        With extremes of ``voltage_pu`` and ``speed_pu`` and the course of ``coi_hz``.
    wanted
        What criteria ask for.
    """
    names = list(result.sites)
    sections = {
        "frequency": frequency.assess(result, Wanted(wanted.paths)),
        "voltage": _voltage(result),
        "ramp": _ramps(result, wanted),
        "site": _none({name: site.template() for name in names}, "site"),
        "generator": swing.assess_generators(result),
        "line": swing.assess_lines(result),
        "oscillation": _none(oscillation.template(), "oscillation"),
    }
    whole = Section({})
    for name, section in sections.items():
        whole.values[name] = plain(section.values)
        whole.add(section)
    return whole


def _ramps(result: Result, wanted: Wanted) -> Section:
    section = ramp.assess(result, wanted, only_wanted=True)
    section.reasons.setdefault("ramp", NOT_SCREENED)
    return section


def _voltage(result: Result) -> Section:
    section = _none(voltage.template(), "voltage")
    voltage.add_extremes(section, result.extrema("voltage_pu"))
    return section


def _none(template: dict[str, Any], name: str) -> Section:
    return Section(template, {name: NOT_SCREENED})
