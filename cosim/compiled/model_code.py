"""Source text of one ANDES model for compiled code, and the tables that it works on.

A model becomes one function of a kind, an arena, a table and a Jacobian:

* kind 0: variable services, discrete flags, derivatives of the states, anti-windup limits;
* kind 1: residuals of the algebraic equations;
* kind 2: entries of the Jacobian.

Arguments of ANDES's functions are arrays over devices. Here each is a place in the arena: parameters, services and
flags lie together, from an offset that the table gives; variables are scattered, at positions that the table lists. So
the text depends on the model alone, not on the case. Values are read first and written last, one device at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from andes.core.service import ApplyFunc, ExtendedEvent

from cosim.compiled import discrete_code
from cosim.compiled.arena import ITERATIONS, TIME
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

_FIRST = 4
"""Place in a table of the first slot's offset, after the number of devices, the distance from a variable to its
equation, and where the lists of variables and of Jacobian entries start."""


@dataclass
class Slot:
    """An array of a model that lies in the arena; complex ones as real parts, then imaginary parts."""

    read: Callable[[], Any]
    count: int
    is_complex: bool = False
    write: Callable[[np.ndarray], None] | None = None
    is_kept: bool = False
    """Whether the code changes it."""

    @property
    def size(self) -> int:
        """Places that it takes."""
        return self.count * (2 if self.is_complex else 1)

    def values(self) -> np.ndarray:
        """Present values, as they lie in the arena."""
        array = np.broadcast_to(np.asarray(self.read()), (self.count,))
        if self.is_complex:
            return np.concatenate([array.real, array.imag]).astype(float)
        return array.astype(float)

    def store(self, values: np.ndarray) -> None:
        """Put values from the arena back into the model."""
        if self.write is not None:
            self.write(values)
            return
        array = self.read()
        if self.is_complex:
            array[:] = values[: self.count] + 1j * values[self.count :]
        else:
            array[:] = values


@dataclass
class ModelCode:
    """Text of a model, and what its table refers to, in the order of the table."""

    name: str
    count: int
    source: str = ""
    slots: list[Slot] = field(default_factory=list)
    variables: list[Any] = field(default_factory=list)
    jacobian: list[tuple[str, np.ndarray, np.ndarray]] = field(default_factory=list)
    """Of each entry: matrix, rows, columns."""
    pegs: list[tuple[int, Any]] = field(default_factory=list)
    """Of each anti-windup limiter: slot of the flag that is zero where it acts, and the state."""


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
    registry = _Registry(model, out)
    text = HEADER.format(model=model.class_name)
    text += _function("differential", "a__, t__", _differential(model, registry))
    text += _function("algebraic", "a__, t__", _algebraic(model, registry))
    text += _function("jacobian", "a__, t__, j__", _jacobian(model, registry))
    out.source = text + FOOTER
    return out


class _Registry:
    """Slots and variables of a model, by what they hold."""

    def __init__(self, model: Any, out: ModelCode):
        model.get_inputs()
        self.inputs, self.out, self.model = model._input, out, model
        self._slots: dict[Any, int] = {}
        self._variables: dict[str, int] = {}
        self.names = dict(model.cache.all_vars.items())

    def slot(
        self,
        array: Any,
        read: Callable[[], Any] | None = None,
        write: Any = None,
        key: Any = None,
        *,
        is_shared: bool = False,
    ) -> int:
        """Number of the slot of an array, which ANDES changes in place; a shared one is of all devices together."""
        key = id(array) if key is None else key
        if key not in self._slots:
            size = np.size(array)
            if size not in (1, self.out.count):
                raise NotTranslatable(f"{self.out.name}: an array of {size} for {self.out.count} devices")
            self._slots[key] = len(self.out.slots)
            count = 1 if is_shared else self.out.count
            self.out.slots.append(Slot(read or (lambda: array), count, np.iscomplexobj(array), write))
        return self._slots[key]

    def variable(self, variable: Any) -> int:
        """Number of a variable's list of positions."""
        key = f"{variable.owner.class_name}.{variable.name}"
        if key not in self._variables:
            if len(variable.a) != self.out.count:
                raise NotTranslatable(f"{self.out.name}: {variable.name} has {len(variable.a)} elements")
            self._variables[key] = len(self.out.variables)
            self.out.variables.append(variable)
        return self._variables[key]


