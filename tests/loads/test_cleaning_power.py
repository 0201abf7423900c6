"""Sensors that repeat or stick, impossible values, channels read twice, idle ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loads.cleaning.blocks import Block
from loads.cleaning.identical import find_identical
from loads.cleaning.idle import busy_part, find_idle
from loads.cleaning.power import clip_negative, find_spikes
from loads.cleaning.sensor import holds, look_at_sensor
from loads.errors import LoadDataError


def block(power_w, interval_s=1.0, name="a"):
    power_w = np.asarray(power_w, float)
    return Block((name,), np.arange(power_w.size) * interval_s, (power_w,), np.arange(power_w.size) + 2)


def noise(size, seed=0):
    return np.random.default_rng(seed).normal(300, 10, size)


def test_a_sensor_slower_than_its_poll_repeats():
    windows_s, findings = look_at_sensor([block(np.repeat(noise(100), 8), 0.013)], None)
    assert windows_s["a"] == pytest.approx(0.104)
    by_code = {f.code: f for f in findings}
    assert by_code["repeated_samples"].count == 700
    assert "(88%)" in by_code["repeated_samples"].detail
    assert "holds for 0.104 s" in by_code["repeated_samples"].detail
    assert "0.104 s" in by_code["sensor_average"].detail


def test_a_few_equal_neighbours_are_chance():
    power_w = noise(100)
    power_w[10:30:2] = power_w[11:31:2]
    assert look_at_sensor([block(power_w)], None) == ({}, [])


def test_a_known_window_is_taken_before_the_hold():
    windows_s, findings = look_at_sensor([block(np.repeat(noise(100), 8), 0.013)], 1.0)
    assert windows_s == {"a": 1.0}
    assert "1 s" in next(f for f in findings if f.code == "sensor_average").detail


@pytest.mark.parametrize(
    ("equal", "interval_s", "is_stuck"),
    [(40, 1.0, True), (31, 1.0, True), (30, 1.0, False), (19, 10.0, False), (100, 0.1, False)],
)
def test_stuck_means_thirty_seconds_and_twenty_samples(equal, interval_s, is_stuck):
    power_w = np.concatenate([noise(200), np.full(equal, 46.19), noise(200, 1)])
    _, findings = look_at_sensor([block(power_w, interval_s)], None)
    stuck = [f for f in findings if f.code == "stuck_sensor"]
    assert [f.count for f in stuck] == ([equal] if is_stuck else [])
    if is_stuck:
        assert "stay at 46.19 W" in stuck[0].detail
        assert not [f for f in findings if f.code == "repeated_samples"]


def test_a_constant_channel_is_stuck_however_short():
    (finding,) = look_at_sensor([block(np.full(20, 46.19), 0.01)], None)[1]
    assert (finding.code, finding.count) == ("stuck_sensor", 20)
    assert look_at_sensor([block(np.full(19, 46.19), 0.01)], None)[1][0].code == "repeated_samples"


@given(st.lists(st.integers(0, 3), min_size=2, max_size=60))
def test_repeats_are_the_equal_pairs_outside_stuck_stretches(values):
    power_w = np.array(values, float)
    found = holds(np.arange(power_w.size, dtype=float), power_w)
    equal_pairs = int(np.count_nonzero(np.diff(power_w) == 0))
    stretches = found.repeats + found.stuck_samples - equal_pairs
    assert 0 <= stretches <= 3
    assert (stretches == 0) == (found.stuck_samples == 0)


def test_negative_power_is_set_to_zero_and_counted():
    power_w = noise(100)
    power_w[[5, 9]] = [-0.5, -3.0]
    cleaned, (finding,) = clip_negative([block(power_w)], "f")
    np.testing.assert_array_equal(cleaned[0].power_w[0], np.maximum(power_w, 0))
    assert (finding.code, finding.count) == ("negative_power", 2)
    assert "line 7" in finding.detail


def test_mostly_negative_power_is_another_sign_convention():
    with pytest.raises(LoadDataError, match=r"f:2: 100 of 100 samples are negative.*change the sign"):
        clip_negative([block(-noise(100))], "f")


def test_a_single_absurd_sample_is_reported_and_kept():
    power_w = noise(400)
    power_w[77] = 1e6
    (finding,) = find_spikes([block(power_w)])
    assert (finding.code, finding.count) == ("implausible_spike", 1)
    assert "1e+06 W" in finding.detail
    power_w[78] = 1e6  # two in a row are no outlier
    assert find_spikes([block(power_w)]) == []
    assert find_spikes([block(np.zeros(10))]) == []


def test_one_meter_read_twice_is_found_across_blocks():
    twin = noise(50)
    blocks = [block(twin, name="1"), block(noise(50, 1), name="2"), block(twin.copy(), name="3")]
    (finding,) = find_identical(blocks)
    assert (finding.code, finding.count) == ("identical_channels", 1)
    assert "1 = 3" in finding.detail


def test_five_pairs_are_named():
    blocks = [block(noise(20, seed // 2), name=str(seed)) for seed in range(14)]
    (finding,) = find_identical(blocks)
    assert finding.count == 7
    assert "8 = 9 and 2 more" in finding.detail


def test_constant_or_later_twins_are_not_one_meter():
    assert find_identical([block(np.full(9, 5.0), name="1"), block(np.full(9, 5.0), name="2")]) == []
    assert find_identical([block(noise(9), 1.0, "1"), block(noise(9), 2.0, "2")]) == []


def load(head, tail, busy=400, dips=0):
    """An idle head and tail of some seconds around a load that dips to idle for some seconds."""
    power_w = np.concatenate([2500 + noise(head), 6000 + noise(busy), 2500 + noise(tail)])
    power_w[head + 100 : head + 100 + dips] = 2600
    return np.arange(power_w.size, dtype=float), power_w


def test_an_idle_head_and_tail_are_reported():
    time_s, power_w = load(521, 40)
    kept_time_s, kept_w, findings = find_idle(time_s, power_w, ("a",), trim=False)
    assert kept_w is power_w
    assert kept_time_s is time_s
    assert [(f.code, f.count) for f in findings] == [("idle_head", 521), ("idle_tail", 40)]
    assert "521 s at a mean of 27" in findings[0].detail  # 2500 W and the 300 W of the noise


def test_an_idle_head_and_tail_are_cut_off_on_request():
    time_s, power_w = load(521, 40)
    kept_time_s, kept_w, findings = find_idle(time_s, power_w, ("a",), trim=True)
    np.testing.assert_array_equal(kept_w, power_w[521:-40])
    assert kept_time_s[0] == 521
    assert all(f.action == "cut off" for f in findings)


@pytest.mark.parametrize(
    ("time_s", "power_w"),
    [
        load(3, 4),  # too short
        load(30, 0, dips=15),  # such dips belong to the load
        (np.arange(100.0), np.resize(np.repeat([100.0, 400.0], 10), 100)),  # a square wave
        (np.arange(100.0), np.linspace(300, 400, 100)),  # not half as much again
        (np.arange(3.0), np.zeros(3)),
    ],
)
def test_what_is_no_idle_end(time_s, power_w):
    assert busy_part(time_s, power_w) == (0, time_s.size - 1)
