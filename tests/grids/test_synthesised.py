"""Machines and controls that are added to a network: kinds, ratings, and the transfer functions of the substitutes."""

from dataclasses import replace

import numpy as np
import pytest

from grids import catalogue, load_grid
from grids.andes_runtime import andes_messages, stock_case
from grids.dynamic_devices import StaticGenerator
from grids.hydro_governor import HydroUnit, linear_hydro_governor
from grids.nordic44 import _power_stabiliser, read_dyr, substitutes
from grids.synthesised import choose_unit, typical_dynamics

GENERATOR = StaticGenerator(1, 1, 1, 100.0, 90.0, 30.0, 100.0, 50.0, -20.0, 110.0, True)


def test_unit_without_active_power_is_a_condenser_of_its_reactive_limit():
    unit = choose_unit(replace(GENERATOR, p_mw=0.0))
    assert (unit.kind, unit.rating_mva) == ("condenser", 50.0)
    assert choose_unit(replace(GENERATOR, p_mw=0.0, q_max_mvar=9999.0)).rating_mva == 300.0


def test_condenser_can_take_in_what_it_must():
    unit = choose_unit(replace(GENERATOR, p_mw=0.0, q_mvar=-40.0))
    xd = typical_dynamics()["kinds"]["condenser"]["machine"]["xd"]
    assert 1 - xd * 40.0 / unit.rating_mva > 0.2  # field voltage at 1 pu, without which it loses synchronism


@pytest.mark.parametrize(("p_max_mw", "kind"), [(100, "hydro"), (300, "steam"), (600, "large_steam")])
def test_kind_by_size(p_max_mw, kind):
    unit = choose_unit(replace(GENERATOR, p_max_mw=p_max_mw))
    assert unit.kind == kind
    assert unit.rating_mva == pytest.approx(p_max_mw / 0.9)


def test_rating_holds_the_initial_power_with_margin():
    unit = choose_unit(replace(GENERATOR, p_mw=200.0, q_mvar=150.0, p_max_mw=100.0))
    assert unit.rating_mva == pytest.approx(1.1 * 250.0)
    assert unit.turbine_mw == pytest.approx(220.0)


@pytest.mark.parametrize("name", list(typical_dynamics()["kinds"]))
def test_typical_machines_are_physical(name):
    m = typical_dynamics()["kinds"][name]["machine"]
    assert m["xd"] >= m["xq"] >= m["xq1"] >= m["xd2"] > m["xl"]
    assert m["xd"] > m["xd1"] > m["xd2"]
    assert m["Td10"] > m["Td20"] > 0


def hygov(unit, power_pu, s):
    """HYGOV from speed deviation to power, linearised, on the machine's rating."""
    lag = 1 / (1 + s * unit.filter_time_s)
    integral = (1 + s * unit.reset_time_s) / (s * unit.temporary_droop * unit.reset_time_s)
    gate = lag * integral / (1 + unit.permanent_droop * lag * integral) / (1 + s * unit.servo_time_s)
    flow = power_pu / unit.turbine_gain + unit.no_load_flow
    water = unit.water_time_s
    return gate * unit.turbine_gain * (1 - s * water * (flow - unit.no_load_flow)) / (1 + s * water * flow / 2)


def test_linear_hydro_governor_has_the_transfer_function_of_hygov():
    unit = HydroUnit(0.06, 0.4, 5.0, 0.05, 0.2, 1.0, 0.0, 1.0, 1.1, 0.1)
    p = linear_hydro_governor(unit, 0.7, 2.5)
    s = 2j * np.pi * np.logspace(-3, 1, 50)
    ieesgo = p["K1"] * (1 + s * p["T2"]) / ((1 + s * p["T1"]) * (1 + s * p["T3"]) * (1 + s * p["T4"]))
    ieesgo *= 1 - p["K2"] + p["K2"] / (1 + s * p["T5"])
    np.testing.assert_allclose(ieesgo, 2.5 * hygov(unit, 0.7, s), rtol=1e-9)


@pytest.mark.parametrize(
    "record", [(1.0, 4.5, 0.87, 2.0, 0.087, 1.0, 0.01, 0.04), (1.0, 1.0, 0.0, 2.0, 0.55, 1.0, 0.01, 0.03)]
)
def test_power_stabiliser_is_stab2a_at_the_modes(record):
    k2, t2, k3, t3, k4, k5, t5, limit = record
    p = _power_stabiliser(record)
    s = 2j * np.pi * np.linspace(0.25, 2, 30)
    stab2a = -((k2 * s * t2 / (1 + s * t2)) ** 3) * (k4 + k3 / (1 + s * t3)) * (k5 / (1 + s * t5)) ** 2
    ieeest = p["KS"] / (1 + p["A1"] * s + p["A2"] * s**2) * (1 + p["A6"] * s**2) / (1 + p["A3"] * s + p["A4"] * s**2)
    ieeest *= (1 + s * p["T1"]) / (1 + s * p["T2"]) * s * p["T5"] / (1 + s * p["T6"])
    np.testing.assert_allclose(ieeest, stab2a, rtol=0.01)
    assert (p["LSMIN"], p["LSMAX"]) == (-limit, limit)


def test_nordic44_names_every_substitute():
    used = {record.model for record in read_dyr(stock_case("nordic44/N44_BC.dyr"))}
    assert used - set(substitutes()) == {"GENROU", "SEXS", "IEESGO"}
    notes = " ".join(load_grid("nordic44").notes)
    for model, entry in substitutes().items():
        assert f"{model} represented by {entry['by']}" in notes
        assert f"{entry['by']} for {model}" in catalogue()["nordic44"].source


def test_nordic44_network_against_the_voltages_of_the_raw():
    system = load_grid("nordic44").system
    stored = np.array(system.Bus.v0.v)
    with andes_messages():
        system.setup()
        system.PFlow.run()
    # The stored state has another active dispatch (its generation does not cover the losses): 0.02 pu, not 1e-5.
    assert np.abs(system.Bus.v.v - stored).max() < 0.03


def test_wscc9_field_voltages_against_the_book():
    """Sauer and Pai, example 7.1: Efd = 1.082, 1.789, 1.403 (one line's reactance differs by 2 %)."""
    system = load_grid("wscc9").system
    with andes_messages():
        system.setup()
        system.PFlow.run()
        system.TDS.init()
    np.testing.assert_allclose(system.GENROU.vf.v, [1.082, 1.789, 1.403], rtol=0.006)


def test_wscc9_exciter_saturation_is_near_the_book():
    system = load_grid("wscc9").system
    with andes_messages():
        system.setup()
        system.PFlow.run()
        system.TDS.init()
    a, b = system.IEEET1.SAT.A.v[0], system.IEEET1.SAT.B.v[0]
    field = np.linspace(1.0, 2.0, 21)
    np.testing.assert_allclose(b * (field - a) ** 2 / field, 0.0039 * np.exp(1.555 * field), atol=0.012)
