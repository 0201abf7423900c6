import gzip

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_fuzz import damaged, read_anyhow

from loads.errors import LoadDataError
from loads.export import write_trace
from loads.readers import hdf5
from loads.readers.readings import ReadOptions
from loads.readers.source import SourceFile
from loads.trace import Provenance, Trace

TIME = np.arange(5.0)


def put(group, name, values, unit=None):
    dataset = group.create_dataset(name, data=values)
    if unit is not None:
        dataset.attrs["unit"] = unit


@pytest.fixture
def read(tmp_path):
    def read(build, **options):
        path = tmp_path / "a.h5"
        with h5py.File(path, "w") as file:
            build(file)
        source = SourceFile.open(path)
        assert hdf5.looks_like(source)
        return hdf5.read(source, ReadOptions(**options))

    return read


def codes(readings):
    return {warning.code: warning.count for warning in readings.warnings}


def channels(readings):
    return [(channel.name, channel.time_s.tolist(), channel.power_w.tolist()) for channel in readings.channels]


@given(
    st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20),
    st.sampled_from(["linear", "hold"]),
)
def test_exported_traces_come_back(tmp_path_factory, gaps, shape):
    time_s = np.concatenate([[0.0], np.cumsum(gaps)])
    power_w = np.linspace(100, 700, time_s.size - (shape == "hold"))
    path = tmp_path_factory.mktemp("hdf5") / "a.h5"
    write_trace(Trace(time_s, power_w, Provenance("synthetic", "a test"), shape), path)
    readings = hdf5.read(SourceFile.open(path), ReadOptions())
    (channel,) = readings.channels
    np.testing.assert_array_equal(channel.time_s, time_s)
    np.testing.assert_array_equal(channel.power_w[: power_w.size], power_w)
    assert (readings.power_unit, readings.time_unit, readings.clock) == ("W", "s", "relative")
    assert readings.warnings == ()


@pytest.mark.parametrize("kind", [str, np.bytes_])
@pytest.mark.parametrize("where", ["unit", "units", "power_unit", "name", "option"])
def test_units(read, kind, where):
    def build(file):
        put(file, "time_ms" if where == "name" else "time", np.arange(3))
        put(file, "power_kW" if where == "name" else "power", [1.0, 2.0, 3.0])
        if where in ("unit", "units"):
            file["time"].attrs[where], file["power"].attrs[where] = kind("ms"), kind("kW")
        elif where == "power_unit":
            file.attrs["power_unit"], file.attrs["time_unit"] = kind("kW"), kind("ms")

    readings = read(build, **({"power_unit": "kW", "time_unit": "ms"} if where == "option" else {}))
    assert channels(readings) == [("power", [0, 0.001, 0.002], [1000, 2000, 3000])]
    assert (readings.power_unit, readings.time_unit) == ("kW", "ms")


def two_nodes(file):
    for node, start in (("a", 0.0), ("b", 0.25)):
        put(file, f"nodes/{node}/time_s", 1_700_000_000 + start + TIME)
        put(file, f"nodes/{node}/power_w", TIME + 10 * start)
        put(file, f"nodes/{node}/temperature", TIME)


def test_groups_become_channels_on_one_clock(read):
    readings = read(two_nodes)
    assert [channel.name for channel in readings.channels] == ["nodes/a", "nodes/b"]
    np.testing.assert_allclose(readings.channels[1].time_s, TIME + 0.25, atol=1e-6)
    assert readings.channels[1].power_w.tolist() == [2.5, 3.5, 4.5, 5.5, 6.5]
    assert (readings.origin_ns, readings.clock) == (1_700_000_000 * 10**9, "utc")
    one = read(two_nodes, power_column="nodes/b/power_w")
    assert channels(one) == [("power", TIME.tolist(), (TIME + 2.5).tolist())]
    with pytest.raises(LoadDataError, match="'watts' is not in the file; columns are power_w"):
        read(two_nodes, power_column="nodes/b/watts")


def test_a_time_above_the_groups(read):
    def build(file):
        put(file, "time_s", TIME)
        put(file, "gpu0/power_w", TIME + 1)
        put(file, "gpu1/power_w", TIME + 2)

    assert channels(read(build)) == [
        ("gpu0", TIME.tolist(), (TIME + 1).tolist()),
        ("gpu1", TIME.tolist(), (TIME + 2).tolist()),
    ]


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("named", [False, True])
def test_two_dimensions(read, transposed, named):
    power = np.outer(TIME + 1, [1.0, 2.0, 3.0])

    def build(file):
        put(file, "time_s", TIME)
        put(file, "power", power.T if transposed else power, "kW")
        if named:
            file["power"].attrs["elements"] = ["x", "y", "z"]

    readings = read(build)
    assert [channel.name for channel in readings.channels] == (
        list("xyz") if named else ["device0", "device1", "device2"]
    )
    assert readings.channels[2].power_w.tolist() == [3000, 6000, 9000, 12_000, 15_000]


