"""Where the states of an ANDES system belong: device, variable, and the machine or plant that it is part of."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_Device = tuple[str, str]

_PARENTS = ("SynGen", "Exciter", "RenGen", "RenExciter", "RenGovernor", "RenAerodynamics", "RenPitch", "RenPlant")
"""ANDES's groups that a control refers to as the device that it belongs to."""
PARTS = ("rotor", "flux", "exciter", "stabiliser", "governor", "converter", "other")
_PART_OF_GROUP = {"Exciter": "exciter", "PSS": "stabiliser", "TurbineGov": "governor"}


@dataclass(frozen=True)
class StateOrigin:
    """Device and variable of a state.

    Attributes
    ----------
    device : str
        Its idx, with the model before it where the idx does not tell.
    model, variable : str
        ANDES's names.
    meaning : str
        What the variable is, in words.
    part : str
        One of `PARTS`: what of a machine or plant it belongs to.
    machine : str or None
        Machine or inverter-based plant that it is part of; None for what belongs to none.
    """

    device: str
    model: str
    variable: str
    meaning: str
    part: str
    machine: str | None

    @property
    def label(self) -> str:
        """Device and variable in one text."""
        return f"{self.device} {self.variable} ({self.meaning})" if self.meaning else f"{self.device} {self.variable}"


def state_origins(system: Any) -> dict[int, StateOrigin]:
    """Origin of each state of a system that is set up, by its address.

    Parameters
    ----------
    system : andes.System
    """
    machines = _machines(system)
    origins = {}
    for model in system.exist.tds.values():
        for name, variable in model.states.items():
            meaning = _meaning(str(variable.info or ""))
            for k, address in enumerate(variable.a):
                idx, kind = model.idx.v[k], model.class_name
                device = str(idx) if str(idx).startswith(kind) else f"{kind} {idx}"
                machine = machines.get((kind, str(idx)))
                origins[int(address)] = StateOrigin(device, kind, name, meaning, _part(model.group, name), machine)
    return origins


def _machines(system: Any) -> dict[_Device, str]:
    """Machine or plant that a device is part of, by the device's model and idx.

    A measurement is part of the machine whose controls use it, unless several machines do.
    """
    parents: dict[_Device, _Device] = {}
    users: defaultdict[_Device, list[_Device]] = defaultdict(list)
    for model in system.exist.tds.values():
        for kind, names in _references(model):
            for own, wanted in zip(model.idx.v, names, strict=True):
                other = _device(system, kind, wanted)
                if other and kind in _PARENTS:
                    parents.setdefault((model.class_name, str(own)), other)
                elif other:
                    users[other].append((model.class_name, str(own)))

    def root(device: _Device) -> str | None:
        while device in parents:
            device = parents[device]
        return device[1] if system.models[device[0]].group in ("SynGen", "RenGen") else None

    found: dict[_Device, str] = {}
    for model in system.exist.tds.values():
        for idx in model.idx.v:
            own = (model.class_name, str(idx))
            roots = {found_root for user in users.get(own, [own]) if (found_root := root(user))}
            if len(roots) == 1:
                found[own] = roots.pop()
    return found


def _references(model: Any) -> Iterator[tuple[str, list[Any]]]:
    """What a model's devices refer to: kind, and the idx of each device's own."""
    for parameter in model.idx_params.values():
        if parameter.model in _PARENTS:
            yield parameter.model, parameter.v
    for finder in model.services_fnd.values():
        if finder.v is not None:
            yield finder.model, finder.v


def _device(system: Any, kind: str, idx: Any) -> _Device | None:
    """Model and idx of a device that a parameter names by its group or model."""
    if idx is None:
        return None
    models = system.groups[kind].models.values() if kind in system.groups else [system.models[kind]]
    return next(((model.class_name, str(idx)) for model in models if idx in model.idx.v), None)


def _part(group: str, variable: str) -> str:
    """Which of `PARTS` a variable of a model of a group belongs to."""
    if group == "SynGen":
        return "rotor" if variable in ("delta", "omega") else "flux"
    return "converter" if group.startswith("Ren") else _PART_OF_GROUP.get(group, "other")


def _meaning(info: str) -> str:
    """ANDES's description without the words that say nothing."""
    text = info.strip().rstrip(".")
    for start in ("State in ", "State #1 in ", "State #2 in "):
        text = text.removeprefix(start)
    text = text.replace(" transfer function", "").replace(" TF", "")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
