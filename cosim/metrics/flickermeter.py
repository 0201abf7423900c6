"""The flickermeter of IEC 61000-4-15 (edition 2, 2010), fed with rms voltage instead of the mains waveform.

Blocks 1 to 4 of the standard make the instantaneous sensation from the voltage; block 5 makes the short-term severity
Pst from the statistics of the sensation, and the long-term severity Plt from twelve Pst. The voltage changes slowly
against the mains, so squaring the rms voltage is the standard's demodulator without the ripple at twice the mains
frequency, which its low-pass removes.

Block 3 is linear, and is applied as the exact response of the analogue filters to the spectrum of the whole record: at
200 samples/s a bilinear low-pass at 42 Hz would be far off. Below that rate, what a sudden change holds above half the
rate folds back into the band that the low-pass lets through.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
LampName = Literal["120v", "230v"]
SLOWEST_HZ = 200.0
"""Samples of rms voltage a second below which the sensation is not that of the standard."""


class Lamp(NamedTuple):
    """Weighting of lamp, eye and brain (IEC 61000-4-15:2010, table for block 3), and what scales it.

    ``reference_change`` is the peak-to-peak change, over the mean, of a sinusoidal modulation at 8.8 Hz that is just
    perceptible: a peak sensation of 1.
    """

    gain: float
    damping_hz: float
    centre_hz: float
    zero_hz: float
    first_pole_hz: float
    second_pole_hz: float
    reference_change: float


LAMPS: dict[LampName, Lamp] = {
    "120v": Lamp(1.6357, 4.167375, 9.077169, 2.939902, 1.394468, 17.31512, 0.00321),
    "230v": Lamp(1.74802, 4.05981, 9.15494, 2.27979, 1.22535, 21.9, 0.0025),
}
REFERENCE_HZ = 8.8
HIGH_PASS_HZ = 0.05
LOW_PASS_HZ = {50: 35.0, 60: 42.0}
"""Cut-off of the sixth-order Butterworth filter by mains frequency."""
ADAPTATION_S = 27.3
LEAST_MEAN_PU = 0.1
"""The sliding mean is not followed below this: an interruption (IEEE Std 1159) is no flicker."""
MEMORY_S = 0.3
SETTLING_S = 60.0
"""Of steady voltage before the record. The spectrum is periodic, so the jump from the record's end back to its
beginning falls into it, and the slowest filter, the high-pass, forgets all but 1e-8 of that."""

PST_WINDOW_S = 600.0
PST_PER_PLT = 12
# Weight of each group of levels, by the percentages of time in which they are exceeded (the groups smooth the levels).
PST_LEVELS = {
    (0.1,): 0.0314,
    (0.7, 1.0, 1.5): 0.0525,
    (2.2, 3.0, 4.0): 0.0657,
    (6.0, 8.0, 10.0, 13.0, 17.0): 0.28,
    (30.0, 50.0, 80.0): 0.08,
}
_FRACTIONS = 1 - np.concatenate([np.array(group) for group in PST_LEVELS]) / 100
_WEIGHTS = np.concatenate([np.full(len(group), weight / len(group)) for group, weight in PST_LEVELS.items()])


def sensation(voltage_pu: ArrayLike, rate_hz: float, lamp: LampName, mains_hz: int) -> Array:
    """Instantaneous flicker sensation: the output of block 4 of IEC 61000-4-15.

    The voltage is taken to have been steady at its first value before the record, as in a simulation that starts in
    equilibrium, so every sample counts and none is lost to settling.

    Parameters
    ----------
    voltage_pu
        Rms voltage [sample], finite.
    rate_hz
        Samples a second, at least 200.
    lamp
        Filament lamp at 120 V or 230 V.
    mains_hz
        50 or 60.

    Returns
    -------
    ndarray
        Sensation [sample] in units of perceptibility: 1 is just perceived by half of the people.

    Raises
    ------
    ValueError
        If the rate is too low, the mains frequency is another one, or there is no sample.
    """
    voltage = np.asarray(voltage_pu, dtype=float)
    if not is_fast_enough(rate_hz):
        raise ValueError(f"rate_hz must be >= {SLOWEST_HZ:g}, got {rate_hz:g}")
    if mains_hz not in LOW_PASS_HZ:
        raise ValueError(f"mains_hz must be 50 or 60, got {mains_hz:g}")
    if not voltage.size:
        raise ValueError("voltage_pu is empty")
    before = round(SETTLING_S * rate_hz)
    size = scipy.fft.next_fast_len(before + voltage.size, real=True)
    modulation = np.pad(_demodulated(voltage, rate_hz), (before, size - before - voltage.size), mode="edge")
    spectrum = scipy.fft.rfft(modulation)
    spectrum *= block_3(scipy.fft.rfftfreq(size, 1 / rate_hz), lamp, mains_hz)
    # Twice the rate makes room for the square's double frequencies.
    weighted = 2 * scipy.fft.irfft(spectrum, 2 * size)
    squared = _scale(lamp, mains_hz) * np.square(weighted)
    smooth = scipy.signal.lfilter(*_lag(MEMORY_S, 2 * rate_hz), squared)
    return smooth[2 * before : 2 * (before + voltage.size) : 2]


def block_3(frequency_hz: ArrayLike, lamp: LampName, mains_hz: int) -> NDArray[np.complex128]:
    """Frequency response of the high-pass, the low-pass and the lamp-eye weighting (block 3).

    Parameters
    ----------
    frequency_hz
        [frequency].
    lamp, mains_hz
        As in :func:`sensation`.
    """
    s = 1j * np.asarray(frequency_hz, dtype=float)  # over 2 pi, as all constants are in Hz
    gain, damping, centre, zero, first_pole, second_pole, _ = LAMPS[lamp]
    weighting = gain * centre * s / (s**2 + 2 * damping * s + centre**2)
    weighting *= (1 + s / zero) / ((1 + s / first_pole) * (1 + s / second_pole))
    numerator, denominator = scipy.signal.butter(6, LOW_PASS_HZ[mains_hz], analog=True)
    low_pass = np.polyval(numerator, s) / np.polyval(denominator, s)
    return s / (s + HIGH_PASS_HZ) * low_pass * weighting


def short_term_severity(sensation: Array) -> float:
    """Pst of one window: the weighted, smoothed levels that the sensation [sample] exceeds (block 5)."""
    return float(np.sqrt(_WEIGHTS @ np.quantile(sensation, _FRACTIONS)))


def long_term_severity(short_term: Sequence[float]) -> float:
    """Plt: cube root of the mean cube of consecutive Pst."""
    return float(np.cbrt(np.mean(np.power(short_term, 3))))


def is_fast_enough(rate_hz: float) -> bool:
    """Whether a rate reaches 200 samples/s, but for rounding."""
    return rate_hz >= SLOWEST_HZ * (1 - 1e-6)


def _demodulated(voltage_pu: Array, rate_hz: float) -> Array:
    """Blocks 1 and 2: half the square of the voltage over its sliding mean, less its steady value.

    With the mean's lower end a dead bus has no flicker, and the return of its voltage a finite one.
    """
    lag = _lag(ADAPTATION_S, rate_hz)
    mean, _ = scipy.signal.lfilter(*lag, voltage_pu, zi=scipy.signal.lfilter_zi(*lag) * voltage_pu[0])
    return (np.square(voltage_pu / np.maximum(mean, LEAST_MEAN_PU)) - 1) / 2


def _scale(lamp: LampName, mains_hz: int) -> float:
    """Factor on the squared signal that gives the reference modulation a peak sensation of 1.

    A sine of amplitude A squares to A^2 / 2 times 1 plus a ripple at twice its frequency, which the 0.3 s lag damps.
    """
    amplitude = LAMPS[lamp].reference_change / 2 * abs(block_3(REFERENCE_HZ, lamp, mains_hz))
    ripple = 1 / np.hypot(1, 2 * np.pi * 2 * REFERENCE_HZ * MEMORY_S)
    return float(2 / (amplitude**2 * (1 + ripple)))


def _lag(time_constant_s: float, rate_hz: float) -> tuple[Array, Array]:
    """Coefficients of a first-order lag; bilinear is exact enough for one so slow against the rate."""
    return scipy.signal.bilinear([1.0], [time_constant_s, 1.0], rate_hz)
