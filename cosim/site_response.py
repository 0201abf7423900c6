"""A site in the loop: what it asks of the grid at each node, given the voltage and the frequency that it sees.

Along the path of the power: the demand of the workloads, less what an event has tripped, less what protection has
taken off, plus what the batteries of the UPS draw, make the level of the site's load; storage at the point of
interconnection (POI) sees that and has a level of its own. A level is a power at nominal voltage; what passes the POI
is the level times what the voltage lets through.
"""

from dataclasses import dataclass

import numpy as np

from cosim.engines.interface import Engine
from cosim.site_equipment import SiteEquipment
from cosim.watchers import Snapshot
from loads.injector import Injector
from loads.mitigation import OUTPUTS, storage_step
from loads.mitigation.storage import device_states
from loads.mitigation.storage_kernel import POI_MW, STORED_MWS
from loads.protection import LogEntry, account, act, due, layout, manual_return, observe, recharge, share
from loads.segments import Floats

SHARE_TOLERANCE = 1e-4
"""A site whose share would change by less than this with the voltage that it caused has settled."""


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


@dataclass
class _Node:
    """Powers (MW) at one side of a node, and the share of the load that is connected."""

    demand: float = 0.0
    connected: float = 0.0
    load: float = 0.0
    recharge: float = 0.0
    storage: float = 0.0
    voltage: float = 0.0
    drawn: float = 0.0
    is_low: bool = False
    share: float = 1.0


