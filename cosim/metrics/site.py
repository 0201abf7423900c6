"""What each site drew: power, energy and where it went, its voltage, and what its protection and mitigation did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cosim.metrics.section import Place, Section, finite, leaves, not_recorded, reason_for
from cosim.result import Result

RETURNED_PU = 0.9
RECOVERED_SHARE = 0.9
SAME_TIME_S = 1e-9
_NOTED = ("energy_error", "below_v_min_s")
_ENERGY = (
    "it losses cooling ramp_limiter sampling tripped ups_battery generator lost recharge storage_charged "
    "storage_discharged storage_change voltage poi"
)
_PROTECTION = "transfers first_transfer_s largest_away_share away_share_at_end locked_share_at_end ups_state_of_charge"
_SWING = "peak_to_peak_before_mw peak_to_peak_after_mw sd_before_mw sd_after_mw"
_ADDED = f"added_mwh added_percent {_SWING}"
_LIMITS = "ramping_up_s ramping_down_s"
_DEVICE = (
    "charged_mwh discharged_mwh losses_mwh at_power_limit_s at_ramp_limit_s at_soc_limit_s soc_min soc_max soc_final"
)


def template() -> dict[str, Any]:
    """Every key of one site, with nothing assessed."""
    keys = "mean_mw min_mw max_mw energy_mwh energy_error poi_min_pu poi_max_pu below_v_min_s power_recovery_s"
    keys += " least_connected_share connected_share_at_end"
    return _none(keys) | {
        "energy": _none(" ".join(f"{name}_mwh" for name in _ENERGY.split())),
        "protection": _none(_PROTECTION),
        "mitigation": {
            "smoothing": _none(f"{_ADDED} at_floor_s {_LIMITS}"),
            "stagger": _none(_ADDED),
            "ramp_limiter": _none(f"{_ADDED} {_LIMITS}"),
            "storage": _none(_SWING) | {"battery": _none(_DEVICE), "supercapacitor": _none(_DEVICE)},
        },
    }


def _none(keys: str) -> dict[str, Any]:
    return dict.fromkeys(keys.split())


def assess(result: Result) -> Section:
    """Assess every site of a run."""
    section = Section({})
    for name in result.sites:
        site = assess_site(result, name)
        section.values[name] = site.values
        section.reasons.update({f"site.{name}.{key}": reason for key, reason in site.reasons.items()})
        section.lower_bounds.update({f"site.{name}.{key}": why for key, why in site.lower_bounds.items()})
        section.places.update({f"site.{name}.{key}": Place(name) for key in site.values})
        section.places.update({f"site.{name}.{key}": place for key, place in site.places.items()})
    return section


def assess_site(result: Result, name: str) -> Section:
    """One site's metrics; keys of the section's tables are without the site's path.

    Energy is the trapezoid over the stored nodes; a jump's two rows have no width, so it is exact for
    the power that the solver saw.
    """
    section = Section(template())
    values, reasons = section.values, section.reasons
    notes = result.site_attributes(name)
    draw = result.site(name, ["power_mw", "connected_share", "storage_mw"])
    if draw.empty:
        keys = ("mean_mw", "min_mw", "max_mw", "energy_mwh", "least_connected_share", "connected_share_at_end")
        reasons.update(dict.fromkeys(keys, "no time step was stored"))
    else:
        power_mw, time_s = finite(draw["power_mw"].to_numpy()), draw.index.to_numpy()
        energy_mws = float(np.trapezoid(power_mw, time_s))
        duration_s = time_s[-1] - time_s[0]
        values["mean_mw"] = energy_mws / duration_s if duration_s > 0 else power_mw[-1]
        values["min_mw"], values["max_mw"] = power_mw.min(), power_mw.max()
        values["energy_mwh"] = energy_mws / 3600.0
        share = draw["connected_share"].to_numpy() if "connected_share" in draw else np.ones(1)
        values["least_connected_share"], values["connected_share_at_end"] = share.min(), share[-1]
    for key in _NOTED:
        values[key] = notes.get(key)
        if values[key] is None:
            reasons[key] = "the run did not note it"
    values |= {key: notes[key] for key in ("poi_min_pu", "poi_max_pu") if key in notes}
    if values["poi_min_pu"] is None or values["poi_max_pu"] is None:
        poi = _poi_voltage(result, notes.get("bus"))
        if isinstance(poi, str):
            reasons.update({"poi_min_pu": poi, "poi_max_pu": poi})
        else:
            values["poi_min_pu"], values["poi_max_pu"] = poi
    _add_recovery(section, result, name, notes.get("bus"))
    if "storage_mw" in draw and draw["storage_mw"].any():
        _add_storage_swing(values["mitigation"]["storage"], result.site(name, ["command_mw", "storage_mw"]))
    _add_accounts(section, notes)
    return section


def _add_accounts(section: Section, notes: Mapping[str, Any]) -> None:
    """What the run noted of energy, protection and mitigation."""
    values, reasons = section.values, section.reasons
    energy, protection, mitigation = (
        json.loads(notes.get(key, "{}")) for key in ("energy", "protection", "mitigation")
    )
    values["energy"] |= energy
    values["protection"] |= protection
    if not energy:
        reasons["energy"] = "the run did not note it"
    if not protection:
        reasons["protection"] = "the site has no protection that acts"
    for kind, keys in values["mitigation"].items():
        keys |= mitigation.get(kind, {})
        if kind not in mitigation:
            reasons[f"mitigation.{kind}"] = f"the site has no {kind.replace('_', ' ')}"
    if (
        values["mitigation"]["storage"]["battery"]["soc_min"] is not None
        and "supercapacitor" not in mitigation["storage"]
    ):
        reasons["mitigation.storage.supercapacitor"] = "the storage has none"
    for path, value in leaves({key: values[key] for key in ("protection", "mitigation")}):
        if value is None and not reason_for(reasons, path):
            reasons[path] = "nothing of the kind happened"


def _add_storage_swing(storage: dict[str, Any], draw: pd.DataFrame) -> None:
    """Swing of the site's load and of what passes the POI, both at nominal voltage, over the stored nodes."""
    time_s, after_mw = draw.index.to_numpy(), draw["command_mw"].to_numpy()
    for name, power_mw in (("before", after_mw - draw["storage_mw"].to_numpy()), ("after", after_mw)):
        storage[f"peak_to_peak_{name}_mw"] = float(np.ptp(power_mw))
        duration_s = time_s[-1] - time_s[0]
        if duration_s > 0:
            mean_mw = np.trapezoid(power_mw, time_s) / duration_s
            variance = np.trapezoid((power_mw - mean_mw) ** 2, time_s) / duration_s
            storage[f"sd_{name}_mw"] = float(np.sqrt(variance))


