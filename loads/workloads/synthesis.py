"""From a model of one device to the power of a fleet of them.

Let w be the power of one device, e its expected power, and v the variance of the fluctuation w - e. The fluctuation of
device j is modelled as sqrt(rho) c + sqrt(1 - rho) z_j, where c is common to all and the z_j are independent, each with
variance v. So every device has variance v, each pair the correlation rho, and the sum of N devices

    P = N e + N sqrt(rho) c + sqrt(1 - rho) (z_1 + ... + z_N)

has variance N^2 rho v + N (1 - rho) v = N v (1 + (N - 1) rho): in proportion to N when in step, to sqrt(N) when
independent. The sum of N independent z_j has the mean, variance and spectrum of sqrt(N / G) (z_1 + ... + z_G), so
G = min(N, 16) draws stand for any number of devices; by the central limit theorem its distribution is close to normal
for both. What the whole job does at once, such as loading or a restart, is in e and is that of the first draw.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loads.segments import Floats
from loads.trace import Provenance, Trace
from loads.workloads.phases import NOISE_KEY, Phases, WorkloadModel, child, edge_knots, render, sample_count, stream

GROUPS = 16
"""Most independent draws that stand for the devices."""

GROUP_KEY = 1_000_001
"""Key of the seeds of the draws: far from the small ones that models and noise use."""


def synthesise(
    model: WorkloadModel,
    duration_s: float,
    sample_rate_hz: float,
    seed: np.random.SeedSequence | int,
    *,
    devices: int = 1,
    synchronisation: float = 1.0,
) -> Trace:
    """Draw the total power of devices that run the same model.

    Parameters
    ----------
    model
        Of one device, or of whatever the model stands for.
    duration_s
        Length; rounded to whole samples, at least one.
    sample_rate_hz
        Samples a second. Each is the mean over its interval: one in which the phase changes is a mixture.
    seed
        The same seed gives the same bytes, and a longer trace begins with the shorter one.
    devices
        Number N of devices.
    synchronisation
        Correlation rho between the fluctuations of two devices: 0 independent, 1 in step. No matter for one device.

    Returns
    -------
    Trace
        Of shape ``"hold"`` with even knots, N times the model's nominal power. Power below zero is set to 0.

    Raises
    ------
    ValueError
        If there is less than one sample or device, or the synchronisation is not a correlation.

    Notes
    -----
    The trace's edges are the phase changes of the first draw that the total still has: all of them in step, and those
    of the expected power alone for independent devices, whose own jumps are small beside the total.

    Independent draws are out of step only where the model starts each at a random phase: with `random_phase` for a
    cycle, with `skip_start` for a job. Draws that all start alike stay in step until their own jitter has spread them,
    and the total then has too little of their common part.
    """
    if devices < 1 or devices != int(devices):
        raise ValueError(f"devices must be a whole number from 1, got {devices}")
    if not 0.0 <= synchronisation <= 1.0:
        raise ValueError(f"synchronisation must be from 0 to 1, got {synchronisation}")
    count = sample_count(duration_s, sample_rate_hz)
    sequence = _sequence(seed)
    rho = 1.0 if devices == 1 else synchronisation

    first, parameters = model.draw(count / sample_rate_hz, sequence)
    time_s, power_w, edges = render(first, sample_rate_hz, count, stream(sequence, NOISE_KEY))
    if rho == 1.0:
        power_w *= devices
    else:
        expected_w = first.expected_means(sample_rate_hz, count)
        power_w -= expected_w
        power_w *= devices * math.sqrt(rho)
        power_w += devices * expected_w
        groups = min(devices, GROUPS)
        weight = math.sqrt((1.0 - rho) * devices / groups)
        for group in range(groups):
            power_w += weight * _fluctuation(model, count, sample_rate_hz, child(sequence, GROUP_KEY, group))
        np.maximum(power_w, 0.0, out=power_w)
        edges = _edges_of_total(first, rho, sample_rate_hz, count)
    drawn = parameters | {
        "devices": devices,
        "synchronisation": synchronisation,
        "nominal_w": devices * model.nominal_w,
    }
    notes = (f"nominal power is {devices * model.nominal_w:g} W",)
    return _trace(time_s, power_w, edges, model.source, drawn, sample_rate_hz, sequence, notes)


def _sequence(seed: np.random.SeedSequence | int) -> np.random.SeedSequence:
    return seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)


def _fluctuation(model: WorkloadModel, count: int, sample_rate_hz: float, sequence: np.random.SeedSequence) -> Floats:
    """Power of one independent draw less what is expected of it [W], shape (count,)."""
    phases, _ = model.draw(count / sample_rate_hz, sequence)
    _, power_w, _ = render(phases, sample_rate_hz, count, stream(sequence, NOISE_KEY))
    power_w -= phases.expected_means(sample_rate_hz, count)
    return power_w


def _edges_of_total(first: Phases, rho: float, sample_rate_hz: float, count: int) -> NDArray[np.int64]:
    """Knots of the jumps of N e + N sqrt(rho) (w - e)."""
    times_s, jump_w, expected_jump_w = first.jumps()
    total_jump_w = math.sqrt(rho) * jump_w + (1.0 - math.sqrt(rho)) * expected_jump_w
    return edge_knots(times_s[total_jump_w != 0.0], sample_rate_hz, count)


def _trace(
    time_s: Floats,
    power_w: Floats,
    edges: NDArray[np.int64],
    source: str,
    parameters: dict[str, Any],
    sample_rate_hz: float,
    sequence: np.random.SeedSequence,
    notes: tuple[str, ...],
) -> Trace:
    seeded = {
        "sample_rate_hz": sample_rate_hz,
        "seed_entropy": sequence.entropy,
        "seed_spawn_key": list(sequence.spawn_key),
    }
    provenance = Provenance(
        kind="synthetic",
        source=source,
        sample_interval_s=1.0 / sample_rate_hz,
        parameters=parameters | seeded,
        notes=(*notes, f"noise is white at the sample rate of {sample_rate_hz:g} Hz", "power is kept at 0 or above"),
    )
    return Trace(time_s, power_w, provenance, "hold", edges)
