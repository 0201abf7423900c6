"""Sites that react to the grid: when they leave and return, what that does to it, and that the step does not matter."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest
from reacting_sites import STORAGE

import cosim

STEADY = {"steady_share": 1.0, "workloads": []}
RETURN = {"delay_s": 0.4, "walk_in_s": 0.3, "low_pu": 0.8}
DEEP = [{"below": 0.7, "seconds": 0.05}]


def fault(at_s, duration_s=0.05, x_pu=0.05, bus=9):
    return {"type": "fault", "bus": bus, "at_s": at_s, "duration_s": duration_s, "x_pu": x_pu}


def slow_sag(at_s):
    """A reactor that grows over 0.6 s."""
    model = {"z": 1, "p": 0}
    return {"type": "load_ramp", "bus": 9, "mw": 0, "mvar": 150, "at_s": at_s, "over_s": 0.6, "load_model": model}


def counter(events, window_s):
    return {"counter": {"events": events, "window_s": window_s, "below_pu": 0.8}}


def run(out, site, events=(), duration_s=1.0, step_s=0.01, case="ieee14", base_load=None, status="completed"):
    sites = site if isinstance(site, list) else [site]
    scenario = {
        "grid": {"case": case, "base_load": base_load or {"z": 1}},
        "sites": [{"name": f"dc{k + 1}", "bus": 9, "rating_mw": 30.0, **one} for k, one in enumerate(sites)],
        "events": list(events),
        "simulation": {"duration_s": duration_s, "step_s": step_s},
        "outputs": {"every_s": 1e-4},
    }
    result = cosim.run(scenario, out, report=False)
    assert result.summary["status"] == status
    return result


def protection_times(result):
    events = result.events
    return events["time_s"][events["kind"] == "protection"].to_numpy()


def at(frame, time_s):
    """The row before and the one after a jump."""
    rows = frame[np.abs(frame.index - time_s) < 1e-9]
    assert len(rows) == 2
    return rows.iloc[0], rows.iloc[1]


def numbers(path):
    """Every dataset of numbers of a result file, as bytes."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu":
            found[name] = item[()].tobytes()

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


STEPS = {
    "sag": ({"voltage": {"rows": [{"below": 0.9, "seconds": 0.1}]}}, [slow_sag(0.2)], 0.7, 1),
    "frequency": (
        {"frequency": {"rows": [{"below": 59.8, "seconds": 0.1}]}, "return": {"low_hz": 59.85}},
        [{"type": "generator_trip", "machine": "GENROU_1", "at_s": 0.1}],
        0.5,
        1,
    ),
    "latch": (counter(3, 60.0), [fault(0.2037), fault(0.3), fault(0.4051)], 0.6, 1),
    "return": (
        {"voltage": {"rows": DEEP}, "return": {"delay_s": 0.2, "walk_in_s": 0.1, "low_pu": 0.9}},
        [fault(0.2037, 0.1, 0.1)],
        0.8,
        3,
    ),
    "groups": (
        {"preset": "legacy-ups", "return": {"delay_s": 0.2, "walk_in_s": 0.1}},
        [fault(0.2037, 0.13)],
        0.8,
        10,
    ),
}


