"""What every plot of the report is made from, and what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from cosim.report.limits import Limit
from cosim.result import Result


@dataclass(frozen=True)
class Figure:
    """A plot with what a reader needs beside it; ``plot`` is None when ``missing`` says why."""

    id: str
    title: str
    alt: str
    caption: str = ""
    plot: go.Figure | None = None
    missing: str | None = None

    @property
    def height_px(self) -> int:
        """Height that the page reserves for the plot."""
        return int(self.plot.layout.height) if self.plot is not None else 0


@dataclass(frozen=True)
class Source:
    """What every plot is made from: the result, its summary, and the limits it was judged against."""

    result: Result
    summary: Mapping[str, Any]
    limits: Sequence[Limit] = ()
    nothing: str = ""
    """Why there is nothing to draw at all, if so."""

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Metrics of the summary."""
        return self.summary["metrics"]


def no_figure(about: tuple[str, str], why: str) -> Figure:
    """Say why a plot is not drawn."""
    return Figure(*about, alt=f"{about[1]}: not drawn; {why.rstrip('.')}.", missing=why.rstrip("."))


def why_no_sites(result: Result) -> str:
    """Say why there is nothing of sites to draw."""
    return "the scenario has no sites" if not result.sites else "no time step was stored for any site"


def frame_of(result: Result, channel: str, wanted: Sequence[str | None]) -> pd.DataFrame | str:
    """Return those of the wanted elements that a recorded channel has, or why it has nothing to show."""
    if not result.has_channel(channel):
        return f"channel {channel} was not recorded"
    if not result.time_s.size or result.extrema(channel)["min"].isna().all():
        return f"no time step of channel {channel} was stored"
    known = result.elements(channel)
    return result.channel(channel, list(dict.fromkeys(name for name in wanted if name in known)))
