import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_runs import write_run

from cosim.metrics import ramp
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
    values, reasons = ramp.site_ramps(demand)
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
    found = ramp.violations(Demand(power, interval_s), 1.0, limit, direction)
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
        assert violation.worst_mw > limit
    np.testing.assert_array_equal(rebuilt, mask)
    assert max((violation.worst_mw for violation in found), default=worst) == worst


def test_ramp_of_known_slope():
    time_s = (np.arange(120_000) + 0.5) * 0.001
    up = Demand(np.interp(time_s, [10, 30], [0, 100.0]), 0.001)  # 5 MW/s for 20 s
    values, reasons = ramp.site_ramps(up)
    assert not reasons
    assert values["max_up_mw_per_s"] == pytest.approx(5)
    assert values["max_down_mw_per_s"] == 0
    assert values["max_down_time_s"] is None
    assert values["windows"] == pytest.approx({"1s": 5, "10s": 50, "60s": 100})
    assert values["max_mw_per_min"] == pytest.approx(100)
    down, _ = ramp.site_ramps(Demand(up.power_mw[::-1], 0.001))
    assert down["max_down_mw_per_s"] == pytest.approx(5)
    assert down["windows"] == pytest.approx(values["windows"])
    (violation,) = ramp.violations(up, 10.0, 25.0)
    assert violation.start_s == pytest.approx(15, abs=0.002)
    assert violation.duration_s == pytest.approx(20, abs=0.004)  # until 35 s, when half the rise is inside
    assert violation.worst_mw == pytest.approx(50)


def test_time_of_the_worst_step():
    power = np.full(100, 10.0)
    power[40:] = 60.0
    power[70:] = 40.0
    values, _ = ramp.site_ramps(Demand(power, 0.5))
    assert (values["max_up_mw_per_s"], values["max_up_time_s"]) == (50.0, 20.0)
    assert (values["max_down_mw_per_s"], values["max_down_time_s"]) == (20.0, 35.0)
    assert values["window_times_s"]["1s"] == 20.0


def test_windows_that_do_not_fit_are_none():
    values, reasons = ramp.site_ramps(Demand(np.arange(100.0), 0.1))  # exactly 10 s
    assert values["windows"]["1s"] == pytest.approx(10)
    assert values["windows"]["10s"] is values["windows"]["60s"] is values["max_mw_per_min"] is None
    assert "not longer than the window of 10 s" in reasons["windows.10s"]
    assert "not longer" in reasons["max_mw_per_min"]
    values, reasons = ramp.site_ramps(Demand(np.arange(10.0), 5.0))
    assert values["max_up_mw_per_s"] is None
    assert "shorter than the interval of 5 s" in reasons["max_up_mw_per_s"]
    assert values["windows"]["10s"] == 2
    assert ramp.violations(Demand(np.arange(10.0), 5.0), 1.0, 0.0) == []


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
    assert values["sites"]["dc1"]["windows"] == {"1s": 2.0, "10s": 20.0, "60s": 120.0}
    assert values["total"] == values["sites"]["dc1"]
    assert values["violations"] == []
    assert not reasons


def test_section_without_demand(tmp_path):
    section = ramp.assess(write_run(tmp_path, [], {}))
    values, reasons = section.values, section.reasons
    assert values["sites"]["dc1"]["max_up_mw_per_s"] is None
    assert set(reasons) == {"ramp.sites.dc1", "ramp.total"}
