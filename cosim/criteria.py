"""Limits as data: judge each against the metrics, and sum up to one verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from cosim.errors import nearest
from cosim.metrics import ramp, unit_of

Verdict = Literal["pass", "fail", "not_assessed", "simulation_failed"]
LimitStatus = Literal["binding", "draft", "proposed", "withdrawn", "example", "inline"]
Evidence = Literal["primary", "secondary", "recalled", "user"]
COMPLETED = "completed"
_DECIDING: frozenset[str] = frozenset({"binding", "inline"})

_COI = "centre of inertia"
# Metric -> what names its place and its time, under the same family.
_COMPANIONS = {
    "frequency.nadir_hz": ("nadir_generator", "nadir_time_s"),
    "frequency.zenith_hz": ("zenith_generator", "zenith_time_s"),
    "frequency.peak_to_peak_mhz": ("peak_to_peak_generator", None),
    "frequency.worst_bus_deviation_mhz": ("worst_bus", "worst_bus_time_s"),
    "frequency.coi.nadir_hz": (None, "coi.nadir_time_s"),
    "frequency.coi.zenith_hz": (None, "coi.zenith_time_s"),
    "voltage.min_pu": ("min_bus", "min_time_s"),
    "voltage.max_pu": ("max_bus", "max_time_s"),
}


class Criterion(BaseModel):
    """A limit on one metric, and where the limit comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str | None = Field(None, description="name in results; by default the metric and its bound")
    metric: str = Field(min_length=1, description="path of the metric in summary.json under metrics")
    max: FiniteFloat | None = Field(None, description="largest value that passes, in the metric's unit")
    min: FiniteFloat | None = Field(None, description="smallest value that passes, in the metric's unit")
    source: str | None = Field(None, description="document that sets the limit")
    clause: str | None = Field(None, description="where in the document")
    status: LimitStatus = Field("inline", description="standing of the limit; binding and inline decide")
    evidence: Evidence = Field("user", description="how the number was obtained")
    decide: bool | None = Field(None, description="whether the limit decides the verdict, whatever its status")

    @model_validator(mode="after")
    def _has_a_range(self) -> Self:
        if self.max is None and self.min is None:
            raise ValueError("a criterion needs max or min, got neither")
        if self.max is not None and self.min is not None and self.min > self.max:
            raise ValueError(f"min must be <= max, got {self.min:g} and {self.max:g}")
        return self

    @property
    def decides(self) -> bool:
        """Whether a failure fails the run."""
        return self.status in _DECIDING if self.decide is None else self.decide

    def bounds(self) -> list[Bound]:
        """The criterion's one or two bounds."""
        sides = [("max", "<=", self.max), ("min", ">=", self.min)]
        given = [(side, sign, limit) for side, sign, limit in sides if limit is not None]
        bounds = []
        for side, sign, limit in given:
            name = self.id or f"{self.metric} {sign} {limit:g}"
            if self.id and len(given) == 2:
                name += f" ({side})"
            bounds.append(Bound(name, side == "max", limit))
        return bounds


@dataclass(frozen=True)
class Bound:
    """One side of a criterion."""

    id: str
    is_max: bool
    limit: float

    def margin(self, value: float) -> float:
        """Distance from the limit, positive inside it."""
        return self.limit - value if self.is_max else value - self.limit


@dataclass(frozen=True)
class CriterionResult:
    """The verdict on one bound, in the order of ``summary.json``'s keys."""

    id: str
    metric: str
    value: float | None
    limit: float
    unit: str
    verdict: Verdict
    margin: float | None
    where: str | None
    time_s: float | None
    reason: str | None
    source: str | None
    clause: str | None
    limit_status: LimitStatus
    evidence: Evidence
    side: Literal["max", "min"]
    decides: bool

    def as_dict(self) -> dict[str, Any]:
        """The entry of ``summary.json``."""
        return asdict(self)


def judge(
    criteria: Iterable[Criterion | Mapping[str, Any]],
    metrics: Mapping[str, Any],
    status: str,
    reasons: Mapping[str, str] | None = None,
) -> list[CriterionResult]:
    """Judge each bound of each criterion; a value on the limit passes.

    Parameters
    ----------
    metrics, reasons
        What :func:`cosim.metrics.compute` returns.
    status
        The run's status. Unless it is ``completed`` every verdict is ``simulation_failed``: the values
        are those of the part that was simulated, and no margin is given.
    """
    return [
        _judge_bound(criterion, bound, metrics, status, reasons or {})
        for criterion in map(as_criterion, criteria)
        for bound in criterion.bounds()
    ]


def overall_verdict(results: Sequence[CriterionResult], status: str) -> Verdict:
    """Sum up: only criteria that decide count, and one of them must have been assessed for a pass."""
    if status != COMPLETED:
        return "simulation_failed"
    verdicts = {result.verdict for result in results if result.decides}
    if "fail" in verdicts:
        return "fail"
    return "pass" if "pass" in verdicts else "not_assessed"


