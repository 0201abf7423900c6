import copy
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loads.errors import LoadDataError
from loads.workloads.arrivals import ClosedLoop, PoissonArrivals, TokenCounts
from loads.workloads.batching import DECODE, IDLE, PREFILL, Engine
from loads.workloads.phases import child
from loads.workloads.recorded_arrivals import RecordedArrivals
from loads.workloads.serving import ServingModel
from loads.workloads.synthesis import synthesise

SEED = np.random.SeedSequence(3)

MAMBA = {
    "arrivals": {"type": "closed_loop", "concurrency": 1, "prompt_tokens": 1000, "generated_tokens": 1000},
    "engine": {
        "max_batch": 128,
        "prefill_tokens_per_s": 12_000.0,
        "prefill_overhead_s": 0.0088,
        "decode_batch": [1, 8, 32, 128],
        "decode_step_s": [0.01202, 0.01494, 0.02324, 0.06519],
    },
    "idle_w": 45.0,
    "prefill_w": 300.0,
    "decode_w": [140.0, 160.0, 190.0, 240.0],
}
"""Mamba 2.8B on an MI210 64GB (TDP 300 W): times fitted to those published, powers assumed."""

LLAMA_70B = {
    "arrivals": {
        "type": "closed_loop",
        "concurrency": 32,
        "prompt_tokens": {"mean": 250, "cv": 1.5},
        "generated_tokens": {"mean": 500, "cv": 0.8},
    },
    "engine": {
        "max_batch": 32,
        "prefill_tokens_per_s": 13_000.0,
        "prefill_overhead_s": 0.01,
        "decode_batch": [1, 32, 512],
        "decode_step_s": [0.017, 0.021, 0.050],
    },
    "idle_w": 300.0,
    "prefill_w": 2760.0,
    "decode_w": [1480.0, 1730.0, 2370.0],
    "noise_sd": 0.012,
    "skip_start_s": [60.0, 120.0],
}
"""Llama 3.1 70B on 4 H100: powers fitted to recordings at two batch limits, times and tokens assumed."""

LLAMA_8B = {
    "arrivals": LLAMA_70B["arrivals"],
    "engine": {
        "max_batch": 32,
        "prefill_tokens_per_s": 20_000.0,
        "prefill_overhead_s": 0.005,
        "decode_batch": [1, 32],
        "decode_step_s": [0.007, 0.009],
    },
    "idle_w": 75.0,
    "prefill_w": 780.0,
    "decode_w": [450.0, 538.0],
    "noise_sd": 0.03,
    "skip_start_s": [60.0, 120.0],
}
"""Llama 3.1 8B on one H100, likewise."""

TWO_REPLICAS = ServingModel(
    arrivals=PoissonArrivals(2.0, TokenCounts(mean=200.0, cv=1.0), TokenCounts(mean=40.0, cv=1.0)),
    engine=Engine(8, 5000.0, (1, 8), (0.01, 0.02), 0.005),
    idle_w=300.0,
    prefill_w=2800.0,
    decode_w=(1200.0, 1600.0),
    replicas=2,
    noise_sd=0.1,
)


def changed(plain, **changes):
    """Return a copy of plain data with values replaced; ``engine__max_batch`` is one of the engine's."""
    new = copy.deepcopy(plain)
    for key, value in changes.items():
        inner = new
        *groups, last = key.split("__")
        for group in groups:
            inner = inner[group]
        inner[last] = value
    return new


def power_at(model, service, at_s):
    """Total power at an instant, replica by replica."""
    total_w = 0.0
    for runs in service.runs:
        k = np.searchsorted(runs.start_s, at_s, side="right") - 1
        at_batch = np.interp(runs.batch[k], model.engine.decode_batch, model.decode_w)
        total_w += {IDLE: model.idle_w, PREFILL: model.prefill_w, DECODE: at_batch}[int(runs.kind[k])]
    return total_w


