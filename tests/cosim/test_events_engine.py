"""Faults, trips and shunts in the engine, against independent calculations."""

import numpy as np
import pytest

from cosim.engines.andes import AndesEngine, ShuntPoint
from grids import load_grid
from grids.grid import synchronous_models

NONE = np.zeros(0)
BUS = {"ieee14": 4, "ieee39": 16, "kundur": 7}
BOLTED = -1e6
"""Susceptance of a fault through 1e-6 pu."""


def make_engine(case, base_load=(1, 0, 0), shunts=(), tolerance=1e-8):
    grid = load_grid(case)
    grid.set_base_load(*base_load)
    engine = AndesEngine(grid, [], tolerance, shunts)
    assert engine.initialise(NONE, NONE).succeeded
    return engine


def phasors(engine):
    system = engine._system
    y = system.dae.y
    return y[system.Bus.v.a] * np.exp(1j * y[system.Bus.a.a])


def impedance_matrix(engine):
    """Zbus of the network before any event: branches from the case's data, loads as impedances, machines behind x''."""
    system = engine._system
    voltage = phasors(engine)
    position = {idx: k for k, idx in enumerate(system.Bus.idx.v)}
    matrix = np.zeros((len(position), len(position)), dtype=complex)
    line = system.Line
    for k in range(line.n):
        if not line.u.v[k]:
            continue
        i, j = position[line.bus1.v[k]], position[line.bus2.v[k]]
        series = 1 / complex(line.r.v[k], line.x.v[k])
        half = complex(line.g.v[k], line.b.v[k]) / 2
        turns = line.tap.v[k] * np.exp(1j * line.phi.v[k])
        incidence = np.array([1 / turns, -1.0])
        block = series * np.outer(incidence.conj(), incidence)
        block[0, 0] += (half + complex(line.g1.v[k], line.b1.v[k])) / abs(turns) ** 2
        block[1, 1] += half + complex(line.g2.v[k], line.b2.v[k])
        matrix[np.ix_([i, j], [i, j])] += block
    load, shunt = system.PQ, system.Shunt
    for k in range(load.n):
        at = position[load.bus.v[k]]
        matrix[at, at] += complex(load.p0.v[k], -load.q0.v[k]) / abs(voltage[at]) ** 2
    for k in range(shunt.n):
        at = position[shunt.bus.v[k]]
        matrix[at, at] += shunt.u.v[k] * complex(shunt.g.v[k], shunt.b.v[k])
    for model in synchronous_models(system):
        for k in range(model.n):
            at = position[model.bus.v[k]]
            matrix[at, at] += 1 / complex(model.ra.v[k], (model.xd2.v[k] + model.xq2.v[k]) / 2)
    return np.linalg.inv(matrix)


@pytest.mark.parametrize("case", BUS)
@pytest.mark.parametrize("reactance_pu", [1e-6, 0.05])
def test_fault_voltages_follow_the_impedance_matrix(case, reactance_pu):
    """V_k = V_k0 - Z_kf V_f0 / (Z_ff + Z_fault), with machines as constant voltages behind subtransient reactances."""
    engine = make_engine(case, shunts=[ShuntPoint("fault", BUS[case], 0.0, -1 / reactance_pu)])
    before, impedance = phasors(engine), impedance_matrix(engine)
    at = engine.elements["bus"].index(str(BUS[case]))
    expected = before - impedance[:, at] * before[at] / (impedance[at, at] + 1j * reactance_pu)
    engine.switch("Shunt", "fault", True)
    assert engine.solve_network()
    np.testing.assert_allclose(engine.channel("voltage_pu"), np.abs(expected), atol=2e-3)
    if reactance_pu == 1e-6:
        assert engine.channel("voltage_pu")[at] < 1e-3


