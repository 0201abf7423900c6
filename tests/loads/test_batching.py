import time
from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loads.workloads.batching import DECODE, IDLE, PREFILL, Engine, serve

ENGINE = Engine(
    max_batch=3,
    prefill_tokens_per_s=64.0,
    decode_batch=(1, 3),
    decode_step_s=(0.25, 0.75),
    prefill_overhead_s=0.125,
    max_prefill_tokens=40,
)
"""All durations are sums of a few powers of two, so that the compiled loop and the slow one agree to the last bit."""


@st.composite
def request_lists(draw):
    count = draw(st.integers(1, 25))
    gap = st.integers(0, 24) if draw(st.booleans()) else st.integers(0, 400)
    arrival_s = np.cumsum(draw(st.lists(gap, min_size=count, max_size=count))) / 16.0
    prompt_tokens = np.array(draw(st.lists(st.integers(1, 64), min_size=count, max_size=count)))
    generated_tokens = np.array(draw(st.lists(st.integers(1, 9), min_size=count, max_size=count)))
    return arrival_s, prompt_tokens, generated_tokens


class SlowReplica:
    """One step at a time, lists for the queue and the batch."""

    def __init__(self, engine):
        self.engine = engine
        self.clock_s = 0.0
        self.queue = deque()
        self.running = []  # [request, tokens to go]
        self.steps = []  # (start, end, kind, batch)
        self.first_token_s = {}
        self.finish_s = {}

    def advance(self, until_s, prompt_tokens, generated_tokens):
        engine = self.engine
        while self.clock_s < until_s and (self.queue or self.running or until_s < np.inf):
            start_s = self.clock_s
            if self.queue and len(self.running) < engine.max_batch:
                taken = [self.queue.popleft()]
                while self.queue and len(self.running) + len(taken) < engine.max_batch:
                    if sum(prompt_tokens[taken]) + prompt_tokens[self.queue[0]] > engine.max_prefill_tokens:
                        break
                    taken.append(self.queue.popleft())
                tokens = sum(prompt_tokens[taken])
                self.clock_s += engine.prefill_overhead_s + tokens / engine.prefill_tokens_per_s
                self.steps.append((start_s, self.clock_s, PREFILL, len(taken)))
                for request in taken:
                    self.first_token_s[request] = self.clock_s
                    self.running.append([request, generated_tokens[request] - 1])
            elif self.running:
                batch = len(self.running)
                self.clock_s += np.interp(batch, engine.decode_batch, engine.decode_step_s)
                self.steps.append((start_s, self.clock_s, DECODE, batch))
                for entry in self.running:
                    entry[1] -= 1
            else:
                self.clock_s = until_s
                self.steps.append((start_s, until_s, IDLE, 0))
            for request, to_go in self.running:
                if to_go == 0:
                    self.finish_s[request] = self.clock_s
            self.running = [entry for entry in self.running if entry[1] > 0]

    def outstanding(self, at_s):
        unfinished = sum(1 for finish_s in self.finish_s.values() if finish_s > at_s)
        return len(self.queue) + len(self.running) + unfinished


def serve_slowly(engine, arrival_s, prompt_tokens, generated_tokens, replicas, until_s):
    slow = [SlowReplica(engine) for _ in range(replicas)]
    chosen = replicas - 1
    for request, at_s in enumerate(arrival_s):
        if at_s >= until_s:
            break
        for replica in slow:
            replica.advance(at_s, prompt_tokens, generated_tokens)
        turns = [(chosen + 1 + k) % replicas for k in range(replicas)]
        chosen = min(turns, key=lambda r: slow[r].outstanding(at_s))
        slow[chosen].queue.append(request)
    for replica in slow:
        replica.advance(until_s, prompt_tokens, generated_tokens)
    return slow


def single_steps(runs):
    """Take runs apart; idle time that was looked at in between is one piece in both versions."""
    steps = []
    for start_s, end_s, kind, batch, count in zip(
        runs.start_s, runs.end_s, runs.kind, runs.batch, runs.steps, strict=True
    ):
        if kind == IDLE:
            steps.append((start_s, end_s, kind, batch))
        else:
            edges = np.linspace(start_s, end_s, count + 1)
            steps += [(edges[k], edges[k + 1], kind, batch) for k in range(count)]
    return steps


