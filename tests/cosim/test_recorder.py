import gc
import signal
import subprocess
import sys
import tempfile
import textwrap
import tracemalloc
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.recorder import ChannelSpec, Recorder, set_attribute
from cosim.result import Result

VOLTAGE = {"voltage_pu": ChannelSpec("pu", ("a", "b"))}


def record_all(path, times, rows, every_s, chunk_rows=512):
    with Recorder(path, VOLTAGE, [], every_s, {}, chunk_rows=chunk_rows) as recorder:
        for time, row in zip(times, rows, strict=True):
            recorder.record(time, {"voltage_pu": row})


def test_layout_is_the_contract(tmp_path):
    path = tmp_path / "result.h5"
    channels = {"voltage_pu": ChannelSpec("pu", ("1", "Köln")), "speed_pu": ChannelSpec("pu", ("G1", "G2"))}
    with Recorder(path, channels, ["dc1"], 0.01, {"name": "x"}, inertia=[10.0, np.inf]) as recorder:
        recorder.record(0.0, {"voltage_pu": np.array([1.0, 0.9]), "speed_pu": np.ones(2)})
        recorder.record_site("dc1", 0.0, 100.0, 20.0, 101.0)
        recorder.record_demand("dc1", 0.001, [1.0, 2.0])
        recorder.record_demand("dc1", 0.001, [3.0])
        recorder.record_event(0.5, "line_trip", "línea 12")
        recorder.set_site_attribute("dc1", "bus", "16")
    set_attribute(path, "summary", "{}")
    with h5py.File(path) as file:
        assert file["time_s"][:].tolist() == [0.0]
        voltage = file["channels/voltage_pu"]
        assert voltage[:].tolist() == [[1.0, 0.9]]
        assert voltage.attrs["unit"] == "pu"
        assert list(voltage.attrs["elements"]) == ["1", "Köln"]
        assert {name: data[0] for name, data in file["sites/dc1"].items() if name != "demand_mw"} == {
            "time_s": 0.0,
            "power_mw": 100.0,
            "reactive_mvar": 20.0,
            "command_mw": 101.0,
        }
        assert file["sites/dc1/demand_mw"][:].tolist() == [1.0, 2.0, 3.0]
        assert file["sites/dc1/demand_mw"].attrs["interval_s"] == 0.001
        assert file["sites/dc1"].attrs["bus"] == "16"
        assert set(file["extrema/voltage_pu"]) == {"min", "min_time_s", "max", "max_time_s"}
        assert file["events/description"].asstr()[:].tolist() == ["línea 12"]
        assert file["generators/inertia_mws"][:].tolist() == [10.0, np.inf]
        assert file.attrs["name"] == "x"
        assert file.attrs["summary"] == "{}"


def test_thinning_keeps_first_node_at_or_past_each_multiple(tmp_path):
    times = [0.0, 0.04, 0.09, 0.11, 0.15, 0.19, 0.2, 0.55, 0.57, 0.6]
    record_all(tmp_path / "r.h5", times, np.ones((len(times), 2)), 0.1)
    with h5py.File(tmp_path / "r.h5") as file:
        assert file["time_s"][:].tolist() == [0.0, 0.11, 0.2, 0.55, 0.6]


def test_thinning_is_not_upset_by_rounding(tmp_path):
    times = np.cumsum(np.full(100_000, 0.01)) - 0.01  # drifts by rounding, as a solver's clock does
    record_all(tmp_path / "r.h5", times, np.ones((times.size, 2)), 0.05)
    with h5py.File(tmp_path / "r.h5") as file:
        np.testing.assert_array_equal(file["time_s"][:], times[::5])


@pytest.mark.parametrize("at", range(7))
def test_jump_replaces_stored_row_wherever_the_chunk_ends(tmp_path, at):
    times = np.arange(7.0)
    with Recorder(tmp_path / "r.h5", VOLTAGE, [], 0.0, {}, chunk_rows=3) as recorder:
        for time in times:
            recorder.record(time, {"voltage_pu": np.array([1.0, 1.0])})
            recorder.flush()
            if time == at:
                recorder.record(time, {"voltage_pu": np.array([0.2, 1.5])})
    with h5py.File(tmp_path / "r.h5") as file:
        assert file["time_s"][:].tolist() == times.tolist()
        stored = file["channels/voltage_pu"][:]
        assert np.flatnonzero((stored == [0.2, 1.5]).all(axis=1)).tolist() == [at]
        assert (np.delete(stored, at, axis=0) == 1).all()
        assert file["extrema/voltage_pu/max"][:].tolist() == [1.0, 1.5]
        assert file["extrema/voltage_pu/min_time_s"][0] == at


