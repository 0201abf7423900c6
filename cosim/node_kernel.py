"""Many ordinary nodes of a run in one call, compiled: what `cosim.simulation.CoSimulation` does node by node.

A node is ordinary if no event, no step that the solver cannot take and no protection that acts makes it another: each
of these stops the call before the node, with all as it was at the node before.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosim import shedding_kernel as shedding
from cosim import site_kernel as site
from cosim.compiled import grid_kernel, jump_kernel
from cosim.compiled.grid_layout import Grid
from cosim.compiled.kernels import kernel
from cosim.engines.andes import MAX_ROTOR_ANGLE_RAD
from loads.mitigation import storage_kernel as storage
from loads.protection import due, observe
from loads.segments import Floats

Ints = NDArray[np.int64]

# Why a call ended.
(
    REACHED,  # the last node
    DUE,  # protection acts within the step to the next node
    FAILED,  # the solver cannot take that step
    UNSTABLE,  # machines are out of step at the node reached
) = range(4)

# What is written of a site in a row.
(DRAWN_MW, REACTIVE_MVAR, LEVEL_MW, DEMAND_MW, SHARE, RECHARGE_MW, STORAGE_MW, STORED_MWS) = range(8)
SITE_VALUES = 9  # the last are what each of two devices has stored


class Loads(NamedTuple):
    """Controlled loads, in the engine's order."""

    active: Floats
    """MW for a level of 1, shape (loads,)."""
    reactive: Floats
    base_mva: float
    site: Ints
    """Site whose own load it is, or -1."""
    stored_for: Ints
    """Site whose storage it is, or -1."""
    level: Floats
    """Levels last asked for; changed."""


class Sites(NamedTuple):
    """Sites, and what they see of the grid."""

    array: Floats
    """A row each, as of `cosim.site_kernel`; changed."""
    load: Ints
    """Its load, shape (sites,)."""
    storage_load: Ints
    """The load of its storage, or -1."""
    voltage: Ints
    """Its voltage's position in y."""
    divider: Floats
    """Hz at its bus for each machine's speed deviation in pu, shape (sites, machines)."""


class Watch(NamedTuple):
    """What is looked at after each step besides the sites."""

    saves: bool
    """Whether anything may act within a step."""
    nominal_hz: float
    timers: Floats
    """Of load shedding, as of `cosim.shedding_kernel`; changed."""
    relays: Floats
    """Hz at each relay for each machine's speed deviation in pu, shape (relays, machines)."""
    member: Ints
    """Machines of the islands, one island after the other."""
    first: Ints
    """Where each island starts, and the end; shape (islands + 1,)."""


class Nodes(NamedTuple):
    """A stretch of the timeline, from where the grid is; a last node may only say how long the step after it is."""

    taken: int
    """Nodes to take, after the first."""
    time_s: Floats
    is_jump: NDArray[np.bool_]
    before: Floats
    """Demand or level of each load that has one of its own, shape (nodes, loads)."""
    after: Floats
    share_before: Floats
    """What no event has tripped of each site, shape (nodes, sites)."""
    share_after: Floats


class Rows(NamedTuple):
    """What is written: a row for each node, and one more where it jumps."""

    time_s: Floats
    is_after: NDArray[np.bool_]
    at_x: Ints
    """States to write."""
    at_y: Ints
    x: Floats
    y: Floats
    site: Floats
    """Shape (rows, sites, SITE_VALUES)."""


@kernel
def run_nodes(
    grid: Grid, loads: Loads, sites: Sites, watch: Watch, nodes: Nodes, rows: Rows
) -> tuple[int, int, int, int]:
    """Take nodes until the last one, or until one of them is not ordinary.

    Returns
    -------
    nodes, rows
        That were taken, and that were written.
    unsettled
        Jumps after which the network had no solution.
    reason
        `REACHED` to `UNSTABLE`.
    """
    done = written = unsettled = 0
    hz = np.empty((2, watch.relays.shape[0]))
    _relay_hz(grid, watch, hz[1])
    for k in range(1, nodes.taken + 1):
        if watch.saves:
            grid_kernel.save(grid)
        if not _step(grid, loads, sites, watch, nodes, k):
            return done, written, unsettled, FAILED
        hz[0] = hz[1]
        _relay_hz(grid, watch, hz[1])
        if watch.saves and _is_due(grid, sites, watch, hz, nodes.time_s[k - 1], nodes.time_s[k]):
            grid_kernel.restore(grid)
            return done, written, unsettled, DUE
        _commit(grid, loads, sites, watch, nodes.time_s[k])
        shedding.observe(watch.timers, nodes.time_s[k - 1], hz[0], nodes.time_s[k], hz[1])
        _write(grid, loads, sites, rows, written, nodes.time_s[k], False)
        done, written = done + 1, written + 1
        if nodes.is_jump[k]:
            if not _jump(grid, loads, sites, nodes, k):
                unsettled += 1
            hz[0] = hz[1]
            _relay_hz(grid, watch, hz[1])
            _commit_after(grid, loads, sites, watch)
            shedding.observe(watch.timers, nodes.time_s[k], hz[0], nodes.time_s[k], hz[1])
            _write(grid, loads, sites, rows, written, nodes.time_s[k], True)
            written += 1
        if not _are_in_step(grid, watch):
            return done, written, unsettled, UNSTABLE
    return done, written, unsettled, REACHED