def joined_idle(steps):
    joined = []
    for step in steps:
        if joined and step[2] == IDLE and joined[-1][2] == IDLE:
            joined[-1] = (joined[-1][0], *step[1:])
        else:
            joined.append(step)
    return joined


@settings(deadline=None)
@given(
    requests=request_lists(),
    replicas=st.integers(1, 3),
    until_s=st.one_of(st.just(np.inf), st.sampled_from([2.0, 7.3])),
)
def test_against_one_step_at_a_time(requests, replicas, until_s):
    arrival_s, prompt_tokens, generated_tokens = requests
    service = serve(ENGINE, arrival_s, prompt_tokens, generated_tokens, replicas=replicas, until_s=until_s)
    slow = serve_slowly(ENGINE, arrival_s, prompt_tokens, generated_tokens, replicas, until_s)
    for r, replica in enumerate(slow):
        np.testing.assert_array_equal(
            np.array(single_steps(service.runs[r])).reshape(-1, 4), np.array(joined_idle(replica.steps)).reshape(-1, 4)
        )
        for request in range(arrival_s.size):
            if service.replica[request] == r:
                np.testing.assert_equal(service.first_token_s[request], replica.first_token_s.get(request, np.nan))
                np.testing.assert_equal(service.finish_s[request], replica.finish_s.get(request, np.nan))
            else:
                assert request not in replica.first_token_s


def assert_conserved(service, prompt_tokens, generated_tokens, engine):
    """Every request served once, every token made once, and no replica in two places."""
    assert np.isfinite(service.finish_s).all()
    assert (service.first_token_s > service.arrival_s).all()
    assert (service.finish_s >= service.first_token_s).all()
    np.testing.assert_array_equal(service.finish_s == service.first_token_s, generated_tokens == 1)
    prefilled = generated = busy_s = 0
    for runs in service.runs:
        np.testing.assert_array_equal(runs.start_s[1:], runs.end_s[:-1])
        assert (runs.end_s > runs.start_s).all()
        assert (runs.batch <= engine.max_batch).all()
        prefill = runs.kind == PREFILL
        prefilled += runs.batch[prefill].sum()
        generated += (runs.batch * runs.steps).sum()
        busy_s += (runs.end_s - runs.start_s)[prefill].sum() - engine.prefill_overhead_s * prefill.sum()
    assert prefilled == prompt_tokens.size
    assert generated == generated_tokens.sum()
    assert busy_s == pytest.approx(prompt_tokens.sum() / engine.prefill_tokens_per_s)


@settings(deadline=None)
@given(requests=request_lists(), replicas=st.integers(1, 3), clients=st.integers(0, 7))
def test_serves_every_request_once(requests, replicas, clients):
    arrival_s, prompt_tokens, generated_tokens = requests
    service = serve(ENGINE, arrival_s, prompt_tokens, generated_tokens, replicas=replicas, clients=clients)
    if clients == 0:
        np.testing.assert_array_equal(service.arrival_s, arrival_s)
    served = np.isfinite(service.arrival_s)
    assert served.all() or 0 < clients < replicas  # a replica without a client serves nobody
    if served.all():
        assert_conserved(service, prompt_tokens, generated_tokens, ENGINE)


@settings(deadline=None)
@given(requests=request_lists(), replicas=st.integers(1, 3), clients=st.integers(1, 7))
def test_a_client_asks_again_the_moment_it_is_served(requests, replicas, clients):
    _, prompt_tokens, generated_tokens = requests
    service = serve(ENGINE, np.empty(0), prompt_tokens, generated_tokens, replicas=replicas, clients=clients)
    for r in range(replicas):
        mine = np.flatnonzero(service.replica == r)
        first = len(range(r, min(clients, prompt_tokens.size), replicas))
        assert (service.arrival_s[mine[:first]] == 0.0).all()
        finishes = np.sort(service.finish_s[mine])
        np.testing.assert_array_equal(service.arrival_s[mine[first:]], finishes[: mine.size - first])


@settings(deadline=None)
@given(requests=request_lists(), until_s=st.floats(0.5, 40.0))
def test_an_earlier_end_changes_nothing_before_it(requests, until_s):
    arrival_s, prompt_tokens, generated_tokens = requests
    whole = serve(ENGINE, arrival_s, prompt_tokens, generated_tokens)
    part = serve(ENGINE, arrival_s, prompt_tokens, generated_tokens, until_s=until_s)
    assert part.runs[0].end_s[-1] >= until_s
    before = whole.finish_s < until_s
    np.testing.assert_array_equal(part.finish_s[before], whole.finish_s[before])
    assert np.isnan(part.arrival_s[arrival_s >= until_s]).all()


