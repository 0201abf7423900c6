"""Compiled event loop of continuous batching, over plain arrays; `loads.workloads.batching` says what it does.

Equal decode steps in a row are one run, found in one go: the work grows with the requests and not with the tokens.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loads.segments import Floats, kernel

Ints = NDArray[np.int64]

IDLE, PREFILL, DECODE = 0, 1, 2
"""What a replica does during a run."""


class Speed(NamedTuple):
    """Of `loads.workloads.batching.Engine`."""

    max_prefill_tokens: int
    prefill_tokens_per_s: float
    prefill_overhead_s: float
    decode_step_s: Floats
    """Shape (max_batch + 1,), by batch size."""


class RequestArrays(NamedTuple):
    """The requests and what becomes of them, each of shape (n,)."""

    arrival_s: Floats
    first_token_s: Floats
    finish_s: Floats
    replica: Ints
    following: Ints
    """The request behind it in its replica's queue, or -1."""
    prompt_tokens: Ints
    generated_tokens: Ints


class Replicas(NamedTuple):
    """State of each replica."""

    clock_s: Floats
    """End of the last step."""
    run: Ints
    """Place of the run in progress in the log, or -1."""
    waiting: Ints
    head: Ints
    tail: Ints
    """Length, first and last request of the queue."""
    running: Ints
    decoded: Ints
    """Decode steps so far: a request leaves at a known count."""
    finishing: Ints
    """Requests that the last step finishes: outstanding until the clock."""
    next_request: Ints
    """The request that the next free client makes; none at or above the number of requests."""
    seat_end: Ints
    seat_request: Ints
    """Shape (replicas, max_batch): count at which each running request leaves, largest first, and which it is."""


class Log(NamedTuple):
    """Runs of all replicas in the order in which they began; `length` of them are filled in."""

    length: Ints
    replica: Ints
    kind: NDArray[np.int8]
    batch: Ints
    steps: Ints
    start_s: Floats
    end_s: Floats


@kernel
def _open_run(r: int, kind: int, batch: int, states: Replicas, log: Log) -> int:
    """Return the place of a run of this kind and batch that ends at the clock: the one in progress or a new one."""
    k = states.run[r]
    if k >= 0 and kind != PREFILL and log.kind[k] == kind and log.batch[k] == batch:
        return k
    k = log.length[0]
    log.length[0] = k + 1
    log.replica[k] = r
    log.kind[k] = kind
    log.batch[k] = batch
    log.steps[k] = 0
    log.start_s[k] = states.clock_s[r]
    states.run[r] = k
    return k


@kernel
def _enqueue(r: int, request: int, at_s: float, requests: RequestArrays, states: Replicas) -> None:
    requests.arrival_s[request] = at_s
    requests.replica[request] = r
    if states.waiting[r] == 0:
        states.head[r] = request
    else:
        requests.following[states.tail[r]] = request
    states.tail[r] = request
    states.waiting[r] += 1


@kernel
def _finish(r: int, request: int, requests: RequestArrays, states: Replicas) -> None:
    """End a request at the clock; in a closed loop its client asks anew."""
    requests.finish_s[request] = states.clock_s[r]
    states.finishing[r] += 1
    following = states.next_request[r]
    if following < requests.arrival_s.size:
        states.next_request[r] = following + states.clock_s.size
        _enqueue(r, following, states.clock_s[r], requests, states)


@kernel
def _seat(r: int, request: int, requests: RequestArrays, states: Replicas) -> None:
    """Let a prefilled request run, in the order of leaving."""
    end = states.decoded[r] + requests.generated_tokens[request] - 1
    k = states.running[r]
    while k > 0 and states.seat_end[r, k - 1] < end:
        states.seat_end[r, k] = states.seat_end[r, k - 1]
        states.seat_request[r, k] = states.seat_request[r, k - 1]
        k -= 1
    states.seat_end[r, k] = end
    states.seat_request[r, k] = request
    states.running[r] += 1


