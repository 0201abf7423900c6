"""Continuous batching: when the replicas of a language model prefill, decode and idle.

Iteration-level scheduling as in Orca (Yu et al., OSDI 2022): requests join and leave the batch between engine steps. A
step either prefills waiting requests, which gives each its first token, or decodes one token for every running request.
Prefill has priority. Waiting requests are taken in order of arrival while a seat in the batch is free and the step's
limit of prompt tokens holds; a prompt longer than that limit has a step of its own, and is not cut into chunks. Memory
for the context is not modelled: the seats stand for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass as pydantic_dataclass

from loads.segments import Floats
from loads.workloads import batching_kernel as loop
from loads.workloads.batching_kernel import DECODE, IDLE, PREFILL, Ints
from loads.workloads.plain import CLOSED, ListAsTuple, Number, Whole

__all__ = ["DECODE", "IDLE", "PREFILL", "Engine", "Runs", "Service", "serve"]


@pydantic_dataclass(frozen=True, config=CLOSED)
class Engine:
    """How fast one replica serves.

    Parameters
    ----------
    max_batch
        Most requests that run at a time (vLLM's `max_num_seqs`).
    prefill_tokens_per_s
        Prompt tokens a second of prefill.
    decode_batch, decode_step_s
        Duration of a decode step against the number of requests that run, joined by straight lines; the batch sizes
        increase from 1 to `max_batch` or more.
    prefill_overhead_s
        Added to every prefill step.
    max_prefill_tokens
        Most prompt tokens in a prefill step.

    Raises
    ------
    ValueError
        If a number is out of range or the table does not fit.
    """

    max_batch: Whole
    prefill_tokens_per_s: Number
    decode_batch: Annotated[tuple[Whole, ...], ListAsTuple]
    decode_step_s: Annotated[tuple[Number, ...], ListAsTuple]
    prefill_overhead_s: Number = 0.0
    max_prefill_tokens: Whole = 8192

    def __post_init__(self) -> None:
        for name in ("max_batch", "max_prefill_tokens"):
            value = getattr(self, name)
            if value < 1 or value != int(value):
                raise ValueError(f"{name} must be a whole number from 1, got {value}")
        if not 0.0 < self.prefill_tokens_per_s < np.inf:
            raise ValueError(f"prefill_tokens_per_s must be above 0, got {self.prefill_tokens_per_s}")
        if not 0.0 <= self.prefill_overhead_s < np.inf:
            raise ValueError(f"prefill_overhead_s must be 0 or more, got {self.prefill_overhead_s}")
        batch = self.decode_batch
        if not batch or batch[0] != 1 or batch[-1] < self.max_batch or any(np.diff(batch) <= 0):
            raise ValueError(
                f"decode_batch must increase from 1 to max_batch ({self.max_batch}) or more, got {list(batch)}"
            )
        if len(self.decode_step_s) != len(batch):
            raise ValueError(
                f"decode_step_s must have one number for each of decode_batch, got {len(self.decode_step_s)}"
            )
        if not all(0.0 < step < np.inf for step in self.decode_step_s):
            raise ValueError(f"decode_step_s must be above 0, got {list(self.decode_step_s)}")

    def by_batch(self, table: tuple[float, ...]) -> Floats:
        """Interpolate a table that goes with `decode_batch`: shape (max_batch + 1,); place 0 has no meaning."""
        return np.interp(np.arange(self.max_batch + 1), self.decode_batch, table)


@dataclass(frozen=True, eq=False)
class Runs:
    """What one replica does, run after run without a gap.

    Parameters
    ----------
    start_s, end_s
        Shape (n,): each run ends where the next starts.
    kind
        Shape (n,): `IDLE`, `PREFILL` or `DECODE`.
    batch
        Shape (n,): requests in each step; 0 when idle.
    steps
        Shape (n,): equal engine steps in the run; 1 for a prefill, 0 when idle.
    """

    start_s: Floats
    end_s: Floats
    kind: NDArray[np.int8]
    batch: Ints
    steps: Ints


@dataclass(frozen=True, eq=False)
class Service:
    """What became of the requests.

    Parameters
    ----------
    runs
        Of each replica.
    arrival_s, first_token_s, finish_s
        Shape (n,): NaN for what did not happen before the end.
    replica
        Shape (n,): which one served each request; -1 for a request that did not arrive before the end.
    """

    runs: tuple[Runs, ...]
    arrival_s: Floats
    first_token_s: Floats
    finish_s: Floats
    replica: Ints


def serve(
    engine: Engine,
    arrival_s: Floats,
    prompt_tokens: Ints,
    generated_tokens: Ints,
    *,
    replicas: int = 1,
    clients: int = 0,
    until_s: float = np.inf,
) -> Service:
    """Serve requests from time 0 on.

    Parameters
    ----------
    engine
        Of every replica.
    arrival_s
        Shape (n,), not decreasing, from 0. A request goes to the replica with the fewest outstanding requests (waiting
        or running); replicas that tie take turns.
    prompt_tokens, generated_tokens
        Shape (n,), at least 1.
    replicas
        How many.
    clients
        Above 0, `arrival_s` is not used: as many clients, dealt out over the replicas, each ask anew as soon as they
        are served, from time 0 on. Replica r of R serves the requests r, r + R, r + 2 R and so on.
    until_s
        No step starts at or after this; one may end after it. Without it, all requests are served.
    """
    count = prompt_tokens.size
    requests = loop.RequestArrays(
        arrival_s=np.full(count, np.nan),
        first_token_s=np.full(count, np.nan),
        finish_s=np.full(count, np.nan),
        replica=np.full(count, -1),
        following=np.full(count, -1),
        prompt_tokens=np.asarray(prompt_tokens, dtype=np.int64),
        generated_tokens=np.asarray(generated_tokens, dtype=np.int64),
    )
    states = loop.Replicas(
        clock_s=np.zeros(replicas),
        run=np.full(replicas, -1),
        waiting=np.zeros(replicas, dtype=np.int64),
        head=np.full(replicas, -1),
        tail=np.full(replicas, -1),
        running=np.zeros(replicas, dtype=np.int64),
        decoded=np.zeros(replicas, dtype=np.int64),
        finishing=np.zeros(replicas, dtype=np.int64),
        next_request=np.full(replicas, count),
        seat_end=np.zeros((replicas, engine.max_batch), dtype=np.int64),
        seat_request=np.zeros((replicas, engine.max_batch), dtype=np.int64),
    )
    # A request opens at most four runs: an idle one before it, its prefill, and a decode run after that and its end.
    most = 4 * count + 2 * replicas
    log = loop.Log(
        length=np.zeros(1, dtype=np.int64),
        replica=np.empty(most, dtype=np.int64),
        kind=np.empty(most, dtype=np.int8),
        batch=np.empty(most, dtype=np.int64),
        steps=np.empty(most, dtype=np.int64),
        start_s=np.empty(most),
        end_s=np.empty(most),
    )
    speed = loop.Speed(
        int(engine.max_prefill_tokens),
        float(engine.prefill_tokens_per_s),
        float(engine.prefill_overhead_s),
        engine.by_batch(engine.decode_step_s),
    )
    if clients > 0:
        loop.serve_clients(clients, float(until_s), speed, requests, states, log)
    else:
        loop.serve_arrivals(np.asarray(arrival_s, dtype=np.float64), float(until_s), speed, requests, states, log)
    return Service(
        runs=tuple(_runs_of(log, replica) for replica in range(replicas)),
        arrival_s=requests.arrival_s,
        first_token_s=requests.first_token_s,
        finish_s=requests.finish_s,
        replica=requests.replica,
    )


def _runs_of(log: loop.Log, replica: int) -> Runs:
    mine = np.flatnonzero(log.replica[: log.length[0]] == replica)
    return Runs(log.start_s[mine], log.end_s[mine], log.kind[mine], log.batch[mine], log.steps[mine])
