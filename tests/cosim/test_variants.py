"""Second runs: without fluctuation, and at half the step."""

import pytest

import cosim
from cosim.result import Result
from cosim.scenario.load import load_scenario
from cosim.study import prepare_study
from cosim.variants import half_step_scenario, steady_scenario

CHANGES = ["simulation.duration_s=3", "events=[]"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    cosim.run("ieee14-quickstart", folder, CHANGES, report=False, baseline=True, check_step=True)
    return folder


def test_baseline_moves_by_itself_alone(folder):
    summary = Result.open(folder).summary
    steady = summary["baseline"]
    assert steady["status"] == "completed"
    assert (
        steady["metrics"]["frequency"]["max_deviation_mhz"] < 0.1 < summary["metrics"]["frequency"]["max_deviation_mhz"]
    )
    for name, site in summary["metrics"]["site"].items():
        flat = steady["metrics"]["site"][name]
        assert flat["min_mw"] == pytest.approx(flat["max_mw"])
        assert flat["mean_mw"] == pytest.approx(site["mean_mw"], rel=1e-3)


def test_runs_to_compare_with_stand_alone(folder, tmp_path):
    again = cosim.run(folder / "baseline" / "scenario.yaml", tmp_path, report=False)
    assert again.summary["metrics"] == Result.open(folder / "baseline").summary["metrics"]
    assert Result.open(folder / "half-step").attributes["step_s"] == Result.open(folder).attributes["step_s"] / 2


def test_halving_the_step_changes_little(folder):
    check = Result.open(folder).summary["step_check"]
    assert check["status"] == "completed"
    assert check["changes"]
    deviation = [e for e in check["changes"] if e["metric"] == "frequency.max_deviation_mhz"]
    assert all(entry["relative"] < 0.01 for entry in deviation)
    assert check["verdicts_changed"] == []


def test_variants_change_one_thing():
    study = prepare_study(*load_scenario("ieee39-site-trip"))
    steady, halved = steady_scenario(study), half_step_scenario(study)
    assert steady.events == halved.events == study.scenario.events
    assert steady.simulation == study.scenario.simulation
    assert halved.sites == study.scenario.sites
    (site,), (before,) = steady.sites, study.scenario.sites
    assert site.workloads == []
    mean_mw = study.demands[before.name].mean_mw(study.scenario.simulation.duration_s)
    assert site.rating_mw * site.steady_share == pytest.approx(mean_mw)


def test_what_an_earlier_run_left_does_not_outlive_it(tmp_path):
    cosim.run("ieee14-quickstart", tmp_path, CHANGES, report=False, baseline=True)
    (tmp_path / "report.pdf").write_text("old")
    (tmp_path / "baseline" / "mine.txt").write_text("kept")
    (tmp_path / "half-step").mkdir()
    cosim.run("ieee14-quickstart", tmp_path, CHANGES, report=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "baseline",
        "result.h5",
        "scenario.yaml",
        "summary.json",
    ]
    assert [path.name for path in (tmp_path / "baseline").iterdir()] == ["mine.txt"]
    assert "baseline" not in Result.open(tmp_path).summary
