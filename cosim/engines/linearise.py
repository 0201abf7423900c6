"""The linear equations of an initialised ANDES system."""

from typing import Any

import numpy as np
from andes.linsolvers.scipy import spmatrix_to_csc
from scipy.sparse import bmat, csc_matrix

from cosim.engines.service_derivatives import service_derivatives
from cosim.linear.state_space import StateSpace, reduce


def linearise(system: Any) -> StateSpace:
    """Linearise an ANDES system at its present variables.

    The inputs are what is drawn in addition at each bus, in system per-unit: active power, then reactive power.

    Parameters
    ----------
    system : andes.System
        With ``TDS.init()`` done.

    Raises
    ------
    NotLinearisable
        If the algebraic equations do not determine the algebraic variables.
    """
    dae = system.dae
    system.vars_to_models()
    system.j_update(models=system.exist.pflow_tds)
    fx, fy, gx, gy = (spmatrix_to_csc(m) for m in (dae.fx, dae.fy, dae.gx, dae.gy))
    jacobian = bmat([[fx, fy], [gx, gy]], format="csc") + service_derivatives(system)
    balance = dae.n + np.concatenate([system.Bus.a.a, system.Bus.v.a])
    ones = np.ones(balance.size)
    inputs = csc_matrix((ones, (balance, np.arange(balance.size))), shape=(jacobian.shape[0], balance.size))
    names = (*map(str, dae.x_name), *map(str, dae.y_name))
    return reduce(jacobian, np.asarray(dae.Tf, dtype=float), inputs, names)
