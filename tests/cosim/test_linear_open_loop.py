"""Runs in one go: in every number what the co-simulation loop makes of the same scenario node by node."""

import json

import numpy as np
import pytest
from linear_runs import assert_same, attributes, datasets, run, scenario

from cosim.engines.linear import LinearEngine
from cosim.linear import response

ALL_CHANNELS = (
    "voltage_pu",
    "angle_rad",
    "frequency_hz",
    "speed_pu",
    "rotor_angle_rad",
    "generator_mw",
    "line_mw",
)
PAIR = [
    {"bus": 9, "rating_mw": 10.0, "load_model": {"z": 0.3, "i": 0.2, "p": 0.5}, "power_factor": 0.95},
    {"bus": 4, "rating_mw": 15.0, "mode": "replace", "steady_share": 0.3},
]
SQUARE = {
    "period_s": 0.37,
    "phases": [{"share": 0.6, "start_w": 700}, {"share": 0.4, "start_w": 300}],
}
JUMPING = [
    {"bus": 16, "rating_mw": 60.0, "workloads": [{"type": "job", "nominal_w": 700, "idle_w": 70, "step": SQUARE}]}
]
EVENTS = [
    {"type": "load_step", "bus": 5, "mw": 3, "mvar": 1, "at_s": 0.5, "load_model": {"z": 1, "p": 0}},
    {"type": "load_ramp", "bus": 5, "mw": -3, "mvar": 0, "at_s": 0.8037, "over_s": 0.7},
]
UNSTABLE = {"base_load": {"p": 1}, "edits": [{"line_out": "Line_2"}]}
"""Without one of the parallel lines from bus 7 to bus 8, kundur swings up at 0.34 Hz: real part +0.34."""

SCENARIOS = {
    "two sites": scenario("ieee14", PAIR, channels=ALL_CHANNELS),
    "steps and ramps": scenario("ieee14", PAIR, EVENTS, channels=ALL_CHANNELS),
    "events alone": scenario("ieee14", [], EVENTS),
    "thinned": scenario("ieee14", PAIR, EVENTS, outputs={"every_s": 0.07}),
    "every node": scenario("ieee14", PAIR, EVENTS, outputs={"every_s": 0.0001}),
    "edges of a job": scenario("ieee39", JUMPING, simulation={"step_s": 0.0125}),
    "points": scenario("ieee39", JUMPING, simulation={"injection": "point"}),
    "below v_min": scenario("kundur", [{"bus": 8, "rating_mw": 100.0, "load_model": {"v_min_pu": 0.9415}}]),
    "no voltages": scenario("kundur", [{"bus": 7, "rating_mw": 30.0}], channels=["speed_pu"]),
    "long steps": scenario("kundur", [{"bus": 7, "rating_mw": 30.0}], simulation={"step_s": 0.0333}),
}


def assert_same_run(one, other, tolerance):
    """Every dataset, attribute and metric; numbers in their own unit to a tolerance."""
    found, expected = datasets(one), datasets(other)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        if values.dtype.kind != "f":
            assert found[name].tolist() == values.tolist(), name
        elif name.endswith("_time_s"):
            continue  # of two equal extremes, rounding decides which is first
        else:
            np.testing.assert_allclose(found[name], values, rtol=tolerance, atol=tolerance, err_msg=name)
    assert_same(*({key: _read(value) for key, value in attributes(result).items()} for result in (one, other)))
    for key in ("metrics", "verdict", "end_time_s", "warnings", "status"):
        assert_same(one.summary[key], other.summary[key], key)


def _read(value):
    """Accounts are stored as JSON."""
    return json.loads(value) if isinstance(value, str) and value.startswith("{") else value


@pytest.mark.parametrize("name", SCENARIOS)
def test_in_one_go_and_node_by_node(tmp_path, name, monkeypatch):
    at_once = run(tmp_path / "at once", SCENARIOS[name])
    node_by_node = run(tmp_path / "node by node", SCENARIOS[name], node_by_node=True)
    assert_same_run(at_once, node_by_node, 1e-10)
    monkeypatch.setattr(response, "CHUNK_NODES", 37)
    assert_same_run(run(tmp_path / "in chunks", SCENARIOS[name]), node_by_node, 1e-10)


