"""Counting of disturbances: the window, the latch, and the event of July 2024 in Virginia."""

import math

import pytest
from protection_reference import drive, sags

from loads.protection import (
    Envelope,
    EventCounter,
    ProtectionSettings,
    Return,
    Row,
    Spread,
    build,
    find_protection,
    protection_presets,
)
from loads.protection import layout as at

VIRGINIA = [
    (5.0, 0.066, 0.25),
    (17.3, 0.042, 0.40),
    (34.1, 0.050, 0.31),
    (52.8, 0.060, 0.28),
    (70.2, 0.045, 0.38),
    (87.0, 0.066, 0.25),
]
"""Six faults of 42 to 66 ms within 82 s, residual voltage 0.25 to 0.40 pu; the times between are assumed."""


def counted(events=3, window_s=60.0, below_pu=0.8, **others):
    return build(ProtectionSettings(counter=EventCounter(events, window_s, below_pu), **others), 100.0)


@pytest.mark.parametrize(("third_s", "latches"), [(60.999, True), (61.0, True), (61.001, False)])
@pytest.mark.parametrize("step_s", [0.01, math.inf])
def test_the_window_runs_from_the_start_of_the_first_event_to_that_of_the_last(third_s, latches, step_s):
    run = drive(counted(), sags((1.0, 0.05, 0.3), (30.0, 0.05, 0.3), (third_s, 0.05, 0.3), until=70.0), step_s)
    assert run.times(at.LATCH) == pytest.approx([third_s] if latches else [], abs=1e-6)


def test_an_event_that_falls_out_of_the_window_makes_room_for_the_next():
    dips = [(1.0, 0.05, 0.3), (30.0, 0.05, 0.3), (62.0, 0.05, 0.3), (89.9, 0.05, 0.3)]
    assert drive(counted(), sags(*dips, until=95.0), 0.05).times(at.LATCH) == pytest.approx([89.9], abs=1e-6)


@pytest.mark.parametrize(("voltage", "counts"), [(0.79999, True), (0.8, False)])
def test_an_event_is_a_voltage_below_the_level(voltage, counts):
    run = drive(counted(1), sags((1.0, 0.05, voltage), until=2.0), 0.01)
    assert bool(run.times(at.LATCH)) is counts


def test_one_long_sag_with_changing_depth_is_one_event():
    knots = [(0.0, 1.0, 60.0), (1.0, 1.0, 60.0), (1.0, 0.3, 60.0), (1.1, 0.3, 60.0), (1.1, 0.6, 60.0)]
    knots += [(1.2, 0.6, 60.0), (1.2, 0.2, 60.0), (1.3, 0.79, 60.0), (1.4, 0.2, 60.0), (1.5, 1.0, 60.0)]
    assert drive(counted(2), knots, 0.01).times(at.LATCH) == []
    back_for_a_moment = [(t, 0.8 if v == 0.79 else v, f) for t, v, f in knots]
    assert drive(counted(2), back_for_a_moment, 0.01).times(at.LATCH) == pytest.approx([1.3], abs=1e-6)


def test_an_event_between_two_jumps_within_a_step_counts():
    run = drive(counted(), sags((1.001, 0.001, 0.3), (1.003, 0.001, 0.3), (1.005, 0.001, 0.3), until=2.0), 0.01)
    assert run.times(at.LATCH) == pytest.approx([1.005], abs=1e-6)


@pytest.mark.parametrize("step_s", [0.002, 0.01, 0.1])
def test_the_last_event_is_found_where_the_voltage_crosses_the_level(step_s):
    knots = [(0.0, 1.0, 60.0), (1.0, 0.5, 60.0), (2.0, 1.0, 60.0), (3.0, 0.5, 60.0)]
    assert drive(counted(2), knots, step_s).times(at.LATCH) == pytest.approx([2.4], abs=1e-6)


