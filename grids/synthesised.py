"""Machines and controls for a network that comes without any, from typical data by kind and size of the unit."""

from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from ruamel.yaml import YAML

from grids.andes_runtime import andes_messages
from grids.dynamic_devices import StaticGenerator, add_control, add_machine, add_stabiliser, static_generators
from grids.errors import GridError
from grids.hydro_governor import HydroUnit, linear_hydro_governor


@dataclass(frozen=True)
class Unit:
    """What a power-flow generator becomes: a kind of `typical_dynamics.yaml`, its rating and its turbine's maximum."""

    kind: str
    rating_mva: float
    turbine_mw: float


@cache
def typical_dynamics() -> dict[str, Any]:
    """The typical data and the rules, as in ``typical_dynamics.yaml``."""
    text = resources.files("grids").joinpath("typical_dynamics.yaml").read_text(encoding="utf-8")
    return YAML(typ="safe", pure=True).load(text)


def solved_generators(system: Any, name: str) -> list[StaticGenerator]:
    """Generators of a static system with their power as the power flow gives it.

    Parameters
    ----------
    system : andes.System
        A copy for this alone, not set up: it is set up and solved here, and takes no more devices then.
    name : str
        Of the case, for messages.

    Raises
    ------
    GridError
        If the power flow of the case does not converge.
    """
    with andes_messages() as messages:
        scheduled = static_generators(system)
        solved = system.setup() and system.PFlow.run()
    if not solved:
        raise GridError(f"{name}: the power flow has no solution, so no dynamics fit: {'; '.join(messages)}")
    base = float(system.config.mva)
    power = {
        model.idx.v[i]: (float(model.p.v[i]) * base, float(model.q.v[i]) * base)
        for model in (system.PV, system.Slack)
        for i in range(model.n)
    }
    return [replace(g, p_mw=power[g.idx][0], q_mvar=power[g.idx][1]) for g in scheduled]


def choose_unit(generator: StaticGenerator) -> Unit:
    """Kind and rating of a generator, by the rules of ``typical_dynamics.yaml``.

    A unit without active power is a condenser, rated by its reactive limits, and by what it takes in: some networks
    hold a voltage with less than their own lower limit, which a machine of that size could not do. One with active
    power is rated so that its maximum (or its initial power with a margin, where that is more) is at the nominal power
    factor, and so that its initial apparent power fits with a margin.
    """
    rules = typical_dynamics()["rules"]
    apparent_mva = rules["margin"] * (generator.p_mw**2 + generator.q_mvar**2) ** 0.5
    if abs(generator.p_mw) < rules["condenser_below_mw"]:
        limit = max(abs(generator.q_max_mvar), abs(generator.q_min_mvar))
        bounded = min(max(limit, rules["smallest_condenser_mva"]), rules["largest_condenser_mva"])
        absorbing_mva = -generator.q_mvar / rules["condenser_absorbs"]
        return Unit("condenser", max(bounded, apparent_mva, absorbing_mva), 0.0)
    turbine_mw = max(generator.p_max_mw, rules["margin"] * generator.p_mw)
    rating_mva = max(turbine_mw / rules["power_factor"], apparent_mva)
    if rating_mva < rules["hydro_below_mva"]:
        kind = "hydro"
    else:
        kind = "large_steam" if rating_mva >= rules["large_steam_from_mva"] else "steam"
    return Unit(kind, rating_mva, turbine_mw)


def add_typical_dynamics(system: Any, generators: list[StaticGenerator]) -> list[str]:
    """Add machines, exciters, governors and stabilisers to a static system.

    Parameters
    ----------
    system : andes.System
        Not yet set up.
    generators : list of StaticGenerator
        With their initial power, from `solved_generators`.

    Returns
    -------
    list of str
        What there is to say about it, for the notes of the grid.
    """
    kinds: Counter[str] = Counter()
    for generator in generators:
        unit = choose_unit(generator)
        kinds[unit.kind] += 1
        _add_unit(system, generator, unit)
    data = typical_dynamics()["kinds"]
    counts = ", ".join(f"{kinds[kind]} {data[kind]['title']}" for kind in data if kinds[kind])
    return [f"synthesised dynamics, from typical data by kind and size of the unit: {counts}"]


def _add_unit(system: Any, generator: StaticGenerator, unit: Unit) -> None:
    data = typical_dynamics()
    kind = data["kinds"][unit.kind]
    machine = add_machine(system, generator, unit.rating_mva, kind["machine"])
    exciter = data["exciters"][kind["exciter"]]
    exciter_idx = add_control(system, exciter["model"], machine, exciter["parameters"])
    if kind["governor"]:
        _add_governor(system, generator, unit, machine, kind["governor"])
    if kind["stabiliser"]:
        add_stabiliser(system, exciter_idx, machine, data["stabilisers"][kind["stabiliser"]])


def _add_governor(system: Any, generator: StaticGenerator, unit: Unit, machine: str, name: str) -> None:
    parameters = typical_dynamics()["governors"][name]
    turbine_pu = unit.turbine_mw / unit.rating_mva
    if name == "hydro":
        to_system = unit.rating_mva / float(system.config.mva)
        governor = linear_hydro_governor(HydroUnit(**parameters), generator.p_mw / unit.rating_mva, to_system)
        add_control(system, "IEESGO", machine, governor | {"PMAX": turbine_pu})
    else:
        add_control(system, "TGOV1N", machine, parameters | {"VMAX": turbine_pu})
