import hashlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loads.errors import LoadDataError
from loads.readers import FORMATS, detect_format, read_trace


@pytest.fixture
def written(tmp_path):
    def write(text, name="trace.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def record(time_ms, value, key="power_reading"):
    return f':::MLLOG {{"time_ms": {time_ms}, "key": "{key}", "value": {value}}}\n'


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    st.lists(st.integers(1, 10**6), min_size=2, max_size=30),
    st.data(),
    st.sampled_from([(",", "time_ms", "power_kW"), (";", "t [ms]", "Power [kW]"), ("\t", "timestamp(ms)", "p_kw")]),
)
def test_csv_round_trip(written, gaps, data, style):
    delimiter, time_name, power_name = style
    times = np.cumsum(gaps)
    powers = data.draw(st.lists(st.floats(0, 1e6), min_size=len(gaps), max_size=len(gaps)))
    rows = [f"{t}{delimiter}{p!r}" for t, p in zip(times, powers, strict=True)]
    path = written("\n".join(["# a comment", f"{time_name}{delimiter}{power_name}", "", *rows]))
    assert detect_format(path) == "csv"
    trace = read_trace(path)
    np.testing.assert_array_equal(trace.time_s, (times - times[0]) / 1000)
    np.testing.assert_array_equal(trace.power_w, np.array(powers) * 1000)
    assert trace.shape == "linear"
    provenance = trace.provenance
    assert provenance.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (provenance.format, provenance.power_unit, provenance.time_unit) == ("csv", "kW", "ms")


@pytest.mark.parametrize(
    ("header", "watts"),
    [
        ("time_s,power_w", 1),
        ("t,power_kW", 1e3),
        ("t [s], Power [MW]", 1e6),
        ("relative_time_s,power_total_W", 1),
        ("elapsed_s,total_power_w", 1),
        ("timestamp,power.draw [mW]", 1e-3),
        ("Time (sec),Watts (W)", 1),
    ],
)
def test_units_from_the_header(written, header, watts):
    trace = read_trace(written(f"{header}\n0,1\n1,2\n"), time_unit="s")
    np.testing.assert_allclose(trace.power_w, [watts, 2 * watts])


def test_given_units_and_columns_are_stronger(written):
    path = written("time_s,clock_ms,power_w,cpu_power_w\n0,0,1,10\n1,1000,2,20\n")
    trace = read_trace(path, time_column="clock_ms", power_column="cpu_power_w", power_unit="kW", time_unit="us")
    assert trace.duration_s == pytest.approx(1e-3)
    assert trace.power_w.tolist() == [1e4, 2e4]
    assert "columns not used: time_s, power_w" in trace.provenance.notes


def test_the_first_of_several_time_columns_is_noted(written):
    trace = read_trace(written("time_ms,time_s,power_w\n500,0,1\n1500,7,2\n"))
    assert trace.duration_s == 1
    assert any("'time_ms', the first of time_ms, time_s" in note for note in trace.provenance.notes)


def test_epoch_nanoseconds_keep_every_digit(written):
    trace = read_trace(written("time_ns,power_w\n1700000000000000001,1\n1700000000000000008,2\n"))
    assert trace.time_s.tolist() == [0, 7e-9]


def test_duplicate_times_are_averaged_and_counted(written):
    trace = read_trace(written("time_s,power_w\n0,1\n0,3\n1,5\n2,1\n2,1\n2,4\n"))
    assert trace.power_w.tolist() == [2, 5, 2]
    (warning,) = trace.provenance.warnings
    assert (warning.code, warning.count) == ("duplicate_time", 3)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("time_s,power_w\n0,1\n1,x\n", 3, "'x' in column 'power_w' is not a finite number"),
        ("time_s,power_w\n# c\n\n0,1\n1,inf\n", 5, "'inf' in column"),
        ("time_s,power_w\n0,1\n,2\n", 3, "'' in column 'time_s'"),
        ("time_s,power_w\n0,1\n1,2,3\n", 3, "3 cells in a table of 2 columns"),
        ("time_s,power_w\n0,1\n2,2\n1,2\n", 4, "time goes back from 2 to 1 s"),
        ("time_s,power_w\n0,1\n", None, "at least 2 samples, got 1"),
        ("time_s,power_w\n", None, "at least 2 samples, got 0"),
        ("time_s,power_w\n1,1\n1,2\n", None, "at least 2 samples, got 1"),
        ("time_s,power\n0,1\n1,2\n", None, "'power' is neither in its name nor given; give power_unit"),
        ("time,power_w\n0,1\n1,2\n", None, "'time' is neither in its name nor given; give time_unit"),
        ("time_s,power_mw\n0,1\n1,2\n", None, "may be milliwatt or megawatt; give power_unit='mW' or 'MW'"),
        ("time_s,a_power_w,b_power_w\n", 1, "several power columns: a_power_w, b_power_w; give power_column"),
        ("time_s,x\n0,1\n", 1, "no power column; give power_column, one of x"),
        ("x,power_w\n0,1\n", 1, "no time column; give time_column, one of x, power_w"),
        ("time_s,power_w,power_w\n", 1, "column 'power_w' occurs twice"),
        ("time_s,node,power_w\n0,a,1\n0,b,1\n", None, "column 'node' names 2 devices"),
        ("# nothing else\n", None, "only comments"),
    ],
)
def test_malformed_tables_say_what_and_where(written, text, line, message):
    path = written(text)
    with pytest.raises(LoadDataError) as caught:
        read_trace(path, "csv")
    assert message in str(caught.value)
    assert caught.value.line == line
    assert caught.value.path == str(path)


