"""Storage at the POI, one step of the solver at a time: compiled, over flat arrays.

Everything is in MW, MW s and s; storage power is a consumption: positive while it charges. Over a step the load goes
straight from its value after the last node to the one before this node. With L_T a first-order lag of time constant T,
f_split the frequency that parts the devices and H the energy still free in the direction of the power,

    wish = L_smoothing(load) - load + droop(f - f_nominal)                       POI = load + power
    battery's wish = L_(1 / (2 pi f_split))(wish), supercapacitor's = the rest; without a supercapacitor, all of it
    command = wish + (target - stored) / recentring, within the power limit and within H / (4 lag) and sqrt(H ramp)
    d power / dt = (command - power) / lag, within the ramp rate
    d stored / dt = charge_efficiency * power, or power / discharge_efficiency where it is negative.

`loads.mitigation.response` integrates lags and ramp limits exactly for inputs that go straight over the step. So a
device's power has no jump where the load has one. Between nodes it is a straight line, as for the trapezoidal rule of
the solver, and the stored energy is the exact integral of that: what a device does faster than the step is not seen.

The bounds of the command let a device come to rest as its stored energy reaches a limit: H' = -power makes with the lag
a system of second order, which does not overshoot with a gain of at most 1 / (4 lag); and half the braking distance
that the ramp rate alone would need, power^2 / (2 ramp), is kept for the lag. What remains is cut: a node's power must
fit with half of the step planned after it, as the next node can be zero but not this one.
"""

from __future__ import annotations

import math

import numpy as np

from loads.mitigation.response import follow_within, lag_step
from loads.segments import Floats, inlined, kernel

# Parameters of the whole.
(SMOOTHING_S, SPLIT_S, NOMINAL_HZ, DROOP_MW_PER_HZ, DEAD_BAND_HZ, DEVICES) = range(6)
PARAMETERS = 6
# Parameters of each device; they follow, the battery's first.
(
    POWER_MW,
    LOWEST_MWS,
    HIGHEST_MWS,
    RAMP_MW_PER_S,
    CHARGE_EFFICIENCY,
    DISCHARGE_EFFICIENCY,
    LAG_S,
    TARGET_MWS,
    RECENTRING_S,
) = range(9)
DEVICE_PARAMETERS = 9

# State of the whole.
(LOAD_MW, FREQUENCY_HZ, SMOOTH_MW, SLOW_MW, DELIVERED) = range(5)
STATES = 5
# State of each device: what it has, and what it has done so far.
(
    DEVICE_MW,
    STORED_MWS,
    CHARGED_MWS,
    DISCHARGED_MWS,
    LOST_MWS,
    AT_POWER_S,
    AT_RAMP_S,
    AT_STORED_S,
    SMALLEST_MWS,
    LARGEST_MWS,
) = range(10)
DEVICE_STATES = 10

# What a step returns.
(POI_BEFORE_MW, POI_MW, BATTERY_MW, SUPERCAPACITOR_MW) = range(4)
OUTPUTS = 4

TAPER_LAGS = 4.0
"""Critical damping of a lag in a loop with an integrator: gain times lag is 1 / 4."""

KEPT = 1.0 - 1e-12
"""What is filled of the energy left, so that rounding does not pass the limit."""


@kernel
def storage_step(
    parameters: Floats,
    state: Floats,
    out: Floats,
    dt_s: float,
    load_before_mw: float,
    load_mw: float,
    frequency_hz: float,
    next_dt_s: float,
    delivered: float,
) -> None:
    """Advance from the last node to this one.

    Parameters
    ----------
    parameters
        From `loads.mitigation.storage.Storage.parameters`.
    state
        From `loads.mitigation.storage.Storage.initial_state`; changed. A copy of it allows the step to be redone.
    out
        Shape (OUTPUTS,), filled in: power at the POI before and after the node, and of each device [MW].
    dt_s
        Length of the step; 0 only puts in another load after the node. No longer than the step planned before, or a
        device near a limit of its energy may pass it.
    load_before_mw, load_mw
        Load at the end of the step and at the start of the next, which differ where the load jumps.
    frequency_hz
        Frequency at the POI, as far as known; NaN: there is none, and no droop.
    next_dt_s
        Length of the step planned after this one; 0 at the end.
    delivered
        Share, from 0 to 1, of the devices' power that passes the POI at this node: below 1 in a deep sag. It counts for
        the energies alone.
    """
    wish0 = _wish(parameters, state[SMOOTH_MW], state[LOAD_MW], state[FREQUENCY_HZ])
    state[SMOOTH_MW] = lag_step(state[SMOOTH_MW], state[LOAD_MW], load_before_mw, dt_s, parameters[SMOOTHING_S])
    wish1 = _wish(parameters, state[SMOOTH_MW], load_before_mw, frequency_hz)
    slow0 = state[SLOW_MW]
    if parameters[DEVICES] > 1.0:
        state[SLOW_MW] = lag_step(slow0, wish0, wish1, dt_s, parameters[SPLIT_S])
        slow1 = state[SLOW_MW]
        total = _device(parameters, state, 0, slow0, slow1, dt_s, next_dt_s, delivered)
        total += _device(parameters, state, 1, wish0 - slow0, wish1 - slow1, dt_s, next_dt_s, delivered)
        out[SUPERCAPACITOR_MW] = state[STATES + DEVICE_STATES + DEVICE_MW]
    else:
        total = _device(parameters, state, 0, wish0, wish1, dt_s, next_dt_s, delivered)
        out[SUPERCAPACITOR_MW] = 0.0
    state[LOAD_MW] = load_mw
    state[FREQUENCY_HZ] = frequency_hz
    state[DELIVERED] = delivered
    out[BATTERY_MW] = state[STATES + DEVICE_MW]
    out[POI_BEFORE_MW] = load_before_mw + total
    out[POI_MW] = load_mw + total


