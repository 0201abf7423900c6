"""The sweep file, version 1: one model that validates it, documents it, and yields its JSON Schema."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from cosim.scenario.part import Part
from cosim.sweep.parameters import AnyParameter, Distribution, KeyPath, Name


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
    samples: Samples = Field(description="base samples, a power of 2")
    second_order: bool = Field(
        False, description="also for interactions of pairs: samples x (2 x parameters + 2) points"
    )

    @model_validator(mode="after")
    def _is_a_power_of_two(self) -> Self:
        if self.samples & (self.samples - 1):
            raise ValueError(f"samples must be a power of 2, got {self.samples}")
        return self


class Morris(Part):
    """The sample for elementary effects: trajectories x (parameters + 1) points."""

    method: Literal["morris"] = Field(
        description="the sample for elementary effects, trajectories x (parameters + 1) points"
    )
    trajectories: Annotated[int, Field(ge=2)] = Field(10, description="paths through the parameters' ranges")
    grid_levels: Annotated[int, Field(ge=2, multiple_of=2)] = Field(4, description="values of each parameter, even")


Sampling = Annotated[
    Grid | Listed | OneAtATime | LatinHypercube | SobolSequence | Saltelli | Morris, Field(discriminator="method")
]


class Derived(Part):
    """A key that follows from the parameters."""

    key: KeyPath = Field(description="key of the scenario that gets the value")
    value: Annotated[str, Field(min_length=1)] = Field(
        description="expression of the parameters' names, such as 800 - rating_mw"
    )
    name: Name | None = Field(None, description="what later expressions call it; the last part of its key if not given")


class Sweep(Part):
    """Many runs of one scenario with varied parameters and seeds."""

    schema_version: Literal[1] = Field(1, alias="schema", description="version of this format")
    name: str = Field("", pattern=r"^[^\x00-\x1f]*$", description="any text of one line; the file's name if not given")
    description: str = ""
    scenario: str = Field(description="name in the library, or path; a relative path starts at this file's folder")
    fixed: dict[str, Any] = Field({}, alias="set", description="by key, values that are the same in all runs")
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
    keep: Literal["none", "violations", "all"] = Field(
        "violations", description="which runs keep their result: those that fail a limit or do not complete, or all"
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        self._check_names()
        method = self.sampling.method
        if method in ("grid", "list", "one_at_a_time"):
            for parameter in self.parameters:
                if parameter.levels is None:
                    wanted = "steps" if hasattr(parameter, "range") else "values or a range with steps"
                    raise ValueError(f"parameter {parameter.title} needs {wanted}, as sampling is {method}")
        elif not self.parameters:
            raise ValueError(f"sampling {method} needs parameters")
        if method == "list" and len({len(parameter.levels or ()) for parameter in self.parameters}) > 1:
            counts = ", ".join(f"{p.title} has {len(p.levels or ())}" for p in self.parameters)
            raise ValueError(f"with sampling list all parameters have as many values: {counts}")
        if method in ("saltelli", "morris") and self.filters:
            raise ValueError(f"filters would break the sample of {method}: leave them out")
        if method == "morris":
            for parameter in self.parameters:
                if isinstance(parameter, Distribution) and not parameter.is_bounded:
                    raise ValueError(f"parameter {parameter.title} needs low and high: morris also takes its ends")
        return self

    def _check_names(self) -> None:
        seen: dict[str, str] = {}
        for parameter in self.parameters:
            for column in {parameter.column, parameter.title}:
                if column in seen:
                    raise ValueError(f"two parameters are called {column}: give one a name of its own")
            seen |= dict.fromkeys((parameter.column, parameter.title), parameter.title)
        keys = [key for parameter in self.parameters for key in parameter.keys]
        keys += [*self.fixed, *(entry.key for entry in self.derived)]
        if "simulation.seed" in keys and self.replicates > 1:
            raise ValueError("simulation.seed is set by the replicates: leave one of them out")
