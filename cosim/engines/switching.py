"""Switch positions in a running ANDES system, and what follows from them: supply, islands, machines in service."""

from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from grids.frequency_divider import frequency_divider
from grids.grid import synchronous_models


class Switchgear:
    """Opens and closes devices, and keeps what depends on it up to date.

    A device's own status (``u`` of ANDES) is its switch position. A bus that no machine feeds is taken out of service
    as a whole, which switches off all that is connected to it (``ue`` of ANDES) until it is fed again.

    Parameters
    ----------
    system : andes.System
        With ``TDS.init()`` done.

    Attributes
    ----------
    divider : ndarray, shape (buses, machines)
        Speed deviations of machines to frequency deviations of buses; NaN for buses without supply. Machines are
        those in service when the run started.
    dead : ndarray of bool, shape (buses,)
        Buses without supply.
    machine_on : ndarray of bool, shape (machines,)
        Machines still in service.
    islands : list of ndarray of int
        Machines in service of each island, as positions.
    """

    def __init__(self, system: Any):
        self._system = system
        models = synchronous_models(system)
        self._running = [np.flatnonzero(model.u.v) for model in models]
        self._was_on = np.concatenate([model.u.v > 0 for model in models])
        position = {idx: k for k, idx in enumerate(system.Bus.idx.v)}
        self._ends = tuple(np.array([position[b] for b in ends.v], dtype=int) for ends in self._line_ends())
        buses = [position[model.bus.v[k]] for model, on in zip(models, self._running, strict=True) for k in on]
        self._machine_bus = np.array(buses, dtype=int)
        self.dead = np.zeros(system.Bus.n, dtype=bool)
        self._update()

    def set(self, model: str, idx: int | str, on: bool) -> None:
        """Open (``on`` False) or close a device; the network must then be solved again."""
        system = self._system
        system.set_status(model, idx, int(on))
        self._update()
        system.TDS._last_switch_t = float(system.dae.t)  # ANDES refreshes its Jacobian for 0.1 s after this time
        system.vars_to_models()

    def _line_ends(self) -> tuple[Any, Any]:
        return self._system.Line.bus1, self._system.Line.bus2

    def _update(self) -> None:
        system = self._system
        self.divider = frequency_divider(system)[:, self._was_on]
        dead = np.isnan(self.divider).all(axis=1)
        for k in np.flatnonzero(dead != self.dead):
            system.set_status("Bus", system.Bus.idx.v[k], int(not dead[k]))
        self.dead = dead
        self._leave_out_dead_buses()
        models = synchronous_models(system)
        self.machine_on = np.concatenate([m.ue.v[k] > 0 for m, k in zip(models, self._running, strict=True)])
        closed = system.Line.u.v > 0
        edges = (np.ones(closed.sum()), (self._ends[0][closed], self._ends[1][closed]))
        _, label = connected_components(coo_matrix(edges, shape=(dead.size, dead.size)), directed=False)
        of_machine = np.where(self.machine_on, label[self._machine_bus], -1)
        self.islands = [np.flatnonzero(of_machine == island) for island in np.unique(of_machine[self.machine_on])]

    def _leave_out_dead_buses(self) -> None:
        """Tell ANDES which buses have no equations to solve; it would also name a machine on a bus of its own."""
        bus = self._system.Bus
        bus.islanded_buses = [int(k) for k in np.flatnonzero(self.dead)]
        bus.islanded_a = np.array(bus.islanded_buses, dtype=int)
        bus.islanded_v = bus.n + bus.islanded_a
        bus.n_islanded_buses = len(bus.islanded_buses)
