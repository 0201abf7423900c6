"""The compiled engine by itself: its guard, what it refuses, when ANDES takes over, and its sparse factors."""

import threading
from concurrent.futures import ThreadPoolExecutor

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csc_matrix

from cosim.compiled.arena import VARIABLES
from cosim.compiled.check import check
from cosim.compiled.flat_system import FlatSystem, NotCovered, model_codes
from cosim.compiled.scalar_code import NotTranslatable, translate
from cosim.compiled.sparse_lu import analyse, factorise, solve
from cosim.engines.andes import LoadPoint
from cosim.engines.compiled import CompiledEngine
from grids import load_grid


def engine_of(case, bus, **arguments):
    """An engine in equilibrium with one load, which draws nothing yet."""
    engine = CompiledEngine(load_grid(case), [LoadPoint("dc", bus)], 1e-6, **arguments)
    return engine, engine.initialise(np.zeros(1), np.zeros(1))


@pytest.fixture(scope="module")
def kundur():
    return engine_of("kundur", 8)[0]


def test_guard_passes_and_leaves_everything_as_it_was(kundur):
    grid = kundur._arrays
    before = grid.arena.copy(), grid.jacobian.copy()
    check(kundur._flat, grid)
    assert np.array_equal(grid.arena, before[0])
    assert np.array_equal(grid.jacobian, before[1])


@pytest.mark.parametrize("model", ["GENROU", "TGOV1", "EXDC2"])
def test_guard_names_the_model_that_differs(kundur, model):
    """Parameters of one model are changed on the compiled side alone; ANDES is left as it was."""
    flat, grid = kundur._flat, kundur._arrays
    before, variables = grid.arena.copy(), kundur._system.dae.x.copy()
    number = flat.names.index(model)
    first, code = flat.tables[number][4 : 4 + len(flat.codes[number].slots)], flat.codes[number]
    for k, at in enumerate(first):
        if not code.slots[k].is_kept:
            grid.arena[at : at + code.count] *= 1.001
    with pytest.raises(NotCovered, match=model):
        check(flat, grid)
    assert np.array_equal(kundur._system.dae.x, variables)
    grid.arena[:] = before
    check(flat, grid)


def test_a_model_with_code_of_its_own_is_refused_by_name(kundur):
    model = kundur._system.GENROU
    model.flags.g_num = True
    try:
        with pytest.raises(NotCovered, match="GENROU has numerical code"):
            model_codes(kundur._system)
    finally:
        model.flags.g_num = False


def test_an_island_at_the_start_is_refused(kundur):
    bus = kundur._system.Bus
    bus.n_islanded_buses = 1
    try:
        with pytest.raises(NotCovered, match="1 buses are not connected"):
            FlatSystem(kundur._system)
    finally:
        bus.n_islanded_buses = 0


@pytest.mark.parametrize("is_required", [True, False])
def test_what_is_not_covered_stops_a_run_or_goes_to_andes(monkeypatch, is_required):
    def refuse(*_):
        raise NotCovered("XYZ: something numerical")

    monkeypatch.setattr("cosim.engines.compiled.FlatSystem", refuse)
    engine, found = engine_of("kundur", 8, is_required=is_required)
    assert found.succeeded != is_required
    assert engine.name == "andes"
    assert engine.reason == "XYZ: something numerical"
    if is_required:
        assert "XYZ: something numerical" in found.obstacle
    else:
        assert engine.step(0.01)


def test_andes_steps_while_a_bus_has_no_supply():
    """Bus 8 of ieee14 hangs on one machine and one line; without the machine it goes dark with the line."""
    engine, _ = engine_of("ieee14", 4)
    grid = engine._grid
    machine = next(m.idx for m in grid.machines if str(m.bus) == "8")
    line = next(line for line in grid.lines if "8" in (str(line.from_bus), str(line.to_bus)))
    model = next(m.class_name for m in engine._system.groups["SynGen"].models.values() if machine in list(m.idx.v))
    engine.switch(model, machine, False)
    assert engine.solve_network()
    assert engine.grid_kernel() is not None
    engine.switch("Line", line.idx, False)
    assert engine.solve_network()
    assert engine.deenergised == ["8"]
    assert engine.grid_kernel() is None
    for _ in range(10):
        assert engine.step(0.01)
    engine.switch("Line", line.idx, True)
    assert engine.solve_network()
    assert engine.grid_kernel() is not None
    assert [(away.from_s, away.to_s) for away in engine.away] == [(0.0, pytest.approx(0.1))]
    assert engine.away[0].buses == ["8"]
    assert engine.step(0.01)