@pytest.mark.parametrize(
    ("batch", "prompt", "generated", "published_s"),
    [(1, 14, 100, 1.20), (1, 1000, 1000, 12.1), (8, 1000, 1000, 15.6), (32, 1000, 1000, 25.9), (128, 1000, 1000, 75.8)],
)
def test_mamba_takes_the_published_times(batch, prompt, generated, published_s):
    plain = changed(
        MAMBA, arrivals__concurrency=batch, arrivals__prompt_tokens=prompt, arrivals__generated_tokens=generated
    )
    service = ServingModel.from_dict(plain).serve(1.5 * published_s, SEED)
    assert service.finish_s[:batch] == pytest.approx(np.full(batch, published_s), rel=0.02)
    # The next batch of equal requests starts when this one ends.
    assert service.arrival_s[batch] == service.finish_s[0]


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Llama-3.1-8B_num_gpus_1_max_num_seqs_32", LLAMA_8B),
        ("Llama-3.1-70B_num_gpus_4_max_num_seqs_32", LLAMA_70B),
        (
            "Llama-3.1-70B_num_gpus_4_max_num_seqs_512",
            changed(LLAMA_70B, arrivals__concurrency=512, engine__max_batch=512),
        ),
    ],
)
def test_against_recorded_vllm_on_h100(recorded, name, plain):
    recording = pd.read_csv(recorded(f"llm-serving-h100-mlenergy/{name}.csv"))
    recorded_w = recording["power_total_W"].to_numpy()
    model = ServingModel.from_dict(plain)
    modelled_w = synthesise(model, recording["relative_time_s"].iloc[-1], 10.0, 1).power_w
    assert modelled_w.mean() == pytest.approx(recorded_w.mean(), rel=0.05)
    assert np.percentile(modelled_w, [5, 50, 95]) == pytest.approx(np.percentile(recorded_w, [5, 50, 95]), rel=0.05)
    assert model.nominal_w == pytest.approx(recorded_w.mean(), rel=0.05)


@pytest.mark.parametrize("name", ["code", "conv"])
def test_recorded_arrivals_run_through(recorded, name):
    path = str(recorded(f"llm-requests-azure/AzureLLMInferenceTrace_{name}.csv"))
    plain = changed(LLAMA_70B, arrivals={"type": "recorded", "file": path, "loop": False}, engine__max_batch=256)
    model = ServingModel.from_dict(changed(plain, replicas=4, skip_start_s=[0, 0]))
    model.serve(10.0, SEED)  # compiles
    started = time.perf_counter()
    phases, drawn = model.draw(4000.0, SEED)
    assert time.perf_counter() - started < 3.0
    requests = model.arrivals.requests
    assert drawn["requests_arrived"] == drawn["requests_served"] == requests.arrival_s.size
    service = model.serve(4000.0, SEED)
    assert sum((runs.batch * runs.steps).sum() for runs in service.runs) == requests.generated_tokens.sum()
    assert drawn["mean_w"] > 4 * model.idle_w
    assert phases.start_w[-1] == 4 * model.idle_w
    assert phases.start_w.max() <= 4 * model.prefill_w


@given(duration_s=st.floats(0.1, 60.0), low=st.floats(0.0, 20.0), entropy=st.integers(0, 50))
@settings(deadline=None, max_examples=30)
def test_phases_are_the_sum_of_the_replicas(duration_s, low, entropy):
    seed = np.random.SeedSequence(entropy)
    model = replace(TWO_REPLICAS, skip_start_s=(low, low + 5.0))
    phases, drawn = model.draw(duration_s, seed)
    assert low <= drawn["skipped_s"] <= low + 5.0
    assert phases.duration_s == duration_s
    # One seed makes one service, however much of it is skipped.
    whole = replace(TWO_REPLICAS, skip_start_s=(0.0, 0.0))
    middles_s = 0.5 * (phases.knots_s[:-1] + phases.knots_s[1:])
    expected_w = _powers_of_skipped(whole, seed, drawn["skipped_s"], duration_s, middles_s)
    np.testing.assert_allclose(phases.start_w, expected_w, atol=0.002)
    np.testing.assert_array_equal(phases.end_w, phases.start_w)
    repeated = (np.diff(phases.start_w) == 0.0) & (np.diff(phases.noise_sd_w) == 0.0)
    assert not repeated.any()


