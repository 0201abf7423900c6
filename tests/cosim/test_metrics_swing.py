import json

import numpy as np
import pytest
from recorded_runs import write_run

from cosim.metrics import swing

NETWORK = {
    "buses": [
        {"name": n, "base_kv": 1.0, "area": area, "load_mw": 0.0} for n, area in (("1", "A"), ("2", "A"), ("3", "B"))
    ],
    "generators": [
        {"name": "G1", "bus": "1", "rating_mva": 100.0, "infinite": False},
        {"name": "G2", "bus": "2", "rating_mva": 1000.0, "infinite": False},
    ],
    "lines": [
        {"name": "L12", "from_bus": "1", "to_bus": "2", "rating_mva": 50.0, "in_service": True},
        {"name": "L23", "from_bus": "2", "to_bus": "3", "rating_mva": None, "in_service": True},
    ],
}
TIME_S = np.arange(0, 10, 0.01)
WAVE = np.sin(2 * np.pi * TIME_S)


def test_generators(tmp_path):
    channels = {
        "generator_mw": {"G1": 50 + 3 * WAVE, "G2": 500 + 4 * WAVE},
        "rotor_angle_rad": {"G1": 5.0 * TIME_S + 0.1 * WAVE, "G2": 5.0 * TIME_S - 0.1 * WAVE},
    }
    run = write_run(tmp_path, TIME_S, channels, inertia=None, network=json.dumps(NETWORK))
    section = swing.assess_generators(run)
    values = section.values
    assert (values["swing_mw"], values["swing_generator"]) == (pytest.approx(8), "G2")
    assert (values["swing_percent"], values["swing_percent_generator"]) == (pytest.approx(6), "G1")
    # Without inertias the centre is the mean; the common drift of 50 rad does not count.
    assert values["angle_swing_deg"] == pytest.approx(np.degrees(0.2))
    assert section.places["generator.swing_percent"].where == "G1"
    assert not section.reasons


def test_a_trip_is_no_swing(tmp_path):
    runs = TIME_S < 5
    channels = {
        "generator_mw": {"G1": np.where(runs, 50 + 3 * WAVE, 0.0), "G2": 500 + 1 * WAVE},
        "speed_pu": {"G1": np.where(runs, 1.0, np.nan), "G2": np.ones(TIME_S.size)},
    }
    section = swing.assess_generators(write_run(tmp_path, TIME_S, channels, inertia=[1.0, 1.0]))
    assert section.values["swing_mw"] == pytest.approx(6)
    assert "no rating" in section.reasons["generator.swing_percent"]
    assert "rotor_angle_rad was not recorded" in section.reasons["generator.angle_swing_deg"]


def test_a_rotor_that_slips_and_trips_swings_until_then(tmp_path):
    common = 5.0 * TIME_S
    slipping = np.where(TIME_S <= 5, common + 0.2 * TIME_S, np.nan)
    channels = {"rotor_angle_rad": {"G1": slipping, "G2": common + 0.1 * WAVE, "G3": common - 0.1 * WAVE}}
    for values in channels["rotor_angle_rad"].values():
        values[-1] = np.nan  # the run diverged there
    section = swing.assess_generators(write_run(tmp_path, TIME_S, channels, inertia=[1.0, 2.0, 2.0]))
    assert section.values["angle_swing_deg"] == pytest.approx(np.degrees(1.0))
    assert section.values["angle_swing_generator"] == "G1"


def test_lines(tmp_path):
    channels = {"line_mw": {"L12": 10 * WAVE, "L23": 7 * WAVE}}
    section = swing.assess_lines(write_run(tmp_path, TIME_S, channels, network=json.dumps(NETWORK)))
    values = section.values
    assert (values["swing_mw"], values["swing_line"]) == (pytest.approx(20), "L12")
    assert (values["swing_percent"], values["swing_percent_line"]) == (pytest.approx(40), "L12")
    assert (values["tie_swing_mw"], values["tie_swing_line"]) == (pytest.approx(14), "L23")
    bare = swing.assess_lines(write_run(tmp_path, TIME_S, channels))
    assert "ends were not stored" in bare.reasons["line.tie_swing_mw"]
    assert "line_mw was not recorded" in swing.assess_lines(write_run(tmp_path, [], {})).reasons["line"]
