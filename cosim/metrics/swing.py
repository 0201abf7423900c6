"""Swings of generators and lines: largest less smallest value over the record."""

from __future__ import annotations

from typing import Any

from cosim.metrics.section import Section
from cosim.result import Result


def generator_template() -> dict[str, Any]:
    """Every key of ``metrics.generator``, with nothing assessed."""
    return dict.fromkeys(
        (
            "swing_mw",
            "swing_generator",
            "swing_percent",
            "swing_percent_generator",
            "angle_swing_deg",
            "angle_swing_generator",
        )
    )


def line_template() -> dict[str, Any]:
    """Every key of ``metrics.line``, with nothing assessed."""
    return dict.fromkeys(
        ("swing_mw", "swing_line", "swing_percent", "swing_percent_line", "tie_swing_mw", "tie_swing_line")
    )


def assess(result: Result) -> tuple[Section, Section]:  # noqa: ARG001
    """Assess ``metrics.generator`` and ``metrics.line`` of a run."""
    return Section(generator_template(), {"generator": "not built yet"}), Section(
        line_template(), {"line": "not built yet"}
    )
