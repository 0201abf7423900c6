"""The command line: exit codes and output that scripts rely on."""

import json
import re
import subprocess
import sys
from collections import Counter

import pytest

from cosim.cli import main
from cosim.scenario.load import load_scenario
from loads.protection import envelopes, protection_presets


def cosim(*arguments):
    """Run the command line in this process; return its exit code."""
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    return stop.value.code


@pytest.fixture
def short(tmp_path):
    path = tmp_path / "short.yaml"
    path.write_text(
        "grid: {case: ieee14}\nsites: [{bus: 9, rating_mw: 10}]\nsimulation: {duration_s: 0.3}\n"
        "criteria: [{metric: voltage.min_pu, min: 0.9}]\n"
    )
    return path


def test_run_prints_and_writes(short, tmp_path, capsys):
    assert cosim("run", short, "--out", tmp_path / "out", "--no-report") == 0
    printed = capsys.readouterr()
    assert "completed" in printed.out
    assert "frequency nadir" in printed.out
    assert "simulated 0.3 of 0.3 s" in printed.err  # plain lines where there is no terminal
    assert (tmp_path / "out" / "summary.json").is_file()
    assert not (tmp_path / "out" / "report.html").exists()


def test_quiet_prints_nothing(short, tmp_path, capsys):
    assert cosim("run", short, "--out", tmp_path / "out", "--no-report", "--quiet") == 0
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


def test_json_is_the_summary(short, tmp_path, capsys):
    assert cosim("run", short, "--out", tmp_path / "out", "--no-report", "--json") == 0
    assert json.loads(capsys.readouterr().out)["status"] == "completed"


def test_strict_tells_a_failed_verdict(short, tmp_path):
    override = "criteria=[{metric: voltage.min_pu, min: 1.2}]"
    assert cosim("run", short, "--out", tmp_path / "a", "--no-report", "-q", "--set", override) == 0
    assert cosim("run", short, "--out", tmp_path / "a", "--no-report", "-q", "--set", override, "--strict") == 3


def test_override_changes_the_run(short, tmp_path):
    assert cosim("run", short, "--out", tmp_path / "a", "--no-report", "-q", "--set", "sites[0].rating_mw=20") == 0
    assert "rating_mw: 20" in (tmp_path / "a" / "scenario.yaml").read_text()


def test_a_path_on_the_command_line_starts_at_the_current_folder(short, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "node.csv").write_text("time_s,power_w\n0,700\n1,900\n")
    monkeypatch.chdir(elsewhere)
    assert cosim("validate", short, "--set", "sites[0].workloads=[{type: trace, file: node.csv}]") == 2
    overrides = ("--set", "sites[0].workloads=[{type: trace, file: x}]", "--set", "sites[0].workloads[0].file=node.csv")
    assert cosim("validate", short, *overrides) == 0
    assert cosim("validate", short, "--set", "grid.case=ieee39") == 0


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("sites[0].rating_mw", "has no value"),
        ("sites[3].rating_mw=5", "the list has 1 item"),
        ("sites[0].ratingmw=5", "did you mean 'rating_mw'"),
        ("sites[0].rating_mw=ten", "--set sites[0].rating_mw=ten: sites[0].rating_mw: expected a number"),
        ("..=5", "not a key path"),
        ("simulation.duration_s.x=5", "has no keys"),
    ],
)
def test_bad_override(short, assignment, message, capsys):
    assert cosim("run", short, "--set", assignment) == 2
    assert message in capsys.readouterr().err


def test_not_completed_is_exit_code_4(short, tmp_path, capsys):
    options = ("--set", "sites[0].rating_mw=499", "--set", "redispatch.mode=slack")
    assert cosim("run", short, "--out", tmp_path / "a", "--no-report", *options) == 4
    assert "did not complete" in capsys.readouterr().err
    assert json.loads((tmp_path / "a" / "summary.json").read_text())["verdict"] == "simulation_failed"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "ieee39-trainin"], "did you mean 'ieee39-training'"),
        (["run", "nowhere.yaml"], "there is no such file"),
        (["runn"], "No such command"),
        (["run"], "Missing argument"),
        (["run", "ieee14-quickstart", "--outt", "x"], "No such option"),
        (["list", "gridz"], "did you mean 'grids'"),
        (["report", "/nowhere"], "no such result"),
        (["init", "x.txt"], "must end in .yaml"),
        (["init", "/nowhere/x.yaml"], "folder does not exist"),
    ],
)
def test_bad_usage_is_exit_code_2(arguments, message, capsys):
    assert cosim(*arguments) == 2
    printed = capsys.readouterr()
    assert message in printed.err + printed.out
    assert "Traceback" not in printed.err


