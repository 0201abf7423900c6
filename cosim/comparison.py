"""Runs side by side: the numbers of each, and how they differ from the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cosim.metrics import unit_of


@dataclass(frozen=True)
class Difference:
    """A metric in several runs; None where a run has no number for it.

    ``changes`` are the values of the second run and of all further ones less the value of the first.
    """

    metric: str
    unit: str
    values: tuple[float | None, ...]
    changes: tuple[float | None, ...]


def numbers(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield each metric that is a number, by its dotted path."""
    for key, value in metrics.items():
        if isinstance(value, Mapping):
            yield from numbers(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield prefix + key, float(value)


def differences(runs: Sequence[Mapping[str, Any]]) -> list[Difference]:
    """Compare the metrics of runs with those of the first.

    Parameters
    ----------
    runs
        ``summary["metrics"]`` of each run.

    Returns
    -------
    list of Difference
        Every metric that is a number in any run, in the order of the first run that has it.
    """
    tables = [dict(numbers(metrics)) for metrics in runs]
    paths = dict.fromkeys(path for table in tables for path in table)
    found = []
    for path in paths:
        values = tuple(table.get(path) for table in tables)
        first = values[0]
        changes = tuple(None if first is None or value is None else value - first for value in values[1:])
        found.append(Difference(path, unit_of(path), values, changes))
    return found
