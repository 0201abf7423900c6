"""Sites placed on the grid: replaced power taken off the base loads, added power shared over the generators, and how
strong the grid is where they connect."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.loop_inputs import Load
from cosim.problems import Problems
from cosim.scenario.model import Scenario
from grids import Grid, GridError
from grids.edits import WEAK_RATIO, headroom_mw, redispatch, replace_load, select_machines
from grids.short_circuit import METHOD, short_circuit

VERY_WEAK_RATIO = 2.0
"""Short-circuit ratio below which a connection is very weak (IEEE Std 1204-1997); below `WEAK_RATIO` it is weak."""

LINE_SHARE = 0.5
"""Share of the ratings of the lines at its bus that a site should not exceed: more cannot all be carried when one of
two equal lines is out."""


@dataclass(frozen=True)
class PoiStrength:
    """How strong the grid is where a site connects.

    Parameters
    ----------
    short_circuit_mva : float
        Three-phase short-circuit power of the bus.
    ratio : float
        The same over the rating of all sites at the bus (short-circuit ratio, SCR).
    x_over_r : float or None
        Of the impedance that the bus sees; None without resistance.
    line_rating_mva : float or None
        Sum of the ratings of the lines in service at the bus; None if the case does not give all of them.
    """

    bus: str
    rating_mw: float
    short_circuit_mva: float
    ratio: float
    x_over_r: float | None
    line_rating_mva: float | None

    def as_dict(self) -> dict[str, Any]:
        """For the provenance of a site."""
        return {
            "mva": self.short_circuit_mva,
            "ratio": self.ratio,
            "x_over_r": self.x_over_r,
            "line_rating_mva": self.line_rating_mva,
            "method": METHOD,
        }


def check_redispatch(scenario: Scenario, grid: Grid, problems: Problems) -> None:
    """Check that the machines that share added power exist."""
    for k, machine in enumerate(scenario.redispatch.machines):
        try:
            select_machines(grid, [machine])
        except GridError as error:
            problems.add_error(("redispatch", "machines", k), error)


def place(
    scenario: Scenario, grid: Grid, loads: list[Load], start_level: np.ndarray, problems: Problems
) -> dict[str, float]:
    """Take replaced power off the base loads, and share added power over the generators.

    Returns
    -------
    dict
        Added MW by machine; empty where the slack generator alone supplies the sites.
    """
    added_mw = 0.0
    for k, (site, load) in enumerate(zip(scenario.sites, loads, strict=False)):
        start_mw = float(start_level[k])
        storage_mw = sum(
            level for other, level in zip(loads, start_level, strict=True) if other.storage_of == load.name
        )
        if site.mode == "add":
            added_mw += start_mw + storage_mw
            continue
        bus = grid.find_bus(site.bus)  # type: ignore[arg-type]
        if site.rating_mw > bus.load_mw:
            problems.add(
                ("sites", k, "rating_mw"),
                f"{site.rating_mw:g} MW cannot replace a part of the {bus.load_mw:g} MW at bus {bus.idx}",
                "use mode: add, or a smaller rating",
            )
            continue
        try:
            replace_load(grid, bus.idx, start_mw + storage_mw, start_mw * load.reactive_mvar)
        except GridError as error:
            problems.add_error(("sites", k, "mode"), error)
    if added_mw <= 0:
        return {}
    if scenario.redispatch.mode == "slack":
        _note_slack(grid, added_mw)
        return {}
    machine = {str(m.generator): str(m.idx) for m in grid.machines}  # what channels call the generators
    try:
        shares = redispatch(grid, added_mw, scenario.redispatch.machines or None)
        return {machine[generator]: mw for generator, mw in shares.items()}
    except GridError as error:
        problems.add_error(("redispatch",), error)
        return {}


def _note_slack(grid: Grid, added_mw: float) -> None:
    """Tell when the slack generator alone gets more than its limit allows; a power flow would not."""
    headroom, slack = headroom_mw(grid), grid.system.Slack
    left_mw = sum(headroom.get(str(idx), 0.0) for idx in slack.idx.v)
    if added_mw > left_mw:
        grid.notes.append(
            f"redispatch: the slack generator supplies {added_mw:.6g} MW of sites, its limit leaves {left_mw:.6g} MW"
        )


def poi_strengths(scenario: Scenario, grid: Grid) -> dict[str, PoiStrength]:
    """Strength of the grid at each site, by the site's name; before the run, with the statuses that it starts with."""
    rating_mw: defaultdict[str, float] = defaultdict(float)
    for site in scenario.sites:
        rating_mw[str(site.bus)] += site.rating_mw
    buses = list(rating_mw)
    found = {str(strength.bus): strength for strength in short_circuit(grid, buses)}
    return {
        str(site.name): PoiStrength(
            bus=str(site.bus),
            rating_mw=rating_mw[str(site.bus)],
            short_circuit_mva=found[str(site.bus)].mva,
            ratio=found[str(site.bus)].mva / rating_mw[str(site.bus)],
            x_over_r=x_over_r if np.isfinite(x_over_r := found[str(site.bus)].x_over_r) else None,
            line_rating_mva=_line_rating_mva(grid, str(site.bus)),
        )
        for site in scenario.sites
    }


def strength_warnings(strengths: dict[str, PoiStrength]) -> list[str]:
    """What is said of sites that are large for the place where they connect."""
    out = []
    for name, poi in strengths.items():
        if poi.ratio < WEAK_RATIO:
            kind = "very weak" if poi.ratio < VERY_WEAK_RATIO else "weak"
            share = f"{100 / poi.ratio:.0f} % of it" if poi.ratio > 0 else "no machine feeds it"
            out.append(
                f"site {name}: the grid is {kind} at bus {poi.bus}: its short-circuit power is "
                f"{poi.short_circuit_mva:.4g} MVA, {poi.rating_mw:g} MW there are {share} "
                f"(short-circuit ratio {poi.ratio:.2f}, below {WEAK_RATIO:g})"
            )
        if poi.line_rating_mva is not None and poi.rating_mw > LINE_SHARE * poi.line_rating_mva:
            out.append(
                f"site {name}: {poi.rating_mw:g} MW are more than {100 * LINE_SHARE:g} % of what the lines at bus "
                f"{poi.bus} are rated for ({poi.line_rating_mva:.6g} MVA)"
            )
    return out


def _line_rating_mva(grid: Grid, bus: str) -> float | None:
    line = grid.system.Line
    ratings = [
        float(line.rate_a.v[k])
        for k in range(line.n)
        if line.u.v[k] and bus in (str(line.bus1.v[k]), str(line.bus2.v[k]))
    ]
    return sum(ratings) if ratings and min(ratings) > 0 else None
