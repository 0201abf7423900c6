import json

import numpy as np
import pytest
from recorded_runs import write_run

from cosim.comparison import Comparison, differences, numbers
from cosim.recorder import set_attribute
from cosim.result import Result
from cosim.variants import step_check_entry, step_warnings


def test_numbers_are_found_by_path():
    tree = {"a": {"x_mw": 1, "name": "G1", "none": None, "list": [1], "flag": True, "b": {"10s": 2.5}}}
    assert dict(numbers(tree)) == {"a.x_mw": 1.0, "a.b.10s": 2.5}


def test_differences_are_from_the_first_run():
    runs = [{"v": {"min_pu": 0.9, "max_pu": 1.0}}, {"v": {"min_pu": 0.95, "max_pu": None}}, {"v": {"swing_pu": 0.1}}]
    found = {row.metric: row for row in differences(runs)}
    assert list(found) == ["v.min_pu", "v.max_pu", "v.swing_pu"]
    assert found["v.min_pu"].values == (0.9, 0.95, None)
    assert found["v.min_pu"].changes[0] == pytest.approx(0.05)
    assert found["v.min_pu"].changes[1] is found["v.max_pu"].changes[0] is found["v.swing_pu"].changes[1] is None
    assert found["v.min_pu"].unit == "pu"


def summary(metrics, verdict="pass", status="completed", step_s=0.01):
    criteria = [{"id": "a limit", "verdict": verdict}, {"id": "another", "verdict": "pass"}]
    return {"metrics": metrics, "criteria": criteria, "status": status, "provenance": {"step_s": step_s}}


def test_step_check_lists_what_changed():
    first = summary({"f": {"a_mhz": 10.0, "b_mhz": 0.0, "c_mhz": 5.0, "t_s": 1.0, "d_mhz": -4.0}})
    second = summary(
        {"f": {"a_mhz": 10.1, "b_mhz": 0.2, "c_mhz": 5.0, "t_s": 2.0, "d_mhz": -3.0}}, "fail", step_s=0.005
    )
    check = step_check_entry(first, second)
    assert [(e["metric"], e["value"], e["halved"]) for e in check["changes"]] == [
        ("f.d_mhz", -4.0, -3.0),
        ("f.a_mhz", 10.0, 10.1),
        ("f.b_mhz", 0.0, 0.2),
    ]
    assert check["changes"][0]["relative"] == 0.25
    assert check["changes"][2]["relative"] is None
    assert (check["step_s"], check["status"], check["verdicts_changed"]) == (0.005, "completed", ["a limit"])
    assert "0.005 s the verdict changes for a limit" in step_warnings(check)[0]
    assert "did not complete (diverged)" in step_warnings(check | {"status": "diverged"})[0]
    assert step_warnings(check | {"verdicts_changed": []}) == []


def stored(folder, name, minimum_pu, verdict, criterion="low"):
    folder.mkdir(parents=True)
    run = write_run(folder, np.arange(3.0), {"voltage_pu": {"1": np.array([1.0, minimum_pu, 1.0])}})
    entry = {"id": criterion, "metric": "voltage.min_pu", "limit": 0.9, "unit": "pu", "verdict": verdict}
    summary = {
        "name": name,
        "status": "completed",
        "verdict": verdict,
        "metrics": {"voltage": {"min_pu": minimum_pu}},
        "criteria": [entry | {"value": minimum_pu}],
    }
    set_attribute(run.path, "summary", json.dumps(summary))
    return Result.open(folder)


def test_comparison_is_named_by_what_differs(tmp_path):
    one, two = stored(tmp_path / "x" / "a", "same", 0.8, "fail"), stored(tmp_path / "y" / "a", "same", 0.95, "pass")
    three = stored(tmp_path / "z", "other", 0.9, "pass", criterion="another")
    assert Comparison.of([one, two]).labels == ("x/a", "y/a")
    assert Comparison.of([one, three]).labels == ("same", "other")
    assert Comparison.of([one, one]).labels == ("1: x/a", "2: x/a")


def test_comparison_lists_metrics_and_verdicts(tmp_path):
    one, two = stored(tmp_path / "a", "a", 0.8, "fail"), stored(tmp_path / "b", "b", 0.95, "pass")
    three = stored(tmp_path / "c", "c", 0.9, "pass", criterion="another")
    comparison = Comparison.of([one, two, three])
    (row,) = comparison.differences
    assert row.values == (0.8, 0.95, 0.9)
    assert row.changes == pytest.approx((0.15, 0.1))
    assert [(v.id, v.verdicts, v.values) for v in comparison.verdicts] == [
        ("low", ("fail", "pass", None), (0.8, 0.95, None)),
        ("another", (None, None, "pass"), (None, None, 0.9)),
    ]
    plain = json.loads(json.dumps(comparison.as_dict(), allow_nan=False))
    assert [run["verdict"] for run in plain["runs"]] == ["fail", "pass", "pass"]
