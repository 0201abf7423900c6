"""The co-simulation loop: it owns time, asks each load for its power, and drives the engine."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from cosim.engines.interface import Engine
from cosim.fast_loop import FastEngine, FastLoop
from cosim.load_shedding import LoadShedding
from cosim.loop_inputs import Event, Load
from cosim.recorder import Recorder
from cosim.site_kernel import MAX_ROUNDS
from cosim.site_response import SiteResponse
from cosim.timeline import Timeline
from cosim.watchers import Snapshot, Watcher, snapshot

SMALLEST_STEP_SHARE = 1 / 64
"""A step that the solver cannot take is halved down to this share of itself; then the run has diverged."""


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
    sites: dict[str, SiteResponse] = field(default_factory=dict)


class Progress(Protocol):
    """Called with the simulated time after every node."""

    def __call__(self, time_s: float, /) -> None:
        """Show the time reached."""


class CoSimulation:
    """One run of an initialised engine.

    Parameters
    ----------
    engine : Engine
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
        engine: Engine,
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
        buses = engine.elements["bus"]
        self._sites = [
            SiteResponse(load.name, load.injector, load.equipment, buses.index(str(load.bus)), load.v_min_pu)
            for load in loads
            if load.injector is not None and load.equipment is not None
        ]
        names = [site.name for site in self._sites]
        self._storage_at = {names.index(load.storage_of): k for k, load in enumerate(loads) if load.storage_of}
        self._plain = [
            (k, load.injector) for k, load in enumerate(loads) if load.injector is not None and not load.is_site
        ]
        self._watchers = [*watchers, *(site for site in self._sites if site.is_protected)]
        self._needs_frequency = bool(self._watchers or self._storage_at)
        self._fast = self._fast_loop(watchers)
        self._level = np.zeros(len(self._loads))
        self._after = np.zeros(len(self._loads))
        self.outcome = Outcome("completed", 0.0, sites={site.name: site for site in self._sites})

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
        self._seen = self._snapshot()
        self._level[:] = start_level
        firsts = [site.start(float(times[1]), self._seen) for site in self._sites]
        for k, injector in self._plain:
            self._after[k] = injector.start(float(times[1]))
        self._commit_after()
        self._record(0.0)
        plain = [k for k, _ in self._plain]
        if np.any(self._after[plain] != start_level[plain]) or np.any(firsts != start_level[: len(firsts)]):
            self._jump(0.0)  # the average over the first step is not the value at its start
        reached, last = 0, len(times) - 1
        while reached < last:
            start = self._engine.time_s
            taken = self._take_stretch(reached)
            if not taken:
                now = float(times[reached + 1])
                after_this = float(times[reached + 2]) - now if reached + 1 < last else 0.0
                if not self._advance_to(now, after_this, bool(is_jump[reached + 1])):
                    outcome.status = "diverged"
                    outcome.message = (
                        f"no solution beyond {self._engine.time_s:.6g} s, not even for steps of "
                        f"{1e3 * (now - start) * SMALLEST_STEP_SHARE:.2g} ms: the network cannot carry the load there"
                    )
                    return
                taken = 1
            reached += taken
            now = float(times[reached])
            progress(now)
            if not self._engine.is_stable():
                outcome.status = "unstable"
                outcome.message = f"rotor angles are more than 180 degrees apart at {now:.6g} s: loss of synchronism"
                return

    def _fast_loop(self, watchers: Sequence[Watcher]) -> FastLoop | None:
        """What takes ordinary nodes in compiled code; None if the engine or a watcher is not made for it."""
        shedding = [watcher for watcher in watchers if isinstance(watcher, LoadShedding)]
        if not isinstance(self._engine, FastEngine) or len(shedding) < len(watchers):
            return None
        return FastLoop(
            self._engine,
            self._loads,
            self._sites,
            self._storage_at,
            self._timeline,
            self._recorder,
            self._channels,
            shedding,
        )

    def _take_stretch(self, reached: int) -> int:
        """Take ordinary nodes after the one reached, all in one go; 0 if the next one is to be taken by itself."""
        if self._fast is None:
            return 0
        taken, unsettled = self._fast.take(reached, self._last_before_event(reached))
        if taken:
            self._seen = self._snapshot()
            self.outcome.steps += taken
            self.outcome.unsettled_jumps += unsettled
            self.outcome.end_time_s = float(self._timeline.time_s[reached + taken])
        return taken

    def _last_before_event(self, reached: int) -> int:
        """Last node before the next at which an event is due."""
        times, last = self._timeline.time_s, len(self._timeline.time_s) - 1
        if not self._pending:
            return last
        jumps = np.flatnonzero(self._timeline.is_jump)
        first = self._pending[0].at_s - 3 * self._timeline.merge_s  # more than the loop looks ahead, to be sure
        at = jumps[(times[jumps] >= first) & (jumps > reached)]
        return int(at[0]) - 1 if at.size else last

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
            jump_here = is_jump and len(targets) == 1
            saved = engine.save() if self._watchers else None
            if not self._step(here, following, jump_here, saved):
                if step_s / 2 < smallest:
                    return False
                targets.append(engine.time_s + step_s / 2)
                outcome.cut_steps += 1
                continue
            reached = self._snapshot()
            if saved is not None and here != acts_at_s:
                acts_at_s = self._acts_at(reached)
                if acts_at_s is not None and acts_at_s < here:
                    engine.restore(saved)
                    targets.append(acts_at_s)
                    continue
            targets.pop()
            outcome.steps += 1
            outcome.end_time_s = here
            self._commit(reached)
            self._record(here)
            self._observe(reached)
            has_acted = here == acts_at_s and self._act(here)
            if jump_here or has_acted:
                self._jump(here)
        return True

    def _step(self, end_s: float, next_s: float, is_jump: bool, saved: Any | None) -> bool:
        """Take a step with what the loads ask for at its end, until that fits the voltage there; False if it fails."""
        engine = self._engine
        step_s = end_s - engine.time_s
        for k, injector in self._plain:
            self._level[k], self._after[k] = injector.next_value(end_s, next_s, is_jump)
        for site in self._sites:
            site.propose(end_s, next_s, is_jump)
        for left in reversed(range(MAX_ROUNDS)):
            self._set_power()
            if not engine.step(step_s):
                return False
            if not left or saved is None or self._have_settled():
                return True
            engine.restore(saved)
            for site in self._sites:
                site.repeat()
        return True

    def _set_power(self) -> None:
        """Put the levels that the sites ask for, and those of the other loads, into the engine."""
        for k, site in enumerate(self._sites):
            self._level[k], storage_mw = site.levels
            if k in self._storage_at:
                self._level[self._storage_at[k]] = storage_mw
        self._engine.set_power(self._level * self._active, self._level * self._reactive)

    def _have_settled(self) -> bool:
        voltage_pu = self._engine.channel("voltage_pu")
        settled = [site.has_settled(voltage_pu) for site in self._sites]  # each is to take note of the voltage
        return all(settled)

    def _snapshot(self) -> Snapshot:
        return snapshot(self._engine, self._needs_frequency)

    def _commit(self, reached: Snapshot) -> None:
        """Take a step as final."""
        for _, injector in self._plain:
            injector.commit()
        for site, load_mw, delivered in self._draws():
            site.commit(reached, load_mw, delivered)

    def _commit_after(self) -> None:
        """Take what was found after a jump as final."""
        reached = self._snapshot()
        for site, load_mw, delivered in self._draws():
            site.commit_after(reached, load_mw, delivered)
        self._observe(reached)

    def _draws(self) -> list[tuple[SiteResponse, float, float]]:
        """Each site with what its load draws, and the share of its storage's power that passes."""
        drawn_mw, self._drawn_mvar = self._engine.load_power()
        passes = self._engine.load_share() if self._storage_at else None
        draws = []
        for k, site in enumerate(self._sites):
            delivered = 1.0 if passes is None or k not in self._storage_at else float(passes[self._storage_at[k]])
            draws.append((site, float(drawn_mw[k]), delivered))
        return draws

    def _acts_at(self, reached: Snapshot) -> float | None:
        """When within the step just taken protection acts first; near an end of it, at that end or just after."""
        due = [at for watcher in self._watchers if (at := watcher.due_s(self._seen, reached)) is not None]
        if not due:
            return None
        sliver_s = self._timeline.merge_s
        at_s = max(min(due), self._seen.time_s + sliver_s)
        return reached.time_s if at_s > reached.time_s - sliver_s else at_s

    def _observe(self, reached: Snapshot) -> None:
        """Show the new state to the watchers."""
        before, self._seen = self._seen, reached
        for watcher in self._watchers:
            watcher.observe(before, reached)

    def _act(self, now_s: float) -> bool:
        """Let protection do what is due; False if nothing is."""
        said = [(watcher.kind, watcher.act(self._engine, now_s)) for watcher in self._watchers]
        for kind, texts in said:
            self._say(now_s, kind, texts)
        return any(texts for _, texts in said)

    def _jump(self, now_s: float) -> None:
        """Change the network and the loads' levels at once, and solve the network again with the states held."""
        engine = self._engine
        without = set(engine.deenergised)
        while self._pending and self._pending[0].at_s <= now_s + 2 * self._timeline.merge_s:
            event = self._pending.pop(0)
            if event.apply:
                event.apply(engine)
            self._recorder.record_event(now_s, event.kind, event.description)
            if event.returns:
                self._say(now_s, "protection", self.outcome.sites[event.returns].return_by_hand(now_s))
        self._note_supply(now_s, without)
        for k, _ in self._plain:
            self._level[k] = self._after[k]
        for site in self._sites:
            site.propose_after()
        for left in reversed(range(MAX_ROUNDS)):
            self._set_power()
            solved = engine.solve_network()
            if not left or not solved or self._have_settled():
                break
            for site in self._sites:
                site.repeat()
        if not solved:
            self.outcome.unsettled_jumps += 1
        self._commit_after()
        self._record(now_s)

    def _say(self, now_s: float, kind: str, texts: Sequence[str]) -> None:
        for text in texts:
            self._recorder.record_event(now_s, kind, text)

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

    def _record(self, now_s: float) -> None:
        engine = self._engine
        values = {name: engine.channel(name) for name in self._channels}
        if "speed_pu" in values:
            values["coi_hz"] = np.array([engine.coi_hz()])
        self._recorder.record(now_s, values)
        for k, site in enumerate(self._sites):
            power_mw, level_mw = site.poi_mw
            self._recorder.record_site(site.name, now_s, power_mw, self._drawn_mvar[k], level_mw, *site.row)
