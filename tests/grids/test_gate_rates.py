"""Rate limits of IEEEG1's gate, which ANDES leaves on the system's base."""

import numpy as np
import pytest

from grids import load_grid


def test_gate_rates_are_on_the_turbines_ratings():
    """As power limits are: 1 pu/s of 1,600 MVA, and 0.95 pu of it."""
    grid = load_grid("wecc179")
    governor = grid.system.IEEEG1
    rating_mva = {machine.idx: machine.rating_mva for machine in grid.machines}
    expected = np.array([rating_mva[idx] for idx in governor.syn.v]) / 100.0
    limit = np.array(governor.PMAX.v)
    assert grid.system.setup()
    np.testing.assert_allclose(governor.UO.v, expected)
    np.testing.assert_allclose(governor.UC.v, -expected)
    np.testing.assert_allclose(governor.PMAX.v, limit * expected)
    assert any("gate rates" in note for note in grid.notes)


@pytest.mark.parametrize("name", ["kundur", "ieee39"])
def test_grids_without_such_governors_say_nothing(name):
    assert not any("gate rates" in note for note in load_grid(name).notes)
