"""Storage: within its limits for any steps, every joule accounted for, hardly dependent on the step."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loads.mitigation import OUTPUTS, Storage, StorageDevice, apply_storage, storage_step
from loads.mitigation import storage_kernel as kernel
from loads.mitigation.response import follow
from loads.mitigation.storage import device_states

BATTERY = StorageDevice(15, 0.02, 50, 0.95, 0.93, 0.05, 0.1, 0.9, recentring_s=300)
SUPERCAPACITOR = StorageDevice(20, 0.01, lag_s=0.01, charge_efficiency=0.98, discharge_efficiency=0.97)
HYBRID = Storage(BATTERY, 10.0, SUPERCAPACITOR, 0.5, 100.0, 0.02, 60.0)


@st.composite
def devices(draw):
    low = draw(st.floats(0, 0.4))
    high = draw(st.floats(low + 0.05, 1))
    return StorageDevice(
        draw(st.floats(1, 100)),
        draw(st.floats(1e-3, 1)),
        draw(st.just(math.inf) | st.floats(1, 500)),
        draw(st.floats(0.6, 1)),
        draw(st.floats(0.6, 1)),
        draw(st.floats(5e-3, 1)),
        low,
        high,
        draw(st.sampled_from([low, (low + high) / 2, high])),
        recentring_s=draw(st.just(math.inf) | st.floats(10, 500)),
    )


@st.composite
def storages(draw):
    second = draw(st.none() | devices())
    split_hz = None if second is None else draw(st.floats(0.05, 5))
    return Storage(draw(devices()), draw(st.floats(0.5, 50)), second, split_hz, draw(st.floats(0, 500)), 0.02, 60.0)


def walk(storage, steps, loads, frequencies, plans=None):
    """Yield state, output and length of every step; `steps` are planned as they come, unless `plans` are longer."""
    plans = [*steps[1:], 0.0] if plans is None else plans
    state, out, parameters = storage.initial_state(loads[0][0]), np.zeros(OUTPUTS), storage.parameters()
    for dt, (before, after), frequency, ahead in zip(steps, loads, frequencies, plans, strict=True):
        storage_step(parameters, state, out, dt, before, after, frequency, ahead, 1.0)
        yield state.copy(), out.copy(), dt


def random_walk(seed, n):
    """Steps from 1 ms to 1 s, loads that drift and jump, and frequencies."""
    rng = np.random.default_rng(seed)
    steps = np.exp(rng.uniform(np.log(1e-3), 0, n)).tolist()
    before = 100 + 80 * np.sign(rng.normal(size=n)) * rng.uniform(0, 1, n)
    after = np.where(rng.uniform(size=n) < 0.3, 100 + 80 * rng.normal(size=n), before)
    return steps, list(zip(before.tolist(), after.tolist(), strict=True)), (60 + 0.1 * rng.normal(size=n)).tolist()


@given(storages(), st.integers(0, 2**32), st.booleans())
@settings(deadline=None, max_examples=150)
def test_devices_never_leave_their_limits(storage, seed, are_cut):
    steps, loads, frequencies = random_walk(seed, 120)
    plans = [*steps[1:], 0.0]
    if are_cut:  # the planned step fails and a shorter one is taken
        steps = [steps[0], *(dt * share for dt, share in zip(steps[1:], np.linspace(0.01, 1, 119), strict=True))]
    last = storage.initial_state(loads[0][0])
    for state, _, dt in walk(storage, steps, loads, frequencies, plans):
        for old, new, device in zip(device_states(last), device_states(state), storage.devices.values(), strict=True):
            was, power = old[kernel.DEVICE_MW], new[kernel.DEVICE_MW]
            assert abs(power) <= device.power_mw
            if new[kernel.AT_STORED_S] == old[kernel.AT_STORED_S]:
                assert abs(power - was) <= device.ramp_mw_per_s * dt * (1 + 1e-9) + 1e-11 * device.power_mw
            slack = 1e-11 * device.energy_mws
            lowest, highest = device.soc_min * device.energy_mws - slack, device.soc_max * device.energy_mws + slack
            assert lowest <= new[kernel.STORED_MWS] <= highest
            turned = old[kernel.STORED_MWS]  # where the power changes its sign within the step
            if was * power < 0:
                until = dt * was / (was - power) / 2
                turned += was * until * (device.charge_efficiency if was > 0 else 1 / device.discharge_efficiency)
            assert lowest <= turned <= highest
        last = state


@given(storages(), st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_poi_energy_is_load_charge_change_and_losses(storage, seed):
    steps, loads, frequencies = random_walk(seed, 200)
    load = poi = 0.0
    load_was = poi_was = loads[0][0]
    walked = list(walk(storage, steps, loads, frequencies))
    for (_, out, dt), (before, after) in zip(walked, loads, strict=True):
        load += 0.5 * dt * (load_was + before)
        poi += 0.5 * dt * (poi_was + out[kernel.POI_BEFORE_MW])
        load_was, poi_was = after, out[kernel.POI_MW]
        assert poi_was - after == pytest.approx(out[kernel.POI_BEFORE_MW] - before, abs=1e-9)  # no jump of its own
    end, parts = device_states(walked[-1][0]), storage.devices.values()
    gained = sum(s[kernel.STORED_MWS] - d.soc_start * d.energy_mws for s, d in zip(end, parts, strict=True))
    losses = end[:, kernel.LOST_MWS].sum()
    assert poi == pytest.approx(load + gained + losses, rel=1e-9)
    assert losses >= 0
    for s, d in zip(end, parts, strict=True):
        expected = s[kernel.CHARGED_MWS] * (1 - d.charge_efficiency)
        expected += s[kernel.DISCHARGED_MWS] * (1 / d.discharge_efficiency - 1)
        assert s[kernel.LOST_MWS] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def slowly_stored(storage, load, duration_s, step_s):
    """The differential equations in tiny Euler steps; power of each device."""
    parts = list(storage.devices.values())
    smooth, slow, t = load(0.0), 0.0, 0.0
    power, stored = [0.0, 0.0], [d.soc_start * d.energy_mws for d in parts]
    while t < duration_s - step_s / 2:
        wish = smooth - load(t)
        wishes = [slow, wish - slow] if len(parts) > 1 else [wish]
        smooth += step_s * (load(t) - smooth) / storage.smoothing_s
        slow += step_s * (wish - slow) * 2 * math.pi * (storage.split_hz or 0.0)
        for k, d in enumerate(parts):
            aim = wishes[k] + (d.recentred_soc * d.energy_mws - stored[k]) / d.recentring_s
            room = (d.soc_max * d.energy_mws - stored[k]) / d.charge_efficiency
            left = (stored[k] - d.soc_min * d.energy_mws) * d.discharge_efficiency
            highest = min(d.power_mw, room / (4 * d.lag_s), math.sqrt(max(room, 1e-12) * d.ramp_mw_per_s))
            lowest = -min(d.power_mw, left / (4 * d.lag_s), math.sqrt(max(left, 1e-12) * d.ramp_mw_per_s))
            rate = (min(max(aim, lowest), highest) - power[k]) / d.lag_s
            stored[k] += step_s * (
                power[k] * d.charge_efficiency if power[k] > 0 else power[k] / d.discharge_efficiency
            )
            power[k] += step_s * min(max(rate, -d.ramp_mw_per_s), d.ramp_mw_per_s)
        t += step_s
    return power[: len(parts)], stored[: len(parts)]


@pytest.mark.parametrize("storage", [Storage(BATTERY, 10.0), HYBRID], ids=["battery", "hybrid"])
@pytest.mark.parametrize("amplitude_mw", [5.0, 30.0])
def test_step_agrees_with_the_differential_equations(storage, amplitude_mw):
    def load(t):
        return 100 + amplitude_mw * math.sin(2 * math.pi * 0.4 * t)

    for duration_s in (0.7, 2.9):
        power, stored = slowly_stored(storage, load, duration_s, 1e-4)
        nodes = np.arange(round(duration_s / 0.01) + 1) * 0.01
        poi, report, soc = apply_storage(storage, np.array([load(t) for t in nodes]), 0.01)
        assert poi[-1] - load(duration_s) == pytest.approx(sum(power), abs=0.01 * amplitude_mw)
        for name, energy, device in zip(report, stored, storage.devices.values(), strict=True):
            assert soc[name][-1] * device.energy_mws == pytest.approx(energy, abs=0.01 * amplitude_mw)


def test_follow_agrees_with_tiny_steps_through_every_limit():
    rng = np.random.default_rng(5)
    for _ in range(20):
        power, start, end = rng.uniform(-50, 50, 3)
        lag_s, ramp = rng.uniform(0.02, 0.5), rng.choice([20.0, 100.0, np.inf])
        slow, limited, n = power, 0.0, 4000
        for k in range(n):
            rate = (start + (end - start) * (k + 0.5) / n - slow) / lag_s
            limited += abs(rate) > ramp
            slow += min(max(rate, -ramp), ramp) / n
        exact, at_ramp_s = follow(power, start, end, 1.0, lag_s, ramp)
        assert exact == pytest.approx(slow, abs=0.05)
        assert at_ramp_s == pytest.approx(limited / n, abs=0.01)


@pytest.mark.parametrize("storage", [Storage(BATTERY, 10.0), HYBRID], ids=["battery", "hybrid"])
def test_result_hardly_depends_on_the_step(storage):
    fine_s = 0.001 * np.arange(60001)
    fine = np.interp(fine_s, 0.05 * np.arange(1201), np.random.default_rng(2).normal(100, 12, 1201))
    fine += 10 * np.interp(fine_s % 2.5, [0, 0.01, 1.5, 1.51, 2.5], [0, 1, 1, 0, 0])
    poi_fine, report_fine, soc_fine = apply_storage(storage, fine, 0.001)
    poi, report, soc = apply_storage(storage, fine[::10], 0.01)
    assert np.sqrt(np.mean((poi - poi_fine[::10]) ** 2)) < 5e-3 * fine.std()
    for name in report:
        assert np.abs(soc[name] - soc_fine[name][::10]).max() < 4e-3
        assert report[name].charged_mwh == pytest.approx(report_fine[name].charged_mwh, rel=0.02)


def test_poi_follows_the_low_pass_of_the_load_where_no_limit_binds():
    big = StorageDevice(1000, 1000, lag_s=1e-4)
    load = np.where(np.arange(5001) * 0.01 < 1, 100.0, 150.0)
    poi, report, _ = apply_storage(Storage(big, 4.0), load, 0.01)
    time_s = 0.01 * np.arange(5001)
    expected = np.where(time_s < 1, 100, 150 - 50 * np.exp(-(time_s - 0.995) / 4))
    np.testing.assert_allclose(poi[102:], expected[102:], atol=0.02)
    assert report["battery"].at_power_limit_s == report["battery"].at_soc_limit_s == 0


def test_split_sends_slow_swings_to_the_battery_and_fast_ones_to_the_supercapacitor():
    big = StorageDevice(1000, 10, lag_s=1e-3)
    storage = Storage(big, 100.0, big, 1.0)
    time_s = 0.01 * np.arange(20001)
    for frequency_hz in (0.1, 1.0, 10.0):
        _, report, _ = apply_storage(storage, 100 + 10 * np.sin(2 * np.pi * frequency_hz * time_s), 0.01)
        moved = report["supercapacitor"].discharged_mwh / report["battery"].discharged_mwh
        assert moved == pytest.approx(frequency_hz, rel=0.1)  # |1 - L| / |L| of a lag with a corner of 1 Hz


def test_droop_discharges_below_and_charges_above_the_dead_band():
    storage = Storage(StorageDevice(100, 10, lag_s=0.01), 1.0, droop_mw_per_hz=50, dead_band_hz=0.02, nominal_hz=50)
    for frequency_hz, expected in ((49.5, -24), (50.3, 14), (50.02, 0), (49.98, 0), (math.nan, 0)):
        *_, (_, out, _) = walk(storage, [0.1] * 10, [(80.0, 80.0)] * 10, [frequency_hz] * 10)
        assert out[kernel.BATTERY_MW] == pytest.approx(expected, abs=1e-6)
        assert out[kernel.POI_MW] == pytest.approx(80 + expected, abs=1e-6)


def test_recentring_brings_the_state_of_charge_back():
    device = StorageDevice(100, 0.1, soc_start=0.9, soc_target=0.5, recentring_s=60)
    _, _, soc = apply_storage(Storage(device, 10.0), np.full(12001, 80.0), 0.01)
    assert soc["battery"][[0, 6000, 12000]] == pytest.approx([0.9, 0.5 + 0.4 / math.e, 0.5 + 0.4 / math.e**2], abs=2e-3)


def test_device_comes_to_rest_at_its_limit_without_breaking_its_ramp():
    device = StorageDevice(20, 0.005, ramp_mw_per_s=40, lag_s=0.05)
    load = np.where(np.arange(4001) < 100, 100.0, 120.0)
    poi, report, soc = apply_storage(Storage(device, 30.0), load, 0.005)
    power = np.diff(poi - load)
    assert np.abs(power).max() <= 40 * 0.005 + 1e-9
    assert soc["battery"].min() == pytest.approx(0, abs=0.02)
    assert report["battery"].at_soc_limit_s > 15
    assert poi[-1] == pytest.approx(120, abs=0.5)


def test_storage_starts_in_equilibrium_and_a_constant_load_leaves_it_alone():
    poi, report, soc = apply_storage(HYBRID, np.full(500, 120.0), 0.01)
    np.testing.assert_array_equal(poi, 120.0)
    assert report["battery"].charged_mwh == report["supercapacitor"].discharged_mwh == 0
    assert (soc["battery"] == 0.5).all()


def test_step_of_no_length_only_puts_in_the_new_load():
    *_, (state, _, _) = walk(HYBRID, [0.01] * 50, [(100.0 + k, 100.0 + k) for k in range(50)], [60.0] * 50)
    again, out = state.copy(), np.zeros(OUTPUTS)
    storage_step(HYBRID.parameters(), again, out, 0.0, 149.0, 90.0, 59.9, 0.01, 1.0)
    changed = np.flatnonzero(again != state)
    assert set(changed) == {kernel.LOAD_MW, kernel.FREQUENCY_HZ}
    assert out[kernel.POI_MW] == pytest.approx(out[kernel.POI_BEFORE_MW] - 59)


def test_step_can_be_redone_from_a_copy_of_the_state():
    *_, (state, _, _) = walk(HYBRID, [0.01] * 50, [(100.0 + k, 100.0 + k) for k in range(50)], [60.0] * 50)
    results = []
    for _ in range(2):
        copy, out = state.copy(), np.zeros(OUTPUTS)
        storage_step(HYBRID.parameters(), copy, out, 0.01, 150.0, 120.0, 60.0, 0.01, 1.0)
        results.append((copy, out))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_round_trip_efficiency_is_split_evenly_and_losses_follow():
    device = StorageDevice.with_round_trip(50, 1, 0.81, lag_s=0.01)
    assert (device.charge_efficiency, device.discharge_efficiency) == pytest.approx((0.9, 0.9))
    _, report, _ = apply_storage(Storage(device, 20.0), 100 + 20 * np.sin(np.arange(20000) * 0.01), 0.01)
    b = report["battery"]
    assert b.losses_mwh == pytest.approx(0.1 * b.charged_mwh + (1 / 0.9 - 1) * b.discharged_mwh)
    assert b.soc_final == pytest.approx(0.5 + b.charged_mwh - b.discharged_mwh - b.losses_mwh)
    assert b.soc_min <= b.soc_final <= b.soc_max


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"power_mw": 0}, "power_mw must be above 0 MW, got 0"),
        ({"energy_mwh": math.inf}, "energy_mwh must be above 0 MWh, got inf"),
        ({"lag_s": 0}, "lag_s must be above 0 s, got 0"),
        ({"ramp_mw_per_s": 0}, "ramp_mw_per_s must be above 0 MW/s, got 0"),
        ({"charge_efficiency": 1.1}, "charge_efficiency must be above 0 and at most 1, got 1.1"),
        ({"soc_min": 0.9, "soc_max": 0.1}, "soc_min must be from 0 to below soc_max, .* got 0.9 and 0.1"),
        ({"soc_start": 0.1, "soc_min": 0.2}, "soc_start must be from soc_min 0.2 to soc_max 1.0, got 0.1"),
        ({"soc_target": 1.5}, "soc_target must be from soc_min 0.0 to soc_max 1.0, got 1.5"),
    ],
)
def test_devices_out_of_range_say_what_was_expected(change, message):
    with pytest.raises(ValueError, match=message):
        StorageDevice(**({"power_mw": 1.0, "energy_mwh": 1.0} | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"smoothing_s": 0}, "smoothing_s must be above 0 s, got 0"),
        ({"split_hz": 1.0}, "a supercapacitor needs split_hz, and split_hz goes with"),
        ({"supercapacitor": SUPERCAPACITOR}, "a supercapacitor needs split_hz, and split_hz goes with"),
        ({"supercapacitor": SUPERCAPACITOR, "split_hz": 0}, "split_hz must be above 0 Hz, got 0"),
        ({"droop_mw_per_hz": 10}, "droop_mw_per_hz needs nominal_hz, got none"),
        ({"dead_band_hz": -1}, "dead_band_hz must be 0 Hz or more, got -1"),
        ({"nominal_hz": 0}, "nominal_hz must be above 0 Hz, got 0"),
    ],
)
def test_storage_out_of_range_says_what_was_expected(change, message):
    with pytest.raises(ValueError, match=message):
        Storage(**({"battery": BATTERY, "smoothing_s": 1.0} | change))


def test_bad_series_say_what_was_expected():
    with pytest.raises(ValueError, match="at least two, got shape"):
        apply_storage(HYBRID, np.ones(1), 0.01)
    with pytest.raises(ValueError, match="interval_s must be above 0 s, got 0"):
        apply_storage(HYBRID, np.ones(3), 0.0)
    with pytest.raises(ValueError, match="round_trip_efficiency must be above 0 and at most 1, got 0"):
        StorageDevice.with_round_trip(1, 1, 0)
