"""The state machine of a site's protection: when something is due, what is seen, what is done.

Voltage and frequency go straight over a step (t0, v0, f0) to (t1, v1, f1), and each step starts where the last one that
was observed ended; a jump is a step of no length. So every crossing, and every time at which something is due, is a
closed expression: it depends on the signals, not on the steps, as long as no excursion lies within one step.

Each group is connected, with a share that rises while it walks in, or away, and if so locked or waiting to return:

    row's timer run out             connected -> away        transfer, or trip without UPS
    n-th event within the window    any -> away, locked      latch
    bands held for the delay        away, not locked -> connected, walking in from 0
    manual return                   locked -> not locked
"""

from __future__ import annotations

import math

from loads.protection import layout as at
from loads.protection.timers import TIE_S, crossing, held, is_in_row, is_low, row_timer, runs_out, time_in_band
from loads.segments import Floats, inlined, kernel


@inlined
def _touches_band(g: Floats, first: int, count: int, low_side: bool, lowest: float, highest: float) -> bool:
    """Whether a signal that takes all values between two is in no row of one side at some time."""
    for k in range(count):
        row = g[first + at.ROW_PARAMETERS * k :]
        if is_low(row[at.COMPARISON]) == low_side and is_in_row(
            row[at.COMPARISON], row[at.LEVEL], highest if low_side else lowest
        ):
            return False
    return True


@kernel
def _rows(
    g: Floats,
    s: Floats,
    first: int,
    count: int,
    accumulates: bool,
    keeps: bool,
    t0: float,
    x0: float,
    t1: float,
    x1: float,
) -> float:
    """When the first timer of an envelope's rows, numbered from `first`, runs out; the timers go on if `keeps`."""
    parameters = at.GROUP_PARAMETERS + at.ROW_PARAMETERS * first
    lowest, highest = min(x0, x1), max(x0, x1)
    touches_low = _touches_band(g, parameters, count, True, lowest, highest)
    touches_high = _touches_band(g, parameters, count, False, lowest, highest)
    earliest = math.inf
    for k in range(count):
        row = g[parameters + at.ROW_PARAMETERS * k :]
        timer = s[at.GROUP_STATES + at.ROW_STATES * (first + k) :]
        since, counted, out_s = row_timer(
            row[at.COMPARISON],
            row[at.LEVEL],
            row[at.SECONDS],
            timer[at.RUNS_SINCE_S],
            timer[at.COUNTED_S],
            accumulates,
            touches_low if is_low(row[at.COMPARISON]) else touches_high,
            t0,
            x0,
            t1,
            x1,
        )
        earliest = min(earliest, out_s)
        if keeps:
            timer[at.RUNS_SINCE_S] = since
            timer[at.COUNTED_S] = counted
    return earliest


@inlined
def _held(
    g: Floats, s: Floats, t0: float, v0: float, f0: float, t1: float, v1: float, f1: float
) -> tuple[float, float]:
    """Since when and until when the bands of the return hold."""
    v_start, v_end = time_in_band(g[at.LOW_PU], g[at.HIGH_PU], t0, v0, t1, v1)
    f_start, f_end = time_in_band(g[at.LOW_HZ], g[at.HIGH_HZ], t0, f0, t1, f1)
    return held(s[at.HELD_SINCE_S], v_start, v_end, f_start, f_end)


@inlined
def _event_start(g: Floats, s: Floats, t0: float, v0: float, t1: float, v1: float) -> float:
    """When an event starts in the step; NaN if none does."""
    if s[at.IN_EVENT] > 0.0 or not v1 < g[at.COUNT_BELOW_PU]:
        return math.nan
    return crossing(t0, v0, t1, v1, g[at.COUNT_BELOW_PU])


@inlined
def _is_last_event(p: Floats, events: Floats, start: float) -> bool:
    """Whether an event that starts now is the last of so many within the window."""
    wanted = int(p[at.EVENTS])
    return wanted == 1 or events[1] >= start - p[at.WINDOW_S] - TIE_S  # false for NaN: there were not so many


