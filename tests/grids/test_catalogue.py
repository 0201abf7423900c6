"""The catalogue says what the cases hold."""

import pytest

from grids import catalogue, load_grid


@pytest.mark.parametrize("name", list(catalogue()))
def test_entry_agrees_with_the_case(name):
    entry, grid = catalogue()[name], load_grid(name)
    assert (len(grid.buses), len(grid.machines)) == (entry.buses, entry.machines)
    assert grid.load_mw == pytest.approx(entry.load_mw, rel=1e-5)
    assert grid.inertia_mws == pytest.approx(entry.inertia_mws, rel=1e-5)
    assert grid.nominal_hz == entry.nominal_hz
    assert entry.source
    assert grid.system.Toggle.n == 0 or not any(grid.system.Toggle.u.v)
