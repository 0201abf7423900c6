"""The plan of a sweep: what is set where, seeds, tasks and parts."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweep_plans import column, planned

from cosim.errors import InputError
from cosim.scenario.source import Source
from cosim.sweep.model import Sweep
from cosim.sweep.plan import Plan, PlannedRun

# What is set


def test_a_wildcard_sets_every_item_and_a_list_of_keys_every_key(tmp_path):
    plan = planned(tmp_path, {"parameters": [{"key": "sites[*].workloads[*].share", "values": [0.1]}]})
    shares = [workload["share"] for site in plan.runs[0].data["sites"] for workload in site["workloads"]]
    assert shares == [0.1] * 5
    plan = planned(
        tmp_path,
        {"parameters": [{"key": ["sites[0].rating_mw", "sites[1].rating_mw"], "name": "both", "values": [10, 20.5]}]},
    )
    assert [[site["rating_mw"] for site in run.data["sites"]] for run in plan.runs] == [[10, 10], [20.5, 20.5]]
    assert column(plan, "both") == [10, 20.5]


def test_an_index_past_the_end_adds_an_item(tmp_path):
    plan = planned(tmp_path, {"parameters": [{"key": "grid.edits[2].inertia_scale", "values": [0.8]}]})
    assert len(plan.runs[0].data["grid"]["edits"]) == 3


def test_what_is_set_for_all_may_be_set_otherwise_for_some(tmp_path):
    sweep = {"set": {"sites[*].rating_mw": 5}, "parameters": [{"key": "sites[1].rating_mw", "values": [6, 7]}]}
    plan = planned(tmp_path, sweep)
    assert [[site["rating_mw"] for site in run.data["sites"]] for run in plan.runs] == [[5, 6], [5, 7]]


def test_values_are_not_shared_between_runs(tmp_path):
    """A part that one parameter gives and another changes is changed in one run alone."""
    parameters = [
        {"key": "sites[0].workloads", "values": [[{"type": "training"}]]},
        {"key": "sites[0].workloads[0].share", "values": [0.1, 0.9]},
    ]
    plan = planned(tmp_path, {"parameters": parameters})
    assert [run.data["sites"][0]["workloads"][0]["share"] for run in plan.runs] == [0.1, 0.9]
    assert plan.runs[1].values["sites[0].workloads"] == [{"type": "training"}]
    assert column(plan, "sites[0].workloads") == ['[{"type": "training"}]'] * 2


def test_expressions_see_numbers_as_they_are_and_the_names_of_cases(tmp_path):
    parameters = [
        {"key": "sites[0].rating_mw", "values": [100, 200], "labels": ["small", "large"]},
        {"name": "place", "cases": {"near": {"sites[0].bus": 4}, "far": {"sites[0].bus": 8}}},
        {"key": "sites[1].bus", "name": "second", "values": [16, 20]},
    ]
    derived = [
        {"key": "sites[1].rating_mw", "value": "400 - rating_mw"},
        {"key": "sites[1].steady_share", "value": "rest / 1000", "name": "share"},
        {"key": "sites[0].steady_share", "value": "share / 2 if place == 'near' else 0.5"},
    ]
    derived[0]["name"] = "rest"
    filters = ["not (place == 'far' and second == 20)", "rest >= 200"]
    plan = planned(tmp_path, {"parameters": parameters, "derived": derived, "filters": filters})
    assert plan.points == 6
    rows = [tuple(run.cells.values()) for run in plan.runs]
    assert rows[0] == ("small", "near", 16, 300, 0.3, 0.15)
    assert rows[2] == ("small", "far", 16, 300, 0.3, 0.5)
    assert [row[:3] for row in rows] == [
        row for row in itertools.product(("small", "large"), ("near", "far"), (16, 20)) if row[1:] != ("far", 20)
    ]
    assert list(plan.runs[0].cells) == [
        *("sites[0].rating_mw", "place", "sites[1].bus"),
        *("sites[1].rating_mw", "sites[1].steady_share", "sites[0].steady_share"),
    ]
    assert plan.runs[0].data["sites"][1]["rating_mw"] == 300


def test_a_derived_key_does_not_take_the_name_of_a_parameter(tmp_path):
    sweep = {
        "parameters": [{"key": "sites[0].rating_mw", "values": [100, 200]}],
        "derived": [{"key": "sites[1].rating_mw", "value": "800 - rating_mw"}],
        "filters": ["rating_mw < 200"],
    }
    plan = planned(tmp_path, sweep)
    assert [tuple(run.cells.values()) for run in plan.runs] == [(100, 700)]


def test_a_combination_that_a_filter_leaves_out_need_not_be_valid(tmp_path):
    parameters = [{"key": "simulation.duration_s", "values": [2, 0.4]}]
    with pytest.raises(InputError, match=r"events\[0\].at_s: 0.5 s is not before the end .*duration_s = 0.4"):
        planned(tmp_path, {"parameters": parameters})
    assert len(planned(tmp_path, {"parameters": parameters, "filters": ["duration_s > 1"]}).runs) == 1


def test_places_tell_where_each_key_of_a_run_was_set(tmp_path):
    sweep = {
        "set": {"simulation.duration_s": 3},
        "parameters": [{"key": "sites[1].workloads", "values": [[{"type": "training"}]]}],
    }
    plan = planned(tmp_path, sweep)
    source = Source(None, plan.runs[0].data, plan.places)
    assert source.place(("simulation", "duration_s")).startswith(f"{tmp_path}/sweep.yaml:")
    assert source.place(("simulation", "duration_s")).endswith("set.simulation.duration_s")
    assert source.place(("sites", 1, "workloads", 0, "type")).endswith("parameters[0]")  # not the scenario's workload
    assert source.place(("sites", 0, "bus")).startswith(f"{tmp_path}/base.yaml:")


# Seeds, tasks and parts


def test_all_points_have_the_same_seeds(tmp_path):
    sweep = {"parameters": [{"key": "sites[0].bus", "values": [4, 8]}], "replicates": 3, "seed": 41}
    plan = planned(tmp_path, sweep)
    assert [(run.cells["sites[0].bus"], run.seed) for run in plan.runs] == list(itertools.product((4, 8), (41, 42, 43)))
    assert [run.data["simulation"]["seed"] for run in plan.runs] == [41, 42, 43] * 2
    assert [run.values["simulation.seed"] for run in plan.runs] == [41, 42, 43] * 2
    assert plan.points == 2


def test_a_seed_can_be_a_parameter(tmp_path):
    plan = planned(tmp_path, {"parameters": [{"key": "simulation.seed", "values": [3, 1, 2]}]})
    assert [run.seed for run in plan.runs] == [3, 1, 2]
    assert [run.data["simulation"]["seed"] for run in plan.runs] == [3, 1, 2]


def test_a_scenario_that_comes_up_twice_is_simulated_once(tmp_path):
    plan = planned(tmp_path, {"parameters": [{"key": "sites[0].bus", "values": [4, 8, 4]}], "replicates": 2})
    assert len(plan.runs) == 6
    assert len(plan.tasks) == 4


@st.composite
def plans(draw):
    """A plan of made-up runs, some of them twice, on some grids."""
    ids = draw(st.lists(st.integers(0, 30), min_size=1, max_size=60))
    grids = draw(st.integers(1, 5))
    runs = tuple(PlannedRun(f"run{k}", {}, 1, {}, {}, f"grid{k % grids}") for k in ids)
    return Plan(Sweep(scenario="x"), {}, len(runs), runs)


@given(plans(), st.integers(1, 80))
def test_parts_share_the_tasks_among_them(plan, count):
    parts = [plan.shard(number, count) for number in range(1, count + 1)]
    assert [run for part in parts for run in part] == plan.tasks
    sizes = {len(part) for part in parts}
    assert max(sizes) - min(sizes) <= 1


@given(plans())
def test_tasks_are_each_run_once_with_those_on_a_grid_together(plan):
    ids = [run.run_id for run in plan.tasks]
    assert sorted(ids) == sorted({run.run_id for run in plan.runs})
    grids = [grid for grid, _ in itertools.groupby(run.grid for run in plan.tasks)]
    assert len(grids) == len(set(grids))


def test_runs_on_the_same_grid_have_the_same_key_and_others_have_not(tmp_path):
    parameters = [
        {"key": "sites[0].rating_mw", "values": [100, 200]},
        {"key": "grid.edits[0].inertia_scale", "values": [0.5, 1.0]},
    ]
    plan = planned(tmp_path, {"parameters": parameters, "replicates": 2})
    by_scale = {}
    for run in plan.runs:
        by_scale.setdefault(run.cells["grid.edits[0].inertia_scale"], set()).add(run.grid)
    assert all(len(grids) == 1 for grids in by_scale.values())
    assert by_scale[0.5] != by_scale[1.0]
