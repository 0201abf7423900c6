"""What a run cannot show, said where it applies, and the filters and windows behind its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosim.metrics.band_filter import describe_band_pass, describe_first_order
from cosim.metrics.oscillation import BANDS_HZ
from cosim.report.text import number
from cosim.result import Result

WEAK_RATIO = 3.0
EMT = "electromagnetic-transient study needed"


def limitations(result: Result, summary: Mapping[str, Any], scenario: Mapping[str, Any]) -> list[str]:
    """Sentences on what the run does not show, those first that bear on its results."""
    metrics, provenance = summary["metrics"], summary["provenance"] or {}
    found = []
    if any(".band_mw." in e["metric"] or ".filtered_mw." in e["metric"] for e in summary["criteria"]):
        found.append(
            f"Limits on power above about 5 Hz are judged on the demand itself; how the grid answers there: {EMT}."
        )
    kinds = set(result.events["kind"])
    if "fault" in kinds:
        found.append(
            "Faults are balanced and three-phase, and converters follow them without their own control: unbalanced "
            f"faults and converter response: {EMT}."
        )
    for name, notes in (provenance.get("sites") or {}).items():
        ratio = (notes.get("short_circuit") or {}).get("ratio")
        if ratio is not None and ratio < WEAK_RATIO:
            found.append(
                f"Site {name} has a short-circuit ratio of {ratio:.3g}, below {WEAK_RATIO:g}: stability of converter "
                f"controls: {EMT}."
            )
    if any(edit.get("replace_by_inverters") for edit in _edits(scenario)):
        found.append(f"Inverter-based plants are generic models; control above about 5 to 10 Hz: {EMT}.")
    low = {name: site["below_v_min_s"] for name, site in metrics["site"].items() if site.get("below_v_min_s")}
    for name, time_s in low.items():
        found.append(
            f"Site {name} was below its v_min_pu for {number(time_s, 's')} s, where it is a constant impedance."
        )
    shortest = number(metrics["voltage"]["shortest_event_s"], "s")
    averaged = provenance.get("injection") != "point"
    step = (
        "The load is averaged over each solver step, and so is the voltage"
        if averaged
        else ("The load is sampled at each solver step: what it does in between is not seen")
    )
    found.append(step + (f": events shorter than {shortest} s are not resolved." if shortest != "–" else "."))
    if averaged and metrics["voltage"].get("flicker"):
        found.append("Averaging takes part of fast flicker away: at steps of 5 ms 0.6 % at 8.8 Hz and 5 % at 25 Hz.")
    found.append(
        "Ramps are those of the demand at nominal voltage, with what protection and storage make of it. Extremes of "
        "frequency and voltage are taken over every solver step; plots show the stored rows."
    )
    found.append("A limit that is marked “verify before citing” was not read in its source.")
    return found


def filters(result: Result) -> list[tuple[str, str]]:
    """Filters and windows behind the numbers: title and sentence."""
    rows = []
    intervals = {name: result.demand(name).attrs["interval_s"] for name in result.sites if result.has_demand(name)}
    for name, interval_s in intervals.items():
        text = f"{describe_first_order(0.1, 55.0, interval_s)}; demand of {1 / interval_s:g} intervals a second"
        rows.append((f"Filtered power of {name}, 0.1 to 55 Hz", text))
    bands = "; ".join(f"{low:g} to {high:g} Hz" for low, high in BANDS_HZ.values())
    first = next(iter(BANDS_HZ.values()))
    rows += [
        ("Bands of power, frequency and voltage", f"{bands}: {describe_band_pass(*first)}, and so on for each band"),
        ("Spectrum", "Hann window over the whole record, linear trend removed"),
        ("RoCoF", "(f(t) - f(t - w)) / w of the centre of inertia; no window that reaches into a fault"),
        ("Settling frequency", "mean over the last tenth of the record, at least 1 s"),
        ("Time outside a band", "1-s means of the centre of inertia from the record's start"),
        ("Rapid voltage change", "against the mean of the second before; steady: between means before and after"),
        ("Envelopes", "timers accumulate until the voltage or frequency is back in the continuous band"),
        ("Modes", "matrix pencil with least-squares refinement, after the last event, at most 40 s"),
    ]
    if result.sites:
        rows.append(("Flicker", "IEC 61000-4-15 edition 2 on the rms voltage, at 200 samples a second or more"))
    return rows


def _edits(scenario: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    grid = scenario.get("grid") or {}
    return [edit for edit in grid.get("edits") or [] if isinstance(edit, Mapping)]
