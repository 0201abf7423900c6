"""The demand of a data-centre site at its point of interconnection (POI), before mitigation and protection.

    P_POI(t) = steady + sum over workloads of (weight * P(t) + cooling)

The fluctuating rating is ``rating_mw * (1 - steady_share)``. Cooling follows its heat over minutes, so here
it stays at the workload's mean while the IT power moves. With the PUE, a share 1 - 1 / PUE of the POI power
is cooling; where a workload counts devices, whose trace is IT power, (PUE - 1) times its mean comes on top.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from loads.injector import Injector
from loads.interpolation import AtEnd, Waveform
from loads.segments import Floats
from loads.trace import Trace

ScaleTo = Literal["mean", "peak", "nominal", "count"]


@dataclass(frozen=True)
class Workload:
    """A trace and how it is scaled to a site.

    Parameters
    ----------
    trace
        Power of the workload, or of one device of it.
    share
        Of the site's fluctuating rating; not used with ``"count"``.
    scale_to
        What of the trace is scaled to that share: its ``"mean"``, its ``"peak"``, or ``"nominal"``, 1 W, for
        a synthetic trace of nominal power 1 W. ``"count"`` multiplies the trace by a number of devices
        instead.
    count
        Number of devices, for ``"count"``.
    at_end
        ``"loop"`` or ``"hold"``: see `loads.interpolation.Waveform`.

    Raises
    ------
    ValueError
        If the scaling is not known, lacks its number, or has nothing to scale.
    """

    trace: Trace
    share: float = 1.0
    scale_to: ScaleTo = "mean"
    count: float | None = None
    at_end: AtEnd = "loop"

    def __post_init__(self) -> None:
        if self.scale_to not in ("mean", "peak", "nominal", "count"):
            raise ValueError(f"scale_to must be 'mean', 'peak', 'nominal' or 'count', got {self.scale_to!r}")
        if self.at_end not in ("loop", "hold"):
            raise ValueError(f"at_end must be 'loop' or 'hold', got {self.at_end!r}")
        if (self.scale_to == "count") != (self.count is not None):
            raise ValueError(
                f"count goes with scale_to 'count' and nothing else, got {self.count} with {self.scale_to!r}"
            )
        if self.count is not None and not 0.0 < self.count < np.inf:
            raise ValueError(f"count must be above 0, got {self.count}")
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"share must be from 0 to 1, got {self.share}")
        if self.reference_w <= 0.0:
            raise ValueError(f"the {self.scale_to} of the trace must be above 0 W to scale to, got {self.reference_w}")

    @property
    def reference_w(self) -> float:
        """The trace's power that becomes the share; for count, the mean."""
        if self.scale_to == "nominal":
            return 1.0
        return self.trace.max_w if self.scale_to == "peak" else self.trace.mean_w


