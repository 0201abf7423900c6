"""Tables and folders of sweeps with made-up numbers: what the parameters do to a metric is known."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from sweeps import write_sweep

from cosim.sweep.folder import begin
from cosim.sweep.model import Sweep
from cosim.sweep.plan import PlannedRun, load_sweep, make_plan
from cosim.sweep.records import flat
from cosim.sweep.sampling import sample
from cosim.sweep.table import table, write_table

METRIC = "frequency.max_deviation_mhz"


def swept(*parameters: dict[str, Any], **keys: Any) -> Sweep:
    """A sweep of parameters."""
    return Sweep.model_validate({"scenario": "x", "parameters": list(parameters), **keys})


def table_of(sweep: Sweep, metric: Callable[..., Any], **columns: Callable[..., Any]) -> pd.DataFrame:
    """The table of a sweep whose runs have all completed.

    Parameters
    ----------
    sweep
        Without filters.
    metric
        Of the parameters, in their order, and the seed: the number of a run.
    columns
        Of the same: other values of columns.
    """
    rows = []
    for point in sample(sweep):
        cells = [level.cell for level in point]
        for seed in range(sweep.seed, sweep.seed + sweep.replicates):
            row = {"run_id": f"{len(rows):012x}"}
            row |= dict(zip((p.column for p in sweep.parameters), cells, strict=True))
            row |= {"seed": seed, "status": "completed", "verdict": "pass", METRIC: metric(*cells, seed)}
            row |= {name: value(*cells, seed) for name, value in columns.items()}
            rows.append(row | {"wall_time_s": 1.0, "error": None})
    return pd.DataFrame(rows)


def made_folder(folder: Path, record: Callable[[PlannedRun], dict[str, Any] | None], **keys: Any) -> Path:
    """The folder of a sweep with a record for each run, or none of those that are pending.

    Parameters
    ----------
    folder
        To write the sweep file to; that of the sweep is inside.
    record
        Of a run.
    keys
        Of the sweep file, and ``base`` for its scenario, as `write_sweep` takes them.
    """
    plan = make_plan(*load_sweep(write_sweep(folder, **keys)))
    out = folder / "out"
    out.mkdir(exist_ok=True)
    begin(plan, out, resume=True)
    records = {run.run_id: found for run in plan.runs if (found := record(run)) is not None}
    write_table(table(plan, records), out)
    return out


def completed(deviation_mhz: float, sag_pu: float = 0.95, **metrics: Any) -> dict[str, Any]:
    """The record of a run that completed and is judged by its least voltage, which must be 0.9 or more."""
    verdict = "pass" if sag_pu >= 0.9 else "fail"
    tree = {"frequency": {"max_deviation_mhz": deviation_mhz}, "voltage": {"min_pu": sag_pu}, **metrics}
    judged = {"id": "no sag", "verdict": verdict, "value": sag_pu, "margin": sag_pu - 0.9}
    values = flat({"metrics": tree, "criteria": [judged]})
    return {"status": "completed", "verdict": verdict, "values": values, "wall_time_s": 2.0}


def failed(status: str, error: str) -> dict[str, Any]:
    """The record of a run that did not complete, without any metrics."""
    return {"status": status, "verdict": "simulation_failed", "values": {}, "error": error, "wall_time_s": 1.0}
