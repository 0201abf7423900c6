"""Source text for ANDES's discrete components: what sets flags, pegs states and remembers.

Each function returns lines for one device; names in them stand for what `cosim.compiled.model_loop` has bound. The
order of operations is that of ``check_var`` and ``check_eq`` in ANDES's ``core/discrete.py``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from andes.core import discrete as andes_discrete
from andes.core.service import EventFlag, ExtendedEvent, VarHold

from cosim.compiled.arena import MODE_CHANGED
from cosim.compiled.scalar_code import NotTranslatable


class Binder(Protocol):
    """Gives what a component refers to a name in the source text."""

    def value(self, provider: Any) -> str:
        """Name of a variable's, parameter's or service's value."""

    def flag(self, component: Any, attribute: str) -> str:
        """Name of an array that the component owns; assignments to it are kept."""

    def derivative(self, state: Any) -> str:
        """Name of a state's derivative, up to now; assignments to it are kept."""

    def pegged(self, state: Any) -> str:
        """Name of a state whose assignments are kept."""

    def memory(self, owner: Any, name: str, array: Callable[[], np.ndarray]) -> str:
        """Name of a remembered value a device."""

    def shared(self, owner: Any, name: str, array: Callable[[], np.ndarray]) -> str:
        """Name of a remembered value of all devices together."""


@dataclass
class Code:
    """Lines of a component: ``before`` and ``after`` the loop over devices, and within it."""

    each: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


def variable_check(component: Any, bind: Binder) -> Code | None:
    """Code of ``check_var``; None if nothing ever changes.

    Raises
    ------
    NotTranslatable
        If the component is of a kind that has no code here.
    """
    if not component.has_check_var:
        return None
    kind = type(component)
    if kind is andes_discrete.Derivative:
        return _derivative(component, bind)
    if kind in (andes_discrete.Switcher, andes_discrete.LessThan, andes_discrete.IsEqual) and component.cache:
        return None  # decided at the set-up
    if kind is andes_discrete.Selector:
        return Code(_selector(component, bind))
    if isinstance(component, andes_discrete.SortedLimiter) and not component.enable:
        return None
    if kind in (andes_discrete.Limiter, andes_discrete.HardLimiter, andes_discrete.DeadBand):
        return Code(_limiter(component, bind)) if _is_enabled(component) else None
    if kind is andes_discrete.LessThan:
        return Code(_less_than(component, bind)) if _is_enabled(component) else None
    if kind is andes_discrete.IsEqual:
        u, bound = bind.value(component.u), bind.value(component.bound)
        return Code([f"{bind.flag(component, 'z1')} = 1.0 if {u} == {bound} else 0.0"])
    raise NotTranslatable(f"{kind.__name__} {component.name}")


def equation_check(component: Any, bind: Binder) -> list[str] | None:
    """Code of ``check_eq``; None if there is none."""
    if not component.has_check_eq:
        return None
    kind = type(component)
    if kind is andes_discrete.AntiWindup:
        return _anti_windup(component, bind)
    if kind is andes_discrete.RateLimiter:
        return _rate_limiter(component, bind)
    if kind is andes_discrete.AntiWindupRate:
        return [*_rate_limiter(component, bind), *_anti_windup(component, bind)]
    raise NotTranslatable(f"{kind.__name__} {component.name}")


def numeric_service(service: Any, bind: Binder) -> Code:
    """Code of a service whose value ANDES computes by a method of its own."""
    if type(service) is VarHold:
        kept, u = bind.flag(service, "v"), bind.value(service.u)
        return Code([f"{kept} = {kept} if {bind.value(service.hold)} == 1.0 else {u}"])
    if type(service) is EventFlag:
        kept, u = bind.flag(service, "v"), bind.value(service.u)
        return Code([f"if {kept} != {u}:", f"    a__[{MODE_CHANGED}] = 1.0", f"{kept} = {u}"])
    if type(service) is ExtendedEvent:
        return _extended_event(service, bind)
    raise NotTranslatable(f"numeric service {service.name}")