def test_jump_at_a_node_not_stored_is_seen_by_extrema_only(tmp_path):
    record_all(tmp_path / "r.h5", [0.0, 0.5, 0.5], [np.ones(2), np.ones(2), np.zeros(2)], 1.0)
    with h5py.File(tmp_path / "r.h5") as file:
        assert file["time_s"][:].tolist() == [0.0]
        assert file["extrema/voltage_pu/min"][:].tolist() == [0.0, 0.0]


@settings(deadline=None, max_examples=60)
@given(
    steps=st.lists(st.sampled_from([0.0, 1e-4, 0.003, 0.01, 0.05, 0.3]), min_size=1, max_size=60),
    every_s=st.sampled_from([0.0, 0.01, 0.1]),
    chunk_rows=st.sampled_from([1, 2, 7, 512]),
    seed=st.integers(0, 2**16),
)
def test_rows_increase_and_extrema_see_everything(steps, every_s, chunk_rows, seed):
    times = np.cumsum(steps)
    rows = np.random.default_rng(seed).normal(size=(times.size, 2))
    with tempfile.TemporaryDirectory() as folder:
        record_all(Path(folder) / "r.h5", times, rows, every_s, chunk_rows)
        with h5py.File(Path(folder) / "r.h5") as file:
            stored_s, stored = file["time_s"][:], file["channels/voltage_pu"][:]
            extrema = {name: data[:] for name, data in file["extrema/voltage_pu"].items()}
    assert (np.diff(stored_s) > 0).all()
    for time, row in zip(stored_s, stored, strict=True):  # each row is the state after the jumps at its time
        np.testing.assert_array_equal(row, rows[np.flatnonzero(times == time)[-1]])
    np.testing.assert_array_equal(extrema["min"], rows.min(axis=0))
    np.testing.assert_array_equal(extrema["max"], rows.max(axis=0))
    np.testing.assert_array_equal(extrema["min_time_s"], times[rows.argmin(axis=0)])
    np.testing.assert_array_equal(extrema["max_time_s"], times[rows.argmax(axis=0)])
    if every_s == 0:
        np.testing.assert_array_equal(stored_s, np.unique(times))


