"""`cosim size storage`: the search against functions whose answer is known, and the command on a small grid."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

import cosim
from cosim.cli import main
from cosim.errors import InputError
from cosim.scenario.load import load_scenario
from cosim.scenario.mitigation import RampLimiter, SiteStorage
from cosim.sizing import HALVINGS, NONE, Bracket, Outcome, Size, Step, contradictions, smallest_battery
from cosim.storage_trials import SMOOTHING_S, StorageTrials
from cosim.study import prepare_study

MEASURED = "frequency.peak_to_peak_mhz"


def outcome_of(is_met, value=0.0):
    return Outcome("pass" if is_met else "fail", value, 1.0 if is_met else -1.0)


def threshold(power_mw, seconds=0.0):
    """A limit that is met from a power on, with energy for so many seconds of that power."""

    def trial(size):
        return outcome_of(size.power_mw >= power_mw and size.energy_mwh >= power_mw * seconds / 3600)

    return trial


@given(
    max_mw=st.floats(1, 1000),
    share=st.floats(0.002, 1),
    seconds=st.floats(2, 3500),
    tolerance=st.floats(0.01, 0.3),
)
def test_found_size_meets_the_limit_and_one_a_little_smaller_does_not(max_mw, share, seconds, tolerance):
    trial = threshold(share * max_mw, seconds)
    sizing = smallest_battery(trial, Bracket(max_mw, 1.0, tolerance))
    found = sizing.size
    assert sizing.status == "found"
    assert trial(found).is_met
    smaller = 1 - 2 * tolerance
    assert not trial(Size(found.power_mw * smaller, found.energy_mwh)).is_met
    assert not trial(Size(found.power_mw, found.energy_mwh * smaller)).is_met
    assert not sizing.warnings
    assert len(sizing.steps) < 40


@given(share=st.floats(0.01, 1), seconds=st.floats(1.1, 3500))
def test_steps_are_reported_as_they_are_made_and_the_last_two_check(share, seconds):
    told, tried = [], []
    limit = threshold(share * 100, seconds)

    def trial(size):
        assert len(told) == len(tried)
        tried.append(size)
        return limit(size)

    sizing = smallest_battery(trial, Bracket(100.0), told.append)
    assert sizing.steps == tuple(told)
    assert [step.size for step in told] == tried
    assert [step.number for step in told] == list(range(1, len(told) + 1))
    assert [step.aim for step in told[:2]] == ["without", "largest"]
    again = next(step for step in told if step.aim == "again")
    assert again.size == sizing.size
    assert sizing.basis == again
    if sizing.size.power_mw < 100:
        assert told[-1].aim == "larger"
        assert told[-1].size.is_at_least(sizing.size)


def test_no_battery_is_needed_after_one_run():
    sizing = smallest_battery(lambda _: outcome_of(True, 3.0), Bracket(100.0))
    assert (sizing.status, sizing.size, len(sizing.steps)) == ("not_needed", NONE, 1)
    assert sizing.basis.outcome.value == 3.0


def test_never_met_names_the_closest():
    def trial(size):
        distance = abs(size.power_mw - 25)
        return Outcome("fail", distance, -distance)

    sizing = smallest_battery(trial, Bracket(200.0))
    assert (sizing.status, sizing.size) == ("not_met", None)
    assert [step.size.power_mw for step in sizing.steps] == [0, 200, 100, 50, 25, 12.5, 6.25]
    assert len(sizing.steps) == 2 + HALVINGS
    assert sizing.basis.size == Size(25.0, 25.0)


def test_a_run_that_does_not_complete_never_counts_as_met():
    sizing = smallest_battery(lambda _: Outcome("simulation_failed", 1.0), Bracket(100.0))
    assert sizing.status == "not_met"
    assert sizing.basis.aim == "largest"

    def trial(size):
        return Outcome("simulation_failed", 0.0) if 30 < size.power_mw < 60 else threshold(20)(size)

    sizing = smallest_battery(trial, Bracket(100.0))
    assert sizing.status == "found"
    assert sizing.size.power_mw >= 60


def test_what_is_not_assessed_is_said_so_after_two_runs():
    sizing = smallest_battery(lambda _: Outcome("not_assessed", None, None, "set for 50 Hz"), Bracket(100.0))
    assert (sizing.status, sizing.size, len(sizing.steps)) == ("not_assessed", None, 2)
    assert sizing.basis.outcome.reason == "set for 50 Hz"


def test_a_smaller_battery_that_does_where_the_largest_does_not_is_found_with_a_warning():
    sizing = smallest_battery(lambda size: outcome_of(10 <= size.power_mw <= 30), Bracket(200.0))
    assert sizing.status == "found"
    assert 10 <= sizing.size.power_mw <= 10 / 0.95
    (warning,) = [w for w in sizing.warnings if "not always better" in w]
    for size in ("200 MW, 200 MWh (step 2)", "100 MW, 100 MWh (step 3)", "50 MW, 50 MWh (step 4)"):
        assert size in warning


def test_a_larger_battery_that_fails_in_the_check_is_warned_of():
    sizing = smallest_battery(
        lambda size: outcome_of(size.power_mw >= 10 and not 52 < size.power_mw < 60), Bracket(100.0)
    )
    assert sizing.steps[-1].aim == "larger"
    assert not sizing.steps[-1].outcome.is_met
    assert any("not always better" in warning for warning in sizing.warnings)


def test_a_size_that_does_not_repeat_is_no_answer():
    sizes = []

    def trial(size):
        is_repeated = size in sizes
        sizes.append(size)
        return outcome_of(size.power_mw >= 10 and not is_repeated)

    sizing = smallest_battery(trial, Bracket(100.0))
    assert (sizing.status, sizing.size) == ("not_reproduced", None)


def test_the_ends_of_the_search_are_said():
    sizing = smallest_battery(threshold(1e-6), Bracket(100.0))
    assert sizing.size.power_mw <= 0.1
    assert sizing.size.seconds == pytest.approx(1, rel=1e-3)
    assert any("less power" in warning for warning in sizing.warnings)
    assert any("less energy" in warning for warning in sizing.warnings)
    short = smallest_battery(threshold(50), Bracket(100.0, hours=0.5 / 3600))
    assert short.size.seconds == pytest.approx(0.5, rel=1e-3)
    assert not any(step.aim == "energy" for step in short.steps)


def test_contradictions_need_a_smaller_size_that_does():
    def step(number, power_mw, energy_mwh, is_met):
        return Step(number, "power", Size(power_mw, energy_mwh), outcome_of(is_met))

    assert contradictions([]) == []
    assert contradictions([step(1, 10, 10, False), step(2, 20, 5, True), step(3, 30, 4, False)]) == []
    (warning,) = contradictions([step(1, 20, 5, True), step(2, 20, 6, False)])
    assert "20 MW, 6 MWh (step 2)" in warning


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"max_mw": 0.0}, "max_mw must be above 0 MW, got 0"),
        ({"max_mw": float("nan")}, "max_mw must be above 0 MW"),
        ({"max_mw": 1.0, "hours": -1.0}, "hours must be above 0 h, got -1"),
        ({"max_mw": 1.0, "tolerance": 0.0}, "tolerance must be from 0.01 to 0.5, got 0"),
        ({"max_mw": 1.0, "tolerance": 0.6}, "tolerance must be from 0.01 to 0.5"),
    ],
)
def test_brackets_that_cannot_be(keys, message):
    with pytest.raises(ValueError, match=message):
        Bracket(**keys)


SCENARIO = """\
schema: 1
grid: {case: ieee14}
sites:
  - name: dc1
    bus: 9
    rating_mw: 20
    workloads: [{type: trace, file: square.csv}]
    mitigation:
      - {type: ramp_limiter, up_mw_per_s: 1000}
      - type: storage
        smoothing_s: 5
        split_hz: 0.2
        battery: {power_mw: 4, energy_mwh: 2, lag_s: 0.05}
        supercapacitor: {power_mw: 6, energy_mwh: 0.1}
  - {name: dc2, bus: 14, rating_mw: 5, workloads: []}
