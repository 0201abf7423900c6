"""How tables are written: delimiters, comments, encodings, and rows that do not fit."""

import codecs

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loads.errors import LoadDataError
from loads.readers import ReadOptions, read_readings, table

ONE_FILE = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)


@pytest.fixture
def read(tmp_path):
    def read_text(text, encoding="utf-8", **options):
        path = tmp_path / "trace.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return read_readings(path, options=ReadOptions(**options))

    return read_text


def codes(readings):
    return {warning.code: warning.count for warning in readings.warnings}


@ONE_FILE
@given(
    st.lists(st.integers(1, 10**6), min_size=2, max_size=30),
    st.data(),
    st.sampled_from([(",", "time_ms", "power_kW"), (";", "t [ms]", "Power [kW]"), ("\t", "timestamp(ms)", "p_kw")]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_what_is_written_is_read(read, gaps, data, style, end):
    delimiter, time_name, power_name = style
    times = np.cumsum(gaps)
    powers = data.draw(st.lists(st.floats(0, 1e6), min_size=len(gaps), max_size=len(gaps)))
    rows = [f"{t}{delimiter}{p!r}" for t, p in zip(times, powers, strict=True)]
    readings = read(end.join(["# a comment", f"{time_name}{delimiter}{power_name}", "", *rows, ""]))
    (channel,) = readings.channels
    np.testing.assert_array_equal(channel.time_s, times / 1000)
    np.testing.assert_array_equal(channel.power_w, np.array(powers) * 1000)
    np.testing.assert_array_equal(channel.line, np.arange(len(times)) + 4)
    assert (readings.format, readings.power_unit, readings.time_unit) == ("csv", "kW", "ms")
    assert not readings.warnings


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " ", "   ", ", ", " | "])
def test_delimiters(read, delimiter):
    rows = [("time_s", "name", "power_w"), ("0", "a", "1.5"), ("0.5", "b", "2.5")]
    readings = read("\n".join(delimiter.join(row) for row in rows) + "\n", device_column="time_s")
    assert [channel.power_w.tolist() for channel in readings.channels] == [[1.5], [2.5]]
    assert codes(readings) == {}


def test_decimal_commas(read):
    readings = read("time_s;power_w\n0,25;1,5\n0,5;-2,5\n")
    assert readings.channels[0].time_s.tolist() == [0.25, 0.5]
    assert readings.channels[0].power_w.tolist() == [1.5, -2.5]


def test_quotes(read):
    readings = read('"time_s","note, long","power_w"\n"0","a, b","1.5"\n"1","say ""no""","2.5"\n')
    assert readings.channels[0].power_w.tolist() == [1.5, 2.5]


def test_a_lost_quote_spoils_one_row_only(read):
    readings = read('time_s,name,power_w\n0,a,1\n1,"b,2\n2,c,3\n3,"d",4\n')
    assert readings.channels[0].power_w.tolist() == [1, 3, 4]
    assert readings.channels[0].line.tolist() == [2, 4, 5]
    assert codes(readings) == {"malformed_rows": 1}


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", codecs.BOM_UTF8), ("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE)],
)
def test_byte_order_marks(read, encoding, mark):
    readings = read(mark + "time_s,power_w,Temp °C\r\n0,1,2\r\n1,2,3\r\n".encode(encoding))
    assert readings.channels[0].power_w.tolist() == [1, 2]


def test_bytes_that_are_not_utf_8_are_reported_and_do_no_harm(read):
    text = "time_s,power_w,Temp °C\n0,1,2\n1,2,3\n" + "1,2,3\n" * 20
    readings = read(text, encoding="latin-1")
    assert readings.channels[0].power_w.tolist()[:2] == [1, 2]
    assert codes(readings) == {"stray_bytes": 1}


def test_comments_and_blank_lines_keep_the_line_numbers(read):
    readings = read("# one, two\n\ntime_s,power_w\n# c, d\n0,1\n\n   \n  # e\n1,2\n")
    assert readings.channels[0].line.tolist() == [5, 9]
    assert codes(readings) == {}


def test_a_header_in_a_comment(read):
    readings = read("# written by numpy\n# time_s power_kw\n0.0 1.5\n0.5 2.5\n")
    assert readings.channels[0].power_w.tolist() == [1500, 2500]
    assert readings.channels[0].line.tolist() == [3, 4]


def test_rows_that_end_in_a_delimiter(read):
    assert read("time_s,power_w\n0,1,\n1,2,\n").channels[0].power_w.tolist() == [1, 2]


def test_malformed_rows_are_skipped_and_counted(read):
    readings = read("time_s,power_w\n0,1\n1,2,3\n2\n3,4\n4,5\n")
    assert readings.channels[0].power_w.tolist() == [1, 4, 5]
    assert readings.channels[0].line.tolist() == [2, 5, 6]
    (warning,) = readings.warnings
    assert (warning.code, warning.count) == ("malformed_rows", 2)
    assert "the first at line 3" in warning.message


def test_mostly_malformed_rows_are_an_error(read):
    with pytest.raises(LoadDataError, match=r"3 of 4 rows do not have the 2 cells.*the first, with 3") as caught:
        read("time_s,power_w\n0,1\n1,2,3\n1,2,3\n1,2,3\n")
    assert caught.value.line == 3


