"""The sweep file, version 1: one model that validates it, documents it, and yields its JSON Schema."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from cosim.errors import nearest
from cosim.scenario.part import Part
from cosim.scenario.source import Location
from cosim.sweep.file_types import KeyPath, Name, PlainValue
from cosim.sweep.located import located
from cosim.sweep.parameters import AnyParameter, Distribution, Range

OWN_COLUMNS = ("run_id", "seed", "engine", "status", "verdict", "wall_time_s", "error")
"""Columns of the table of runs that no parameter can be called like."""

SEED_KEY, ENGINE_KEY = "simulation.seed", "simulation.engine"


class Grid(Part):
    """Every combination of the parameters' values."""

    method: Literal["grid"] = Field("grid", description="every combination of values")


class Listed(Part):
    """The first values of all parameters together, then the second ones, and so on."""

    method: Literal["list"] = Field(description="the parameters' first values together, then their second ones, ...")


class OneAtATime(Part):
    """The first values of all parameters; then each other value, with all else at its first."""

    method: Literal["one_at_a_time"] = Field(
        description="the parameters' first values, then each other value with all else at its first"
    )


def _power_of_two(number: int) -> int:
    if number & (number - 1):
        raise ValueError(f"samples must be a power of 2, got {number}")
    return number


Samples = Annotated[int, Field(ge=2, le=1_000_000)]


class LatinHypercube(Part):
    """A random sample that is spread evenly over each parameter."""

    method: Literal["latin_hypercube"] = Field(description="random, and evenly spread over each parameter")
    samples: Samples = Field(description="number of points")


class SobolSequence(Part):
    """A scrambled Sobol sequence: evenly spread over all parameters together."""

    method: Literal["sobol"] = Field(description="a scrambled Sobol sequence, evenly spread over all of them")
    samples: Samples = Field(description="number of points, best a power of 2")


class Saltelli(Part):
    """The sample that Sobol indices are computed from: samples x (parameters + 2) points."""

    method: Literal["saltelli"] = Field(description="the sample for Sobol indices, samples x (parameters + 2) points")
    samples: Annotated[Samples, AfterValidator(_power_of_two)] = Field(description="base samples, a power of 2")
    second_order: bool = Field(
        False, description="also for interactions of pairs: samples x (2 x parameters + 2) points"
    )


class Morris(Part):
    """The sample for elementary effects: trajectories x (parameters + 1) points."""

    method: Literal["morris"] = Field(
        description="the sample for elementary effects, trajectories x (parameters + 1) points"
    )
    trajectories: Annotated[int, Field(ge=2, le=100_000)] = Field(
        10, description="paths through the parameters' ranges"
    )
    grid_levels: Annotated[int, Field(ge=2, multiple_of=2)] = Field(4, description="values of each parameter, even")


AnyMethod = Grid | Listed | OneAtATime | LatinHypercube | SobolSequence | Saltelli | Morris
METHODS: dict[str, type[Part]] = {
    get_args(part.model_fields["method"].annotation)[0]: part for part in get_args(AnyMethod)
}


def _of_a_method(value: object) -> object:
    """Refuse a sampling without a method, with one that there is not, or with a key of another method."""
    if not isinstance(value, dict):
        return value
    method = value.get("method")
    if method is None:
        raise ValueError(f"a sampling needs a method: {', '.join(METHODS)}")
    if not isinstance(method, str) or method not in METHODS:
        raise located((("method",), f"there is no sampling {method}; {nearest(method, METHODS)}"))
    known = {key for part in METHODS.values() for key in part.model_fields}
    foreign = [key for key in value if key in known and key not in METHODS[method].model_fields]
    if foreign:
        raise located(*(((key,), f"sampling {method} has no {key}") for key in foreign))
    return value


Sampling = Annotated[Annotated[AnyMethod, Field(discriminator="method")], BeforeValidator(_of_a_method)]


class Derived(Part):
    """A key that follows from the parameters."""

    key: KeyPath = Field(description="key of the scenario that gets the value")
    value: Annotated[str, Field(min_length=1)] = Field(
        description="expression of the parameters' names, such as 800 - rating_mw"
    )
    name: Name | None = Field(
        None, description="what later expressions call it; the last part of its key if not given and not a parameter's"
    )


class Confirm(Part):
    """Which runs of a screen are made again, with all equations as they are."""

    engine: Literal["auto", "compiled", "andes"] = Field("auto", description="what these runs are made with")
    top: Annotated[int, Field(ge=0)] = Field(10, description="the worst runs by the metric: so many of them")
    metric: str = Field("frequency.max_deviation_mhz", description="path of the metric they are worst by")
    near_limit: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.1, description="and those nearer than this to a limit that decides, as a share of what it allows"
    )
    outside_domain: bool = Field(False, description="and those that go beyond where linear equations hold")


