"""Devices taken out of an ANDES system before it is set up.

A device that is only switched off keeps its states: the rotor angle of such a machine stands still while the grid's
turn, and would be taken for a loss of synchronism; a governor that is off does not start in equilibrium (TGOV1's
lead-lag begins at the power that it does not give).
"""

from typing import Any

from andes.core import IdxParam

from grids.errors import GridError


def remove_machine(system: Any, model: Any, idx: int | str) -> None:
    """Remove a synchronous machine with its exciter, governor, stabiliser and all else that depends on it.

    Raises
    ------
    GridError
        If its turbine drives a second machine, which would be left without.
    """
    for governor in system.groups["TurbineGov"].models.values():
        if not hasattr(governor, "syn2"):
            continue
        for k in range(governor.n):
            pair = [governor.syn.v[k], governor.syn2.v[k]]
            if idx in pair and pair[1] is not None:
                raise GridError(
                    f"machines {pair[0]} and {pair[1]} share turbine {governor.idx.v[k]}: one cannot go alone"
                )
    remove_device(system, model, idx)


def remove_device(system: Any, model: Any, idx: int | str) -> None:
    """Remove a device, and first all devices that refer to it."""
    for other, dependent in _dependents(system, model, idx):
        remove_device(system, other, dependent)
    position = model.idx.v.index(idx)
    for parameter in model.params.values():
        if len(parameter.v) == model.n:
            parameter.v = [value for k, value in enumerate(parameter.v) if k != position]
    model.n -= 1
    del model.uid[idx]
    model.uid.update({name: k for k, name in enumerate(model.idx.v)})
    group = system.groups[model.group]
    del group._idx2model[idx]
    del group.uid[idx]
    group.uid.update({name: k for k, name in enumerate(group._idx2model)})


def _dependents(system: Any, model: Any, idx: int | str) -> list[tuple[Any, int | str]]:
    """Devices that refer to one: as machine, exciter or governor, or as the target of a stock disturbance."""
    kinds = (model.class_name, model.group)
    out = [
        (other, other.idx.v[k])
        for other in system.models.values()
        for parameter in other.params.values()
        if isinstance(parameter, IdxParam) and parameter.model in kinds
        for k in range(other.n)
        if parameter.v[k] == idx
    ]
    for name in ("Toggle", "Alter"):
        other = system.models[name]
        out += [(other, other.idx.v[k]) for k in range(other.n) if other.model.v[k] in kinds and other.dev.v[k] == idx]
    return out
