"""A grid near an operating point: state space and the channels that can be observed."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.sparse import csr_matrix

from cosim.linear.state_space import StateSpace


@dataclass(frozen=True)
class Channel:
    """What can be observed: its unit, the kind of its elements, derivatives and present values.

    ``rows`` has a row for each element and a column for each variable; ``present`` has shape (elements,).
    """

    unit: str
    kind: str
    rows: csr_matrix
    present: np.ndarray


@dataclass(frozen=True)
class ControlLimits:
    """Limits on variables.

    Attributes
    ----------
    names : tuple of str
        Model, device and limit.
    lower, upper : ndarray, shape (limits,)
        Infinite where there is none.
    """

    names: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray


@dataclass(frozen=True)
class LinearGrid:
    """Linear equations of a grid, and what can be observed of it.

    Attributes
    ----------
    space : StateSpace
        Its inputs are power drawn at each bus, active then reactive, in the order of ``elements["bus"]``.
    channels : dict
        By name: those of an engine, ``coi_hz``, and ``control``, the variables that `limits` are on.
    elements : dict
        Names of the elements of each kind.
    inertia_mws : ndarray, shape (generators,)
        H times MVA; inf for an infinite bus.
    limits : ControlLimits
    nominal_hz, base_mva : float
    """

    space: StateSpace
    channels: dict[str, Channel]
    elements: dict[str, tuple[str, ...]]
    inertia_mws: np.ndarray
    limits: ControlLimits
    nominal_hz: float
    base_mva: float

    def observed(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """C and D of a channel, shapes (elements, states) and (elements, inputs); inputs in system per-unit."""
        rows = self.channels[name].rows
        return rows @ self.space.recovery, rows @ self.space.feedthrough

    def with_limits(self, kept: np.ndarray) -> Self:
        """Return the same with some of the limits alone; ``kept`` is a mask of shape (limits,)."""
        limits = ControlLimits(
            tuple(name for name, stays in zip(self.limits.names, kept, strict=True) if stays),
            self.limits.lower[kept],
            self.limits.upper[kept],
        )
        control = self.channels["control"]
        channels = {
            **self.channels,
            "control": replace(control, rows=control.rows[kept], present=control.present[kept]),
        }
        return replace(self, limits=limits, channels=channels, elements={**self.elements, "control": limits.names})

    def bus_input(self, bus: int | str) -> tuple[int, int]:
        """Columns of the active and the reactive power drawn at a bus."""
        number, buses = self.elements["bus"].index(str(bus)), len(self.elements["bus"])
        return number, buses + number
