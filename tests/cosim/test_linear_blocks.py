"""Block-diagonal form: it is the same matrix, in the smallest blocks that do not cost digits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_grids import linear_grid
from linear_matrices import jordan, matrices, pair
from scipy.linalg import block_diag

from cosim.linear.blocks import BlockForm, block_diagonal


def assert_same_matrix(form: BlockForm, a: np.ndarray) -> None:
    """V diag W = A and W V = 1, to what the condition of V leaves of 16 digits."""
    condition = np.linalg.cond(form.right)
    product = form.right @ block_diag(*form.blocks) @ form.left
    assert np.abs(product - a).max() <= 1e-14 * condition * max(1.0, np.abs(a).max())
    assert np.abs(form.left @ form.right - np.eye(len(a))).max() <= 1e-14 * condition


def assert_sizes(form: BlockForm, a: np.ndarray) -> None:
    sizes = [len(block) for block in form.blocks]
    assert all(block.shape == (size, size) for block, size in zip(form.blocks, sizes, strict=True))
    assert sum(sizes) == len(a)
    assert form.starts.tolist() == np.cumsum([0, *sizes]).tolist()
    assert form.right.shape == form.left.shape == a.shape


@settings(deadline=None, max_examples=300)
@given(matrices())
def test_blocks_make_up_the_matrix(a):
    form = block_diagonal(a)
    assert_sizes(form, a)
    assert_same_matrix(form, a)
    assert np.linalg.cond(form.right) < 1e9


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 14), st.integers(0, 2**32 - 1))
def test_matrices_of_any_numbers(n, seed):
    a = np.random.default_rng(seed).normal(size=(n, n))
    form = block_diagonal(a)
    assert_sizes(form, a)
    assert_same_matrix(form, a)
    assert max(len(block) for block in form.blocks) <= 2  # their eigenvalues are apart
    of_blocks = np.concatenate([np.linalg.eigvals(block) for block in form.blocks])
    np.testing.assert_allclose(np.sort_complex(of_blocks), np.sort_complex(np.linalg.eigvals(a)), atol=1e-9)


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_stiff_matrices(n, seed):
    """Time constants over nine decades."""
    rng = np.random.default_rng(seed)
    a = np.diag(-(10.0 ** rng.uniform(-4, 5, n))) + np.triu(rng.normal(size=(n, n)), 1)
    form = block_diagonal(a)
    assert_sizes(form, a)
    assert_same_matrix(form, a)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_jordan_block_stays_one_block(size):
    turn = np.linalg.qr(np.random.default_rng(size).normal(size=(size + 1, size + 1)))[0]
    a = turn @ block_diag(jordan(-2.0, size), [[-1.0]]) @ turn.T
    form = block_diagonal(a)
    assert sorted(len(block) for block in form.blocks) == [1, size]
    assert_same_matrix(form, a)


def test_pairs_that_coincide_and_are_coupled_stay_one_block():
    a = block_diag(pair(-1.0, 2.0), pair(-1.0, 2.0), [[-3.0]])
    a[:2, 2:4] = np.eye(2)
    form = block_diagonal(a)
    assert sorted(len(block) for block in form.blocks) == [1, 4]
    assert_same_matrix(form, a)


def test_pairs_that_coincide_and_are_not_coupled_are_split():
    form = block_diagonal(block_diag(pair(-1.0, 2.0), pair(-1.0, 2.0)))
    assert [len(block) for block in form.blocks] == [2, 2]


def test_equal_eigenvalues_of_a_symmetric_matrix_are_split():
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))[0]
    a = turn @ np.diag([0.0, 0.0, -1.0, -1.0, -1.0]) @ turn.T
    form = block_diagonal((a + a.T) / 2)
    assert_same_matrix(form, a)
    assert np.linalg.cond(form.right) < 1e4


def test_blocks_far_apart_in_the_matrix_find_each_other():
    """Three equal lags in series, with other eigenvalues between them in the Schur form."""
    a = np.zeros((7, 7))
    for k, rate in enumerate([1.0, 30.0, 1.0, 200.0, 0.1, 1.0, 3.0]):
        a[k, k] = -rate
        if k:
            a[k, k - 1] = rate
    form = block_diagonal(a)
    assert sorted(len(block) for block in form.blocks) == [1, 1, 1, 1, 3]
    shared = next(block for block in form.blocks if len(block) == 3)
    assert np.trace(shared) == pytest.approx(-3.0, abs=1e-9)
    assert_same_matrix(form, a)


@pytest.mark.parametrize("case", ["kundur", "ieee39"])
def test_the_form_of_a_grid_keeps_ten_digits(case):
    a = linear_grid(case).space.a
    form = block_diagonal(a)
    assert np.abs(form.right @ block_diag(*form.blocks) @ form.left - a).max() < 1e-10 * np.abs(a).max()
    assert np.abs(form.left @ form.right - np.eye(len(a))).max() < 1e-9
