"""The demand of a data-centre site at its point of interconnection (POI), before mitigation and protection.

    P_POI(t) = steady + sum over workloads of weight * shape(t)

with each workload's shape, losses and cooling included, from `loads.power_chain`. The fluctuating rating is
``rating_mw * (1 - steady_share)``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any, Literal

import numpy as np

from loads.injector import Injector
from loads.interpolation import AtEnd, Waveform
from loads.mitigation import LimitReport, limit_ramps
from loads.power_chain import IDEAL, PoiShape, PowerChain
from loads.segments import Floats
from loads.trace import Trace

LEAST_LIMITED_INTERVALS = 1000
"""Where no workload has a finer one, a ramp limiter works on intervals of this share of the run."""

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
        What becomes that share, cooling and losses included: the trace's ``"mean"``, its ``"peak"``, or its
        ``"nominal"`` power. ``"count"`` multiplies the trace by a number of devices instead.
    count
        Number of devices, for ``"count"``.
    nominal_w
        Nominal power of the trace, for ``"nominal"``.
    at_devices
        Whether the trace was measured at the computing devices, on the DC side of the servers' power supplies.
    scaled_as
        Trace that the scaling refers to, where ``trace`` is a changed one: the number of devices stays the same when
        their power is smoothed. None: ``trace`` itself.
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
    nominal_w: float = 1.0
    at_devices: bool = False
    scaled_as: Trace | None = None

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
            return self.nominal_w
        trace = self.scaled_as or self.trace
        return trace.max_w if self.scale_to == "peak" else trace.mean_w


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
        Power usage effectiveness, mean POI power over mean IT power, 1 or more.
    chain
        Equipment between the devices and the POI.
    power_factor
        At the POI, lagging.

    Raises
    ------
    ValueError
        If a number is out of range or the shares exceed 1 together.
    """

    rating_mw: float
    workloads: tuple[Workload, ...]
    steady_share: float = 0.0
    pue: float = 1.0
    chain: PowerChain = IDEAL
    power_factor: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "workloads", tuple(self.workloads))
        if not 0.0 < self.rating_mw < np.inf:
            raise ValueError(f"rating_mw must be above 0, got {self.rating_mw}")
        if not 0.0 <= self.steady_share <= 1.0:
            raise ValueError(f"steady_share must be from 0 to 1, got {self.steady_share}")
        if not 1.0 <= self.pue < np.inf:
            raise ValueError(f"pue must be 1 or more, got {self.pue}")
        if self.pue * self.chain.delivery_efficiency < 1.0 - 1e-12:
            raise ValueError(
                f"pue {self.pue:g} leaves no room for the losses of UPS and transformer: it must be at least "
                f"{1.0 / self.chain.delivery_efficiency:.4g}"
            )
        if not 0.0 < self.power_factor <= 1.0:
            raise ValueError(f"power_factor must be above 0 and at most 1, got {self.power_factor}")
        total = sum(workload.share for workload in self.workloads if workload.scale_to != "count")
        if total > 1.0 + 1e-9:
            raise ValueError(f"the shares of the workloads must not exceed 1 together, got {total:g}")

    @property
    def steady_mw(self) -> float:
        """Power that no workload makes."""
        return self.rating_mw * self.steady_share

    @property
    def mvar_per_mw(self) -> float:
        """Reactive power at the POI per active power, from the power factor."""
        return float(np.sqrt(1.0 - self.power_factor**2) / self.power_factor)

    @cached_property
    def components(self) -> list[tuple[Waveform, float]]:
        """Waveforms [W] and their weights [MW/W], for `loads.injector.Injector`."""
        return [
            (waveform, scale * weight) for shape, scale in self._scaled_shapes for waveform, weight in shape.components
        ]

    @property
    def constant_mw(self) -> float:
        """Steady power, and what of the workloads' power does not move."""
        return self.steady_mw + sum(scale * shape.constant_w for shape, scale in self._scaled_shapes)

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

    def energy_parts_mwh(self, duration_s: float) -> dict[str, float]:
        """Energy from time 0 to `duration_s` by what took it: ``it``, ``losses`` of UPS and transformer, ``cooling``.

        The steady power is divided as the PUE says.
        """
        efficiency = self.chain.delivery_efficiency
        it = self.steady_mw / self.pue * duration_s
        cooling = self.steady_mw * duration_s - it / efficiency
        for shape, scale in self._scaled_shapes:
            shape_it, shape_cooling = shape.energy_ws(duration_s)
            it += scale * shape_it
            cooling += scale * shape_cooling
        parts = {"it": it, "losses": it / efficiency - it, "cooling": cooling}
        return {name: energy / 3600.0 for name, energy in parts.items()}

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
        workloads = [
            {
                "source": workload.trace.provenance.source,
                "scale_to": workload.scale_to,
                "share": None if workload.scale_to == "count" else workload.share,
                "count": workload.count,
                "at_end": workload.at_end,
                "factor_mw_per_w": scale,
                "cooling_mw": scale * shape.cooling_w,
                "mean_mw": scale * shape.mean_w,
                "peak_mw": scale * shape.at_level(shape.it.max_w),
                "min_mw": scale * shape.at_level(shape.it.min_w),
            }
            for workload, (shape, scale) in zip(self.workloads, self._scaled_shapes, strict=True)
        ]
        return {
            "rating_mw": self.rating_mw,
            "steady_mw": self.steady_mw,
            "pue": self.pue,
            "chain": {name: value if np.isfinite(value) else None for name, value in asdict(self.chain).items()},
            "power_factor": self.power_factor,
            "constant_mw": self.constant_mw,
            "workloads": workloads,
        }

    @cached_property
    def _scaled_shapes(self) -> list[tuple[PoiShape, float]]:
        """Each workload's power at the POI, and its scale in MW of IT power per watt of the trace."""
        return [
            (self._shape(w, w.trace), self._scale(w, self._shape(w, w.scaled_as or w.trace))) for w in self.workloads
        ]

    def _shape(self, workload: Workload, trace: Trace) -> PoiShape:
        return PoiShape(trace, workload.at_end, workload.at_devices, self.pue, self.chain)

    def _scale(self, workload: Workload, shape: PoiShape) -> float:
        if workload.count is not None:
            supplied = self.chain.psu_efficiency if workload.at_devices else 1.0
            return workload.count / (supplied * (1.0 - self.chain.other_it_share)) / 1e6
        share_mw = workload.share * self.rating_mw * (1.0 - self.steady_share)
        if workload.scale_to == "peak":  # cooling and other IT stay near their means, so the rest is less than the peak
            return share_mw / shape.at_level(shape.it.max_w)
        return share_mw / (self.pue * workload.reference_w)


@dataclass(frozen=True)
class RampLimitedDemand(SiteDemand):
    """Demand of a site whose ramps are limited.

    Parameters
    ----------
    up_mw_per_s, down_mw_per_s
        Largest rise and fall a second; infinite: no limit on that side.
    limited_s
        How long, from time 0; after that the power stays. It is made from means over the workloads' sample interval.
    """

    up_mw_per_s: float = np.inf
    down_mw_per_s: float = np.inf
    limited_s: float = 1.0

    @property
    def components(self) -> list[tuple[Waveform, float]]:
        """The limited power [MW], with weight 1."""
        return [(self._limited[0], 1.0)]

    @property
    def constant_mw(self) -> float:
        """Nothing: it is in the limited power."""
        return 0.0

    @property
    def limits(self) -> LimitReport:
        """What the limits did."""
        return self._limited[1]

    @cached_property
    def _limited(self) -> tuple[Waveform, LimitReport]:
        plain = SiteDemand(**{part.name: getattr(self, part.name) for part in fields(SiteDemand)})
        interval_s, power_mw = plain.native_series(self.limited_s, self.limited_s / LEAST_LIMITED_INTERVALS)
        return limit_ramps(power_mw, interval_s, self.up_mw_per_s, self.down_mw_per_s)
