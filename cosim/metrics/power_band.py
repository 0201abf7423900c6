"""Power within frequency bands: peak to peak, rms, share of the fluctuation's energy, and the largest line."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

from cosim.metrics.band_filter import band_pass
from cosim.metrics.demand import Demand
from cosim.metrics.parameters import Band

Array = NDArray[np.float64]

STEADY_SHARE = 1e-9
"""A demand that moves by less than this share of itself is steady: what is left is rounding."""


def unusable(demand: Demand, band: Band) -> str | None:
    """Say why a band cannot be measured, if so."""
    if not np.isfinite(demand.power_mw).all():
        return "the demand is not finite throughout"
    if band.low_hz >= demand.rate_hz / 2:
        return f"{demand.rate_hz:g} samples/s do not show {band.low_hz:g} Hz"
    if demand.power_mw.size * demand.interval_s < 1 / band.low_hz:
        return f"the record is shorter than one period of {band.low_hz:g} Hz"
    return None


def unseen(demand: Demand, band: Band) -> str | None:
    """Say what of a band the record cannot show, if its upper edge is at or above the Nyquist frequency."""
    if band.high_hz < demand.rate_hz / 2:
        return None
    return f"{demand.rate_hz:g} samples/s show nothing above {demand.rate_hz / 2:g} Hz"


class Swing(NamedTuple):
    """How a demand swings in a band, at zero phase; ``time_s`` is that of the largest deviation."""

    peak_to_peak_mw: float
    rms_mw: float
    time_s: float


def band_swing(demand: Demand, band: Band) -> Swing:
    """Swing of a demand in a band."""
    series = band_pass(demand.power_mw, demand.rate_hz, *band)
    time_s = float(np.abs(series).argmax() * demand.interval_s)
    return Swing(float(np.ptp(series)), float(np.sqrt(np.mean(series**2))), time_s)


def band_energy_percent(demand: Demand, band: Band) -> float | None:
    """Share of the fluctuation's energy in a band, in percent; None for a demand that is steady.

    The fluctuation is the demand less its mean; its energy is the sum of its squares, divided over frequencies by
    Parseval's theorem.
    """
    moving = demand.power_mw - demand.power_mw.mean()
    if np.ptp(demand.power_mw) <= STEADY_SHARE * np.abs(demand.power_mw).max():
        return None
    energy = np.abs(fft.rfft(moving)) ** 2
    energy[1 : (moving.size + 1) // 2] *= 2  # every frequency but 0 and Nyquist stands for two
    frequency_hz = fft.rfftfreq(moving.size, demand.interval_s)
    inside = (frequency_hz >= band.low_hz) & (frequency_hz <= band.high_hz)
    return float(100 * energy[inside].sum() / energy.sum())


def amplitude_spectrum(demand: Demand) -> tuple[Array, Array]:
    """Amplitude of the fluctuation at each frequency.

    Hann window, linear trend removed, scaled so that a sinusoid of amplitude A on a bin shows A.

    Returns
    -------
    frequency_hz, amplitude_mw
        [frequency], from the first above 0; empty for a record of fewer than 8 intervals.
    """
    count = demand.power_mw.size
    if count < 8:
        return np.empty(0), np.empty(0)
    window = signal.windows.hann(count, sym=False)
    amplitude_mw = 2 * np.abs(fft.rfft(signal.detrend(demand.power_mw) * window)) / window.sum()
    return fft.rfftfreq(count, demand.interval_s)[1:], amplitude_mw[1:]


def dominant_frequency(demand: Demand) -> float | None:
    """Frequency in Hz of the largest line of :func:`amplitude_spectrum`; None for a demand that is steady."""
    frequency_hz, amplitude_mw = amplitude_spectrum(demand)
    if not amplitude_mw.size or amplitude_mw.max() <= STEADY_SHARE * np.abs(demand.power_mw).max():
        return None
    return float(frequency_hz[amplitude_mw.argmax()])
