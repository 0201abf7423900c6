"""Judge criteria against a run's metrics, and sum up to one verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from cosim.criteria.model import Bound, Criterion, Evidence, LimitStatus
from cosim.errors import nearest
from cosim.metrics import Place, Section, Wanted, leaves, ramp, reason_for, unit_of

Verdict = Literal["pass", "fail", "not_assessed", "simulation_failed"]
COMPLETED = "completed"


@dataclass(frozen=True)
class Run:
    """What a verdict needs to know of the run besides its metrics.

    Parameters
    ----------
    status
        Unless it is ``completed`` nothing is judged.
    nominal_hz
        Of the grid; None if it is not known.
    rating_mw
        Of each site, by its name.
    has_contingency
        Whether there was a fault or a trip.
    """

    status: str = COMPLETED
    nominal_hz: float | None = None
    rating_mw: Mapping[str, float | None] = field(default_factory=dict)
    has_contingency: bool = False


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
    strict: bool
    title: str | None
    profile: str | None
    date: str | None
    note: str | None
    envelope: str | None

    def as_dict(self) -> dict[str, Any]:
        """The entry of ``summary.json``."""
        return asdict(self)


def wanted_by(criteria: Iterable[Criterion], sites: Sequence[str]) -> Wanted:
    """Metrics and envelopes that criteria ask for."""
    paths, envelopes = [], []
    for criterion in criteria:
        if criterion.envelope is not None:
            envelopes.append(criterion.curve())
        else:
            paths += [criterion.path_for(site) for site in (sites if criterion.is_per_site else [""])]
    return Wanted(tuple(paths), tuple(envelopes))


def judge(criteria: Iterable[Criterion], measured: Section, run: Run) -> list[CriterionResult]:
    """Judge each bound of each criterion, at each site where it is a site's.

    A value on the limit passes, unless the bound is strict. A value that may be larger in truth (``lower_bounds``)
    can fail an upper limit but not pass it. Where a run did not complete every verdict is ``simulation_failed``: the
    values are those of the part that was simulated, and no margin is given.
    """
    return [_judge(criterion, target, measured, run) for criterion in criteria for target in _targets(criterion, run)]


def overall_verdict(results: Sequence[CriterionResult], status: str) -> Verdict:
    """Sum up: only criteria that decide count, and one of them must have been assessed for a pass."""
    if status != COMPLETED:
        return "simulation_failed"
    verdicts = {result.verdict for result in results if result.decides}
    if "fail" in verdicts:
        return "fail"
    return "pass" if "pass" in verdicts else "not_assessed"


def ramp_violations(results: Iterable[CriterionResult], demands: Mapping[str, ramp.Demand]) -> list[dict[str, Any]]:
    """When each upper limit on a change of power was exceeded: the entries of ``metrics.ramp.violations``.

    Parameters
    ----------
    results
        From :func:`judge`.
    demands
        Site name, or ``total``, -> demand; from :func:`cosim.metrics.ramp.demands`.
    """
    entries = []
    for result in results:
        for site, demand in demands.items():
            prefix = "ramp.total." if site == "total" else f"ramp.sites.{site}."
            leaf = result.metric.removeprefix(prefix)
            applies = result.verdict != "not_assessed" or result.value is not None
            if not applies or result.side != "max" or leaf == result.metric or not ramp.is_measure(leaf):
                continue
            entries += [
                {
                    "site": site,
                    "start_s": found.start_s,
                    "duration_s": found.duration_s,
                    "value": found.worst,
                    "limit": result.limit,
                    "criterion": result.id,
                }
                for found in ramp.violations(demand, leaf, result.limit)
            ]
    return entries


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


@dataclass(frozen=True)
class _Target:
    """A bound on the metric at one path; ``absent`` says why there is no metric to judge."""

    bound: Bound
    path: str
    site: str | None = None
    absent: str | None = None


def _targets(criterion: Criterion, run: Run) -> Iterator[_Target]:
    if criterion.envelope is not None:
        envelope = criterion.curve()
        for row in envelope.rows:
            bound = Bound(f"{criterion.id} {envelope.row_name(row)}", True, row.max_s)
            yield _Target(bound, envelope.path(row))
    elif criterion.is_per_site:
        for site, rating_mw in run.rating_mw.items():
            for bound in criterion.bounds(rating_mw):
                name = f"{bound.id} ({site})" if criterion.id else bound.id.replace("*", site)
                yield _Target(Bound(name, bound.is_max, bound.limit, bound.is_strict), criterion.path_for(site), site)
        if not run.rating_mw:
            for bound in criterion.bounds(1.0):
                yield _Target(bound, str(criterion.metric), None, "the scenario has no sites")
    else:
        for bound in criterion.bounds():
            yield _Target(bound, str(criterion.metric))


def _judge(criterion: Criterion, target: _Target, measured: Section, run: Run) -> CriterionResult:
    bound, path = target.bound, target.path
    value, reason = (None, target.absent) if target.absent else _value(measured, path)
    out_of_scope = _out_of_scope(criterion, target.site, run)
    verdict: Verdict = "not_assessed"
    margin = None
    if run.status != COMPLETED:
        verdict, reason = "simulation_failed", f"the run did not complete: {run.status}"
    elif out_of_scope:
        value, reason = None, out_of_scope
    elif value is not None and bound.is_max and bound.passes(value) and path in measured.lower_bounds:
        reason = f"a lower bound: {measured.lower_bounds[path]}"
    elif value is not None:
        margin = bound.margin(value)
        verdict = "pass" if bound.passes(value) else "fail"
    place = measured.places.get(path, Place()) if value is not None else Place()
    return CriterionResult(
        id=bound.id,
        metric=path,
        value=value,
        limit=bound.limit,
        unit=unit_of(path),
        verdict=verdict,
        margin=margin,
        where=place.where,
        time_s=place.time_s,
        reason=reason,
        source=criterion.source,
        clause=criterion.clause,
        limit_status=criterion.status,
        evidence=criterion.evidence,
        side="max" if bound.is_max else "min",
        decides=criterion.decides,
        strict=bound.is_strict,
        title=criterion.title,
        profile=criterion.profile,
        date=criterion.date,
        note=criterion.note,
        envelope=criterion.id if criterion.envelope is not None else None,
    )


def _out_of_scope(criterion: Criterion, site: str | None, run: Run) -> str | None:
    """Why a limit does not apply to the run, if so."""
    if criterion.area is not None:
        choice = f"{{profile: {criterion.profile}, area: {criterion.area}}}"
        return f"set for area {criterion.area}; choose it with {choice}"
    scope = criterion.applies
    if scope.nominal_hz is not None and run.nominal_hz is not None and abs(scope.nominal_hz - run.nominal_hz) > 0.5:
        return f"set for {scope.in_words['nominal_hz']}"
    if scope.contingency is not None and scope.contingency != run.has_contingency:
        return f"set for {scope.in_words['contingency']}"
    if scope.min_site_mw is None:
        return None
    ratings = [run.rating_mw.get(site)] if site else list(run.rating_mw.values())
    if any(rating is None or rating >= scope.min_site_mw for rating in ratings):
        return None
    return f"set for {scope.in_words['min_site_mw']}"


def _value(measured: Section, path: str) -> tuple[float | None, str | None]:
    try:
        value = find(measured.values, path)
    except KeyError:
        return None, f'there is no metric "{path}"; {nearest(path, (known for known, _ in leaves(measured.values)))}'
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value), None
    if value is not None:
        return None, f'"{path}" is not a single number'
    return None, reason_for(measured.reasons, path) or "the run gave no finite value"
