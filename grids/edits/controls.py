"""Governors and damping: switched off, given another droop, another damping coefficient."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from grids.edits.removal import remove_device
from grids.edits.selection import device, written
from grids.errors import GridError
from grids.grid import Grid, Machine, nearest


@dataclass(frozen=True)
class Governor:
    """A governor: ANDES's model and its position there."""

    model: Any
    position: int

    @property
    def name(self) -> str:
        """Idx of the device."""
        return str(self.model.idx.v[self.position])

    @property
    def kind(self) -> str:
        """Name of the model."""
        return str(self.model.class_name)


@dataclass(frozen=True)
class _DroopParameter:
    """Name of the parameter that holds the droop, and how a droop R is written there (``own_share``: MVA over base)."""

    name: str
    from_droop: Callable[[float, float], float]


def _droop(droop: float, _own_share: float) -> float:
    return droop


def _gain(droop: float, _own_share: float) -> float:
    return 1.0 / droop


def _gain_on_system_base(droop: float, own_share: float) -> float:
    return own_share / droop


_DROOP = {
    **{
        name: _DroopParameter("R", _droop)
        for name in ("TGOV1", "TGOV1DB", "TGOV1N", "TGOV1NDB", "HYGOV", "HYGOVDB", "GAST", "TG2")
    },
    "HYGOV4": _DroopParameter("Rperm", _droop),
    "IEEEG1": _DroopParameter("K", _gain),
    # ANDES 2.0 does not bring K1 of IEESGO from the machine's base to the system's, though it does so with its limits.
    "IEESGO": _DroopParameter("K1", _gain_on_system_base),
}


def governor_of(grid: Grid, machine: Machine) -> Governor | None:
    """Governor in service that drives a machine, if any."""
    for model in grid.system.groups["TurbineGov"].models.values():
        for k in range(model.n):
            driven = [model.syn.v[k], model.syn2.v[k]] if hasattr(model, "syn2") else [model.syn.v[k]]
            if model.u.v[k] and machine.idx in driven:
                return Governor(model, k)
    return None


def switch_governors_off(grid: Grid, machines: Sequence[Machine] | None = None) -> None:
    """Hold the mechanical power of machines at its value at t = 0.

    Parameters
    ----------
    grid : Grid
        Changed in place.
    machines : sequence of Machine, optional
        All that have a governor by default.

    Raises
    ------
    GridError
        If a machine has no governor in service.
    """
    governed = _governors(grid, machines)
    text = f"edit: governors of {_written(grid, governed)} off"
    devices = {(governor.model, governor.model.idx.v[governor.position]) for governor in governed.values()}
    for model, idx in devices:  # positions move as devices go, names stay
        remove_device(grid.system, model, idx)
    grid.notes.append(text)


def set_droop(grid: Grid, droop_pu: float, machines: Sequence[Machine] | None = None) -> None:
    """Give governors a new permanent droop R: relative speed deviation over relative power (or gate opening for hydro).

    Parameters
    ----------
    grid : Grid
        Changed in place.
    droop_pu : float
        On the turbine's rating where the case gives one, else on the machine's.
    machines : sequence of Machine, optional
        All that have a governor by default.

    Raises
    ------
    GridError
        If a machine has no governor in service, or its model has no droop that is known here.
    """
    governed = _governors(grid, machines)
    for machine, governor in governed.items():
        parameter = _DROOP.get(governor.kind)
        if parameter is None:
            raise GridError(
                f"governor {governor.name} of machine {machine.idx} is a {governor.kind}: its droop cannot be set",
                f"known are {', '.join(_DROOP)}",
            )
        rating_mva = float(governor.model.Tn.v[governor.position]) or machine.rating_mva
        value = parameter.from_droop(droop_pu, rating_mva / grid.base_mva)
        getattr(governor.model, parameter.name).v[governor.position] = value
    grid.notes.append(f"edit: droop of the governors of {_written(grid, governed)} is {droop_pu:g} pu")


def set_damping(
    grid: Grid,
    value_pu: float | None = None,
    factor: float | None = None,
    machines: Sequence[Machine] | None = None,
) -> None:
    """Set D (relative torque over relative speed deviation, machine base) of machines, or multiply it by a factor.

    Parameters
    ----------
    grid : Grid
        Changed in place.
    value_pu, factor : float
        One of the two.
    machines : sequence of Machine, optional
        All by default.

    Raises
    ------
    GridError
        If a factor is given and D of all these machines is zero.
    """
    chosen = grid.machines if machines is None else list(machines)
    places = [device(grid.system, machine) for machine in chosen]
    if factor is not None and not any(model.D.v[k] for model, k in places):
        raise GridError(f"D of {written(grid, chosen)} is zero: a factor changes nothing", "give value_pu")
    for model, k in places:
        model.D.v[k] = value_pu if factor is None else model.D.v[k] * factor
    change = f"times {factor:g}" if factor is not None else f"is {value_pu:g} pu"
    grid.notes.append(f"edit: damping D of {written(grid, chosen)} {change}")


def _governors(grid: Grid, machines: Sequence[Machine] | None) -> dict[Machine, Governor]:
    """Governors of machines; those without one are left out of all machines, and an error by name."""
    chosen = grid.machines if machines is None else machines
    found = {machine: governor for machine in chosen if (governor := governor_of(grid, machine)) is not None}
    missing = [machine for machine in chosen if machine not in found]
    if machines is not None and missing:
        names = [machine.idx for machine in grid.machines if governor_of(grid, machine)]
        raise GridError(
            f"machine {missing[0].idx} has no governor in service",
            nearest(missing[0].idx, names) if names else "no machine of this grid has one",
        )
    if not found:
        raise GridError(f"no machine of grid '{grid.name}' has a governor in service")
    return found


def _written(grid: Grid, governed: dict[Machine, Governor]) -> str:
    """The machines, with the models of their governors."""
    kinds = ", ".join(sorted({governor.kind for governor in governed.values()}))
    return f"{written(grid, governed)} ({kinds})"