def test_save_and_restore_repeat_a_step_to_the_bit(kundur):
    kundur.set_power(np.array([50.0]), np.array([10.0]))
    assert kundur.solve_network()
    assert kundur.step(0.01)  # renews the Jacobian
    saved = kundur.save()
    assert kundur.step(0.01)
    first = kundur.grid_kernel().x.copy()
    kundur.restore(saved)
    assert kundur.step(0.01)
    assert np.array_equal(kundur.grid_kernel().x, first)


def test_threads_give_the_same_bytes_as_one_after_the_other():
    def run(power_mw, gate):
        engine, _ = engine_of("ieee14", 4)
        gate.wait()
        engine.set_power(np.array([power_mw]), np.zeros(1))
        assert engine.solve_network()
        for _ in range(200):
            assert engine.step(0.01)
        return engine._arrays.arena.tobytes()

    alone = [run(power, threading.Barrier(1)) for power in (5.0, 10.0)]
    with ThreadPoolExecutor(2) as pool:
        gate = threading.Barrier(2)
        together = list(pool.map(lambda power: run(power, gate), (5.0, 10.0)))
    assert together == alone
    assert alone[0] != alone[1]


@given(
    st.integers(1, 12).flatmap(
        lambda n: arrays.arrays(np.float64, (n, n), elements=st.sampled_from([0.0, 0.0, 0.0, -2.5, 0.3, 1.0, 7.0]))
    ),
    st.integers(0, 2**32 - 1),
)
def test_factors_solve_what_scipy_factorises(dense, seed):
    dense = dense + np.diag(20.0 + np.abs(dense).sum(axis=1))
    matrix = csc_matrix(dense)
    factors = analyse(matrix.indptr, matrix.indices, matrix.data)
    right, out = np.random.default_rng(seed).normal(size=len(dense)), np.empty(len(dense))
    solve(factors, right, out)
    np.testing.assert_allclose(dense @ out, right, rtol=1e-10, atol=1e-12)
    changed = matrix.data * np.random.default_rng(seed + 1).uniform(0.9, 1.1, len(matrix.data))
    assert factorise(factors, changed)
    solve(factors, right, out)
    again = csc_matrix((changed, matrix.indices, matrix.indptr)) @ out
    np.testing.assert_allclose(again, right, rtol=1e-10, atol=1e-12)


def test_a_pivot_that_vanishes_asks_for_a_new_order_and_gets_it():
    matrix = csc_matrix(np.array([[4.0, 1.0], [1.0, 3.0]]))
    factors = analyse(matrix.indptr, matrix.indices, matrix.data)
    swapped = np.array([0.0, 1.0, 1.0, 0.0])
    assert not factorise(factors, swapped)
    fresh = analyse(matrix.indptr, matrix.indices, swapped)
    out = np.empty(2)
    solve(fresh, np.array([2.0, 5.0]), out)
    assert out.tolist() == [5.0, 2.0]


def test_a_singular_matrix_has_no_factors():
    matrix = csc_matrix(np.ones((2, 2)))
    assert analyse(matrix.indptr, matrix.indices, matrix.data) is None


def test_a_step_that_fails_leaves_the_grid_as_it_was(kundur):
    grid = kundur._arrays
    before, time_s = grid.arena[VARIABLES:][: len(grid.x) + len(grid.y)].copy(), kundur.time_s
    kundur.set_power(np.array([1e6]), np.zeros(1))
    assert not kundur.step(0.01)
    assert kundur.time_s == time_s
    assert np.array_equal(grid.arena[VARIABLES:][: len(grid.x) + len(grid.y)], before)
    kundur.set_power(np.array([50.0]), np.array([10.0]))
    assert kundur.step(0.01)


def test_unknown_functions_are_named():
    def f_update(a, b):
        return (erf(a) + b,)  # noqa: F821

    with pytest.raises(NotTranslatable, match="unknown function erf"):
        translate(f_update)


def test_conditions_become_a_chain():
    def g_update(a, b):
        return (select([less_equal(a, 0), greater(b, 1)], [1.0, a * b], default=nan) - b,)  # noqa: F821

    (text,) = translate(g_update).values
    from math import nan

    assert eval(text, {"a": -1.0, "b": 2.0, "nan": nan}) == -1.0
    assert eval(text, {"a": 3.0, "b": 2.0, "nan": nan}) == 4.0
    assert np.isnan(eval(text, {"a": 3.0, "b": 0.5, "nan": nan}))
