"""Power flows of ANDES and of pandapower agree on every system of the catalogue, and on pandapower's networks."""

import numpy as np
import pytest
import small_cases

from grids import GridError, catalogue, load_grid
from grids.power_flow import andes_power_flow, largest_differences, pandapower_power_flow
from grids.to_pandapower import to_pandapower


def both(grid):
    assert grid.system.setup()
    andes = andes_power_flow(grid.system)
    case = to_pandapower(grid.system)
    return andes, pandapower_power_flow(case), case


@pytest.mark.parametrize("name", catalogue())
def test_catalogue(name):
    andes, pandapower, case = both(load_grid(name))
    difference = largest_differences(case.buses, andes, pandapower)
    assert difference.voltage_pu < 1e-5
    assert difference.angle_deg < 1e-3
    assert andes.losses_mw == pytest.approx(pandapower.losses_mw, abs=0.05)
    assert andes.load_mw == pytest.approx(pandapower.load_mw, abs=1e-6)


def test_phase_shifter_ratio_core_and_parallel_machines(tmp_path):
    """A shifter with a ratio on both sides and a core, two machines at one bus, a branch and a machine out."""
    raw = small_cases.RAW.replace("1,3,0,'1',1,1,1,0,0", "1,3,0,'1',1,1,1,0.002,-0.03").replace(
        "\n1.0,0\n", "\n0.97,0\n"
    )
    raw = raw.replace(
        "0 / END OF GENERATOR",
        "2,'2',20.0,0.0,50.0,-50.0,1.01,0,60.0,0,0.25,0,0,1,1,100.0,60.0,0.0\n"
        "1,'2',10.0,0.0,50.0,-50.0,1.02,0,60.0,0,0.25,0,0,1,1,100.0,60.0,0.0\n"
        "2,'3',25.0,0.0,50.0,-50.0,1.01,0,60.0,0,0.25,0,0,1,0,100.0,60.0,0.0\n0 / END OF GENERATOR",
    )
    raw = raw.replace("0 / END OF BRANCH", "1,3,'2',0.01,0.1,0.05,0,0,0,0.001,0.02,0.003,0.04,1\n"
                      "1,3,'3',0.01,0.1,0.02,0,0,0,0,0,0,0,0\n0 / END OF BRANCH")  # fmt: skip
    (tmp_path / "case.raw").write_text(raw)
    andes, pandapower, case = both(load_grid("case.raw", folder=tmp_path, static=True))
    difference = largest_differences(case.buses, andes, pandapower)
    assert difference.voltage_pu < 1e-6
    assert difference.angle_deg < 1e-5
    assert len(case.generators) == 5
    assert andes.generation_mw == pytest.approx(pandapower.generation_mw, abs=1e-3)


@pytest.mark.filterwarnings("ignore:tap_dependency_table:DeprecationWarning")
@pytest.mark.parametrize("name", ["case9", "case39", "case118", "iceland", "example_simple", "case24_ieee_rts"])
def test_networks_of_pandapower_solve_alike_in_andes(name, tmp_path):
    import pandapower
    import pandapower.networks

    net = getattr(pandapower.networks, name)()
    pandapower.to_json(net, str(tmp_path / "net.json"))
    pandapower.runpp(net, calculate_voltage_angles=True, tolerance_mva=1e-7)
    grid = load_grid("net.json", folder=tmp_path, static=True)
    assert grid.system.setup()
    andes = andes_power_flow(grid.system)
    kept = [(k, bus.idx) for k, bus in enumerate(grid.buses) if bus.idx in net.bus.index]
    here, there = np.array(kept).T
    there_pu, there_deg = net.res_bus.vm_pu.loc[there].to_numpy(), net.res_bus.va_degree.loc[there].to_numpy()
    assert np.abs(andes.voltage_pu[here] - there_pu).max() < 1e-5
    assert np.abs((andes.angle_deg[here] - there_deg + 180) % 360 - 180).max() < 1e-3


@pytest.mark.parametrize("name", catalogue())
def test_there_and_back(name, tmp_path):
    """ANDES to pandapower, its JSON, and back to ANDES: the same power flow."""
    import pandapower

    grid = load_grid(name)
    assert grid.system.setup()
    andes, case = andes_power_flow(grid.system), to_pandapower(grid.system)
    pandapower.to_json(case.net, str(tmp_path / "net.json"))
    back = load_grid("net.json", folder=tmp_path, static=True)
    assert back.system.setup()
    again = andes_power_flow(back.system)
    assert np.abs(andes.voltage_pu - again.voltage_pu).max() < 1e-5
    assert np.abs(andes.angle_deg - again.angle_deg).max() < 1e-3


def test_power_flow_without_solution_is_an_error(tmp_path):
    (tmp_path / "case.m").write_text(small_cases.MATPOWER.replace("3 1 90 30", "3 1 9000 3000"))
    grid = load_grid("case.m", folder=tmp_path, static=True)
    assert grid.system.setup()
    with pytest.raises(GridError, match="does not converge in ANDES"):
        andes_power_flow(grid.system)
    with pytest.raises(GridError, match="does not converge in pandapower"):
        pandapower_power_flow(to_pandapower(grid.system))
