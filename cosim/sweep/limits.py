"""The limits that the runs of a sweep are judged against, as their scenarios set them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from cosim.criteria import AnyCriterion, Criterion, Run, judge
from cosim.criteria.library import expand
from cosim.metrics import Section

_ENTRIES: TypeAdapter[list[Any]] = TypeAdapter(list[AnyCriterion])


@dataclass(frozen=True)
class SweepLimit:
    """A limit of a sweep's runs.

    Attributes
    ----------
    id
        As in ``summary.json``, and in the columns ``criteria.<id>.*`` of the table.
    metric
        Dotted path of what it limits.
    is_max
        Whether values above it fail.
    decides
        Whether a failure fails the run.
    bounds
        Its different bounds over the runs, in the metric's unit, rising; mostly one.
    """

    id: str
    metric: str
    unit: str
    is_max: bool
    decides: bool
    bounds: tuple[float, ...]


def limits_of(scenarios: Iterable[Mapping[str, Any]]) -> list[SweepLimit]:
    """The limits of scenarios, each once, in the order of the scenarios.

    Parameters
    ----------
    scenarios
        Resolved, as plain data: ``PlannedRun.data``.
    """
    found: dict[str, SweepLimit] = {}
    expanded: dict[str, list[Criterion]] = {}
    judged: set[str] = set()
    for data in scenarios:
        text = json.dumps(data["criteria"], sort_keys=True)
        if text not in expanded:
            expanded[text] = expand(_ENTRIES.validate_python(data["criteria"]))
        ratings = {site["name"]: site["rating_mw"] for site in data["sites"]}
        depends = any(criterion.max_share_of_rating is not None for criterion in expanded[text])
        key = text + json.dumps(ratings if depends else list(ratings))
        if key in judged:
            continue
        judged.add(key)
        for result in judge(expanded[text], Section({}), Run(rating_mw=ratings)):
            known = found.get(result.id)
            if known is None:
                is_max = result.side == "max"
                bounds: tuple[float, ...] = (result.limit,)
                found[result.id] = SweepLimit(result.id, result.metric, result.unit, is_max, result.decides, bounds)
            elif result.limit not in known.bounds:
                found[result.id] = replace(known, bounds=tuple(sorted((*known.bounds, result.limit))))
    return list(found.values())


def worst_is_lowest(metric: str, limits: Iterable[SweepLimit]) -> bool:
    """Whether low values of a metric are the bad ones: as the limits on it say, else by its name."""
    sides = [limit.is_max for limit in limits if limit.metric == metric]
    if sides:
        return not sides[0]
    leaf = metric.rsplit(".", 1)[-1]
    return leaf.startswith("min_") or any(word in leaf for word in ("nadir_hz", "damping", "least_"))
