"""Events of a scenario: what a run makes of them, and which it refuses."""

import numpy as np
import pytest

import cosim
from cosim.connection import Connection
from cosim.errors import InputError
from cosim.interval_means import mean_over_intervals
from cosim.scenario.load import validate
from cosim.scenario.source import Source
from cosim.study import prepare_study

SITE = {"bus": 9, "rating_mw": 10.0, "steady_share": 1.0}
EVERY_KIND = [
    {
        "type": "fault",
        "bus": 4,
        "at_s": 50.0,
        "duration_s": 0.03,
        "x_pu": 0.2,
        "clear": {"line_trip": {"from": 4, "to": 5}},
    },
    {"type": "line_trip", "line": {"from": 1, "to": 2}, "at_s": 51.0, "reclose_after_s": 0.5},
    {"type": "generator_trip", "machine": "GENROU_2", "at_s": 52.0},
    {"type": "load_step", "bus": 4, "mw": 10.0, "at_s": 53.0},
    {"type": "load_ramp", "bus": 4, "mw": 10.0, "at_s": 53.0, "over_s": 2.0},
    {"type": "site_trip", "site": "dc1", "at_s": 54.0, "share": 0.5},
    {"type": "site_return", "site": "dc1", "at_s": 55.0, "over_s": 1.0},
    {"type": "shunt_switch", "shunt": "Shunt_1", "on": False, "at_s": 56.0},
    {"type": "shunt_switch", "shunt": {"bus": 5, "mvar": 10.0}, "on": True, "at_s": 56.0},
]


def scenario(*events, duration_s=1.0, step_s=0.01, base_load=None, **more):
    return {
        "grid": {"case": "ieee14", "base_load": base_load or {"p": 1.0}},
        "events": list(events),
        "simulation": {"duration_s": duration_s, "step_s": step_s},
        "outputs": {"every_s": step_s},
        **more,
    }


def prepare(values):
    source = Source(None, values)
    return prepare_study(validate(source), source)


def complaint(*events):
    values = scenario(*events, sites=[SITE])
    with pytest.raises(InputError) as caught:
        prepare(values)
    return str(caught.value)


def test_a_flat_run_stays_flat_with_every_event_defined_and_none_due(tmp_path):
    later = [{**event, "at_s": event["at_s"] / 50 + 1.0} for event in EVERY_KIND]
    result = cosim.run(scenario(*later, sites=[SITE], duration_s=2.2), tmp_path, report=False)
    speed, voltage = (frame[frame.index < 1.99] for frame in (result.speed_pu, result.voltage_pu))
    assert len(voltage) > 190
    assert np.abs(speed - 1).max().max() * 60 < 1e-6
    assert np.ptp(voltage.to_numpy(), axis=0).max() < 1e-6


def test_every_event_leaves_its_record(tmp_path):
    soon = [{**event, "at_s": event["at_s"] / 50 - 0.9} for event in EVERY_KIND]
    result = cosim.run(scenario(*soon, sites=[SITE], base_load={"z": 1.0}, duration_s=2.5), tmp_path)
    assert result.summary["status"] == "completed"
    kinds = result.events["kind"].tolist()
    assert {event["type"] for event in EVERY_KIND} <= set(kinds)
    assert {"fault_cleared", "line_reclose", "load_ramp_end", "site_return_end"} <= set(kinds)
    assert result.events["description"].str.len().min() > 10
    assert np.all(np.diff(result.events["time_s"]) >= 0)
    assert (tmp_path / "report.html").is_file()


def test_rocof_is_not_counted_during_a_fault(tmp_path):
    """The window still holds a fault right after its clearing: the largest rate lies one window later at least."""
    fault = {"type": "fault", "bus": 4, "at_s": 0.3, "duration_s": 0.1}
    result = cosim.run(scenario(fault, duration_s=1.0), tmp_path, report=False)
    frequency = result.summary["metrics"]["frequency"]
    at_s = frequency["max_rocof_time_s"]["100ms"]
    assert at_s <= 0.3 or at_s >= 0.5 - 1e-9