class Screen(Part):
    """All runs with a fast engine first; those that matter again with the full equations."""

    engine: Literal["linear"] = Field("linear", description="what all runs are made with")
    confirm: Confirm | None = Field(Confirm(), description="which runs are made again; null for none")


class Sweep(Part):
    """Many runs of one scenario with varied parameters and seeds."""

    schema_version: Literal[1] = Field(1, alias="schema", description="version of this format")
    name: str = Field("", pattern=r"^[^\x00-\x1f]*$", description="any text of one line; the file's name if not given")
    description: str = ""
    scenario: str = Field(description="name in the library, or path; a relative path starts at this file's folder")
    fixed: dict[KeyPath, PlainValue] = Field(
        {}, alias="set", description="by key, values that are the same in all runs"
    )
    parameters: list[AnyParameter] = Field([], description="what is varied")
    sampling: Sampling = Field(Grid(), description="which combinations of the parameters' values are run")
    derived: list[Derived] = Field([], description="keys that follow from the parameters")
    filters: list[Annotated[str, Field(min_length=1)]] = Field(
        [], description="expressions of the parameters' names; only points where all are true are run"
    )
    replicates: Annotated[int, Field(ge=1, le=100_000)] = Field(
        1, description="seeds for each point: seed, seed + 1, ..., the same for all points"
    )
    seed: Annotated[int, Field(ge=0, lt=2**62)] = Field(
        1, description="first seed of the replicates, and seed of the sample"
    )
    screen: Screen | None = Field(None, description="look at all runs with linear equations, and confirm some")
    keep: Literal["none", "violations", "all"] = Field(
        "violations", description="which runs keep their result: those that fail a limit or do not complete, or all"
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        wrong = [*self._wrong_names(), *self._wrong_sampling()]
        if wrong:
            raise located(*wrong)
        return self

    def _wrong_names(self) -> Iterator[tuple[Location, str]]:
        """Names that are taken, or set the seed twice."""
        seen: dict[str, str] = {}
        for number, parameter in enumerate(self.parameters):
            place: Location = ("parameters", number, "key" if parameter.name is None else "name")
            if parameter.column in OWN_COLUMNS:
                yield place, f"{parameter.column} is a column of the table already: give it another name"
            if parameter.column in seen and [parameter.column] == parameter.keys:
                yield ("parameters", number, "key"), f"{seen[parameter.column]} sets {parameter.column} already"
            elif parameter.title in seen:
                yield place, f"{seen[parameter.title]} is called {parameter.title} too: give one a name of its own"
            seen |= dict.fromkeys((parameter.column, parameter.title), f"parameters[{number}]")
        for number, entry in enumerate(self.derived):
            if entry.name in seen:
                yield ("derived", number, "name"), f"{seen[entry.name]} is called {entry.name} too"
        keys = [key for parameter in self.parameters for key in parameter.keys]
        if SEED_KEY in (*keys, *self.fixed, *(entry.key for entry in self.derived)) and self.replicates > 1:
            yield ("replicates",), f"the replicates set {SEED_KEY}, which is also a key that is set: leave one out"

    def _wrong_sampling(self) -> Iterator[tuple[Location, str]]:
        """Parameters that the method of sampling cannot take."""
        method = self.sampling.method
        if method in ("grid", "list", "one_at_a_time"):
            yield from self._wrong_levels(method)
        elif not self.parameters:
            yield ("sampling",), f"sampling {method} needs parameters"
        if method in ("saltelli", "morris") and self.filters:
            yield ("filters",), f"filters would break the sample of {method}: leave them out"
        for number, parameter in enumerate(self.parameters):
            if method == "morris" and isinstance(parameter, Distribution) and not parameter.is_bounded:
                place = ("parameters", number, "distribution")
                yield place, f"{parameter.title} needs low and high: morris also takes its ends"

    def _wrong_levels(self, method: str) -> Iterator[tuple[Location, str]]:
        """Parameters without levels, where there must be some, or with another number of them than the first one."""
        counts = [len(parameter.levels or ()) for parameter in self.parameters]
        for number, (parameter, count) in enumerate(zip(self.parameters, counts, strict=True)):
            if not count and isinstance(parameter, Range):
                yield ("parameters", number, "range"), f"{parameter.title} needs steps, as sampling is {method}"
            elif not count:
                place = ("parameters", number, "distribution")
                text = f"{parameter.title} needs values or a range with steps, as sampling is {method}"
                yield place, f"{text}; distributions go with latin_hypercube and sobol"
            elif method == "list" and counts[0] and count != counts[0]:
                first = f"{self.parameters[0].title} has {counts[0]}"
                text = f"with sampling list all parameters have as many values: {first}, {parameter.title} has {count}"
                yield ("parameters", number), text
