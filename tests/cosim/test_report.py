"""The page of a run: complete for every status, safe with any text, offline, and the same every time."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from plotly.offline import get_plotlyjs
from recorded_runs import write_run

from cosim import summary
from cosim.criteria import Criterion
from cosim.recorder import ChannelSpec, Recorder
from cosim.report import render, write_report
from cosim.report.drawing import PURPLE
from cosim.report.figures import ABOUT, Source
from cosim.report.figures.frequency import rocof
from cosim.result import RESONANCE_CURVES, Result

TIME_S = np.arange(0, 20, 0.01)
SWING = 0.02 * np.sin(2 * np.pi * 0.5 * TIME_S)
SPEED = {"GEN_1": 1 - SWING / 60, "GEN_2": 1 + 2 * SWING / 60}
VOLTS = {"16": np.where((TIME_S > 5) & (TIME_S < 5.3), 0.82, 0.98), "4": np.full_like(TIME_S, 1.03)}
CHANNELS = {"speed_pu": SPEED, "voltage_pu": VOLTS, "frequency_hz": {"16": 60 + 2.5 * SWING, "4": 60 - SWING}}
SCENARIO = """\
schema: 1
name: run
description: one site & its grid
grid: {case: ieee39, base_load: {z: 1.0, i: 0.0, p: 0.0}}
sites: [{name: dc1, bus: 16, mode: add, rating_mw: 150.0, power_factor: 0.98}]
simulation: {engine: andes, duration_s: 20.0, step_s: 0.01, injection: average, tolerance: 1.0e-06}
criteria:
- {id: dead band, metric: frequency.max_deviation_mhz, max: 50, source: A rule, clause: "3.1",
   evidence: recalled}
- {id: sag, metric: voltage.min_pu, min: 0.9}
- {metric: ramp.sites.dc1.windows.1s, max: 15}
"""
CRITERIA = [
    {"id": "dead band", "metric": "frequency.max_deviation_mhz", "max": 50}
    | {"source": "A rule", "clause": "3.1", "evidence": "recalled"},
    {"id": "sag", "metric": "voltage.min_pu", "min": 0.9},
    {"metric": "ramp.sites.dc1.windows.1s", "max": 15},
    {"id": "curve", "envelope": {"signal": "voltage", "rows": [{"below": 0.9, "seconds": 0.2}]}},
]
NETWORK = {
    "buses": [{"name": n, "base_kv": 345.0, "area": "1", "load_mw": 100.0} for n in ("16", "4")],
    "generators": [{"name": "GEN_1", "bus": "4", "rating_mva": 900.0, "infinite": False}],
    "lines": [{"name": "L", "from_bus": "16", "to_bus": "4", "rating_mva": None, "in_service": True}],
}
EVENTS = ((5.0, "line_trip", "line 5 trips"),)
RESONANCE = {
    "reason": None,
    "record_s": 20.0,
    "from_hz": 0.025,
    "to_hz": 5.0,
    "total": {"rms_mhz": 4.5, "machine": "GEN_2", "load_rms_mw": 10.0},
    "sites": {"dc1": {"rms_mhz": 4.5, "machine": "GEN_2", "load_rms_mw": 10.0}},
    "simulated": None,
    "growing": [],
    "modes": [
        {"frequency_hz": 0.52, "damping_percent": 3.0, "kind": "local", "time_constant_s": 10.2, "machine": "GEN_2"}
        | {
            "low_hz": 0.49,
            "high_hz": 0.55,
            "load_rms_mw": 9.0,
            "swing_mhz": 6.0,
            "text": "the 0.50 Hz line meets the mode",
        }
        | {
            "sites": {
                "dc1": {"load_rms_mw": 9.0, "line_hz": 0.5, "line_mw": 12.7, "line_share": 1.0, "swing_mhz": 6.0}
                | {"gain_mhz_per_mw": 0.6, "gain_hz": 0.52, "gain_machine": "GEN_2", "machine": "GEN_2"}
            }
        }
    ],
}
CURVES = {"frequency_hz": [0.025, 0.5, 0.52, 5.0], "mhz_per_mw": {"dc1": [0.1, 0.5, 0.6, 0.02]}}
PROVENANCE = {
    "versions": {"andes": "2.0.0"},
    "scenario_sha256": "ab" * 32,
    "sites": {"dc1": {"workloads": [{"type": "training", "sha256": "cd" * 32}]}},
    "seed": 7,
}


class Page(HTMLParser):
    """Elements of a page, its visible text, and its figures' data."""

    VOID = frozenset({"meta", "link", "br", "img"})

    def __init__(self, text):
        super().__init__()
        self.elements, self.figures, self.words, self.open = [], {}, [], []
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        tag, attrs = self.open[-1] if self.open else ("", {})
        if "data-figure" in attrs:
            self.figures[attrs["data-figure"]] = json.loads(data)
        elif tag not in ("script", "style"):
            self.words.append(data)

    def by_id(self, name):
        return next(attrs for _, attrs in self.elements if attrs.get("id") == name)