@inlined
def _wish(parameters: Floats, smooth_mw: float, load_mw: float, frequency_hz: float) -> float:
    """What the storage should consume."""
    off_hz = frequency_hz - parameters[NOMINAL_HZ]
    beyond_hz = abs(off_hz) - parameters[DEAD_BAND_HZ]
    wish = smooth_mw - load_mw
    if beyond_hz > 0.0:  # false for NaN
        wish += parameters[DROOP_MW_PER_HZ] * math.copysign(beyond_hz, off_hz)
    return wish


@kernel
def _device(
    parameters: Floats,
    state: Floats,
    number: int,
    wish0: float,
    wish1: float,
    dt_s: float,
    next_dt_s: float,
    delivered: float,
) -> float:
    """Advance a device and return its power."""
    p = parameters[PARAMETERS + number * DEVICE_PARAMETERS :]
    s = state[STATES + number * DEVICE_STATES :]
    if dt_s <= 0.0:
        return s[DEVICE_MW]
    power = s[DEVICE_MW]
    stored = s[STORED_MWS]
    per_mw = p[CHARGE_EFFICIENCY] if power > 0.0 else 1.0 / p[DISCHARGE_EFFICIENCY]
    change = per_mw * power * dt_s
    wish0 += (p[TARGET_MWS] - stored) / p[RECENTRING_S]
    wish1 += (p[TARGET_MWS] - stored - change) / p[RECENTRING_S]
    midway = stored + 0.5 * change
    highest = _bound(p, (p[HIGHEST_MWS] - midway) / p[CHARGE_EFFICIENCY])
    lowest = -_bound(p, (midway - p[LOWEST_MWS]) * p[DISCHARGE_EFFICIENCY])
    wanted, at_ramp_s, high_s, low_s = follow_within(
        power, wish0, wish1, lowest, highest, dt_s, p[LAG_S], p[RAMP_MW_PER_S]
    )
    wanted = min(max(wanted, -p[POWER_MW]), p[POWER_MW])

    # This node is drawn over half of this step and half of the next.
    reach_s = 0.5 * (dt_s + next_dt_s) / KEPT
    room = p[HIGHEST_MWS] - stored - p[CHARGE_EFFICIENCY] * max(power, 0.0) * 0.5 * dt_s
    left = stored - p[LOWEST_MWS] - max(-power, 0.0) / p[DISCHARGE_EFFICIENCY] * 0.5 * dt_s
    new = min(wanted, max(room, 0.0) / (p[CHARGE_EFFICIENCY] * reach_s))
    new = max(new, -max(left, 0.0) * p[DISCHARGE_EFFICIENCY] / reach_s)

    charged, discharged = _both_ways(state[DELIVERED] * power, delivered * new, dt_s)
    gained = p[CHARGE_EFFICIENCY] * charged - discharged / p[DISCHARGE_EFFICIENCY]
    s[DEVICE_MW] = new
    s[STORED_MWS] = stored + gained
    s[CHARGED_MWS] += charged
    s[DISCHARGED_MWS] += discharged
    s[LOST_MWS] += charged - discharged - gained
    s[AT_RAMP_S] += at_ramp_s
    s[AT_POWER_S if highest == p[POWER_MW] else AT_STORED_S] += high_s
    s[AT_POWER_S if lowest == -p[POWER_MW] else AT_STORED_S] += low_s
    s[AT_STORED_S] += dt_s if new != wanted else 0.0
    s[SMALLEST_MWS] = min(s[SMALLEST_MWS], s[STORED_MWS])
    s[LARGEST_MWS] = max(s[LARGEST_MWS], s[STORED_MWS])
    return new


@inlined
def _bound(p: Floats, room: float) -> float:
    """Largest power from which a device comes to rest within the energy left."""
    if room <= 0.0:  # and the ramp may be infinite
        return 0.0
    return min(p[POWER_MW], min(room / (TAPER_LAGS * p[LAG_S]), math.sqrt(room * p[RAMP_MW_PER_S])))


@inlined
def _both_ways(start: float, end: float, dt_s: float) -> tuple[float, float]:
    """Energy charged and discharged while the power goes straight from `start` to `end`."""
    if start >= 0.0 and end >= 0.0:
        return 0.5 * (start + end) * dt_s, 0.0
    if start <= 0.0 and end <= 0.0:
        return 0.0, -0.5 * (start + end) * dt_s
    height = abs(start - end)
    charged = 0.5 * max(start, end) ** 2 / height * dt_s
    discharged = 0.5 * min(start, end) ** 2 / height * dt_s
    return charged, discharged


@kernel
def storage_series(
    parameters: Floats, state: Floats, load_mw: Floats, interval_s: float, poi_mw: Floats, stored_mws: Floats
) -> None:
    """Step through a load without jumps at nominal frequency, from a state that is at its first value.

    ``load_mw`` and ``poi_mw`` have shape (n,), ``stored_mws`` (devices, n).
    """
    out = np.empty(OUTPUTS)
    poi_mw[0] = load_mw[0]
    for k in range(load_mw.size):
        if k > 0:
            ahead_s = interval_s if k + 1 < load_mw.size else 0.0
            load, hz = load_mw[k], parameters[NOMINAL_HZ]
            storage_step(parameters, state, out, interval_s, load, load, hz, ahead_s, 1.0)
            poi_mw[k] = out[POI_MW]
        for number in range(stored_mws.shape[0]):
            stored_mws[number, k] = state[STATES + number * DEVICE_STATES + STORED_MWS]
