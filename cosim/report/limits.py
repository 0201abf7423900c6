"""The limits a run was judged against, as the report draws and lists them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from cosim.criteria import as_criterion
from cosim.report.text import general


@dataclass(frozen=True)
class Limit:
    """A bound on a metric. ``is_max`` and ``decides`` are None where the stored run does not tell."""

    id: str
    metric: str
    value: float
    is_max: bool | None = None
    decides: bool | None = None
    judged: bool = True
    given: float | None = None

    @property
    def label(self) -> str:
        """What a plot writes on its line: the limit's own name, or its value where it has none."""
        return f"limit {general(self.bound)}" if self.id.startswith(self.metric) and self.metric else self.id

    def at(self, value: float) -> Limit:
        """The same limit at another place on an axis (the other sign, or in another unit)."""
        return replace(self, value=value, given=self.bound)

    @property
    def bound(self) -> float:
        """The bound as the criterion states it."""
        return self.value if self.given is None else self.given


def judged_limits(entries: Sequence[Mapping[str, Any]], scenario: Mapping[str, Any]) -> list[Limit]:
    """Match the summary's criteria with the scenario's, which know the side of each bound.

    Parameters
    ----------
    entries
        ``criteria`` of the summary.
    scenario
        The resolved scenario.

    Returns
    -------
    list of Limit
        One for each entry, in its order.
    """
    known: dict[tuple[str, str, float], Limit] = {}
    for given in scenario.get("criteria") or []:
        try:
            criterion = as_criterion(given)
        except ValidationError:  # written by another version: the entry itself still says most
            continue
        for bound in criterion.bounds():
            limit = Limit(bound.id, criterion.metric, bound.limit, bound.is_max, criterion.decides)
            known[limit.id, limit.metric, limit.value] = limit
    return [
        known.get((entry["id"], entry["metric"], entry["limit"])) or _from_entry(entry) for entry in entries
    ]


def limits_on(limits: Iterable[Limit], metric: str) -> list[Limit]:
    """Those on one metric."""
    return [limit for limit in limits if limit.metric == metric]


def _from_entry(entry: Mapping[str, Any]) -> Limit:
    """Read the side of a bound off its margin, which is counted from inside the limit."""
    value, limit, margin = entry["value"], entry["limit"], entry["margin"]
    is_max = None
    if value is not None and margin:
        is_max = math.isclose(limit - value, margin, rel_tol=1e-6, abs_tol=1e-12)
    return Limit(entry["id"], entry["metric"], limit, is_max)