def _powers_of_skipped(model, seed, skipped_s, duration_s, middles_s):
    service = model.serve(skipped_s + duration_s, child(seed, 0))
    return [power_at(model, service, skipped_s + at_s) for at_s in middles_s]


def test_a_record_that_skips_its_start_begins_warm():
    clients = ClosedLoop(16, TokenCounts(mean=500.0), TokenCounts(mean=100.0, cv=1.0))
    cold = replace(TWO_REPLICAS, arrivals=clients)
    warm = replace(cold, skip_start_s=(5.0, 10.0))
    assert cold.draw(5.0, SEED)[0].start_w[0] == 2 * cold.prefill_w
    # Other lengths of the first phase: other places in it.
    draws = [warm.draw(5.0, np.random.SeedSequence(k))[0] for k in range(20)]
    assert len({float(phases.knots_s[1]) for phases in draws}) == 20
    assert sum(phases.start_w[0] < 2 * warm.prefill_w for phases in draws) > 10


def test_a_longer_draw_begins_with_the_shorter_one():
    short, _ = TWO_REPLICAS.draw(20.0, SEED)
    long, _ = TWO_REPLICAS.draw(50.0, SEED)
    count = short.start_w.size
    np.testing.assert_array_equal(long.start_w[:count], short.start_w)
    np.testing.assert_array_equal(long.knots_s[:count], short.knots_s[:-1])


def test_a_closed_loop_never_runs_out_of_requests():
    # Far more requests than are drawn at first.
    clients = ClosedLoop(4, TokenCounts(mean=10.0), TokenCounts(mean=2.0))
    model = replace(TWO_REPLICAS, arrivals=clients)
    phases, drawn = model.draw(100.0, SEED)
    assert drawn["requests_served"] > 5000
    assert phases.start_w.min() > 2 * model.idle_w


def test_power_falls_to_idle_without_requests_and_phases_stay_few():
    rare = PoissonArrivals(0.01, TokenCounts(mean=1000.0), TokenCounts(mean=5000.0))
    model = replace(TWO_REPLICAS, arrivals=rare, replicas=1, noise_sd=0.0)
    phases, drawn = model.draw(3600.0, SEED)
    assert drawn["requests_arrived"] > 20
    # Each request idles, prefills and decodes; requests that meet add a few phases.
    assert phases.start_w.size < 6 * drawn["requests_arrived"]
    assert set(np.unique(phases.start_w)) >= {300.0, 1200.0, 2800.0}
    busy_s = 0.01 * (1000 / 5000.0 + 0.005 + 4999 * 0.01)
    idle = phases.start_w == 300.0
    idle_share = np.diff(phases.knots_s)[idle].sum() / 3600.0
    assert idle_share == pytest.approx(1.0 - busy_s, abs=0.2)
    silent, _ = replace(model, arrivals=PoissonArrivals(1e-9, *2 * [TokenCounts(mean=1.0)])).draw(1e4, SEED)
    assert list(silent.start_w) == [300.0]


def test_energy_is_power_times_time():
    model = ServingModel.from_dict(MAMBA)
    phases, drawn = model.draw(12.0, SEED)
    engine = MAMBA["engine"]
    prefill_s = 1000 / engine["prefill_tokens_per_s"] + engine["prefill_overhead_s"]
    by_hand_j = prefill_s * 300.0 + (12.0 - prefill_s) * 140.0
    assert drawn["mean_w"] * 12.0 == pytest.approx(by_hand_j)
    assert (phases.expected_w == drawn["mean_w"]).all()


@pytest.mark.parametrize(("batch", "step_s"), [(1, 0.01202), (8, 0.01494), (128, 0.06519)])
def test_tokens_a_second_are_the_batch_over_the_step(batch, step_s):
    service = ServingModel.from_dict(changed(MAMBA, arrivals__concurrency=batch)).serve(8.0 + 10.0, SEED)
    runs = service.runs[0]
    decode = np.flatnonzero(runs.kind == DECODE)[0]
    seconds = runs.end_s[decode] - runs.start_s[decode]
    assert runs.batch[decode] * runs.steps[decode] / seconds == pytest.approx(batch / step_s)


