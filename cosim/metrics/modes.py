"""Damped sinusoids in a record, by the matrix pencil with a least-squares refinement.

Y. Hua and T. K. Sarkar, "Matrix pencil method for estimating parameters of exponentially damped/undamped sinusoids in
noise", IEEE Trans. Acoustics, Speech and Signal Processing 38 (1990); the number of exponentials by the singular-value
threshold of M. Gavish and D. L. Donoho, IEEE Trans. Information Theory 60 (2014); the refinement by variable
projection, G. H. Golub and V. Pereyra, SIAM J. Numerical Analysis 10 (1973), with the derivatives of L. Kaufman, BIT 15
(1975).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize, signal
from threadpoolctl import threadpool_limits

Array = NDArray[np.float64]

MAX_SAMPLES = 700
"""A longer record is decimated to at most this many, as far as its band allows."""
SAMPLES_PER_PERIOD = 4.0
"""Of the highest frequency wanted, after decimation."""
NOISE_THRESHOLD = 2.858
"""Singular values above this many medians belong to the signal (square matrix, unknown noise; Gavish and Donoho)."""
ROUNDING = 1e-9
MOST_POLES = 24
DAMPING_RANGE_PERCENT = (-20.0, 60.0)
SMALLEST_SHARE = 1e-5
"""A mode holds at least this share of the fluctuation's energy."""
LEAST_PERIODS = 1.0
"""A mode shows at least this many periods in the record."""


@dataclass(frozen=True)
class Mode:
    """A damped sinusoid A exp(-sigma t) cos(2 pi f t + phase) in one or several channels.

    Parameters
    ----------
    frequency_hz
        f.
    damping_percent
        100 sigma / sqrt(sigma^2 + (2 pi f)^2); negative for a growing oscillation.
    amplitude
        Largest size of each channel's oscillation in the record [channel], in the unit of the values: at the start, or
        at the end if it grows.
    phase_rad
        Of each channel [channel].
    """

    frequency_hz: float
    damping_percent: float
    amplitude: tuple[float, ...]
    phase_rad: tuple[float, ...]


def find_modes(values: Array, rate_hz: float, low_hz: float, high_hz: float) -> list[Mode]:
    """Find the oscillations of a record.

    Parameters
    ----------
    values
        [time] or [time, channel], evenly sampled and finite; all channels share their modes. Offsets, slow trends and
        decays without oscillation are no modes.
    rate_hz
        Samples per second.
    low_hz, high_hz
        Frequencies to report, at most a quarter of `rate_hz`.

    Returns
    -------
    list of Mode
        The most energetic first; empty for a record without oscillation or of fewer than 16 samples.
    """
    table = values.reshape(values.shape[0], -1)
    if table.shape[0] < 16:
        return []
    # Thousands of small factorisations: threads would wait for each other, and the sums depend on how many there are.
    with threadpool_limits(1, user_api="blas"):
        return _modes_of(table, rate_hz, low_hz, high_hz)


def _modes_of(table: Array, rate_hz: float, low_hz: float, high_hz: float) -> list[Mode]:
    table, rate_hz = _decimated(table, rate_hz, high_hz)
    scale = np.abs(table - table.mean(axis=0)).max(axis=0)
    moving = scale > ROUNDING * np.maximum(np.abs(table).max(axis=0), np.finfo(float).tiny)
    if not moving.any():
        return []
    scaled = np.where(moving, table - table.mean(axis=0), 0.0) / np.where(moving, scale, 1.0)
    time_s = np.arange(table.shape[0]) / rate_hz
    poles = _pencil(scaled) * rate_hz
    duration_s = time_s[-1]
    oscillating = poles[poles.imag > 2 * np.pi * 0.5 * LEAST_PERIODS / duration_s]
    decaying = poles[(np.abs(poles.imag) <= 2 * np.pi * 0.5 * LEAST_PERIODS / duration_s) & (poles.real < 0)].real
    oscillating, decaying = _refined(scaled, time_s, oscillating, decaying)
    columns = _basis(time_s, oscillating, decaying)
    weights = linalg.lstsq(columns, scaled)[0]
    found = []
    for k, pole in enumerate(oscillating):
        parts = weights[2 * k : 2 * k + 2]
        share = float(np.sum((columns[:, 2 * k : 2 * k + 2] @ parts) ** 2) / np.sum(scaled**2))
        amplitude = np.hypot(*parts) * scale
        mode = Mode(
            float(pole.imag / (2 * np.pi)),
            float(-100 * pole.real / abs(pole)),
            tuple(amplitude.tolist()),
            tuple(np.arctan2(-parts[1], parts[0]).tolist()),
        )
        in_band = max(low_hz, LEAST_PERIODS / duration_s) <= mode.frequency_hz <= high_hz
        low, high = DAMPING_RANGE_PERCENT
        if in_band and low <= mode.damping_percent <= high and share >= SMALLEST_SHARE:
            found.append((share, mode))
    return [mode for _, mode in sorted(found, key=lambda item: -item[0])]


