"""The co-simulation loop: it owns time, asks each load for its power, and drives the engine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from cosim.connection import Connection
from cosim.engines.andes import AndesEngine
from cosim.recorder import Recorder
from cosim.timeline import Timeline
from cosim.watchers import Watcher, snapshot
from loads.injector import Injector

SMALLEST_STEP_SHARE = 1 / 64
"""A step that the solver cannot take is halved down to this share of itself; then the run has diverged."""


@dataclass
class Load:
    """A controlled load of the engine and what it injects.

    ``injector`` gives a level at each node; the load draws ``level * active_mw`` and ``level * reactive_mvar`` at 1 pu
    voltage. A site's level is its power in MW, a load step's goes from 0 to 1. ``connection`` says how much of it is
    connected, where that changes.
    """

    name: str
    injector: Injector
    active_mw: float
    reactive_mvar: float
    v_min_pu: float
    is_site: bool
    connection: Connection | None = None


@dataclass(frozen=True)
class Event:
    """Something that happens at a time; ``apply`` changes the engine's network, where there is anything to change."""

    at_s: float
    kind: str
    description: str
    apply: Callable[[AndesEngine], None] | None = None


@dataclass
class Watch:
    """What is kept of a site over all nodes: extremes of its voltage, and the time below its ``v_min_pu``."""

    min_pu: float = np.inf
    max_pu: float = -np.inf
    below_v_min_s: float = 0.0


@dataclass
class Outcome:
    """How a run ended; ``message`` says what happened and what to try."""

    status: str
    end_time_s: float
    message: str = ""
    steps: int = 0
    cut_steps: int = 0
    unsettled_jumps: int = 0
    warnings: list[str] = field(default_factory=list)
    watches: dict[str, Watch] = field(default_factory=dict)


class Progress(Protocol):
    """Called with the simulated time after every node."""

    def __call__(self, time_s: float, /) -> None:
        """Show the time reached."""


