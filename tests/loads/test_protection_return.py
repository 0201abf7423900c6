"""Return after a transfer: the bands, the delay, the walk-in, and sags that come meanwhile."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protection_reference import drive, sags

from loads.protection import (
    Envelope,
    EventCounter,
    ProtectionSettings,
    Return,
    Row,
    Spread,
    build,
    due,
    manual_return,
    share,
)
from loads.protection import layout as at


def protected(**back):
    chosen = {"delay_s": 2.0, "walk_in_s": 4.0, **back}
    return build(ProtectionSettings(Envelope((Row("below", 0.7, 0.1),)), back=Return(**chosen)), 100.0)


def kinds(run):
    return [entry.kind for entry in run.entries]


def times(run):
    return [entry.time_s for entry in run.entries]


@pytest.mark.parametrize("step_s", [0.002, 0.01, math.inf])
def test_the_site_walks_in_after_the_voltage_has_held(step_s):
    run = drive(protected(), sags((1.0, 0.5, 0.5), until=10.0), step_s)
    assert kinds(run) == [at.TRANSFER, at.RETURN, at.BACK]
    assert times(run) == pytest.approx([1.1, 3.5, 7.5], abs=1e-6)


def test_the_power_rises_in_a_straight_line():
    protection = protected()
    run = drive(protection, sags((1.0, 0.5, 0.5), until=4.0), 0.01)
    for t, expected in ((4.0, 0.125), (5.5, 0.5), (7.5, 1.0), (9.0, 1.0)):
        assert share(protection.parameters, run.state, t, 1.0) == pytest.approx(expected, abs=1e-6)


def test_the_ends_of_the_band_are_inside_and_beyond_is_not():
    for voltage, returns in ((0.9, True), (0.8999999, False), (1.1, True), (1.1000001, False)):
        run = drive(protected(), sags((1.0, 0.5, 0.5), (1.5, 90.0, voltage), until=91.5), 0.5)
        assert (at.RETURN in kinds(run)) is returns, voltage


def test_the_delay_runs_from_where_the_voltage_enters_the_band():
    # 0.5 at 1.5 s, 0.9 at 3.5 s
    knots = [
        (0.0, 1.0, 60.0),
        (1.0, 1.0, 60.0),
        (1.0, 0.5, 60.0),
        (1.5, 0.5, 60.0),
        (4.0, 1.0, 60.0),
        (12.0, 1.0, 60.0),
    ]
    for step_s in (0.01, 0.1, math.inf):
        assert drive(protected(), knots, step_s).times(at.RETURN) == pytest.approx([5.5], abs=1e-6)


def test_a_second_sag_starts_the_delay_anew():
    # to 0.85 pu: no row's business, but outside the band
    run = drive(protected(), sags((1.0, 0.5, 0.5), (3.0, 0.05, 0.85), until=12.0), 0.01)
    assert kinds(run) == [at.TRANSFER, at.RETURN, at.BACK]
    assert times(run) == pytest.approx([1.1, 5.05, 9.05], abs=1e-6)


@pytest.mark.parametrize(("start_s", "returns_s"), [(3.4999, 5.5499), (3.5, 5.55), (3.5001, 3.5)])
def test_a_second_sag_as_the_delay_ends_counts_if_it_is_not_later(start_s, returns_s):
    run = drive(protected(), sags((1.0, 0.5, 0.5), (start_s, 0.05, 0.85), until=12.0), 0.01)
    assert run.times(at.RETURN) == pytest.approx([returns_s], abs=1e-6)


def test_a_second_sag_in_the_walk_in_transfers_the_share_reached():
    # half of the walk-in at 5.5 s
    run = drive(protected(), sags((1.0, 0.5, 0.5), (5.4, 0.3, 0.5), until=15.0), 0.01)
    assert kinds(run) == [at.TRANSFER, at.RETURN, at.TRANSFER, at.RETURN, at.BACK]
    assert times(run) == pytest.approx([1.1, 3.5, 5.5, 7.7, 11.7], abs=1e-6)
    assert run.entries[2].share == pytest.approx(-0.5, abs=1e-6)


def test_a_short_sag_in_the_walk_in_does_not_stop_it():
    run = drive(protected(), sags((1.0, 0.5, 0.5), (5.4, 0.05, 0.5), until=15.0), 0.01)
    assert times(run) == pytest.approx([1.1, 3.5, 7.5], abs=1e-6)


def test_frequency_must_hold_as_well():
    back = Return(delay_s=1.0, walk_in_s=0.0, low_hz=59.5, high_hz=60.5)
    chosen = ProtectionSettings(frequency=Envelope((Row("below", 59.3, 0.2),)), back=back)
    # below 59.3 Hz from 1 s, at 59.5 Hz at 3.25 s
    knots = [(0.0, 1.0, 60.0), (1.0, 1.0, 60.0), (1.0, 1.0, 59.0), (2.0, 1.0, 59.0), (4.5, 1.0, 60.0), (9.0, 1.0, 60.0)]
    run = drive(build(chosen, 100.0), knots, 0.01)
    assert times(run) == pytest.approx([1.2, 4.25], abs=1e-6)
    unknown = [(t, v, math.nan if 2.0 <= t <= 4.5 else f) for t, v, f in knots]
    assert drive(build(chosen, 100.0), unknown, 0.01).times(at.BACK) == []


def test_a_dip_of_frequency_starts_the_delay_anew():
    back = Return(delay_s=2.0, walk_in_s=0.0, low_hz=59.5, high_hz=60.5)
    protection = build(ProtectionSettings(Envelope((Row("below", 0.7, 0.1),)), back=back), 100.0)
    # down to 59 Hz at 3 s, through 59.5 Hz again at 3.25 s
    dip = [(2.5, 1.0, 60.0), (3.0, 1.0, 59.0), (3.5, 1.0, 60.0), (9.0, 1.0, 60.0)]
    for step_s in (0.01, math.inf):
        run = drive(protection, [*sags((1.0, 0.5, 0.5), until=2.5)[:-1], *dip], step_s)
        assert times(run) == pytest.approx([1.1, 5.25], abs=1e-6)


def test_the_delay_does_not_start_before_the_transfer():
    counter = EventCounter(1, 60.0, 0.95)
    protection = build(ProtectionSettings(counter=counter, back=Return(2.0, 0.0)), 100.0)
    # counted, but inside the band of the return
    run = drive(protection, sags((5.0, 0.1, 0.92), until=20.0), 0.1, manual=[5.5])
    assert kinds(run) == [at.LATCH, at.RELEASE, at.BACK]
    assert times(run) == pytest.approx([5.0, 5.5, 7.0], abs=1e-6)
    p, state = protection.parameters, drive(protection, sags((5.0, 0.1, 0.92), until=6.0), 0.1).state
    manual_return(p, state, protection.new_log(), 6.0)
    assert due(p, state, 6.0, 1.0, 60.0, 6.9, 1.0, 60.0) == math.inf
    assert due(p, state, 6.0, 1.0, 60.0, 7.1, 1.0, 60.0) == pytest.approx(7.0, abs=1e-6)


def test_a_site_that_is_not_automatic_waits_for_a_hand():
    protection = protected(automatic=False)
    knots = sags((1.0, 0.5, 0.5), until=60.0)
    assert kinds(drive(protection, knots, 0.1)) == [at.TRANSFER]
    run = drive(protection, knots, 0.1, manual=[20.0])
    assert kinds(run) == [at.TRANSFER, at.RELEASE, at.RETURN, at.BACK]
    assert times(run) == pytest.approx([1.1, 20.0, 20.0, 24.0], abs=1e-6)


def test_groups_return_one_after_another():
    spread = Spread(groups=2, delays=0.2, shape="uniform")
    chosen = ProtectionSettings(Envelope((Row("below", 0.7, 0.1),)), back=Return(2.0, 0.0), spread=spread)
    run = drive(build(chosen, 100.0), sags((1.0, 0.5, 0.5), until=6.0), 0.01)
    assert run.times(at.BACK) == pytest.approx([1.5 + 2.0 * 0.9, 1.5 + 2.0 * 1.1], abs=1e-6)
    assert [entry.group for entry in run.entries] == [1, 0, 0, 1]


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(1, 400), st.sampled_from([0.3, 0.65, 0.8, 0.95, 1.2]))))
@settings(max_examples=20, deadline=None)
def test_return_times_do_not_depend_on_the_step(dips):
    t, chosen = 0.0, []
    for gap, duration, voltage in dips[:8]:
        chosen.append((t + gap / 100, duration / 100, voltage))
        t += (gap + duration) / 100
    knots = sags(*chosen, until=t + 8.0)
    coarse, fine = drive(protected(), knots, 0.01), drive(protected(), knots, 0.002)
    assert kinds(coarse) == kinds(fine)
    assert times(coarse) == pytest.approx(times(fine), abs=1e-6)
    assert coarse.shares[-1] == 1.0
