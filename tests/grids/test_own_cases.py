"""Users' own cases: one network in every format gives one power flow; dynamics and what PSS/E has beyond ANDES."""

import json

import numpy as np
import pytest
import small_cases

from grids import GridError, load_grid
from grids.power_flow import andes_power_flow


@pytest.fixture
def folder(tmp_path):
    import pandapower

    (tmp_path / "case.raw").write_text(small_cases.RAW)
    (tmp_path / "case.dyr").write_text(small_cases.DYR)
    (tmp_path / "case.m").write_text(small_cases.MATPOWER)
    small_cases.write_json(tmp_path / "case.json", small_cases.andes_tables())
    small_cases.write_xlsx(tmp_path / "case.xlsx", small_cases.andes_tables())
    pandapower.to_json(small_cases.pandapower_net(), str(tmp_path / "net.json"))
    return tmp_path


def solved(grid):
    assert grid.system.setup()
    return andes_power_flow(grid.system)


@pytest.mark.parametrize("name", ["case.raw", "case.m", "case.json", "case.xlsx", "net.json"])
def test_one_network_in_every_format_has_one_power_flow(folder, name):
    """The reference is pandapower on a net built by hand, phase shifter included."""
    import pandapower

    net = small_cases.pandapower_net()
    pandapower.runpp(net, tolerance_mva=1e-9)
    flow = solved(load_grid(name, folder=folder, static=True))
    assert flow.voltage_pu == pytest.approx(net.res_bus.vm_pu.to_numpy(), abs=1e-6)
    assert flow.angle_deg == pytest.approx(net.res_bus.va_degree.to_numpy(), abs=1e-5)


def test_dyr_gives_the_machines(folder):
    grid = load_grid("case.raw", "case.dyr", folder)
    assert [m.model for m in grid.machines] == ["GENCLS", "GENROU"]
    assert grid.inertia_mws == pytest.approx(500 + 650)
    assert grid.system.SEXS.n == grid.system.TGOV1.n == 1


@pytest.mark.parametrize("name", ["case.raw", "case.m", "net.json"])
def test_dynamics_are_synthesised_only_on_request(folder, name):
    with pytest.raises(GridError, match="dynamics: synthesised"):
        load_grid(name, folder=folder)
    grid = load_grid(name, folder=folder, dynamics="synthesised")
    assert len(grid.machines) == 2
    assert any("synthesised" in note for note in grid.notes)


def test_synthesised_dynamics_are_refused_where_there_are_some(folder):
    with pytest.raises(GridError, match="has dynamics of its own"):
        load_grid("case.xlsx", folder=folder, dynamics="synthesised")


def test_unknown_model_is_listed_and_needs_a_substitute(folder):
    (folder / "case.dyr").write_text(small_cases.DYR + "2 'STAB2A' 1 1 2 0 2 0.5 1 0.01 0.03 /\n1 'MYGOV' 1 3 /\n")
    with pytest.raises(GridError) as error:
        load_grid("case.raw", "case.dyr", folder)
    assert "case.dyr:6: STAB2A at bus 2 '1'" in str(error.value)
    assert "case.dyr:7: MYGOV at bus 1 '1'" in str(error.value)
    grid = load_grid("case.raw", "case.dyr", folder, substitutes={"STAB2A": "IEEEST", "MYGOV": "drop"})
    assert grid.system.IEEEST.avr.v == grid.system.SEXS.idx.v
    assert any("STAB2A is replaced by IEEEST, with default parameters" in note for note in grid.notes)
    assert any("MYGOV is left out" in note for note in grid.notes)


def test_substitute_with_as_many_parameters_keeps_them(folder):
    (folder / "case.dyr").write_text(small_cases.DYR.replace("'SEXS'", "'SEXSX'"))
    grid = load_grid("case.raw", "case.dyr", folder, substitutes={"SEXSX": "SEXS"})
    assert grid.system.SEXS.K.v == [100.0]


def test_substitute_that_is_not_needed_or_not_known_is_an_error(folder):
    with pytest.raises(GridError, match="no model IEEET2"):
        load_grid("case.raw", "case.dyr", folder, substitutes={"IEEET2": "drop"})
    (folder / "case.dyr").write_text(small_cases.DYR.replace("'SEXS'", "'SEXSX'"))
    with pytest.raises(GridError, match="no model SEXZ; did you mean SEXS"):
        load_grid("case.raw", "case.dyr", folder, substitutes={"SEXSX": "SEXZ"})


def with_transformer(text):
    start, end = small_cases.RAW.index("1,3,0,'1'"), small_cases.RAW.index("0 / END OF TRANSFORMER")
    return small_cases.RAW[:start] + text + small_cases.RAW[end:]


