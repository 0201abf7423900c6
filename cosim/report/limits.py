"""The limits a run was judged against, as the report draws and lists them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cosim.report.text import general


@dataclass(frozen=True)
class Limit:
    """A bound on a metric, as plots and tables show it."""

    id: str
    metric: str
    value: float
    is_max: bool = True
    decides: bool = True
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


def judged_limits(entries: Sequence[Mapping[str, Any]]) -> list[Limit]:
    """One limit for each entry of the summary's ``criteria``, in its order."""
    return [Limit(e["id"], e["metric"], e["limit"], e["side"] == "max", e["decides"]) for e in entries]


def drawn_limits(entries: Sequence[Mapping[str, Any]], limits: Sequence[Limit]) -> list[Limit]:
    """Those that a value was held against: a limit of another area, or one that the run is too short for, is not."""
    return [limit for entry, limit in zip(entries, limits, strict=True) if entry["value"] is not None]


def limits_on(limits: Iterable[Limit], metric: str) -> list[Limit]:
    """Those on one metric."""
    return [limit for limit in limits if limit.metric == metric]
