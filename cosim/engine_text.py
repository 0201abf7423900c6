"""What stepped a run, in the words of the terminal and of the report."""

from collections.abc import Mapping
from typing import Any

SOLVERS = {
    "compiled": "engine compiled: ANDES's equations and trapezoidal rule in compiled code",
    "andes": "engine andes: ANDES, trapezoidal rule",
    "linear": "engine linear: ANDES's equations made linear at t = 0, solved exactly",
    "auto": "engine auto: nothing was stepped",
}


def engine_text(provenance: Mapping[str, Any], missing: str = "-") -> str:
    """What stepped a run, and why it was not what was asked for, in one line; results of old have the first alone."""
    engine, asked, reason = (provenance.get(key) for key in ("engine", "engine_asked", "engine_reason"))
    if reason:
        return f"{engine}; {asked} was asked for, but not compiled: {reason}"
    return f"{engine} (of {asked})" if asked not in (None, engine) else str(engine or missing)
