"""What a protected site draws, and where the energy of its demand comes from.

Between nodes all powers are straight, as for the trapezoidal rule of the solver. Each group's demand is split by shares
at the nodes into what its input draws, what batteries and generators give, and what is lost:

    demand = load at the POI + battery + generator + lost
    POI = load + recharge,  recharge = stored + losses,  change of the batteries' energy = stored - battery

and the sums hold over every step to rounding.
"""

from __future__ import annotations

import math

from loads.protection import layout as at
from loads.protection.kernel import connected, remembered
from loads.segments import Floats, inlined, kernel


@inlined
def electronic_share(vd1_pu: float, vd2_pu: float, restart_fraction: float, lowest_pu: float, v: float) -> float:
    """Share of electronic load that runs at a voltage, after a lowest one of vd2 to vd1.

    The electronic part of the WECC composite load model, as documented for PowerWorld's LDELEC.
    """
    if v < vd2_pu:
        return 0.0
    if v <= lowest_pu:
        return (min(v, vd1_pu) - vd2_pu) / (vd1_pu - vd2_pu)
    return (lowest_pu - vd2_pu + restart_fraction * (min(v, vd1_pu) - lowest_pu)) / (vd1_pu - vd2_pu)


@inlined
def _load_share(p: Floats, g: Floats, s: Floats, t: float, v: float) -> float:
    """Share of a group's demand that it draws."""
    share = connected(g, s, t)
    if p[at.HAS_ELECTRONIC] > 0.0:
        lowest = min(remembered(g, s, t), max(v, g[at.VD2_PU]))
        share *= electronic_share(g[at.VD1_PU], g[at.VD2_PU], g[at.RESTART_FRACTION], lowest, v)
    return share


@inlined
def _recharge_mw(p: Floats, g: Floats, s: Floats, t: float, demand_mw: float) -> float:
    """Power that charges a group's batteries; they wait until the group is back in full."""
    if p[at.HAS_UPS] == 0.0 or s[at.MISSING_MWS] <= 0.0 or connected(g, s, t) < 1.0:
        return 0.0
    tapered = s[at.MISSING_MWS] / (p[at.RECHARGE_EFFICIENCY] * p[at.TAPER_S])
    return min(p[at.RECHARGE_SHARE] * g[at.WEIGHT] * demand_mw, tapered)


@kernel
def share(p: Floats, state: Floats, t: float, v: float) -> float:
    """Return the share of the site's demand that it draws.

    Parameters
    ----------
    p, state
        From `loads.protection.build`; not changed.
    t
        Time [s], not before the last observed.
    v
        Voltage [pu] as far as known.
    """
    total = 0.0
    for k in range(int(p[at.GROUPS])):
        g, s = p[at.group_parameters(p, k) :], state[at.group_states(p, k) :]
        total += g[at.WEIGHT] * _load_share(p, g, s, t, v)
    return total


@kernel
def recharge(p: Floats, state: Floats, t: float, demand_mw: float) -> float:
    """Return the power [MW] that batteries draw at time t on top, when the site's demand is `demand_mw`."""
    total = 0.0
    for k in range(int(p[at.GROUPS])):
        g, s = p[at.group_parameters(p, k) :], state[at.group_states(p, k) :]
        total += _recharge_mw(p, g, s, t, demand_mw)
    return total


@kernel
def account(p: Floats, state: Floats, t: float, v: float, demand_mw: float) -> None:
    """Add the energies from the last node accounted to this one.

    To be called at every node with the `t`, `v` and `demand_mw` for which `share` and `recharge` gave what the site
    draws there, before `observe`; and once more, with the values after it, where the site's power jumps.

    Parameters
    ----------
    p, state
        From `loads.protection.build`; the state is changed.
    t, v, demand_mw
        Time [s], voltage [pu] and the site's demand [MW].
    """
    half_s = 0.5 * (t - state[at.NODE_S]) if not math.isnan(state[at.NODE_S]) else 0.0
    was_mw = state[at.NODE_DEMAND_MW]
    for k in range(int(p[at.GROUPS])):
        g, s = p[at.group_parameters(p, k) :], state[at.group_states(p, k) :]
        load = _load_share(p, g, s, t, v)
        recharge_mw = _recharge_mw(p, g, s, t, demand_mw)
        carried = (1.0 - connected(g, s, t)) if p[at.HAS_UPS] > 0.0 else 0.0
        is_generator = t - s[at.TRANSFERRED_S] >= p[at.GENERATOR_AFTER_S]  # false for NaN
        generator, battery = (carried, 0.0) if is_generator else (0.0, carried)

        was, now = half_s * g[at.WEIGHT] * was_mw, half_s * g[at.WEIGHT] * demand_mw
        drawn = was * s[at.NODE_LOAD] + now * load
        from_generator = was * s[at.NODE_GENERATOR] + now * generator
        wanted = was * s[at.NODE_BATTERY] + now * battery
        given = min(wanted, g[at.BATTERY_MWS] - s[at.MISSING_MWS])
        charged = half_s * (s[at.NODE_RECHARGE_MW] + recharge_mw)
        stored = min(p[at.RECHARGE_EFFICIENCY] * charged, s[at.MISSING_MWS] + given)

        s[at.MISSING_MWS] += given - stored
        state[at.LOAD_MWS] += drawn
        state[at.GENERATOR_GAVE_MWS] += from_generator
        state[at.BATTERY_GAVE_MWS] += given
        state[at.LOST_MWS] += was + now - drawn - from_generator - given
        state[at.RECHARGE_MWS] += charged
        state[at.RECHARGE_STORED_MWS] += stored
        s[at.NODE_LOAD], s[at.NODE_BATTERY], s[at.NODE_GENERATOR] = load, battery, generator
        s[at.NODE_RECHARGE_MW] = recharge_mw
    state[at.DEMAND_MWS] += half_s * (was_mw + demand_mw)
    state[at.NODE_S] = t
    state[at.NODE_DEMAND_MW] = demand_mw
