"""How power at each bus moves a grid: peaks, responses to be drawn, gains at the modes, and what a load would do."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.errors import InputError, Problem, nearest
from cosim.linear.load_spectrum import LoadSpectrum
from cosim.linear.mode_bands import resonant
from cosim.linear.modes import Mode
from cosim.linear.siting import SwingAt, swings_at
from cosim.linear.transfer import QUANTITIES, Draw, GridResponse, Peak
from cosim.modal_study import ModalStudy

MOST_CURVES = 6
MOST_MODES = 14
WORST_BUSES = 3
"""Buses whose responses are drawn where none is named and there are no sites."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Question:
    """What is asked of a grid.

    Parameters
    ----------
    quantity
        What is to be moved: one of `QUANTITIES`.
    from_hz, to_hz
        Frequencies.
    buses
        Whose responses are drawn; those of the sites, or the worst ones, where it is empty.
    element
        Machine or bus whose response is drawn; the one that moves most where it is None.
    power_factor
        Of the power that varies, lagging; that of the scenario's first site, or 1, where it is None.
    """

    quantity: str = "speed"
    from_hz: float = 0.1
    to_hz: float = 5.0
    buses: tuple[str, ...] = ()
    element: str | None = None
    power_factor: float | None = None


@dataclass(frozen=True)
class Curve:
    """A transfer function from one bus to one machine or bus, complex, over frequency."""

    bus: str
    element: str
    gain: NDArray[np.complex128]


@dataclass(frozen=True)
class TransferStudy:
    """Answers.

    Attributes
    ----------
    modal : ModalStudy
    question : Question
        With its power factor and buses settled.
    frequency_hz : ndarray, shape (frequencies,)
    peaks : list of Peak
        Of every bus, the largest first.
    curves : list of Curve
    modes : list of Mode
        That can resonate in the band and that power reaches best, by frequency.
    at_modes : ndarray, shape (modes, buses)
        Largest response at each mode's frequency to power at each bus, in the order of the grid's buses.
    spectrum : LoadSpectrum or None
        Of a load.
    load : str
        What that load is.
    harm : list of SwingAt
        What it would do at each bus, the largest first; empty without a load.
    """

    modal: ModalStudy
    question: Question
    frequency_hz: Array
    peaks: list[Peak]
    curves: list[Curve]
    modes: list[Mode]
    at_modes: Array
    spectrum: LoadSpectrum | None
    load: str
    harm: list[SwingAt]

    @property
    def unit(self) -> str:
        """Of responses."""
        return QUANTITIES[self.question.quantity][1]

    @property
    def shown(self) -> tuple[float, str]:
        """Factor and unit with which a response is shown: few zeros before its digits."""
        return (1e3, "pu/GW") if self.unit == "pu/MW" else (1.0, self.unit)

    @property
    def moved(self) -> str:
        """What a response is of, with its unit left out."""
        return {
            "speed": "a machine's speed",
            "frequency": "a bus's frequency",
            "coi": "the frequency of the centre of inertia",
            "voltage": "a bus's voltage",
        }[self.question.quantity]

    @property
    def kind(self) -> str:
        """What a response is looked for among; empty for the centre of inertia."""
        return {"speed": "machine", "coi": ""}.get(self.question.quantity, "bus")

    def at(self, bus: str) -> Peak:
        """Peak of a bus."""
        return next(peak for peak in self.peaks if peak.bus == bus)


