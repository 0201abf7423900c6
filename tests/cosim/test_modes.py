"""The matrix pencil on known signals: 20 s at 30 samples/s, up to four modes at least 0.15 Hz apart, 40 dB."""

import numpy as np
import pytest

from cosim.metrics.modes import find_modes

TIME_S = np.arange(600) / 30.0


def ringdown(time_s, frequency_hz, damping, amplitude, phase):
    omega = 2 * np.pi * np.asarray(frequency_hz)
    sigma = np.asarray(damping) * omega / np.sqrt(1 - np.asarray(damping) ** 2)
    at = time_s[:, None]
    return (amplitude * np.exp(-sigma * at) * np.cos(omega * at + phase)).sum(axis=1)


def draw(seed, highest_hz, most_damping):
    rng = np.random.default_rng(seed)
    count = 1 + seed % 4
    while True:
        frequency_hz = np.sort(rng.uniform(0.15, highest_hz, count))
        if count == 1 or np.diff(frequency_hz).min() >= 0.15:
            break
    damping = rng.uniform(0, most_damping, count)
    signal = ringdown(TIME_S, frequency_hz, damping, rng.uniform(0.2, 1, count), rng.uniform(0, 2 * np.pi, count))
    noise = rng.normal(0, 0.01 * np.sqrt(np.mean(signal**2)), TIME_S.size)  # 40 dB under the whole signal
    return frequency_hz, damping, signal + noise


def misses(seed, highest_hz, most_damping):
    frequency_hz, damping, signal = draw(seed, highest_hz, most_damping)
    found = find_modes(signal, 30.0, 0.1, 5.0)
    near = [
        any(abs(m.frequency_hz / f - 1) < 0.01 and abs(m.damping_percent - 100 * z) < 0.5 for m in found)
        for f, z in zip(frequency_hz, damping, strict=True)
    ]
    return len(found) != len(frequency_hz) or not all(near)


@pytest.mark.parametrize(("highest_hz", "most_damping"), [(1.2, 0.05), (2.0, 0.08)])
def test_every_mode_is_found(highest_hz, most_damping):
    assert [seed for seed in range(120) if misses(seed, highest_hz, most_damping)] == []


def test_nearly_every_mode_is_found_where_lines_overlap():
    # At 3 Hz and 15 % a mode is 0.9 Hz wide: two of them 0.15 Hz apart are one hump, and 40 dB tell them apart rarely.
    assert sum(misses(seed, 3.0, 0.15) for seed in range(120)) <= 4


def test_four_modes_as_near_as_they_may_be():
    frequency_hz, damping = np.array([0.5, 0.65, 0.8, 0.95]), np.array([0.01, 0.03, 0.05, 0.02])
    signal = ringdown(TIME_S, frequency_hz, damping, np.array([1, 0.5, 0.8, 0.6]), np.arange(4.0))
    noise = np.random.default_rng(3).normal(0, 0.01 * np.sqrt(np.mean(signal**2)), TIME_S.size)
    found = sorted(find_modes(signal + noise, 30.0, 0.1, 5.0), key=lambda m: m.frequency_hz)
    assert [m.frequency_hz for m in found] == pytest.approx(frequency_hz, rel=0.01)
    assert [m.damping_percent for m in found] == pytest.approx(100 * damping, abs=0.5)


@pytest.mark.parametrize("seed", range(4))
def test_a_mode_lies_where_the_residual_is_least(seed):
    values = ringdown(TIME_S, [0.8], [0.05], 1.0, 0.4) + np.random.default_rng(seed).normal(0, 0.02, TIME_S.size)
    (mode,) = find_modes(values, 30.0, 0.1, 5.0)

    def residual(by_frequency, by_damping):
        omega = 2 * np.pi * mode.frequency_hz * (1 + by_frequency)
        damping = mode.damping_percent / 100 + by_damping
        pole = omega * (1j - damping / np.sqrt(1 - damping**2))
        wave = np.exp(pole * TIME_S)
        columns = np.column_stack([wave.real, wave.imag, np.ones(TIME_S.size), TIME_S])
        return np.linalg.lstsq(columns, values, rcond=None)[1].item()

    def least(before, at, after, step):
        return 0.5 * step * (before - after) / (before - 2 * at + after)

    step, at = 1e-4, residual(0, 0)  # the pencil alone is off by 3e-5 to 1e-4
    assert least(residual(-step, 0), at, residual(step, 0), step) == pytest.approx(0, abs=3e-6)
    assert least(residual(0, -step), at, residual(0, step), step) == pytest.approx(0, abs=3e-6)


def test_amplitude_and_phase_of_each_channel():
    one = ringdown(TIME_S, [0.7], [0.05], 2.0, 0.5)
    other = ringdown(TIME_S, [0.7], [0.05], 0.5, -1.0)
    (mode,) = find_modes(np.column_stack([one, other, np.full(TIME_S.size, 3.0)]), 30.0, 0.1, 5.0)
    assert mode.amplitude == pytest.approx((2.0, 0.5, 0.0), abs=1e-6)
    assert mode.phase_rad[:2] == pytest.approx((0.5, -1.0), abs=1e-6)


@pytest.mark.parametrize("damping", [0.0, -0.02])
def test_sustained_and_growing_oscillations(damping):
    (mode,) = find_modes(ringdown(TIME_S, [0.6], [damping], 1.0, 0.3), 30.0, 0.1, 5.0)
    assert mode.frequency_hz == pytest.approx(0.6, rel=1e-3)
    assert mode.damping_percent == pytest.approx(100 * damping, abs=0.05)


def test_offsets_trends_and_decays_are_no_modes():
    moving = 60.0 + 0.02 * TIME_S - 0.5 * np.exp(-TIME_S / 3)
    assert find_modes(np.full(TIME_S.size, 59.9), 30.0, 0.1, 5.0) == []
    assert find_modes(np.full(4000, 59.9), 200.0, 0.1, 5.0) == []
    noise = np.random.default_rng(0).normal(0, 1e-3, TIME_S.size)
    for values in (moving, moving + noise):
        assert all(m.amplitude[0] < 5e-3 for m in find_modes(values, 30.0, 0.1, 5.0))
    with_mode = moving + noise + ringdown(TIME_S, [1.1], [0.04], 0.2, 0.0)
    largest = find_modes(with_mode, 30.0, 0.1, 5.0)[0]
    assert (largest.frequency_hz, largest.damping_percent) == (pytest.approx(1.1, rel=0.01), pytest.approx(4, abs=0.5))


def test_long_records_are_decimated_without_loss():
    time_s = np.arange(20_000) / 1000.0
    found = find_modes(ringdown(time_s, [0.4, 4.5], [0.03, 0.02], np.array([1.0, 0.5]), 0.0), 1000.0, 0.1, 5.0)
    assert sorted(m.frequency_hz for m in found) == pytest.approx([0.4, 4.5], rel=1e-3)


@pytest.mark.parametrize("trend", [0.0, -2.0])
def test_decimation_stands_an_offset_far_above_the_oscillation(trend):
    # A single machine's own frequency in mHz.
    time_s = np.arange(4000) / 200.0
    (mode,) = find_modes(6e4 + trend * time_s + ringdown(time_s, [1.2], [0.15], 10.0, 0.3), 200.0, 0.1, 5.0)
    assert (mode.frequency_hz, mode.damping_percent) == (pytest.approx(1.2, rel=1e-3), pytest.approx(15, abs=0.02))
    assert mode.amplitude == pytest.approx((10.0,), rel=0.005)


def test_short_records_have_none():
    assert find_modes(np.sin(np.arange(10.0)), 30.0, 0.1, 5.0) == []
