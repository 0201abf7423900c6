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
from cosim.linear.risk import ModeRisk, Resonance, SiteShare, Total
from cosim.linear.transfer import Draw, GridResponse

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

TO_HZ = 5.0
"""Highest frequency: a phasor model holds no further."""
MOST_MODES = 15
SMALLEST_SHARE = 0.02
"""Modes whose swing is less than this share of the largest are left out."""


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

    met = _Met(
        spectrum,
        frequency_hz,
        gain,
        names,
        _cause(spectrum, frequency_hz, gain, at_lines),
        {
            site: _cause(spectrum.of(site), frequency_hz, gain[:, :, [k]], _own_lines(spectrum, at_lines, k))
            for k, site in enumerate(draws)
        },
    )
    everything = find_modes(grid)
    load_rms_mw = np.array([np.sqrt(cause.load.sum()) for cause in met.alone.values()])
    modes = resonant(everything, TO_HZ)
    driven = [strength(grid, mode, places, load_rms_mw) for mode in modes]
    kept = standing_out(modes, driven)
    modes, driven = [modes[k] for k in kept], [driven[k] for k in kept]
    owner = owners(met.piece_hz, modes, driven)
    risks = [
        _risk(mode, owner == number, met) for number, mode in enumerate(modes) if (owner[: met.cells] == number).any()
    ]
    risks.sort(key=lambda risk: -risk.swing_mhz)
    least = SMALLEST_SHARE * risks[0].swing_mhz if risks else 0.0
    return Resonance(
        record_s=spectrum.record_s,
        from_hz=float(frequency_hz[0]),
        to_hz=float(frequency_hz[-1]),
        modes=[risk for risk in risks if risk.swing_mhz > least][:MOST_MODES],
        total=_total(met.whole, names),
        sites={site: _total(cause, names) for site, cause in met.alone.items()},
        rms_mhz=dict(zip(names, np.sqrt(met.whole.swing.sum(axis=0)).tolist(), strict=True)),
        growing=[_growth(mode) for mode in everything.unstable],
        frequency_hz=frequency_hz,
        gain=np.abs(gain).max(axis=1),
    )


@dataclass(frozen=True)
class _Met:
    """Loads met with a grid: responses [frequency, machine, load], and what the loads make, together and alone.

    Pieces are the cells between neighbouring frequencies, and then the lines.
    """

    spectrum: LoadSpectrum
    frequency_hz: Array
    gain: Complex
    names: Sequence[str]
    whole: _Cause
    alone: Mapping[str, _Cause]

    @property
    def cells(self) -> int:
        """Number of the pieces that are cells."""
        return self.frequency_hz.size - 1

    @property
    def piece_hz(self) -> Array:
        """Frequency of each piece."""
        return np.append(np.sqrt(self.frequency_hz[:-1] * self.frequency_hz[1:]), self.spectrum.line_hz)


def _risk(mode: Mode, own: NDArray[np.bool_], met: _Met) -> ModeRisk:
    """What the loads do in the pieces that are a mode's own."""
    mean_square, load_rms_mw = met.whole.within(own)
    worst = int(mean_square.argmax())
    cells = np.flatnonzero(own[: met.cells])
    nodes = np.unique([cells, cells + 1])
    shares = {}
    for k, (site, cause) in enumerate(met.alone.items()):
        has_line = np.abs(met.spectrum.line_mw[:, k]) > 0.0
        mine = np.append(own[: met.cells], own[met.cells :][has_line])
        gain = np.abs(met.gain[nodes, :, k])
        shares[site] = _share(met.spectrum.of(site), cause, mine, gain, met.frequency_hz[nodes], met.names)
    return ModeRisk(
        frequency_hz=mode.frequency_hz,
        damping_percent=mode.damping_percent,
        kind=str(mode.kind),
        time_constant_s=-1.0 / mode.eigenvalue.real,
        low_hz=float(met.frequency_hz[cells[0]]),
        high_hz=float(met.frequency_hz[cells[-1] + 1]),
        load_rms_mw=load_rms_mw,
        swing_mhz=float(np.sqrt(2.0 * mean_square[worst])),
        machine=met.names[worst],
        sites=shares,
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
