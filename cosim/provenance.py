"""Where a result comes from: versions, hashes, seed, step, machine, date."""

import datetime
import hashlib
import platform
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from cosim.engine_choice import stepped

if TYPE_CHECKING:
    from cosim.study import Study
    from loads.site import SiteDemand

_PACKAGES = ("llm-grid-cosim", "andes", "numpy", "scipy", "numba", "h5py", "pandas")


@cache
def versions() -> dict[str, str]:
    """Versions of Python, of this package, and of what its numbers depend on."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in _PACKAGES}}


def collect(study: "Study", scenario_text: str, wall_time_s: float) -> dict[str, Any]:
    """The ``provenance`` part of the summary."""
    simulation = study.scenario.simulation
    steps = stepped(study.engine, simulation.engine)
    return {
        "versions": versions(),
        "scenario_sha256": hashlib.sha256(scenario_text.encode()).hexdigest(),
        "grid": {"name": study.grid.name, "source": study.grid.source},
        "sites": {
            name: _site(demand) | {"short_circuit": study.strengths[name].as_dict()}
            for name, demand in study.demands.items()
        },
        "seed": simulation.seed,
        "engine": steps.engine,
        "engine_asked": steps.asked,
        "engine_reason": steps.reason,
        "step_s": simulation.step_s,
        "injection": simulation.injection,
        "wall_time_s": round(wall_time_s, 3),
        "host": platform.node(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _site(demand: "SiteDemand") -> dict[str, Any]:
    """How a site's power is made, with the origin of each trace."""
    described = demand.describe()
    for entry, workload in zip(described["workloads"], demand.workloads, strict=True):
        entry["trace"] = workload.trace.provenance.to_dict()
    return described