class _Loop:
    """A loop over the devices of a model: what it reads, what it does, what it writes."""

    def __init__(self, registry: _Registry):
        self._registry = registry
        self._offsets: dict[str, str] = {}
        self.before: list[str] = []
        self.lines: list[str] = []
        self.after: list[str] = []
        self._reads: dict[str, str] = {}
        self._writes: dict[str, str] = {}
        self._shared: dict[str, str] = {}

    def _bind_slot(self, name: str, number: int, *, keeps: bool = False) -> str:
        slot = self._registry.out.slots[number]
        at = f"o{number}__"
        self._offsets[at] = f"t__[{_FIRST + number}]"
        place, imaginary = f"a__[{at} + k__]", f"a__[{at} + n__ + k__]"
        self._reads.setdefault(name, f"complex({place}, {imaginary})" if slot.is_complex else place)
        if keeps:
            slot.is_kept = True
            if slot.is_complex:
                self._writes[f"{name}.real"], self._writes[f"{name}.imag"] = place, imaginary
            else:
                self._writes[name] = place
        return name

    def argument(self, name: str) -> str:
        """Bind an argument of a generated function."""
        if name in self._registry.names:
            return self.variable(self._registry.names[name])
        if name == "dae_t":
            self._reads.setdefault(name, f"a__[{TIME}]")
            return name
        array = self._registry.inputs[name]
        return self._bind_slot(name, self._registry.slot(array))

    def variable(self, variable: Any) -> str:
        number = self._registry.variable(variable)
        is_own = variable.owner is self._registry.model
        name = variable.name if is_own else f"{variable.owner.class_name}_{variable.name}"
        self._reads.setdefault(name, f"a__[t__[v__ + {number} * n__ + k__]]")
        return name

    def equation(self, variable: Any) -> str:
        """Place of a variable's equation."""
        return f"a__[t__[v__ + {self._registry.variable(variable)} * n__ + k__] + e__]"

    # What `discrete_code` asks for.

    def value(self, provider: Any) -> str:
        if hasattr(provider, "e_code") and hasattr(provider, "a"):
            return self.variable(provider)
        if isinstance(provider, ApplyFunc) and not provider.cache:
            return self._negated(provider)
        array = provider.v
        if np.size(array) == 1 and not isinstance(array, np.ndarray):
            return repr(float(array))
        name = getattr(provider, "name", None)
        if name is None or self._registry.inputs.get(name) is not array:
            name = f"p{self._registry.slot(array, lambda: provider.v)}__"
        return self._bind_slot(name, self._registry.slot(array))

    def _negated(self, service: ApplyFunc) -> str:
        """A function of another value that is renewed whenever it is read; only the sign change is known here."""
        sample = np.array([-1.5, 0.0, 2.25])
        if not np.array_equal(service.func(sample), -sample):
            raise NotTranslatable(f"{self._registry.out.name}: function of {service.name}")
        name = self._bind_slot(service.name, self._registry.slot(service.v), keeps=True)
        self.lines.append(f"{name} = -{self.value(service.u)}")
        return name

    def flag(self, component: Any, attribute: str) -> str:
        array = getattr(component, attribute)
        is_named = attribute == "v" and component.name in self._registry.inputs
        name = component.name if is_named else f"{component.name}_{attribute}"
        return self._bind_slot(name, self._registry.slot(array, lambda: getattr(component, attribute)), keeps=True)

    def derivative(self, state: Any) -> str:
        name, place = f"d_{state.name}", self.equation(state)
        self._reads.setdefault(name, place)
        self._writes[name] = place
        return name

    def pegged(self, state: Any) -> str:
        name = self.variable(state)
        self._writes[name] = f"a__[t__[v__ + {self._registry.variable(state)} * n__ + k__]]"
        return name

    def memory(self, owner: Any, name: str, array: Callable[[], np.ndarray]) -> str:
        number = self._registry.slot(array(), array, key=(id(owner), name))
        return self._bind_slot(f"{owner.name}_{name}__", number, keeps=True)

    def shared(self, owner: Any, name: str, array: Callable[[], np.ndarray]) -> str:
        is_number = isinstance(getattr(owner, name, None), int)
        write = (lambda values: setattr(owner, name, int(values[0]))) if is_number else None
        number = self._registry.slot(array(), array, write, (id(owner), name), is_shared=True)
        self._registry.out.slots[number].is_kept = True
        bound = f"{owner.name}_{name}__"
        self._shared[bound] = f"a__[t__[{_FIRST + number}]]"
        return bound

    def take(self, code: discrete_code.Code) -> None:
        """Take the lines of a component."""
        self.before += code.before
        self.lines += code.each
        self.after += code.after

    def text(self) -> list[str]:
        if not self.lines:
            return []
        reads = [f"{name} = {place}" for name, place in self._reads.items()]
        writes = [f"{place} = {name}" for name, place in self._writes.items()]
        return [
            *(f"{name} = {place}" for name, place in self._offsets.items()),
            *(f"{name} = {place}" for name, place in self._shared.items()),
            *self.before,
            "for k__ in range(n__):",
            *(f"    {line}" for line in [*reads, *self.lines, *writes]),
            *self.after,
            *(f"{place} = {name}" for name, place in self._shared.items()),
        ]


def _has_complex(registry: _Registry, names: list[str]) -> bool:
    return any(np.iscomplexobj(registry.inputs.get(name, 0.0)) for name in names)


def _bound(loop: _Loop, registry: _Registry, function: Callable[..., Any], names: list[str]) -> tuple[str, ...]:
    """Expressions of a generated function, with its arguments bound."""
    found = translate(function, has_complex=_has_complex(registry, names))
    for name in found.names:
        loop.argument(name)
    return found.values


def _differential(model: Any, registry: _Registry) -> list[str]:
    """Kind 0: services, flags, derivatives, limits."""
    calls, loop = model.calls, _Loop(registry)
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
            loop = _Loop(registry)
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


def _assign(loop: _Loop, service: Any, value: str) -> None:
    name = loop.flag(service, "v")
    is_complex = np.iscomplexobj(service.v)
    loop.lines.append(f"{name} = complex({value})" if is_complex else f"{name} = 1.0 * ({value})")


def _algebraic(model: Any, registry: _Registry) -> list[str]:
    """Kind 1: residuals of the algebraic equations."""
    loop = _Loop(registry)
    if callable(model.calls.g):
        values = _bound(loop, registry, model.calls.g, model.calls.g_args)
        variables = model.cache.algebs_and_ext.values()
        wanted = [(v, value) for v, value in zip(variables, values, strict=True) if value != "0"]
        loop.lines += [f"g{k}__ = {value}" for k, (_, value) in enumerate(wanted)]
        loop.lines += [f"{loop.equation(variable)} += g{k}__" for k, (variable, _) in enumerate(wanted)]
    return loop.text()


def _jacobian(model: Any, registry: _Registry) -> list[str]:
    """Kind 2: entries of the Jacobian."""
    loop, number = _Loop(registry), 0
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
