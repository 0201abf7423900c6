"""Modes of a grid: eigenvalues, what takes part in them, and how the machines swing."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.linalg import eig

from cosim.linear.grid import LinearGrid

ZERO_PER_S = 1e-4
"""Eigenvalues nearer to zero than this may be the rotational one: rounding moves a double zero by its square root."""
STABLE_PER_S = 1e-6
"""A real part below this is no instability: rounding gives eigenvalues near zero either sign."""
SAME = 1e-6
"""Eigenvalues nearer than this, relative to their size (at least 1/s), are one that is repeated."""
DEFECTIVE = 1e-9
"""Products of left with right vectors below this say that a repeated eigenvalue has too few vectors."""
RELIABLE_CONDITION = 1e3
"""With a larger condition number, an eigenvalue's vectors (shape, participation) are lost to rounding or to a twin."""
ELECTROMECHANICAL_SHARE = 0.5
"""Participation of angles and speeds of machines from which on an oscillation is electromechanical."""
COMMON_SHARE = 0.75
"""Share of the kinetic energy that is in the centre of inertia's motion from which on machines swing together."""
INTER_AREA_MACHINES = 3.5
"""Swinging inertia, in machines of average inertia, from which on a mode is inter-area."""
INTER_AREA_SHARE = 0.5
"""Swinging inertia, over that of the grid, from which on a mode is inter-area if near machines swing together."""
GROUP_SHARE = 0.2
"""Machines that swing with less than this share of the largest swing belong to no group."""


class Kind(StrEnum):
    """What a mode is."""

    INTER_AREA = "inter-area"
    LOCAL = "local"
    COMMON = "common"
    CONTROL = "control"
    REAL = "real"
    ROTATIONAL = "rotational"

    @property
    def electromechanical(self) -> bool:
        """Whether rotors swing: against each other, or together against their governors."""
        return self in (Kind.INTER_AREA, Kind.LOCAL, Kind.COMMON)


