"""Sweep files: each malformed one is refused with its place and what was expected, and nothing is written."""

import json
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from cosim.cli import main
from cosim.errors import InputError
from cosim.sweep.model import Sweep
from cosim.sweep.plan import load_sweep, make_plan

FOLDER = Path(__file__).parent / "malformed_sweeps"
FILES = sorted(FOLDER.glob("*.yaml"))
BASE = FOLDER / "scenarios" / "base.yaml"


def cosim(*arguments):
    """Run the command line in this process; return its exit code."""
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    return stop.value.code


def expected_of(path: Path) -> tuple[str, list[str]]:
    """Place and key, and parts of the message, that a malformed file expects."""
    head, *parts = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# expect ").split(" | ")
    return head, parts


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_malformed_file_is_refused(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    head, parts = expected_of(path)
    for arguments in (["plan", path], ["run", path, "--out", tmp_path / "out"]):
        assert cosim("sweep", *arguments) == 2
        printed = capsys.readouterr()
        assert f"{path}:{head}" in printed.err
        assert all(part in printed.err for part in parts), printed.err
        assert "Traceback" not in printed.err
        assert "internal error" not in printed.err
        assert printed.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_malformed_file_names_a_line_and_a_column(path):
    assert re.match(r"\d+:\d+: ", expected_of(path)[0])


def test_the_scenario_of_the_malformed_files_is_valid_itself():
    assert cosim("validate", BASE) == 0
    assert len(FILES) >= 100


def test_what_pydantic_says_is_put_in_words():
    """No message speaks of Python, and none names the tag of a union as if it were a key."""
    for path in FILES:
        try:
            load_sweep(path)
        except InputError as error:
            for problem in error.problems:
                assert not re.search(r"None|NoneType|validat|pydantic|Input|instance", str(problem))
                assert not re.search(r"\.(with values|with cases|one key|several keys)", problem.key)


def test_all_that_is_wrong_is_said_at_once(tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text(
        f"scenario: {BASE}\nreplicates: 0\nkeep: some\nparameters:\n"
        '  - {key: "sites[0].bus", value: [4]}\n  - {key: "sites[0].rating_mw", range: [2, 1], steps: one}\n'
    )
    with pytest.raises(InputError) as caught:
        load_sweep(path)
    keys = {problem.key for problem in caught.value.problems}
    assert keys == {"replicates", "keep", "parameters[0].value", "parameters[1].steps"}


def test_wrong_names_and_wrong_sampling_are_said_at_once(tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text(
        f"scenario: {BASE}\nsampling: {{method: morris}}\nfilters: [rating_mw > 1]\nparameters:\n"
        '  - {key: "sites[0].rating_mw", distribution: normal, mean: 10, sd: 1}\n'
        '  - {key: "sites[1].rating_mw", distribution: normal, mean: 10, sd: 1}\n'
    )
    with pytest.raises(InputError) as caught:
        load_sweep(path)
    keys = [problem.key for problem in caught.value.problems]
    assert keys == ["parameters[1].key", "filters", "parameters[0].distribution", "parameters[1].distribution"]


def test_an_empty_file_is_refused(tmp_path, capsys):
    path = tmp_path / "empty.yaml"
    path.write_text("")
    assert cosim("sweep", "plan", path) == 2
    assert f"{path}:1:1: expected keys and values, got nothing" in capsys.readouterr().err


def test_a_missing_file_is_refused_with_the_nearest_name(tmp_path, capsys):
    (tmp_path / "siting.yaml").write_text(f"scenario: {BASE}\n")
    assert cosim("sweep", "plan", tmp_path / "sitting.yaml") == 2
    assert "there is no such file; did you mean 'siting.yaml'?" in capsys.readouterr().err
    assert cosim("sweep", "plan", "ieee39-sitting") == 2
    assert "no sweep is named 'ieee39-sitting'; did you mean 'ieee39-siting'?" in capsys.readouterr().err


def test_a_scenario_is_no_sweep(capsys):
    assert cosim("sweep", "plan", BASE) == 2
    printed = capsys.readouterr().err
    assert f"{BASE}:1:1: scenario: this key is required and missing" in printed
    assert f"{BASE}:2:1: grid: unknown key" in printed


def test_an_invalid_scenario_is_said_at_its_own_place(tmp_path, capsys):
    path = tmp_path / "sweep.yaml"
    invalid = FOLDER / "scenarios" / "invalid.yaml"
    path.write_text(f"scenario: {invalid}\nparameters:\n  - {{key: 'sites[0].bus', values: [4, 5]}}\n")
    assert cosim("sweep", "plan", path) == 2
    assert f"{invalid}:4:14: sites[0].rating: unknown key; did you mean 'rating_mw'?" in capsys.readouterr().err


def test_the_same_mistake_at_every_point_is_said_once(tmp_path, capsys):
    path = tmp_path / "sweep.yaml"
    path.write_text(
        f"scenario: {BASE}\nset: {{simulation.step: 1}}\n"
        "parameters:\n  - {key: 'sites[0].rating_mw', range: [1, 10], steps: 10}\n"
    )
    assert cosim("sweep", "plan", path) == 2
    printed = capsys.readouterr().err
    assert printed.count("unknown key") == 1
    assert "(with sites[0].rating_mw = 1)" in printed


def test_many_mistakes_are_cut_short(tmp_path, capsys):
    path = tmp_path / "sweep.yaml"
    path.write_text(f"scenario: {BASE}\nparameters:\n  - {{key: 'sites[0].power_factor', range: [2, 26], steps: 25}}\n")
    assert cosim("sweep", "plan", path) == 2
    printed = capsys.readouterr().err.strip().splitlines()
    assert len(printed) == 21
    assert printed[-1] == "and 5 more"


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("replicates", "--set replicates: an override has no value; write --set KEY=VALUE"),
        ("replicates=x", "--set replicates=x: replicates: expected a whole number, got the text 'x'"),
        ("replicates=0", "--set replicates=0: replicates: must be greater than or equal to 1, got 0"),
        ("replicate=3", "--set replicate=3: replicate: unknown key; did you mean 'replicates'?"),
        ("parameters[9].values=[1]", "parameters[9]: there is no parameters[9], the list has 1 item(s)"),
        ("parameters[0].value=[1]", "--set parameters[0].value=[1]: parameters[0].value: unknown key"),
        ("parameters[0].values=5", "--set parameters[0].values=5: parameters[0].values: expected a list, got 5"),
        ("parameters[0].range=[1, 2]", "parameters[0].range: a parameter has one of values and range, not both"),
        ("sampling.method=sobol", "sampling.samples: this key is required and missing"),
        ("sampling.method=gird", "--set sampling.method=gird: sampling.method: there is no sampling gird"),
        ("scenario=nowhere.yaml", "--set scenario=nowhere.yaml: scenario: there is no such file"),
        ("filters=[rating_mw > 100]", "--set filters=[rating_mw > 100]: filters: none of the 2 points passes"),
    ],
)
def test_a_bad_override_is_refused(assignment, message, tmp_path, capsys):
    path = tmp_path / "sweep.yaml"
    path.write_text(f"scenario: {BASE}\nparameters:\n  - {{key: 'sites[0].rating_mw', values: [10, 20]}}\n")
    assert cosim("sweep", "plan", path, "--set", assignment) == 2
    assert message in capsys.readouterr().err


def test_overrides_change_the_sweep(tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text(f"scenario: {BASE}\nparameters:\n  - {{key: 'sites[0].rating_mw', values: [10, 20]}}\n")
    plan = make_plan(*load_sweep(path, ["replicates=3", "parameters[0].values=[1, 2, 4]", "seed=7"]))
    assert [run.cells["sites[0].rating_mw"] for run in plan.runs] == [1, 1, 1, 2, 2, 2, 4, 4, 4]
    assert [run.seed for run in plan.runs] == [7, 8, 9] * 3


def test_the_json_schema_describes_every_key(capsys):
    assert cosim("schema", "sweep") == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema == json.loads(json.dumps(Sweep.model_json_schema(by_alias=True)))
    assert schema["required"] == ["scenario"]
    assert set(schema["properties"]) == {
        *("schema", "name", "description", "scenario", "set", "parameters"),
        *("sampling", "derived", "filters", "replicates", "seed", "screen", "keep"),
    }
    text = json.dumps(schema)
    for name in re.findall(r'"#/\$defs/([^"]+)"', text):
        assert name in schema["$defs"]
    methods = {
        part["properties"]["method"]["const"] for part in schema["$defs"].values() if "method" in part["properties"]
    }
    assert methods == {"grid", "list", "one_at_a_time", "latin_hypercube", "sobol", "saltelli", "morris"}
    for part in schema["$defs"].values():
        for key, node in part["properties"].items():
            assert "description" in node or node == {"default": None, "title": "Key", "type": "null"}, key


def test_what_the_model_makes_it_reads_again():
    data = {
        "schema": 1,
        "scenario": "x",
        "set": {"simulation.duration_s": 1},
        "parameters": [
            {"key": "sites[0].bus", "values": [4, "five", None, True, [1, {"a": None}]], "labels": list("abcde")},
            {"key": ["sites[0].rating_mw", "sites[1].rating_mw"], "name": "both", "range": [1, 10], "steps": 5},
            {"name": "chain", "cases": {"none": {"sites[0].power_chain": None}, "plain": {}}},
        ],
        "derived": [{"key": "sites[0].steady_share", "value": "1 / both"}],
    }
    sweep = Sweep.model_validate(data)
    written = json.loads(json.dumps(sweep.model_dump(mode="json", by_alias=True, exclude_none=True)))
    assert Sweep.model_validate(written) == sweep
    assert written["parameters"][0]["values"] == data["parameters"][0]["values"]
    assert written["parameters"][2]["cases"]["none"] == {"sites[0].power_chain": None}


def test_it_can_be_made_in_python():
    from cosim.sweep.parameters import Range, Values

    parameters = [Values(key="sites[0].bus", values=[4, 5]), Range(key="sites[0].rating_mw", range=[1, 2], steps=2)]
    sweep = Sweep(scenario="x", parameters=parameters)
    assert [parameter.title for parameter in sweep.parameters] == ["bus", "rating_mw"]
    with pytest.raises(ValidationError, match="range must rise"):
        Range(key="sites[0].rating_mw", range=[2, 1], steps=2)
