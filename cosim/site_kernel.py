"""What a site in the loop does at each node, compiled, over one flat float64 array a site.

The array has `SCALARS` values that are named below, and then what the site has of protection (parameters, state) and of
storage (parameters, state, trial, output); the scalars say where each of these starts. `cosim.site_response` calls
these functions for one site at a time, the compiled loop for many nodes of all sites; both work on the same arrays.

For each step: `propose`, the grid's solution, `has_settled` (else `repeat`), `commit`; after a jump `propose_after`,
the network's solution, `has_settled`, `commit_after`.
"""

import numpy as np

from loads.mitigation import OUTPUTS, storage_step
from loads.mitigation import storage_kernel as storage_at
from loads.protection import account, layout, recharge, share
from loads.segments import Floats, inlined, kernel

SHARE_TOLERANCE = 1e-4
"""A site whose share would change by less than this with the voltage that it caused has settled."""

MAX_ROUNDS = 12
"""How often sites and grid are asked in turn, at one instant, what each makes of the other."""

(
    PROTECTION,  # where each of these starts; 0: the site has none
    PROTECTION_STATE,
    STORAGE,
    STORAGE_STATE,
    STORAGE_TRIAL,
    STORAGE_OUT,
    SIZE,  # of all of it
    V_MIN_PU,  # below which the site is an impedance
    TIME_S,  # of the node
    END_S,  # of the step asked for
    NEXT_S,  # length of the step planned after that
    V_PU,  # at the node
    F_HZ,
    MIN_PU,  # so far
    MAX_PU,
    ASKED_V_PU,  # for which the levels were asked
    ASKED_SHARE,  # that no event has tripped
    AFTER_MW,  # demand after the end of the step asked for
) = range(18)

# Powers at one side of a node: of the one reached, from NODE on, and of the one asked for, from ASKED on.
(
    DEMAND_MW,
    CONNECTED_MW,  # what no event has tripped
    LOAD_MW,  # what protection leaves of it
    RECHARGE_MW,  # what UPS batteries draw
    VOLTAGE_MW,  # what the voltage makes these two draw beyond their power at nominal voltage
    DRAWN_MW,  # what passes the POI, the power of the storage included
    IS_LOW,  # whether the voltage is below V_MIN_PU
    STORAGE_MW,
    SHARE,  # of the load, that is connected
) = range(9)
POWERS = 9
NODE = 18
ASKED = NODE + POWERS

# Integrals of the first of these over the nodes, MW s, as the trapezoidal rule of the solver has them.
ENERGIES = ASKED + POWERS
INTEGRATED = IS_LOW + 1
SCALARS = ENERGIES + INTEGRATED


def new_site(v_min_pu: float, protection: Floats, storage: Floats) -> Floats:
    """Return the array of a site, its states still zero; the parameters are empty where there is no equipment."""
    groups = int(protection[layout.GROUPS]) if protection.size else 0
    devices = int(storage[storage_at.DEVICES]) if storage.size else 0
    state = layout.group_states(protection, groups) if protection.size else 0
    stored = storage_at.STATES + devices * storage_at.DEVICE_STATES if storage.size else 0
    sizes = [protection.size, state, storage.size, stored, stored, OUTPUTS if storage.size else 0]
    starts = SCALARS + np.cumsum([0, *sizes])
    site = np.zeros(starts[-1])
    site[: SIZE + 1] = np.where([*sizes, 1], starts, 0)
    site[V_MIN_PU], site[MIN_PU], site[MAX_PU] = v_min_pu, np.inf, -np.inf
    site[[NODE + SHARE, ASKED + SHARE]] = 1.0
    if protection.size:
        site[starts[0] : starts[1]] = protection
    if storage.size:
        site[starts[2] : starts[3]] = storage
    return site


def part(site: Floats, which: int) -> Floats:
    """Return the view of one of a site's parts, `PROTECTION` to `STORAGE_OUT`; empty if there is none."""
    starts = site[: SIZE + 1].astype(int)
    following = starts[which + 1 :]
    return site[starts[which] : following[following > 0][0]] if starts[which] else site[:0]


@inlined
def is_protected(s: Floats) -> bool:
    """Whether a site has protection."""
    return s[PROTECTION] > 0.0


@inlined
def has_storage(s: Floats) -> bool:
    """Whether a site has storage."""
    return s[STORAGE] > 0.0


@inlined
def level_mw(s: Floats) -> float:
    """Level last asked for of the site's load."""
    return s[ASKED + LOAD_MW] + s[ASKED + RECHARGE_MW]


@kernel
def _ask(s: Floats, now_s: float, demand_mw: float, connected_share: float) -> None:
    """Ask for levels at an instant, as far as voltage and frequency there are known."""
    asked = s[ASKED : ASKED + POWERS]
    asked[:] = 0.0
    connected = demand_mw * connected_share
    s[ASKED_SHARE] = connected_share
    asked[DEMAND_MW] = demand_mw
    asked[CONNECTED_MW] = connected
    asked[LOAD_MW] = connected
    asked[SHARE] = connected_share
    if is_protected(s):
        p, state = s[int(s[PROTECTION]) :], s[int(s[PROTECTION_STATE]) :]
        left = share(p, state, now_s, s[ASKED_V_PU])
        asked[LOAD_MW] = connected * left
        asked[SHARE] = connected_share * left
        asked[RECHARGE_MW] = recharge(p, state, now_s, connected)
    if has_storage(s):
        _step_storage(s, 1.0)
        asked[STORAGE_MW] = s[int(s[STORAGE_OUT]) + storage_at.POI_MW] - (asked[LOAD_MW] + asked[RECHARGE_MW])


