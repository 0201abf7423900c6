"""What mitigation does to a site's demand in a run: limits that hold, swings that shrink, energy that is added."""

import numpy as np
import pytest

import cosim
from cosim.errors import InputError

LIMITER = {"type": "ramp_limiter", "up_mw_per_s": 20, "down_mw_per_s": 10}
STEADY = {"steady_share": 1.0, "workloads": []}
STEP = {"period_s": 0.2, "phases": [{"share": 0.8, "start_w": 700}, {"share": 0.2, "start_w": 300}]}
CHECKPOINT = {"duration_s": 0.3, "level_w": 100, "every_iterations": 4}
JOB = {"type": "job", "nominal_w": 700, "idle_w": 70, "step": STEP, "checkpoint": CHECKPOINT}
SERVING = {"type": "preset", "preset": "llama3-70b-serving"}
DEMANDS = {
    "training": {},
    "chain": {"pue": 1.3, "power_chain": {}, "steady_share": 0.2},
    "fine-tuning": {"workloads": [{"type": "fine_tuning"}]},
    "serving": {"workloads": [SERVING]},
}


def run(out, site, events=(), duration_s=2.0, **simulation):
    scenario = {
        "grid": {"case": "ieee14", "base_load": {"p": 1}},
        "sites": [{"name": "dc1", "bus": 9, "rating_mw": 30.0, **site}],
        "events": list(events),
        "simulation": {"duration_s": duration_s, **simulation},
        "outputs": {"every_s": 1e-4},
    }
    result = cosim.run(scenario, out, report=False)
    assert result.summary["status"] == "completed"
    return result


def metrics_of(result):
    return result.summary["metrics"]["site"]["dc1"]


def mitigation_of(result, kind):
    return metrics_of(result)["mitigation"][kind]


def node_slopes(site):
    """Change a second of the power at nominal voltage, between nodes that are apart."""
    change_mw, length_s = np.diff(site["command_mw"]), np.diff(site.index)
    return change_mw[length_s > 0] / length_s[length_s > 0]


def native_slopes(demand):
    return np.diff(demand) / demand.attrs["interval_s"]


@pytest.mark.parametrize("name", ["training", *(pytest.param(k, marks=pytest.mark.slow) for k in list(DEMANDS)[1:])])
def test_no_ramp_is_steeper_than_its_limit(tmp_path, name):
    free, limited = (run(tmp_path / str(k), {**DEMANDS[name], "mitigation": [LIMITER] * k}) for k in (0, 1))
    before, after = native_slopes(free.demand("dc1")), native_slopes(limited.demand("dc1"))
    assert before.max() > 40
    assert before.min() < -40
    assert after.max() == pytest.approx(20, rel=1e-6)
    assert after.min() == pytest.approx(-10, rel=1e-6)
    slopes = node_slopes(limited.site("dc1"))
    assert slopes.max() <= 20 * (1 + 1e-9)
    assert slopes.min() >= -10 * (1 + 1e-9)
    report = mitigation_of(limited, "ramp_limiter")
    assert report["peak_to_peak_after_mw"] < report["peak_to_peak_before_mw"]
    assert report["sd_after_mw"] < report["sd_before_mw"]
    assert report["ramping_up_s"] > 0 < report["ramping_down_s"]


@pytest.mark.parametrize("name", ["training", "serving"])
def test_no_ramp_of_a_sampled_trace_is_steeper_than_its_limit(tmp_path, name):
    result = run(tmp_path, {**DEMANDS[name], "mitigation": [LIMITER]}, duration_s=3.0, injection="point")
    slopes = node_slopes(result.site("dc1"))
    assert slopes.max() <= 20 * (1 + 1e-9)
    assert slopes.min() >= -10 * (1 + 1e-9)


