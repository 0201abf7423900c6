import datetime
import decimal
import gzip
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_fuzz import damaged, read_anyhow

from loads.errors import LoadDataError
from loads.readers import parquet
from loads.readers.readings import ReadOptions
from loads.readers.source import SourceFile

START_NS = 1_700_000_000_123_456_789
POWER = [100.0, 110.0, 120.0, 130.0]


@pytest.fixture
def read(tmp_path):
    def read(table, row_group_size=None, options=None, **metadata):
        path = tmp_path / "a.parquet"
        if isinstance(table, dict):
            table = pa.table(table)
        pq.write_table(table.replace_schema_metadata(metadata or table.schema.metadata), path, row_group_size)
        file = SourceFile.open(path)
        assert parquet.looks_like(file)
        return parquet.read(file, ReadOptions(**(options or {})))

    return read


def codes(readings):
    return {warning.code: warning.count for warning in readings.warnings}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize(("zone", "clock"), [(None, "naive"), ("UTC", "utc"), ("Europe/Berlin", "utc")])
def test_timestamp_types(read, unit, zone, clock):
    per_unit = 10**9 // {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    first = START_NS // per_unit
    stamps = pa.array([first, first + 2, None, first + 7], pa.timestamp(unit, zone))
    readings = read({"when": stamps, "power_kw": POWER})
    (channel,) = readings.channels
    assert readings.origin_ns == first * per_unit
    assert (readings.clock, readings.time_unit, readings.power_unit) == (clock, "timestamp", "kW")
    np.testing.assert_array_equal(channel.time_s, np.array([0, 2, 7]) * per_unit / 1e9)
    assert channel.power_w.tolist() == [100_000, 110_000, 130_000]
    assert codes(readings) == {"unreadable_times": 1}


@given(
    st.integers(2, 4),
    st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1e6) | st.none()), min_size=8, max_size=60),
    st.integers(1, 20),
    st.sampled_from(["text", "dictionary", "number"]),
)
def test_long_tables_by_row_groups(tmp_path_factory, devices, rows, row_group_size, kind):
    device = [d % devices for d, _ in rows] + list(range(devices))
    power = [p for _, p in rows] + [1.0] * devices
    who = pa.array(device if kind == "number" else [f"n{d}" for d in device])
    table = pa.table(
        {
            "time_ns": START_NS + np.arange(len(power)) * 10**9,
            "gpu_id": who.dictionary_encode() if kind == "dictionary" else who,
            "power_w": pa.array(power, pa.float64()),
            "temperature": [1] * len(power),
        }
    )
    path = tmp_path_factory.mktemp("parquet") / "a.parquet"
    pq.write_table(table, path, row_group_size)
    readings = parquet.read(SourceFile.open(path), ReadOptions())
    order = list(dict.fromkeys(device))
    assert [channel.name for channel in readings.channels] == [
        f"gpu{d}" if kind == "number" else f"n{d}" for d in order
    ]
    for d, channel in zip(order, readings.channels, strict=True):
        rows_of = [at for at, other in enumerate(device) if other == d]
        np.testing.assert_array_equal(channel.time_s, np.array(rows_of, float))
        np.testing.assert_array_equal(channel.power_w, [math.nan if power[at] is None else power[at] for at in rows_of])
    assert readings.origin_ns == START_NS
    assert readings.indexed
    assert codes(readings) == ({"unreadable_cells": power.count(None)} if None in power else {})


def test_hosts_with_devices_are_told_apart(read):
    readings = read(
        {
            "time_s": [0, 0, 0, 1],
            "hostname": ["a", "a", "b", "a"],
            "gpu": [0, 1, 0, 0],
            "power_w": POWER,
        }
    )
    assert [(c.name, c.power_w.tolist()) for c in readings.channels] == [
        ("a 0", [100, 130]),
        ("a 1", [110]),
        ("b 0", [120]),
    ]


def test_wide_tables(read):
    wide = {"time_s": [0, 1, 2, 3], "gpu0_power_w": POWER, "gpu1_power_w": POWER[::-1], "note": ["x"] * 4}
    readings = read(wide)
    assert [channel.name for channel in readings.channels] == ["gpu0_power", "gpu1_power"]
    assert readings.channels[1].power_w.tolist() == POWER[::-1]
    assert readings.channels[0].time_s is readings.channels[1].time_s
    total = read(wide | {"total_power_w": [230.0] * 4})
    assert len(total.channels) == 2
    assert any("'total_power_w' is left out" in note for note in total.notes)
    more = read(wide | {"total_power_w": [500.0] * 4})
    assert [(c.name, c.power_w.tolist()) for c in more.channels] == [("total_power", [500] * 4)]
    with pytest.raises(LoadDataError, match="'total_power_w' is less than the sum of gpu0_power_w, gpu1_power_w"):
        read(wide | {"total_power_w": [100.0] * 4})


