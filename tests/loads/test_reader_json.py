import json
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_fuzz import damaged, read_anyhow

from loads.errors import LoadDataError
from loads.readers import json_columns
from loads.readers.readings import ReadOptions
from loads.readers.source import SourceFile

START_S = 1_700_000_000
TS = [START_S + 0.5 * k for k in range(5)]
GPU0 = [100.0, 110.0, 120.0, 130.0, 140.0]
GPU1 = [200.0, 210.0, 220.0, 230.0, 240.0]
ROWS = [list(pair) for pair in zip(GPU0, GPU1, strict=True)]


@pytest.fixture
def read(tmp_path):
    def read(document, **options):
        path = tmp_path / "a.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        file = SourceFile.open(path)
        return json_columns.read(file, ReadOptions(**options))

    return read


def codes(readings):
    return {warning.code: warning.count for warning in readings.warnings}


@pytest.mark.parametrize(
    "document",
    [
        {"ts": TS, "pw": [GPU0, GPU1]},
        {"ts": TS, "pw": ROWS},
        {"ts": TS, "gpu0": GPU0, "gpu1": GPU1},
        {"ts": TS, "power": {"0": GPU0, "1": GPU1}},
        {"ts": TS, "power": {"gpu0": GPU0, "gpu1": GPU1}, "util": [[1, 2]] * 5},
        {"meta": {"model": "H100"}, "data": {"ts": TS, "pw": ROWS}},
        {"gpu0": {"ts": TS, "pw": GPU0}, "gpu1": {"ts": TS, "pw": GPU1}},
        [{"ts": t, "pw": row} for t, row in zip(TS, ROWS, strict=True)],
        [{"ts": t, "power": {"0": a, "1": b}} for t, (a, b) in zip(TS, ROWS, strict=True)],
        {"samples": [{"ts": t, "gpu0": a, "gpu1": b} for t, (a, b) in zip(TS, ROWS, strict=True)]},
        "\n".join(json.dumps({"ts": t, "pw": row}) for t, row in zip(TS, ROWS, strict=True)),
        [{"ts": t, "gpu": g, "pw": row[g]} for t, row in zip(TS, ROWS, strict=True) for g in (0, 1)],
    ],
    ids=lambda document: str(document)[:30],
)
@pytest.mark.parametrize(("factor", "unit"), [(1, "W"), (1000, "mW")])
def test_devices_in_every_shape(read, document, factor, unit):
    text = document if isinstance(document, str) else json.dumps(document)
    for value in GPU0 + GPU1:
        text = text.replace(f"{value}", f"{value * factor}")
    readings = read(text)
    assert [channel.name for channel in readings.channels] == ["gpu0", "gpu1"]
    for channel, powers in zip(readings.channels, (GPU0, GPU1), strict=True):
        np.testing.assert_allclose(channel.power_w, powers)
        np.testing.assert_array_equal(channel.time_s, [0, 0.5, 1, 1.5, 2])
    assert (readings.power_unit, readings.time_unit, readings.clock) == (unit, "s", "utc")
    assert readings.origin_ns == START_S * 10**9
    assert readings.indexed
    assert set(codes(readings)) == {"assumed_time_unit", "assumed_power_unit"}


@given(
    st.lists(st.integers(1, 10**6), min_size=1, max_size=30),
    st.data(),
    st.sampled_from([("mW", 1e-3), ("W", 1.0), ("kW", 1e3), ("MW", 1e6)]),
    st.sampled_from(["name", "power_unit", "units", "option"]),
)
def test_units_from_wherever_they_are_stated(tmp_path_factory, gaps, data, unit, stated):
    times = [int(t) for t in np.cumsum(gaps)]
    powers = data.draw(st.lists(st.floats(0, 1e6) | st.none(), min_size=len(times), max_size=len(times)))
    powers[0] = 1.0
    name = f"power_{unit[0]}" if stated == "name" else "power"
    document = {"time_ms": times, name: powers}
    if stated == "power_unit":
        document["power_unit"] = unit[0]
    if stated == "units":
        document["units"] = {"power": unit[0]}
    path = tmp_path_factory.mktemp("json") / "a.json"
    path.write_text(json.dumps(document))
    readings = json_columns.read(SourceFile.open(path), ReadOptions(power_unit=unit[0] if stated == "option" else None))
    (channel,) = readings.channels
    expected = np.array([math.nan if power is None else power for power in powers]) * unit[1]
    np.testing.assert_array_equal(channel.power_w, expected)
    np.testing.assert_array_equal(channel.time_s, np.array(times) / 1000)
    assert (readings.power_unit, readings.time_unit, readings.clock) == (unit[0], "ms", "relative")
    missing = powers.count(None)
    assert codes(readings) == ({"unreadable_cells": missing} if missing else {})