simulation: {duration_s: 1}
criteria:
  - {metric: frequency.peak_to_peak_mhz, max: 9, id: swing}
  - {metric: voltage.min_pu, min: 0.5}
  - {metric: "ramp.sites.*.windows.1s", max: 4, id: change}
  - {metric: frequency.nadir_hz, min: 59, max: 60}
  - {metric: frequency.max_deviation_mhz, max: 0.001, id: unreachable, applies: {nominal_hz: 60}}
  - {metric: frequency.zenith_hz, max: 52, id: european, applies: {nominal_hz: 50}}
"""
SQUARE = "time_s,power_w\n" + "".join(f"{0.1 * k:.1f},{100 if k % 10 < 5 else 60}\n" for k in range(50))
"""A wave of 1 Hz."""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SCENARIO)
    (tmp_path / "square.csv").write_text(SQUARE)
    return path


@pytest.fixture
def study(path):
    return prepare_study(*load_scenario(path))


def trials_of(study, criterion="swing", site="dc1", smoothing_s=None):
    return StorageTrials.of(study, criterion, site, smoothing_s)


def test_only_the_size_of_the_sites_own_storage_varies(study):
    trials = trials_of(study)
    site, other = study.scenario.sites
    sized = trials.with_battery(Size(8.0, 0.5))
    assert other.mitigation == []
    assert [part.type for part in sized.mitigation] == ["ramp_limiter", "storage"]
    assert sized.mitigated_by(RampLimiter) == site.mitigated_by(RampLimiter)
    storage, before = sized.mitigated_by(SiteStorage).built(60.0), site.mitigated_by(SiteStorage).built(60.0)
    assert (storage.battery.power_mw, storage.battery.energy_mwh) == (8.0, 0.5)
    assert (storage.supercapacitor.power_mw, storage.supercapacitor.energy_mwh) == (12.0, 0.025)
    assert replace(storage, battery=before.battery, supercapacitor=before.supercapacitor) == before
    assert replace(storage.battery, power_mw=4.0, energy_mwh=2.0) == before.battery
    assert sized.model_copy(update={"mitigation": site.mitigation}) == site
    assert trials.with_battery(NONE).mitigation == [site.mitigated_by(RampLimiter)]


def test_the_smoothing_can_be_given(study):
    trials = trials_of(study, smoothing_s=7.0)
    assert trials.with_battery(Size(8.0, 0.5)).mitigated_by(SiteStorage).smoothing_s == 7.0


def test_a_site_without_storage_gets_a_plain_battery(study):
    trials = trials_of(study, site="dc2")
    assert trials.storage(Size(2.0, 0.1)) == {
        "type": "storage",
        "smoothing_s": SMOOTHING_S,
        "battery": {"power_mw": 2.0, "energy_mwh": 0.1},
    }


def test_devices_that_end_elsewhere_than_they_started_are_warned_of(study):
    trials = trials_of(study)
    ends = {"battery": {"soc_final": 0.45}, "supercapacitor": {"soc_final": 0.05}}
    warnings = trials.drift_warnings(Size(8.0, 0.5), Outcome("pass", devices=ends))
    assert len(warnings) == 1
    assert warnings[0].startswith("the supercapacitor started at 50.0 % of its energy and ended at 5.0 %")


@pytest.mark.parametrize(
    ("criterion", "found"),
    [
        ("swing", "swing"),
        (MEASURED, "swing"),
        ("voltage.min_pu", "voltage.min_pu >= 0.5"),
        ("voltage.min_pu >= 0.5", "voltage.min_pu >= 0.5"),
        ("change", "change (dc1)"),
        ("change (dc2)", "change (dc2)"),
        ("ramp.sites.*.windows.1s", "change (dc1)"),
        ("ramp.sites.dc2.windows.1s", "change (dc2)"),
    ],
)
def test_a_criterion_goes_by_id_or_metric(study, criterion, found):
    assert trials_of(study, criterion).limit.id == found


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"criterion": "swimg"}, "did you mean 'swing'?"),
        ({"criterion": "frequency.peak_mhz"}, "did you mean 'frequency.peak_to_peak_mhz'?"),
        ({"criterion": "frequency.nadir_hz"}, "2 limits are meant by 'frequency.nadir_hz'; name one: frequency.nadir"),
        ({"site": "dc3"}, "--site: there is no site 'dc3'; did you mean"),
        ({"site": None}, "the scenario has 2 sites; name one by --site: dc1, dc2"),
    ],
)
def test_a_criterion_or_site_that_is_not_there(study, keys, message):
    with pytest.raises(InputError) as caught:
        trials_of(study, **keys)
    assert message in str(caught.value)


SHORTER = ("--set", "simulation.duration_s=0.6")


def run(*arguments):
    with pytest.raises(SystemExit) as stop:
        main(["size", "storage", *(str(argument) for argument in arguments)])
    return int(stop.value.code or 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--criterion", "swimg", "--site", "dc1"], "did you mean 'swing'?"),
        (["--criterion", "swing", "--site", "dc9"], "there is no site 'dc9'"),
        (["--criterion", "swing", "--site", "dc1", "--max-mw", "0"], "max_mw must be above 0 MW, got 0"),
        (["--criterion", "swing", "--site", "dc1", "--tolerance", "2"], "tolerance must be from"),
        (["--criterion", "swing", "--site", "dc1", "--smoothing-s", "0"], "--smoothing-s: must be above 0 s, got 0"),
        (["--criterion", "swing", "--set", "sites=[]"], "no site to put a battery at"),
        (["--criterion", "swing", "--site", "dc1", "--set", "criteria=[]"], "it has no criteria"),
        (["--site", "dc1"], "--criterion"),
    ],
)
def test_bad_input_exits_with_2(path, arguments, message, capsys):
    assert run(path, *arguments) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed


def test_already_met(path, capsys):
    assert run(path, "--criterion", "voltage.min_pu", "--site", "dc1", *SHORTER) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "voltage.min_pu >= 0.5 pu"
    assert printed[1].split() == ["step", "for", "MW", "MWh", "value", "limit", "verdict", "seconds"]
    assert printed[2].split()[:5] == ["1", "no", "battery", "0", "0"]
    assert printed[3].startswith("No battery is needed: ")
    assert len(printed) == 4


def test_never_met_exits_with_0_and_says_so(path, capsys):
    assert (
        run(path, "--criterion", "unreachable", "--site", "dc1", "--max-mw", "10", *SHORTER, "--json", "--quiet") == 0
    )
    captured = capsys.readouterr()
    assert captured.err == ""
    found = json.loads(captured.out)
    assert found["status"] == "not_met"
    assert found["power_mw"] is found["energy_mwh"] is found["storage"] is None
    assert found["value"] == min(step["value"] for step in found["steps"][1:])
    assert [step["power_mw"] for step in found["steps"]] == [0, 10, 5, 2.5, 1.25, 0.625, 0.3125]
    assert "No battery up to 10 MW was found" in found["message"]


def test_limit_that_does_not_apply(path, capsys):
    assert run(path, "--criterion", "european", "--site", "dc1", *SHORTER, "--quiet") == 0
    assert "set for grids of 50 Hz" in capsys.readouterr().out


@pytest.mark.slow
def test_found_size_does_in_a_run_of_its_own(path, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = (path, "--criterion", "swing", "--site", "dc1", "--tolerance", 0.5, "--out", out, "--json")
    assert run(*arguments) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    steps = found["steps"]
    assert found == json.loads((out / "sizing.json").read_text())
    assert len(captured.err.splitlines()) == 2 + len(steps)
    assert found["status"] == "found"
    assert steps[0]["verdict"] == "fail"
    assert steps[0]["value"] > 9 >= found["value"]

    for step in steps:
        summary = json.loads((out / f"step-{step['step']:02d}" / "summary.json").read_text())
        assert summary["metrics"]["frequency"]["peak_to_peak_mhz"] == step["value"]
        assert step["folder"] == str(out / f"step-{step['step']:02d}")
    assert not list(out.rglob("report.html"))
    assert found["devices"].keys() == {"battery", "supercapacitor"}

    scenario = YAML(typ="safe").load(SCENARIO)
    scenario["sites"][0]["mitigation"][1] = found["storage"]
    with path.open("w") as file:
        YAML().dump(scenario, file)
    summary = cosim.run(path, tmp_path / "again", report=False).summary
    assert summary["metrics"]["frequency"]["peak_to_peak_mhz"] == found["value"]
    assert summary["criteria"][0]["verdict"] == "pass"

    failed = [step for step in steps if step["for"] == "power" and step["verdict"] == "fail"]
    below = max(failed, key=lambda step: step["power_mw"])
    assert below["power_mw"] >= (1 - 0.5) * found["power_mw"]