def test_parts_and_other_readings_of_one_sensor(read):
    time = {"time_s": [0, 1, 2, 3]}
    part = read(time | {"cpu-0_w": POWER, "cpu-0-core_w": POWER})
    assert len(part.channels) == 1
    assert codes(part) == {"part_of_channel": 1}
    readings = read(time | {"power.draw.average [W]": POWER, "power.draw.instant [W]": POWER[::-1]})
    assert readings.channels[0].power_w.tolist() == POWER[::-1]
    assert any("power.draw.average [W] are not used" in note for note in readings.notes)


@pytest.mark.parametrize("stated", ["field", "schema", "units", "attrs"])
def test_units_in_metadata(tmp_path, stated):
    path = tmp_path / "a.parquet"
    plain = pa.table({"t": [0, 1], "power": [1.0, 2.0]})
    if stated == "attrs":
        frame = plain.to_pandas()
        frame.attrs = {"power_unit": "MW", "time_unit": "ms"}
        frame.to_parquet(path)
    elif stated == "field":
        fields = [
            pa.field("t", pa.int64(), metadata={"unit": "ms"}),
            pa.field("power", pa.float64(), metadata={"units": "MW"}),
        ]
        pq.write_table(plain.cast(pa.schema(fields)), path)
    elif stated == "units":
        pq.write_table(plain.replace_schema_metadata({"units": '{"power": "MW", "t": "ms"}'}), path)
    else:
        pq.write_table(plain.replace_schema_metadata({"unit": "MW", "time_unit": "ms"}), path)
    readings = parquet.read(SourceFile.open(path), ReadOptions())
    assert readings.channels[0].power_w.tolist() == [1e6, 2e6]
    assert readings.channels[0].time_s.tolist() == [0, 0.001]
    assert (readings.power_unit, readings.time_unit) == ("MW", "ms")
    stronger = parquet.read(SourceFile.open(path), ReadOptions(power_unit="kW", time_unit="s"))
    assert stronger.channels[0].power_w.tolist() == [1e3, 2e3]
    assert stronger.channels[0].time_s.tolist() == [0, 1]


def test_metadata_that_contradict_a_name(read):
    field = pa.field("power_w", pa.float64(), metadata={"unit": "kW"})
    table = pa.table(
        [pa.array([0.0, 1.0]), pa.array([1.0, 2.0])], schema=pa.schema([pa.field("time_s", pa.float64()), field])
    )
    with pytest.raises(LoadDataError, match="'power_w' is said to be in kW; give power_unit"):
        read(table)
    assert read(table, options={"power_unit": "W"}).channels[0].power_w.tolist() == [1, 2]
    settled = table.rename_columns(["time_s", "power_mw"])
    with pytest.raises(LoadDataError, match="said to be in kW"):
        read(settled)
    schema = pa.schema([table.schema.field(0), pa.field("power_mw", pa.float64(), metadata={"unit": "MW"})])
    assert read(pa.table(settled.columns, schema=schema)).channels[0].power_w.tolist() == [1e6, 2e6]


def test_data_frames_with_their_time_as_index(tmp_path):
    path = tmp_path / "a.parquet"
    index = pd.date_range("2024-01-01", periods=4, freq="500ms", tz="UTC")
    pd.DataFrame(
        {"power_w": POWER, "gpu": pd.Categorical(["a", "b"] * 2, categories=["b", "a", "unused"])}, index
    ).to_parquet(path)
    readings = parquet.read(SourceFile.open(path), ReadOptions())
    assert [(c.name, c.time_s.tolist(), c.power_w.tolist()) for c in readings.channels] == [
        ("a", [0, 1], [100, 120]),
        ("b", [0.5, 1.5], [110, 130]),
    ]


@pytest.mark.parametrize(
    "power",
    [
        pa.array([1, 2, 3, None], pa.int16()),
        pa.array([1, 2, 3, None], pa.uint64()),
        pa.array(np.array([1, 2, 3, np.nan], dtype=np.float16)),
        pa.array([1.0, 2.0, 3.0, math.inf], pa.float32()),
        pa.array([decimal.Decimal(k) for k in (1, 2, 3)] + [None], pa.decimal128(10, 2)),
        pa.array(["1", "2.0", " 3", "N/A"]),
        pa.array(["1", "2", "3", None]).dictionary_encode(),
    ],
    ids=lambda array: str(array.type),
)
def test_types_of_power(read, power):
    readings = read({"time_s": pa.array([0, 1, 2, 3], pa.uint8()), "power_w": power})
    np.testing.assert_array_equal(readings.channels[0].power_w, [1, 2, 3, np.nan])
    assert codes(readings) == {"unreadable_cells": 1}


def test_text_times(read):
    readings = read({"time": ["2024-01-01 00:00:00", "2024-01-01 00:00:01.25", "x", None], "power_w": POWER}, 2)
    assert readings.channels[0].time_s.tolist() == [0, 1.25]
    assert (readings.clock, codes(readings)) == ("naive", {"unreadable_times": 2})


