r"""Where the fluctuation of loads meets the modes of a grid, and the swing that follows.

*Definition.* With the transfer function :math:`G_{ms}(j\omega)` from the power of load s to the speed of machine m, and
loads made of lines and noise (`cosim.linear.load_spectrum`), the machine's speed, once settled, has the mean square

.. math::
    \sum_l \tfrac12 \Big| \sum_s G_{ms}(j 2\pi f_l)\, a_{ls} \Big|^2
    + \int \sum_{s,t} G_{ms}^*(j 2\pi f)\, S_{st}(f)\, G_{mt}(j 2\pi f)\, df

(J. S. Bendat and A. G. Piersol, "Random Data", 4th ed., ch. 6: linear systems with several inputs that may depend on
each other). The part of it that belongs to a mode is what of the sum and of the integral lies in the mode's band. The
*expected swing* is the square root of twice that part: the amplitude, where one line makes it, and the rms of the
envelope, where noise does.
A mode's band: see `cosim.linear.mode_bands`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.linear.grid import LinearGrid
from cosim.linear.load_spectrum import LoadSpectrum, load_spectrum
from cosim.linear.mode_bands import owners, resonant, standing_out, strength
from cosim.linear.modes import Mode, find_modes
from cosim.linear.transfer import Draw, GridResponse

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

TO_HZ = 5.0
"""Highest frequency: a phasor model holds no further."""
MOST_MODES = 15
SMALLEST_SHARE = 0.02
"""Modes whose swing is less than this share of the largest are left out."""


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


@dataclass(frozen=True)
class _Cause:
    """What a load, or all of them, make of the machines, piece by piece.

    ``swing`` and ``load`` are mean squares of each cell between frequencies and then of each line: shapes
    (pieces, machines) in mHz^2 and (pieces,) in MW^2.
    """

    swing: Array
    load: Array

    def within(self, pieces: NDArray[np.bool_]) -> tuple[Array, float]:
        """Mean square of each machine, and rms of the power in MW."""
        return self.swing[pieces].sum(axis=0), float(np.sqrt(self.load[pieces].sum()))


def resonance(grid: LinearGrid, draws: Mapping[str, Draw], records: Mapping[str, tuple[float, Array]]) -> Resonance:
    """Meet the spectra of loads with the modes of a grid.

    Parameters
    ----------
    grid : LinearGrid
    draws : mapping
        Where each load is.
    records : mapping
        Interval in s and power in MW, shape (intervals,), of each load.

    Raises
    ------
    ValueError
        If there is no load, the records are too short to have a spectrum, or no machine can swing.
    """
    if not draws:
        raise ValueError("there is no load that could fluctuate")
    spectrum = load_spectrum({name: records[name] for name in draws}, TO_HZ)
    if spectrum.edge_hz.size < 2:
        raise ValueError(f"a record of {spectrum.record_s:.3g} s is too short for a spectrum")
    machines = [k for k, inertia in enumerate(grid.inertia_mws) if np.isfinite(inertia)]
    if not machines:
        raise ValueError("the grid has no machine with an inertia of its own")
    names = [grid.elements["generator"][k] for k in machines]
    response = GridResponse(grid)
    frequency_hz = response.frequencies(spectrum.edge_hz[0], spectrum.edge_hz[-1])
    places = list(draws.values())
    gain = response.gain("speed", places, frequency_hz)[:, machines]
    at_lines = response.gain("speed", places, spectrum.line_hz)[:, machines]

    everything = find_modes(grid)
    modes = resonant(everything, TO_HZ)
    whole = _cause(spectrum, frequency_hz, gain, at_lines)
    alone = {
        site: _cause(spectrum.of(site), frequency_hz, gain[:, :, [k]], _own_lines(spectrum, at_lines, k))
        for k, site in enumerate(draws)
    }
    middles = np.sqrt(frequency_hz[:-1] * frequency_hz[1:])
    load_rms = np.array([np.sqrt(cause.load.sum()) for cause in alone.values()])
    driven = [strength(grid, mode, places, load_rms) for mode in modes]
    kept = standing_out(modes, driven)
    modes, driven = [modes[k] for k in kept], [driven[k] for k in kept]
    owner = owners(np.append(middles, spectrum.line_hz), modes, driven)
    risks = []
    for number, mode in enumerate(modes):
        own = owner == number
        if not own[: middles.size].any():
            continue
        mean_square, load = whole.within(own)
        worst = int(mean_square.argmax())
        shares = {}
        for k, (site, cause) in enumerate(alone.items()):
            own_lines = np.abs(spectrum.line_mw[:, k]) > 0.0
            mine = np.append(own[: middles.size], own[middles.size :][own_lines])
            cells = np.flatnonzero(own[: middles.size])
            nodes = np.unique([cells, cells + 1])
            own_gain = np.abs(gain[nodes, :, k])
            shares[site] = _share(spectrum.of(site), cause, mine, own_gain, frequency_hz[nodes], names)
        ends = frequency_hz[np.flatnonzero(own[: middles.size])[[0, -1]] + [0, 1]]
        risks.append(
            ModeRisk(
                frequency_hz=mode.frequency_hz,
                damping_percent=mode.damping_percent,
                kind=str(mode.kind),
                time_constant_s=-1.0 / mode.eigenvalue.real,
                low_hz=float(ends[0]),
                high_hz=float(ends[1]),
                load_rms_mw=load,
                swing_mhz=float(np.sqrt(2.0 * mean_square[worst])),
                machine=names[worst],
                sites=shares,
            )
        )
    risks.sort(key=lambda risk: -risk.swing_mhz)
    least = SMALLEST_SHARE * risks[0].swing_mhz if risks else 0.0
    of_all = np.sqrt(whole.swing.sum(axis=0))
    return Resonance(
        spectrum.record_s,
        float(frequency_hz[0]),
        float(frequency_hz[-1]),
        [risk for risk in risks if risk.swing_mhz > least][:MOST_MODES],
        _total(whole, names),
        {site: _total(cause, names) for site, cause in alone.items()},
        dict(zip(names, of_all.tolist(), strict=True)),
        [_growth(mode) for mode in everything.unstable],
        frequency_hz,
        np.abs(gain).max(axis=1),
    )


def _cause(spectrum: LoadSpectrum, frequency_hz: Array, gain: Complex, at_lines: Complex) -> _Cause:
    """Mean squares of the swings; gains [frequency, machine, load] at the frequencies, and at the lines."""
    energy = spectrum.energy_between(frequency_hz)
    ends = [np.einsum("fms,fst,fmt->fm", g.conj(), energy, g).real for g in (gain[:-1], gain[1:])]
    lines = np.abs(np.einsum("lms,ls->lm", at_lines, spectrum.line_mw)) ** 2
    load = np.append(energy.sum(axis=(1, 2)).real, 0.5 * np.abs(spectrum.line_mw.sum(axis=1)) ** 2)
    # Rounding of correlated loads that cancel each other may leave less than nothing.
    return _Cause(np.maximum(np.concatenate([0.5 * (ends[0] + ends[1]), 0.5 * lines]), 0.0), np.maximum(load, 0.0))


def _own_lines(spectrum: LoadSpectrum, at_lines: Complex, load: int) -> Complex:
    own = np.abs(spectrum.line_mw[:, load]) > 0.0
    return at_lines[own][:, :, [load]]


def _share(
    spectrum: LoadSpectrum,
    cause: _Cause,
    pieces: NDArray[np.bool_],
    gain: Array,
    gain_hz: Array,
    names: Sequence[str],
) -> SiteShare:
    mean_square, load = cause.within(pieces)
    worst = int(mean_square.argmax())
    cells = pieces.size - spectrum.line_hz.size
    lines = np.flatnonzero(pieces[cells:])
    made = cause.swing[cells + lines, worst]
    strongest = int(lines[made.argmax()]) if lines.size else None
    at, machine = (int(k) for k in np.unravel_index(int(gain.argmax()), gain.shape))
    return SiteShare(
        load_rms_mw=load,
        line_hz=None if strongest is None else float(spectrum.line_hz[strongest]),
        line_mw=None if strongest is None else float(np.abs(spectrum.line_mw[strongest, 0])),
        line_share=float(made.max() / mean_square[worst]) if lines.size and mean_square[worst] > 0.0 else 0.0,
        gain_mhz_per_mw=float(gain[at, machine]),
        gain_hz=float(gain_hz[at]),
        gain_machine=names[machine],
        swing_mhz=float(np.sqrt(2.0 * mean_square[worst])),
        machine=names[worst],
    )


def _total(cause: _Cause, names: Sequence[str]) -> Total:
    mean_square = cause.swing.sum(axis=0)
    worst = int(mean_square.argmax())
    return Total(float(np.sqrt(mean_square[worst])), names[worst], float(np.sqrt(cause.load.sum())))


def _growth(mode: Mode) -> str:
    if mode.eigenvalue.imag == 0.0:
        return f"a mode that grows without oscillating ({mode.eigenvalue.real:.2g} 1/s)"
    return f"an oscillation at {mode.frequency_hz:.3g} Hz that grows ({mode.damping_percent:.2g} % damping)"