def test_around_an_event_the_power_is_averaged_over_one_step_alone(tmp_path):
    """So a ramp is a third of a step off there; the demand itself keeps its limit."""
    fault = {"type": "fault", "bus": 14, "at_s": 1.0037, "duration_s": 0.0213, "x_pu": 0.5}
    result = run(tmp_path, {"mitigation": [LIMITER]}, [fault])
    site = result.site("dc1")
    jumps_mw = np.diff(site["command_mw"])[np.diff(site.index) == 0]
    assert np.abs(jumps_mw).max() < 20 * 0.01 / 2
    assert native_slopes(result.demand("dc1")).max() <= 20 * (1 + 1e-6)


def test_one_limit_leaves_the_other_side_free(tmp_path):
    result = run(tmp_path, {"mitigation": [{"type": "ramp_limiter", "up_mw_per_s": 20}]})
    slopes = native_slopes(result.demand("dc1"))
    assert slopes.max() == pytest.approx(20, rel=1e-6)
    assert slopes.min() < -100
    assert mitigation_of(result, "ramp_limiter")["ramping_down_s"] == 0


def test_a_limit_that_is_never_reached_changes_nothing(tmp_path):
    limiter = {"type": "ramp_limiter", "up_mw_per_s": 1e9, "down_mw_per_s": 1e9}
    free, limited = (run(tmp_path / str(k), {"mitigation": [limiter] * k}) for k in (0, 1))
    np.testing.assert_allclose(limited.demand("dc1"), free.demand("dc1"), rtol=1e-5)
    assert mitigation_of(limited, "ramp_limiter")["added_mwh"] == pytest.approx(0, abs=1e-8)


def random_storage(seed):
    """Small enough to meet its limits."""
    rng = np.random.default_rng(seed)

    def device(energy_mwh):
        low, high = rng.uniform(0, 0.4), rng.uniform(0.5, 1)
        return {
            "power_mw": rng.uniform(2, 15),
            "energy_mwh": energy_mwh * rng.uniform(0.5, 2),
            "charge_efficiency": rng.uniform(0.8, 1),
            "discharge_efficiency": rng.uniform(0.8, 1),
            "lag_s": rng.uniform(0.005, 0.1),
            "ramp_mw_per_s": float(rng.choice([30.0, 300.0, 1e6])),
            "soc_min": low,
            "soc_max": high,
            "soc_start": (low + high) / 2,
        }

    storage = {
        "type": "storage",
        "smoothing_s": rng.uniform(0.3, 5),
        "battery": device(2e-3),
        "droop_mw_per_hz": float(rng.choice([0, 50])),
        "dead_band_hz": 0.01,
    }
    if seed % 2:
        storage |= {"supercapacitor": device(5e-4), "split_hz": rng.uniform(0.1, 1)}
    return storage


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(k, marks=pytest.mark.slow) for k in range(2, 16))])
def test_storage_never_leaves_its_limits(tmp_path, seed):
    storage = random_storage(seed)
    fault = {"type": "fault", "bus": 9, "at_s": 0.5037, "duration_s": 0.12, "x_pu": 0.05}
    trip = {"type": "generator_trip", "machine": "GENROU_2", "at_s": 1.2}
    site = {"protection": {"preset": "legacy-ups"}, "mitigation": [storage]}
    result = run(tmp_path, site, [fault, trip])
    drawn, reports = result.site("dc1"), mitigation_of(result, "storage")
    devices = {name: storage[name] for name in ("battery", "supercapacitor") if name in storage}
    power_mw = drawn["storage_mw"]
    assert power_mw.abs().max() <= sum(device["power_mw"] for device in devices.values()) * (1 + 1e-12)
    assert np.abs(np.diff(power_mw)[np.diff(drawn.index) == 0]).max() < 1e-9
    for name, device in devices.items():
        soc = drawn[f"{name}_soc"]
        assert soc.min() >= device["soc_min"] - 1e-9
        assert soc.max() <= device["soc_max"] + 1e-9
        assert np.ptp(soc) > 0.01
    if not any(reports[name]["at_soc_limit_s"] for name in devices):
        steepest = sum(device["ramp_mw_per_s"] for device in devices.values())
        slopes = np.diff(power_mw)[np.diff(drawn.index) > 0] / np.diff(drawn.index)[np.diff(drawn.index) > 0]
        assert np.abs(slopes).max() <= steepest * (1 + 1e-6)


