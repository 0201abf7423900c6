"""The loads that the co-simulation drives: sites and load steps."""

from cosim.scenario.events import LoadStep
from cosim.scenario.site import Site
from cosim.simulation import Load
from loads.injector import Injector
from loads.interpolation import Waveform
from loads.site import SiteDemand


def site_load(site: Site, demand: SiteDemand, injection: str) -> Load:
    """The engine's load for a site: its level is the power in MW."""
    injector = Injector(demand.components, demand.constant_mw, injection)  # type: ignore[arg-type]
    return Load(str(site.name), injector, 1.0, demand.mvar_per_mw, site.load_model.v_min_pu, is_site=True)


def step_load(number: int, event: LoadStep) -> Load:
    """A load whose level goes from 0 to 1 at the event."""
    levels = [0.0, 1.0]
    waveform = Waveform.from_segments([0.0, event.at_s, 2 * event.at_s], levels, levels, "hold")
    injector = Injector([(waveform, 1.0)])
    return Load(f"event:{number}", injector, event.mw, event.mvar, event.load_model.v_min_pu, is_site=False)
