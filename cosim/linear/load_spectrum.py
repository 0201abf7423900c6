"""What a varying load is made of: sinusoids that last through its record, and a spectrum of all else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

SAMPLES_PER_PERIOD = 8.0
"""Of the highest frequency. What aliases from beyond is then weakened to less than 2 % of its power by the means."""
EXPLAINED = 0.9
"""A sinusoid is a line if it explains this share of the energy within `BINS` of it."""
BINS = 3
MOST_LINES, MOST_TRIALS = 40, 120
SMALLEST_LINE = 0.01
"""Amplitude, in the load's rms, below which no lines are looked for."""
STEADY_SHARE = 1e-9
"""A power that moves by less than this share of itself is steady: what is left is rounding."""


@dataclass(frozen=True)
class LoadSpectrum:
    r"""Loads as sinusoids and noise: :math:`p_s(t) = \sum_l \mathrm{Re}\, a_{ls} e^{j 2\pi f_l t} + n_s(t)`.

    Attributes
    ----------
    names : tuple of str
        Of the loads s.
    record_s : float
        Length of the record: frequencies nearer than its inverse cannot be told apart.
    line_hz : ndarray, shape (lines,)
        f_l, rising.
    line_mw : ndarray of complex, shape (lines, loads)
        a_l: amplitude and phase; zero where a load has no line there.
    edge_hz : ndarray, shape (edges,)
        Frequencies, from half a bin on.
    energy_mw2 : ndarray of complex, shape (edges, loads, loads)
        Mean of conj(n_s) n_t of all frequencies up to each edge; of one load with itself, its mean square.
    """

    names: tuple[str, ...]
    record_s: float
    line_hz: Array
    line_mw: Complex
    edge_hz: Array
    energy_mw2: Complex

    def of(self, name: str) -> LoadSpectrum:
        """One load alone."""
        k = self.names.index(name)
        own = np.abs(self.line_mw[:, k]) > 0.0
        return LoadSpectrum(
            (name,),
            self.record_s,
            self.line_hz[own],
            self.line_mw[own, k : k + 1],
            self.edge_hz,
            self.energy_mw2[:, k : k + 1, k : k + 1],
        )

    def energy_between(self, frequency_hz: Array) -> Complex:
        """Energy of the noise in each cell between neighbouring frequencies, shape (frequencies - 1, loads, loads)."""
        flat = self.energy_mw2.reshape(self.edge_hz.size, -1)
        parts = [np.interp(frequency_hz, self.edge_hz, column) for column in flat.T]
        return np.diff(np.array(parts).T.reshape(-1, *self.energy_mw2.shape[1:]), axis=0)


def load_spectrum(records: Mapping[str, tuple[float, Array]], to_hz: float) -> LoadSpectrum:
    """Divide loads into lines and noise.

    The straight line through each record is taken out; a Hann window hides its ends. A peak of the spectrum is a line
    if a sinusoid through the whole record explains `EXPLAINED` of the energy about it; it is then taken out, and the
    next is looked for. What is left is noise, whose spectrum is that of the record.

    Parameters
    ----------
    records : mapping
        Interval in s and power in MW, shape (intervals,), of each load; it holds through an interval. All start
        together; the shortest ends them.
    to_hz : float
        Highest frequency wanted.
    """
    names = tuple(records)
    record_s = min((interval_s * power.size for interval_s, power in records.values()), default=0.0)
    count = int(record_s * SAMPLES_PER_PERIOD * to_hz)
    if count < 16:
        no_lines, no_noise = np.zeros((0, len(names)), complex), np.zeros((0, len(names), len(names)), complex)
        return LoadSpectrum(names, record_s, np.empty(0), no_lines, np.empty(0), no_noise)
    interval_s = record_s / count
    table = np.column_stack([_means(*record, interval_s, count) for record in records.values()])
    moving = np.ptp(table, axis=0) > STEADY_SHARE * np.abs(table).max(axis=0)
    table = np.where(moving, signal.detrend(table, axis=0), 0.0)
    frequency_hz = fft.rfftfreq(count, interval_s)
    last = int(np.searchsorted(frequency_hz, to_hz, side="right"))
    window = signal.windows.hann(count, sym=False)
    rms = np.sqrt(np.mean(table**2, axis=0))
    lines, rest = _without_lines(fft.rfft(table * window[:, None], axis=0)[:last], count, rms)
    spectrum = rest[1:] / np.sinc(frequency_hz[1:last] * interval_s)[:, None]
    energy = 2.0 / (count * np.sum(window**2)) * spectrum.conj()[:, :, None] * spectrum[:, None, :]
    edges = np.append(frequency_hz[1:last] - 0.5 / record_s, frequency_hz[last - 1] + 0.5 / record_s)
    cumulated = np.concatenate([np.zeros((1, *energy.shape[1:])), np.cumsum(energy, axis=0)])
    bins = np.array(sorted(lines))
    line_hz = bins / record_s
    line_mw: Complex = np.array([lines[x] for x in bins], dtype=complex).reshape(bins.size, len(names))
    line_mw = line_mw / np.sinc(line_hz * interval_s)[:, None]
    return LoadSpectrum(names, record_s, line_hz, line_mw, edges, cumulated)


