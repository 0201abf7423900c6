"""What `cosim list` shows, as rows of plain data."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosim.criteria import Criterion
    from loads.presets import PresetSource

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


def sweeps() -> list[Row]:
    """Sweeps of the library."""
    from cosim.scenario.library import sweep_library
    from cosim.scenario.source import read_yaml

    rows = []
    for name, path in sweep_library().items():
        data = read_yaml(path).data
        varied = ", ".join(entry.get("name") or entry["key"] for entry in data["parameters"])
        rows.append({"name": name, "varied": varied, "description": data.get("description", "")})
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


def protection() -> list[Row]:
    """Presets of a site's protection, and named envelopes of voltage with their points."""
    from loads.protection import envelopes, protection_presets
    from loads.protection.fleet import WORDS

    rows = [_protection("preset", p.name, p.description, p.sources) for p in protection_presets().values()]
    for named in envelopes().values():
        points = (f"{WORDS[row.comparison]} {row.level:g} pu for {row.seconds:g} s" for row in named.envelope.rows)
        text = f"{named.description} ({', '.join(points)})"
        rows.append(_protection("envelope", named.name, text, named.sources))
    return rows


def _protection(kind: str, name: str, description: str, sources: Sequence["PresetSource"]) -> Row:
    source = "; ".join(f"{s.figures}: {s.source} ({s.evidence})" for s in sources)
    return {"name": name, "kind": kind, "description": description, "source": source}


def metrics() -> list[Row]:
    """Metrics that a criterion can name; ``NAME`` stands for a site's name."""
    from cosim.metrics import metric_paths, parameter_shapes, unit_of

    paths = metric_paths(["NAME"])
    with_parameter = [f"{group}.{shape}" for group, shape in parameter_shapes(["NAME"]).items()]
    return [{"metric": path, "unit": unit_of(path)} for path in [*paths, *with_parameter]]


def criteria(profile: str | None = None) -> list[Row]:
    """Limits of the library's profiles, or of one, each followed by what it leaves out.

    Raises
    ------
    InputError
        If there is no profile of that name.
    """
    from cosim.criteria.library import find_profile, profile_files
    from cosim.errors import InputError, Problem, nearest

    names = list(profile_files())
    if profile is not None and profile not in names:
        raise InputError(Problem(f"there is no profile '{profile}'", hint=nearest(profile, names)))
    rows: list[Row] = []
    for name in names if profile is None else [profile]:
        found = find_profile(name)
        rows += [_limit(criterion) for criterion in found.criteria]
        rows += [{"profile": name, "id": None, "title": left.what, "left_out": left.why} for left in found.left_out]
    return rows


def _limit(criterion: "Criterion") -> Row:
    from cosim.criteria import TRUSTED

    return {
        "profile": criterion.profile,
        "id": criterion.id,
        "title": criterion.title,
        "metric": criterion.metric,
        "envelope": None if criterion.envelope is None else criterion.envelope.model_dump(exclude_none=True),
        "bound": bound_text(criterion),
        "status": criterion.status,
        "decides": criterion.decides,
        "area": criterion.area,
        "applies": criterion.applies.model_dump(exclude_none=True),
        "scope": list(criterion.applies.in_words.values()),
        "source": criterion.source,
        "clause": criterion.clause,
        "date": criterion.date,
        "evidence": criterion.evidence,
        "verify_before_citing": criterion.evidence not in TRUSTED,
        "note": criterion.note,
    }


def bound_text(criterion: "Criterion") -> str:
    """The bounds of a criterion in one line, with their unit."""
    from cosim.metrics import unit_of
    from cosim.metrics.envelope import SIGNS

    if criterion.envelope is not None:
        unit = "pu" if criterion.envelope.signal == "voltage" else "Hz"
        parts = [f"{SIGNS[row.comparison]}{row.level:g}: {row.max_s:g} s" for row in criterion.curve().rows]
        return f"{criterion.envelope.signal} ({unit}) at {criterion.envelope.at}: {', '.join(parts)}"
    unit = unit_of(criterion.path_for("SITE"))
    signs = {"max": "<=", "below": "<", "min": ">=", "above": ">"}
    given = [(sign, getattr(criterion, key)) for key, sign in signs.items()]
    parts = [f"{sign} {value:g} {unit}".rstrip() for sign, value in given if value is not None]
    if criterion.max_share_of_rating is not None:
        parts.append(f"<= {100 * criterion.max_share_of_rating:g} % of the rating")
    return " and ".join(parts)


KINDS: dict[str, Callable[[], list[Row]]] = {
    "scenarios": scenarios,
    "sweeps": sweeps,
    "grids": grids,
    "workloads": workloads,
    "protection": protection,
    "metrics": metrics,
    "criteria": criteria,
}
