"""Plots of transfer functions: magnitude and phase over frequency, and a map of buses and modes."""

from __future__ import annotations

import math

import numpy as np
import plotly.graph_objects as go

from cosim.report.drawing import BLUE, GREEN, GREY, ORANGE, PINK, PURPLE, axes, curve, plane, safe
from cosim.report.figures.base import Figure, no_figure
from cosim.report.text import general
from cosim.transfer_study import TransferStudy

COLOURS = (BLUE, ORANGE, GREEN, PURPLE, PINK, GREY)
BODE_PX, TOP_PX, TITLE_PX = 620, 84, 10
MOST_TURNED = 720.0
"""A phase that turns through more degrees has a line at each half turn only."""
MOST_BUSES = 25
ROW_PX, HEAT_MARGIN_PX = 22, 150
LABEL_DECADES = 0.045
MOST_TEXTS = 400
"""Cells of a map have their number printed up to so many."""


def bode(study: TransferStudy) -> Figure:
    """Magnitude and phase from each bus that is drawn to the machine or bus that it moves most."""
    question, (scale, unit) = study.question, study.shown
    plot = axes(2, [f"magnitude ({unit})", "phase (°)"], BODE_PX)
    for drawn, colour in zip(study.curves, COLOURS, strict=False):
        name = f"bus {drawn.bus}" + (f" to {study.kind} {drawn.element}" if study.kind else "")
        curve(plot, study.frequency_hz, scale * np.abs(drawn.gain), name, colour)
        curve(plot, study.frequency_hz, _phase_degrees(drawn.gain), name, colour, row=2)
    turned = max((float(np.ptp(_phase_degrees(drawn.gain))) for drawn in study.curves), default=0.0)
    low, high = math.log10(question.from_hz), math.log10(question.to_hz)
    plot.update_xaxes(type="log", range=[low, high], exponentformat="none")
    plot.update_layout(
        meta={"time": False},
        margin={"t": TOP_PX},
        yaxis={"type": "log", "title": {"standoff": TITLE_PX}},
        yaxis2={"dtick": 180.0 if turned > MOST_TURNED else 90.0, "title": {"standoff": TITLE_PX}},
        xaxis2={"title": {"text": "frequency (Hz)"}},
    )
    labelled: list[float] = []
    for number in np.argsort(-study.at_modes.max(axis=1, initial=0.0), kind="stable"):
        mode = study.modes[number]
        at_hz, place = mode.frequency_hz, math.log10(mode.frequency_hz)
        line = {"color": GREY, "width": 1, "dash": "dash"}
        plot.add_shape(type="line", x0=at_hz, x1=at_hz, y0=0, y1=1, yref="paper", line=line, layer="below")
        if all(abs(place - other) > LABEL_DECADES * (high - low) for other in labelled):
            labelled.append(place)
            text, font = f"{at_hz:.2f} Hz<br>{mode.damping_percent:.1f} %", {"size": 11, "color": GREY}
            plot.add_annotation(x=place, y=1, yref="paper", yanchor="bottom", text=text, showarrow=False, font=font)
    peaks = "; ".join(
        f"bus {bus}: {general(scale * study.at(bus).gain, 3)} {unit} at {study.at(bus).frequency_hz:.3f} Hz"
        for bus in dict.fromkeys(drawn.bus for drawn in study.curves)
    )
    return Figure(
        "figure-bode",
        f"From active power to {study.moved}",
        alt=f"Magnitude and phase of the response over frequency; largest: {peaks}.",
        caption="Power that rises lowers frequency and voltage: very slow changes have a phase of ±180°. Dashed: modes "
        "with little damping.",
        plot=plot,
    )


def heat(study: TransferStudy) -> Figure:
    """Largest response at each mode's frequency to power at the buses that are worst."""
    about = ("figure-heat", "Which bus reaches which mode")
    if not study.modes:
        return no_figure(about, "no mode with little damping lies in the band")
    buses = study.modal.linear.elements["bus"]
    worst = np.argsort(-study.at_modes.max(axis=0), kind="stable")[:MOST_BUSES]
    scale, unit = study.shown
    cells = scale * study.at_modes[:, worst].T  # [bus, mode]
    plot = plane("mode: frequency, damping, kind", "bus")
    plot.add_trace(
        go.Heatmap(
            x=[f"{m.frequency_hz:.3f} Hz<br>{m.damping_percent:.1f} %<br>{safe(m.kind)}" for m in study.modes],
            y=[safe(buses[k]) for k in worst],
            z=[[float(f"{value:.4g}") for value in row] for row in cells],
            colorscale="Cividis",
            zmin=0.0,
            xgap=1,
            ygap=1,
            colorbar={"title": {"text": unit}, "thickness": 14, "outlinewidth": 0, "exponentformat": "none"},
            texttemplate="%{z:.2~g}" if cells.size <= MOST_TEXTS else None,
            textfont={"size": 10},
            hovertemplate=f"bus %{{y}} at %{{x}}: %{{z:.4~g}} {unit}<extra></extra>",
        )
    )
    plot.update_xaxes(type="category", tickfont={"size": 10}, tickangle=0, ticks="")
    plot.update_yaxes(type="category", autorange="reversed", ticks="", tickmode="linear", dtick=1)
    plot.update_layout(height=ROW_PX * len(worst) + HEAT_MARGIN_PX, margin={"t": 24, "b": 84})
    k, j = np.unravel_index(int(cells.argmax()), cells.shape)
    rest = "" if len(worst) == len(buses) else f" The {len(worst)} of {len(buses)} buses with the largest values."
    return Figure(
        *about,
        alt=f"Response at each mode's frequency to power at each bus; the largest {general(cells[k, j], 3)} "
        f"{unit} at bus {buses[worst[k]]} and {study.modes[j].frequency_hz:.3f} Hz.",
        caption=f"Largest response of {study.moved}, whichever moves most, at the frequency of each mode.{rest}",
        plot=plot,
    )


def _phase_degrees(gain: np.ndarray) -> np.ndarray:
    """Phase without jumps, from within a turn of zero on."""
    phase = np.degrees(np.unwrap(np.angle(gain)))
    return phase - 360.0 * np.round(phase[0] / 360.0)
