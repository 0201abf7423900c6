"""The loads that the co-simulation drives: sites, load steps and ramps."""

from collections.abc import Iterable, Mapping

import numpy as np

from cosim.engines.andes import LoadPoint
from cosim.loop_inputs import Load
from cosim.scenario.elements import Idx, LoadModel
from cosim.scenario.events import AnyEvent, LoadRamp, LoadStep
from cosim.scenario.mitigation import SiteStorage
from cosim.scenario.model import Scenario
from cosim.scenario.site import Site
from cosim.site_equipment import SiteEquipment
from loads.injector import Injector
from loads.interpolation import Waveform
from loads.site import SiteDemand


def driven_loads(
    scenario: Scenario, demands: Mapping[str, SiteDemand], equipment: Mapping[str, SiteEquipment]
) -> list[Load]:
    """The engine's loads: sites first, then their storage, then the loads of events."""
    sites = [_site_load(site, demands, equipment, scenario.simulation.injection) for site in scenario.sites]
    storages = [
        Load(f"{site.name}:storage", site.bus, None, 1.0, 0.0, site.v_min_pu, storage_of=site.name)
        for site in sites
        if site.equipment and site.equipment.storage
    ]
    return [*sites, *storages, *(_event_load(number, event) for number, event in _load_events(scenario))]


def start_levels(loads: Iterable[Load]) -> np.ndarray:
    """Level of each load at t = 0, shape (loads,), as the power flow is to have it."""
    sites = {load.name: load for load in loads if load.is_site}
    levels = []
    for load in loads:
        if load.injector is not None:
            levels.append(load.injector.initial_value)
        else:
            site = sites[str(load.storage_of)]
            assert site.injector is not None
            assert site.equipment is not None
            levels.append(site.equipment.start_storage_mw(site.injector.initial_value))
    return np.array(levels)


def load_points(scenario: Scenario) -> list[LoadPoint]:
    """Where the loads of `driven_loads` are, and how they depend on voltage; storage is a constant power."""
    sites = [_load_point(str(site.name), site.bus, site.load_model) for site in scenario.sites]
    storages = [
        LoadPoint(f"{site.name}:storage", site.bus, v_min_pu=site.load_model.v_min_pu)  # type: ignore[arg-type]
        for site in scenario.sites
        if site.mitigated_by(SiteStorage)
    ]
    events = [_load_point(f"event:{k}", event.bus, event.load_model) for k, event in _load_events(scenario)]
    return [*sites, *storages, *events]


def _load_point(name: str, bus: Idx | None, model: LoadModel) -> LoadPoint:
    return LoadPoint(name, bus, model.z, model.i, model.p, model.v_min_pu)  # type: ignore[arg-type]


def _load_events(scenario: Scenario) -> list[tuple[int, LoadStep | LoadRamp]]:
    return [(k, event) for k, event in enumerate(scenario.events) if _is_load(event)]  # type: ignore[misc]


def _is_load(event: AnyEvent) -> bool:
    return isinstance(event, LoadStep | LoadRamp)


def _site_load(
    site: Site, demands: Mapping[str, SiteDemand], equipment: Mapping[str, SiteEquipment], injection: str
) -> Load:
    """The engine's load for a site: its level is the power in MW."""
    name = str(site.name)
    demand = demands[name]
    injector = Injector(demand.components, demand.constant_mw, injection)  # type: ignore[arg-type]
    bus, v_min_pu = site.bus, site.load_model.v_min_pu
    return Load(name, bus, injector, 1.0, demand.mvar_per_mw, v_min_pu, equipment[name])  # type: ignore[arg-type]


def _event_load(number: int, event: LoadStep | LoadRamp) -> Load:
    """A load whose level goes from 0 to 1 at the event."""
    knots, start, end = [0.0, event.at_s, 2 * event.at_s], [0.0, 1.0], [0.0, 1.0]
    if isinstance(event, LoadRamp):
        full_s = event.at_s + event.over_s
        knots, start, end = [0.0, event.at_s, full_s, full_s + event.at_s], [0.0, 0.0, 1.0], [0.0, 1.0, 1.0]
    injector = Injector([(Waveform.from_segments(knots, start, end, "hold"), 1.0)])
    return Load(f"event:{number}", event.bus, injector, event.mw, event.mvar, event.load_model.v_min_pu)
