"""The table of a sweep: one row for each run, in the order of the plan."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from cosim.errors import InputError, Problem
from cosim.files import write_whole
from cosim.sweep.plan import Plan

TABLE_NAME = "runs.parquet"
PENDING = "pending"
"""Status of a run that has not been made yet."""


def table(plan: Plan, records: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Parameters, seed, status, verdict, metrics, wall time and error of each run of a plan.

    Parameters
    ----------
    plan
        Its runs are the rows.
    records
        What workers wrote down, by run; a run without one is pending. That of a run which confirms another takes the
        place of the other's. The engine is the one that took the steps; where none did, the one asked for.
    """
    rows = []
    for run in plan.runs:
        record = records.get(run.run_id, {"status": PENDING})
        made, screened = run, {}
        if run.confirmation and (confirmed := records.get(run.confirmation.run_id)):
            made, screened = run.confirmation, _screened(record, plan, run.confirmation.run_id)
            record = confirmed
        failed = record["status"] not in (PENDING, "completed")
        rows.append(
            {
                "run_id": run.run_id,
                **run.cells,
                "seed": run.seed,
                "engine": record.get("engine") or made.data["simulation"]["engine"],
                "status": record["status"],
                "verdict": record.get("verdict") or ("simulation_failed" if failed else None),
                **record.get("values", {}),
                **screened,
                "wall_time_s": record.get("wall_time_s"),
                "error": record.get("error"),
            }
        )
    columns = list(dict.fromkeys(name for row in rows for name in row))
    last = ["wall_time_s", "error"]
    frame = pd.DataFrame(rows, columns=[*(name for name in columns if name not in last), *last])
    return frame.apply(_of_one_type)


def _screened(record: Mapping[str, Any], plan: Plan, confirmed_as: str) -> dict[str, Any]:
    """What confirmed a run, and what the screen had found: its verdict, and the metric that runs are ranked by."""
    assert plan.sweep.screen
    assert plan.sweep.screen.confirm
    metric = plan.sweep.screen.confirm.metric
    found = {"verdict": record.get("verdict"), metric: record.get("values", {}).get(metric)}
    return {"confirmed_as": confirmed_as} | {f"screen.{name}": value for name, value in found.items()}


def _of_one_type(column: pd.Series) -> pd.Series:
    """A column as numbers where all its values are, as texts otherwise; missing stays missing."""
    present = column.dropna()
    if present.empty or pd.api.types.is_numeric_dtype(present.infer_objects()):
        return column.infer_objects()
    return column.astype(object).where(column.isna(), column.map(str)).where(column.notna(), None)


def write_table(frame: pd.DataFrame, folder: Path) -> None:
    """Write the table whole: a reader never sees half of it."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    write_whole(folder / TABLE_NAME, buffer.getvalue())


def read_table(folder: Path) -> pd.DataFrame:
    """The table of a sweep's folder.

    Raises
    ------
    InputError
        If there is none.
    """
    path = folder / TABLE_NAME
    if not path.is_file():
        raise InputError(Problem("holds no sweep: there is no runs.parquet", place=str(folder)))
    return pd.read_parquet(path)
