"""Eigenvalues and participations against ANDES's own analysis of the same initialised system."""

import numpy as np
import pytest

from cosim.engines.andes import AndesEngine
from cosim.linear.modes import find_modes
from grids import load_grid

NOTHING = np.zeros(0)


def analysed(case):
    """Linear equations of a case, and ANDES's routine after its run on the same system."""
    grid = load_grid(case)
    engine = AndesEngine(grid, [], 1e-6)
    assert engine.initialise(NOTHING, NOTHING).succeeded
    linear = engine.linearised()
    grid.system.files.no_output = True
    assert grid.system.EIG.run()
    return linear, grid.system.EIG


def farthest(some, others):
    """Largest distance from one of the first to the nearest of the others, over its size where that is above 1."""
    distance = np.abs(some[:, None] - others[None, :]).min(axis=1)
    return float((distance / np.maximum(1.0, np.abs(some))).max())


@pytest.mark.parametrize("case", ["kundur", "npcc140"])
def test_same_eigenvalues(case):
    linear, theirs = analysed(case)
    ours, mu = np.linalg.eigvals(linear.space.a), np.asarray(theirs.mu).ravel()
    assert ours.size == mu.size
    assert farthest(ours, mu) < 1e-6
    assert farthest(mu, ours) < 1e-6
    modes = find_modes(linear)
    counted = sum(mode.repeated * (2 if mode.eigenvalue.imag > 0 else 1) for mode in modes)
    assert counted == mu.size
    assert farthest(np.array([mode.eigenvalue for mode in modes]), mu) < 1e-6


def test_same_participations():
    linear, theirs = analysed("kundur")
    mu, products = np.asarray(theirs.mu).ravel(), np.abs(np.asarray(theirs.W) * np.asarray(theirs.N))
    assert list(theirs.x_name) == list(linear.space.names)
    swings = [mode for mode in find_modes(linear) if mode.kind.electromechanical]
    assert len(swings) == 3
    for mode in swings:
        of_states = products[:, int(np.argmin(np.abs(mu - mode.eigenvalue)))]
        assert mode.participation == pytest.approx(of_states / of_states.sum(), abs=1e-8)


@pytest.mark.filterwarnings("ignore:An ill-conditioned matrix detected")  # of ANDES's eigenvectors
@pytest.mark.parametrize("case", ["ieee39", "wecc179"])
def test_artefacts_of_bypassed_blocks_are_not_ours(case):
    """ANDES reports real parts near +1, which no simulation shows: see `test_against_ringdown`."""
    linear, theirs = analysed(case)
    mu = np.asarray(theirs.mu).ravel()
    assert ((np.abs(mu - 1.0) < 0.05) & (mu.imag == 0.0)).any()
    assert np.linalg.eigvals(linear.space.a).real.max() < 1e-6
    modes = find_modes(linear)
    assert not modes.unstable
    assert [mode.repeated for mode in modes.rotational] == [1]
