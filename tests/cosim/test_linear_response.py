"""A run's response at once: the same as stepping node by node, whatever the nodes, jumps and chunks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_grids import linear_grid
from linear_matrices import systems
from scipy.linalg import expm

from cosim.linear import response as response_module
from cosim.linear.blocks import BlockForm, block_diagonal
from cosim.linear.response import Response

STEPS = st.lists(st.sampled_from([0.01, 0.01, 0.01, 0.005, 0.0137, 1e-5]), min_size=1, max_size=40)


def respond(a, b, c, d, time_s, is_jump, before, after):
    """All rows of a response: times, sides and outputs."""
    form = block_diagonal(a)
    parts = list(Response(form, form.left @ b, c @ form.right, d, time_s, is_jump)(before, after))
    return (
        np.concatenate([part.time_s for part in parts]),
        np.concatenate([part.is_after for part in parts]),
        np.vstack([part.values for part in parts]),
        [len(part.time_s) for part in parts],
    )


def stepped(a, b, c, d, time_s, is_jump, before, after):
    """The same, node by node: x over each step by one exponential, with the input on a straight line."""
    n, m = b.shape
    x = np.zeros(n)
    rows = [(time_s[0], False, d @ before[0]), (time_s[0], True, d @ after[0])]
    for k in range(1, len(time_s)):
        h = time_s[k] - time_s[k - 1]
        extended = np.zeros((n + 2 * m, n + 2 * m))
        extended[:n, :n], extended[:n, n : n + m], extended[n : n + m, n + m :] = a, b, np.eye(m)
        slope = (before[k] - after[k - 1]) / h
        x = (expm(h * extended) @ np.concatenate([x, after[k - 1], slope]))[:n]
        rows.append((time_s[k], False, c @ x + d @ before[k]))
        if is_jump[k]:
            rows.append((time_s[k], True, c @ x + d @ after[k]))
    times, sides, values = zip(*rows, strict=True)
    return np.array(times), np.array(sides), np.array(values)


def sides(rng, nodes, inputs, is_jump):
    """Inputs before and after each node: the same where nothing jumps, and at rest before the first."""
    before = rng.normal(size=(nodes, inputs))
    after = np.where(is_jump[:, None], rng.normal(size=(nodes, inputs)), before)
    after[0] = rng.normal(size=inputs)
    before[0] = 0.0
    return before, after


@settings(deadline=None, max_examples=100)
@given(systems(), STEPS, st.sampled_from([1, 2, 3, 7, 4096]), st.integers(0, 2**32 - 1), st.data())
def test_it_is_the_recursion(system, steps, chunk, seed, data):
    a, b = system
    time_s = np.concatenate([[0.0], np.cumsum(steps)])
    nodes = len(time_s)
    is_jump = np.array(data.draw(st.lists(st.booleans(), min_size=nodes, max_size=nodes)))
    rng = np.random.default_rng(seed)
    c, d = rng.normal(size=(3, len(a))), rng.normal(size=(3, 2))
    before, after = sides(rng, nodes, 2, is_jump)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(response_module, "CHUNK_NODES", chunk)
        times, is_after, values, sizes = respond(a, b, c, d, time_s, is_jump, before, after)
    expected_s, expected_after, expected = stepped(a, b, c, d, time_s, is_jump, before, after)
    np.testing.assert_array_equal(times, expected_s)
    np.testing.assert_array_equal(is_after, expected_after)
    np.testing.assert_allclose(values, expected, atol=1e-9 * np.abs(expected).max())
    assert max(sizes) <= 2 * chunk  # a jump has two rows


def test_chunks_are_full_however_many_stretches_of_steps_there_are(monkeypatch):
    """Each chunk is written on its own: many small ones would cost more than the steps."""
    monkeypatch.setattr(response_module, "CHUNK_NODES", 10)
    steps = np.tile([0.01, 0.005, 0.005], 20)
    time_s = np.concatenate([[0.0], np.cumsum(steps)])
    still = np.zeros((61, 1))
    one = np.ones((1, 1))
    *_, sizes = respond(-one, one, one, 0 * one, time_s, np.zeros(61, dtype=bool), still, still)
    assert sizes == [1, 10, 10, 10, 10, 10, 10]


def test_the_first_rows_are_the_equilibrium_and_the_jump_from_it():
    one = np.ones((1, 1))
    time_s, is_jump = np.array([0.0, 0.1]), np.zeros(2, dtype=bool)
    inputs = np.array([[0.0], [3.0]]), np.array([[2.0], [3.0]])
    times, is_after, values, _ = respond(-one, one, one, one, time_s, is_jump, *inputs)
    assert times.tolist() == [0.0, 0.0, 0.1]
    assert is_after.tolist() == [False, True, False]
    assert values[:2, 0].tolist() == [0.0, 2.0]
    assert is_jump.tolist() == [False, False]  # the caller's own is left alone


def test_without_a_jump_from_the_equilibrium_the_first_row_is_one():
    one = np.ones((1, 1))
    u = np.array([[0.0], [1.0]])
    times, is_after, values, _ = respond(-one, one, one, one, np.array([0.0, 0.1]), np.zeros(2, dtype=bool), u, u)
    assert times.tolist() == [0.0, 0.1]
    assert not is_after.any()
    assert values[0, 0] == 0.0


def test_a_response_can_be_asked_for_twice():
    rng = np.random.default_rng(0)
    a, b, c, d = -np.eye(3), rng.normal(size=(3, 2)), rng.normal(size=(2, 3)), np.zeros((2, 2))
    form = block_diagonal(a)
    time_s, is_jump = 0.01 * np.arange(50), np.zeros(50, dtype=bool)
    response = Response(form, form.left @ b, c @ form.right, d, time_s, is_jump)
    u = rng.normal(size=(50, 2))
    first, second = (np.vstack([rows.values for rows in response(u, u)]) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_inputs_that_reach_nothing():
    """Nothing is left to step; what passes straight through is still there."""
    form = BlockForm([np.array([[-1.0]])], np.eye(1), np.eye(1))
    time_s, u = 0.1 * np.arange(4), np.arange(4.0)[:, None]
    response = Response(form, np.zeros((1, 1)), np.ones((1, 1)), np.ones((1, 1)), time_s, np.zeros(4, dtype=bool))
    values = np.vstack([rows.values for rows in response(u, u)])
    assert values[:, 0].tolist() == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize("case", ["kundur", "ieee39"])
def test_blocks_left_out_change_nothing_that_matters(case, monkeypatch):
    """Some are left out; no output moves by more than 1e-8 of how far it goes."""
    grid = linear_grid(case)
    form = block_diagonal(grid.space.a)
    bus = grid.elements["bus"][-1]
    columns = list(grid.bus_input(bus))
    parts = [grid.observed(name) for name in grid.channels]
    c, d = np.vstack([part[0] for part in parts]) @ form.right, np.vstack([part[1] for part in parts])[:, columns]
    b = form.left @ grid.space.b[:, columns]
    time_s = 0.01 * np.arange(6001)
    is_jump = np.zeros(6001, dtype=bool)
    u = np.random.default_rng(0).normal(size=(6001, 2)) + np.array([1.0, 0.3])
    kept = Response(form, b, c, d, time_s, is_jump)
    monkeypatch.setattr(response_module, "NEGLIGIBLE", -1.0)
    whole = Response(form, b, c, d, time_s, is_jump)
    assert kept._states < whole._states == len(grid.space.a)
    for some, every in zip(kept(u, u), whole(u, u), strict=True):
        reach = np.abs(every.values).max(axis=0)
        assert np.all(np.abs(some.values - every.values).max(axis=0) <= 1e-8 * reach)
