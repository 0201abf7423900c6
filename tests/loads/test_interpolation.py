import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loads_reference import integral, make_trace, one, pieces, trapezoid
from loads_strategies import AT_END, STEPS, traces

from loads.interpolation import Waveform, hat_average, point_sample


@settings(deadline=None)
@given(traces(), AT_END, st.floats(0.0, 50.0), st.floats(1e-6, 100.0))
def test_moments_against_reference(trace, at_end, a, length):
    b = a + length
    parts = pieces(trace, at_end == "loop", b)
    m0, m1 = Waveform.from_trace(trace, at_end).moments(a, b)
    # The absolute part: a looped time is rounded, and the two roundings may take different sides of a jump.
    assert m0 == pytest.approx(integral(parts, a, b, one), rel=1e-11, abs=1e-9)
    assert m1 == pytest.approx(integral(parts, a, b, lambda t: t - a), rel=1e-11, abs=1e-9 * length)


@settings(deadline=None)
@given(traces(), AT_END, STEPS, st.data())
def test_hat_average_keeps_the_energy_and_agrees_with_reference(trace, at_end, steps, data):
    nodes = np.concatenate([[0.0], np.cumsum(steps)])
    jump = np.array(data.draw(st.lists(st.booleans(), min_size=nodes.size, max_size=nodes.size)))
    before, after = hat_average(Waveform.from_trace(trace, at_end), nodes, jump)
    parts = pieces(trace, at_end == "loop", nodes[-1])
    energy = integral(parts, 0.0, nodes[-1], one)
    assert trapezoid(nodes, before, after) == pytest.approx(energy, rel=1e-12, abs=1e-9)
    for k in range(nodes.size):
        left = right = 0.0
        if k > 0:
            h = nodes[k] - nodes[k - 1]
            left = integral(parts, nodes[k - 1], nodes[k], lambda t, k=k, h=h: (t - nodes[k - 1]) / h)
        if k < nodes.size - 1:
            h_next = nodes[k + 1] - nodes[k]
            right = integral(parts, nodes[k], nodes[k + 1], lambda t, k=k, h=h_next: (nodes[k + 1] - t) / h)
        if k == 0:
            expected = (2 * right / h_next,) * 2
        elif k == nodes.size - 1:
            expected = (2 * left / h,) * 2
        elif jump[k]:
            expected = 2 * left / h, 2 * right / h_next
        else:
            expected = (2 * (left + right) / (h + h_next),) * 2
        assert (before[k], after[k]) == pytest.approx(expected, rel=1e-9, abs=1e-7)


@settings(deadline=None)
@given(st.floats(1.0, 1e6), st.sampled_from(["linear", "hold"]), AT_END, STEPS, st.booleans())
def test_constant_is_exact_everywhere(power, shape, at_end, steps, jumps):
    trace = make_trace(np.arange(101) * 0.017, [power] * (101 if shape == "linear" else 100), shape)
    nodes = np.concatenate([[0.0], np.cumsum(steps)])
    values = hat_average(Waveform.from_trace(trace, at_end), nodes, np.full(nodes.size, jumps))
    np.testing.assert_allclose(values, power, rtol=1e-12)


def test_constant_is_exact_far_into_a_loop_and_over_tiny_steps():
    wave = Waveform.from_trace(make_trace(np.arange(1001) * 0.001, [3.0] * 1000, "hold"))
    nodes = 86_400.0 + np.array([0, 1e-6, 2e-6, 1e-3, 0.0123, 0.5])
    values = hat_average(wave, nodes, np.zeros(nodes.size))
    np.testing.assert_allclose(values, 3.0, rtol=1e-12)


