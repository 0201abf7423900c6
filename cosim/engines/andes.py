"""The engine that steps ANDES's equations, with the time loop left to its caller."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import eye

from cosim.engines.base_loads import POWER_BREAK_PU, BaseLoads
from cosim.engines.channels import CHANNELS, Channels
from cosim.engines.jump import NetworkSolver
from cosim.engines.limiters import control_limits
from cosim.engines.linearise import linearise
from cosim.engines.switching import Switchgear
from cosim.engines.voltage_estimate import estimate_voltages
from cosim.linear.grid import Channel, LinearGrid
from cosim.share_kernel import voltage_share
from grids import Grid
from grids.andes_runtime import andes_messages

__all__ = ["CHANNELS", "AndesEngine", "Initialisation", "LoadPoint", "SavedState", "ShuntPoint"]

MAX_INITIAL_RESIDUAL = 1e-3
"""Largest mismatch (pu) of the equations at t = 0 with which a run may start: more is not an equilibrium."""

MAX_ROTOR_ANGLE_RAD = np.pi
"""Machines of one island that are further apart than this have lost synchronism."""


@dataclass(frozen=True)
class LoadPoint:
    """A controlled load: where it is, how it depends on voltage, and below which voltage it is an impedance."""

    name: str
    bus: int | str
    z: float = 0.0
    i: float = 0.0
    p: float = 1.0
    v_min_pu: float = 0.7


@dataclass(frozen=True)
class ShuntPoint:
    """An admittance to ground that an event connects, a fault or a shunt: off at first. System per-unit."""

    idx: str
    bus: int | str
    conductance_pu: float
    susceptance_pu: float


@dataclass(frozen=True)
class SavedState:
    """Time and variables of an engine, to return to."""

    time_s: float
    states: np.ndarray
    algebraic: np.ndarray
    derivatives: np.ndarray


@dataclass(frozen=True)
class Initialisation:
    """Outcome of power flow and dynamic initialisation; ``residual`` in pu, at ``worst_equation``.

    ``obstacle`` says why a system in equilibrium cannot be run all the same.
    """

    power_flow_converged: bool
    power_flow_iterations: int
    residual: float | None
    worst_equation: str | None
    messages: list[str]
    obstacle: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the system starts in equilibrium, and can be run."""
        in_equilibrium = self.residual is not None and self.residual < MAX_INITIAL_RESIDUAL
        return self.power_flow_converged and in_equilibrium and self.obstacle is None


