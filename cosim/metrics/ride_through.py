"""Envelopes judged on a result: the longest stay in each row's region, over the buses that it is meant for."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from cosim.metrics.envelope import TOUCH_S, Envelope, Stay, longest_stay
from cosim.metrics.section import Place, Section, finite, not_recorded
from cosim.result import Result

CHANNELS = {"voltage": "voltage_pu", "frequency": "frequency_hz"}


def assess_envelopes(result: Result, envelopes: Iterable[Envelope]) -> Section:
    """Assess envelopes: ``values`` holds, by the envelope's id, the time in s of each row by its name."""
    section = Section({})
    for envelope in envelopes:
        section.values[envelope.id] = {envelope.row_name(row): None for row in envelope.rows}
        prefix = f"{envelope.signal}.envelopes.{envelope.id}"
        buses = buses_of(result, envelope)
        if isinstance(buses, str):
            section.reasons[prefix] = buses
        else:
            _assess(result, envelope, buses, section)
    return section


def buses_of(result: Result, envelope: Envelope) -> list[str] | str:
    """Buses at which an envelope holds, or why there is none."""
    channel = CHANNELS[envelope.signal]
    if not result.has_channel(channel):
        return not_recorded(channel)
    recorded = result.elements(channel)
    if envelope.at == "buses":
        return recorded
    if envelope.at == "sites":
        if not result.sites:
            return "the scenario has no sites"
        wanted = {str(result.site_attributes(name).get("bus")) for name in result.sites}
    else:
        network = result.network
        if network is None:
            return "the buses of the generators were not stored"
        wanted = {generator.bus for generator in network.generators}
    return [bus for bus in recorded if bus in wanted] or f"the voltage of the {envelope.at} was not recorded"


def _assess(result: Result, envelope: Envelope, buses: list[str], section: Section) -> None:
    channel = CHANNELS[envelope.signal]
    extrema = result.extrema(channel).loc[buses]
    if extrema["min"].isna().all():
        section.reasons[f"{envelope.signal}.envelopes.{envelope.id}"] = f"channel {channel} holds no values"
        return
    leaves = np.zeros(len(buses), dtype=bool)
    for row in envelope.rows:
        leaves |= row.holds(extrema["min" if row.is_low else "max"].to_numpy())
    chosen = [bus for bus, out in zip(buses, leaves, strict=True) if out]
    if not chosen:  # nothing to read
        section.values[envelope.id] = {envelope.row_name(row): 0.0 for row in envelope.rows}
        return
    frame = result.channel_with_jumps(channel, chosen)
    time_s, values = frame.index.to_numpy(), np.asfortranarray(finite(frame.to_numpy()))
    longest_gap_s = float(np.diff(time_s).max(initial=0.0))
    for row in envelope.rows:
        path, extreme = envelope.path(row), extrema["min" if row.is_low else "max"]
        worst, where, still, unseen = Stay(0.0, np.nan, False), None, None, None
        for k, bus in enumerate(chosen):
            if not row.holds(extreme[bus]):
                continue
            stay = longest_stay(time_s, values[:, k], row, envelope.outermost(row))
            if stay.time_s == 0.0:  # between the stored rows
                reached_s = extrema.loc[bus, "min_time_s" if row.is_low else "max_time_s"]
                stay, unseen = Stay(TOUCH_S, float(reached_s), False), unseen or bus
            if stay.is_open:
                still = still or bus
            if where is None or stay.time_s > worst.time_s:
                worst, where = stay, bus
        section.values[envelope.id][envelope.row_name(row)] = worst.time_s
        if where is None:
            continue
        section.places[path] = Place(where, worst.reached_s)
        # What falls between two rows is shorter than the interval between them.
        if still is not None:
            section.lower_bounds[path] = f"bus {still} is still {envelope.row_name(row)} at the end of the record"
        elif unseen is not None and worst.time_s < longest_gap_s:
            section.lower_bounds[path] = f"bus {unseen} was {envelope.row_name(row)} between the stored rows"
