import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loads_reference import integral, make_trace, one, pieces
from loads_strategies import AT_END, STEPS, traces

from loads.injector import Injector
from loads.interpolation import Waveform, hat_average


def drive(injector, nodes, jump):
    """Run over planned nodes; returns the values before and after each."""
    values = [(injector.start(nodes[1] - nodes[0]),) * 2]
    for k in range(1, len(nodes)):
        h_next = nodes[k + 1] - nodes[k] if k + 1 < len(nodes) else 0.0
        values.append(injector.next_value(nodes[k], h_next, bool(jump[k])))
        injector.commit()
    return np.array(values).T


@settings(deadline=None)
@given(traces(), AT_END, STEPS, st.data())
def test_streams_what_hat_average_gives(trace, at_end, steps, data):
    nodes = np.concatenate([[0.0], np.cumsum(steps)])
    jump = data.draw(st.lists(st.booleans(), min_size=nodes.size, max_size=nodes.size))
    wave = Waveform.from_trace(trace, at_end)
    injector = Injector([(wave, 0.25), (wave, 0.75)], 100.0)
    before, after = drive(injector, nodes, jump)
    expected = np.array(hat_average(wave, nodes, np.array(jump))) + 100.0
    np.testing.assert_allclose([before, after], expected, rtol=1e-9, atol=1e-7)
    energy = integral(pieces(trace, at_end == "loop", nodes[-1]), 0.0, nodes[-1], one)
    assert injector.energy_trace == pytest.approx(energy + 100.0 * nodes[-1], rel=1e-12)
    assert injector.energy_injected == pytest.approx(energy + 100.0 * nodes[-1], rel=1e-12)


@settings(deadline=None)
@given(traces(), AT_END, STEPS, st.data())
def test_cuts_keep_the_energy_or_say_what_is_owed(trace, at_end, steps, data):
    """Any cut, any plan after it, jumps or none: injected plus owed is the trace's energy."""
    low, high = trace.min_w, trace.max_w
    injector = Injector([(Waveform.from_trace(trace, at_end), 1.0)], 50.0)
    t, h = 0.0, steps[0]
    injector.start(h)
    for step in [*steps[1:], 0.0]:
        injector.next_value(t + h, step)
        if data.draw(st.booleans()):
            h *= data.draw(st.floats(0.01, 0.99))
        value = injector.next_value(t + h, step, data.draw(st.booleans()))
        assert min(value) >= 50.0 + max(low - (high - low), -50.0) - 1e-6
        assert max(value) <= 50.0 + high + (high - low) + 1e-6
        injector.commit()
        t, h = t + h, step
    energy = integral(pieces(trace, at_end == "loop", t), 0.0, t, one) + 50.0 * t
    assert injector.energy_trace == pytest.approx(energy, rel=1e-12)
    assert injector.energy_injected + injector.energy_debt == pytest.approx(energy, rel=1e-12, abs=1e-9)


@settings(deadline=None)
@given(traces(), AT_END, STEPS, st.data())
def test_a_cut_followed_by_the_rest_of_its_step_is_paid_at_once(trace, at_end, steps, data):
    """As the simulation loop does: fail, cut, go on to the node that was planned, then steps as planned."""
    injector = Injector([(Waveform.from_trace(trace, at_end), 1.0)], 1e5)
    nodes = np.concatenate([[0.0], np.cumsum(steps)])
    injector.start(nodes[1])
    for k in range(1, nodes.size):
        h_next = nodes[k + 1] - nodes[k] if k + 1 < nodes.size else 0.0
        if k % 2 == 1 and data.draw(st.booleans()):
            cut = nodes[k - 1] + data.draw(st.floats(0.1, 0.9)) * (nodes[k] - nodes[k - 1])
            injector.next_value(nodes[k], h_next)
            injector.next_value(cut, nodes[k] - cut)
            injector.commit()
        injector.next_value(nodes[k], h_next)
        injector.commit()
    assert injector.energy_debt == pytest.approx(0.0, abs=1e-6)
    assert injector.energy_injected == pytest.approx(injector.energy_trace, rel=1e-12)