class CoSimulation:
    """One run of an initialised engine.

    Parameters
    ----------
    engine : AndesEngine
        Initialised with the loads' values at t = 0.
    loads : sequence of Load
        In the engine's order.
    timeline : Timeline
        Nodes; every event's time is a jump node.
    events : sequence of Event
        In the order of their times.
    recorder : Recorder
        Takes channels, sites and events.
    channels : sequence of str
        Engine channels to record.
    watchers : sequence of Watcher
        Protection that may act between the nodes.
    """

    def __init__(
        self,
        engine: AndesEngine,
        loads: Sequence[Load],
        timeline: Timeline,
        events: Sequence[Event],
        recorder: Recorder,
        channels: Sequence[str],
        watchers: Sequence[Watcher] = (),
    ):
        self._engine, self._loads, self._timeline, self._recorder = engine, list(loads), timeline, recorder
        self._channels = list(channels)
        self._pending = list(events)
        self._active = np.array([load.active_mw for load in loads])
        self._reactive = np.array([load.reactive_mvar for load in loads])
        self._v_min = np.array([load.v_min_pu for load in loads])
        nodes_s = timeline.time_s[timeline.is_jump]
        self._connections = [
            (k, load.connection.aligned(nodes_s, 2 * timeline.merge_s))
            for k, load in enumerate(loads)
            if load.connection
        ]
        self._watchers, self._seen = list(watchers), None if not watchers else snapshot(engine)
        self.outcome = Outcome("completed", 0.0, watches={load.name: Watch() for load in loads if load.is_site})

    def run(self, start_level: np.ndarray, progress: Progress) -> Outcome:
        """Step from the first node to the last.

        Parameters
        ----------
        start_level : ndarray, shape (loads,)
            Level of each load at t = 0, as the power flow had it.
        progress : callable
            Told the simulated time after each node.

        Returns
        -------
        Outcome
            Also kept as ``outcome``, up to date at any time, so that an interrupted run can still be closed.
        """
        try:
            self._run(start_level, progress)
        finally:
            self.outcome.warnings += [text for watcher in self._watchers for text in watcher.summary()]
        return self.outcome

    def _run(self, start_level: np.ndarray, progress: Progress) -> None:
        times, is_jump, outcome = self._timeline.time_s, self._timeline.is_jump, self.outcome
        self._low = self._engine.load_voltage_pu() < self._v_min
        self._watch(0.0)
        self._record(0.0, start_level)
        first_level = np.array([load.injector.start(float(times[1])) for load in self._loads])
        if np.any(first_level != start_level):  # the average over the first step is not the value at its start
            self._jump(0.0, first_level, [])
        for k in range(1, len(times)):
            now, start = float(times[k]), self._engine.time_s
            after_this = float(times[k + 1]) - now if k + 1 < len(times) else 0.0
            if not self._advance_to(now, after_this, bool(is_jump[k])):
                outcome.status = "diverged"
                outcome.message = (
                    f"no solution beyond {self._engine.time_s:.6g} s, not even for steps of "
                    f"{1e3 * (now - start) * SMALLEST_STEP_SHARE:.2g} ms: the network cannot carry the load there"
                )
                return
            progress(now)
            if not self._engine.is_stable():
                outcome.status = "unstable"
                outcome.message = f"rotor angles are more than 180 degrees apart at {now:.6g} s: loss of synchronism"
                return

    def _advance_to(self, target_s: float, next_step_s: float, is_jump: bool) -> bool:
        """Reach a node, halving the way there where the solver fails; False if even small steps fail."""
        engine, outcome = self._engine, self.outcome
        smallest = (target_s - engine.time_s) * SMALLEST_STEP_SHARE * 0.999
        targets = [target_s]
        acts_at_s = None  # end of a step that protection has cut
        while targets:
            here = targets[-1]
            step_s = here - engine.time_s
            following = targets[-2] - here if len(targets) > 1 else next_step_s
            jump_here = (is_jump and len(targets) == 1) or here == acts_at_s
            pairs = [load.injector.next_value(here, following, jump_here) for load in self._loads]
            before, after = np.array(pairs).reshape(-1, 2).T
            before, after = self._connected(here, before, after)
            engine.set_power(before * self._active, before * self._reactive)
            saved = engine.save() if self._watchers else None
            if not engine.step(step_s):
                if step_s / 2 < smallest:
                    return False
                targets.append(engine.time_s + step_s / 2)
                outcome.cut_steps += 1
                continue
            if saved is not None and here != acts_at_s:
                acts_at_s = self._acts_at(here)
                if acts_at_s is not None and acts_at_s < here:
                    engine.restore(saved)
                    targets.append(acts_at_s)
                    continue
            targets.pop()
            for load in self._loads:
                load.injector.commit()
            outcome.steps += 1
            outcome.end_time_s = here
            self._watch(step_s)
            self._record(here, before)
            watchers = self._observe()
            acting = watchers if here == acts_at_s else []
            if jump_here or acting:
                self._jump(here, after, acting)
        return True

    def _connected(self, now_s: float, before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Levels on the two sides of a node, with what has tripped left out."""
        for k, connection in self._connections:
            before[k] *= connection.before(now_s)
            after[k] *= connection.after(now_s)
        return before, after

    def _acts_at(self, end_s: float) -> float | None:
        """When within the step just taken protection acts first; near an end of it, at that end or just after."""
        assert self._seen is not None
        now = snapshot(self._engine)
        due = [at for watcher in self._watchers if (at := watcher.due_s(self._seen, now)) is not None]
        if not due:
            return None
        sliver_s = self._timeline.merge_s
        at_s = max(min(due), self._seen.time_s + sliver_s)
        return end_s if at_s > end_s - sliver_s else at_s

    def _observe(self) -> list[Watcher]:
        """Show the new state to the watchers; they are all asked to act where one is due."""
        if self._seen is None:
            return []
        before, self._seen = self._seen, snapshot(self._engine)
        for watcher in self._watchers:
            watcher.observe(before, self._seen)
        return self._watchers

    def _jump(self, now_s: float, after: np.ndarray, acting: Sequence[Watcher]) -> None:
        """Change the network and the loads' levels at once, and solve the network again with the states held."""
        engine = self._engine
        without = set(engine.deenergised)
        while self._pending and self._pending[0].at_s <= now_s + 2 * self._timeline.merge_s:
            event = self._pending.pop(0)
            if event.apply:
                event.apply(engine)
            self._recorder.record_event(now_s, event.kind, event.description)
        for watcher in acting:
            for text in watcher.act(engine, now_s):
                self._recorder.record_event(now_s, watcher.kind, text)
        self._note_supply(now_s, without)
        engine.set_power(after * self._active, after * self._reactive)
        if not engine.solve_network():
            self.outcome.unsettled_jumps += 1
        self._observe()
        self._watch(0.0)
        self._record(now_s, after)

    def _note_supply(self, now_s: float, without: set[str]) -> None:
        """Say which buses have lost their supply, or have it back."""
        now_without = self._engine.deenergised
        lost = [bus for bus in now_without if bus not in without]
        back = sorted(without - set(now_without))
        if lost:
            text = f"bus {', '.join(lost)} lost its supply at {now_s:g} s"
            self._recorder.record_event(now_s, "deenergised", text)
            self.outcome.warnings.append(text)
        if back:
            self._recorder.record_event(now_s, "energised", f"bus {', '.join(back)} has its supply back")

    def _watch(self, step_s: float) -> None:
        if not self._loads:
            return
        voltage = self._engine.load_voltage_pu()
        low = voltage < self._v_min
        for k, load in enumerate(self._loads):
            if load.is_site:
                watch = self.outcome.watches[load.name]
                watch.min_pu = min(watch.min_pu, float(voltage[k]))
                watch.max_pu = max(watch.max_pu, float(voltage[k]))
                watch.below_v_min_s += step_s * (float(low[k]) + float(self._low[k])) / 2
        self._low = low

    def _record(self, now_s: float, level: np.ndarray) -> None:
        engine = self._engine
        values = {name: engine.channel(name) for name in self._channels}
        if "speed_pu" in values:
            values["coi_hz"] = np.array([engine.coi_hz()])
        self._recorder.record(now_s, values)
        if not self._loads:
            return
        active, reactive = engine.load_power()
        for k, load in enumerate(self._loads):
            if load.is_site:
                self._recorder.record_site(load.name, now_s, active[k], reactive[k], level[k])