def test_nan_never_counts_as_an_extreme(tmp_path):
    rows = [np.array([np.nan, np.nan]), np.array([1.0, np.nan]), np.array([np.nan, np.nan])]
    record_all(tmp_path / "r.h5", [0.0, 1.0, 2.0], rows, 0.0)
    with h5py.File(tmp_path / "r.h5") as file:
        np.testing.assert_array_equal(file["extrema/voltage_pu/min"][:], [1.0, np.nan])
        np.testing.assert_array_equal(file["extrema/voltage_pu/max_time_s"][:], [1.0, np.nan])


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_killed_run_leaves_a_readable_file(tmp_path):
    path = tmp_path / "r.h5"
    script = textwrap.dedent(f"""
        import os, signal
        import numpy as np
        from cosim.recorder import ChannelSpec, Recorder
        channels = {{"v": ChannelSpec("pu", ("a",))}}
        recorder = Recorder({str(path)!r}, channels, ["dc1"], 0.0, {{}}, chunk_rows=16)
        for k in range(100):
            recorder.record(float(k), {{"v": np.array([float(k)])}})
            recorder.record_site("dc1", float(k), k, 0.0, k)
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == -signal.SIGKILL
    with h5py.File(path) as file:
        assert file["time_s"].shape[0] >= 96
        assert file["channels/v"][95] == 95.0
        assert file["sites/dc1/power_mw"][90] == 90.0
        assert file["extrema/v/max"][0] >= 95.0


def test_error_in_the_run_keeps_what_was_recorded(tmp_path):
    def run():
        with Recorder(tmp_path / "r.h5", VOLTAGE, [], 0.0, {}) as recorder:
            recorder.record(0.0, {"voltage_pu": np.ones(2)})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        run()
    with h5py.File(tmp_path / "r.h5") as file:
        assert file["time_s"].shape == (1,)


def test_names_of_a_large_grid_and_long_text_fit(tmp_path):
    names = tuple(f"bus {k} with a rather long name" for k in range(10_000))
    with Recorder(tmp_path / "r.h5", {"v": ChannelSpec("pu", names)}, [], 1.0, {"scenario": "x" * 10**6}):
        pass
    with h5py.File(tmp_path / "r.h5") as file:
        assert tuple(file["channels/v"].attrs["elements"]) == names
        assert len(file.attrs["scenario"]) == 10**6


def test_memory_does_not_grow_with_duration(tmp_path):
    values = {"voltage_pu": np.ones(2)}
    with Recorder(tmp_path / "r.h5", VOLTAGE, ["dc1"], 0.0, {}, chunk_rows=64) as recorder:
        for k in range(1000):
            recorder.record(float(k), values)
        tracemalloc.start()
        for k in range(1000, 6000):
            recorder.record(float(k), values)
            recorder.record_site("dc1", float(k), 1.0, 0.0, 1.0)
        gc.collect()
        grown, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert grown < 50_000  # the rows themselves would be 280 kB


def test_same_run_same_bytes(tmp_path):
    for name in ("one", "two"):
        record_all(tmp_path / name, np.arange(50.0), np.ones((50, 2)), 0.0)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_channel_without_elements(tmp_path):
    with Recorder(tmp_path / "r.h5", {"line_mw": ChannelSpec("MW", ())}, [], 0.0, {}) as recorder:
        recorder.record(0.0, {"line_mw": np.empty(0)})
    with h5py.File(tmp_path / "r.h5") as file:
        assert file["channels/line_mw"].shape == (1, 0)


def test_misuse_is_refused(tmp_path):
    path = tmp_path / "r.h5"
    with pytest.raises(ValueError, match="every_s must be >= 0, got -1"):
        Recorder(path, VOLTAGE, [], -1.0, {})
    with pytest.raises(ValueError, match="a/b"):
        Recorder(path, VOLTAGE, ["a/b"], 0.0, {})
    with pytest.raises(ValueError, match="reserved"):
        Recorder(path, VOLTAGE, ["total"], 0.0, {})
    with pytest.raises(ValueError, match=r"expected \(2,\)"):
        Recorder(path, {"speed_pu": ChannelSpec("pu", ("1", "2"))}, [], 0.0, {}, inertia=[1.0])
    with Recorder(tmp_path / "s.h5", VOLTAGE, ["dc1"], 0.0, {}) as recorder:
        recorder.record(1.0, {"voltage_pu": np.ones(2)})
        with pytest.raises(ValueError, match="backwards"):
            recorder.record(0.5, {"voltage_pu": np.ones(2)})
        recorder.record_demand("dc1", 0.1, [1.0])
        with pytest.raises(ValueError, match="interval"):
            recorder.record_demand("dc1", 0.2, [1.0])


def test_rows_before_jumps_are_kept(tmp_path):
    path = tmp_path / "result.h5"
    channels = {"voltage_pu": ChannelSpec("pu", ("1", "2")), "speed_pu": ChannelSpec("pu", ("G",))}
    with Recorder(path, channels, [], 0.0, {}) as recorder:
        for time_s, volts in (
            (0.0, [1.0, 1.0]),
            (1.0, [0.9, 1.0]),
            (1.0, [0.2, 0.3]),
            (2.0, [0.2, 0.3]),
            (2.0, [1.0, 1.0]),
        ):
            recorder.record(time_s, {"voltage_pu": np.array(volts), "speed_pu": np.ones(1)})
    result = Result.open(path)
    assert result.time_s.tolist() == [0.0, 1.0, 2.0]
    frame = result.channel_with_jumps("voltage_pu", ["1"])
    assert frame.index.tolist() == [0.0, 1.0, 1.0, 2.0, 2.0]
    assert frame["1"].tolist() == [1.0, 0.9, 0.2, 0.2, 1.0]
    assert result.channel_with_jumps("speed_pu", ["G"]).index.tolist() == [0.0, 1.0, 2.0]


TWO_CHANNELS = {"voltage_pu": ChannelSpec("pu", ("a", "b")), "speed_pu": ChannelSpec("pu", ("G1", "G2", "G3"))}


def datasets(path):
    """Every dataset of numbers of a result file."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
            found[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


@settings(deadline=None, max_examples=60)
@given(
    steps=st.lists(st.sampled_from([1e-4, 0.003, 0.01, 0.01, 0.05, 0.3]), min_size=1, max_size=60),
    every_s=st.sampled_from([0.0, 0.01, 0.1]),
    cuts=st.lists(st.integers(0, 60), max_size=4),
    chunk_rows=st.sampled_from([1, 7, 512]),
    seed=st.integers(0, 2**16),
)
def test_many_rows_at_once_are_the_rows_one_by_one(steps, every_s, cuts, chunk_rows, seed):
    """Any thinning, jumps at any nodes, ties, numbers that are none, and any division into calls and chunks."""
    rng = np.random.default_rng(seed)
    nodes = np.cumsum(steps) - steps[0]
    times = np.repeat(nodes, 1 + (rng.random(nodes.size) < 0.3))
    is_after = np.append(False, np.diff(times) == 0)
    rows = {
        "voltage_pu": rng.integers(0, 5, (times.size, 2)).astype(float),  # extremes are reached more than once
        "speed_pu": rng.normal(size=(times.size, 3)),
    }
    rows["speed_pu"][rng.random((times.size, 3)) < 0.2] = np.nan
    rows["speed_pu"][:, 2] = np.nan  # never a number
    starts = np.flatnonzero(~is_after)
    bounds = sorted({0, *(int(starts[min(cut, starts.size - 1)]) for cut in cuts), times.size})
    with tempfile.TemporaryDirectory() as folder:
        one_by_one, at_once = Path(folder) / "one.h5", Path(folder) / "many.h5"
        with Recorder(one_by_one, TWO_CHANNELS, ["dc1"], every_s, {}, chunk_rows=chunk_rows) as recorder:
            for k, time in enumerate(times):
                recorder.record(time, {name: values[k] for name, values in rows.items()})
                recorder.record_site("dc1", time, *rows["speed_pu"][k])
        with Recorder(at_once, TWO_CHANNELS, ["dc1"], every_s, {}, chunk_rows=chunk_rows) as recorder:
            for start, stop in pairwise(bounds):
                part = slice(start, stop)
                recorder.record_rows(times[part], is_after[part], {name: v[part] for name, v in rows.items()})
                recorder.record_site_rows("dc1", times[part], *rows["speed_pu"][part].T)
        expected, found = datasets(one_by_one), datasets(at_once)
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


def test_many_rows_leave_a_readable_file_behind_each_time(tmp_path):
    with Recorder(tmp_path / "r.h5", VOLTAGE, [], 0.0, {}) as recorder:
        for start in (0.0, 1.0):
            times = start + np.array([0.0, 0.5])
            values = np.column_stack([times, -times])
            recorder.record_rows(times, np.zeros(2, dtype=bool), {"voltage_pu": values})
            copy = tmp_path / f"{start}.h5"
            copy.write_bytes((tmp_path / "r.h5").read_bytes())  # what a killed run leaves
            with h5py.File(copy) as file:
                assert file["time_s"][-1] == start + 0.5
                assert file["extrema/voltage_pu/max"][0] == start + 0.5
                assert file["extrema/voltage_pu/min"][1] == -start - 0.5
        recorder.record_rows(np.empty(0), np.empty(0, dtype=bool), {"voltage_pu": np.empty((0, 2))})
    with h5py.File(tmp_path / "r.h5") as file:
        assert file["time_s"][:].tolist() == [0.0, 0.5, 1.0, 1.5]


def test_many_rows_do_not_run_backwards(tmp_path):
    with Recorder(tmp_path / "r.h5", VOLTAGE, [], 0.0, {}) as recorder:
        recorder.record_rows(np.array([0.0, 1.0]), np.zeros(2, dtype=bool), {"voltage_pu": np.ones((2, 2))})
        with pytest.raises(ValueError, match=r"0\.5 s after 1\.0 s"):
            recorder.record_rows(np.array([0.5]), np.zeros(1, dtype=bool), {"voltage_pu": np.ones((1, 2))})