def test_pandas_layouts(read):
    for document in (
        {"time_s": {"0": 0.0, "1": 2.0}, "power_w": {"0": 5, "1": 6}},
        {"columns": ["time_s", "power_w"], "index": [0, 1], "data": [[0.0, 5], [2.0, 6]]},
        {"schema": {}, "data": [{"time_s": 0.0, "power_w": 5}, {"time_s": 2.0, "power_w": 6}]},
    ):
        readings = read(document)
        assert readings.channels[0].time_s.tolist() == [0, 2]
        assert readings.channels[0].power_w.tolist() == [5, 6]


def test_tables_with_clocks_of_their_own(read):
    readings = read({"a": {"ts": TS, "power_w": GPU0}, "b": {"ts": [t + 0.25 for t in TS], "power_w": GPU1}})
    assert [channel.name for channel in readings.channels] == ["a", "b"]
    np.testing.assert_allclose(readings.channels[1].time_s, [0.25, 0.75, 1.25, 1.75, 2.25], atol=1e-6)


def test_missing_cells_and_texts(read):
    text = '{"time": ["2024-01-01T00:00:00Z", "2024-01-01T00:00:01.5Z", null, "x"], "power_w": [NaN, "5.5", 1, 2]}'
    readings = read(text)
    (channel,) = readings.channels
    assert channel.time_s.tolist() == [0, 1.5]
    np.testing.assert_array_equal(channel.power_w, [math.nan, 5.5])
    assert (readings.clock, readings.time_unit) == ("utc", "timestamp")
    assert codes(readings) == {"unreadable_times": 2, "unreadable_cells": 1}


def test_epoch_nanoseconds_keep_every_digit(read):
    readings = read({"ts": [1_700_000_000_000_000_001, 1_700_000_000_000_000_008], "power_w": [1, 2]})
    assert readings.origin_ns == 1_700_000_000_000_000_001
    assert readings.channels[0].time_s.tolist() == [0, 7e-9]
    assert readings.time_unit == "ns"


