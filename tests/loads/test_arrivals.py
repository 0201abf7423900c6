import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loads.errors import LoadDataError
from loads.trace import Provenance
from loads.workloads.arrivals import BurstyArrivals, ClosedLoop, PoissonArrivals, Requests, TokenCounts
from loads.workloads.recorded_arrivals import RecordedArrivals, read_arrivals

SEED = np.random.SeedSequence(7)
SHORT, LONG = TokenCounts(mean=100.0, cv=0.5), TokenCounts(mean=400.0)
CODE = "llm-requests-azure/AzureLLMInferenceTrace_code.csv"
CONVERSATION = "llm-requests-azure/AzureLLMInferenceTrace_conv.csv"


def write(folder, text, name="requests.csv"):
    path = folder / name
    path.write_text(text)
    return path


def codes(requests):
    return {warning.code: warning.count for warning in requests.provenance.warnings}


@pytest.mark.parametrize(
    ("name", "count", "mean_per_s", "peak_per_s", "cv", "prompt", "generated"),
    [(CODE, 8819, 2.6, 32.7, 13, 18_059_974, 245_896), (CONVERSATION, 19_366, 5.5, 9.8, 1.1, 22_361_870, 4_088_665)],
)
def test_recorded_azure_files(recorded, name, count, mean_per_s, peak_per_s, cv, prompt, generated):
    requests = read_arrivals(recorded(name))
    statistics = requests.statistics()
    assert statistics["requests"] == count
    assert statistics["mean_rate_per_s"] == pytest.approx(mean_per_s, abs=0.05)
    assert statistics["peak_rate_10s_per_s"] == pytest.approx(peak_per_s)
    assert statistics["interarrival_cv"] == pytest.approx(cv, rel=0.02)
    assert statistics["prompt_tokens"] == prompt
    assert statistics["generated_tokens"] == generated
    assert requests.provenance.warnings == ()


def test_times_keep_their_seven_digits(recorded):
    requests = read_arrivals(recorded(CODE))
    assert requests.arrival_s[1] == pytest.approx(4.0319600 - 3.9799600, abs=1e-9)
    assert requests.prompt_tokens[0] == 4808
    assert requests.generated_tokens[2] == 27


@pytest.mark.parametrize(
    "header",
    [
        "arrived_at,num_prefill_tokens,num_decode_tokens",
        "Timestamp,Request tokens,Response tokens",
        "time_s,input_tokens,output_tokens",
        "arrival_time [s],prompt_tokens,completion_tokens",
    ],
)
def test_names_of_columns_in_the_wild(tmp_path, header):
    requests = read_arrivals(write(tmp_path, header + "\n3.5,10,20\n4.25,11.0,21\n"))
    assert list(requests.arrival_s) == [0.0, 0.75]
    assert list(requests.prompt_tokens) == [10, 11]
    assert list(requests.generated_tokens) == [20, 21]


def test_units_of_time(tmp_path):
    named = write(tmp_path, "time_ms,input_tokens,output_tokens\n0,1,1\n1500,1,1\n")
    assert read_arrivals(named).arrival_s[1] == 1.5
    assert "assumed_time_unit" not in codes(read_arrivals(named))
    bare = write(tmp_path, "time,input_tokens,output_tokens\n0,1,1\n1500,1,1\n")
    assert read_arrivals(bare, unit="ms").arrival_s[1] == 1.5
    with pytest.raises(LoadDataError, match="unit"):
        read_arrivals(bare)
    small = write(tmp_path, "time,input_tokens,output_tokens\n0,1,1\n1.5,1,1\n")
    assert codes(read_arrivals(small)) == {"assumed_time_unit": 2}


def test_compressed_file(tmp_path):
    path = tmp_path / "requests.csv.gz"
    path.write_bytes(gzip.compress(b"time_s,input_tokens,output_tokens\n0,1,2\n1,3,4\n"))
    assert list(read_arrivals(path).generated_tokens) == [2, 4]


