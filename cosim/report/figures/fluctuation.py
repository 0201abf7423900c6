"""Plots of how fast and how strongly the sites' power fluctuates."""

from __future__ import annotations

import numpy as np

from cosim.metrics import ramp
from cosim.metrics.band_filter import describe_first_order, first_order
from cosim.metrics.demand import Demand
from cosim.metrics.oscillation import BANDS_HZ
from cosim.metrics.parameters import numbers
from cosim.metrics.power_band import amplitude_spectrum
from cosim.metrics.power_change import measure
from cosim.report.drawing import (
    BLUE,
    GREEN,
    MAX_PANELS,
    ORANGE,
    PURPLE,
    RED,
    curve,
    panels,
    plane,
    points,
    shade,
)
from cosim.report.figures.base import Figure, Source, no_figure, why_no_sites
from cosim.report.marks import finish
from cosim.report.text import number, words

FLUCTUATION = ("figure-fluctuation", "Fluctuating power, 0.1 to 55 Hz")
SPECTRUM = ("figure-spectrum", "Spectrum of the demand")
WINDOWS = ("figure-windows", "Largest change against the length of the window")

FILTER_HZ = (0.1, 55.0)
EXCURSION_S = 5.0
SITE_COLOURS = (BLUE, ORANGE, GREEN, PURPLE)
MOST_SITES = len(SITE_COLOURS)
SPECTRUM_POINTS = 1500
CURVE_WINDOWS = 30


def fluctuation(source: Source) -> Figure:
    """Demand of each site behind the band filter, with the worst excursion of 5 s shaded."""
    known = _sites(source)
    usable = {name: d for name, d in known.items() if np.isfinite(d.power_mw).all() and d.rate_hz > 2 * FILTER_HZ[0]}
    if not usable:
        return no_figure(FLUCTUATION, _why_nothing(source))
    names = list(usable)[:MAX_PANELS]
    plot, sentences = panels(names, "power (MW)"), []
    for row, name in enumerate(names, start=1):
        demand = usable[name]
        filtered = first_order(demand.power_mw, demand.interval_s, *FILTER_HZ)
        time_s = np.arange(filtered.size, dtype=float) * demand.interval_s
        curve(plot, time_s, filtered, "0.1 to 55 Hz", BLUE, row=row, width=1)
        found = measure(demand, f"excursion_mw.{EXCURSION_S:g}s")
        if not isinstance(found, str):
            largest, at = found.largest
            end_s = at * demand.interval_s
            text = f"largest change in {EXCURSION_S:g} s: {number(largest, 'MW')} MW"
            shade(plot, max(end_s - EXCURSION_S, 0.0), end_s, text, RED, row=row)
            sentences.append(f"{name} {number(largest, 'MW')} MW")
    finish(plot, source.result)
    described = describe_first_order(*FILTER_HZ, usable[names[0]].interval_s)
    return Figure(
        *FLUCTUATION,
        alt=f"Band-passed demand over time; largest change within {EXCURSION_S:g} s: {', '.join(sentences) or 'none'}.",
        caption=f"Filter: {described}. Shaded: the {EXCURSION_S:g} s in which the unfiltered demand changes most.",
        plot=plot,
    )


def spectrum(source: Source) -> Figure:
    """Amplitude against frequency, with the bands of oscillation shaded and limits on bands drawn."""
    known = {name: d for name, d in _sites(source).items() if np.isfinite(d.power_mw).all()}
    spectra = {name: amplitude_spectrum(demand) for name, demand in list(known.items())[:MOST_SITES]}
    spectra = {name: (f, a) for name, (f, a) in spectra.items() if a.size and a.max() > 0}
    if not spectra:
        why = _why_nothing(source) if not known else "the demand is steady, or too short a record"
        return no_figure(SPECTRUM, why)
    plot = plane("frequency (Hz)", "amplitude (MW)", log_x=True, log_y=True)
    sentences, top, highest_hz = [], 0.0, 0.0
    for (name, (frequency_hz, amplitude_mw)), colour in zip(spectra.items(), SITE_COLOURS, strict=False):
        x, y = thinned_to_largest(frequency_hz, amplitude_mw)
        curve(plot, x, y, name, colour, width=1)
        at = int(amplitude_mw.argmax())
        sentences.append(f"{name} {number(amplitude_mw[at], 'MW')} MW at {frequency_hz[at]:.3g} Hz")
        top, highest_hz = max(top, float(amplitude_mw.max())), max(highest_hz, float(frequency_hz[-1]))
    for (band, (low_hz, high_hz)), colour in zip(BANDS_HZ.items(), SITE_COLOURS, strict=True):
        if low_hz < highest_hz:
            shade(plot, low_hz, min(high_hz, highest_hz), words(band), colour)
    for limit in source.limits:
        if ".band_mw." in limit.metric and limit.judged:
            low_hz, high_hz = numbers("<low>-<high>Hz", limit.metric.rpartition(".band_mw.")[2]) or (0.1, 55.0)
            ends = np.array([low_hz, high_hz])
            curve(plot, ends, np.full(2, limit.bound / 2), f"{limit.id}, as one sinusoid", RED, dash="longdash")
    lowest_hz = min(float(f[0]) for f, _ in spectra.values())
    plot.update_xaxes(range=[np.log10(lowest_hz), np.log10(highest_hz)])
    low = min(float(np.percentile(a, 5)) for _, a in spectra.values())
    plot.update_yaxes(range=[max(np.log10(top) - 4.5, np.log10(max(low, 1e-12)) - 0.5), np.log10(top) + 0.4])
    return Figure(
        *SPECTRUM,
        alt=f"Amplitude spectrum of the demand; largest lines: {'; '.join(sentences)}.",
        caption="Hann window, trend removed; a sinusoid of amplitude A shows A. Of near frequencies the largest "
        "is drawn. A limit on the peak to peak of a band is drawn as the amplitude of one sinusoid that reaches it.",
        plot=plot,
    )


