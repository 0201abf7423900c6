"""What the co-simulation loop asks of an engine."""

from typing import Any, Protocol

import numpy as np

from cosim.engines.andes import Initialisation


class Engine(Protocol):
    """A grid with controlled loads, driven one step at a time; see `cosim.engines.andes.AndesEngine` for each part."""

    nominal_hz: float
    elements: dict[str, tuple[str, ...]]
    inertia_mws: np.ndarray

    def initialise(self, power_mw: np.ndarray, reactive_mvar: np.ndarray, /) -> Initialisation:
        """Find the equilibrium with the loads at their power at t = 0."""

    @property
    def time_s(self) -> float:
        """Time reached."""

    @property
    def deenergised(self) -> list[str]:
        """Buses that no machine feeds."""

    def set_power(self, power_mw: np.ndarray, reactive_mvar: np.ndarray, /) -> None:
        """Set the loads' power at the end of the next step, or at t+."""

    def step(self, step_s: float, /) -> bool:
        """Advance by one step; on failure nothing has changed."""

    def save(self) -> Any:
        """Return what `restore` needs."""

    def restore(self, saved: Any, /) -> None:
        """Return to a saved state."""

    def solve_network(self) -> bool:
        """Solve the network at t+ with the states held."""

    def switch(self, model: str, idx: int | str, on: bool) -> None:
        """Close or open a device."""

    @property
    def base_load_bus(self) -> np.ndarray:
        """Position of each base load's bus."""

    @property
    def base_load_mw(self) -> np.ndarray:
        """Active power of each base load at t = 0."""

    def scale_base_loads(self, remaining: np.ndarray, /) -> None:
        """Leave a share of each base load connected."""

    def is_stable(self) -> bool:
        """Whether the machines of each island are in step."""

    def coi_hz(self) -> float:
        """Frequency of the centre of inertia."""

    def load_power(self) -> tuple[np.ndarray, np.ndarray]:
        """Power that the loads draw, MW and Mvar."""

    def load_share(self) -> np.ndarray:
        """What the loads draw over what they would at 1 pu."""

    def channel(self, name: str, /) -> np.ndarray:
        """Present value of a channel."""
