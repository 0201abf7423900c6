"""The catalogue says what the cases hold."""

import numpy as np
import pytest

from grids import catalogue, load_grid
from grids.andes_runtime import andes_messages

NAMES = list(catalogue())


@pytest.mark.parametrize("name", NAMES)
def test_entry_agrees_with_the_case(name):
    entry, grid = catalogue()[name], load_grid(name)
    assert (len(grid.buses), len(grid.machines)) == (entry.buses, entry.machines)
    assert grid.load_mw == pytest.approx(entry.load_mw, rel=1e-5)
    assert grid.inertia_mws == pytest.approx(entry.inertia_mws, rel=1e-5)
    assert grid.nominal_hz == entry.nominal_hz
    assert entry.source
    assert entry.licence
    assert grid.system.Toggle.n == 0 or not any(grid.system.Toggle.u.v)
    system = grid.system
    with andes_messages():
        assert system.setup()
        assert system.PFlow.run()
    generation = sum(float(np.dot(m.p.v, m.u.v)) for m in (system.PV, system.Slack)) * grid.base_mva
    assert generation == pytest.approx(entry.generation_mw, abs=0.006)


def test_all_systems_are_there_by_size():
    small = {"wscc9", "ieee14", "ieee30", "ieee39", "ieee57", "kundur", "nordic44"}
    assert set(NAMES) == small | {"ieee118", "ieee300", "npcc140", "wecc179"}
    assert [catalogue()[name].buses for name in NAMES] == sorted(entry.buses for entry in catalogue().values())


def test_totals_of_the_large_systems():
    assert catalogue()["wecc179"].load_mw == pytest.approx(60785, abs=0.5)
    assert catalogue()["npcc140"].load_mw == pytest.approx(27689, abs=0.5)


@pytest.mark.parametrize("name", ["ieee30", "ieee57", "ieee118", "ieee300"])
def test_synthesised_dynamics_are_marked(name):
    assert catalogue()[name].dynamics == "synthesised"
    assert any("synthesised" in note for note in load_grid(name).notes)
    assert "synthesised" in load_grid(name).source


@pytest.mark.parametrize(
    ("name", "slack_mw", "voltages"),
    [
        # Solutions printed in the archive's files (as in case_ieee30 and case57 of MATPOWER).
        ("ieee30", 260.96, {10: 1.045, 21: 1.033, 26: 1.000, 30: 0.992}),
        ("ieee57", 478.66, {18: 1.001, 31: 0.936, 46: 1.060, 57: 0.965}),
    ],
)
def test_network_against_the_published_power_flow(name, slack_mw, voltages):
    system = load_grid(name).system
    with andes_messages():
        system.setup()
        system.PFlow.run()
    assert float(system.Slack.p.v[0]) * 100 == pytest.approx(slack_mw, abs=0.01)
    for bus, voltage in voltages.items():
        assert system.Bus.v.v[system.Bus.idx2uid(bus)] == pytest.approx(voltage, abs=1.1e-3)