@pytest.mark.parametrize("base_load", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.2, 0.3, 0.5)])
def test_a_bolted_fault_and_its_clearing_can_be_solved_with_any_base_load(base_load):
    engine = make_engine("ieee39", base_load, [ShuntPoint("fault", 16, 0.0, BOLTED)], tolerance=1e-6)
    assert engine.step(0.01)
    before = engine.channel("voltage_pu").copy()
    engine.switch("Shunt", "fault", True)
    assert engine.solve_network()
    assert engine.channel("voltage_pu")[engine.elements["bus"].index("16")] < 1e-3
    engine.switch("Shunt", "fault", False)  # cleared at once: nothing has moved
    assert engine.solve_network()
    np.testing.assert_allclose(engine.channel("voltage_pu"), before, atol=1e-6)
    for on in (True, False):
        engine.switch("Shunt", "fault", on)
        assert engine.solve_network()
        assert all(engine.step(0.01) for _ in range(8))
    assert engine.is_stable()


@pytest.mark.parametrize(
    ("case", "machine"), [("ieee14", 1), ("ieee39", 2), ("wecc179", 1), ("npcc140", 2), ("kundur", 0)]
)
def test_slope_after_a_generator_trip(case, machine):
    """d f_COI / dt = -P f0 / (2 H S) over 20 ms, inertia without the tripped machine, constant-power base loads."""
    engine = make_engine(case, (0, 0, 1), tolerance=1e-6)
    tripped = engine._grid.machines[machine]
    lost_mw = engine.channel("generator_mw")[machine]
    left_mws = engine.inertia_mws.sum() - engine.inertia_mws[machine]
    engine.switch(tripped.model, tripped.idx, False)
    assert engine.solve_network()
    start_hz = engine.coi_hz()
    assert start_hz == pytest.approx(60.0, abs=1e-9)
    assert all(engine.step(0.005) for _ in range(4))
    assert (engine.coi_hz() - start_hz) / 0.02 == pytest.approx(-lost_mw * 60 / (2 * left_mws), rel=0.05)
    assert np.isnan(engine.channel("speed_pu")[machine])
    assert np.isfinite(engine.channel("frequency_hz")).all()
    assert engine.channel("generator_mw")[machine] == 0


def test_trip_and_reclosing_return_to_the_first_state():
    engine = make_engine("ieee39")
    before = phasors(engine)
    engine.switch("Line", "Line_21", False)
    assert engine.solve_network()
    assert np.abs(phasors(engine) - before).max() > 1e-3
    engine.switch("Line", "Line_21", True)
    assert engine.solve_network()
    np.testing.assert_allclose(phasors(engine), before, atol=1e-8)


def test_a_dead_bus_comes_back_with_its_load():
    """Bus 8 of ieee14 hangs on one line and has a machine; without it the bus is dead until the line closes."""
    engine = make_engine("ieee14")
    machine = next(m for m in engine._grid.machines if str(m.bus) == "8")
    line = next(line for line in engine._grid.lines if "8" in (str(line.from_bus), str(line.to_bus)))
    engine.switch(machine.model, machine.idx, False)
    assert engine.solve_network()
    before = engine.channel("voltage_pu").copy()
    engine.switch("Line", line.idx, False)
    assert engine.solve_network()
    assert engine.deenergised == ["8"]
    assert engine.channel("voltage_pu")[7] == 0
    engine.switch("Line", line.idx, True)
    assert engine.solve_network()
    assert engine.deenergised == []
    np.testing.assert_allclose(engine.channel("voltage_pu"), before, atol=1e-6)


