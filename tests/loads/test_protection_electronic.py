"""Electronic load that sheds with voltage, against the published logic step by step, and its restart."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protection_reference import drive, wecc_electronic

from loads.protection import Electronic, ProtectionSettings, Spread, build, share


def shares(knots, step_s=0.01, spread=None, **electronic):
    chosen = ProtectionSettings(electronic=Electronic(**electronic), spread=spread or Spread())
    return drive(build(chosen, 100.0), [(t, v, 60.0) for t, v in knots], step_s).shares


@pytest.mark.parametrize(("voltage", "expected"), [(0.7, 1.0), (0.65, 0.75), (0.6, 0.5), (0.5, 0.0), (0.2, 0.0)])
def test_load_sheds_in_a_straight_line_between_the_voltages(voltage, expected):
    assert shares([(0.0, 1.0), (1.0, voltage)]) == pytest.approx([expected], abs=1e-12)


@pytest.mark.parametrize(("fraction", "expected"), [(0.0, 0.5), (0.4, 0.7), (1.0, 1.0)])
def test_a_fraction_of_what_was_shed_comes_back_with_the_voltage(fraction, expected):
    there, back = [(0.0, 1.0), (1.0, 0.6)], [(2.0, 0.65), (3.0, 1.0)]
    assert shares(there + back, restart_fraction=fraction) == pytest.approx([0.5, 0.5 + fraction * 0.25, expected])


def test_the_lowest_voltage_is_remembered_and_not_below_vd2():
    knots = [(0.0, 1.0), (1.0, 0.3), (2.0, 1.0), (3.0, 0.6), (4.0, 1.0)]
    assert shares(knots, restart_fraction=0.8) == pytest.approx([0.0, 0.8, 0.4, 0.8])


def test_a_dip_between_jumps_is_remembered():
    knots = [(0.0, 1.0), (0.501, 1.0), (0.501, 0.6), (0.502, 0.6), (0.502, 1.0), (1.0, 1.0)]
    assert shares(knots, 0.01)[-1] == pytest.approx(0.5)


def test_the_rest_restarts_after_a_delay_along_a_ramp():
    knots = [(0.0, 1.0), (1.0, 1.0), (1.0, 0.6), (2.0, 0.6), (2.0, 1.0), (4.9, 1.0), (5.0, 1.0), (7.0, 1.0), (9.0, 1.0)]
    found = shares([*knots, (9.5, 1.0)], 0.01, restart_delay_s=3.0, restart_ramp_s=4.0)
    assert found[-5:] == pytest.approx([0.5, 0.5, 0.75, 1.0, 1.0])


def test_a_sag_during_the_restart_goes_on_from_what_had_come_back():
    knots = [
        (0.0, 1.0),
        (1.0, 1.0),
        (1.0, 0.5),
        (2.0, 0.5),
        (2.0, 1.0),
        (4.0, 1.0),
        (4.0, 0.65),
        (5.0, 0.65),
        (5.0, 1.0),
    ]
    found = shares([*knots, (6.0, 1.0)], 0.01, restart_delay_s=1.0, restart_ramp_s=2.0)
    assert found[-5:] == pytest.approx([0.5, 0.5, 0.5, 0.5, 0.5])
    assert shares([*knots, (7.0, 1.0)], 0.01, restart_delay_s=1.0, restart_ramp_s=2.0)[-1] == pytest.approx(0.75)


def test_a_restart_is_timed_from_the_crossing_of_vd1():
    # up through 0.7 pu at 2.5 s
    knots = [(0.0, 1.0), (1.0, 0.4), (2.0, 0.4), (3.0, 1.0), (3.4999, 1.0), (3.5001, 1.0)]
    for step_s in (0.01, math.inf):
        found = shares(knots, step_s, restart_delay_s=1.0)
        assert found[-2:] == pytest.approx([0.0, 1.0])


def test_groups_shed_at_their_own_voltages():
    found = shares([(0.0, 1.0), (1.0, 0.7)], spread=Spread(groups=2, levels=0.1, shape="uniform"))
    assert found == pytest.approx([0.5 + 0.5 * (0.7 - 0.525) / (0.735 - 0.525)])


def test_asking_for_a_share_remembers_nothing():
    protection = build(ProtectionSettings(electronic=Electronic()), 100.0)
    state = protection.initial_state(1.0, 60.0)
    assert share(protection.parameters, state, 0.0, 0.5) == 0.0
    assert share(protection.parameters, state, 0.0, 1.0) == 1.0


@given(
    st.lists(st.integers(0, 120), min_size=1, max_size=30),
    st.floats(0.0, 1.0),
    st.sampled_from([(0.7, 0.5), (0.9, 0.1)]),
)
def test_every_sequence_of_voltages_gives_what_the_published_logic_gives(percents, fraction, levels):
    vd1, vd2 = levels
    knots = [(0.0, 1.0)] + [(float(k + 1), percent / 100) for k, percent in enumerate(percents)]
    found = shares(knots, math.inf, vd1_pu=vd1, vd2_pu=vd2, restart_fraction=fraction)
    lowest, expected = 1.0, []
    for _, v in knots[1:]:
        lowest = min(lowest, v)
        expected.append(wecc_electronic(vd1, vd2, fraction, lowest, v))
    assert found == pytest.approx(expected, abs=1e-12)