@dataclass(frozen=True)
class SiteDemand:
    """Demand of one site.

    Parameters
    ----------
    rating_mw
        Most that the site draws at the POI, cooling included.
    workloads
        What fluctuates.
    steady_share
        Share of the rating that does not.
    pue
        Power usage effectiveness, POI power over IT power, 1 or more.

    Raises
    ------
    ValueError
        If a number is out of range or the shares exceed 1 together.
    """

    rating_mw: float
    workloads: tuple[Workload, ...]
    steady_share: float = 0.0
    pue: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "workloads", tuple(self.workloads))
        if not 0.0 < self.rating_mw < np.inf:
            raise ValueError(f"rating_mw must be above 0, got {self.rating_mw}")
        if not 0.0 <= self.steady_share <= 1.0:
            raise ValueError(f"steady_share must be from 0 to 1, got {self.steady_share}")
        if not 1.0 <= self.pue < np.inf:
            raise ValueError(f"pue must be 1 or more, got {self.pue}")
        total = sum(workload.share for workload in self.workloads if workload.scale_to != "count")
        if total > 1.0 + 1e-9:
            raise ValueError(f"the shares of the workloads must not exceed 1 together, got {total:g}")

    @property
    def steady_mw(self) -> float:
        """Power that no workload makes."""
        return self.rating_mw * self.steady_share

    @cached_property
    def components(self) -> list[tuple[Waveform, float]]:
        """Waveforms [W] and their weights [MW/W], for `loads.injector.Injector`."""
        return [
            (
                Waveform.from_trace(workload.trace, workload.at_end),
                self._factor(workload) * self._it_share(workload),
            )
            for workload in self.workloads
        ]

    @property
    def constant_mw(self) -> float:
        """Steady power and cooling."""
        return self.steady_mw + sum(self._cooling_mw(workload) for workload in self.workloads)

    @property
    def native_interval_s(self) -> float | None:
        """Smallest sample interval of the workloads; None for a site without any."""
        return min((workload.trace.sample_interval_s for workload in self.workloads), default=None)

    def edges(self, t_end: float, threshold_mw: float) -> Floats:
        """Return the times [s] in (0, t_end) where a workload jumps by more than `threshold_mw`."""
        return Injector(self.components, self.constant_mw).edges(t_end, threshold_mw)

    def energy_mwh(self, duration_s: float) -> float:
        """Energy from time 0 to `duration_s`."""
        moving = sum(weight * waveform.moments(0.0, duration_s)[0] for waveform, weight in self.components)
        return (moving + self.constant_mw * duration_s) / 3600.0

    def mean_mw(self, duration_s: float) -> float:
        """Mean power from time 0 to `duration_s`."""
        return self.energy_mwh(duration_s) * 3600.0 / duration_s

    def native_series(self, duration_s: float, max_interval_s: float = 1.0) -> tuple[float, Floats]:
        """Return the power as exact interval means at the finest sample interval of the workloads.

        Parameters
        ----------
        duration_s
            Length from time 0; a rest shorter than one interval is left out.
        max_interval_s
            Longest interval, where the workloads' own are longer.

        Returns
        -------
        interval_s, power_mw
            The interval and the means, shape (duration_s // interval_s,), at least one.
        """
        interval_s = min(self.native_interval_s or max_interval_s, max_interval_s, duration_s)
        count = max(1, int(duration_s / interval_s * (1.0 + 1e-12)))
        power = np.full(count, self.constant_mw)
        for waveform, weight in self.components:
            power += weight * waveform.interval_means(interval_s, count)
        return interval_s, power

    def describe(self) -> dict[str, Any]:
        """Return, for reports, each workload's scaling and resulting power at the POI."""
        workloads = []
        for workload in self.workloads:
            factor = self._factor(workload)
            weight = factor * self._it_share(workload)
            cooling_mw = self._cooling_mw(workload)
            workloads.append(
                {
                    "source": workload.trace.provenance.source,
                    "scale_to": workload.scale_to,
                    "share": None if workload.scale_to == "count" else workload.share,
                    "count": workload.count,
                    "at_end": workload.at_end,
                    "factor_mw_per_w": weight,
                    "cooling_mw": cooling_mw,
                    "mean_mw": weight * workload.trace.mean_w + cooling_mw,
                    "peak_mw": weight * workload.trace.max_w + cooling_mw,
                    "min_mw": weight * workload.trace.min_w + cooling_mw,
                }
            )
        return {
            "rating_mw": self.rating_mw,
            "steady_mw": self.steady_mw,
            "pue": self.pue,
            "constant_mw": self.constant_mw,
            "workloads": workloads,
        }

    def _factor(self, workload: Workload) -> float:
        """MW at the POI, cooling included, per watt of the trace; for count, IT power alone."""
        if workload.count is not None:
            return workload.count / 1e6
        reference_w = workload.reference_w
        if workload.scale_to == "peak":  # cooling stays at the mean, so less than 1 / PUE of the POI's peak moves
            reference_w = (reference_w + (self.pue - 1.0) * workload.trace.mean_w) / self.pue
        return workload.share * self.rating_mw * (1.0 - self.steady_share) / reference_w

    def _it_share(self, workload: Workload) -> float:
        return 1.0 if workload.scale_to == "count" else 1.0 / self.pue

    def _cooling_mw(self, workload: Workload) -> float:
        """Cooling of a workload: PUE - 1 times its mean IT power, in either scaling."""
        it_mw = self._factor(workload) * self._it_share(workload) * workload.trace.mean_w
        return (self.pue - 1.0) * it_mw