@kernel
def _step(grid: Grid, loads: Loads, sites: Sites, watch: Watch, nodes: Nodes, k: int) -> bool:
    """Take the step to node k with what the loads ask for there; False, and nothing has changed, if it fails."""
    end_s = nodes.time_s[k]
    next_s = nodes.time_s[k + 1] - end_s if k + 1 < nodes.time_s.size else 0.0
    loads.level[:] = nodes.before[k]
    for i in range(sites.load.size):
        site.propose(sites.array[i], end_s, next_s, nodes.before[k, sites.load[i]], nodes.share_before[k, i])
    for left in range(site.MAX_ROUNDS - 1, -1, -1):
        _set_power(grid, loads, sites)
        if not grid_kernel.step(grid, end_s):
            return False
        if left == 0 or not watch.saves or _have_settled(grid, sites):
            break
        grid_kernel.restore(grid)
        for i in range(sites.load.size):
            site.repeat(sites.array[i])
    return True


@kernel
def _jump(grid: Grid, loads: Loads, sites: Sites, nodes: Nodes, k: int) -> bool:
    """Let the levels at node k change at once, and solve the network again; False if that fails."""
    loads.level[:] = nodes.after[k]
    for i in range(sites.load.size):
        site.propose_after(sites.array[i], nodes.after[k, sites.load[i]], nodes.share_after[k, i])
    solved = False
    for left in range(site.MAX_ROUNDS - 1, -1, -1):
        _set_power(grid, loads, sites)
        solved = jump_kernel.solve_network(grid)
        if left == 0 or not solved or _have_settled(grid, sites):
            break
        for i in range(sites.load.size):
            site.repeat(sites.array[i])
    return solved


@kernel
def _set_power(grid: Grid, loads: Loads, sites: Sites) -> None:
    """Put the levels that the sites ask for, and those of the other loads, into the grid."""
    for k in range(loads.level.size):
        if loads.site[k] >= 0:
            loads.level[k] = site.level_mw(sites.array[loads.site[k]])
        elif loads.stored_for[k] >= 0:
            loads.level[k] = sites.array[loads.stored_for[k], site.ASKED + site.STORAGE_MW]
        level = loads.level[k]
        grid_kernel.set_power(
            grid, k, level * loads.active[k] / loads.base_mva, level * loads.reactive[k] / loads.base_mva
        )


@kernel
def _have_settled(grid: Grid, sites: Sites) -> bool:
    all_have = True
    for i in range(sites.load.size):  # each is to take note of the voltage
        has = site.has_settled(sites.array[i], grid.y[sites.voltage[i]])
        all_have = all_have and has
    return all_have


@kernel
def _is_due(grid: Grid, sites: Sites, watch: Watch, hz: Floats, start_s: float, end_s: float) -> bool:
    """Whether protection acts within the step just taken."""
    if shedding.due(watch.timers, start_s, hz[0], end_s, hz[1]) < np.inf:
        return True
    for i in range(sites.load.size):
        s = sites.array[i]
        if site.is_protected(s):
            p, state = s[int(s[site.PROTECTION]) :], s[int(s[site.PROTECTION_STATE]) :]
            v_pu, f_hz = grid.y[sites.voltage[i]], _site_hz(grid, sites, watch, i)
            if due(p, state, start_s, s[site.V_PU], s[site.F_HZ], end_s, v_pu, f_hz) < np.inf:
                return True
    return False


@kernel
def _commit(grid: Grid, loads: Loads, sites: Sites, watch: Watch, end_s: float) -> None:
    """Take a step as final."""
    for i in range(sites.load.size):
        s = sites.array[i]
        start_s, was_pu, was_hz = s[site.TIME_S], s[site.V_PU], s[site.F_HZ]
        v_pu, f_hz = grid.y[sites.voltage[i]], _site_hz(grid, sites, watch, i)
        site.commit(s, v_pu, f_hz, _drawn_mw(grid, loads, sites.load[i]), _delivered(grid, sites, i))
        _observe(s, start_s, was_pu, was_hz, end_s)


