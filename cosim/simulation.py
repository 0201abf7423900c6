"""The co-simulation loop: it owns time, asks each load for its power, and drives the engine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from cosim.engines.andes import AndesEngine
from cosim.recorder import Recorder
from cosim.timeline import Timeline
from loads.injector import Injector

SMALLEST_STEP_SHARE = 1 / 64
"""A step that the solver cannot take is halved down to this share of itself; then the run has diverged."""


@dataclass
class Load:
    """A controlled load of the engine and what it injects.

    ``injector`` gives a level at each node; the load draws ``level * active_mw`` and ``level * reactive_mvar`` at 1 pu
    voltage. A site's level is its power in MW, a load step's goes from 0 to 1.
    """

    name: str
    injector: Injector
    active_mw: float
    reactive_mvar: float
    v_min_pu: float
    is_site: bool


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
    """

    def __init__(
        self,
        engine: AndesEngine,
        loads: Sequence[Load],
        timeline: Timeline,
        events: Sequence[Event],
        recorder: Recorder,
        channels: Sequence[str],
    ):
        self._engine, self._loads, self._timeline, self._recorder = engine, list(loads), timeline, recorder
        self._channels = list(channels)
        self._pending = list(events)
        self._active = np.array([load.active_mw for load in loads])
        self._reactive = np.array([load.reactive_mvar for load in loads])
        self._v_min = np.array([load.v_min_pu for load in loads])
        finite = np.where(np.isfinite(engine.inertia_mws), engine.inertia_mws, 0.0)
        self._coi_weights = finite / finite.sum() if finite.any() else np.full(finite.size, 1 / finite.size)
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
        times, is_jump, outcome = self._timeline.time_s, self._timeline.is_jump, self.outcome
        self._low = self._engine.load_voltage_pu() < self._v_min
        self._watch(0.0)
        self._record(0.0, start_level)
        first_level = np.array([load.injector.start(float(times[1])) for load in self._loads])
        if np.any(first_level != start_level):  # the average over the first step is not the value at its start
            self._jump(0.0, first_level)
        for k in range(1, len(times)):
            now, start = float(times[k]), self._engine.time_s
            after_this = float(times[k + 1]) - now if k + 1 < len(times) else 0.0
            if not self._advance_to(now, after_this, bool(is_jump[k])):
                outcome.status = "diverged"
                outcome.message = (
                    f"no solution beyond {self._engine.time_s:.6g} s, not even for steps of "
                    f"{1e3 * (now - start) * SMALLEST_STEP_SHARE:.2g} ms: the network cannot carry the load there"
                )
                return outcome
            progress(now)
            if not self._engine.is_stable():
                outcome.status = "unstable"
                outcome.message = f"rotor angles are more than 180 degrees apart at {now:.6g} s: loss of synchronism"
                return outcome
        return outcome

    def _advance_to(self, target_s: float, next_step_s: float, is_jump: bool) -> bool:
        """Reach a node, halving the way there where the solver fails; False if even small steps fail."""
        engine, outcome = self._engine, self.outcome
        smallest = (target_s - engine.time_s) * SMALLEST_STEP_SHARE * 0.999
        targets = [target_s]
        while targets:
            here = targets[-1]
            step_s = here - engine.time_s
            following = targets[-2] - here if len(targets) > 1 else next_step_s
            jump_here = is_jump and len(targets) == 1
            pairs = [load.injector.next_value(here, following, jump_here) for load in self._loads]
            before = np.array([pair[0] for pair in pairs])
            engine.set_power(before * self._active, before * self._reactive)
            if not engine.step(step_s):
                if step_s / 2 < smallest:
                    return False
                targets.append(engine.time_s + step_s / 2)
                outcome.cut_steps += 1
                continue
            targets.pop()
            for load in self._loads:
                load.injector.commit()
            outcome.steps += 1
            outcome.end_time_s = here
            self._watch(step_s)
            self._record(here, before)
            if jump_here:
                self._jump(here, np.array([pair[1] for pair in pairs]))
        return True

    def _jump(self, now_s: float, after: np.ndarray) -> None:
        """Change the network and the loads' levels at once, and solve the network again with the states held."""
        engine = self._engine
        while self._pending and self._pending[0].at_s <= now_s + 2 * self._timeline.merge_s:
            event = self._pending.pop(0)
            without = set(engine.deenergised)
            if event.apply:
                event.apply(engine)
            self._recorder.record_event(now_s, event.kind, event.description)
            lost = [bus for bus in engine.deenergised if bus not in without]
            if lost:
                text = f"bus {', '.join(lost)} lost its supply at {now_s:g} s"
                self._recorder.record_event(now_s, "deenergised", text)
                self.outcome.warnings.append(text)
        engine.set_power(after * self._active, after * self._reactive)
        if not engine.solve_network():
            self.outcome.unsettled_jumps += 1
        self._watch(0.0)
        self._record(now_s, after)

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
            values["coi_hz"] = np.array([engine.nominal_hz * float(self._coi_weights @ values["speed_pu"])])
        self._recorder.record(now_s, values)
        if not self._loads:
            return
        active, reactive = engine.load_power()
        for k, load in enumerate(self._loads):
            if load.is_site:
                self._recorder.record_site(load.name, now_s, active[k], reactive[k], level[k])