def ramp_windows(source: Source) -> Figure:
    """Largest change against the window's length, with limits at theirs."""
    known = dict(list(_sites(source).items())[:MOST_SITES])
    curves = {name: _largest_changes(demand) for name, demand in known.items()}
    curves = {name: (x, y) for name, (x, y) in curves.items() if x.size}
    if not curves:
        return no_figure(WINDOWS, _why_nothing(source))
    plot = plane("window (s)", "largest change (MW)", log_x=True)
    sentences = []
    for (name, (window_s, change_mw)), colour in zip(curves.items(), SITE_COLOURS, strict=False):
        curve(plot, window_s, change_mw, name, colour, width=1.8)
        longest = number(window_s[-1], "s")
        sentences.append(f"{name} {number(change_mw[-1], 'MW')} MW within {longest} s")
    at_s, at_mw, texts = [], [], []
    for limit in source.limits:
        place = _limit_point(limit.metric, limit.bound)
        if place and limit.judged:
            at_s.append(place[0])
            at_mw.append(place[1])
            texts.append(f"{limit.id}: {place[1]:g} MW in {place[0]:g} s")
    if at_s:
        points(plot, np.array(at_s), np.array(at_mw), "limits", RED, symbol="triangle-down", texts=texts)
    return Figure(
        *WINDOWS,
        alt=f"Largest change of demand within a window against its length: {'; '.join(sentences)}.",
        caption="Largest less smallest demand within any window of that length. Triangles: limits at their windows.",
        plot=plot,
    )


def _sites(source: Source) -> dict[str, Demand]:
    known = ramp.demands(source.result)
    if len(source.result.sites) == 1:
        known.pop("total", None)
    return known


def _why_nothing(source: Source) -> str:
    if not source.result.sites:
        return why_no_sites(source.result)
    return "the sites' demand was not stored, or is not finite throughout"


def _largest_changes(demand: Demand) -> tuple[np.ndarray, np.ndarray]:
    duration_s = demand.power_mw.size * demand.interval_s
    shortest_s = max(2 * demand.interval_s, 0.01)
    if duration_s <= 2 * shortest_s:
        return np.empty(0), np.empty(0)
    x, y = [], []
    for window_s in np.geomspace(shortest_s, 0.98 * duration_s, CURVE_WINDOWS):
        found = measure(demand, f"excursion_mw.{window_s:.6f}s")
        if not isinstance(found, str):
            x.append(window_s)
            y.append(found.largest[0])
    return np.array(x), np.array(y)


def _limit_point(metric: str, bound: float) -> tuple[float, float] | None:
    """Window in s and change in MW of a limit on a ramp."""
    for leaf, window_s in (("max_mw_per_min", 60.0), ("max_up_mw_per_min", 60.0), ("max_down_mw_per_min", 60.0)):
        if metric.endswith(f".{leaf}"):
            return window_s, bound
    for group, per_s in (("windows", None), ("excursion_mw", None), ("mw_per_min", 60.0)):
        _, mark, parameter = metric.rpartition(f".{group}.")
        window = numbers("<seconds>s", parameter) if mark else None
        if window:
            return window[0], bound if per_s is None else bound * window[0] / per_s
    return None


def thinned_to_largest(frequency_hz: np.ndarray, amplitude_mw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep the largest amplitude of each of equal steps on the logarithmic axis."""
    if frequency_hz.size <= SPECTRUM_POINTS:
        return frequency_hz, amplitude_mw
    edges = np.geomspace(frequency_hz[0], frequency_hz[-1], SPECTRUM_POINTS)
    starts = np.unique(np.searchsorted(frequency_hz, edges))
    starts = starts[starts < frequency_hz.size]
    stops = np.append(starts[1:], frequency_hz.size)
    kept = np.array([a + int(amplitude_mw[a:b].argmax()) for a, b in zip(starts, stops, strict=True)])
    return frequency_hz[kept], amplitude_mw[kept]
