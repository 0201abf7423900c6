"""Power as a sequence of phases, and its rendering at any sample rate.

Every workload model draws `Phases`: pieces of time in which the power goes straight from one level to another. Sampling
them is exact: a sample is the mean over its interval, so a phase that ends inside a sample contributes its share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from loads.segments import Floats


@dataclass(frozen=True, eq=False)
class Phases:
    """Consecutive phases from time 0 on.

    Parameters
    ----------
    knots_s
        Shape (n + 1,), strictly increasing from 0.
    start_w, end_w
        Shape (n,): power at the start and end of each phase; equal unless it is a ramp.
    noise_sd_w
        Shape (n,): standard deviation of the noise in each phase, white at the sample rate.
    expected_w
        Shape (n,): what many devices that run the same job out of step draw on average in each phase. The difference
        between the power and it is the fluctuation that synchronisation is about.
    """

    knots_s: Floats
    start_w: Floats
    end_w: Floats
    noise_sd_w: Floats
    expected_w: Floats


class WorkloadModel(Protocol):
    """A model of the power of one device, one node, one replica or one whole job."""

    @property
    def nominal_w(self) -> float:
        """Power that a share of a site's rating stands for."""
        ...

    @property
    def source(self) -> str:
        """A sentence for the provenance: the model and its publication."""
        ...

    def draw(self, duration_s: float, seed: np.random.SeedSequence) -> tuple[Phases, dict[str, Any]]:
        """Draw phases that cover at least `duration_s`, and the parameters drawn (for the provenance)."""
        ...