@pytest.mark.parametrize(("soc_start", "start_w"), [(0.2, 700), (0.8, 70)])
def test_storage_that_starts_at_a_limit_of_its_charge_stays_within(tmp_path, soc_start, start_w):
    """The load starts above its mean, so that storage would discharge; or below, so that it would charge."""
    limits = {"soc_min": 0.2, "soc_max": 0.8, "soc_start": soc_start}
    storage = {"type": "storage", "smoothing_s": 2, "battery": {"power_mw": 10, "energy_mwh": 0.002, **limits}}
    job = {**JOB, "start": [{"duration_s": 0.2, "start_w": start_w}]}
    soc = run(tmp_path, {"workloads": [job], "mitigation": [storage]}, duration_s=1.0).site("dc1")["battery_soc"]
    assert soc.min() >= 0.2 - 1e-9
    assert soc.max() <= 0.8 + 1e-9


def test_some_of_these_storages_meet_their_limits(tmp_path):
    """Else the test before would say little: this one is full at once, and the next too weak."""
    full, weak = ({"power_mw": 20, "energy_mwh": 1e-4}, {"power_mw": 1, "energy_mwh": 1})
    times = []
    for k, battery in enumerate((full, weak)):
        storage = {"type": "storage", "smoothing_s": 2, "battery": battery}
        report = mitigation_of(run(tmp_path / str(k), {"mitigation": [storage]}), "storage")["battery"]
        times.append((report["at_soc_limit_s"], report["at_power_limit_s"]))
    assert times[0][0] > 0.5
    assert times[1][0] == 0
    assert times[1][1] > 0.5


def test_storage_makes_what_passes_the_poi_steadier(tmp_path):
    storage = {"type": "storage", "smoothing_s": 5, "battery": {"power_mw": 30, "energy_mwh": 1}}
    free, stored = (run(tmp_path / str(k), {"mitigation": [storage] * k}) for k in (0, 1))
    report = mitigation_of(stored, "storage")
    assert report["sd_before_mw"] == pytest.approx(free.site("dc1")["command_mw"].std(), rel=0.15)
    assert report["sd_after_mw"] < 0.4 * report["sd_before_mw"]
    assert stored.site("dc1")["command_mw"].std() < 0.5 * free.site("dc1")["command_mw"].std()
    swing = [result.summary["metrics"]["frequency"]["peak_to_peak_mhz"] for result in (free, stored)]
    assert swing[1] < 0.5 * swing[0]


def test_droop_discharges_while_frequency_is_low(tmp_path):
    """Of a steady load the storage's power is the droop alone, a converter's lag late."""
    storage = {
        "type": "storage",
        "smoothing_s": 5,
        "battery": {"power_mw": 30, "energy_mwh": 1},
        "droop_mw_per_hz": 20,
        "dead_band_hz": 0.05,
    }
    trip = {"type": "generator_trip", "machine": "GENROU_1", "at_s": 0.5}
    free, held = (run(tmp_path / str(k), {**STEADY, "mitigation": [storage] * k}, [trip], 2.5) for k in (0, 1))
    drawn = held.site("dc1")
    seen = held.channel_with_jumps("frequency_hz", ["9"])["9"]
    np.testing.assert_array_equal(seen.index, drawn.index)
    assert drawn["storage_mw"][drawn.index < 0.5].abs().max() < 1e-9
    low = 60 - seen.to_numpy()
    assert low.max() > 0.5
    late = (drawn.index > 1.0).nonzero()[0]
    expected = -20 * np.maximum(low - 0.05, 0)
    np.testing.assert_allclose(drawn["storage_mw"].to_numpy()[late], expected[late], atol=1.0)
    assert drawn["storage_mw"].iloc[-1] < -5
    nadirs = [result.summary["metrics"]["frequency"]["nadir_hz"] for result in (free, held)]
    assert nadirs[1] > nadirs[0] + 0.05


