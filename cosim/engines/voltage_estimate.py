r"""Bus voltages right after a switching, from a linear network: where Newton's method starts.

A fault takes voltages to zero and its clearing brings them back. Newton's method in polar coordinates finds neither
from the other side. With machines as constant voltages behind subtransient reactances (what their held fluxes make of
them) and loads as impedances, the network is linear:

.. math:: (Y_{lines} + Y_{shunts} + Y_{loads} + Y_{machines}) V = Y_{machines} E'' + I_{inverters}
"""

from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import splu

from grids.grid import synchronous_models

_SMALLEST_VOLTAGE_PU = 1e-3


def estimate_voltages(system: Any, dead: np.ndarray, load_voltage_pu: float = 1.0) -> bool:
    """Write an estimate of the voltages at t+ into ``dae.y``, and the stator currents that go with them.

    Parameters
    ----------
    system : andes.System
        With the variables of t-, and the switch positions of t+.
    dead : ndarray of bool, shape (buses,)
        Buses without supply; their voltages stay as they are.
    load_voltage_pu : float
        Controlled loads are taken as the impedances that draw their power at this voltage.

    Returns
    -------
    bool
        False, with nothing written, where the network has no solution.
    """
    bus, y = system.Bus, system.dae.y
    before = y[bus.v.a] * np.exp(1j * y[bus.a.a])
    position = {idx: k for k, idx in enumerate(bus.idx.v)}
    machines = [_Machines(model, system, position, before) for model in synchronous_models(system)]
    rows, cols, values = _branches(system, position)
    diagonal = _shunts(system, position, load_voltage_pu)
    current = _inverter_current(system, position, before)
    for group in machines:
        np.add.at(diagonal, group.at, group.admittance)
        np.add.at(current, group.at, group.admittance * group.behind)
    every = np.arange(bus.n)
    index = (np.concatenate([rows, every]), np.concatenate([cols, every]))
    matrix = coo_matrix((np.concatenate([values, diagonal]), index), shape=(bus.n, bus.n)).tocsc()
    live = np.flatnonzero(~dead)
    try:
        voltage = splu(matrix[live][:, live]).solve(current[live])
    except RuntimeError:  # exactly singular
        return False
    if not np.all(np.isfinite(voltage)):
        return False
    after = before.copy()
    after[live] = voltage
    y[bus.v.a[live]] = np.abs(voltage)
    # Angles far from zero stay on their turn: only differences between them matter, but angles of rotors go along.
    turn = np.angle(voltage * np.conj(before[live]) + 0j)
    y[bus.a.a[live]] = np.where(np.abs(before[live]) > _SMALLEST_VOLTAGE_PU, y[bus.a.a[live]] + turn, np.angle(voltage))
    for group in machines:
        group.write_current(system, after)
    return True


class _Machines:
    """The machines of one model as voltages behind reactances."""

    def __init__(self, model: Any, system: Any, position: dict[Any, int], voltage: np.ndarray):
        self._model = model
        self.at = np.array([position[b] for b in model.bus.v], dtype=int)
        reactance = model.xd2.v if hasattr(model, "xd2") else model.xd1.v
        self.admittance = model.ue.v / (model.ra.v + 1j * reactance)
        y, x = system.dae.y, system.dae.x
        self._turn = np.exp(1j * (x[model.delta.a] - np.pi / 2))  # from the machine's axes to the network's
        current = (y[model.Id.a] + 1j * y[model.Iq.a]) * self._turn
        self.behind = voltage[self.at] + (model.ra.v + 1j * reactance) * current

    def write_current(self, system: Any, voltage: np.ndarray) -> None:
        """Stator currents and voltages at estimated bus voltages."""
        y, model, on = system.dae.y, self._model, self._model.ue.v > 0
        own = self.admittance * (self.behind - voltage[self.at]) / self._turn
        terminal = voltage[self.at] / self._turn
        for variable, value in ((model.Id, own.real), (model.Iq, own.imag)):
            y[variable.a[on]] = value[on]
        for variable, value in ((model.vd, terminal.real), (model.vq, terminal.imag)):
            y[variable.a[on]] = value[on]


def _branches(system: Any, position: dict[Any, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Admittance matrix of lines and transformers (pi model, ideal transformer at the first end) as triplets."""
    line = system.Line
    one = np.array([position[b] for b in line.bus1.v], dtype=int)
    two = np.array([position[b] for b in line.bus2.v], dtype=int)
    series = line.ue.v / (line.r.v + 1j * line.x.v)
    charging = line.ue.v * (line.g.v + 1j * line.b.v) / 2
    ratio = line.tap.v * np.exp(1j * line.phi.v)
    first = (series + charging + line.ue.v * (line.g1.v + 1j * line.b1.v)) / line.tap.v**2
    second = series + charging + line.ue.v * (line.g2.v + 1j * line.b2.v)
    values = np.concatenate([first, second, -series / np.conj(ratio), -series / ratio])
    return np.concatenate([one, two, one, two]), np.concatenate([one, two, two, one]), values


def _shunts(system: Any, position: dict[Any, int], load_voltage_pu: float) -> np.ndarray:
    """Admittance to ground at each bus: shunts, faults, and loads as impedances."""
    out = np.zeros(system.Bus.n, dtype=complex)

    def put(model: Any, admittance: np.ndarray) -> None:
        if model.n:
            np.add.at(out, [position[b] for b in model.bus.v], model.ue.v * admittance)

    for name in ("Shunt", "ShuntSw", "ShuntTD"):
        model = system.models[name]
        if model.n:
            put(model, np.asarray(model.g.v) + 1j * np.asarray(model.b.v))
    config, load = system.PQ.config, system.PQ
    if load.n:
        share = config.p2z + config.p2i + config.p2p
        put(load, share * (load.Req.v - 1j * load.Xeq.v))
    controlled = system.ControlledLoad
    put(controlled, (np.asarray(controlled.p.v) - 1j * np.asarray(controlled.q.v)) / load_voltage_pu**2)
    return out


def _inverter_current(system: Any, position: dict[Any, int], voltage: np.ndarray) -> np.ndarray:
    """Current that inverter-based plants inject, as before the switching."""
    out = np.zeros(system.Bus.n, dtype=complex)
    for model in system.groups["RenGen"].models.values():
        if not (model.n and hasattr(model, "Pe") and hasattr(model, "Qe")):
            continue
        at = np.array([position[b] for b in model.bus.v], dtype=int)
        power = model.ue.v * (system.dae.y[model.Pe.a] + 1j * system.dae.y[model.Qe.a])
        seen = voltage[at]
        usable = np.abs(seen) > _SMALLEST_VOLTAGE_PU
        np.add.at(out, at[usable], np.conj(power[usable] / seen[usable]))
    return out