def _is_enabled(component: Any) -> bool:
    enable = getattr(component.enable, "v", component.enable)
    return bool(np.all(enable))


def _signed(bind: Binder, limiter: Any, side: str) -> str:
    sign = float(np.ravel(getattr(limiter, f"sign_{side}").v)[0])
    name = bind.value(getattr(limiter, side))
    return f"(-{name})" if sign == -1.0 else name


def _limiter(limiter: Any, bind: Binder) -> list[str]:
    lines, beyond, u = [], [], bind.value(limiter.u)
    above, below = (">=", "<=") if limiter.equal else (">", "<")
    for side, flag, sign in (("upper", "zu", above), ("lower", "zl", below)):
        if getattr(limiter, f"no_{side}"):
            continue
        z = bind.flag(limiter, flag)
        lines.append(f"{z} = 1.0 if {u} {sign} {_signed(bind, limiter, side)} else 0.0")
        beyond.append(z)
    return [*lines, _inside(limiter, bind, beyond)] if beyond else []


def _inside(limiter: Any, bind: Binder, beyond: list[str]) -> str:
    """The flag of being inside the limits: not beyond any of them."""
    return f"{bind.flag(limiter, 'zi')} = 0.0 if ({' or '.join(f'{z} != 0.0' for z in beyond)}) else 1.0"


def _less_than(component: Any, bind: Binder) -> list[str]:
    z0, z1 = bind.flag(component, "z0"), bind.flag(component, "z1")
    sign = "<=" if component.equal else "<"
    return [
        f"{z1} = 1.0 if {bind.value(component.u)} {sign} {bind.value(component.bound)} else 0.0",
        f"{z0} = 1.0 - {z1}",
    ]


def _selector(component: Any, bind: Binder) -> list[str]:
    if component.fun not in (np.maximum.reduce, np.minimum.reduce):
        raise NotTranslatable(f"Selector {component.name}")
    choose = "max" if component.fun == np.maximum.reduce else "min"
    inputs = [bind.value(u) for u in component.input_vars]
    lines = [f"chosen__ = {choose}({', '.join(inputs)})"]
    return lines + [f"{bind.flag(component, f's{k}')} = 1.0 if {u} == chosen__ else 0.0" for k, u in enumerate(inputs)]


def _derivative(component: Any, bind: Binder) -> Code:
    """Difference to the last step over its length, with the memory of both; `Delay` in ``step`` mode with delay 1."""
    u, out = bind.value(component.u), bind.flag(component, "v")
    old = bind.memory(component, "at0", lambda: component._v_mem[:, 0])
    new = bind.memory(component, "at1", lambda: component._v_mem[:, 1])
    t0 = bind.shared(component, "t0", lambda: component.t[:1])
    t1 = bind.shared(component, "t1", lambda: component.t[1:])
    first, forward = f"first_{component.name}", f"forward_{component.name}"
    back = f"back_{component.name}"
    before = [
        f"{first} = time__ == 0.0",
        f"{back} = (not {first}) and time__ < {t1}",
        f"{forward} = (not {first}) and time__ > {t1}",
        f"if {forward}:",
        f"    {t0} = {t1}",
        f"if {forward} or {back}:",
        f"    {t1} = time__",
    ]
    each = [
        f"if {first}:",
        f"    {old} = {u}",
        f"if {forward}:",
        f"    {old} = {new}",
        f"{new} = {u}",
        f"if {first} or {back}:",
        f"    {out} = 0.0",
        "else:",
        f"    {out} = ({new} - {old}) / ({t1} - {t0})",
        f"    if abs({out}) < 1e-8:",
        f"        {out} = 0.0",
    ]
    return Code(each, before)


