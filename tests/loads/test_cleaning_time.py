"""Missing cells, order, duplicates and gaps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loads.cleaning.blocks import Block, blocks_of, shifted, started_at_zero
from loads.cleaning.duplicates import average_duplicates
from loads.cleaning.gaps import find_gaps
from loads.cleaning.missing import drop_missing
from loads.cleaning.order import sort_late_samples, undo_clock_changes
from loads.errors import LoadDataError
from loads.readers.readings import Channel


def block(time_s, *power_w):
    time_s = np.asarray(time_s, float)
    powers = tuple(np.asarray(power, float) for power in power_w) or (np.arange(time_s.size, dtype=float),)
    return Block(tuple("abcdefgh"[: len(powers)]), time_s, powers, np.arange(time_s.size) + 2)


def test_channels_with_one_time_array_make_one_block():
    time_s, other_s = np.arange(3.0), np.arange(3.0)
    channels = [Channel(name, t, np.ones(3)) for name, t in (("a", time_s), ("b", other_s), ("c", time_s))]
    assert [b.names for b in blocks_of(channels, "f")] == [("a", "c"), ("b",)]


def test_a_time_that_is_not_finite_is_refused_with_its_line():
    with pytest.raises(LoadDataError, match="f:7: a time must be finite"):
        blocks_of([Channel("a", np.array([0.0, np.nan]), np.ones(2), np.array([5, 7]))], "f")


def test_whole_nanoseconds_lose_their_rounding_noise():
    noisy = np.arange(10) * 0.1
    assert noisy[3] != 0.3
    np.testing.assert_array_equal(shifted(noisy, 0), np.arange(10) / 10)
    np.testing.assert_array_equal(started_at_zero(noisy + 1000.1), np.arange(10) / 10)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=20), st.integers(-(10**15), 10**15))
def test_a_shift_moves_all_times_alike(times, by_ns):
    moved = shifted(np.array(times), by_ns)
    np.testing.assert_allclose(moved, np.array(times) + by_ns / 1e9, rtol=1e-12, atol=1e-9)


@given(st.floats(1e-4, 1e3), st.floats(0, 1e6))
def test_any_trace_starts_at_zero(interval_s, start_s):
    time_s = started_at_zero(start_s + np.arange(5) * interval_s)
    assert time_s[0] == 0
    np.testing.assert_allclose(np.diff(time_s), interval_s, rtol=1e-5, atol=1e-9)


def test_missing_cells_are_dropped_channel_by_channel():
    nan = np.nan
    table = block([0, 1, 2, 3], [1, 2, 3, 4], [5, nan, nan, 8], [9, nan, nan, 12])
    cleaned, findings = drop_missing([table], "f", reported=False)
    assert [(b.names, b.time_s.tolist(), b.line.tolist()) for b in cleaned] == [
        (("a",), [0, 1, 2, 3], [2, 3, 4, 5]),
        (("b", "c"), [0, 3], [2, 5]),
    ]
    assert [(f.code, f.channels, f.count) for f in findings] == [("missing_samples", ("b", "c"), 2)]
    assert "line 3" in findings[0].detail


def test_missing_cells_that_the_reader_counted_are_not_counted_again():
    cleaned, findings = drop_missing([block([0, 1, 2], [1, np.nan, 3])], "f", reported=True)
    assert cleaned[0].size == 2
    assert findings == []


def test_a_channel_without_numbers_is_left_out_and_none_at_all_is_refused():
    empty = [np.nan, np.inf]
    cleaned, findings = drop_missing([block([0, 1], [1, 2], empty)], "f", reported=True)
    assert [b.names for b in cleaned] == [("a",)]
    assert [(f.code, f.channels) for f in findings] == [("empty_channel", ("b",))]
    with pytest.raises(LoadDataError, match="no sample holds a number"):
        drop_missing([block([0, 1], empty)], "f", reported=True)


@pytest.mark.parametrize("interval_s", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("hour_s", [3600.0, -3600.0])
def test_daylight_saving_time_is_undone(interval_s, hour_s):
    true_s = np.arange(500) * interval_s
    local_s = true_s + np.where(np.arange(500) >= 200, hour_s, 0)
    cleaned, findings = undo_clock_changes([block(local_s)])
    np.testing.assert_allclose(cleaned[0].time_s, true_s, atol=1e-9)
    assert [(f.code, f.count) for f in findings] == [("clock_change", 1)]


def test_other_steps_are_no_change_of_daylight_saving_time():
    half_hour = block([0, 1, 2, 1803, 1804])
    assert undo_clock_changes([half_hour]) == ([half_hour], [])
    slow = block(np.arange(5) * 3600.0)
    assert undo_clock_changes([slow]) == ([slow], [])


@given(st.permutations(range(4)), st.integers(0, 90))
def test_a_few_late_samples_are_sorted(order, at):
    shuffled = np.concatenate([np.arange(at), at + np.array(order), np.arange(at + 4, 100)]).astype(float)
    cleaned, findings = sort_late_samples([block(shuffled)], "f")
    np.testing.assert_array_equal(cleaned[0].time_s, np.arange(100))
    np.testing.assert_array_equal(cleaned[0].power_w[0][shuffled.astype(int)], np.arange(100))
    assert len(findings) == (list(order) != sorted(order))


def test_late_samples_are_counted_with_their_first_line():
    _, findings = sort_late_samples([block([0, 1, 3, 2, 4, 6, 5])], "f")
    assert [(f.code, f.count) for f in findings] == [("out_of_order", 2)]
    assert "line 5" in findings[0].detail


@pytest.mark.parametrize("second_start_s", [0.0, 50.0, -1e6])
def test_two_runs_in_one_file_are_refused(second_start_s):
    time_s = np.concatenate([np.arange(100), second_start_s + np.arange(100)])
    with pytest.raises(LoadDataError, match="f:102: time goes back from 99 to"):
        sort_late_samples([block(time_s)], "f")


def test_equal_times_are_averaged():
    cleaned, findings = average_duplicates([block([0, 1, 1, 1, 2], [5, 1, 2, 6, 7], [0, 3, 3, 3, 1])], "f")
    assert cleaned[0].time_s.tolist() == [0, 1, 2]
    assert [p.tolist() for p in cleaned[0].power_w] == [[5, 3, 7], [0, 3, 1]]
    assert cleaned[0].line.tolist() == [2, 3, 6]
    assert [(f.code, f.count) for f in findings] == [("duplicate_time", 2)]
    assert "line 4" in findings[0].detail


def test_one_instant_is_no_trace():
    with pytest.raises(LoadDataError, match="at least 2 samples, got 1"):
        average_duplicates([block([3, 3, 3])], "f")


def test_lost_samples_of_a_regular_log_are_gaps():
    time_s = np.delete(np.arange(658.0), np.arange(11, 657, 19))
    (finding,) = find_gaps([block(time_s)], "f", 60.0)
    assert (finding.code, finding.count) == ("gap", 658 - time_s.size)
    assert "34 gaps of 68 s in all" in finding.detail
    assert "2 s after 10 s (line 12)" in finding.detail


@pytest.mark.parametrize("intervals_s", [np.full(50, 0.5), np.resize([1, 1.7], 50), np.resize([1, 1, 1, 1, 3], 50)])
def test_regular_jittering_and_irregular_intervals_are_no_gaps(intervals_s):
    assert find_gaps([block(np.cumsum(intervals_s))], "f", 60.0) == []


def test_a_long_gap_is_refused_unless_allowed():
    time_s = np.concatenate([np.arange(100), 200 + np.arange(100)])
    with pytest.raises(LoadDataError, match=r"f:102: no samples of a for 101 s after 99 s.*max_gap_s"):
        find_gaps([block(time_s)], "f", 60.0)
    assert find_gaps([block(time_s)], "f", 101.0)[0].count == 1
    # A slow log may miss nine samples in a row.
    assert find_gaps([block(np.delete(np.arange(100), range(50, 59)) * 60.0)], "f", 60.0)[0].count == 1
