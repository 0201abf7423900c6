"""Recordings: from readings of one or several files to a trace with its provenance."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loads.errors import LoadDataError
from loads.readers.readings import Channel, Readings, ReadOptions
from loads.readers.source import SourceFile
from loads.recording import record
from loads.trace import TraceWarning


@pytest.fixture
def source(tmp_path):
    """Makes a file to stand behind hand-made readings."""

    def make(name="power.csv", text="made by hand\n"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return SourceFile.open(path)

    return make


def readings(*channels, clock="utc", **more):
    return Readings(
        tuple(Channel(name, np.asarray(t, float), np.asarray(p, float)) for name, t, p in channels),
        format="csv",
        power_unit="kW",
        time_unit="ms",
        clock=clock,
        **more,
    )


def noise(size, seed=0):
    return np.random.default_rng(seed).normal(300, 10, size)


def codes(trace):
    return [w.code for w in trace.provenance.warnings]


def test_a_clean_file_becomes_its_trace(source):
    file, time_s, power_w = source(), 5.0 + np.arange(100) * 0.1, noise(100)
    recording = record([(file, readings(("gpu", time_s, power_w), notes=("a note",)))], ReadOptions())
    assert recording.channels == ("gpu",)
    assert recording.warnings == ()
    trace = recording.trace()
    np.testing.assert_array_equal(trace.time_s, np.arange(100) / 10)
    np.testing.assert_array_equal(trace.power_w, power_w)
    provenance = trace.provenance
    assert trace.shape == "linear"
    assert (provenance.kind, provenance.source) == ("recorded", "file power.csv")
    assert (provenance.path, provenance.format, provenance.power_unit, provenance.time_unit) == (
        file.path,
        "csv",
        "kW",
        "ms",
    )
    assert provenance.sha256 == hashlib.sha256(b"made by hand\n").hexdigest()
    assert (provenance.sample_interval_s, provenance.samples, provenance.channels) == (0.1, 100, ("gpu",))
    assert provenance.notes == ("a note", "samples are joined by straight lines")
    assert provenance.sensor_window_s is None
    assert json.dumps(provenance.to_dict())


@given(
    st.lists(st.tuples(st.integers(1, 10**9), st.floats(0, 1e6)), min_size=2, max_size=50),
    st.integers(0, 10**15),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_energy_is_that_of_the_samples(source, rows, start_ns):
    steps_ns, power_w = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    time_ns = start_ns + np.cumsum(steps_ns)
    made = readings(("a", (time_ns - time_ns[0]) / 1e9, power_w), origin_ns=int(time_ns[0]))
    trace = record([(source(), made)], ReadOptions(max_gap_s=np.inf, devices=1)).trace()
    expected_j = np.trapezoid(power_w, (time_ns - time_ns[0]) / 1e9)
    assert trace.energy_j == pytest.approx(expected_j, rel=1e-9)


def test_channels_are_chosen_by_name(source):
    t = np.arange(50.0)
    made = readings(("gpu-0", t, noise(50)), ("gpu-1", t, noise(50, 1)), ("gpu-2", t, noise(50, 2)))
    recording = record([(source(), made)], ReadOptions())
    np.testing.assert_allclose(recording.trace().power_w, noise(50) + noise(50, 1) + noise(50, 2))
    two = recording.trace(["gpu-2", "gpu-0"])
    np.testing.assert_allclose(two.power_w, noise(50) + noise(50, 2))
    assert two.provenance.channels == ("gpu-0", "gpu-2")
    assert two.provenance.samples == 100
    with pytest.raises(LoadDataError, match="there is no channel 'gpu-22'; did you mean 'gpu-2'"):
        recording.trace(["gpu-22"])
    with pytest.raises(LoadDataError, match="no channel is chosen"):
        recording.trace([])


def test_warnings_are_those_of_the_channels_chosen(source):
    good_s, gappy_s = np.arange(50.0), np.delete(np.arange(50.0), 20)
    made = readings(("good", good_s, noise(50)), ("gappy", gappy_s, noise(49)), ("stuck", good_s, np.full(50, 9.0)))
    recording = record([(source(), made)], ReadOptions())
    assert [w.code for w in recording.warnings] == ["gap", "stuck_sensor"]
    assert codes(recording.trace(["good"])) == []
    assert codes(recording.trace(["good", "gappy"])) == ["gap"]
    assert "gappy: 1 gap of 2 s" in recording.trace().provenance.warnings[0].message


def test_one_warning_a_code_with_counts_added(source):
    t = np.arange(60.0)
    made = readings(*((f"gpu-{i}", np.delete(t, 10 + i), noise(59, i)) for i in range(5)))
    warning = record([(source(), made)], ReadOptions()).warnings[0]
    assert (warning.code, warning.count) == ("gap", 5)
    assert "and 2 more of the kind: filled by straight lines" in warning.message


def test_warnings_of_the_reader_come_first(source):
    found = TraceWarning("unreadable_cells", 3, "3 cells hold no number")
    made = readings(("a", np.arange(9), [1, np.nan, 3, 4, 5, 6, 7, 8, 9]), warnings=(found,), clock="naive")
    warnings = record([(source(), made)], ReadOptions()).warnings
    assert warnings[0] == found
    assert [w.code for w in warnings[1:]] == ["naive_time", "gap"]


@pytest.mark.parametrize(
    ("option_s", "format_s", "expected_s"), [(None, None, 0.8), (None, 1.0, 1.0), (0.025, 1.0, 0.025), (0.0, 1.0, None)]
)
def test_the_sensor_window_is_the_users_the_formats_or_the_hold(source, option_s, format_s, expected_s):
    made = readings(("a", np.arange(800) * 0.1, np.repeat(noise(100), 8)), sensor_window_s=format_s)
    trace = record([(source(), made)], ReadOptions(sensor_window_s=option_s)).trace()
    assert trace.provenance.sensor_window_s == expected_s
    assert ("sensor_average" in codes(trace)) == (expected_s is not None)


def test_devices_in_turn_are_summed_unless_told_otherwise(source):
    power_w = 300 + 10.0 * np.arange(4) + noise(400).reshape(100, 4) / 100
    made = readings(("power", (np.arange(100)[:, None] + 0.003 * np.arange(4)).ravel(), power_w.ravel()), indexed=False)
    recording = record([(source(), made)], ReadOptions())
    assert recording.channels == tuple(f"device-{i}" for i in range(4))
    assert codes(recording.trace()) == ["unindexed_devices", "unsynchronised_clocks"]
    assert recording.trace().mean_w == pytest.approx(power_w.sum(axis=1).mean(), rel=1e-3)
    assert record([(source(), made)], ReadOptions(devices=1)).channels == ("power",)
    with pytest.raises(LoadDataError, match="devices=3 does not fit: the file names 1 channels"):
        record([(source(), replace(made, indexed=True))], ReadOptions(devices=3))


def test_an_idle_head_is_cut_off_on_request(source):
    power_w = np.concatenate([100 + noise(60) / 100, 500 + noise(100) / 100])
    made = readings(("a", np.arange(160), power_w))
    kept, cut = (record([(source(), made)], ReadOptions(trim_idle=trim)).trace() for trim in (False, True))
    assert codes(kept) == codes(cut) == ["idle_head"]
    assert (kept.duration_s, cut.duration_s, cut.time_s[0]) == (159, 99, 0)


def test_several_files_are_summed_on_one_clock(source):
    t = np.arange(100.0)
    first = (source("node_1.txt", "1"), readings(("power", t, noise(100)), origin_ns=10**18))
    second = (source("node_2.txt", "2"), readings(("power", t, noise(100, 1)), origin_ns=10**18 + 500_000_000))
    recording = record([first, second], ReadOptions())
    assert recording.channels == ("node_1/power", "node_2/power")
    trace = recording.trace()
    assert codes(trace) == ["unsynchronised_clocks"]
    at_s = trace.time_s[:-1:7]
    expected_w = np.interp(at_s + 0.5, t, noise(100)) + np.interp(at_s, t, noise(100, 1))
    np.testing.assert_allclose(np.interp(at_s, trace.time_s, trace.power_w), expected_w)
    assert trace.sample_interval_s == 1.0
    assert trace.provenance.source == "2 files: node_1.txt, node_2.txt"
    assert set(trace.provenance.parameters["files"]) == {first[0].path, second[0].path}
    assert trace.provenance.sha256 not in trace.provenance.parameters["files"].values()


def test_files_of_one_name_are_told_apart_by_their_folder(source):
    made = readings(("gpu", np.arange(9.0), noise(9)))
    recording = record([(source("a/power.csv"), made), (source("b/power.csv"), made)], ReadOptions())
    assert recording.channels == ("a/power/gpu", "b/power/gpu")
    assert codes(recording.trace()) == ["identical_channels"]


def test_files_that_do_not_overlap_can_be_read_one_at_a_time(source):
    made = readings(("gpu", np.arange(9.0), noise(9)))
    later = replace(made, origin_ns=100 * 10**9)
    recording = record([(source("a.csv"), made), (source("b.csv"), later)], ReadOptions())
    with pytest.raises(LoadDataError, match=r"the channels share no time.*choose channels among a/gpu, b/gpu"):
        recording.trace()
    assert recording.trace(["b/gpu"]).duration_s == 8


def test_channels_of_one_name_are_refused(source):
    made = readings(("gpu", np.arange(9.0), noise(9)), ("gpu", np.arange(9.0), noise(9)))
    with pytest.raises(LoadDataError, match="several channels are named 'gpu'"):
        record([(source(), made)], ReadOptions())
    with pytest.raises(LoadDataError, match="no file"):
        record([], ReadOptions())


def mllog(path):
    """Readings of an MLLOG file, by the plainest means."""
    rows = [json.loads(line.removeprefix(":::MLLOG ")) for line in path.read_text().splitlines()]
    rows = [row for row in rows if row["key"] == "power_reading"]
    origin_ms = rows[0]["time_ms"]
    time_s = [(row["time_ms"] - origin_ms) / 1e3 for row in rows]
    made = readings(("power", time_s, [row["value"] for row in rows]), origin_ns=origin_ms * 10**6)
    return SourceFile.open(path), made


def test_recorded_seconds_missing_from_a_log(recorded):
    trace = record([mllog(recorded("llama2-70b-lora-8xb200/node_0.txt"))], ReadOptions()).trace()
    gap = next(w for w in trace.provenance.warnings if w.code == "gap")
    assert gap.count == 34
    assert (trace.provenance.samples, trace.duration_s) == (624, 657)


def test_recorded_nodes_that_share_a_meter(recorded):
    files = [mllog(recorded(f"gpt3-175b-512xh100/node_{node}.txt")) for node in (1, 6, 11)]
    trace = record(files, ReadOptions()).trace()
    assert codes(trace) == ["identical_channels", "unsynchronised_clocks"]
    assert trace.mean_w == pytest.approx(3 * 6870, rel=0.01)


def test_recorded_idle_head_before_serving(recorded):
    path = recorded("llm-serving-8xh200/llama2-70b-99_Server_run_1_spl.txt")
    rows = [line.split(",") for line in path.read_text().splitlines() if line]
    stamps = np.array([f"{r[1][6:10]}-{r[1][:5]}T{r[1][11:]}" for r in rows], "datetime64[ms]")
    time_s = (stamps - stamps[0]).astype(float) / 1e3
    made = readings(("total", time_s, [float(r[3]) for r in rows]))
    trace = record([(SourceFile.open(path), made)], ReadOptions()).trace()
    head = next(w for w in trace.provenance.warnings if w.code == "idle_head")
    assert head.count == pytest.approx(521, abs=2)
    assert "at a mean of 25" in head.message


def test_recorded_sensor_that_holds_its_value(recorded):
    path = recorded("a100-step-nvidia-smi/A100_TR_gpudata.csv")
    rows = [line.split(", ") for line in path.read_text().splitlines()[1:]]
    stamps = np.array([r[0].replace("/", "-").replace(" ", "T") for r in rows], "datetime64[ms]")
    time_s = (stamps - stamps[0]).astype(float) / 1e3
    made = readings(("gpu", time_s, [float(r[5]) for r in rows]), indexed=False)
    trace = record([(SourceFile.open(path), made)], ReadOptions()).trace()
    assert trace.provenance.channels == ("gpu",)
    assert trace.provenance.sensor_window_s == 0.104
    repeated = next(w for w in trace.provenance.warnings if w.code == "repeated_samples")
    assert "(88%)" in repeated.message
