"""What the code of one ANDES model refers to, and the loops over its devices that it is written in.

Arguments of ANDES's functions are arrays over devices. Here each is a place in the arena: parameters, services and
flags lie together, from an offset that the table gives; variables are scattered, at positions that the table lists.
Values are read first and written last, one device at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from andes.core.service import ApplyFunc

from cosim.compiled import discrete_code
from cosim.compiled.arena import TIME
from cosim.compiled.scalar_code import NotTranslatable

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


class Registry:
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


class Loop:
    """A loop over the devices of a model: what it reads, what it does, what it writes."""

    def __init__(self, registry: Registry):
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
        """Bind a variable, of the model or of another."""
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
        """Bind a variable, parameter or service; a number is written as such."""
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
        """Bind an array of a component that the code changes."""
        array = getattr(component, attribute)
        is_named = attribute == "v" and component.name in self._registry.inputs
        name = component.name if is_named else f"{component.name}_{attribute}"
        return self._bind_slot(name, self._registry.slot(array, lambda: getattr(component, attribute)), keeps=True)

    def derivative(self, state: Any) -> str:
        """Bind the derivative of a state, to be changed."""
        name, place = f"d_{state.name}", self.equation(state)
        self._reads.setdefault(name, place)
        self._writes[name] = place
        return name

    def pegged(self, state: Any) -> str:
        """Bind a state that a limit may hold, to be changed."""
        name = self.variable(state)
        self._writes[name] = f"a__[t__[v__ + {self._registry.variable(state)} * n__ + k__]]"
        return name

    def memory(self, owner: Any, name: str, array: Callable[[], np.ndarray]) -> str:
        """Bind what a component remembers of each device."""
        number = self._registry.slot(array(), array, key=(id(owner), name))
        return self._bind_slot(f"{owner.name}_{name}__", number, keeps=True)

    def shared(self, owner: Any, name: str, array: Callable[[], np.ndarray]) -> str:
        """Bind what a component remembers of all devices together."""
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
        """Lines of the loop; none if it does nothing."""
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