@kernel
def _prefill(r: int, speed: Speed, requests: RequestArrays, states: Replicas, log: Log) -> None:
    """Prefill the requests at the head of the queue, as many as a step may take."""
    seats = speed.decode_step_s.size - 1 - states.running[r]
    first = states.head[r]
    taken = 1
    tokens = requests.prompt_tokens[first]
    request = requests.following[first]
    while taken < min(seats, states.waiting[r]):
        if tokens + requests.prompt_tokens[request] > speed.max_prefill_tokens:
            break
        tokens += requests.prompt_tokens[request]
        request = requests.following[request]
        taken += 1
    run = _open_run(r, PREFILL, taken, states, log)
    states.clock_s[r] += speed.prefill_overhead_s + tokens / speed.prefill_tokens_per_s
    log.steps[run] = 1
    log.end_s[run] = states.clock_s[r]
    states.finishing[r] = 0
    states.waiting[r] -= taken
    states.head[r] = request
    request = first
    for _ in range(taken):
        following = requests.following[request]
        requests.first_token_s[request] = states.clock_s[r]
        if requests.generated_tokens[request] == 1:
            _finish(r, request, requests, states)
        else:
            _seat(r, request, requests, states)
        request = following


@kernel
def _decode(r: int, until_s: float, speed: Speed, requests: RequestArrays, states: Replicas, log: Log) -> None:
    """Decode until a request leaves or the first step's end at or after `until_s`."""
    batch = states.running[r]
    step_s = speed.decode_step_s[batch]
    run = _open_run(r, DECODE, batch, states, log)
    # The clock comes from the start of the run, so that looking in between changes no bit of it.
    start_s = log.start_s[run]
    before = log.steps[run]
    steps = before + states.seat_end[r, batch - 1] - states.decoded[r]
    if start_s + steps * step_s >= until_s:
        steps = max(int((until_s - start_s) / step_s), before + 1)
        while start_s + steps * step_s < until_s:
            steps += 1
    states.clock_s[r] = start_s + steps * step_s
    states.decoded[r] += steps - before
    log.steps[run] = steps
    log.end_s[run] = states.clock_s[r]
    states.finishing[r] = 0
    while states.running[r] > 0 and states.seat_end[r, states.running[r] - 1] == states.decoded[r]:
        states.running[r] -= 1
        _finish(r, states.seat_request[r, states.running[r]], requests, states)


@kernel
def _advance(r: int, until_s: float, speed: Speed, requests: RequestArrays, states: Replicas, log: Log) -> None:
    """Do all steps of a replica that start before a time; forever, all that there are."""
    seats = speed.decode_step_s.size - 1
    while states.clock_s[r] < until_s:
        if states.waiting[r] > 0 and states.running[r] < seats:
            _prefill(r, speed, requests, states, log)
        elif states.running[r] > 0:
            _decode(r, until_s, speed, requests, states, log)
        elif until_s == np.inf:
            break
        else:
            run = _open_run(r, IDLE, 0, states, log)
            log.end_s[run] = until_s
            states.clock_s[r] = until_s
            states.finishing[r] = 0


@kernel
def serve_arrivals(
    arrival_s: Floats, until_s: float, speed: Speed, requests: RequestArrays, states: Replicas, log: Log
) -> None:
    """Give each request to the replica with the fewest outstanding ones, in turn where they tie, and serve them."""
    replicas = states.clock_s.size
    chosen = replicas - 1
    for request in range(arrival_s.size):
        at_s = arrival_s[request]
        if at_s >= until_s:
            break
        least = np.int64(arrival_s.size + 1)
        turn = chosen + 1
        for k in range(replicas):
            r = (turn + k) % replicas
            _advance(r, at_s, speed, requests, states, log)
            outstanding = states.waiting[r] + states.running[r]
            if states.clock_s[r] > at_s:
                outstanding += states.finishing[r]
            if outstanding < least:
                least = outstanding
                chosen = r
        _enqueue(chosen, request, at_s, requests, states)
    for r in range(replicas):
        _advance(r, until_s, speed, requests, states, log)


@kernel
def serve_clients(
    clients: int, until_s: float, speed: Speed, requests: RequestArrays, states: Replicas, log: Log
) -> None:
    """Serve clients that ask anew as soon as they are served; each keeps to its replica."""
    replicas = states.clock_s.size
    for request in range(min(clients, requests.arrival_s.size)):
        _enqueue(request % replicas, request, 0.0, requests, states)
    for r in range(replicas):
        states.next_request[r] = clients + (r - clients) % replicas
        _advance(r, until_s, speed, requests, states, log)
