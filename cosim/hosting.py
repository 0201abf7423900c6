"""Hosting capacity: the largest site, bus by bus, that keeps every limit with every seed."""

import json
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cosim.case_or_scenario import is_scenario, load_case_or_scenario
from cosim.criteria import Criterion
from cosim.errors import InputError, Problem, nearest
from cosim.hosting_search import Bracket, Found, RunTrial, largest_size
from cosim.hosting_trials import BusTrials
from cosim.network import Network
from cosim.problems import Problems
from cosim.scenario.model import EngineName, Scenario
from cosim.scenario.source import Source
from cosim.scenario.workloads import SYNTHETIC
from cosim.study import check_engine, prepare_study
from grids import Grid, GridError
from loads.presets import presets

DURATION_S = 60.0
"""Of the runs of a bare case."""
CHECKED_MW = 1.0
"""Size of the site with which the scenario is checked before the search."""

_OPTIONS = {"--criteria": "criteria", "--workload": "sites[0].workloads"}
"""Options, and the keys of the scenario that they write."""
_SIGNS = {"<=": "max", ">=": "min", "<": "below", ">": "above"}


@dataclass(frozen=True)
class Request:
    """What is asked for, as a command line has it.

    Attributes
    ----------
    case
        A case, or a scenario whose first site is the one that is placed.
    buses
        Names with commas between, ``all``, or ``loads``: those with a base load.
    criteria
        Profiles, files of limits, or bounds such as ``frequency.max_deviation_mhz<=100``; the scenario's own if none.
    workload
        Type of workload, or preset, in place of the site's.
    seeds
        How many: that of the scenario, and those that follow it.
    max_mw
        Largest size; the machines' ratings in sum if not given.
    tolerance
        See `Bracket`.
    confirm
        Whether the size is confirmed with the nonlinear equations.
    """

    case: str
    buses: str = "loads"
    criteria: tuple[str, ...] = ()
    workload: str | None = None
    seeds: int = 5
    max_mw: float | None = None
    tolerance: float = 0.01
    confirm: bool = True
    dyr: str | None = None
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A study that is ready to be made."""

    scenario: Scenario
    buses: tuple[int | str, ...]
    seeds: tuple[int, ...]
    bracket: Bracket
    search: EngineName
    confirm: EngineName
    criteria: tuple[Criterion, ...]
    network: Network
    notes: tuple[str, ...]


def make_plan(request: Request) -> Plan:
    """Read and check what is asked for.

    Raises
    ------
    InputError
        With what cannot be used.
    """
    try:
        return _made_plan(request)
    except InputError as error:
        raise InputError(*(_at_its_option(problem) for problem in error.problems)) from None


def _at_its_option(problem: Problem) -> Problem:
    """A problem of what `_overrides` wrote into the scenario, at the option that the user gave."""
    for option, key in _OPTIONS.items():
        if problem.place.startswith(f"--set {key}="):
            return replace(problem, place=option)
    return problem


def _made_plan(request: Request) -> Plan:
    scenario, source = load_case_or_scenario(request.case, request.dyr, _overrides(request))
    if not scenario.sites:
        raise InputError(Problem("the scenario has no site to place", hint="give it one, or use a bare case"))
    for k, workload in enumerate(scenario.sites[0].workloads):
        if workload.scale_to == "count":
            key = ("sites", 0, "workloads", k, "scale_to")
            raise InputError(source.problem(key, "count does not follow the site's size", "use mean or peak"))
    if not scenario.criteria:
        raise InputError(
            Problem(
                "there is no limit to keep", place="--criteria", hint="name a profile, such as --criteria screening"
            )
        )
    search, notes = _search_engine(scenario, source)
    first, *others = scenario.sites
    checked = first.model_copy(update={"rating_mw": CHECKED_MW})
    simulation = scenario.simulation.model_copy(update={"engine": search})
    study = prepare_study(scenario.model_copy(update={"sites": [checked, *others], "simulation": simulation}), source)
    if not any(criterion.decides for criterion in study.criteria):
        raise InputError(
            Problem(
                f"none of the {len(study.criteria)} limits decides",
                place="--criteria",
                hint="limits that are binding or your own do; profiles of another status with decide: true",
            )
        )
    try:
        bracket = Bracket(_largest_mw(study.grid) if request.max_mw is None else request.max_mw, request.tolerance)
    except ValueError as error:
        raise InputError(Problem(str(error))) from error
    seed = scenario.simulation.seed
    return Plan(
        scenario=study.scenario,
        buses=_buses(request.buses, study.grid),
        seeds=tuple(range(seed, seed + request.seeds)),
        bracket=bracket,
        search=search,
        confirm=nonlinear(scenario) if request.confirm else search,
        criteria=tuple(study.criteria),
        network=Network.of(study.grid),
        notes=notes,
    )


def search_bus(plan: Plan, bus: int | str, trials: RunTrial | None = None) -> Found:
    """Find the largest site at a bus; other ``trials`` than the bus's own may be given, to be told of them."""
    run = trials or BusTrials(plan.scenario, bus).run
    return largest_size(run, plan.seeds, plan.bracket, search=plan.search, confirm=plan.confirm)


