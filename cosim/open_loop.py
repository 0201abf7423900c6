"""A run of linear equations whose loads do not react to the grid: all of it at once, not node by node."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from cosim.engines.andes import MAX_ROTOR_ANGLE_RAD
from cosim.engines.linear import LinearEngine
from cosim.linear.domain import CHANNELS as DOMAIN_CHANNELS
from cosim.linear.domain import Domain
from cosim.linear.response import Response, Rows
from cosim.loop_inputs import Event, Load, levels
from cosim.recorder import Recorder
from cosim.simulation import Outcome, Progress
from cosim.site_response import SiteResponse
from cosim.timeline import Timeline

WATCH_EVERY_S = 0.01
"""Interval at which it is seen whether equations hold and machines are in step; each step if those are longer."""


def is_open_loop(loads: Sequence[Load], events: Sequence[Event]) -> bool:
    """Whether nothing depends on what the grid does."""
    return not any(load.equipment and load.equipment.reacts for load in loads) and not any(
        event.apply or event.returns for event in events
    )


def response_to_levels(
    engine: LinearEngine,
    loads: Sequence[Load],
    names: Sequence[str],
    time_s: np.ndarray,
    is_jump: np.ndarray,
    *,
    is_rough: bool = False,
) -> tuple[Response, dict[str, slice]]:
    """Response of channels to the loads' levels, and where each channel's elements are among the outputs."""

    def by_level(columns: np.ndarray) -> np.ndarray:
        """Columns of the loads' MW, then Mvar, as columns of their levels."""
        count = len(loads)
        return columns[:, :count] * [load.active_mw for load in loads] + columns[:, count:] * [
            load.reactive_mvar for load in loads
        ]

    outputs = [engine.outputs(name) for name in names]
    bounds = np.cumsum([0, *(len(c) for c, _ in outputs)])
    places = {name: slice(*pair) for name, pair in zip(names, pairwise(bounds), strict=True)}
    c, d = np.vstack([c for c, _ in outputs]), np.vstack([by_level(d) for _, d in outputs])
    return Response(engine.form, by_level(engine.b), c, d, time_s, is_jump, is_rough=is_rough), places


def first_out_of_step(angle_rad: np.ndarray, islands: Iterable[np.ndarray]) -> int | None:
    """Number of rows up to the first at which an island's machines are out of step; None if they never are."""
    apart = np.zeros(len(angle_rad), dtype=bool)
    for island in islands:
        apart |= np.ptp(angle_rad[:, island], axis=1) >= MAX_ROTOR_ANGLE_RAD
    return int(np.argmax(apart)) + 1 if apart.any() else None


def watch(
    rows: Rows,
    channels: Mapping[str, np.ndarray],
    places: Mapping[str, slice],
    present: Mapping[str, np.ndarray],
    domain: Domain,
) -> int | None:
    """Let the domain see a stretch of a run, up to where machines fall out of step.

    Parameters
    ----------
    rows
        The stretch.
    channels
        Those that have been computed at all of its rows.
    places, present
        Of each channel, where it is among the outputs, and its values at the operating point.
    domain
        Of the run.

    Returns
    -------
    int or None
        Number of rows up to the first at which machines are out of step.
    """
    seldom = rows.seldom(WATCH_EVERY_S)
    watched = {
        name: channels[name][seldom] if name in channels else rows.outputs(places[name], seldom) + present[name]
        for name in DOMAIN_CHANNELS
    }
    apart = first_out_of_step(watched["rotor_angle_rad"], domain.islands)
    domain.see(rows.time_s[seldom[:apart]], {name: of[:apart] for name, of in watched.items()})
    return None if apart is None else int(seldom[apart - 1]) + 1


class OpenLoopRun:
    """One run of an initialised linear engine; stands in for `cosim.simulation.CoSimulation`.

    Parameters
    ----------
    engine : LinearEngine
        Initialised with the loads' values at t = 0.
    loads : sequence of Load
        In the engine's order; none reacts to the grid.
    timeline : Timeline
    events : sequence of Event
        Load steps and ramps: their power is in `loads`.
    recorder : Recorder
    channels : sequence of str
        Engine channels to record.
    """

    def __init__(
        self,
        engine: LinearEngine,
        loads: Sequence[Load],
        timeline: Timeline,
        events: Sequence[Event],
        recorder: Recorder,
        channels: Sequence[str],
    ):
        self._engine, self._loads, self._timeline = engine, list(loads), timeline
        self._events, self._recorder = events, recorder
        self._channels = [*channels, *(["coi_hz"] if "speed_pu" in channels else [])]
        buses = engine.elements["bus"]
        self._sites = [
            SiteResponse(load.name, load.injector, load.equipment, buses.index(str(load.bus)), load.v_min_pu)
            for load in loads
            if load.injector is not None and load.equipment is not None
        ]
        self.outcome = Outcome("completed", 0.0, sites={site.name: site for site in self._sites})

    def run(self, start_level: np.ndarray, progress: Progress) -> Outcome:
        """Respond to the loads from the first node to the last; see `CoSimulation.run`."""
        times, is_jump = self._timeline.time_s, self._timeline.is_jump
        before, after = levels(self._loads, times, is_jump, start_level)
        recorded = list(dict.fromkeys([*self._channels, "voltage_pu"]))
        names = list(dict.fromkeys([*recorded, *DOMAIN_CHANNELS]))
        response, places = response_to_levels(self._engine, self._loads, names, times, is_jump)
        present = {name: self._engine.linear.channels[name].present for name in names}
        pending = deque(self._events)
        assert self._engine.domain is not None
        for rows in response(before - start_level, after - start_level):
            channels = {name: rows.outputs(places[name]) + present[name] for name in recorded}
            stop = watch(rows, channels, places, present, self._engine.domain)
            channels = {name: values[:stop] for name, values in channels.items()}
            self._record(rows, channels, before, after)
            last_s = float(rows.time_s[:stop][-1])
            while pending and pending[0].at_s <= last_s + 2 * self._timeline.merge_s:
                event = pending.popleft()
                self._recorder.record_event(event.at_s, event.kind, event.description)
            self.outcome.end_time_s = last_s
            self.outcome.steps = int(np.searchsorted(times, last_s))
            progress(last_s)
            if stop is not None:
                self.outcome.status = "unstable"
                self.outcome.message = (
                    f"rotor angles are more than 180 degrees apart at {last_s:.6g} s: loss of synchronism"
                )
                break
        return self.outcome

    def _record(self, rows: Rows, channels: dict[str, np.ndarray], before: np.ndarray, after: np.ndarray) -> None:
        voltage_pu = channels["voltage_pu"]
        time_s, is_after = rows.time_s[: len(voltage_pu)], rows.is_after[: len(voltage_pu)]
        self._recorder.record_rows(time_s, is_after, {name: channels[name] for name in self._channels})
        node = np.searchsorted(self._timeline.time_s, time_s)
        level = np.where(is_after[:, None], after[node], before[node])
        share = self._engine.shares(voltage_pu[:, self._engine.load_bus])
        for k, site in enumerate(self._sites):
            drawn_mw = level[:, k] * share[:, k]
            drawn_mvar = drawn_mw * self._loads[k].reactive_mvar
            self._recorder.record_site_rows(site.name, time_s, drawn_mw, drawn_mvar, level[:, k])
            site.pass_through(time_s, level[:, k], drawn_mw, voltage_pu[:, site.bus])
