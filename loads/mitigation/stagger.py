"""Spreading the devices of a synchronised job over cohorts that run a little after one another.

With x the trace of the job, N cohorts and their delays d_j from 0 to the spread T, the total is

    y(t) = (1 / N) sum over j of x(t - d_j).

A sinusoid of frequency f keeps the share |sum of exp(-2 pi i f d_j)| / N of its amplitude. For even delays, d_j =
j T / N, that is |sin(pi f T) / (N sin(pi f T / N))|, which is |sinc(f T)| for many cohorts and 0 where T is a period.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from loads.interpolation import AtEnd, Waveform
from loads.segments import Floats, Segments, kernel, moments
from loads.trace import Trace
from loads.workloads.job import JobLifeCycle


@dataclass(frozen=True)
class Stagger:
    """How the devices of a job are spread.

    Parameters
    ----------
    cohorts
        Number N of groups of equal size, 1 or more.
    spread_s
        Time T within which they follow one another, 0 or more.
    delays
        ``"even"``: 0, T / N, 2 T / N and so on; ``"random"``: uniform in [0, T).
    seed
        Of random delays.

    Raises
    ------
    ValueError
        If a number is out of range or the delays are neither.
    """

    cohorts: int
    spread_s: float
    delays: Literal["even", "random"] = "even"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.cohorts < 1 or self.cohorts != int(self.cohorts):
            raise ValueError(f"cohorts must be a whole number from 1, got {self.cohorts}")
        if not 0.0 <= self.spread_s < math.inf:
            raise ValueError(f"spread_s must be 0 s or more, got {self.spread_s}")
        if self.delays not in ("even", "random"):
            raise ValueError(f"delays must be 'even' or 'random', got {self.delays!r}")

    @property
    def delays_s(self) -> Floats:
        """Delay of each cohort [s], shape (cohorts,), increasing."""
        if self.delays == "even":
            return self.spread_s * np.arange(self.cohorts) / self.cohorts
        return np.sort(np.random.default_rng(self.seed).uniform(0.0, self.spread_s, self.cohorts))


@dataclass(frozen=True)
class StaggerReport:
    """What staggering did: delays of the cohorts, and the standard deviation in time of the power.

    Both deviations are of means over the trace's sample interval.
    """

    delays_s: tuple[float, ...]
    sd_before_w: float
    sd_after_w: float


def staggered(trace: Trace, settings: Stagger, at_end: AtEnd = "loop") -> tuple[Trace, StaggerReport]:
    """Spread the devices that a trace is the total of.

    Parameters
    ----------
    trace
        Of a synchronised job, any shape and spacing.
    settings
        The cohorts.
    at_end
        What the trace does after its end: see `loads.interpolation.Waveform`. One that loops is delayed around its end
        and keeps its energy; one that holds its last value stands at its first until a cohort begins, and the result is
        longer by the spread, so that all cohorts finish.

    Returns
    -------
    Trace
        Shape ``"hold"``: means over even intervals, of about the trace's sample interval, exact for any delays. Its
        edges are those of the cohorts; of a trace that does not say what its edges are, all knots, and of a linear one,
        none.
    StaggerReport
    """
    waveform = Waveform.from_trace(trace, at_end)
    delays_s = settings.delays_s
    length_s = trace.duration_s + (settings.spread_s if at_end == "hold" else 0.0)
    count = max(1, math.ceil(length_s / trace.sample_interval_s * (1.0 - 1e-9)))
    interval_s = length_s / count
    total_w, power_w = np.empty(count), np.zeros(count)
    _delayed_means(waveform.segments, interval_s, np.zeros(1), total_w)
    _delayed_means(waveform.segments, interval_s, delays_s, power_w)
    how = "evenly" if settings.delays == "even" else f"at random (seed {settings.seed})"
    note = f"staggered: {settings.cohorts} cohorts spread {how} over {settings.spread_s:g} s"
    provenance = replace(
        trace.provenance, notes=(*trace.provenance.notes, note), sample_interval_s=interval_s, samples=count
    )
    edges = _edges(trace, delays_s, interval_s, count, at_end)
    time_s = interval_s * np.arange(count + 1.0)
    report = StaggerReport(tuple(delays_s.tolist()), float(total_w.std()), float(power_w.std()))
    return Trace(time_s, power_w, provenance, "hold", edges), report


def spread_checkpoints(job: JobLifeCycle, jobs: int) -> tuple[JobLifeCycle, ...]:
    """Return jobs like one, each at another place of its cycle, so that their checkpoints do not coincide.

    All devices of one job stop for its checkpoint together; what can be spread are the checkpoints of several jobs. The
    cycle is that of checkpoints or evaluations, whichever is longer, as `JobLifeCycle` says for its phase.

    Raises
    ------
    ValueError
        If there is not even one job, or the job has no checkpoints that follow its iterations: those at times start at
        random places anyhow.
    """
    if jobs < 1 or jobs != int(jobs):
        raise ValueError(f"jobs must be a whole number from 1, got {jobs}")
    if job.checkpoint is None or job.checkpoint.every_iterations is None:
        raise ValueError("a job needs a checkpoint with every_iterations to spread, got none")
    return tuple(replace(job, skip_start=True, phase=k / jobs) for k in range(jobs))


def _edges(trace: Trace, delays_s: Floats, interval_s: float, count: int, at_end: AtEnd) -> NDArray[np.int64] | None:
    """Knots nearest to the trace's edges behind each delay."""
    if trace.shape == "linear":
        return np.empty(0, dtype=np.int64)
    if trace.edge_knots is None:
        return None
    times_s = trace.time_s[trace.edge_knots] - trace.time_s[0]
    if at_end == "loop":
        times_s = np.append(times_s, 0.0)  # the wrap of a delayed trace lies inside
    knots = np.rint((times_s[:, None] + delays_s).ravel() / interval_s).astype(np.int64)
    if at_end == "loop":
        knots %= count
    knots = np.unique(knots)
    return knots[(knots > 0) & (knots < count)]


@kernel
def _delayed_means(s: Segments, interval_s: float, delays_s: Floats, means: Floats) -> None:
    """Mean over each interval of the average of the delayed waveforms."""
    period = s.knots_s[s.knots_s.size - 1]
    for k in range(means.size):
        energy = 0.0
        for delay in delays_s:
            a = k * interval_s - delay
            if s.loops:
                a -= np.floor(a / period) * period
                energy += moments(s, a, a + interval_s)[0]
            else:
                before = min(max(-a, 0.0), interval_s)
                a = max(a, 0.0)
                energy += before * s.start_w[0] + moments(s, a, a + interval_s - before)[0]
        means[k] = energy / (interval_s * delays_s.size)