@dataclass(frozen=True)
class Mode:
    """One eigenvalue, or one conjugate pair.

    Attributes
    ----------
    eigenvalue : complex
        1/s; the one of a pair with positive imaginary part.
    kind : Kind
    right, left : ndarray, shape (states,)
        Eigenvectors x and y with A x = lambda x, y A = lambda y, y x = 1.
    participation : ndarray, shape (states,)
        Sizes of y_k x_k, their sum made 1; of all vectors together where the eigenvalue is repeated.
    shape : ndarray of complex, shape (generators,)
        Speeds in the right eigenvector over the largest of them; one of several possible shapes where the eigenvalue
        is repeated.
    condition : float
        Condition number of the eigenvalue in the units of the states that suit it best, which is the sum of the sizes
        of y_k x_k; 1 is best.
    repeated : int
        How often the eigenvalue occurs: identical machines at one bus, for instance.
    """

    eigenvalue: complex
    kind: Kind
    right: np.ndarray
    left: np.ndarray
    participation: np.ndarray
    shape: np.ndarray
    condition: float
    repeated: int

    @property
    def frequency_hz(self) -> float:
        """Of the damped oscillation, Im/(2 pi); 0 for a real eigenvalue."""
        return self.eigenvalue.imag / (2.0 * np.pi)

    @property
    def damping_percent(self) -> float:
        """Damping ratio, -Re/size; 100 for a real eigenvalue that decays, 0 for the rotational one."""
        if self.kind is Kind.ROTATIONAL:
            return 0.0
        return -100.0 * self.eigenvalue.real / abs(self.eigenvalue) if self.eigenvalue else 0.0

    @property
    def is_unstable(self) -> bool:
        """Whether it grows; the rotational one does not, whatever rounding left of its real part."""
        return self.kind is not Kind.ROTATIONAL and self.eigenvalue.real > STABLE_PER_S

    @property
    def is_reliable(self) -> bool:
        """Whether shape and participation mean anything: see `condition`."""
        return self.condition <= RELIABLE_CONDITION

    def groups(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions of machines that swing with the one that swings most (it is the first), and of those against it.

        Largest swings first. Machines below `GROUP_SHARE` of the largest swing are in neither.
        """
        order = np.argsort(-np.abs(self.shape), kind="stable")
        order = order[np.abs(self.shape[order]) >= GROUP_SHARE]
        together = self.shape[order].real >= 0.0
        return order[together], order[~together]


@dataclass(frozen=True)
class Modes:
    """All modes of a grid, by falling real part.

    Attributes
    ----------
    modes : tuple of Mode
    states : tuple of str
        Names, in the order of participations.
    generators : tuple of str
        Names, in the order of shapes.
    """

    modes: tuple[Mode, ...]
    states: tuple[str, ...]
    generators: tuple[str, ...]

    def __iter__(self) -> Iterator[Mode]:
        return iter(self.modes)

    def __len__(self) -> int:
        return len(self.modes)

    def oscillatory(self, low_hz: float, high_hz: float) -> list[Mode]:
        """Oscillations of a band, the least damped first."""
        inside = [mode for mode in self.modes if mode.eigenvalue.imag > 0.0 and low_hz <= mode.frequency_hz <= high_hz]
        return sorted(inside, key=lambda mode: mode.damping_percent)

    @property
    def unstable(self) -> list[Mode]:
        """Modes that grow, the fastest first."""
        return [mode for mode in self.modes if mode.is_unstable]

    @property
    def rotational(self) -> list[Mode]:
        """Zero eigenvalues that turn all angles together: one where there is no infinite bus."""
        return [mode for mode in self.modes if mode.kind is Kind.ROTATIONAL]


def find_modes(grid: LinearGrid) -> Modes:
    """Find the modes of a grid.

    Parameters
    ----------
    grid : LinearGrid
        Any; one without synchronous machines has no shapes and no electromechanical modes.

    Returns
    -------
    Modes
        Each conjugate pair once, each repeated eigenvalue once.
    """
    values, left, right = eig(grid.space.a, left=True, right=True)
    swing = _Swing.of(grid)
    upper = np.flatnonzero(values.imag >= -SAME * np.maximum(1.0, np.abs(values)))
    upper = upper[np.lexsort((-values[upper].imag, -values[upper].real))]
    rotational = np.array([swing.is_rotational(values[k], right[:, k]) for k in upper], dtype=bool)
    modes = [
        _mode(values[group], left[:, group].conj().T, right[:, group], swing)
        for part in (upper[rotational], upper[~rotational])
        for group in _repeated(values, part)
    ]
    modes.sort(key=lambda mode: -mode.eigenvalue.real)
    return Modes(tuple(modes), grid.space.names, grid.elements["generator"])


@dataclass(frozen=True)
class _Swing:
    """What is needed of a grid to tell how its machines swing.

    Attributes
    ----------
    speed, angle : ndarray, shape (generators, states)
        Rows that give them.
    inertia_mws : ndarray, shape (generators,)
        Zero for an infinite bus.
    moving : ndarray of bool, shape (states,)
        Angles and speeds.
    against_infinite : bool
        Whether an infinite bus takes up the momentum of all others, so that they need not swing against each other.
    nearest : ndarray of int, shape (generators,)
        Position of the machine whose angle acts most on each one's speed.
    """

    speed: np.ndarray
    angle: np.ndarray
    inertia_mws: np.ndarray
    moving: np.ndarray
    against_infinite: bool
    nearest: np.ndarray

    @classmethod
    def of(cls, grid: LinearGrid) -> "_Swing":
        speed, angle = grid.observed("speed_pu")[0], grid.observed("rotor_angle_rad")[0]
        finite = np.isfinite(grid.inertia_mws)
        moving = np.any(speed != 0.0, axis=0) | np.any(angle != 0.0, axis=0)
        ties = np.abs(speed @ grid.space.a @ angle.T)
        np.fill_diagonal(ties, -1.0)
        nearest = ties.argmax(axis=1) if len(ties) else np.zeros(0, dtype=int)
        return cls(speed, angle, np.where(finite, grid.inertia_mws, 0.0), moving, not finite.all(), nearest)

    def is_rotational(self, value: complex, vector: np.ndarray) -> bool:
        """Whether an eigenvalue is zero and its vector turns all rotors by the same angle."""
        if abs(value) > ZERO_PER_S or not self.angle.size:
            return False
        angles = self.angle @ vector
        turn = abs(angles.mean())
        return bool(turn > 1e-3 * np.abs(vector).max() and np.abs(angles - angles.mean()).max() <= 1e-3 * turn)


def _repeated(values: np.ndarray, upper: np.ndarray) -> list[np.ndarray]:
    """Group positions of eigenvalues that are the same but for rounding, in the order of the first of each.

    Two real ones that are the same may come as a pair with tiny imaginary parts.
    """
    groups: list[np.ndarray] = []
    left = upper
    while left.size:
        first = values[left[0]]
        same = np.abs(values[left] - first) <= SAME * max(1.0, abs(first))
        groups.append(left[same])
        left = left[~same]
    return groups


def _mode(values: np.ndarray, left: np.ndarray, right: np.ndarray, swing: _Swing) -> Mode:
    """Mode of eigenvalues that are the same; `left` has a row, `right` a column for each."""
    value = complex(values.mean())
    if abs(value.imag) <= SAME * max(1.0, abs(value)):
        value = complex(value.real)
    pairing = left @ right
    sizes = np.linalg.svd(pairing, compute_uv=False)
    left = np.linalg.pinv(pairing) @ left
    products = np.abs(np.einsum("ij,ji->i", right, left))
    condition = float(products.sum()) / values.size
    if sizes[0] == 0.0 or (values.size > 1 and (sizes[0] < DEFECTIVE or sizes[-1] < DEFECTIVE * sizes[0])):
        products, condition = (np.abs(right) ** 2).sum(axis=1), np.inf
    participation, vector = products / products.sum(), right[:, 0]
    speeds = swing.speed @ vector
    largest = int(np.argmax(np.abs(speeds))) if speeds.size else 0
    shape = speeds / speeds[largest] if speeds.size and speeds[largest] else np.zeros_like(speeds)
    kind = _kind(value, vector, participation, shape, swing)
    return Mode(value, kind, vector, left[0], participation, shape, condition, values.size)


def _kind(value: complex, vector: np.ndarray, participation: np.ndarray, shape: np.ndarray, swing: _Swing) -> Kind:
    if swing.is_rotational(value, vector):
        return Kind.ROTATIONAL
    if value.imag == 0.0:
        return Kind.REAL
    energy = swing.inertia_mws @ np.abs(shape) ** 2
    if participation[swing.moving].sum() < ELECTROMECHANICAL_SHARE or not energy > 0.0:
        return Kind.CONTROL
    total = swing.inertia_mws.sum()
    if not swing.against_infinite and abs(swing.inertia_mws @ shape) ** 2 > COMMON_SHARE * total * energy:
        return Kind.COMMON
    swinging = (swing.inertia_mws @ np.abs(shape)) ** 2 / energy
    if swinging >= INTER_AREA_MACHINES * swing.inertia_mws[swing.inertia_mws > 0.0].mean():
        return Kind.INTER_AREA
    nearest = swing.nearest[int(np.argmax(np.abs(shape)))]
    together = shape[nearest].real >= GROUP_SHARE
    return Kind.INTER_AREA if swinging >= INTER_AREA_SHARE * total and together else Kind.LOCAL
