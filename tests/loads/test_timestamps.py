from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loads.errors import LoadDataError
from loads.readers.timestamps import ns_to_times, numbers_to_times, text_to_ns

STYLES = {
    "nvidia-smi": "%Y/%m/%d %H:%M:%S",
    "iso": "%Y-%m-%dT%H:%M:%S",
    "blank": "%Y-%m-%d %H:%M:%S",
    "ptdaemon": "%m-%d-%Y %H:%M:%S",
    "wattameter": "%Y-%m-%d_%H:%M:%S",
}
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2261, 12, 31)).map(lambda moment: moment.replace(microsecond=0))


def epoch_ns(moment):
    return int((moment - datetime(1970, 1, 1)).total_seconds()) * 10**9


@given(
    st.lists(st.tuples(MOMENTS, st.text("0123456789", max_size=9)), min_size=1, max_size=10),
    st.sampled_from(sorted(STYLES)),
    st.booleans(),
)
def test_every_digit_of_every_style_is_kept(moments, style, spoil):
    texts = [f"{m.strftime(STYLES[style])}{'.' * bool(fraction)}{fraction}" for m, fraction in moments]
    expected = [epoch_ns(m) + int(fraction.ljust(9, "0")) for m, fraction in moments]
    ns, ok, clock = text_to_ns(texts + ["nonsense"] * spoil)
    assert ns.tolist() == expected + [0] * spoil
    assert ok.tolist() == [True] * len(texts) + [False] * spoil
    assert clock == "naive"


@given(MOMENTS, st.integers(-14 * 60, 14 * 60), st.booleans(), st.booleans())
def test_zones_are_taken_off(moment, minutes, colon, spoil):
    zone = timezone(timedelta(minutes=minutes))
    text = moment.replace(tzinfo=zone).isoformat()
    texts = [text if colon else text[:-3] + text[-2:], *["x"] * spoil]
    ns, ok, clock = text_to_ns(texts)
    assert ns[0] == epoch_ns(moment) - minutes * 60 * 10**9
    assert ok[0]
    assert clock == "utc"


def test_z_is_utc():
    texts = ["2024-05-17T15:38:27.5Z", "2024-05-17 15:38:27.5 UTC", "2024-05-17T16:38:27.5+01:00"]
    ns, ok, clock = text_to_ns(texts)
    assert ok.all()
    assert clock == "utc"
    assert set(ns.tolist()) == {int(datetime(2024, 5, 17, 15, 38, 27, tzinfo=UTC).timestamp()) * 10**9 + 500_000_000}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "2023-07-14",
        "2023-07-14 10",
        "2023-07-14 10:12",
        "2023-07-14 24:00:00",
        "2023-07-14 10:60:00",
        "2023-13-01 10:00:00",
        "2023-02-29 10:00:00",
        "2023-00-10 10:00:00",
        "9999-01-01 00:00:00",
        "14-07-2023 10:12:46",
        "12.5",
        None,
    ],
)
def test_what_is_no_time_is_not_read(text):
    good = "2023-07-14 10:12:46"
    for texts in ([text], [good, text]):
        _, ok, _ = text_to_ns(pa.array(texts, pa.string()))
        assert ok.tolist() == [True, False][-len(texts) :]


def test_the_minority_of_zoned_or_naive_times_is_not_read():
    texts = ["2023-07-14 10:12:46", "2023-07-14 10:12:47Z", "2023-07-14 10:12:48"]
    assert text_to_ns(texts)[1].tolist() == [True, False, True]
    assert text_to_ns([*texts, texts[1], texts[1]])[1].tolist() == [False, True, False, True, True]


def test_chunks_and_no_rows():
    ns, ok, _ = text_to_ns(pa.chunked_array([["2023-07-14 10:12:46"], ["2023-07-14 10:12:47"]]))
    assert np.diff(ns).tolist() == [10**9]
    assert ok.all()
    assert text_to_ns([])[0].size == 0


@given(st.integers(10**18, 3 * 10**18), st.lists(st.integers(0, 2**40), min_size=1, max_size=10))
def test_epoch_nanoseconds_keep_every_digit(start, offsets):
    times = numbers_to_times(np.array([start, *(start + o for o in offsets)]), "ns")
    assert times.clock == "utc"
    assert times.origin_ns == start
    assert times.time_s.tolist() == [0, *(o / 1e9 for o in offsets)]


@pytest.mark.parametrize(
    ("values", "unit", "clock", "elapsed_s"),
    [
        ([1_700_000_000, 1_700_000_002], "s", "utc", 2),
        ([1_700_000_000.25, 1_700_000_000.5], "s", "utc", 0.25),
        ([1_700_000_000_000, 1_700_000_000_100], "ms", "utc", 0.1),
        ([1_689_325_827_367_977, 1_689_325_827_369_002], "us", "utc", 1025e-6),
        ([1_700_000_000_000_000_000, 1_700_000_000_000_000_100], "ns", "utc", 100e-9),
        ([0.0, 0.1, 0.2], "s", "relative", 0.2),
        ([5, 6, 6, 7], "s", "relative", 2),
        ([0, 60, 120], "s", "relative", 120),
    ],
)
def test_a_missing_unit_is_told_by_size_and_reported(values, unit, clock, elapsed_s):
    times = numbers_to_times(np.array(values), None, column="t")
    assert (times.unit, times.clock) == (unit, clock)
    assert times.time_s[-1] - times.time_s[0] == pytest.approx(elapsed_s, rel=1e-12)
    (warning,) = times.warnings
    assert (warning.code, warning.count) == ("assumed_time_unit", len(values))
    assert f"taken as {unit}" in warning.message
    assert not numbers_to_times(np.array(values), unit).warnings


@pytest.mark.parametrize("values", [[0, 100, 200], [3, 3], [7], [], [0.0, 61.5, 130.2], [5e9, 6e9]])
def test_numbers_that_may_be_anything_are_refused(values):
    with pytest.raises(LoadDataError, match="column 'elapsed' is neither in its name nor given; give time_unit"):
        numbers_to_times(np.array(values), None, column="elapsed")


def test_relative_times_keep_their_offset():
    times = numbers_to_times(np.array([1500, 2500]), "ms")
    assert times.time_s.tolist() == [1.5, 2.5]
    assert (times.origin_ns, times.clock) == (0, "relative")


def test_a_damaged_first_time_is_not_the_origin():
    times = numbers_to_times(np.array([-(2**62), 1_700_000_000_000_000_000, 1_700_000_001_000_000_000]), "ns")
    assert times.origin_ns == 1_700_000_000_000_000_000
    assert times.time_s[1:].tolist() == [0, 1]
    assert times.time_s[0] < -1e9


def test_text_times_count_from_the_first():
    times = ns_to_times(np.array([5_000_000_000, 7_500_000_001]), "naive")
    assert times.time_s.tolist() == [0, 2.500000001]
    assert (times.origin_ns, times.unit) == (5_000_000_000, "timestamp")
