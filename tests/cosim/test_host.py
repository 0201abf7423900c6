"""`cosim host`: against bisection with nonlinear runs, what it writes, and bad input."""

import csv
import json
from dataclasses import replace

import pytest

from cosim.cli import main
from cosim.errors import InputError
from cosim.host_report import render_hosting
from cosim.hosting import Request, make_plan, search_bus
from cosim.hosting_console import print_hosting
from cosim.hosting_result import as_csv, as_dict
from cosim.hosting_search import Bracket, Found
from cosim.hosting_trials import NOT_PLACED, BusTrials
from cosim.hosting_workers import search_buses
from cosim.runner import run as run_scenario
from cosim.runner import scenario_text

DURATION = "simulation.duration_s=2"
SCREENING = Request("ieee14", buses="4,14", criteria=("screening",), seeds=2, overrides=(DURATION,))


def command(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["host", *arguments])
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def bisected(trials, seed, bracket):
    """Largest size that passes by nonlinear runs alone, and how many."""
    low, high, runs = 0.0, bracket.max_mw, 0
    while high - low > bracket.tolerance * max(low, bracket.smallest_mw):
        middle, runs = (low + high) / 2, runs + 1
        if trials.run("auto", seed, middle).passes:
            low = middle
        else:
            high = middle
    return low, runs


@pytest.mark.slow
def test_the_same_as_bisection_with_nonlinear_runs_alone():
    plan = make_plan(replace(SCREENING, buses="9", max_mw=32.0, overrides=("simulation.duration_s=1",)))
    found = search_bus(plan, 9)
    trials = BusTrials(plan.scenario, 9)
    brute = [bisected(trials, seed, plan.bracket) for seed in plan.seeds]
    assert found.low.size_mw == pytest.approx(min(size for size, _ in brute), rel=0.02)
    nonlinear = sum(not trial.is_linear for trial in found.trials)
    assert nonlinear <= 3
    assert sum(runs for _, runs in brute) >= 5 * nonlinear


@pytest.fixture(scope="module")
def study():
    """Plan, results of two workers, and what was told meanwhile; linear runs alone."""
    plan = make_plan(replace(SCREENING, confirm=False))
    told = []
    found = search_buses(plan, 2, lambda bus, trial: told.append((bus, trial)), lambda bus, _: told.append((bus, None)))
    return plan, found, told


def test_one_worker_or_two_the_same_and_again_the_same(study):
    plan, found, _ = study
    alone = search_buses(plan, 1, lambda *_: None, lambda *_: None)
    assert list(alone) == list(found) == [4, 14]
    assert as_dict(plan, alone) == as_dict(plan, found)


def test_every_run_is_told(study):
    _, found, told = study
    for bus, outcome in found.items():
        assert [trial for b, trial in told if b == bus] == [*outcome.trials, None]


def test_capacities_are_bracketed_by_runs_of_the_scenario(study, tmp_path):
    plan, found, _ = study
    outcome = found[4]
    trials = BusTrials(plan.scenario, 4)
    for trial, verdict in ((outcome.low, "pass"), (outcome.high, "fail")):
        path = tmp_path / f"{verdict}.yaml"
        path.write_text(scenario_text(trials.scenario(trial.engine, trial.seed, trial.size_mw)), encoding="utf-8")
        summary = run_scenario(path, tmp_path / verdict, report=False).summary
        assert summary["verdict"] == verdict
        entry = next(entry for entry in summary["criteria"] if entry["id"] == trial.binding.id)
        assert entry["value"] == trial.binding.value
    assert outcome.high.size_mw <= outcome.low.size_mw * 1.0102


def test_result_is_plain_and_complete(study):
    plan, found, _ = study
    result = as_dict(plan, found)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    bus = result["buses"][0]
    assert bus["bus"] == "4"
    assert bus["status"] == "found"
    assert not bus["confirmed"]
    assert bus["nonlinear_runs"] == result["nonlinear_runs"] == 0
    limit = bus["binding_limit"]
    assert limit["breaks"]
    assert limit["value"] > limit["limit"] >= limit["value_at_capacity"]
    assert bus["seeds"][0]["seed"] == bus["seed"]
    rows = list(csv.DictReader(as_csv(result).splitlines()))
    assert [float(row["capacity_mw"]) for row in rows] == [b["capacity_mw"] for b in result["buses"]]
    assert rows[0]["binding_limit"] == limit["id"]
    assert rows[0]["status"] == "found"


def test_page_and_table_say_each_capacity_and_limit(study):
    from rich.console import Console

    plan, found, _ = study
    result = as_dict(plan, found)
    page = render_hosting(result, plan.network)
    console = Console(record=True, width=100)
    print_hosting(console, result)
    text = console.export_text()
    for bus in result["buses"]:
        for shown in (page, text):
            assert f"{bus['capacity_mw']:g}" in shown
            assert bus["binding_limit"]["id"] in shown
    assert page == render_hosting(result, plan.network)


