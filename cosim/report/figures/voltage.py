"""Plot of bus voltages."""

from __future__ import annotations

from cosim.metrics.section import finite
from cosim.metrics.voltage_events import SAG_PU, SWELL_PU
from cosim.report.drawing import (
    BLUE,
    GREEN,
    MAX_PANELS,
    ORANGE,
    SINGLE_PX,
    Range,
    axes,
    band,
    curve,
    extreme,
    thinned_if,
)
from cosim.report.figures.base import Figure, Source, frame_of, no_figure
from cosim.report.limits import Limit, limits_on
from cosim.report.marks import draw_limits, finish
from cosim.report.text import number

VOLTAGE = ("figure-voltage", "Voltage")
NEAR_PU = 0.03


def voltage(source: Source) -> Figure:
    """Voltage of all buses as a band, with the lowest, the highest and the sites' buses."""
    about = VOLTAGE
    result, values = source.result, source.metrics["voltage"]
    pois: dict[str, list[str]] = {}
    for name in result.sites:
        pois.setdefault(str(result.site_attributes(name).get("bus")), []).append(name)
    frame = frame_of(result, "voltage_pu", [values["min_bus"], values["max_bus"], *pois])
    if isinstance(frame, str):
        return no_figure(about, frame)
    plot, drawn = axes(1, ["voltage (pu)"], SINGLE_PX), Range()
    time_s, volts = frame.index.to_numpy(), finite(frame.to_numpy())
    if len(result.elements("voltage_pu")) > 1:
        drawn.add(band(plot, result.envelope("voltage_pu"), "all buses"))
    for bus, colour, what in ((values["min_bus"], ORANGE, "lowest"), (values["max_bus"], GREEN, "highest")):
        if bus in frame.columns:
            at_poi = f", POI of {', '.join(pois.pop(bus))}" if bus in pois else ""
            column = volts[:, frame.columns.get_loc(bus)]
            drawn.add(curve(plot, time_s, column, f"bus {bus} ({what}{at_poi})", colour))
    for bus, names in list(pois.items())[:MAX_PANELS]:
        if bus in frame.columns:
            column = volts[:, frame.columns.get_loc(bus)]
            drawn.add(curve(plot, time_s, column, f"bus {bus} (POI of {', '.join(names)})", BLUE, dash="dot"))
    if not drawn.known:
        return no_figure(about, "channel voltage_pu holds no finite values")
    limits = [*limits_on(source.limits, "voltage.min_pu"), *limits_on(source.limits, "voltage.max_pu")]
    known = {limit.value for limit in limits}
    for edge_pu, name in ((SAG_PU, "sag"), (SWELL_PU, "swell")):
        if edge_pu not in known:
            limits.append(Limit(name, "", edge_pu, judged=False))
    outside = draw_limits(plot, limits, drawn, reach=0, near=NEAR_PU)
    for side, colour in (("min", ORANGE), ("max", GREEN)):
        extreme(plot, values[f"{side}_time_s"], values[f"{side}_pu"], f"{side}imum", colour)
    finish(plot, result)
    return Figure(
        *about,
        alt="Bus voltages over time. "
        f"Lowest {number(values['min_pu'], 'pu')} pu at bus {values['min_bus']} at "
        f"{number(values['min_time_s'], 's')} s; highest {number(values['max_pu'], 'pu')} pu at bus "
        f"{values['max_bus']} at {number(values['max_time_s'], 's')} s.",
        caption=" ".join(["Band: lowest to highest bus at each instant." + thinned_if(result), *outside]),
        plot=plot,
    )
