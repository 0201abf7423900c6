"""Which engine steps a run: the one that its scenario asks for, and the one that does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cosim.compiled.code_cache import Told
from cosim.driven_loads import load_points
from cosim.engines.andes import AndesEngine, ShuntPoint
from cosim.engines.compiled import CompiledEngine
from cosim.engines.interface import Engine
from cosim.engines.linear import LinearEngine
from cosim.scenario.model import EngineName, Scenario
from grids import Grid


@dataclass(frozen=True)
class Stepped:
    """What stepped a run.

    Attributes
    ----------
    engine : str
        ``compiled``, ``andes`` or ``linear``; where nothing was stepped, what was asked for.
    asked : str
        The scenario's ``simulation.engine``.
    reason : str or None
        Why it was not the compiled one, although that was asked for or would do.
    """

    engine: str
    asked: str
    reason: str | None


def build_engine(scenario: Scenario, grid: Grid, shunts: Sequence[ShuntPoint], told: Told | None = None) -> Engine:
    """The engine that a scenario asks for, on its grid.

    Parameters
    ----------
    scenario, grid, shunts
        Resolved; edited; faults and shunts of its events.
    told
        Told each model that has to be compiled, and the seconds that it took.
    """
    wanted, tolerance, points = scenario.simulation.engine, scenario.simulation.tolerance, load_points(scenario)
    if wanted == "linear":
        return LinearEngine(grid, points, tolerance)
    if wanted == "andes":
        return AndesEngine(grid, points, tolerance, shunts)
    return CompiledEngine(grid, points, tolerance, shunts, is_required=wanted == "compiled", told=told)


def stepped(engine: Engine, asked: EngineName) -> Stepped:
    """What stepped a run; once it is over, or its engine could not be initialised."""
    if not isinstance(engine, CompiledEngine):
        return Stepped(asked, asked, None)
    if engine.name == "compiled":
        return Stepped("compiled", asked, None)
    reason = engine.reason or None
    return Stepped("andes" if reason and asked == "auto" else asked, asked, reason)
