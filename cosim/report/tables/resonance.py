"""Table of the modes that the sites' fluctuation meets, and sentences about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosim.report.tables.cells import Cell, Table, columns
from cosim.report.text import number

MOST_SENTENCES = 3
NOT_COMPUTED = "it is worked out when a run is made with its report, and was not for this one"


def why_none(summary: Mapping[str, Any]) -> str:
    """Say why a run has no resonance to show; empty if it has."""
    entry = summary.get("resonance")
    return NOT_COMPUTED if entry is None else entry["reason"] or ""


def resonance_table(summary: Mapping[str, Any]) -> Table:
    """Modes, the largest expected swing first."""
    titles = (
        "Mode (Hz)>",
        "Period (s)>",
        "Damping (%)>",
        "Kind",
        "Load there (MW rms)>",
        "Response (mHz/MW)>",
        "Expected swing (mHz)>",
        "Machine",
        "Mostly by",
    )
    why = why_none(summary)
    rows = []
    for mode in [] if why else summary["resonance"]["modes"]:
        name, own = main_site(mode)
        line = "" if own["line_mw"] is None else f"line of {number(own['line_mw'], 'MW')} MW at {own['line_hz']:.3f} Hz"
        rows.append(
            [
                Cell(f"{mode['frequency_hz']:.3f}", sort=mode["frequency_hz"]),
                Cell(f"{1 / mode['frequency_hz']:.2f}", sort=1 / mode["frequency_hz"]),
                Cell(number(mode["damping_percent"], "%", 1), sort=mode["damping_percent"]),
                Cell(mode["kind"]),
                Cell(number(mode["load_rms_mw"], "MW"), sort=mode["load_rms_mw"]),
                Cell(number(own["gain_mhz_per_mw"], "", 3), f"at {own['gain_machine']}", sort=own["gain_mhz_per_mw"]),
                Cell(number(mode["swing_mhz"], "mHz", 2), sort=mode["swing_mhz"]),
                Cell(mode["machine"]),
                Cell(name, line),
            ]
        )
    note = (
        "Load and swing: of the mode's band, within two decay rates of its frequency. Response: the largest in the "
        "band, to power at the site that swings it most. Expected swing: amplitude, or the rms of the envelope of a "
        "random oscillation, once settled."
    )
    empty = f"None: {why}." if why else "No mode with little damping lies in the load's spectrum."
    return Table("table-resonance", "Modes that the load meets", columns(*titles), rows, empty, note)


def main_site(mode: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The site that swings a mode most, and what it does."""
    name = max(mode["sites"], key=lambda site: mode["sites"][site]["swing_mhz"])
    return name, mode["sites"][name]


def sentences(summary: Mapping[str, Any]) -> list[str]:
    """What a reader should know first."""
    if why_none(summary):
        return []
    entry = summary["resonance"]
    total, simulated = entry["total"], entry["simulated"]
    said = (
        f"All frequencies from {entry['from_hz']:.2g} to {entry['to_hz']:.2g} Hz together: "
        f"{number(total['load_rms_mw'], 'MW')} MW rms of load, {number(total['rms_mhz'], 'mHz', 2)} mHz rms expected "
        f"at machine {total['machine']}"
    )
    said += f"; this run shows {number(simulated['rms_mhz'], 'mHz', 2)} mHz there." if simulated else "."
    found = [mode["text"] for mode in entry["modes"][:MOST_SENTENCES]]
    grows = [f"The grid has {text}: what is expected here comes on top of it." for text in entry["growing"]]
    return [*(f"{text[0].upper()}{text[1:]}." for text in found), said, *grows]
