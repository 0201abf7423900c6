"""The sum of channels read at different instants, and files whose clocks differ."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loads.cleaning.blocks import Block
from loads.cleaning.clocks import ClockedBlocks, on_one_clock
from loads.cleaning.combine import total
from loads.errors import LoadDataError

HOUR_NS = 3600 * 10**9


def block(name, time_s, power_w):
    return Block((name,), np.asarray(time_s, float), (np.asarray(power_w, float),))


@st.composite
def staggered(draw):
    """Two to five channels over about 0 to 20 s, times on a grid of 1 ms."""
    blocks = []
    for name in "abcde"[: draw(st.integers(2, 5))]:
        start_ms = draw(st.integers(0, 3000))
        steps = draw(st.lists(st.integers(1, 3000), min_size=8, max_size=30))
        time_ms = start_ms + np.concatenate([[0], np.cumsum(steps), [20_000 + sum(steps)]])
        power_w = draw(st.lists(st.floats(0, 1e4), min_size=time_ms.size, max_size=time_ms.size).map(np.array))
        blocks.append(block(name, time_ms / 1e3, power_w))
    end_s = min(b.time_s[-1] for b in blocks)
    return blocks, end_s


@given(staggered())
@settings(deadline=None)
def test_the_sum_is_exact(case):
    blocks, _ = case
    start_s, end_s = max(b.time_s[0] for b in blocks), min(b.time_s[-1] for b in blocks)
    if end_s - start_s < 0.5 * max(b.time_s[-1] - b.time_s[0] for b in blocks):
        return
    knots_s, power_w, findings = total(blocks, "f")
    assert (knots_s[0], knots_s[-1]) == (start_s, end_s)
    assert (np.diff(knots_s) > 0.9e-9).all()
    anywhere_s = np.sort(np.concatenate([knots_s, np.random.default_rng(0).uniform(start_s, end_s, 50)]))
    expected_w = sum(np.interp(anywhere_s, b.time_s, b.power_w[0]) for b in blocks)
    np.testing.assert_allclose(np.interp(anywhere_s, knots_s, power_w), expected_w, rtol=1e-9, atol=1e-6)
    assert all(f.code == "unsynchronised_clocks" for f in findings)


def test_equal_times_are_just_added():
    time_s = np.array([0.0, 1.0, 3.0])
    two = Block(("a", "b"), time_s, (np.array([1.0, 2, 3]), np.array([10.0, 20, 30])))
    knots_s, power_w, findings = total([two, block("c", time_s.copy(), [100, 200, 300])], "f")
    np.testing.assert_array_equal(knots_s, time_s)
    np.testing.assert_array_equal(power_w, [111, 222, 333])
    assert findings == []


def test_different_clocks_are_reported_with_what_was_cut_off():
    a, b = block("a", np.arange(0, 100), np.ones(100)), block("b", np.arange(1.7, 100), np.ones(99))
    knots_s, _, (finding,) = total([a, b], "f")
    assert (knots_s[0], knots_s[-1]) == (1.7, 99)
    assert (finding.code, finding.count) == ("unsynchronised_clocks", 2)
    assert "1.7 s apart" in finding.detail
    assert "1.7 s cut off at the start and 0.7 s at the end" in finding.action


def test_dropped_samples_are_no_different_clock():
    a = block("a", np.arange(10), np.ones(10))
    b = block("b", np.delete(np.arange(10), [3, 4]), np.ones(8))
    knots_s, power_w, findings = total([a, b], "f")
    assert knots_s.size == 10
    np.testing.assert_allclose(power_w, 2)
    assert findings == []


def test_knots_nearer_than_a_nanosecond_are_one():
    a, b = block("a", [0, 1, 2], [1, 2, 3]), block("b", [0, 1 + 4e-10, 2], [1, 1, 1])
    knots_s, power_w, _ = total([a, b], "f")
    np.testing.assert_array_equal(knots_s, [0, 1, 2])
    np.testing.assert_allclose(power_w, [2, 3, 4])


def test_channels_that_hardly_overlap_are_refused_by_name():
    a, b = block("a", np.arange(100), np.ones(100)), block("b", 60.0 + np.arange(100), np.ones(100))
    with pytest.raises(LoadDataError, match=r"f: the channels share only 39 of 99 s: b starts.*among a, b"):
        total([a, b], "f")


def clocked(name, start_ns, clock="naive", seconds=100, first_s=0.0):
    return ClockedBlocks(name, clock, start_ns, [block(name, first_s + np.arange(seconds), np.ones(seconds))])


def test_files_of_one_clock_keep_their_distance():
    blocks, findings = on_one_clock([clocked("a", 10**18, "utc"), clocked("b", 10**18 + 1_700_000_000, "utc")])
    np.testing.assert_array_equal(blocks[1].time_s, np.arange(100) + 1.7)
    assert findings == []


@pytest.mark.parametrize(("clock", "hours"), [("naive", 1), ("naive", -8), ("utc", 5)])
def test_clocks_that_differ_by_whole_hours_are_brought_together(clock, hours):
    files = [clocked("a", 10**18, clock), clocked("b", 10**18 + hours * HOUR_NS + 1_700_000_000)]
    blocks, (finding,) = on_one_clock(files)
    np.testing.assert_array_equal(blocks[1].time_s, np.arange(100) + 1.7)
    assert (finding.code, finding.channels) == ("clock_offset", ("b",))
    assert f"{hours:+d} h" in finding.detail


@pytest.mark.parametrize(
    "second",
    [
        clocked("b", 10**18 + HOUR_NS, "utc"),  # two clocks that are right: another hour
        clocked("b", 10**18 + HOUR_NS // 2),  # half an hour later
        clocked("b", 10**18 + 24 * HOUR_NS),  # another day
    ],
    ids=["utc", "half hour", "day"],
)
def test_other_distances_are_kept(second):
    first = clocked("a", 10**18, "utc" if second.clock == "utc" else "naive")
    blocks, findings = on_one_clock([first, second])
    assert findings == []
    assert blocks[1].time_s[0] == (second.origin_ns - 10**18) / 1e9


def test_files_that_overlap_are_shifted_if_both_ends_are_whole_hours_apart():
    files = [clocked("a", 10**18, seconds=7200), clocked("b", 10**18 + HOUR_NS, seconds=7200)]
    blocks, findings = on_one_clock(files)
    assert [finding.code for finding in findings] == ["clock_offset"]
    assert blocks[1].time_s[0] == 0


@pytest.mark.parametrize(("later_s", "seconds"), [(3600, 5400), (5400, 7200), (0, 7200)])
def test_other_files_that_overlap_are_not_shifted(later_s, seconds):
    files = [clocked("a", 10**18, seconds=7200), clocked("b", 10**18 + later_s * 10**9, seconds=seconds)]
    assert on_one_clock(files)[1] == []


def test_dates_and_times_since_a_start_do_not_mix():
    with pytest.raises(LoadDataError, match="b: the times are since some start, those of a are dates"):
        on_one_clock([clocked("a", 10**18), clocked("b", 0, "relative")])
