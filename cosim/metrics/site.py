"""What each site drew: power, energy, and the voltage at its point of interconnection."""

from __future__ import annotations

from typing import Any

import numpy as np

from cosim.metrics.section import Section, finite, not_recorded
from cosim.result import Result

_NOTED = ("energy_error", "below_v_min_s")


def template() -> dict[str, Any]:
    """Every key of one site, with nothing assessed."""
    keys = "mean_mw min_mw max_mw energy_mwh energy_error poi_min_pu poi_max_pu below_v_min_s power_recovery_s"
    return dict.fromkeys(keys.split())


def assess(result: Result) -> Section:
    """Assess every site of a run."""
    values: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for name in result.sites:
        values[name], why = assess_site(result, name)
        reasons |= {f"site.{name}.{key}": reason for key, reason in why.items()}
    return Section(values, reasons)


def assess_site(result: Result, name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """One site's metrics, and reasons for those that are None.

    Energy is the trapezoid over the stored nodes; a jump's two rows have no width, so it is exact for
    the power that the solver saw.
    """
    values = template()
    reasons: dict[str, str] = {}
    notes = result.site_attributes(name)
    draw = result.site(name)
    if draw.empty:
        reasons |= dict.fromkeys(("mean_mw", "min_mw", "max_mw", "energy_mwh"), "no time step was stored")
    else:
        power_mw, time_s = finite(draw["power_mw"].to_numpy()), draw.index.to_numpy()
        energy_mws = float(np.trapezoid(power_mw, time_s))
        duration_s = time_s[-1] - time_s[0]
        values["mean_mw"] = energy_mws / duration_s if duration_s > 0 else power_mw[-1]
        values["min_mw"], values["max_mw"] = power_mw.min(), power_mw.max()
        values["energy_mwh"] = energy_mws / 3600.0

    for key in _NOTED:
        values[key] = notes.get(key)
        if values[key] is None:
            reasons[key] = "the run did not note it"
    values |= {key: notes[key] for key in ("poi_min_pu", "poi_max_pu") if key in notes}
    if values["poi_min_pu"] is None or values["poi_max_pu"] is None:
        poi = _poi_voltage(result, notes.get("bus"))
        if isinstance(poi, str):
            reasons |= {"poi_min_pu": poi, "poi_max_pu": poi}
        else:
            values["poi_min_pu"], values["poi_max_pu"] = poi
    return values, reasons


def _poi_voltage(result: Result, bus: Any) -> tuple[float, float] | str:
    if not result.has_channel("voltage_pu"):
        return not_recorded("voltage_pu")
    table = result.extrema("voltage_pu")
    if str(bus) not in table.index:
        return f"the voltage of the site's bus ({bus}) was not recorded"
    row = table.loc[str(bus)]
    return row["min"], row["max"]
