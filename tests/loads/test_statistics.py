import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loads_reference import make_trace

from loads.statistics import dominant_lines, largest_changes_w, max_ramp_w_per_s, percentiles_w, spectrum
from loads.workloads import TrainingCycle


def sampled(power, interval_s=0.1, shape="linear"):
    return make_trace(interval_s * np.arange(len(power) + (shape == "hold")), power, shape)


@settings(deadline=None, max_examples=30)
@given(st.floats(0.35, 20.0), st.floats(0.0, 6.28), st.integers(0, 1000))
def test_the_period_of_a_noisy_sine(period_s, phase, seed):
    time_s = 0.1 * np.arange(3000)
    noise = np.random.default_rng(seed).normal(0, 5, time_s.size)
    line = dominant_lines(sampled(1000 + 100 * np.sin(2 * np.pi * time_s / period_s + phase) + noise))[0]
    assert line.period_s == pytest.approx(period_s, rel=0.01)
    assert line.share > 0.9
    assert line.frequency_hz == pytest.approx(1 / line.period_s)


def test_two_lines_in_order_of_strength():
    time_s = 0.1 * np.arange(3000)
    lines = dominant_lines(sampled(500 + 30 * np.sin(2 * np.pi * time_s) + 60 * np.sin(2 * np.pi * time_s / 7)))
    assert [line.period_s for line in lines[:2]] == pytest.approx([7, 1], rel=0.01)
    assert lines[0].share == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_noise_and_constants_have_no_line(seed):
    noise = np.random.default_rng(seed).normal(1000, 100, 20_000)
    assert dominant_lines(sampled(noise)) == []
    assert dominant_lines(sampled(np.full(1000, 71.3))) == []
    assert dominant_lines(sampled([1.0, 2.0, 1.0])) == []


def test_a_single_step_or_ramp_has_no_line():
    time_s = 0.1 * np.arange(1500)
    for power in (np.where(time_s < 60, 100.0, 500.0), np.clip(time_s, 40, 70), 500 - 300 * np.exp(-time_s / 20)):
        assert dominant_lines(sampled(power)) == []


def test_a_wandering_line_is_one_line():
    trace = TrainingCycle(frequency_hz=1.0).generate(120, 50, 3)
    (line, *others) = dominant_lines(trace)
    assert line.frequency_hz == pytest.approx(1.0, rel=0.1)
    assert all(abs(other.frequency_hz / line.frequency_hz - 1) > 0.1 for other in others)


def test_a_line_needs_two_periods():
    time_s = 0.1 * np.arange(1000)
    assert all(line.period_s < 52 for line in dominant_lines(sampled(100 + np.sin(2 * np.pi * time_s / 95))))


def test_the_spectrum_integrates_to_the_variance():
    power = np.random.default_rng(1).normal(1000, 50, 4096)
    found = spectrum(sampled(power, shape="hold"))
    assert (found.density_w2_per_hz.sum() * found.frequency_hz[0]) == pytest.approx(2500, rel=0.1)


def test_ramps():
    trace = make_trace([0, 1, 1.5, 4], [0, 10, 40, 15], "linear")
    assert max_ramp_w_per_s(trace) == 60
    assert max_ramp_w_per_s(make_trace([0, 1, 3], [5, 20], "hold")) == 10
    assert max_ramp_w_per_s(make_trace([0, 1], [5], "hold")) == 0
    changes = largest_changes_w(sampled(np.repeat([100.0, 300.0], 50), shape="hold"))
    assert changes == pytest.approx({0.1: 200, 1.0: 200})


def test_percentiles_weigh_time():
    assert percentiles_w(make_trace([0, 9, 10], [1.0, 5.0], "hold"), [50, 89, 95]).tolist() == [1, 1, 5]
    assert percentiles_w(make_trace([0, 1, 2], [0, 10, 20], "linear"), [20, 50, 80]).tolist() == [0, 10, 20]


def test_the_recording_of_gpt3(recorded):
    import pandas as pd

    table = pd.read_csv(recorded("gpt3-175b-512xh100/DERIVED_total_64nodes_2s.csv"))
    line = dominant_lines(make_trace(table["time_s"], table["total_power_w"], "linear"))[0]
    assert line.period_s == pytest.approx(10.93, rel=0.002)