def test_a_fault_cleared_by_a_line_trip_opens_the_line_at_that_instant(tmp_path):
    line = {"from": 4, "to": 5}
    fault = {"type": "fault", "bus": 4, "at_s": 0.1, "duration_s": 0.0833, "clear": {"line_trip": line}}
    result = cosim.run(
        scenario(fault, outputs={"channels": ["line_mw", "voltage_pu"]}, duration_s=0.4), tmp_path, report=False
    )
    assert result.events["kind"].tolist() == ["fault", "fault_cleared", "line_trip"]
    np.testing.assert_allclose(result.events["time_s"], [0.1, 0.1833, 0.1833])
    voltage = result.voltage_pu["4"]
    assert voltage[(voltage.index >= 0.1) & (voltage.index < 0.183)].max() < 1e-3
    assert voltage[voltage.index > 0.184].min() > 0.5


def test_overlapping_faults_end_one_by_one(tmp_path):
    faults = [
        {"type": "fault", "bus": 4, "at_s": 0.1, "duration_s": 0.1},
        {"type": "fault", "bus": 14, "at_s": 0.15, "duration_s": 0.1, "x_pu": 0.01},
        {"type": "fault", "bus": 4, "at_s": 0.15, "duration_s": 0.02},
    ]
    result = cosim.run(scenario(*faults, base_load={"z": 1.0}, duration_s=0.4), tmp_path, report=False)
    four, fourteen = result.voltage_pu["4"], result.voltage_pu["14"]
    assert four[(four.index >= 0.1) & (four.index < 0.199)].max() < 1e-3
    assert four[four.index > 0.201].min() > 0.1
    assert fourteen[(fourteen.index > 0.2) & (fourteen.index < 0.249)].max() < 0.2
    assert fourteen[fourteen.index > 0.251].min() > 0.5


def test_a_load_ramp_has_the_energy_of_a_triangle_and_its_full_power_at_the_end():
    values = scenario({"type": "load_ramp", "bus": 4, "mw": 30.0, "at_s": 0.123, "over_s": 0.456})
    study = prepare(values)
    (load,) = study.loads
    nodes, is_jump = study.timeline.time_s, study.timeline.is_jump
    assert {0.123, 0.579} <= set(np.round(nodes[is_jump], 12))
    last, energy = load.injector.start(float(nodes[1])), 0.0
    for k in range(1, len(nodes)):
        following = float(nodes[k + 1] - nodes[k]) if k + 1 < len(nodes) else 0.0
        before, after = load.injector.next_value(float(nodes[k]), following, bool(is_jump[k]))
        load.injector.commit()
        energy += (last + before) / 2 * (nodes[k] - nodes[k - 1])
        last = after
    assert energy == pytest.approx(0.456 / 2 + (1 - 0.579), rel=1e-9)
    assert load.active_mw * last == pytest.approx(30.0)


def test_a_site_trips_and_returns(tmp_path):
    """Power goes to zero and comes back; frequency rises as inertia says: P f0 / (2 H S)."""
    events = [
        {"type": "site_trip", "site": "dc1", "at_s": 0.2},
        {"type": "site_return", "site": "dc1", "at_s": 0.6, "over_s": 0.2},
    ]
    values = scenario(*events, sites=[{**SITE, "power_factor": 1.0}])
    result = cosim.run(values, tmp_path, report=False)
    power = result.site("dc1")["power_mw"]
    assert np.abs(power[(power.index > 0.2) & (power.index < 0.6)]).max() == 0
    np.testing.assert_allclose(power[(power.index < 0.2) | (power.index > 0.8)], 10.0)
    assert power[np.abs(power.index - 0.7) < 1e-6].iloc[0] == pytest.approx(5.0, abs=1e-6)
    coi = result.coi_hz["coi"]
    slope = (coi[0.22] - coi[0.2]) / 0.02
    assert slope == pytest.approx(10 * 60 / (2 * 2550), rel=0.05)
    demand = result.demand("dc1")
    assert demand.mean() == pytest.approx(10 * (1 - 0.4 - 0.1), rel=1e-3)
    assert result.summary["metrics"]["site"]["dc1"]["min_mw"] == pytest.approx(0, abs=1e-9)


