"""The compiled state machine against one by intervals in plain Python, over random signals and settings."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protection_reference import drive, slow_drive

from loads.protection import (
    Electronic,
    Envelope,
    EventCounter,
    ProtectionSettings,
    Return,
    Row,
    Spread,
    build,
    find_envelope,
)
from loads.protection import layout as at

LEVELS = st.sampled_from([0.0, 0.2, 0.45, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.1, 1.15, 1.2, 1.3])
VOLTAGES = LEVELS | st.integers(0, 1400).map(lambda n: n / 1000)
HERTZ = st.sampled_from([60.0, 60.0, 59.3, 59.0, 61.0, 61.8]) | st.integers(580, 620).map(lambda n: n / 10)
DELAYS = st.sampled_from([0.0, 0.003, 0.02, 0.05, 0.1, 0.25])


@st.composite
def signals(draw):
    """Knots at whole milliseconds, some of them jumps."""
    t, knots = 0, [(0.0, draw(st.sampled_from([1.0, 1.0, 0.85])), 60.0)]
    for _ in range(draw(st.integers(2, 16))):
        t += draw(st.just(0) | st.integers(1, 400))
        stays = draw(st.booleans())
        knots.append((t / 1000, knots[-1][1] if stays else draw(VOLTAGES), draw(HERTZ)))
    return [*knots, ((t + 500) / 1000, *knots[-1][1:])]


@st.composite
def envelopes(draw):
    if draw(st.booleans()):
        return find_envelope(draw(st.sampled_from(["itic", "prc-024", "semi-f47", "nogrr282"]))).envelope
    low = st.tuples(st.sampled_from(["below", "at_most"]), st.sampled_from([0.3, 0.5, 0.7, 0.88]), DELAYS)
    high = st.tuples(st.sampled_from(["above", "at_least"]), st.sampled_from([1.12, 1.2]), DELAYS)
    rows = draw(st.lists(low | high, max_size=4))
    return Envelope(tuple(Row(*row) for row in rows), draw(st.sampled_from(["per_excursion", "accumulate"])))


@st.composite
def protections(draw):
    frequency = draw(
        st.just(Envelope())
        | DELAYS.map(lambda s: Envelope((Row("below", 59.2, s), Row("at_most", 58.5, 0.01), Row("above", 61.5, 0.03))))
    )
    electronic = st.builds(
        Electronic,
        restart_fraction=st.sampled_from([0.0, 0.4, 1.0]),
        restart_delay_s=st.sampled_from([math.inf, 0.0313]),
        restart_ramp_s=st.sampled_from([0.0, 0.1517]),
    )
    counter = st.builds(EventCounter, st.integers(1, 3), st.sampled_from([0.3, 2.0]), st.sampled_from([0.8, 0.85]))
    return ProtectionSettings(
        voltage=draw(envelopes()),
        frequency=frequency,
        electronic=draw(st.none() | electronic),
        counter=draw(st.none() | counter),
        back=Return(
            delay_s=draw(st.sampled_from([0.0117, 0.1031])),
            walk_in_s=draw(st.sampled_from([0.0, 0.2173])),
            low_hz=59.3,
            high_hz=61.4,
            automatic=draw(st.booleans()),
        ),
        spread=draw(st.sampled_from([Spread(), Spread(3, 0.02, 0.1), Spread(2, 0.03, 0.2, "uniform", (1.0, 3.0))])),
    )


@given(protections(), signals(), st.sampled_from([math.inf, 0.01, 0.0037]), st.sampled_from([(), (0.6505,)]))
@settings(max_examples=250, deadline=None)
def test_the_same_acts_at_the_same_times_and_the_same_shares(chosen, knots, step_s, manual):
    manual = [t for t in manual if t < knots[-1][0]]
    run = drive(build(chosen, 100.0), knots, step_s, manual)
    groups, shares = slow_drive(chosen, knots, manual=manual)
    for number, group in enumerate(groups):
        mine = [entry for entry in run.entries if entry.group == number]
        assert [entry.kind for entry in mine] == [kind for _, kind, _ in group.log]
        assert [entry.time_s for entry in mine] == pytest.approx([t for t, _, _ in group.log], abs=5e-6)

    assert run.shares == pytest.approx(shares, abs=1e-5)
    assert run.state[at.DEMAND_MWS] == pytest.approx(100.0 * knots[-1][0], rel=1e-9)
