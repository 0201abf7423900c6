"""What makes a site react to the grid, and what is recorded of it."""

from dataclasses import dataclass

import numpy as np

from cosim.connection import Connection
from loads.mitigation import OUTPUTS, Storage, storage_step
from loads.mitigation.storage_kernel import POI_MW
from loads.protection import Protection
from loads.segments import Floats

COLUMNS = ("wanted_mw", "connected_share", "recharge_mw", "storage_mw")
"""What is recorded of a site that reacts, besides the state of charge of its devices."""


@dataclass(frozen=True)
class SiteEquipment:
    """What makes a site react: what of it is connected when, its protection, its storage.

    ``storage_aim_mw`` is what the storage's low-pass has reached when the run starts.
    """

    connection: Connection | None = None
    protection: Protection | None = None
    storage: Storage | None = None
    storage_aim_mw: float = 0.0

    @property
    def reacts(self) -> bool:
        """Whether there is anything."""
        return not (self.connection is None and self.protection is None and self.storage is None)

    @property
    def columns(self) -> tuple[str, ...]:
        """What is recorded of the site besides its power."""
        if not self.reacts:
            return ()
        return (*COLUMNS, *(f"{name}_soc" for name in (self.storage.devices if self.storage else ())))

    def start_storage(self, load_mw: float) -> Floats:
        """State of the storage before the run."""
        assert self.storage is not None
        return self.storage.initial_state(load_mw, self.storage_aim_mw)

    def start_storage_mw(self, load_mw: float) -> float:
        """Power of the storage before the run."""
        out = np.zeros(OUTPUTS)
        state = self.start_storage(load_mw)
        assert self.storage is not None
        hz = self.storage.nominal_hz or np.nan
        storage_step(self.storage.parameters(), state, out, 0.0, load_mw, load_mw, hz, 0.0, 1.0)
        return float(out[POI_MW]) - load_mw
