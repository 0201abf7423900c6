"""What the co-simulation loop drives: controlled loads, and events."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cosim.engines.interface import Engine
from cosim.site_equipment import SiteEquipment
from loads.injector import Injector


@dataclass
class Load:
    """A controlled load of the engine.

    It draws ``level * active_mw`` and ``level * reactive_mvar`` at 1 pu voltage. The level of a load step or ramp goes
    from 0 to 1; that of a site is its power in MW, with what makes it react in ``equipment``; that of a site's storage,
    which has no ``injector`` of its own, is what the site, ``storage_of``, asks for it.
    """

    name: str
    bus: int | str
    injector: Injector | None
    active_mw: float
    reactive_mvar: float
    v_min_pu: float
    equipment: SiteEquipment | None = None
    storage_of: str | None = None

    @property
    def is_site(self) -> bool:
        """Whether it is a site."""
        return self.equipment is not None


def powers(loads: Sequence[Load], level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """MW and Mvar of loads at their levels, shape (loads,) each, at 1 pu voltage."""
    return level * [load.active_mw for load in loads], level * [load.reactive_mvar for load in loads]


def levels(
    loads: Sequence[Load], time_s: np.ndarray, is_jump: np.ndarray, start_level: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Levels of loads that do not react to the grid, before and after each node, shape (nodes, loads) each."""
    sides = [load.injector.series(time_s, is_jump) for load in loads if load.injector is not None]
    before, after = (np.array([pair[k] for pair in sides]).reshape(-1, len(time_s)).T.copy() for k in (0, 1))
    before[0] = start_level
    return before, after


@dataclass(frozen=True)
class Event:
    """Something that happens at a time.

    ``apply`` changes the engine's network, where there is anything to change; ``returns`` names a site whose protection
    is to let it come back.
    """

    at_s: float
    kind: str
    description: str
    apply: Callable[[Engine], None] | None = None
    returns: str | None = None
