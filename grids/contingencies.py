"""N-1: each branch and each generator out of service in turn, one power flow each."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from grids.errors import GridError
from grids.limits import Band, Violation, violations
from grids.power_flow import run_pandapower
from grids.to_pandapower import Branch, Generator, PandapowerCase, connected_parts, in_service

_WORSE = {"pu": 1e-3, "MVA": 1.0, "MW": 1.0, "Mvar": 1.0}
"""A limit that the base case passes already counts again where an outage adds more than this to the excess."""


@dataclass(frozen=True)
class Contingency:
    """What one outage does.

    Parameters
    ----------
    kind : str
        ``branch`` or ``generator``.
    element : str
        What is out of service.
    status : str
        ``solved``, or ``not_converged``: the power flow has no solution that was found, which in practice means that
        the voltage collapses.
    lost_buses : list
        Buses that the outage cuts off from every generator, or leaves with generators and no load.
    lost_load_mw : float
        Load at those buses.
    islands : list of list
        Buses of the parts that live on apart from the main grid, each with generators and load of its own.
    violations : list of Violation
        Limits that the base case keeps, or passes by less.
    """

    kind: Literal["branch", "generator"]
    element: str
    status: Literal["solved", "not_converged"]
    lost_buses: list[int | str] = field(default_factory=list)
    lost_load_mw: float = 0.0
    islands: list[list[int | str]] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    @property
    def secure(self) -> bool:
        """Solved, nothing cut off, no limit passed."""
        return self.status == "solved" and not (self.lost_buses or self.islands or self.violations)


def contingencies(
    case: PandapowerCase, band: Band, progress: Callable[[int, int], None] = lambda _, __: None
) -> list[Contingency]:
    """Take each branch and each generator out of service in turn.

    What is missing after the outage is shared over the generators in proportion to their headroom, as far as it
    goes; the slack generator supplies the rest. A part that is cut off with load and generators of its own is solved
    as an island around its largest generator. Reactive limits are not enforced but reported.

    Parameters
    ----------
    case : PandapowerCase
        Solved; left as it was found.
    band : Band
        Voltages that are allowed.
    progress : callable, optional
        Called with the outages done and their number.
    """
    base = _Base(case, band)
    elements: list[Branch | Generator] = [*in_service(case, case.branches), *in_service(case, case.generators)]
    out: list[Contingency] = []
    for element in elements:
        out.append(_outage(case, base, band, element))
        progress(len(out), len(elements))
    run_pandapower(case, base.start)
    return out


class _Base:
    """The solved net before any outage."""

    def __init__(self, case: PandapowerCase, band: Band):
        net = case.net
        self.violations = {(v.kind, v.element): v for v in violations(case, band)}
        self.voltage_pu = net.res_bus.vm_pu.to_numpy(dtype=float, copy=True)
        angle_deg = net.res_bus.va_degree.to_numpy(dtype=float, copy=True)
        self.supplied = np.isfinite(self.voltage_pu)
        self.start = (
            np.where(self.supplied, self.voltage_pu, case.initial_voltage_pu),
            np.where(self.supplied, angle_deg, case.initial_angle_deg),
        )
        self.supply_mw = {
            (g.table, g.row): float(net[f"res_{g.table}"].p_mw.at[g.row]) for g in in_service(case, case.generators)
        }
        self.load_mw = np.zeros(len(case.buses))
        np.add.at(self.load_mw, net.load.bus.to_numpy(), net.res_load.p_mw.to_numpy())
        demand_mw = max(float(self.load_mw.sum()), 1e-9)
        self.loss_share = sum(self.supply_mw.values()) / demand_mw - 1.0  # shunts' active power included
        self.gen, self.shunt = net.gen.copy(), net.shunt.copy()


def _outage(case: PandapowerCase, base: _Base, band: Band, element: Branch | Generator) -> Contingency:
    net = case.net
    net[element.table].loc[element.row, "in_service"] = False
    if isinstance(element, Branch):
        net.shunt.loc[list(element.charging), "in_service"] = False
    try:
        islands, lost = _rebalance(case, base)
        status: Literal["solved", "not_converged"] = "solved"
        new: list[Violation] = []
        try:
            run_pandapower(case, base.start)
            new = [v for v in violations(case, band) if _is_new(v, base.violations.get((v.kind, v.element)))]
        except GridError:
            status = "not_converged"
    finally:
        net[element.table].loc[element.row, "in_service"] = True
        net.gen, net.shunt = base.gen.copy(), base.shunt.copy()
    return Contingency(
        "branch" if isinstance(element, Branch) else "generator",
        element.name,
        status,
        [case.buses[k] for k in lost],
        float(base.load_mw[lost].sum()),
        [[case.buses[k] for k in island] for island in islands],
        new,
    )


def _rebalance(case: PandapowerCase, base: _Base) -> tuple[list[np.ndarray], np.ndarray]:
    """Share the missing power in every part of the net, and give each part that has no slack one.

    Returns
    -------
    islands : list of ndarray
        Parts that live on apart from the main grid.
    lost : ndarray
        Buses that had supply and belong to no part that lives on.
    """
    net = case.net
    part = connected_parts(case)
    generators = in_service(case, case.generators)
    bus_of = {(g.table, g.row): int(net[g.table].bus.at[g.row]) for g in generators}
    main = _main_part(part, [(part[bus_of[key]], base.supply_mw[key], key[0]) for key in bus_of])
    islands, lost = [], []
    for number in range(int(part.max()) + 1):
        buses = np.flatnonzero((part == number) & base.supplied)
        if not buses.size:
            continue
        members = [g for g in generators if part[bus_of[g.table, g.row]] == number]
        load_mw = float(base.load_mw[buses].sum())
        if number != main and (not members or load_mw <= 0):
            lost.append(buses)
            net.gen.loc[[g.row for g in members if g.table == "gen"], "in_service"] = False
            continue
        if number != main:
            islands.append(buses)
        if members and not any(g.table == "ext_grid" for g in members):
            largest = max(members, key=lambda g: base.supply_mw[g.table, g.row] if g.max_mw is None else g.max_mw)
            net.gen.loc[largest.row, "slack"] = True
        _share(net, base, members, load_mw * (1 + base.loss_share))
    return islands, np.concatenate(lost) if lost else np.zeros(0, dtype=int)


def _main_part(part: np.ndarray, supplies: list[tuple[int, float, str]]) -> int:
    """The part that supplied most before the outage, of two alike the one with the slack generator."""
    supply_mw = {number: 0.0 for number, _, _ in supplies}
    for number, mw, table in supplies:
        supply_mw[number] += mw + (1e-6 if table == "ext_grid" else 0.0)
    return max(supply_mw, key=lambda number: supply_mw[number]) if supply_mw else int(part[0])


def _share(net: Any, base: _Base, members: list[Generator], demand_mw: float) -> None:
    """Spread what is missing in proportion to headroom, and what is too much in proportion to output."""
    supply_mw = {g: base.supply_mw[g.table, g.row] for g in members}
    missing_mw = demand_mw - sum(supply_mw.values())
    if missing_mw > 0:
        # a generator without a limit is taken to have as much again as it supplies
        room_mw = {g: max(0.0, mw if g.max_mw is None else g.max_mw - mw) for g, mw in supply_mw.items()}
    else:
        room_mw = {g: max(0.0, mw) for g, mw in supply_mw.items()}
    total_mw = sum(room_mw.values())
    if total_mw <= 0 or abs(missing_mw) < 1e-6:
        return
    part = np.clip(missing_mw / total_mw, -1.0, 1.0)
    for generator, mw in room_mw.items():
        if generator.table == "gen":
            net.gen.loc[generator.row, "p_mw"] += mw * part


def _is_new(violation: Violation, before: Violation | None) -> bool:
    return before is None or violation.excess > before.excess + _WORSE[violation.unit]
