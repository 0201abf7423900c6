"""Section 11 of the report: sites with protection and mitigation, on the page and in print."""

import io
import json
import re

import numpy as np
import pytest
from pypdf import PdfReader
from test_report import Page, make

from cosim import summary
from cosim.console import print_summary
from cosim.recorder import Recorder
from cosim.report import render, render_pdf
from cosim.result import Result
from cosim.site_equipment import COLUMNS

# 100 MW are asked for; all of it leaves at 2 s, half is back at 4 s; storage takes 10 MW for the first second, UPS
# batteries draw 5 MW from 4 s on. Two nodes at 2 and 4 s are jumps.
TIME_S = np.array([0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 4.0, 4.0, 5.0, 6.0])
SHARE = np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.5])
STORAGE_MW = np.array([10.0, 10.0, 0, 0, 0, 0, 0, 0, 0, 0])
RECHARGE_MW = np.array([0.0, 0, 0, 0, 0, 0, 0, 5.0, 5.0, 5.0])
COMMAND_MW = 100.0 * SHARE + STORAGE_MW + RECHARGE_MW
SOC = np.interp(TIME_S, [0.0, 1.0], [0.4, 0.6])
EVENTS = (
    (2.0, "fault", "three-phase fault at bus 16"),
    (2.0, "protection", "dc1: the site transfers to UPS, 100 % of its demand: voltage below 0.7 pu for 0.02 s"),
    (2.5, "protection", "dc2: the site trips"),
    (4.0, "protection", "dc1: 1 of 2 groups is back"),
)
ENERGY = {
    "it_mwh": 600 / 3600,
    "losses_mwh": 0.0,
    "cooling_mwh": 0.0,
    "ramp_limiter_mwh": 0.0,
    "sampling_mwh": 2e-17,
    "tripped_mwh": 0.0,
    "ups_battery_mwh": 250 / 3600,
    "generator_mwh": 0.0,
    "lost_mwh": 50 / 3600,
    "recharge_mwh": 10 / 3600,
    "storage_charged_mwh": 10 / 3600,
    "storage_discharged_mwh": 0.0,
    "storage_change_mwh": 8 / 3600,
    "voltage_mwh": -2 / 3600,
    "poi_mwh": 318 / 3600,
}
PROTECTION = {
    "transfers": 2,
    "first_transfer_s": 2.0,
    "largest_away_share": 1.0,
    "away_share_at_end": 0.5,
    "locked_share_at_end": 0.25,
    "ups_state_of_charge": 0.875,
}
LIMITER = {
    "added_mwh": -0.012,
    "added_percent": -3.5,
    "peak_to_peak_before_mw": 40.0,
    "peak_to_peak_after_mw": 30.0,
    "sd_before_mw": 12.0,
    "sd_after_mw": 9.0,
    "ramping_up_s": 1.5,
    "ramping_down_s": 0.0,
}
BATTERY = {
    "charged_mwh": 10 / 3600,
    "discharged_mwh": 0.0,
    "losses_mwh": 2 / 3600,
    "at_power_limit_s": 1.25,
    "at_ramp_limit_s": 0.0,
    "at_soc_limit_s": 0.5,
    "soc_min": 0.4,
    "soc_max": 0.6,
    "soc_final": 0.6,
}
NOTES = {
    "energy": ENERGY,
    "protection": PROTECTION,
    "mitigation": {"ramp_limiter": LIMITER, "storage": {"battery": BATTERY}},
}
SCENARIO = """\
name: run
sites:
- {name: dc1, bus: 16, protection: {preset: legacy-ups}, mitigation: [{type: ramp_limiter, up_mw_per_s: 5}]}
- {name: dc2, bus: 4, protection: {preset: none}, mitigation: []}
"""


