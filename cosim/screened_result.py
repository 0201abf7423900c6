"""The result of a screened run: held in memory, and no more of it than metrics of extremes need."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.growing import EXTREMA_COLUMNS, RunningExtrema
from cosim.linear.response import Rows
from cosim.network import Network
from cosim.result import Result

KEPT = ("coi_hz",)
"""Channels whose course is kept; of all others the extremes."""


class ScreenedResult(Result):
    """Extremes of a run's channels, the course of the centre of inertia's frequency, and the sites' demand.

    Offers what `cosim.metrics` reads of a `Result` for metrics of frequency, swings and ramps.

    Parameters
    ----------
    elements
        Channel name -> names of its elements.
    attributes
        Of the run.
    network, inertia_mws
        Of the grid.
    demands
        Site name -> demand at its trace's rate: interval (s) and means (MW).
    site_notes
        Site name -> what is noted of it.
    """

    def __init__(
        self,
        elements: Mapping[str, Sequence[str]],
        attributes: Mapping[str, Any],
        network: Network,
        inertia_mws: NDArray[np.float64],
        demands: Mapping[str, tuple[float, NDArray[np.float64]]],
        site_notes: Mapping[str, Mapping[str, Any]],
    ):
        self.channels, self.sites = tuple(elements), tuple(demands)
        self._elements, self._attributes = elements, dict(attributes)
        self._network, self._inertia, self._demands, self._notes = network, inertia_mws, demands, site_notes
        self._extrema = {name: RunningExtrema(len(of)) for name, of in elements.items()}
        self._course: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []

    def take(self, rows: Rows, values: Mapping[str, NDArray[np.float64]]) -> None:
        """Take a stretch of the run; ``values`` has an array [row, element] for each channel."""
        for name, extrema in self._extrema.items():
            extrema.update_rows(rows.time_s, values[name])
        last = np.append(rows.time_s[1:] != rows.time_s[:-1], True)  # of a jump's two rows the one after it
        self._course.append((rows.time_s[last], values[KEPT[0]][last]))

    @property
    def attributes(self) -> dict[str, Any]:
        """What is noted of the run."""
        return self._attributes

    @property
    def time_s(self) -> NDArray[np.float64]:
        """Times of the rows that are kept."""
        return np.concatenate([time_s for time_s, _ in self._course])

    def elements(self, name: str) -> list[str]:
        """Names of a channel's elements."""
        return list(self._elements[name])

    def channel(self, name: str, elements: Sequence[str] | None = None) -> pd.DataFrame:
        """The course of a channel that is kept."""
        if name not in KEPT:
            raise KeyError(f"the course of {name} is not kept")
        values = np.concatenate([values for _, values in self._course])
        frame = pd.DataFrame(values, index=pd.Index(self.time_s, name="time_s"), columns=self.elements(name))
        return frame if elements is None else frame[list(elements)]

    def extrema(self, name: str) -> pd.DataFrame:
        """Smallest and largest value of each element of a channel, with their times."""
        own = self._extrema[name]
        columns = dict(zip(EXTREMA_COLUMNS, (own.min, own.min_time_s, own.max, own.max_time_s), strict=True))
        return pd.DataFrame(columns, index=pd.Index(self.elements(name), name="element"))

    @property
    def events(self) -> pd.DataFrame:
        """None: a screened run has no events but changes of loads."""
        return pd.DataFrame({"time_s": np.empty(0), "kind": [], "description": []})

    @property
    def inertia_mws(self) -> NDArray[np.float64] | None:
        """H times MVA of each generator."""
        return self._inertia

    @property
    def network(self) -> Network | None:
        """Buses, generators and lines of the grid."""
        return self._network

    def has_demand(self, name: str) -> bool:
        """Whether a site's demand is known: always."""
        return name in self._demands

    def demand(self, name: str) -> pd.Series:
        """A site's demand in MW as interval means."""
        interval_s, power_mw = self._demands[name]
        series = pd.Series(power_mw, index=pd.Index(np.arange(power_mw.size) * interval_s, name="time_s"))
        series.attrs["interval_s"] = interval_s
        return series

    def site_attributes(self, name: str) -> dict[str, Any]:
        """What is noted of a site."""
        return dict(self._notes[name])
