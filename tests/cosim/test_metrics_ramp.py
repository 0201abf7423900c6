import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_runs import write_run
from scipy import signal

from cosim.metrics import ramp
from cosim.metrics.band_filter import band_pass, describe_band_pass, describe_first_order, first_order
from cosim.metrics.ramp import Demand
from cosim.metrics.section import Wanted

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


def gain(frequency_hz, rate_hz, low_hz, high_hz):
    """Gain of the filter for interval means of a sinusoid, over whole periods after it settled."""
    edges_s = np.arange(int(300 * rate_hz) + 1) / rate_hz
    omega = 2 * np.pi * frequency_hz
    means = np.diff(-np.cos(omega * edges_s)) * rate_hz / omega
    filtered = first_order(100 + 10 * means, 1 / rate_hz, low_hz, high_hz)
    settled = slice(int(100 * rate_hz), None)  # 200 s: whole periods of every frequency here
    return abs(2 * np.mean(filtered[settled] * np.exp(-1j * omega * edges_s[:-1][settled]))) / 10


@pytest.mark.parametrize("rate_hz", [20.0, 100.0, 1000.0])
@pytest.mark.parametrize("frequency_hz", [0.02, 0.1, 0.5, 1.0])
def test_gain_of_the_high_pass(rate_hz, frequency_hz):
    expected = 1 / np.hypot(1, 0.1 / frequency_hz)
    # Documented: a staircase passes with about pi * low * interval too much.
    assert gain(frequency_hz, rate_hz, 0.1, 1000.0) == pytest.approx(expected, rel=0.016 if rate_hz == 20 else 0.01)


@pytest.mark.parametrize("frequency_hz", [0.1, 1.0, 10.0, 55.0])
def test_gain_of_the_band(frequency_hz):
    expected = 1 / (np.hypot(1, 0.1 / frequency_hz) * np.hypot(1, frequency_hz / 55))
    assert gain(frequency_hz, 1000.0, 0.1, 55.0) == pytest.approx(expected, rel=0.01)


@settings(deadline=None, max_examples=40)
@given(power=POWERS.filter(lambda power: power.size > 1), interval_s=st.sampled_from([0.001, 0.01, 0.1]))
@pytest.mark.parametrize("high_hz", [4.0, 600.0])
def test_filter_against_a_continuous_system_with_held_input(power, interval_s, high_hz):
    low, high = 2 * np.pi * 0.1, 2 * np.pi * high_hz
    held = np.append(power, power[-1]) - power[0]
    edges_s = np.arange(held.size) * interval_s
    if high_hz < 0.5 / interval_s:
        _, expected, _ = signal.lsim(([high, 0], [1, low + high, low * high]), held, edges_s, interp=False)
        expected = expected[1:]  # at the end of each interval
    else:
        _, expected, _ = signal.lsim(([1, 0], [1, low]), held, edges_s, interp=False)
        expected = expected[:-1]  # at the start of each, after the jump
    np.testing.assert_allclose(first_order(power, interval_s, 0.1, high_hz), expected, atol=1e-9)


def test_a_step_through_the_whole_band():
    power = np.where(np.arange(20_000) < 1000, 10.0, 60.0)
    section = ramp.site_ramps(Demand(power, 0.001))
    # The response h / (h - l) (exp(-l t) - exp(-h t)) peaks at (l / h) ** (l / (h - l)).
    ratio = 55 / 0.1
    assert section.values["filtered_mw"]["0.1-55Hz,5s"] == pytest.approx(50 * ratio ** (-1 / (ratio - 1)), rel=1e-4)
    assert "filtered_mw.0.1-55Hz,5s" not in section.lower_bounds


def test_what_reports_print_of_the_filters():
    assert describe_first_order(0.1, 55.0, 0.001) == (
        "causal, first-order Butterworth high-pass at 0.1 Hz, low-pass at 55 Hz, exact for a power that holds through "
        "each interval, at 1000 samples/s, at rest at the first value"
    )
    assert "no low-pass" in describe_first_order(0.1, 55.0, 0.01)
    assert "order 4 from 0.1 to 0.8 Hz, forwards and backwards" in describe_band_pass(0.1, 0.8)


