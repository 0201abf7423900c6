"""The engine that steps ANDES's equations in compiled code, with ANDES itself at hand for what is rare."""

from collections.abc import Sequence

import numpy as np

from cosim.compiled import grid_kernel as kernel
from cosim.compiled.arena import TIME
from cosim.compiled.check import check
from cosim.compiled.code_cache import Told
from cosim.compiled.flat_system import FlatSystem, NotCovered
from cosim.compiled.grid_arrays import FIRST_STEP_S, grid_arrays, with_network_order, with_step_order
from cosim.engines.andes import AndesEngine, Initialisation, LoadPoint, SavedState, ShuntPoint
from grids import Grid


class CompiledEngine(AndesEngine):
    """`AndesEngine` with its steps, and the network after a jump, in compiled code.

    Power flow, initialisation and switching are ANDES's: the state goes there and comes back. While buses are without
    supply, ANDES takes the steps too.

    Parameters
    ----------
    grid, loads, tolerance, shunts
        As of `AndesEngine`.
    is_required : bool
        Whether a system that is not covered cannot be run; else ANDES runs it, see `reason`.
    told : callable, optional
        Told each model that had to be compiled, and the seconds that it took.
    """

    def __init__(
        self,
        grid: Grid,
        loads: Sequence[LoadPoint],
        tolerance: float,
        shunts: Sequence[ShuntPoint] = (),
        *,
        is_required: bool = True,
        told: Told | None = None,
    ):
        super().__init__(grid, loads, tolerance, shunts)
        self._is_required, self._told = is_required, told
        self._arrays: kernel.Grid | None = None
        self._is_away = False
        self.reason = ""
        """Why ANDES takes the steps; empty if it does not."""
        self.away_s: list[tuple[float, float]] = []
        """From when to when ANDES took the steps of a compiled run, because buses had no supply."""

    @property
    def name(self) -> str:
        """What takes the steps: ``compiled`` or ``andes``."""
        return "andes" if self._arrays is None else "compiled"

    def initialise(self, power_mw: np.ndarray, reactive_mvar: np.ndarray) -> Initialisation:
        """Find the equilibrium with ANDES, and take it over."""
        found = super().initialise(power_mw, reactive_mvar)
        if not found.succeeded:
            return found
        try:
            self._flat = FlatSystem(self._system, self._told)
            self._arrays = grid_arrays(self._flat, self._n_loads)
            check(self._flat, self._arrays)
            self._is_away = False
        except NotCovered as error:
            self._arrays, self.reason = None, str(error)
            if self._is_required:
                obstacle = f"not covered by the compiled engine: {error}; use simulation.engine: andes, or auto"
                return Initialisation(**{**vars(found), "obstacle": obstacle})
        return found

    def grid_kernel(self) -> kernel.Grid | None:
        """Arrays of the grid for compiled loops; None while ANDES takes the steps."""
        return self._present()

    def taken_over(self) -> None:
        """Take note that a compiled loop has moved the grid."""
        assert self._arrays is not None
        self._show(self._arrays)

    def set_power(self, power_mw: np.ndarray, reactive_mvar: np.ndarray) -> None:
        """See `AndesEngine.set_power`."""
        super().set_power(power_mw, reactive_mvar)
        if self._arrays is not None:
            self._arrays.arena[self._arrays.load_p] = power_mw / self._base_mva
            self._arrays.arena[self._arrays.load_q] = reactive_mvar / self._base_mva

    def step(self, step_s: float) -> bool:
        """See `AndesEngine.step`."""
        grid = self._present()
        if grid is None:
            return super().step(step_s)
        end_s = float(grid.arena[TIME]) + step_s
        succeeded = kernel.step(grid, end_s)
        if grid.condition[kernel.BAD_PIVOT]:
            grid = self._ordered_anew(grid, step_s)
            succeeded = grid is not None and kernel.step(grid, end_s)
        if grid is not None:
            self._show(grid)
        return bool(succeeded)

    def solve_network(self) -> bool:
        """See `AndesEngine.solve_network`."""
        grid = self._present()
        if grid is None or self._is_switched:
            return self._solve_in_andes()
        solved = kernel.solve_network(grid)
        if grid.condition[kernel.BAD_PIVOT]:
            grid = self._ordered_anew(grid, 0.0)
            solved = grid is not None and kernel.solve_network(grid)
        if grid is not None:
            self._show(grid)
        return bool(solved)

    def restore(self, saved: SavedState) -> None:
        """See `AndesEngine.restore`."""
        super().restore(saved)
        grid = self._present()
        if grid is not None:
            grid.arena[TIME] = saved.time_s
            grid.x[:], grid.y[:], grid.f[:] = saved.states, saved.algebraic, saved.derivatives

    def switch(self, model: str, idx: int | str, on: bool) -> None:
        """See `AndesEngine.switch`."""
        self._hand_over()
        super().switch(model, idx, on)

    def scale_base_loads(self, remaining: np.ndarray) -> None:
        """See `AndesEngine.scale_base_loads`."""
        self._hand_over()
        super().scale_base_loads(remaining)
        if self._present() is not None:
            self._take_back()

    def _present(self) -> kernel.Grid | None:
        return None if self._arrays is None or self._is_away else self._arrays

    def _show(self, grid: kernel.Grid) -> None:
        """Let ANDES's arrays, from which channels are read, have the present variables."""
        self._read.clear()
        self._flat.push_variables(grid.arena)

    def _hand_over(self) -> None:
        """Give ANDES the present state, with flags and memories."""
        grid = self._present()
        if grid is None:
            return
        self._flat.push(grid.arena)
        if self._n_loads:
            load, own = self._system.ControlledLoad, slice(self._n_loads)
            load.p.v[own], load.q.v[own] = grid.arena[grid.load_p], grid.arena[grid.load_q]
        self._system.TDS.last_converged = bool(grid.condition[kernel.HAS_CONVERGED])

    def _take_back(self) -> None:
        """Take the state from ANDES, after it has changed the network or the loads."""
        grid, tds = self._arrays, self._system.TDS
        assert grid is not None
        self._flat.pull(grid.arena)
        grid.jacobian[:] = self._flat.jacobian()
        grid.number[kernel.LAST_SWITCH_S] = tds._last_switch_t
        grid.condition[kernel.HAS_CONVERGED] = tds.last_converged
        grid.condition[[kernel.HAS_FACTORS, kernel.HAS_NETWORK_FACTORS]] = 0

    def _solve_in_andes(self) -> bool:
        """Solve the network after switching, and take the result over while all buses are fed."""
        solved = super().solve_network()
        if self._arrays is None:
            return solved
        was_away, self._is_away = self._is_away, bool(self._switchgear.dead.any())
        if self._is_away and not was_away:
            self.away_s.append((self.time_s, np.inf))
        if was_away and not self._is_away:
            self.away_s[-1] = (self.away_s[-1][0], self.time_s)
        if not self._is_away:
            self._take_back()
            self._arrays = self._renewed(self._arrays)
        return solved

    def _renewed(self, grid: kernel.Grid) -> kernel.Grid:
        """New orderings, for a network that has changed."""
        try:
            return with_network_order(with_step_order(grid, self._flat, FIRST_STEP_S), self._flat)
        except NotCovered:
            return grid

    def _ordered_anew(self, grid: kernel.Grid, step_s: float) -> kernel.Grid | None:
        """New pivots where an old one has become too small; None if the matrix is singular."""
        which = grid.condition[kernel.BAD_PIVOT]
        grid.condition[kernel.BAD_PIVOT] = 0
        try:
            if which == kernel.PIVOT_OF_STEP:
                self._arrays = with_step_order(grid, self._flat, step_s)
            else:
                self._arrays = with_network_order(grid, self._flat)
        except NotCovered:
            return None
        return self._arrays