def test_a_machine_on_a_bus_of_its_own_speeds_up_alone():
    """Bus 30 of ieee39 has a machine and one line: open, the machine carries nothing and df/dt = Pm f0 / (2 H S)."""
    engine = make_engine("ieee39", tolerance=1e-6)
    k = next(k for k, m in enumerate(engine._grid.machines) if str(m.bus) == "30")
    power_mw = engine.channel("generator_mw")[k]
    line = next(line for line in engine._grid.lines if "30" in (str(line.from_bus), str(line.to_bus)))
    engine.switch("Line", line.idx, False)
    assert engine.solve_network()
    assert engine.channel("generator_mw")[k] == pytest.approx(0, abs=1e-3)
    assert all(engine.step(0.005) for _ in range(4))
    slope = (engine.channel("speed_pu")[k] - 1) / 0.02
    assert slope == pytest.approx(power_mw / (2 * engine.inertia_mws[k]), rel=0.05)
    assert engine.is_stable()


@pytest.mark.parametrize("shares", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.2, 0.3, 0.5)])
def test_base_loads_keep_their_power_and_depend_on_voltage_as_after_psse_conl(shares):
    """P = P0 (z (V/V0)^2 + i V/V0 + p), V0 the voltage of the power flow; a shunt moves the voltage."""
    z, i, p = shares
    engine = make_engine("ieee14", shares, [ShuntPoint("reactor", 9, 0.0, -0.5)])
    start = engine.channel("voltage_pu").copy()
    engine.switch("Shunt", "reactor", True)
    assert engine.solve_network()
    system, now = engine._system, engine.channel("voltage_pu")
    assert now.min() > 0.7
    generated = engine.channel("generator_mw").sum() / 100
    bus = engine.base_load_bus
    ratio = now[bus] / start[bus]
    load = (system.PQ.p0.v * (z * ratio**2 + i * ratio + p)).sum()
    line = system.Line
    y = phasors(engine)
    one, two = line.a1.a, line.a2.a
    turns = line.tap.v * np.exp(1j * line.phi.v)
    current = (y[one] / turns - y[two]) / (line.r.v + 1j * line.x.v)
    losses = (np.abs(current) ** 2 * line.r.v).sum()
    assert generated == pytest.approx(load + losses, abs=1e-5)


def test_constant_power_base_load_is_an_impedance_below_its_break():
    """0.35 pu at the load leaves a quarter of its power: (0.35 / 0.7)^2."""
    engine = make_engine("ieee14", (0, 0, 1))
    system = engine._system
    load = system.ControlledLoad
    at = [k for k, idx in enumerate(load.idx.v) if str(idx).startswith("base:")]
    assert len(at) == system.PQ.n
    system.dae.y[load.v.a] = 0.35
    system.vars_to_models()
    system.TDS.fg_update(models=system.exist.pflow_tds)
    np.testing.assert_allclose(load.a.e[at], system.PQ.p0.v / 4, rtol=1e-9)


@pytest.mark.parametrize("base_load", [(1, 0, 0), (0, 0, 1), (0.2, 0.3, 0.5)])
def test_shedding_leaves_a_share_of_every_base_load(base_load):
    engine = make_engine("kundur", base_load)
    system, start = engine._system, engine.channel("voltage_pu").copy()

    def drawn():
        system.dae.y[system.Bus.v.a] = start
        system.vars_to_models()
        system.TDS.fg_update(models=system.exist.pflow_tds)
        return system.PQ.a.e.sum() + (system.ControlledLoad.a.e.sum() if system.ControlledLoad.n else 0.0)

    full = drawn()
    assert full * 100 == pytest.approx(engine.base_load_mw.sum())
    engine.scale_base_loads(np.full(system.PQ.n, 0.8))
    assert drawn() == pytest.approx(0.8 * full)


def test_save_and_restore_repeat_a_step_bit_for_bit():
    engine = make_engine("ieee39", shunts=[ShuntPoint("fault", 16, 0.0, -10.0)])
    engine.switch("Shunt", "fault", True)
    assert engine.solve_network()
    assert engine.step(0.01)
    saved = engine.save()
    assert engine.step(0.01)
    first = engine.save()
    engine.restore(saved)
    assert engine.step(0.01)
    np.testing.assert_array_equal(engine.save().states, first.states)
    np.testing.assert_array_equal(engine.save().algebraic, first.algebraic)