def test_nearest_column_and_format_are_suggested(written):
    path = written("time_s,power_w\n0,1\n1,2\n")
    with pytest.raises(LoadDataError, match="did you mean 'power_w'"):
        read_trace(path, power_column="Power_W ")
    with pytest.raises(LoadDataError, match=r"did you mean 'csv'.*formats are auto, csv, mllog"):
        read_trace(path, "cvs")
    with pytest.raises(LoadDataError, match="did you mean 'kW'"):
        read_trace(path, power_unit="kWh")


def test_files_that_are_no_text(tmp_path, written):
    binary = tmp_path / "a.bin"
    for content in (b"\x89HDF\r\n\x00\x01", b"\xff\xfe\x80power"):
        binary.write_bytes(content)
        with pytest.raises(LoadDataError, match="not UTF-8 text"):
            read_trace(binary)
    for missing in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(LoadDataError, match="cannot be read"):
            read_trace(missing)
    with pytest.raises(LoadDataError, match="empty"):
        read_trace(written(" \n"))
    with pytest.raises(LoadDataError, match="not recognised; give format, one of csv, mllog"):
        read_trace(written("hello world\n"))


def test_mllog_takes_power_readings_and_counts_the_rest(written):
    path = written(
        record(1000, "null", "start") + record(1000, 400) + "\n" + record(3500, 500.5) + record(3500, 1, "eff")
    )
    assert detect_format(path) == "mllog"
    trace = read_trace(path)
    assert trace.time_s.tolist() == [0, 2.5]
    assert trace.power_w.tolist() == [400, 500.5]
    (warning,) = trace.provenance.warnings
    assert (warning.code, warning.count) == ("other_records", 2)
    assert read_trace(path, power_unit="kW").max_w == 500_500


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (":::MLLOG {nonsense\n", "malformed record"),
        (":::MLLOG [1]\n", "malformed record"),
        ("step 3 loss 2.1\n", "malformed record"),
        (record(1, "null"), "value of a power_reading is None"),
        (record('"x"', 1), "time_ms of a power_reading is 'x'"),
        (record(1, "NaN"), "value of a power_reading is nan"),
        (record(-5, 1), "time goes back from 0 to -5 ms"),
    ],
)
def test_malformed_records_say_where(written, bad, message):
    with pytest.raises(LoadDataError, match=message) as caught:
        read_trace(written(record(0, 1) + bad, "log.txt"))
    assert caught.value.line == 2


def test_mllog_has_no_columns(written):
    with pytest.raises(LoadDataError, match="no columns"):
        read_trace(written(record(0, 1) + record(1, 1)), power_column="value")


def test_against_the_recorded_gpt3_node(recorded):
    """MLPerf Training v4.0 power logs, SMC: one node of 64, 1702 readings of about 2.005 s."""
    trace = read_trace(recorded("gpt3-175b-512xh100/node_1.txt"))
    assert trace.provenance.format == "mllog"
    assert trace.time_s.size == 1702
    assert trace.duration_s == pytest.approx(3411, abs=1)
    assert trace.sample_interval_s == pytest.approx(2.005, abs=1e-3)
    assert (trace.power_w[0], trace.power_w[1]) == (4316, 6930)
    assert 6000 < trace.mean_w < 7100


def test_against_the_recorded_gpt3_total(recorded):
    """The same run's total of all nodes: mean 438 kW, least 323, most 458."""
    trace = read_trace(recorded("gpt3-175b-512xh100/DERIVED_total_64nodes_2s.csv"))
    assert trace.mean_w == pytest.approx(438e3, rel=0.005)
    assert trace.min_w == pytest.approx(323e3, rel=0.005)
    assert trace.max_w == pytest.approx(458e3, rel=0.005)


def test_formats_are_named():
    assert set(FORMATS) == {"csv", "mllog"}
