"""Pictures of a trace: against time, in close-up, and as a spectrum."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from loads.interpolation import Waveform
from loads.segments import Floats
from loads.statistics import dominant_lines, spectrum
from loads.trace import Trace

MOST_POINTS = 4000
"""More samples than this are drawn as the band between the lowest and the highest of each bin."""

CLOSE_UP_PERIODS = 6
BLUE, ORANGE, GREY = "#1f5fa8", "#d1661a", "#8a8f98"
SPARKS = "▁▂▃▄▅▆▇█"

SUFFIXES = (".png", ".svg", ".pdf")


def draw_trace(trace: Trace, title: str) -> Figure:
    """Draw a trace in three panels: all of it, a few of its dominant periods, and its spectrum."""
    lines = dominant_lines(trace)
    unit, watts = power_scale(trace.max_w)
    figure = Figure(figsize=(9.0, 7.0), layout="constrained")
    whole, close, spectral = figure.subplots(3, 1)
    figure.suptitle(title, fontsize=11)
    whole.set_title(f"whole record, mean {trace.mean_w / watts:.4g} {unit}", fontsize=9, loc="left")
    _draw_time(whole, trace, 0.0, trace.duration_s, unit, watts)
    whole.axhline(trace.mean_w / watts, color=GREY, linewidth=0.8, linestyle="--")
    start_s, end_s = _close_up(trace, lines[0].period_s if lines else None)
    close.set_title(f"close-up, {end_s - start_s:.3g} s", fontsize=9, loc="left")
    _draw_time(close, trace, start_s, end_s, unit, watts)
    _draw_spectrum(spectral, trace, unit, watts)
    for line in lines:
        spectral.axvline(line.frequency_hz, color=ORANGE, linewidth=0.8, linestyle=":")
    named = ", ".join(f"{line.period_s:.4g} s ({line.share:.0%} of the fluctuation)" for line in lines)
    spectral.set_title(f"spectrum; periods: {named or 'none stands out'}", fontsize=9, loc="left")
    return figure


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as .png, .svg or .pdf by the path's suffix; the bytes do not carry the date."""
    figure.savefig(path, dpi=110, metadata={"Date": None} if str(path).endswith(".svg") else None)


def sparkline(trace: Trace, width: int = 40, length_s: float | None = None) -> str:
    """Return one line of block characters over the first `length_s`, with the power of the lowest and highest block."""
    interval_s = (length_s or trace.duration_s) / width
    means = Waveform.from_trace(trace, "loop").interval_means(interval_s, width)
    low_w, high_w = float(means.min()), float(means.max())
    unit, watts = power_scale(high_w)
    range_w = high_w - low_w if high_w - low_w > 1e-9 * abs(high_w) else np.inf  # rounding is no fluctuation
    steps = len(SPARKS) * (means - low_w) / range_w
    blocks = "".join(SPARKS[min(int(step), len(SPARKS) - 1)] for step in steps)
    return f"{blocks} {low_w / watts:.3g} to {high_w / watts:.3g} {unit}"


def power_scale(max_w: float) -> tuple[str, float]:
    """Return the unit in which a power of this size is read best, and its watts."""
    for unit, watts in (("MW", 1e6), ("kW", 1e3)):
        if max_w >= 2.0 * watts:
            return unit, watts
    return "W", 1.0


def _close_up(trace: Trace, period_s: float | None) -> tuple[float, float]:
    """A few dominant periods from the middle of the record."""
    length_s = min(trace.duration_s, CLOSE_UP_PERIODS * period_s if period_s else trace.duration_s / 20.0)
    length_s = max(length_s, min(trace.duration_s, 10.0 * trace.sample_interval_s))
    start_s = 0.5 * (trace.duration_s - length_s)
    return start_s, start_s + length_s


def _draw_time(axes: Axes, trace: Trace, start_s: float, end_s: float, unit: str, watts: float) -> None:
    time_s = trace.time_s - trace.time_s[0]
    first, last = np.searchsorted(time_s, [start_s, end_s])
    first = max(int(first) - 1, 0)
    hold = trace.shape == "hold"
    power = np.append(trace.power_w, trace.power_w[-1]) if hold else trace.power_w
    part, levels = time_s[first : last + 1], power[first : last + 1] / watts
    if part.size > MOST_POINTS:
        middles, low, high = _band(part, levels, MOST_POINTS // 4)
        axes.fill_between(middles, low, high, color=BLUE, linewidth=0.4, step="mid")
    else:
        axes.plot(part, levels, color=BLUE, linewidth=0.9, drawstyle="steps-post" if hold else "default")
    axes.set_xlim(start_s, end_s)
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("time (s)")
    axes.set_ylabel(f"power ({unit})")
    axes.grid(alpha=0.25)


def _band(time_s: Floats, levels: Floats, bins: int) -> tuple[Floats, Floats, Floats]:
    starts = np.linspace(0, time_s.size, bins, endpoint=False).astype(int)
    return time_s[starts], np.minimum.reduceat(levels, starts), np.maximum.reduceat(levels, starts)


def _draw_spectrum(axes: Axes, trace: Trace, unit: str, watts: float) -> None:
    found = spectrum(trace)
    amplitude = np.sqrt(found.density_w2_per_hz) / watts
    shown = amplitude > 0.0
    if shown.any():
        frequency, amplitude = found.frequency_hz[shown], amplitude[shown]
        if frequency.size > MOST_POINTS:  # the highest of each bin, evenly wide on the logarithmic axis
            edges = np.geomspace(frequency[0], frequency[-1], MOST_POINTS)
            starts = np.unique(np.searchsorted(frequency, edges[:-1]))
            frequency, amplitude = frequency[starts], np.maximum.reduceat(amplitude, starts)
        axes.loglog(frequency, amplitude, color=BLUE, linewidth=0.8)
        axes.margins(x=0.0)
    axes.set_xlabel("frequency (Hz)")
    axes.set_ylabel(f"density ({unit}/√Hz)")
    axes.grid(alpha=0.25)
