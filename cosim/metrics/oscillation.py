"""Oscillations: peak to peak and rms per band, dominant frequency and damping, amplification, modes."""

from __future__ import annotations

from typing import Any

from cosim.metrics.section import Section
from cosim.result import Result

BANDS_HZ = {"inter_area": (0.1, 0.8), "local": (0.8, 2.0), "control": (2.0, 5.0), "torsional": (5.0, 55.0)}


def template() -> dict[str, Any]:
    """Every key of the section, with nothing assessed."""
    keys = (
        "frequency_peak_to_peak_mhz",
        "frequency_rms_mhz",
        "frequency_generator",
        "generator_peak_to_peak_mw",
        "generator_rms_mw",
        "swinging_generator",
        "line_peak_to_peak_mw",
        "line_rms_mw",
        "swinging_line",
        "tie_peak_to_peak_mw",
        "swinging_tie_line",
        "voltage_peak_to_peak_pu",
        "voltage_rms_pu",
        "voltage_bus",
        "load_peak_to_peak_mw",
        "load_rms_mw",
        "dominant_hz",
        "damping_percent",
        "generator_amplification",
        "tie_amplification",
    )
    return {name: dict.fromkeys(keys) for name in BANDS_HZ} | {
        "min_damping_percent": None,
        "min_damping_hz": None,
        "modes": None,
    }


def assess(result: Result) -> Section:  # noqa: ARG001
    """Assess the oscillation section of a run's metrics."""
    return Section(template(), {"oscillation": "not built yet"})
