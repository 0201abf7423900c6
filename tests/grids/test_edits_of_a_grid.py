"""Edits of a grid: what they change, and what they refuse."""

import pytest

from grids import GridError, load_grid
from grids.edits import (
    headroom_mw,
    largest_share,
    machines_at,
    put_line_in,
    redispatch,
    replace_by_inverters,
    replace_load,
    scale_inertia,
    scale_loads,
    select_machines,
    set_damping,
    set_droop,
    switch_governors_off,
    take_line_out,
)
from grids.edits.controls import governor_of
from grids.edits.inverters import typical_parameters


@pytest.fixture
def grid():
    return load_grid("kundur")


def generation_pu(grid):
    return {str(i): p for m in (grid.system.PV, grid.system.Slack) for i, p in zip(m.idx.v, m.p0.v, strict=True)}


def test_inertia_of_all_machines(grid):
    before = grid.inertia_mws
    scale_inertia(grid, 0.5)
    assert grid.inertia_mws == pytest.approx(before / 2)
    assert any("all machines times 0.5" in note for note in grid.notes)
    grid.system.setup()
    assert (grid.system.GENROU.M.v / 2).sum() * grid.base_mva == pytest.approx(before / 2)


def test_inertia_of_some_machines(grid):
    before = {m.idx: m.inertia_s for m in grid.machines}
    scale_inertia(grid, 3.0, select_machines(grid, [2]))
    assert {m.idx: m.inertia_s for m in grid.machines} == {**before, 2: pytest.approx(3 * before[2])}


def test_machines_of_an_area(grid):
    found = machines_at(grid, "area", 1)
    assert 0 < len(found) < len(grid.machines)
    with pytest.raises(GridError, match="no machine in area 7"):
        machines_at(grid, "area", 7)


def test_machine_that_is_unknown_or_named_twice(grid):
    with pytest.raises(GridError, match="no machine 9"):
        select_machines(grid, [9])
    with pytest.raises(GridError, match="machine 2 is named twice"):
        select_machines(grid, [2, 2])


def test_governors_off(grid):
    switch_governors_off(grid, select_machines(grid, [1]))
    assert governor_of(grid, grid.find_machine(1)) is None
    assert governor_of(grid, grid.find_machine(2)) is not None
    with pytest.raises(GridError, match="machine 1 has no governor in service"):
        switch_governors_off(grid, select_machines(grid, [1]))
    switch_governors_off(grid)
    with pytest.raises(GridError, match="no machine of grid 'kundur' has a governor"):
        set_droop(grid, 0.04)


@pytest.mark.parametrize(
    ("case", "model", "parameter", "value"), [("kundur", "TGOV1", "R", 0.04), ("wecc179", "IEEEG1", "K", 25)]
)
def test_droop_is_written_as_the_model_has_it(case, model, parameter, value):
    grid = load_grid(case)
    set_droop(grid, 0.04, grid.machines[:1])
    governor = governor_of(grid, grid.machines[0])
    assert governor.kind == model
    assert getattr(governor.model, parameter).v[governor.position] == pytest.approx(value)


def test_damping(grid):
    set_damping(grid, value_pu=2.0, machines=select_machines(grid, [3]))
    set_damping(grid, factor=2.0, machines=select_machines(grid, [3]))
    assert grid.system.GENROU.D.v[grid.system.GENROU.idx.v.index(3)] == 4.0
    with pytest.raises(GridError, match="D of 1 is zero"):
        set_damping(grid, factor=2.0, machines=select_machines(grid, [1]))


@pytest.mark.parametrize("generation", ["proportional", "headroom"])
@pytest.mark.parametrize("factor", [0.9, 1.02])
def test_scaled_loads_are_followed(grid, generation, factor):
    load_mw, before = grid.load_mw, generation_pu(grid)
    scale_loads(grid, factor, generation=generation)
    assert grid.load_mw == pytest.approx(factor * load_mw)
    after = generation_pu(grid)
    assert (sum(after.values()) - sum(before.values())) * grid.base_mva == pytest.approx((factor - 1) * load_mw)
    if generation == "proportional":
        assert after["2"] / after["3"] == pytest.approx(before["2"] / before["3"])


def test_scaled_loads_of_one_bus(grid):
    other = grid.find_bus(8).load_mw
    before = grid.find_bus(7).load_mw
    scale_loads(grid, 1.1, [7], "slack")
    assert grid.find_bus(7).load_mw == pytest.approx(1.1 * before)
    assert grid.find_bus(8).load_mw == other


def test_loads_that_cannot_be_scaled(grid):
    with pytest.raises(GridError, match="its limit is"):
        scale_loads(grid, 2.0)
    with pytest.raises(GridError, match="MW of room"):
        scale_loads(grid, 2.0, generation="headroom")
    with pytest.raises(GridError, match="bus 1 has no base load"):
        scale_loads(grid, 1.1, [1])
    with pytest.raises(GridError, match="no bus 99"):
        scale_loads(grid, 1.1, [99])