def test_malformed_lines_are_skipped_and_counted(read):
    good = "".join(json.dumps({"time_s": k, "power_w": 5 + k}) + "\n" for k in range(10))
    readings = read(good + '{"time_s": 1, "pow\n' + "[1]\n" + good)
    assert codes(readings) == {"malformed_rows": 2}
    assert "line 11" in readings.warnings[0].message
    assert readings.channels[0].line.tolist() == [*range(1, 11), *range(13, 23)]
    with pytest.raises(LoadDataError, match="20 of 30 rows are malformed") as caught:
        read(good + "x\n" * 20)
    assert caught.value.line == 11


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"ts": TS}, "no column of power; give power_column; columns are ts"),
        ({"power_w": GPU0}, "no column of time; give time_column, or interval_s"),
        ({"ts": TS, "power": GPU0}, "unit of column 'power' is neither in its name nor given"),
        ({"ts": TS, "power_mw": GPU0}, "may be milliwatt or megawatt"),
        ({"ts": TS, "pw": [1.5] * 5}, "with a median of 1.5; give power_unit, or rated_w"),
        ({"ts": TS, "pw": [3000.0] * 5}, "with a median of 3000; give power_unit"),
        ({"ts": [0, 100, 200], "power_w": [1, 2, 3]}, "unit of column 'ts' is neither in its name nor given"),
        ({"ts": TS, "power_w": [1, 2]}, "'power_w' has 2 values, but 'ts' has 5"),
        ({"ts": TS, "pw": [[1, 2], [3]]}, "'pw' is a list of 2 lists that do not fit the 5 times"),
        ({"ts": TS, "power_w": ["a"] * 5}, "no cell"),
        ({"ts": TS, "power_w": [[]] * 5}, "do not fit"),
        ({"ts": [None] * 5, "power_w": GPU0}, "5 of 5 rows have no time"),
        ({"ts": [], "power_w": []}, "no rows"),
        ({"ts": TS, "cpu_power_w": GPU0, "power_w": GPU1}, "several columns of power: cpu_power_w, power_w"),
        ({"ts": TS, "power_norm": [0.5] * 5}, "give rated_w"),
        ({"ts": TS, "power_w": GPU0, "units": {"power_w": "kW"}}, "'power_w' is said to be in kW; give power_unit"),
        ({"time_ms": TS, "power_w": GPU0, "units": {"time_ms": "s"}}, "'time_ms' is said to be in s; give time_unit"),
        ([1, 2], "record 1 is no object"),
        ("5", "the JSON document is a int"),
        ('{"ts": [1, 2], "power_w": [1,', "malformed JSON: Expecting value"),
        ("[" * 100_000, "malformed JSON: maximum recursion"),
        ('{"ts": [' + "9" * 5000 + '], "power_w": [1]}', "malformed JSON: Exceeds the limit"),
        ({"ts": [10**400] * 3, "power_w": [1, 2, 3]}, "3 of 3 rows have no time"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_read(read, document, message):
    with pytest.raises(LoadDataError) as caught:
        read(document)
    assert message in str(caught.value)
    assert caught.value.path.endswith("a.json")


def test_options_are_stronger(read):
    document = {"ts": [0, 100, 200], "power_w": [1, 2, 3], "other": [4, 5, 6], "who": ["a", "b", "a"]}
    readings = read(document, time_unit="ms", power_unit="kW", power_column="other", device_column="who")
    assert [channel.name for channel in readings.channels] == ["a", "b"]
    assert readings.channels[0].power_w.tolist() == [4000, 6000]
    assert readings.channels[0].time_s.tolist() == [0, 0.2]
    assert read({"power_w": GPU0}, interval_s=0.1).channels[0].time_s.tolist() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    with pytest.raises(LoadDataError, match="did you mean 'power_w'"):
        read(document, power_column="power_W")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (' {\n "ts": [1]}', True),
        ('[ {"a": 1}]', True),
        ("[2024] power 5\n", False),
        ("time,power_w\n", False),
        ("{a}", False),
    ],
)
def test_looks_like(tmp_path, text, expected):
    path = tmp_path / "a"
    path.write_text(text)
    assert json_columns.looks_like(SourceFile.open(path)) == expected


DOCUMENTS = [
    json.dumps({"ts": TS, "pw": ROWS}),
    json.dumps([{"time": f"2024-01-01T00:00:0{k}Z", "gpu": k % 2, "power_w": 100.5 + k} for k in range(6)], indent=1),
    "".join(json.dumps({"ts_ms": 1000 * k, "power_w": 100.5 + k}) + "\n" for k in range(8)),
]


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(DOCUMENTS).flatmap(lambda text: damaged(text.encode())))
def test_damaged_files(tmp_path, content):
    path = tmp_path / "damaged.json"
    path.write_bytes(content)
    readings = read_anyhow(path, json_columns.read)
    if readings is not None:
        assert readings.power_unit == "W" or "assumed_power_unit" in codes(readings)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from([10**400, "W", "1 kW"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["ts", "pw", "0", "gpu0", "power_w", "units", "data", "gpu", "time"]), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES)
def test_any_document(tmp_path, document):
    path = tmp_path / "any.json"
    path.write_text(json.dumps(document))
    read_anyhow(path, json_columns.read)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES, VALUES, VALUES)
def test_any_values(tmp_path, ts, pw, device):
    path = tmp_path / "any.json"
    path.write_text(json.dumps({"ts": ts, "pw": pw, "gpu": device, "power_w": pw}))
    read_anyhow(path, json_columns.read)
    path.write_text(json.dumps([{"ts": ts, "pw": pw}, {"ts": pw, "pw": ts}, {"ts": 1, "pw": device}]))
    read_anyhow(path, json_columns.read, ReadOptions(power_unit="W", time_unit="s"))
