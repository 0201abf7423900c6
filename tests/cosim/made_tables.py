"""Tables of sweeps with made-up numbers: what the parameters do to a metric is known."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from cosim.sweep.model import Sweep
from cosim.sweep.sampling import sample

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
