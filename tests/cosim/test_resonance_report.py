"""Resonance of a run: in its summary, its report and its PDF; what it costs a run without a report: nothing."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from test_report import Page, make

import cosim
from cosim.linear.state_space import NotLinearisable
from cosim.report import render
from cosim.result import RESONANCE_CURVES, Result
from cosim.run_resonance import operating_point
from cosim.scenario.load import load_scenario
from cosim.study import prepare_study

SETTINGS = ("simulation.duration_s=20",)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return cosim.run("ieee39-training", tmp_path_factory.mktemp("run"), SETTINGS)


def section(text):
    page = Page(text)
    return page, page.text[page.text.rindex("10 Resonance") : page.text.rindex("11 Ride-through")]


def test_a_summary_ranks_the_modes(run):
    found = run.summary["resonance"]
    assert found["reason"] is None
    swings = [mode["swing_mhz"] for mode in found["modes"]]
    assert len(swings) >= 3
    assert swings == sorted(swings, reverse=True)
    assert {mode["kind"] for mode in found["modes"]} >= {"inter-area", "local"}
    assert found["total"]["rms_mhz"] ** 2 > 0.5 * swings[0] ** 2
    assert found["sites"]["dc1"] == pytest.approx(found["total"])


def test_what_is_expected_is_about_what_the_run_shows(run):
    found = run.summary["resonance"]
    assert found["simulated"]["machine"] == found["total"]["machine"]
    # Both from 20 s of a random load, whose spectrum behind a window is another sample of it.
    assert found["total"]["rms_mhz"] == pytest.approx(found["simulated"]["rms_mhz"], rel=0.3)


def test_the_report_shows_them(run):
    page, text = section((run.path.parent / "report.html").read_text(encoding="utf-8"))
    first = run.summary["resonance"]["modes"][0]
    assert first["text"][1:] in text
    assert f"{first['frequency_hz']:.3f}" in text
    assert "this run shows" in text
    figure = page.figures["figure-resonance"]
    assert {trace["yaxis"] for trace in figure["data"]} == {"y", "y2"}
    lines = [shape["x0"] for shape in figure["layout"]["shapes"]]
    assert first["frequency_hz"] in lines


def test_a_stored_result_gives_the_same_report(run):
    assert render(Result.open(run.path.parent)) == (run.path.parent / "report.html").read_text(encoding="utf-8")


def test_a_run_without_report_does_not_pay_and_is_the_same(run, tmp_path):
    quick = cosim.run("ieee39-training", tmp_path, SETTINGS, report=False)
    assert "resonance" not in quick.summary
    assert RESONANCE_CURVES not in quick.attributes
    assert np.array_equal(quick.speed_pu.to_numpy(), run.speed_pu.to_numpy())
    _, text = section(render(quick))
    assert "was not for this one" in text


def test_a_grid_that_cannot_be_linearised_says_why(monkeypatch):
    study = prepare_study(*load_scenario("ieee14-quickstart", []))

    def refuse():
        raise NotLinearisable("the algebraic equations are singular")

    monkeypatch.setattr(study.engine, "linearised", refuse)
    point = operating_point(study, succeeded=True)
    assert point == "the equations cannot be linearised: the algebraic equations are singular"
    assert operating_point(study, succeeded=False) == "the grid has no equilibrium to linearise at"


@pytest.mark.parametrize("reason", ["the equations cannot be linearised: singular", "the scenario has no sites"])
def test_the_section_says_why_there_is_none(tmp_path, reason):
    _, text = section(render(make(tmp_path, extra={"resonance": {"reason": reason}})))
    assert f"None: {reason}." in text


def test_a_run_that_did_not_start_says_so(tmp_path):
    scenario = {
        "name": "too-much",
        "grid": {"case": "ieee14"},
        "sites": [{"name": "dc1", "bus": 14, "rating_mw": 499.0}],
        "redispatch": {"mode": "slack"},
        "simulation": {"duration_s": 1.0},
    }
    result = cosim.run(scenario, tmp_path)
    assert result.summary["status"] == "power_flow_failed"
    assert result.summary["resonance"] == {"reason": "the grid has no equilibrium to linearise at"}
    assert "10 Resonance" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_growing_modes_and_names_that_look_like_markup(tmp_path, run):
    entry = json.loads(json.dumps(run.summary["resonance"]).replace("dc1", "<b>&dc1"))
    entry["growing"] = ["a mode that grows without oscillating (0.011 1/s)"]
    text = render(make(tmp_path, extra={"resonance": entry}))
    assert "<b>&dc1" not in re.sub(r"<script.*?</script>", "", text, flags=re.S)
    assert "The grid has a mode that grows without oscillating (0.011 1/s)" in section(text)[1]


def test_a_pdf_has_the_figure(run):
    from cosim.report.pdf import printed_content

    drawn = printed_content(Result.open(Path(run.path.parent)))["figures"]
    ((figure, image),) = drawn["resonance"]
    assert figure.id == "figure-resonance"
    assert image.startswith("data:image/svg+xml;base64,")