@pytest.mark.parametrize("frequency_hz", [0.02, 0.3, 5.0])
def test_band_pass_has_no_delay_and_rejects_what_is_outside(frequency_hz):
    time_s = np.arange(6000) / 100
    sinusoid = np.sin(2 * np.pi * frequency_hz * time_s)
    two = np.column_stack([sinusoid, 3.0 + 0.2 * time_s])  # a steady ramp gives nothing, at the edges neither
    filtered = band_pass(two, 100.0, 0.1, 0.8)
    expected = sinusoid if 0.1 < frequency_hz < 0.8 else np.zeros(6000)
    inside = slice(1500, 4500)
    np.testing.assert_allclose(filtered[inside, 0], expected[inside], atol=0.02)
    np.testing.assert_allclose(filtered[:, 1], 0, atol=1e-9)
    np.testing.assert_array_equal(band_pass(sinusoid, 100.0, 0.1, 0.8), filtered[:, 0])


def test_band_pass_of_an_empty_band():
    with pytest.raises(ValueError, match="low below 5 Hz, got 6 to 8 Hz"):
        band_pass(np.zeros(100), 10.0, 6.0, 8.0)


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
    notes, wanted = {"sensor_window_s": 1.0}, Wanted(("ramp.total.filtered_mw.0.1-0.4Hz,5s",))
    section = ramp.assess(write_run(tmp_path, [], {}, demand=(0.5, np.arange(200.0)), site_notes=notes), wanted)
    assert "sensor averages over 1 s" in section.lower_bounds["ramp.sites.dc1.windows.1s"]
    assert "sensor averages over 1 s" in section.lower_bounds["ramp.total.windows.1s"]
    assert "ramp.sites.dc1.windows.10s" not in section.lower_bounds
    # A band up to 0.8 Hz loses more than a third of its upper end to a mean over 1 s.
    assert "sensor averages over 1 s" in section.lower_bounds["ramp.sites.dc1.band_mw.0.1-0.8Hz"]
    assert "ramp.total.filtered_mw.0.1-0.4Hz,5s" not in section.lower_bounds


def test_rates_at_and_below_what_a_band_needs():
    at_nyquist = ramp.site_ramps(Demand(np.arange(2000.0) % 7, 1 / 110))
    assert "nothing above 55 Hz" in at_nyquist.lower_bounds["filtered_mw.0.1-55Hz,5s"]
    slow = ramp.site_ramps(Demand(np.arange(600.0) % 7, 1.0), ("filtered_mw.0.8-2Hz,5s", "mw_per_min.2s"))
    assert slow.values["filtered_mw"]["0.8-2Hz,5s"] is None
    assert "1 samples/s do not show 0.8 Hz" in slow.reasons["filtered_mw.0.8-2Hz,5s"]
    assert "filtered_mw.0.8-2Hz,5s" not in slow.lower_bounds
    assert slow.values["mw_per_min"]["2s"] == 5 * 60 / 2


def test_demand_that_is_not_finite():
    section = ramp.site_ramps(Demand(np.where(np.arange(5000) == 9, np.nan, 50.0), 0.01))
    assert section.values["excursion_mw"]["5s"] is section.values["band_mw"]["2-5Hz"] is None
    assert set(section.reasons.values()) >= {"the demand is not finite throughout"}


def test_band_energy_counts_the_nyquist_frequency_once():
    k = np.arange(4000)
    power = 50 + np.sin(np.pi / 2 * k) + (-1.0) ** k  # mean squares 1/2 at 10 Hz and 1 at 20 Hz
    section = ramp.site_ramps(Demand(power, 1 / 40), ("band_energy_percent.5-15Hz",))
    assert section.values["band_energy_percent"] == pytest.approx({"0.1-20Hz": 100, "5-15Hz": 100 / 3})


def test_a_record_shorter_than_a_period_has_no_band():
    section = ramp.site_ramps(Demand(np.arange(900.0) % 7, 0.01))
    assert section.values["band_mw"]["0.1-0.8Hz"] is None
    assert section.reasons["band_rms_mw.0.1-0.8Hz"] == "the record is shorter than one period of 0.1 Hz"
    assert section.values["band_mw"]["0.8-2Hz"] > 0


def test_time_of_a_burst_within_a_band():
    time_s = np.arange(20_000) / 100
    power = 50 + 5 * np.sin(2 * np.pi * time_s) * np.exp(-(((time_s - 120) / 5) ** 2))
    section = ramp.site_ramps(Demand(power, 0.01))
    assert section.places["band_mw.0.8-2Hz"].time_s == pytest.approx(120, abs=0.5)
