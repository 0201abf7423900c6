"""Runs whose ordinary nodes are taken in compiled code: the numbers of the same run node by node."""

import json

import h5py
import numpy as np
import pytest

import cosim
from cosim.fast_loop import FastLoop
from cosim.simulation import CoSimulation

CHANNELS = ["voltage_pu", "angle_rad", "frequency_hz", "speed_pu", "rotor_angle_rad", "generator_mw", "line_mw"]
SQUARE = {"period_s": 0.37, "phases": [{"share": 0.6, "start_w": 700}, {"share": 0.4, "start_w": 300}]}
JUMPING = {"workloads": [{"type": "job", "nominal_w": 700, "idle_w": 70, "step": SQUARE}]}
STORAGE = {
    "type": "storage",
    "smoothing_s": 2.0,
    "split_hz": 0.5,
    "battery": {"power_mw": 6, "energy_mwh": 0.05},
    "supercapacitor": {"power_mw": 10, "energy_mwh": 0.005},
}
DROOP = STORAGE | {"droop_mw_per_hz": 40.0, "dead_band_hz": 0.001}
LEAVES = {
    "preset": "legacy-ups",
    "return": {"delay_s": 0.2, "walk_in_s": 0.3},
}
FAULT = {"type": "fault", "bus": 9, "at_s": 0.2037, "duration_s": 0.13, "x_pu": 0.05}
STEP = {"type": "load_step", "bus": 5, "mw": 3, "mvar": 1, "at_s": 0.5, "load_model": {"z": 1, "p": 0}}
RAMP = {"type": "load_ramp", "bus": 5, "mw": -3, "mvar": 0, "at_s": 0.8037, "over_s": 0.7}
TRIP = {"type": "generator_trip", "machine": "GENROU_2", "at_s": 0.1}
STAGES = [{"frequency_hz": hz, "delay_s": 0.1, "share": 0.05} for hz in (59.8, 59.7)]
CUT = {"type": "site_trip", "site": "dc1", "share": 0.4, "at_s": 0.35}
BACK = {"type": "site_return", "site": "dc1", "at_s": 0.75, "over_s": 0.3}


def scenario(sites=({},), events=(), duration_s=1.5, simulation=(), outputs=(), grid=()):
    return {
        "grid": {"case": "ieee14", "base_load": {"z": 1}, **dict(grid)},
        "sites": [{"name": f"dc{k + 1}", "bus": (9, 4)[k], "rating_mw": 20.0, **one} for k, one in enumerate(sites)],
        "events": list(events),
        "simulation": {"engine": "compiled", "duration_s": duration_s, **dict(simulation)},
        "outputs": {"channels": CHANNELS, "every_s": 1e-4, **dict(outputs)},
    }


SCENARIOS = {
    "plain": scenario(),
    "voltage dependence": scenario([{"load_model": {"z": 0.3, "i": 0.2, "p": 0.5}, "power_factor": 0.95}, JUMPING]),
    "edges": scenario([JUMPING]),
    "points": scenario([JUMPING], simulation={"injection": "point"}),
    "thinned": scenario([JUMPING], [STEP], outputs={"every_s": 0.07, "channels": ["voltage_pu"]}),
    "no sites": scenario([], [STEP, RAMP]),
    "step and ramp": scenario([{}, {"mode": "replace", "rating_mw": 5.0}], [STEP, RAMP]),
    "storage": scenario([{"mitigation": [STORAGE], **JUMPING}, {}]),
    "droop": scenario([{"mitigation": [DROOP]}, {}], [TRIP]),
    "leaves and returns": scenario([{"protection": LEAVES, "mitigation": [STORAGE]}, {}], [FAULT]),
    "sheds with voltage": scenario([{"protection": {"preset": "no-ups"}, **JUMPING}], [FAULT | {"x_pu": 0.3}]),
    "relays at buses": scenario([{}], [TRIP], grid={"edits": [{"ufls": {"relay": "bus", "stages": STAGES}}]}),
    "relays of two schemes": scenario(
        [{}], [TRIP], grid={"edits": [{"ufls": {"relay": kind, "stages": STAGES}} for kind in ("coi", "bus")]}
    ),
    "tripped by an event": scenario([{"mitigation": [STORAGE]}, {}], [CUT, BACK]),
}


def run(folder, monkeypatch, inputs, *, is_fast):
    """A run, and how many nodes compiled code took."""
    taken = []
    with monkeypatch.context() as patch:
        if is_fast:
            take = FastLoop.take

            def counted(*arguments):
                found = take(*arguments)
                taken.append(found[0])
                return found

            patch.setattr(FastLoop, "take", counted)
        else:
            patch.setattr(CoSimulation, "_fast_loop", lambda *_: None)
        result = cosim.run(inputs, folder, report=False)
    return result, sum(taken)


def contents(path):
    """Every dataset and attribute of a result file."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]
        found.update({f"{name}@{key}": value for key, value in item.attrs.items() if key != "summary"})

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


def assert_same(one, other, atol=1e-9, path=""):
    if isinstance(other, dict):
        assert one.keys() == other.keys(), path
        for key, value in other.items():
            assert_same(one[key], value, atol, f"{path}.{key}")
    elif isinstance(other, str) and other[:1] == "{":
        assert_same(json.loads(one), json.loads(other), atol, path)
    elif isinstance(other, float) or getattr(other, "dtype", np.dtype(object)).kind == "f":
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=atol, err_msg=path)
    else:
        assert np.array_equal(one, other), path


@pytest.mark.parametrize("name", SCENARIOS)
def test_numbers_are_those_of_the_run_node_by_node(tmp_path, monkeypatch, name):
    fast, taken = run(tmp_path / "fast", monkeypatch, SCENARIOS[name], is_fast=True)
    slow, _ = run(tmp_path / "slow", monkeypatch, SCENARIOS[name], is_fast=False)
    assert taken > 50
    assert_same(contents(fast.path), contents(slow.path))