def make(
    folder,
    *,
    channels=CHANNELS,
    criteria=CRITERIA,
    rows=TIME_S.size,
    warnings=(),
    events=EVENTS,
    network=NETWORK,
    extra=None,
    **attributes,
):
    """Record a run of one site with its summary stored, as a run leaves it."""
    result = write_run(
        folder,
        TIME_S[:rows],
        {name: {key: v[:rows] for key, v in elements.items()} for name, elements in channels.items()},
        power_mw=(100 + 10 * np.sign(SWING))[:rows],
        demand=(0.001, np.repeat(100 + 10 * np.sign(SWING), 10)[: rows * 10]) if rows else None,
        inertia=[4000.0, 2000.0] if "speed_pu" in channels else None,
        events=events if rows else (),
        site_notes={"bus": "16", "energy_error": 1e-9, "below_v_min_s": 0.0, "rating_mw": 150.0},
        network=json.dumps(network),
        **(
            {"scenario": SCENARIO, "grid": "ieee39", "grid_source": "a case", "message": ""}
            | {RESONANCE_CURVES: json.dumps(CURVES)}
            | attributes
        ),
    )
    start = {"residual": 2e-9, "power_flow_iterations": 4, "redispatch_mw": {"1": 100.0}}
    judged = [Criterion.model_validate(criterion) for criterion in criteria]
    built = summary.build(result, judged, PROVENANCE, start, warnings) | {"resonance": RESONANCE} | (extra or {})
    summary.write(built, folder / "summary.json")
    return result


@pytest.fixture
def page(tmp_path):
    return Page(render(make(tmp_path, warnings=["mind the step"])))


def test_every_figure_is_drawn_and_described(page):
    assert set(page.figures) == {name for name, _ in ABOUT}
    for name in page.figures:
        holder = page.by_id(name)
        assert holder["role"] == "img"
        assert re.search(r"\d", holder["aria-label"])
    assert "59.9600 Hz at generator GEN_2" in page.by_id("figure-frequency")["aria-label"]
    assert "0.8200 pu at bus 16" in page.by_id("figure-voltage")["aria-label"]
    assert "20.00 MW over 1 s" in page.by_id("figure-ramp")["aria-label"]
    assert "20.00 MW at 0.5 Hz" not in page.by_id("figure-spectrum")["aria-label"]  # a square wave has 4/pi of its half
    assert "12.7" in page.by_id("figure-spectrum")["aria-label"]
    assert "dc1 20.00 MW" in page.by_id("figure-fluctuation")["aria-label"]
    assert "0.8200 pu for 0.29 s" in page.by_id("figure-ride-through")["aria-label"]
    assert "Sites at bus 16" in page.by_id("figure-voltage-map")["aria-label"]
    assert "Largest at bus 16" in page.by_id("figure-frequency-map")["aria-label"]


def test_every_axis_has_a_unit(page):
    for name, unit in (
        ("power", "MW"),
        ("frequency", "Hz"),
        ("rocof", "Hz/s"),
        ("voltage", "pu"),
        ("ramp", "MW"),
    ):
        layout = page.figures[f"figure-{name}"]["layout"]
        assert layout["xaxis"]["title"]["text"] == "time (s)"
        assert layout["yaxis"]["title"]["text"].endswith(f"({unit})")
    for name, x, y in (
        ("spectrum", "Hz", "MW"),
        ("windows", "s", "MW"),
        ("ride-through", "s", "pu"),
        ("modes", "Hz", "%"),
    ):
        layout = page.figures[f"figure-{name}"]["layout"]
        assert layout["xaxis"]["title"]["text"].endswith(f"({x})")
        assert layout["yaxis"]["title"]["text"].endswith(f"({y})")


def test_limits_and_events_are_marked(page):
    labels = {
        name: [note["text"] for note in figure["layout"].get("annotations", [])]
        for name, figure in page.figures.items()
    }
    assert labels["figure-frequency"] == ["dead band", "dead band", "E1"]
    assert labels["figure-voltage"] == ["sag", "E1"]
    assert labels["figure-ramp"] == ["limit 15", "limit 15", "E1"]
    levels = [shape["y0"] for shape in page.figures["figure-frequency"]["layout"]["shapes"]]
    assert levels[:2] == pytest.approx([60.05, 59.95])
    assert any(trace["line"].get("color") == PURPLE for trace in page.figures["figure-frequency"]["data"][:1])


