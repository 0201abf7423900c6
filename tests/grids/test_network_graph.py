"""The picture of the network."""

import pytest

from grids import GridError, load_grid
from grids.edits import take_line_out
from grids.network_graph import draw_network, network_layout


def test_picture_is_the_same_every_time():
    first, second = (network_layout(load_grid("ieee14")) for _ in range(2))
    assert first == second
    assert set(first) == {str(bus.idx) for bus in load_grid("ieee14").buses}


@pytest.mark.parametrize("case", ["ieee14", "npcc140"])
def test_no_two_buses_lie_on_each_other(case):
    places = list(network_layout(load_grid(case)).values())
    nearest = min(
        ((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5 for k, a in enumerate(places) for b in places[k + 1 :]
    )
    assert nearest > 0.08 / len(places) ** 0.5


def test_machines_sites_and_open_lines_stand_in_the_legend():
    grid = load_grid("ieee39")
    take_line_out(grid, grid.find_line(ends=(16, 17)))
    drawn = draw_network(grid, {"dc1": 16})
    entries = [text.get_text() for text in drawn.figure.legends[0].get_texts()]
    assert {"345 kV", "machine", "site", "open line"} <= set(entries)
    svg = drawn.svg()
    assert svg.startswith("<?xml")
    assert "</svg>" in svg


def test_missing_bus_of_a_site_is_named():
    with pytest.raises(GridError, match="no bus 99"):
        draw_network(load_grid("ieee14"), {"dc1": 99})
