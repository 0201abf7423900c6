r"""Which frequencies belong to which mode of a grid.

Frequencies within two decay rates of a mode's own, :math:`|2\pi f - \omega_i| \le 2 \sigma_i`, are its band: there it
answers with at least 0.45 of its largest response, and with 70 % of the mean square that white noise gives it. Where
bands overlap, a frequency belongs to the mode whose own term of the transfer function,

.. math::
    \frac{c_m x_i \; y_i b_s}{j 2\pi f - \lambda_i},

is largest there (x_i, y_i its right and left eigenvectors; P. Kundur, "Power System Stability and Control", 1994,
ch. 12.2), so that nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cosim.linear.grid import LinearGrid
from cosim.linear.modes import Mode, Modes
from cosim.linear.transfer import Draw

Array = NDArray[np.float64]

LOWEST_HZ = 0.02
MOST_DAMPING_PERCENT = 30.0
"""A mode with more damping resonates with nothing."""
BAND_DECAYS = 2.0
"""Half the width of a mode's band, in its decay rate."""


def resonant(modes: Modes, to_hz: float) -> list[Mode]:
    """Modes that can resonate: oscillations with some damping, but little; the least damped first."""
    return [mode for mode in modes.oscillatory(LOWEST_HZ, to_hz) if 0.0 < mode.damping_percent <= MOST_DAMPING_PERCENT]


def standing_out(modes: Sequence[Mode], strengths: Sequence[float]) -> list[int]:
    """Positions of the modes that own their own frequency: the others are hidden behind a neighbour."""
    at_hz = np.array([mode.frequency_hz for mode in modes])
    return np.flatnonzero(owners(at_hz, modes, strengths) == np.arange(len(modes))).tolist()


def strength(grid: LinearGrid, mode: Mode, draws: Sequence[Draw], load_rms_mw: Array) -> float:
    """Size of a mode's term in the machines' speeds, but for its distance, for loads that vary independently.

    Parameters
    ----------
    grid, mode
        A grid and one of its modes.
    draws : sequence of Draw
    load_rms_mw : ndarray, shape (draws,)
    """
    seen = np.abs(grid.observed("speed_pu")[0] @ mode.right).max()
    excited = []
    for draw, rms in zip(draws, load_rms_mw, strict=True):
        active, reactive = grid.bus_input(draw.bus)
        column = grid.space.b[:, active] + draw.mvar_per_mw * grid.space.b[:, reactive]
        excited.append(abs(mode.left @ column) * draw.share * rms)
    return float(seen * np.linalg.norm(excited))


def owners(frequency_hz: Array, modes: Sequence[Mode], strengths: Sequence[float]) -> NDArray[np.intp]:
    """Number of the mode that each frequency belongs to, -1 for none.

    Parameters
    ----------
    frequency_hz : ndarray, shape (frequencies,)
    modes, strengths
        What can resonate, and how strongly it is driven.
    """
    owner, largest = np.full(frequency_hz.size, -1, dtype=np.intp), np.zeros(frequency_hz.size)
    w = 2 * np.pi * frequency_hz
    for number, (mode, own) in enumerate(zip(modes, strengths, strict=True)):
        distance = np.abs(1j * w - mode.eigenvalue)
        inside = np.abs(w - mode.eigenvalue.imag) <= BAND_DECAYS * abs(mode.eigenvalue.real)
        term = np.where(inside, own / distance, 0.0)
        owner, largest = np.where(term > largest, number, owner), np.maximum(term, largest)
    return owner
