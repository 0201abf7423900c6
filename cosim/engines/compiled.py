"""The engine that steps ANDES's equations in compiled code, with ANDES itself at hand for what is rare."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from cosim import stepper
from cosim.compiled import grid_kernel as kernel
from cosim.compiled import grid_layout as layout
from cosim.compiled import jump_kernel
from cosim.compiled.arena import TIME
from cosim.compiled.check import check
from cosim.compiled.code_cache import Told
from cosim.compiled.flat_system import FlatSystem, NotCovered
from cosim.compiled.grid_arrays import FIRST_STEP_S, GridArrays
from cosim.engines.andes import AndesEngine, Initialisation, LoadPoint, SavedState, ShuntPoint
from grids import Grid


@dataclass
class Away:
    """A time in which ANDES takes the steps of a compiled run, because buses have no supply."""

    from_s: float
    to_s: float = np.inf
    buses: list[str] = field(default_factory=list)


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
        self._arrays: GridArrays | None = None
        self._is_away = False
        self.reason = ""
        """Why ANDES takes the steps; empty if it does not."""
        self.away: list[Away] = []
        """When ANDES took the steps of a compiled run."""

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
            stepper.compile_beside()
            self._arrays = GridArrays(self._flat, self._channels, self._n_loads)
            check(self._flat, self._arrays)
            self._is_away = False
        except NotCovered as error:
            self._arrays, self.reason = None, str(error)
            if self._is_required:
                obstacle = f"not covered by the compiled engine: {error}; use simulation.engine: andes, or auto"
                return Initialisation(**{**vars(found), "obstacle": obstacle})
        return found

    def grid_kernel(self) -> layout.Grid | None:
        """The grid for compiled loops; None while ANDES takes the steps."""
        present = self._present()
        return None if present is None else present.grid

    def taken_over(self) -> None:
        """Take note that a compiled loop has moved the grid."""
        present = self._present()
        assert present is not None
        if present.condition[layout.BAD_PIVOT]:
            self._order_anew(present, FIRST_STEP_S)
        self._show(present)

    def set_power(self, power_mw: np.ndarray, reactive_mvar: np.ndarray) -> None:
        """See `AndesEngine.set_power`."""
        super().set_power(power_mw, reactive_mvar)
        if self._arrays is not None:
            self._arrays.arena[self._arrays.load_p] = power_mw / self._base_mva
            self._arrays.arena[self._arrays.load_q] = reactive_mvar / self._base_mva

    def step(self, step_s: float) -> bool:
        """See `AndesEngine.step`."""
        present = self._present()
        if present is None:
            return super().step(step_s)
        end_s = float(present.arena[TIME]) + step_s
        succeeded = kernel.step(present.grid, end_s)
        if present.condition[layout.BAD_PIVOT]:
            succeeded = self._order_anew(present, step_s) and kernel.step(present.grid, end_s)
        self._show(present)
        return bool(succeeded)

    def solve_network(self) -> bool:
        """See `AndesEngine.solve_network`."""
        present = self._present()
        if present is None or self._is_switched:
            return self._solve_in_andes()
        solved = jump_kernel.solve_network(present.grid)
        if present.condition[layout.BAD_PIVOT]:
            solved = self._order_anew(present, FIRST_STEP_S) and jump_kernel.solve_network(present.grid)
        self._show(present)
        return bool(solved)

    def restore(self, saved: SavedState) -> None:
        """See `AndesEngine.restore`."""
        super().restore(saved)
        present = self._present()
        if present is not None:
            present.arena[TIME] = saved.time_s
            present.x[:], present.y[:], present.f[:] = saved.states, saved.algebraic, saved.derivatives

    def switch(self, model: str, idx: int | str, on: bool) -> None:
        """See `AndesEngine.switch`."""
        self._hand_over()
        super().switch(model, idx, on)

    def scale_base_loads(self, remaining: np.ndarray) -> None:
        """See `AndesEngine.scale_base_loads`."""
        self._hand_over()
        super().scale_base_loads(remaining)
        present = self._present()
        if present is not None:
            self._take_back(present)

    def _present(self) -> GridArrays | None:
        return None if self._is_away else self._arrays

    def _show(self, present: GridArrays) -> None:
        """Let ANDES's arrays, from which channels are read, have the present variables."""
        self._read.clear()
        self._flat.push_variables(present.arena)

    def _hand_over(self) -> None:
        """Give ANDES the present state, with flags and memories."""
        present = self._present()
        if present is None:
            return
        self._flat.push(present.arena)
        if self._n_loads:
            load, own = self._system.ControlledLoad, slice(self._n_loads)
            load.p.v[own], load.q.v[own] = present.arena[present.load_p], present.arena[present.load_q]
        self._system.TDS.last_converged = bool(present.condition[layout.HAS_CONVERGED])

    def _take_back(self, arrays: GridArrays) -> None:
        """Take the state from ANDES, after it has changed the network or the loads."""
        tds = self._system.TDS
        self._flat.pull(arrays.arena)
        arrays.jacobian[:] = self._flat.jacobian()
        arrays.number[layout.LAST_SWITCH_S] = tds._last_switch_t
        arrays.condition[layout.HAS_CONVERGED] = tds.last_converged
        arrays.condition[[layout.HAS_FACTORS, layout.HAS_NETWORK_FACTORS]] = 0

    def _solve_in_andes(self) -> bool:
        """Solve the network after switching, and take the result over while all buses are fed."""
        solved = super().solve_network()
        if self._arrays is None:
            return solved
        was_away, without = self._is_away, self.deenergised
        self._is_away = bool(without)
        if self._is_away and not was_away:
            self.away.append(Away(self.time_s))
        if self._is_away:
            self.away[-1].buses += [bus for bus in without if bus not in self.away[-1].buses]
        elif was_away:
            self.away[-1].to_s = self.time_s
        if not self._is_away:
            self._take_back(self._arrays)
            with suppress(NotCovered):  # of a matrix that is singular now: a step that needs it will fail
                self._arrays.order_step(FIRST_STEP_S)
                self._arrays.order_network()
        return solved

    def _order_anew(self, present: GridArrays, step_s: float) -> bool:
        """Choose new pivots where an old one has become too small; False if the matrix is singular."""
        which = present.condition[layout.BAD_PIVOT]
        present.condition[layout.BAD_PIVOT] = 0
        try:
            if which == layout.PIVOT_OF_STEP:
                present.order_step(step_s)
            else:
                present.order_network()
        except NotCovered:
            return False
        return True
