"""Ramp limits on power: GPU power smoothing on a trace, and the limiter of a whole site.

GPU power smoothing holds a floor under the power for a time after the load has dropped below it, by burning energy, and
limits how fast the power rises and falls. What it does, in continuous time, is in `loads.mitigation.pieces`. A site's
limiter is the same without a floor.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
from scipy.optimize import brentq

from loads.cleaning.blocks import started_at_zero
from loads.interpolation import AtEnd, Waveform
from loads.mitigation import pieces as kernels
from loads.mitigation.pieces import Pieces
from loads.segments import Floats
from loads.trace import Trace

LARGEST_FLOOR_SHARE = 0.9
"""Of the nominal power: the range that GPUs offer."""

W_PER_MW = 1e6


@dataclass(frozen=True)
class PowerSmoothing:
    """Settings of GPU power smoothing, for whatever the trace is the power of.

    Parameters
    ----------
    nominal_w
        Power that the floor is a share of: of one GPU, or of all that the trace stands for.
    floor_share
        Floor, from 0 (none) to 0.9 of the nominal power.
    hysteresis_s
        How long the floor is held after the load has dropped below it; infinite: for ever.
    ramp_up_w_per_s, ramp_down_w_per_s
        Largest rise and fall a second, above 0 and finite; full power in a millisecond is as good as no limit.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    nominal_w: float
    floor_share: float
    hysteresis_s: float
    ramp_up_w_per_s: float
    ramp_down_w_per_s: float

    def __post_init__(self) -> None:
        if not 0.0 < self.nominal_w < math.inf:
            raise ValueError(f"nominal_w must be above 0 W, got {self.nominal_w}")
        if not 0.0 <= self.floor_share <= LARGEST_FLOOR_SHARE:
            raise ValueError(f"floor_share must be from 0 to {LARGEST_FLOOR_SHARE}, got {self.floor_share}")
        if not self.hysteresis_s >= 0.0:
            raise ValueError(f"hysteresis_s must be 0 s or more, got {self.hysteresis_s}")
        for name in ("ramp_up_w_per_s", "ramp_down_w_per_s"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be above 0 W/s and finite, got {getattr(self, name)}")

    @property
    def floor_w(self) -> float:
        """Floor."""
        return self.floor_share * self.nominal_w

    def scaled_to(self, nominal_w: float) -> Self:
        """Return the same smoothing for a trace of another nominal power, such as that of a job of many GPUs."""
        factor = nominal_w / self.nominal_w
        return replace(
            self,
            nominal_w=nominal_w,
            ramp_up_w_per_s=factor * self.ramp_up_w_per_s,
            ramp_down_w_per_s=factor * self.ramp_down_w_per_s,
        )


@dataclass(frozen=True)
class LimitReport:
    """What a floor and ramp limits did to a power.

    Parameters
    ----------
    duration_s
        Time that the rest refers to.
    input_j, output_j
        Energy before and after.
    burnt_j
        Integral of the output above the input.
    deferred_j
        Integral of the output below the input: of work that the limit delays.
    at_floor_s, ramping_up_s, ramping_down_s
        Time at each limit. While the floor is held and a ramp leads to it, both count.
    floor_holds, ramps_up, ramps_down
        How often each limit was hit.
    """

    duration_s: float
    input_j: float
    output_j: float
    burnt_j: float
    deferred_j: float
    at_floor_s: float
    ramping_up_s: float
    ramping_down_s: float
    floor_holds: int
    ramps_up: int
    ramps_down: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, ready for JSON."""
        return asdict(self)


def smoothed(trace: Trace, settings: PowerSmoothing, at_end: AtEnd = "loop") -> tuple[Trace, LimitReport]:
    """Apply GPU power smoothing to a trace.

    Parameters
    ----------
    trace
        Of any shape and spacing.
    settings
        For the power that the trace stands for.
    at_end
        What the input does after its end: see `loads.interpolation.Waveform`. The output does the same: one that loops
        is periodic, with no jump at the wrap; one that holds its last value starts at its first, with the floor not
        held, and is longer than the input where the smoothing has not come to rest at its end.

    Returns
    -------
    Trace
        Shape ``"linear"``, from 0 s, its knots those of the input and those where a limit begins or ends, so that no
        part of it is steeper than the rates.
    LimitReport
        Over the duration of the returned trace.
    """
    if at_end not in ("loop", "hold"):
        raise ValueError(f"at_end must be 'loop' or 'hold', got {at_end!r}")
    source = _pieces_of(trace)
    rates = settings.ramp_up_w_per_s, settings.ramp_down_w_per_s
    if at_end == "loop":
        _, left_s, _ = _with_floor(source, settings, 0.0)  # the second time round begins as the first one ended
        target, _, tally = _with_floor(source, settings, left_s)
        start_w = _periodic_start(target, *rates)
    else:
        target, left_s, tally = _with_floor(source, settings, 0.0)
        start_w = float(target.start[0])
        end_w, last_w = float(_limited(target, *rates, start_w)[0].end[-1]), float(source.end[-1])
        if end_w != last_w:
            is_held = left_s > 0.0 and last_w < settings.floor_w
            held_s = left_s if is_held and math.isfinite(left_s) else 0.0
            by_way_of_w = settings.floor_w if is_held else last_w
            tail_s = held_s + 1.001 * (abs(end_w - by_way_of_w) + abs(by_way_of_w - last_w)) / min(rates)
            target, _, tally = _with_floor(_extended(source, tail_s), settings, 0.0)
    output, more = _limited(target, *rates, start_w)
    provenance = replace(
        trace.provenance,
        notes=(
            *trace.provenance.notes,
            f"GPU power smoothing: floor {settings.floor_w:.6g} W held for {settings.hysteresis_s:g} s, "
            f"ramps of at most {rates[0]:.6g} W/s up and {rates[1]:.6g} W/s down",
        ),
        sample_interval_s=trace.sample_interval_s,
    )
    power_w = np.append(output.start, output.end[-1])
    return Trace(output.knots_s, power_w, provenance, "linear"), _report(output, tally + more, 1.0)


def limit_ramps(
    power_mw: Floats, interval_s: float, up_mw_per_s: float, down_mw_per_s: float
) -> tuple[Waveform, LimitReport]:
    """Limit the ramps of a site's demand.

    Parameters
    ----------
    power_mw
        Mean demand over each interval, shape (n,), n >= 1.
    interval_s
        Length of the intervals.
    up_mw_per_s, down_mw_per_s
        Largest rise and fall a second, above 0; infinite: no limit on that side, where the output then jumps with the
        demand.

    Returns
    -------
    Waveform
        In MW, from time 0 to n intervals and held after that. It starts at the first mean. No part of it is steeper
        than the rates, between the intervals' ends as well.
    LimitReport
        Over the n intervals.

    Raises
    ------
    ValueError
        If there is no interval, or a number is out of range.
    """
    means = np.asarray(power_mw, dtype=np.float64)
    if means.ndim != 1 or means.size < 1 or not np.isfinite(means).all():
        raise ValueError(f"power_mw must have one dimension and finite values, at least one, got shape {means.shape}")
    if not 0.0 < interval_s < math.inf:
        raise ValueError(f"interval_s must be above 0 s, got {interval_s}")
    for name, rate in (("up_mw_per_s", up_mw_per_s), ("down_mw_per_s", down_mw_per_s)):
        if not rate > 0.0:
            raise ValueError(f"{name} must be above 0 MW/s, got {rate}")
    target = Pieces(interval_s * np.arange(means.size + 1.0), means, means, means, means)
    output, tally = _limited(target, float(up_mw_per_s), float(down_mw_per_s), float(means[0]))
    waveform = Waveform.from_segments(output.knots_s, output.start, output.end, "hold")
    return waveform, _report(output, tally, W_PER_MW)


def _pieces_of(trace: Trace) -> Pieces:
    start = trace.power_w if trace.shape == "hold" else trace.power_w[:-1]
    end = trace.power_w if trace.shape == "hold" else trace.power_w[1:]
    return Pieces(started_at_zero(trace.time_s), start, end, start, end)


def _extended(source: Pieces, length_s: float) -> Pieces:
    """The pieces, and one more at the last level."""
    last = source.end[-1]
    knots_s = np.append(source.knots_s, source.knots_s[-1] + length_s)
    start, end = np.append(source.start, last), np.append(source.end, last)
    return Pieces(knots_s, start, end, start, end)


def _with_floor(source: Pieces, settings: PowerSmoothing, left_s: float) -> tuple[Pieces, float, Floats]:
    """The target of the ramps, for how long the floor is still held at the end, and the tally."""
    out, tally = kernels.empty_pieces(3 * source.start.size), np.zeros(kernels.TALLY_SIZE)
    count, left_s = kernels.hold_floor(source, settings.floor_w, settings.hysteresis_s, left_s, out, tally)
    return kernels.first_pieces(out, count), left_s, tally


def _limited(target: Pieces, up: float, down: float, start: float) -> tuple[Pieces, Floats]:
    out, tally = kernels.empty_pieces(2 * target.start.size), np.zeros(kernels.TALLY_SIZE)
    count, _ = kernels.limit_slope(target, up, down, start, out, tally)
    return kernels.first_pieces(out, count), tally


def _periodic_start(target: Pieces, up: float, down: float) -> float:
    """The output that comes back after one period.

    The output at the end never falls, and never rises faster, with that at the start, and the target's extremes
    enclose it. Where many come back, as with slow and equal rates, it is the one nearest to the target's mean.
    """
    out, tally = kernels.empty_pieces(2 * target.start.size), np.zeros(kernels.TALLY_SIZE)

    def gained(start: float) -> float:
        return kernels.limit_slope(target, up, down, start, out, tally)[1] - start

    lengths = np.diff(target.knots_s)
    once = float(np.sum(lengths * (target.start + target.end)) / (2.0 * lengths.sum()))
    once += gained(once)
    if gained(once) == 0.0:  # it has met its target on the way, and so forgotten where it began
        return once
    low, high = float(min(target.start.min(), target.end.min())), float(max(target.start.max(), target.end.max()))
    if gained(low) <= 0.0:
        return low
    if gained(high) >= 0.0:
        return high
    return float(brentq(gained, low, high, xtol=1e-13 * (high - low)))


def _report(output: Pieces, tally: Floats, joules: float) -> LimitReport:
    """The report of a tally whose energies are in units of so many joules."""
    lengths = np.diff(output.knots_s)
    energies = (
        0.5 * float(np.sum(lengths * (start + end)))
        for start, end in ((output.input_start, output.input_end), (output.start, output.end))
    )
    before, after = energies
    return LimitReport(
        duration_s=float(output.knots_s[-1] - output.knots_s[0]),
        input_j=joules * before,
        output_j=joules * after,
        burnt_j=joules * float(tally[kernels.BURNT]),
        deferred_j=joules * float(tally[kernels.DEFERRED]),
        at_floor_s=float(tally[kernels.FLOOR_S]),
        ramping_up_s=float(tally[kernels.UP_S]),
        ramping_down_s=float(tally[kernels.DOWN_S]),
        floor_holds=int(tally[kernels.FLOOR_COUNT]),
        ramps_up=int(tally[kernels.UP_COUNT]),
        ramps_down=int(tally[kernels.DOWN_COUNT]),
    )
