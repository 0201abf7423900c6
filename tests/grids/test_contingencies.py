"""Limits and N-1 on networks small enough to know the answer."""

import numpy as np
import pytest
import small_cases

from grids import load_grid
from grids.contingencies import contingencies
from grids.limits import Band, branch_loadings, violations
from grids.power_flow import pandapower_power_flow
from grids.static_check import check_statically
from grids.to_pandapower import to_pandapower


def solved(folder, text):
    (folder / "case.m").write_text(text)
    grid = load_grid("case.m", folder=folder, static=True)
    assert grid.system.setup()
    case = to_pandapower(grid.system)
    pandapower_power_flow(case)
    return case


def by_element(outages):
    return {outage.element: outage for outage in outages}


def test_limits(tmp_path):
    text = small_cases.MATPOWER.replace("150 150 150 0 0 1 -360 360;\n  1 3", "20 20 20 0 0 1 -360 360;\n  1 3")
    case = solved(tmp_path, text.replace("80 80 80 1.02", "0 0 0 1.02").replace("40 0 100 -100", "40 0 -20 -100"))
    found = {v.kind: v for v in violations(case, Band(0.99, 1.015))}
    assert found["low_voltage"].element == "bus 3"
    assert found["high_voltage"].element == "bus 1"
    assert found["overload"].element == "branch Line_2 (2-3)"
    assert found["generator_mvar"].element == "generator 2 (bus 2)"
    assert found["overload"].limit == 20
    loadings = branch_loadings(case)
    assert [loading.percent is None for loading in loadings] == [False, False, True]
    net = case.net
    ends = [np.hypot(net.res_line.p_to_mw[1], net.res_line.q_to_mvar[1]), np.hypot(*net.res_line.loc[1][:2])]
    assert loadings[1].power_mva == pytest.approx(max(ends))


def test_net_is_left_as_it_was(tmp_path):
    case = solved(tmp_path, small_cases.MATPOWER)
    before = {name: case.net[name].copy() for name in ("line", "trafo", "gen", "shunt", "res_bus", "res_line")}
    counted = []
    outages = contingencies(case, Band(), lambda done, total: counted.append((done, total)))
    assert counted == [(k, 5) for k in range(1, 6)]
    assert len(outages) == 5
    for name, table in before.items():
        np.testing.assert_allclose(case.net[name].select_dtypes("float"), table.select_dtypes("float"), atol=1e-6)
    assert case.net.line.in_service.all()


def test_outage_equals_a_power_flow_without_the_branch(tmp_path):
    text = small_cases.MATPOWER.replace("1 3 0 0.08 0 80 80 80 1.02 10 1", "1 3 0 0.08 0 80 80 80 1.02 10 0")
    without = solved(tmp_path, text)
    expected = violations(without, Band(0.98, 1.1))
    case = solved(tmp_path, small_cases.MATPOWER)
    assert not violations(case, Band(0.98, 1.1))
    outage = by_element(contingencies(case, Band(0.98, 1.1)))["Line_3 (1-3)"]
    assert outage.status == "solved"
    assert {v.element for v in outage.violations} == {v.element for v in expected} != set()
    for new, known in zip(outage.violations, expected, strict=True):
        assert new.value == pytest.approx(known.value, rel=1e-5)


RADIAL = """function mpc = radial
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [
  1 3 60 0 0 0 1 1 0 138 1 1.1 0.9;
  2 1 10 0 0 0 1 1 0 138 1 1.1 0.9;
  3 2 30 5 0 0 1 1 0 138 1 1.1 0.9;
  4 2 0 0 0 0 1 1 0 138 1 1.1 0.9;
];
mpc.gen = [
  1 10 0 100 -100 1 100 1 200 0;
  3 25 0 100 -100 1 100 1 50 0;
  4 5 0 100 -100 1 100 1 10 0;
];
mpc.branch = [
  1 2 0 0.1 0 0 0 0 0 0 1 -360 360;
  1 3 0 0.1 0 0 0 0 0 0 1 -360 360;
  1 4 0 0.1 0 0 0 0 0 0 1 -360 360;
];
"""


def test_islands_losses_of_load_and_of_generation(tmp_path):
    outages = by_element(contingencies(solved(tmp_path, RADIAL), Band()))
    cut = outages["Line_1 (1-2)"]
    assert (cut.lost_buses, cut.lost_load_mw, cut.islands) == ([2], 10.0, [])
    island = outages["Line_2 (1-3)"]
    assert (island.islands, island.lost_buses) == ([[3]], [])
    assert not island.violations  # its generator of 50 MW carries the 30 MW
    machine = outages["Line_3 (1-4)"]
    assert (machine.lost_buses, machine.lost_load_mw) == ([4], 0.0)
    assert not any(outage.secure for outage in (cut, island, machine))


def test_lost_generation_is_shared_by_headroom(tmp_path):
    """5 MW over the slack (200 - 70 MW) and generator 2 (50 - 25 MW); seen at a limit just below the sum."""
    limit = 25 + 5 * 25 / (25 + 130)
    text = RADIAL.replace("3 25 0 100 -100 1 100 1 50 0", f"3 25 0 100 -100 1 100 1 {limit - 0.01} 0")
    generous = by_element(contingencies(solved(tmp_path, RADIAL), Band()))["3 (bus 4)"]
    assert generous.secure
    room = limit - 0.01 - 25
    scarce = by_element(contingencies(solved(tmp_path, text), Band()))["3 (bus 4)"]
    assert scarce.secure  # with less headroom its share is less: 5 * room / (room + 130) < room
    assert 5 * room / (room + 130) < room


def test_lost_slack_is_replaced(tmp_path):
    outage = by_element(contingencies(solved(tmp_path, RADIAL), Band()))["1 (bus 1)"]
    assert outage.status == "solved"
    assert not outage.lost_buses


def test_collapse_is_no_convergence(tmp_path):
    text = small_cases.MATPOWER.replace("3 1 90 30", "3 1 450 150").replace("2 3 0.01 0.10", "2 3 0.01 0.40")
    outage = by_element(contingencies(solved(tmp_path, text), Band(0.5, 1.1)))["Line_3 (1-3)"]
    assert outage.status == "not_converged"


def test_whole_check(tmp_path):
    (tmp_path / "case.m").write_text(small_cases.MATPOWER)
    grid = load_grid("case.m", folder=tmp_path, static=True)
    assert grid.system.setup()
    outcome = check_statically(grid.system, Band(), with_contingencies=False)
    assert outcome.contingencies is None
    assert outcome.secure
    assert outcome.branches_without_rating == 0
