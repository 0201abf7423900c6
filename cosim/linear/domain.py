"""Where linear equations hold: how far a run went from its operating point, and which limits it met.

The bounds are drawn so that extremes of frequency and swings of voltage within them are right to about 5 % (found with
growing sites on four grids, at a single bus, against the nonlinear equations; docs/linear.md has the numbers).
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cosim.linear.grid import LinearGrid

FREQUENCY_SHARE = 0.001
"""Deviation of a machine's speed from nominal, as a share of it, beyond which linear equations are doubtful."""

VOLTAGE_PU = 0.015
"""Change of a bus voltage beyond which they are."""

ANGLE_RAD = np.radians(3.0)
"""Change of a rotor angle against the mean of its island beyond which they are."""

LIMIT_SLACK = 1e-6
"""What a control's variable may be beyond its limit, against its size or 1."""

CHANNELS = ("speed_pu", "voltage_pu", "rotor_angle_rad", "control")
"""Channels of a `LinearGrid` that are looked at."""

MOST_NAMED = 3
"""Controls at their limits that a warning names."""


@dataclass
class Domain:
    """How far a run of linear equations went; fed with its rows.

    Parameters
    ----------
    grid : LinearGrid
    islands : list of ndarray of int
        Positions of the generators of each island.
    """

    grid: LinearGrid
    islands: list[np.ndarray]
    frequency_hz: float = 0.0
    voltage_pu: float = 0.0
    angle_rad: float = 0.0
    _met: dict[int, float] = field(default_factory=dict)
    _share: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self._share = np.zeros(len(self.grid.limits.names))

    def see(self, time_s: np.ndarray, rows: dict[str, np.ndarray]) -> None:
        """Take rows of the channels in `CHANNELS`, shape (rows, elements) each."""
        present = {name: self.grid.channels[name].present for name in CHANNELS}
        speed = rows["speed_pu"] - present["speed_pu"]
        voltage = rows["voltage_pu"] - present["voltage_pu"]
        angle = rows["rotor_angle_rad"] - present["rotor_angle_rad"]
        for island in self.islands:
            own = angle[:, island]
            self.angle_rad = max(self.angle_rad, _largest(own - own.mean(axis=1, keepdims=True)))
        self.frequency_hz = max(self.frequency_hz, self.grid.nominal_hz * _largest(speed))
        self.voltage_pu = max(self.voltage_pu, _largest(voltage))
        limits, control = self.grid.limits, rows["control"]
        slack = LIMIT_SLACK * np.maximum(1.0, np.abs(present["control"]))
        for bound in (limits.lower, limits.upper):
            room = np.maximum(np.abs(bound - present["control"]), slack)
            self._share = np.maximum(self._share, np.abs(control - present["control"]).max(axis=0) / room)
        beyond = (control < limits.lower - slack) | (control > limits.upper + slack)
        for k in np.flatnonzero(beyond.any(axis=0)):
            self._met.setdefault(int(k), float(time_s[np.argmax(beyond[:, k])]))

    @property
    def share_of_room(self) -> np.ndarray:
        """Largest move of each limited control against the room that it has to the nearer limit, shape (limits,)."""
        return self._share

    @property
    def limits_met(self) -> dict[str, float]:
        """Controls that would have met a limit, and when first (s), in the order of time."""
        return {self.grid.limits.names[k]: at_s for k, at_s in sorted(self._met.items(), key=lambda item: item[1])}

    def warnings(self) -> list[str]:
        """Say what is beyond the domain; nothing if the linear equations hold."""
        nominal_hz, found = self.grid.nominal_hz, []
        if self.frequency_hz > FREQUENCY_SHARE * nominal_hz:
            allowed_mhz = 1e3 * FREQUENCY_SHARE * nominal_hz
            found.append(f"a machine's frequency moves by {1e3 * self.frequency_hz:.4g} mHz (over {allowed_mhz:g} mHz)")
        if self.voltage_pu > VOLTAGE_PU:
            found.append(f"a bus voltage moves by {self.voltage_pu:.3g} pu (over {VOLTAGE_PU:g} pu)")
        if self.angle_rad > ANGLE_RAD:
            moved, allowed = np.degrees([self.angle_rad, ANGLE_RAD])
            found.append(f"a rotor moves by {moved:.3g} degrees against the others (over {allowed:.0f})")
        met = self.limits_met
        if met:
            named = ", ".join(f"{name} at {at_s:.4g} s" for name, at_s in list(met.items())[:MOST_NAMED])
            more = f" and {len(met) - MOST_NAMED} more" if len(met) > MOST_NAMED else ""
            found.append(f"controls meet limits: {named}{more}")
        return [f"beyond where linear equations hold, confirm with engine auto: {text}" for text in found]

    def as_dict(self) -> dict[str, Any]:
        """For ``summary.json``: the largest moves, the limits met and when (s), and whether all of it holds."""
        return {
            "holds": not self.warnings(),
            "max_machine_deviation_mhz": 1e3 * self.frequency_hz,
            "max_voltage_change_pu": self.voltage_pu,
            "max_angle_change_deg": float(np.degrees(self.angle_rad)),
            "limits_met": self.limits_met,
        }


def _largest(values: np.ndarray) -> float:
    return float(np.nanmax(np.abs(values), initial=0.0))
