"""What came of meeting loads with the modes of a grid; the numbers are defined in `cosim.linear.resonance`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SiteShare:
    """What one load, alone, does in a mode's band.

    Attributes
    ----------
    load_rms_mw
        Of its power in the band.
    line_hz, line_mw
        Frequency and amplitude of the line that makes the largest swing; None without any.
    line_share
        Of the mean square of the swing, that which the line makes.
    gain_mhz_per_mw, gain_hz, gain_machine
        Largest response in the band.
    swing_mhz, machine
        Expected swing of the machine that swings most.
    """

    load_rms_mw: float
    line_hz: float | None
    line_mw: float | None
    line_share: float
    gain_mhz_per_mw: float
    gain_hz: float
    gain_machine: str
    swing_mhz: float
    machine: str


@dataclass(frozen=True)
class ModeRisk:
    """What all loads together do in a mode's band.

    Attributes
    ----------
    time_constant_s
        In which a free oscillation fades, and a forced one settles, to 1/e.
    low_hz, high_hz
        Between which the mode's band lies; what of it belongs to other modes is not counted.
    """

    frequency_hz: float
    damping_percent: float
    kind: str
    time_constant_s: float
    low_hz: float
    high_hz: float
    load_rms_mw: float
    swing_mhz: float
    machine: str
    sites: Mapping[str, SiteShare]

    @property
    def text(self) -> str:
        """One sentence: which load meets this mode, and what comes of it."""
        name = max(self.sites, key=lambda site: self.sites[site].swing_mhz)
        own = self.sites[name]
        mode = f"the {self.kind} mode at {self.frequency_hz:.2f} Hz ({self.damping_percent:.1f} % damping)"
        if own.line_mw is not None and own.line_share >= 0.5:
            cause = f"the {own.line_hz:.2f} Hz line of {name} ({own.line_mw:.3g} MW)"
        else:
            low, high = self.low_hz, self.high_hz
            cause = f"what {name} moves by from {low:.2f} to {high:.2f} Hz ({own.load_rms_mw:.3g} MW rms)"
        together = f"; all sites together {self.swing_mhz:.3g} mHz at {self.machine}" if len(self.sites) > 1 else ""
        return f"{cause} meets {mode}: {own.swing_mhz:.3g} mHz at machine {own.machine}{together}"


@dataclass(frozen=True)
class Total:
    """Swing of the machine that swings most, of all frequencies, and what makes it."""

    rms_mhz: float
    machine: str
    load_rms_mw: float


@dataclass(frozen=True)
class Resonance:
    """Where the loads' fluctuation meets the grid's modes.

    Attributes
    ----------
    modes : list of ModeRisk
        The largest expected swing first.
    total : Total
        All loads, all frequencies.
    sites : mapping
        Each load alone, all frequencies.
    rms_mhz : mapping
        Expected rms of each machine, all loads and frequencies.
    growing : list of str
        Modes without damping: what the loads do is then not settled.
    frequency_hz, gain : Array
        Frequencies, and at each the largest response of any machine to each load in mHz/MW [frequency, load].
    """

    record_s: float
    from_hz: float
    to_hz: float
    modes: list[ModeRisk]
    total: Total
    sites: Mapping[str, Total]
    rms_mhz: Mapping[str, float]
    growing: list[str]
    frequency_hz: Array
    gain: Array