@kernel
def _commit_after(grid: Grid, loads: Loads, sites: Sites, watch: Watch) -> None:
    """Take what was found after a jump as final."""
    for i in range(sites.load.size):
        s = sites.array[i]
        was_pu, was_hz = s[site.V_PU], s[site.F_HZ]
        v_pu, f_hz = grid.y[sites.voltage[i]], _site_hz(grid, sites, watch, i)
        site.commit_after(s, v_pu, f_hz, _drawn_mw(grid, loads, sites.load[i]), _delivered(grid, sites, i))
        _observe(s, s[site.TIME_S], was_pu, was_hz, s[site.TIME_S])


@kernel
def _observe(s: Floats, start_s: float, was_pu: float, was_hz: float, end_s: float) -> None:
    """Show a site's protection the step, or jump, to what the site sees now."""
    if site.is_protected(s):
        p, state = s[int(s[site.PROTECTION]) :], s[int(s[site.PROTECTION_STATE]) :]
        observe(p, state, start_s, was_pu, was_hz, end_s, s[site.V_PU], s[site.F_HZ])


@kernel
def _drawn_mw(grid: Grid, loads: Loads, k: int) -> float:
    return loads.level[k] * loads.active[k] / loads.base_mva * grid_kernel.load_share(grid, k) * loads.base_mva


@kernel
def _delivered(grid: Grid, sites: Sites, i: int) -> float:
    """Share of the power of a site's storage that passes."""
    return grid_kernel.load_share(grid, sites.storage_load[i]) if sites.storage_load[i] >= 0 else 1.0


@kernel
def _site_hz(grid: Grid, sites: Sites, watch: Watch, i: int) -> float:
    """Frequency at a site's bus, if the site needs it; else NaN."""
    if site.is_protected(sites.array[i]) or site.has_storage(sites.array[i]):
        return watch.nominal_hz + _deviation_hz(grid, sites.divider[i])
    return np.nan


@kernel
def _relay_hz(grid: Grid, watch: Watch, hz: Floats) -> None:
    for i in range(hz.size):
        hz[i] = watch.nominal_hz + _deviation_hz(grid, watch.relays[i])


@kernel
def _deviation_hz(grid: Grid, weight: Floats) -> float:
    deviation = 0.0
    for i in range(grid.speed.size):
        deviation += weight[i] * (grid.x[grid.speed[i]] - 1.0)
    return deviation


@kernel
def _are_in_step(grid: Grid, watch: Watch) -> bool:
    """Whether rotor angles of each island are within 180 degrees of each other."""
    for island in range(watch.first.size - 1):
        lowest, highest = np.inf, -np.inf
        for m in range(watch.first[island], watch.first[island + 1]):
            angle = grid.x[grid.angle[watch.member[m]]]
            lowest, highest = min(lowest, angle), max(highest, angle)
        if not highest - lowest < MAX_ROTOR_ANGLE_RAD:
            return False
    return True


@kernel
def _write(grid: Grid, loads: Loads, sites: Sites, rows: Rows, row: int, now_s: float, is_after: bool) -> None:
    """Write the present state."""
    rows.time_s[row], rows.is_after[row] = now_s, is_after
    for i in range(rows.at_x.size):
        rows.x[row, i] = grid.x[rows.at_x[i]]
    for i in range(rows.at_y.size):
        rows.y[row, i] = grid.y[rows.at_y[i]]
    for i in range(sites.load.size):
        s, out, k = sites.array[i], rows.site[row, i], sites.load[i]
        asked = s[site.ASKED : site.ASKED + site.POWERS]
        out[DRAWN_MW] = asked[site.DRAWN_MW]
        mvar = loads.level[k] * loads.reactive[k] / loads.base_mva * grid_kernel.load_share(grid, k) * loads.base_mva
        out[REACTIVE_MVAR] = mvar
        out[LEVEL_MW] = site.level_mw(s) + asked[site.STORAGE_MW]
        out[DEMAND_MW], out[SHARE] = asked[site.DEMAND_MW], asked[site.SHARE]
        out[RECHARGE_MW], out[STORAGE_MW] = asked[site.RECHARGE_MW], asked[site.STORAGE_MW]
        if site.has_storage(s):
            state = s[int(s[site.STORAGE_STATE]) : int(s[site.STORAGE_TRIAL])]
            for device in range(int(s[int(s[site.STORAGE]) + storage.DEVICES])):
                first = storage.STATES + device * storage.DEVICE_STATES
                out[STORED_MWS + device] = state[first + storage.STORED_MWS]
