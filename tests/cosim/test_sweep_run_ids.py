"""A run of a sweep is known by what is simulated, whatever it is called and wherever its files are."""

import copy
import json
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sweep_plans import BASE, TRACE, planned, write

from cosim.scenario.library import library
from cosim.scenario.load import validate
from cosim.scenario.source import Source
from cosim.study import grid_key
from cosim.sweep.model import Sweep
from cosim.sweep.plan import _digest, load_sweep, make_plan


def only_id(folder: Path, base: dict[str, object], sweep: dict[str, object] | None = None) -> str:
    (run,) = planned(folder, sweep or {}, base).runs
    return run.run_id


def shuffled(data: object, order: random.Random) -> object:
    """The same data with its keys in another order."""
    if isinstance(data, dict):
        keys = list(data)
        order.shuffle(keys)
        return {key: shuffled(data[key], order) for key in keys}
    return [shuffled(item, order) for item in data] if isinstance(data, list) else data


@given(st.integers(0, 2**32))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_run_id_does_not_depend_on_the_order_of_keys(tmp_path, seed):
    assert only_id(tmp_path, shuffled(BASE, random.Random(seed))) == only_id(tmp_path, BASE)


@given(st.text(max_size=30), st.from_regex(r"[^\x00-\x1f]{0,20}", fullmatch=True))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_run_id_does_not_depend_on_name_and_description(tmp_path, description, name):
    assert only_id(tmp_path, BASE | {"description": description, "name": name}) == only_id(tmp_path, BASE)
    assert only_id(tmp_path, BASE, {"description": description, "name": name}) == only_id(tmp_path, BASE)


def test_a_run_id_does_not_depend_on_where_files_are(tmp_path, monkeypatch):
    here = only_id(tmp_path / "here", BASE)
    assert only_id(tmp_path / "there with spaces" / "é", BASE) == here
    renamed = copy.deepcopy(BASE)
    renamed["sites"][0]["workloads"][2]["file"] = "../node copy.csv"
    (tmp_path / "node copy.csv").write_text(TRACE)
    assert only_id(tmp_path / "here", renamed) == here
    monkeypatch.chdir(tmp_path / "here")
    assert make_plan(*load_sweep("sweep.yaml")).runs[0].run_id == here


def test_a_run_id_is_that_of_what_is_run_and_not_of_how_it_is_written(tmp_path):
    """Defaults given or not, a value in the scenario or set by the sweep, alone or among others: the same run."""
    expected = only_id(tmp_path, BASE)
    with_defaults = copy.deepcopy(BASE)
    with_defaults["sites"][1] |= {"pue": 1.0, "mode": "add", "mitigation": [], "power_chain": None}
    with_defaults["simulation"] |= {"step_s": 0.01, "seed": 5}  # the sweep's seed counts
    assert only_id(tmp_path, with_defaults) == expected
    assert only_id(tmp_path, BASE, {"set": {"sites[0].rating_mw": 200.0}}) == expected
    without = copy.deepcopy(BASE)
    del without["sites"][0]["protection"], without["events"]
    back = {key: BASE[key] for key in ("events",)} | {"sites[0].protection": BASE["sites"][0]["protection"]}
    assert only_id(tmp_path, without, {"set": back}) == expected
    parameters = [
        {"key": "sites[0].bus", "values": [4, 16, 20]},
        {"key": "sites[1].rating_mw", "range": [50, 60], "steps": 2},
    ]
    runs = planned(tmp_path, {"parameters": parameters, "replicates": 2}).runs
    assert [run.run_id for run in runs].count(expected) == 1
    (same,) = [run for run in runs if run.run_id == expected]
    assert (same.cells["sites[0].bus"], same.cells["sites[1].rating_mw"], same.seed) == (16, 50, 1)


CHANGES = {
    "grid.case": "ieee14",
    "grid.base_load": {"z": 0.5000001, "p": 0.4999999},
    "grid.edits[0].inertia_scale": 0.6,
    "grid.edits[1].load_scale.buses[0]": 8,
    "sites[0].name": "dc3",
    "sites[0].bus": 15,
    "sites[0].rating_mw": 200.000001,
    "sites[0].power_chain.psu_efficiency": 0.9,
    "sites[0].workloads[0].share": 0.4,
    "sites[0].workloads[0].frequency_hz": 1.0,
    "sites[0].workloads[2].file": "other.csv",
    "sites[0].workloads[2].scale_to": "peak",
    "sites[0].mitigation[0].up_mw_per_s": 21,
    "sites[0].mitigation": [],
    "sites[0].protection.preset": "no-ups",
    "sites[0].protection.counter.events": 3,
    "sites[1].workloads[1].type": "training",
    "sites[1].protection.voltage.rows[0].seconds": 0.2,
    "redispatch.mode": "slack",
    "events[0].at_s": 0.6,
    "events[0].line.to": 19,
    "events": [],
    "simulation.duration_s": 2.5,
    "simulation.step_s": 0.005,
    "simulation.injection": "point",
    "simulation.tolerance": 1e-7,
    "simulation.seed": 2,
    "outputs.every_s": 0.02,
    "criteria[0].min": 0.91,
    "criteria": [],
}


def test_any_other_change_gives_another_run_id(tmp_path):
    found = {key: only_id(tmp_path, BASE, {"set": {key: value}}) for key, value in CHANGES.items()}
    found["nothing"] = only_id(tmp_path, BASE)
    found["other seed"] = only_id(tmp_path, BASE, {"seed": 3})
    assert len(set(found.values())) == len(found), found


def test_the_content_of_files_counts(tmp_path):
    (tmp_path / "case.raw").write_text("a case")
    (tmp_path / "case.dyr").write_text("its machines")
    base = BASE | {"grid": {"case": "case.raw", "dyr": "case.dyr"}}
    ids = [only_id(tmp_path, base)]
    for name in ("case.raw", "case.dyr"):
        (tmp_path / name).write_text("changed")
        ids.append(only_id(tmp_path, base))
    write(tmp_path / "base.yaml", base)
    (tmp_path / "node.csv").write_text(TRACE.replace("700", "701"))
    ids.append(make_plan(*load_sweep(tmp_path / "sweep.yaml")).runs[0].run_id)
    assert len(set(ids)) == 4


@pytest.mark.parametrize("name", [*library(), None])
def test_the_data_of_a_run_is_a_scenario_that_resolves_to_itself(name, tmp_path):
    """Workers get it as JSON, validate it and look for the grid that its key names."""
    if name is None:
        (run,) = planned(tmp_path, {}).runs
    else:
        (run,) = make_plan(Sweep(scenario=name), Source(None, {})).runs
    scenario = validate(Source(None, json.loads(json.dumps(run.data))))
    assert scenario.model_dump(mode="json", by_alias=True, exclude_none=True) == run.data
    assert _digest(grid_key(scenario).encode()) == run.grid
