"""Traces resampled, trimmed and scaled, and files that read back as the trace they were written from."""

import json

import h5py
import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loads.errors import LoadDataError
from loads.export import SUFFIXES, resample, scale, trim, write_trace
from loads.readers.readings import Channel, Readings, ReadOptions
from loads.readers.source import SourceFile
from loads.recording import record
from loads.trace import Provenance, Trace, TraceWarning

MODEL = Provenance(
    "synthetic",
    "a model",
    sensor_window_s=0.1,
    parameters={"seed": np.int64(3), "levels": np.array([1.0, 2.0])},
    notes=("assumed",),
    warnings=(TraceWarning("gap", 2, "two gaps"),),
)


@st.composite
def traces(draw):
    shape = draw(st.sampled_from(["linear", "hold"]))
    steps = draw(st.lists(st.floats(1e-3, 5), min_size=3, max_size=40))
    time_s = draw(st.floats(-10, 10)) + np.concatenate([[0], np.cumsum(steps)])
    size = time_s.size if shape == "linear" else time_s.size - 1
    power_w = draw(st.lists(st.floats(0, 1e6), min_size=size, max_size=size))
    return Trace(time_s, np.array(power_w), MODEL, shape)


def energy_to(trace, end_s):
    """Energy [J] from the first knot to a time, by the trapezoidal rule over all knots and the end."""
    knots_s = np.append(trace.time_s[trace.time_s < end_s], end_s)
    if trace.shape == "hold":
        return float(np.sum(trace.power_w[: knots_s.size - 1] * np.diff(knots_s)))
    return float(np.trapezoid(np.interp(knots_s, trace.time_s, trace.power_w), knots_s))


@given(traces(), st.floats(0.01, 1))
@settings(deadline=None)
def test_resampling_keeps_the_energy(trace, share):
    interval_s = share * trace.duration_s
    means = resample(trace, interval_s)
    assert means.shape == "hold"
    assert means.time_s[0] == 0
    assert means.power_w.size in (int(1 / share), int(1 / share) + 1)
    end_s = min(trace.time_s[0] + means.duration_s, trace.time_s[-1])
    assert means.energy_j == pytest.approx(energy_to(trace, end_s), rel=1e-9, abs=1e-6)


def test_resampling_says_what_it_did():
    trace = Trace(np.arange(11.0), np.arange(11.0), MODEL)
    means = resample(trace, 3.0)
    np.testing.assert_allclose(means.power_w, [1.5, 4.5, 7.5])
    assert means.provenance.notes[-1] == "means over 3 s; the last 1 s do not fill an interval and are left out"
    assert (means.sample_interval_s, means.provenance.samples) == (3.0, 3)
    assert resample(trace, 2.0).provenance.notes[-1] == "means over 2 s"
    np.testing.assert_array_equal(resample(trace, 0.1).time_s, np.arange(101) / 10)


@pytest.mark.parametrize("interval_s", [0.0, -1.0, np.nan, np.inf, 10.5])
def test_an_interval_that_does_not_fit_is_refused(interval_s):
    with pytest.raises(LoadDataError, match="interval"):
        resample(Trace(np.arange(11.0), np.arange(11.0), MODEL), interval_s)


@given(traces(), st.floats(0, 0.45), st.floats(0.55, 1))
@settings(deadline=None)
def test_trimming_keeps_what_is_inside(trace, first, last):
    start_s = min(trace.time_s[0] + first * trace.duration_s, trace.time_s[-1])
    end_s = min(trace.time_s[0] + last * trace.duration_s, trace.time_s[-1])
    part = trim(trace, start_s, end_s)
    assert part.time_s[0] == 0
    assert part.duration_s == pytest.approx(end_s - start_s)
    expected_j = energy_to(trace, end_s) - energy_to(trace, start_s)
    assert part.energy_j == pytest.approx(expected_j, rel=1e-6, abs=1e-9 * trace.energy_j + 1e-6)


def test_trimming_moves_the_edges_along():
    trace = Trace(np.arange(7.0), np.arange(6.0), MODEL, "hold", np.array([1, 3, 5]))
    part = trim(trace, 1.0, 4.5)
    np.testing.assert_array_equal(part.time_s, [0, 1, 2, 3, 3.5])
    np.testing.assert_array_equal(part.power_w, [1, 2, 3, 4])
    np.testing.assert_array_equal(part.edges(0.5), [2.0])


@pytest.mark.parametrize(("start_s", "end_s"), [(-1, 3), (3, 3), (4, 2), (1, 11)])
def test_a_part_outside_the_trace_is_refused(start_s, end_s):
    with pytest.raises(LoadDataError, match="from 0 to 10 s"):
        trim(Trace(np.arange(11.0), np.arange(11.0), MODEL), start_s, end_s)


