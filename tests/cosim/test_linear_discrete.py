"""Exact steps with inputs on straight lines, against matrix exponentials and `scipy.signal.lsim`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_matrices import jordan, pair, systems
from scipy.linalg import block_diag, expm
from scipy.signal import lsim

from cosim.linear.blocks import block_diagonal
from cosim.linear.discrete import MAX_STEPS, Discretisation, advance, march


def discretised(a, b):
    """The system in block form: discretisation, and what takes its coordinates back."""
    form = block_diagonal(a)
    return Discretisation(form.blocks, form.left @ b), form


def exact(a, b, h):
    """One step by one exponential of the matrix extended by the inputs and their slopes: propagator, start, end."""
    n, m = b.shape
    extended = np.zeros((n + 2 * m, n + 2 * m))
    extended[:n, :n], extended[:n, n : n + m] = a, b
    extended[n : n + m, n + m :] = np.eye(m)
    whole = expm(h * extended)
    at_end = whole[:n, n + m :] / h
    return whole[:n, :n], whole[:n, n : n + m] - at_end, at_end


@settings(deadline=None, max_examples=150)
@given(systems(), st.floats(-4, 0.5), st.integers(0, 2**32 - 1))
def test_a_step_is_that_of_the_exponential(system, digits, seed):
    (a, b), h = system, 10.0**digits
    rng = np.random.default_rng(seed)
    x, u_start, u_end = rng.normal(size=len(a)), rng.normal(size=2), rng.normal(size=2)
    discrete, form = discretised(a, b)
    w = form.left @ x
    advance(w, discrete.sizes, discrete.step(h), u_start, u_end)
    propagator, at_start, at_end = exact(a, b, h)
    expected = propagator @ x + at_start @ u_start + at_end @ u_end
    largest = np.abs(expected).max() + np.abs(x).max()
    np.testing.assert_allclose(form.right @ w, expected, atol=1e-13 * np.linalg.cond(form.right) * largest)


@settings(deadline=None, max_examples=60)
@given(systems(), st.floats(-3, 0), st.integers(0, 2**32 - 1))
def test_a_march_is_lsim(system, digits, seed):
    (a, b), h, count = system, 10.0**digits, 40
    u = np.random.default_rng(seed).normal(size=(count + 1, 2))
    discrete, form = discretised(a, b)
    w, out = np.zeros(len(a)), np.empty((count, len(a)))
    march(w, discrete.sizes, discrete.step(h), u[:-1], u[1:], out)
    _, _, expected = lsim((a, b, np.eye(len(a)), np.zeros_like(b)), u, h * np.arange(count + 1))
    np.testing.assert_array_equal(w, out[-1])
    np.testing.assert_allclose(
        out @ form.right.T,
        expected.reshape(count + 1, -1)[1:],
        atol=1e-12 * np.linalg.cond(form.right) * (1.0 + np.abs(expected).max()),
    )


@settings(deadline=None, max_examples=60)
@given(systems(), st.lists(st.floats(-5, 0), min_size=2, max_size=12), st.integers(0, 2**32 - 1))
def test_uneven_steps_arrive_where_one_step_does(system, digits, seed):
    """The input on one straight line, cut anywhere: exact steps do not depend on where the nodes are."""
    (a, b), steps = system, 10.0 ** np.array(digits)
    rng = np.random.default_rng(seed)
    start, slope = rng.normal(size=2), rng.normal(size=2)
    discrete, _ = discretised(a, b)
    initial = rng.normal(size=len(a))
    whole, parts = initial.copy(), initial.copy()
    t = np.concatenate([[0.0], np.cumsum(steps)])
    for k, h in enumerate(steps):
        advance(parts, discrete.sizes, discrete.step(h), start + slope * t[k], start + slope * t[k + 1])
    advance(whole, discrete.sizes, discrete.step(t[-1]), start, start + slope * t[-1])
    largest = np.abs(whole).max() + np.abs(initial).max()
    # Lengths of steps are told apart to twelve digits.
    error = 1e-11 * (1 + np.abs(a).max() * t[-1]) * largest
    np.testing.assert_allclose(parts, whole, atol=max(1e-10 * largest, error))


@pytest.mark.parametrize("eigenvalue", [-1.0, 0.3, complex(-0.2, 3.0), complex(0.0, 1.0), complex(-1.0, 1e-6)])
@pytest.mark.parametrize("size", [0.5 * (1 - 1e-6), 0.5, 0.5 * (1 + 1e-6)])
def test_series_and_closed_form_agree_at_the_border(eigenvalue, size):
    """|lambda h| on either side of 0.5, where one gives way to the other."""
    value = complex(eigenvalue)
    block = np.array([[value.real]]) if value.imag == 0 else pair(value.real, value.imag)
    b = np.eye(len(block))
    h = float(f"{size / abs(value):.11g}")  # as steps are told apart
    step = Discretisation([block], b).step(h)
    propagator, at_start, at_end = exact(block, b, h)
    np.testing.assert_allclose(step.propagator.reshape(block.shape), propagator, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(step.at_start, at_start, rtol=1e-13, atol=1e-14 * h)
    np.testing.assert_allclose(step.at_end, at_end, rtol=1e-13, atol=1e-14 * h)


@pytest.mark.parametrize("digits", [-150, -30, -12, -6, -3])
@pytest.mark.parametrize("turn", [0.0, 1.0, np.pi / 2, 2.0])
def test_a_mode_that_hardly_moves_integrates_its_input(digits, turn):
    value = -(10.0**digits) * np.exp(1j * turn)
    block = np.array([[value.real]]) if turn == 0.0 else pair(value.real, abs(value.imag))
    size = len(block)
    step = Discretisation([block], np.eye(size)).step(0.01)
    near = {"rtol": 0, "atol": 1e-13 + 0.01 * abs(value)}
    np.testing.assert_allclose(step.propagator.reshape(size, size), np.eye(size), **near)
    np.testing.assert_allclose(step.at_start / 0.005, np.eye(size), **near)
    np.testing.assert_allclose(step.at_end / 0.005, np.eye(size), **near)


@pytest.mark.parametrize("rate", [1e3, 1e6, 1e12])
@pytest.mark.parametrize("imaginary", [0.0, 1e-3, 1.0])
def test_a_mode_that_is_over_within_the_step_follows_its_input(rate, imaginary):
    """It settles at -J^-1 b u at once, less what the input's slope makes it lag."""
    block = np.array([[-rate]]) if imaginary == 0 else pair(-rate, imaginary * rate)
    size = len(block)
    step = Discretisation([block], np.eye(size)).step(1.0)
    inverse = np.linalg.inv(block / rate) / rate
    assert np.abs(step.propagator).max() < 1e-200
    np.testing.assert_allclose(step.at_end, -inverse - inverse @ inverse, rtol=1e-9, atol=1e-15 / rate)
    np.testing.assert_allclose(step.at_start, inverse @ inverse, rtol=1e-9, atol=1e-15 / rate)


