"""A site in the loop: what it asks of the grid at each node, given the voltage and the frequency that it sees.

Along the path of the power: the demand of the workloads, less what an event has tripped, less what protection has
taken off, plus what the batteries of the UPS draw, make the level of the site's load; storage at the point of
interconnection (POI) sees that and has a level of its own. A level is a power at nominal voltage; what passes the POI
is the level times what the voltage lets through.
"""

from dataclasses import dataclass

import numpy as np

from cosim import site_kernel as kernel
from cosim.engines.interface import Engine
from cosim.site_equipment import SiteEquipment
from cosim.watchers import Snapshot
from loads.injector import Injector
from loads.mitigation.storage import device_states
from loads.mitigation.storage_kernel import STORED_MWS
from loads.protection import LogEntry, account, act, due, manual_return, observe
from loads.segments import Floats


@dataclass
class Energies:
    """Energies of a site over the nodes, MW s, as the trapezoidal rule of the solver has them.

    ``demand`` is that of the injector, ``connected`` what no event has tripped, ``load`` what protection leaves of it,
    ``recharge`` what UPS batteries draw, ``voltage`` what the voltage makes these two draw beyond their power at
    nominal voltage; ``drawn`` is what passes the POI, the power of the storage included.
    """

    demand: float = 0.0
    connected: float = 0.0
    load: float = 0.0
    recharge: float = 0.0
    voltage: float = 0.0
    drawn: float = 0.0
    below_v_min_s: float = 0.0