def test_a_latched_site_stays_away_until_it_is_returned_by_hand():
    protection = counted(back=Return(delay_s=2.0, walk_in_s=5.0))
    dips = [(1.0, 0.05, 0.3), (2.0, 0.05, 0.3), (3.0, 0.05, 0.3)]
    stays = drive(protection, sags(*dips, until=300.0), 0.1)
    assert stays.shares[-1] == 0.0
    assert protection.locked_share(stays.state) == 1.0
    run = drive(protection, sags(*dips, until=300.0), 0.1, manual=[200.0])
    assert [entry.kind for entry in run.entries] == [at.LATCH, at.RELEASE, at.RETURN, at.BACK]
    assert [entry.time_s for entry in run.entries] == pytest.approx([3.0, 200.0, 200.0, 205.0], abs=1e-6)
    assert run.shares[-1] == 1.0
    assert protection.locked_share(run.state) == 0.0


def test_a_manual_return_waits_for_the_voltage_and_forgets_the_events():
    protection = counted(back=Return(delay_s=2.0, walk_in_s=0.0))
    dips = [(1.0, 0.05, 0.3), (2.0, 0.05, 0.3), (3.0, 0.05, 0.3), (9.5, 1.5, 0.7), (20.0, 0.05, 0.3)]
    run = drive(protection, sags(*dips, until=30.0), 0.1, manual=[10.0])
    # returned at 11 s + 2 s; the sags from 9.5 s and 20 s are no third event
    assert [entry.kind for entry in run.entries] == [at.LATCH, at.RELEASE, at.BACK]
    assert run.times(at.BACK) == pytest.approx([13.0], abs=1e-6)


def test_a_transfer_with_automatic_return_is_latched_by_the_last_event():
    chosen = ProtectionSettings(Envelope((Row("below", 0.7, 0.02),)), counter=EventCounter(3), back=Return(2.0, 0.0))
    run = drive(build(chosen, 100.0), sags((1.0, 0.05, 0.3), (10.0, 0.05, 0.3), (11.0, 0.05, 0.3), until=60.0), 0.01)
    assert [entry.kind for entry in run.entries] == [at.TRANSFER, at.BACK, at.TRANSFER, at.LATCH]
    assert [entry.time_s for entry in run.entries] == pytest.approx([1.02, 3.05, 10.02, 11.0], abs=1e-6)
    assert [entry.share for entry in run.entries] == pytest.approx([-1.0, 1.0, -1.0, 0.0])


def test_groups_count_by_their_own_levels():
    protection = counted(2, spread=Spread(groups=10, levels=0.1, shape="uniform"))
    run = drive(protection, sags((1.0, 0.05, 0.8), (2.0, 0.05, 0.8), until=3.0), 0.01)
    assert [entry.group for entry in run.entries] == [5, 6, 7, 8, 9]
    assert run.shares[-1] == pytest.approx(0.5)
    assert protection.describe(run.entries) == [
        "5 of 10 groups trip, 50 % of its demand, until returned by hand: 2 voltage events within 60 s"
    ]


@pytest.mark.parametrize("step_s", [0.002, 0.01])
def test_virginia_legacy_ups_leaves_on_the_third_fault_and_stays_away(step_s):
    protection = build(find_protection("legacy-ups").settings, 1500.0)
    run = drive(protection, sags(*VIRGINIA, until=300.0), step_s)
    assert {entry.kind for entry in run.entries} == {at.LATCH}
    assert len(run.entries) == 10
    assert run.times(at.LATCH) == pytest.approx([VIRGINIA[2][0]] * 10, abs=1e-6)
    assert sum(entry.share for entry in run.entries) == pytest.approx(-1.0)
    assert run.shares[9] == 1.0  # before the third fault
    assert run.shares[-1] == 0.0
    assert protection.locked_share(run.state) == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["compliant", "none"])
def test_virginia_others_stay(name):
    run = drive(build(protection_presets()[name].settings, 1500.0), sags(*VIRGINIA, until=120.0), 0.01)
    assert run.entries == []
    assert run.shares == [1.0] * len(run.shares)


def test_virginia_without_ups_sheds_with_the_first_fault_and_comes_back_in_part():
    run = drive(build(find_protection("no-ups").settings, 1500.0), sags(*VIRGINIA, until=120.0), 0.01)
    assert run.shares[1] == 0.0
    assert run.shares[-1] == pytest.approx(0.8)
