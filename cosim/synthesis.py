"""A synthetic trace asked for by name: a preset, or a type of workload with its parameters."""

import copy
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cosim.demand import synthetic_trace
from cosim.errors import InputError, Problem, nearest
from cosim.scenario.load import validate
from cosim.scenario.source import Location, Source, apply_override, key_path
from cosim.scenario.workloads import SYNTHETIC, SyntheticWorkload, with_absolute_files
from loads.presets import presets
from loads.trace import Trace

_PLACE: Location = ("sites", 0, "workloads", 0)
"""Where the workload stands in the scenario that checks it."""


def synthesise_workload(
    name: str, keys: dict[str, Any], overrides: Iterable[str], duration_s: float, seed: int
) -> Trace:
    """Draw the trace of a workload.

    Parameters
    ----------
    name : str
        A preset or a type of workload.
    keys : dict
        Of the workload in a scenario: ``count``, ``synchronisation``, ``sample_rate_hz``.
    overrides : iterable of str
        ``KEY=VALUE`` assignments to the model's parameters.
    duration_s : float
        Length.
    seed : int
        Of all draws.

    Raises
    ------
    InputError
        If there is no such workload, or a key or value has no meaning.
    """
    if not 0 < duration_s < np.inf:
        raise InputError(Problem(f"must be above 0 s, got {duration_s:g}", place="--duration-s"))
    workload = _workload(name, keys, overrides)
    if duration_s * workload.rate_hz < 1:
        raise InputError(Problem(f"{duration_s:g} s at {workload.rate_hz:g} Hz is less than one sample"))
    try:
        trace = synthetic_trace(workload, duration_s, np.random.SeedSequence(seed))
    except ValueError as error:
        raise InputError(Problem(str(error))) from error
    return replace(trace, provenance=replace(trace.provenance, channels=(name,)))


def _workload(name: str, keys: dict[str, Any], overrides: Iterable[str]) -> SyntheticWorkload:
    """Validate the workload as a part of a scenario, so that its keys mean the same in both."""
    known = presets()
    if name in known:
        parameters = copy.deepcopy(dict(known[name].parameters))
        data = {"type": "preset", "preset": name, "parameters": parameters, **keys}
        below: Location = (*_PLACE, "parameters")
    elif name in SYNTHETIC:
        data, below = {"type": name, **keys}, _PLACE
    else:
        raise InputError(Problem(f"there is no workload '{name}'", hint=nearest(name, (*SYNTHETIC, *known))))
    scenario = {"grid": {"case": ""}, "sites": [{"workloads": [data]}], "simulation": {"duration_s": 1}}
    source = Source(None, scenario)
    try:
        for assignment in overrides:
            apply_override(source, f"{key_path(below)}.{assignment}")
        (site,) = validate(source).sites
    except InputError as error:
        raise InputError(*(_shortened(problem, below) for problem in error.problems)) from error
    (workload,) = site.workloads
    assert isinstance(workload, SyntheticWorkload)
    return with_absolute_files(workload, Path())


def _shortened(problem: Problem, below: Location) -> Problem:
    """A problem whose keys start at the workload's parameters, as the user wrote them."""
    for place in (below, _PLACE):
        prefix = f"{key_path(place)}."
        problem = replace(
            problem,
            key=problem.key.removeprefix(prefix).removeprefix(prefix[:-1]),
            place=problem.place.replace(prefix, ""),
            message=problem.message.replace(prefix, ""),
        )
    return problem