def _decimated(table: Array, rate_hz: float, high_hz: float) -> tuple[Array, float]:
    """Take every few samples, behind a zero-phase low-pass, where there are more than needed.

    The filter takes what lies outside the record for zero: without its line, an offset far above the oscillation (a
    machine's own frequency) is no jump there.
    """
    factor = min(int(rate_hz / (SAMPLES_PER_PERIOD * high_hz)), -(-table.shape[0] // MAX_SAMPLES))
    if factor < 2:
        return table, rate_hz
    around_line = signal.detrend(table, axis=0)
    line = table - around_line
    return signal.decimate(around_line, factor, ftype="fir", axis=0, zero_phase=True) + line[::factor], rate_hz / factor


def _pencil(scaled: Array) -> NDArray[np.complex128]:
    """Poles per sample, as logarithms, of columns that share them."""
    length = scaled.shape[0] // 2
    rows = scaled.shape[0] - length
    hankel = np.concatenate([linalg.hankel(column[:rows], column[rows - 1 :]) for column in scaled.T])
    # The triangle has the singular values and right vectors of all channels' matrices.
    triangle = linalg.qr(hankel, mode="r", overwrite_a=True, check_finite=False)[0][: length + 1]
    _, singular, right = linalg.svd(triangle, full_matrices=False, overwrite_a=True, check_finite=False)
    threshold = max(NOISE_THRESHOLD * float(np.median(singular)), 1e-7 * singular[0])
    order = int(np.clip((singular > threshold).sum(), 2, MOST_POLES))
    rows = right[:order].T
    shift = linalg.lstsq(rows[:-1], rows[1:])[0]
    z = linalg.eigvals(shift)
    return np.log(z[np.abs(z) > ROUNDING].astype(complex))


def _basis(time_s: Array, oscillating: NDArray[np.complex128], decaying: Array) -> Array:
    """Columns of the least-squares fit: a cosine and a sine for each mode, decays, an offset and a slope."""
    columns = []
    for pole in oscillating:
        # Growing ones from their end, so that no column overflows.
        envelope = np.exp(pole.real * (time_s - (time_s[-1] if pole.real > 0 else 0.0)))
        columns += [envelope * np.cos(pole.imag * time_s), envelope * np.sin(pole.imag * time_s)]
    columns += [np.exp(rate * time_s) for rate in decaying]
    return np.column_stack([*columns, np.ones_like(time_s), time_s / time_s[-1]])


def _refined(
    scaled: Array, time_s: Array, oscillating: NDArray[np.complex128], decaying: Array
) -> tuple[NDArray[np.complex128], Array]:
    """Move the poles to where the residual of the fit is least."""
    if not oscillating.size:
        return oscillating, decaying
    modes = oscillating.size

    def split(x: Array) -> tuple[NDArray[np.complex128], Array]:
        return x[:modes] + 1j * x[modes : 2 * modes], x[2 * modes :]

    def residual(x: Array) -> Array:
        q, _ = linalg.qr(_basis(time_s, *split(x)), mode="economic")
        return (scaled - q @ (q.T @ scaled)).ravel()

    def jacobian(x: Array) -> Array:
        columns = _basis(time_s, *split(x))
        q, r = linalg.qr(columns, mode="economic")
        weights = linalg.lstsq(r, q.T @ scaled)[0]
        moved = _moved(time_s, x[:modes], columns, weights)
        flat = moved.reshape(time_s.size, -1)
        return (q @ (q.T @ flat) - flat).reshape(-1, x.size)

    start = np.concatenate([oscillating.real, oscillating.imag, decaying])
    spread = np.concatenate([np.tile(0.2 * np.abs(oscillating), 2), 0.5 * np.abs(decaying)]) + 1e-9
    bounds = (start - spread, start + spread)
    fit = optimize.least_squares(residual, start, jacobian, bounds, x_scale=spread, max_nfev=40)
    return split(fit.x)


def _moved(time_s: Array, growth: Array, columns: Array, weights: Array) -> Array:
    """How the fit moves with each pole at constant weights [time, channel, parameter]; parameters as in `_refined`."""
    modes = growth.size
    cosines, sines = columns[:, 0 : 2 * modes : 2], columns[:, 1 : 2 * modes : 2]
    of_cosine, of_sine = weights[0 : 2 * modes : 2].T, weights[1 : 2 * modes : 2].T
    since_s = time_s[:, None] - np.where(growth > 0, time_s[-1], 0.0)
    by_growth = (since_s * cosines)[:, None, :] * of_cosine + (since_s * sines)[:, None, :] * of_sine
    at_s = time_s[:, None]
    by_frequency = (at_s * cosines)[:, None, :] * of_sine - (at_s * sines)[:, None, :] * of_cosine
    by_decay = (at_s * columns[:, 2 * modes : -2])[:, None, :] * weights[2 * modes : -2].T
    return np.concatenate([by_growth, by_frequency, by_decay], axis=2)
