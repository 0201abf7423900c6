"""Under-frequency load shedding: relays that disconnect shares of the base loads, stage by stage."""

import numpy as np

from cosim.engines.interface import Engine
from cosim.scenario.grid import UnderFrequencyLoadShedding
from cosim.shedding_kernel import ACTED_S, BELOW_SINCE_S, DELAY_S, RELAY, SAME_TIME_S, THRESHOLD_HZ, TIMER, due, observe
from cosim.watchers import Snapshot


class LoadShedding:
    """Relays of one under-frequency scheme; a `cosim.watchers.Watcher`.

    A stage of a relay starts to count when the frequency falls below its threshold, forgets when it rises above it,
    and acts once when the delay is over. Frequency is taken as linear within a step.

    Parameters
    ----------
    scheme : UnderFrequencyLoadShedding
        Stages, and whose frequency counts.
    engine : Engine
        Initialised.

    Attributes
    ----------
    by_coi : bool
        Whether there is one relay, which sees the frequency of the centre of inertia.
    relay_bus : ndarray of int
        Else, the bus of each relay.
    timers : ndarray, shape (timers, TIMER)
        See `cosim.shedding_kernel`; each stage's of all relays, one stage after the other.
    """

    kind = "load_shedding"

    def __init__(self, scheme: UnderFrequencyLoadShedding, engine: Engine):
        self.by_coi = scheme.relay == "coi"
        self._stages = scheme.stages
        self._load_bus = engine.base_load_bus
        self._bus_names = engine.elements["bus"]
        self._load_mw = engine.base_load_mw
        # a relay for each bus with base load, or one for all
        self.relay_bus = np.unique(self._load_bus)
        relays = 1 if self.by_coi else self.relay_bus.size
        self._relay_of_load = (
            np.zeros(self._load_bus.size, dtype=int) if self.by_coi else np.searchsorted(self.relay_bus, self._load_bus)
        )
        self._share = np.array([stage.share for stage in scheme.stages])
        by_stage = np.full((len(scheme.stages), relays, TIMER), np.nan)
        by_stage[..., RELAY] = np.arange(relays)
        by_stage[..., THRESHOLD_HZ] = np.array([stage.frequency_hz for stage in scheme.stages])[:, None]
        by_stage[..., DELAY_S] = np.array([stage.delay_s for stage in scheme.stages])[:, None]
        self.timers = by_stage.reshape(-1, TIMER)
        self._acted_s, self._below_since_s = by_stage[..., ACTED_S], by_stage[..., BELOW_SINCE_S]
        self._delay_s = by_stage[..., DELAY_S]

    def due_s(self, before: Snapshot, after: Snapshot) -> float | None:
        """When within the step the first timer runs out."""
        at_s = due(self.timers, *self._step(before, after))
        return at_s if np.isfinite(at_s) else None

    def observe(self, before: Snapshot, after: Snapshot) -> None:
        """Start and stop the timers."""
        observe(self.timers, *self._step(before, after))

    def act(self, engine: Engine, now_s: float) -> list[str]:
        """Shed what is due."""
        with np.errstate(invalid="ignore"):
            due = np.isnan(self._acted_s) & (self._below_since_s + self._delay_s <= now_s + SAME_TIME_S)
        if not due.any():
            return []
        self._acted_s[due] = now_s
        shed = (self._share[:, None] * ~np.isnan(self._acted_s)).sum(axis=0)
        engine.scale_base_loads(np.maximum(0.0, 1.0 - shed[self._relay_of_load]))
        return [self._text(int(stage), due[stage]) for stage in np.flatnonzero(due.any(axis=1))]

    def summary(self) -> list[str]:
        """What each stage shed, and when."""
        out = []
        for k, acted in enumerate(self._acted_s):
            if np.isnan(acted).all():
                continue
            first, last = np.nanmin(acted), np.nanmax(acted)
            when = f"at {first:.4g} s" if first == last else f"from {first:.4g} s to {last:.4g} s"
            out.append(f"under-frequency load shedding {when}: {self._text(k, ~np.isnan(acted))}")
        return out

    def _text(self, stage: int, relays: np.ndarray) -> str:
        mw = self._share[stage] * self._load_mw[relays[self._relay_of_load]].sum()
        if self.by_coi:
            where = "at all buses"
        else:
            names = [self._bus_names[k] for k in self.relay_bus[relays]]
            where = f"at bus {', '.join(names[:8])}" + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        hz, share = self._stages[stage].frequency_hz, self._share[stage]
        return f"stage {stage + 1} ({hz:g} Hz) sheds {100 * share:.4g} % of the base load, {mw:.4g} MW, {where}"

    def _step(self, before: Snapshot, after: Snapshot) -> tuple[float, np.ndarray, float, np.ndarray]:
        return before.time_s, self._frequency(before), after.time_s, self._frequency(after)

    def _frequency(self, seen: Snapshot) -> np.ndarray:
        return np.array([seen.coi_hz]) if self.by_coi else seen.frequency_hz[self.relay_bus]
