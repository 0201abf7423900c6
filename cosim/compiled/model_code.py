"""Source text of one ANDES model for compiled code, and the tables that it works on.

A model becomes one function of a kind, an arena, a table and a Jacobian (see `cosim.compiled.model_loop`):

* kind 0: variable services, discrete flags, derivatives of the states, anti-windup limits;
* kind 1: residuals of the algebraic equations;
* kind 2: entries of the Jacobian.

The text depends on the model alone, not on the case.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from andes.core.service import ExtendedEvent

from cosim.compiled import discrete_code
from cosim.compiled.arena import ITERATIONS, TIME
from cosim.compiled.model_loop import Loop, ModelCode, Registry
from cosim.compiled.scalar_code import NotTranslatable, translate

JACOBIANS = ("fx", "fy", "gx", "gy")

HEADER = '''"""Generated from ANDES's model {model}."""

from math import acos, asin, atan, atan2, cos, exp, log, nan, pi, radians, sin, sqrt, tan

import numpy as np
from numba import cfunc, njit, types

'''
FOOTER = """

@cfunc(
    types.void(types.int64, types.CPointer(types.float64), types.CPointer(types.int64), types.CPointer(types.float64)),
    cache=True,
    error_model="numpy",
)
def evaluate(kind, a__, t__, j__):
    if kind == 0:
        differential(a__, t__)
    elif kind == 1:
        algebraic(a__, t__)
    else:
        jacobian(a__, t__, j__)
"""


def model_code(model: Any) -> ModelCode:
    """Write a model of an initialised ANDES system.

    Raises
    ------
    NotTranslatable
        With what has no counterpart in compiled code.
    """
    for flag in ("f_num", "g_num", "j_num", "sv_num", "j_setup"):
        owners = [model, *model.blocks.values()]
        if any(getattr(owner.flags, flag, False) is True for owner in owners):
            raise NotTranslatable(f"{model.class_name} has numerical code of its own ({flag})")
    out = ModelCode(model.class_name, int(model.n))
    registry = Registry(model, out)
    text = HEADER.format(model=model.class_name)
    text += _function("differential", "a__, t__", _differential(model, registry))
    text += _function("algebraic", "a__, t__", _algebraic(model, registry))
    text += _function("jacobian", "a__, t__, j__", _jacobian(model, registry))
    out.source = text + FOOTER
    return out


def _has_complex(registry: Registry, names: list[str]) -> bool:
    return any(np.iscomplexobj(registry.inputs.get(name, 0.0)) for name in names)


def _bound(loop: Loop, registry: Registry, function: Callable[..., Any], names: list[str]) -> tuple[str, ...]:
    """Expressions of a generated function, with its arguments bound."""
    found = translate(function, has_complex=_has_complex(registry, names))
    for name in found.names:
        loop.argument(name)
    return found.values


def _differential(model: Any, registry: Registry) -> list[str]:
    """Kind 0: services, flags, derivatives, limits."""
    calls, loop = model.calls, Loop(registry)
    loops = [loop]
    for name, service in model.services_var_seq.items():
        if service.v_str is not None and callable(calls.s.get(name)):
            (value,) = _bound(loop, registry, calls.s[name], calls.s_args[name])
            _assign(loop, service, value)
    if callable(calls.sns):
        values = _bound(loop, registry, calls.sns, calls.sns_args)
        services = list(model.services_var_nonseq.values())
        loop.lines += [f"new{k}__ = {value}" for k, value in enumerate(values[: len(services)])]
        for k, service in enumerate(services):
            _assign(loop, service, f"new{k}__")
    for service in model.services_var.values():
        if service.v_numeric is None:
            continue
        loop.take(discrete_code.numeric_service(service, loop))
        if isinstance(service, ExtendedEvent):
            loop = Loop(registry)
            loops.append(loop)
            loop.take(discrete_code.extended_event_output(service, loop))
    for component in model.discrete.values():
        code = discrete_code.variable_check(component, loop)
        if code is not None:
            loop.take(code)
    if callable(calls.f):
        values = _bound(loop, registry, calls.f, calls.f_args)
        for state, value in zip(model.cache.states_and_ext.values(), values, strict=True):
            if value != "0":
                loop.lines.append(f"{loop.derivative(state)} += {value}")
    for component in model.discrete.values():
        lines = discrete_code.equation_check(component, loop)
        if lines is None:
            continue
        loop.lines += lines
        if hasattr(component, "niter_lock"):
            flag = registry.slot(component.zi)
            registry.out.pegs.append((flag, component.state))
    body = [line for loop in loops for line in loop.text()]
    return [f"time__ = a__[{TIME}]", f"niter__ = a__[{ITERATIONS}]", *body] if body else []


def _assign(loop: Loop, service: Any, value: str) -> None:
    name = loop.flag(service, "v")
    is_complex = np.iscomplexobj(service.v)
    loop.lines.append(f"{name} = complex({value})" if is_complex else f"{name} = 1.0 * ({value})")


def _algebraic(model: Any, registry: Registry) -> list[str]:
    """Kind 1: residuals of the algebraic equations."""
    loop = Loop(registry)
    if callable(model.calls.g):
        values = _bound(loop, registry, model.calls.g, model.calls.g_args)
        variables = model.cache.algebs_and_ext.values()
        wanted = [(v, value) for v, value in zip(variables, values, strict=True) if value != "0"]
        loop.lines += [f"g{k}__ = {value}" for k, (_, value) in enumerate(wanted)]
        loop.lines += [f"{loop.equation(variable)} += g{k}__" for k, (variable, _) in enumerate(wanted)]
    return loop.text()


def _jacobian(model: Any, registry: Registry) -> list[str]:
    """Kind 2: entries of the Jacobian."""
    loop, number = Loop(registry), 0
    sums = []
    for matrix in JACOBIANS:
        function = model.calls.j.get(matrix)
        if function is None:
            continue
        values = _bound(loop, registry, function, model.calls.j_args[matrix])
        triplets = model.triplets
        for k, value in enumerate(values):
            rows, columns = np.asarray(triplets.ijac[matrix][k]), np.asarray(triplets.jjac[matrix][k])
            if len(rows) != registry.out.count:
                raise NotTranslatable(f"{registry.out.name}: entries of {matrix}")
            registry.out.jacobian.append((matrix, rows, columns))
            loop.lines.append(f"j{number}__ = {value}")
            sums.append(f"j__[t__[w__ + {number} * n__ + k__]] += j{number}__")
            number += 1
    loop.lines += sums
    return loop.text()


def _function(name: str, arguments: str, body: list[str]) -> str:
    head = ["n__ = t__[0]", "e__ = t__[1]", "v__ = t__[2]", "w__ = t__[3]"]
    lines = [*head, *body] if body else ["pass"]
    text = "\n".join(f"    {line}" for line in lines)
    return f'@njit(error_model="numpy", nogil=True)\ndef {name}({arguments}):\n{text}\n\n\n'