def transfer_study(
    modal: ModalStudy, question: Question, spectrum: LoadSpectrum | None = None, load: str = ""
) -> TransferStudy:
    """Answer a question about a grid.

    Parameters
    ----------
    modal : ModalStudy
        Of the grid, with the sites of its scenario on it.
    question : Question
    spectrum : LoadSpectrum, optional
        Of one load, to be put at one bus after the other.
    load : str
        What that load is.

    Raises
    ------
    InputError
        If a bus or an element does not exist.
    """
    response = GridResponse(modal.linear)
    buses, elements = modal.linear.elements["bus"], response.elements(question.quantity)
    if not elements:
        raise InputError(Problem(f"the grid has nothing whose {question.quantity} could move", place="--to"))
    for bus in question.buses:
        if bus not in buses:
            raise InputError(Problem(f"the grid has no bus '{bus}'", place="--at", hint=nearest(bus, buses)))
    if question.element is not None and question.element not in elements:
        text = f"nothing is called '{question.element}' whose {question.quantity} moves"
        raise InputError(Problem(text, place="--element", hint=nearest(question.element, elements)))
    sites = modal.scenario.sites
    factor = question.power_factor
    if factor is None:
        factor = sites[0].power_factor if sites else 1.0
    draws = _draws(modal, factor)
    frequency_hz = response.frequencies(question.from_hz, question.to_hz)
    peaks = sorted(response.peaks(question.quantity, draws, frequency_hz), key=lambda peak: -peak.gain)
    drawn = list(question.buses or dict.fromkeys(str(site.bus) for site in sites))
    drawn = drawn or [peak.bus for peak in peaks[:WORST_BUSES]]
    settled = Question(
        question.quantity, question.from_hz, question.to_hz, tuple(drawn), question.element, float(factor)
    )
    modes, at_modes = _at_modes(response, modal, draws, settled)
    harm: list[SwingAt] = []
    if spectrum is not None:
        harm = swings_at(response, question.quantity, draws, spectrum, question.from_hz, question.to_hz)
    return TransferStudy(
        modal=modal,
        question=settled,
        frequency_hz=frequency_hz,
        peaks=peaks,
        curves=_curves(
            response, [draws[buses.index(bus)] for bus in drawn[:MOST_CURVES]], peaks, settled, frequency_hz
        ),
        modes=modes,
        at_modes=at_modes,
        spectrum=spectrum,
        load=load,
        harm=sorted(harm, key=lambda swing: -swing.rms),
    )


def _draws(modal: ModalStudy, power_factor: float) -> list[Draw]:
    """A load at each bus: of constant power, or with the voltage dependence of the scenario's first site."""
    grid, sites = modal.linear, modal.scenario.sites
    mvar_per_mw = float(np.sqrt(1.0 - power_factor**2) / power_factor)
    model = sites[0].load_model if sites else None
    draws = []
    for bus, v in zip(grid.elements["bus"], grid.channels["voltage_pu"].present, strict=True):
        share = 1.0 if model is None else model.z * v**2 + model.i * v + model.p
        draws.append(Draw(bus, mvar_per_mw, float(share)))
    return draws


def _curves(
    response: GridResponse, draws: Sequence[Draw], peaks: Sequence[Peak], question: Question, frequency_hz: Array
) -> list[Curve]:
    gain = response.gain(question.quantity, draws, frequency_hz)
    names = response.elements(question.quantity)
    by_bus = {peak.bus: peak.element for peak in peaks}
    curves = []
    for k, draw in enumerate(draws):
        element = question.element or by_bus[draw.bus]
        curves.append(Curve(draw.bus, element, gain[:, names.index(element), k]))
    return curves


def _at_modes(
    response: GridResponse, modal: ModalStudy, draws: Sequence[Draw], question: Question
) -> tuple[list[Mode], Array]:
    """Modes that power reaches best, and the largest response at each for each bus."""
    inside = [mode for mode in resonant(modal.modes, question.to_hz) if mode.frequency_hz >= question.from_hz]
    at_hz = np.array([mode.frequency_hz for mode in inside])
    size, _ = response.largest(question.quantity, draws, at_hz)
    order = np.argsort(-size.max(axis=1), kind="stable")[:MOST_MODES]
    order = order[np.argsort(at_hz[order], kind="stable")]
    return [inside[k] for k in order], size[order]