@pytest.mark.parametrize("name", STEPS)
def test_when_a_site_leaves_and_returns_does_not_depend_on_the_step(tmp_path, name):
    protection, events, duration_s, count = STEPS[name]
    site = {**STEADY, "protection": protection}
    coarse, fine = (
        protection_times(run(tmp_path / str(step_s), site, events, duration_s, step_s)) for step_s in (0.01, 0.002)
    )
    assert coarse.size >= count
    np.testing.assert_allclose(coarse, fine, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", STEPS)
def test_when_a_fluctuating_site_with_storage_leaves_does_not_depend_on_the_step(tmp_path, name):
    protection, events, duration_s, count = STEPS[name]
    site = {"protection": protection, "mitigation": [STORAGE]}
    coarse, fine = (
        protection_times(run(tmp_path / str(step_s), site, events, duration_s, step_s)) for step_s in (0.01, 0.002)
    )
    assert coarse.size >= count
    np.testing.assert_allclose(coarse, fine, atol=1e-3)


def test_an_event_that_starts_in_a_slow_sag_latches_at_its_level(tmp_path):
    protection = {"counter": {"events": 1, "window_s": 1.0, "below_pu": 0.85}}
    result = run(tmp_path, {**STEADY, "protection": protection}, [slow_sag(0.2)], 0.8)
    (at_s,) = protection_times(result)
    voltage = result.channel_with_jumps("voltage_pu", ["9"])["9"]
    assert voltage[: at_s + 1e-9].iloc[-1] == pytest.approx(0.85, abs=1e-4)
    node_s = result.site("dc1").index.to_numpy()
    np.testing.assert_allclose(node_s[1:][np.diff(node_s) == 0], result.events["time_s"])


@pytest.mark.parametrize("x_pu", [0.2, 0.3])
def test_what_sheds_with_voltage_does_not_depend_on_the_step(tmp_path, x_pu):
    site = {**STEADY, "protection": {"preset": "no-ups"}}
    power_mw = []
    for step_s in (0.01, 0.002):
        result = run(tmp_path / str(step_s), site, [fault(0.2037, 0.1, x_pu)], 0.4, step_s)
        drawn = result.site("dc1")
        power_mw.append([at(drawn, time_s)[1]["power_mw"] for time_s in (0.2037, 0.3037)])
    (during, after), fine = power_mw
    assert [during, after] == pytest.approx(fine, rel=0.01)
    assert 1 < during < 20 < after < 29


@pytest.mark.parametrize("restart_fraction", [0.0, 0.8])
def test_shedding_fits_the_voltage_that_it_leaves(tmp_path, restart_fraction):
    """Site and grid are solved together: (V - Vd2) / (Vd1 - Vd2) at the voltage after the jump; then what restarts."""
    electronic = {"vd1_pu": 0.7, "vd2_pu": 0.5, "restart_fraction": restart_fraction}
    result = run(tmp_path, {**STEADY, "protection": {"electronic": electronic}}, [fault(0.2, 0.1, 0.3)], 0.5)
    drawn, voltage = result.site("dc1"), result.channel_with_jumps("voltage_pu", ["9"])
    _, struck = at(drawn, 0.2)
    _, volts = at(voltage, 0.2)
    assert 0.55 < volts["9"] < 0.65
    assert struck["connected_share"] == pytest.approx((volts["9"] - 0.5) / 0.2, abs=1e-3)
    lowest = (voltage["9"].min() - 0.5) / 0.2
    end = lowest + restart_fraction * (1 - lowest)
    assert drawn["connected_share"].iloc[-1] == pytest.approx(end, abs=1e-3)


def test_an_event_shorter_than_a_step_counts(tmp_path):
    site = {**STEADY, "protection": counter(2, 5.0)}
    result = run(tmp_path, site, [fault(0.2037, 0.004), fault(0.4037, 0.004)], 0.6, 0.02)
    assert protection_times(result) == pytest.approx([0.4037], abs=1e-4)
    assert result.site("dc1")["power_mw"].iloc[-1] == 0
    assert result.summary["metrics"]["site"]["dc1"]["protection"]["locked_share_at_end"] == 1


@pytest.mark.parametrize(("apart_s", "count"), [(0.49, 1), (0.5, 1), (0.51, 0)])
def test_events_count_together_within_the_window(tmp_path, apart_s, count):
    site = {**STEADY, "protection": counter(2, 0.5)}
    result = run(tmp_path, site, [fault(0.2), fault(0.2 + apart_s)], 0.85)
    assert protection_times(result) == pytest.approx([0.2 + apart_s] * count, abs=1e-4)
    assert result.summary["metrics"]["site"]["dc1"]["protection"]["transfers"] == count


def test_a_locked_site_waits_for_its_return_by_hand(tmp_path):
    site = {**STEADY, "protection": {**counter(1, 1.0), "return": RETURN}}
    returned = {"type": "site_return", "site": "dc1", "at_s": 1.0}
    result = run(tmp_path, site, [fault(0.2), returned], 1.8)
    drawn = result.site("dc1")
    away = drawn["connected_share"][(drawn.index > 0.2001) & (drawn.index < 1)]
    assert (away == 0).all()
    assert protection_times(result) == pytest.approx([0.2, 1.0, 1.0, 1.3], abs=1e-4)
    assert drawn["connected_share"].iloc[-1] == 1


def test_a_second_sag_calls_the_return_off_and_the_wait_starts_again(tmp_path):
    """Too short a sag to leave again: the voltage is back at 0.53 s, and 0.4 s later the site walks in."""
    site = {**STEADY, "protection": {"voltage": {"rows": DEEP}, "return": RETURN}}
    once = run(tmp_path / "once", site, [fault(0.2037, 0.1, 0.1)], 1.3)
    twice = run(tmp_path / "twice", site, [fault(0.2037, 0.1, 0.1), fault(0.5, 0.03, 0.1)], 1.3)
    assert protection_times(once) == pytest.approx([0.2537, 0.7037, 1.0037], abs=1e-3)
    assert protection_times(twice) == pytest.approx([0.2537, 0.93, 1.23], abs=1e-3)


def test_a_sag_while_it_walks_in_takes_the_site_off_again(tmp_path):
    site = {**STEADY, "protection": {"voltage": {"rows": DEEP}, "return": RETURN}}
    result = run(tmp_path, site, [fault(0.2037, 0.1, 0.1), fault(0.8, 0.08, 0.1)], 1.8)
    assert protection_times(result) == pytest.approx([0.2537, 0.7037, 0.85, 1.28, 1.58], abs=1e-3)
    before, after = at(result.site("dc1"), protection_times(result)[2])
    assert before["connected_share"] == pytest.approx((0.85 - 0.7037) / 0.3, abs=1e-3)
    assert after["connected_share"] == 0


BOLTED = [
    ("ieee14", 9, 30.0),
    pytest.param("ieee39", 16, 300.0, marks=pytest.mark.slow),
    pytest.param("kundur", 7, 300.0, marks=pytest.mark.slow),
    pytest.param("wscc9", 5, 50.0, marks=pytest.mark.slow),
]


@pytest.mark.parametrize("preset", ["none", "compliant", "legacy-ups", "no-ups"])
@pytest.mark.parametrize(("case", "bus", "rating_mw"), BOLTED)
def test_a_bolted_fault_at_the_poi_runs_through(tmp_path, case, bus, rating_mw, preset):
    storage = {"type": "storage", "smoothing_s": 2, "battery": {"power_mw": 10, "energy_mwh": 0.1}}
    site = {"bus": bus, "rating_mw": rating_mw, "protection": {"preset": preset}, "mitigation": [storage]}
    struck = fault(0.2, 0.1, 1e-6, bus)
    result = run(tmp_path, site, [struck], 0.5, case=case, base_load={"p": 1})
    metrics = result.summary["metrics"]["site"]["dc1"]
    assert metrics["poi_min_pu"] < 1e-3
    assert metrics["below_v_min_s"] > 0.09
    _, during = at(result.site("dc1"), 0.2)
    assert abs(during["power_mw"]) < 1e-3


def test_two_sites_and_one_without_protection(tmp_path):
    """The unprotected one goes on as if alone but for what the other's leaving does to its voltage."""
    sites = [
        {**STEADY, "protection": counter(1, 1.0), "rating_mw": 20.0},
        {**STEADY, "bus": 14, "rating_mw": 12.0},
    ]
    result = run(tmp_path, sites, [fault(0.2)], 0.6)
    one, other = result.site("dc1"), result.site("dc2")
    assert one["power_mw"].iloc[-1] == 0
    assert other["power_mw"].iloc[-1] == pytest.approx(12)
    assert "connected_share" not in other
    assert (other["command_mw"] == 12).all()
    assert result.summary["metrics"]["site"]["dc2"]["protection"]["transfers"] is None
    np.testing.assert_array_equal(one.index, other.index)


def test_two_protected_sites_act_each_by_its_own_voltage(tmp_path):
    rows = {"voltage": {"rows": DEEP}}
    sites = [{**STEADY, "protection": rows, "rating_mw": 20.0}, {**STEADY, "bus": 2, "protection": rows}]
    result = run(tmp_path, sites, [fault(0.2037, 0.1)], 0.5)
    (at_s,) = protection_times(result)
    assert at_s == pytest.approx(0.2537, abs=1e-6)
    assert result.site("dc1")["connected_share"].iloc[-1] == 0
    assert (result.site("dc2")["connected_share"] == 1).all()


@pytest.mark.parametrize(
    ("case", "bus", "rating_mw", "mvar"), [("ieee14", 9, 20.0, -20.0), ("ieee39", 16, 200.0, -800.0)]
)
def test_frequency_rises_as_inertia_says_when_a_protected_site_leaves(tmp_path, case, bus, rating_mw, mvar):
    """d f / dt jumps by P f0 / (2 H S); a reactor has pulled the voltage below the site's level, and loads are of
    constant power."""
    start_pu = run(tmp_path / "start", {"bus": bus, "rating_mw": rating_mw, **STEADY}, (), 0.01, case=case).voltage_pu
    level = min(0.999, start_pu[str(bus)].iloc[0] - 0.005)
    protection = {"voltage": {"rows": [{"below": level, "seconds": 0.2}]}, "return": {"low_pu": level}}
    site = {"bus": bus, "rating_mw": rating_mw, **STEADY, "protection": protection}
    reactor = {"type": "shunt_switch", "shunt": {"bus": bus, "mvar": mvar}, "on": True, "at_s": 0.1}
    result = run(tmp_path / "run", site, [reactor], 0.4, 0.002, case, {"p": 1})
    (at_s,) = protection_times(result)
    assert at_s == pytest.approx(0.3, abs=0.01)
    coi = result.coi_hz["coi"]
    before, after = (
        np.diff(np.interp([at_s + a, at_s + b], coi.index, coi))[0] / (b - a)
        for a, b in ((-0.02, -0.002), (0.002, 0.02))
    )
    expected = rating_mw * 60 / (2 * np.sum(result.inertia_mws))
    assert after - before == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("preset", ["compliant", "legacy-ups", "no-ups"])
def test_protection_that_does_not_act_changes_no_bit(tmp_path, preset):
    """Its envelope is looked at after every step, and nothing is due."""
    plain, watched = (
        run(tmp_path / str(k), site, [fault(0.2, 0.05, 1.0)])
        for k, site in enumerate([{}, {"protection": {"preset": preset}}])
    )
    assert protection_times(watched).size == 0
    one, other = numbers(plain.path), numbers(watched.path)
    assert {name for name in one if one[name] != other[name]} <= {"sites/dc1/demand_mw"}
    np.testing.assert_allclose(watched.demand("dc1"), plain.demand("dc1"), rtol=1e-12)


def test_equipment_without_effect_changes_no_bit(tmp_path):
    nothing = {"mitigation": [], "protection": {"preset": "none", "ups": {}, "return": {"delay_s": 1}}}
    plain, same = (numbers(run(tmp_path / str(k), site, [fault(0.2)]).path) for k, site in enumerate([{}, nothing]))
    assert plain == same


def test_the_same_scenario_gives_the_same_bytes(tmp_path):
    site = {
        "protection": {"preset": "legacy-ups", "return": {"delay_s": 0.1, "walk_in_s": 0.2}},
        "mitigation": [STORAGE],
    }
    events = [fault(0.2, 0.13), {"type": "site_trip", "site": "dc1", "at_s": 0.7, "share": 0.5}]
    first, second = (run(tmp_path / str(k), site, events) for k in range(2))
    assert protection_times(first).size > 10
    assert numbers(first.path) == numbers(second.path)
    assert first.events.equals(second.events)


def test_a_jump_long_after_a_trip_does_not_end_the_process(tmp_path):
    """Each run in a process of its own, for a fault in it would end this one."""
    scenario = {
        "grid": {"case": "ieee39", "base_load": {"z": 1}},
        "events": [
            fault(0.31, 0.12, 0.3, 16),
            {"type": "generator_trip", "machine": "GENROU_2", "at_s": 0.7581},
            {"type": "load_step", "bus": 16, "mw": 120, "mvar": 20, "at_s": 1.12},
        ],
        "simulation": {"duration_s": 1.2},
    }
    code = "import cosim, json, sys; cosim.run(json.loads(sys.argv[1]), sys.argv[2], report=False)"
    ended = subprocess.run([sys.executable, "-c", code, json.dumps(scenario), str(tmp_path)], capture_output=True)
    assert ended.returncode == 0