def test_many_steps_keep_the_energy():
    rng = np.random.default_rng(3)
    wave = Waveform.from_trace(make_trace(np.arange(1001) * 1e-3, rng.uniform(0.5, 1.5, 1000), "hold"))
    injector = Injector([(wave, 200.0)], 800.0)
    nodes = np.arange(20_001) * 0.00731
    drive(injector, nodes, np.zeros(nodes.size))
    assert injector.energy_injected == pytest.approx(injector.energy_trace, rel=1e-13)
    assert injector.energy_trace == pytest.approx(200 * wave.moments(0, nodes[-1])[0] + 800 * nodes[-1], rel=1e-13)


def test_no_average_reaches_across_a_jump_node():
    wave = Waveform.from_trace(make_trace([0, 1, 3], [2, 7], "hold"), "hold")
    before, after = drive(Injector([(wave, 1.0)]), [0, 0.5, 1, 1.5, 2], [0, 0, 1, 0, 0])
    assert before == pytest.approx([2, 2, 2, 7, 7])
    assert after == pytest.approx([2, 2, 7, 7, 7])


def test_a_tiny_step_before_a_jump_does_not_spike():
    """A step cut just after it began: the near side of the jump stays the trace's own mean."""
    wave = Waveform.from_trace(make_trace(np.arange(101) * 1e-3, np.arange(100) % 2 + 1.0, "hold"))
    injector = Injector([(wave, 1.0)])
    injector.start(0.0105)
    injector.next_value(0.0105, 0.01)
    before, after = injector.next_value(1e-6, 0.0105, jump=True)
    assert before == pytest.approx(1.0)
    assert 0 <= after <= 3


def test_asking_does_not_commit():
    wave = Waveform.from_trace(make_trace([0, 1, 2, 4], [2, 7, 3], "hold"))
    injector = Injector([(wave, 1.0)], 1.0)
    injector.start(0.6)
    first = injector.next_value(0.6, 0.7)
    injector.next_value(0.3, 0.1, True)
    assert injector.next_value(0.6, 0.7) == first
    assert injector.energy_trace == 0.0
    injector.commit()
    assert injector.energy_trace == pytest.approx(0.6 * 3)
    with pytest.raises(RuntimeError, match="commit without"):
        injector.commit()


def test_point_mode_takes_the_waveform_at_the_node():
    wave = Waveform.from_trace(make_trace([0, 1, 2, 4], [2, 7, 3], "hold"))
    before, after = drive(Injector([(wave, 2.0)], 1.0, "point"), [0, 0.9, 1.0, 2.0, 2.5], [0, 0, 1, 0, 0])
    assert before.tolist() == [5, 5, 5, 7, 7]
    assert after.tolist() == [5, 5, 15, 7, 7]


def test_edges_are_merged_and_weighed():
    a = Waveform.from_trace(make_trace([0, 0.1, 0.2], [0, 1], "hold"))
    b = Waveform.from_trace(make_trace([0, 0.3, 0.6], [0, 5], "hold"))
    merged = Injector([(a, 10.0), (b, -2.0), (b, 0.0)]).edges(0.65, 9.0)
    assert merged == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert Injector([(a, 10.0), (b, -2.0)]).edges(0.65, 10.0).size == 0
    assert Injector([], 5.0).edges(10.0, 0.0).size == 0


def test_steady_power_alone():
    before, after = drive(Injector([], 5.0), [0, 1, 3], [0, 1, 0])
    assert before.tolist() == after.tolist() == [5, 5, 5]


def test_refuses_steps_that_do_not_go_forward():
    injector = Injector([], 5.0)
    with pytest.raises(ValueError, match="longer than 0 s, got 0"):
        injector.start(0.0)
    injector.start(1.0)
    with pytest.raises(ValueError, match="does not go forward"):
        injector.next_value(0.0, 1.0)
    with pytest.raises(ValueError, match="'average' or 'point'"):
        Injector([], mode="mean")