def test_scaling_to_a_factor_a_mean_or_a_peak():
    trace = Trace(np.array([0.0, 1, 4]), np.array([2.0, 4, 4]), MODEL, edge_knots=np.array([1]))
    np.testing.assert_allclose(scale(trace, factor=3).power_w, [6, 12, 12])
    assert scale(trace, mean_w=100).mean_w == pytest.approx(100)
    assert scale(trace, peak_w=100).max_w == pytest.approx(100)
    assert scale(trace, factor=3).edge_knots is trace.edge_knots


@pytest.mark.parametrize("by", [{}, {"factor": 1, "mean_w": 1}, {"factor": 0}, {"mean_w": -1}, {"peak_w": np.inf}])
def test_scaling_needs_one_positive_number(by):
    with pytest.raises(LoadDataError, match=r"give one of|cannot scale"):
        scale(Trace(np.arange(3.0), np.ones(3), MODEL), **by)


def test_zero_power_cannot_be_scaled_to_a_mean():
    with pytest.raises(LoadDataError, match="cannot scale"):
        scale(Trace(np.arange(3.0), np.zeros(3), MODEL), mean_w=1)


def columns(path):
    """Time and power as a plain reader finds them."""
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            return file["time_s"][:], file["power_w"][:]
    if path.suffix == ".parquet":
        table = pyarrow.parquet.read_table(path)
    else:
        table = pyarrow.csv.read_csv(path, read_options=pyarrow.csv.ReadOptions(skip_rows=1))
    return table["time_s"].to_numpy(), table["power_w"].to_numpy()


def read_back(path):
    made = Readings((Channel("power_w", *columns(path)),), "csv", "W", "s", "relative", indexed=False)
    return record([(SourceFile.open(path), made)], ReadOptions())


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(trace=traces())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_written_trace_reads_back_as_it_was(tmp_path, suffix, trace):
    path = tmp_path / f"trace{suffix}"
    write_trace(trace, path)
    again = read_back(path).trace()
    assert again.shape == trace.shape
    np.testing.assert_array_equal(again.power_w, trace.power_w)
    np.testing.assert_allclose(again.time_s, trace.time_s - trace.time_s[0], rtol=0, atol=1e-14)
    assert again.energy_j == pytest.approx(trace.energy_j, rel=1e-9)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_written_file_says_where_its_trace_came_from(tmp_path, suffix):
    path = tmp_path / f"trace{suffix}"
    trace = Trace(np.array([0.0, 0.25, 100.0]), np.array([5.0, 7.0]), MODEL, "hold")
    write_trace(trace, path)
    recording = read_back(path)
    provenance = recording.trace().provenance
    assert provenance.kind == "synthetic"
    assert provenance.source == f"file trace{suffix}, written from a model"
    assert provenance.parameters == {"seed": 3, "levels": [1.0, 2.0]}
    assert provenance.sensor_window_s == 0.1
    assert provenance.notes == ("assumed", "each value holds until the next")
    # 100 s without a sample are no gap in a model's phases.
    assert recording.warnings == provenance.warnings == MODEL.warnings


def test_units_stand_in_the_files(tmp_path):
    trace = Trace(np.arange(3.0), np.ones(3), MODEL)
    for suffix in SUFFIXES:
        write_trace(trace, tmp_path / f"trace{suffix}")
    lines = (tmp_path / "trace.csv").read_text().splitlines()
    assert lines[0].startswith("# ")
    assert json.loads(lines[0].split(": ", 1)[1])["provenance"]["source"] == "a model"
    assert lines[1:3] == ["time_s,power_w", "0,1"]
    schema = pyarrow.parquet.read_schema(tmp_path / "trace.parquet")
    assert schema.field("power_w").metadata == {b"unit": b"W"}
    with h5py.File(tmp_path / "trace.h5") as file:
        assert file["power_w"].attrs["unit"] == "W"
        assert file["time_s"].attrs["unit"] == "s"


def test_a_long_provenance_does_not_hide_the_table(tmp_path):
    files = {f"node_{i}.txt": "0" * 64 for i in range(2000)}
    trace = Trace(np.arange(3.0), np.ones(3), Provenance("recorded", "2000 files", parameters={"files": files}))
    for suffix in SUFFIXES:
        path = tmp_path / f"trace{suffix}"
        write_trace(trace, path)
        assert read_back(path).trace().provenance.source.endswith("2000 files")
    assert len((tmp_path / "trace.csv").read_text().splitlines()[0]) < 16_000


def test_a_damaged_description_is_refused(tmp_path):
    path = tmp_path / "trace.csv"
    write_trace(Trace(np.arange(3.0), np.ones(3), MODEL), path)
    path.write_text(path.read_text().replace('"kind"', '"find"'))
    with pytest.raises(LoadDataError, match=r"description of the trace is damaged: 'kind'.*take loads.trace out"):
        read_back(path)


@pytest.mark.parametrize("name", ["trace.xlsx", "trace", "missing/trace.csv", "missing/trace.h5"])
def test_a_file_that_cannot_be_written_is_refused(tmp_path, name):
    with pytest.raises(LoadDataError, match="written"):
        write_trace(Trace(np.arange(3.0), np.ones(3), MODEL), tmp_path / name)
