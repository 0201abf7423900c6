import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loads.workloads.phases import Phases, child, render, sample_count, stream


def phases(lengths, starts, ends=None, sds=None):
    knots = np.concatenate([[0.0], np.cumsum(lengths)])
    starts = np.asarray(starts, dtype=float)
    ends = starts if ends is None else np.asarray(ends, dtype=float)
    return Phases(knots, starts, ends, np.zeros(starts.size) if sds is None else np.asarray(sds), starts)


def rng():
    return np.random.default_rng(1)


levels = st.floats(0, 1000)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(1e-3, 5), levels, levels), min_size=1, max_size=200), st.floats(0.5, 400))
def test_samples_are_exact_means(rows, rate):
    """The running integral of the phases, known at their knots, is that of the samples at every sample."""
    lengths, starts, ends = (np.array(column) for column in zip(*rows, strict=True))
    drawn = phases(lengths, starts, ends)
    count = int(drawn.duration_s * rate * (1 - 1e-9))
    if count < 1:
        return
    means = drawn.means(rate, count)
    t = np.arange(count + 1) / rate
    k = np.clip(np.searchsorted(drawn.knots_s, t, "right") - 1, 0, lengths.size - 1)
    into = t - drawn.knots_s[k]
    at_knots = np.concatenate([[0.0], np.cumsum(lengths * (starts + ends) / 2)])
    slope = (ends - starts)[k] / np.diff(drawn.knots_s)[k]
    integral = at_knots[k] + starts[k] * into + slope * into**2 / 2
    np.testing.assert_allclose(np.cumsum(means) / rate, integral[1:], rtol=1e-9, atol=1e-7)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.25, 0.5, 0.3, 1.7]), levels), min_size=8, max_size=150), st.data())
def test_more_phases_do_not_change_the_samples_before(rows, data):
    """To the last bit, evenly spaced or not: a longer trace must begin with the shorter one."""
    lengths, starts = (np.array(column) for column in zip(*rows, strict=True))
    kept = data.draw(st.integers(1, len(rows)))
    short, long = phases(lengths[:kept], starts[:kept]), phases(lengths, starts)
    count = int(short.duration_s * 16)
    assert short.means(16.0, count).tobytes() == long.means(16.0, count).tobytes()


def test_phases_that_happen_to_be_even_give_the_same_samples_as_before_an_uneven_one():
    """Samples of ten phases each: their sum must not take another way when all phases are of one length."""
    levels = np.random.default_rng(2).uniform(0.0, 1.0, 200)
    even, uneven = phases(np.full(199, 0.3), levels[:199]), phases(np.append(np.full(199, 0.3), 1.7), levels)
    assert even.means(1 / 3, 19).tobytes() == uneven.means(1 / 3, 19).tobytes()


def test_noise_is_mixed_where_phases_meet():
    """0.35 s with sd 4 and 0.65 s with sd 2, at 10 Hz: the fourth sample holds half of each."""
    drawn = phases([0.35, 0.65], [100, 100], sds=[4.0, 2.0])
    _, power_w, _ = render(drawn, 10.0, 10, rng())
    sds = np.array([4, 4, 4, 3] + 6 * [2])
    np.testing.assert_allclose(power_w - 100.0, sds * rng().standard_normal(10), rtol=1e-9)


def test_power_is_not_below_zero():
    _, power_w, _ = render(phases([1.0], [1.0], sds=[5.0]), 100.0, 100, rng())
    assert power_w.min() == 0.0
    assert (power_w > 0.0).any()


def test_edges_are_jumps_at_their_nearer_knot():
    """A jump at 0.32, none where a ramp goes on at 0.5, one at 0.77; at 10 Hz they belong to knots 3 and 8."""
    drawn = phases([0.32, 0.18, 0.27, 0.23], [1, 2, 3, 7], [1, 3, 5, 7])
    time_s, power_w, edges = render(drawn, 10.0, 10, rng())
    assert edges.tolist() == [3, 8]
    assert (time_s.size, power_w.size, time_s[-1]) == (11, 10, 1.0)


def test_phases_from_time_zero_cuts_ramps_and_drops_what_has_no_length():
    knots = np.array([-3.0, -1.0, 1.0, 1.0, 2.0])
    start, end = np.array([9.0, 0.0, 5.0, 4.0]), np.array([9.0, 8.0, 5.0, 4.0])
    drawn = Phases.from_time_zero(knots, start, end, np.array([0.0, 1.0, 2.0, 3.0]), end, start)
    np.testing.assert_array_equal(drawn.knots_s, [0, 1, 2])
    np.testing.assert_array_equal(drawn.start_w, [4, 4])
    np.testing.assert_array_equal(drawn.end_w, [8, 4])
    np.testing.assert_array_equal(drawn.noise_sd_w, [1, 3])
    np.testing.assert_array_equal(drawn.expected_w, [4, 4])
    np.testing.assert_array_equal(drawn.expected_end_w, [0, 4])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"knots_s": [0.0]}, "at least 2 knots"),
        ({"knots_s": [0.1, 1.0, 2.0]}, "start at 0"),
        ({"knots_s": [0.0, 1.0, 1.0]}, "must increase"),
        ({"start_w": [1.0]}, "must have the shape"),
        ({"end_w": [1.0, np.nan]}, "must be finite"),
        ({"noise_sd_w": [0.0, -1.0]}, "0 or more"),
    ],
)
def test_refuses_phases_without_meaning(wrong, message):
    right = {"knots_s": [0.0, 1.0, 2.0], "start_w": [1, 2], "end_w": [1, 2], "noise_sd_w": [0, 0], "expected_w": [1, 1]}
    with pytest.raises(ValueError, match=message):
        Phases(**(right | wrong))


def test_refuses_samples_after_the_phases():
    with pytest.raises(ValueError, match="before 11 samples"):
        phases([1.0], [1.0]).means(10.0, 11)


@pytest.mark.parametrize(("duration_s", "rate"), [(1e-4, 1000), (0.0, 10), (-1.0, 10), (1.0, -5.0), (np.inf, 10)])
def test_refuses_less_than_a_sample(duration_s, rate):
    with pytest.raises(ValueError, match="less than one sample"):
        sample_count(duration_s, rate)


def test_streams_are_independent_and_do_not_count():
    seed = np.random.SeedSequence(5, spawn_key=(2,))
    draws = [stream(s, *key).uniform() for s in (seed, child(seed, 0)) for key in ((0,), (1,), (0, 1))]
    assert stream(seed, 0).uniform() == draws[0]
    assert draws[2] == stream(child(seed, 0), 1).uniform() == draws[4]
    assert len(set(draws)) == 5
    assert seed.n_children_spawned == 0
