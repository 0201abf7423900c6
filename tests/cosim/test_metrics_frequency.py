import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_runs import write_run

from cosim.metrics import Wanted, faults, frequency, frequency_means

UNEVEN_S = st.lists(st.floats(1e-3, 0.4), min_size=5, max_size=80).map(
    lambda steps: np.concatenate([[0.0], np.cumsum(steps)])
)


@settings(deadline=None)
@given(time_s=UNEVEN_S, slope=st.floats(-5, 5), window_s=st.sampled_from([0.1, 0.5, 1.0]))
def test_rocof_of_a_ramp_is_its_slope(time_s, slope, window_s):
    at, rate = frequency.rocof(time_s, 60 + slope * time_s, window_s)
    np.testing.assert_allclose(rate, slope, atol=1e-9)
    if time_s[-1] > window_s:
        assert at[0] == window_s
        assert at[-1] == pytest.approx(time_s[-1])
    else:
        assert at.size == 0


@settings(deadline=None)
@given(time_s=UNEVEN_S, seed=st.integers(0, 999), window_s=st.sampled_from([0.1, 0.5, 1.0]))
def test_max_rocof_is_never_below_a_dense_scan(time_s, seed, window_s):
    f_hz = 60 + np.random.default_rng(seed).normal(scale=0.1, size=time_s.size)
    worst = frequency.max_rocof(time_s, f_hz, window_s, [])
    if isinstance(worst, str):
        return
    dense = np.linspace(window_s, time_s[-1], 3000)
    scan = np.abs(np.interp(dense, time_s, f_hz) - np.interp(dense - window_s, time_s, f_hz)) / window_s
    assert worst[0] >= scan.max() - 1e-9
    at = worst[1]
    exact = abs(np.interp(at, time_s, f_hz) - np.interp(at - window_s, time_s, f_hz)) / window_s
    assert worst[0] == pytest.approx(exact)


def test_rocof_of_a_sine_is_its_chord():
    time_s = np.arange(0, 10, 0.001)
    f_hz = 60 + 0.1 * np.sin(2 * np.pi * 0.5 * time_s)
    for window_s in (0.1, 0.5, 1.0):
        # Largest chord of A sin(w t) over a window T: 2 A sin(w T / 2) / T.
        expected = 2 * 0.1 * np.sin(np.pi * 0.5 * window_s) / window_s
        assert frequency.max_rocof(time_s, f_hz, window_s, [])[0] == pytest.approx(expected, rel=1e-5)


def test_rocof_is_not_counted_near_a_fault():
    time_s = np.arange(0, 10.005, 0.01)
    f_hz = 60 - 0.01 * time_s
    f_hz += np.where((time_s > 4) & (time_s < 4.2), -0.5, 0.0)
    assert frequency.max_rocof(time_s, f_hz, 0.5, [])[0] > 0.9
    value, at = frequency.max_rocof(time_s, f_hz, 0.5, [(4.0, 4.2)])
    assert value == pytest.approx(0.01)
    assert not 4.0 < at < 4.7 - 1e-9
    assert "faults" in frequency.max_rocof(time_s, f_hz, 0.5, [(0.0, np.inf)])


def test_fault_intervals_merge_and_may_stay_open():
    events = pd.DataFrame(
        {
            "time_s": [1.0, 1.1, 1.2, 1.3, 2.0, 5.0],
            "kind": ["fault", "fault", "fault_cleared", "fault_cleared", "line_trip", "fault"],
        }
    )
    assert faults.fault_intervals(events) == [(1.0, 1.3), (5.0, np.inf)]
    assert faults.fault_intervals(events.iloc[:0]) == []


def test_window_shorter_than_recording_interval_or_longer_than_record():
    time_s = np.arange(0, 5, 0.2)
    assert "recording interval" in frequency.max_rocof(time_s, time_s, 0.1, [])
    assert "shorter than the window" in frequency.max_rocof(time_s, time_s, 10.0, [])
    assert "shorter than the window" in frequency.max_rocof(time_s[:1], time_s[:1], 0.1, [])
    assert not isinstance(frequency.max_rocof(np.arange(11) * 0.1, np.ones(11), 1.0, []), str)


def test_settling_averages_over_time_not_over_samples():
    # 100 s: the window is 90..100 s. f is 60 until 95 s, then 61, sampled a hundred times more densely there.
    time_s = np.concatenate([np.arange(0, 95, 1.0), [95.0], 95 + np.arange(1, 501) * 0.01])
    f_hz = np.where(time_s <= 95, 60.0, 61.0)
    assert frequency_means.settling(time_s, f_hz) == pytest.approx(60.5, abs=1e-3)


def test_settling_window_is_at_least_a_second():
    time_s = np.linspace(0, 2, 201)
    assert frequency_means.settling(time_s, time_s) == pytest.approx(1.5)  # mean over 1..2
    assert frequency_means.settling(time_s[:101], time_s[:101]) == pytest.approx(0.5)
    assert frequency_means.settling(time_s[:50], time_s[:50]) is None


def test_centre_of_inertia_leaves_out_infinite_buses():
    speed = np.array([[1.0, 1.01, 5.0], [0.99, 1.0, 5.0]])
    np.testing.assert_allclose(frequency.centre_of_inertia(speed, np.array([3.0, 1.0, np.inf])), [1.0025, 0.9925])


