"""The folder of a sweep gives the same plan again, wherever it is read."""

import copy
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from sweep_plans import BASE, TRACE, column, planned, write

from cosim.scenario.library import sweep_library
from cosim.sweep.folder import begin, reopen
from cosim.sweep.plan import load_sweep, make_plan

SWEEPS = YAML(typ="safe", pure=True).load("""
nothing: {}
grid:
  parameters: [{key: "sites[0].bus", values: [4, 8]}, {key: "sites[1].rating_mw", range: [1, 9], steps: 3}]
list:
  parameters:
  - {key: "sites[0].bus", values: [4, 8], labels: [near, far]}
  - {key: "sites[1].rating_mw", range: [1, 9], steps: 2, scale: log}
  sampling: {method: list}
one at a time:
  parameters: [{key: "sites[0].bus", values: [4, 8]}, {key: "sites[1].rating_mw", range: [1, 9], steps: 3}]
  sampling: {method: one_at_a_time}
several keys:
  parameters: [{key: ["sites[0].rating_mw", "sites[1].rating_mw"], name: both, values: [10, 20.5]}]
wildcards:
  parameters:
  - {key: "sites[*].rating_mw", values: [10, 20]}
  - {key: "sites[*].workloads[*].share", values: [0.1, 0.2]}
cases:
  parameters:
  - name: chain
    cases:
      none: {"sites[0].power_chain": null}
      as it is: {}
      efficient: {"sites[0].power_chain.psu_efficiency": 0.99, "sites[1].power_chain": {ups_efficiency: 0.97}}
edits:
  parameters:
  - {key: "grid.edits[0].inertia_scale", values: [0.5, 1.0]}
  - {key: "grid.edits[2]", name: more, values: [{load_scale: 0.9}, {inertia_scale: 0.9}]}
protection:
  parameters:
  - key: "sites[0].protection"
    values: [{preset: none}, {preset: compliant}, {preset: no-ups}]
    labels: [none, compliant, no-ups]
  - key: "sites[1].protection"
    name: second
    values:
    - {preset: legacy-ups, return: {delay_s: 5.0}}
    - {frequency: {rows: [{below: 59, seconds: 1}]}, return: {low_hz: 59.5}}
mitigation:
  parameters:
  - key: "sites[0].mitigation"
    labels: [none, storage, smoothing]
    values:
    - []
    - [{type: storage, smoothing_s: 5, battery: {power_mw: 60, energy_mwh: 10}}]
    - [{type: smoothing, floor_share: 0.8, hysteresis_s: 0.5, ramp_up_w_per_s: 350, ramp_down_w_per_s: 350}]
workloads:
  parameters:
  - key: "sites[1].workloads"
    values:
    - []
    - [{type: training, frequency_hz: 0.7}]
    - [{type: fine_tuning, count: 800, synchronisation: 0.2}]
    - [{type: mix}]
    - [{type: mix, jobs: [{type: training, share: 0.9}, {type: preset, preset: gpt2-124m-llmc, share: 0.1}]}]
    - [{type: preset, preset: llama3-70b-serving-bursty, count: 500, synchronisation: 0.0}]
    - [{type: trace, file: node.csv, scale_to: peak}]
    - - type: inference
        arrivals: {type: recorded, file: arrivals.csv}
        engine: {max_batch: 8, prefill_tokens_per_s: 9000, decode_batch: [1, 8], decode_step_s: [0.02, 0.03]}
        idle_w: 70
        prefill_w: 700
        decode_w: [300, 400]
traces:
  parameters: [{key: "sites[0].workloads[2].file", values: [node.csv, other.csv]}]
traces in cases:
  parameters:
  - name: trace
    cases:
      a: {"sites[0].workloads[2].file": node.csv}
      b: {"sites[0].workloads[2].file": ../there/other.csv}
traces that are set:
  set: {"sites[0].workloads[2].file": other.csv}
the same trace twice:
  parameters: [{key: "sites[0].workloads[2].file", values: [node.csv, ./node.csv, other.csv]}]
grids:
  parameters: [{key: grid.case, values: [ieee14, ieee39, my case.raw]}]
derived:
  parameters: [{key: "sites[0].rating_mw", values: [100, 200], labels: [small, large]}]
  derived: [{key: "sites[1].rating_mw", value: 800 - rating_mw}, {key: "sites[1].steady_share", value: 1 / 3}]
  filters: [rating_mw > 50]
latin hypercube:
  parameters: [{key: "sites[0].rating_mw", range: [1, 9]}, {key: "sites[0].bus", values: [4, 8, 16]}]
  sampling: {method: latin_hypercube, samples: 7}
  seed: 5
sobol:
  parameters: [{key: "sites[0].rating_mw", distribution: normal, mean: 50, sd: 3}]
  sampling: {method: sobol, samples: 6}
saltelli:
  parameters: [{key: "sites[0].rating_mw", distribution: triangular, low: 1, mode: 2, high: 3}]
  sampling: {method: saltelli, samples: 4}
morris:
  parameters: [{key: "sites[0].rating_mw", distribution: log_uniform, low: 1, high: 3}]
  sampling: {method: morris, trajectories: 3}
seeds: {replicates: 4, seed: 9, keep: all, description: "line\\nline", name: "a: 'b' [c] #d"}
seed as a parameter:
  parameters: [{key: simulation.seed, values: [3, 1, 2]}]
""")