def test_decode_is_cheaper_than_prefill_and_rises_with_the_batch():
    means_w = []
    for batch in (1, 8, 32, 128):
        _, drawn = ServingModel.from_dict(changed(MAMBA, arrivals__concurrency=batch)).draw(60.0, SEED)
        means_w.append(drawn["mean_w"])
    assert (np.diff(means_w) > 0).all()
    assert means_w[0] < 0.5 * MAMBA["prefill_w"]


def test_noise_of_replicas_adds_up_as_independent():
    clients = ClosedLoop(2, TokenCounts(mean=1.0), TokenCounts(mean=1e6))
    model = replace(TWO_REPLICAS, arrivals=clients)
    phases, _ = model.draw(10.0, SEED)
    assert phases.start_w[-1] == 2 * 1200.0
    assert phases.noise_sd_w[-1] == pytest.approx(0.1 * 1200.0 * np.sqrt(2.0))


def test_nominal_power_is_as_rated_or_the_mean_at_full_batch():
    assert replace(TWO_REPLICAS, rated_w=5000.0).nominal_w == 5000.0
    for batch in (1, 128):
        model = ServingModel.from_dict(changed(MAMBA, arrivals__concurrency=batch, engine__max_batch=batch))
        seconds = float(np.nanmax(model.serve(80.0, SEED).finish_s))
        _, drawn = model.draw(seconds, SEED)
        assert model.nominal_w == pytest.approx(drawn["mean_w"], rel=0.01)


def test_plain_data_builds_the_model():
    plain = changed(
        LLAMA_70B, arrivals={"type": "poisson", "rate_per_s": 3, "prompt_tokens": 50, "generated_tokens": 9}
    )
    model = ServingModel.from_dict(plain)
    assert model.arrivals == PoissonArrivals(3.0, TokenCounts(mean=50), TokenCounts(mean=9))
    assert model.engine.decode_batch == (1, 32, 512)
    assert model.skip_start_s == (60.0, 120.0)
    recorded_file = changed(LLAMA_70B, arrivals={"type": "recorded", "file": "requests.csv", "rate_scale": 2})
    assert ServingModel.from_dict(recorded_file).arrivals == RecordedArrivals("requests.csv", rate_scale=2.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"idel_w": 3.0}, "idel_w: unknown key; did you mean 'idle_w'"),
        ({"engine__max_bach": 3}, "engine.max_bach: unknown key; did you mean 'max_batch'"),
        ({"arrivals__type": "poison"}, "arrivals.type: .*'poison'; did you mean 'poisson'"),
        ({"arrivals__rate_per_s": 3}, "arrivals.rate_per_s: unknown key"),
        ({"arrivals": {"type": "poisson", "prompt_tokens": 1, "generated_tokens": 1}}, "arrivals.rate_per_s: missing"),
        ({"arrivals__prompt_tokens": {"mean": 5, "vc": 1}}, "arrivals.prompt_tokens.vc: unknown key"),
        ({"arrivals__prompt_tokens": {"mean": 0}}, "arrivals.prompt_tokens: mean must be at least 1"),
        ({"arrivals__concurrency": "many"}, "arrivals.concurrency: .*'many'"),
        ({"arrivals": 5}, "arrivals: .*got 5"),
        ({"engine__decode_step_s": [0.1]}, "engine: decode_step_s must have one number"),
        ({"decode_w": [1.0, "hot", 2.0]}, r"decode_w\[1\]: .*'hot'"),
        ({"decode_w": [1.0]}, "decode_w must have one number"),
        ({"idle_w": -1.0}, "idle_w must be 0 or more"),
        ({"skip_start_s": [3.0, 1.0]}, "skip_start_s must be two numbers in order"),
        ({"replicas": 0}, "replicas must be"),
        ({"rated_w": 0.0}, "rated_w must be above 0"),
    ],
)
def test_errors_name_the_key(changes, words):
    with pytest.raises(LoadDataError, match=words):
        ServingModel.from_dict(changed(LLAMA_70B, **changes))


def test_a_missing_key_is_named():
    plain = copy.deepcopy(LLAMA_70B)
    del plain["prefill_w"]
    with pytest.raises(LoadDataError, match="prefill_w: missing key"):
        ServingModel.from_dict(plain)