def test_droop_charges_while_frequency_is_high(tmp_path):
    battery = {"power_mw": 30, "energy_mwh": 1}
    storage = {"type": "storage", "smoothing_s": 5, "battery": battery, "droop_mw_per_hz": 50, "dead_band_hz": 0.01}
    loss = {"type": "load_step", "bus": 4, "mw": -40, "at_s": 0.2}
    drawn = run(tmp_path, {**STEADY, "mitigation": [storage]}, [loss], 1.0).site("dc1")
    assert drawn["storage_mw"].iloc[-1] > 1
    assert drawn["battery_soc"].iloc[-1] > 0.5


@pytest.mark.parametrize("delays", ["even", "random"])
def test_staggering_lowers_the_swing(tmp_path, delays):
    stagger = {"type": "stagger", "cohorts": 10, "spread_s": 1.0, "delays": delays}
    free, spread = (run(tmp_path / str(k), {"mitigation": [stagger] * k}, duration_s=4.0) for k in (0, 1))
    report = mitigation_of(spread, "stagger")
    assert report["peak_to_peak_before_mw"] == pytest.approx(np.ptp(free.demand("dc1")))
    assert report["peak_to_peak_after_mw"] == pytest.approx(np.ptp(spread.demand("dc1")))
    assert report["sd_after_mw"] < 0.6 * report["sd_before_mw"]
    swing = [result.summary["metrics"]["frequency"]["peak_to_peak_mhz"] for result in (free, spread)]
    assert swing[1] < 0.7 * swing[0]