def _add_recovery(section: Section, result: Result, name: str, bus: Any) -> None:
    """Longest time from the return of the voltage until the site draws 90 % of its power before the sag."""
    key = "power_recovery_s"
    if not result.has_channel("voltage_pu"):
        section.reasons[key] = not_recorded("voltage_pu")
        return
    if str(bus) not in result.elements("voltage_pu"):
        section.reasons[key] = f"the voltage of the site's bus ({bus}) was not recorded"
        return
    never = f"the voltage of bus {bus} was never below {RETURNED_PU:g} pu"
    if result.extrema("voltage_pu").at[str(bus), "min"] >= RETURNED_PU:
        section.reasons[key] = never
        return
    voltage = result.channel_with_jumps("voltage_pu", [str(bus)])
    volts, time_s = voltage.to_numpy()[:, 0], voltage.index.to_numpy()
    volts, time_s = volts[np.isfinite(volts)], time_s[np.isfinite(volts)]
    low = volts < RETURNED_PU
    falls = np.flatnonzero(~low[:-1] & low[1:])  # the last sample before the sag
    rises = np.flatnonzero(low[:-1] & ~low[1:])  # the last sample of the sag
    if not low.any():
        section.reasons[key] = never
        return
    if not falls.size or not rises.size or rises[-1] < falls[0]:
        section.reasons[key] = f"the voltage of bus {bus} never came back from below {RETURNED_PU:g} pu"
        return
    draw = result.site(name, ["power_mw"])
    if draw.empty:
        section.reasons[key] = "no time step was stored"
        return
    power_mw, node_s = finite(draw["power_mw"].to_numpy()), draw.index.to_numpy()
    worst_s, worst_at_s, is_open = -1.0, float("nan"), False
    for rise in rises[rises > falls[0]].tolist():
        share = (RETURNED_PU - volts[rise]) / (volts[rise + 1] - volts[rise])
        back_s = time_s[rise] + share * (time_s[rise + 1] - time_s[rise])
        fall_s = time_s[falls[falls < rise][-1]]
        # At a jump the first of the two nodes is the one before it.
        before_mw = power_mw[min(int(np.searchsorted(node_s, fall_s - SAME_TIME_S)), power_mw.size - 1)]
        from_here = np.flatnonzero((node_s >= back_s - SAME_TIME_S) & (power_mw >= RECOVERED_SHARE * before_mw))
        end_s = node_s[from_here[0]] if from_here.size else node_s[-1]
        is_open |= not from_here.size
        if end_s - back_s > worst_s:
            worst_s, worst_at_s = max(float(end_s - back_s), 0.0), float(back_s)
    section.values[key] = worst_s
    section.places[key] = Place(name, worst_at_s)
    if is_open:
        section.lower_bounds[key] = "the site does not draw 90 % of its power again before the end of the record"


def _poi_voltage(result: Result, bus: Any) -> tuple[float, float] | str:
    if not result.has_channel("voltage_pu"):
        return not_recorded("voltage_pu")
    table = result.extrema("voltage_pu")
    if str(bus) not in table.index:
        return f"the voltage of the site's bus ({bus}) was not recorded"
    row = table.loc[str(bus)]
    return row["min"], row["max"]