@pytest.mark.parametrize("name", SWEEPS)
def test_a_folder_gives_the_same_plan_again(name, tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "other.csv").write_text(TRACE + "2,800\n")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "my case.raw").write_text("a case")
    plan = planned(tmp_path / "here", SWEEPS[name])
    again = plan
    for number in range(2):  # a folder's sweep can be run again, in another folder
        folder = tmp_path / "results" / str(number)
        folder.mkdir(parents=True)
        begin(again, folder, resume=False)
        monkeypatch.chdir(folder)
        again, records = reopen(folder)
        assert records.found == {}
        assert [run.run_id for run in again.runs] == [run.run_id for run in plan.runs]
        assert [run.cells for run in again.runs] == [run.cells for run in plan.runs]
        assert [run.seed for run in again.runs] == [run.seed for run in plan.runs]
        assert [run.grid for run in again.tasks] == [run.grid for run in plan.tasks]
        assert [run.data for run in again.runs] == [run.data for run in plan.runs]
        assert again.points == plan.points
        assert again.base_data == plan.base_data
        kept = {"name", "description", "sampling", "derived", "filters", "replicates", "seed", "keep"}
        assert again.sweep.model_dump(include=kept) == plan.sweep.model_dump(include=kept)


@given(
    st.text(max_size=20),
    st.from_regex(r"[^\x00-\x1f]{1,15}", fullmatch=True),
    st.floats(1e-300, 1e300),
    st.floats(1e-3, 1e3),
    st.sampled_from(
        ["on", "1e3", "0x10", "1_000", "null", "~", "2026-01-01", "- a", "a: b", "#a", "[a", "'", '"', "é"]
    ),
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_texts_and_numbers_are_in_it(tmp_path, text, name, large, small, word):
    base = copy.deepcopy(BASE) | {"description": text, "name": name}
    base["criteria"] = [{"metric": "voltage.min_pu", "min": large, "id": word}]
    base["sites"][0]["rating_mw"] = small
    parameters = [
        {"key": "criteria[0].id", "values": [word, "x" + word]},
        {"key": "sites[1].rating_mw", "values": [small]},
    ]
    plan = planned(tmp_path, {"parameters": parameters, "description": text, "name": name}, base)
    folder = tmp_path / "out"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    begin(plan, folder, resume=False)
    again, _ = reopen(folder)
    assert [run.run_id for run in again.runs] == [run.run_id for run in plan.runs]
    assert again.base_data == plan.base_data
    assert (again.sweep.name, again.sweep.description) == (plan.sweep.name, plan.sweep.description)


def test_relative_paths_start_where_they_are_written(tmp_path):
    """Those of the sweep at its folder, those of the scenario at that one's, whatever the current folder is."""
    write(tmp_path / "scenarios" / "base.yaml", BASE)
    (tmp_path / "scenarios" / "node.csv").write_text(TRACE)
    traces = [{"type": "trace", "share": 0.1, "file": name} for name in ("a.csv", "b.csv")]
    sweep = {
        "scenario": "../scenarios/base.yaml",
        "parameters": [{"key": "sites[0].workloads[0]", "values": traces}],
    }
    plan = make_plan(*load_sweep(write(tmp_path / "sweeps" / "s.yaml", sweep)))
    first = plan.runs[0].data["sites"][0]["workloads"]
    assert first[0]["file"] == str(tmp_path / "sweeps" / "a.csv")
    assert first[2]["file"] == str(tmp_path / "scenarios" / "node.csv")
    assert (
        column(plan, "sites[0].workloads[0]")[0] == '{"type": "trace", "share": 0.1, "file": "a.csv"}'
    )  # shown as it is written
    assert plan.sweep.parameters[0].values[1]["file"] == str(tmp_path / "sweeps" / "b.csv")


def test_the_scenario_of_the_sweep_is_left_as_it_is(tmp_path):
    plan = planned(tmp_path, SWEEPS["wildcards"])
    expected = copy.deepcopy(BASE)
    expected["sites"][0]["workloads"][2]["file"] = str(tmp_path / "node.csv")
    assert plan.base_data == expected


@pytest.mark.parametrize("name", sweep_library())
def test_a_library_sweep_has_runs(name):
    plan = make_plan(*load_sweep(name))
    assert plan.sweep.name
    assert len({run.run_id for run in plan.runs}) == len(plan.runs)
