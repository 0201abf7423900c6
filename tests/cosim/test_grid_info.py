"""What is told of a grid."""

import json

import pytest

from cosim.errors import InputError
from cosim.grid_info import describe, show_info
from grids import load_grid
from grids.edits import replace_by_inverters, select_machines


def test_description_of_a_case():
    info = describe(load_grid("ieee39"), {"dc1": 16})
    json.dumps(info, allow_nan=False)
    flow = info["power_flow"]
    assert flow["generation_mw"] == pytest.approx(info["load_mw"] + flow["losses_mw"], rel=1e-4)
    assert info["inertia_constant_s"] == pytest.approx(info["inertia_mws"] / info["machine_rating_mva"])
    assert sum(area["inertia_mws"] for area in info["areas"]) == pytest.approx(info["inertia_mws"])
    assert sum(level["buses"] for level in info["voltage_levels"]) == info["buses"] == 39
    first = info["machines"][0]
    assert [first[key] for key in ("machine", "exciter", "governor", "stabiliser")] == [
        "GENROU",
        "IEEEX1",
        "TGOV1N",
        "IEEEST",
    ]
    assert info["sites"]["dc1"]["short_circuit_mva"] > 0


def test_inverters_are_told():
    grid = load_grid("ieee14")
    replace_by_inverters(grid, select_machines(grid, ["GENROU_2"]))
    info = describe(grid, {})
    assert [inverter["model"] for inverter in info["inverters"]] == ["REGCA1"]
    assert any("replaced by inverter-based plants" in note for note in info["notes"])


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_tables_and_picture(tmp_path, capsys, suffix):
    path = tmp_path / f"ieee14.{suffix}"
    show_info(load_grid("ieee14"), {"dc1": 9}, as_json=False, plot=path)
    assert path.stat().st_size > 5000
    printed = capsys.readouterr().out
    assert "GENROU_1" in printed
    assert "short-circuit power" in printed


def test_json_is_all_that_is_printed(capsys):
    show_info(load_grid("ieee14"), {}, as_json=True, plot=None)
    assert json.loads(capsys.readouterr().out)["name"] == "ieee14"


def test_picture_of_an_unknown_kind():
    with pytest.raises(InputError, match=r"name ends in \.png"):
        show_info(load_grid("ieee14"), {}, as_json=False, plot="x.bmp")
