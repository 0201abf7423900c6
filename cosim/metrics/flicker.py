"""Flicker by IEC 61000-4-15, from the rms voltage at each site's bus."""

from __future__ import annotations

from typing import Any

from cosim.metrics.section import Section
from cosim.result import Result


def template() -> dict[str, Any]:
    """Every key of one site, with nothing assessed."""
    return dict.fromkeys(("pst_120v", "pst_230v", "plt_120v", "plt_230v"))


def assess(result: Result) -> Section:
    """Assess the flicker at each site's bus: ``voltage.flicker`` of a run's metrics."""
    values = {name: template() for name in result.sites}
    return Section(values, {f"voltage.flicker.{name}": "not built yet" for name in result.sites})
