"""Transfers by voltage and frequency: levels, durations, timers, and that steps do not matter."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protection_reference import drive, sags

from loads.protection import Envelope, ProtectionSettings, Return, Row, Spread, act, build, due, find_envelope, observe
from loads.protection import layout as at

NO_RETURN = Return(delay_s=1e6)


def protected(*rows, timers="per_excursion", **others):
    return build(ProtectionSettings(Envelope(rows, timers), back=NO_RETURN, **others), 100.0)


def transfers(protection, knots, step_s=0.01):
    return drive(protection, knots, step_s).times(at.TRANSFER)


@pytest.mark.parametrize(
    ("comparison", "level", "at_level", "beyond"),
    [
        ("below", 0.7, False, 0.6999999),
        ("at_most", 0.7, True, 0.6999999),
        ("above", 1.2, False, 1.2000001),
        ("at_least", 1.2, True, 1.2000001),
    ],
)
def test_the_level_itself_is_in_the_row_or_not_as_the_comparison_says(comparison, level, at_level, beyond):
    protection = protected(Row(comparison, level, 0.1))
    assert bool(transfers(protection, sags((1.0, 0.5, level), until=2.0))) is at_level
    assert transfers(protection, sags((1.0, 0.5, beyond), until=2.0)) == pytest.approx([1.1], abs=1e-6)
    short_of = 2 * level - beyond
    assert transfers(protection, sags((1.0, 0.5, short_of), until=2.0)) == []


@pytest.mark.parametrize("step_s", [0.002, 0.01, 0.033, math.inf])
@pytest.mark.parametrize(("duration_s", "acts"), [(0.249999, False), (0.25, False), (0.250001, True), (0.3, True)])
def test_a_sag_of_exactly_the_seconds_is_survived_and_a_longer_one_acts_at_them(duration_s, acts, step_s):
    protection = protected(Row("below", 0.5, 0.25))
    expected = [1.25] if acts else []
    assert transfers(protection, sags((1.0, duration_s, 0.3), until=2.0), step_s) == pytest.approx(expected, abs=1e-6)


def test_an_event_shorter_than_a_step_is_seen_between_jumps():
    protection = protected(Row("below", 0.7, 0.003))
    assert transfers(protection, sags((1.0021, 0.0029, 0.3), until=2.0), 0.01) == []
    assert transfers(protection, sags((1.0021, 0.0031, 0.3), until=2.0), 0.01) == pytest.approx([1.0051], abs=1e-6)


def test_a_row_of_no_seconds_acts_at_once():
    protection = protected(Row("above", 1.2, 0.0))
    assert transfers(protection, sags((1.0, 0.5, 1.25), until=2.0)) == pytest.approx([1.0], abs=1e-6)
    ramp = [(0.0, 1.0, 60.0), (1.0, 1.0, 60.0), (2.0, 1.4, 60.0)]
    assert transfers(protection, ramp) == pytest.approx([1.5], abs=1e-6)


def test_levels_are_crossed_within_a_step_where_the_straight_line_does():
    protection = protected(Row("below", 0.7, 0.1))
    # down through 0.7 at 1.375, up again at 1.875
    vee = [(0.0, 1.0, 60.0), (1.0, 1.0, 60.0), (1.625, 0.5, 60.0), (2.25, 1.0, 60.0)]
    for step_s in (0.002, 0.01, 0.1, math.inf):
        assert transfers(protection, vee, step_s) == pytest.approx([1.475], abs=1e-6)
    p = protection.parameters
    state = protection.initial_state(1.0, 60.0)
    assert due(p, state, 0.0, 1.0, 60.0, 1.0, 0.5, 60.0) == pytest.approx(0.7, rel=1e-12)
    assert due(p, state, 0.0, 1.0, 60.0, 0.69, 0.5, 60.0) == pytest.approx(0.69 * 0.6 + 0.1, rel=1e-12)


def test_a_timer_starts_anew_or_goes_on_as_the_envelope_says():
    row = Row("below", 0.45, 0.15)
    border = Row("below", 0.9, 3.0)
    twice = [(1.0, 0.1, 0.3), (1.2, 0.1, 0.3)]
    between = sags(*twice, until=2.0, level=0.8)
    assert transfers(protected(row, border, timers="per_excursion"), between) == []
    assert transfers(protected(row, border, timers="accumulate"), between) == pytest.approx([1.25], abs=1e-6)
    back_in_band = sags(*twice, until=2.0, level=0.9)
    assert transfers(protected(row, border, timers="accumulate"), back_in_band) == []


def test_a_swell_does_not_keep_the_timers_of_sags():
    protection = protected(Row("below", 0.9, 0.15), Row("above", 1.1, 5.0), timers="accumulate")
    knots = [(0.0, 1.0, 60.0), (1.0, 1.0, 60.0), (1.0, 0.5, 60.0), (1.1, 0.5, 60.0), (1.1, 1.2, 60.0)]
    knots += [(1.2, 1.2, 60.0), (1.2, 0.5, 60.0), (1.3, 0.5, 60.0), (1.3, 1.0, 60.0), (2.0, 1.0, 60.0)]
    assert transfers(protection, knots) == []


def test_the_way_back_to_the_band_resets_timers_also_in_stages():
    protection = protected(Row("below", 0.45, 0.15), Row("below", 0.9, 3.0), timers="accumulate")
    stage = [(1.0, 0.1, 0.3), (1.1, 0.05, 0.8), (1.2, 0.1, 0.3)]
    assert transfers(protection, sags(*stage, until=2.0)) == []


def test_a_touch_of_the_band_resets_accumulating_timers():
    protection = protected(Row("below", 0.9, 0.15), timers="accumulate")
    tent = [(0.0, 1.0, 60.0), (1.0, 1.0, 60.0), (1.0, 0.8, 60.0), (1.1, 0.9, 60.0), (1.2, 0.8, 60.0), (1.2, 1.0, 60.0)]
    assert transfers(protection, [*tent, (2.0, 1.0, 60.0)]) == []
    lower = [(t, 0.89 if v == 0.9 else v, f) for t, v, f in tent]
    assert transfers(protection, [*lower, (2.0, 1.0, 60.0)]) == pytest.approx([1.15], abs=1e-6)


@pytest.mark.parametrize(
    ("name", "voltage", "seconds"),
    [
        ("itic", 0.0, 0.02),
        ("itic", 0.75, 0.5),
        ("itic", 0.85, 10.0),
        ("itic", 1.15, 0.5),
        ("itic", 1.3, 0.003),
        ("prc-024", 0.3, 0.15),
        ("prc-024", 0.5, 0.30),
        ("prc-024", 0.7, 2.0),
        ("prc-024", 0.8, 3.0),
        ("prc-024", 1.1, 1.0),
        ("prc-024", 1.16, 0.5),
        ("prc-024", 1.18, 0.2),
        ("semi-f47", 0.5, 0.2),
        ("semi-f47", 0.7, 0.5),
        ("semi-f47", 0.8, 1.0),
        ("nogrr282", 0.5, 0.5),
        ("nogrr282", 0.3, 0.25),
    ],
)
def test_named_envelopes_act_at_their_points(name, voltage, seconds):
    protection = protected(*find_envelope(name).envelope.rows, timers=find_envelope(name).envelope.timers)
    knots = sags((1.0, 15.0, voltage), until=20.0)
    assert transfers(protection, knots, 0.05) == pytest.approx([1.0 + seconds], abs=1e-6)
    assert transfers(protection, sags((1.0, seconds, voltage), until=20.0), 0.05) == []


def test_frequency_trips_after_its_delay_and_not_while_it_is_unknown():
    rows = (Row("below", 59.3, 0.2), Row("below", 58.0, 0.0), Row("above", 61.0, 0.1))
    back = Return(delay_s=1e6, low_hz=59.5, high_hz=60.5)
    protection = build(ProtectionSettings(frequency=Envelope(rows), back=back), 100.0)
    # 59.3 Hz at 1.35 s, 58 Hz at 2 s
    falls = [(0.0, 1.0, 60.0), (1.0, 1.0, 60.0), (2.0, 1.0, 58.0), (3.0, 1.0, 58.0)]
    run = drive(protection, falls, 0.01)
    assert run.times(at.TRANSFER) == pytest.approx([1.55], abs=1e-6)
    assert protection.describe(run.entries) == [
        "the site trips, 100 % of its demand: frequency below 59.3 Hz for 0.2 s"
    ]
    at_once = [(0.0, 1.0, 60.0), (1.0, 1.0, 60.0), (1.0, 1.0, 57.9), (2.0, 1.0, 57.9)]
    assert transfers(protection, at_once) == pytest.approx([1.0], abs=1e-6)
    dead = [(0.0, 1.0, 60.0), (1.0, 1.0, 60.0), (1.0, 0.0, math.nan), (2.0, 0.0, math.nan), (2.0, 1.0, 60.0)]
    assert transfers(protection, [*dead, (3.0, 1.0, 60.0)]) == []


def test_groups_leave_one_after_another_and_together_they_are_the_site():
    spread = Spread(groups=4, levels=0.0, delays=0.2, shape="uniform", weights=(1.0, 2.0, 3.0, 4.0))
    protection = protected(Row("below", 0.7, 0.1), spread=spread)
    run = drive(protection, sags((1.0, 0.5, 0.5), until=2.0), 0.01)
    # the last group is the most sensitive
    assert [entry.group for entry in run.entries] == [3, 2, 1, 0]
    assert [entry.time_s - 1.0 for entry in run.entries] == pytest.approx(
        [0.1 / 1.15, 0.1 / 1.05, 0.1 / 0.95, 0.1 / 0.85], abs=1e-6
    )
    assert [entry.share for entry in run.entries] == pytest.approx([-0.4, -0.3, -0.2, -0.1])
    assert protection.away_share(run.state) == pytest.approx(1.0)
    assert run.shares[-1] == 0.0


def test_a_depth_between_the_levels_of_groups_takes_those_that_are_sensitive():
    protection = protected(Row("below", 0.7, 0.1), spread=Spread(groups=10, levels=0.1, shape="uniform"))
    run = drive(protection, sags((1.0, 0.5, 0.7), until=2.0), 0.01)
    assert [entry.group for entry in run.entries] == [5, 6, 7, 8, 9]
    assert run.shares[-1] == pytest.approx(0.5)


def test_due_changes_nothing_and_another_end_of_the_step_gives_the_same_time():
    protection = protected(Row("below", 0.7, 0.1), spread=Spread(groups=3, delays=0.1))
    p, state = protection.parameters, protection.initial_state(1.0, 60.0)
    observe(p, state, 0.0, 1.0, 60.0, 0.0, 0.4, 60.0)
    before = state.copy()
    first = due(p, state, 0.0, 0.4, 60.0, 0.5, 0.4, 60.0)
    assert due(p, state, 0.0, 0.4, 60.0, 0.1, 0.4, 60.0) == first
    assert state.tobytes() == before.tobytes()
    observe(p, state, 0.0, 0.4, 60.0, first, 0.4, 60.0)
    log = protection.new_log()
    assert act(p, state, log, first) == 1
    assert due(p, state, first, 0.4, 60.0, 0.5, 0.4, 60.0) == pytest.approx(0.1, rel=1e-12)


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 130)), min_size=1, max_size=12),
    st.sampled_from(["itic", "prc-024", "nogrr282"]),
)
@settings(max_examples=60, deadline=None)
def test_transfer_times_do_not_depend_on_the_step(pieces, name):
    envelope = find_envelope(name).envelope
    protection = protected(*envelope.rows, timers=envelope.timers, spread=Spread(groups=3, levels=0.02, delays=0.1))
    knots, t = [(0.0, 1.0, 60.0)], 0.0
    for hundredths, percent in pieces:
        t += hundredths / 100
        knots.append((t, percent / 100, 60.0))
    coarse, fine = transfers(protection, knots, 0.01), transfers(protection, knots, 0.002)
    assert coarse == pytest.approx(fine, abs=1e-6)
