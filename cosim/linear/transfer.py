"""How strongly power drawn at a bus moves the grid, at each frequency: transfer functions, their peaks, their bands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cosim.linear.frequency_response import FrequencyResponse
from cosim.linear.grid import LinearGrid

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

QUANTITIES = {
    "speed": ("speed_pu", "mHz/MW"),
    "frequency": ("frequency_hz", "mHz/MW"),
    "coi": ("coi_hz", "mHz/MW"),
    "voltage": ("voltage_pu", "pu/MW"),
}
"""What power moves: the channel that shows it (a machine's speed is given as a frequency), and the unit per MW."""

POINTS_PER_DECADE = 120
STEP_PER_DECAY = 0.25
"""Largest distance between frequencies near a pole, in its decay rate: the peak is at most 0.8 % above the higher of
two points about it, and is then zoomed in on."""
LEAST_STEP = 1e-5
"""Smallest distance between frequencies, in the frequency: a pole without damping has no peak to be found."""
ZOOMS, ZOOM_POINTS = 3, 9
HALF_POWER = np.sqrt(0.5)
PART = 2_000_000
"""Values of a response that are held at a time, where it is only looked through."""


@dataclass(frozen=True)
class Draw:
    """Power that varies at a bus.

    Parameters
    ----------
    bus
        Name of the bus.
    mvar_per_mw
        Reactive power that goes with active power (lagging positive).
    share
        What is drawn at the operating point's voltage of each MW that is asked for at 1 pu.
    """

    bus: str
    mvar_per_mw: float = 0.0
    share: float = 1.0


@dataclass(frozen=True)
class Peak:
    """The largest response to power at one bus.

    Parameters
    ----------
    gain
        mHz/MW or pu/MW.
    element
        Where: machine or bus.
    low_hz, high_hz
        Between which the response is at least 0.707 of the peak, as far as it was evaluated.
    """

    bus: str
    frequency_hz: float
    gain: float
    element: str
    low_hz: float
    high_hz: float


class GridResponse:
    """Response of a grid to varying power at its buses.

    Parameters
    ----------
    grid : LinearGrid
    """

    def __init__(self, grid: LinearGrid) -> None:
        self.grid = grid

    @cached_property
    def _response(self) -> FrequencyResponse:
        return FrequencyResponse(self.grid.space.a)

    @cached_property
    def _from_inputs(self) -> Complex:
        return self._response.from_inputs(self.grid.space.b)

    @cached_property
    def _outputs(self) -> dict[str, tuple[Complex, Array]]:
        return {}

    @property
    def eigenvalues(self) -> Complex:
        """Of the grid, 1/s, shape (states,)."""
        return self._response.eigenvalues

    def elements(self, quantity: str) -> tuple[str, ...]:
        """Names of the machines or buses that a quantity is given for."""
        return self.grid.elements[self.grid.channels[QUANTITIES[quantity][0]].kind]

    def frequencies(self, from_hz: float, to_hz: float) -> Array:
        """Frequencies that follow every response: even on a logarithmic axis, denser near modes."""
        return frequency_grid(self.eigenvalues, from_hz, to_hz)

    def gain(self, quantity: str, draws: Sequence[Draw], frequency_hz: Array) -> Complex:
        """Transfer function from the power that is asked for to a quantity.

        Parameters
        ----------
        quantity : str
            One of `QUANTITIES`.
        draws : sequence of Draw
        frequency_hz : ndarray, shape (frequencies,)

        Returns
        -------
        ndarray, shape (frequencies, elements, draws)
            mHz/MW or pu/MW.
        """
        left, d = self._output(quantity)
        per_mw = self._per_mw(draws)
        return self._response.at(frequency_hz, self._from_inputs @ per_mw, left, d @ per_mw)

    def gains(self, quantity: str, draws: Sequence[Draw], frequency_hz: Array) -> Iterator[tuple[slice, Complex]]:
        """`gain` for some frequencies after the other, with their place, so that it need not be held as a whole."""
        together = max(2, PART // max(1, len(draws) * len(self.elements(quantity))))
        for start in range(0, frequency_hz.size, together):
            part = slice(start, min(start + together, frequency_hz.size))
            yield part, self.gain(quantity, draws, frequency_hz[part])

    def largest(self, quantity: str, draws: Sequence[Draw], frequency_hz: Array) -> tuple[Array, NDArray[np.intp]]:
        """Size of the response of the element that responds most, and its position, shapes (frequencies, draws)."""
        size = np.empty((frequency_hz.size, len(draws)))
        element = np.empty(size.shape, dtype=np.intp)
        for part, gain in self.gains(quantity, draws, frequency_hz):
            sizes = np.abs(gain)
            size[part], element[part] = sizes.max(axis=1), sizes.argmax(axis=1)
        return size, element

    def peaks(self, quantity: str, draws: Sequence[Draw], frequency_hz: Array) -> list[Peak]:
        """Largest response to each draw over frequencies and elements.

        It is looked for among the frequencies, and then between those beside the largest.
        """
        size, element = self.largest(quantity, draws, frequency_hz)
        at, last = size.argmax(axis=0), frequency_hz.size - 1
        found = [(frequency_hz[k], size[k, j], element[k, j]) for j, k in enumerate(at)]
        brackets = [(frequency_hz[max(k - 1, 0)], frequency_hz[min(k + 1, last)]) for k in at]
        for _ in range(ZOOMS):
            for low, high in sorted(set(brackets)):
                members = [j for j, bracket in enumerate(brackets) if bracket == (low, high)]
                points = np.linspace(low, high, ZOOM_POINTS)
                inside, where = self.largest(quantity, [draws[j] for j in members], points)
                for column, j in enumerate(members):
                    k = int(inside[:, column].argmax())
                    if inside[k, column] > found[j][1]:
                        found[j] = (points[k], inside[k, column], where[k, column])
                    brackets[j] = (points[max(k - 1, 0)], points[min(k + 1, ZOOM_POINTS - 1)])
        names = self.elements(quantity)
        return [
            Peak(draw.bus, float(f), float(height), names[where], *half_power_band(frequency_hz, size[:, j], f, height))
            for j, (draw, (f, height, where)) in enumerate(zip(draws, found, strict=True))
        ]

    def _output(self, quantity: str) -> tuple[Complex, Array]:
        if quantity not in self._outputs:
            channel, unit = QUANTITIES[quantity]
            scale = (1e3 if unit == "mHz/MW" else 1.0) * (self.grid.nominal_hz if channel == "speed_pu" else 1.0)
            c, d = self.grid.observed(channel)
            self._outputs[quantity] = self._response.to_outputs(scale * c), scale * d
        return self._outputs[quantity]

    def _per_mw(self, draws: Sequence[Draw]) -> Array:
        """What each draw is in the grid's inputs, per MW, shape (inputs, draws)."""
        columns = np.zeros((self.grid.space.b.shape[1], len(draws)))
        for j, draw in enumerate(draws):
            active, reactive = self.grid.bus_input(draw.bus)
            columns[active, j] = draw.share / self.grid.base_mva
            columns[reactive, j] = draw.share * draw.mvar_per_mw / self.grid.base_mva
        return columns


def frequency_grid(eigenvalues: Complex, from_hz: float, to_hz: float) -> Array:
    """Frequencies for a response with these poles, both ends among them.

    Near a pole s = -sigma + j w_k a response goes as 1 / sqrt(sigma^2 + (w - w_k)^2): the step is a share of the
    distance to the nearest pole, and never more than on an even logarithmic axis.

    Parameters
    ----------
    eigenvalues : ndarray of complex
        1/s.
    from_hz, to_hz : float
    """
    widest = 10.0 ** (1.0 / POINTS_PER_DECADE) - 1.0
    poles = eigenvalues[eigenvalues.imag > 0.0]
    found = [from_hz]
    while found[-1] < to_hz:
        distance = np.abs(2j * np.pi * found[-1] - poles).min(initial=np.inf) / (2 * np.pi)
        found.append(found[-1] + min(widest * found[-1], max(STEP_PER_DECAY * distance, LEAST_STEP * found[-1])))
    return np.array([*found[:-1], to_hz])


def half_power_band(frequency_hz: Array, size: Array, peak_hz: float, peak: float) -> tuple[float, float]:
    """Ends of the range about a peak in which the size is at least `HALF_POWER` of it."""
    level = HALF_POWER * peak
    below, above = size < level, frequency_hz > peak_hz
    low, high = frequency_hz[0], frequency_hz[-1]
    left, right = np.flatnonzero(below & ~above), np.flatnonzero(below & above)
    if left.size:
        k = left[-1]
        low = np.interp(level, size[k : k + 2], frequency_hz[k : k + 2]) if k + 1 < size.size else frequency_hz[k]
    if right.size:
        k = right[0]
        high = np.interp(level, size[k - 1 : k + 1][::-1], frequency_hz[k - 1 : k + 1][::-1])
    return float(min(low, peak_hz)), float(max(high, peak_hz))