@pytest.fixture
def swing(tmp_path):
    time_s = np.arange(0, 20.001, 0.01)
    low = 1 - 0.002 * np.sin(np.pi * time_s / 20) ** 2  # nadir 59.88 Hz at 10 s
    high = 1 + 0.0011 * np.sin(2 * np.pi * time_s)  # zenith 60.066 Hz at 0.25 s, peak to peak 132 mHz
    return write_run(
        tmp_path,
        time_s,
        {
            "speed_pu": {"G1": high, "G2": low},
            "frequency_hz": {"1": 60 * low, "2": np.full(time_s.size, 60.0), "3": 60.3 - 0 * time_s},
        },
        inertia=[0.0, 5.0],
        every_s=0.05,
    )


def test_section(swing):
    section = frequency.assess(swing)
    values, reasons = section.values, section.reasons
    assert not reasons
    assert values["nadir_hz"] == pytest.approx(59.88)
    assert values["nadir_time_s"] == pytest.approx(10.0)
    assert values["nadir_generator"] == "G2"
    assert values["zenith_hz"] == pytest.approx(60.066)
    assert values["zenith_generator"] == "G1"
    assert values["zenith_time_s"] == pytest.approx(0.25)
    assert values["max_deviation_mhz"] == pytest.approx(120.0)
    assert values["peak_to_peak_mhz"] == pytest.approx(132.0)
    assert values["peak_to_peak_generator"] == "G1"
    assert values["worst_bus"] == "3"
    assert values["worst_bus_deviation_mhz"] == pytest.approx(300.0)
    assert values["coi"]["nadir_hz"] == pytest.approx(59.88)  # G1 weighs nothing
    assert values["coi"]["peak_to_peak_mhz"] == pytest.approx(120.0)
    slope = 60 * 0.002 * np.pi / 20
    assert values["max_rocof_hz_per_s"]["100ms"] == pytest.approx(slope, rel=1e-3)


def test_recorded_coi_has_extrema_of_every_node(tmp_path):
    time_s = np.arange(0, 3.001, 0.01)
    coi = np.full(time_s.size, 60.0)
    coi[105] = 59.0  # between two stored rows
    run = write_run(tmp_path, time_s, {"coi_hz": {"coi": coi}}, every_s=0.1)
    section = frequency.assess(run)
    values, reasons = section.values, section.reasons
    assert values["coi"]["nadir_hz"] == 59.0
    assert values["coi"]["nadir_time_s"] == pytest.approx(1.05)
    assert values["settling_hz"] == 60.0
    assert values["nadir_hz"] is None
    assert "speed_pu was not recorded" in reasons["frequency.nadir_hz"]


@pytest.mark.parametrize("channels", [{}, {"speed_pu": {"G1": np.empty(0)}}])
def test_nothing_recorded(tmp_path, channels):
    section = frequency.assess(write_run(tmp_path, [], channels))
    values, reasons = section.values, section.reasons
    assert values["nominal_hz"] == 60.0
    assert values["nadir_hz"] is values["settling_hz"] is values["coi"]["nadir_hz"] is None
    assert {"frequency.nadir_hz", "frequency.coi", "frequency.worst_bus"} <= set(reasons)


def test_time_outside_bands_by_1_s_means(tmp_path):
    time_s = np.arange(0, 20.001, 0.05)
    hz = np.where((time_s >= 4) & (time_s < 7), 59.9, 60.0)  # 3 s at -100 mHz
    hz = np.where((time_s >= 10.2) & (time_s < 10.5), 59.0, hz)  # a mean of about -300 mHz in one second
    run = write_run(tmp_path, time_s, {"speed_pu": {"G": hz / 60}}, inertia=[1.0])
    section = frequency.assess(run, Wanted(("frequency.outside_s.90mHz", "frequency.outside_s.250mHz")))
    found = section.values["outside_s"]
    assert found["90mHz"] == 4
    assert found["250mHz"] == 1
    assert found["500mHz"] == 0
    assert section.places["frequency.outside_s.90mHz"] == ("centre of inertia", 4.0)


def test_a_mean_on_the_band_is_inside(tmp_path):
    time_s = np.arange(0, 5.005, 0.01)
    run = write_run(tmp_path, time_s, {"speed_pu": {"G": np.full(time_s.size, 59.5 / 60)}}, inertia=[1.0])
    found = frequency.assess(run).values["outside_s"]
    assert found["500mHz"] == 0  # whatever the rounding of the speeds
    assert found["200mHz"] == 5
    exact = write_run(tmp_path, time_s, {"speed_pu": {"G": np.full(time_s.size, 0.9921875)}}, inertia=[1.0])
    wanted = Wanted(("frequency.outside_s.468.75mHz", "frequency.outside_s.468.74mHz"))
    found = frequency.assess(exact, wanted).values["outside_s"]
    assert (found["468.75mHz"], found["468.74mHz"]) == (0, 5)


def test_ten_second_means_and_settling_deviation(tmp_path):
    time_s = np.arange(0, 40.001, 0.1)
    hz = np.interp(time_s, [0, 20, 40], [60, 59.8, 59.8])
    section = frequency.assess(write_run(tmp_path, time_s, {"speed_pu": {"G": hz / 60}}, inertia=[1.0]))
    assert section.values["mean_10s"]["min_hz"] == pytest.approx(59.8)
    assert section.values["mean_10s"]["max_hz"] == pytest.approx(59.95, abs=1e-4)
    assert section.values["settling_deviation_mhz"] == pytest.approx(200)
    assert section.values["coi"]["max_deviation_mhz"] == pytest.approx(200)
    assert section.places["frequency.coi.max_deviation_mhz"] == ("centre of inertia", pytest.approx(20))
    assert section.places["frequency.nadir_hz"].where == "G"
