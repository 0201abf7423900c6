"""One load at one bus after the other: where its fluctuation does most harm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cosim.linear.load_spectrum import LoadSpectrum
from cosim.linear.transfer import Draw, GridResponse


@dataclass(frozen=True)
class SwingAt:
    """What a load would make of the grid from one bus.

    Attributes
    ----------
    rms
        Of the element that moves most, mHz or pu.
    element
        Machine or bus.
    """

    bus: str
    rms: float
    element: str


def swings_at(
    response: GridResponse,
    quantity: str,
    draws: Sequence[Draw],
    spectrum: LoadSpectrum,
    from_hz: float,
    to_hz: float,
) -> list[SwingAt]:
    """Expected rms of a quantity for one load, as `cosim.linear.resonance` defines it, at each place.

    Parameters
    ----------
    response, quantity
        What is looked at; see `GridResponse.gain`.
    draws : sequence of Draw
        Places of the load, one after the other.
    spectrum : LoadSpectrum
        Of one load.
    from_hz, to_hz : float
        Frequencies that count.
    """
    frequency_hz = response.frequencies(from_hz, to_hz)
    cells = spectrum.energy_between(frequency_hz)[:, 0, 0].real
    weights = 0.5 * (np.append(cells, 0.0) + np.append(0.0, cells))  # half of each cell to either end
    counted = (spectrum.line_hz >= from_hz) & (spectrum.line_hz <= to_hz)
    at_hz = np.append(frequency_hz, spectrum.line_hz[counted])
    weights = np.append(weights, 0.5 * np.abs(spectrum.line_mw[counted, 0]) ** 2)
    mean_square = np.zeros((len(response.elements(quantity)), len(draws)))
    for part, gain in response.gains(quantity, draws, at_hz):
        mean_square += np.einsum("f,fes->es", weights[part], np.abs(gain) ** 2)
    worst = mean_square.argmax(axis=0)
    names = response.elements(quantity)
    return [
        SwingAt(draw.bus, float(np.sqrt(mean_square[k, j])), names[k])
        for j, (draw, k) in enumerate(zip(draws, worst, strict=True))
    ]
