import json

import numpy as np
import pytest
from recorded_runs import write_run

from cosim import summary
from cosim.criteria import Criterion
from cosim.result import Result

TIME_S = np.arange(0, 12, 0.01)
SPEED = {"speed_pu": {"G1": 1 - 0.001 * np.minimum(TIME_S, 2.0)}}
CRITERIA = [
    Criterion(metric="frequency.max_deviation_mhz", max=100.0),
    Criterion(metric="voltage.min_pu", min=0.9),
    Criterion(metric="ramp.sites.dc1.windows.1s", max=4.0),
]


@pytest.fixture
def run(tmp_path):
    return write_run(
        tmp_path,
        TIME_S,
        SPEED,
        inertia=[4.0],
        power_mw=100 + 5 * TIME_S,
        demand=(0.1, 0.5 * np.arange(120.0)),
        end_time_s=12.0,
    )


def test_summary_is_the_contract(run):
    built = summary.build(run, CRITERIA, {"seed": 1}, {"residual": 1e-9, "power_flow_iterations": 4}, ["careful"])
    assert list(built) == [
        "name",
        "status",
        "verdict",
        "end_time_s",
        "metrics",
        "criteria",
        "initialisation",
        "provenance",
        "warnings",
        "not_assessed",
    ]
    assert (built["name"], built["status"], built["verdict"], built["end_time_s"]) == (
        "run",
        "completed",
        "fail",
        12.0,
    )
    assert [entry["verdict"] for entry in built["criteria"]] == ["fail", "not_assessed", "fail"]
    assert built["criteria"][0]["value"] == pytest.approx(120.0)
    assert "not recorded" in built["criteria"][1]["reason"]
    (violation,) = built["metrics"]["ramp"]["violations"]
    assert violation == {
        "site": "dc1",
        "start_s": 1.0,
        "duration_s": pytest.approx(11.0),
        "value": 5.0,
        "limit": 4.0,
        "criterion": "ramp.sites.dc1.windows.1s <= 4",
    }
    assert built["initialisation"] == {"residual": 1e-9, "power_flow_iterations": 4}
    assert built["warnings"] == ["careful"]


def test_written_summary_reads_back_and_is_stable(run, tmp_path):
    built = summary.build(run, CRITERIA, {"note": "Ω"}, {})
    path = tmp_path / "summary.json"
    summary.write(built, path)
    assert json.loads(path.read_text(encoding="utf-8")) == built
    assert run.summary == built
    assert path.read_text(encoding="utf-8") == summary.to_json(summary.build(run, CRITERIA, {"note": "Ω"}, {}))
    assert not list(tmp_path.glob("*.partial"))


def test_not_finite_is_null_when_built_and_refused_when_written(run, tmp_path):
    assert summary.build(run, [], {}, {"residual": np.nan})["initialisation"] == {"residual": None}
    with pytest.raises(ValueError, match="JSON"):
        summary.write({"x": float("nan")}, tmp_path / "summary.json")
    assert not (tmp_path / "summary.json").exists()


def test_failed_run_says_so(tmp_path):
    run = write_run(tmp_path, TIME_S[:50], {"speed_pu": {"G1": SPEED["speed_pu"]["G1"][:50]}}, status="diverged")
    built = summary.build(run, CRITERIA, {}, {})
    assert built["verdict"] == "simulation_failed"
    assert {entry["verdict"] for entry in built["criteria"]} == {"simulation_failed"}
    assert built["end_time_s"] == pytest.approx(0.49)


def test_run_that_was_killed_is_interrupted(tmp_path):
    run = write_run(tmp_path, [], {}, status="")
    import h5py

    with h5py.File(run.path, "r+") as file:
        del file.attrs["status"]
    built = summary.build(Result.open(run.path), CRITERIA, {}, {})
    assert (built["status"], built["verdict"], built["end_time_s"]) == (
        "interrupted",
        "simulation_failed",
        None,
    )


@pytest.mark.parametrize(("kind", "is_contingency"), [("line_trip", True), ("fault", True), ("load_step", False)])
def test_a_trip_makes_a_run_one_with_a_contingency(tmp_path, kind, is_contingency):
    run = write_run(tmp_path, TIME_S, SPEED, inertia=[4.0], events=[(1.0, kind, "it happens")])
    limit = {"metric": "frequency.max_deviation_mhz", "max": 200.0}
    criteria = [Criterion.model_validate(limit | {"applies": {"contingency": which}}) for which in (True, False)]
    verdicts = [entry["verdict"] for entry in summary.build(run, criteria, {}, {})["criteria"]]
    assert verdicts == (["pass", "not_assessed"] if is_contingency else ["not_assessed", "pass"])
