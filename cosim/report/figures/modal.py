"""Plots of modes: eigenvalues, how machines swing, what takes part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from cosim.engines.state_origins import PARTS
from cosim.linear.modes import GROUP_SHARE, Kind, Mode
from cosim.modal_study import ModalStudy
from cosim.report.drawing import BAND, BLUE, GREEN, GREY, ORANGE, PINK, PURPLE, RED, plane, points, safe
from cosim.report.figures.base import Figure, no_figure
from cosim.report.text import general, minus

KIND_COLOURS = {
    Kind.INTER_AREA: BLUE,
    Kind.LOCAL: ORANGE,
    Kind.COMMON: GREEN,
    Kind.CONTROL: GREY,
    Kind.REAL: PURPLE,
    Kind.ROTATIONAL: PINK,
}
PART_COLOURS = dict(zip(PARTS, (BLUE, GREEN, ORANGE, PURPLE, PINK, RED, GREY), strict=True))
DAMPING_LINES_PERCENT = (3, 5, 10, 20)
MAP_DAMPING_PERCENT = 30.0
"""The map of a band is as wide as this damping at its upper end; what lies beyond is on the map of all."""
SMALLEST_PER_S = 0.01
"""Real parts below this are drawn on a linear scale, above on a logarithmic one."""
LABEL_HEIGHT = 0.12
"""Of a name, in lengths of the longest arrow."""
LABELS = 3
"""Arrows of each group that carry their names."""
ANGLES = (0, 45, 90, 135, 180, 225, 270, 315)
MOST_BARS, LEAST_BAR_PERCENT = 8, 0.5
LEAST_ROWS = 4
"""So much room a chart has, so that few bars are not broad."""
MAP_PX, COMPASS_PX = 520, 380

Array = NDArray[np.float64]


def describe(mode: Mode) -> str:
    """Frequency, damping and kind in a few words."""
    if mode.eigenvalue.imag == 0.0:
        return f"{minus(f'{mode.eigenvalue.real:.4g}')} 1/s, {mode.kind}"
    return f"{mode.frequency_hz:.3f} Hz, {minus(f'{mode.damping_percent:.2f}')} %, {mode.kind}"


def band_map(modes: Sequence[Mode], texts: Sequence[str], band_hz: tuple[float, float]) -> Figure:
    """Eigenvalues of a band with lines of constant damping.

    Parameters
    ----------
    modes
        Oscillations of the band.
    texts
        Of each mode, shown when it is pointed at.
    band_hz
    """
    about = ("figure-map", "Eigenvalues of the band")
    if not modes:
        return no_figure(about, "no oscillation lies in the band")
    real = np.array([mode.eigenvalue.real for mode in modes])
    top_hz = min(1.1 * max(mode.frequency_hz for mode in modes), band_hz[1])
    left = _real_at(MAP_DAMPING_PERCENT, top_hz)
    right = max(0.04 * abs(left), 1.15 * float(real.max()))
    plot = plane("real part (1/s)", "frequency (Hz)")
    plot.update_layout(height=MAP_PX, legend={"y": 1.0})
    for percent in DAMPING_LINES_PERCENT:
        line = {"color": GREY, "width": 1, "dash": "dot"}
        plot.add_shape(type="line", x0=0, y0=0, x1=_real_at(percent, top_hz), y1=top_hz, line=line, layer="below")
        font = {"size": 11, "color": GREY}
        label = {"text": f"{percent} %", "showarrow": False, "yanchor": "bottom", "font": font}
        plot.add_annotation(x=_real_at(percent, top_hz), y=top_hz, **label)
    plot.add_shape(
        type="line", x0=0, x1=0, y0=0, y1=1, yref="y domain", line={"color": RED, "width": 1.2}, layer="below"
    )
    _add_by_kind(plot, modes, texts, real)
    plot.update_xaxes(range=[left, right])
    plot.update_yaxes(range=[0.0, 1.08 * top_hz], nticks=10)
    beyond = int((real < left).sum())
    caption = "Dotted: constant damping. Right of the red line oscillations grow."
    if beyond:
        caption += f" {beyond} better damped ones lie further left: see the map of all."
    alt = f"{about[1]}: {len(modes)} oscillations, the least damped at {describe(modes[0])}."
    return Figure(*about, alt=alt, caption=caption, plot=plot)


def full_map(modes: Sequence[Mode], texts: Sequence[str]) -> Figure:
    """All eigenvalues, their real parts on a scale that is logarithmic to both sides of zero."""
    about = ("figure-all", "All eigenvalues")
    real = np.array([mode.eigenvalue.real for mode in modes])
    plot = plane("real part (1/s), logarithmic beyond ±0.01", "frequency (Hz)")
    plot.update_layout(height=MAP_PX - 100, legend={"y": 1.0})
    at_zero = {"x0": 0, "x1": 0, "y0": 0, "y1": 1, "yref": "y domain"}
    plot.add_shape(type="line", line={"color": RED, "width": 1.2}, layer="below", **at_zero)
    _add_by_kind(plot, modes, texts, _two_sided(real))
    largest = int(np.ceil(np.log10(max(float(np.abs(real).max()), 1.0))))
    sizes = [10.0**k for k in range(-2, largest + 1)]
    ticks = (
        [-size for size in reversed(sizes)] + [0.0] + [size for size in sizes if size <= 10 * max(real.max(), 0.001)]
    )
    plot.update_xaxes(
        tickmode="array", tickvals=_two_sided(np.array(ticks)), ticktext=[minus(f"{tick:g}") for tick in ticks]
    )
    span = f"real parts from {general(real.min(), 4)} to {general(real.max(), 4)} 1/s"
    alt = f"{about[1]}: {len(modes)} different ones, {span}."
    return Figure(*about, alt=alt, caption="Of each conjugate pair the one above the real axis.", plot=plot)


def compass(study: ModalStudy, mode: Mode, number: int) -> Figure:
    """Speeds of the machines in one mode, as arrows."""
    about = (f"figure-shape-{number}", "Speeds of the machines")
    together, against = mode.groups()
    neither = np.flatnonzero(np.abs(mode.shape) < GROUP_SHARE)
    plot = go.Figure(layout=_polar_layout())
    named: list[tuple[str, float]] = []
    for group, name, colour in (
        (neither, f"below {100 * GROUP_SHARE:g} %", GREY),
        (against, "against it", ORANGE),
        (together, "with the largest", BLUE),
    ):
        for order, k in enumerate(group):
            machine, speed = study.machines[k], complex(mode.shape[k])
            degrees = float(np.degrees(np.angle(speed)))
            place = _beside(degrees, len(named)), float(abs(speed) * np.cos(np.radians(degrees)))
            has_name = group is not neither and order < LABELS and not _covered(place, named)
            if has_name:
                named.append(place)
            plot.add_trace(
                go.Scatterpolar(
                    r=[0.0, abs(speed)],
                    theta=[0.0, degrees],
                    mode="lines+markers+text" if has_name else "lines+markers",
                    line={"color": colour, "width": 2.2 if colour != GREY else 1.2},
                    marker={"size": [0, 7], "color": colour, "line": {"width": 0}},
                    text=["", safe(machine.idx)] if has_name else None,
                    textposition=place[0],
                    textfont={"size": 11, "color": GREY},
                    name=name,
                    legendgroup=name,
                    showlegend=order == 0,
                    cliponaxis=False,
                    hovertext=safe(f"{machine}: {abs(speed):.3f} at {minus(f'{degrees:.0f}')}°"),
                    hovertemplate="%{hovertext}<extra></extra>",
                )
            )
    names = study.modes.generators
    alt = f"{about[1]} at {describe(mode)}: {', '.join(names[k] for k in together)} swing together"
    alt += f", {', '.join(names[k] for k in against)} against them." if against.size else "."
    return Figure(*about, alt=alt, plot=plot)


def participation(study: ModalStudy, mode: Mode, number: int) -> Figure:
    """Participation of the machines that take part most, by what of them it is."""
    about = (f"figure-participation-{number}", "Participation of each machine and its controls")
    shares: dict[str, dict[str, float]] = {}
    for origin, share in zip(study.origins, mode.participation, strict=True):
        of_machine = shares.setdefault(origin.machine or "shared", {})
        of_machine[origin.part] = of_machine.get(origin.part, 0.0) + 100.0 * float(share)
    first = sorted(shares, key=lambda name: -sum(shares[name].values()))[:MOST_BARS]
    first = [name for name in first if sum(shares[name].values()) >= LEAST_BAR_PERCENT]
    buses = {machine.idx: str(machine) for machine in study.machines}
    names = [safe(buses.get(name, name)) for name in first]
    plot = plane("participation (%)", "")
    plot.update_layout(height=COMPASS_PX, barmode="stack", bargap=0.35, showlegend=True, margin={"b": 84})
    plot.update_layout(legend={"traceorder": "normal", "y": 0.0, "yanchor": "bottom"})
    for part in PARTS:
        values = [shares[name].get(part, 0.0) for name in first]
        if max(values) > 0.1:
            plot.add_trace(
                go.Bar(
                    x=values,
                    y=names,
                    name=part,
                    orientation="h",
                    marker={"color": PART_COLOURS[part]},
                    hovertemplate=f"%{{y}}, {part}: %{{x:.1f}} %<extra></extra>",
                )
            )
    plot.update_yaxes(
        range=[max(len(first), LEAST_ROWS) - 0.5, -0.5],
        type="category",
        ticks="",
        showgrid=False,
        tickmode="linear",
        dtick=1,
    )
    plot.update_xaxes(rangemode="tozero")
    states = ", ".join(f"{origin.label} {100 * share:.0f} %" for origin, share in study.by_state(mode, 0.0)[:3])
    said = ", ".join(
        f"{name} {sum(shares[key].values()):.0f} %" for name, key in zip(names[:3], first[:3], strict=False)
    )
    return Figure(
        *about, alt=f"{about[1]} at {describe(mode)}: {said}.", caption=f"Largest states: {states}.", plot=plot
    )


def _add_by_kind(plot: go.Figure, modes: Sequence[Mode], texts: Sequence[str], x: Array) -> None:
    y = np.array([mode.frequency_hz for mode in modes])
    for kind, colour in KIND_COLOURS.items():
        mine = [k for k, mode in enumerate(modes) if mode.kind is kind]
        if mine:
            symbol = "x" if kind is Kind.ROTATIONAL else "circle"
            points(plot, x[mine], y[mine], str(kind), colour, symbol=symbol, texts=[texts[k] for k in mine])
    grows = [k for k, mode in enumerate(modes) if mode.is_unstable]
    if grows:
        marker = {"symbol": "circle-open", "size": 15, "color": RED, "line": {"width": 2}}
        rings = {"x": x[grows], "y": y[grows], "mode": "markers", "marker": marker, "hoverinfo": "skip"}
        plot.add_trace(go.Scatter(name="unstable", **rings))


def _real_at(percent: float, frequency_hz: float) -> float:
    """Real part of an eigenvalue with a damping and a frequency."""
    ratio = percent / 100.0
    return -ratio / np.sqrt(1.0 - ratio**2) * 2.0 * np.pi * frequency_hz


def _two_sided(values: Array) -> Array:
    """Scale that is linear about zero and logarithmic further out."""
    return np.sign(values) * np.log10(1.0 + np.abs(values) / SMALLEST_PER_S)


def _beside(degrees: float, order: int) -> str:
    """Where an arrow's name stands: outside of it, those of upright arrows on either side in turn."""
    sideways = -np.sin(np.radians(degrees))
    if abs(sideways) < 0.3:
        return f"middle {'left' if order % 2 else 'right'}"
    return f"middle {'right' if sideways > 0 else 'left'}"


def _covered(place: tuple[str, float], others: Sequence[tuple[str, float]]) -> bool:
    """Whether a name, by its side and height, would lie on another one."""
    return any(side == place[0] and abs(height - place[1]) < LABEL_HEIGHT for side, height in others)


def _polar_layout() -> dict[str, object]:
    axis = {"gridcolor": BAND, "linecolor": BAND, "tickfont": {"size": 10, "color": GREY}}
    return {
        "template": "none",
        "height": COMPASS_PX,
        "margin": {"l": 80, "r": 80, "t": 40, "b": 70},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 12, "color": GREY},
        "legend": {"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
        "meta": {"time": False},
        "polar": {
            "bgcolor": "rgba(0,0,0,0)",
            "radialaxis": axis | {"range": [0.0, 1.0], "tickvals": [0.5, 1.0], "angle": 45, "tickangle": 0},
            "angularaxis": axis | {"rotation": 90, "tickvals": ANGLES, "ticktext": [f"{angle}°" for angle in ANGLES]},
        },
    }
