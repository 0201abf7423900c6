import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_runs import write_run

from cosim.metrics import ramp
from cosim.metrics.band_filter import first_order
from cosim.metrics.ramp import Demand

POWERS = st.lists(st.integers(-50, 50).map(float), min_size=1, max_size=60).map(np.array)


def held(demand, time_s):
    return demand.power_mw[min(int(time_s / demand.interval_s + 1e-9), demand.power_mw.size - 1)]


def slow_changes(demand, window_s):
    """P(t) - P(t - w) on a fine scan of t, off the edges of intervals."""
    fine = demand.interval_s / 20
    times = (np.arange(int(demand.power_mw.size * 20)) + 0.5) * fine
    return [held(demand, t) - held(demand, t - window_s) for t in times if t >= window_s]


@settings(deadline=None, max_examples=80)
@given(power=POWERS, interval_s=st.sampled_from([0.25, 0.5, 0.3, 0.7, 1.0]))
def test_changes_over_1_s_against_a_scan(power, interval_s):
    demand = Demand(power, interval_s)
    section = ramp.site_ramps(demand)
    values, reasons = section.values, section.reasons
    # A record a fraction of an interval longer than the window has a sliver of time that counts.
    if power.size * interval_s <= 1.0 + 1e-9:
        assert values["max_up_mw_per_s"] is None
        assert reasons["windows.1s"] == reasons["max_up_mw_per_s"]
        return
    changes = slow_changes(demand, 1.0)
    assert values["max_up_mw_per_s"] == max(*changes, 0.0)
    assert values["max_down_mw_per_s"] == max(*(-change for change in changes), 0.0)
    assert values["windows"]["1s"] == max(abs(change) for change in changes)


@settings(deadline=None, max_examples=80)
@given(power=POWERS, limit=st.sampled_from([0.0, 10.0, 40.5]), direction=st.sampled_from(["up", "down", "both"]))
def test_violations_against_a_slow_mask(power, limit, direction):
    lag, interval_s = 4, 0.25
    leaf = {"up": "max_up_mw_per_s", "down": "max_down_mw_per_s", "both": "windows.1s"}[direction]
    found = ramp.violations(Demand(power, interval_s), leaf, limit)
    mask = np.zeros(power.size, dtype=bool)
    worst = 0.0
    for k in range(lag, power.size):
        change = power[k] - power[k - lag]
        change = {"up": change, "down": -change, "both": abs(change)}[direction]
        mask[k] = change > limit
        worst = max(worst, change)
    beyond = np.flatnonzero(mask)
    for one, following in itertools.pairwise(beyond):
        if following - one - 1 < lag:  # less than a window apart
            mask[one:following] = True
    rebuilt = np.zeros(power.size, dtype=bool)
    for violation in found:
        first = round(violation.start_s / interval_s)
        length = round(violation.duration_s / interval_s)
        assert not rebuilt[max(first - 1, 0) : first + length].any()  # apart from each other
        rebuilt[first : first + length] = True
        assert violation.worst > limit
    np.testing.assert_array_equal(rebuilt, mask)
    assert max((violation.worst for violation in found), default=worst) == worst


def test_ramp_of_known_slope():
    time_s = (np.arange(120_000) + 0.5) * 0.001
    up = Demand(np.interp(time_s, [10, 30], [0, 100.0]), 0.001)  # 5 MW/s for 20 s
    values = ramp.site_ramps(up).values
    assert values["max_up_mw_per_s"] == pytest.approx(5)
    assert values["max_down_mw_per_s"] == 0
    assert values["max_down_time_s"] is None
    assert {k: v for k, v in values["windows"].items() if v is not None} == pytest.approx(
        {"1s": 5, "10s": 50, "60s": 100}
    )
    assert values["max_mw_per_min"] == pytest.approx(100)
    down = ramp.site_ramps(Demand(up.power_mw[::-1], 0.001)).values
    assert down["max_down_mw_per_s"] == pytest.approx(5)
    assert down["windows"]["10s"] == pytest.approx(values["windows"]["10s"])
    assert (values["max_up_mw_per_min"], values["max_down_mw_per_min"]) == (pytest.approx(100), 0)
    assert (down["max_up_mw_per_min"], down["max_down_mw_per_min"]) == (0, pytest.approx(100))
    assert values["excursion_mw"] == pytest.approx({"5s": 25.005, "15s": 75.005}, abs=0.01)
    (violation,) = ramp.violations(up, "windows.10s", 25.0)
    assert violation.start_s == pytest.approx(15, abs=0.002)
    assert violation.duration_s == pytest.approx(20, abs=0.004)  # until 35 s, when half the rise is inside
    assert violation.worst == pytest.approx(50)