def test_only_the_columns_that_matter_are_read(read):
    # A struct that could not be read would be an error.
    readings = read({"time_s": [0, 1], "power_w": [1, 2], "more": [{"a": 1}, {"a": 2}], "list": [[1], [2, 3]]})
    assert readings.channels[0].power_w.tolist() == [1, 2]


def test_a_number_of_the_row_is_no_device(read):
    readings = read({"index": [0, 1, 2, 3], "time_s": [0, 1, 2, 3], "power_w": POWER})
    assert len(readings.channels) == 1


def test_channels_without_a_number_are_left_out(read):
    readings = read({"time_s": [0, 1], "gpu0": pa.array([200, 100]), "gpu1": pa.array([None, None], pa.int64())})
    assert [channel.name for channel in readings.channels] == ["gpu0"]
    assert codes(readings) == {"assumed_power_unit": 2, "empty_channel": 1}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"time_s": [0], "temp": [1]}, "no column of power; give power_column; columns are time_s, temp"),
        ({"power_w": [0]}, "no column of time; give time_column, or interval_s; columns are power_w"),
        ({"time_s": [0, 1], "power": [1, 2]}, "unit of column 'power'"),
        ({"time_s": pa.array([], pa.int64()), "power_w": pa.array([], pa.int64())}, "no rows"),
        ({"time_s": [1, 2], "power_w": [{"a": 1}, {"a": 2}]}, "no column of power"),
        ({"time_s": [1, 2], "power_w": pa.array([None, None], pa.float64())}, "no cell"),
        ({"time_s": pa.array([None, None], pa.float64()), "power_w": [1, 2]}, "2 of 2 rows have no time"),
        ({"time_s": [1, 2], "power_w": ["a", "b"]}, "no cell"),
    ],
)
def test_what_cannot_be_read(read, table, message):
    with pytest.raises(LoadDataError) as caught:
        read(table)
    assert message in str(caught.value)


def test_options(read):
    table = {"time_s": [0, 1], "clock_ms": [0, 500], "power_w": [1, 2], "cpu_w": [3, 4], "who": ["a", "b"]}
    options = {"time_column": "clock_ms", "power_column": "cpu_w", "device_column": "who"}
    readings = read(table, options=options)
    assert [(c.name, c.time_s.tolist(), c.power_w.tolist()) for c in readings.channels] == [
        ("a", [0], [3]),
        ("b", [0.5], [4]),
    ]
    with pytest.raises(LoadDataError, match="several columns of power: power_w, cpu_w; give power_column"):
        read(table)
    with pytest.raises(LoadDataError, match="did you mean 'cpu_w'"):
        read(table, options={"power_column": "cpu_W"})
    counted = read({"gpu": [0, 1, 0, 1], "power_w": POWER}, options={"interval_s": 0.5})
    assert [channel.time_s.tolist() for channel in counted.channels] == [[0, 0.5], [0, 0.5]]
    share = read({"time_s": [0, 1], "gpu_power_norm": [0.5, 1.0]}, options={"rated_w": 700.0})
    assert (share.channels[0].power_w.tolist(), share.power_unit) == ([350, 700], "pu")


def test_compressed_as_a_whole(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"time_s": [0, 1], "power_w": [1, 2]}), path)
    packed = tmp_path / "a.parquet.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    file = SourceFile.open(packed)
    assert parquet.looks_like(file)
    assert parquet.read(file, ReadOptions()).channels[0].power_w.tolist() == [1, 2]


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "a.parquet"
    stamps = pa.array([datetime.datetime(2024, 1, 1, 0, 0, k) for k in range(20)])
    tables = [
        pa.table({"timestamp": stamps, "gpu": pa.array(["a", "b"] * 10).dictionary_encode(), "power_w": POWER * 5}),
        pa.table({"time_ms": list(range(20)), "gpu0": POWER * 5, "gpu1": pa.array([100, None] * 10)}),
        pa.table({"time": ["2024-01-01 00:00:00"] * 20, "power_w": ["5"] * 20}),
    ]
    found = []
    for table in tables:
        pq.write_table(table, path, 8, compression="none", write_page_checksum=True)
        found.append(path.read_bytes())
        pq.write_table(table, path, 8, compression="snappy")
        found.append(path.read_bytes())
    return found


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_files(tmp_path, contents, data):
    path = tmp_path / "damaged.parquet"
    path.write_bytes(data.draw(damaged(data.draw(st.sampled_from(contents)))))
    read_anyhow(path, parquet.read)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_durations_are_times(read, unit):
    per_s = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    time = pa.array([0, per_s, 3 * per_s], pa.duration(unit))
    readings = read({"elapsed": time, "power_w": [1.0, 2.0, 3.0]})
    assert readings.channels[0].time_s.tolist() == [0, 1, 3]
    assert readings.clock == "relative"
