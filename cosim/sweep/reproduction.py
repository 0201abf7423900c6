"""How to make one run of a sweep again, and what stopped the runs that did not complete."""

from __future__ import annotations

import copy
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cosim.criteria import COMPLETED
from cosim.scenario.paths import absolute_data
from cosim.scenario.source import EVERY_ITEM, Source, assign, key_path, parse_key, parse_yaml
from cosim.sweep.folder import SCENARIO_NAME
from cosim.sweep.plan import Plan, PlannedRun
from cosim.sweep.table import PENDING

EXAMPLES = 3
"""Runs that are shown for each reason."""

_NUMBER = re.compile(r"\d+(\.\d+)?([eE][-+]?\d+)?")


def overrides(run: PlannedRun, plan: Plan, folder: Path) -> list[str]:
    """What has to be set in the sweep's scenario to get a run's, as ``KEY=VALUE`` with the value in YAML.

    Parameters
    ----------
    run
        Of the plan.
    plan
        Read from the folder.
    folder
        The sweep's: relative paths among the values start there.
    """
    replayed = Source(None, copy.deepcopy(plan.base_data))
    found = []
    for key, value in run.values.items():
        for place in _places(key, replayed.data):
            last = key.rsplit(".", 1)[-1]
            absolute = absolute_data({last: value}, folder.resolve())[last]
            assign(replayed, parse_key(place), copy.deepcopy(absolute), "")
            found.append(f"{place}={flow(absolute)}")
    return found


def command(run: PlannedRun, plan: Plan, folder: Path) -> str:
    """The command that makes a run again, in a folder of its own."""
    words = ["cosim", "run", str(folder / SCENARIO_NAME)]
    for assignment in overrides(run, plan, folder):
        words += ["--set", assignment]
    return shlex.join([*words, "--out", f"results/{run.run_id}"])


def flow(value: Any) -> str:
    """A value as YAML on one line, that is read as the same value; texts without quotes where they need none."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_/][\w./-]*", value) and parse_yaml(value, None).data == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _places(key: str, data: Any) -> Iterator[str]:
    """The keys that a key of a sweep stands for, with ``[*]`` for each item of a list."""
    head, star, tail = key.partition(EVERY_ITEM)
    if not star:
        yield key
        return
    items = data
    for part in parse_key(head):
        items = items[part]
    for k in range(len(items)):
        yield from _places(f"{key_path((*parse_key(head), k))}{tail}", data)


@dataclass(frozen=True)
class Failure:
    """Runs that did not complete for the same reason, up to numbers in it; ``rows`` are the first of them."""

    status: str
    reason: str
    count: int
    rows: tuple[int, ...]


def failures(runs: pd.DataFrame) -> list[Failure]:
    """The runs of a table that were made and did not complete, by status and reason, the most frequent first."""
    left = runs[~runs["status"].isin([COMPLETED, PENDING])].drop_duplicates("run_id")
    reasons = left["error"].fillna("").map(str).str.strip().str.split("\n").str[0]
    likeness = reasons.map(lambda text: _NUMBER.sub("#", text))
    found = []
    for (status, _), group in left.groupby([left["status"], likeness], sort=False):
        rows = tuple(int(row) for row in group.index[:EXAMPLES])
        found.append(Failure(str(status), str(reasons[group.index[0]]), len(group), rows))
    return sorted(found, key=lambda failure: -failure.count)