def test_compound_datasets(read):
    rows = np.array(
        [(1000, 2.0, b"a"), (1000, 3.0, b"b"), (3000, 4.0, b"a")],
        dtype=[("time_ms", ">i8"), ("power_w", "<f4"), ("gpu", "S4")],
    )
    assert channels(read(lambda file: put(file, "log", rows))) == [("a", [1, 3], [2, 4]), ("b", [1], [3])]
    plain = rows.astype([("time", "i8"), ("power", "f4"), ("gpu", "S4")])

    def with_units(file):
        put(file, "log", plain)
        file["log"].attrs["units"] = ["ms", "kW", ""]

    assert channels(read(with_units)) == [("a", [1, 3], [2000, 4000]), ("b", [1], [3000])]


@pytest.mark.parametrize("dtype", ["<i2", ">i4", "<u8", "<f2", ">f4", "<f8"])
def test_types_and_byte_orders(read, dtype):
    readings = read(lambda file: (put(file, "time_s", TIME.astype(dtype)), put(file, "power_w", TIME.astype(dtype))))
    assert channels(readings) == [("power", TIME.tolist(), TIME.tolist())]


def test_text_times_and_devices_by_name(read):
    def build(file):
        put(file, "timestamp", ["2024-01-01T00:00:00.5Z", "2024-01-01T00:00:02Z", "x"])
        put(file, "gpu0", [100, 110, 120])
        put(file, "gpu1", [200.0, np.nan, 220.0])

    readings = read(build)
    assert readings.channels[0].time_s.tolist() == [0, 1.5]
    assert [channel.name for channel in readings.channels] == ["gpu0", "gpu1"]
    assert codes(readings) == {"unreadable_times": 1, "assumed_power_unit": 3, "unreadable_cells": 1}
    assert (readings.clock, readings.origin_ns) == ("utc", 1_704_067_200_500_000_000)


def test_compressed_chunks_and_a_compressed_file(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("time_s", data=np.arange(100_000.0), chunks=(1000,), compression="gzip", shuffle=True)
        file.create_dataset("power_w", data=np.zeros(100_000), chunks=(1000,), compression="gzip", fletcher32=True)
    packed = tmp_path / "a.h5.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    for name in (path, packed):
        file = SourceFile.open(name)
        assert hdf5.looks_like(file)
        (channel,) = hdf5.read(file, ReadOptions()).channels
        assert channel.time_s[-1] == 99_999
        assert not channel.power_w.any()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda file: file.create_group("g"), "no dataset of power; there are no datasets"),
        (lambda file: put(file, "g/time_s", TIME), "no dataset of power; give power_column; datasets are g/time_s"),
        (lambda file: put(file, "power_w", TIME), "no column of time; give time_column, or interval_s"),
        (
            lambda file: (put(file, "time_s", TIME), put(file, "power_w", TIME[:3])),
            "'power_w' has 3 values, but 'time_s'",
        ),
        (lambda file: (put(file, "time_s", TIME), put(file, "power", TIME)), "unit of column 'power'"),
        (lambda file: (put(file, "time_s", TIME), put(file, "power_w", TIME, "kW")), "is said to be in kW"),
        (lambda file: (put(file, "time_s", TIME), put(file, "power", TIME, "furlong")), "'furlong' is not known"),
        (lambda file: (put(file, "time_s", TIME), put(file, "power_mw", TIME)), "milliwatt or megawatt"),
        (lambda file: (put(file, "time_s", TIME[:0]), put(file, "power_w", TIME[:0])), "no rows"),
        (lambda file: (put(file, "time_s", TIME), put(file, "power_w", TIME * np.nan)), "no cell"),
    ],
)
def test_what_cannot_be_read(read, build, message):
    with pytest.raises(LoadDataError) as caught:
        read(build)
    assert message in str(caught.value)
    assert caught.value.path.endswith("a.h5")


def test_a_dataset_of_nothing_is_not_taken_for_zeros(read):
    def build(file):
        file.create_dataset("time_s", (10**9,), "f8", chunks=(1000,))
        file.create_dataset("power_w", (10**9,), "f8", chunks=(1000,))

    with pytest.raises(LoadDataError, match="should have 1000000000 values, and has not"):
        read(build)


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "a.h5"

    def side_by_side(file):
        # Text of fixed length: the HDF5 library itself may loop forever over a damaged heap of texts.
        put(file, "time_s", np.arange(20.0), np.bytes_("s"))
        put(file, "power_w", np.arange(20.0), np.bytes_("W"))

    def grouped(file):
        for node in "ab":
            put(file, f"{node}/time_ms", np.arange(20))
            file.create_dataset(
                f"{node}/power_w", data=np.arange(20.0), chunks=(7,), compression="gzip", fletcher32=True
            )

    def compound(file):
        rows = [(k, 100.0 + k, b"a") for k in range(20)]
        put(file, "log", np.array(rows, dtype=[("time_ms", "i8"), ("power_w", "f4"), ("gpu", "S4")]))

    found = []
    for build in (side_by_side, grouped, compound):
        with h5py.File(path, "w") as file:
            build(file)
        found.append(path.read_bytes())
    return found


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_files(tmp_path, contents, data):
    path = tmp_path / "damaged.h5"
    path.write_bytes(data.draw(damaged(data.draw(st.sampled_from(contents)))))
    read_anyhow(path, hdf5.read)