def test_redispatch_follows_headroom(grid):
    before = generation_pu(grid)
    shares = redispatch(grid, 185.4139)
    assert sum(shares.values()) == pytest.approx(185.4139)
    # machines 2 and 3 have 200 MW of headroom each, machine 4 has 1300, the slack 154
    added = {name: (p - before[name]) * grid.base_mva for name, p in generation_pu(grid).items()}
    assert added["4"] / added["2"] == pytest.approx(1300 / 200)
    assert shares["1"] == pytest.approx(185.4139 * 154.139 / 1854.139, rel=1e-3)


def test_redispatch_over_named_machines(grid):
    shares = redispatch(grid, 100, [2, 3])
    assert len(shares) == 2
    assert sum(shares.values()) == pytest.approx(100)
    with pytest.raises(GridError, match="headroom"):
        redispatch(grid, 1000, [2])
    with pytest.raises(GridError, match="no machine 9"):
        redispatch(grid, 10, [9])


def test_replaced_load_leaves_the_rest(grid):
    before = grid.load_mw
    replace_load(grid, 7, 100.0, 20.0)
    assert grid.load_mw == pytest.approx(before - 100)
    with pytest.raises(GridError, match="cannot be replaced"):
        replace_load(grid, 7, 5000.0, 0.0)


def test_line_out_and_in():
    grid = load_grid("ieee39")
    line = grid.find_line(ends=(16, 17))
    take_line_out(grid, line)
    is_open = grid.find_line(line.idx)
    assert not is_open.in_service
    assert grid.system.Line.u.v[grid.system.Line.idx.v.index(line.idx)] == 0
    with pytest.raises(GridError, match=f"line {line.idx} is out of service already"):
        take_line_out(grid, is_open)
    put_line_in(grid, is_open)
    with pytest.raises(GridError, match=f"line {line.idx} is in service already"):
        put_line_in(grid, grid.find_line(line.idx))


def test_line_that_would_split_the_grid():
    grid = load_grid("ieee39")
    with pytest.raises(GridError, match=r"only connection of bus 38.*machine GENROU_9, but no slack"):
        take_line_out(grid, grid.find_line(ends=(29, 38)))
    take_line_out(grid, grid.find_line(ends=(12, 11)))
    with pytest.raises(GridError, match=r"only connection of bus 12.*without a machine"):
        take_line_out(grid, grid.find_line(ends=(12, 13)))


def test_inverters_take_the_place_of_machines_with_all_their_controls():
    grid = load_grid("ieee39")
    before, machine = grid.inertia_mws, grid.find_machine("GENROU_5")
    replace_by_inverters(grid, [machine])
    assert before - grid.inertia_mws == pytest.approx(machine.inertia_s * machine.rating_mva)
    assert machine not in grid.machines
    (plant,) = grid.inverters
    assert (plant.bus, plant.generator, plant.rating_mva) == (machine.bus, machine.generator, machine.rating_mva)
    assert str(machine.generator) not in headroom_mw(grid)
    for model in grid.system.models.values():
        for parameter in model.params.values():
            assert machine.idx not in list(parameter.v), f"{model.class_name}.{parameter.name}"


def test_weakly_connected_plant_is_noted():
    grid = load_grid("wecc179")
    replace_by_inverters(grid, largest_share(grid, 0.3))  # does not run stably, at any step
    assert any("inverter:GENROU_18" in note and "weakly connected" in note for note in grid.notes)
    strong = load_grid("npcc140")
    replace_by_inverters(strong, select_machines(strong, ["GENROU_48"]))
    assert not any("weakly connected" in note for note in strong.notes)


def test_share_of_the_rating():
    grid = load_grid("ieee39")
    total = grid.rating_mva
    for share in (0.15, 0.3, 0.6):
        chosen = sum(m.rating_mva for m in largest_share(grid, share))
        assert chosen / total == pytest.approx(share, abs=0.08)
    assert largest_share(grid, 0.3)[0].idx == "GENROU_9"
    assert largest_share(grid, 0.3, "smallest")[0].rating_mva == min(m.rating_mva for m in grid.machines)
    with pytest.raises(GridError, match="less than half of machine GENROU_9"):
        largest_share(grid, 0.01)


def test_machines_that_cannot_be_replaced(grid):
    with pytest.raises(GridError, match="leave at least one machine"):
        replace_by_inverters(grid, grid.machines)


def test_infinite_bus_is_left_alone():
    from pathlib import Path

    grid = load_grid("three_bus.raw", "three_bus_hygov.dyr", folder=Path(__file__).parents[1] / "data")
    infinite = next(m for m in grid.machines if m.infinite)
    with pytest.raises(GridError, match="infinite bus: its inertia"):
        scale_inertia(grid, 0.5, [infinite])
    with pytest.raises(GridError, match="infinite bus: an inverter"):
        replace_by_inverters(grid, [infinite])
    scale_inertia(grid, 0.5)
    assert grid.system.GENCLS.M.v[0] == 1e10


def test_typical_parameters_are_ones_that_andes_knows(grid):
    for model, parameters in typical_parameters().items():
        assert set(parameters) <= set(grid.system.models[model].params)
