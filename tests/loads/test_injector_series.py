"""All nodes of a run at once: the same values and energies as one step after the other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loads_strategies import AT_END, STEPS, traces

from loads.injector import Injector
from loads.interpolation import Waveform

MODES = st.sampled_from(["average", "point"])


def drive(injector, nodes, jump):
    """One step after the other; returns the values before and after each node."""
    start = injector.start(nodes[1] - nodes[0])
    values = [(start, start)]
    for k in range(1, len(nodes)):
        h_next = nodes[k + 1] - nodes[k] if k + 1 < len(nodes) else 0.0
        values.append(injector.next_value(nodes[k], h_next, bool(jump[k])))
        injector.commit()
    return np.array(values).T


def jumps(data, nodes):
    """Any inner nodes, as a timeline has them."""
    inner = data.draw(st.lists(st.booleans(), min_size=nodes - 2, max_size=nodes - 2))
    return np.array([False, *inner, False])


@settings(deadline=None, max_examples=200)
@given(traces(), traces(), AT_END, AT_END, STEPS, MODES, st.data())
def test_series_is_the_run(one, other, one_end, other_end, steps, mode, data):
    nodes = np.concatenate([[0.0], np.cumsum(steps)])
    jump = jumps(data, nodes.size)
    components = [(Waveform.from_trace(one, one_end), 1e-3), (Waveform.from_trace(other, other_end), 0.4e-3)]
    stepped, at_once = (Injector(components, 2.5, mode) for _ in range(2))
    expected = drive(stepped, nodes, jump)
    before, after = at_once.series(nodes, jump)
    atol = 1e-9 * max(1.0, np.abs(expected).max())
    np.testing.assert_allclose([before, after], expected, rtol=0, atol=atol)
    span = nodes[-1]
    assert at_once.energy_injected == pytest.approx(stepped.energy_injected, rel=1e-11, abs=1e-11 * span)
    assert at_once.energy_trace == pytest.approx(stepped.energy_trace, rel=1e-11, abs=1e-11 * span)
    np.testing.assert_array_equal(before[~jump], after[~jump])


@settings(deadline=None, max_examples=100)
@given(traces(), AT_END, STEPS, MODES, st.data())
def test_a_stretch_taken_as_made_is_the_run(trace, at_end, steps, mode, data):
    """Some nodes one by one, a stretch at once, then the others one by one."""
    nodes = np.concatenate([[0.0], np.cumsum(steps)])
    jump, last = jumps(data, nodes.size), nodes.size - 1
    first = data.draw(st.integers(0, last - 1))
    end = data.draw(st.integers(first + 1, last))
    expected, injector = (Injector([(Waveform.from_trace(trace, at_end), 1e-3)], 2.5, mode) for _ in range(2))
    one_by_one = drive(expected, nodes, jump)
    found = [(injector.start(nodes[1]),) * 2]

    def walk(start, stop):
        for k in range(start, stop):
            h_next = nodes[k + 1] - nodes[k] if k < last else 0.0
            found.append(injector.next_value(nodes[k], h_next, bool(jump[k])))
            injector.commit()

    walk(1, first + 1)
    assert injector.is_ready(nodes[first], nodes[first + 1] - nodes[first])
    wide, taken = slice(max(first - 1, 0), end + 2), slice(first, end + 1)
    before, after = (
        values[first - wide.start :][: end + 1 - first] for values in injector.values(nodes[wide], jump[wide])
    )
    injector.take(nodes[taken], before, after, nodes[end + 1] - nodes[end] if end < last else 0.0)
    found += zip(before[1:], after[1:], strict=True)
    walk(end + 1, last + 1)
    atol = 1e-9 * max(1.0, np.abs(one_by_one).max())
    np.testing.assert_allclose(np.array(found).T, one_by_one, rtol=0, atol=atol)
    assert injector.energy_injected == pytest.approx(expected.energy_injected, rel=1e-9)
    assert injector.energy_trace == pytest.approx(expected.energy_trace, rel=1e-9)


def test_after_a_cut_step_an_injector_is_ready_once_the_debt_is_paid():
    wave = Waveform.from_segments([0.0, 0.35, 1.0], [1.0, 4.0], [2.0, 3.0])
    injector = Injector([(wave, 1.0)])
    injector.start(0.1)
    injector.next_value(0.07, 0.03)
    injector.commit()
    assert not injector.is_ready(0.07, 0.1)
    injector.next_value(0.1, 0.1)
    injector.commit()
    assert injector.is_ready(0.1, 0.1)


@settings(deadline=None, max_examples=60)
@given(traces(), AT_END, STEPS, st.data())
def test_series_keeps_the_energy(trace, at_end, steps, data):
    nodes = np.concatenate([[0.0], np.cumsum(steps)])
    injector = Injector([(Waveform.from_trace(trace, at_end), 1e-3)], 1.0)
    before, after = injector.series(nodes, jumps(data, nodes.size))
    trapezoids = 0.5 * np.diff(nodes) @ (after[:-1] + before[1:])
    assert injector.energy_injected == pytest.approx(trapezoids, rel=1e-12)
    assert injector.energy_injected == pytest.approx(injector.energy_trace, rel=1e-9)


@pytest.mark.parametrize("mode", ["average", "point"])
@pytest.mark.parametrize("at_end", ["loop", "hold"])
def test_steps_that_end_on_the_edges_of_a_square_wave(mode, at_end):
    """Nodes on every edge, past the end of the wave: no value between low and high."""
    wave = Waveform.from_segments([0.0, 0.3, 1.0], [10.0, 50.0], [10.0, 50.0], at_end)
    edges = [0.3, 1.0, 1.3, 2.0, 2.3] if at_end == "loop" else [0.3]
    nodes = np.unique(np.round(np.concatenate([0.07 * np.arange(36), edges, [2.5]]), 12))
    jump = np.isin(nodes, edges)
    injector = Injector([(wave, 2.0)], 5.0, mode)
    before, after = injector.series(nodes, jump)
    np.testing.assert_allclose([before, after], drive(Injector([(wave, 2.0)], 5.0, mode), nodes, jump), rtol=1e-12)
    high = (nodes % 1.0 >= 0.3 - 1e-12) if at_end == "loop" else nodes >= 0.3
    np.testing.assert_allclose(after[:-1], np.where(high, 105.0, 25.0)[:-1], rtol=1e-12)
    assert np.all(np.abs(before - after)[jump] == pytest.approx(80.0))


def test_series_of_a_constant_alone():
    nodes, jump = np.array([0.0, 0.1, 0.4]), np.array([False, True, False])
    injector = Injector([], 7.0)
    before, after = injector.series(nodes, jump)
    assert before.tolist() == after.tolist() == [7.0, 7.0, 7.0]
    assert injector.energy_injected == injector.energy_trace == pytest.approx(2.8)


def test_a_run_after_another_starts_its_energies_anew():
    wave = Waveform.from_segments([0.0, 1.0], [2.0], [4.0])
    injector = Injector([(wave, 1.0)])
    nodes, jump = np.linspace(0.0, 1.0, 11), np.zeros(11, dtype=bool)
    injector.series(nodes, jump)
    injector.series(nodes, jump)
    assert injector.energy_trace == pytest.approx(3.0)
    assert injector.energy_injected == pytest.approx(3.0)


def test_long_runs_keep_the_energy():
    """A million nodes."""
    rng = np.random.default_rng(0)
    wave = Waveform.from_segments(0.001 * np.arange(100_001), *(2 * [rng.uniform(0, 1, 100_000)]))
    injector = Injector([(wave, 1.0)], 0.1)
    nodes = 0.01 * np.arange(1_000_001)
    injector.series(nodes, np.zeros(nodes.size, dtype=bool))
    assert injector.energy_injected == pytest.approx(injector.energy_trace, rel=1e-11)