def test_connected_share_through_trips_and_returns():
    connection = Connection()
    connection.trip(1.0, 0.6)
    connection.come_back(2.0, 1.0)
    connection.trip(2.5, 0.2)  # in the middle of the return, from 0.7
    assert [connection.before(t) for t in (1.0, 2.0, 2.5, 9.0)] == pytest.approx([1.0, 0.4, 0.7, 0.5])
    assert [connection.after(t) for t in (0.0, 1.0, 2.25, 2.5)] == pytest.approx([1.0, 0.4, 0.55, 0.5])


def test_means_over_intervals_of_what_goes_straight_between_nodes():
    time_s = np.array([0.0, 1.0, 1.0, 2.0, 2.5, 2.5, 2.75])
    share = np.array([1.0, 1.0, 0.4, 0.4, 0.7, 0.5, 0.5])
    np.testing.assert_allclose(mean_over_intervals(time_s, share, 0.5, 6), [1, 1, 0.4, 0.4, 0.55, 0.5])
    assert mean_over_intervals(time_s, share, 1.5, 2).sum() * 1.5 == pytest.approx(1 + 0.4 + 0.275 + 0.25)


@pytest.mark.slow
def test_line_trip_and_reclosing_return_to_the_first_state(tmp_path):
    trip = {"type": "line_trip", "line": {"from": 1, "to": 2}, "at_s": 0.1, "reclose_after_s": 0.1}
    result = cosim.run(scenario(trip, base_load={"z": 1.0}, duration_s=40.0, step_s=0.02), tmp_path, report=False)
    voltage = result.voltage_pu
    assert np.abs(voltage.iloc[7] - voltage.iloc[0]).max() > 1e-3
    np.testing.assert_allclose(voltage.iloc[-1], voltage.iloc[0], atol=1e-3)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"type": "fault", "bus": 99}, "no bus 99"),
        ({"type": "fault", "bus": 4, "x_pu": 0.0}, "1e-06 pu or more"),
        ({"type": "fault", "bus": 4, "clear": {"line_trip": "Line_99"}}, "did you mean Line_9"),
        ({"type": "line_trip", "line": {"from": 1, "to": 14}}, "connected to 2, 5"),
        ({"type": "generator_trip", "machine": "GENROU_9"}, "did you mean GENROU_"),
        ({"type": "load_ramp", "bus": "x", "mw": 1.0, "over_s": 1.0}, "no bus x"),
        ({"type": "site_trip", "site": "dc2"}, "did you mean 'dc1'"),
        ({"type": "shunt_switch", "shunt": "Shunt_7", "on": True}, "did you mean 'Shunt_"),
        ({"type": "shunt_switch", "shunt": {"bus": 77, "mvar": 1.0}, "on": True}, "no bus 77"),
    ],
)
def test_an_event_on_a_missing_element_names_what_there_is(event, expected):
    message = complaint({**event, "at_s": 0.5})
    assert expected in message
    assert "events[0]" in message


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (
            [{"type": "line_trip", "line": "Line_3", "at_s": t} for t in (0.1, 0.2)],
            "events[1].line: line Line_3 is open already at 0.2 s",
        ),
        (
            [
                {"type": "line_trip", "line": "Line_3", "at_s": 0.1, "reclose_after_s": 0.5},
                {"type": "line_trip", "line": "Line_3", "at_s": 0.3},
            ],
            "open already at 0.3 s",
        ),
        (
            [{"type": "generator_trip", "machine": "GENROU_2", "at_s": t} for t in (0.1, 0.2)],
            "machine GENROU_2 is off already at 0.2 s",
        ),
        ([{"type": "site_return", "site": "dc1", "at_s": 0.1}], "site dc1 is on at 0.1 s, it cannot return"),
        ([{"type": "site_trip", "site": "dc1", "at_s": t} for t in (0.1, 0.2)], "site dc1 is off at 0.2 s already"),
        ([{"type": "shunt_switch", "shunt": "Shunt_1", "on": True, "at_s": 0.1}], "shunt Shunt_1 is on already"),
        (
            [{"type": "generator_trip", "machine": f"GENROU_{k}", "at_s": k / 10} for k in range(1, 6)],
            "machine GENROU_5 is the only one left",
        ),
    ],
)
def test_impossible_orders_are_refused(events, expected):
    assert expected in complaint(*events)