def test_oddities_are_counted_with_their_line(tmp_path):
    rows = ["0.5,10,20", "", "0.75,11,x", "0.7,0,5", "1.0,3", "2.5,3,4", "2.4,3,4", "3.5,1.5,4", ",1,1", "9,1,1"]
    requests = read_arrivals(write(tmp_path, "time_s,input_tokens,output_tokens\n" + "\n".join(rows)))
    np.testing.assert_allclose(requests.arrival_s, [0.0, 0.2, 1.9, 2.0, 8.5])
    assert list(requests.prompt_tokens) == [10, 1, 3, 3, 1]
    assert codes(requests) == {"malformed_rows": 4, "unordered_times": 1, "empty_requests": 1}
    malformed = next(w for w in requests.provenance.warnings if w.code == "malformed_rows")
    assert "line 4" in malformed.message


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("time_s,input_tokens\n1,2\n", 1, "generated tokens"),
        ("time_s,arrived_at,input_tokens,output_tokens\n1,1,2,2\n", 1, "may all be the time"),
        ("time_s,input_tokens,output_tokens\n1,2,3\n\nyesterday,2,3\n-,2,3\n", 4, "malformed"),
        ("time_s,input_tokens,output_tokens\n", None, "no requests"),
        ("", None, "empty"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, text, line, words):
    path = write(tmp_path, text)
    with pytest.raises(LoadDataError, match=words) as caught:
        read_arrivals(path)
    assert caught.value.path == str(path)
    assert caught.value.line == line


def test_faster_and_again(tmp_path):
    path = write(tmp_path, "time_s,input_tokens,output_tokens\n0,1,5\n1,2,6\n3,3,7\n")
    once = RecordedArrivals(str(path), loop=False).draw(100.0, SEED)
    assert list(once.arrival_s) == [0.0, 1.0, 3.0]
    # Three requests in 3 s: the mean gap is 1.5 s, so the second pass starts at 4.5 s.
    again = RecordedArrivals(str(path)).draw(9.0, SEED)
    assert list(again.arrival_s) == [0.0, 1.0, 3.0, 4.5, 5.5, 7.5]
    assert list(again.generated_tokens) == [5, 6, 7, 5, 6, 7]
    faster = RecordedArrivals(str(path), rate_scale=2.0).draw(4.0, SEED)
    assert list(faster.arrival_s) == [0.0, 0.5, 1.5, 2.25, 2.75, 3.75]


def test_looping_and_scaling_keep_the_statistics(recorded):
    path = str(recorded(CONVERSATION))
    one = RecordedArrivals(path).requests.statistics()
    many = RecordedArrivals(path, rate_scale=3.0).draw(5000.0, SEED).statistics()
    assert many["mean_rate_per_s"] == pytest.approx(3.0 * one["mean_rate_per_s"], rel=0.02)
    assert many["interarrival_cv"] == pytest.approx(one["interarrival_cv"], rel=0.02)
    assert many["mean_prompt_tokens"] == pytest.approx(one["mean_prompt_tokens"], rel=0.02)


def test_requests_at_one_time_cannot_loop(tmp_path):
    path = str(write(tmp_path, "time_s,input_tokens,output_tokens\n3,1,5\n"))
    assert RecordedArrivals(path, loop=False).draw(5.0, SEED).arrival_s.size == 1
    with pytest.raises(LoadDataError, match="one time"):
        RecordedArrivals(path).draw(5.0, SEED)


@pytest.mark.parametrize(
    ("model", "cv"),
    [
        (PoissonArrivals(5.0, SHORT, LONG), 1.0),
        (BurstyArrivals(5.0, 4.0, SHORT, LONG), 4.0),
        (BurstyArrivals(5.0, 0.3, SHORT, LONG), 0.3),
    ],
)
def test_random_arrivals_have_the_stated_statistics(model, cv):
    statistics = model.draw(20_000.0, SEED).statistics()
    assert statistics["mean_rate_per_s"] == pytest.approx(5.0, rel=0.05)
    assert statistics["interarrival_cv"] == pytest.approx(cv, rel=0.05)
    assert statistics["mean_prompt_tokens"] == pytest.approx(100.0, rel=0.02)
    assert statistics["mean_generated_tokens"] == 400.0