@pytest.mark.parametrize("status", ["at_max", "none", "not_assessed"])
def test_page_and_table_without_a_capacity_between(study, status):
    from rich.console import Console

    plan, found, _ = study
    one = found[4]
    low, high = (one.low if status == "at_max" else None), (one.high if status == "none" else None)
    outcome = Found(status, 1, low, high, one.estimates, (1,), one.trials)
    result = as_dict(plan, {4: outcome})
    assert result["buses"][0]["capacity_mw"] == {"at_max": one.low.size_mw, "none": 0.0, "not_assessed": None}[status]
    console = Console(record=True, width=100)
    print_hosting(console, result)
    expected = {"at_max": "no limit up to this size", "none": "no size passes", "not_assessed": "not assessed"}[status]
    assert expected in console.export_text()
    assert expected in render_hosting(result, plan.network)
    assert "4" in as_csv(result)


def test_the_grid_cannot_supply_any_size():
    plan = make_plan(replace(SCREENING, confirm=False, max_mw=5000.0))
    trials = BusTrials(plan.scenario, 4)
    for size_mw, words in ((400.0, "MW"), (4000.0, "larger than the whole grid")):
        trial = trials.run("linear", 1, size_mw)
        assert (trial.status, trial.verdict, trial.passes) == (NOT_PLACED, "simulation_failed", False)
        assert words in trial.message


def test_command_writes_json_csv_and_page(capsys, tmp_path):
    arguments = [
        "ieee14",
        "--buses",
        "4",
        "--criteria",
        "frequency.max_deviation_mhz<=20",
        "--seeds",
        "1",
        "--set",
        DURATION,
    ]
    code, out, _ = command(capsys, *arguments, "--no-confirm", "--out", str(tmp_path / "new" / "out"), "--json")
    assert code == 0
    result = json.loads(out)
    assert result["buses"][0]["binding_limit"]["metric"] == "frequency.max_deviation_mhz"
    folder = tmp_path / "new" / "out"
    assert sorted(path.name for path in folder.iterdir()) == ["hosting.csv", "hosting.html", "hosting.json"]
    assert json.loads((folder / "hosting.json").read_text(encoding="utf-8")) == result


def test_a_scenario_gives_the_site_and_its_limits():
    given = (
        "criteria=[{metric: voltage.min_pu, min: 0.9}]",
        "sites[0].power_factor=0.9",
        "simulation.seed=7",
        "events=[]",
    )
    plan = make_plan(Request("ieee14-quickstart", buses="all", overrides=given))
    assert plan.scenario.sites[0].power_factor == 0.9
    assert plan.seeds == (7, 8, 9, 10, 11)
    assert len(plan.buses) == 14
    assert [str(criterion.metric) for criterion in plan.criteria] == ["voltage.min_pu"]
    assert (plan.search, plan.confirm) == ("linear", "auto")


def test_a_case_has_the_defaults_of_a_training_site():
    plan = make_plan(replace(SCREENING, overrides=(), buses="loads"))
    assert plan.scenario.sites[0].workloads[0].type == "training"
    assert plan.scenario.simulation.duration_s == 60.0
    assert plan.buses == (2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14)
    assert plan.bracket == Bracket(plan.bracket.max_mw, 0.01)
    preset = make_plan(replace(SCREENING, workload="gpt3-175b-512xh100"))
    assert preset.scenario.sites[0].workloads[0].type == "preset"


def test_events_that_switch_the_network_are_searched_with_nonlinear_runs():
    event = "events=[{type: line_trip, line: Line_5, at_s: 1.0}]"
    plan = make_plan(replace(SCREENING, overrides=(DURATION, event)))
    assert (plan.search, plan.confirm) == ("auto", "auto")
    assert "events[0].type" in plan.notes[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--buses", "4,99", "--criteria", "screening"], "no bus 99"),
        (["--buses", ",", "--criteria", "screening"], "names no bus"),
        (["--criteria", "frequency.max_deviation_mz<=100"], "did you mean 'frequency.max_deviation_mhz'"),
        (["--criteria", "frequency.max_deviation_mhz<=much"], "'much' is not a number"),
        (["--criteria", "frequency.max_deviation_mhz<="], "is not a bound"),
        (
            ["--criteria", "screning"],
            "--criteria: criteria[0].profile: there is no profile 'screning'; did you",
        ),
        (["--criteria", "nowhere.yaml"], "no such file"),
        ([], "there is no limit to keep"),
        (["--criteria", "caiso"], "decides"),
        (["--criteria", "screening", "--workload", "trainng"], "did you mean 'training'"),
        (["--criteria", "screening", "--workload", "inference"], "--workload: sites[0].workloads[0].idle_w"),
        (["--criteria", "screening", "--max-mw", "-5"], "must be above 0 MW"),
        (["--criteria", "screening", "--tolerance", "90%"], "tolerance must be from"),
        (["--criteria", "screening", "--tolerance", "little"], "is no share"),
        (["--criteria", "screening", "--seeds", "0"], "--seeds"),
        (["--criteria", "screening", "--set", "sites[0].workloads[0].scale_to=count"], "count"),
    ],
)
def test_bad_input_is_said(capsys, arguments, words):
    code, out, err = command(capsys, "ieee14", *arguments)
    assert code == 2
    assert words in err
    assert not out
    assert "Traceback" not in err


def test_a_scenario_without_a_site(tmp_path):
    path = tmp_path / "none.yaml"
    path.write_text("schema: 1\ngrid: {case: ieee14}\nsimulation: {duration_s: 1}\n", encoding="utf-8")
    with pytest.raises(InputError, match="no site to place"):
        make_plan(Request(str(path), criteria=("screening",)))