@kernel
def due(p: Floats, state: Floats, t0: float, v0: float, f0: float, t1: float, v1: float, f1: float) -> float:
    """When within a step something is due first.

    Parameters
    ----------
    p, state
        From `loads.protection.build`; not changed.
    t0, v0, f0, t1, v1, f1
        Time [s], voltage [pu] and frequency [Hz] at the start, which is the end of the last step or jump observed, and
        at the end. A frequency that is not known (NaN) is in no row and in no band.

    Returns
    -------
    time_s
        From t0 to t1; infinite if nothing is due. What falls on t1 exactly and depends on whether voltage or frequency
        stay as they are is due at the start of the next step.
    """
    earliest = math.inf
    for k in range(int(p[at.GROUPS])):
        g = p[at.group_parameters(p, k) :]
        start = at.group_states(p, k)
        s = state[start:]
        if s[at.IS_AWAY] > 0.0:
            if s[at.IS_LOCKED] == 0.0:
                since, until = _held(g, s, t0, v0, f0, t1, v1, f1)
                if not math.isnan(since):
                    waits_since = max(since, s[at.TRANSFERRED_S])
                    earliest = min(earliest, runs_out(waits_since, g[at.RETURN_DELAY_S], t0, until))
        else:
            count_v, count_f = int(p[at.VOLTAGE_ROWS]), int(p[at.FREQUENCY_ROWS])
            earliest = min(earliest, _rows(g, s, 0, count_v, p[at.VOLTAGE_ACCUMULATES] > 0.0, False, t0, v0, t1, v1))
            earliest = min(
                earliest, _rows(g, s, count_v, count_f, p[at.FREQUENCY_ACCUMULATES] > 0.0, False, t0, f0, t1, f1)
            )
            if s[at.IS_WALKING] > 0.0 and s[at.WALK_FROM_S] + g[at.WALK_IN_S] <= t1 + TIE_S:
                earliest = min(earliest, min(max(s[at.WALK_FROM_S] + g[at.WALK_IN_S], t0), t1))
        if p[at.EVENTS] > 0.0 and s[at.IS_LOCKED] == 0.0:
            if not math.isnan(s[at.LATCH_DUE_S]):
                earliest = min(earliest, max(s[at.LATCH_DUE_S], t0))
            event_s = _event_start(g, s, t0, v0, t1, v1)
            if not math.isnan(event_s) and _is_last_event(p, state[at.first_event(p, start) :], event_s):
                earliest = min(earliest, event_s)
    return earliest


@kernel
def observe(p: Floats, state: Floats, t0: float, v0: float, f0: float, t1: float, v1: float, f1: float) -> None:
    """Take a step as final, or with t0 = t1 a jump; the arguments are those of `due`, and `state` is changed."""
    for k in range(int(p[at.GROUPS])):
        g = p[at.group_parameters(p, k) :]
        start = at.group_states(p, k)
        s = state[start:]
        since, _ = _held(g, s, t0, v0, f0, t1, v1, f1)
        is_inside = g[at.LOW_PU] <= v1 <= g[at.HIGH_PU] and g[at.LOW_HZ] <= f1 <= g[at.HIGH_HZ]
        s[at.HELD_SINCE_S] = since if is_inside else math.nan
        count_v, count_f = int(p[at.VOLTAGE_ROWS]), int(p[at.FREQUENCY_ROWS])
        _rows(g, s, 0, count_v, p[at.VOLTAGE_ACCUMULATES] > 0.0, True, t0, v0, t1, v1)
        _rows(g, s, count_v, count_f, p[at.FREQUENCY_ACCUMULATES] > 0.0, True, t0, f0, t1, f1)
        if p[at.EVENTS] > 0.0:
            event_s = _event_start(g, s, t0, v0, t1, v1)
            if not math.isnan(event_s):
                events = state[at.first_event(p, start) :]
                if _is_last_event(p, events, event_s) and s[at.IS_LOCKED] == 0.0:
                    s[at.LATCH_DUE_S] = event_s
                for n in range(1, int(p[at.EVENTS])):
                    events[n - 1] = events[n]
                events[int(p[at.EVENTS]) - 1] = event_s
            s[at.IN_EVENT] = 1.0 if v1 < g[at.COUNT_BELOW_PU] else 0.0
        if p[at.HAS_ELECTRONIC] > 0.0:
            _remember(g, s, t0, v0, t1, v1)


@inlined
def remembered(g: Floats, s: Floats, t: float) -> float:
    """Lowest voltage that the electronic load remembers; it rises to vd1 as the load restarts."""
    lowest = s[at.LOWEST_PU]
    into_s = t - s[at.FULL_SINCE_S] - g[at.RESTART_DELAY_S]
    if not into_s >= 0.0:  # so also for NaN
        return lowest
    if into_s >= g[at.RESTART_RAMP_S]:
        return g[at.VD1_PU]
    return lowest + (g[at.VD1_PU] - lowest) * into_s / g[at.RESTART_RAMP_S]


@inlined
def _remember(g: Floats, s: Floats, t0: float, v0: float, t1: float, v1: float) -> None:
    """Carry the memory of the electronic load over a step."""
    if v1 >= g[at.VD1_PU]:
        if math.isnan(s[at.FULL_SINCE_S]):
            s[at.FULL_SINCE_S] = crossing(t0, v0, t1, v1, g[at.VD1_PU])
        return
    s[at.LOWEST_PU] = min(remembered(g, s, crossing(t0, v0, t1, v1, g[at.VD1_PU])), max(v1, g[at.VD2_PU]))
    s[at.FULL_SINCE_S] = math.nan