@kernel
def _step_storage(s: Floats, delivered: float) -> None:
    """From the last node to the one asked for; both are one after a jump."""
    state, trial, out = int(s[STORAGE_STATE]), int(s[STORAGE_TRIAL]), int(s[STORAGE_OUT])
    s[trial:out] = s[state:trial]
    load_mw = level_mw(s)
    storage_step(
        s[int(s[STORAGE]) :],
        s[trial:],
        s[out:],
        s[END_S] - s[TIME_S],
        load_mw,
        load_mw,
        s[F_HZ],
        s[NEXT_S],
        delivered,
    )


@inlined
def _keep_storage(s: Floats) -> None:
    state, trial, out = int(s[STORAGE_STATE]), int(s[STORAGE_TRIAL]), int(s[STORAGE_OUT])
    s[state:trial] = s[trial:out]


@kernel
def see(s: Floats, v_pu: float, f_hz: float) -> None:
    """Take note of voltage and frequency at the site's bus."""
    s[V_PU], s[F_HZ] = v_pu, f_hz
    s[MIN_PU], s[MAX_PU] = min(s[MIN_PU], v_pu), max(s[MAX_PU], v_pu)


@kernel
def propose(s: Floats, end_s: float, next_s: float, demand_mw: float, connected_share: float) -> None:
    """Ask for levels at the end of a step from the last node; the step can be cut and proposed again.

    Parameters
    ----------
    s
        The site.
    end_s, next_s
        End of the step, and length of the one planned after it.
    demand_mw
        At the end, before any jump there.
    connected_share
        What no event has tripped of it.
    """
    s[END_S], s[NEXT_S] = end_s, next_s
    s[ASKED_V_PU] = s[V_PU]
    _ask(s, end_s, demand_mw, connected_share)


@kernel
def propose_after(s: Floats, demand_mw: float, connected_share: float) -> None:
    """Ask for levels after the node, where the site or the grid jumps."""
    s[ASKED_V_PU], s[END_S] = s[V_PU], s[TIME_S]
    _ask(s, s[TIME_S], demand_mw, connected_share)


@kernel
def repeat(s: Floats) -> None:
    """Ask once more for the same instant, with the voltage that the grid had with the last levels."""
    _ask(s, s[END_S], s[ASKED + DEMAND_MW], s[ASKED_SHARE])


@kernel
def has_settled(s: Floats, v_pu: float) -> bool:
    """Whether the levels would be the same with the voltage that they made; else `repeat` is to follow."""
    if not is_protected(s):
        return True
    p, state = s[int(s[PROTECTION]) :], s[int(s[PROTECTION_STATE]) :]
    if p[layout.HAS_ELECTRONIC] == 0.0:
        return True
    before = s[ASKED_V_PU]
    if before == v_pu:
        return True
    connected = s[ASKED + CONNECTED_MW]
    change = share(p, state, s[END_S], v_pu) * connected - s[ASKED + LOAD_MW]
    if abs(change) <= SHARE_TOLERANCE * max(connected, 1e-9):
        return True  # the voltage kept is that of the levels asked for
    s[ASKED_V_PU] = v_pu
    return False


@inlined
def _finish(s: Floats, load_mw: float, delivered: float) -> None:
    s[ASKED + VOLTAGE_MW] = load_mw - level_mw(s)
    s[ASKED + DRAWN_MW] = load_mw + s[ASKED + STORAGE_MW] * delivered
    s[ASKED + IS_LOW] = 1.0 if s[V_PU] < s[V_MIN_PU] else 0.0


@kernel
def commit(s: Floats, v_pu: float, f_hz: float, load_mw: float, delivered: float) -> None:
    """Make the end of the step the node.

    Parameters
    ----------
    s
        The site.
    v_pu, f_hz
        Voltage and frequency there; NaN: no frequency is known.
    load_mw
        What the load drew there.
    delivered
        Share of the storage's power that passed.
    """
    step_s = s[END_S] - s[TIME_S]
    if has_storage(s):
        if delivered < 1.0:
            _step_storage(s, delivered)
        _keep_storage(s)
    if is_protected(s):
        p, state = s[int(s[PROTECTION]) :], s[int(s[PROTECTION_STATE]) :]
        account(p, state, s[END_S], s[ASKED_V_PU], s[ASKED + CONNECTED_MW])
    see(s, v_pu, f_hz)
    _finish(s, load_mw, delivered)
    for k in range(INTEGRATED):
        s[ENERGIES + k] += 0.5 * step_s * (s[NODE + k] + s[ASKED + k])
    s[NODE : NODE + POWERS] = s[ASKED : ASKED + POWERS]
    s[TIME_S] = s[END_S]


@kernel
def commit_after(s: Floats, v_pu: float, f_hz: float, load_mw: float, delivered: float) -> None:
    """Make the other side of the jump the node; the arguments are those of `commit`."""
    if has_storage(s):
        _step_storage(s, delivered)
        _keep_storage(s)
    if is_protected(s):
        p, state = s[int(s[PROTECTION]) :], s[int(s[PROTECTION_STATE]) :]
        account(p, state, s[TIME_S], s[ASKED_V_PU], s[ASKED + CONNECTED_MW])
    see(s, v_pu, f_hz)
    _finish(s, load_mw, delivered)
    s[NODE : NODE + POWERS] = s[ASKED : ASKED + POWERS]
