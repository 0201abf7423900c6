"""The table of a sweep: one row for each run, in the order of the plan."""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from cosim.errors import InputError, Problem
from cosim.files import write_whole
from cosim.sweep.plan import Plan

TABLE_NAME = "runs.parquet"
PENDING = "pending"
"""Status of a run that has not been made yet."""

CRITERIA = "criteria"
"""First part of the columns with verdict, value and margin of each criterion."""


def flat(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics of a summary by their dotted paths, and verdict, value and margin of each criterion.

    Lists, such as the events of voltage, are left out.
    """
    values = dict(_leaves(summary["metrics"], ""))
    for entry in summary[CRITERIA]:
        name = f"{entry['id']}@{entry['where']}" if f"{CRITERIA}.{entry['id']}.verdict" in values else entry["id"]
        values |= {f"{CRITERIA}.{name}.{key}": entry[key] for key in ("verdict", "value", "margin")}
    return values


def _leaves(part: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key, value in part.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{key}.")
        elif not isinstance(value, list):
            yield f"{path}{key}", value


def table(plan: Plan, records: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Parameters, seed, status, verdict, metrics, wall time and error of each run of a plan.

    Parameters
    ----------
    plan
        Its runs are the rows.
    records
        What workers wrote down, by run; a run without one is pending.
    """
    rows = []
    for run in plan.runs:
        record = records.get(run.run_id, {"status": PENDING})
        failed = record["status"] not in (PENDING, "completed")
        rows.append(
            {
                "run_id": run.run_id,
                **run.cells,
                "seed": run.seed,
                "status": record["status"],
                "verdict": record.get("verdict") or ("simulation_failed" if failed else None),
                **record.get("values", {}),
                "wall_time_s": record.get("wall_time_s"),
                "error": record.get("error"),
            }
        )
    columns = list(dict.fromkeys(name for row in rows for name in row))
    last = ["wall_time_s", "error"]
    frame = pd.DataFrame(rows, columns=[*(name for name in columns if name not in last), *last])
    return frame.apply(_of_one_type)


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