class AndesEngine:
    """A grid with controlled loads, driven one step at a time.

    Call `initialise`, then for each step `set_power` with the power at the end of the step, and `step`. After a jump,
    `set_power` with the new power and `solve_network`; so too after `switch` and `scale_base_loads`.

    Parameters
    ----------
    grid : Grid
        Edited and redispatched; its ANDES system is set up here and belongs to the engine from then on.
    loads : sequence of LoadPoint
        The order fixes the order of all load arrays.
    tolerance : float
        Newton tolerance on the increments, pu.
    shunts : sequence of ShuntPoint
        What `switch` may connect under model ``Shunt`` besides the case's own shunts.
    """

    def __init__(self, grid: Grid, loads: Sequence[LoadPoint], tolerance: float, shunts: Sequence[ShuntPoint] = ()):
        self._system = system = grid.system
        self._grid = grid
        self.nominal_hz, self._base_mva = grid.nominal_hz, grid.base_mva
        for load in loads:
            params = {"bus": load.bus, "kz": load.z, "ki": load.i, "kp": load.p, "vmin": load.v_min_pu}
            system.add("ControlledLoad", {"idx": f"load:{load.name}", "name": load.name, **params})
        for shunt in shunts:
            system.add("Shunt", {"idx": shunt.idx, "name": shunt.idx, "bus": shunt.bus, "u": 0})
        self._base_loads = BaseLoads(system)
        with andes_messages() as messages:
            if not system.setup():
                raise RuntimeError(f"ANDES could not set up {grid.name}: {'; '.join(messages)}")
        for shunt in shunts:  # after the set-up, which would convert them to another base
            k = system.Shunt.idx2uid(shunt.idx)
            system.Shunt.g.v[k], system.Shunt.b.v[k] = shunt.conductance_pu, shunt.susceptance_pu
        config = system.TDS.config
        config.tol, config.test_init, config.no_tqdm = tolerance, 0, 1
        if any(machine.infinite for machine in grid.machines):
            # The rounding of an infinite bus's speed, times its inertia, is more than the line search's merit can
            # lose, and every step would be cut short.
            config.linesearch = 0
        system.TDS.tol_zero = tolerance / 1e6
        self._n_loads = len(loads)
        self._is_switched = False
        self._read: dict[str, np.ndarray] = {}  # channels read since the state last changed

    def initialise(self, power_mw: np.ndarray, reactive_mvar: np.ndarray) -> Initialisation:
        """Solve the power flow with the loads at their power at t = 0, then initialise the dynamics.

        Parameters
        ----------
        power_mw, reactive_mvar : ndarray, shape (loads,)
            At 1 pu voltage.
        """
        system, tds = self._system, self._system.TDS
        self.set_power(power_mw, reactive_mvar)
        with andes_messages() as messages, np.errstate(all="ignore"):
            flow = system.PFlow
            try:
                converged = bool(flow.run()) and bool(np.all(np.isfinite(system.dae.y)))
            except (
                ValueError,
                ArithmeticError,
                AssertionError,
            ) as error:  # a singular Jacobian raises ArithmeticError
                messages.append(f"{type(error).__name__}: {error}")
                converged = False
            collapsed = self._loads_in_collapse() if converged else []
            if collapsed:
                messages.append(f"the voltage is below v_min_pu at {', '.join(collapsed)}")
            if not converged or collapsed:
                return Initialisation(False, int(flow.niter), None, None, messages)
            self._base_loads.take_over()
            tds.init()
            self._base_loads.remember()
            dae = system.dae
            mismatch = np.abs(dae.fg.copy())
            mismatch[np.flatnonzero(system.no_check_init)] = 0.0
        worst = int(np.argmax(np.where(np.isfinite(mismatch), mismatch, np.inf)))
        residual = float(mismatch[worst])
        self._network = NetworkSolver(system)
        self._switchgear = Switchgear(system)
        self._channels = Channels(system, self._grid, self._switchgear)
        self.elements, self.inertia_mws = self._channels.elements, self._channels.inertia_mws
        controlled = system.ControlledLoad
        self._load_bus = np.array([system.Bus.idx2uid(bus) for bus in controlled.bus.v[: self._n_loads]], dtype=int)
        return Initialisation(
            True,
            int(flow.niter),
            residual if np.isfinite(residual) else None,
            str(dae.xy_name[worst]),
            messages,
        )

    def _loads_in_collapse(self) -> list[str]:
        """Loads below ``v_min_pu`` in the power flow: an impedance there hides that the power cannot be delivered."""
        load = self._system.ControlledLoad
        return [str(load.name.v[k]) for k in range(self._n_loads) if load.v.v[k] < load.vmin.v[k]]

    @property
    def time_s(self) -> float:
        """Time reached."""
        return float(self._system.dae.t)

    def set_power(self, power_mw: np.ndarray, reactive_mvar: np.ndarray) -> None:
        """Set the loads' power (at 1 pu voltage) at the end of the next step, or at t+ before `solve_network`."""
        if self._n_loads:
            self._system.ControlledLoad.p.v[: self._n_loads] = power_mw / self._base_mva
            self._system.ControlledLoad.q.v[: self._n_loads] = reactive_mvar / self._base_mva

    def step(self, step_s: float) -> bool:
        """Advance by one trapezoidal step; on failure nothing has changed and False is returned."""
        self._read.clear()
        tds, dae = self._system.TDS, self._system.dae
        start = float(dae.t)
        tds.h, tds.chatter = step_s, False  # ANDES's own loop takes note of chatter and forgets it, step by step
        dae.t[...] = start + step_s
        with np.errstate(all="ignore"):  # ANDES evaluates every branch of a case distinction, also those not taken
            succeeded = tds.itm_step()
        if succeeded:
            if tds.custom_event:  # a control has changed its mode: the Jacobian is renewed for a while
                tds._last_switch_t, tds.custom_event = start + step_s, False
            return True
        tds.busted = False
        dae.t[...] = start
        return False

    def save(self) -> SavedState:
        """Return what `restore` needs to take a step again."""
        dae = self._system.dae
        return SavedState(float(dae.t), dae.x.copy(), dae.y.copy(), dae.f.copy())

    def restore(self, saved: SavedState) -> None:
        """Return to a saved state; switch positions are not part of it."""
        self._read.clear()
        dae = self._system.dae
        dae.t[...] = saved.time_s
        dae.x[:], dae.y[:], dae.f[:] = saved.states, saved.algebraic, saved.derivatives
        self._system.vars_to_models()

    def solve_network(self) -> bool:
        """Solve the algebraic equations at t+ with the states held; False if there is no solution."""
        self._read.clear()
        dae = self._system.dae
        switched, self._is_switched = self._is_switched, False
        with np.errstate(all="ignore"):
            if not switched:
                return self._network.solve()
            states, algebraic = dae.x.copy(), dae.y.copy()
            for load_voltage_pu in (1.0, POWER_BREAK_PU):  # beyond the nose of the PV curve the loads are impedances
                if estimate_voltages(self._system, self._switchgear.dead, load_voltage_pu) and self._network.solve():
                    return True
                dae.x[:], dae.y[:] = states, algebraic
                self._network.forget()
            return self._network.solve()

    def switch(self, model: str, idx: int | str, on: bool) -> None:
        """Close or open a device: a line, a shunt, or a machine with its controls; follow with `solve_network`.

        Buses that lose their supply, or get it back, are switched with it: see `deenergised`.
        """
        self._read.clear()
        self._switchgear.set(model, idx, on)
        self._channels.switched()
        self._network.forget()
        self._is_switched = True

    @property
    def base_load_bus(self) -> np.ndarray:
        """Position of each base load's bus among the buses, shape (base loads,)."""
        return np.array([self._system.Bus.idx2uid(bus) for bus in self._system.PQ.bus.v], dtype=int)

    @property
    def base_load_mw(self) -> np.ndarray:
        """Active power of each base load in the power flow, shape (base loads,)."""
        return self._base_loads.start_pu * self._base_mva

    def scale_base_loads(self, remaining: np.ndarray) -> None:
        """Leave a share of each base load (of its size at t = 0) connected; follow with `solve_network`."""
        self._base_loads.scale(remaining)
        self._system.TDS._last_switch_t = self.time_s
        self._network.forget()

    @property
    def deenergised(self) -> list[str]:
        """Buses that no machine feeds; their voltage and the power of their loads are zero."""
        return [self.elements["bus"][k] for k in np.flatnonzero(self._switchgear.dead)]

    @property
    def islands(self) -> list[np.ndarray]:
        """Positions of the generators of each island."""
        return self._switchgear.islands

    def is_stable(self) -> bool:
        """Whether rotor angles of each island are within 180 degrees of each other."""
        return self._channels.largest_angle_rad() < MAX_ROTOR_ANGLE_RAD

    def coi_hz(self) -> float:
        """Frequency of the centre of inertia of the machines in service."""
        return self._channels.coi_hz()

    def load_voltage_pu(self) -> np.ndarray:
        """Voltage at the loads' buses, shape (loads,)."""
        return self.channel("voltage_pu")[self._load_bus]

    def load_power(self) -> tuple[np.ndarray, np.ndarray]:
        """Power that the loads really draw at the present voltage, MW and Mvar, shape (loads,) each."""
        load, own, share = self._system.ControlledLoad, slice(self._n_loads), self.load_share()
        return load.p.v[own] * share * self._base_mva, load.q.v[own] * share * self._base_mva

    def load_share(self) -> np.ndarray:
        """What the loads draw at the present voltage, over what they would at 1 pu, shape (loads,)."""
        load, v, own = self._system.ControlledLoad, self.load_voltage_pu(), slice(self._n_loads)
        return voltage_share(v, load.kz.v[own], load.ki.v[own], load.kp.v[own], load.vmin.v[own])

    @property
    def channels(self) -> Channels:
        """What reads channels from the variables."""
        return self._channels

    def linearised(self) -> LinearGrid:
        """Return the linear equations at the present state.

        Raises
        ------
        NotLinearisable
            If they have no state-space form.
        """
        channels = {
            name: Channel(unit, kind, self._channels.rows(name), self.channel(name).copy())
            for name, (unit, kind) in CHANNELS.items()
        }
        channels["coi_hz"] = Channel("Hz", "coi", self._channels.rows("coi_hz"), np.array([self.coi_hz()]))
        limits, limited = control_limits(self._system)
        dae = self._system.dae
        rows = eye(dae.n + dae.m, format="csr")[limited]
        channels["control"] = Channel("", "control", rows, np.concatenate([dae.x, dae.y])[limited])
        return LinearGrid(
            linearise(self._system),
            channels,
            {**self.elements, "coi": ("coi",), "control": limits.names},
            self.inertia_mws,
            limits,
            self.nominal_hz,
            self._base_mva,
        )

    def channel(self, name: str) -> np.ndarray:
        """Present value of a channel (see `CHANNELS`), one value for each element; not to be changed."""
        if name not in self._read:
            self._read[name] = self._channels.value(name)
        return self._read[name]
