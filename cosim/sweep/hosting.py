"""How many MW can be hosted: the largest value of a parameter up to which every run passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from cosim.errors import InputError, Problem, nearest
from cosim.sweep.analysis import outcomes
from cosim.sweep.grouping import find_parameter, is_scale
from cosim.sweep.parameters import AnyParameter, Cell
from cosim.sweep.plan import SEED_KEY
from cosim.sweep.table import PENDING

End = Literal["fail", "not_assessed", "pending", "tested"]


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
    verdict = outcomes(runs)
    columns = [other.column for other in others]
    groups = runs.groupby(columns, sort=False, dropna=False) if columns else [((), runs)]
    capacities, single = [], 0
    for cells, group in groups:
        states = verdict[group.index].groupby(group[parameter.column]).agg(_state).sort_index()
        if states.size < 2:
            single += 1
        else:
            capacities.append(_capacity(tuple(cells), states, len(group)))
    return Hosting(parameter, others, tuple(capacities), single)


def _state(verdicts: pd.Series) -> str:
    """What the runs at one value say together: one that fails settles it."""
    found = set(verdicts)
    if found & {"fail", "simulation_failed"}:
        return "fail"
    return next((name for name in (PENDING, "not_assessed") if name in found), "pass")


def _capacity(others: tuple[Cell, ...], states: pd.Series, runs: int) -> Capacity:
    """From what the runs at each tested value say, by rising value."""
    values, found = [float(value) for value in states.index], list(states)
    passed = next((k for k, state in enumerate(found) if state != "pass"), len(found))
    largest = values[passed - 1] if passed else None
    if passed == len(found):
        return Capacity(others, largest, "tested", None, len(values), runs)
    first_fail = next((k for k, state in enumerate(found) if state == "fail"), len(found))
    again = "pass" in found[first_fail:]
    return Capacity(others, largest, found[passed], values[passed], len(values), runs, again)