def test_tables_state_verdicts_margins_and_sources(page):
    assert "Verdict: fail" in page.text
    assert "Run: completed" in page.text
    for said in ("A rule 3.1", "recalled verify before citing", "≤ 50", "≥ 0.9", "−0.0800", "decides"):
        assert said in page.text
    assert page.text.count("verify before citing") == 2  # the one limit, and what the words mean
    assert page.text.index("dead band frequency") > page.text.index("sag voltage.min_pu")  # failures first
    for said in ("ramp.sites.dc1.windows.1s ≤ 15", "mind the step", "instantaneous sag", "line 5 trips"):
        assert said in page.text
    for said in (
        "electromagnetic-transient study needed",
        "100 % constant impedance",
        "4 iterations",
        "2 × 10⁻⁹ pu",
    ):
        assert said in page.text
    for said in ("ab" * 32, "cd" * 32, "one site & its grid", "tolerance: 1.0e-06"):
        assert said in page.text


def test_pass_is_shown_for_a_completed_run_only(tmp_path):
    good = [{"metric": "voltage.max_pu", "max": 1.1}]
    done, cut = tmp_path / "done", tmp_path / "cut"
    for folder in (done, cut):
        folder.mkdir()
    assert "Verdict: pass" in Page(render(make(done, criteria=good))).text

    message = "rotor angles are more than 180 degrees apart"
    result = make(cut, criteria=good, rows=1000, status="unstable", end_time_s=9.99, message=message)
    tampered = result.summary | {"verdict": "pass"}
    tampered["criteria"][0]["verdict"] = "pass"
    summary.write(tampered, cut / "summary.json")
    page = Page(render(result))
    assert "Verdict: simulation failed" in page.text
    assert "This run is not a pass: unstable" in page.text
    assert "Rotor angles are more than 180 degrees apart." in page.text
    assert "9.99 of 20 s simulated" in page.text
    assert not [attrs for _, attrs in page.elements if "pass" in (attrs.get("class") or "").split()]
    assert len(page.figures) == len(ABOUT)


@pytest.mark.parametrize("status", ["power_flow_failed", "initialisation_failed"])
def test_run_without_a_step_says_why_nothing_is_there(tmp_path, status):
    result = make(tmp_path, channels={}, rows=0, status=status, end_time_s=0.0, message="no solution: try less")
    page = Page(render(result))
    assert not page.figures
    assert all("the run ended before its first step" in page.by_id(name)["aria-label"] for name, _ in ABOUT)
    for said in ("No solution: try less.", "0 of 20 s simulated", "There are no numbers"):
        assert said in page.text


def test_missing_channels_are_named(tmp_path):
    page = Page(render(make(tmp_path, channels={})))
    drawn = ("power", "fluctuation", "ramp", "windows", "spectrum", "resonance")
    assert set(page.figures) == {f"figure-{name}" for name in drawn}
    assert "Not drawn: channel voltage_pu was not recorded." in page.text
    assert "not assessed channel voltage_pu was not recorded" in page.text


def test_grid_without_sites_or_scenario(tmp_path):
    channels = {"voltage_pu": ChannelSpec("pu", ("1",))}
    with Recorder(tmp_path / "result.h5", channels, [], 0.0, {"nominal_hz": 50.0, "status": "completed"}) as file:
        for time_s in (0.0, 0.01, 0.02):
            file.record(time_s, {"voltage_pu": np.array([1.0])})
    result = Result.open(tmp_path)
    summary.write(summary.build(result, [], {}, {}), tmp_path / "summary.json")
    page = Page(render(result))
    assert set(page.figures) == {"figure-voltage"}
    assert "The network was not stored".lower() in page.text.lower()
    for said in (
        "Not drawn: the scenario has no sites.",
        "The scenario sets no criteria",
        "Verdict: not assessed",
    ):
        assert said in page.text
    assert "The scenario was not stored" in page.text


