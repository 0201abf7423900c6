"""What protects a site and how it comes back, as checked data.

Voltages are in per unit and frequencies in Hz at the point of interconnection.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy.stats import norm

from loads.segments import Floats

Comparison = Literal["below", "at_most", "above", "at_least"]
COMPARISONS: tuple[Comparison, ...] = ("below", "at_most", "above", "at_least")


def _check(name: str, value: float, is_good: bool, expected: str) -> None:
    if not is_good:  # also for NaN, with which no comparison holds
        raise ValueError(f"{name} must be {expected}, got {value}")


@dataclass(frozen=True)
class Row:
    """A region, such as ``below`` 0.7 pu, in which the signal may stay for ``seconds``; longer, and the site leaves."""

    comparison: Comparison
    level: float
    seconds: float

    def __post_init__(self) -> None:
        if self.comparison not in COMPARISONS:
            raise ValueError(f"a row's comparison must be one of {', '.join(COMPARISONS)}, got {self.comparison!r}")
        _check("a row's level", self.level, 0.0 <= self.level < math.inf, "0 or more")
        _check("a row's seconds", self.seconds, 0.0 <= self.seconds < math.inf, "0 or more")

    @property
    def is_low(self) -> bool:
        """Whether the region lies below the level."""
        return self.comparison in ("below", "at_most")


@dataclass(frozen=True)
class Envelope:
    """Rows for one signal, in any order.

    Parameters
    ----------
    rows
        Each with a timer of its own.
    timers
        ``"per_excursion"``: a timer starts anew when the signal leaves its row's region (ITIC, relays).
        ``"accumulate"``: it keeps its count until the signal is in no row of the same side (NERC PRC-024).

    Raises
    ------
    ValueError
        If the timers are unknown, or the rows leave no band between them.
    """

    rows: tuple[Row, ...] = ()
    timers: Literal["per_excursion", "accumulate"] = "per_excursion"

    def __post_init__(self) -> None:
        if self.timers not in ("per_excursion", "accumulate"):
            raise ValueError(f"timers must be 'per_excursion' or 'accumulate', got {self.timers!r}")
        if self.highest_low >= self.lowest_high:
            raise ValueError(
                f"the rows leave no band: one on the low side reaches up to {self.highest_low:g}, "
                f"one on the high side down to {self.lowest_high:g}"
            )

    @property
    def highest_low(self) -> float:
        """Lower end of the continuous band."""
        return max((row.level for row in self.rows if row.is_low), default=-math.inf)

    @property
    def lowest_high(self) -> float:
        """Upper end of the continuous band."""
        return min((row.level for row in self.rows if not row.is_low), default=math.inf)


@dataclass(frozen=True)
class Electronic:
    """Electronic load that sheds with voltage and restarts in part.

    Parameters
    ----------
    vd1_pu, vd2_pu
        Full from the first on, nothing below the second, linear between.
    restart_fraction
        Of what was shed, the part that comes back with the voltage.
    restart_delay_s
        How long the voltage must have been at ``vd1_pu`` or more for the rest to come back; infinite: it stays away.
    restart_ramp_s
        Over which the rest then comes back.
    """

    vd1_pu: float = 0.7
    vd2_pu: float = 0.5
    restart_fraction: float = 0.0
    restart_delay_s: float = math.inf
    restart_ramp_s: float = 0.0

    def __post_init__(self) -> None:
        _check("vd2_pu", self.vd2_pu, 0.0 <= self.vd2_pu < self.vd1_pu, f"from 0 to below vd1_pu {self.vd1_pu}")
        _check("vd1_pu", self.vd1_pu, self.vd1_pu < 1.0, "below 1")
        _check("restart_fraction", self.restart_fraction, 0.0 <= self.restart_fraction <= 1.0, "from 0 to 1")
        _check("restart_delay_s", self.restart_delay_s, self.restart_delay_s >= 0.0, "0 s or more")
        _check("restart_ramp_s", self.restart_ramp_s, 0.0 <= self.restart_ramp_s < math.inf, "0 s or more")


@dataclass(frozen=True)
class EventCounter:
    """Disturbances that together make the site leave and stay away until it is returned by hand.

    An event starts when the voltage falls below ``below_pu`` and ends when it is back there. The site leaves at the
    start of the last of ``events`` whose first started no more than ``window_s`` before.
    """

    events: int = 3
    window_s: float = 60.0
    below_pu: float = 0.85

    def __post_init__(self) -> None:
        if self.events != int(self.events) or self.events < 1:
            raise ValueError(f"events must be a whole number of 1 or more, got {self.events}")
        _check("window_s", self.window_s, 0.0 < self.window_s < math.inf, "above 0 s")
        _check("below_pu", self.below_pu, 0.0 < self.below_pu < 1.0, "above 0 and below 1")


@dataclass(frozen=True)
class Return:
    """How a site that has left comes back.

    Parameters
    ----------
    delay_s
        How long voltage and frequency must hold inside their bands, ends included.
    walk_in_s
        Over which the power then rises in a straight line.
    low_pu, high_pu, low_hz, high_hz
        The bands.
    automatic
        False: only after a manual return, as for a site that its event counter has latched.
    """

    delay_s: float = 10.0
    walk_in_s: float = 10.0
    low_pu: float = 0.9
    high_pu: float = 1.1
    low_hz: float = -math.inf
    high_hz: float = math.inf
    automatic: bool = True

    def __post_init__(self) -> None:
        _check("delay_s", self.delay_s, 0.0 <= self.delay_s < math.inf, "0 s or more")
        _check("walk_in_s", self.walk_in_s, 0.0 <= self.walk_in_s < math.inf, "0 s or more")
        _check("low_pu", self.low_pu, 0.0 <= self.low_pu < 1.0, "from 0 to below 1")
        _check("high_pu", self.high_pu, self.high_pu > 1.0, "above 1")
        _check("low_hz", self.low_hz, self.low_hz < self.high_hz, f"below high_hz {self.high_hz}")


@dataclass(frozen=True)
class Ups:
    """Batteries that carry what has left the grid, and are charged again after the return.

    Parameters
    ----------
    battery_s
        How long full batteries carry the site's rating.
    generator_after_s
        After how long away the site's own generators take over from the batteries; infinite: there are none.
    recharge_share
        Most that charging adds, as a share of the demand.
    recharge_efficiency
        Stored over drawn.
    taper_s
        Time constant of the end of a charge, at constant voltage: the power is never more than would charge what is
        missing in this time. Far longer than a step of the solver.
    """

    battery_s: float = 300.0
    generator_after_s: float = math.inf
    recharge_share: float = 0.1
    recharge_efficiency: float = 0.9
    taper_s: float = 60.0

    def __post_init__(self) -> None:
        _check("battery_s", self.battery_s, 0.0 < self.battery_s < math.inf, "above 0 s")
        _check("generator_after_s", self.generator_after_s, self.generator_after_s >= 0.0, "0 s or more")
        _check("recharge_share", self.recharge_share, 0.0 <= self.recharge_share <= 1.0, "from 0 to 1")
        _check(
            "recharge_efficiency", self.recharge_efficiency, 0.0 < self.recharge_efficiency <= 1.0, "above 0, at most 1"
        )
        _check("taper_s", self.taper_s, 0.0 < self.taper_s < math.inf, "above 0 s")


def _normal(probability: Floats) -> Floats:
    return norm.ppf(probability)


def _uniform(probability: Floats) -> Floats:
    return 2.0 * probability - 1.0


SHAPES: dict[str, Callable[[Floats], Floats]] = {"normal": _normal, "uniform": _uniform}


@dataclass(frozen=True)
class Spread:
    """How the settings differ over a site's fleet, so that it leaves in steps.

    The groups lie at evenly spaced quantiles q of a distribution with mean 0, from the least to the most sensitive.
    Low levels of voltage are multiplied by 1 + ``levels`` q, high ones and delays before leaving divided by 1 +
    ``levels`` q and 1 + ``delays`` q, delays before returning multiplied by the latter; the distances of frequency
    levels from nominal are divided by 1 + ``levels`` q. A group is thus sensitive in every respect or in none.

    Parameters
    ----------
    groups
        How many, of the weights given or of equal ones.
    levels, delays
        Standard deviation of a normal distribution, half the width of a uniform one.
    shape
        ``"normal"`` or ``"uniform"``.
    weights
        Shares of the site, to be divided by their sum.
    """

    groups: int = 1
    levels: float = 0.0
    delays: float = 0.0
    shape: Literal["normal", "uniform"] = "normal"
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.groups != int(self.groups) or self.groups < 1:
            raise ValueError(f"groups must be a whole number of 1 or more, got {self.groups}")
        if self.shape not in SHAPES:
            raise ValueError(f"shape must be 'normal' or 'uniform', got {self.shape!r}")
        if self.weights is not None:
            if len(self.weights) != self.groups:
                raise ValueError(f"weights must be as many as groups, {self.groups}, got {len(self.weights)}")
            if not all(0.0 < weight < math.inf for weight in self.weights):
                raise ValueError(f"weights must be above 0, got {self.weights}")
        for name in ("levels", "delays"):
            spread = getattr(self, name)
            _check(name, spread, 0.0 <= spread < math.inf, "0 or more")
            if (lowest := float(self.factors(spread).min())) <= 0.0:
                raise ValueError(f"{name} of {spread} is too wide: it would multiply a setting by {lowest:.3g}")

    def factors(self, spread: float) -> Floats:
        """Factor of each group, shape (groups,), rising."""
        return 1.0 + spread * SHAPES[self.shape]((np.arange(self.groups) + 0.5) / self.groups)

    @property
    def shares(self) -> Floats:
        """Weight of each group, shape (groups,); added up in their order, they are exactly 1."""
        weights = np.ones(self.groups) if self.weights is None else np.array(self.weights, dtype=np.float64)
        shares = weights / weights.sum()
        shares[-1] = 1.0 - sum(shares[:-1].tolist())
        return shares


@dataclass(frozen=True)
class ProtectionSettings:
    """All of a site's protection; the default does nothing.

    Parameters
    ----------
    voltage, frequency
        When the site leaves.
    electronic
        Load that sheds with voltage while connected; None: none does.
    counter
        None: events are not counted.
    back
        Return.
    ups
        None: what has left is not carried but lost.
    spread
        Over the fleet.

    Raises
    ------
    ValueError
        If a site that returned could leave again at the same voltage: a band of the return reaches into a row.
    """

    voltage: Envelope = field(default_factory=Envelope)
    frequency: Envelope = field(default_factory=Envelope)
    electronic: Electronic | None = None
    counter: EventCounter | None = None
    back: Return = field(default_factory=Return)
    ups: Ups | None = None
    spread: Spread = field(default_factory=Spread)

    def __post_init__(self) -> None:
        bands = (
            ("pu", self.voltage, self.back.low_pu, self.back.high_pu),
            ("hz", self.frequency, self.back.low_hz, self.back.high_hz),
        )
        for unit, envelope, low, high in bands:
            for row in envelope.rows:
                name, end = (f"low_{unit}", low) if row.is_low else (f"high_{unit}", high)
                inside = end > row.level if row.is_low else end < row.level
                if math.isinf(end):
                    side = "low_hz" if row.is_low else "high_hz"
                    raise ValueError(
                        f"rows of the frequency need {side} in return, {'above' if row.is_low else 'below'} them"
                    )
                may_touch = row.comparison in ("below", "above") or self.back.delay_s > 0.0
                if not (inside or (end == row.level and may_touch)):
                    raise ValueError(
                        f"the return's {name} of {end:g} reaches into the row {row.comparison} {row.level:g}: "
                        f"the site would leave again"
                    )

    @property
    def can_leave(self) -> bool:
        """Whether the site, or a group of it, can leave the grid as a whole."""
        return bool(self.voltage.rows or self.frequency.rows or self.counter)

    @property
    def acts(self) -> bool:
        """Whether there is anything that changes what the site draws."""
        return self.can_leave or self.electronic is not None