def test_poisson_counts_are_as_variable_as_their_mean():
    arrival_s = PoissonArrivals(5.0, SHORT, LONG).draw(20_000.0, SEED).arrival_s
    counts = np.bincount((arrival_s // 2.0).astype(int))
    assert counts.var() / counts.mean() == pytest.approx(1.0, abs=0.05)


@given(
    duration_s=st.floats(0.0, 2000.0), longer=st.floats(1.0, 5.0), entropy=st.integers(0, 99), cv=st.floats(0.2, 8.0)
)
@settings(deadline=None, max_examples=30)
def test_a_longer_draw_begins_with_the_shorter_one(duration_s, longer, entropy, cv):
    model = BurstyArrivals(2.0, cv, SHORT, SHORT)
    short = model.draw(duration_s, np.random.SeedSequence(entropy))
    long = model.draw(duration_s * longer, np.random.SeedSequence(entropy))
    count = short.arrival_s.size
    assert (short.arrival_s < duration_s).all()
    assert (long.arrival_s[count:] >= duration_s).all()
    for name in ("arrival_s", "prompt_tokens", "generated_tokens"):
        np.testing.assert_array_equal(getattr(long, name)[:count], getattr(short, name))


def test_a_seed_means_its_draw():
    model = PoissonArrivals(2.0, SHORT, SHORT)
    first, again = model.draw(100.0, SEED), model.draw(100.0, SEED)
    np.testing.assert_array_equal(first.arrival_s, again.arrival_s)
    other = model.draw(100.0, np.random.SeedSequence(8))
    assert not np.array_equal(first.arrival_s[:50], other.arrival_s[:50])
    assert not np.array_equal(first.prompt_tokens[:50], first.generated_tokens[:50])


def test_clients_draw_the_same_tokens_whatever_the_number():
    clients = ClosedLoop(4, SHORT, SHORT)
    prompt, generated = clients.draw_tokens(10, SEED)
    more, _ = clients.draw_tokens(100, SEED)
    np.testing.assert_array_equal(more[:10], prompt)
    assert not np.array_equal(prompt, generated)


@pytest.mark.parametrize("counts", [TokenCounts(mean=300.0, cv=1.5), TokenCounts(median=300.0 / np.sqrt(3.25), cv=1.5)])
def test_token_counts_have_the_stated_moments(counts):
    tokens = counts.draw(200_000, np.random.default_rng(1))
    assert counts.expected == pytest.approx(300.0)
    assert tokens.mean() == pytest.approx(300.0, rel=0.02)
    assert tokens.std() / tokens.mean() == pytest.approx(1.5, rel=0.05)
    assert np.median(tokens) == pytest.approx(300.0 / np.sqrt(3.25), rel=0.02)


@given(mean=st.floats(1.0, 5.0), cv=st.floats(0.0, 10.0))
@settings(deadline=None, max_examples=30)
def test_no_request_is_empty(mean, cv):
    assert TokenCounts(mean=mean, cv=cv).draw(500, np.random.default_rng(1)).min() >= 1


@pytest.mark.parametrize(
    ("build", "word"),
    [
        (lambda: TokenCounts(), "mean or median"),
        (lambda: TokenCounts(mean=2.0, median=2.0), "mean or median"),
        (lambda: TokenCounts(mean=0.5), "mean"),
        (lambda: TokenCounts(median=0.5), "median"),
        (lambda: TokenCounts(mean=2.0, cv=-1.0), "cv"),
        (lambda: PoissonArrivals(0.0, SHORT, SHORT), "rate_per_s"),
        (lambda: BurstyArrivals(1.0, 0.0, SHORT, SHORT), "cv"),
        (lambda: ClosedLoop(0, SHORT, SHORT), "concurrency"),
        (lambda: RecordedArrivals("x.csv", rate_scale=0.0), "rate_scale"),
    ],
)
def test_numbers_out_of_range(build, word):
    with pytest.raises(ValueError, match=word):
        build()


@pytest.mark.parametrize(
    ("arrival_s", "prompt", "generated", "word"),
    [
        ([0.0, 1.0], [1], [1, 1], "prompt_tokens"),
        ([1.0, 0.5], [1, 1], [1, 1], "arrival_s"),
        ([-1.0, 0.5], [1, 1], [1, 1], "arrival_s"),
        ([0.0, np.nan], [1, 1], [1, 1], "arrival_s"),
        ([0.0, 1.0], [1, 1], [1, 0], "generated_tokens"),
    ],
)
def test_requests_that_cannot_be(arrival_s, prompt, generated, word):
    with pytest.raises(LoadDataError, match=word):
        Requests(np.array(arrival_s), np.array(prompt), np.array(generated), Provenance("synthetic", "test"))


def test_statistics_of_few_requests():
    none = Requests(np.empty(0), np.empty(0), np.empty(0), Provenance("synthetic", "test")).statistics()
    assert none["requests"] == 0
    assert none["peak_rate_10s_per_s"] == 0.0
    assert np.isnan(none["interarrival_cv"])
