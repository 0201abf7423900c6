"""The arrays that `grid_kernel` and `jump_kernel` work on, from a flattened ANDES system."""

from typing import Any

import numpy as np
from andes.linsolvers.scipy import spmatrix_to_csc

from cosim.compiled import grid_kernel as kernel
from cosim.compiled import grid_layout as layout
from cosim.compiled import jump_kernel
from cosim.compiled.arena import VARIABLES
from cosim.compiled.directory import directory, enter
from cosim.compiled.flat_system import FlatSystem, NotCovered, Pattern
from cosim.compiled.sparse_lu import analyse, factor_arrays, no_factors
from cosim.engines.bypassed import bypassed_second_order
from cosim.engines.channels import Channels

FIRST_STEP_S = 0.01
"""Length of the step whose matrix the first ordering is made for."""


class GridArrays:
    """Arrays of one scenario whose ANDES system is initialised.

    Parameters
    ----------
    flat : FlatSystem
        The system.
    channels : Channels
        Of the same system.
    loads : int
        Number of controlled loads that a run drives; they are the first devices of ``ControlledLoad``.

    Attributes
    ----------
    arena, jacobian, number, condition : ndarray
        As of `cosim.compiled.grid_layout`.
    x, y, f : ndarray
        Views of the arena.
    load_p, load_q : ndarray of int
        Places of the loads' power in the arena.
    grid : cosim.compiled.grid_layout.Grid
        What compiled code takes; it stays good as long as this object lives.

    Raises
    ------
    NotCovered
        If a matrix is singular.
    """

    def __init__(self, flat: FlatSystem, channels: Channels, loads: int):
        self._flat = flat
        system, n, size = flat.system, flat.states, flat.size
        self.arena = np.zeros(flat.arena_size)
        flat.pull(self.arena)
        self.x, self.y, self.f, _ = np.split(self.arena[VARIABLES : VARIABLES + 2 * size], [n, size, size + n])
        self.jacobian = flat.jacobian()
        self._network = _Network(flat)
        self._matrix, self._network_matrix = np.zeros(len(self.jacobian)), np.zeros(len(self._network.source))
        self.condition, self.number = _conditions(system), _numbers(system)
        self.load_p, self.load_q, voltage, shape = _loads(flat, loads)
        arrays = {
            layout.ARENA: self.arena,
            layout.NUMBER: self.number,
            layout.CONDITION: self.condition,
            layout.JACOBIAN_VALUES: self.jacobian,
            layout.MATRIX: self._matrix,
            layout.RESIDUAL: np.zeros(size),
            layout.INCREMENT: np.zeros(size),
            layout.ORIGIN: np.zeros(size),
            layout.BEFORE: np.zeros(size + n),
            layout.SAVED: np.zeros(size + n),
            layout.NETWORK_MATRIX: self._network_matrix,
            layout.NETWORK_RESIDUAL: np.zeros(size),
            layout.FUNCTION: flat.addresses,
            layout.TABLE: np.array([table.ctypes.data for table in flat.tables], dtype=np.int64),
            layout.CONSTANT: flat.constant,
            layout.IS_ALGEBRAIC: (flat.pattern.indices >= n).astype(np.int64),
            layout.DIAGONAL: flat.pattern.positions(np.arange(n), np.arange(n)),
            layout.TIME_CONSTANT: np.array(system.dae.Tf, dtype=float),
            layout.PEG_FLAG: flat.peg_flag,
            layout.PEG_STATE: flat.peg_state,
            layout.NETWORK_SOURCE: self._network.source,
            layout.NETWORK_CONSTANT: self._network.constant,
            layout.MUST_HOLD: self._network.must_hold,
            layout.LOAD_P: self.load_p,
            layout.LOAD_Q: self.load_q,
            layout.LOAD_V: voltage,
            layout.LOAD_SHAPE: shape,
        }
        none = factor_arrays(no_factors())
        self._arrays = [arrays[k] for k in range(layout.FACTORS)] + none + none
        places = (channels.places(name).astype(np.int64) for name in ("bus_v", "speed", "rotor_angle"))
        self.grid = layout.Grid(directory(self._arrays), self.x, self.y, *places)
        self.order_step(FIRST_STEP_S)
        self.order_network()

    def order_step(self, step_s: float) -> None:
        """Choose pivots that serve the present matrix of a step.

        Raises
        ------
        NotCovered
            If the matrix is singular.
        """
        kernel.step_matrix(self.grid, step_s)
        self._take(self._flat.pattern, self._matrix, layout.FACTORS, layout.HAS_FACTORS)

    def order_network(self) -> None:
        """Choose pivots that serve the present matrix of the network right after a jump.

        Raises
        ------
        NotCovered
            If the matrix is singular.
        """
        jump_kernel.network_matrix(self.grid)
        self._take(self._network.pattern, self._network_matrix, layout.NETWORK_FACTORS, layout.HAS_NETWORK_FACTORS)

    def _take(self, pattern: Pattern, values: np.ndarray, first: int, has: int) -> None:
        factors = analyse(pattern.indptr, pattern.indices, values)
        if factors is None:
            raise NotCovered("the Jacobian is singular")
        self.condition[has] = 0
        for k, array in enumerate(factor_arrays(factors), start=first):
            self._arrays[k] = array
            enter(self.grid.listed, k, array)


class _Network:
    """The matrix of the network right after a jump; see `cosim.engines.jump.NetworkSolver`."""

    def __init__(self, flat: FlatSystem):
        n, size = flat.states, flat.size
        rows, columns = flat.pattern.indices, flat.pattern.columns
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
        taken = np.flatnonzero(np.append(is_algebraic, np.ones(size - n, dtype=bool))[rows])
        kept = np.flatnonzero(hold)
        self.pattern = Pattern.of(np.append(rows[taken], kept), np.append(columns[taken], order[kept]), size)
        self.source = np.full(len(self.pattern.indices), -1, dtype=np.int64)
        self.source[self.pattern.positions(rows[taken], columns[taken])] = taken
        self.constant = np.zeros(len(self.source))
        self.constant[self.pattern.positions(kept, order[kept])] = hold[kept]


def _conditions(system: Any) -> np.ndarray:
    config, out = system.TDS.config, np.zeros(layout.CONDITIONS, dtype=np.int64)
    out[layout.LINE_SEARCH], out[layout.MAX_ITERATIONS] = config.linesearch, config.max_iter
    out[layout.HAS_CONVERGED] = system.TDS.last_converged
    return out


def _numbers(system: Any) -> np.ndarray:
    tds, out = system.TDS, np.zeros(layout.NUMBERS)
    out[layout.TOLERANCE], out[layout.TINY] = tds.config.tol, tds.tol_zero
    out[layout.LENGTH_S], out[layout.LAST_SWITCH_S] = np.nan, tds._last_switch_t
    return out


def _loads(flat: FlatSystem, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of controlled loads: places of their power in the arena, of their voltage in y, and their shape, flat."""
    controlled, bus = flat.system.ControlledLoad, flat.system.Bus
    own = np.arange(count, dtype=np.int64)
    if not count:
        return own, own, own, np.zeros(0)
    p, q = (
        own + next(at for slot, at in flat.slots if slot.read() is getattr(controlled, name).v) for name in ("p", "q")
    )
    voltage = np.array([bus.v.a[bus.idx2uid(idx)] for idx in controlled.bus.v[:count]], dtype=np.int64)
    shape = np.array([getattr(controlled, name).v[:count] for name in ("kz", "ki", "kp", "vmin")])
    return p, q, voltage, shape.T.ravel().copy()
