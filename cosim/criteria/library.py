"""Profiles: files of limits, the library's and the user's, and the criteria that a scenario's entries stand for."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from cosim.criteria.model import CriteriaReference, Criterion, Evidence, LimitStatus, Part, Scope
from cosim.errors import InputError, Problem, nearest
from cosim.scenario.source import Source, read_yaml
from cosim.scenario.translation import problems_in

_FOLDER = Path(__file__).parent / "profiles"


class LeftOut(Part):
    """A limit that a run cannot be judged by, and why."""

    what: str
    why: str


class Profile(Part):
    """Limits of one origin. Keys beside ``limits`` hold for every limit that does not say otherwise."""

    profile: str = Field(description="name")
    title: str = Field(description="whose limits these are")
    description: str = ""
    source: str | None = None
    date: str | None = None
    status: LimitStatus = "inline"
    evidence: Evidence = "user"
    decide: bool | None = None
    applies: Scope = Scope()
    limits: list[dict[str, Any]]
    left_out: list[LeftOut] = Field([], description="limits that a run cannot be judged by")

    @property
    def criteria(self) -> list[Criterion]:
        """The limits, complete."""
        return [Criterion.model_validate(self._complete(limit)) for limit in self.limits]

    @property
    def areas(self) -> list[str]:
        """Areas that limits are set for."""
        return list(dict.fromkeys(limit["area"] for limit in self.limits if limit.get("area")))

    def _complete(self, limit: dict[str, Any]) -> dict[str, Any]:
        own = {"source": self.source, "date": self.date, "status": self.status, "evidence": self.evidence}
        applies = self.applies.model_dump(exclude_none=True) | limit.get("applies", {})
        return own | {"decide": self.decide} | limit | {"applies": applies, "profile": self.profile}


def profile_files() -> dict[str, Path]:
    """Files of the library's profiles by name."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.yaml"))}


@cache
def find_profile(name: str) -> Profile:
    """Profile of the library.

    Raises
    ------
    KeyError
        If there is none of that name.
    """
    return read_profile(profile_files()[name])


def read_profile(path: Path) -> Profile:
    """Read a file of limits.

    Raises
    ------
    InputError
        With every problem found, by line and key.
    """
    source = read_yaml(path)
    if not isinstance(source.data, dict):
        raise InputError(Problem("expected the keys and values of a profile", place=f"{path}:1:1"))
    try:
        profile = Profile.model_validate(source.data)
    except ValidationError as error:
        raise InputError(*problems_in(error, source, Profile)) from None
    problems = list(_limit_problems(profile, source))
    if problems:
        raise InputError(*problems)
    return profile


def expand(entries: Iterable[Criterion | CriteriaReference]) -> list[Criterion]:
    """Criteria that a scenario's entries stand for; what is set for another area is left out.

    Raises
    ------
    InputError
        If a file cannot be used.
    KeyError
        If a profile does not exist: see :func:`reference_problem`.
    """
    found: list[Criterion] = []
    for entry in entries:
        if isinstance(entry, Criterion):
            found.append(entry)
            continue
        for criterion in _profile_of(entry).criteria:
            if entry.only is not None and criterion.id not in entry.only:
                continue
            if entry.area is not None and criterion.area not in (None, entry.area):
                continue
            changes: dict[str, Any] = {} if entry.decide is None else {"decide": entry.decide}
            if criterion.area == entry.area:
                changes["area"] = None  # chosen: nothing stands in its way
            found.append(criterion.model_copy(update=changes))
    return found


def reference_problem(entry: CriteriaReference) -> tuple[str, str, str] | None:
    """What is wrong with a reference: its key, a message and a hint; None if it can be expanded.

    Raises
    ------
    InputError
        If its file cannot be used.
    """
    if entry.profile is not None and entry.profile not in profile_files():
        return "profile", f"there is no profile '{entry.profile}'", nearest(entry.profile, profile_files())
    path = Path(str(entry.file))
    if entry.file is not None and not path.is_file():
        beside = [found.name for found in path.parent.glob("*.y*ml")]
        return "file", f"there is no such file: {path}", nearest(path.name, beside)
    profile = _profile_of(entry)
    if entry.area is not None and entry.area not in profile.areas:
        return "area", f"{profile.profile} has no area '{entry.area}'", nearest(entry.area, profile.areas)
    ids = [str(criterion.id) for criterion in profile.criteria]
    for wanted in entry.only or []:
        if wanted not in ids:
            return "only", f"{profile.profile} has no limit '{wanted}'", nearest(wanted, ids)
    return None


def _profile_of(entry: CriteriaReference) -> Profile:
    return find_profile(entry.profile) if entry.profile is not None else read_profile(Path(str(entry.file)))


def _limit_problems(profile: Profile, source: Source) -> Iterable[Problem]:
    """What is wrong with limits that are each validated by themselves."""
    known: set[str] = set()
    for k, limit in enumerate(profile.limits):
        try:
            criterion = Criterion.model_validate(profile._complete(limit))
        except ValidationError as error:
            inner = Source(source.path, limit, {p[2:]: at for p, at in source.places.items() if p[:2] == ("limits", k)})
            for problem in problems_in(error, inner, Criterion):
                key = f"limits[{k}]" + (f".{problem.key}" if problem.key else "")
                yield Problem(problem.message, key, problem.place or source.place(("limits", k)), problem.hint)
            continue
        if criterion.id is None:
            yield source.problem(("limits", k), "a limit of a profile needs an id")
        elif criterion.id in known:
            yield source.problem(("limits", k, "id"), f"two limits have the id '{criterion.id}'")
        known.add(str(criterion.id))
