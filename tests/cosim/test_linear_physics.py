"""Physics of the linear engine: balance of power, inertia and droop, and steps that do not matter."""

from itertools import pairwise

import numpy as np
import pytest

from cosim.engines.andes import LoadPoint
from cosim.engines.linear import LinearEngine
from grids import load_grid
from grids.grid import synchronous_models

BUSES = {"ieee14": 4, "ieee39": 16, "kundur": 7, "npcc140": 50, "wecc179": 80}
STEP_MW = {"ieee14": 2.0, "ieee39": 60.0, "kundur": 30.0, "npcc140": 100.0, "wecc179": 300.0}
CASES = [pytest.param(case, marks=[pytest.mark.slow] * (case == "wecc179")) for case in BUSES]
CHANNELS = ("voltage_pu", "frequency_hz", "speed_pu", "rotor_angle_rad", "generator_mw", "line_mw")


def make_engine(case, *buses, base_load=(0, 0, 1), start_mw=0.0):
    grid = load_grid(case)
    grid.set_base_load(*base_load)
    engine = LinearEngine(grid, [LoadPoint(f"load {bus}", bus) for bus in buses], 1e-8)
    start = np.full(len(buses), start_mw)
    assert engine.initialise(start, 0 * start).succeeded
    return engine


def connect(engine, *power_mw):
    engine.set_power(np.array(power_mw, dtype=float), np.zeros(len(power_mw)))
    assert engine.solve_network()


@pytest.mark.parametrize("case", CASES)
def test_flat_run_stays_flat(case):
    """To the last digit: nothing drives it."""
    engine = make_engine(case, BUSES[case], start_mw=STEP_MW[case])
    start = {name: engine.channel(name).copy() for name in CHANNELS}
    for _ in range(1000):
        assert engine.step(0.02)
    for name, values in start.items():
        np.testing.assert_array_equal(engine.channel(name), values)
    assert engine.time_s == pytest.approx(20.0)


def torque_step_mw(engine, load_mw):
    """What a load that connects adds to the machines' torques at once, stator losses included."""
    system, space = engine.source._system, engine.linear.space
    torques = np.concatenate([system.dae.n + model.te.a for model in synchronous_models(system) if model.n])
    return float(np.sum(space.feedthrough[torques] @ engine.columns[:, 0]) * load_mw * 100)


@pytest.mark.parametrize("case", CASES)
def test_initial_rocof_is_power_over_inertia(case):
    """df/dt = -dP f0 / (2 H S), with what the network loses more counted to dP: constant-power base loads."""
    engine = make_engine(case, BUSES[case])
    connect(engine, STEP_MW[case])
    step_mw = torque_step_mw(engine, STEP_MW[case])
    assert step_mw == pytest.approx(STEP_MW[case], rel=0.12)  # a little more, or less, is lost on the way
    start_hz = engine.coi_hz()
    assert start_hz == pytest.approx(engine.nominal_hz, abs=1e-9)
    h = 1e-6  # the machines' fluxes move on within milliseconds
    assert engine.step(h)
    finite = engine.inertia_mws[np.isfinite(engine.inertia_mws)]
    theory = -step_mw * engine.nominal_hz / (2 * finite.sum())
    assert (engine.coi_hz() - start_hz) / h == pytest.approx(theory, rel=2e-3)


def test_settling_frequency_is_droop():
    """ieee14, every machine with TGOV1: df = -dP R_total, once everything has settled."""
    engine = make_engine("ieee14", 4)
    governor, machine = engine.source._system.TGOV1, engine.source._system.GENROU
    stiffness = np.sum(1 / governor.R.v) + np.sum(machine.D.v) + np.sum(governor.Dt.v)
    before_mw = engine.channel("generator_mw").sum()
    connect(engine, 2.0)
    for _ in range(4000):
        assert engine.step(0.1)
    speed = engine.channel("speed_pu") - 1
    assert np.ptp(speed) < 1e-9
    delivered_pu = (engine.channel("generator_mw").sum() - before_mw) / 100
    assert delivered_pu == pytest.approx(0.02, rel=0.1)  # losses change a little too
    assert speed.mean() == pytest.approx(-delivered_pu / stiffness, rel=1e-6)


def test_two_loads_do_what_each_does_alone():
    """Superposition, at the same operating point."""
    answers = []
    for powers in ((20.0, 0.0), (0.0, -35.0), (20.0, -35.0)):
        engine = make_engine("kundur", 7, 9)
        start = {name: engine.channel(name).copy() for name in CHANNELS}
        connect(engine, *powers)
        for _ in range(200):
            assert engine.step(0.01)
        answers.append({name: engine.channel(name) - start[name] for name in CHANNELS})
    one, other, both = answers
    for name in CHANNELS:
        np.testing.assert_allclose(one[name] + other[name], both[name], atol=1e-9 * np.abs(both[name]).max())


@pytest.mark.parametrize("case", ["kundur", "ieee39", "npcc140"])
@pytest.mark.parametrize("parts", [2, 5])
def test_the_step_does_not_matter(case, parts):
    """Loads on the same straight lines, in whole steps or in parts of them: no trapezoidal rule does that."""
    rng = np.random.default_rng(0)
    level = STEP_MW[case] * np.concatenate([[0.0], rng.normal(size=100)])
    whole, fine = make_engine(case, BUSES[case]), make_engine(case, BUSES[case])
    for start_mw, end_mw in pairwise(level):
        whole.set_power(np.array([end_mw]), np.zeros(1))
        assert whole.step(0.05)
        for k in range(1, parts + 1):
            fine.set_power(np.array([start_mw + (end_mw - start_mw) * k / parts]), np.zeros(1))
            assert fine.step(0.05 / parts)
        for name in CHANNELS:
            reach = np.abs(whole.channel(name) - whole.linear.channels[name].present).max()
            np.testing.assert_allclose(fine.channel(name), whole.channel(name), rtol=1e-12, atol=1e-9 * max(reach, 1))


@pytest.mark.parametrize("case", ["kundur", "ieee39"])
def test_the_network_is_balanced_at_every_node(case):
    """What machines give in addition is what the load takes in addition, and losses of the second order of it."""
    engine = make_engine(case, BUSES[case])
    lines = engine.source._system.Line
    ends = lines.r.v.size
    before = engine.channel("generator_mw").sum()
    extra = []
    for k in range(1, 101):
        load_mw = STEP_MW[case] * np.sin(0.2 * k)
        engine.set_power(np.array([load_mw]), np.zeros(1))
        assert engine.step(0.02)
        extra.append((load_mw, engine.channel("generator_mw").sum() - before))
    assert engine.channel("line_mw").size == ends
    load, given = np.array(extra).T
    assert np.abs(given - load).max() < 0.25 * STEP_MW[case]
    assert np.corrcoef(load, given)[0, 1] > 0.98
