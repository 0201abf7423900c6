"""When faults were on."""

from __future__ import annotations

import numpy as np
import pandas as pd


def fault_intervals(events: pd.DataFrame) -> list[tuple[float, float]]:
    """Times between ``fault`` and ``fault_cleared`` events; overlapping faults merge.

    Parameters
    ----------
    events
        Columns time_s and kind.
    """
    change = events["kind"].map({"fault": 1, "fault_cleared": -1}).dropna()
    times = events.loc[change.index, "time_s"].to_numpy(dtype=float)
    order = np.argsort(times, kind="stable")
    active = np.concatenate([[0], np.cumsum(change.to_numpy(dtype=int)[order])])
    times = times[order]
    starts = times[(active[:-1] == 0) & (active[1:] > 0)]
    ends = times[(active[:-1] > 0) & (active[1:] == 0)]
    if ends.size < starts.size:  # still on at the end of the record
        ends = np.append(ends, np.inf)
    return list(zip(starts.tolist(), ends.tolist(), strict=True))
