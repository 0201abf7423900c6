import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_runs import write_run

from cosim.metrics import voltage, voltage_events
from cosim.metrics.time_average import block_means, rapid_change, sliding_means

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
    found = voltage_events.events(time_s, trapezoids(time_s, placed, fall)[:, None], ["b"], 60.0)
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
    found = voltage_events.events(time_s, value, [str(k) for k in range(len(columns))], 60.0)
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
    (first, second) = voltage_events.events(time_s, np.array([[0.8], [1.0], [1.0], [0.8]]), ["b"], 50.0)
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
    assert voltage_events.classify(residual, duration, 60.0) == (kind, category)


def test_half_cycle_depends_on_the_nominal_frequency():
    assert voltage_events.classify(0.5, 0.009, 50.0)[1] == "too short to classify"


def test_section_sees_between_stored_rows(tmp_path):
    time_s = np.arange(0, 2.005, 0.01)
    dip = np.ones(time_s.size)
    dip[105] = 0.7
    run = write_run(tmp_path, time_s, {"voltage_pu": {"a": dip, "b": dip + 0.2}}, every_s=0.1)
    section = voltage.assess(run)
    values, reasons = section.values, section.reasons
    assert not {"voltage.min_pu", "voltage.events", "voltage.swing_pu"} & set(reasons)
    assert (values["swing_pu"], values["swing_bus"]) == (pytest.approx(0.3), "a")
    assert section.places["voltage.min_pu"] == ("a", pytest.approx(1.05))
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
    assert values["min_pu"] is values["rapid_change"]["max_pu"] is values["events"] is None
    for key in ("min_pu", "events", "rapid_change", "recovery", "mean_600s", "swing_pu"):
        assert f"voltage.{key}" in reasons


def test_rapid_change_of_a_step_and_a_ramp(tmp_path):
    time_s = np.concatenate([np.arange(0, 5, 0.01), np.arange(5, 10, 0.003)])  # uneven steps
    step = np.where(time_s < 4, 1.0, 0.97)
    ramp = np.interp(time_s, [0, 10], [1.0, 1.1])  # 0.01 pu/s: 0.005 from the mean before, 0.01 between the means
    section = voltage.assess(write_run(tmp_path, time_s, {"voltage_pu": {"s": step, "r": ramp}}))
    found = section.values["rapid_change"]
    assert found["max_pu"] == pytest.approx(0.03, abs=2e-4)
    assert (found["max_bus"], found["max_time_s"]) == ("s", pytest.approx(4.0))
    assert found["steady_pu"] == pytest.approx(0.03, abs=2e-4)
    assert found["steady_time_s"] == pytest.approx(4.0, abs=0.011)
    assert section.places["voltage.rapid_change.max_pu"] == ("s", pytest.approx(4.0))
    alone = rapid_change(time_s, ramp)
    assert (alone.max_pu, alone.steady_pu) == (pytest.approx(0.005), pytest.approx(0.01))


def test_rapid_change_of_a_pulse_is_not_steady():
    time_s = np.arange(0, 10, 0.01)
    pulse = np.where((time_s >= 4) & (time_s < 4.1), 0.9, 1.0)
    found = rapid_change(time_s, pulse)
    assert (found.max_pu, found.max_time_s) == (pytest.approx(0.1, abs=1e-3), pytest.approx(4.0))
    assert found.steady_pu == pytest.approx(0.01, abs=1e-3)
    assert np.isnan(rapid_change(np.array([0.0, 0.5]), np.array([1.0, 0.5])).max_pu)
    assert np.isnan(rapid_change(time_s, np.full(time_s.size, np.nan)).max_pu)


