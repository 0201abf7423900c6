"""`cosim modes`: table, JSON, files, page, cases and scenarios, bad input."""

import csv
import json
from pathlib import Path

import pytest

from cosim.cli import main
from cosim.report.page import scripts

DATA = Path(__file__).parents[1] / "data"


def run(*arguments):
    with pytest.raises(SystemExit) as stop:
        main(["modes", *map(str, arguments)])
    return int(stop.value.code or 0)


def found(capsys, *arguments):
    assert run(*arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_case_shows_modes_and_what_swings(capsys):
    assert run("kundur") == 0
    printed = " ".join(capsys.readouterr().out.split())
    for part in (
        "52 states, 4 machines, 3 oscillations of rotors: stable",
        "0.647 3.43 inter-area 4, 3 against 1, 2",
        "area 2 against area 1",
        "The zero eigenvalue turns all angles together",
    ):
        assert part in printed


def test_json_has_shapes_participations_and_areas(capsys):
    modes = found(capsys, "kundur")
    assert modes["stable"]
    assert modes["counts"] == {"states": 52, "oscillatory": 10, "electromechanical": 3, "unstable": 0}
    assert [machine["area"] for machine in modes["machines"]] == ["1", "1", "2", "2"]
    first = modes["modes"][0]
    assert first["kind"] == "inter-area"
    assert {*first["with"]} == {"3", "4"}
    assert {*first["against"]} == {"1", "2"}
    assert first["shape"][0] == {"machine": "4", "bus": "4", "magnitude": 1.0, "phase_deg": 0.0}
    assert abs(abs(first["shape"][2]["phase_deg"]) - 180.0) < 20.0
    assert sum(first["participation_by_machine"].values()) == pytest.approx(1.0, abs=0.02)
    assert first["participation"][0]["state"] == "GENROU 4 omega (rotor speed)"
    speeds = first["area_speeds"]
    assert speeds["2"]["magnitude"] > speeds["1"]["magnitude"] > 0.3
    damping = [mode["damping_percent"] for mode in modes["modes"]]
    assert damping == sorted(damping)


def test_unstable_real_mode_is_named(capsys):
    modes = found(capsys, "npcc140", "--top", 3)
    assert not modes["stable"]
    assert len(modes["modes"]) == 3
    (unstable,) = modes["unstable"]
    assert unstable["eigenvalue_per_s"] == pytest.approx([0.0112, 0.0], abs=1e-4)
    assert unstable["kind"] == "real"
    assert unstable["state"].startswith("IEEEX1_4 W_x")
    assert len(modes["rotational_per_s"]) == 1
    assert run("npcc140", "--top", 1) == 0
    assert "unstable: +0.01123 1/s, real, mostly IEEEX1_4 W_x" in " ".join(capsys.readouterr().out.split())


def test_scenario_has_its_site_on_and_takes_settings(capsys):
    light = found(capsys, "ieee39-training", "--top", 1)
    heavy = found(capsys, "ieee39-training", "--top", 1, "--set", "sites[0].rating_mw=800")
    assert light["sites_mw"]["dc1"] == pytest.approx(194.5, abs=0.5)
    assert heavy["sites_mw"]["dc1"] == pytest.approx(4 * light["sites_mw"]["dc1"], rel=1e-6)
    assert heavy["modes"][0]["frequency_hz"] != pytest.approx(light["modes"][0]["frequency_hz"], rel=1e-4)


def test_case_takes_settings_of_its_grid(capsys):
    heavy = found(capsys, "kundur", "--set", "grid.edits[0].inertia_scale=2")["modes"][0]
    usual = found(capsys, "kundur")["modes"][0]
    assert heavy["frequency_hz"] == pytest.approx(usual["frequency_hz"] / 2**0.5, rel=0.02)


def test_band_and_all(capsys):
    inside = found(capsys, "kundur", "--from-hz", 0.5, "--to-hz", 1.12)
    assert [round(mode["frequency_hz"], 2) for mode in inside["modes"]] == [0.65, 1.11]
    every = found(capsys, "kundur", "--all")["modes"]
    count = sum((2 if mode["eigenvalue_per_s"][1] > 0 else 1) * mode["repeated"] for mode in every)
    assert count == 52
    assert [mode["kind"] for mode in every].count("rotational") == 1
    assert run("kundur", "--all") == 0
    assert "rotational" in capsys.readouterr().out


def test_infinite_bus_gives_two_zeros_and_no_instability(capsys):
    raw, dyr = DATA / "three_bus.raw", DATA / "three_bus_genrou.dyr"
    modes = found(capsys, raw, "--dyr", dyr)
    assert modes["stable"]
    assert modes["modes"][0]["kind"] == "local"
    assert run(raw, "--dyr", dyr) == 0
    assert "2 eigenvalues are zero" in " ".join(capsys.readouterr().out.split())


def test_files(tmp_path, capsys):
    assert run("kundur", "--out", tmp_path / "modes") == 0
    assert "modes.csv, modes.html, modes.json" in capsys.readouterr().out
    every = json.loads((tmp_path / "modes" / "modes.json").read_text())["modes"]
    with (tmp_path / "modes" / "modes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(every) == 39
    for row, mode in zip(rows, every, strict=True):
        assert [float(row["real_per_s"]), float(row["imag_rad_per_s"])] == mode["eigenvalue_per_s"]
        assert row["kind"] == mode["kind"]
    page = (tmp_path / "modes" / "modes.html").read_text()
    for script in scripts():
        page = page.replace(script, "")
    for part in ("Least damped inter-area", "0.647 Hz, 3.43 %, inter-area", "figure-map", "figure-all"):
        assert part in page
    assert page.count("data-figure=") == 2 + 2 * 3  # two maps; arrows and bars of three swings
    assert "http" not in page.replace("http-equiv", "")


def test_page_of_a_band_without_oscillations(tmp_path, capsys):
    assert run("kundur", "--from-hz", 2.5, "--to-hz", 2.9, "--out", tmp_path) == 0
    assert "Oscillations from 2.5 to 2.9 Hz: 0" in capsys.readouterr().out
    page = (tmp_path / "modes.html").read_text()
    assert "no oscillation lies in the band" in page
    assert "There is none from 2.5 to 2.9 Hz" in page
    assert "No oscillation of rotors lies in the band." in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["kundurr"], "did you mean"),
        (["nowhere.yaml"], "there is no such file"),
        (["ieee14-quickstart", "--dyr", "x.dyr"], "names its own dyr"),
        (["kundur", "--from-hz", "2", "--to-hz", "1"], "must be below"),
        (["kundur", "--set", "grid.edits"], "an override has no value"),
        (["kundur", "--set", "grid.inertia=2"], "inertia"),
        (["kundur", "--top", "0"], "--top"),
    ],
)
def test_bad_input_exits_with_2(arguments, message, capsys):
    assert run(*arguments) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed


def test_no_operating_point_exits_with_4(capsys):
    assert run("kundur", "--set", "grid.edits[0].load_scale={factor: 4, generation: slack}") == 4
    assert "cannot be linearised: the power flow has no solution" in capsys.readouterr().err
