"""Finding elements and editing a case before it runs."""

from pathlib import Path

import pytest

from grids import GridError, load_grid
from grids.grid import INFINITE_INERTIA


@pytest.fixture
def grid():
    return load_grid("kundur")


def test_bus_is_found_by_number_and_by_text(grid):
    assert grid.find_bus(7) is grid.find_bus("7")


def test_missing_bus_names_the_nearest():
    with pytest.raises(GridError, match="no bus 116; did you mean 16"):
        load_grid("ieee39").find_bus(116)


def test_parallel_lines_need_a_circuit(grid):
    parallel = [line for line in grid.lines if line.circuit > 1]
    assert parallel
    ends = (parallel[0].to_bus, parallel[0].from_bus)
    with pytest.raises(GridError, match="give circuit: 1 or 2"):
        grid.find_line(ends=ends)
    assert grid.find_line(ends=ends, circuit=2) == parallel[0]
    with pytest.raises(GridError, match="no circuit 9"):
        grid.find_line(ends=ends, circuit=9)


def test_missing_line_says_what_the_bus_is_connected_to(grid):
    with pytest.raises(GridError, match="bus 1 is connected to"):
        grid.find_line(ends=(1, 4))
    with pytest.raises(GridError, match="did you mean Line_1"):
        grid.find_line("Line_1x")


@pytest.mark.parametrize(
    ("case", "dyr", "message"),
    [
        ("ieee40", None, r"did you mean 'ieee\d+'"),
        ("nowhere.raw", None, "there is no file"),
        ("case.txt/x", None, "expected .xlsx"),
        ("ieee14", "x.dyr", "goes with a .raw case"),
    ],
)
def test_case_that_cannot_be_read(case, dyr, message):
    with pytest.raises(GridError, match=message):
        load_grid(case, dyr)


def test_static_case_is_refused():
    from grids.andes_runtime import stock_case

    with pytest.raises(GridError, match="dynamic data with dyr"):
        load_grid(str(stock_case("ieee14/ieee14.raw")))


def test_broken_case_file_is_refused(tmp_path):
    path = tmp_path / "broken.raw"
    path.write_text("this is no case\n")
    with pytest.raises(GridError, match=r"broken\.raw"):
        load_grid(str(path))


def test_infinite_bus_is_honoured():
    grid = load_grid("three_bus.raw", "three_bus_hygov.dyr", folder=Path(__file__).parents[1] / "data")
    machine = next(m for m in grid.machines if m.infinite)
    assert machine.model == "GENCLS"
    assert grid.inertia_mws == float("inf")
    assert grid.system.GENCLS.M.v == [INFINITE_INERTIA]
    assert any("infinite bus" in note for note in grid.notes)