class SiteResponse:
    """One site of a run; a `cosim.watchers.Watcher` of its protection.

    For each step the loop calls `propose`, solves, asks whether the site `has_settled` with the voltage found and, once
    it has, calls `commit`; after a jump `propose_after`, `has_settled` and `commit_after`.

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
        self._connection, self._equipment = equipment.connection, equipment
        self.reacts = equipment.reacts
        self.bus, self._v_min_pu = bus, v_min_pu
        self.energies = Energies()
        self.min_pu, self.max_pu = np.inf, -np.inf
        self.log: list[LogEntry] = []
        self._node, self._asked = _Node(), _Node()
        self._time_s = self._v = self._f = 0.0
        self._is_begun = False

    def start(self, first_step_s: float, seen: Snapshot) -> float:
        """Begin a run from the equilibrium, and return the demand (MW) after it: an average over the first step."""
        self._see(seen)
        self._time_s = self._end_s = self._next_s = 0.0
        level_mw = self.injector.initial_value
        self._after_mw = self.injector.start(first_step_s)
        self._asked = _Node(level_mw, level_mw, level_mw)
        if self.protection is not None:
            self._p = self.protection.parameters
            self._has_electronic = bool(self._p[layout.HAS_ELECTRONIC])
            self._state = self.protection.initial_state(self._v, self._f)
            self._log = self.protection.new_log()
            self._asked_v = self._v
            account(self._p, self._state, 0.0, self._v, level_mw)
        if self.storage is not None:
            self._storage_p = self.storage.parameters()
            self._storage_state = self._equipment.start_storage(level_mw)
            self._storage_trial = self._storage_state.copy()
            self._out = np.zeros(OUTPUTS)
            self._capacity_mws = np.array([device.energy_mws for device in self.storage.devices.values()])
            self._asked.storage = self._equipment.start_storage_mw(level_mw)
        return self._after_mw

    @property
    def levels(self) -> tuple[float, float]:
        """Levels (MW) last asked for: of the load, and of the storage."""
        return self._asked.load + self._asked.recharge, self._asked.storage

    @property
    def poi_mw(self) -> tuple[float, float]:
        """What passes the POI (MW), storage included, and what it would be at nominal voltage."""
        return self._asked.drawn, sum(self.levels)

    @property
    def row(self) -> list[float]:
        """What the columns of `SiteEquipment.columns` are filled with, for the levels last asked for."""
        if not self.reacts:
            return []
        asked = self._asked
        row = [asked.demand, asked.share, asked.recharge, asked.storage]
        if self.storage is not None:
            row += (device_states(self._storage_state)[:, STORED_MWS] / self._capacity_mws).tolist()
        return row

    def propose(self, end_s: float, next_s: float, is_jump: bool) -> None:
        """Ask for levels at the end of a step from the last node; the step can be cut and proposed again."""
        before, self._after_mw = self.injector.next_value(end_s, next_s, is_jump)
        connected = 1.0 if self._connection is None else self._connection.before(end_s)
        self._end_s, self._next_s = end_s, next_s
        self._asked_v = self._v
        self._ask(end_s, before, connected)

    def repeat(self) -> None:
        """Ask once more for the same instant, with the voltage that the grid had with the last levels."""
        self._ask(self._end_s, self._asked.demand, self._asked_connected)

    def has_settled(self, voltage_pu: np.ndarray) -> bool:
        """Whether the levels would be the same with the voltage that they made; else `repeat` is to follow."""
        if not self.is_protected or not self._has_electronic:
            return True
        before, self._asked_v = self._asked_v, float(voltage_pu[self.bus])
        if before == self._asked_v:
            return True
        change = share(self._p, self._state, self._end_s, self._asked_v) * self._asked.connected - self._asked.load
        if abs(change) <= SHARE_TOLERANCE * max(self._asked.connected, 1e-9):
            self._asked_v = before  # that of the levels asked for
            return True
        return False

    def commit(self, seen: Snapshot, load_mw: float, delivered: float) -> None:
        """Make the end of the step the node.

        ``load_mw`` is what the load drew there, ``delivered`` the share of the storage's power that passed.
        """
        step_s = self._end_s - self._time_s
        self.injector.commit()
        asked = self._asked
        if self.storage is not None:
            if delivered < 1.0:
                self._step_storage(asked, delivered)
            self._storage_state[:] = self._storage_trial
        if self.is_protected:
            account(self._p, self._state, self._end_s, self._asked_v, asked.connected)
        self._see(seen)
        self._finish(load_mw, delivered)
        was, energies, half_s = self._node, self.energies, 0.5 * step_s
        energies.demand += half_s * (was.demand + asked.demand)
        energies.connected += half_s * (was.connected + asked.connected)
        energies.load += half_s * (was.load + asked.load)
        energies.recharge += half_s * (was.recharge + asked.recharge)
        energies.voltage += half_s * (was.voltage + asked.voltage)
        energies.drawn += half_s * (was.drawn + asked.drawn)
        energies.below_v_min_s += half_s * (was.is_low + asked.is_low)
        self._node, self._time_s = asked, self._end_s

    def propose_after(self) -> None:
        """Ask for levels after the node, where the site or the grid jumps."""
        connected = 1.0 if self._connection is None else self._connection.after(self._time_s)
        self._asked_v, self._end_s = self._v, self._time_s
        self._ask(self._time_s, self._after_mw, connected)

    def commit_after(self, seen: Snapshot, load_mw: float, delivered: float) -> None:
        """Make the other side of the jump the node."""
        asked = self._asked
        if self.storage is not None:
            self._step_storage(asked, delivered)
            self._storage_state[:] = self._storage_trial
        if self.is_protected:
            account(self._p, self._state, self._time_s, self._asked_v, asked.connected)
        self._see(seen)
        self._finish(load_mw, delivered)
        self._node = asked

    def pass_through(self, time_s: Floats, demand_mw: Floats, drawn_mw: Floats, voltage_pu: Floats) -> None:
        """Take a stretch of a run of a site that does not react, all of it at once; follows the last stretch.

        Parameters
        ----------
        time_s, demand_mw, drawn_mw, voltage_pu : ndarray, shape (rows,)
            Two rows at a jump, before and after.
        """
        was = self._node
        if self._is_begun:
            time_s, demand_mw = np.append(self._time_s, time_s), np.append(was.demand, demand_mw)
            drawn_mw, voltage_pu = np.append(was.drawn, drawn_mw), np.append(self._v, voltage_pu)
        is_low = voltage_pu < self._v_min_pu
        demand, drawn, low = (float(np.trapezoid(y, time_s)) for y in (demand_mw, drawn_mw, is_low.astype(float)))
        energies = self.energies
        energies.demand += demand
        energies.connected += demand
        energies.load += demand
        energies.voltage += drawn - demand
        energies.drawn += drawn
        energies.below_v_min_s += low
        self.min_pu, self.max_pu = min(self.min_pu, voltage_pu.min()), max(self.max_pu, voltage_pu.max())
        self._node = _Node(demand=float(demand_mw[-1]), drawn=float(drawn_mw[-1]))
        self._time_s, self._v, self._is_begun = float(time_s[-1]), float(voltage_pu[-1]), True

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
        node = self._node
        off = 100.0 * (1.0 - node.load / node.connected) if node.connected > 0.0 else 0.0
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

    def _ask(self, now_s: float, demand_mw: float, connected_share: float) -> None:
        connected = demand_mw * connected_share
        self._asked_connected = connected_share
        asked = _Node(demand_mw, connected, connected, share=connected_share)
        if self.is_protected:
            left = share(self._p, self._state, now_s, self._asked_v)
            asked.load = connected * left
            asked.share = connected_share * left
            asked.recharge = recharge(self._p, self._state, now_s, connected)
        if self.storage is not None:
            self._step_storage(asked, 1.0)
            asked.storage = float(self._out[POI_MW]) - (asked.load + asked.recharge)
        self._asked = asked

    def _step_storage(self, asked: _Node, delivered: float) -> None:
        """From the last node to the one asked for; both are one after a jump."""
        self._storage_trial[:] = self._storage_state
        load_mw = asked.load + asked.recharge
        step_s = self._end_s - self._time_s
        storage_step(
            self._storage_p,
            self._storage_trial,
            self._out,
            step_s,
            load_mw,
            load_mw,
            self._f,
            self._next_s,
            delivered,
        )

    def _see(self, seen: Snapshot) -> None:
        self._v, self._f = float(seen.voltage_pu[self.bus]), float(seen.frequency_hz[self.bus])
        self.min_pu, self.max_pu = min(self.min_pu, self._v), max(self.max_pu, self._v)

    def _finish(self, load_mw: float, delivered: float) -> None:
        asked = self._asked
        asked.voltage = load_mw - (asked.load + asked.recharge)
        asked.drawn = load_mw + asked.storage * delivered
        asked.is_low = self._v < self._v_min_pu

    def _said(self, count: int) -> list[str]:
        assert self.protection is not None
        entries = self.protection.entries(self._log, count)
        self.log += entries
        return [f"{self.name}: {text}" for text in self.protection.describe(entries)]