def test_linear_is_exact_at_inner_nodes_of_equal_steps():
    wave = Waveform.from_trace(make_trace([5, 5.3, 11, 15], [1, 1.3, 7, 11], "linear"), "hold")
    nodes = np.arange(0, 10.1, 0.5)
    before, after = hat_average(wave, nodes, np.zeros(nodes.size, bool))
    assert after[1:-1] == pytest.approx(1 + nodes[1:-1], rel=1e-13)
    assert (before == after).all()


def test_an_hour_at_1_khz_loses_no_digits():
    rng = np.random.default_rng(1)
    trace = make_trace(np.arange(3_600_001) / 1000, rng.uniform(500, 1500, 3_600_000), "hold")
    nodes = np.append(np.arange(0, 3599.9, 0.0137), 3600.0)
    wave = Waveform.from_trace(trace)
    before, after = hat_average(wave, nodes, np.zeros(nodes.size, bool))
    assert trapezoid(nodes, before, after) == pytest.approx(trace.energy_j, rel=1e-12)
    assert wave.moments(0, 3600)[0] == pytest.approx(trace.energy_j, rel=1e-12)
    late = wave.moments(3599.0005, 3599.0105)[0]
    exact = 5e-4 * trace.power_w[3_599_000] + 1e-3 * trace.power_w[3_599_001:3_599_010].sum()
    assert late == pytest.approx(exact + 5e-4 * trace.power_w[3_599_010], rel=1e-10)  # 3599.0005 itself is rounded


def test_values_at_jumps_and_beyond_the_end():
    trace = make_trace([2, 3, 4], [1, 5], "hold")
    loop, hold = Waveform.from_trace(trace, "loop"), Waveform.from_trace(trace, "hold")
    assert [loop.value(t) for t in (0, 0.5, 1, 1.5, 2, 3, 7)] == [1, 1, 5, 5, 1, 5, 5]
    assert [loop.value_before(t) for t in (0, 0.5, 1, 1.5, 2, 3, 7)] == [1, 1, 1, 5, 5, 1, 1]
    assert [hold.value(t) for t in (1, 2, 3)] == [5, 5, 5]
    assert hold.value_before(1) == 1
    assert point_sample(loop, np.array([0, 1, 2])).tolist() == [1, 5, 1]
    assert (loop.duration_s, loop.range_w) == (2, (1, 5))


@settings(deadline=None)
@given(traces(), AT_END, st.floats(0.1, 20.0), st.floats(0.0, 5e3))
def test_value_jumps_at_every_edge(trace, at_end, t_end, threshold):
    wave = Waveform.from_trace(trace, at_end)
    edges = wave.edges(t_end, threshold)
    assert (np.diff(edges) > 0).all()
    assert ((edges > 0) & (edges < t_end)).all()
    for t in edges[:50]:
        assert abs(wave.value(t) - wave.value_before(t)) > threshold


def test_edges_of_loop_and_hold():
    hold = make_trace([0, 1, 2, 3], [1, 5, 5.1], "hold")
    linear = make_trace([0, 1, 2], [1, 2, 3], "linear")
    assert Waveform.from_trace(hold, "loop").edges(7.5, 1.0).tolist() == [1, 3, 4, 6, 7]
    assert Waveform.from_trace(hold, "hold").edges(7.5, 1.0).tolist() == [1]
    assert Waveform.from_trace(hold, "loop").edges(3.0, 0.05).tolist() == [1, 2]
    assert Waveform.from_trace(linear, "loop").edges(5.0, 1.0).tolist() == [2, 4]
    assert Waveform.from_trace(linear, "hold").edges(5.0, 1.0).tolist() == []


def test_interval_means():
    wave = Waveform.from_trace(make_trace([0, 1, 2], [0, 2, 6], "linear"))
    assert wave.interval_means(0.5, 5) == pytest.approx([0.5, 1.5, 3, 5, 0.5])


def test_refuses_an_unknown_end():
    with pytest.raises(ValueError, match="'loop' or 'hold', got 'stop'"):
        Waveform.from_trace(make_trace([0, 1], [1, 2], "linear"), "stop")
