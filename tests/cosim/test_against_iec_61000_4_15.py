"""Test tables of IEC 61000-4-15, edition 2 (2010), at rates of samples that a simulation stores.

The standard allows 5 % for rectangular and 8 % for sinusoidal changes; here it is 2 %. All signals are band-limited:
a rectangle is the sum of its harmonics below half the rate.
"""

import numpy as np
import pytest

from cosim.metrics.flickermeter import SETTLING_S, block_3, sensation, short_term_severity

RATES_HZ = (480, 200)
WINDOW_S = 600
# Relative change in percent that gives Pst = 1. The last rate is 4000 with 50 Hz mains and 4800 with 60 Hz.
CHANGES_PER_MIN = (1, 2, 7, 39, 110, 1620, None)
RECTANGULAR = {
    ("230v", 50): (2.715, 2.191, 1.450, 0.894, 0.722, 0.407, 2.343),
    ("230v", 60): (2.719, 2.194, 1.450, 0.895, 0.723, 0.409, 3.263),
    ("120v", 50): (3.178, 2.561, 1.694, 1.045, 0.844, 0.545, 3.426),
    ("120v", 60): (3.181, 2.564, 1.694, 1.040, 0.844, 0.548, 4.837),
}
# Relative peak-to-peak change in percent that gives a peak sensation of 1.
MODULATION_HZ = (0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 8.8, 10.0, 12.0, 15.0, 20.0, 25.0)
SINUSOIDAL = {
    ("230v", 50): (2.325, 1.397, 0.879, 0.645, 0.396, 0.280, 0.250, 0.261, 0.314, 0.438, 0.704, 1.037),
    ("120v", 60): (2.453, 1.465, 0.942, 0.717, 0.466, 0.346, 0.321, 0.341, 0.417, 0.592, 0.977, 1.464),
}


def rectangles(changes_per_min, change_percent, rate_hz):
    """600 s of rms voltage [sample] around 1 pu with so many changes; a whole number of periods for whole numbers."""
    samples = WINDOW_S * rate_hz
    first = changes_per_min * WINDOW_S // 120  # two changes a period
    harmonics = np.arange(first, (samples + 1) // 2, 2 * first)
    spectrum = np.zeros(samples // 2 + 1, dtype=complex)
    spectrum[harmonics] = -1j * samples / 2 * (change_percent / 200) * 4 / np.pi / (harmonics / first)
    return 1 + np.fft.irfft(spectrum, samples)


def rectangular_rows():
    for (lamp, mains_hz), row in RECTANGULAR.items():
        for changes, percent in zip(CHANGES_PER_MIN, row, strict=True):
            yield lamp, mains_hz, changes or 80 * mains_hz, percent


def sinusoidal_rows():
    for (lamp, mains_hz), row in SINUSOIDAL.items():
        for frequency_hz, percent in zip(MODULATION_HZ, row, strict=True):
            yield lamp, mains_hz, frequency_hz, percent


def test_rectangles_of_the_tests_are_rectangular():
    voltage = rectangles(7, 2.0, 480)
    edge = 480 * 60 // 7
    assert voltage[edge // 4 : 3 * edge // 4] == pytest.approx(1.01, abs=1e-4)
    assert voltage[edge + edge // 4 : edge + 3 * edge // 4] == pytest.approx(0.99, abs=1e-4)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize(("lamp", "mains_hz", "changes_per_min", "percent"), list(rectangular_rows()))
def test_rectangular_changes_give_a_pst_of_one(lamp, mains_hz, changes_per_min, percent, rate_hz):
    voltage = rectangles(changes_per_min, percent, rate_hz)
    settling = voltage[-60 * rate_hz :]  # the changes have gone on before
    found = sensation(np.concatenate([settling, voltage]), rate_hz, lamp, mains_hz)
    assert short_term_severity(found[settling.size :]) == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize(("lamp", "mains_hz", "frequency_hz", "percent"), list(sinusoidal_rows()))
def test_sinusoidal_changes_give_a_peak_sensation_of_one(lamp, mains_hz, frequency_hz, percent, rate_hz):
    time_s = np.arange(80 * rate_hz) / rate_hz
    voltage = 1 + percent / 200 * np.sin(2 * np.pi * frequency_hz * time_s)
    found = sensation(voltage, rate_hz, lamp, mains_hz)
    assert found[-20 * rate_hz :].max() == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize(("lamp", "largest"), [("230v", 1.0), ("120v", 0.250 / 0.321)])
def test_eye_is_most_sensitive_at_8_8_hz(lamp, largest):
    frequency_hz = np.linspace(1.0, 30.0, 2901)
    response = np.abs(block_3(frequency_hz, lamp, 60))
    assert response.max() == pytest.approx(largest, rel=0.01)  # the 120 V lamp flickers less
    assert frequency_hz[response.argmax()] == pytest.approx(8.8, abs=0.3)


def test_settling_outlasts_the_slowest_filter():
    assert np.exp(-2 * np.pi * 0.05 * SETTLING_S) < 1e-8
