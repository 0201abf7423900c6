"""Static limits of a solved pandapower net: voltage bands, branch ratings, generator limits."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from grids.to_pandapower import Branch, PandapowerCase

Kind = Literal["low_voltage", "high_voltage", "overload", "generator_mw", "generator_mvar"]

_SLACK_SHARE = 1e-6
"""A limit that is passed by less than this share of it is met: solvers stop short of exactness."""


@dataclass(frozen=True)
class Band:
    """Voltages that are allowed (pu)."""

    min_pu: float = 0.9
    max_pu: float = 1.1


@dataclass(frozen=True)
class Violation:
    """A limit that is passed: of which kind, at which element, and by what; ``unit`` is that of value and limit."""

    kind: Kind
    element: str
    value: float
    limit: float
    unit: str

    @property
    def excess(self) -> float:
        """How far beyond the limit, in the unit of the value."""
        return abs(self.value - self.limit)


@dataclass(frozen=True)
class Loading:
    """Apparent power of a branch at its more loaded end; ``rating_mva`` is None without rate A."""

    branch: Branch
    power_mva: float

    @property
    def percent(self) -> float | None:
        """Share of the rating, if there is one."""
        return None if self.branch.rating_mva is None else 100.0 * self.power_mva / self.branch.rating_mva


def branch_loadings(case: PandapowerCase) -> list[Loading]:
    """Loading of every branch in service, in the order of the case."""
    net = case.net
    flows = {
        table: np.nan_to_num(np.maximum(np.hypot(res[p1], res[q1]), np.hypot(res[p2], res[q2])).to_numpy(dtype=float))
        for table, res, (p1, q1, p2, q2) in (
            ("line", net.res_line, ("p_from_mw", "q_from_mvar", "p_to_mw", "q_to_mvar")),
            ("trafo", net.res_trafo, ("p_hv_mw", "q_hv_mvar", "p_lv_mw", "q_lv_mvar")),
        )
    }
    on = {table: net[table].in_service.to_numpy() for table in flows}
    return [Loading(b, float(flows[b.table][b.row])) for b in case.branches if on[b.table][b.row]]


def violations(case: PandapowerCase, band: Band) -> list[Violation]:
    """All limits that the solved net passes, by kind in the order of the case."""
    return _voltages(case, band) + _overloads(case) + _generators(case)


def _voltages(case: PandapowerCase, band: Band) -> list[Violation]:
    voltage = case.net.res_bus.vm_pu.to_numpy(dtype=float)
    low = np.flatnonzero(voltage < band.min_pu * (1 - _SLACK_SHARE))
    high = np.flatnonzero(voltage > band.max_pu * (1 + _SLACK_SHARE))
    return [
        *(Violation("low_voltage", f"bus {case.buses[k]}", float(voltage[k]), band.min_pu, "pu") for k in low),
        *(Violation("high_voltage", f"bus {case.buses[k]}", float(voltage[k]), band.max_pu, "pu") for k in high),
    ]


def _overloads(case: PandapowerCase) -> list[Violation]:
    return [
        Violation("overload", f"branch {loading.branch.name}", loading.power_mva, loading.branch.rating_mva, "MVA")
        for loading in branch_loadings(case)
        if loading.branch.rating_mva is not None and loading.power_mva > loading.branch.rating_mva * (1 + _SLACK_SHARE)
    ]


def _generators(case: PandapowerCase) -> list[Violation]:
    out: list[Violation] = []
    for generator in case.generators:
        if not case.net[generator.table].in_service.at[generator.row]:
            continue
        result: Any = case.net[f"res_{generator.table}"].loc[generator.row]
        bounds: tuple[tuple[Kind, float, float | None, float | None, str], ...] = (
            ("generator_mw", float(result.p_mw), generator.min_mw, generator.max_mw, "MW"),
            ("generator_mvar", float(result.q_mvar), generator.min_mvar, generator.max_mvar, "Mvar"),
        )
        name = f"generator {generator.name}"
        for kind, value, low, high, unit in bounds:
            margin = _SLACK_SHARE * max(case.net.sn_mva, abs(value))
            if low is not None and value < low - margin:
                out.append(Violation(kind, name, value, low, unit))
            elif high is not None and value > high + margin:
                out.append(Violation(kind, name, value, high, unit))
    return out
