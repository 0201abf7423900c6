"""What is marked in plots over time: limits as horizontal lines and events as vertical ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import plotly.graph_objects as go

from cosim.report.drawing import GREY, RED, Range, safe
from cosim.report.limits import Limit
from cosim.report.text import printed_id
from cosim.result import Result

MAX_EVENT_LABELS = 12
LABEL_SHARE = 0.04
"""Share of a plot's width or height that a short label takes."""


def draw_limits(
    plot: go.Figure, limits: Iterable[Limit], drawn: Range, *, reach: float, near: float = 0.0, row: int = 1
) -> list[str]:
    """Draw the limits that lie near the curves; return sentences on those that would flatten them.

    ``reach`` is in spans of what is drawn, ``near`` in the axis's unit.
    """
    if not drawn.known:
        return []
    outside: dict[str, str] = {}
    shown: list[Limit] = []
    suffix = "" if row == 1 else str(row)
    for limit in limits:
        if not drawn.is_near(limit.value, reach, near):
            if limit.judged:
                outside[limit.id] = f"The limit “{printed_id(limit.id)}” lies outside the plot."
            continue
        shown.append(limit)
        line = {"color": RED if limit.judged else GREY, "width": 1.2, "dash": "longdash"}
        at = {"y0": limit.value, "y1": limit.value, "yref": f"y{suffix}"}
        plot.add_shape(type="line", x0=0, x1=1, xref=f"x{suffix} domain", line=line, **at)
    levels = [drawn.low, drawn.high, *(limit.value for limit in shown)]
    for value, text, colour in _limit_labels(shown, LABEL_SHARE * (max(levels) - min(levels))):
        plot.add_annotation(
            x=1,
            xref=f"x{suffix} domain",
            xanchor="right",
            y=value,
            yref=f"y{suffix}",
            yanchor="bottom",
            text=text,
            showarrow=False,
            font={"size": 11, "color": colour},
        )
    return list(outside.values())


def _limit_labels(limits: Sequence[Limit], height: float) -> list[tuple[float, str, str]]:
    """Height, text and colour of each label; lines nearer than a label is high share one, above the highest."""
    labels: list[tuple[float, list[Limit]]] = []
    for limit in sorted(limits, key=lambda limit: limit.value):
        if labels and limit.value - labels[-1][0] < height:
            labels[-1] = (limit.value, [limit, *labels[-1][1]])
        else:
            labels.append((limit.value, [limit]))
    return [
        (
            value,
            ", ".join(dict.fromkeys(safe(limit.label) for limit in together)),
            RED if any(limit.judged for limit in together) else GREY,
        )
        for value, together in reversed(labels)
    ]


def finish(plot: go.Figure, result: Result) -> None:
    """Show the whole run, and a dashed line at each event, numbered as in the report's table of events."""
    notes = result.attributes
    end_s = notes.get("end_time_s") or (result.time_s[-1] if result.time_s.size else 0.0)
    if end_s > 0:
        plot.update_xaxes(range=[0.0, float(end_s)])
    times_s = result.events["time_s"].tolist()
    for time_s in times_s:
        line = {"color": GREY, "width": 1, "dash": "dash"}
        plot.add_shape(type="line", x0=time_s, x1=time_s, y0=0, y1=1, yref="paper", line=line, layer="below")
    labels = _event_labels(times_s, LABEL_SHARE * float(end_s))
    for time_s, text in labels if len(labels) <= MAX_EVENT_LABELS else []:
        label = {"text": text, "font": {"size": 11, "color": GREY}, "showarrow": False}
        plot.add_annotation(x=time_s, y=1, yref="paper", xanchor="left", yanchor="top", **label)


def _event_labels(times_s: Sequence[float], width_s: float) -> list[tuple[float, str]]:
    """Time and text of each label: events nearer than a label is wide share one."""
    groups: list[tuple[float, int, int]] = []
    for k, time_s in enumerate(times_s, start=1):
        if groups and time_s - groups[-1][0] < width_s:
            groups[-1] = (*groups[-1][:2], k)
        else:
            groups.append((time_s, k, k))
    return [(time_s, f"E{first}" if first == last else f"E{first}–E{last}") for time_s, first, last in groups]
