"""Commands of a sweep's report: each makes the scenario of its run, whatever values it has, and the same numbers."""

import json
import shlex
import shutil

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweeps import BASE, FAULT, KINDS, SHEDS, cosim, write_sweep

from cosim.scenario.load import load_scenario
from cosim.scenario.paths import with_absolute_paths
from cosim.scenario.source import parse_yaml
from cosim.sweep.folder import begin, reopen
from cosim.sweep.plan import load_sweep, make_plan
from cosim.sweep.reproduction import command, failures, flow

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))  # half a surrogate pair is no text
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
TRACE = "time_s,power_w\n0,100\n0.2,300\n0.4,100\n0.6,300\n"


@given(VALUES)
def test_a_value_is_read_as_it_was_written(value):
    text = flow(value)
    read = parse_yaml(text, None).data
    assert read == value
    assert json.dumps(read) == json.dumps(value)  # 1 is not 1.0, and not true
    assert text.isprintable()
    assert shlex.split(shlex.quote(text)) == [text]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (16, "16"),
        (0.5, "0.5"),
        ("ieee39", "ieee39"),
        ("/data/a.csv", "/data/a.csv"),
        ("true", '"true"'),
        ("12", '"12"'),
        ("two words", '"two words"'),
        (None, "null"),
        ([{"inertia_scale": 0.5}], '[{"inertia_scale": 0.5}]'),
    ],
)
def test_values_are_written_as_a_user_would(value, text):
    assert flow(value) == text


def begun(folder, **keys):
    """The folder of a sweep that has been begun, none of its runs made, and its plan as it is read from there."""
    file = write_sweep(folder, **keys)
    out = folder / "a folder's name"
    out.mkdir()
    begin(make_plan(*load_sweep(file)), out, resume=False)
    return out, reopen(out)[0]


