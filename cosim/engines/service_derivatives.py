"""What ANDES's Jacobian lacks: derivatives by way of services that follow the variables."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import csc_matrix

_STEP = 1e-6
_MOST_APART = 1e-3
"""Derivatives from both sides that differ by more than this are of a switch, and count as none."""


def service_derivatives(system: Any) -> csc_matrix:
    """Derivatives of an ANDES system's equations with respect to its variables by way of ``VarService``.

    ANDES computes such a service (the voltage behind a compounded exciter's rectifier, for instance: ``VE`` of ESST3A)
    anew from the variables before each evaluation of the equations, and differentiates these as if it were constant.
    Its Newton iterations converge all the same; linear equations are wrong without. Here by central differences, all
    devices of a model at once.

    Parameters
    ----------
    system : andes.System
        With ``TDS.init()`` done and its models' variables up to date; left as it is.

    Returns
    -------
    sparse matrix, shape (variables, variables)
        Of f, then g, with respect to the states, then the algebraic variables.
    """
    size = system.dae.n + system.dae.m
    rows, columns, values = [np.empty(0, dtype=int)], [np.empty(0, dtype=int)], [np.empty(0)]
    with np.errstate(all="ignore"):
        for model in system.exist.pflow_tds.values():
            if not model.n or not model.services_var:
                continue
            for row, column, value in _of_model(model, system.dae.n):
                rows.append(row)
                columns.append(column)
                values.append(value)
    at = (np.concatenate(rows), np.concatenate(columns))
    return csc_matrix((np.concatenate(values), at), shape=(size, size))


def _of_model(model: Any, states: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Rows, columns and values, an entry for each device, of one variable in one equation after the other."""
    model.s_update_var()
    equations = [np.asarray(var.a) for var in model.cache.states_and_ext.values()]
    equations += [np.asarray(var.a) + states for var in model.cache.algebs_and_ext.values()]
    present = _residuals(model)
    for var in model.cache.all_vars.values():
        if var.v.size != model.n:
            continue
        step = _STEP * np.maximum(1.0, np.abs(var.v))
        above, below = (_with_services_of(model, var, sign * step) for sign in (1.0, -1.0))
        column = np.asarray(var.a) + (states if var.v_code == "y" else 0)
        for row, up, here, down in zip(equations, above, present, below, strict=True):
            forward, backward = (up - here) / step, (here - down) / step
            value = 0.5 * (forward + backward)
            is_smooth = np.abs(forward - backward) <= _MOST_APART * (1.0 + np.abs(value))
            found = np.flatnonzero(is_smooth & (value != 0.0)) if row.size == model.n else np.empty(0, dtype=int)
            yield row[found], column[found], value[found]
    model.s_update_var()


def _with_services_of(model: Any, var: Any, change: np.ndarray) -> list[np.ndarray]:
    """Residuals at the present variables, with the services that they would have with one of them changed."""
    present = var.v.copy()
    var.v[:] = present + change
    model.s_update_var()
    var.v[:] = present
    return _residuals(model)


def _residuals(model: Any) -> list[np.ndarray]:
    """Of a model's differential equations, then of its algebraic ones, shape (devices,) each."""
    found: list[Any] = []
    for call, arguments, variables in (
        (model.calls.f, model.f_args, model.cache.states_and_ext),
        (model.calls.g, model.g_args, model.cache.algebs_and_ext),
    ):
        found += call(*arguments) if callable(call) else [0.0] * len(variables)
    return [np.array(np.broadcast_to(value, (model.n,)), dtype=float) for value in found]
