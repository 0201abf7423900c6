"""From a sweep file to its runs: each a valid scenario of its own, with a key that tells it from all others."""

import copy
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cosim.errors import InputError, Problem
from cosim.scenario.library import SUFFIXES, find_scenario, find_sweep
from cosim.scenario.load import validate
from cosim.scenario.model import Scenario
from cosim.scenario.paths import absolute_data, named_files, with_absolute_paths
from cosim.scenario.source import EVERY_ITEM, Location, Source, apply_override, assign, key_path, locations, read_yaml
from cosim.scenario.translation import problems_in
from cosim.screen import screen_key
from cosim.study import grid_key
from cosim.sweep.expressions import evaluate
from cosim.sweep.model import ENGINE_KEY, SEED_KEY, Sweep
from cosim.sweep.parameters import Cell
from cosim.sweep.paths import is_relative_path, with_files_from
from cosim.sweep.sampling import Point, number_of_points, sample

ID_DIGITS = 12
MAX_RUNS = 1_000_000
MAX_PROBLEMS = 20
"""More are not shown: they are mostly the same one."""


@dataclass(frozen=True)
class PlannedRun:
    """One run of a sweep.

    Attributes
    ----------
    run_id
        From the hash of the resolved scenario: runs of the same scenario have the same, also in other sweeps.
    cells
        Values of parameters and derived keys by column of the table.
    seed
        Of all its random draws.
    values
        What was set in the base scenario, by key.
    data
        The scenario, resolved, as plain data.
    grid
        Runs with the same can start from the same grid.
    reference
        Of a run that is screened, the scenario whose operating point it is screened at; None for one that is made.
    confirmation
        Of a run that is screened, the same with full equations.
    """

    run_id: str
    cells: dict[str, Cell]
    seed: int
    values: dict[str, Any]
    data: dict[str, Any]
    grid: str
    reference: dict[str, Any] | None = None
    confirmation: "PlannedRun | None" = None


