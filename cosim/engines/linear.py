"""The engine that steps a grid's linear equations: exact in time, valid near the operating point."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cosim.engines.andes import MAX_ROTOR_ANGLE_RAD, AndesEngine, Initialisation, LoadPoint
from cosim.engines.channels import CHANNELS
from cosim.linear.blocks import block_diagonal
from cosim.linear.discrete import Discretisation, advance
from cosim.linear.domain import CHANNELS as DOMAIN_CHANNELS
from cosim.linear.domain import Domain
from cosim.linear.grid import LinearGrid
from cosim.linear.state_space import NotLinearisable
from cosim.share_kernel import voltage_share
from grids import Grid


@dataclass(frozen=True)
class SavedLinearState:
    """Time, states and loads of an engine, to return to."""

    time_s: float
    states: np.ndarray
    reached: np.ndarray


class LinearEngine:
    """A grid with controlled loads near its operating point, driven as `AndesEngine` is.

    Power flow and equilibrium are ANDES's own; from there the equations are linear, and each step solves them exactly
    for loads that change on straight lines between the nodes. The network stays as it is: lines, machines and base
    loads cannot be switched.

    Parameters
    ----------
    grid : Grid
    loads : sequence of LoadPoint
        The order fixes the order of all load arrays.
    tolerance : float
        Of the power flow, pu.

    Attributes
    ----------
    domain : Domain or None
        How far the run has gone from the operating point; None before `initialise`.
    """

    def __init__(self, grid: Grid, loads: Sequence[LoadPoint], tolerance: float):
        self.source = AndesEngine(grid, loads, tolerance)
        self.nominal_hz = self.source.nominal_hz
        self._loads = list(loads)
        self.domain: Domain | None = None
        self._base_mva = grid.base_mva

    def initialise(self, power_mw: np.ndarray, reactive_mvar: np.ndarray) -> Initialisation:
        """Solve the power flow with the loads at their power at t = 0, and linearise there; see `AndesEngine`."""
        outcome = self.source.initialise(power_mw, reactive_mvar)
        if not outcome.succeeded:
            return outcome
        try:
            self.linear = linear = self.source.linearised()
        except NotLinearisable as error:
            return replace(outcome, obstacle=f"there are no linear equations at t = 0: {error}; use engine auto")
        self.elements, self.inertia_mws = self.source.elements, self.source.inertia_mws
        self.islands = self.source.islands
        self.form = block_diagonal(linear.space.a)
        self.columns = self._load_columns(linear)
        self.b = self.form.left @ (linear.space.b @ self.columns)
        self._discrete = Discretisation(self.form.blocks, self.b)
        self._outputs: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.load_bus = np.array([self.elements["bus"].index(str(load.bus)) for load in self._loads], dtype=int)
        self._start = self._present = np.concatenate([power_mw, reactive_mvar])
        self._reached = np.zeros_like(self._start)
        self._asked = np.zeros_like(self._start)
        self._w = np.zeros(len(linear.space.a))
        self._time_s = 0.0
        self._read: dict[str, np.ndarray] = {}
        self.domain = Domain(linear, self.islands)
        return outcome

    def _load_columns(self, linear: LinearGrid) -> np.ndarray:
        """What the loads' power, MW of all and then Mvar of all, adds to the inputs, at the voltage they start from."""
        share = self.source.load_share()
        columns = np.zeros((linear.space.b.shape[1], 2 * len(self._loads)))
        for k, load in enumerate(self._loads):
            active, reactive = linear.bus_input(load.bus)
            columns[active, k] = columns[reactive, len(self._loads) + k] = share[k] / self._base_mva
        return columns

    def watch_limits(self, kept: np.ndarray) -> None:
        """Look only at some of the controls' limits from now on; ``kept`` is a mask of shape (limits,)."""
        self.linear = self.linear.with_limits(kept)
        self._outputs.pop("control", None)
        self.domain = Domain(self.linear, self.islands)

    def outputs(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Of a channel, what it changes by with the block form's states, and with the loads' MW and Mvar."""
        if name not in self._outputs:
            c, d = self.linear.observed(name)
            self._outputs[name] = c @ self.form.right, d @ self.columns
        return self._outputs[name]

    @property
    def time_s(self) -> float:
        """Time reached."""
        return self._time_s

    def set_power(self, power_mw: np.ndarray, reactive_mvar: np.ndarray) -> None:
        """Set the loads' power (at 1 pu voltage) at the end of the next step, or at t+ before `solve_network`."""
        self._asked = np.concatenate([power_mw, reactive_mvar]) - self._start

    def step(self, step_s: float) -> bool:
        """Advance by one step, the loads' power changing on a straight line; always True."""
        advance(self._w, self._discrete.sizes, self._discrete.step(step_s), self._reached, self._asked)
        self._reached = self._asked
        self._time_s += step_s
        self._read.clear()
        return True

    def save(self) -> SavedLinearState:
        """Return what `restore` needs to take a step again."""
        return SavedLinearState(self._time_s, self._w.copy(), self._reached)

    def restore(self, saved: SavedLinearState) -> None:
        """Return to a saved state."""
        self._time_s, self._reached = saved.time_s, saved.reached
        self._w[:] = saved.states
        self._read.clear()

    def solve_network(self) -> bool:
        """Let the loads' power jump, the states held; always True."""
        self._reached = self._asked
        self._read.clear()
        return True

    @property
    def deenergised(self) -> list[str]:
        """No bus: see `switch`."""
        return []

    def switch(self, model: str, idx: int | str, on: bool) -> None:
        """Not to be had: the network is that of the operating point."""
        raise NotImplementedError("the linear engine does not switch devices")

    @property
    def base_load_bus(self) -> np.ndarray:
        """Position of each base load's bus among the buses, shape (base loads,)."""
        return self.source.base_load_bus

    @property
    def base_load_mw(self) -> np.ndarray:
        """Active power of each base load in the power flow, shape (base loads,)."""
        return self.source.base_load_mw

    def scale_base_loads(self, remaining: np.ndarray) -> None:
        """Not to be had: the network is that of the operating point."""
        raise NotImplementedError("the linear engine does not shed base load")

    def is_stable(self) -> bool:
        """Whether rotor angles of each island are within 180 degrees of each other; `domain` takes note of them."""
        assert self.domain is not None
        self.domain.see(np.array([self._time_s]), {name: self.channel(name)[None] for name in DOMAIN_CHANNELS})
        angle = self.channel("rotor_angle_rad")
        return all(float(np.ptp(angle[island])) < MAX_ROTOR_ANGLE_RAD for island in self.islands)

    def coi_hz(self) -> float:
        """Frequency of the centre of inertia."""
        return float(self.channel("coi_hz")[0])

    def load_voltage_pu(self) -> np.ndarray:
        """Voltage at the loads' buses, shape (loads,)."""
        return self.channel("voltage_pu")[self.load_bus]

    def load_share(self) -> np.ndarray:
        """What the loads draw at the present voltage, over what they would at 1 pu, shape (loads,)."""
        return self.shares(self.load_voltage_pu())

    def shares(self, voltage_pu: np.ndarray) -> np.ndarray:
        """What the loads draw at given voltages, over what they would at 1 pu; loads along the last axis."""
        z, i, p, v_min = (np.array([getattr(load, key) for load in self._loads]) for key in ("z", "i", "p", "v_min_pu"))
        return voltage_share(voltage_pu, z, i, p, v_min)

    def load_power(self) -> tuple[np.ndarray, np.ndarray]:
        """Power that the loads draw at the present voltage, MW and Mvar, shape (loads,) each."""
        count, share = len(self._loads), self.load_share()
        power = self._start + self._reached
        return power[:count] * share, power[count:] * share

    def channel(self, name: str) -> np.ndarray:
        """Present value of a channel (see `CHANNELS`), one value for each element; not to be changed."""
        if name not in self._read:
            c, d = self.outputs(name)
            self._read[name] = self.linear.channels[name].present + c @ self._w + d @ self._reached
        return self._read[name]


__all__ = ["CHANNELS", "LinearEngine", "SavedLinearState"]
