"""Accumulating timers of envelopes, on signals with known answers."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_runs import write_run

from cosim.metrics.envelope import TOUCH_S, Envelope, Row, longest_stay
from cosim.metrics.ride_through import assess_envelopes

BELOW_9 = Row("below", 0.9, 3.0)
BELOW_5 = Row("below", 0.5, 0.2)


def stay(time_s, value, row, outermost=None):
    return longest_stay(np.array(time_s, float), np.array(value, float), row, outermost or row)


def test_a_rectangular_sag_lasts_as_long_as_it_does():
    time_s = [0, 1, 1, 1.4, 1.4, 5]
    found = stay(time_s, [1, 1, 0.4, 0.4, 1, 1], BELOW_5)
    assert found == (pytest.approx(0.4), pytest.approx(1.2), False)  # over 0.2 s at 1.2 s
    assert stay(time_s, [1, 1, 0.4, 0.4, 1, 1], Row("below", 0.5, 1.0)).reached_s == 1.0


def test_a_triangular_sag_on_uneven_steps():
    # From 1 to 0 in 2 s and back in 4 s: below 0.5 from 1 s to 4 s.
    time_s = np.array([0, 0.3, 1.1, 1.7, 2, 3.9, 4.2, 6])
    value = np.interp(time_s, [0, 2, 6], [1, 0, 1])
    assert stay(time_s, value, BELOW_5).time_s == pytest.approx(3)
    assert stay(time_s, value, BELOW_9).time_s == pytest.approx(0.9 * 6)


def test_timers_accumulate_until_the_continuous_band():
    # Twice below 0.5 for 1 s in one excursion below 0.9, then once for 1.5 s in another.
    time_s = [0, 1, 1, 2, 2, 3, 3, 4, 4, 6, 6, 7.5, 7.5, 8]
    value = [1, 1, 0.4, 0.4, 0.8, 0.8, 0.4, 0.4, 1, 1, 0.4, 0.4, 1, 1]
    assert stay(time_s, value, BELOW_5, BELOW_9).time_s == pytest.approx(2)
    assert stay(time_s, value, BELOW_5).time_s == pytest.approx(1.5)
    assert stay(time_s, value, Row("below", 0.5, 1.5), BELOW_9).reached_s == pytest.approx(3.5)


@pytest.mark.parametrize(
    ("comparison", "inside"), [("below", False), ("at_most", True), ("above", False), ("at_least", True)]
)
def test_a_record_that_rests_on_the_level(comparison, inside):
    row = Row(comparison, 0.9, 1.0)
    time_s = np.linspace(0, 5, 20)
    assert stay(time_s, np.full(20, 0.9), row).time_s == (pytest.approx(5) if inside else 0)
    towards = -np.inf if row.is_low else np.inf
    assert stay(time_s, np.full(20, np.nextafter(0.9, towards)), row).time_s == pytest.approx(5)
    assert stay(time_s, np.full(20, np.nextafter(0.9, -towards)), row).time_s == 0


def test_a_touch_counts():
    assert stay([0, 1, 2], [1, 1.2, 1], Row("at_least", 1.2, 0)).time_s == TOUCH_S
    assert stay([0, 1, 2], [1, 1.2, 1], Row("above", 1.2, 0)).time_s == 0
    assert stay([0.0], [0.4], BELOW_5) == (TOUCH_S, 0.0, True)


def test_events_at_the_ends_of_the_record():
    found = stay([0, 1, 1, 5, 5, 9], [0.4, 0.4, 1, 1, 0.3, 0.3], BELOW_5)
    assert found == (4.0, pytest.approx(5.2), True)
    found = stay([0, 3, 3, 9], [0.4, 0.4, 1, 1], BELOW_5)
    assert (found.time_s, found.is_open) == (3.0, False)


def test_values_that_are_not_finite_end_an_excursion():
    assert stay([0, 1, 2, 3, 4], [0.4, 0.4, np.nan, 0.4, 0.4], BELOW_5).time_s == 1
    assert stay([0, 1, 2, 3], [1, 0.4, 0.4, np.nan], BELOW_5).is_open  # nothing shows that it ended
    assert stay([0, 1, 2], [np.nan] * 3, BELOW_5) == (0.0, pytest.approx(np.nan, nan_ok=True), False)


def slow_stay(time_s, value, row, outermost, fine=400):
    """Scan the linear signal on a fine grid."""
    longest = count = 0.0
    for k in range(1, len(time_s)):
        for j in range(fine):
            v = value[k - 1] + (j + 0.5) / fine * (value[k] - value[k - 1])
            if not outermost.holds(v):
                count = 0.0
            elif row.holds(v):
                count += (time_s[k] - time_s[k - 1]) / fine
            longest = max(longest, count)
    return longest


@settings(deadline=None, max_examples=60)
@given(
    value=st.lists(st.sampled_from([0.2, 0.45, 0.6, 0.85, 0.95, 1.1]), min_size=2, max_size=12),
    steps=st.lists(st.sampled_from([0.1, 0.5, 1.0]), min_size=12, max_size=12),
)
def test_against_a_fine_scan(value, steps):
    time_s = np.cumsum([0.0, *steps])[: len(value)]
    found = stay(time_s, value, BELOW_5, BELOW_9)
    assert found.time_s == pytest.approx(slow_stay(time_s, value, BELOW_5, BELOW_9), abs=0.02)


NETWORK = json.dumps(
    {
        "buses": [{"name": n, "base_kv": 1.0, "area": "1", "load_mw": 0.0} for n in ("1", "2", "3")],
        "generators": [{"name": "G", "bus": "2", "rating_mva": 1.0, "infinite": False}],
        "lines": [],
    }
)


def run(folder, every_s=0.0):
    time_s = np.arange(0, 10, 0.01)
    sag = np.where((time_s > 2) & (time_s < 2.5), 0.4, 1.0)
    volts = {"1": np.where(time_s > 8, 0.85, 1.0), "2": sag, "3": np.where(np.abs(time_s - 4) < 0.005, 0.1, 1.0)}
    return write_run(folder, time_s, {"voltage_pu": volts}, every_s=every_s, network=NETWORK, site_notes={"bus": "1"})


@pytest.mark.parametrize(
    ("at", "below_9", "below_5", "where"),
    [("sites", 1.99, 0, "1"), ("generators", 0.5, 0.5, "2"), ("buses", 1.99, 0.5, "1")],
)
def test_at_the_buses_that_it_is_meant_for(tmp_path, at, below_9, below_5, where):
    envelope = Envelope("e", "voltage", at, (BELOW_5, BELOW_9))
    section = assess_envelopes(run(tmp_path), [envelope])
    assert section.values["e"]["<0.9pu"] == pytest.approx(below_9, abs=0.02)
    assert section.values["e"]["<0.5pu"] == pytest.approx(below_5, abs=0.02)
    assert section.places["voltage.envelopes.e.<0.9pu"].where == where
    open_end = section.lower_bounds.get("voltage.envelopes.e.<0.9pu", "")
    assert ("still <0.9pu at the end" in open_end) == (where == "1")


def test_what_happened_between_stored_rows_is_a_lower_bound(tmp_path):
    envelope = Envelope("e", "voltage", "buses", (Row("below", 0.2, 0.1),))
    section = assess_envelopes(run(tmp_path, every_s=0.3), [envelope])
    assert section.values["e"]["<0.2pu"] == TOUCH_S
    assert section.places["voltage.envelopes.e.<0.2pu"] == ("3", pytest.approx(4.0))
    assert "between the stored rows" in section.lower_bounds["voltage.envelopes.e.<0.2pu"]


def test_any_bus_that_may_stay_longer_makes_a_lower_bound(tmp_path):
    # Bus 1 was low for 3 s; bus 2 has been for 1 s when the record ends, or was for under 0.1 s between rows.
    time_s = np.arange(0, 10.001, 0.01)
    once = np.where((time_s > 2) & (time_s < 5), 0.4, 1.0)
    last = np.where(time_s > 9, 0.4, 1.0)
    hidden = np.where(np.abs(time_s - 7.15) < 0.005, 0.4, 1.0)
    envelope = Envelope("e", "voltage", "buses", (BELOW_5,))
    for name, other, why in (("open", last, "bus 2 is still"), ("hidden", hidden, None)):
        (tmp_path / name).mkdir()
        run_ = write_run(tmp_path / name, time_s, {"voltage_pu": {"1": once, "2": other}}, every_s=0.1)
        section = assess_envelopes(run_, [envelope])
        assert section.values["e"]["<0.5pu"] == pytest.approx(3, abs=0.2)
        assert section.places["voltage.envelopes.e.<0.5pu"].where == "1"
        bounds = section.lower_bounds
        assert not bounds if why is None else why in bounds["voltage.envelopes.e.<0.5pu"]


def test_without_what_it_needs(tmp_path):
    envelopes = [Envelope("e", "frequency", "buses", (BELOW_5,)), Envelope("g", "voltage", "generators", (BELOW_5,))]
    bare = write_run(tmp_path, np.arange(3.0), {"voltage_pu": {"1": np.ones(3)}})
    section = assess_envelopes(bare, envelopes)
    assert section.values == {"e": {"<0.5Hz": None}, "g": {"<0.5pu": None}}
    assert "frequency_hz was not recorded" in section.reasons["frequency.envelopes.e"]
    assert "generators were not stored" in section.reasons["voltage.envelopes.g"]


def test_a_jump_is_exact(tmp_path):
    # A fault from 1.003 s to 1.083 s on nodes every 10 ms: 80 ms below 0.7 pu, and neither more nor less.
    nodes = [
        *np.arange(0, 1.001, 0.01),
        1.003,
        1.003,
        *np.arange(1.01, 1.081, 0.01),
        1.083,
        1.083,
        *np.arange(1.09, 2, 0.01),
    ]
    low = [False] * 102 + [True] * 10 + [False] * 92
    volts = np.where(low[: len(nodes)], 0.3, 1.0)
    run_ = write_run(tmp_path, nodes, {"voltage_pu": {"1": volts}}, site_notes={"bus": "1"})
    envelope = Envelope("e", "voltage", "sites", (Row("below", 0.7, 0.08),))
    assert assess_envelopes(run_, [envelope]).values["e"]["<0.7pu"] == pytest.approx(0.08, abs=1e-9)