def test_time_of_the_worst_step():
    power = np.full(100, 10.0)
    power[40:] = 60.0
    power[70:] = 40.0
    values = ramp.site_ramps(Demand(power, 0.5)).values
    assert (values["max_up_mw_per_s"], values["max_up_time_s"]) == (50.0, 20.0)
    assert (values["max_down_mw_per_s"], values["max_down_time_s"]) == (20.0, 35.0)
    assert values["window_times_s"]["1s"] == 20.0


def test_windows_that_do_not_fit_are_none():
    section = ramp.site_ramps(Demand(np.arange(100.0), 0.1))
    values, reasons = section.values, section.reasons  # exactly 10 s
    assert values["windows"]["1s"] == pytest.approx(10)
    assert values["windows"]["10s"] is values["windows"]["60s"] is values["max_mw_per_min"] is None
    assert "not longer than the window of 10 s" in reasons["windows.10s"]
    assert "not longer" in reasons["max_mw_per_min"]
    section = ramp.site_ramps(Demand(np.arange(10.0), 5.0))
    values, reasons = section.values, section.reasons
    assert values["max_up_mw_per_s"] is None
    assert "shorter than the interval of 5 s" in reasons["max_up_mw_per_s"]
    assert values["windows"]["10s"] == 2
    assert ramp.violations(Demand(np.arange(10.0), 5.0), "windows.1s", 0.0) == []


@settings(deadline=None)
@given(power=POWERS, repeat=st.sampled_from([1, 2, 4]))
def test_total_holds_coarse_demands_through_their_intervals(power, repeat):
    coarse = Demand(power, 0.1 * repeat)
    fine = Demand(np.arange(power.size * repeat, dtype=float), 0.1)
    both = ramp.total({"a": coarse, "b": fine})
    assert both.interval_s == pytest.approx(0.1)
    np.testing.assert_array_equal(both.power_mw, np.repeat(power, repeat) + fine.power_mw)


def test_total_ends_with_the_shortest_record():
    both = ramp.total({"a": Demand(np.ones(10), 0.3), "b": Demand(np.ones(4), 0.5)})
    assert both.power_mw.tolist() == [2.0] * 6


def test_section(tmp_path):
    run = write_run(tmp_path, [], {}, demand=(0.5, np.arange(200.0)))
    section = ramp.assess(run)
    values, reasons = section.values, section.reasons
    windows = values["sites"]["dc1"]["windows"]
    assert windows == {"1s": 2.0, "10s": 20.0, "60s": 120.0, "300s": None, "600s": None}
    assert values["total"] == values["sites"]["dc1"]
    assert values["violations"] == []
    assert "not longer than the window of 300 s" in reasons["ramp.total.windows.300s"]
    assert section.places["ramp.sites.dc1.windows.10s"] == ("dc1", 10.0)
    assert section.places["ramp.total.max_up_mw_per_s"] == ("total", 1.0)


def test_section_without_demand(tmp_path):
    section = ramp.assess(write_run(tmp_path, [], {}))
    values, reasons = section.values, section.reasons
    assert values["sites"]["dc1"]["max_up_mw_per_s"] is None
    assert set(reasons) == {"ramp.sites.dc1", "ramp.total"}


@settings(deadline=None, max_examples=80)
@given(power=POWERS, window=st.sampled_from([0.25, 0.5, 1.0, 1.3, 5.0]))
def test_excursions_against_a_scan(power, window):
    demand = Demand(power, 0.25)
    (value,) = [ramp.site_ramps(demand, (f"excursion_mw.{window:g}s",)).values["excursion_mw"][f"{window:g}s"]]
    if power.size * 0.25 <= window:
        assert value is None
        return
    size = int(np.ceil(window / 0.25 - 1e-9)) + 1  # intervals that a window can touch
    expected = max(np.ptp(power[max(k - size + 1, 0) : k + 1]) for k in range(power.size))
    assert value == expected


def test_a_step_is_an_excursion_wherever_it_is():
    for at in (1, 50, 99):
        power = np.where(np.arange(100) < at, 10.0, 35.0)
        section = ramp.site_ramps(Demand(power, 1.0), ("excursion_mw.6s",))
        assert section.values["excursion_mw"]["6s"] == 25
        (violation,) = ramp.violations(Demand(power, 1.0), "excursion_mw.6s", 20.0)
        assert violation.worst == 25
        assert section.places["excursion_mw.6s"].time_s == max(at, 6)


