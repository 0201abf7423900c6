r"""Short-circuit strength of buses: three-phase short-circuit power and X/R.

The impedance that a bus sees is that of the network with every machine as its subtransient reactance x''_d (x'_d for a
classical machine) to ground:

.. math:: S_{sc} = S_{base} / |Z_{kk}|, \quad Z = Y^{-1}

This is the equivalent-voltage-source method of IEC 60909-0 with two differences: the voltage factor c is 1 (IEC takes
1.1 for the largest current), and impedances carry no correction factors. As there, base loads, line charging and shunts
are left out. Inverter-based plants contribute nothing: their current is limited and controlled, and does not hold the
voltage as a machine does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix, csc_matrix
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from grids.grid import Grid, synchronous_models

METHOD = "IEC 60909-0, c = 1, x''d (x'd for classical machines), without loads, shunts and inverters"

_SMALLEST_PU = 1e-6
"""Stands in for an impedance of zero, which has no admittance."""


@dataclass(frozen=True)
class ShortCircuit:
    """Strength of a bus: three-phase short-circuit power, and X/R of the impedance that it sees.

    A bus that no machine feeds has no strength: 0 MVA, and X/R is NaN.
    """

    bus: int | str
    mva: float
    x_over_r: float


def short_circuit(grid: Grid, buses: Sequence[int | str] | None = None) -> list[ShortCircuit]:
    """Short-circuit strength of buses with the present statuses of lines and machines.

    Parameters
    ----------
    grid : Grid
        Before or after its system is set up.
    buses : sequence of idx, optional
        All by default.

    Returns
    -------
    list of ShortCircuit
        In the order asked for.

    Raises
    ------
    GridError
        If a bus does not exist.
    """
    wanted = [bus.idx for bus in grid.buses] if buses is None else [grid.find_bus(bus).idx for bus in buses]
    position = {idx: k for k, idx in enumerate(grid.system.Bus.idx.v)}
    network, internal = admittance(grid)
    _, island = connected_components(abs(network), directed=False)
    is_fed = np.isin(island, np.unique(island[internal != 0]))
    fed = np.flatnonzero(is_fed)
    place = {int(k): n for n, k in enumerate(fed)}
    matrix = (network + csc_matrix(np.diag(internal)))[np.ix_(fed, fed)]
    factors = splu(csc_matrix(matrix)) if fed.size else None
    out = []
    for idx in wanted:
        row = place.get(position[idx])
        if factors is None or row is None:
            out.append(ShortCircuit(idx, 0.0, np.nan))
            continue
        unit = np.zeros(fed.size, dtype=complex)
        unit[row] = 1.0
        impedance = factors.solve(unit)[row]
        ratio = impedance.imag / impedance.real if impedance.real > 0 else np.inf
        out.append(ShortCircuit(idx, float(grid.base_mva / abs(impedance)), float(ratio)))
    return out


def admittance(grid: Grid) -> tuple[csc_matrix, np.ndarray]:
    """Series admittances of lines and transformers, and the machines' admittances to ground.

    Returns
    -------
    network : sparse matrix, shape (buses, buses)
        Complex, pu on the system base, in the order of the case's buses.
    internal : ndarray, shape (buses,)
        Sum of the machines' admittances at each bus, pu on the system base.
    """
    system, base_mva = grid.system, grid.base_mva
    bus, line = system.Bus, system.Line
    position = {idx: k for k, idx in enumerate(bus.idx.v)}
    base_kv = np.array(bus.Vn.v, dtype=float)
    n_bus = len(position)

    status = np.array(line.u.v, dtype=float)
    ends = [np.array([position[b] for b in end.v], dtype=int) for end in (line.bus1, line.bus2)]
    to_system = _to_system_base(system, line.Vn1.v, base_kv[ends[0]], line.Sn.v, base_mva)
    series = status / _impedance(line.r.v, line.x.v, to_system)
    tap = np.array(line.tap.v, dtype=float) * np.exp(1j * np.array(line.phi.v, dtype=float))
    rows = np.concatenate([ends[0], ends[0], ends[1], ends[1]])
    cols = np.concatenate([ends[0], ends[1], ends[0], ends[1]])
    values = np.concatenate([series / np.abs(tap) ** 2, -series / tap.conj(), -series / tap, series])
    network = coo_matrix((values, (rows, cols)), shape=(n_bus, n_bus)).tocsc()
    network.eliminate_zeros()  # an open line connects nothing

    internal = np.zeros(n_bus, dtype=complex)
    for model in synchronous_models(system):
        at = np.array([position[b] for b in model.bus.v], dtype=int)
        reactance = model.xd2.v if hasattr(model, "xd2") else model.xd1.v
        to_system = _to_system_base(system, model.Vn.v, base_kv[at], model.Sn.v, base_mva)
        np.add.at(internal, at, np.array(model.u.v, dtype=float) / _impedance(model.ra.v, reactance, to_system))
    return network, internal


def _to_system_base(system: Any, own_kv: Any, bus_kv: np.ndarray, own_mva: Any, base_mva: float) -> np.ndarray:
    """Factor on impedances; ANDES brings them to the system's base itself when the system is set up."""
    if system.is_setup:
        return np.ones(bus_kv.size)
    own_base = np.array(own_kv, dtype=float) ** 2 / np.array(own_mva, dtype=float)
    return own_base / (bus_kv**2 / base_mva)


def _impedance(resistance: Any, reactance: Any, to_system: np.ndarray) -> np.ndarray:
    value = (np.array(resistance, dtype=float) + 1j * np.array(reactance, dtype=float)) * to_system
    return np.where(np.abs(value) < _SMALLEST_PU, 1j * _SMALLEST_PU, value)