def test_rapid_change_at_a_jump_is_exact(tmp_path):
    # From 1 to 0.97 pu at 4 s, which is stored as two rows: the mean before holds nothing of what comes after.
    time_s = np.concatenate([np.arange(0, 4.05, 0.1), np.arange(4, 8.05, 0.1)])
    v = np.where(np.arange(time_s.size) < 41, 1.0, 0.97)
    found = voltage.assess(write_run(tmp_path, time_s, {"voltage_pu": {"a": v}})).values["rapid_change"]
    assert (found["max_pu"], found["max_time_s"]) == (pytest.approx(0.03, abs=1e-12), 4.0)
    assert (found["steady_pu"], found["steady_time_s"]) == (pytest.approx(0.03, abs=1e-12), 4.0)


def test_rapid_change_between_stored_rows(tmp_path):
    time_s = np.arange(0, 10.001, 0.01)
    v = np.where(np.abs(time_s - 7.15) < 0.005, 0.93, 1.0)
    flat = np.ones(time_s.size)
    run = write_run(tmp_path, time_s, {"voltage_pu": {"a": flat, "b": v}}, every_s=0.1)
    found = voltage.assess(run).values["rapid_change"]
    assert (found["max_pu"], found["max_time_s"]) == (pytest.approx(0.07), pytest.approx(7.15))
    assert found["max_bus"] == "b"
    assert found["steady_pu"] == pytest.approx(0.0, abs=1e-9)


