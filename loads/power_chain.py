"""From the power of the computing devices to the power at the point of interconnection (POI).

With x the workload's trace, L_T a first-order lag of time constant T and a bar for the mean,

    IT(t)  = k [(1 - o) L_psu(x)(t) + o mean(x)]
    POI(t) = L_ups(IT)(t) / eta + (PUE - 1 / eta) L_cool(IT)(t),    eta = eta_ups eta_transformer,

so that the mean at the POI is PUE times the mean IT power. o is the share of other IT (storage, network, management),
which is steady; the losses of the uninterruptible power supply (UPS) and the transformer follow the power at once, and
what the PUE leaves is cooling, which follows the heat with its own lag.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from loads.interpolation import AtEnd, Waveform
from loads.lag import lagged
from loads.trace import Trace

COOLING_STEPS_PER_LAG = 50
"""Intervals of the cooling power in one lag: the error of its mean over an interval is below 1 % of a change."""


@dataclass(frozen=True)
class PowerChain:
    """Equipment between the devices and the POI; the defaults are an ideal one.

    Parameters
    ----------
    psu_efficiency
        Of the servers' power supplies. Counts only for traces measured at the devices, and only where devices are
        counted: a share of a rating is a share of the power at the POI.
    psu_lag_s
        Of the power supplies, on whose AC side edges last 20 to 50 ms. For traces measured at the devices.
    ups_efficiency, transformer_efficiency
        Between the servers' supply and the POI.
    ups_lag_s
        Of the UPS.
    other_it_share
        Share of the IT power that does not fluctuate.
    cooling_lag_s
        Of the cooling power behind the IT power; infinite: cooling is steady.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    psu_efficiency: float = 1.0
    psu_lag_s: float = 0.0
    ups_efficiency: float = 1.0
    transformer_efficiency: float = 1.0
    ups_lag_s: float = 0.0
    other_it_share: float = 0.0
    cooling_lag_s: float = math.inf

    def __post_init__(self) -> None:
        for name in ("psu_efficiency", "ups_efficiency", "transformer_efficiency"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be above 0 and at most 1, got {getattr(self, name)}")
        for name in ("psu_lag_s", "ups_lag_s"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be 0 s or more, got {getattr(self, name)}")
        if not self.cooling_lag_s > 0.0:
            raise ValueError(f"cooling_lag_s must be above 0 s, got {self.cooling_lag_s}")
        if not 0.0 <= self.other_it_share < 1.0:
            raise ValueError(f"other_it_share must be from 0 to below 1, got {self.other_it_share}")

    @property
    def delivery_efficiency(self) -> float:
        """IT power over the power taken at the POI for it, cooling left aside."""
        return self.ups_efficiency * self.transformer_efficiency


IDEAL = PowerChain()
"""No losses, no lags, steady cooling."""


@dataclass(frozen=True, eq=False)
class PoiShape:
    """A workload's power at the POI per watt of its trace: ``moving`` + ``cooling`` + ``constant_w``.

    Parameters
    ----------
    trace
        Of the workload.
    at_end
        See `loads.interpolation.Waveform`.
    at_devices
        Whether the trace was measured at the devices, on the DC side of the servers' power supplies.
    pue
        Power usage effectiveness, at least 1 / `PowerChain.delivery_efficiency`.
    chain
        The equipment.
    """

    trace: Trace
    at_end: AtEnd
    at_devices: bool
    pue: float
    chain: PowerChain

    @cached_property
    def it(self) -> Trace:
        """The trace behind the lags of power supply and UPS."""
        trace = self.trace
        lags_s = (self.chain.psu_lag_s if self.at_devices else 0.0, self.chain.ups_lag_s)
        for lag_s in lags_s:
            trace = lagged(trace, lag_s, self.at_end) if lag_s > 0.0 else trace
        return trace

    @cached_property
    def components(self) -> list[tuple[Waveform, float]]:
        """Waveforms [W] with their weights: the delivered power, and cooling where it moves."""
        moving = 1.0 - self.chain.other_it_share
        out = [(Waveform.from_trace(self.it, self.at_end), moving / self.chain.delivery_efficiency)]
        if self._cooling > 0.0 and math.isfinite(self.chain.cooling_lag_s):
            lag_s = self.chain.cooling_lag_s
            cooling = lagged(self.it, lag_s, self.at_end, lag_s / COOLING_STEPS_PER_LAG)
            out.append((Waveform.from_trace(cooling, self.at_end), moving * self._cooling))
        return out

    def energy_ws(self, duration_s: float) -> tuple[float, float]:
        """Energy (W s) of the IT and of its cooling from time 0 to `duration_s`, per watt of the trace."""
        moving, *cooling = self.components
        it = self.chain.other_it_share * self.trace.mean_w * duration_s
        it += moving[1] * self.chain.delivery_efficiency * moving[0].moments(0.0, duration_s)[0]
        cooled = sum(weight * waveform.moments(0.0, duration_s)[0] for waveform, weight in cooling)
        steady = 1.0 if math.isinf(self.chain.cooling_lag_s) else self.chain.other_it_share
        return it, cooled + steady * self._cooling * self.trace.mean_w * duration_s

    @property
    def constant_w(self) -> float:
        """Other IT, its losses, and its cooling; all cooling where it is steady."""
        other = self.chain.other_it_share
        steady = other * self.pue
        if math.isinf(self.chain.cooling_lag_s):
            steady = other / self.chain.delivery_efficiency + self._cooling
        return steady * self.trace.mean_w

    @property
    def mean_w(self) -> float:
        """Mean at the POI."""
        return self.pue * self.trace.mean_w

    @property
    def cooling_w(self) -> float:
        """Mean of the cooling power."""
        return self._cooling * self.trace.mean_w

    def at_level(self, it_w: float) -> float:
        """Power at the POI while the devices are at a level, with cooling at its mean."""
        chain = self.chain
        mean_w = self.trace.mean_w
        moving_w = (1.0 - chain.other_it_share) * it_w + chain.other_it_share * mean_w
        return moving_w / chain.delivery_efficiency + self.cooling_w

    @property
    def _cooling(self) -> float:
        """Cooling power per IT power."""
        return max(0.0, self.pue - 1.0 / self.chain.delivery_efficiency)
