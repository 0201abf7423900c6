"""The protection of one site, ready to run: settings spread over its groups, as flat arrays, and what it reports."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from loads.protection import layout as at
from loads.protection.kernel import observe
from loads.protection.settings import COMPARISONS, Envelope, ProtectionSettings
from loads.segments import Floats

S_PER_H = 3600.0
WORDS = {"below": "below", "at_most": "at or below", "above": "above", "at_least": "at or above"}


@dataclass(frozen=True)
class EnergyReport:
    """Where the energy of a site's demand came from, and what its batteries took and gave.

    Parameters
    ----------
    demand_mwh
        What the site wanted: load + battery + generator + lost.
    load_mwh, recharge_mwh
        Drawn from the grid for the demand, and for charging.
    battery_mwh, generator_mwh
        Given by batteries and generators while groups were away.
    lost_mwh
        Of load that nobody carried.
    recharge_losses_mwh
        Of charging.
    missing_mwh
        Still to be charged.
    state_of_charge
        Of all batteries together, from 0 to 1; NaN without.
    """

    demand_mwh: float
    load_mwh: float
    recharge_mwh: float
    battery_mwh: float
    generator_mwh: float
    lost_mwh: float
    recharge_losses_mwh: float
    missing_mwh: float
    state_of_charge: float

    def to_dict(self) -> dict[str, float | None]:
        """Return plain numbers, ready for JSON."""
        return {name: None if math.isnan(value) else value for name, value in asdict(self).items()}


class LogEntry(NamedTuple):
    """A row of the log that `act` fills in."""

    time_s: float
    group: int
    kind: int
    cause: int
    """Row that made it leave, those of the voltage first; -1: none."""
    share: float
    """Of the site, that came back, or left if negative."""


@dataclass(frozen=True, eq=False)
class Protection:
    """What `build` makes.

    Parameters
    ----------
    settings
        Before they were spread.
    parameters
        As `due`, `observe`, `act`, `share`, `recharge` and `account` take them.
    rating_mw, nominal_hz
        Of the site and the grid.
    """

    settings: ProtectionSettings
    parameters: Floats
    rating_mw: float
    nominal_hz: float

    def initial_state(self, v: float, f: float, t: float = 0.0) -> Floats:
        """Return the state of a site that is connected in full, at a voltage [pu] and frequency [Hz]."""
        p = self.parameters
        state = np.zeros(at.group_states(p, int(p[at.GROUPS])))
        state[at.NODE_S] = math.nan
        for k in range(int(p[at.GROUPS])):
            s = state[at.group_states(p, k) : at.group_states(p, k + 1)]
            s[[at.TRANSFERRED_S, at.WALK_FROM_S, at.HELD_SINCE_S, at.LATCH_DUE_S, at.FULL_SINCE_S]] = math.nan
            s[at.LOWEST_PU] = p[at.group_parameters(p, k) + at.VD1_PU]
            s[at.GROUP_STATES : at.GROUP_STATES + at.ROW_STATES * at.rows(p) : at.ROW_STATES] = math.nan
            s[at.first_event(p, 0) :] = math.nan
        observe(p, state, t, v, f, t, v, f)
        return state

    def new_log(self) -> Floats:
        """Return an array for `act` and `manual_return` to fill in."""
        return np.zeros((int(self.parameters[at.GROUPS]), at.LOG_COLUMNS))

    def entries(self, log: Floats, count: int) -> list[LogEntry]:
        """Return the rows of a log that were filled in."""
        return [
            LogEntry(float(t), int(group), int(kind), int(cause), float(share))
            for t, group, kind, cause, share in log[:count]
        ]

    def describe(self, entries: Sequence[LogEntry]) -> list[str]:
        """Say what happened, for an event log: a sentence for each kind and cause, groups together."""
        together: dict[tuple[int, int], list[LogEntry]] = {}
        for entry in entries:
            together.setdefault((entry.kind, entry.cause), []).append(entry)
        return [self._sentence(kind, cause, same) for (kind, cause), same in together.items()]

    def energy(self, state: Floats) -> EnergyReport:
        """Return the energies up to the last node that was accounted."""
        missing = sum(float(s[at.MISSING_MWS]) for s in self._groups(state))
        ups = self.settings.ups
        return EnergyReport(
            demand_mwh=float(state[at.DEMAND_MWS]) / S_PER_H,
            load_mwh=float(state[at.LOAD_MWS]) / S_PER_H,
            recharge_mwh=float(state[at.RECHARGE_MWS]) / S_PER_H,
            battery_mwh=float(state[at.BATTERY_GAVE_MWS]) / S_PER_H,
            generator_mwh=float(state[at.GENERATOR_GAVE_MWS]) / S_PER_H,
            lost_mwh=max(float(state[at.LOST_MWS]), 0.0) / S_PER_H,
            recharge_losses_mwh=float(state[at.RECHARGE_MWS] - state[at.RECHARGE_STORED_MWS]) / S_PER_H,
            missing_mwh=missing / S_PER_H,
            state_of_charge=math.nan if ups is None else 1.0 - missing / (ups.battery_s * self.rating_mw),
        )

    def away_share(self, state: Floats) -> float:
        """Share of the site in groups that are away."""
        weights = self.settings.spread.shares
        return float(sum(w for w, s in zip(weights, self._groups(state), strict=True) if s[at.IS_AWAY]))

    def locked_share(self, state: Floats) -> float:
        """Share of the site in groups that wait for a manual return."""
        weights = self.settings.spread.shares
        return float(sum(w for w, s in zip(weights, self._groups(state), strict=True) if s[at.IS_LOCKED]))

    def _groups(self, state: Floats) -> Floats:
        return state[at.STATES :].reshape(int(self.parameters[at.GROUPS]), -1)

    def _sentence(self, kind: int, cause: int, entries: Sequence[LogEntry]) -> str:
        total = int(self.parameters[at.GROUPS])
        who = "the site" if len(entries) == total else f"{len(entries)} of {total} groups"
        several = total > len(entries) > 1
        leave = (
            ("transfer to UPS" if several else "transfers to UPS")
            if self.settings.ups
            else ("trip" if several else "trips")
        )
        percent = f"{100 * abs(sum(entry.share for entry in entries)):.4g} % of its demand"
        if kind == at.TRANSFER:
            return f"{who} {leave}, {percent}: {self._row_text(cause)}"
        if kind == at.LATCH:
            counter = self.settings.counter
            assert counter is not None
            s = "" if counter.events == 1 else "s"
            return (
                f"{who} {leave}, {percent}, until returned by hand: "
                f"{counter.events:g} voltage event{s} within {counter.window_s:g} s"
            )
        if kind == at.RETURN:
            verb = "walk" if several else "walks"
            return f"{who} {verb} in over {self.settings.back.walk_in_s:g} s"
        if kind == at.BACK:
            return f"{who} {'are' if several else 'is'} back"
        return f"{who} may return, by hand"

    def _row_text(self, cause: int) -> str:
        voltage, frequency = self.settings.voltage.rows, self.settings.frequency.rows
        row = (*voltage, *frequency)[cause]
        what, unit = ("voltage", "pu") if cause < len(voltage) else ("frequency", "Hz")
        return f"{what} {WORDS[row.comparison]} {row.level:g} {unit} for {row.seconds:g} s"


def build(settings: ProtectionSettings, rating_mw: float, nominal_hz: float = 60.0) -> Protection:
    """Spread settings over the groups of a site.

    Parameters
    ----------
    settings
        Of the site.
    rating_mw
        Most that it draws; sizes the batteries.
    nominal_hz
        Of the grid.

    Raises
    ------
    ValueError
        If the rating or the frequency is not above 0, or a group would act at nominal voltage or frequency.
    """
    if not 0.0 < rating_mw < math.inf:
        raise ValueError(f"rating_mw must be above 0, got {rating_mw}")
    if not 0.0 < nominal_hz < math.inf:
        raise ValueError(f"nominal_hz must be above 0, got {nominal_hz}")
    counter, ups = settings.counter, settings.ups
    whole = np.zeros(at.PARAMETERS)
    whole[at.GROUPS] = settings.spread.groups
    whole[at.VOLTAGE_ROWS], whole[at.FREQUENCY_ROWS] = len(settings.voltage.rows), len(settings.frequency.rows)
    whole[at.VOLTAGE_ACCUMULATES] = settings.voltage.timers == "accumulate"
    whole[at.FREQUENCY_ACCUMULATES] = settings.frequency.timers == "accumulate"
    whole[at.AUTOMATIC] = settings.back.automatic
    whole[at.HAS_ELECTRONIC] = settings.electronic is not None
    if counter is not None:
        whole[at.EVENTS], whole[at.WINDOW_S] = counter.events, counter.window_s
    if ups is not None:
        whole[at.HAS_UPS], whole[at.GENERATOR_AFTER_S] = 1.0, ups.generator_after_s
        whole[at.RECHARGE_SHARE], whole[at.RECHARGE_EFFICIENCY] = ups.recharge_share, ups.recharge_efficiency
        whole[at.TAPER_S] = ups.taper_s
    spread = settings.spread
    factors = zip(spread.shares, spread.factors(spread.levels), spread.factors(spread.delays), strict=True)
    groups = [_group(settings, rating_mw, nominal_hz, *numbers) for numbers in factors]
    return Protection(settings, np.concatenate([whole, *groups]), rating_mw, nominal_hz)


def _group(
    settings: ProtectionSettings, rating_mw: float, nominal_hz: float, weight: float, levels: float, delays: float
) -> Floats:
    """Parameters of a group whose levels and delays are multiplied by factors."""

    def volts(level: float, is_low: bool) -> float:
        return level * levels if is_low else level / levels

    def hertz(level: float, _: bool) -> float:
        return nominal_hz + (level - nominal_hz) / levels

    electronic, back = settings.electronic, settings.back
    g = np.zeros(at.GROUP_PARAMETERS)
    g[at.WEIGHT] = weight
    if electronic is not None:
        g[at.VD1_PU], g[at.VD2_PU] = volts(electronic.vd1_pu, True), volts(electronic.vd2_pu, True)
        g[at.RESTART_FRACTION] = electronic.restart_fraction
        g[at.RESTART_DELAY_S], g[at.RESTART_RAMP_S] = electronic.restart_delay_s * delays, electronic.restart_ramp_s
        _check_nominal("vd1_pu", g[at.VD1_PU], is_low=True, nominal=1.0)
    if settings.counter is not None:
        g[at.COUNT_BELOW_PU] = volts(settings.counter.below_pu, True)
        _check_nominal("below_pu", g[at.COUNT_BELOW_PU], is_low=True, nominal=1.0)
    g[at.RETURN_DELAY_S], g[at.WALK_IN_S] = back.delay_s * delays, back.walk_in_s
    g[at.LOW_PU], g[at.HIGH_PU] = volts(back.low_pu, True), volts(back.high_pu, False)
    g[at.LOW_HZ], g[at.HIGH_HZ] = hertz(back.low_hz, True), hertz(back.high_hz, False)
    if settings.voltage.rows or settings.frequency.rows or settings.counter is not None:  # else it never leaves
        _check_nominal("low_pu", g[at.LOW_PU], is_low=True, nominal=1.0)
        _check_nominal("high_pu", g[at.HIGH_PU], is_low=False, nominal=1.0)
        _check_nominal("low_hz", g[at.LOW_HZ], is_low=True, nominal=nominal_hz)
        _check_nominal("high_hz", g[at.HIGH_HZ], is_low=False, nominal=nominal_hz)
    if settings.ups is not None:
        g[at.BATTERY_MWS] = weight * rating_mw * settings.ups.battery_s
    voltage = _rows(settings.voltage, volts, delays, 1.0)
    return np.concatenate([g, voltage, _rows(settings.frequency, hertz, delays, nominal_hz)])


def _rows(envelope: Envelope, spread: Callable[[float, bool], float], delays: float, nominal: float) -> Floats:
    rows = np.zeros((len(envelope.rows), at.ROW_PARAMETERS))
    for k, row in enumerate(envelope.rows):
        level = spread(row.level, row.is_low)
        _check_nominal(f"the row {row.comparison} {row.level:g}", level, row.is_low, nominal)
        rows[k] = COMPARISONS.index(row.comparison), level, row.seconds / delays
    return rows.ravel()


def _check_nominal(name: str, level: float, is_low: bool, nominal: float) -> None:
    """A group must not act on what is nominal."""
    if level >= nominal if is_low else level <= nominal:
        side = "below" if is_low else "above"
        raise ValueError(f"{name} must be {side} nominal, {nominal:g}, in every group; in one it is {level:.6g}")