@pytest.mark.parametrize("h", [1e-4, 0.3, 4.0])
@pytest.mark.parametrize(
    "block",
    [
        np.array([[-1.0, 5.0], [0.0, -1.0]]),  # one real eigenvalue, twice
        np.array([[-1.0, 3.0], [0.0, -1.0 + 1e-9]]),  # two of them that nearly coincide
        np.array([[0.0, 1.0], [0.0, 0.0]]),
        jordan(-2.0, 4),
        np.block([[pair(-1.0, 2.0), np.eye(2)], [np.zeros((2, 2)), pair(-1.0, 2.0)]]),
    ],
)
def test_clusters(block, h):
    """A block of two rows is not always a complex pair."""
    n = len(block)
    b = np.random.default_rng(n).normal(size=(n, 2))
    discrete = Discretisation([np.array([[-0.5]]), block], np.vstack([[1.0, 1.0], b]))
    step = discrete.step(h)
    propagator, at_start, at_end = exact(block, b, h)
    np.testing.assert_allclose(step.propagator[1:].reshape(n, n), propagator, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(step.at_start[1:], at_start, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(step.at_end[1:], at_end, rtol=1e-11, atol=1e-13)
    w, u = np.random.default_rng(0).normal(size=n + 1), np.array([1.0, -2.0])
    expected = propagator @ w[1:] + (at_start + at_end) @ u
    advance(w, discrete.sizes, step, u, u)
    np.testing.assert_allclose(w[1:], expected, rtol=1e-11, atol=1e-12)


def test_a_straight_line_settles_on_the_line():
    """x' = -(x - u) with u = t: after a long time x lags by its time constant, at every node."""
    discrete = Discretisation([np.array([[-1.0]])], np.array([[1.0]]))
    nodes = np.arange(101) * 0.7
    w, out = np.zeros(1), np.empty((100, 1))
    march(w, discrete.sizes, discrete.step(0.7), nodes[:-1, None], nodes[1:, None], out)
    np.testing.assert_allclose(out[60:, 0], nodes[61:] - 1.0, rtol=1e-13)


def test_many_lengths_of_steps_are_not_all_remembered():
    discrete = Discretisation([np.array([[-1.0]])], np.array([[1.0]]))
    lengths = 0.01 + 1e-5 * np.arange(3 * MAX_STEPS)
    for h in lengths:
        assert discrete.step(h).propagator[0] == pytest.approx(np.exp(-h), rel=1e-11)
    assert len(discrete._steps) <= MAX_STEPS
    assert discrete.step(lengths[0]).propagator[0] == pytest.approx(np.exp(-lengths[0]), rel=1e-11)


def test_lengths_that_differ_by_rounding_are_one():
    discrete = Discretisation([np.array([[-1.0]])], np.array([[1.0]]))
    assert discrete.step(0.1 + 0.2) is discrete.step(0.3)


def test_no_states_at_all():
    discrete = Discretisation([], np.empty((0, 2)))
    w, out = np.empty(0), np.empty((3, 0))
    march(w, discrete.sizes, discrete.step(0.1), np.ones((3, 2)), np.ones((3, 2)), out)
    assert out.shape == (3, 0)


def test_blocks_of_all_sizes_in_one_system():
    blocks = [np.array([[-1.0]]), pair(-0.5, 2.0), jordan(-3.0, 3), pair(0.1, 1.0), np.array([[0.0]])]
    a = block_diag(*blocks)
    b = np.random.default_rng(1).normal(size=(len(a), 3))
    discrete = Discretisation(blocks, b)
    x = np.random.default_rng(2).normal(size=len(a))
    w, u = x.copy(), np.random.default_rng(3).normal(size=(2, 3))
    advance(w, discrete.sizes, discrete.step(0.25), u[0], u[1])
    propagator, at_start, at_end = exact(a, b, 0.25)
    np.testing.assert_allclose(w, propagator @ x + at_start @ u[0] + at_end @ u[1], rtol=1e-12, atol=1e-13)