@pytest.mark.parametrize("rate_hz", [20.0, 100.0, 1000.0])
@pytest.mark.parametrize("frequency_hz", [0.02, 0.1, 0.5, 1.0])
def test_high_pass_at_known_sinusoids(rate_hz, frequency_hz):
    time_s = (np.arange(int(200 * rate_hz)) + 0.5) / rate_hz
    filtered = first_order(100 + 10 * np.sin(2 * np.pi * frequency_hz * time_s), 1 / rate_hz, 0.1, 1000.0)
    settled = filtered[filtered.size // 2 :]
    # At the start of an interval the high-pass has seen half an interval less of a staircase than of its sinusoid.
    half_interval = np.pi * 0.1 / rate_hz + frequency_hz / rate_hz
    assert np.ptp(settled) == pytest.approx(20 / np.hypot(1, 0.1 / frequency_hz), rel=max(0.01, half_interval))


def test_low_pass_at_its_corner():
    time_s = (np.arange(200_000) + 0.5) / 10_000
    filtered = first_order(np.sin(2 * np.pi * 55 * time_s), 1e-4, 0.1, 55.0)
    assert np.ptp(filtered[100_000:]) == pytest.approx(2 / np.sqrt(2), rel=0.01)


def test_a_step_passes_the_high_pass_whole_and_is_forgotten():
    power = np.where(np.arange(6000) < 1000, 10.0, 60.0)
    section = ramp.site_ramps(Demand(power, 0.01))
    assert section.values["filtered_mw"]["0.1-55Hz,5s"] == pytest.approx(50)
    assert "nothing above 50 Hz" in section.lower_bounds["filtered_mw.0.1-55Hz,5s"]
    (violation,) = ramp.violations(Demand(power, 0.01), "filtered_mw.0.1-55Hz,5s", 40.0)
    # Until the window of 5 s begins at a, with 50 (exp(-a / tau) - exp(-(a + 5) / tau)) = 40 and tau = 1 / (2 pi 0.1).
    tau_s = 1 / (0.2 * np.pi)
    a = tau_s * np.log((1 - np.exp(-5 / tau_s)) / 0.8)
    assert (violation.start_s, violation.duration_s) == (pytest.approx(10), pytest.approx(5 + a, abs=0.02))


def test_bands_of_two_sinusoids():
    time_s = (np.arange(60_000) + 0.5) * 0.01
    power = 200 + 10 * np.sin(2 * np.pi * 0.4 * time_s) + 4 * np.sin(2 * np.pi * 3.0 * time_s)
    section = ramp.site_ramps(Demand(power, 0.01), ("band_mw.0.1-5Hz", "band_energy_percent.2-5Hz"))
    values = section.values
    assert values["band_mw"]["0.1-0.8Hz"] == pytest.approx(20, rel=0.03)
    assert values["band_mw"]["2-5Hz"] == pytest.approx(8, rel=0.06)
    assert values["band_mw"]["0.8-2Hz"] < 0.6
    assert values["band_mw"]["0.1-5Hz"] == pytest.approx(28, rel=0.03)
    assert values["band_rms_mw"]["0.1-0.8Hz"] == pytest.approx(10 / np.sqrt(2), rel=0.02)
    assert values["band_energy_percent"]["0.1-20Hz"] == pytest.approx(100, abs=0.01)
    assert values["band_energy_percent"]["2-5Hz"] == pytest.approx(100 * 16 / 116, rel=0.01)
    assert values["dominant_hz"] == pytest.approx(0.4, abs=0.002)
    assert "nothing above 50 Hz" in section.lower_bounds["band_mw.5-55Hz"]
    assert "band_mw.2-5Hz" not in section.lower_bounds


def test_steady_and_slow_records():
    steady = ramp.site_ramps(Demand(np.full(10_000, 130.0), 0.01))
    assert steady.values["band_mw"]["0.1-0.8Hz"] == pytest.approx(0, abs=1e-9)
    assert steady.values["band_energy_percent"]["0.1-20Hz"] is steady.values["dominant_hz"] is None
    assert "steady" in steady.reasons["band_energy_percent.0.1-20Hz"]
    slow = ramp.site_ramps(Demand(np.arange(600.0) % 7, 1.0))
    assert slow.values["band_mw"]["0.8-2Hz"] is slow.values["band_mw"]["5-55Hz"] is None
    assert "1 samples/s do not show 0.8 Hz" in slow.reasons["band_mw.0.8-2Hz"]


def test_a_sensor_that_averages_makes_short_windows_lower_bounds(tmp_path):
    notes = {"sensor_window_s": 1.0}
    section = ramp.assess(write_run(tmp_path, [], {}, demand=(0.5, np.arange(200.0)), site_notes=notes))
    assert "sensor averages over 1 s" in section.lower_bounds["ramp.sites.dc1.windows.1s"]
    assert "ramp.sites.dc1.windows.10s" not in section.lower_bounds