def test_random_delays_come_from_the_seed(tmp_path):
    stagger = {"type": "stagger", "cohorts": 10, "spread_s": 0.4, "delays": "random"}
    site = {"workloads": [JOB], "mitigation": [stagger]}
    one, same, other = (
        run(tmp_path / str(k), site, duration_s=0.5, seed=seed).demand("dc1") for k, seed in enumerate((3, 3, 4))
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.1


def test_smoothing_adds_energy_and_lowers_the_swing(tmp_path):
    smoothing = {"type": "smoothing", "floor_share": 0.8, "hysteresis_s": 1.0}
    free, smooth = (run(tmp_path / str(k), {"mitigation": [smoothing] * k}) for k in (0, 1))
    report = mitigation_of(smooth, "smoothing")
    added_mwh = metrics_of(smooth)["energy"]["it_mwh"] - metrics_of(free)["energy"]["it_mwh"]
    assert report["added_mwh"] == pytest.approx(added_mwh, rel=1e-6)
    assert 1 < report["added_percent"] < 25
    assert report["added_percent"] == pytest.approx(100 * added_mwh / metrics_of(free)["energy"]["it_mwh"], rel=1e-6)
    assert report["at_floor_s"] > 0.1
    assert report["peak_to_peak_after_mw"] < 0.7 * report["peak_to_peak_before_mw"]
    assert smooth.demand("dc1").max() <= free.demand("dc1").max() + 1e-9
    swing = [result.summary["metrics"]["frequency"]["peak_to_peak_mhz"] for result in (free, smooth)]
    assert swing[1] < swing[0]


def test_smoothing_keeps_its_rates_and_its_floor(tmp_path):
    """700 W are 30 MW: the power falls by at most 300 MW/s to 18 MW, and rises by at most 30 MW/s."""
    smoothing = {"type": "smoothing", "floor_share": 0.6, "hysteresis_s": 100}
    smoothing |= {"ramp_up_w_per_s": 700, "ramp_down_w_per_s": 7000}
    demand = run(tmp_path, {"workloads": [JOB], "mitigation": [smoothing]}).demand("dc1")
    assert demand.max() == pytest.approx(30, rel=1e-6)
    assert demand.min() == pytest.approx(18, rel=1e-6)
    assert native_slopes(demand).max() == pytest.approx(30, rel=1e-6)
    assert native_slopes(demand).min() == pytest.approx(-300, rel=1e-6)


@pytest.mark.parametrize("scaling", [{}, pytest.param({"scale_to": "count", "count": 40_000}, marks=pytest.mark.slow)])
def test_checkpoints_of_several_jobs_do_not_coincide(tmp_path, scaling):
    """One job falls to its checkpoint as a whole; of four, in places of the cycle of their own, one at a time does."""
    stagger = {"type": "stagger", "checkpoint_jobs": 4}
    workload = {**JOB, **scaling}
    one, four = (
        run(tmp_path / str(k), {"workloads": [workload], "mitigation": [stagger] * k}, duration_s=4.0) for k in (0, 1)
    )
    full_mw = one.demand("dc1").max()
    assert full_mw == pytest.approx(40_000 * 700e-6 if scaling else 30)
    assert one.demand("dc1").min() == pytest.approx(full_mw / 7, rel=1e-6)
    assert four.demand("dc1").min() > full_mw / 2
    report = mitigation_of(four, "stagger")
    assert report["sd_after_mw"] < 0.4 * report["sd_before_mw"]
    assert report["peak_to_peak_after_mw"] < 0.5 * report["peak_to_peak_before_mw"]


@pytest.mark.parametrize(
    "workload",
    [
        {"type": "training"},
        {**JOB, "checkpoint": {"duration_s": 0.3, "level_w": 100, "every_s": 1}},
        {key: value for key, value in JOB.items() if key != "checkpoint"},
    ],
    ids=["training", "checkpoints at times", "no checkpoints"],
)
def test_checkpoints_that_do_not_follow_iterations_cannot_be_spread(tmp_path, workload):
    site = {"workloads": [workload], "mitigation": [{"type": "stagger", "checkpoint_jobs": 4}]}
    with pytest.raises(InputError, match=r"sites\[0\].mitigation\[0\].checkpoint_jobs: no workload .* is a job with"):
        run(tmp_path, site)


def test_each_stage_starts_from_the_one_before(tmp_path):
    """Whatever their order in the scenario: smoothing, stagger, ramp limiter, storage."""
    stagger = {"type": "stagger", "cohorts": 4, "spread_s": 0.5}
    storage = {"type": "storage", "smoothing_s": 1, "battery": {"power_mw": 10, "energy_mwh": 1}}
    stages = [storage, LIMITER, stagger, {"type": "smoothing"}]
    result = run(tmp_path / "mixed", {"mitigation": stages})
    ordered = run(tmp_path / "ordered", {"mitigation": stages[::-1]})
    np.testing.assert_array_equal(result.site("dc1"), ordered.site("dc1"))
    smoothing, spread, limited = (mitigation_of(result, kind) for kind in ("smoothing", "stagger", "ramp_limiter"))
    assert smoothing["sd_after_mw"] == pytest.approx(spread["sd_before_mw"])
    assert spread["sd_after_mw"] == pytest.approx(limited["sd_before_mw"])
    assert limited["sd_after_mw"] == pytest.approx(mitigation_of(result, "storage")["sd_before_mw"], rel=0.05)


def test_a_resolved_scenario_with_all_equipment_runs_again_to_the_same_numbers(tmp_path):
    storage = {"type": "storage", "smoothing_s": 1, "battery": {"power_mw": 10, "energy_mwh": 0.01}}
    stages = [{"type": "smoothing"}, {"type": "stagger", "cohorts": 4, "spread_s": 0.5}, LIMITER, storage]
    fault = {"type": "fault", "bus": 9, "at_s": 0.2, "duration_s": 0.12, "x_pu": 0.05}
    site = {"mitigation": stages, "protection": {"preset": "legacy-ups", "return": {"delay_s": 0.1, "walk_in_s": 0.2}}}
    first = run(tmp_path / "first", site, [fault], 1.0)
    again = cosim.run(tmp_path / "first" / "scenario.yaml", tmp_path / "again", report=False)
    np.testing.assert_array_equal(first.site("dc1"), again.site("dc1"))
    assert first.summary["metrics"] == again.summary["metrics"]
