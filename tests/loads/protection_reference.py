"""Signals, a loop that drives a site's protection as the co-simulation does, and a slow and obvious version of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from loads.protection import (
    LogEntry,
    Protection,
    ProtectionSettings,
    account,
    act,
    due,
    manual_return,
    observe,
    recharge,
    share,
)
from loads.protection import layout as at

SLIVER_S = 1e-7
TIE_S = 1e-9
Knot = tuple[float, float, float]


def sags(*dips: tuple[float, float, float], until: float, level: float = 1.0, hz: float = 60.0) -> list[Knot]:
    """Knots (t, v, f) of a voltage with rectangular dips (start, duration, voltage), each edge a jump."""
    knots = [(0.0, level, hz)]
    for start, duration, v in dips:
        knots += [(start, level, hz), (start, v, hz), (start + duration, v, hz), (start + duration, level, hz)]
    return [*knots, (until, level, hz)]


@dataclass
class Driven:
    """What a run left behind."""

    protection: Protection
    state: np.ndarray
    entries: list[LogEntry] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    drawn: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("demand", "load", "recharge"), 0.0))

    def times(self, kind: int) -> list[float]:
        return [entry.time_s for entry in self.entries if entry.kind == kind]

    @property
    def energy(self):
        return self.protection.energy(self.state)


def drive(
    protection: Protection,
    knots: Sequence[Knot],
    step_s: float = math.inf,
    manual: Sequence[float] = (),
    demand: Callable[[float], float] = lambda _: 100.0,
) -> Driven:
    """Step through a piecewise-linear signal with nodes at its knots and at most `step_s` apart.

    As in the co-simulation loop, a step in which something is due is cut there, but is never shorter than a sliver.
    ``shares`` are taken at the knots, at the voltage there; ``drawn`` sums trapezoids of what the site draws [MW s].
    """
    p = protection.parameters
    t0, v0, f0 = knots[0]
    run = Driven(protection, protection.initial_state(v0, f0, t0))
    log, state = protection.new_log(), run.state

    def node(t: float, v: float) -> dict[str, float]:
        mw = demand(t)
        powers = {"demand": mw, "load": mw * share(p, state, t, v), "recharge": recharge(p, state, t, mw)}
        account(p, state, t, v, mw)
        return powers

    last = node(t0, v0)
    for (ta, va, fa), (tb, vb, fb) in itertools.pairwise(knots):
        nodes = [*(t for t in manual if ta < t < tb), tb]
        if ta < tb:
            count = max(1, math.ceil((tb - ta) / step_s - 1e-9))
            nodes = sorted([*nodes, *(ta + (tb - ta) * np.arange(1, count) / count)])
        else:
            observe(p, state, ta, va, fa, tb, vb, fb)
            last = node(tb, vb)
        for target in nodes if ta < tb else []:
            while t0 < target:
                end = target
                v1, f1 = _between(ta, tb, va, vb, end), _between(ta, tb, fa, fb, end)
                out = due(p, state, t0, v0, f0, end, v1, f1)
                acts = out <= end
                if acts:
                    assert out >= t0
                    end = max(out, t0 + SLIVER_S)
                    end = target if end > target - SLIVER_S else end
                    v1, f1 = _between(ta, tb, va, vb, end), _between(ta, tb, fa, fb, end)
                now = node(end, v1)
                for name in run.drawn:
                    run.drawn[name] += 0.5 * (end - t0) * (last[name] + now[name])
                observe(p, state, t0, v0, f0, end, v1, f1)
                if acts:
                    run.entries += protection.entries(log, act(p, state, log, end))
                    now = node(end, v1)
                last, t0, v0, f0 = now, end, v1, f1
            if target in manual:
                run.entries += protection.entries(log, manual_return(p, state, log, target))
        t0, v0, f0 = tb, vb, fb
        run.shares.append(share(p, state, tb, vb))
    return run


def _between(ta: float, tb: float, xa: float, xb: float, t: float) -> float:
    if t == tb or xa == xb:
        return xb
    return xa + (xb - xa) * (t - ta) / (tb - ta)


class SlowGroup:
    """One group by intervals in which nothing is crossed, so that every condition holds throughout or not at all."""

    def __init__(self, settings: ProtectionSettings, levels: float, delays: float, nominal_hz: float):
        def volts(level: float, is_low: bool) -> float:
            return level * levels if is_low else level / levels

        def hertz(level: float) -> float:
            return nominal_hz + (level - nominal_hz) / levels

        self.rows = []  # signal, test, level, seconds, accumulates
        for row in settings.voltage.rows:
            accumulates = settings.voltage.timers == "accumulate"
            self.rows.append(("v", row, volts(row.level, row.is_low), row.seconds / delays, accumulates))
        for row in settings.frequency.rows:
            accumulates = settings.frequency.timers == "accumulate"
            self.rows.append(("f", row, hertz(row.level), row.seconds / delays, accumulates))
        back = settings.back
        self.band = (volts(back.low_pu, True), volts(back.high_pu, False), hertz(back.low_hz), hertz(back.high_hz))
        self.delay, self.walk_in, self.automatic = back.delay_s * delays, back.walk_in_s, back.automatic
        self.counter = settings.counter
        self.count_below = 0.0 if self.counter is None else self.counter.below_pu * levels
        self.electronic, self.levels, self.delays = settings.electronic, levels, delays
        self.timer = [0.0] * len(self.rows)
        self.away = self.locked = self.in_event = False
        self.walk_from = self.held = self.transferred = self.latch_due = None
        self.walking = False
        self.starts: list[float] = []
        self.log: list[tuple[float, int, int]] = []
        if self.electronic:
            self.vd1, self.vd2 = self.electronic.vd1_pu * levels, self.electronic.vd2_pu * levels
            self.lowest, self.full_since = self.vd1, None

    def is_in(self, k: int, v: float, f: float) -> bool:
        signal, row, level, _, _ = self.rows[k]
        x = v if signal == "v" else f
        tests = {"below": x < level, "at_most": x <= level, "above": x > level, "at_least": x >= level}
        return tests[row.comparison]

    def crossings(self, t0, v0, f0, t1, v1, f1) -> list[float]:
        v_levels = [level for signal, _, level, _, _ in self.rows if signal == "v"]
        v_levels += [*self.band[:2], self.count_below]
        if self.electronic:
            v_levels += [self.vd1, self.vd2]
        f_levels = [level for signal, _, level, _, _ in self.rows if signal == "f"] + list(self.band[2:])
        cuts = set()
        for x0, x1, levels in ((v0, v1, v_levels), (f0, f1, f_levels)):
            cuts |= {t0 + (t1 - t0) * (x - x0) / (x1 - x0) for x in levels if min(x0, x1) < x < max(x0, x1)}
        return [t for t in sorted(cuts) if t0 < t < t1]

    def see(self, t: float, v: float, f: float) -> None:
        """What holds at an instant, or from t on."""
        sides = {(r[0], r[1].is_low) for k, r in enumerate(self.rows) if self.is_in(k, v, f)}
        for k, (signal, row, _, _, accumulates) in enumerate(self.rows):
            if not self.is_in(k, v, f) and not (accumulates and (signal, row.is_low) in sides):
                self.timer[k] = 0.0
        if self.counter:
            below = v < self.count_below
            if below and not self.in_event:
                self.starts.append(t)
                n = self.counter.events
                enough = len(self.starts) >= n and t - self.starts[-n] <= self.counter.window_s + TIE_S
                if enough and not self.locked:
                    self.latch_due = t
            self.in_event = below
        inside = self.band[0] <= v <= self.band[1] and self.band[2] <= f <= self.band[3]
        self.held = (t if self.held is None else self.held) if inside else None
        if self.electronic:
            if v < self.vd1:
                self.lowest = self.remembered(t)
                self.full_since = None
                self.lowest = min(self.lowest, max(v, self.vd2))
            elif self.full_since is None:
                self.full_since = t

    def remembered(self, t: float) -> float:
        e = self.electronic
        if self.full_since is None or t < self.full_since + e.restart_delay_s * self.delays:
            return self.lowest
        into = t - self.full_since - e.restart_delay_s * self.delays
        way = 1.0 if into >= e.restart_ramp_s else into / e.restart_ramp_s
        return self.lowest + way * (self.vd1 - self.lowest)

    def share(self, t: float, v: float) -> float:
        linked = 0.0 if self.away else 1.0
        if self.walking:
            linked = min((t - self.walk_from) / self.walk_in, 1.0)
        if self.electronic:
            linked *= wecc_electronic(self.vd1, self.vd2, self.electronic.restart_fraction, self.remembered(t), v)
        return linked

    def advance(self, a: float, b: float, v: float, f: float) -> None:
        """Go through an interval in which voltage and frequency are beyond the same levels as v and f."""
        self.see(a, v, f)
        now = a
        while True:
            options = []
            running = [k for k in range(len(self.rows)) if self.is_in(k, v, f)]
            if self.latch_due is not None and not self.locked:
                options.append((now, 0, at.LATCH, -1))
            if not self.away:
                for k in running:
                    out = now + max(self.rows[k][3] - self.timer[k], 0.0)
                    if out < b - TIE_S:
                        options.append((out, 1, at.TRANSFER, k))
                if self.walking and self.walk_from + self.walk_in <= b:
                    options.append((max(self.walk_from + self.walk_in, now), 2, at.BACK, -1))
            elif not self.locked and self.held is not None:
                out = max(max(self.held, self.transferred) + self.delay, now)
                if out < b - TIE_S:
                    options.append((out, 3, at.RETURN, -1))
            if not options:
                break
            out, _, kind, cause = min(options)
            for k in running:
                self.timer[k] += out - now
            now = out
            self.do(now, kind, cause)
        for k in running:
            self.timer[k] += b - now

    def do(self, t: float, kind: int, cause: int) -> None:
        if kind == at.RETURN:
            self.away, self.walk_from, self.walking = False, t, self.walk_in > 0.0
            kind = at.RETURN if self.walking else at.BACK
        elif kind == at.BACK:
            self.walking = False
        else:
            if kind == at.LATCH:
                self.latch_due = None
            self.locked = kind == at.LATCH or not self.automatic
            if not self.away:
                self.away, self.walking, self.transferred = True, False, t
        self.log.append((t, kind, cause))

    def release(self, t: float) -> None:
        if self.locked:
            self.locked, self.latch_due, self.starts = False, None, []
            self.log.append((t, at.RELEASE, -1))


def wecc_electronic(vd1: float, vd2: float, frcel: float, vmin: float, v: float) -> float:
    """Share of electronic load that runs, as PowerWorld's LDELEC documents it."""
    vmin = max(min(v, vmin), vd2)
    if v < vd2:
        return 0.0
    if v < vd1:
        if v <= vmin:
            return (v - vd2) / (vd1 - vd2)
        return ((vmin - vd2) + frcel * (v - vmin)) / (vd1 - vd2)
    if vmin >= vd1:
        return 1.0
    return ((vmin - vd2) + frcel * (vd1 - vmin)) / (vd1 - vd2)


