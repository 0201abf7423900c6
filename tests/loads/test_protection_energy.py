"""Energy of a protected site: all of the demand is drawn, carried or lost, and batteries take back what they gave."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protection_reference import drive, sags

from loads.protection import (
    Electronic,
    Envelope,
    EventCounter,
    ProtectionSettings,
    Return,
    Row,
    Spread,
    Ups,
    account,
    build,
    find_protection,
    recharge,
    share,
)

SAG = sags((10.0, 1.0, 0.5), until=100.0)
MWH = 3600.0


def protected(ups, rating_mw=100.0, **others):
    envelope = Envelope((Row("below", 0.7, 0.0),))
    return build(ProtectionSettings(envelope, back=Return(9.0, 0.0), ups=ups, **others), rating_mw)


def test_batteries_carry_the_demand_while_the_site_is_away():
    run = drive(protected(Ups(battery_s=300.0, recharge_share=0.0)), SAG, 0.1)
    energy = run.energy
    assert energy.demand_mwh == pytest.approx(100.0 * 100.0 / MWH, rel=1e-12)
    assert energy.battery_mwh == pytest.approx(100.0 * 10.0 / MWH, rel=1e-6)  # 10 s to 20 s
    assert energy.load_mwh == pytest.approx(100.0 * 90.0 / MWH, rel=1e-6)
    assert energy.lost_mwh == pytest.approx(0.0, abs=1e-12)
    assert energy.state_of_charge == pytest.approx(1.0 - 10.0 / 300.0, rel=1e-6)


def test_without_ups_the_demand_is_lost():
    energy = drive(protected(None), SAG, 0.1).energy
    assert energy.lost_mwh == pytest.approx(100.0 * 10.0 / MWH, rel=1e-6)
    assert energy.battery_mwh == 0.0
    assert math.isnan(energy.state_of_charge)
    assert energy.to_dict()["state_of_charge"] is None


def test_generators_take_over_from_batteries():
    energy = drive(protected(Ups(generator_after_s=4.0, recharge_share=0.0)), SAG, 0.01).energy
    assert energy.battery_mwh == pytest.approx(100.0 * 4.0 / MWH, rel=2e-3)
    assert energy.battery_mwh + energy.generator_mwh == pytest.approx(100.0 * 10.0 / MWH, rel=1e-6)


def test_an_empty_battery_carries_nothing():
    run = drive(protected(Ups(battery_s=3.0, recharge_share=0.0)), SAG, 0.1)
    assert run.energy.battery_mwh == pytest.approx(100.0 * 3.0 / MWH, rel=1e-9)
    assert run.energy.lost_mwh == pytest.approx(100.0 * 7.0 / MWH, rel=1e-6)
    assert run.energy.state_of_charge == pytest.approx(0.0, abs=1e-12)


def test_charging_adds_its_share_of_the_demand_and_then_tapers_off():
    ups = Ups(battery_s=300.0, recharge_share=0.1, recharge_efficiency=0.8, taper_s=20.0)
    protection = protected(ups)
    run = drive(protection, sags((10.0, 1.0, 0.5), until=30.0), 0.1)
    assert recharge(protection.parameters, run.state, 30.0, 100.0) == pytest.approx(10.0)
    assert recharge(protection.parameters, run.state, 30.0, 50.0) == pytest.approx(5.0)
    # 1000 MW s at 8 MW: the last 160 MW s, from 125 s on, with 20 s, one step of 10 ms late
    late = drive(protection, sags((10.0, 1.0, 0.5), until=165.0), 0.01)
    assert late.energy.missing_mwh * MWH == pytest.approx(160.0 * math.exp(-2.0), rel=3e-3)
    full = drive(protection, sags((10.0, 1.0, 0.5), until=700.0), 0.1)
    assert full.energy.state_of_charge == pytest.approx(1.0, abs=1e-9)
    assert full.energy.state_of_charge <= 1.0
    assert full.energy.recharge_mwh == pytest.approx(1000.0 / 0.8 / MWH, rel=1e-6)
    assert full.energy.recharge_losses_mwh == pytest.approx(250.0 / MWH, rel=1e-6)


def test_batteries_are_not_charged_while_away_or_walking_in():
    envelope = Envelope((Row("below", 0.7, 0.0),))
    protection = build(ProtectionSettings(envelope, back=Return(9.0, 20.0), ups=Ups()), 100.0)
    p = protection.parameters
    for until, expected in ((15.0, 0.0), (30.0, 0.0), (39.9, 0.0), (40.1, 10.0)):
        run = drive(protection, sags((10.0, 1.0, 0.5), until=until), 0.1)
        assert recharge(p, run.state, until, 100.0) == pytest.approx(expected), until
    walk = drive(protection, sags((10.0, 1.0, 0.5), until=45.0), 0.1)
    assert walk.energy.battery_mwh * MWH == pytest.approx(100.0 * (10.0 + 20.0 / 2.0), rel=1e-5)


def test_a_site_without_protection_draws_exactly_its_demand():
    for name, groups in (("none", 1), ("legacy-ups", 10), ("no-ups", 10)):
        protection = build(find_protection(name).settings, 100.0)
        state = protection.initial_state(1.0, 60.0)
        assert len(protection.settings.spread.shares) == groups
        assert share(protection.parameters, state, 0.0, 1.0) == 1.0
        assert recharge(protection.parameters, state, 0.0, 100.0) == 0.0


def test_accounting_at_a_jump_only_changes_what_the_next_step_starts_from():
    protection = protected(Ups())
    p, state = protection.parameters, protection.initial_state(1.0, 60.0)
    account(p, state, 0.0, 1.0, 100.0)
    account(p, state, 1.0, 1.0, 100.0)
    account(p, state, 1.0, 1.0, 40.0)
    account(p, state, 2.0, 1.0, 60.0)
    assert protection.energy(state).demand_mwh * MWH == pytest.approx(150.0, rel=1e-12)


DIPS = st.lists(
    st.tuples(st.integers(1, 300), st.integers(1, 200), st.sampled_from([0.0, 0.3, 0.55, 0.65, 0.8, 1.15])), max_size=8
)


@given(
    DIPS,
    st.sampled_from([None, Ups(battery_s=0.7), Ups(generator_after_s=0.2, taper_s=5.0), Ups(recharge_efficiency=0.5)]),
    st.sampled_from([None, Electronic(restart_fraction=0.5, restart_delay_s=0.4, restart_ramp_s=1.0)]),
    st.sampled_from([0.01, 0.003]),
)
@settings(max_examples=60, deadline=None)
def test_energies_balance(dips, ups, electronic, step_s):
    t, chosen = 0.0, []
    for gap, duration, voltage in dips:
        chosen.append((t + gap / 100, duration / 100, voltage))
        t += (gap + duration) / 100
    protection = build(
        ProtectionSettings(
            voltage=Envelope((Row("below", 0.7, 0.03), Row("above", 1.1, 0.2))),
            electronic=electronic,
            counter=EventCounter(3, 3.0, 0.75),
            back=Return(0.3, 0.5),
            ups=ups,
            spread=Spread(3, 0.05, 0.1),
        ),
        120.0,
    )
    run = drive(protection, sags(*chosen, until=t + 3.0), step_s, demand=lambda s: 100.0 + 20.0 * math.sin(7.0 * s))
    energy = run.energy
    scale = energy.demand_mwh
    carried = energy.battery_mwh + energy.generator_mwh + energy.lost_mwh
    assert energy.load_mwh + carried == pytest.approx(energy.demand_mwh, rel=1e-9)
    assert energy.demand_mwh * MWH == pytest.approx(run.drawn["demand"], rel=1e-9)
    assert energy.load_mwh * MWH == pytest.approx(run.drawn["load"], rel=1e-9, abs=1e-9 * scale)
    assert energy.recharge_mwh * MWH == pytest.approx(run.drawn["recharge"], rel=1e-9, abs=1e-9 * scale)
    stored = energy.recharge_mwh - energy.recharge_losses_mwh
    assert energy.missing_mwh == pytest.approx(energy.battery_mwh - stored, abs=1e-9 * scale)
    assert min(energy.lost_mwh, energy.battery_mwh, energy.missing_mwh, energy.recharge_losses_mwh) >= -1e-12 * scale
    if ups is not None:
        assert -1e-12 <= energy.state_of_charge <= 1.0