def assert_every_command_makes_its_scenario(out, plan):
    for run in plan.runs:
        program, verb, scenario, *rest = shlex.split(command(run, out))
        assert (program, verb, rest[-2:]) == ("cosim", "run", ["--out", f"results/{run.run_id}"])
        assert rest[:-2:2] == ["--set"] * (len(rest) // 2 - 1)
        found, _ = load_scenario(scenario, rest[1:-2:2])
        data = with_absolute_paths(found, out).model_dump(mode="json", by_alias=True, exclude_none=True)
        assert data | {"name": ""} == run.data | {"name": ""}


def test_commands_make_the_scenarios_of_cases(tmp_path):
    out, plan = begun(tmp_path)
    assert len(plan.runs) == 2 * len(KINDS)
    assert_every_command_makes_its_scenario(out, plan)


SITES = [BASE["sites"][0], BASE["sites"][0] | {"name": "dc2", "bus": 9}]
PARTS = [
    {"key": "sites[0].protection", "values": [{"preset": "none"}, SHEDS], "labels": ["none", "sheds at 90 % ($x)"]},
    {"key": "grid.edits[0].inertia_scale", "range": [0.5, 1.0], "steps": 2},
    {"key": ["sites[0].power_factor", "sites[1].power_factor"], "name": "pf", "values": [0.95, 1.0]},
    {"key": "events", "values": [FAULT, []], "labels": ["fault", "nothing"]},
    {"key": "description", "values": ['it\'s "quoted"; $(rm x) `y` \\ \n*?', "two"]},
]


def test_commands_make_the_scenarios_of_values_that_are_parts_and_of_texts_that_a_shell_would_change(tmp_path):
    keys = {
        "base": BASE | {"sites": SITES},
        "set": {"sites[*].pue": 1.3, "sites[*].steady_share": 0.5, "simulation.duration_s": 0.3},
        "parameters": [*PARTS, {"key": "sites[0].rating_mw", "values": [20, 1e-3]}],
        "derived": [{"key": "sites[1].rating_mw", "value": "60 - rating_mw"}],
        "filters": ["rating_mw > 1 or pf == 1.0"],
        "seed": 7,
    }
    out, plan = begun(tmp_path, **keys)
    assert len(plan.runs) == 2 * (64 - 16)
    assert len({run.run_id for run in plan.runs}) == len(plan.runs) // 2  # what a scenario is called makes no other run
    assert_every_command_makes_its_scenario(out, plan)
    assert "'sites[*].pue=1.3'" in command(plan.runs[0], out)  # as in the sweep file, not once for each site


def test_paths_start_at_the_sweep_file_from_wherever_a_command_is_given(tmp_path, monkeypatch):
    for name in ("a.csv", "b.csv"):
        tmp_path.joinpath(name).write_text(TRACE)
    workload = {"type": "trace", "file": "a.csv", "format": "csv", "scale_to": "mean"}
    base = BASE | {"sites": [BASE["sites"][0] | {"workloads": [workload]}]}
    parameters = [
        {"key": "sites[0].workloads[0].file", "values": ["a.csv", "b.csv"]},
        {"name": "mix", "cases": {"as it is": {}, "b": {"sites[0].workloads[0]": workload | {"file": "b.csv"}}}},
    ]
    out, plan = begun(tmp_path, base=base, parameters=parameters[:1])
    other = tmp_path / "elsewhere"
    other.mkdir()
    monkeypatch.chdir(other)
    assert_every_command_makes_its_scenario(out, plan)
    shutil.rmtree(out)
    out, plan = begun(tmp_path, base=base, parameters=parameters[1:])
    assert_every_command_makes_its_scenario(out, plan)


@pytest.mark.slow
def test_a_command_gives_the_numbers_of_the_table(tmp_path, monkeypatch):
    kinds = {kind: KINDS[kind] for kind in ("has a fault", "is elsewhere", "has no power flow")}
    file = write_sweep(tmp_path, parameters=[{"name": "kind", "cases": kinds}], seed=3)
    out = tmp_path / "out"
    assert cosim("sweep", "run", file, "--out", out, "--workers", 1, "--quiet", "--no-report") == 0
    table = pd.read_parquet(out / "runs.parquet").set_index("run_id")
    plan, _ = reopen(out)
    monkeypatch.chdir(tmp_path)
    for run in plan.runs[::2]:
        row = table.loc[run.run_id]
        _, *arguments = shlex.split(command(run, out))
        code = cosim(*arguments, "--quiet", "--no-report")
        assert code == (0 if row["status"] == "completed" else 4)
        found = json.loads((tmp_path / "results" / run.run_id / "summary.json").read_text())
        assert (found["status"], found["verdict"]) == (row["status"], row["verdict"])
        if row["status"] == "completed":
            assert found["metrics"]["frequency"]["nadir_hz"] == row["frequency.nadir_hz"]
            assert found["metrics"]["voltage"]["min_pu"] == row["voltage.min_pu"]


def rows(*entries):
    """A table of runs with a status and an error each."""
    return pd.DataFrame(
        [{"run_id": f"r{k}", "status": status, "error": error} for k, (status, error) in enumerate(entries)]
    )


def test_failures_are_put_together_by_status_and_reason_up_to_numbers():
    runs = rows(
        ("completed", None),
        ("diverged", "no solution at 1.25 s"),
        ("pending", None),
        ("invalid", "a site of 900 MW is larger than the grid"),
        ("diverged", "no solution at 3e-05 s\nwith more to say"),
        ("unstable", "no solution at 2 s"),
        ("diverged", "no solution at 4 s"),
        ("diverged", "a bus is gone"),
        ("crashed", None),
        ("diverged", "no solution at 5 s"),
    )
    found = failures(runs)
    assert [(f.status, f.reason, f.count, f.rows) for f in found] == [
        ("diverged", "no solution at 1.25 s", 4, (1, 4, 6)),  # at most three are shown
        ("invalid", "a site of 900 MW is larger than the grid", 1, (3,)),
        ("unstable", "no solution at 2 s", 1, (5,)),
        ("diverged", "a bus is gone", 1, (7,)),
        ("crashed", "", 1, (8,)),
    ]


def test_a_run_that_stands_twice_in_the_table_fails_once():
    runs = pd.concat([rows(("diverged", "x"))] * 2, ignore_index=True)
    assert [(f.count, f.rows) for f in failures(runs)] == [(1, (0,))]


def test_nothing_failed():
    assert failures(rows(("completed", None), ("pending", None))) == []
