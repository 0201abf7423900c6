"""What `cosim list` shows, as rows of plain data."""

from collections.abc import Callable
from typing import Any

Row = dict[str, Any]


def scenarios() -> list[Row]:
    """Scenarios of the library."""
    from cosim.scenario.library import library
    from cosim.scenario.source import read_yaml

    rows = []
    for name, path in library().items():
        data = read_yaml(path).data
        rows.append(
            {
                "name": name,
                "grid": data["grid"]["case"],
                "duration_s": data["simulation"]["duration_s"],
                "description": data.get("description", ""),
            }
        )
    return rows


def grids() -> list[Row]:
    """Test systems of the catalogue."""
    from grids import catalogue

    return [
        {
            "name": entry.name,
            "title": entry.title,
            "buses": entry.buses,
            "machines": entry.machines,
            "load_mw": entry.load_mw,
            "inertia_mws": entry.inertia_mws,
            "nominal_hz": entry.nominal_hz,
            "source": entry.source,
            "quirks": "; ".join(entry.quirks),
        }
        for entry in catalogue().values()
    ]


def workloads() -> list[Row]:
    """Types of workload that a site can run."""
    from cosim.scenario.model import TraceWorkload, TrainingWorkload

    return [
        {"type": name, "description": (model.__doc__ or "").strip()}
        for name, model in (("training", TrainingWorkload), ("trace", TraceWorkload))
    ]


def metrics() -> list[Row]:
    """Metrics that a criterion can name; ``NAME`` stands for a site's name."""
    from cosim.metrics import metric_paths, unit_of

    return [{"metric": path, "unit": unit_of(path)} for path in metric_paths(["NAME"])]


KINDS: dict[str, Callable[[], list[Row]]] = {
    "scenarios": scenarios,
    "grids": grids,
    "workloads": workloads,
    "metrics": metrics,
}
