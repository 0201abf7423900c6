r"""The case's own loads during a run: their voltage dependence, down to short circuits, and load shedding.

ANDES's ``PQ`` mixes constant impedance, current and power, and the last has no solution in a deep sag. Its current
and power shares are therefore taken over by `ControlledLoad`, which is an impedance below a voltage of its own:

.. math:: P = P_0 \left( z (V/V_0)^2 + i (V/V_0) + p \right)

with V_0 the voltage of the power flow, as in PSS/E's conversion of loads (CONL). PSS/E bends the last two
characteristics below 0.5 pu and 0.7 pu (PQBRAK); here they turn into impedances at the same voltages.
"""

from typing import Any

import numpy as np

POWER_BREAK_PU = 0.7
"""Constant power becomes a constant impedance below this voltage (PSS/E's default PQBRAK)."""

CURRENT_BREAK_PU = 0.5
"""So does constant current below this one (as in PSS/E)."""

_SERVICES = ("Ppf", "Qpf", "Req", "Xeq", "Ipeq", "Iqeq")


class BaseLoads:
    """The base loads of an ANDES system that is not yet set up.

    With impedances only, nothing changes and nothing is added. A device's position in the arrays is its position in
    ``PQ``.
    """

    def __init__(self, system: Any):
        self._system = system
        config, load = system.PQ.config, system.PQ
        # per device added: its position in ControlledLoad, the base load that it is a part of, its share of it
        self._parts: list[tuple[int, int, str]] = []
        self._current, self._power = float(config.p2i), float(config.p2p)
        parts = (("i", self._current, CURRENT_BREAK_PU), ("p", self._power, POWER_BREAK_PU))
        for letter, share, break_pu in parts:
            if share == 0:
                continue
            for k in range(load.n):
                shape = {"kz": 0.0, "ki": float(letter == "i"), "kp": float(letter == "p"), "vmin": break_pu}
                device = {"idx": f"base:{load.idx.v[k]}:{letter}", "name": f"base load {load.idx.v[k]}"}
                system.add("ControlledLoad", {**device, "bus": load.bus.v[k], "u": load.u.v[k], **shape})
                self._parts.append((system.ControlledLoad.n - 1, k, letter))
        config.p2i = config.p2p = config.q2i = config.q2q = 0.0

    def take_over(self) -> None:
        """Give the parts their power, after the power flow and before the dynamics are initialised.

        Where the voltage left the band of a ``PQ`` in the power flow, that device was an impedance there.
        """
        load, dae = self._system.PQ, self._system.dae
        self.start_pu = np.zeros(load.n)
        if not load.n:
            return
        voltage = dae.y[load.v.a]
        inside, low, high = (np.asarray(flag) for flag in (load.vcmp.zi, load.vcmp.zl, load.vcmp.zu))
        factor = inside + low * (voltage / load.vmin.v) ** 2 + high * (voltage / load.vmax.v) ** 2
        self.start_pu = load.ue.v * load.p0.v * factor
        controlled = self._system.ControlledLoad
        for at, k, letter in self._parts:
            share = self._current / voltage[k] if letter == "i" else self._power
            controlled.p.v[at] = share * load.p0.v[k] * factor[k]
            controlled.q.v[at] = share * load.q0.v[k] * factor[k]

    def remember(self) -> None:
        """Note the loads' full size, once the dynamics are initialised."""
        load, controlled = self._system.PQ, self._system.ControlledLoad
        arrays = [getattr(load, name).v for name in _SERVICES] if load.n else []
        self._full = [(array, array.copy()) for array in arrays]
        self._full_parts = [(controlled.p.v[at], controlled.q.v[at]) for at, _, _ in self._parts]

    def scale(self, remaining: np.ndarray) -> None:
        """Leave a share of each base load connected; the network must then be solved again.

        Parameters
        ----------
        remaining : ndarray, shape (base loads,)
            Of the size at t = 0.
        """
        controlled = self._system.ControlledLoad
        for array, full in self._full:
            array[:] = remaining * full
        for (at, k, _), (p, q) in zip(self._parts, self._full_parts, strict=True):
            controlled.p.v[at], controlled.q.v[at] = remaining[k] * p, remaining[k] * q
