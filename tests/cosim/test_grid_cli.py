"""`cosim grid check`: a case, a scenario with its sites, JSON, strictness, and bad input."""

import json
from pathlib import Path

import pytest

from cosim.cli import main

DATA = Path(__file__).parents[1] / "data"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["grid", "check", *arguments])
    return int(stop.value.code or 0)


def test_case_shows_both_power_flows_and_outages(capsys):
    assert run("kundur") == 0
    printed = " ".join(capsys.readouterr().out.split())
    for part in ("ANDES pandapower", "largest differences", "15 of 15 branches have no rating", "N-1: 19 outages"):
        assert part in printed


def test_scenario_has_its_sites_on(capsys):
    assert run("ieee14-quickstart", "--json", "--no-contingencies") == 0
    found = json.loads(capsys.readouterr().out)
    site_mw = found["sites_mw"]["dc1"]
    assert site_mw > 1
    for tool in ("ANDES", "pandapower"):
        assert found["power_flow"][tool]["load_mw"] == pytest.approx(223.7 + site_mw, abs=1e-3)
    assert found["difference"]["voltage_pu"] < 1e-5
    assert found["difference"]["angle_deg"] < 1e-3
    assert found["contingencies"] is None


def test_json_lists_outages(capsys):
    assert run("kundur", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["contingencies"]) == 15 + 4
    line_1 = next(c for c in found["contingencies"] if c["element"] == "Line_2 (6-7)")
    assert any(v["kind"] == "low_voltage" for v in line_1["violations"])


def test_strict_exits_with_3(capsys):
    assert run("kundur", "--strict", "--no-contingencies", "--min-pu", "0.99") == 3
    assert "low voltage" in capsys.readouterr().out
    assert run("ieee39", "--strict", "--no-contingencies") == 0


def test_raw_with_dyr_and_without(capsys):
    raw, dyr = str(DATA / "three_bus.raw"), str(DATA / "three_bus_genrou.dyr")
    assert run(raw, "--dyr", dyr, "--no-contingencies") == 0
    assert run(raw, "--no-contingencies") == 0
    assert "most loaded branches" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ieee40"], "did you mean"),
        (["nowhere.yaml"], "there is no such file"),
        (["ieee14", "--set", "seed=1"], "only a scenario"),
        (["ieee14-quickstart", "--dyr", "x.dyr"], "names its own dyr"),
        (["ieee14", "--min-pu", "1.2"], "must be below"),
    ],
)
def test_bad_input_exits_with_2(arguments, message, capsys):
    assert run(*arguments) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed


def test_malformed_case_exits_with_2_through_validate(tmp_path, capsys):
    raw = (DATA / "three_bus.raw").read_text().replace("103,'LOAD',     138.0", "103,'LOAD',     x")
    (tmp_path / "case.raw").write_text(raw)
    scenario = tmp_path / "study.yaml"
    scenario.write_text("schema: 1\ngrid: {case: case.raw, dynamics: synthesised}\nsimulation: {duration_s: 1}\n")
    with pytest.raises(SystemExit) as stop:
        main(["validate", str(scenario)])
    printed = capsys.readouterr().err
    assert stop.value.code == 2
    assert "study.yaml:2:" in printed
    assert "case.raw:6: bus record: BASKV is 'x'" in printed
    assert "Traceback" not in printed


def test_scenario_names_substitutes(tmp_path, capsys):
    (tmp_path / "case.raw").write_text((DATA / "three_bus.raw").read_text())
    dyr = (DATA / "three_bus_genrou.dyr").read_text()
    (tmp_path / "case.dyr").write_text(dyr + "102 'ODDGOV' 1 1.0 2.0 /\n")
    scenario = tmp_path / "study.yaml"
    text = "schema: 1\ngrid: {case: case.raw, dyr: case.dyr, substitutes: {ODDGOV: %s}}\nsimulation: {duration_s: 1}\n"
    scenario.write_text(text % "drop")
    assert run(str(scenario), "--no-contingencies") == 0
    assert "ODDGOV is left out" in " ".join(capsys.readouterr().out.split())
    scenario.write_text(text.replace(", substitutes: {ODDGOV: %s}", ""))
    assert run(str(scenario)) == 2
    assert "case.dyr:3: ODDGOV at bus 102 '1'" in capsys.readouterr().err