def test_text_of_users_is_never_markup(tmp_path):
    evil = "</script><script>alert(1)</script><b>"
    scenario = SCENARIO.replace("one site & its grid", f"'{evil}'")
    channels = CHANNELS | {"voltage_pu": {evil: VOLTS["16"], "4": VOLTS["4"]}}
    network = json.loads(json.dumps(NETWORK).replace('"16"', json.dumps(evil)))
    criteria = [{"id": evil, "metric": "voltage.min_pu", "min": 0.9, "source": evil, "clause": evil}]
    result = make(
        tmp_path,
        channels=channels,
        criteria=criteria,
        network=network,
        warnings=[evil],
        scenario=scenario,
        grid=evil,
        message=evil,
        name=evil,
    )
    text = render(result)
    assert "alert(1)</script>" not in text
    page = Page(text)
    assert page.text.count(evil.replace("<b>", "").strip()) >= 6
    assert sum(tag == "script" for tag, _ in page.elements) == len(page.figures) + 2
    names = [trace["name"] for trace in page.figures["figure-voltage"]["data"]]
    assert any("&lt;script&gt;" in name for name in names)
    assert not any("<" in name for name in names)


def test_page_needs_no_network(tmp_path):
    text = render(make(tmp_path))
    page = Page(text)
    for _, attrs in page.elements:
        for name in ("src", "href", "action", "data", "srcset"):
            assert attrs.get(name, "#")[:5] in ("#", "data:") or attrs[name].startswith("#")
    assert not re.search(r"url\(|@import|https?:", text.replace(get_plotlyjs(), ""))
    policy = next(attrs["content"] for _, attrs in page.elements if attrs.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    assert "showSendToCloud: false" in text
    assert text.count(get_plotlyjs()) == 1


def test_policy_names_the_scripts_of_the_page(tmp_path):
    text = render(make(tmp_path))
    scripts = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in text


def test_same_result_gives_the_same_bytes(tmp_path):
    result = make(tmp_path)
    first, second = tmp_path / "a.html", tmp_path / "b.html"
    write_report(result, first)
    write_report(result, second)
    assert first.read_bytes() == second.read_bytes()
    assert not list(tmp_path.glob("*.partial"))


def test_fault_is_left_out_of_rocof(tmp_path):
    result = make(tmp_path, events=[(5.0, "fault", "bus 4"), (5.2, "fault_cleared", "bus 4")])
    figure = rocof(Source(result, result.summary))
    trace = figure.plot.data[0]
    inside = (trace.x > 5.0 + 1e-6) & (trace.x < 5.3 - 1e-6)
    assert inside.any()
    assert np.isnan(trace.y[inside]).all()
    assert np.isfinite(trace.y[~inside]).all()


def test_tables_show_the_run_without_fluctuation(tmp_path):
    first = make(tmp_path)
    steady = first.summary["metrics"]
    steady["frequency"]["max_deviation_mhz"] = 5.0
    baseline = {"status": "completed", "verdict": "pass", "metrics": steady, "criteria": []}
    page = Page(render(make(tmp_path, extra={"baseline": baseline})))
    assert "Largest deviation from 60 Hz 40.0 mHz any generator – 5.0 35.0" in page.text
    assert page.text.count("Without fluctuation") == 7


def test_step_check_is_a_table(tmp_path):
    change = {"metric": "frequency.nadir_hz", "unit": "Hz", "value": 59.9, "halved": 59.8, "change": -0.1}
    check = {
        "step_s": 0.005,
        "status": "completed",
        "verdicts_changed": ["sag"],
        "changes": [change | {"relative": 0.5}],
    }
    page = Page(render(make(tmp_path, extra={"step_check": check})))
    assert "The same run with steps of 0.005 s" in page.text
    assert "frequency.nadir_hz 59.9000 59.8000 −0.1 50 Hz" in page.text
    assert "Verdicts that change: sag." in page.text


def test_sections_of_a_utilitys_report(page):
    headings = re.findall(r"\b(\d+ [A-Z][a-z\-]+(?: [a-z]+)*)", page.text)
    for said in ("1 Compliance", "2 Project and connection", "3 Loads", "4 Model and initialisation", "13 Limitations"):
        assert any(heading.startswith(said) for heading in headings), said
    for said in ("Faults are balanced", "Filters and windows", "the sites draw their demand as it is"):
        assert (said in page.text) == (said != "Faults are balanced")


def test_limitations_say_what_applies(tmp_path):
    result = make(tmp_path, events=[(5.0, "fault", "bus 4"), (5.2, "fault_cleared", "bus 4")])
    assert "Faults are balanced and three-phase" in Page(render(result)).text


def test_old_summaries_are_shown(tmp_path):
    result = make(tmp_path)
    old = result.summary
    for family in ("generator", "line", "oscillation"):
        del old["metrics"][family]
    for key in ("rapid_change", "recovery", "flicker", "envelopes", "swing_pu"):
        del old["metrics"]["voltage"][key]
    for entry in old["criteria"]:
        for key in ("strict", "title", "profile", "date", "note", "envelope"):
            del entry[key]
    summary.write(old, tmp_path / "summary.json")
    assert "Verdict: fail" in Page(render(result)).text
