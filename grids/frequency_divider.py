"""Bus frequencies from machine speeds, without differentiating angles."""

from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from grids.grid import synchronous_models


def frequency_divider(system: Any) -> np.ndarray:
    r"""Matrix that maps speed deviations of machines to frequency deviations of buses.

    .. math:: \Delta\omega_B = -(B_{BB} + B_{B0})^{-1} B_{BG} \, \Delta\omega_G

    after Milano and Ortega, "Frequency divider", IEEE Trans. Power Systems 32(2), 2017, eq. (13). Only series
    reactances enter, so that the rows add up to one: when all machines move together, so do all buses.

    Parameters
    ----------
    system : andes.System
        Set up, with its present line and machine statuses.

    Returns
    -------
    ndarray, shape (buses, machines)
        Dimensionless. Rows of buses that no machine feeds are NaN, columns of tripped machines zero.
    """
    n_bus = system.Bus.n
    line = system.Line
    position = {idx: k for k, idx in enumerate(system.Bus.idx.v)}
    ends = [np.array([position[b] for b in bus.v], dtype=int) for bus in (line.bus1, line.bus2)]
    susceptance = line.u.v * line.x.v / (line.r.v**2 + line.x.v**2)

    rows = np.concatenate([ends[0], ends[1], ends[0], ends[1]])
    cols = np.concatenate([ends[1], ends[0], ends[0], ends[1]])
    values = np.concatenate([-susceptance, -susceptance, susceptance, susceptance])
    laplacian = coo_matrix((values, (rows, cols)), shape=(n_bus, n_bus)).toarray()

    at_bus, internal = [], []
    for model in synchronous_models(system):
        reactance = (model.xd2.v + model.xq2.v) / 2 if hasattr(model, "xd2") else model.xd1.v
        at_bus += [position[b] for b in model.bus.v]
        internal += list(model.u.v / reactance)
    coupling = np.zeros((n_bus, len(at_bus)))
    coupling[at_bus, np.arange(len(at_bus))] = internal

    closed = line.u.v > 0
    graph = coo_matrix((np.ones(closed.sum()), (ends[0][closed], ends[1][closed])), shape=(n_bus, n_bus))
    _, island = connected_components(graph, directed=False)
    fed = np.isin(island, np.unique(island[coupling.any(axis=1)]))
    out = np.full_like(coupling, np.nan)
    matrix = laplacian + np.diag(coupling.sum(axis=1))
    out[fed] = np.linalg.solve(matrix[np.ix_(fed, fed)], coupling[fed])
    return out
