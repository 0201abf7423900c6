"""Plots of a run: pure functions from a stored result to Plotly figures."""

from __future__ import annotations

from collections.abc import Callable

from cosim.report.figures.base import Figure, Source, no_figure
from cosim.report.figures.fluctuation import (
    FLUCTUATION,
    SPECTRUM,
    WINDOWS,
    fluctuation,
    ramp_windows,
    spectrum,
)
from cosim.report.figures.frequency import FREQUENCY, ROCOF, grid_frequency, rocof
from cosim.report.figures.modes import MODES, mode_chart
from cosim.report.figures.network import FREQUENCY_MAP, VOLTAGE_MAP, frequency_map, voltage_map
from cosim.report.figures.power import POWER, RAMP, ramps, site_power
from cosim.report.figures.resonance import RESONANCE, resonance_chart
from cosim.report.figures.ride_through import RIDE_THROUGH, ride_through
from cosim.report.figures.voltage import VOLTAGE, voltage

__all__ = ["ABOUT", "Figure", "Source", "figures_of"]

SECTIONS: dict[str, tuple[tuple[tuple[str, str], Callable[[Source], Figure]], ...]] = {
    "loads": ((POWER, site_power), (FLUCTUATION, fluctuation)),
    "frequency": ((FREQUENCY, grid_frequency), (ROCOF, rocof), (FREQUENCY_MAP, frequency_map)),
    "voltage": ((VOLTAGE, voltage), (VOLTAGE_MAP, voltage_map)),
    "ramps": ((RAMP, ramps), (WINDOWS, ramp_windows), (SPECTRUM, spectrum)),
    "oscillations": ((MODES, mode_chart),),
    "resonance": ((RESONANCE, resonance_chart),),
    "ride_through": ((RIDE_THROUGH, ride_through),),
}
"""Plots of each section of the report: id and title, and what makes it."""
ABOUT = tuple(about for plots in SECTIONS.values() for about, _ in plots)


def figures_of(source: Source) -> dict[str, list[Figure]]:
    """Every plot of the report by its section, in the order of the report."""
    return {
        section: [no_figure(about, source.nothing) if source.nothing else make(source) for about, make in plots]
        for section, plots in SECTIONS.items()
    }
