"""Physics of the engine: what theory says must come out."""

from functools import cache

import numpy as np
import pytest

from cosim.engines.andes import AndesEngine, LoadPoint
from grids import load_grid
from grids.grid import synchronous_models

BUSES = {"ieee14": 4, "ieee39": 16, "kundur": 7, "npcc140": 50, "wecc179": 80}
STEP_MW = {"ieee14": 10.0, "ieee39": 200.0, "kundur": 100.0, "npcc140": 200.0, "wecc179": 500.0}


def make_engine(case, loads=(), base_load=(1, 0, 0), tolerance=1e-6, start_mw=0.0):
    grid = load_grid(case)
    grid.set_base_load(*base_load)
    engine = AndesEngine(grid, list(loads), tolerance)
    start = np.full(len(loads), start_mw)
    initialisation = engine.initialise(start, 0 * start)
    assert initialisation.succeeded
    return engine


def accelerating_power_pu(engine):
    """Sum of Tm - Te over all machines, on the system base."""
    return sum(float((m.u.v * (m.tm.v - m.te.v)).sum()) for m in synchronous_models(engine._system))


def coi_hz(engine):
    weights = engine.inertia_mws / engine.inertia_mws.sum()
    return engine.nominal_hz * float(weights @ engine.channel("speed_pu"))


@cache
def step_response(base_load, step_s):
    """COI and slowest machine of ieee39 after 200 MW are connected at bus 16, 8 s."""
    engine = make_engine("ieee39", [LoadPoint("step", 16)], base_load)
    engine.set_power(np.array([200.0]), np.array([0.0]))
    assert engine.solve_network()
    coi, nadir = [coi_hz(engine)], engine.nominal_hz
    for _ in range(round(8 / step_s)):
        assert engine.step(step_s)
        coi.append(coi_hz(engine))
        nadir = min(nadir, engine.nominal_hz * float(engine.channel("speed_pu").min()))
    return np.array(coi), nadir


@pytest.mark.parametrize("case", BUSES)
def test_flat_run_stays_flat(case):
    engine = make_engine(case)
    for _ in range(200):
        assert engine.step(0.02)
    assert np.abs(engine.channel("speed_pu") - 1).max() * engine.nominal_hz < 1e-6
    assert engine.time_s == pytest.approx(4.0)


@pytest.mark.parametrize("case", BUSES)
def test_initial_rocof_is_what_the_machines_torques_say(case):
    """d f_COI / dt = sum(Tm - Te) f0 / (2 H S), right after the jump."""
    engine = make_engine(case, [LoadPoint("step", BUSES[case])])
    engine.set_power(np.array([STEP_MW[case]]), np.array([0.0]))
    assert engine.solve_network()
    inertia_pu = engine.inertia_mws.sum() / engine._base_mva
    theory = accelerating_power_pu(engine) * engine.nominal_hz / (2 * inertia_pu)
    before = coi_hz(engine)
    assert engine.step(0.002)
    assert (coi_hz(engine) - before) / 0.002 == pytest.approx(theory, rel=0.02)


def test_initial_rocof_with_constant_power_loads_is_that_of_the_whole_step():
    """With constant-power base loads nothing else gives way: slope over 20 ms = -dP f0 / (2 H S)."""
    coi, _ = step_response((0, 0, 1), 0.01)
    inertia_mws = load_grid("ieee39").inertia_mws
    assert (coi[2] - coi[0]) / 0.02 == pytest.approx(-200 * 60 / (2 * inertia_mws), rel=0.05)


def test_half_the_step_changes_the_nadir_by_less_than_one_percent():
    _, nadir = step_response((1, 0, 0), 0.01)
    _, finer = step_response((1, 0, 0), 0.005)
    assert 60 - nadir == pytest.approx(60 - finer, rel=0.01)


def test_settling_frequency_follows_droop():
    """ieee14, every machine with TGOV1: df = -dP R_total, after the governors have settled."""
    engine = make_engine("ieee14", [LoadPoint("step", 4)], base_load=(0, 0, 1))
    governor = engine._system.TGOV1
    damping = engine._system.GENROU.D.v.sum()
    stiffness = (1 / governor.R.v).sum() + damping + governor.Dt.v.sum()
    engine.set_power(np.array([10.0]), np.array([0.0]))
    assert engine.solve_network()
    mechanical = engine._system.GENROU.tm.v.sum()
    for _ in range(3000):
        assert engine.step(0.02)
    picked_up = engine._system.GENROU.tm.v.sum() - mechanical
    speed = engine.channel("speed_pu").mean() - 1
    assert np.ptp(engine.channel("speed_pu")) < 1e-6
    assert picked_up == pytest.approx(-speed * stiffness, rel=1e-3)
    assert speed == pytest.approx(-0.1 / stiffness, rel=0.1)  # losses change a little too