def test_a_lone_request_by_hand():
    service = serve(ENGINE, np.array([2.0]), np.array([32]), np.array([5]))
    runs = service.runs[0]
    assert list(runs.kind) == [IDLE, PREFILL, DECODE]
    assert list(runs.end_s) == [2.0, 2.0 + 0.125 + 0.5, 2.625 + 4 * 0.25]
    assert list(runs.steps) == [0, 1, 4]
    assert service.first_token_s[0] == 2.625
    assert service.finish_s[0] == 3.625


def test_prefill_waits_for_a_seat_and_keeps_the_order():
    # Three seats are taken at 0; the fourth request waits for the first to leave, and the fifth for its turn.
    service = serve(ENGINE, np.zeros(5), np.full(5, 8), np.array([2, 4, 4, 3, 3]))
    assert service.first_token_s[3] > service.finish_s[0]
    assert service.first_token_s[4] > service.first_token_s[3]
    assert max(service.runs[0].batch) == 3


def test_a_prefill_step_takes_up_to_its_limit_of_tokens():
    # The limit is 40: 24 + 16 fit exactly, 24 + 17 do not, and 64 have a step of their own.
    prompt_tokens = np.array([24, 16, 24, 17, 64])
    engine = Engine(8, 64.0, (1, 8), (0.25, 0.5), max_prefill_tokens=40)
    runs = serve(engine, np.zeros(5), prompt_tokens, np.full(5, 2)).runs[0]
    prefill = runs.kind == PREFILL
    assert list(runs.batch[prefill]) == [2, 1, 1, 1]
    assert list((runs.end_s - runs.start_s)[prefill] * 64.0) == [40, 24, 17, 64]


def test_a_request_goes_to_the_replica_with_the_fewest_outstanding():
    # The first replica is kept busy by a long request; two short ones go to the second, one after the other.
    arrival_s = np.array([0.0, 0.0, 2.0, 4.0])
    service = serve(ENGINE, arrival_s, np.full(4, 8), np.array([100, 2, 2, 2]), replicas=2)
    assert list(service.replica) == [0, 1, 1, 1]


def test_replicas_that_tie_take_turns():
    service = serve(ENGINE, np.arange(4) * 10.0, np.full(4, 8), np.full(4, 2), replicas=2)
    assert list(service.replica) == [0, 1, 0, 1]


def test_millions_of_steps_take_no_time():
    rng = np.random.default_rng(1)
    count = 100_000
    arrival_s = np.cumsum(rng.exponential(0.2, count))
    prompt_tokens, generated_tokens = rng.integers(1, 2000, count), rng.integers(1, 600, count)
    engine = Engine(32, 14_000.0, (1, 32), (0.015, 0.02))
    serve(engine, arrival_s[:10], prompt_tokens[:10], generated_tokens[:10], replicas=2)  # compiles
    started = time.perf_counter()
    service = serve(engine, arrival_s, prompt_tokens, generated_tokens, replicas=2)
    took_s = time.perf_counter() - started
    assert_conserved(service, prompt_tokens, generated_tokens, engine)
    assert sum(int(runs.steps.sum()) for runs in service.runs) > 1_000_000
    assert took_s < 2.0


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"max_batch": 0}, "max_batch"),
        ({"max_prefill_tokens": 2.5}, "max_prefill_tokens"),
        ({"prefill_tokens_per_s": 0.0}, "prefill_tokens_per_s"),
        ({"prefill_overhead_s": -0.1}, "prefill_overhead_s"),
        ({"decode_batch": (2, 3)}, "decode_batch"),
        ({"decode_batch": (1, 2)}, "decode_batch"),
        ({"decode_step_s": (0.1,)}, "decode_step_s"),
        ({"decode_step_s": (0.1, 0.0)}, "decode_step_s"),
    ],
)
def test_an_engine_that_cannot_be(change, word):
    good = {"max_batch": 3, "prefill_tokens_per_s": 64.0, "decode_batch": (1, 3), "decode_step_s": (0.25, 0.75)}
    with pytest.raises(ValueError, match=word):
        Engine(**(good | change))