def reacting(folder, notes=NOTES, *, columns=(*COLUMNS, "battery_soc")):
    """Record a run of a site that reacts, dc1, with a summary, and of one that does not, dc2."""
    values = {
        "wanted_mw": np.full(TIME_S.size, 100.0),
        "connected_share": SHARE,
        "recharge_mw": RECHARGE_MW,
        "storage_mw": STORAGE_MW,
        "battery_soc": SOC,
    }
    attributes = {"name": "run", "nominal_hz": 60.0, "status": "completed", "step_s": 1.0, "scenario": SCENARIO}
    further = {"dc1": columns}
    with Recorder(folder / "result.h5", {}, ["dc1", "dc2"], 0.0, attributes, site_columns=further) as recorder:
        for k, time_s in enumerate(TIME_S):
            recorder.record(time_s, {})
            power_mw = 0.98 * COMMAND_MW[k]
            recorder.record_site("dc1", time_s, power_mw, 0.0, COMMAND_MW[k], *(values[name][k] for name in columns))
            recorder.record_site("dc2", time_s, 50.0, 0.0, 50.0)
        for event in EVENTS:
            recorder.record_event(*event)
        recorder.set_attribute("end_time_s", 6.0)
        for key, value in notes.items():
            recorder.set_site_attribute("dc1", key, json.dumps(value))
        recorder.set_site_attribute("dc2", "energy", json.dumps(ENERGY | {"lost_mwh": 0.0}))
    result = Result.open(folder)
    provenance = {"grid": {"name": "a grid"}, "wall_time_s": 1.0}
    summary.write(summary.build(result, [], provenance, {}), folder / "summary.json")
    return result


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return reacting(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def page(result):
    return Page(render(result))


def section(page):
    """Text of section 12."""
    return page.text[page.text.rindex("12 Protection and mitigation") : page.text.rindex("13 Limitations")]


def curves(page, name="figure-reaction-dc1"):
    """Heights of each curve, by its name."""
    return {trace["name"]: trace for trace in page.figures[name]["data"]}


def test_figure_shows_demand_power_share_and_storage(page):
    layout = page.figures["figure-reaction-dc1"]["layout"]
    axes = [layout[f"yaxis{k}"]["title"]["text"] for k in ("", 2, 3, 4)]
    assert axes == ["power (MW)", "connected (%)", "storage (MW)", "charge (%)"]
    assert layout["xaxis4"]["title"]["text"] == "time (s)"
    drawn = curves(page)
    rows = {name: trace["yaxis"] for name, trace in drawn.items()}
    assert rows == {
        "demand": "y",
        "through the POI": "y",
        "charging of UPS batteries": "y",
        "connected share": "y2",
        "storage": "y3",
        "battery": "y4",
    }
    alt = page.by_id("figure-reaction-dc1")["aria-label"]
    assert "Power through the POI from 0.00 to 107.80 MW." in alt
    assert "At the least 0.00 % connected, at 2 s." in alt
    assert "Charge of the battery from 40.00 to 60.00 %." in alt
    assert [note["text"] for note in layout["annotations"]] == ["E1–E2", "E3", "E4"]


def test_panels_are_only_of_what_the_site_has(tmp_path):
    layout = Page(render(reacting(tmp_path, columns=COLUMNS))).figures["figure-reaction-dc1"]["layout"]
    assert "yaxis2" in layout
    assert "yaxis3" not in layout


def test_energy_adds_up_before_the_reader(page):
    text = section(page)
    rows = re.search(r"where the energy at the POI went (.*?) The parts add up to what passed the POI\.", text)[1]
    values = [float(value.replace("−", "-")) for value in re.findall(r"(−?\d\.\d{4,}) −?\d", rows)]
    assert sum(values[:-2]) == pytest.approx(318 / 3600, abs=2e-5)
    assert values[-2:] == pytest.approx([318 / 3600] * 2, abs=1e-5)
    assert "Carried by UPS batteries while off the grid −0.06944 −78.62" in rows
    assert "Computing equipment what the workloads ask for; energy burnt by power smoothing is in it 0.16667" in rows
    for zero in ("Cooling", "Sampling", "Discharging", "generators"):
        assert zero not in rows
    assert "At the end the storage held 0.0022 MWh more than at the start; it lost 0.0006 MWh." in text


def test_energy_that_does_not_add_up_is_said(tmp_path):
    wrong = NOTES | {"energy": ENERGY | {"it_mwh": 636 / 3600}}
    assert "The parts miss what passed the POI by 0.01 MWh." in section(Page(render(reacting(tmp_path, wrong))))


def test_energy_without_any_at_the_poi_has_no_percentages(tmp_path):
    nothing = dict.fromkeys(ENERGY, 0.0) | {"it_mwh": 0.5, "lost_mwh": 0.5}
    text = section(Page(render(reacting(tmp_path, NOTES | {"energy": nothing}))))
    assert "is in it 0.50000 – Lost" in text


def test_protection_says_what_happened_and_when(page):
    text = section(page)
    for said in (
        "Departures of the site, or of groups of its equipment that are set apart 2 –",
        "First departure at 2 s",
        "Away at the end of the demand 50.00 %",
        "a part of what is away 25.00 %",
        "of what they can hold 87.50 %",
        "Least that the grid fed of the demand, at 2 s 0.00 %",
        "Fed by the grid at the end of the demand 50.00 %",
        "E2 2 the site transfers to UPS, 100 % of its demand: voltage below 0.7 pu for 0.02 s "
        "E4 4 1 of 2 groups is back",
    ):
        assert said in text
    assert "the site trips" not in text


def test_protection_that_did_not_act_is_said(tmp_path):
    idle = PROTECTION | {"transfers": 0, "first_transfer_s": None, "ups_state_of_charge": None}
    result = reacting(tmp_path, NOTES | {"protection": idle})
    text = section(Page(render(result)))
    assert "Departures of the site, or of groups of its equipment that are set apart 0 –" in text
    assert "First departure" not in text
    assert "UPS batteries at the end" not in text


def test_mitigation_has_a_row_for_each_kind(page):
    text = section(page)
    limiter = "Ramp limiter of the whole site 40.00 30.00 12.00 9.00 −0.012 added, −3.50 % of the demand"
    assert f"{limiter} rising as fast as allowed 1.5 – Storage at the POI" in text
    # of the load and of what passes: 0 to 100 MW, and to 110 MW
    assert "charges and discharges against the fluctuation 100.00 110.00" in text
    assert "0.001 lost in charging and discharging battery at full power 1.25; battery full or empty 0.5" in text
    assert "battery 40.00 to 60.00, 60.00 at the end" in text
    assert text.index("Ramp limiter of the whole site") < text.index("Storage at the POI")
    assert "Staggered jobs" not in text


def test_sites_that_do_not_react_are_left_out(page):
    assert "figure-reaction-dc2" not in page.figures
    assert "dc2" not in section(page)


def test_mitigation_before_the_loop_needs_no_figure(tmp_path):
    notes = {"energy": ENERGY, "mitigation": {"ramp_limiter": LIMITER}}
    page = Page(render(reacting(tmp_path, notes, columns=())))
    assert not [name for name in page.figures if name.startswith("figure-reaction")]
    assert "dc1: mitigation" in section(page)
    assert "dc1: protection" not in section(page)


def test_without_protection_and_mitigation_a_sentence_says_so(tmp_path):
    text = section(Page(render(make(tmp_path))))
    assert text.split(maxsplit=4)[4].startswith("No site has protection or mitigation")


def test_a_run_that_did_not_start_gives_settings_only(tmp_path):
    made = make(tmp_path, channels={}, rows=0, status="power_flow_failed", end_time_s=0.0, scenario=SCENARIO)
    text = section(Page(render(made)))
    assert "There are no numbers: the run ended before its first step." in text
    assert "legacy-ups" in text
    assert "energy" not in text


def test_print_has_the_same_numbers(result):
    pages = PdfReader(io.BytesIO(render_pdf(result))).pages
    printed = " ".join(" ".join(page.extract_text().split()) for page in pages)
    for said in ("12 Protection and mitigation", "dc1: mitigation", "−78.62", "87.50", "1 of 2 groups is back", "0.5"):
        assert said in printed


def test_terminal_tells_what_was_away_and_lost(tmp_path, capsys):
    print_summary(reacting(tmp_path), tmp_path)
    text = " ".join(capsys.readouterr().out.split())
    assert "away from the grid at the end 50 - %" in text
    assert "carried by nothing 0.014 - MWh" in text


def test_terminal_is_silent_where_protection_did_not_act(tmp_path, capsys):
    idle = PROTECTION | {"transfers": 0}
    notes = NOTES | {"protection": idle, "energy": ENERGY | {"lost_mwh": 1e-18}}
    print_summary(reacting(tmp_path, notes), tmp_path)
    assert "away from the grid" not in capsys.readouterr().out