def branch_admittance(grid):
    """Bus admittance matrix that the grid's branches make."""
    assert grid.system.setup()
    from andes.shared import matrix

    return np.array(matrix(grid.system.Line.build_ybus()))


@pytest.mark.parametrize(
    ("codes", "line_2", "winding_1", "winding_2"),
    [
        ("1,1,1", "0.0,0.08,100.0", "1.02,0,10.0", "1.05,0"),
        ("2,1,1", "0.0,0.08,100.0", "140.76,0,10.0", "144.9,0"),
        ("3,1,1", "0.0,0.08,100.0", "1.0,140.76,10.0", "1.0,144.9"),
        ("1,2,1", "0.0,0.04,50.0", "1.02,0,10.0", "1.05,0"),
        ("1,3,1", "0.0,0.04,50.0", "1.02,0,10.0", "1.05,0"),
    ],
)
def test_codes_of_a_transformer_say_one_thing(tmp_path, codes, line_2, winding_1, winding_2):
    """Ideal ratios t1 at bus 1 and t2 at bus 3 around a series impedance, written out."""
    (tmp_path / "case.raw").write_text(
        with_transformer(f"1,3,0,'1',{codes},0.001,-0.02,2,'T1',1\n{line_2}\n{winding_1},80,80,80\n{winding_2}\n")
    )
    grid = load_grid("case.raw", folder=tmp_path, static=True)
    y = branch_admittance(grid)
    shunt = grid.system.Shunt
    assert (shunt.bus.v[-1], shunt.g.v[-1], shunt.b.v[-1]) == (1, 0.001, -0.02)  # the core, at the first winding
    series, t1, t2 = 1 / 0.08j, 1.02 * np.exp(1j * np.radians(10)), 1.05
    assert y[0, 2] == pytest.approx(-series / (np.conj(t1) * t2), rel=1e-6)
    line = 1 / complex(0.01, 0.1) + 0.01j
    assert y[0, 0] - line == pytest.approx(series / abs(t1) ** 2, rel=1e-6)
    assert y[2, 2] - line == pytest.approx(series / t2**2, rel=1e-6)


@pytest.mark.parametrize(("status", "on"), [(1, [1, 1, 1]), (2, [1, 0, 1]), (3, [1, 1, 0]), (4, [0, 1, 1])])
def test_three_windings_follow_their_status(tmp_path, status, on):
    (tmp_path / "case.raw").write_text(
        with_transformer(
            f"1,2,3,'1',1,1,1,0,0,2,'T1',{status}\n0,0.1,100,0,0.12,100,0,0.14,100,1.0,0.0\n"
            "1.0,0,0,80,80,80\n1.0,0,0,70,70,70\n1.0,0,0,60,60,60\n"
        )
    )
    grid = load_grid("case.raw", folder=tmp_path, static=True)
    line = grid.system.Line
    assert line.u.v[-3:] == on
    assert line.x.v[-3:] == pytest.approx([0.06, 0.04, 0.08])
    assert line.rate_a.v[-3:] == [80, 70, 60]
    assert any("star bus, 4" in note for note in grid.notes)


def test_what_is_read_in_another_way_is_said(tmp_path):
    raw = small_cases.RAW.replace("90.0,30.0,0,0,0,0,1", "60.0,30.0,30.0,0,0,0,1")
    raw = raw.replace("0 / END OF SWITCHED", "3,1,0,1,1.1,0.9,0,100,'',12.0,1,12.0\n0 / END OF SWITCHED")
    raw = raw.replace("0 / END OF BUS", "9,'ALONE', 138.0,4\n0 / END OF BUS")
    (tmp_path / "case.raw").write_text(raw)
    grid = load_grid("case.raw", folder=tmp_path, static=True)
    notes = " | ".join(grid.notes)
    for part in ("current or admittance parts (3 '1')", "switched shunts stay at BINIT: bus 3", "left out: 9"):
        assert part in notes
    assert grid.load_mw == pytest.approx(90.0)
    assert grid.system.Shunt.b.v == [0.1, 0.12]


def test_pandapower_and_andes_json_are_told_apart(folder):
    assert "pandapowerNet" in json.loads((folder / "net.json").read_text())["_class"]
    assert len(load_grid("net.json", folder=folder, static=True).buses) == 3
    assert len(load_grid("case.json", folder=folder).machines) == 2


def test_star_bus_of_a_leg_without_reactance_starts_near_its_solution():
    """ANDES's own test case for its reader: one leg comes out at 0, and a flat star bus ends at 0.09 pu."""
    from grids.andes_runtime import stock_case

    flow = solved(load_grid(str(stock_case("wscc9/wscc9_3wxfr.raw")), static=True))
    assert flow.voltage_pu.min() > 0.99
