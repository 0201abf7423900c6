"""The ordinary nodes of a run, many in one call of compiled code; the co-simulation loop does the others.

Nothing changes but the time it takes: a run has the same numbers, up to rounding, as one node by node.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from cosim import node_kernel as kernel
from cosim import stepper
from cosim.compiled.grid_layout import Grid
from cosim.engines.channels import Channels
from cosim.load_shedding import LoadShedding
from cosim.loop_inputs import Load
from cosim.recorder import Recorder
from cosim.shedding_kernel import RELAY, TIMER
from cosim.site_response import SiteResponse
from cosim.timeline import Timeline

BLOCK_VARIABLES = 2_000_000
"""Nodes of a call times the grid's variables: some 0.1 s, after which Ctrl-C is heard and results are written."""
LARGEST_BLOCK = 8192
"""Nodes of a call, at most."""


@runtime_checkable
class FastEngine(Protocol):
    """An engine whose grid compiled code can step; `cosim.engines.interface.Engine` besides."""

    nominal_hz: float

    @property
    def channels(self) -> Channels:
        """What reads channels from the variables."""

    def grid_kernel(self) -> Grid | None:
        """Arrays of the grid; None while it cannot be stepped so."""

    def taken_over(self) -> None:
        """Take note that the grid has been moved."""


