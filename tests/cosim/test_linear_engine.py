"""The linear engine as an engine: what it is asked for, gives, refuses, and does with sites that react."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_runs import datasets, run, scenario

import cosim
from cosim.cli import main
from cosim.engines.andes import LoadPoint
from cosim.engines.linear import LinearEngine
from cosim.errors import InputError
from cosim.linear.state_space import NotLinearisable
from cosim.result import Result
from cosim.site_equipment import SiteEquipment
from cosim.site_response import SiteResponse
from cosim.watchers import Snapshot
from grids import load_grid
from loads.injector import Injector
from loads.interpolation import Waveform

SITE = {"bus": 9, "rating_mw": 10.0}
STEADY = {"steady_share": 1.0, "workloads": []}
REFUSED = {
    "line_trip": {"type": "line_trip", "line": "Line_1", "at_s": 0.5},
    "generator_trip": {"type": "generator_trip", "machine": "GENROU_1", "at_s": 0.5},
    "fault": {"type": "fault", "bus": 9, "at_s": 0.5, "duration_s": 0.1},
    "shunt_switch": {"type": "shunt_switch", "shunt": {"bus": 9, "mvar": 5}, "on": True, "at_s": 0.5},
}


@pytest.fixture
def engine():
    made = LinearEngine(load_grid("ieee14"), [LoadPoint("a", 9, 0.3, 0.3, 0.4), LoadPoint("b", 4)], 1e-8)
    assert made.initialise(np.array([5.0, 10.0]), np.array([1.0, 0.0])).succeeded
    return made


def power(active, reactive):
    return np.asarray(active, dtype=float), np.asarray(reactive, dtype=float)


def test_it_starts_where_the_loads_draw_what_they_should(engine):
    assert engine.time_s == 0.0
    active, reactive = engine.load_power()
    share = engine.load_share()
    np.testing.assert_allclose(active, [5.0 * share[0], 10.0])
    np.testing.assert_allclose(reactive, [1.0 * share[0], 0.0])
    v = engine.load_voltage_pu()[0]
    assert share[0] == pytest.approx(0.3 * v**2 + 0.3 * v + 0.4)
    assert engine.is_stable()
    assert engine.coi_hz() == pytest.approx(60.0)
    assert engine.deenergised == []


def test_a_step_can_be_taken_again(engine):
    for k in range(3):
        engine.set_power(*power([5.0 + k, 10.0], [1.0, 0.0]))
        assert engine.step(0.01)
    saved = engine.save()
    before = engine.channel("voltage_pu").copy()
    engine.set_power(*power([50.0, 10.0], [1.0, 0.0]))
    assert engine.step(0.02)
    wild = engine.channel("voltage_pu").copy()
    engine.restore(saved)
    assert engine.time_s == pytest.approx(0.03)
    np.testing.assert_array_equal(engine.channel("voltage_pu"), before)
    assert engine.load_power()[0][1] == pytest.approx(10.0)
    engine.set_power(*power([50.0, 10.0], [1.0, 0.0]))
    assert engine.step(0.02)
    np.testing.assert_array_equal(engine.channel("voltage_pu"), wild)


def test_a_jump_moves_what_is_algebraic_and_no_state(engine):
    angle, speed, voltage = (engine.channel(n).copy() for n in ("rotor_angle_rad", "speed_pu", "voltage_pu"))
    engine.set_power(*power([15.0, 10.0], [4.0, 0.0]))
    assert engine.solve_network()
    np.testing.assert_array_equal(engine.channel("rotor_angle_rad"), angle)
    np.testing.assert_array_equal(engine.channel("speed_pu"), speed)
    assert engine.channel("voltage_pu")[8] < voltage[8] - 1e-3
    assert engine.time_s == 0.0


def test_the_network_cannot_be_changed(engine):
    with pytest.raises(NotImplementedError, match="switch"):
        engine.switch("Line", "Line_1", False)
    with pytest.raises(NotImplementedError, match="shed"):
        engine.scale_base_loads(np.ones(len(engine.base_load_mw)))


@pytest.mark.parametrize("kind", REFUSED)
def test_events_that_switch_the_network_are_refused(tmp_path, kind):
    wanted = scenario("ieee14", [SITE], [{"type": "load_step", "bus": 5, "mw": 1, "at_s": 0.1}, REFUSED[kind]])
    with pytest.raises(InputError) as caught:
        cosim.run(wanted, tmp_path, report=False)
    text = str(caught.value)
    assert "events[1].type" in text
    assert kind in text
    assert "keeps the network as it is" in text
    assert "engine: auto" in text
    assert not list(tmp_path.iterdir())


def test_load_shedding_is_refused(tmp_path):
    stages = [{"frequency_hz": 59.5, "share": 0.1}]
    grid = {"edits": [{"inertia_scale": 0.9}, {"ufls": {"stages": stages}}]}
    with pytest.raises(InputError) as caught:
        cosim.run(scenario("ieee14", [SITE], grid=grid), tmp_path, report=False)
    assert "grid.edits[1].ufls" in str(caught.value)
    assert "keeps the network as it is" in str(caught.value)


@pytest.mark.parametrize("command", ["run", "validate"])
def test_what_is_refused_ends_with_code_2_and_names_the_line(tmp_path, capsys, command):
    file = tmp_path / "trip.yaml"
    file.write_text(
        "schema: 1\nname: trip\ngrid: {case: ieee14}\nevents:\n  - {type: line_trip, line: Line_1, at_s: 0.5}\n"
        "simulation: {engine: linear, duration_s: 1}\n"
    )
    with pytest.raises(SystemExit) as ended:
        main([command, str(file), *(["--out", str(tmp_path / "out")] if command == "run" else [])])
    assert ended.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "trip.yaml:5" in said
    assert "events[0].type" in said
    assert "keeps the network as it is" in said


REACTING = {
    "storage": (
        [
            {
                "bus": 7,
                "rating_mw": 30.0,
                "mitigation": [
                    {
                        "type": "storage",
                        "smoothing_s": 2.0,
                        "split_hz": 0.5,
                        "battery": {"power_mw": 9, "energy_mwh": 0.15},
                        "supercapacitor": {"power_mw": 15, "energy_mwh": 0.015},
                    }
                ],
            }
        ],
        [],
    ),
    "trip and return": (
        [{"bus": 7, "rating_mw": 20.0, "steady_share": 0.8}],
        [
            {"type": "site_trip", "site": "dc1", "at_s": 0.5},
            {"type": "site_return", "site": "dc1", "at_s": 1.5, "over_s": 0.5},
        ],
    ),
    "protection": (
        [
            {
                **STEADY,
                "bus": 7,
                "rating_mw": 2.5,
                "protection": {
                    "frequency": {"rows": [{"below": 59.999, "seconds": 0.1}]},
                    "return": {"delay_s": 0.4, "walk_in_s": 0.3, "low_hz": 59.999},
                },
            }
        ],
        [
            {"type": "load_step", "bus": 9, "mw": 5, "at_s": 0.3},
            {"type": "load_step", "bus": 9, "mw": -20, "at_s": 1.0},
        ],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REACTING)
def test_sites_that_react_do_as_with_the_nonlinear_engine(tmp_path, name):
    """Small sites: what the site draws, and what that does to frequency and voltage."""
    sites, events = REACTING[name]
    linear, andes = (run(tmp_path / e, scenario("kundur", sites, events, e)) for e in ("linear", "andes"))
    assert list(linear.events["kind"]) == list(andes.events["kind"])
    np.testing.assert_allclose(linear.events["time_s"], andes.events["time_s"], atol=5e-3)
    if name == "protection":
        assert (linear.events["kind"] == "protection").sum() >= 2
    close = 5e-3 if name == "protection" else 2e-3  # when a threshold is crossed depends on the last per cent
    grid_s = np.linspace(0.0, 3.0, 601) + 1e-4
    for column in ("power_mw", "connected_share", "storage_mw"):
        one, other = (
            np.interp(grid_s, result.site("dc1").index, result.site("dc1")[column]) for result in (linear, andes)
        )
        assert np.mean(np.abs(one - other)) <= close * max(np.ptp(other), 0.1)
    for channel in ("voltage_pu", "frequency_hz"):
        one, other = (getattr(result, channel) for result in (linear, andes))
        moved = np.ptp(other.to_numpy(), axis=0).max()
        one, other = (
            np.column_stack([np.interp(grid_s, frame.index, frame[name]) for name in frame]) for frame in (one, other)
        )
        assert np.abs(one - other).mean(axis=0).max() <= 0.02 * moved
    accounts = [result.summary["metrics"]["site"]["dc1"]["energy"] for result in (linear, andes)]
    for key in accounts[0]:
        assert accounts[0][key] == pytest.approx(accounts[1][key], rel=5 * close, abs=1e-5), key


@pytest.mark.slow
def test_the_same_bytes_in_one_process_and_in_two(tmp_path):
    """Twice in one process, once in another: nothing is left over from a run, nothing depends on hashes."""
    wanted = scenario("ieee14", [{**SITE, "steady_share": 0.2}])
    closed = scenario("kundur", *REACTING["storage"])
    file = tmp_path / "wanted.json"
    file.write_text(json.dumps([wanted, closed]))
    code = (
        "import json, sys, cosim\n"
        "for k, wanted in enumerate(json.load(open(sys.argv[1]))):\n"
        "    cosim.run(wanted, f'{sys.argv[2]}-{k}', report=False)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(file), str(tmp_path / "other")], check=True)
    for k, one in enumerate((wanted, closed)):
        first, second = (datasets(run(tmp_path / f"{name}-{k}", one)) for name in ("first", "second"))
        other = datasets(Result.open(tmp_path / f"other-{k}"))
        for name, values in first.items():
            if values.dtype.kind == "f":
                assert values.tobytes() == second[name].tobytes() == other[name].tobytes(), name


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.sampled_from([0.01, 0.01, 0.02, 0.0043]), min_size=2, max_size=30),
    st.integers(0, 2**32 - 1),
    st.integers(1, 9),
)
def test_a_site_taken_in_stretches_has_the_accounts_of_one_taken_node_by_node(steps, seed, stretch):
    rng = np.random.default_rng(seed)
    time_s = np.concatenate([[0.0], np.cumsum(steps)])
    nodes = time_s.size
    is_jump = rng.random(nodes) < 0.3
    is_jump[[0, -1]] = True, False
    wave = Waveform.from_segments(np.linspace(0, 1, 21), rng.uniform(1, 9, 20), rng.uniform(1, 9, 20))
    one, other = (SiteResponse("dc1", Injector([(wave, 1.0)]), SiteEquipment(), 1, 0.9) for _ in range(2))

    seen, rows = [], []

    def at(k):
        """The grid somewhere: voltage at the site's bus, and what it makes the site draw."""
        v = rng.uniform(0.85, 1.05)
        seen.append(v)
        return Snapshot(time_s[k], np.full(2, np.nan), np.array([np.nan, v]), np.nan)

    def note(k, commit):
        drawn = one.levels[0] * seen[-1]
        rows.append((time_s[k], one.levels[0], drawn, seen[-1]))
        commit(snapshots[-1], drawn, 1.0)

    snapshots = [at(0)]
    one.start(time_s[1], snapshots[0])
    note(0, one.commit_after)
    for k in range(nodes):
        if k:
            one.propose(time_s[k], time_s[k + 1] - time_s[k] if k + 1 < nodes else 0.0, bool(is_jump[k]))
            snapshots.append(at(k))
            note(k, one.commit)
        if is_jump[k]:
            one.propose_after()
            snapshots.append(at(k))
            note(k, one.commit_after)
    columns = np.array(rows).T
    for start in range(0, len(rows), stretch):
        other.pass_through(*columns[:, start : start + stretch])
    for key, value in vars(one.energies).items():
        assert getattr(other.energies, key) == pytest.approx(value, rel=1e-11, abs=1e-12), key
    assert (other.min_pu, other.max_pu) == (one.min_pu, one.max_pu)


def test_equations_that_cannot_be_made_linear_are_a_result_with_the_reason(tmp_path, monkeypatch):
    def refuse(_):
        raise NotLinearisable("the algebraic equations are singular")

    monkeypatch.setattr("cosim.engines.andes.linearise", refuse)
    data = {"grid": {"case": "ieee14"}, "sites": [SITE], "simulation": {"duration_s": 1.0, "engine": "linear"}}
    summary = cosim.run(data, tmp_path, report=False).summary
    assert summary["status"] == "initialisation_failed"
    assert summary["verdict"] == "simulation_failed"
    assert "the algebraic equations are singular; use engine auto" in summary["warnings"][0]
