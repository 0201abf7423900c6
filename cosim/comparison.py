"""Runs side by side: the numbers of each, and how they differ from the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from cosim.metrics import leaves, unit_of
from cosim.result import Result

HEADLINE = (
    "frequency.nadir_hz",
    "frequency.zenith_hz",
    "frequency.max_deviation_mhz",
    "frequency.peak_to_peak_mhz",
    "frequency.settling_hz",
    "frequency.max_rocof_hz_per_s.500ms",
    "voltage.min_pu",
    "voltage.max_pu",
    "voltage.rapid_change.max_pu",
    "ramp.total.windows.1s",
    "ramp.total.windows.60s",
    "ramp.total.excursion_mw.5s",
    "generator.swing_mw",
    "line.swing_mw",
    "oscillation.inter_area.frequency_peak_to_peak_mhz",
    "oscillation.local.frequency_peak_to_peak_mhz",
    "oscillation.control.frequency_peak_to_peak_mhz",
)
"""Metrics that are shown where there is no room for all."""


@dataclass(frozen=True)
class Difference:
    """A metric in several runs; None where a run has no number for it.

    ``changes`` are the values of the second run and of all further ones less the value of the first.
    """

    metric: str
    unit: str
    values: tuple[float | None, ...]
    changes: tuple[float | None, ...]


def numbers(metrics: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield each metric that is a number, by its dotted path."""
    for path, value in leaves(metrics):
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield path, float(value)


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


@dataclass(frozen=True)
class Verdicts:
    """What one criterion gave in each run; None where a run was not judged by it."""

    id: str
    metric: str
    limit: float
    unit: str
    verdicts: tuple[str | None, ...]
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Comparison:
    """Runs to put side by side, the base first.

    Parameters
    ----------
    labels
        What each is called: its scenario's name, or its folder where names repeat.
    results, summaries
        Of each run.
    """

    labels: tuple[str, ...]
    results: tuple[Result, ...]
    summaries: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, results: Sequence[Result]) -> Self:
        """Read the summaries of stored runs.

        Raises
        ------
        ResultError
            If one holds no summary.
        """
        summaries = tuple(result.summary for result in results)
        names = [summary["name"] for summary in summaries]
        if len(set(names)) < len(names):
            names = _short_paths([result.path.parent for result in results])
        return cls(tuple(names), tuple(results), summaries)

    @property
    def differences(self) -> list[Difference]:
        """Every metric of the runs."""
        return differences([summary["metrics"] for summary in self.summaries])

    @property
    def verdicts(self) -> list[Verdicts]:
        """Every criterion of the runs."""
        tables = [{entry["id"]: entry for entry in summary["criteria"]} for summary in self.summaries]
        known = {id_: entry for table in reversed(tables) for id_, entry in table.items()}
        order = dict.fromkeys(id_ for table in tables for id_ in table)
        return [
            Verdicts(
                id_,
                known[id_]["metric"],
                known[id_]["limit"],
                known[id_]["unit"],
                tuple(table[id_]["verdict"] if id_ in table else None for table in tables),
                tuple(table[id_]["value"] if id_ in table else None for table in tables),
            )
            for id_ in order
        ]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        runs = [
            {
                "label": label,
                "folder": str(result.path.parent),
                "status": summary["status"],
                "verdict": summary["verdict"],
            }
            for label, result, summary in zip(self.labels, self.results, self.summaries, strict=True)
        ]
        return {
            "runs": runs,
            "metrics": [asdict(row) for row in self.differences],
            "criteria": [asdict(row) for row in self.verdicts],
        }


def _short_paths(folders: Sequence[Path]) -> list[str]:
    """Return the fewest last parts of each path with which all differ."""
    parts = [folder.resolve().parts for folder in folders]
    longest = max(len(each) for each in parts)
    for count in range(1, longest + 1):
        names = ["/".join(each[-count:]) for each in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{k}: {'/'.join(each[-2:])}" for k, each in enumerate(parts, start=1)]
