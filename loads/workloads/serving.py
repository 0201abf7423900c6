"""Inference serving as a load: requests arrive, replicas prefill and decode them, and each of these draws its power.

A prefill fills the processors and draws about their rated power; a decode step waits for memory and draws less, but
more the larger the batch. So the power of a replica jumps at every prefill, follows the batch in between, and falls to
idle when there is nothing to do. Powers of replicas add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from loads.segments import Floats
from loads.workloads.arrivals import BurstyArrivals, ClosedLoop, PoissonArrivals
from loads.workloads.batching import IDLE, PREFILL, Engine, Runs, Service, serve
from loads.workloads.phases import Phases, child, stream
from loads.workloads.plain import CLOSED, ListAsTuple, Number, Whole, from_plain
from loads.workloads.recorded_arrivals import RecordedArrivals

FIRST_DRAW = 1024
"""Requests of a closed loop that are drawn at first; twice as many as long as they do not last."""

MILLIWATTS = 1000.0

Arrivals = Annotated[PoissonArrivals | BurstyArrivals | ClosedLoop | RecordedArrivals, Field(discriminator="type")]


@dataclass(frozen=True, config=CLOSED)
class ServingModel:
    """Inference serving: requests arrive at replicas that batch them continuously.

    Parameters
    ----------
    arrivals
        Requests to all replicas together.
    engine
        Speed of one replica.
    idle_w, prefill_w
        Power of one replica without requests, and in a prefill step.
    decode_w
        Power of one replica in a decode step at each batch size of `engine.decode_batch`, joined by straight lines.
    replicas
        Number simulated.
    noise_sd
        Standard deviation of the noise of each replica as a share of its power; independent between replicas.
    skip_start_s
        Shortest and longest time simulated before the record begins, drawn once: a record that begins warm, and at a
        random place of a recorded file or of the cycle of fixed batches.
    rated_w
        Power that a share of a site's rating stands for; None takes the mean power at full batch.

    Raises
    ------
    ValueError
        If a number is out of range or the tables do not fit.
    """

    arrivals: Arrivals
    engine: Engine
    idle_w: Number
    prefill_w: Number
    decode_w: Annotated[tuple[Number, ...], ListAsTuple]
    replicas: Whole = 1
    noise_sd: Number = 0.0
    skip_start_s: Annotated[tuple[Number, Number], ListAsTuple] = (0.0, 0.0)
    rated_w: Number | None = None

    def __post_init__(self) -> None:
        for name in ("idle_w", "prefill_w", "noise_sd"):
            if not 0.0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")
        if len(self.decode_w) != len(self.engine.decode_batch):
            raise ValueError(f"decode_w must have one number for each of decode_batch, got {len(self.decode_w)}")
        if not all(0.0 <= power < np.inf for power in self.decode_w):
            raise ValueError(f"decode_w must be 0 or more, got {list(self.decode_w)}")
        if self.replicas < 1 or self.replicas != int(self.replicas):
            raise ValueError(f"replicas must be a whole number from 1, got {self.replicas}")
        low, high = self.skip_start_s
        if not 0.0 <= low <= high < np.inf:
            raise ValueError(f"skip_start_s must be two numbers in order, from 0, got {low} and {high}")
        if self.rated_w is not None and not 0.0 < self.rated_w < np.inf:
            raise ValueError(f"rated_w must be above 0, got {self.rated_w}")

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Build from plain data, as in a YAML file.

        The keys are the parameters. ``arrivals`` has the key ``type`` (poisson, bursty, closed_loop or recorded)
        beside the parameters of that kind, ``engine`` those of `Engine`; a number of tokens is a mapping of
        `TokenCounts`, or a number that all requests have.

        Raises
        ------
        LoadDataError
            Naming the key that is unknown, missing or wrong.
        """
        return from_plain(cls, plain)

    @cached_property
    def nominal_w(self) -> float:
        """Power that a share of a site's rating stands for: as rated, or the mean power at full batch."""
        if self.rated_w is not None:
            return self.rated_w
        engine, batch = self.engine, self.engine.max_batch
        prompt, generated = self.arrivals.mean_tokens
        prefill_s = prompt / engine.prefill_tokens_per_s + engine.prefill_overhead_s
        decode_s = (generated - 1.0) * engine.by_batch(engine.decode_step_s)[batch] / batch
        mean_w = prefill_s * self.prefill_w + decode_s * engine.by_batch(self.decode_w)[batch]
        return float(self.replicas * mean_w / (prefill_s + decode_s))

    @property
    def source(self) -> str:
        """The model and its publication."""
        return (
            f"{self.replicas} replicas of a language model with continuous batching (Orca, OSDI 2022), "
            f"{type(self.arrivals).__name__}"
        )

    def serve(self, until_s: float, seed: np.random.SeedSequence) -> Service:
        """Serve the requests that arrive before a time, from a cold start, up to that time."""
        if isinstance(self.arrivals, ClosedLoop):
            return self._serve_clients(self.arrivals, until_s, seed)
        requests = self.arrivals.draw(until_s, seed)
        return serve(
            self.engine,
            requests.arrival_s,
            requests.prompt_tokens,
            requests.generated_tokens,
            replicas=self.replicas,
            until_s=until_s,
        )

    def draw(self, duration_s: float, seed: np.random.SeedSequence) -> tuple[Phases, dict[str, Any]]:
        """Draw the total power of the replicas over `duration_s`.

        The expected power is the mean over the draw. The parameters include what became of the requests, so that an
        overload, in which the queue grows and grows, shows.
        """
        skipped_s = float(stream(seed, 1).uniform(*self.skip_start_s))
        service = self.serve(skipped_s + duration_s, child(seed, 0))
        knots_s, power_w, noise_sd_w = self._total(service, skipped_s, duration_s)
        mean_w = float(np.sum(power_w * np.diff(knots_s)) / knots_s[-1])
        phases = Phases(knots_s, power_w, power_w, noise_sd_w, np.full(power_w.size, mean_w))
        drawn = {"skipped_s": skipped_s, "mean_w": mean_w} | _outcome(service)
        return phases, asdict(self) | drawn

    def _serve_clients(self, clients: ClosedLoop, until_s: float, seed: np.random.SeedSequence) -> Service:
        count = max(FIRST_DRAW, 2 * (clients.concurrency + self.replicas))
        while True:
            prompt_tokens, generated_tokens = clients.draw_tokens(count, seed)
            service = serve(
                self.engine,
                np.empty(0),
                prompt_tokens,
                generated_tokens,
                replicas=self.replicas,
                clients=clients.concurrency,
                until_s=until_s,
            )
            # Once a replica's last request has been made, a client of it may have gone without.
            if np.isnan(service.arrival_s[-self.replicas :]).all():
                return service
            count *= 2

    def _total(self, service: Service, skipped_s: float, duration_s: float) -> tuple[Floats, Floats, Floats]:
        """Return knots, shape (n + 1,), and the power and noise of all replicas between them, shape (n,)."""
        start_s = np.concatenate([runs.start_s for runs in service.runs]) - skipped_s
        # In whole milliwatts, sums of jumps are exact: equal states have equal powers.
        levels = [np.rint(self._power_w(runs) * MILLIWATTS).astype(np.int64) for runs in service.runs]
        jumps = np.concatenate([np.diff(level, prepend=0) for level in levels])
        jumps_squared = np.concatenate([np.diff(level**2, prepend=0) for level in levels])
        order = np.argsort(start_s, kind="stable")
        knots_s = np.maximum(start_s[order], 0.0)
        power, squared = np.cumsum(jumps[order]), np.cumsum(jumps_squared[order])
        # The last of the jumps at one time has the level after it. What was before time 0 is at time 0 now.
        last = np.append(np.diff(knots_s) > 0.0, True) & (knots_s < duration_s)
        knots_s, power, squared = knots_s[last], power[last], squared[last]
        changed = (np.diff(power, prepend=-1) != 0) | (np.diff(squared, prepend=-1) != 0)
        knots_s, power, squared = knots_s[changed], power[changed], squared[changed]
        noise_sd_w = self.noise_sd * np.sqrt(squared) / MILLIWATTS
        return np.append(knots_s, duration_s), power / MILLIWATTS, noise_sd_w

    def _power_w(self, runs: Runs) -> Floats:
        """Power of a replica in each of its runs."""
        decode_w = self.engine.by_batch(self.decode_w)[runs.batch]
        return np.where(runs.kind == IDLE, self.idle_w, np.where(runs.kind == PREFILL, self.prefill_w, decode_w))


def _outcome(service: Service) -> dict[str, Any]:
    """Return what became of the requests, the skipped start included."""
    arrived = np.isfinite(service.arrival_s)
    waits_s = (service.first_token_s - service.arrival_s)[np.isfinite(service.first_token_s)]
    return {
        "requests_arrived": int(arrived.sum()),
        "requests_served": int(np.isfinite(service.finish_s).sum()),
        "median_time_to_first_token_s": float(np.median(waits_s)) if waits_s.size else None,
        "p95_time_to_first_token_s": float(np.percentile(waits_s, 95)) if waits_s.size else None,
    }
