"""Runs whose ordinary nodes are taken in compiled code: the numbers of the same run node by node."""

import json
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest
from reacting_sites import STORAGE

import cosim
from cosim.engines.compiled import CompiledEngine
from cosim.fast_loop import FastLoop
from cosim.loop_inputs import powers
from cosim.recorder import Recorder
from cosim.scenario.load import validate
from cosim.scenario.source import Source
from cosim.simulation import CoSimulation
from cosim.study import prepare_study

CHANNELS = ["voltage_pu", "angle_rad", "frequency_hz", "speed_pu", "rotor_angle_rad", "generator_mw", "line_mw"]
SQUARE = {"period_s": 0.37, "phases": [{"share": 0.6, "start_w": 700}, {"share": 0.4, "start_w": 300}]}
JUMPING = {"workloads": [{"type": "job", "nominal_w": 700, "idle_w": 70, "step": SQUARE}]}
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


COLLAPSE = {"type": "load_ramp", "bus": 14, "mw": 600, "mvar": 300, "at_s": 0.3, "over_s": 0.8}
COLLAPSE["load_model"] = {"p": 1, "v_min_pu": 0.05}
LONG_FAULT = {"type": "fault", "bus": 1, "at_s": 0.2037, "duration_s": 0.6, "x_pu": 0.001}


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


@pytest.mark.parametrize("name", ["edges", "leaves and returns"])
def test_numbers_do_not_depend_on_the_length_of_a_call(tmp_path, monkeypatch, name):
    whole, _ = run(tmp_path / "whole", monkeypatch, SCENARIOS[name], is_fast=True)
    monkeypatch.setattr("cosim.fast_loop.LARGEST_BLOCK", 7)
    blocks, _ = run(tmp_path / "blocks", monkeypatch, SCENARIOS[name], is_fast=True)
    assert_same(contents(blocks.path), contents(whole.path), 1e-12)


@pytest.mark.parametrize(("event", "status"), [(COLLAPSE, "diverged"), (LONG_FAULT, "unstable")])
def test_runs_that_end_early_end_alike(tmp_path, monkeypatch, event, status):
    inputs = scenario([{}], [event], duration_s=3.0)
    fast, taken = run(tmp_path / "fast", monkeypatch, inputs, is_fast=True)
    slow, _ = run(tmp_path / "slow", monkeypatch, inputs, is_fast=False)
    assert taken > 20
    assert fast.summary["status"] == slow.summary["status"] == status
    assert fast.summary["end_time_s"] == slow.summary["end_time_s"] < 3.0
    assert_same(contents(fast.path), contents(slow.path), 1e-6)


@pytest.mark.parametrize("injection", ["average", "point"])
def test_after_a_step_that_was_cut_the_energy_owed_is_paid_first(tmp_path, monkeypatch, injection):
    """The steps to some nodes fail unless they are halved; these nodes are not for compiled code."""
    failing_s = np.array([0.3, 0.31, 0.6, 0.99])
    step, take = CompiledEngine.step, FastLoop.take

    def stubborn(self, step_s):
        fails = step_s > 0.006 and np.abs(failing_s - self.time_s - step_s).min() < 1e-9
        return not fails and step(self, step_s)

    def short_of(self, reached, end):
        nodes = np.flatnonzero(np.abs(self._timeline.time_s[:, None] - failing_s).min(axis=1) < 1e-9)
        assert nodes.size == failing_s.size
        return take(self, reached, min([end, *(nodes[nodes > reached] - 1)]))

    monkeypatch.setattr(CompiledEngine, "step", stubborn)
    monkeypatch.setattr(FastLoop, "take", short_of)
    site = {"mitigation": [STORAGE], "protection": LEAVES}
    inputs = scenario([site], simulation={"injection": injection})
    fast, taken = run(tmp_path / "fast", monkeypatch, inputs, is_fast=True)
    slow, _ = run(tmp_path / "slow", monkeypatch, inputs, is_fast=False)
    assert taken > 100
    assert len(fast.site("dc1")) > 1.5 / 0.01 + failing_s.size
    assert_same(contents(fast.path), contents(slow.path))


def test_several_runs_in_threads_of_one_process(tmp_path):
    def prepared(rating_mw):
        source = Source(None, scenario([{"rating_mw": rating_mw, "mitigation": [STORAGE], "protection": LEAVES}]))
        study = prepare_study(validate(source), source)
        assert study.engine.initialise(*powers(study.loads, study.start_level)).succeeded
        return study

    def energies(name, study):
        columns = {load.name: load.equipment.columns for load in study.loads if load.equipment}
        with Recorder(tmp_path / name, {}, ["dc1"], 0.0, {}, site_columns=columns) as recorder:
            loop = CoSimulation(study.engine, study.loads, study.timeline, study.events, recorder, [])
            outcome = loop.run(study.start_level, lambda _: None)
        assert outcome.status == "completed"
        return vars(outcome.sites["dc1"].energies)

    ratings = (5.0, 12.0, 20.0)
    alone = [energies(f"alone{k}", prepared(mw)) for k, mw in enumerate(ratings)]
    studies = [prepared(mw) for mw in ratings]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(energies, ["a", "b", "c"], studies))
    assert together == alone