@inlined
def connected(g: Floats, s: Floats, t: float) -> float:
    """Share of a group's demand that its input may draw, before what electronic load sheds."""
    if s[at.IS_AWAY] > 0.0:
        return 0.0
    if s[at.IS_WALKING] > 0.0 and t < s[at.WALK_FROM_S] + g[at.WALK_IN_S]:
        return max(t - s[at.WALK_FROM_S], 0.0) / g[at.WALK_IN_S]
    return 1.0


@inlined
def _row_run_out(p: Floats, g: Floats, s: Floats, t: float) -> float:
    """Number of the first row whose timer has run out, voltage first; `NO_CAUSE` if none has."""
    for k in range(at.rows(p)):
        timer = s[at.GROUP_STATES + at.ROW_STATES * k :]
        seconds = g[at.GROUP_PARAMETERS + at.ROW_PARAMETERS * k + at.SECONDS]
        if timer[at.COUNTED_S] + (t - timer[at.RUNS_SINCE_S]) >= seconds - TIE_S:  # false for NaN
            return float(k)
    return at.NO_CAUSE


@kernel
def act(p: Floats, state: Floats, log: Floats, t: float) -> int:
    """Do what is due at t, a time that `due` gave and up to which the step has been observed.

    Parameters
    ----------
    p, state
        As of `due`; the state is changed.
    log
        Shape (groups, LOG_COLUMNS), filled in from the first row: time, group, kind, the row that made it leave, and
        the share of the site that left or came back.
    t
        Time [s].

    Returns
    -------
    count
        Rows of `log` that were filled in.
    """
    count = 0
    for k in range(int(p[at.GROUPS])):
        g = p[at.group_parameters(p, k) :]
        s = state[at.group_states(p, k) :]
        kind, cause, share = at.NO_CAUSE, at.NO_CAUSE, 0.0
        linked = connected(g, s, t)
        is_away = s[at.IS_AWAY] > 0.0
        if s[at.LATCH_DUE_S] <= t + TIE_S:  # false for NaN
            s[at.LATCH_DUE_S] = math.nan
            s[at.IS_LOCKED] = 1.0
            kind, share = at.LATCH, -linked
            if not is_away:
                _leave(s, t)
        elif not is_away:
            cause = _row_run_out(p, g, s, t)
            if cause != at.NO_CAUSE:
                kind, share = at.TRANSFER, -linked
                s[at.IS_LOCKED] = 1.0 - p[at.AUTOMATIC]
                _leave(s, t)
            elif s[at.IS_WALKING] > 0.0 and t >= s[at.WALK_FROM_S] + g[at.WALK_IN_S] - TIE_S:
                kind, share = at.BACK, 1.0
                s[at.IS_WALKING] = 0.0
        elif s[at.IS_LOCKED] == 0.0:
            since = s[at.HELD_SINCE_S]
            if not math.isnan(since) and t >= max(since, s[at.TRANSFERRED_S]) + g[at.RETURN_DELAY_S] - TIE_S:
                s[at.IS_AWAY] = 0.0
                s[at.WALK_FROM_S] = t
                s[at.IS_WALKING] = 1.0 if g[at.WALK_IN_S] > 0.0 else 0.0
                kind = at.RETURN if g[at.WALK_IN_S] > 0.0 else at.BACK
                share = connected(g, s, t)
        if kind != at.NO_CAUSE:
            entry = log[count]
            entry[at.TIME_S], entry[at.GROUP], entry[at.KIND], entry[at.CAUSE] = t, k, kind, cause
            entry[at.SHARE] = share * g[at.WEIGHT]
            count += 1
    return count


@inlined
def _leave(s: Floats, t: float) -> None:
    s[at.IS_AWAY] = 1.0
    s[at.IS_WALKING] = 0.0
    s[at.TRANSFERRED_S] = t


@kernel
def manual_return(p: Floats, state: Floats, log: Floats, t: float) -> int:
    """Let locked groups return, each once its bands have held for its delay, and forget the events counted.

    The arguments and the result are those of `act`; the return itself is then due as any other.
    """
    count = 0
    for k in range(int(p[at.GROUPS])):
        start = at.group_states(p, k)
        s = state[start:]
        if s[at.IS_LOCKED] == 0.0:
            continue
        s[at.IS_LOCKED] = 0.0
        for n in range(int(p[at.EVENTS])):
            state[at.first_event(p, start) + n] = math.nan
        log[count, at.TIME_S], log[count, at.GROUP], log[count, at.KIND] = t, k, at.RELEASE
        log[count, at.CAUSE], log[count, at.SHARE] = at.NO_CAUSE, 0.0
        count += 1
    return count