def test_time_below_v_min_is_counted(tmp_path):
    result = run(tmp_path, SCENARIOS["below v_min"])
    below_s = result.summary["metrics"]["site"]["dc1"]["below_v_min_s"]
    assert below_s == pytest.approx(0.01 * (result.voltage_pu["8"] < 0.9415).sum(), abs=0.05)
    assert 0.5 < below_s < 2.5


def test_the_loop_is_not_used(tmp_path, monkeypatch):
    """Else the comparison would be of one thing with itself."""
    steps = []
    step = LinearEngine.step
    monkeypatch.setattr(LinearEngine, "step", lambda self, step_s: steps.append(step_s) or step(self, step_s))
    run(tmp_path / "at once", SCENARIOS["two sites"])
    assert steps == []
    run(tmp_path / "node by node", SCENARIOS["two sites"], node_by_node=True)
    assert len(steps) >= 300


def test_jumps_are_kept_on_both_sides(tmp_path):
    result = run(tmp_path, SCENARIOS["edges of a job"])
    found = datasets(result)
    edges = found["before_jumps/time_s"][1:]
    assert edges.size >= 15
    after = result.voltage_pu.loc[edges].to_numpy()
    assert np.all(np.abs(after - found["before_jumps/voltage_pu"][1:]).max(axis=1) > 1e-5)


@pytest.mark.parametrize("node_by_node", [False, True])
def test_a_grid_that_swings_up_ends_unstable(tmp_path, node_by_node):
    """Both ways end at the same node; what comes after it has not happened."""
    late = {"type": "load_step", "bus": 7, "mw": 1, "mvar": 0, "at_s": 29.0}
    wanted = scenario("kundur", [{"bus": 7, "rating_mw": 30.0}], [late], grid=UNSTABLE, simulation={"duration_s": 30.0})
    result = run(tmp_path, wanted, node_by_node=node_by_node, status="unstable")
    assert result.summary["verdict"] == "simulation_failed"
    assert 5.0 < result.summary["end_time_s"] < 29.0
    assert result.time_s[-1] == result.site("dc1").index[-1] == result.summary["end_time_s"]
    assert result.events.empty
    angle = datasets(run(tmp_path, {**wanted, "outputs": {"channels": ["rotor_angle_rad"]}}, status="unstable"))
    apart = np.ptp(angle["channels/rotor_angle_rad"], axis=1)
    assert apart[-1] >= np.pi > apart[-2]


def test_unstable_runs_are_the_same_both_ways(tmp_path):
    wanted = scenario("kundur", [{"bus": 7, "rating_mw": 30.0}], grid=UNSTABLE, simulation={"duration_s": 30.0})
    at_once = run(tmp_path / "at once", wanted, status="unstable")
    node_by_node = run(tmp_path / "node by node", wanted, node_by_node=True, status="unstable")
    assert at_once.summary["end_time_s"] == pytest.approx(node_by_node.summary["end_time_s"], abs=1e-9)
    found, expected = datasets(at_once), datasets(node_by_node)
    for name in ("time_s", "channels/voltage_pu", "channels/speed_pu", "sites/dc1/power_mw"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-7, atol=1e-9, err_msg=name)
    assert_same(at_once.summary["linear"], node_by_node.summary["linear"])


@pytest.mark.parametrize("node_by_node", [False, True])
def test_a_grid_that_nothing_moves_stays_as_it_is(tmp_path, node_by_node):
    """Neither sites nor events: every row is the equilibrium."""
    result = run(tmp_path, scenario("ieee14", [], channels=ALL_CHANNELS), node_by_node=node_by_node)
    assert len(result.time_s) == 301
    for name in ALL_CHANNELS:
        assert np.ptp(datasets(result)[f"channels/{name}"], axis=0).max() == 0.0
    assert np.all(datasets(result)["channels/frequency_hz"] == 60.0)
