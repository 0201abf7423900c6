"""How to make one run of a sweep again, and what stopped the runs that did not complete."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cosim.criteria import COMPLETED
from cosim.scenario.source import parse_yaml
from cosim.sweep.folder import SCENARIO_NAME
from cosim.sweep.plan import PlannedRun
from cosim.sweep.table import PENDING

EXAMPLES = 3
"""Runs that are shown for each reason."""

_NUMBER = re.compile(r"\d+(\.\d+)?([eE][-+]?\d+)?")


def overrides(run: PlannedRun) -> list[str]:
    """What has to be set in the sweep's scenario to get a run's, as ``KEY=VALUE`` with the value in YAML."""
    return [f"{key}={flow(value)}" for key, value in run.values.items()]


def command(run: PlannedRun, folder: Path) -> str:
    """The command that makes a run again, in a folder of its own.

    Parameters
    ----------
    run
        Of a plan that was read from a sweep's folder: paths among its values are absolute.
    folder
        The sweep's.
    """
    words = ["cosim", "run", str(folder / SCENARIO_NAME)]
    for assignment in overrides(run):
        words += ["--set", assignment]
    return shlex.join([*words, "--out", f"results/{run.run_id}"])


def flow(value: Any) -> str:
    """A value as YAML on one line, that is read as the same value; texts without quotes where they need none."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_/][\w./-]*", value) and parse_yaml(value, None).data == value:
        return value
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text)


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
