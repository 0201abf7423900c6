"""Transfer functions as plain data: for JSON, CSV and the tables that are shown."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from cosim.linear.load_spectrum import LoadSpectrum
from cosim.linear.transfer import Peak
from cosim.transfer_study import TransferStudy

CSV_COLUMNS = (
    "bus",
    "peak",
    "frequency_hz",
    "period_s",
    "avoid_from_s",
    "avoid_to_s",
    "element",
    "expected_swing",
    "swinging_element",
)
MOST_LINES = 10
DIGITS = 6


def describe(study: TransferStudy) -> dict[str, Any]:
    """All that a study found, in plain JSON types."""
    question = study.question
    harm = {swing.bus: swing for swing in study.harm}
    buses = study.modal.linear.elements["bus"]
    found: dict[str, Any] = {
        "name": study.modal.scenario.name,
        "to": question.quantity,
        "unit": study.unit,
        "from_hz": question.from_hz,
        "to_hz": question.to_hz,
        "power_factor": question.power_factor,
        "sites_mw": study.modal.sites_mw,
        "growing": [
            {"frequency_hz": mode.frequency_hz, "real_per_s": mode.eigenvalue.real}
            for mode in study.modal.modes.unstable
        ],
        "buses": [_peak(peak) for peak in study.peaks],
        "modes": [
            {
                "frequency_hz": mode.frequency_hz,
                "damping_percent": mode.damping_percent,
                "kind": str(mode.kind),
                "response": dict(zip(buses, _rounded(row), strict=True)),
            }
            for mode, row in zip(study.modes, study.at_modes, strict=True)
        ],
        "curves": {
            "frequency_hz": _rounded(study.frequency_hz),
            "responses": [
                {
                    "bus": curve.bus,
                    "element": curve.element,
                    "magnitude": _rounded(np.abs(curve.gain)),
                    "phase_deg": _rounded(np.degrees(np.angle(curve.gain))),
                }
                for curve in study.curves
            ],
        },
        "load": None,
    }
    if study.spectrum is not None:
        found["load"] = _load(study.load, study.spectrum)
        found["load"]["swing_unit"] = swing_unit(study)
        found["load"]["buses"] = [
            {"bus": bus, "expected_swing": expected_swing(swing.rms), "rms": swing.rms, "element": swing.element}
            for bus, swing in harm.items()
        ]
    return found


def as_csv(study: TransferStudy) -> str:
    """A row for each bus, the largest peak first."""
    harm = {swing.bus: swing for swing in study.harm}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for peak in study.peaks:
        swing = harm.get(peak.bus)
        row = [peak.bus, peak.gain, peak.frequency_hz, 1 / peak.frequency_hz, *avoided_s(peak), peak.element]
        row += ["", ""] if swing is None else [expected_swing(swing.rms), swing.element]
        writer.writerow([f"{value:.{DIGITS}g}" if isinstance(value, float) else value for value in row])
    return text.getvalue()


def avoided_s(peak: Peak) -> tuple[float, float]:
    """Shortest and longest of the periods at which a bus's response is at least 0.707 of its peak."""
    return 1.0 / peak.high_hz, 1.0 / peak.low_hz


def expected_swing(rms: float) -> float:
    """Amplitude of a sinusoid with an rms, or the rms of the envelope of what is random."""
    return float(np.sqrt(2.0)) * rms


def swing_unit(study: TransferStudy) -> str:
    """Unit of a swing."""
    return study.unit.removesuffix("/MW")


def _peak(peak: Peak) -> dict[str, Any]:
    shortest_s, longest_s = avoided_s(peak)
    return {
        "bus": peak.bus,
        "peak": peak.gain,
        "frequency_hz": peak.frequency_hz,
        "period_s": 1.0 / peak.frequency_hz,
        "element": peak.element,
        "avoid_hz": [peak.low_hz, peak.high_hz],
        "avoid_s": [shortest_s, longest_s],
    }


def _load(name: str, spectrum: LoadSpectrum) -> dict[str, Any]:
    amplitudes = np.abs(spectrum.line_mw[:, 0])
    order = np.argsort(-amplitudes, kind="stable")[:MOST_LINES]
    noise = float(spectrum.energy_mw2[-1, 0, 0].real) if len(spectrum.energy_mw2) else 0.0
    return {
        "name": name,
        "record_s": spectrum.record_s,
        "rms_mw": float(np.sqrt(noise + 0.5 * np.sum(amplitudes**2))),
        "lines": [{"frequency_hz": float(spectrum.line_hz[k]), "amplitude_mw": float(amplitudes[k])} for k in order],
    }


def _rounded(values: Sequence[float] | np.ndarray) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]
