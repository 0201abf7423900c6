"""Build the arrays that `cosim.compiled.grid_kernel` works on from a flattened ANDES system."""

from typing import Any

import numpy as np
from andes.linsolvers.scipy import spmatrix_to_csc
from scipy.sparse import coo_matrix

from cosim.compiled import grid_kernel as kernel
from cosim.compiled.arena import VARIABLES
from cosim.compiled.flat_system import FlatSystem, NotCovered
from cosim.compiled.grid_kernel import Grid
from cosim.compiled.sparse_lu import analyse, no_factors
from cosim.engines.bypassed import bypassed_second_order
from grids.grid import synchronous_models

FIRST_STEP_S = 0.01
"""Length of the step whose matrix the first ordering is made for."""


def grid_arrays(flat: FlatSystem, loads: int) -> Grid:
    """Arrays of a scenario whose ANDES system is initialised.

    Parameters
    ----------
    flat
        The system.
    loads
        Number of controlled loads that a run drives; they are the first devices of ``ControlledLoad``.

    Raises
    ------
    NotCovered
        If a matrix is singular.
    """
    system, n, size = flat.system, flat.states, flat.size
    arena = np.zeros(flat.arena_size)
    parts = np.split(arena[VARIABLES : VARIABLES + 2 * size], [n, size, size + n])
    jacobian = flat.jacobian()
    rows, columns = flat.pattern.indices, np.repeat(np.arange(size), np.diff(flat.pattern.indptr))
    config = system.TDS.config
    condition = np.zeros(kernel.CONDITIONS, dtype=np.int64)
    condition[kernel.LINE_SEARCH] = config.linesearch
    condition[kernel.MAX_ITERATIONS] = config.max_iter
    condition[kernel.HAS_CONVERGED] = system.TDS.last_converged
    condition[kernel.ADDRESS], condition[kernel.JACOBIAN_ADDRESS] = arena.ctypes.data, jacobian.ctypes.data
    number = np.zeros(kernel.NUMBERS)
    number[kernel.TOLERANCE], number[kernel.TINY] = config.tol, system.TDS.tol_zero
    number[kernel.LENGTH_S], number[kernel.LAST_SWITCH_S] = np.nan, system.TDS._last_switch_t
    network = _Network(flat, rows, columns)
    empty = no_factors()
    controlled = system.ControlledLoad
    places = _places(flat, controlled)
    machines = synchronous_models(system)
    online = [np.flatnonzero(m.u.v) for m in machines]
    grid = Grid(
        arena=arena,
        x=parts[0],
        y=parts[1],
        f=parts[2],
        g=parts[3],
        jacobian=jacobian,
        matrix=np.zeros(len(jacobian)),
        residual=np.zeros(size),
        increment=np.zeros(size),
        origin=np.zeros(size),
        before=np.zeros(size + n),
        saved=np.zeros(size + n),
        number=number,
        condition=condition,
        factors=empty,
        network_factors=empty,
        function=flat.addresses,
        table=np.array([table.ctypes.data for table in flat.tables], dtype=np.int64),
        constant=flat.pattern.constant,
        is_algebraic=rows >= n,
        diagonal=flat.pattern.positions(np.arange(n), np.arange(n)),
        time_constant=np.array(system.dae.Tf, dtype=float),
        peg_flag=flat.peg_flag,
        peg_state=flat.peg_state,
        network_source=network.source,
        network_constant=network.constant,
        must_hold=network.must_hold,
        bus_v=np.asarray(system.Bus.v.a, dtype=np.int64) - 0,
        speed=np.concatenate([m.omega.a[k] for m, k in zip(machines, online, strict=True)]).astype(np.int64),
        angle=np.concatenate([m.delta.a[k] for m, k in zip(machines, online, strict=True)]).astype(np.int64),
        load_bus=np.array([system.Bus.idx2uid(bus) for bus in controlled.bus.v[:loads]], dtype=np.int64),
        load_p=places["p"] + np.arange(loads),
        load_q=places["q"] + np.arange(loads),
        load_shape=np.array([getattr(controlled, name).v[:loads] for name in ("kz", "ki", "kp", "vmin")]).T.copy()
        if loads
        else np.zeros((0, 4)),
    )
    flat.pull(arena)
    return with_network_order(with_step_order(grid, flat, FIRST_STEP_S), flat, network)


