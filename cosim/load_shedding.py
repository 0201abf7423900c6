"""Under-frequency load shedding: relays that disconnect shares of the base loads, stage by stage."""

import numpy as np

from cosim.engines.interface import Engine
from cosim.scenario.grid import UnderFrequencyLoadShedding
from cosim.watchers import Snapshot

SAME_TIME_S = 1e-6
"""A timer that runs out within a microsecond has run out."""


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
    """

    kind = "load_shedding"

    def __init__(self, scheme: UnderFrequencyLoadShedding, engine: Engine):
        self._by_coi = scheme.relay == "coi"
        self._stages = scheme.stages
        self._load_bus = engine.base_load_bus
        self._bus_names = engine.elements["bus"]
        self._load_mw = engine.base_load_mw
        # a relay for each bus with base load, or one for all
        self._relay_bus = np.unique(self._load_bus)
        relays = 1 if self._by_coi else self._relay_bus.size
        self._relay_of_load = (
            np.zeros(self._load_bus.size, dtype=int)
            if self._by_coi
            else np.searchsorted(self._relay_bus, self._load_bus)
        )
        column = (len(scheme.stages), 1)
        self._threshold_hz = np.array([stage.frequency_hz for stage in scheme.stages]).reshape(column)
        self._delay_s = np.array([stage.delay_s for stage in scheme.stages]).reshape(column)
        self._share = np.array([stage.share for stage in scheme.stages])
        self._below_since_s = np.full((len(scheme.stages), relays), np.nan)
        self._acted_s = np.full((len(scheme.stages), relays), np.nan)

    def due_s(self, before: Snapshot, after: Snapshot) -> float | None:
        """When within the step the first timer runs out."""
        since, until = self._timers(before, after)
        with np.errstate(invalid="ignore"):
            out_s = since + self._delay_s
            runs_out = np.isnan(self._acted_s) & (out_s <= until + SAME_TIME_S)
        return float(out_s[runs_out].min()) if runs_out.any() else None

    def observe(self, before: Snapshot, after: Snapshot) -> None:
        """Start and stop the timers."""
        since, until = self._timers(before, after)
        low = self._frequency(after) < self._threshold_hz
        self._below_since_s = np.where(low | (until >= after.time_s) & ~np.isnan(since), since, np.nan)

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
        if self._by_coi:
            where = "at all buses"
        else:
            names = [self._bus_names[k] for k in self._relay_bus[relays]]
            where = f"at bus {', '.join(names[:8])}" + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        hz, share = self._stages[stage].frequency_hz, self._share[stage]
        return f"stage {stage + 1} ({hz:g} Hz) sheds {100 * share:.4g} % of the base load, {mw:.4g} MW, {where}"

    def _frequency(self, seen: Snapshot) -> np.ndarray:
        return np.array([seen.coi_hz]) if self._by_coi else seen.frequency_hz[self._relay_bus]

    def _timers(self, before: Snapshot, after: Snapshot) -> tuple[np.ndarray, np.ndarray]:
        """Since when each timer runs (NaN: it does not), and until when within the step, shape (stages, relays)."""
        first, last = self._frequency(before), self._frequency(after)
        step_s = after.time_s - before.time_s
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(first == last, 0.0, (self._threshold_hz - first) / (last - first))
            crossing = before.time_s + step_s * np.clip(share, 0.0, 1.0)
            is_low = last < self._threshold_hz
            since = np.where(np.isnan(self._below_since_s) & is_low, crossing, self._below_since_s)
            until = np.where(is_low, after.time_s, crossing)
        return since, np.where(np.isnan(until), -np.inf, until)