class SiteResponse:
    """One site of a run; a `cosim.watchers.Watcher` of its protection.

    For each step the loop calls `propose`, solves, asks whether the site `has_settled` with the voltage found and, once
    it has, calls `commit`; after a jump `propose_after`, `has_settled` and `commit_after`. All numbers are in an array
    that compiled code can work on as well: see `cosim.site_kernel`.

    Parameters
    ----------
    name : str
        Of the site.
    injector : Injector
        Demand of its workloads, MW.
    equipment : SiteEquipment
        What makes it react.
    bus : int
        Position of its bus among the engine's.
    v_min_pu : float
        Below which it is an impedance.
    """

    kind = "protection"

    def __init__(self, name: str, injector: Injector, equipment: SiteEquipment, bus: int, v_min_pu: float):
        self.name, self.injector = name, injector
        self.storage, self.protection = equipment.storage, equipment.protection
        self.is_protected = equipment.protection is not None
        self.connection, self._equipment = equipment.connection, equipment
        self.reacts = equipment.reacts
        self.bus = bus
        self.log: list[LogEntry] = []
        self._is_begun = False
        nothing = np.empty(0)
        protection = self.protection.parameters if self.protection else nothing
        storage = self.storage.parameters() if self.storage else nothing
        self._use(kernel.new_site(v_min_pu, protection, storage))
        if self.protection:
            self._log = self.protection.new_log()
        if self.storage:
            self._capacity_mws = np.array([device.energy_mws for device in self.storage.devices.values()])

    @property
    def size(self) -> int:
        """Of the site's array."""
        return int(self._s[kernel.SIZE])

    def move_to(self, array: Floats) -> None:
        """Keep the site's numbers in another array from now on, shape (size or more,), that the caller shares."""
        array[: self.size] = self._s[: self.size]
        self._use(array)

    def _use(self, array: Floats) -> None:
        self._s = array
        self._p, self._state = kernel.part(array, kernel.PROTECTION), kernel.part(array, kernel.PROTECTION_STATE)
        self._storage_state = kernel.part(array, kernel.STORAGE_STATE)

    def start(self, first_step_s: float, seen: Snapshot) -> float:
        """Begin a run from the equilibrium, and return the demand (MW) after it: an average over the first step."""
        s = self._s
        kernel.see(s, *self._seen(seen))
        s[[kernel.TIME_S, kernel.END_S, kernel.NEXT_S]] = 0.0
        level_mw = self.injector.initial_value
        s[kernel.AFTER_MW] = self.injector.start(first_step_s)
        s[kernel.ASKED + kernel.DEMAND_MW] = level_mw
        s[kernel.ASKED + kernel.CONNECTED_MW] = s[kernel.ASKED + kernel.LOAD_MW] = level_mw
        if self.protection is not None:
            self._state[:] = self.protection.initial_state(float(s[kernel.V_PU]), float(s[kernel.F_HZ]))
            s[kernel.ASKED_V_PU] = s[kernel.V_PU]
            account(self._p, self._state, 0.0, float(s[kernel.V_PU]), level_mw)
        if self.storage is not None:
            self._storage_state[:] = self._equipment.start_storage(level_mw)
            s[kernel.ASKED + kernel.STORAGE_MW] = self._equipment.start_storage_mw(level_mw)
        return float(s[kernel.AFTER_MW])

    @property
    def energies(self) -> Energies:
        """Over the nodes so far."""
        return Energies(*self._s[kernel.ENERGIES : kernel.ENERGIES + kernel.INTEGRATED].tolist())

    @property
    def min_pu(self) -> float:
        """Lowest voltage so far; infinite before any."""
        return float(self._s[kernel.MIN_PU])

    @property
    def max_pu(self) -> float:
        """Highest voltage so far."""
        return float(self._s[kernel.MAX_PU])

    @property
    def levels(self) -> tuple[float, float]:
        """Levels (MW) last asked for: of the load, and of the storage."""
        asked = self._asked
        return asked[kernel.LOAD_MW] + asked[kernel.RECHARGE_MW], asked[kernel.STORAGE_MW]

    @property
    def poi_mw(self) -> tuple[float, float]:
        """What passes the POI (MW), storage included, and what it would be at nominal voltage."""
        return self._asked[kernel.DRAWN_MW], sum(self.levels)

    @property
    def row(self) -> list[float]:
        """What the columns of `SiteEquipment.columns` are filled with, for the levels last asked for."""
        if not self.reacts:
            return []
        asked = self._asked
        row = [asked[k] for k in (kernel.DEMAND_MW, kernel.SHARE, kernel.RECHARGE_MW, kernel.STORAGE_MW)]
        if self.storage is not None:
            row += self.soc(device_states(self._storage_state)[:, STORED_MWS]).tolist()
        return row

    def soc(self, stored_mws: Floats) -> Floats:
        """State of charge of the storage's devices, along the last axis, with what is stored in them."""
        return stored_mws / self._capacity_mws

    def propose(self, end_s: float, next_s: float, is_jump: bool) -> None:
        """Ask for levels at the end of a step from the last node; the step can be cut and proposed again."""
        before, self._s[kernel.AFTER_MW] = self.injector.next_value(end_s, next_s, is_jump)
        connected = 1.0 if self.connection is None else self.connection.before(end_s)
        kernel.propose(self._s, end_s, next_s, before, connected)

    def repeat(self) -> None:
        """Ask once more for the same instant, with the voltage that the grid had with the last levels."""
        kernel.repeat(self._s)

    def has_settled(self, voltage_pu: np.ndarray) -> bool:
        """Whether the levels would be the same with the voltage that they made; else `repeat` is to follow."""
        return not self.is_protected or kernel.has_settled(self._s, float(voltage_pu[self.bus]))

    def commit(self, seen: Snapshot, load_mw: float, delivered: float) -> None:
        """Make the end of the step the node.

        ``load_mw`` is what the load drew there, ``delivered`` the share of the storage's power that passed.
        """
        self.injector.commit()
        kernel.commit(self._s, *self._seen(seen), load_mw, delivered)

    def propose_after(self) -> None:
        """Ask for levels after the node, where the site or the grid jumps."""
        now_s, after_mw = float(self._s[kernel.TIME_S]), float(self._s[kernel.AFTER_MW])
        connected = 1.0 if self.connection is None else self.connection.after(now_s)
        kernel.propose_after(self._s, after_mw, connected)

    def commit_after(self, seen: Snapshot, load_mw: float, delivered: float) -> None:
        """Make the other side of the jump the node."""
        kernel.commit_after(self._s, *self._seen(seen), load_mw, delivered)

    def pass_through(self, time_s: Floats, demand_mw: Floats, drawn_mw: Floats, voltage_pu: Floats) -> None:
        """Take a stretch of a run of a site that does not react, all of it at once; follows the last stretch.

        Parameters
        ----------
        time_s, demand_mw, drawn_mw, voltage_pu : ndarray, shape (rows,)
            Two rows at a jump, before and after.
        """
        s = self._s
        node = s[kernel.NODE : kernel.NODE + kernel.POWERS]
        if self._is_begun:
            time_s, demand_mw = np.append(s[kernel.TIME_S], time_s), np.append(node[kernel.DEMAND_MW], demand_mw)
            drawn_mw = np.append(node[kernel.DRAWN_MW], drawn_mw)
            voltage_pu = np.append(s[kernel.V_PU], voltage_pu)
        is_low = voltage_pu < s[kernel.V_MIN_PU]
        demand, drawn, low = (float(np.trapezoid(y, time_s)) for y in (demand_mw, drawn_mw, is_low.astype(float)))
        energies = s[kernel.ENERGIES : kernel.ENERGIES + kernel.INTEGRATED]
        energies[[kernel.DEMAND_MW, kernel.CONNECTED_MW, kernel.LOAD_MW]] += demand
        energies[kernel.VOLTAGE_MW] += drawn - demand
        energies[kernel.DRAWN_MW] += drawn
        energies[kernel.IS_LOW] += low
        s[kernel.MIN_PU] = min(self.min_pu, voltage_pu.min())
        s[kernel.MAX_PU] = max(self.max_pu, voltage_pu.max())
        node[kernel.DEMAND_MW], node[kernel.DRAWN_MW] = demand_mw[-1], drawn_mw[-1]
        s[kernel.TIME_S], s[kernel.V_PU], self._is_begun = time_s[-1], voltage_pu[-1], True

    def due_s(self, before: Snapshot, after: Snapshot) -> float | None:
        """When within the step protection acts first."""
        b = self.bus
        at_s = due(
            self._p,
            self._state,
            before.time_s,
            before.voltage_pu[b],
            before.frequency_hz[b],
            after.time_s,
            after.voltage_pu[b],
            after.frequency_hz[b],
        )
        return at_s if np.isfinite(at_s) else None

    def observe(self, before: Snapshot, after: Snapshot) -> None:
        """Take the step as final for the timers."""
        b = self.bus
        observe(
            self._p,
            self._state,
            before.time_s,
            before.voltage_pu[b],
            before.frequency_hz[b],
            after.time_s,
            after.voltage_pu[b],
            after.frequency_hz[b],
        )

    def act(self, _: Engine, now_s: float) -> list[str]:
        """Let what is due leave or come back, and say it."""
        return self._said(act(self._p, self._state, self._log, now_s))

    def return_by_hand(self, now_s: float) -> list[str]:
        """Let what waits for it come back, and say it."""
        return self._said(manual_return(self._p, self._state, self._log, now_s)) if self.is_protected else []

    def summary(self) -> list[str]:
        """What a reader should know: how much of the site left, and how much was away at the end."""
        left = [entry for entry in self.log if entry.share < 0.0]
        load_mw, connected_mw = self._s[[kernel.NODE + kernel.LOAD_MW, kernel.NODE + kernel.CONNECTED_MW]].tolist()
        off = 100.0 * (1.0 - load_mw / connected_mw) if connected_mw > 0.0 else 0.0
        if not left:
            return [f"site {self.name}: {off:.4g} % of its load stayed off after sags"] if off > 1e-6 else []
        first_s, away = left[0].time_s, 100.0 * self.away_share
        end = "all of it was back at the end"
        if away > 0.0:
            end = f"{away:.4g} % of it were still away at the end"
        elif off > 1e-6:
            end = f"{off:.4g} % of its load were not yet back at the end"
        text = f"site {self.name}: protection took it off the grid from {first_s:.4g} s on, {end}"
        locked = 100.0 * self.protection.locked_share(self._state) if self.protection else 0.0
        return [text + (f", {locked:.4g} % until returned by hand" if locked > 0.0 else "")]

    @property
    def away_share(self) -> float:
        """Share of the site that protection has taken off."""
        return self.protection.away_share(self._state) if self.protection else 0.0

    @property
    def protection_state(self) -> Floats:
        """State of the protection, for its reports."""
        return self._state

    @property
    def storage_state(self) -> Floats:
        """State of the storage, for its reports."""
        return self._storage_state

    @property
    def _asked(self) -> list[float]:
        return self._s[kernel.ASKED : kernel.ASKED + kernel.POWERS].tolist()

    def _seen(self, seen: Snapshot) -> tuple[float, float]:
        """Voltage and frequency at the site's bus."""
        return float(seen.voltage_pu[self.bus]), float(seen.frequency_hz[self.bus])

    def _said(self, count: int) -> list[str]:
        assert self.protection is not None
        entries = self.protection.entries(self._log, count)
        self.log += entries
        return [f"{self.name}: {text}" for text in self.protection.describe(entries)]