class _Network:
    """The matrix of the network right after a jump; see `cosim.engines.jump.NetworkSolver`."""

    def __init__(self, flat: FlatSystem, rows: np.ndarray, columns: np.ndarray):
        n, size = flat.states, flat.size
        time_constants = np.asarray(flat.system.dae.Tf)
        fx = spmatrix_to_csc(flat.system.dae.fx).tolil()
        derivative, follower = bypassed_second_order(fx, time_constants)
        is_algebraic = time_constants == 0.0
        held = is_algebraic & ~derivative | follower
        order = np.arange(n)
        order[np.flatnonzero(follower)] = np.flatnonzero(derivative)
        order[np.flatnonzero(derivative)] = np.flatnonzero(follower)
        hold = np.where(held, 0.0, 1.0)[order]  # of each row, at the column that `order` gives
        self.must_hold = is_algebraic.astype(float)
        takes = np.where(rows < n, is_algebraic[np.minimum(rows, n - 1)], True) if n else np.ones(len(rows), bool)
        taken = np.flatnonzero(takes)
        kept_rows = np.flatnonzero(hold)
        matrix = coo_matrix(
            (
                np.ones(len(taken) + len(kept_rows)),
                (np.append(rows[taken], kept_rows), np.append(columns[taken], order[kept_rows])),
            ),
            shape=(size, size),
        ).tocsc()
        matrix.sort_indices()
        self.indptr, self.indices = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64)
        key = self.indices + size * np.repeat(np.arange(size), np.diff(self.indptr))  # ascending
        self.source = np.full(len(key), -1, dtype=np.int64)
        self.source[np.searchsorted(key, rows[taken] + size * columns[taken])] = taken
        self.constant = np.zeros(len(key))
        self.constant[np.searchsorted(key, kept_rows + size * order[kept_rows])] = hold[kept_rows]


def with_step_order(grid: Grid, flat: FlatSystem, step_s: float) -> Grid:
    """The grid with pivots that serve the present matrix of a step.

    Raises
    ------
    NotCovered
        If the matrix is singular.
    """
    kernel.step_matrix(grid, step_s)
    factors = analyse(flat.pattern.indptr, flat.pattern.indices, grid.matrix)
    if factors is None:
        raise NotCovered("the Jacobian is singular")
    grid.condition[kernel.HAS_FACTORS] = 0
    return grid._replace(factors=factors)


def with_network_order(grid: Grid, flat: FlatSystem, network: _Network | None = None) -> Grid:
    """The grid with pivots that serve the present matrix of the network; it may still be singular.

    Raises
    ------
    NotCovered
        If the matrix is singular.
    """
    if network is None:
        columns = np.repeat(np.arange(flat.size), np.diff(flat.pattern.indptr))
        network = _Network(flat, flat.pattern.indices, columns)
    factors = analyse(network.indptr, network.indices, kernel.network_matrix(grid))
    if factors is None:
        raise NotCovered("the network's Jacobian is singular")
    grid.condition[kernel.HAS_NETWORK_FACTORS] = 0
    return grid._replace(network_factors=factors)


def _places(flat: FlatSystem, controlled: Any) -> dict[str, int]:
    """Where the power of controlled loads starts in the arena."""
    if not controlled.n:
        return {"p": 0, "q": 0}
    return {
        name: next(at for slot, at in flat.slots if slot.read() is getattr(controlled, name).v) for name in ("p", "q")
    }
