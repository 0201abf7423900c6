import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_runs import write_run

from cosim.metrics import voltage

KEYS = {"bus", "kind", "residual_pu", "duration_s", "start_s", "category", "open"}


def trapezoids(time_s, sags, fall_s):
    """1 pu with sags (start, length, depth); each falls for `fall_s` before and rises for as long after."""
    value = np.ones(time_s.size)
    for start, length, depth in sags:
        shape = np.interp(time_s, [start - fall_s, start, start + length, start + length + fall_s], [0, 1, 1, 0])
        value += (depth - 1) * shape
    return value


@settings(deadline=None, max_examples=60)
@given(
    sags=st.lists(
        st.tuples(st.integers(5, 60), st.integers(0, 20), st.floats(0.0, 0.85) | st.floats(1.15, 1.9)),
        min_size=1,
        max_size=6,
    )
)
def test_crossings_of_known_shapes(sags):
    # Laid end to end on a 10 ms grid with the corners on samples, so linear crossings are exact.
    step, fall = 0.01, 0.05
    start, placed = 0, []
    for gap, length, level in sags:
        start += gap + 6
        placed.append((start * step, length * step, level))
        start += length + 6
    time_s = np.arange(start + 20) * step
    found = voltage.events(time_s, trapezoids(time_s, placed, fall)[:, None], ["b"], 60.0)
    assert len(found) == len(placed)
    for event, (at, length, level) in zip(found, placed, strict=True):
        threshold = 0.9 if level < 1 else 1.1
        side = fall * (1 - (1 - threshold) / (1 - level))  # time spent beyond the threshold on each side
        assert event["start_s"] == pytest.approx(at - side, abs=1e-9)
        assert event["duration_s"] == pytest.approx(length + 2 * side, abs=1e-9)
        assert event["residual_pu"] == pytest.approx(level, abs=1e-9)
        assert not event["open"]
        assert set(event) == KEYS


def slow_count(value):
    """Runs of samples below 0.9 and above 1.1, one sample at a time; NaN is neither."""
    runs, last = 0, None
    for v in value:
        state = "low" if v < 0.9 else "high" if v > 1.1 else None
        runs += state is not None and state != last
        last = state
    return runs


@settings(deadline=None)
@given(
    columns=st.lists(
        st.lists(st.sampled_from([0.05, 0.5, 0.9, 1.0, 1.1, 1.3, np.nan]), min_size=12, max_size=12),
        min_size=1,
        max_size=4,
    )
)
def test_counts_and_residuals_against_a_slow_count(columns):
    value = np.array(columns).T
    time_s = np.arange(12.0)
    found = voltage.events(time_s, value, [str(k) for k in range(len(columns))], 60.0)
    for k, column in enumerate(columns):
        mine = [event for event in found if event["bus"] == str(k)]
        assert len(mine) == slow_count(column)
        assert all(event["residual_pu"] in column for event in mine)
        if mine:
            outside = [v for v in column if v < 0.9]
            lows = [event["residual_pu"] for event in mine if event["residual_pu"] < 1]
            assert min(outside, default=None) == min(lows, default=None)
        for event in mine:
            assert event["duration_s"] >= 0
            assert 0 <= event["start_s"] <= 11
            assert event["start_s"] + event["duration_s"] <= 11 + 1e-9
        assert any(event["open"] for event in mine) == (column[-1] < 0.9 or column[-1] > 1.1)
    assert [event["start_s"] for event in found] == sorted(event["start_s"] for event in found)


def test_event_from_the_start_and_event_to_the_end():
    time_s = np.array([0.0, 1.0, 2.0, 3.0])
    (first, second) = voltage.events(time_s, np.array([[0.8], [1.0], [1.0], [0.8]]), ["b"], 50.0)
    assert (first["start_s"], first["duration_s"], first["open"]) == (0.0, pytest.approx(0.5), False)
    assert (second["start_s"], second["duration_s"], second["open"]) == (
        pytest.approx(2.5),
        pytest.approx(0.5),
        True,
    )


@pytest.mark.parametrize(
    ("residual", "duration", "kind", "category"),
    [
        (0.5, 0.008, "sag", "too short to classify"),
        (0.5, 0.009, "sag", "instantaneous sag"),
        (0.5, 0.5, "sag", "instantaneous sag"),
        (0.5, 0.51, "sag", "momentary sag"),
        (0.5, 3.0, "sag", "momentary sag"),
        (0.5, 3.1, "sag", "temporary sag"),
        (0.85, 60.0, "sag", "temporary sag"),
        (0.85, 60.1, "undervoltage", "undervoltage"),
        (0.5, 60.1, "undervoltage", "undervoltage (below 0.8 pu)"),
        (0.1, 0.1, "sag", "instantaneous sag"),
        (0.05, 0.005, "interruption", "too short to classify"),
        (0.05, 0.1, "interruption", "momentary interruption"),
        (0.05, 4.0, "interruption", "temporary interruption"),
        (0.0, 61.0, "interruption", "sustained interruption"),
        (1.5, 0.1, "swell", "instantaneous swell"),
        (1.9, 0.1, "swell", "instantaneous swell (beyond 1.8 pu)"),
        (1.3, 1.0, "swell", "momentary swell"),
        (1.5, 1.0, "swell", "momentary swell (beyond 1.4 pu)"),
        (1.15, 10.0, "swell", "temporary swell"),
        (1.3, 10.0, "swell", "temporary swell (beyond 1.2 pu)"),
        (1.15, 61.0, "overvoltage", "overvoltage"),
        (1.3, 61.0, "overvoltage", "overvoltage (beyond 1.2 pu)"),
    ],
)
def test_categories_of_ieee_1159(residual, duration, kind, category):
    assert voltage.classify(residual, duration, 60.0) == (kind, category)


def test_half_cycle_depends_on_the_nominal_frequency():
    assert voltage.classify(0.5, 0.009, 50.0)[1] == "too short to classify"


def test_section_sees_between_stored_rows(tmp_path):
    time_s = np.arange(0, 2.005, 0.01)
    dip = np.ones(time_s.size)
    dip[105] = 0.7
    run = write_run(tmp_path, time_s, {"voltage_pu": {"a": dip, "b": dip + 0.2}}, every_s=0.1)
    section = voltage.assess(run)
    values, reasons = section.values, section.reasons
    assert not reasons
    assert (values["min_pu"], values["min_bus"]) == (0.7, "a")
    assert values["min_time_s"] == pytest.approx(1.05)
    assert (values["max_pu"], values["max_bus"], values["max_time_s"]) == (1.2, "b", 0.0)
    assert values["shortest_event_s"] == pytest.approx(0.1)
    assert [event["bus"] for event in values["events"]] == ["b"]  # the dip fell between rows


def test_shortest_event_is_the_longest_interval_or_the_step():
    assert voltage.shortest_event(np.array([0.0, 0.01, 0.05, 0.06]), 0.01) == pytest.approx(0.04)
    assert voltage.shortest_event(np.array([0.0, 0.01]), 0.02) == 0.02
    assert voltage.shortest_event(np.array([0.0]), None) is None


@pytest.mark.parametrize("channels", [{}, {"voltage_pu": {"a": np.empty(0)}}])
def test_nothing_recorded(tmp_path, channels):
    section = voltage.assess(write_run(tmp_path, [], channels))
    values, reasons = section.values, section.reasons
    assert set(values.values()) == {None}
    assert "voltage" in reasons
