"""Criteria: limits as data, the library of profiles, and verdicts."""

from cosim.criteria.judge import (
    COMPLETED,
    CriterionResult,
    Run,
    Verdict,
    find,
    judge,
    overall_verdict,
    ramp_violations,
    wanted_by,
)
from cosim.criteria.model import TRUSTED, AnyCriterion, CriteriaReference, Criterion

__all__ = [
    "COMPLETED",
    "TRUSTED",
    "AnyCriterion",
    "CriteriaReference",
    "Criterion",
    "CriterionResult",
    "Run",
    "Verdict",
    "find",
    "judge",
    "overall_verdict",
    "ramp_violations",
    "wanted_by",
]