def _means(interval_s: float, power_mw: Array, new_interval_s: float, count: int) -> Array:
    """Means over new intervals of a power that holds through its own."""
    knots = interval_s * np.arange(power_mw.size + 1)
    reached = np.concatenate([[0.0], np.cumsum(power_mw)]) * interval_s
    return np.diff(np.interp(new_interval_s * np.arange(count + 1), knots, reached)) / new_interval_s


def _without_lines(spectrum: Complex, count: int, rms: Array) -> tuple[dict[float, Complex], Complex]:
    """Lines of a spectrum behind a Hann window, and the spectrum without them.

    Parameters
    ----------
    spectrum
        Shape (bins, loads), from frequency 0 on.
    count
        Samples, which stand in the middle of their intervals.
    rms
        Of each load, shape (loads,).

    Returns
    -------
    lines, rest
        Frequency in bins -> amplitude of each load, shape (loads,).
    """
    bins = np.arange(len(spectrum), dtype=float)
    searched = np.ones(spectrum.shape, dtype=bool) & (rms > 0.0)
    searched[:2] = False  # a line has two periods or more
    searched[-1] = False
    lines: dict[float, Complex] = {}
    for _ in range(MOST_TRIALS):
        size = np.where(searched, np.abs(spectrum) / np.where(rms > 0.0, rms, 1.0), 0.0)
        peak, load = (int(k) for k in np.unravel_index(int(size.argmax()), size.shape))
        if len(lines) == MOST_LINES or 4.0 * size[peak, load] / count < SMALLEST_LINE:
            break
        at = peak + _offset(np.abs(spectrum[peak - 1 : peak + 2, load]))
        around = slice(max(peak - BINS, 0), peak + BINS + 1)
        near = _sinusoid(bins[around], at, count)
        amplitude = near.conj() @ spectrum[around] / np.sum(np.abs(near) ** 2)
        rest = spectrum[around] - _real_sinusoids(bins[around], at, count, amplitude)
        explained = _energy(rest) < (1.0 - EXPLAINED) * _energy(spectrum[around])
        searched[around, load] = False
        if explained[load]:
            lines[at] = np.where(explained, amplitude, 0.0)
            spectrum = spectrum - _real_sinusoids(bins, at, count, lines[at])
    return lines, spectrum


def _energy(part: Complex) -> Array:
    return np.sum(np.abs(part) ** 2, axis=0)


def _sinusoid(bins: Array, at: float, count: int) -> Complex:
    """Spectrum behind a Hann window of exp(j 2 pi f t) / 2, f in bins."""
    return 0.5 * np.exp(1j * np.pi * at / count) * _hann(bins - at, count)


def _real_sinusoids(bins: Array, at: float, count: int, amplitude: Complex) -> Complex:
    """Spectrum behind a Hann window of Re(a exp(j 2 pi f t)) for each amplitude a, shape (bins, loads)."""
    there, mirrored = _sinusoid(bins, at, count), _sinusoid(bins, -at, count)
    return there[:, None] * amplitude + mirrored[:, None] * amplitude.conj()


def _hann(x: Array, count: int) -> Complex:
    """Spectrum of a Hann window at distances x, in bins, from its middle."""
    return 0.5 * _rectangle(x, count) - 0.25 * (_rectangle(x - 1.0, count) + _rectangle(x + 1.0, count))


def _rectangle(x: Array, count: int) -> Complex:
    """Spectrum of a window of ones: the Dirichlet kernel, from sample 0."""
    return np.exp(-1j * np.pi * x * (count - 1) / count) * count * np.sinc(x) / np.sinc(x / count)


def _offset(three: Array) -> float:
    """Place of a sinusoid's frequency beside the highest bin, in bins, from three bins behind a Hann window.

    D. C. Rife and G. A. Vincent, "Use of the discrete Fourier transform in the measurement of frequencies and levels of
    tones", Bell Syst. Tech. J. 49 (1970).
    """
    left, middle, right = three
    side = max(left, right) / middle if middle > 0.0 else 0.0
    return float(np.sign(right - left) * (2.0 * side - 1.0) / (side + 1.0)) if side > 0.5 else 0.0
