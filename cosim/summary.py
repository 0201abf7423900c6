"""Assemble and write ``summary.json``, the contract that scripts read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cosim.criteria import Criterion, Run, judge, overall_verdict, ramp_violations, wanted_by
from cosim.files import write_whole
from cosim.metrics import compute, plain, ramp
from cosim.result import Result

CONTINGENCIES = ("fault", "line_trip", "generator_trip", "site_trip")
"""Events after which a limit for contingencies holds."""


def build(
    result: Result,
    criteria: Sequence[Criterion],
    provenance: Mapping[str, Any],
    initialisation: Mapping[str, Any],
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """Compute metrics, judge criteria and put the summary of a run together.

    A result without a ``status`` was left by a run that was killed: its status is ``interrupted``.

    Returns
    -------
    dict
        Plain JSON types, keys in the contract's order.
    """
    notes = result.attributes
    status = notes.get("status", "interrupted")
    measured = compute(result, wanted_by(criteria, result.sites))
    metrics, reasons = measured.values, measured.reasons
    if not result.time_s.size:
        reasons = dict.fromkeys(reasons, f"nothing was simulated: {status.replace('_', ' ')}")
    ratings = {name: result.site_attributes(name).get("rating_mw") for name in result.sites}
    has_contingency = bool(result.events["kind"].isin(CONTINGENCIES).any())
    results = judge(criteria, measured, Run(status, notes.get("nominal_hz"), ratings, has_contingency))
    metrics["ramp"]["violations"] = ramp_violations(results, ramp.demands(result))
    linear = {"linear": json.loads(notes["linear"])} if "linear" in notes else {}
    last_s = float(result.time_s[-1]) if result.time_s.size else None
    return plain(
        {
            "name": notes.get("name", result.path.parent.name),
            "status": status,
            "verdict": overall_verdict(results, status),
            "end_time_s": notes.get("end_time_s", last_s),
            "metrics": metrics,
            **linear,
            "criteria": [entry.as_dict() for entry in results],
            "initialisation": initialisation,
            "provenance": provenance,
            "warnings": warnings,
            "not_assessed": reasons,
        }
    )


def to_json(summary: Mapping[str, Any]) -> str:
    """Write a summary as strict JSON text; NaN and infinity are errors."""
    return json.dumps(summary, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def write(summary: Mapping[str, Any], path: str | Path) -> str:
    """Write a summary to a file, and return its text; a run killed meanwhile leaves no half of one."""
    text = to_json(summary)
    write_whole(path, text)
    return text