def _anti_windup(limiter: Any, bind: Binder) -> list[str]:
    u, e, x = bind.value(limiter.u), bind.derivative(limiter.state), bind.pegged(limiter.state)
    lines: list[str] = []
    beyond, bounds = [], []
    for side, flag, sign in (("upper", "zu", ">="), ("lower", "zl", "<=")):
        if getattr(limiter, f"no_{side}"):
            continue
        z, before, bound = bind.flag(limiter, flag), bind.flag(limiter, f"{flag}0"), _signed(bind, limiter, side)
        lines += [
            f"{before} = {z}",
            f"{z} = 1.0 if ({u} {sign} {bound} and {e} {sign} 0.0) else 0.0",
            f"if niter__ > {limiter.niter_lock} and {before} != 0.0:",
            f"    {z} = 1.0",
        ]
        beyond.append(z)
        bounds.append(f"{bound} * {z}")
    if not bounds:
        return []
    zi = bind.flag(limiter, "zi")
    return [
        *lines,
        _inside(limiter, bind, beyond),
        f"if {zi} == 0.0:",
        f"    {e} = 0.0",
        f"    {x} = {' + '.join(bounds)}",
    ]


def _rate_limiter(limiter: Any, bind: Binder) -> list[str]:
    if not _is_enabled(limiter):
        return []
    e, lines = bind.derivative(limiter.u), []
    for side, flag, sign in (("lower", "zlr", "<"), ("upper", "zur", ">")):
        if getattr(limiter, f"rate_no_{side}"):
            continue
        z, bound = bind.flag(limiter, flag), bind.value(getattr(limiter, f"rate_{side}"))
        lines.append(f"{z} = 1.0 if {e} {sign} {bound} else 0.0")
        condition = getattr(limiter, f"rate_{side}_cond")
        if condition is not None:
            lines.append(f"{z} = {z} * {bind.value(condition)}")
        lines += [f"if {z} != 0.0:", f"    {e} = {bound}"]
    return lines


def _extended_event(service: Any, bind: Binder) -> Code:
    """First half of `ExtendedEvent.check`: what starts and ends; the second half needs all devices to have had it."""
    u, event, last = bind.value(service.u), _memory(service, bind, "v_event"), _memory(service, bind, "u_last")
    end_s, z = _memory(service, bind, "t_final"), _memory(service, bind, "z")
    count, expires = _count(service, bind), f"expires_{service.name}"
    start, stop = ("1.0", "-1.0") if service.trig == "rise" else ("-1.0", "1.0")
    each = [
        "if time__ == 0.0:",
        f"    {last} = {u}",
        f"    {event} = {u}",
        f"if {u} - {last} == {start}:",
        f"    {z} = 1.0",
        *([] if service.extend_only else [f"    {event} = {u}"]),
        f"if {u} - {last} == {stop}:",
        *([f"    {event} = {last}"] if service.extend_only else []),
        f"    {end_s} = time__ + {bind.value(service.t_ext)}",
        f"    {count} += 1.0",
        f"if {end_s} <= time__:",
        f"    {expires} = True",
        f"{last} = {u}",
    ]
    return Code(each, [f"{expires} = False"])


def extended_event_output(service: Any, bind: Binder) -> Code:
    """Second half of `ExtendedEvent.check`: what has lasted long enough, and the output."""
    u, event = bind.value(service.u), _memory(service, bind, "v_event")
    end_s, z, enable = _memory(service, bind, "t_final"), _memory(service, bind, "z"), bind.value(service.enable)
    count, left, ends = _count(service, bind), f"left_{service.name}", f"ends_{service.name}"
    before = [f"{left} = 0.0", f"{ends} = expires_{service.name} and {count} != 0.0"]
    each = [
        f"if {ends}:",
        f"    if {end_s} <= time__:",
        f"        {z} = 0.0",
        f"    if {z} != 0.0:",
        f"        {left} += 1.0",
        f"{bind.flag(service, 'v')} = {enable} * ({u} * (1.0 - {z}) + {event} * {z})"
        f" + (1.0 - {enable}) * {float(service.v_disabled)}",
    ]
    return Code(each, before, [f"if {ends}:", f"    {count} = {left}"])


def _memory(owner: Any, bind: Binder, name: str) -> str:
    return bind.memory(owner, name, lambda: getattr(owner, name))


def _count(service: Any, bind: Binder) -> str:
    return bind.shared(service, "n_ext", lambda: np.array([float(service.n_ext)]))
