"""Criteria of a scenario: found beside it, with the channels that they need, and judged in a run."""

import io
import json

import pytest
from rich.console import Console

from cosim.cli import main
from cosim.errors import InputError
from cosim.scenario.load import load_scenario
from cosim.study import prepare_study
from cosim.verdict_console import print_criteria

SCENARIO = """schema: 1
grid: {{case: ieee14}}
sites: [{{name: dc1, bus: 9, rating_mw: 10, workloads: [{{type: training, frequency_hz: 1.0}}]}}]
simulation: {{duration_s: 2}}
outputs: {{channels: []}}
criteria: {criteria}
"""
LIMITS = """profile: mine
title: My limits
limits:
  - {id: low, title: Lowest voltage, metric: voltage.min_pu, min: 0.5}
  - {id: ramp, title: Power in 6 s, metric: ramp.sites.*.excursion_mw.1.5s, max: 100}
"""


def written(folder, criteria):
    (folder / "mine.yaml").write_text(LIMITS)
    (folder / "scenario.yaml").write_text(SCENARIO.format(criteria=criteria))
    return folder / "scenario.yaml"


def studied(folder, criteria):
    return prepare_study(*load_scenario(written(folder, criteria)))


def test_channels_that_criteria_need_are_recorded(tmp_path):
    study = studied(tmp_path, "[{profile: screening}]")
    needed = {"speed_pu", "generator_mw", "rotor_angle_rad", "line_mw", "voltage_pu"}
    assert set(study.scenario.outputs.channels) == needed
    (tmp_path / "one").mkdir()
    one = "[{id: e, envelope: {signal: frequency, rows: [{below: 59, seconds: 1}]}}]"
    assert studied(tmp_path / "one", one).scenario.outputs.channels == ["frequency_hz"]


def test_a_file_beside_the_scenario(tmp_path):
    study = studied(tmp_path, "[{file: mine.yaml, only: [low]}, {file: mine.yaml, decide: false}]")
    assert [(c.id, c.profile, c.decides) for c in study.criteria] == [
        ("low", "mine", True),
        ("low", "mine", False),
        ("ramp", "mine", False),
    ]
    assert study.scenario.criteria[0].file == str(tmp_path / "mine.yaml")


def test_what_two_areas_share_is_judged_once(tmp_path):
    study = studied(tmp_path, "[{profile: nerc, area: west}, {profile: nerc, area: east}]")
    ids = [c.id for c in study.criteria]
    assert len(ids) == len(set(ids))
    assert {"prc-024-voltage", "prc-024-frequency-west", "prc-024-frequency-east"} <= set(ids)


def test_a_mistake_in_a_file_is_placed_there(tmp_path):
    path = written(tmp_path, "[{file: mine.yaml}]")
    (tmp_path / "mine.yaml").write_text(LIMITS.replace("voltage.min_pu", "voltage.min"))
    with pytest.raises(InputError) as caught:
        prepare_study(*load_scenario(path))
    (problem,) = caught.value.problems
    assert (problem.place, problem.key) == (f"{tmp_path / 'mine.yaml'}:4:38", "limits[0].metric")
    assert problem.hint == "did you mean 'voltage.min_pu'?"


def test_a_run_is_judged_by_profiles_and_files(tmp_path, capsys):
    path = written(tmp_path, "[{profile: screening}, {file: mine.yaml}, {profile: nerc, area: east}]")
    with pytest.raises(SystemExit) as stop:
        main(["run", str(path), "--out", str(tmp_path / "out"), "--no-report"])
    assert stop.value.code == 0
    assert "criteria pass; closest:" in " ".join(capsys.readouterr().out.split())
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert not [e["reason"] for e in summary["criteria"] if "not recorded" in str(e["reason"])]
    found = {entry["id"]: entry for entry in summary["criteria"]}
    assert found["low"]["verdict"] == found["ramp (dc1)"]["verdict"] == "pass"
    assert found["ramp (dc1)"]["value"] == summary["metrics"]["ramp"]["sites"]["dc1"]["excursion_mw"]["1.5s"] > 0
    assert found["prc-024-voltage <0.9pu"]["verdict"] == "pass"
    assert summary["metrics"]["voltage"]["envelopes"]["prc-024-voltage"]["<0.9pu"] == 0


def entry(verdict, **given):
    return {
        "id": "x", "value": 1.0, "limit": 2.0, "margin": 1.0, "unit": "MW", "verdict": verdict, "decides": True,
        "reason": None, "limit_status": "binding",
    } | given  # fmt: skip


def test_many_verdicts_fit_a_screen():
    console = Console(width=200, file=io.StringIO())
    hertz = entry("pass", id="hertz", unit="Hz", limit=59.9, margin=0.001)
    unjudged = [entry("not_assessed", reason="set for grids of 50 Hz") for _ in range(20)]
    failed = [entry("fail", id="informing", decides=False, limit_status="draft"), entry("fail", id="deciding")]
    passed = [entry("pass"), entry("pass", id="near", value=1.9, margin=0.1), hertz]
    print_criteria(console, [*unjudged, *failed, *passed])
    printed = console.file.getvalue()
    assert printed.index("deciding") < printed.index("informing")
    assert "3 of 25 criteria pass; closest: near, 1.9 MW, 5 % from its limit" in printed
    assert "20 not assessed: set for grids of 50 Hz" in printed
    assert printed.count("not assessed") == 1