def slow_drive(
    settings: ProtectionSettings, knots: Sequence[Knot], nominal_hz: float = 60.0, manual: Sequence[float] = ()
) -> tuple[list[SlowGroup], list[float]]:
    """Groups with what they did, and the share of the site at each knot."""
    spread = settings.spread
    factors = zip(spread.factors(spread.levels), spread.factors(spread.delays), strict=True)
    groups = [SlowGroup(settings, levels, delays, nominal_hz) for levels, delays in factors]
    shares = []
    for group in groups:
        group.see(*knots[0])
    for (ta, va, fa), (tb, vb, fb) in itertools.pairwise(knots):
        for group in groups:
            if ta < tb:
                by_hand = [t for t in manual if ta < t < tb]
                ends = sorted({ta, *group.crossings(ta, va, fa, tb, vb, fb), *by_hand, tb})
                for a, b in itertools.pairwise(ends):
                    middle = 0.5 * (a + b)
                    group.advance(a, b, _between(ta, tb, va, vb, middle), _between(ta, tb, fa, fb, middle))
                    if group.electronic:
                        _remember_end(group, _between(ta, tb, va, vb, b))
                    if b in by_hand:
                        group.release(b)
            group.see(tb, vb, fb)
        shares.append(sum(w * g.share(tb, vb) for w, g in zip(spread.shares, groups, strict=True)))
    return groups, shares


def _remember_end(group: SlowGroup, v: float) -> None:
    if v < group.vd1:
        group.lowest = min(group.lowest, max(v, group.vd2))