def test_energy_balance():
    """Generation = loads + losses, and the controlled load draws what it was told, at any voltage."""
    engine = make_engine("ieee39", [LoadPoint("site", 16, z=0.2, i=0.3, p=0.5)], start_mw=150.0)
    power, _ = engine.load_power()
    v = engine.load_voltage_pu()[0]
    assert power[0] == pytest.approx(150 * (0.2 * v**2 + 0.3 * v + 0.5))
    system = engine._system
    line = system.Line
    into_lines = engine.channel("line_mw").sum()
    y = system.dae.y
    v1, a1, v2, a2 = y[line.v1.a], y[line.a1.a], y[line.v2.a], y[line.a2.a]
    y12 = 1 / (line.r.v + 1j * line.x.v)
    ratio = line.tap.v * np.exp(1j * line.phi.v)
    to_side = v2 * np.exp(1j * a2)
    from_side = v1 * np.exp(1j * a1)
    shunt = line.g2.v + 1j * line.b2.v + (line.g.v + 1j * line.b.v) / 2
    received = to_side * np.conj((y12 + shunt) * to_side - y12 / ratio * from_side)
    losses_mw = into_lines + received.real.sum() * 100
    voltage = dict(zip(system.Bus.idx.v, y[system.Bus.v.a], strict=True))
    base_mw = 100 * sum(
        p / v0**2 * voltage[b] ** 2 for p, v0, b in zip(system.PQ.Ppf.v, system.PQ.v0.v, system.PQ.bus.v, strict=True)
    )
    generated_mw = engine.channel("generator_mw").sum()
    assert generated_mw == pytest.approx(base_mw + power[0] + losses_mw, abs=0.01)


def test_below_v_min_the_load_is_an_impedance_and_the_border_is_continuous():
    engine = make_engine("ieee14", [LoadPoint("site", 9, z=0, i=0, p=1, v_min_pu=0.7)], start_mw=10.0)
    system = engine._system
    load = system.ControlledLoad

    def drawn(voltage):
        saved = engine.save()
        saved.algebraic[load.v.a[0]] = voltage  # bus voltage, out of equilibrium
        engine.restore(saved)
        return engine.load_power()[0][0]

    assert drawn(0.7001) == pytest.approx(10.0)
    assert drawn(0.6999) == pytest.approx(10.0, rel=1e-3)
    assert drawn(0.35) == pytest.approx(10.0 / 4)
    system.TDS.fg_update(models=system.exist.pflow_tds)
    assert load.low.z1[0] == 1  # ANDES's own equations see the same border


def test_a_bolted_fault_at_the_poi_can_be_solved():
    """A constant-power load has no solution there; the impedance below v_min has."""
    engine = make_engine("ieee39", [LoadPoint("site", 16)], start_mw=500.0)
    shunt = engine._system.Shunt
    bus = list(engine._system.Bus.idx.v).index(16)
    shunt.a.a[0], shunt.v.a[0] = bus, engine._system.Bus.v.a[bus]
    engine._system.store_adder_setter(engine._system.exist.pflow_tds)
    shunt.b.v[0] = -1e4
    engine._network.forget()
    assert engine.solve_network()
    assert engine.load_voltage_pu()[0] < 0.05
    for _ in range(5):
        assert engine.step(0.005)


def test_line_trip_opens_the_line_and_moves_its_flow():
    engine = make_engine("ieee39")
    k = engine.elements["line"].index("Line_20")
    assert abs(engine.channel("line_mw")[k]) > 100
    speeds = engine.channel("speed_pu").copy()
    engine.switch("Line", "Line_20", False)
    assert engine.solve_network()
    assert engine.channel("line_mw")[k] == 0
    np.testing.assert_array_equal(engine.channel("speed_pu"), speeds)  # states are held at t+


def test_failed_step_changes_nothing():
    engine = make_engine("ieee14", [LoadPoint("site", 14)], start_mw=5.0)
    before = engine._system.dae.xy.copy()
    engine.set_power(np.array([1e5]), np.array([0.0]))
    assert not engine.step(0.01)
    assert engine.time_s == 0
    np.testing.assert_array_equal(engine._system.dae.xy, before)
    engine.set_power(np.array([5.0]), np.array([0.0]))
    assert engine.step(0.01)


def test_power_flow_without_solution_is_reported():
    grid = load_grid("ieee14")
    engine = AndesEngine(grid, [LoadPoint("site", 14)], 1e-6)
    outcome = engine.initialise(np.array([5000.0]), np.array([0.0]))
    assert not outcome.power_flow_converged
    assert not outcome.succeeded
