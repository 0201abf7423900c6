"""What an engine can report of the grid: voltages, frequencies, speeds, angles and flows."""

from collections.abc import Sequence
from copy import copy
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_matrix, eye

from cosim.engines.switching import Switchgear
from grids import Grid
from grids.grid import synchronous_models

CHANNELS = {
    "voltage_pu": ("pu", "bus"),
    "angle_rad": ("rad", "bus"),
    "frequency_hz": ("Hz", "bus"),
    "speed_pu": ("pu", "generator"),
    "rotor_angle_rad": ("rad", "generator"),
    "generator_mw": ("MW", "generator"),
    "line_mw": ("MW", "line"),
}
"""Channels that an engine offers: unit, and the kind of element that they are given for."""

NEEDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "voltage_pu": ((), ("bus_v",)),
    "angle_rad": ((), ("bus_a",)),
    "frequency_hz": (("speed",), ()),
    "speed_pu": (("speed",), ()),
    "rotor_angle_rad": (("rotor_angle",), ()),
    "generator_mw": ((), ("electrical",)),
    "line_mw": ((), ("line_v1", "line_a1", "line_v2", "line_a2")),
    "coi_hz": (("speed",), ()),
}
"""What each channel is computed from: states, and algebraic variables."""


class Channels:
    """Reads channels of an initialised ANDES system, one value for each element.

    Generators are those in service when the run starts; a tripped one has no speed and no angle (NaN), and no power.

    Attributes
    ----------
    elements : dict
        Names of the elements of each kind, in the order of their values.
    inertia_mws : ndarray, shape (generators,)
        H times MVA; inf for an infinite bus.
    """

    def __init__(self, system: Any, grid: Grid, switchgear: Switchgear):
        self._system, self._switchgear = system, switchgear
        self._nominal_hz, self.base_mva = grid.nominal_hz, grid.base_mva
        models = synchronous_models(system)
        online = [np.flatnonzero(m.u.v) for m in models]
        line = system.Line
        self._place = {
            "speed": np.concatenate([m.omega.a[k] for m, k in zip(models, online, strict=True)]),
            "rotor_angle": np.concatenate([m.delta.a[k] for m, k in zip(models, online, strict=True)]),
            "electrical": np.concatenate([m.Pe.a[k] for m, k in zip(models, online, strict=True)]),
            "bus_v": system.Bus.v.a,
            "bus_a": system.Bus.a.a,
            "line_v1": line.v1.a,
            "line_a1": line.a1.a,
            "line_v2": line.v2.a,
            "line_a2": line.a2.a,
        }
        self.elements: dict[str, tuple[str, ...]] = {
            "bus": tuple(str(i) for i in system.Bus.idx.v),
            "generator": tuple(str(m.idx.v[i]) for m, k in zip(models, online, strict=True) for i in k),
            "line": tuple(str(i) for i in line.idx.v),
        }
        self.inertia_mws = np.array(
            [np.inf if m.infinite else m.inertia_s * m.rating_mva for m in grid.machines], dtype=float
        )
        self.switched()

    def switched(self) -> None:
        """Take note that switch positions have changed."""
        on = self._switchgear.machine_on
        self._all_on = bool(on.all())
        finite = np.where(np.isfinite(self.inertia_mws) & on, self.inertia_mws, 0.0)
        self.coi_weights = finite / finite.sum() if finite.any() else on / max(1, on.sum())

    @property
    def divider(self) -> np.ndarray:
        """Speed deviations of machines to frequency deviations of buses, shape (buses, machines)."""
        return self._switchgear.divider

    @property
    def islands(self) -> list[np.ndarray]:
        """Positions of the machines in service of each island."""
        return self._switchgear.islands

    def value(self, name: str) -> np.ndarray:
        """Present value of a channel (see `CHANNELS`)."""
        dae = self._system.dae
        return self.at(name, dae.x, dae.y)

    def at(self, name: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Value of a channel at given variables, which lie along the last axis; ``coi_hz`` has one element."""
        return getattr(self, f"_{name}")(x, y)

    def places(self, what: str) -> np.ndarray:
        """Positions of what channels are computed from (see `NEEDS`), among the states or the algebraic variables."""
        return np.asarray(self._place[what])

    def gathered(self, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray, Self]:
        """Positions of the states and of the algebraic variables that channels need, and a reader of these alone.

        The reader's `at` takes them in the order of the positions.
        """
        reader, found = copy(self), []
        reader._place = {}
        for k in (0, 1):
            places = dict.fromkeys(place for name in names for place in NEEDS[name][k])
            at = np.unique(np.concatenate([np.empty(0, dtype=int), *(self._place[place] for place in places)]))
            reader._place |= {place: np.searchsorted(at, self._place[place]) for place in places}
            found.append(at)
        return found[0], found[1], reader

    def rows(self, name: str) -> csr_matrix:
        """Derivatives of a channel with respect to the variables, shape (elements, states + algebraic variables)."""
        dae, place = self._system.dae, self._place
        unit = eye(dae.n + dae.m, format="csr")
        if name == "line_mw":
            return self._line_rows(unit[dae.n :])
        if name == "frequency_hz":
            return self._nominal_hz * csr_matrix(self._switchgear.divider) @ unit[place["speed"]]
        scale, position = {
            "voltage_pu": (1.0, dae.n + place["bus_v"]),
            "angle_rad": (1.0, dae.n + place["bus_a"]),
            "speed_pu": (1.0, place["speed"]),
            "rotor_angle_rad": (1.0, place["rotor_angle"]),
            "generator_mw": (self.base_mva, dae.n + place["electrical"]),
            "coi_hz": (self._nominal_hz * csr_matrix(self.coi_weights), place["speed"]),
        }[name]
        return scale * unit[position]

    def coi_hz(self) -> float:
        """Frequency of the centre of inertia of the machines in service.

        With infinite buses only, where there is none, the mean of the machines' speeds.
        """
        return float(self.value("coi_hz")[0])

    def largest_angle_rad(self) -> float:
        """Largest angle between the rotors of two machines of one island."""
        angle = self._system.dae.x[self._place["rotor_angle"]]
        return max((float(np.ptp(angle[island])) for island in self._switchgear.islands), default=0.0)

    def _of_running(self, values: np.ndarray) -> np.ndarray:
        return values if self._all_on else np.where(self._switchgear.machine_on, values, np.nan)

    def _voltage_pu(self, _: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.where(self._switchgear.dead, 0.0, y[..., self._place["bus_v"]])

    def _angle_rad(self, _: np.ndarray, y: np.ndarray) -> np.ndarray:
        return y[..., self._place["bus_a"]]

    def _speed_pu(self, x: np.ndarray, _: np.ndarray) -> np.ndarray:
        return self._of_running(x[..., self._place["speed"]])

    def _rotor_angle_rad(self, x: np.ndarray, _: np.ndarray) -> np.ndarray:
        return self._of_running(x[..., self._place["rotor_angle"]])

    def _frequency_hz(self, x: np.ndarray, _: np.ndarray) -> np.ndarray:
        return self._nominal_hz * (1.0 + (x[..., self._place["speed"]] - 1.0) @ self._switchgear.divider.T)

    def _coi_hz(self, x: np.ndarray, _: np.ndarray) -> np.ndarray:
        return self._nominal_hz * (x[..., self._place["speed"]] @ self.coi_weights)[..., None]

    def _generator_mw(self, _: np.ndarray, y: np.ndarray) -> np.ndarray:
        return y[..., self._place["electrical"]] * self.base_mva

    def _line_mw(self, _: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Active power into each line at its first end."""
        v1, a1, v2, a2 = self._line_variables(y)
        own, cosine, sine = self._line_coefficients()
        angle = a1 - a2 - self._system.Line.phi.v
        return v1**2 * own - v1 * v2 * (cosine * np.cos(angle) + sine * np.sin(angle))

    def _line_variables(self, y: np.ndarray) -> list[np.ndarray]:
        """Voltage and angle of each line's first end, then of its second."""
        return [y[..., self._place[end]] for end in NEEDS["line_mw"][1]]

    def _line_coefficients(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What multiplies the first voltage squared, and the cosine and the sine of the angle between both ends."""
        line = self._system.Line
        g = line.r.v / (line.r.v**2 + line.x.v**2)
        b = -line.x.v / (line.r.v**2 + line.x.v**2)
        scale = line.ue.v * self.base_mva
        return (
            scale * (g + line.g1.v + line.g.v / 2) / line.tap.v**2,
            scale * g / line.tap.v,
            scale * b / line.tap.v,
        )

    def _line_rows(self, unit: csr_matrix) -> csr_matrix:
        """Derivatives of `_line_mw`; `unit` has a row for each algebraic variable."""
        v1, a1, v2, a2 = self._line_variables(self._system.dae.y)
        own, cosine, sine = self._line_coefficients()
        angle = a1 - a2 - self._system.Line.phi.v
        mutual = cosine * np.cos(angle) + sine * np.sin(angle)
        by_angle = v1 * v2 * (cosine * np.sin(angle) - sine * np.cos(angle))
        by = (2 * v1 * own - v2 * mutual, by_angle, -v1 * mutual, -by_angle)
        rows = csr_matrix((len(v1), unit.shape[1]))
        for derivative, end in zip(by, NEEDS["line_mw"][1], strict=True):
            rows += unit[self._place[end]].multiply(derivative[:, None])
        return rows.tocsr()
