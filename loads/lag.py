"""A first-order lag of a trace, exact for power that is constant over each interval.

With T the lag, h the interval and m_k the mean of the input over interval k, the state at its end and the mean of the
output over it are

    s_(k+1) = m_k + (s_k - m_k) exp(-h / T),    y_k = m_k + (s_k - m_k) (1 - exp(-h / T)) T / h.

A trace that loops is taken in its periodic state, so that its energy over a period is kept exactly; one that holds its
last value starts as if it had long been at the mean of its first T, and settles after its end.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.signal import lfilter

from loads.interpolation import AtEnd, Waveform
from loads.segments import Floats
from loads.trace import Trace

SETTLED = 8.0
"""Lags after which a trace that holds its last value counts as settled: exp(-8) is 0.03 %."""


def lagged(trace: Trace, lag_s: float, at_end: AtEnd, interval_s: float | None = None) -> Trace:
    """Return a trace behind a first-order lag.

    Parameters
    ----------
    trace
        The input.
    lag_s
        Time constant T [s], above 0.
    at_end
        What the input does after its end: see `loads.interpolation.Waveform`. The output does the same.
    interval_s
        Longest interval of the output; None: the trace's own, but no more than a third of the lag.

    Returns
    -------
    Trace
        Shape ``"hold"``, with even intervals and without edges: what has passed a lag does not jump.
    """
    if not 0.0 < lag_s < math.inf:
        raise ValueError(f"lag_s must be above 0 s, got {lag_s}")
    longest_s = min(trace.sample_interval_s, lag_s / 3.0) if interval_s is None else interval_s
    length_s = trace.duration_s + (SETTLED * lag_s if at_end == "hold" else 0.0)
    count = max(1, math.ceil(length_s / longest_s * (1.0 - 1e-12)))
    step_s = length_s / count
    means = Waveform.from_trace(trace, at_end).interval_means(step_s, count)
    if at_end == "loop":
        start_w = _periodic_start(means, step_s, lag_s)
    else:
        start_w = float(means[: max(1, round(min(lag_s, trace.duration_s) / step_s))].mean())
    power = _output_means(means, step_s, lag_s, start_w)
    time_s = step_s * np.arange(count + 1, dtype=np.float64)
    return Trace(time_s, power, trace.provenance, "hold", np.empty(0, dtype=np.int64))


def _states(means: Floats, step_s: float, lag_s: float, start_w: float) -> Floats:
    """State at the start of each interval and at the end of the last, shape (n + 1,)."""
    kept = math.exp(-step_s / lag_s)
    ends, _ = lfilter([1.0 - kept], [1.0, -kept], means, zi=[kept * start_w])
    return np.concatenate([[start_w], ends])


def _output_means(means: Floats, step_s: float, lag_s: float, start_w: float) -> Floats:
    starts = _states(means, step_s, lag_s, start_w)[:-1]
    return means + (starts - means) * (-math.expm1(-step_s / lag_s) * lag_s / step_s)


def _periodic_start(means: Floats, step_s: float, lag_s: float) -> float:
    """The state that comes back after one period: s = end(0) + s exp(-period / T)."""
    end_w = _states(means, step_s, lag_s, 0.0)[-1]
    return float(end_w / -math.expm1(-step_s * means.size / lag_s))
