"""Tables of sites with protection or mitigation: where their energy went, who left when, what was smoothed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from cosim.metrics import leaves
from cosim.report.tables.cells import MAX_ROWS, Cell, Table, columns
from cosim.report.text import MISSING, general, is_number, number
from cosim.result import Result

ZERO_SHARE = 1e-9
"""An energy below this share of the largest is rounding."""

ENERGY = (
    ("it", 1, "Computing equipment", "what the workloads ask for; energy burnt by power smoothing is in it"),
    ("losses", 1, "Losses in the site", "power supplies, UPS and transformer"),
    ("cooling", 1, "Cooling", ""),
    ("ramp_limiter", 1, "Ramp limiter", "added by limiting how fast the demand changes"),
    ("sampling", 1, "Sampling", "of the demand once a step, against its average over the step"),
    ("tripped", -1, "Disconnected by events", "a load trip of the scenario"),
    ("ups_battery", -1, "Carried by UPS batteries", "while off the grid"),
    ("generator", -1, "Carried by the site's generators", "while off the grid"),
    ("lost", -1, "Lost", "demand that was off the grid and that nothing carried"),
    ("recharge", 1, "Charging of UPS batteries", "after the return, with its losses"),
    ("storage_charged", 1, "Charging of the storage", ""),
    ("storage_discharged", -1, "Discharging of the storage", ""),
    ("voltage", 1, "Effect of the voltage", "drawn beyond the power at nominal voltage"),
)
"""Parts of the energy at the POI: key, sign in the sum, what it is, and more on it."""

KINDS = {
    "smoothing": ("Power smoothing", "GPUs hold a floor and limit their ramps"),
    "stagger": ("Staggered jobs", "parts of a job run after one another"),
    "ramp_limiter": ("Ramp limiter", "of the whole site"),
    "storage": ("Storage at the POI", "charges and discharges against the fluctuation"),
}
_LIMITS = {
    "at_floor_s": "at the floor",
    "ramping_up_s": "rising as fast as allowed",
    "ramping_down_s": "falling as fast as allowed",
    "at_power_limit_s": "at full power",
    "at_ramp_limit_s": "at the ramp limit",
    "at_soc_limit_s": "full or empty",
}
_SWING = ("peak_to_peak_before_mw", "peak_to_peak_after_mw", "sd_before_mw", "sd_after_mw")


def reaction_tables(result: Result, metrics: Mapping[str, Any]) -> dict[str, list[Table]]:
    """Tables of each site that has protection or mitigation, by its name; ``metrics`` are those of the summary."""
    tables: dict[str, list[Table]] = {}
    events = result.events.to_dict("records")
    for name, site in metrics["site"].items():
        is_protected = _is_known(site.get("protection"))
        kinds = [kind for kind in KINDS if _is_known((site.get("mitigation") or {}).get(kind))]
        if not is_protected and not kinds:
            continue
        tables[name] = [_energy(name, site.get("energy") or {})]
        if is_protected:
            tables[name] += [_protection(name, site["protection"], result.site(name)), _actions(name, events)]
        if kinds:
            tables[name].append(_mitigation(name, site["mitigation"], kinds, is_protected))
    return tables


def _is_known(tree: Mapping[str, Any] | None) -> bool:
    return any(value is not None for _, value in leaves(tree or {}))


def _energy(name: str, energy: Mapping[str, float | None]) -> Table:
    """The account of the energy at the POI, down to its sum."""
    parts = [(label, note, sign * (energy.get(f"{key}_mwh") or 0.0)) for key, sign, label, note in ENERGY]
    poi_mwh = energy.get("poi_mwh")
    titles = columns("Part", "Energy (MWh)>", "Of the energy at the POI (%)>")
    table = (f"table-energy-{name}", f"{name}: where the energy at the POI went", titles)
    if poi_mwh is None:
        return Table(*table, [], "The run ended before its energy was accounted.")
    largest_mwh = max(abs(value) for _, _, value in parts)
    digits = min(max(4 - math.floor(math.log10(largest_mwh)), 3), 9) if largest_mwh > 0.0 else 3

    def row(label: str, note: str, value_mwh: float) -> list[Cell]:
        percent = 100.0 * value_mwh / poi_mwh if poi_mwh > ZERO_SHARE * largest_mwh else None
        return [
            Cell(label, note),
            Cell(number(value_mwh, "MWh", digits), sort=value_mwh),
            Cell(number(percent, "%"), sort=percent),
        ]

    rows = [row(*part) for part in parts if round(part[2], digits) != 0.0]
    headings = {len(rows): "Together"}
    sum_mwh = sum(value for _, _, value in parts)
    rows += [row("Sum of the above", "", sum_mwh), row("Passed the POI", "power at each step, summed alone", poi_mwh)]
    gap_mwh = sum_mwh - poi_mwh
    if abs(gap_mwh) <= ZERO_SHARE * max(largest_mwh, poi_mwh):
        note = "The parts add up to what passed the POI."
    else:
        note = f"The parts miss what passed the POI by {general(gap_mwh, 3)} MWh."
    note += " A negative part is energy that the grid did not have to supply. Parts that round to zero are left out."
    return Table(*table, rows, note=note + _storage_note(energy), headings=headings)


def _storage_note(energy: Mapping[str, float | None]) -> str:
    charged, discharged, stored = (energy.get(f"storage_{key}_mwh") for key in ("charged", "discharged", "change"))
    if not charged and not discharged:
        return ""
    lost = (charged or 0.0) - (discharged or 0.0) - (stored or 0.0)
    said = f"{number(abs(stored or 0.0), 'MWh', 4)} MWh {'more' if (stored or 0.0) >= 0.0 else 'less'}"
    return f" At the end the storage held {said} than at the start; it lost {number(lost, 'MWh', 4)} MWh."


def _protection(name: str, protection: Mapping[str, float | None], draw: pd.DataFrame) -> Table:
    """How much of a site left, and how much of it was away at the end."""
    given: list[tuple[str, float | None, str, str]] = [
        ("Departures", protection["transfers"], "", "of the site, or of groups of its equipment that are set apart"),
        ("First departure at", protection["first_transfer_s"], "s", ""),
    ]
    given += [
        (label, _percent(protection[key]), "%", note)
        for label, key, note in (
            ("Most that was away at a time", "largest_away_share", "of the demand"),
            ("Away at the end", "away_share_at_end", "of the demand"),
            ("Waiting for a return by hand at the end", "locked_share_at_end", "of the demand, a part of what is away"),
            ("Charge of the UPS batteries at the end", "ups_state_of_charge", "of what they can hold"),
        )
    ]
    if not draw.empty and "connected_share" in draw:
        share = draw["connected_share"]
        at_s = number(share.idxmin(), "s")
        given += [
            ("Least that the grid fed", _percent(share.min()), "%", f"of the demand, at {at_s} s"),
            ("Fed by the grid at the end", _percent(share.iloc[-1]), "%", "of the demand"),
        ]
    rows = [
        [Cell(label, note), Cell(number(value, unit), sort=value), Cell(unit or MISSING)]
        for label, value, unit, note in given
        if value is not None
    ]
    return Table(
        f"table-protection-{name}",
        f"{name}: protection",
        columns("Quantity", "Value>", "Unit"),
        rows,
        note="Away is what has left as a whole. The grid does not feed that, nor what is still coming back, what sheds "
        "with the voltage, and what an event of the scenario has disconnected. The batteries of a UPS (uninterruptible "
        "power supply) or generators carry what is away where the site has them; where it has none, it is lost.",
    )


def _percent(share: float | None) -> float | None:
    return 100.0 * share if share is not None else None


def _actions(name: str, events: Sequence[Mapping[str, Any]]) -> Table:
    """What the protection of a site did, with the numbers that the plots show."""
    start = f"{name}: "
    rows = [
        [
            Cell(f"E{k}", sort=k),
            Cell(number(event["time_s"], "s"), sort=event["time_s"]),
            Cell(event["description"].removeprefix(start)),
        ]
        for k, event in enumerate(events, start=1)
        if event["kind"] == "protection" and event["description"].startswith(start)
    ]
    left_out = f"The first {MAX_ROWS} of {len(rows)}; result.h5 has all of them. " if len(rows) > MAX_ROWS else ""
    return Table(
        f"table-actions-{name}",
        f"{name}: what protection did, and when",
        columns("No.", "Time (s)>", "What happened"),
        rows[:MAX_ROWS],
        "No part of the site left the grid as a whole.",
        f"{left_out}To walk in is to come back along a ramp. A part that waits to be returned by hand stays away "
        "until an operator lets it come back.",
    )


def _mitigation(name: str, mitigation: Mapping[str, Any], kinds: Sequence[str], is_protected: bool) -> Table:
    """What each kind of mitigation did, in the order in which they act."""
    titles = (
        "Kind",
        "Peak to peak before (MW)>",
        "After (MW)>",
        "Standard deviation before (MW)>",
        "After (MW)>",
        "Energy added or lost (MWh)>",
        "Time at limits (s)",
        "State of charge (%)",
    )
    rows = []
    for kind in kinds:
        done = mitigation[kind]
        devices = {key: value for key, value in done.items() if isinstance(value, Mapping) and _is_known(value)}
        swings = [Cell(number(done.get(key), "MW"), sort=done.get(key)) for key in _SWING]
        limits = "; ".join(_limits(devices or {"": done}))
        charge = "; ".join(
            f"{device} {number(100 * of['soc_min'], '%')} to {number(100 * of['soc_max'], '%')}, "
            f"{number(100 * of['soc_final'], '%')} at the end"
            for device, of in devices.items()
        )
        cells = [_cost(done, devices), Cell(limits or "none"), Cell(charge or MISSING)]
        rows.append([Cell(*KINDS[kind]), *swings, *cells])
    note = "Each kind acts on what the one before it leaves. Powers are those at nominal voltage."
    if "storage" in kinds and is_protected:
        note += " Swings before and after storage are of what protection left connected, its steps included."
    return Table(f"table-mitigation-{name}", f"{name}: mitigation", columns(*titles), rows, note=note)


def _cost(done: Mapping[str, Any], devices: Mapping[str, Mapping[str, float]]) -> Cell:
    """Energy that a kind of mitigation cost."""
    if devices:
        lost_mwh = sum(device["losses_mwh"] for device in devices.values())
        return Cell(number(lost_mwh, "MWh"), "lost in charging and discharging", sort=lost_mwh)
    percent = done.get("added_percent")
    note = f"added, {number(percent, '%')} % of the demand" if is_number(percent) else "added"
    return Cell(number(done["added_mwh"], "MWh"), note, sort=done["added_mwh"])


def _limits(parts: Mapping[str, Mapping[str, float | None]]) -> Iterable[str]:
    """How long each limit held, for those that did."""
    for part, values in parts.items():
        for key, text in _LIMITS.items():
            if values.get(key):
                yield f"{part} {text} {number(values[key], 's', 2)}".strip()