def test_rapid_change_goes_on_after_values_that_are_not_finite():
    time_s = np.arange(0, 10.001, 0.01)
    v = np.where(time_s < 7, 1.0, 0.98)
    v[300:320] = np.nan
    found = rapid_change(time_s, v)
    assert (found.max_pu, found.max_time_s) == (pytest.approx(0.02, abs=2e-4), pytest.approx(7.0))
    v[650:] = np.nan
    found = rapid_change(time_s, v)
    assert (found.max_pu, found.steady_pu) == pytest.approx((0, 0), abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(steps=st.lists(st.floats(0.01, 0.7), min_size=4, max_size=30), seed=st.integers(0, 99))
def test_means_against_a_fine_scan(steps, seed):
    time_s = np.concatenate([[0.0], np.cumsum(steps)])
    value = np.random.default_rng(seed).normal(size=time_s.size)

    def mean(start_s, end_s):
        at = np.union1d(np.linspace(start_s, end_s, 50), time_s[(time_s > start_s) & (time_s < end_s)])
        return np.trapezoid(np.interp(at, time_s, value), at) / (end_s - start_s)

    ends, means = sliding_means(time_s, value, 0.6)
    np.testing.assert_allclose(means, [mean(end - 0.6, end) for end in ends], atol=1e-9)
    blocks = block_means(time_s, value, 0.6)
    np.testing.assert_allclose(blocks, [mean(0.6 * k, 0.6 * k + 0.6) for k in range(blocks.size)], atol=1e-9)
    assert blocks.size == int(time_s[-1] / 0.6 * (1 + 1e-9))


def test_recovery_after_a_fault(tmp_path):
    time_s = np.arange(0, 20.001, 0.01)
    # Cleared at 2 s; bus b rises from 0.3 by 0.1 pu/s from 0.95 before: 80 % (0.76) after 4.6 s, 90 % after 5.55 s.
    b = np.where(time_s < 1, 0.95, np.where(time_s < 2, 0.1, np.minimum(0.95, 0.3 + 0.1 * (time_s - 2))))
    a = np.where((time_s > 12) & (time_s < 13.5), 0.65, 1.0)
    events = [(1.0, "fault", ""), (2.0, "fault_cleared", "")]
    section = voltage.assess(write_run(tmp_path, time_s, {"voltage_pu": {"a": a, "b": b}}, events=events))
    found = section.values["recovery"]
    assert found["to_80_percent_s"] == pytest.approx(4.6, abs=0.01)
    assert found["to_90_percent_s"] == pytest.approx(5.55, abs=0.01)
    assert found["then_below_70_percent_s"] == pytest.approx(1.49, abs=0.02)
    assert section.places["voltage.recovery.to_80_percent_s"] == ("b", 2.0)
    assert section.places["voltage.recovery.then_below_80_percent_s"].where == "a"
    assert not section.lower_bounds


def test_recovery_that_does_not_come_is_a_lower_bound(tmp_path):
    time_s = np.arange(0, 5.001, 0.01)
    v = np.where(time_s < 1, 1.0, 0.5)
    events = [(1.0, "fault", ""), (1.1, "fault_cleared", "")]
    section = voltage.assess(write_run(tmp_path, time_s, {"voltage_pu": {"a": v}}, events=events))
    assert section.values["recovery"]["to_80_percent_s"] == pytest.approx(3.9, abs=0.01)
    assert "below 80 % of its voltage before the fault" in section.lower_bounds["voltage.recovery.to_80_percent_s"]
    quiet = voltage.assess(write_run(tmp_path, time_s, {"voltage_pu": {"a": v}}))
    assert "no fault was cleared" in quiet.reasons["voltage.recovery"]


def test_recovery_with_rows_before_jumps_and_times_that_round(tmp_path):
    # The fault's nodes have two rows each: 1 pu before it, 0.2 during, 0.7 after, and 0.9 from 3 s on by a jump.
    pieces = ((0, 1, 1.0), (1, 2, 0.2), (2, 3, 0.7), (3, 5, 0.9))
    time_s = np.concatenate([np.linspace(start, stop, 11) for start, stop, _ in pieces])
    v = np.repeat([level for *_, level in pieces], 11)
    events = [(1.0 + 1e-12, "fault", ""), (2.0 + 1e-12, "fault_cleared", "")]
    section = voltage.assess(write_run(tmp_path, time_s, {"voltage_pu": {"a": v}}, events=events))
    assert section.values["recovery"] == pytest.approx(
        {
            "to_80_percent_s": 1.0,
            "to_90_percent_s": 1.0,
            "then_below_70_percent_s": 0.0,
            "then_below_80_percent_s": 0.0,
        }
    )
    assert not section.lower_bounds
    v[time_s >= 2.05] = 0.95  # and now back at the clearing itself
    v[22] = 0.95
    section = voltage.assess(write_run(tmp_path, time_s, {"voltage_pu": {"a": v}}, events=events))
    assert section.values["recovery"]["to_90_percent_s"] == pytest.approx(0, abs=1e-9)


def test_a_dip_that_goes_on_is_a_lower_bound_whichever_bus_has_it(tmp_path):
    time_s = np.arange(0, 20.001, 0.01)
    once = np.where((time_s > 12) & (time_s < 15), 0.65, 1.0)
    last = np.where(time_s > 19, 0.65, 1.0)
    events = [(1.0, "fault", ""), (1.1, "fault_cleared", "")]
    section = voltage.assess(write_run(tmp_path, time_s, {"voltage_pu": {"a": once, "b": last}}, events=events))
    assert section.values["recovery"]["then_below_70_percent_s"] == pytest.approx(3, abs=0.02)
    assert section.places["voltage.recovery.then_below_70_percent_s"].where == "a"
    assert "voltage.recovery.then_below_70_percent_s" in section.lower_bounds


def test_ten_minute_means(tmp_path):
    time_s = np.arange(0, 900.1, 0.5)
    v = np.where(time_s < 600, 1.0, 0.94)
    section = voltage.assess(write_run(tmp_path, time_s, {"voltage_pu": {"a": v, "b": np.ones(time_s.size)}}))
    assert section.values["mean_600s"]["max_pu"] == pytest.approx(1.0)
    assert section.values["mean_600s"]["min_pu"] == pytest.approx(0.97, abs=1e-3)
    assert section.places["voltage.mean_600s.min_pu"] == ("a", 900.0)
    short = voltage.assess(write_run(tmp_path, time_s[:100], {"voltage_pu": {"a": v[:100]}}))
    assert "shorter than 600 s" in short.reasons["voltage.mean_600s"]
