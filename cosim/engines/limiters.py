"""Limits within an ANDES system's controls: what a linear model of it does not know."""

from typing import Any

import numpy as np
from andes.core.discrete import DeadBand, Limiter, SortedLimiter

from cosim.linear.grid import ControlLimits

POWER_FLOW_MODELS = ("PQ", "PV", "Slack")
"""Their limits play no part in the dynamics."""


def control_limits(system: Any) -> tuple[ControlLimits, np.ndarray]:
    """Collect the limits of an initialised ANDES system's dynamic models, dead bands included.

    Returns
    -------
    ControlLimits
    ndarray of int, shape (limits,)
        Position of each variable among the states and the algebraic variables.
    """
    names: list[str] = []
    variable, lower, upper = [np.empty(0, dtype=int)], [np.empty(0)], [np.empty(0)]
    for model in system.exist.tds.values():
        if not model.n or model.class_name in POWER_FLOW_MODELS:
            continue
        for limit_name, limit in model.discrete.items():
            if not isinstance(limit, Limiter) or isinstance(limit, SortedLimiter) or not limit.enable:
                continue
            if not hasattr(limit.u, "a"):
                continue  # compares parameters
            offset = 0 if limit.u.e_code == "f" else system.dae.n
            names += [f"{model.class_name} {idx} {limit_name}" for idx in model.idx.v]
            variable.append(np.asarray(limit.u.a) + offset)
            lower.append(_bound(limit, "lower", model.n, -np.inf))
            upper.append(_bound(limit, "upper", model.n, np.inf))
    return ControlLimits(tuple(names), np.concatenate(lower), np.concatenate(upper)), np.concatenate(variable)


def _bound(limit: Limiter, side: str, count: int, none: float) -> np.ndarray:
    if getattr(limit, f"no_{side}", False) and not isinstance(limit, DeadBand):
        return np.full(count, none)
    sign = float(np.ravel(getattr(limit, f"sign_{side}").v)[0])
    return np.broadcast_to(sign * np.asarray(getattr(limit, side).v, dtype=float), (count,)).copy()
