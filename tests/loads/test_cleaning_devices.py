"""Rows of several devices without an index are told from one device, split, or asked about."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loads.cleaning.devices import split_devices
from loads.errors import LoadDataError
from loads.readers.readings import Channel


def channel(time_s, power_w):
    return Channel("power", np.asarray(time_s, float), np.asarray(power_w, float), np.arange(len(time_s)) + 2)


def turns(devices, ticks, spread_s, tick_s=1.0, seed=0):
    """Rows of devices in turn: each has its level, all swing together; shape (ticks, devices)."""
    rng = np.random.default_rng(seed)
    jitter_s = rng.uniform(0, 0.005 * tick_s, ticks)
    time_s = (np.arange(ticks) * tick_s + jitter_s)[:, None] + np.linspace(0, 1, devices) * spread_s
    swing_w = 100.0 * np.sign(np.sin(0.7 * np.arange(ticks)))
    power_w = 300.0 + swing_w[:, None] + 9.0 * rng.permutation(devices) + rng.normal(0, 3, (ticks, devices))
    return time_s, power_w


@pytest.mark.parametrize("devices", [2, 3, 4, 8, 16, 64])
@pytest.mark.parametrize("spread_s", [0.0, 0.009, 0.2])
@pytest.mark.parametrize("ticks", [40, 401])
def test_devices_in_turn_are_split(devices, spread_s, ticks):
    time_s, power_w = turns(devices, ticks, spread_s)
    split, findings = split_devices(channel(time_s.ravel(), power_w.ravel()), None, "f.csv")
    assert [c.name for c in split] == [f"device-{i}" for i in range(devices)]
    for i, device in enumerate(split):
        np.testing.assert_array_equal(device.power_w, power_w[:, i])
        np.testing.assert_array_equal(device.time_s, time_s[:, i])
        np.testing.assert_array_equal(device.line, 2 + i + devices * np.arange(ticks))
    assert [(f.code, f.count) for f in findings] == [("unindexed_devices", devices)]
    assert (split[0].time_s is split[1].time_s) == (spread_s == 0)


def test_bursts_that_take_up_to_most_of_the_tick():
    rng = np.random.default_rng(1)
    _, power_w = turns(8, 400, 0.0)
    spread_s = np.where(rng.random(400) < 0.5, 0.0, rng.uniform(0, 0.961, 400))
    time_s = np.arange(400)[:, None] + np.linspace(0, 1, 8) * spread_s[:, None]
    split, _ = split_devices(channel(time_s.ravel(), power_w.ravel()), None, "f.csv")
    np.testing.assert_array_equal([device.power_w for device in split], power_w.T)


def test_incomplete_first_and_last_turns_are_dropped_and_counted():
    time_s, power_w = turns(4, 50, 0.009)
    split, findings = split_devices(channel(time_s.ravel()[3:-2], power_w.ravel()[3:-2]), None, "f.csv")
    np.testing.assert_array_equal([device.power_w for device in split], power_w[1:-1].T)
    assert "3 rows of incomplete turns dropped" in findings[0].action


def test_rows_lost_inside_shift_the_turn_which_the_pauses_restore():
    time_s, power_w = turns(8, 500, 0.009)
    kept = np.ones(4000, bool)
    kept[[100, 1701, 2500]] = False
    whole = kept.reshape(500, 8).all(axis=1)
    split, findings = split_devices(channel(time_s.ravel()[kept], power_w.ravel()[kept]), None, "f.csv")
    np.testing.assert_array_equal([device.power_w for device in split], power_w[whole].T)
    assert "21 rows of incomplete turns dropped" in findings[0].action


@pytest.mark.parametrize("lost", [0.03, 0.06])
def test_too_many_lost_rows_are_refused_not_averaged(lost):
    time_s, power_w = turns(8, 500, 0.009)
    kept = np.random.default_rng(2).random(4000) > lost
    with pytest.raises(LoadDataError, match="8 devices in turn, but only"):
        split_devices(channel(time_s.ravel()[kept], power_w.ravel()[kept]), None, "f.csv")


def test_a_row_without_a_number_keeps_its_place():
    time_s, power_w = turns(4, 60, 0.0)
    power_w[10, 2] = np.nan
    split, _ = split_devices(channel(time_s.ravel(), power_w.ravel()), None, "f.csv")
    assert np.isnan(split[2].power_w[10])
    assert sum(np.isnan(device.power_w).sum() for device in split) == 1


def test_the_number_given_is_believed():
    rows = channel(np.arange(22.0), np.arange(22.0))
    split, findings = split_devices(rows, 4, "f.csv")
    np.testing.assert_array_equal(split[1].power_w, [1, 5, 9, 13, 17])
    assert "2 rows of incomplete turns dropped" in findings[0].action
    time_s, power_w = turns(4, 50, 0.009)
    assert len(split_devices(channel(time_s.ravel(), power_w.ravel()), 1, "f.csv")[0]) == 1


def test_equal_times_and_values_without_levels_cannot_be_told():
    with pytest.raises(LoadDataError, match="bursts of 2") as caught:
        split_devices(channel(np.repeat(np.arange(30.0), 2), np.full(60, 46.19)), None, "f.csv")
    assert "devices=2 or devices=1" in str(caught.value)


def test_regular_bursts_without_levels_cannot_be_told():
    time_s, _ = turns(5, 100, 0.009)
    power_w = np.random.default_rng(0).normal(300, 10, 500)
    with pytest.raises(LoadDataError, match="bursts of 5"):
        split_devices(channel(time_s.ravel(), power_w), None, "f.csv")


def test_devices_evenly_in_turn_are_suspected():
    _, power_w = turns(8, 200, 0.0)
    split, findings = split_devices(channel(np.arange(1600) * 0.125, power_w.ravel()), None, "f.csv")
    assert len(split) == 1
    assert [(f.code, f.count) for f in findings] == [("possible_devices", 8)]


def waves(size, rng):
    """Loads of one device, from noise to a step and a ramp."""
    t = np.arange(size)
    return [
        rng.normal(300, 20, size),
        300 + np.cumsum(rng.normal(0, 3, size)),
        300 + 100 * np.sign(np.sin(0.05 * t)) + rng.normal(0, 1, size),
        300 + 50 * np.sin(0.1 * t),
        300 + 2.0 * t,
    ]


INTERVALS = {
    "jitter": lambda size, rng: rng.uniform(0.5, 1.5, size) * 0.013,
    "much jitter": lambda size, rng: np.abs(rng.normal(1, 0.4, size)),
    "random": lambda size, rng: rng.exponential(1, size),
    "13 or 16 ms": lambda size, rng: rng.choice([0.013, 0.016], size),
    "13 and 16 ms": lambda size, _: np.resize([0.013, 0.016], size),
    "irregular bursts": lambda size, rng: rng.choice([0.001, 0.001, 0.001, 1.0], size),
    "lost samples": lambda size, rng: rng.choice([1.0, 1.0, 1.0, 1.0, 2.0, 5.0], size),
}


@pytest.mark.parametrize("intervals", INTERVALS.values(), ids=INTERVALS)
@settings(max_examples=40, deadline=None)
@given(size=st.integers(2, 700), seed=st.integers(0, 1000))
def test_one_device_is_not_split(intervals, size, seed):
    rng = np.random.default_rng(seed)
    time_s = np.cumsum(intervals(size, rng))
    power_w = waves(size, rng)[seed % 5]
    assert len(split_devices(channel(time_s, power_w), None, "f.csv")[0]) == 1


@pytest.mark.parametrize("rate_hz", [2, 3, 5, 10])
@pytest.mark.parametrize("wave", range(5))
@pytest.mark.parametrize("jitter_s", [0.0, 0.002, 0.02])
def test_a_fast_poll_with_a_coarse_clock_is_one_device(rate_hz, wave, jitter_s):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        size = int(rng.integers(8 * rate_hz, 600))
        time_s = np.floor(np.arange(size) / rate_hz + rng.uniform(0, 1) + rng.normal(0, jitter_s, size))
        power_w = waves(size, rng)[wave]
        assert len(split_devices(channel(time_s, power_w), None, "f.csv")[0]) == 1


def in_turn(devices, ticks, starts_s, spread_s, level_w=9.0):
    """Rows of devices that take turns, times to the millisecond, each with its level and its noise."""
    rng = np.random.default_rng(devices)
    within = np.arange(devices) / max(devices - 1, 1)
    time_s = np.round(starts_s[:, None] + np.asarray(spread_s)[:, None] * within, 3)
    load_w = 250 + 120 * np.sign(np.sin(starts_s))[:, None]
    power_w = load_w + level_w * np.arange(devices) + rng.normal(0, 3, (ticks, devices))
    return channel(time_s.ravel(), power_w.ravel())


@pytest.mark.parametrize("devices", [2, 3, 4, 8])
@pytest.mark.parametrize("spread", ["sub-millisecond", "most of the tick", "any", "sometimes long"])
def test_the_spread_within_a_tick_does_not_matter(devices, spread):
    rng = np.random.default_rng(devices)
    ticks = 200
    spread_s = {
        "sub-millisecond": np.full(ticks, 0.004),
        "most of the tick": np.full(ticks, 0.48),
        "any": rng.uniform(0, 0.961, ticks),
        "sometimes long": np.where(rng.random(ticks) < 0.1, 0.961, 0.003),
    }[spread]
    split, _ = split_devices(in_turn(devices, ticks, np.arange(200.0), spread_s), None, "f.csv")
    assert len(split) == devices
    assert all(part.time_s.size >= ticks - 1 for part in split)


@pytest.mark.parametrize(("devices", "ticks"), [(2, 4), (2, 6), (3, 4), (3, 5), (8, 3)])
def test_few_ticks_are_enough_where_the_pause_is_long(devices, ticks):
    rows = in_turn(devices, ticks, np.arange(float(ticks)), np.full(ticks, 0.012), level_w=40)
    split, findings = split_devices(rows, None, "f.csv")
    assert len(split) == devices
    assert [(f.code, f.count) for f in findings] == [("unindexed_devices", devices)]


def test_one_row_is_one_device():
    assert split_devices(channel([0.0], [100.0]), None, "f.csv")[1] == []