def test_our_own_bug_is_exit_code_1_and_keeps_the_traceback(monkeypatch, capsys):
    monkeypatch.setattr("cosim.scenario.library.library", lambda: 1 / 0)
    assert cosim("run", "anything") == 1
    printed = capsys.readouterr().err
    assert "internal error: ZeroDivisionError" in printed
    assert "Traceback" not in printed
    log = printed.split("details in ")[1].strip()
    with open(log) as file:  # noqa: PTH123
        assert "Traceback" in file.read()


def test_ctrl_c_is_exit_code_130(short, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("cosim.scenario.load.load_scenario", interrupt)
    assert cosim("run", short) == 130


def test_init_writes_a_scenario_that_is_valid(tmp_path, capsys):
    path = tmp_path / "mine.yaml"
    assert cosim("init", path) == 0
    assert cosim("init", path) == 2
    assert cosim("validate", path) == 0
    assert "valid" in capsys.readouterr().out


def test_examples_of_the_template_are_valid_each_and_all_together(tmp_path):
    path = tmp_path / "mine.yaml"
    assert cosim("init", path) == 0
    lines = path.read_text(encoding="utf-8").splitlines()
    wanted = {"mitigation:": 4, "protection:": 6, "events:": 4}
    examples, part = [], ""
    for number, line in enumerate(lines):
        part = next((name for name in wanted if line.strip().startswith(name)), part)
        if part and re.match(r" +# (\w+: )?\{", line):
            examples.append((part, number))
        part = "" if line.startswith("simulation") else part
    assert Counter(part for part, _ in examples) == wanted

    def write(chosen):
        text = [line.replace("# ", "", 1) if k in chosen else line for k, line in enumerate(lines)]
        path.write_text("\n".join(text), encoding="utf-8")

    for _, number in examples:
        write([number])
        load_scenario(path)
    write([number for _, number in examples])
    scenario, _ = load_scenario(path)
    assert len(scenario.sites[0].mitigation) == wanted["mitigation:"]
    assert len(scenario.events) == wanted["events:"]
    assert scenario.sites[0].protection.settings().ups
    assert cosim("validate", path) == 0


def test_validate_reports_every_file(short, tmp_path, capsys):
    bad = tmp_path / "bad.yaml"
    bad.write_text("grid: {case: ieee14}\n")
    assert cosim("validate", bad, short) == 2
    printed = capsys.readouterr()
    assert "bad.yaml:1:1: simulation: this key is required" in printed.err
    assert f"{short}: valid" in printed.out


def test_schema_is_a_json_schema(capsys):
    assert cosim("schema") == 0
    schema = json.loads(capsys.readouterr().out)
    assert set(schema["required"]) == {"grid", "simulation"}
    assert "schema" in schema["properties"]


@pytest.mark.parametrize("kind", ["scenarios", "grids", "workloads", "metrics"])
def test_lists(kind, capsys):
    assert cosim("list", kind) == 0
    assert cosim("list", kind, "--json") == 0
    printed = capsys.readouterr().out
    assert {
        "scenarios": "ieee39-training",
        "grids": "npcc140",
        "workloads": "training",
        "metrics": "nadir_hz",
    }[kind] in printed


def test_list_of_protection_has_every_preset_and_envelope_with_its_sources(capsys):
    assert cosim("list", "protection") == 0
    assert "legacy-ups" in capsys.readouterr().out
    assert cosim("list", "protection", "--json") == 0
    listed = {(row["kind"], row["name"]): row for row in json.loads(capsys.readouterr().out)}
    wanted = {("preset", name): found for name, found in protection_presets().items()}
    wanted |= {("envelope", name): found for name, found in envelopes().items()}
    assert listed.keys() == wanted.keys()
    for key, found in wanted.items():
        assert listed[key]["description"].startswith(found.description), key
        for source in found.sources:
            assert f"{source.figures}: {source.source} ({source.evidence})" in listed[key]["source"], key
    points = "below 0.7 pu for 0.2 s, below 0.8 pu for 0.5 s, at or below 0.8 pu for 1 s)"
    assert listed["envelope", "semi-f47"]["description"].endswith(points)


def test_library_scenarios_are_valid(capsys):
    assert cosim("validate", "ieee39-training", "ieee14-quickstart") == 0
    assert cosim("validate", "ieee39-gpt3-recorded") == 2  # it asks for the path of a recording
    assert "node_1.txt" in capsys.readouterr().err


def test_report_is_written_again_from_the_result(short, tmp_path):
    out = tmp_path / "out"
    assert cosim("run", short, "--out", out, "-q") == 0
    first = (out / "report.html").read_bytes()
    (out / "report.html").unlink()
    assert cosim("report", out) == 0
    assert (out / "report.html").read_bytes() == first


def test_help_does_not_load_the_heavy_libraries():
    code = "import sys, cosim.cli; print([m for m in ('numpy', 'andes', 'numba', 'pandas') if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"
