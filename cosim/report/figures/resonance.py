"""Plot of what the load does at each frequency above what the grid makes of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from cosim.metrics import ramp
from cosim.metrics.power_band import amplitude_spectrum
from cosim.report.drawing import BLUE, GREEN, GREY, ORANGE, PURPLE, axes, curve
from cosim.report.figures.base import Figure, Source, no_figure
from cosim.report.figures.fluctuation import thinned_to_largest
from cosim.report.tables.resonance import why_none
from cosim.report.text import number
from cosim.result import RESONANCE_CURVES

RESONANCE = ("figure-resonance", "The load's spectrum and the grid's response")

HEIGHT_PX = 600
HEADROOM_DECADES = 1.0
"""Above the load's spectrum, for the labels of the modes."""
SITE_COLOURS = (BLUE, ORANGE, GREEN, PURPLE)
LOWEST_HZ = 0.05
MARKED_MODES = 8
LABEL_DECADES = 0.05
"""Part of a decade that half a label takes: nearer ones are left out."""


def resonance_chart(source: Source) -> Figure:
    """Amplitude spectrum of each site, below it the largest response of any machine, with the modes as lines."""
    stored = source.result.attributes.get(RESONANCE_CURVES)
    why = why_none(source.summary)
    if why or stored is None:
        return no_figure(RESONANCE, why or "the curves were not stored")
    curves, entry = json.loads(stored), source.summary["resonance"]
    frequency_hz = np.array(curves["frequency_hz"])
    names = list(curves["mhz_per_mw"])[: len(SITE_COLOURS)]
    plot = axes(2, ["load, amplitude (MW)", "response (mHz/MW)"], HEIGHT_PX)
    demands = ramp.demands(source.result)
    low_hz, high_hz = max(LOWEST_HZ, float(frequency_hz[0])), float(frequency_hz[-1])
    load_top, load_low = 0.0, math.inf
    for name, colour in zip(names, SITE_COLOURS, strict=False):
        load_hz, amplitude_mw = amplitude_spectrum(demands[name])
        inside = (load_hz >= low_hz) & (load_hz <= high_hz) & (amplitude_mw > 0.0)
        if inside.any():
            curve(plot, *thinned_to_largest(load_hz[inside], amplitude_mw[inside]), name, colour, width=1)
            load_top = max(load_top, float(amplitude_mw[inside].max()))
            load_low = min(load_low, float(np.percentile(amplitude_mw[inside], 5)))
        shown = frequency_hz >= 0.9 * low_hz
        gain = np.array(curves["mhz_per_mw"][name])
        curve(plot, frequency_hz[shown], gain[shown], name, colour, row=2)
    plot.update_xaxes(type="log", range=[math.log10(low_hz), math.log10(high_hz)], exponentformat="none")
    plot.update_yaxes(type="log", title_standoff=10)
    if load_top > 0.0:
        bottom = max(math.log10(load_low) - 0.3, math.log10(load_top) - 4.0)
        plot.update_layout(yaxis={"range": [bottom, math.log10(load_top) + HEADROOM_DECADES]})
    plot.update_layout(meta={"time": False}, xaxis2={"title": {"text": "frequency (Hz)"}})
    _mark(plot, [mode for mode in entry["modes"][:MARKED_MODES] if low_hz < mode["frequency_hz"] < high_hz])
    first = entry["modes"][0]["text"] if entry["modes"] else "no mode with little damping lies in the load's spectrum"
    return Figure(
        *RESONANCE,
        alt=f"Amplitude of the demand against frequency, and the response of the machine that answers most; {first}.",
        caption="Above: amplitude spectrum of the demand (Hann window, trend removed). Below: largest response of any "
        "machine's speed to power at each site's bus, from the linear equations at t = 0. Dashed: the modes with the "
        "largest expected swings.",
        plot=plot,
    )


def _mark(plot: go.Figure, modes: Sequence[Mapping[str, Any]]) -> None:
    """Draw a line at each mode, and write its frequency and damping where there is room; larger swings first."""
    labelled: list[float] = []
    for mode in modes:
        at_hz = mode["frequency_hz"]
        line = {"color": GREY, "width": 1, "dash": "dash"}
        plot.add_shape(type="line", x0=at_hz, x1=at_hz, y0=0, y1=1, yref="paper", line=line, layer="below")
        place = math.log10(at_hz)
        if all(abs(place - other) > 2 * LABEL_DECADES for other in labelled):
            labelled.append(place)
            text = f"{at_hz:.2f} Hz<br>{number(mode['damping_percent'], '%', 1)} %"
            font, beside = {"size": 11, "color": GREY}, {"xanchor": "left", "xshift": 2, "align": "left"}
            plot.add_annotation(
                x=place, y=1, yref="paper", yanchor="top", text=text, showarrow=False, font=font, **beside
            )
