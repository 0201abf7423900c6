"""Bus frequencies from machine speeds."""

import numpy as np
import pytest

from grids import load_grid
from grids.frequency_divider import frequency_divider


@pytest.fixture
def system():
    grid = load_grid("kundur")
    grid.system.setup()
    return grid.system


def test_buses_move_with_machines_that_move_together(system):
    np.testing.assert_allclose(frequency_divider(system).sum(axis=1), 1.0, rtol=1e-9)


def test_a_bus_follows_the_machine_that_is_near(system):
    divider = frequency_divider(system)
    for column, bus in enumerate(system.GENROU.bus.v):
        assert divider[system.Bus.idx.v.index(bus), column] == divider[system.Bus.idx.v.index(bus)].max()
    assert (divider >= -1e-12).all()


def test_two_machines_and_a_line_divide_like_a_voltage_divider(system):
    """Along one radial path the frequency is interpolated by reactance: Milano and Ortega, sec. III."""
    line = system.Line
    keep = [k for k in range(line.n) if {line.bus1.v[k], line.bus2.v[k]} in ({1, 5}, {5, 6}, {2, 6})]
    line.u.v[:] = 0
    line.u.v[keep] = 1
    divider = frequency_divider(system)
    b = {frozenset((line.bus1.v[k], line.bus2.v[k])): 0.0 for k in keep}
    for k in keep:
        b[frozenset((line.bus1.v[k], line.bus2.v[k]))] += line.x.v[k] / (line.r.v[k] ** 2 + line.x.v[k] ** 2)
    x = {ends: 1 / value for ends, value in b.items()}
    internal = (system.GENROU.xd2.v + system.GENROU.xq2.v) / 2
    path = [internal[0], x[frozenset((1, 5))], x[frozenset((5, 6))], x[frozenset((2, 6))], internal[1]]
    at_bus_5 = (path[0] + path[1]) / sum(path)
    row = divider[system.Bus.idx.v.index(5)]
    assert row[1] == pytest.approx(at_bus_5, rel=1e-9)
    assert row[0] == pytest.approx(1 - at_bus_5, rel=1e-9)


def test_island_without_machine_has_no_frequency(system):
    line = system.Line
    line.u.v[[k for k in range(line.n) if 7 in (line.bus1.v[k], line.bus2.v[k])]] = 0
    divider = frequency_divider(system)
    assert np.isnan(divider[system.Bus.idx.v.index(7)]).all()
    assert np.isfinite(divider[system.Bus.idx.v.index(8)]).all()
