"""What looks at the grid after every step and may act on it within the step: protection."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cosim.engines.interface import Engine


@dataclass(frozen=True)
class Snapshot:
    """What protection sees of the grid at one instant.

    ``frequency_hz`` and ``voltage_pu`` have shape (buses,); a bus without supply has no frequency (NaN).
    """

    time_s: float
    frequency_hz: np.ndarray
    voltage_pu: np.ndarray
    coi_hz: float


def snapshot(engine: Engine, with_frequency: bool = True) -> Snapshot:
    """The engine's present state as protection sees it; without the frequencies (NaN) where nobody asks for them."""
    voltage_pu = engine.channel("voltage_pu")
    if not with_frequency:
        return Snapshot(engine.time_s, np.broadcast_to(np.nan, voltage_pu.shape), voltage_pu, np.nan)
    return Snapshot(engine.time_s, engine.channel("frequency_hz"), voltage_pu, engine.coi_hz())


class Watcher(Protocol):
    """Something that acts when frequencies or voltages tell it to.

    After every step the loop asks each watcher for `due_s`. If one is due within the step, the step is taken again so
    that it ends there; then `observe` is called with the step as it was taken, and `act`. After a jump, `observe` gets
    the states before and after it, with the same time.
    """

    kind: str
    """What its events are called."""

    def due_s(self, before: Snapshot, after: Snapshot) -> float | None:
        """When within the step from ``before`` to ``after`` it acts first; None if it does not. Changes nothing."""

    def observe(self, before: Snapshot, after: Snapshot) -> None:
        """Take the step as final."""

    def act(self, engine: Engine, now_s: float, /) -> list[str]:
        """Do what is due by now, and say it; the network is solved again afterwards."""

    def summary(self) -> list[str]:
        """What a reader of the result should know of what it did."""
