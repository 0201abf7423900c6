"""What `cosim list` shows, as rows of plain data."""

from collections.abc import Callable
from dataclasses import asdict
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
            "dynamics": entry.dynamics,
            "source": entry.source,
            "quirks": "; ".join(entry.quirks),
        }
        for entry in catalogue().values()
    ]


def workloads(with_sparklines: bool = False) -> list[Row]:
    """Types of workload that a site can run, and presets of them.

    With `with_sparklines`, each preset has a line of block characters of its typical stretch.
    """
    from cosim.scenario import workloads as models
    from loads.plots import sparkline
    from loads.presets import presets
    from loads.workloads import build_model, synthesise

    types: list[tuple[str, Any]] = [
        ("training", models.TrainingWorkload),
        ("fine_tuning", models.FineTuningWorkload),
        ("job", models.JobWorkload),
        ("inference", models.InferenceWorkload),
        ("mix", models.MixWorkload),
        ("trace", models.TraceWorkload),
    ]
    rows: list[Row] = [{"name": f"type: {name}", "description": (model.__doc__ or "").strip()} for name, model in types]
    for name, preset in presets().items():
        row: Row = {"name": name, "description": preset.description, "hardware": preset.hardware, "unit": preset.unit}
        model = build_model(preset.model, preset.parameters)
        row |= {"model": preset.model, "nominal_w": model.nominal_w, "follows": preset.follows}
        row |= {"sources": [asdict(source) for source in preset.sources]}
        if with_sparklines:
            trace = synthesise(model, preset.thumbnail_s, preset.sample_rate_hz, 1)
            row["sparkline"] = sparkline(trace, 48)
        rows.append(row)
    return rows


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
