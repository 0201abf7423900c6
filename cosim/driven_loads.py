"""The loads that the co-simulation drives: sites, load steps and ramps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields

from cosim.connection import Connection
from cosim.engines.andes import LoadPoint
from cosim.scenario.events import AnyEvent, LoadRamp, LoadStep
from cosim.scenario.model import Scenario
from cosim.scenario.site import Site
from cosim.simulation import Load
from loads.injector import Injector
from loads.interpolation import Waveform
from loads.segments import Floats
from loads.site import SiteDemand


@dataclass(frozen=True)
class SwitchedDemand(SiteDemand):
    """Demand of a site that trips and returns."""

    connection: Connection = field(default_factory=Connection)

    def native_series(self, duration_s: float, max_interval_s: float = 1.0) -> tuple[float, Floats]:
        """Return interval means as `SiteDemand` does, times the mean share that is connected."""
        interval_s, power_mw = super().native_series(duration_s, max_interval_s)
        return interval_s, power_mw * self.connection.means(interval_s, power_mw.size)


def switched_demands(demands: Mapping[str, SiteDemand], connections: Mapping[str, Connection]) -> dict[str, SiteDemand]:
    """Demands of all sites, with what trips and returns taken into account."""
    out = dict(demands)
    for name, connection in connections.items():
        parts = {part.name: getattr(demands[name], part.name) for part in fields(SiteDemand)}
        out[name] = SwitchedDemand(**parts, connection=connection)
    return out


def driven_loads(
    scenario: Scenario, demands: Mapping[str, SiteDemand], connections: Mapping[str, Connection]
) -> list[Load]:
    """The engine's loads: sites first, then those of events."""
    sites = [_site_load(site, demands, connections, scenario.simulation.injection) for site in scenario.sites]
    return sites + [_event_load(number, event) for number, event in _load_events(scenario)]


def load_points(scenario: Scenario, loads: Iterable[Load]) -> list[LoadPoint]:
    """Where the loads of `driven_loads` are, and how they depend on voltage."""
    parts: list[Site | LoadStep | LoadRamp] = [*scenario.sites, *(event for _, event in _load_events(scenario))]
    return [
        LoadPoint(load.name, part.bus, part.load_model.z, part.load_model.i, part.load_model.p, load.v_min_pu)  # type: ignore[arg-type]
        for load, part in zip(loads, parts, strict=True)
    ]


def _load_events(scenario: Scenario) -> list[tuple[int, LoadStep | LoadRamp]]:
    return [(k, event) for k, event in enumerate(scenario.events) if _is_load(event)]  # type: ignore[misc]


def _is_load(event: AnyEvent) -> bool:
    return isinstance(event, LoadStep | LoadRamp)


def _site_load(
    site: Site, demands: Mapping[str, SiteDemand], connections: Mapping[str, Connection], injection: str
) -> Load:
    """The engine's load for a site: its level is the power in MW."""
    name = str(site.name)
    demand = demands[name]
    injector = Injector(demand.components, demand.constant_mw, injection)  # type: ignore[arg-type]
    v_min_pu = site.load_model.v_min_pu
    return Load(name, injector, 1.0, demand.mvar_per_mw, v_min_pu, is_site=True, connection=connections.get(name))


def _event_load(number: int, event: LoadStep | LoadRamp) -> Load:
    """A load whose level goes from 0 to 1 at the event."""
    knots, start, end = [0.0, event.at_s, 2 * event.at_s], [0.0, 1.0], [0.0, 1.0]
    if isinstance(event, LoadRamp):
        full_s = event.at_s + event.over_s
        knots, start, end = [0.0, event.at_s, full_s, full_s + event.at_s], [0.0, 0.0, 1.0], [0.0, 1.0, 1.0]
    injector = Injector([(Waveform.from_segments(knots, start, end, "hold"), 1.0)])
    return Load(f"event:{number}", injector, event.mw, event.mvar, event.load_model.v_min_pu, is_site=False)
