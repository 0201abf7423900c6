"""What a trace is like: level, extremes, ramps, and the periods of its fluctuation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import find_peaks, periodogram

from loads.interpolation import Waveform, point_sample
from loads.segments import Floats
from loads.trace import Trace

MAX_SPECTRUM_SAMPLES = 2**20
"""A longer record is averaged to this many samples before its spectrum is taken."""

PEAK_OVER_MEDIAN = 40.0
"""A line of the spectrum is at least this many times its median. Of n bins of white noise the largest is about
1.44 ln(n) times the median, 20 for a million, so that noise alone shows no line."""

PEAK_OVER_SURROUNDINGS = 8.0
"""And this many times the median between a third and three times its frequency: a single step has a spectrum that falls
with the square of the frequency, and ripples by a factor of 4."""

SAME_LINE = 0.15
"""A line that wanders is one line: weaker peaks within this share of its frequency are part of it."""

SMALLEST_SHARE = 0.01
"""A line holds at least this share of the fluctuation's energy."""

RAMP_WINDOWS_S = (0.1, 1.0, 10.0, 60.0)


@dataclass(frozen=True)
class Spectrum:
    """One-sided power spectral density of the fluctuation, Hann window, linear trend removed.

    Parameters
    ----------
    frequency_hz
        Shape (m,), from the first frequency above 0.
    density_w2_per_hz
        Shape (m,).
    """

    frequency_hz: Floats
    density_w2_per_hz: Floats


@dataclass(frozen=True)
class Line:
    """A periodic part of a trace.

    Parameters
    ----------
    period_s, frequency_hz
        Of the line, refined between the bins.
    share
        Of the fluctuation's energy that lies within two bins of the line.
    """

    period_s: float
    frequency_hz: float
    share: float


def spectrum(trace: Trace) -> Spectrum:
    """Return the spectrum of the trace, evenly sampled at its sample interval."""
    interval_s, samples = _even_samples(trace)
    if samples.size < 8:
        return Spectrum(np.empty(0), np.empty(0))
    frequency, density = periodogram(samples, 1.0 / interval_s, "hann", detrend="linear")
    return Spectrum(frequency[1:], density[1:])


def _even_samples(trace: Trace) -> tuple[float, Floats]:
    """Samples at the trace's interval: its values if it is linear, else (or if it is too long) interval means."""
    interval_s = float(max(trace.sample_interval_s, trace.duration_s / MAX_SPECTRUM_SAMPLES))
    count = int(trace.duration_s / interval_s * (1.0 + 1e-9))
    waveform = Waveform.from_trace(trace, "hold")
    if trace.shape == "linear" and interval_s == trace.sample_interval_s:
        return interval_s, point_sample(waveform, interval_s * np.arange(count + 1, dtype=np.float64))
    return interval_s, waveform.interval_means(interval_s, count)


def dominant_lines(trace: Trace, most: int = 3) -> list[Line]:
    """Return the strongest lines of the spectrum, strongest first.

    A line is a peak that stands out from the whole spectrum (`PEAK_OVER_MEDIAN`) and from what surrounds it
    (`PEAK_OVER_SURROUNDINGS`), holds at least `SMALLEST_SHARE` of the fluctuation's energy, and has two periods or more
    in the record. A record without one, such as a constant, noise or a single step, has none.
    """
    found = spectrum(trace)
    density = found.density_w2_per_hz
    total = density.sum()
    # What rounding leaves of a constant is no fluctuation.
    if total <= 0.0 or np.sqrt(total * found.frequency_hz[0]) < 1e-9 * abs(trace.mean_w):
        return []
    peaks, _ = find_peaks(density, height=PEAK_OVER_MEDIAN * np.median(density), distance=3)
    peaks = peaks[peaks >= 1]  # the bin of two periods
    bin_hz = found.frequency_hz[0]
    lines: list[Line] = []
    for k in peaks[np.argsort(-density[peaks], kind="stable")]:
        frequency_hz = float(found.frequency_hz[k] + bin_hz * _offset(density[k - 1 : k + 2]))
        share = float(density[max(k - 2, 0) : k + 3].sum() / total)
        surroundings = np.median(density[max((k + 1) // 3 - 1, 0) : 3 * (k + 1)])
        part_of_another = any(abs(frequency_hz / line.frequency_hz - 1.0) < SAME_LINE for line in lines)
        if share < SMALLEST_SHARE or part_of_another or density[k] < PEAK_OVER_SURROUNDINGS * surroundings:
            continue
        lines.append(Line(1.0 / frequency_hz, frequency_hz, share))
        if len(lines) == most:
            break
    return lines


def _offset(three: Floats) -> float:
    """Vertex of the parabola through the logarithms of a peak and its neighbours, in bins."""
    if three.size < 3 or (three <= 0.0).any():
        return 0.0
    left, middle, right = np.log(three)
    curvature = left - 2.0 * middle + right
    return float(0.5 * (left - right) / curvature) if curvature < 0.0 else 0.0


def max_ramp_w_per_s(trace: Trace) -> float:
    """Largest |dP/dt| between neighbouring samples; of a hold trace, between the middles of neighbouring intervals."""
    intervals = np.diff(trace.time_s)
    if trace.shape == "hold":
        intervals = 0.5 * (intervals[:-1] + intervals[1:])
    changes = np.abs(np.diff(trace.power_w))
    return float((changes / intervals).max(initial=0.0))


def largest_changes_w(trace: Trace, windows_s: Sequence[float] = RAMP_WINDOWS_S) -> dict[float, float]:
    """Return the largest |P(t) - P(t - w)| over all samples for each window that the record and its interval allow."""
    interval_s, samples = _even_samples(trace)
    changes = {}
    for window_s in windows_s:
        lag = round(window_s / interval_s)
        if 1 <= lag < samples.size:
            changes[window_s] = float(np.abs(samples[lag:] - samples[:-lag]).max())
    return changes


def percentiles_w(trace: Trace, percents: Sequence[float]) -> Floats:
    """Return powers [W] that the trace is at or below for shares of its time, shape of `percents`."""
    lengths = np.diff(trace.time_s)
    if trace.shape == "hold":
        power, weights = trace.power_w, lengths
    else:
        power = trace.power_w
        weights = 0.5 * (np.append(lengths, 0.0) + np.insert(lengths, 0, 0.0))
    order = np.argsort(power, kind="stable")
    reached = np.cumsum(weights[order])
    places = np.searchsorted(reached, np.asarray(percents) / 100.0 * reached[-1])
    return power[order][np.minimum(places, power.size - 1)]
