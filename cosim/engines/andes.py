"""The engine that steps ANDES's equations, with the time loop left to its caller."""

from dataclasses import dataclass

import numpy as np

from cosim.engines.jump import NetworkSolver
from grids import Grid
from grids.andes_runtime import andes_messages
from grids.frequency_divider import frequency_divider
from grids.grid import synchronous_models

MAX_INITIAL_RESIDUAL = 1e-3
"""Largest mismatch (pu) of the equations at t = 0 with which a run may start: more is not an equilibrium."""


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
class Initialisation:
    """Outcome of power flow and dynamic initialisation; ``residual`` in pu, at ``worst_equation``."""

    power_flow_converged: bool
    power_flow_iterations: int
    residual: float | None
    worst_equation: str | None
    messages: list[str]

    @property
    def succeeded(self) -> bool:
        """Whether the system starts in equilibrium."""
        return self.power_flow_converged and self.residual is not None and self.residual < MAX_INITIAL_RESIDUAL


class AndesEngine:
    """A grid with controlled loads, driven one step at a time.

    Call `initialise`, then for each step `set_power` with the power at the end of the step, and `step`. After a jump,
    `set_power` with the new power and `solve_network`.

    Parameters
    ----------
    grid : Grid
        Edited and redispatched; its ANDES system is set up here and belongs to the engine from then on.
    loads : list of LoadPoint
        The order fixes the order of all load arrays.
    tolerance : float
        Newton tolerance on the increments, pu.
    """

    def __init__(self, grid: Grid, loads: list[LoadPoint], tolerance: float):
        self._system = system = grid.system
        self._grid = grid
        self.nominal_hz, self._base_mva = grid.nominal_hz, grid.base_mva
        for load in loads:
            params = {"bus": load.bus, "kz": load.z, "ki": load.i, "kp": load.p, "vmin": load.v_min_pu}
            system.add("ControlledLoad", {"idx": f"load:{load.name}", "name": load.name, **params})
        with andes_messages() as messages:
            if not system.setup():
                raise RuntimeError(f"ANDES could not set up {grid.name}: {'; '.join(messages)}")
        config = system.TDS.config
        config.tol, config.test_init, config.no_tqdm = tolerance, 0, 1
        if any(machine.infinite for machine in grid.machines):
            # The rounding of an infinite bus's speed, times its inertia, is more than the line search's merit can
            # lose, and every step would be cut short.
            config.linesearch = 0
        system.TDS.tol_zero = tolerance / 1e6
        self._n_loads = len(loads)

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
            tds.init()
            dae = system.dae
            mismatch = np.abs(dae.fg.copy())
            mismatch[np.flatnonzero(system.no_check_init)] = 0.0
        worst = int(np.argmax(np.where(np.isfinite(mismatch), mismatch, np.inf)))
        residual = float(mismatch[worst])
        self._network = NetworkSolver(system)
        self._locate_variables()
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
        return [str(load.name.v[k]) for k in range(load.n) if load.v.v[k] < load.vmin.v[k]]

    def _locate_variables(self) -> None:
        """Look up once where each channel lives in ANDES's state and algebraic vectors."""
        system = self._system
        models = synchronous_models(system)
        online = [np.flatnonzero(m.u.v) for m in models]
        self._speed = np.concatenate([m.omega.a[k] for m, k in zip(models, online, strict=True)])
        self._angle = np.concatenate([m.delta.a[k] for m, k in zip(models, online, strict=True)])
        self._electrical = np.concatenate([m.Pe.a[k] for m, k in zip(models, online, strict=True)])
        self._online = np.concatenate([m.u.v > 0 for m in models])
        self._bus_v, self._bus_a = system.Bus.v.a, system.Bus.a.a
        controlled = system.ControlledLoad
        self._load_bus = np.array([system.Bus.idx2uid(bus) for bus in controlled.bus.v], dtype=int)
        line = system.Line
        self._line_ends = (line.v1.a, line.a1.a, line.v2.a, line.a2.a)
        self.elements: dict[str, tuple[str, ...]] = {
            "bus": tuple(str(i) for i in system.Bus.idx.v),
            "generator": tuple(str(m.idx.v[i]) for m, k in zip(models, online, strict=True) for i in k),
            "line": tuple(str(i) for i in line.idx.v),
        }
        self.inertia_mws = np.array(
            [np.inf if m.infinite else m.inertia_s * m.rating_mva for m in self._grid.machines], dtype=float
        )
        self._divide()

    @property
    def time_s(self) -> float:
        """Time reached."""
        return float(self._system.dae.t)

    def set_power(self, power_mw: np.ndarray, reactive_mvar: np.ndarray) -> None:
        """Set the loads' power (at 1 pu voltage) at the end of the next step, or at t+ before `solve_network`."""
        if self._n_loads:
            self._system.ControlledLoad.p.v[:] = power_mw / self._base_mva
            self._system.ControlledLoad.q.v[:] = reactive_mvar / self._base_mva

    def step(self, step_s: float) -> bool:
        """Advance by one trapezoidal step; on failure nothing has changed and False is returned."""
        tds, dae = self._system.TDS, self._system.dae
        start = float(dae.t)
        tds.h = step_s
        dae.t[...] = start + step_s
        with np.errstate(all="ignore"):  # ANDES evaluates every branch of a case distinction, also those not taken
            succeeded = tds.itm_step()
        if succeeded:
            return True
        tds.busted = False
        dae.t[...] = start
        return False

    def solve_network(self) -> bool:
        """Solve the algebraic equations at t+ with the states held; False if there is no solution."""
        with np.errstate(all="ignore"):
            return self._network.solve()

    def trip_line(self, idx: int | str) -> None:
        """Open a line at both ends; follow with `solve_network`. See `deenergised` for buses that lose supply."""
        system = self._system
        system.set_status("Line", idx, 0)
        self._divide()
        self._switch_off_dead_islands()
        with andes_messages():
            system.conn.check_connectivity(info=False)
        system.TDS._last_switch_t = self.time_s  # ANDES refreshes its Jacobian for 0.1 s after this time
        system.vars_to_models()
        self._network.forget()

    def _divide(self) -> None:
        """Bring the frequency divider, and the knowledge of which buses no machine feeds, up to date."""
        self._divider = frequency_divider(self._system)[:, self._online]
        self._dead = np.isnan(self._divider).all(axis=1)

    def _switch_off_dead_islands(self) -> None:
        """Take everything on buses that no machine feeds out of service, so that their equations stay solvable."""
        system, dead = self._system, {self._system.Bus.idx.v[k] for k in np.flatnonzero(self._dead)}
        for name in ("PQ", "ControlledLoad", "Shunt"):
            model = system.models[name]
            for idx, bus, status in zip(model.idx.v, model.bus.v, model.u.v, strict=True):
                if bus in dead and status:
                    system.set_status(name, idx, 0)
        line = system.Line
        for idx, end, status in zip(line.idx.v, line.bus1.v, line.u.v, strict=True):
            if end in dead and status:
                system.set_status("Line", idx, 0)

    @property
    def deenergised(self) -> list[str]:
        """Buses that no machine feeds; their voltage and the power of their loads are zero."""
        return [self.elements["bus"][k] for k in np.flatnonzero(self._dead)]

    def is_stable(self) -> bool:
        """Whether rotor angles of each island are within 180 degrees of each other."""
        return bool(self._system.TDS.check_criteria())

    def load_voltage_pu(self) -> np.ndarray:
        """Voltage at the loads' buses, shape (loads,)."""
        return self._voltage_pu()[self._load_bus]

    def load_power(self) -> tuple[np.ndarray, np.ndarray]:
        """Power that the loads really draw at the present voltage, MW and Mvar, shape (loads,) each."""
        load, v = self._system.ControlledLoad, self.load_voltage_pu()
        at = np.maximum(v, load.vmin.v)
        shape = (load.kz.v * at**2 + load.ki.v * at + load.kp.v) * (v / at) ** 2
        return load.p.v * shape * self._base_mva, load.q.v * shape * self._base_mva

    def channel(self, name: str) -> np.ndarray:
        """Present value of a channel (see `CHANNELS`), one value for each element."""
        return getattr(self, f"_{name}")()

    def _voltage_pu(self) -> np.ndarray:
        return np.where(self._dead, 0.0, self._system.dae.y[self._bus_v])

    def _angle_rad(self) -> np.ndarray:
        return self._system.dae.y[self._bus_a]

    def _speed_pu(self) -> np.ndarray:
        return self._system.dae.x[self._speed]

    def _rotor_angle_rad(self) -> np.ndarray:
        return self._system.dae.x[self._angle]

    def _frequency_hz(self) -> np.ndarray:
        return self.nominal_hz * (1.0 + self._divider @ (self._speed_pu() - 1.0))

    def _generator_mw(self) -> np.ndarray:
        return self._system.dae.y[self._electrical] * self._base_mva

    def _line_mw(self) -> np.ndarray:
        """Active power into each line at its first end."""
        y, line = self._system.dae.y, self._system.Line
        v1, a1, v2, a2 = (y[a] for a in self._line_ends)
        g = line.r.v / (line.r.v**2 + line.x.v**2)
        b = -line.x.v / (line.r.v**2 + line.x.v**2)
        angle = a1 - a2 - line.phi.v
        own = v1**2 * (g + line.g1.v + line.g.v / 2) / line.tap.v**2
        mutual = v1 * v2 * (g * np.cos(angle) + b * np.sin(angle)) / line.tap.v
        return line.u.v * (own - mutual) * self._base_mva


CHANNELS = {
    "voltage_pu": ("pu", "bus"),
    "angle_rad": ("rad", "bus"),
    "frequency_hz": ("Hz", "bus"),
    "speed_pu": ("pu", "generator"),
    "rotor_angle_rad": ("rad", "generator"),
    "generator_mw": ("MW", "generator"),
    "line_mw": ("MW", "line"),
}
"""Channels that an engine offers: unit, and the kind of element that they are given for."""
