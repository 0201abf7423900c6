"""`cosim transfer`: ranking, JSON, files and page, a trace and a scenario's sites, bad input."""

import csv
import json
import re

import numpy as np
import pytest

from cosim.cli import main
from cosim.report.page import scripts


def run(*arguments):
    with pytest.raises(SystemExit) as stop:
        main(["transfer", *map(str, arguments)])
    return int(stop.value.code or 0)


def found(capsys, *arguments):
    assert run(*arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    """Two minutes of a load that swings by 10 % at the inter-area mode of the two-area system."""
    file = tmp_path_factory.mktemp("trace") / "job.csv"
    time_s = np.arange(0.0, 120.0, 0.02)
    power_w = 1000.0 + 100.0 * np.cos(2 * np.pi * 0.647 * time_s)
    rows = "\n".join(f"{t:.3f},{p:.3f}" for t, p in zip(time_s, power_w, strict=True))
    file.write_text(f"time_s,power_w\n{rows}\n", encoding="utf-8")
    return file


def test_buses_are_ranked(capsys):
    answer = found(capsys, "kundur")
    assert answer["unit"] == "mHz/MW"
    peaks = [bus["peak"] for bus in answer["buses"]]
    assert len(peaks) == 10
    assert peaks == sorted(peaks, reverse=True)
    first = answer["buses"][0]
    assert first["bus"] == "4"
    assert first["frequency_hz"] == pytest.approx(0.648, abs=0.002)
    assert first["avoid_s"][0] < first["period_s"] < first["avoid_s"][1]
    assert answer["load"] is None
    assert [mode["frequency_hz"] for mode in answer["modes"]] == pytest.approx([0.647, 1.108, 1.141], abs=1e-3)
    # The ranking is refined between the frequencies of the modes, and is no less than what they show.
    at_mode = answer["modes"][0]["response"]
    assert all(at_mode[bus["bus"]] <= bus["peak"] * 1.0001 for bus in answer["buses"])


def test_curves_are_those_asked_for(capsys):
    answer = found(capsys, "kundur", "--at", 7, "--at", 9, "--element", 1, "--from-hz", 0.2, "--to-hz", 2)
    curves = answer["curves"]
    assert [(curve["bus"], curve["element"]) for curve in curves["responses"]] == [("7", "1"), ("9", "1")]
    assert curves["frequency_hz"][0] == 0.2
    assert curves["frequency_hz"][-1] == 2.0
    assert all(len(curve["magnitude"]) == len(curves["frequency_hz"]) for curve in curves["responses"])


@pytest.mark.parametrize(
    ("to", "unit", "element"), [("voltage", "pu/MW", "7"), ("frequency", "mHz/MW", "4"), ("coi", "mHz/MW", "coi")]
)
def test_other_quantities(capsys, to, unit, element):
    answer = found(capsys, "kundur", "--to", to, "--from-hz", 0.4)
    assert answer["unit"] == unit
    assert answer["buses"][0]["element"] == element


def test_reactive_power_that_goes_along_counts(capsys):
    plain = found(capsys, "kundur", "--to", "voltage", "--from-hz", 1.0)["buses"]
    lagging = found(capsys, "kundur", "--to", "voltage", "--from-hz", 1.0, "--power-factor", 0.9)["buses"]
    peaks = [{bus["bus"]: bus["peak"] for bus in buses} for buses in (plain, lagging)]
    assert peaks[1]["7"] > 1.1 * peaks[0]["7"]


def test_a_trace_does_most_harm_where_it_reaches_the_mode(capsys, trace):
    answer = found(capsys, "kundur", "--trace", trace, "--mean-mw", 20)
    load = answer["load"]
    assert load["name"] == "job.csv (20 MW on average)"
    assert load["lines"][0] == pytest.approx({"frequency_hz": 0.647, "amplitude_mw": 2.0}, rel=5e-3)
    assert load["rms_mw"] == pytest.approx(np.sqrt(2.0), rel=0.01)
    worst = load["buses"][0]
    assert worst["bus"] == "4"
    # One line: its amplitude times the response at its frequency.
    assert worst["expected_swing"] == pytest.approx(2.0 * answer["modes"][0]["response"]["4"], rel=0.02)
    assert run("kundur", "--trace", trace) == 0
    assert "most harm at bus 4" in capsys.readouterr().out


def test_the_demand_of_a_scenarios_sites_is_a_load(capsys):
    answer = found(capsys, "ieee39-training", "--set", "simulation.duration_s=20")
    assert answer["power_factor"] == 0.98
    assert [curve["bus"] for curve in answer["curves"]["responses"]] == ["16"]
    assert answer["load"]["name"].startswith("demand of dc1 (")
    by_bus = {bus["bus"]: bus["expected_swing"] for bus in answer["load"]["buses"]}
    assert len(by_bus) == 39
    assert max(by_bus, key=by_bus.get) in ("36", "38")  # machines' own buses
    assert by_bus["16"] < 0.5 * max(by_bus.values())


def test_files_and_page(tmp_path, capsys, trace):
    assert run("kundur", "--at", 7, "--trace", trace, "--mean-mw", 20, "--out", tmp_path) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Largest responses, 10 buses" in printed
    assert "4 6.79 0.648 1.49 to 1.60 4" in printed
    answer = json.loads((tmp_path / "transfer.json").read_text(encoding="utf-8"))
    rows = list(csv.DictReader((tmp_path / "transfer.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["bus"] for row in rows] == [bus["bus"] for bus in answer["buses"]]
    assert float(rows[0]["peak"]) == pytest.approx(answer["buses"][0]["peak"], rel=1e-5)
    assert all(float(row["expected_swing"]) > 0 for row in rows)
    page = (tmp_path / "transfer.html").read_text(encoding="utf-8")
    assert "http" not in re.sub("|".join(map(re.escape, scripts())), "", page).replace("http-equiv", "")
    shown = {name: json.loads(data) for name, data in re.findall(r'data-figure="(.*?)">(.*?)</script>', page, re.S)}
    assert set(shown) == {"figure-bode", "figure-heat"}
    assert [t["name"] for t in shown["figure-bode"]["data"]] == ["bus 7 to machine 4"] * 2
    assert shown["figure-heat"]["data"][0]["type"] == "heatmap"
    for heading in (
        "1 Response over frequency",
        "2 Buses and modes",
        "3 Buses",
        "4 Where a load does most harm",
        "5 What",
    ):
        assert heading in page


def test_a_grid_with_a_growing_mode_says_so(capsys):
    assert run("npcc140", "--from-hz", 0.5, "--to-hz", 1.0) == 0
    assert "unstable: a mode grows with 0.0112 1/s" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("kundur", "--at", "99"), "--at: the grid has no bus '99'"),
        (("kundur", "--element", "GEN_9"), "--element: nothing is called 'GEN_9' whose speed moves"),
        (("kundur", "--from-hz", "2", "--to-hz", "1"), "--from-hz must be above 0 and below --to-hz, got 2 and 1"),
        (("kundur", "--from-hz", "0"), "--from-hz must be above 0"),
        (("kundur", "--power-factor", "0"), "--power-factor: must be above 0 and at most 1, got 0"),
        (("kundur", "--mean-mw", "20"), "--mean-mw 20: scales a trace of --trace"),
        (("kundur", "--trace", "none.csv"), "none.csv"),
        (("kundor",), "did you mean 'kundur'?"),
    ],
)
def test_bad_input_is_told(capsys, arguments, said):
    assert run(*arguments) == 2
    assert said in capsys.readouterr().err


def test_a_short_trace_is_refused(tmp_path, capsys):
    file = tmp_path / "short.csv"
    file.write_text("time_s,power_w\n0.0,1\n0.1,2\n0.2,1\n", encoding="utf-8")
    assert run("kundur", "--trace", file) == 2
    assert "short.csv: a record of 0.2 s is too short for a spectrum" in capsys.readouterr().err


def test_no_operating_point(capsys):
    assert run("ieee14-quickstart", "--set", "sites[0].rating_mw=499", "--set", "redispatch.mode=slack") == 4
    assert "cannot be linearised: the power flow has no solution" in capsys.readouterr().err