class FastLoop:
    """Takes stretches of a run.

    Parameters
    ----------
    engine : FastEngine
        Initialised.
    loads : sequence of Load
        In the engine's order.
    sites : sequence of SiteResponse
        Their numbers move to an array of this loop.
    storage_at : mapping
        Of a site's position, that of its storage among the loads.
    timeline : Timeline
    recorder : Recorder
    channels : sequence of str
        Engine channels to record.
    shedding : sequence of LoadShedding
    """

    def __init__(
        self,
        engine: FastEngine,
        loads: Sequence[Load],
        sites: Sequence[SiteResponse],
        storage_at: Mapping[int, int],
        timeline: Timeline,
        recorder: Recorder,
        channels: Sequence[str],
        shedding: Sequence[LoadShedding] = (),
    ):
        self._engine, self._sites, self._timeline, self._recorder = engine, list(sites), timeline, recorder
        self._names = [*channels, *(["coi_hz"] if "speed_pu" in channels else [])]
        self._shedding = list(shedding)
        self._injectors = [(k, load.injector) for k, load in enumerate(loads) if load.injector is not None]
        self._array = np.zeros((len(sites), max((site.size for site in sites), default=0)))
        for site, row in zip(sites, self._array, strict=True):
            site.move_to(row)
        names = [load.name for load in loads]
        self._load = np.array([names.index(site.name) for site in sites], dtype=np.int64)
        self._storage_load = np.array([storage_at.get(i, -1) for i in range(len(sites))], dtype=np.int64)
        of_site, stored_for = (np.full(len(loads), -1, dtype=np.int64) for _ in range(2))
        of_site[self._load] = np.arange(len(sites))
        for i, k in storage_at.items():
            stored_for[k] = i
        self._loads = kernel.Loads(
            np.array([load.active_mw for load in loads], dtype=float),
            np.array([load.reactive_mvar for load in loads], dtype=float),
            engine.channels.base_mva,
            of_site,
            stored_for,
            np.zeros(len(loads)),
        )
        self._saves = bool(shedding) or any(site.is_protected for site in sites)
        self._divider: np.ndarray | None = None  # of the switch positions that what is below was made for
        self._stopped_at: int | None = None

    def take(self, reached: int, end: int) -> tuple[int, int]:
        """Take ordinary nodes.

        Parameters
        ----------
        reached
            Node where the run is.
        end
            Last node that may be taken.

        Returns
        -------
        nodes
            That were taken, and recorded: 0 if the next is not ordinary.
        unsettled
            Jumps among them after which the network had no solution.
        """
        grid = self._engine.grid_kernel()
        if grid is None or end <= reached or not self._is_ready(reached):
            return 0, 0
        if self._engine.channels.divider is not self._divider:
            self._look_at_network(grid)
        nodes = self._nodes(reached, min(end, reached + self._block))
        timers = np.concatenate([np.empty((0, TIMER)), *(scheme.timers for scheme in self._shedding)])
        timers[:, RELAY] += self._first_relay
        watch = self._watch._replace(timers=timers)
        stepper.wait()
        done, written, unsettled, reason = kernel.run_nodes(grid, self._loads, self._of_sites, watch, nodes, self._rows)
        self._engine.taken_over()
        if reason in (kernel.DUE, kernel.FAILED):
            self._stopped_at = reached + done
        if done:
            self._finish(nodes, done, timers)
            self._record(written)
        return done, unsettled

    def _is_ready(self, reached: int) -> bool:
        """Whether nothing is known against the next node, and no load owes energy for a step that was cut."""
        time_s = self._timeline.time_s
        start_s, next_s = float(time_s[reached]), float(time_s[reached + 1] - time_s[reached])
        return self._stopped_at != reached and all(
            injector.is_ready(start_s, next_s) for _, injector in self._injectors
        )

    def _look_at_network(self, grid: Grid) -> None:
        """Take note of what depends on switch positions."""
        channels, hz = self._engine.channels, self._engine.nominal_hz
        self._divider = channels.divider
        buses = np.array([site.bus for site in self._sites], dtype=int)
        relays = [
            channels.coi_weights[None] if scheme.by_coi else channels.divider[scheme.relay_bus]
            for scheme in self._shedding
        ]
        counts = np.cumsum([0, *(len(weights) for weights in relays)])
        self._first_relay = np.repeat(counts[:-1], [len(scheme.timers) for scheme in self._shedding]).astype(float)
        islands = channels.islands
        self._of_sites = kernel.Sites(
            self._array, self._load, self._storage_load, grid.bus_v[buses], hz * channels.divider[buses]
        )
        self._watch = kernel.Watch(
            self._saves,
            hz,
            np.empty((0, TIMER)),
            hz * np.concatenate([np.empty((0, len(grid.speed))), *relays]),
            np.concatenate([np.empty(0, dtype=np.int64), *islands]).astype(np.int64),
            np.cumsum([0, *(len(island) for island in islands)]).astype(np.int64),
        )
        at_x, at_y, self._reader = channels.gathered(self._names)
        self._block = max(1, min(LARGEST_BLOCK, BLOCK_VARIABLES // (len(grid.x) + len(grid.y))))
        rows = 2 * self._block
        self._rows = kernel.Rows(
            np.empty(rows),
            np.empty(rows, dtype=bool),
            at_x.astype(np.int64),
            at_y.astype(np.int64),
            np.empty((rows, len(at_x))),
            np.empty((rows, len(at_y))),
            np.zeros((rows, len(self._sites), kernel.SITE_VALUES)),
        )

    def _nodes(self, first: int, last: int) -> kernel.Nodes:
        """What the loads without the grid's reaction would do from one node to another."""
        time_s, is_jump = self._timeline.time_s, self._timeline.is_jump
        shown = slice(first, last + 2)
        wide = slice(max(first - 1, 0), last + 2)  # averages reach to the nodes beside
        count = len(time_s[shown])
        before, after = (np.zeros((count, len(self._loads.level))) for _ in range(2))
        for k, injector in self._injectors:
            left, right = injector.values(time_s[wide], is_jump[wide])
            before[:, k], after[:, k] = left[-count:], right[-count:]
        share_before, share_after = (np.ones((count, len(self._sites))) for _ in range(2))
        for i, site in enumerate(self._sites):
            if site.connection is not None:
                share_before[:, i] = [site.connection.before(t) for t in time_s[shown].tolist()]
                share_after[:, i] = [site.connection.after(t) for t in time_s[shown].tolist()]
        return kernel.Nodes(last - first, time_s[shown], is_jump[shown], before, after, share_before, share_after)

    def _finish(self, nodes: kernel.Nodes, done: int, timers: np.ndarray) -> None:
        """Let injectors and relays know how far the run is."""
        following = float(nodes.time_s[done + 1] - nodes.time_s[done]) if done + 1 < len(nodes.time_s) else 0.0
        for k, injector in self._injectors:
            stretch = slice(0, done + 1)
            injector.take(nodes.time_s[stretch], nodes.before[stretch, k], nodes.after[stretch, k], following)
        start = 0
        for scheme in self._shedding:
            scheme.timers[:, RELAY + 1 :] = timers[start : start + len(scheme.timers), RELAY + 1 :]
            start += len(scheme.timers)

    def _record(self, count: int) -> None:
        """Hand rows to the recorder."""
        rows = self._rows
        time_s, x, y = rows.time_s[:count], rows.x[:count], rows.y[:count]
        values = {name: self._reader.at(name, x, y) for name in self._names}
        self._recorder.record_rows(time_s, rows.is_after[:count], values)
        for i, site in enumerate(self._sites):
            of_site = rows.site[:count, i].T
            further = [*of_site[kernel.DEMAND_MW : kernel.STORED_MWS]] if site.reacts else []
            if site.storage is not None:
                devices = len(site.storage.devices)
                further += [*site.soc(of_site[kernel.STORED_MWS : kernel.STORED_MWS + devices].T).T]
            self._recorder.record_site_rows(site.name, time_s, *of_site[: kernel.DEMAND_MW], *further)