@pytest.mark.parametrize("row", ["0,1,2", "0"])
def test_a_header_that_fits_no_row_is_still_the_header(read, row):
    with pytest.raises(LoadDataError, match="2 of 2 rows do not have the 2 cells of the header") as caught:
        read(f"time_s,power_w\n{row}\n{row}\n")
    assert caught.value.line == 2


def test_a_repeated_header_is_skipped_and_counted(read):
    readings = read("time_s, power_w\n0, 1\ntime_s, power_w\n1, 2\ntime_s, power_w\n2, 3\n")
    assert readings.channels[0].power_w.tolist() == [1, 2, 3]
    assert codes(readings) == {"repeated_header": 2}


def test_another_header_is_refused(read):
    with pytest.raises(LoadDataError, match="second header has 'temp' where the first has 'power_w'") as caught:
        read("time_s,power_w,temp\n0,1,30\ntime_s,temp,power_w\n1,30,1\n")
    assert caught.value.line == 3


@pytest.mark.parametrize("cut", ["7", "7,", "7,6"])
def test_a_last_line_cut_short_is_dropped(read, cut):
    rows = "".join(f"{i},{60 + i}.25\n" for i in range(7))
    readings = read(f"time_s,power_w\n{rows}{cut}")
    assert readings.channels[0].power_w.tolist() == [60.25 + i for i in range(7)]
    (warning,) = readings.warnings
    assert warning.code == "truncated_last_line"
    assert "line 9" in warning.message


def test_a_whole_last_line_without_a_line_end_is_kept(read):
    rows = "\n".join(f"{i},{60 + i}.25" for i in range(8))
    readings = read(f"time_s,power_w\n{rows}")
    assert readings.channels[0].power_w.size == 8
    assert codes(readings) == {}


def test_nuls_left_by_a_lost_machine(read):
    rows = "".join(f"{i},{60 + i}.25\n" for i in range(20_000))
    readings = read(f"time_s,power_w\n{rows}20000,60.\0\0\0\n\0\0\0\0\0\n")
    assert np.isnan(readings.channels[0].power_w[-1])
    assert codes(readings) == {"malformed_rows": 1, "unreadable_cells": 1}


def test_unreadable_cells_are_missing_and_shown(read):
    readings = read("time_s,power_w\n0,1\n1,ERR!\n2,\n3,inf\n4,nan\n5,0x10\n6,[N/A]\n7,8\n")
    power = readings.channels[0].power_w
    assert power[[0, 7]].tolist() == [1, 8]
    assert np.isnan(power[1:7]).all()
    (warning,) = readings.warnings
    assert (warning.code, warning.count) == ("unreadable_cells", 6)
    assert "'ERR!', '', 'inf', 'nan', '0x10'; the first at line 3" in warning.message


def test_rows_without_a_time_are_left_out(read):
    readings = read("time_s,power_w\n0,1\nx,2\n,3\ninf,4\n2,5\n3,6\n4,7\n")
    assert readings.channels[0].power_w.tolist() == [1, 5, 6, 7]
    assert readings.channels[0].line.tolist() == [2, 6, 7, 8]
    (warning,) = readings.warnings
    assert (warning.code, warning.count) == ("unreadable_times", 3)
    assert "'x', '', 'inf'; the first at line 3" in warning.message


def test_mostly_unreadable_times_are_an_error(read):
    with pytest.raises(LoadDataError, match=r"2 of 3 cells of column 'time_s' are no times: 'x', 'y'") as caught:
        read("time_s,power_w\n0,1\nx,2\ny,3\n")
    assert caught.value.line == 3


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("time_s,power_w\n", 1, "at least 2 samples, got 0"),
        ("# nothing else\n", None, "only comments"),
        ("time_s,power_w,power_w\n0,1,2\n", 1, "column 'power_w' occurs twice"),
        ("time_s,time_s,power_w\n0,1,2\n", 1, "column 'time_s' occurs twice"),
        ("time_s,power_w\n0,x\n1,y\n", None, "no cell of column 'power_w' holds a number"),
    ],
)
def test_tables_without_anything_to_read(tmp_path, text, line, message):
    path = tmp_path / "trace.csv"
    path.write_text(text)
    with pytest.raises(LoadDataError, match=message) as caught:
        read_readings(path, "csv")
    assert caught.value.line == line
    assert caught.value.path == str(path)


@ONE_FILE
@given(st.integers(1, 300))
def test_the_size_of_blocks_does_not_matter(read, block_bytes):
    rows = [
        f"2023/07/14 10:12:{i:02}.5, {i % 3}, {i}.25" + ", x" * (i == 7) + "\n" * (i == 9) + "\n#" * (i == 11)
        for i in range(40)
    ]
    text = "timestamp, gpu, power_w\n" + "\n".join(rows) + "\n"
    whole = read(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "BLOCK_BYTES", block_bytes)
        parts = read(text)
    assert parts.warnings == whole.warnings
    for part, channel in zip(parts.channels, whole.channels, strict=True):
        assert part.name == channel.name
        for field in ("time_s", "power_w", "line"):
            np.testing.assert_array_equal(getattr(part, field), getattr(channel, field))