@dataclass(frozen=True)
class Plan:
    """A sweep and its runs, in the order of the table.

    ``base_data`` is the scenario that is varied, as its file has it but for paths, which are absolute. ``places`` tells
    where each key of the runs' scenarios stands.
    """

    sweep: Sweep
    base_data: dict[str, Any]
    points: int
    runs: tuple[PlannedRun, ...]
    places: dict[Location, str] = field(default_factory=dict)

    @cached_property
    def tasks(self) -> list[PlannedRun]:
        """What there is to simulate: each scenario once, those on the same grid one after the other."""
        groups: dict[str, dict[str, PlannedRun]] = {}
        for run in self.runs:
            groups.setdefault(run.grid, {}).setdefault(run.run_id, run)
        return [run for group in groups.values() for run in group.values()]

    def shard(self, number: int, count: int) -> list[PlannedRun]:
        """The tasks of part ``number`` (from 1) of ``count`` parts of equal size."""
        tasks = self.tasks
        return tasks[(number - 1) * len(tasks) // count : number * len(tasks) // count]


def load_sweep(name_or_path: str | Path, overrides: Iterable[str] = ()) -> tuple[Sweep, Source]:
    """Read and validate a sweep file, without its scenario.

    Parameters
    ----------
    name_or_path
        A name of the library or a path.
    overrides
        ``KEY=VALUE`` assignments to keys of the sweep file.

    Raises
    ------
    InputError
        With every problem found.
    """
    path = find_sweep(name_or_path)
    source = _read(path)
    if not isinstance(source.data, dict):
        got = "nothing" if source.data is None else type(source.data).__name__
        raise InputError(Problem(f"expected keys and values, got {got}", place=f"{path}:1:1"))
    for assignment in overrides:
        apply_override(source, assignment)
    try:
        sweep = Sweep.model_validate(source.data)
    except ValidationError as error:
        raise InputError(*problems_in(error, source, Sweep)) from None
    return sweep.model_copy(update={"name": sweep.name or path.stem}), source


def _read(path: Path) -> Source:
    try:
        return read_yaml(path)
    except InputError as error:
        problems = [
            replace(p, hint="quote keys that have brackets") if "got '['" in p.message else p for p in error.problems
        ]
        raise InputError(*problems) from None


def make_plan(sweep: Sweep, source: Source) -> Plan:
    """Apply each point and seed of a sweep to its scenario, and validate what comes out.

    Raises
    ------
    InputError
        If the scenario cannot be read, a key does not exist, or a combination of values is no valid scenario.
    """
    folder = source.path.parent if source.path else Path()
    base_path = _base_path(sweep, source, folder)
    sweep = with_files_from(sweep, folder)
    base = read_yaml(base_path)
    if not isinstance(base.data, dict):
        raise InputError(Problem("expected keys and values", place=f"{base_path}:1:1"))
    validate(base)
    count = number_of_points(sweep) * sweep.replicates
    if count > MAX_RUNS:
        raise InputError(source.problem(("sampling",), f"{count:,} runs are too many, at most {MAX_RUNS:,} are made"))
    points = sample(sweep)
    planner = _Planner(sweep, source, base)
    runs = [run for point in points for run in planner.runs(point)]
    planner.stop_if_problems()
    if not runs:
        raise InputError(source.problem(("filters",), f"none of the {len(points):,} points passes the filters"))
    base_data = {"name": base_path.stem} | absolute_data(base.data, base_path.parent)
    return Plan(sweep, base_data, len(runs) // sweep.replicates, tuple(runs), planner.places())


def _base_path(sweep: Sweep, source: Source, folder: Path) -> Path:
    """Path of the scenario; relative ones start at the sweep file's folder."""
    path = Path(sweep.scenario).expanduser()
    try:
        return find_scenario(folder / path if path.suffix.lower() in SUFFIXES else sweep.scenario)
    except InputError as error:
        problems = [
            source.problem(("scenario",), f"{p.message}: {p.place}" if p.place else p.message, p.hint)
            for p in error.problems
        ]
        raise InputError(*problems) from None


@dataclass
class _Draft:
    """A scenario that is being edited, the values set by key, and by what each place of it was set."""

    source: Source
    values: dict[str, Any] = field(default_factory=dict)
    set_by: dict[Location, str] = field(default_factory=dict)


class _Planner:
    """Turns points into runs, and collects what is wrong with them."""

    def __init__(self, sweep: Sweep, source: Source, base: Source):
        self._sweep, self._source, self._base = sweep, source, base
        self._problems: dict[Problem, Problem] = {}
        self._set_at: dict[Location, str] = {}
        self._digests: dict[str, str] = {}
        self._references: dict[str, dict[str, Any]] = {}

    def stop_if_problems(self) -> None:
        """Raise `InputError` with the problems found, if there are any."""
        if self._problems:
            shown = list(self._problems.values())[:MAX_PROBLEMS]
            left = len(self._problems) - len(shown)
            raise InputError(*shown, *([Problem(f"and {left} more")] if left else []))

    def places(self) -> dict[Location, str]:
        """Where keys of the runs' scenarios stand: in the sweep file those that it sets, in the scenario all others."""

        def is_set(location: Location) -> bool:
            return any(location[:end] in self._set_at for end in range(1, len(location) + 1))

        return {k: place for k, place in self._base.places.items() if not is_set(k)} | self._set_at

    def runs(self, point: Point) -> Iterator[PlannedRun]:
        """The runs of a point, one for each seed; none if a filter says so, or with problems noted."""
        try:
            made = self._scenario(point)
        except InputError as error:
            cells = {p.column: level.cell for p, level in zip(self._sweep.parameters, point, strict=True)}
            for problem in error.problems:
                self._problems.setdefault(problem, with_values(problem, cells))
            return
        if made is None:
            return
        scenario, values, cells = made
        data = scenario.model_dump(mode="json", by_alias=True, exclude_none=True)
        files = sorted(set(named_files(data)))
        grid = _digest(grid_key(scenario).encode())
        first = int(values.get(SEED_KEY, self._sweep.seed))
        for seed in range(first, first + self._sweep.replicates):
            seeded = {**data, "simulation": {**data["simulation"], "seed": seed}}
            run_id = self._run_id(seeded, files)
            seeded["name"] = f"{scenario.name} {run_id}"
            run = PlannedRun(run_id, cells, seed, {**values, SEED_KEY: seed}, seeded, grid)
            yield self._screened(run, scenario, files) if self._sweep.screen else run

    def _screened(self, run: PlannedRun, scenario: Scenario, files: Sequence[str]) -> PlannedRun:
        """A run of a screen, with the scenario that it is screened at, and the run that may confirm it."""
        screen = self._sweep.screen
        assert screen is not None
        reference = self._references.setdefault(_digest(screen_key(scenario).encode()), run.data)
        if screen.confirm is None:
            return replace(run, reference=reference)
        engine = screen.confirm.engine
        simulation = scenario.simulation.model_copy(update={"engine": engine})
        data = {**run.data, "simulation": {**run.data["simulation"], "engine": engine}}
        run_id = self._run_id(data, files)
        data["name"] = f"{scenario.name} {run_id}"
        grid = _digest(grid_key(scenario.model_copy(update={"simulation": simulation})).encode())
        again = replace(run, run_id=run_id, values={**run.values, ENGINE_KEY: engine}, data=data, grid=grid)
        return replace(run, reference=reference, confirmation=again)

    def _scenario(self, point: Point) -> tuple[Scenario, dict[str, Any], dict[str, Cell]] | None:
        """The valid scenario of a point, the values set, and the table's cells; None if a filter is false."""
        sweep = self._sweep
        names: dict[str, Any] = {}
        cells: dict[str, Cell] = {}
        draft = _Draft(Source(self._base.path, copy.deepcopy(self._base.data), dict(self._base.places)))
        for key, value in sweep.fixed.items():
            self._set(draft, key, value, ("set", key))
        if sweep.screen:
            self._set(draft, ENGINE_KEY, sweep.screen.engine, ("screen", "engine"))
        for number, (parameter, level) in enumerate(zip(sweep.parameters, point, strict=True)):
            names[parameter.title], cells[parameter.column] = level.term, level.cell
            for key, value in level.values.items():
                self._set(draft, key, value, ("parameters", number))
        for number, entry in enumerate(sweep.derived):
            place: Location = ("derived", number, "value")
            value = self._evaluate(entry.value, names, place)
            if is_relative_path(entry.key, value):
                message = f"'{entry.value}' gives a relative path"
                raise InputError(self._source.problem(place, message, "give an absolute one, or use cases"))
            self._set(draft, entry.key, value, place[:2])
            names.setdefault(entry.name or entry.key.rsplit(".", 1)[-1], value)
            cells[entry.key] = value
        for number, expression in enumerate(sweep.filters):
            passes = self._evaluate(expression, names, ("filters", number))
            if not isinstance(passes, bool):
                message = f"'{expression}' is not true or false, as a filter must be"
                raise InputError(self._source.problem(("filters", number), message))
            if not passes:
                return None
        scenario = validate(draft.source)
        folder = self._base.path.parent if self._base.path else Path()
        return with_absolute_paths(scenario, folder), draft.values, cells

    def _evaluate(self, expression: str, names: dict[str, Any], place: Location) -> Any:
        try:
            return evaluate(expression, names)
        except ValueError as error:
            raise InputError(self._source.problem(place, f"'{expression}': {error}")) from None

    def _set(self, draft: _Draft, key: str, value: Any, place: Location) -> None:
        """Set a key of the scenario, or of each item of a list, from a place in the sweep file.

        What has been set must not be replaced, or the table would show what is not so.
        """
        where, by = f"{self._source.place(place)}: {key_path(place)}", key_path(place)
        for location in locations(key, draft.source.data, where):
            for other, setter in draft.set_by.items():
                if other[: len(location)] == location:
                    what = "is set twice, also by" if other == location else f"replaces {key_path(other)}, set by"
                    raise InputError(Problem(f"{what} {setter}", key_path(location), where))
            if place[0] != "set" or EVERY_ITEM not in key:  # what is set for all may be set otherwise for some
                draft.set_by[location] = by
            assign(draft.source, location, copy.deepcopy(value), where)
            for end in range(1, len(location)):
                draft.source.places.setdefault(location[:end], where)  # keys above it that it has made
            self._set_at[location] = where
        draft.values[key] = value

    def _run_id(self, data: dict[str, Any], files: Iterable[str]) -> str:
        """The key of a run: what it simulates, whatever it is called and wherever its files are."""
        hashed = {name: value for name, value in data.items() if name not in ("name", "description")}
        text = json.dumps(hashed, sort_keys=True)
        for name in files:
            if name not in self._digests:
                self._digests[name] = _digest(Path(name).read_bytes())
            text = text.replace(json.dumps(name), json.dumps(self._digests[name]))
        return _digest(text.encode())


def with_values(problem: Problem, cells: dict[str, Cell]) -> Problem:
    """A problem of a scenario, with the values of the parameters for which it came up first."""
    values = ", ".join(f"{column} = {cell}" for column, cell in cells.items())
    return replace(problem, message=f"{problem.message} (with {values})") if values else problem


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:ID_DIGITS]
