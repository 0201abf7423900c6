"""How many MW can be hosted: the largest value of a parameter up to which every run passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

import pandas as pd

from cosim.errors import InputError, Problem, nearest
from cosim.sweep.analysis import outcomes
from cosim.sweep.grouping import find_parameter, is_scale
from cosim.sweep.parameters import AnyParameter, Cell
from cosim.sweep.plan import SEED_KEY

End = Literal["fail", "not_assessed", "pending", "tested"]
_STATES: tuple[Literal["pass"] | End, ...] = ("pass", "not_assessed", "pending", "fail")
"""What runs at one value say, from the weakest: together they say the strongest. One that fails settles it."""


@dataclass(frozen=True)
class Capacity:
    """What one combination of the other parameters can host.

    Attributes
    ----------
    others
        Values of the other parameters, in their order.
    largest
        Largest value such that all runs at it and at every smaller one tested passed; None if there is none.
    end
        Why there is no larger one: at the next value a run fails or did not complete; or none does, but one was not
        assessed or has not been made; or the largest value tested passed.
    next_value
        The next value tested, at which ``end`` was met; None if there is none.
    values, runs
        How many values were tested, with how many runs.
    passes_again
        Whether all runs pass at some value above one that fails.
    """

    others: tuple[Cell, ...]
    largest: float | None
    end: End
    next_value: float | None
    values: int
    runs: int
    passes_again: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether the next value tested fails, so that no larger one could be the answer."""
        return self.end == "fail"

    @property
    def rank(self) -> tuple[float, bool]:
        """What to sort by: the smallest first, and of the same ones those that are exact."""
        return (-inf if self.largest is None else self.largest, not self.is_exact)


@dataclass(frozen=True)
class Hosting:
    """What each combination can host.

    ``single`` counts the combinations that were left out because one value alone was tested with them.
    """

    parameter: AnyParameter
    others: tuple[AnyParameter, ...]
    capacities: tuple[Capacity, ...]
    single: int


def hosting_parameter(
    parameters: Sequence[AnyParameter], runs: pd.DataFrame, key: str | None = None
) -> AnyParameter | None:
    """The parameter whose largest passing value is sought.

    Parameters
    ----------
    parameters
        Of the sweep.
    runs
        Its table.
    key
        A key, name or column of it; by default the first with a key that ends in ``_mw`` and numbers as values.

    Returns
    -------
    parameter or None
        None if none was asked for and none is in MW.

    Raises
    ------
    InputError
        If the one asked for does not exist, or has no numbers.
    """
    numeric = [parameter for parameter in parameters if is_scale(parameter, runs[parameter.column])]
    if key is None:
        return next((p for p in numeric if any(name.endswith("_mw") for name in p.keys)), None)
    found = find_parameter(parameters, key)
    if found is None:
        known = [parameter.column for parameter in numeric]
        raise InputError(Problem(f"the sweep has no parameter '{key}'", place="--hosting", hint=nearest(key, known)))
    if found not in numeric:
        raise InputError(Problem(f"the values of '{key}' are not numbers on a scale", place="--hosting"))
    return found


def hosting(parameters: Sequence[AnyParameter], runs: pd.DataFrame, parameter: AnyParameter) -> Hosting:
    """The largest passing value for each combination of the other parameters.

    Parameters
    ----------
    parameters
        Of the sweep; those with one value, and the seed, make no combinations.
    runs
        The table.
    parameter
        Whose largest value is sought.
    """
    others = tuple(
        other
        for other in parameters
        if other is not parameter and other.keys != [SEED_KEY] and runs[other.column].nunique(dropna=False) > 1
    )
    state = outcomes(runs).replace("simulation_failed", "fail").map(_STATES.index)
    columns = [other.column for other in others]
    keys = [runs[name] for name in (*columns, parameter.column)]
    found = state.groupby(keys, sort=False, dropna=False).agg(["max", "size"])  # at each value of each combination
    cells = [found.index.get_level_values(name) for name in columns]
    found.index = found.index.get_level_values(parameter.column)
    groups = list(found.groupby(cells, sort=False, dropna=False)) if cells else [((), found)]
    several = [_capacity(others_at, at_values.sort_index()) for others_at, at_values in groups if len(at_values) > 1]
    return Hosting(parameter, others, tuple(several), len(groups) - len(several))


def _capacity(others: tuple[Cell, ...], at_values: pd.DataFrame) -> Capacity:
    """From what the runs at each tested value say together (column ``max``), by rising value."""
    values, found = [float(value) for value in at_values.index], [_STATES[k] for k in at_values["max"]]
    runs = int(at_values["size"].sum())
    passed = next((k for k, state in enumerate(found) if state != "pass"), len(found))
    largest = values[passed - 1] if passed else None
    end: End = next((state for state in found if state != "pass"), "tested")
    next_value = values[passed] if passed < len(values) else None
    passes_again = "fail" in found and "pass" in found[found.index("fail") :]
    return Capacity(others, largest, end, next_value, len(values), runs, passes_again)