def _overrides(request: Request) -> list[str]:
    given = list(request.overrides)
    if not is_scenario(request.case):
        site = {"name": "site", "workloads": [{"type": "training"}]}
        given = [f"simulation.duration_s={DURATION_S}", f"sites={json.dumps([site])}", *given]
    if request.workload is not None:
        given.append(f"{_OPTIONS['--workload']}={json.dumps([_workload(request.workload)])}")
    if request.criteria:
        given.append(f"{_OPTIONS['--criteria']}={json.dumps([_criterion(text) for text in request.criteria])}")
    return given


def _workload(name: str) -> dict[str, str]:
    if name in SYNTHETIC:
        return {"type": name}
    if name in presets():
        return {"type": "preset", "preset": name}
    hint = nearest(name, [*SYNTHETIC, *presets()])
    raise InputError(Problem(f"there is no workload '{name}'", place="--workload", hint=hint))


def _criterion(text: str) -> dict[str, Any]:
    """The entry of a scenario's criteria that a text stands for."""
    bound = re.fullmatch(r"\s*([^<>=\s]+)\s*(<=|>=|<|>)\s*([^<>=\s]+)\s*", text)
    if bound:
        metric, sign, limit = bound.groups()
        try:
            return {"metric": metric, _SIGNS[sign]: float(limit)}
        except ValueError:
            raise InputError(Problem(f"'{limit}' is not a number", place=f"--criteria '{text}'")) from None
    if any(sign in text for sign in "<>="):
        hint = "write a metric, <=, >=, < or >, and a number"
        raise InputError(Problem("is not a bound", place=f"--criteria '{text}'", hint=hint))
    if Path(text).suffix.lower() in (".yaml", ".yml"):
        return {"file": str(Path(text).expanduser().absolute())}
    return {"profile": text}


def nonlinear(scenario: Scenario) -> EngineName:
    """The engine of runs with the full equations: the scenario's own, if it names one."""
    engine = scenario.simulation.engine
    return "auto" if engine == "linear" else engine


def _search_engine(scenario: Scenario, source: Source) -> tuple[EngineName, tuple[str, ...]]:
    """The engine that predicts: the linear one, unless the scenario has events that it cannot do."""
    simulation = scenario.simulation.model_copy(update={"engine": "linear"})
    problems = Problems(source)
    check_engine(scenario.model_copy(update={"simulation": simulation}), problems)
    if not problems.found:
        return "linear", ()
    why = "; ".join(dict.fromkeys(problem.key for problem in problems.found))
    return nonlinear(scenario), (
        f"searched with nonlinear runs alone: the linear engine keeps the network as it is ({why})",
    )


def _largest_mw(grid: Grid) -> float:
    """What no site may exceed: the machines' ratings; with an infinite bus, the grid's own load."""
    rating_mva = grid.rating_mva
    return rating_mva if math.isfinite(rating_mva) else sum(bus.load_mw for bus in grid.buses)


def _buses(wanted: str, grid: Grid) -> tuple[int | str, ...]:
    if wanted == "all":
        return tuple(bus.idx for bus in grid.buses)
    if wanted == "loads":
        return tuple(bus.idx for bus in grid.buses if bus.load_mw > 0.0)
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    found, problems = {}, []
    for name in names:
        try:
            found[name] = grid.find_bus(name).idx
        except GridError as error:
            problems.append(Problem(str(error), place="--buses"))
    if problems or not found:
        raise InputError(*(problems or [Problem("names no bus", place="--buses", hint="such as 4,9,14, all or loads")]))
    return tuple(found.values())
