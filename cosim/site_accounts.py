"""What a run leaves behind of a site besides its series: energy by where it went, protection, mitigation."""

from collections.abc import Sequence
from typing import Any

from cosim.mitigation import Stage
from cosim.site_response import SiteResponse
from loads.site import SiteDemand

S_PER_H = 3600.0


def site_accounts(
    demand: SiteDemand, stages: Sequence[Stage], response: SiteResponse, end_s: float, interval_s: float
) -> dict[str, Any]:
    """Collect the accounts of one site, at the end of a run.

    Parameters
    ----------
    demand
        Mitigated.
    stages
        That it went through.
    response
        Of the site, at the end.
    end_s
        Of the run.
    interval_s
        Longest interval of the means that swings are of.

    Returns
    -------
    dict
        ``energy`` (MWh, see `energy_account`), ``protection`` where the site has any, and ``mitigation`` by kind.
    """
    accounts: dict[str, Any] = {"energy": energy_account(demand, response, end_s)}
    if response.protection is not None:
        accounts["protection"] = _protection_account(response)
    mitigation: dict[str, Any] = {stage.name: stage.report(end_s, interval_s) for stage in stages}
    if response.storage is not None:
        devices = response.storage.report(response.storage_state)
        mitigation["storage"] = {name: report.to_dict() for name, report in devices.items()}
    if mitigation:
        accounts["mitigation"] = mitigation
    return accounts


def energy_account(demand: SiteDemand, response: SiteResponse, end_s: float) -> dict[str, float]:
    r"""Where the energy at the POI went, MWh.

    .. math::
        E_{POI} = E_{IT} + E_{losses} + E_{cooling} + E_{limiter} + E_{sampling} - E_{tripped} - E_{battery}
                  - E_{generator} - E_{lost} + E_{recharge} + E_{charged} - E_{discharged} + E_{voltage}

    The workloads want the first three; a ramp limiter changes that by the fourth; point injection, which samples the
    trace, by the fifth. What events have tripped is not drawn, nor is what UPS batteries and generators carry or nobody
    does. Recharge is of UPS batteries; charged and discharged are of the storage. The last is what the voltage makes
    the load draw beyond its power at nominal voltage; it is negative in a deep sag.
    """
    energies = response.energies
    parts = demand.energy_parts_mwh(end_s)
    wanted_mwh = demand.energy_mwh(end_s)
    demand_mwh = energies.demand / S_PER_H
    storage = response.storage.report(response.storage_state).values() if response.storage else ()
    charged_mwh = sum(report.charged_mwh for report in storage)
    discharged_mwh = sum(report.discharged_mwh for report in storage)
    stored_mwh = charged_mwh - discharged_mwh - sum(report.losses_mwh for report in storage)
    ups = response.protection.energy(response.protection_state) if response.protection else None
    return {
        "it_mwh": parts["it"],
        "losses_mwh": parts["losses"],
        "cooling_mwh": parts["cooling"],
        "ramp_limiter_mwh": wanted_mwh - sum(parts.values()),
        "sampling_mwh": demand_mwh - wanted_mwh,
        "tripped_mwh": (energies.demand - energies.connected) / S_PER_H,
        "ups_battery_mwh": ups.battery_mwh if ups else 0.0,
        "generator_mwh": ups.generator_mwh if ups else 0.0,
        "lost_mwh": ups.lost_mwh if ups else 0.0,
        "recharge_mwh": energies.recharge / S_PER_H,
        "storage_charged_mwh": charged_mwh,
        "storage_discharged_mwh": discharged_mwh,
        "storage_change_mwh": stored_mwh,
        "voltage_mwh": energies.voltage / S_PER_H,
        "poi_mwh": energies.drawn / S_PER_H,
    }


def _protection_account(response: SiteResponse) -> dict[str, Any]:
    assert response.protection is not None
    left = [entry for entry in response.log if entry.share < 0.0]
    away, share = 0.0, 0.0
    for entry in response.log:
        share -= entry.share
        away = max(away, share)
    return {
        "transfers": len(left),
        "first_transfer_s": left[0].time_s if left else None,
        "largest_away_share": away,
        "away_share_at_end": response.away_share,
        "locked_share_at_end": response.protection.locked_share(response.protection_state),
        "ups_state_of_charge": response.protection.energy(response.protection_state).state_of_charge,
    }
