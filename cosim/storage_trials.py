"""Runs of a scenario with a battery of one size or another at a site, judged by one of its limits."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cosim import runner
from cosim.criteria import CriterionResult, Run, judge
from cosim.errors import InputError, Problem, nearest
from cosim.metrics import Section
from cosim.scenario.mitigation import SiteStorage
from cosim.scenario.model import Scenario
from cosim.scenario.site import Site
from cosim.scenario.source import Source
from cosim.sizing import NONE, Outcome, Size
from cosim.study import Study, prepare_study

SMOOTHING_S = 10.0
"""Of a site whose scenario has no storage to take the settings from."""

DEVICES = ("battery", "supercapacitor")
DRIFT = 0.1
"""Share of its energy that a device may have gained or lost in the run without a word about it."""


@dataclass(frozen=True)
class StorageTrials:
    """What is varied, and what it is judged by.

    Parameters
    ----------
    scenario
        Resolved: paths absolute, nothing left to the grid.
    site
        Whose battery it is.
    limit
        The criterion, as it stands in a summary but for its value.
    nominal_hz
        Of the grid.
    smoothing_s
        Of the storage; None: the scenario's, or `SMOOTHING_S`.
    """

    scenario: Scenario
    site: Site
    limit: CriterionResult
    nominal_hz: float
    smoothing_s: float | None = None

    @classmethod
    def of(cls, study: Study, criterion: str, site: str | None, smoothing_s: float | None) -> Self:
        """Find the site and the criterion by their names.

        Raises
        ------
        InputError
            If there is no such site or criterion, or more than one.
        """
        chosen = _find_site(study.scenario, site)
        limit = _find_limit(study, criterion, str(chosen.name))
        return cls(study.scenario, chosen, limit, study.engine.nominal_hz, smoothing_s)

    def run(self, size: Size, folder: Path, progress: Callable[[float], None]) -> Outcome:
        """Run with a size, and leave result, summary and scenario in a folder.

        Raises
        ------
        KeyboardInterrupt
            If the run was interrupted.
        """
        started = time.perf_counter()
        sites = [self.with_battery(size) if site is self.site else site for site in self.scenario.sites]
        study = prepare_study(self.scenario.model_copy(update={"sites": sites}), Source(None, {}))
        summary = runner.execute(study, folder, report=False, progress=progress).summary
        if summary["status"] == "interrupted":
            raise KeyboardInterrupt
        limit = self.limit
        entry = next(e for e in summary["criteria"] if (e["id"], e["metric"]) == (limit.id, limit.metric))
        storage = summary["metrics"]["site"].get(self.site.name, {}).get("mitigation", {}).get("storage", {})
        devices = {name: storage[name] for name in DEVICES if storage.get(name, {}).get("soc_final") is not None}
        return Outcome(
            entry["verdict"],
            entry["value"],
            entry["margin"],
            entry["reason"],
            time.perf_counter() - started,
            devices,
        )

    def with_battery(self, size: Size) -> Site:
        """The site with a battery of a size, all else being as it was."""
        others = [part for part in self.site.mitigation if not isinstance(part, SiteStorage)]
        if size == NONE:
            return self.site.model_copy(update={"mitigation": others})
        storage = SiteStorage.model_validate(self.storage(size))
        return self.site.model_copy(update={"mitigation": [*others, storage]})

    def storage(self, size: Size) -> dict[str, Any]:
        """Entry of the site's ``mitigation`` with a battery of a size.

        Its other settings are those of the site's own storage, whose supercapacitor, if any, grows with the battery.
        """
        own = self.site.mitigated_by(SiteStorage)
        given = own.model_dump(mode="json", exclude_unset=True, exclude_none=True) if own else {"battery": {}}
        keys: dict[str, Any] = {"type": "storage", "smoothing_s": SMOOTHING_S} | given
        if self.smoothing_s is not None:
            keys["smoothing_s"] = self.smoothing_s
        new = {"power_mw": size.power_mw, "energy_mwh": size.energy_mwh}
        for name, value in new.items():
            if "supercapacitor" in keys:
                scaled = keys["supercapacitor"][name] * value / keys["battery"][name]
                keys["supercapacitor"][name] = float(f"{scaled:.4g}")
        keys["battery"] = new | {name: value for name, value in keys["battery"].items() if name not in new}
        return keys

    def drift_warnings(self, size: Size, outcome: Outcome) -> list[str]:
        """Say which devices ended the run much fuller or emptier than they started."""
        storage = self.with_battery(size).mitigated_by(SiteStorage)
        started = storage.built(self.nominal_hz).devices if storage else {}
        return [
            f"the {name} started at {100.0 * started[name].soc_start:.1f} % of its energy and ended at "
            f"{100.0 * device['soc_final']:.1f} %: a longer run may need more energy"
            for name, device in outcome.devices.items()
            if abs(device["soc_final"] - started[name].soc_start) > DRIFT
        ]


def _find_site(scenario: Scenario, wanted: str | None) -> Site:
    sites = {str(site.name): site for site in scenario.sites}
    if not sites:
        raise InputError(Problem("the scenario has no site to put a battery at"))
    if wanted is None and len(sites) > 1:
        raise InputError(
            Problem(f"the scenario has {len(sites)} sites", hint=f"name one by --site: {', '.join(sites)}")
        )
    name = wanted or next(iter(sites))
    if name not in sites:
        raise InputError(Problem(f"there is no site '{name}'", place="--site", hint=nearest(name, sites)))
    return sites[name]


def _find_limit(study: Study, wanted: str, site: str) -> CriterionResult:
    """The limit with an id, or else on a metric; one that is each site's may be named without the site."""
    ratings: dict[str, float | None] = {str(s.name): s.rating_mw for s in study.scenario.sites}
    limits = judge(study.criteria, Section({}), Run("not_run", study.engine.nominal_hz, ratings))
    found = [limit for limit in limits if limit.id in (wanted, f"{wanted} ({site})")]
    found = found or [limit for limit in limits if limit.metric == wanted.replace("*", site)]
    if not found:
        names = dict.fromkeys([*(limit.id for limit in limits), *(limit.metric for limit in limits)])
        hint = nearest(wanted, names) if limits else "it has no criteria"
        raise InputError(Problem(f"the scenario has no criterion '{wanted}'", place="--criterion", hint=hint))
    if len(found) > 1:
        names = dict.fromkeys(limit.id for limit in found)
        hint = f"name one: {', '.join(names)}" if len(names) > 1 else "give each an id of its own"
        raise InputError(Problem(f"{len(found)} limits are meant by '{wanted}'", place="--criterion", hint=hint))
    return found[0]
