"""Demand of sites, at the native rate of their traces."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosim.result import Result

Array = NDArray[np.float64]


class Demand(NamedTuple):
    """Demand as interval means [interval] in MW; it holds its value through each interval."""

    power_mw: Array
    interval_s: float

    @property
    def rate_hz(self) -> float:
        """Intervals per second."""
        return 1.0 / self.interval_s


def demands(result: Result) -> dict[str, Demand]:
    """Each site's demand, and their sum as ``total`` when every site has one."""
    known = {}
    for name in result.sites:
        if result.has_demand(name):
            series = result.demand(name)
            known[name] = Demand(series.to_numpy(), series.attrs["interval_s"])
    if known and len(known) == len(result.sites):
        known["total"] = total(known)
    return known


def total(known: Mapping[str, Demand]) -> Demand:
    """Sum of sites' demands at the finest of their intervals, each held through its own intervals.

    The sum ends with the shortest record. Where intervals are not multiples of the finest, a fine
    interval takes the value at its middle.
    """
    finest_s = min(demand.interval_s for demand in known.values())
    duration_s = min(demand.power_mw.size * demand.interval_s for demand in known.values())
    middle_s = (np.arange(math.floor(duration_s / finest_s + 1e-6)) + 0.5) * finest_s
    power_mw = np.zeros(middle_s.size)
    for demand in known.values():
        power_mw += demand.power_mw[(middle_s / demand.interval_s).astype(int)]
    return Demand(power_mw, finest_s)
