"""Chart of the oscillations that a run shows: damping against frequency."""

from __future__ import annotations

import numpy as np

from cosim.metrics import reason_for
from cosim.metrics.oscillation import BANDS_HZ
from cosim.report.drawing import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, plane, points, shade
from cosim.report.figures.base import Figure, Source, no_figure
from cosim.report.text import number, words

MODES = ("figure-modes", "Damping of the oscillations found")

REFERENCES_PERCENT = (3.0, 5.0)
HIGHEST_HZ = 5.0
MOST_PERCENT = 30.0


def mode_chart(source: Source) -> Figure:
    """Natural modes and forced oscillations, with lines at 3 and 5 % damping."""
    modes = source.metrics.get("oscillation", {}).get("modes")
    if not modes:
        why = reason_for(source.summary.get("not_assessed") or {}, "oscillation.modes")
        return no_figure(MODES, why or "no oscillation stands out")
    plot = plane("frequency (Hz)", "damping (%)")
    for (band, (low_hz, high_hz)), colour in zip(BANDS_HZ.items(), (BLUE, GREEN, ORANGE, PURPLE), strict=True):
        if low_hz < HIGHEST_HZ:
            shade(plot, low_hz, min(high_hz, HIGHEST_HZ), words(band), colour)
    for forced, name, colour, symbol in (
        (False, "natural mode", BLUE, "circle"),
        (True, "forced by the load", ORANGE, "diamond-open"),
    ):
        chosen = [mode for mode in modes if mode["forced"] == forced]
        if chosen:
            texts = [
                f"{mode['frequency_hz']:.3f} Hz, {mode['damping_percent']:.2f} %, "
                f"{number(mode['amplitude'], 'mHz')} mHz at {mode['signal']}"
                for mode in chosen
            ]
            x = np.array([mode["frequency_hz"] for mode in chosen])
            y = np.array([mode["damping_percent"] for mode in chosen])
            points(plot, x, y, name, colour, symbol=symbol, texts=texts)
    for percent in REFERENCES_PERCENT:
        style = {"color": RED if percent == REFERENCES_PERCENT[0] else GREY, "width": 1.2, "dash": "longdash"}
        plot.add_shape(type="line", x0=0, x1=1, xref="x domain", y0=percent, y1=percent, yref="y", line=style)
    dampings = [mode["damping_percent"] for mode in modes]
    plot.update_xaxes(range=[0.0, HIGHEST_HZ])
    plot.update_yaxes(range=[min(-1.0, min(dampings) - 1), min(max(6.0, max(dampings) + 1), MOST_PERCENT)])
    natural = [mode for mode in modes if not mode["forced"]]
    least = min(natural, key=lambda mode: mode["damping_percent"], default=None)
    said = (
        f"least damped natural mode {least['frequency_hz']:.2f} Hz at {least['damping_percent']:.1f} %"
        if least
        else "all forced by the load"
    )
    return Figure(
        *MODES,
        alt=f"Damping against frequency of {len(modes)} oscillations: {said}.",
        caption="Matrix pencil on the generators' frequencies against the centre of inertia, after the last event. "
        "Lines: 3 % (after a contingency) and 5 % (normal operation). Where the load moves and an oscillation does "
        "not fade, it counts as forced: that is no damping failure.",
        plot=plot,
    )