def ramp_violations(
    criteria: Iterable[Criterion | Mapping[str, Any]], demands: Mapping[str, ramp.Demand]
) -> list[dict[str, Any]]:
    """When each upper limit on a ramp was exceeded: the entries of ``metrics.ramp.violations``.

    Parameters
    ----------
    demands
        Site name, or ``total``, -> demand; from :func:`cosim.metrics.ramp.demands`.
    """
    entries = []
    for criterion in map(as_criterion, criteria):
        for site, demand in demands.items():
            prefix = _ramp_prefix(site)
            leaf = criterion.metric.removeprefix(prefix)
            if criterion.max is None or not criterion.metric.startswith(prefix) or not ramp.is_measure(leaf):
                continue
            entries += [
                {
                    "site": site,
                    "start_s": found.start_s,
                    "duration_s": found.duration_s,
                    "value": found.worst,
                    "limit": criterion.max,
                    "criterion": criterion.bounds()[0].id,
                }
                for found in ramp.violations(demand, leaf, criterion.max)
            ]
    return entries


def as_criterion(entry: Criterion | Mapping[str, Any]) -> Criterion:
    """Validate a criterion that is not one yet."""
    return entry if isinstance(entry, Criterion) else Criterion.model_validate(entry)


def find(tree: Mapping[str, Any], path: str) -> Any:
    """Value at a dotted path; a name in the tree may itself hold dots.

    Raises
    ------
    KeyError
        If there is none.
    """
    for key, value in tree.items():
        if path == key:
            return value
        if path.startswith(f"{key}.") and isinstance(value, Mapping):
            try:
                return find(value, path.removeprefix(f"{key}."))
            except KeyError:
                continue  # a shorter name matched; a longer one may still
    raise KeyError(path)


def _judge_bound(
    criterion: Criterion, bound: Bound, metrics: Mapping[str, Any], status: str, reasons: Mapping[str, str]
) -> CriterionResult:
    value, reason = _value(metrics, criterion.metric, reasons)
    verdict: Verdict = "not_assessed"
    margin = None
    if status != COMPLETED:
        verdict, reason = "simulation_failed", f"the run did not complete: {status}"
    elif value is not None:
        margin = bound.margin(value)
        verdict = "pass" if margin >= 0 else "fail"
    where, time_s = _where(metrics, criterion.metric) if value is not None else (None, None)
    return CriterionResult(
        id=bound.id,
        metric=criterion.metric,
        value=value,
        limit=bound.limit,
        unit=unit_of(criterion.metric),
        verdict=verdict,
        margin=margin,
        where=where,
        time_s=time_s,
        reason=reason,
        source=criterion.source,
        clause=criterion.clause,
        limit_status=criterion.status,
        evidence=criterion.evidence,
        side="max" if bound.is_max else "min",
        decides=criterion.decides,
    )


def _value(metrics: Mapping[str, Any], path: str, reasons: Mapping[str, str]) -> tuple[float | None, str | None]:
    try:
        value = find(metrics, path)
    except KeyError:
        return None, f'there is no metric "{path}"; {nearest(path, _paths(metrics))}'
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value), None
    if value is not None:
        return None, f'"{path}" is not a single number'
    known = [key for key in reasons if path == key or path.startswith(f"{key}.")]
    return None, reasons[max(known, key=len)] if known else "the run gave no finite value"


def _where(metrics: Mapping[str, Any], path: str) -> tuple[str | None, float | None]:
    """Generator, bus or site that a metric's value comes from, and when."""
    family = path.partition(".")[0]
    if path == "frequency.max_deviation_mhz":
        values = metrics["frequency"]
        is_low = values["nominal_hz"] - values["nadir_hz"] >= values["zenith_hz"] - values["nominal_hz"]
        return _where(metrics, "frequency.nadir_hz" if is_low else "frequency.zenith_hz")
    if path in _COMPANIONS:
        place, time = _COMPANIONS[path]
        where = find(metrics, f"{family}.{place}") if place else _COI
        return where, find(metrics, f"{family}.{time}") if time else None
    if path.startswith(("frequency.coi.", "frequency.max_rocof_hz_per_s.")):
        time_path = path.replace("max_rocof_hz_per_s", "max_rocof_time_s")
        return _COI, find(metrics, time_path) if time_path != path else None
    if family == "site":
        return next((name for name in metrics["site"] if path.startswith(f"site.{name}.")), None), None
    return None, None


def _ramp_prefix(site: str) -> str:
    return "ramp.total." if site == "total" else f"ramp.sites.{site}."


def _paths(tree: Mapping[str, Any], prefix: str = "") -> list[str]:
    paths = []
    for key, value in tree.items():
        paths += _paths(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [prefix + key]
    return paths
