"""The static side of a grid in one piece: both power flows, their differences, limits, and N-1."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from grids.contingencies import Contingency, contingencies
from grids.limits import Band, Loading, Violation, branch_loadings, violations
from grids.power_flow import Difference, PowerFlow, andes_power_flow, largest_differences, pandapower_power_flow
from grids.to_pandapower import PandapowerCase, to_pandapower


@dataclass(frozen=True)
class StaticCheck:
    """Outcome of `check_statically`; ``contingencies`` is None where N-1 was not asked for."""

    case: PandapowerCase
    band: Band
    andes: PowerFlow
    pandapower: PowerFlow
    difference: Difference
    loadings: list[Loading]
    violations: list[Violation]
    contingencies: list[Contingency] | None

    @property
    def branches_without_rating(self) -> int:
        """Branches in service whose loading cannot be judged."""
        return sum(loading.percent is None for loading in self.loadings)

    @property
    def secure(self) -> bool:
        """No limit is passed, and no outage does harm."""
        return not self.violations and all(c.secure for c in self.contingencies or [])


def check_statically(
    system: Any, band: Band, with_contingencies: bool = True, progress: Callable[[int, int], None] = lambda _, __: None
) -> StaticCheck:
    """Run both power flows of an ANDES system that has been set up, then its limits and N-1.

    Parameters
    ----------
    system : andes.System
        After ``setup()``; controlled loads at the power that they are to have.
    band : Band
        Voltages that are allowed.
    with_contingencies : bool
        Whether to look at every outage.
    progress : callable, optional
        Called with the outages done and their number.

    Raises
    ------
    GridError
        If a power flow does not converge.
    """
    andes = andes_power_flow(system)
    case = to_pandapower(system)
    pandapower = pandapower_power_flow(case)
    loadings, passed = branch_loadings(case), violations(case, band)
    return StaticCheck(
        case=case,
        band=band,
        andes=andes,
        pandapower=pandapower,
        difference=largest_differences(case.buses, andes, pandapower),
        loadings=loadings,
        violations=passed,
        contingencies=contingencies(case, band, progress) if with_contingencies else None,
    )
