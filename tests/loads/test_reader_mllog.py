import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_fuzz import damaged, read_anyhow

from loads.errors import LoadDataError
from loads.readers import mllog
from loads.readers.readings import ReadOptions
from loads.readers.source import SourceFile


def record(time_ms, value, key="power_reading", metadata=""):
    body = {"namespace": "", "time_ms": time_ms, "event_type": "POINT_IN_TIME", "key": key, "value": value}
    return f":::MLLOG {json.dumps(body | {'metadata': metadata})}\n"


START_MS = 1_700_000_000_000
LOG = "".join(record(START_MS + 1000 * k, 4000 + k) for k in range(20))


@pytest.fixture
def read(tmp_path):
    def read(text, **options):
        path = tmp_path / "node.txt"
        path.write_text(text, encoding="utf-8")
        return mllog.read(SourceFile.open(path), ReadOptions(**options))

    return read


def codes(readings):
    return {warning.code: warning.count for warning in readings.warnings}


@pytest.mark.parametrize(
    ("name", "samples", "mean_w", "start_ms", "end_s"),
    [
        ("gpt3-175b-512xh100/node_1.txt", 1702, 6894.728554641598, 1715960308411, 3410.915),
        ("llama2-70b-lora-8xb200/node_0.txt", 624, 9569.972756410256, 1745519751000, 657.0),
    ],
)
def test_recordings(recorded, name, samples, mean_w, start_ms, end_s):
    file = SourceFile.open(recorded(name))
    assert mllog.looks_like(file)
    readings = mllog.read(file, ReadOptions())
    (channel,) = readings.channels
    assert channel.power_w.size == samples
    assert channel.power_w.mean() == pytest.approx(mean_w, rel=1e-12)
    assert channel.time_s[-1] == pytest.approx(end_s, abs=1e-9)
    assert (readings.origin_ns, readings.clock) == (start_ms * 1_000_000, "utc")
    assert (readings.power_unit, readings.time_unit, readings.indexed) == ("W", "ms", True)


@given(
    st.lists(st.integers(1, 10**6), min_size=1, max_size=30),
    st.sampled_from([("mW", 1e-3), ("W", 1.0), ("kW", 1e3), ("MW", 1e6)]),
)
def test_times_and_powers_round_trip(tmp_path_factory, gaps, unit):
    times = np.cumsum(gaps)
    path = tmp_path_factory.mktemp("mllog") / "a.txt"
    path.write_text("".join(record(int(START_MS + t), float(t)) for t in times))
    readings = mllog.read(SourceFile.open(path), ReadOptions(power_unit=unit[0]))
    (channel,) = readings.channels
    np.testing.assert_array_equal(channel.time_s, (times - times[0]) / 1000)
    np.testing.assert_array_equal(channel.power_w, times * unit[1])
    assert readings.origin_ns == (START_MS + int(times[0])) * 1_000_000
    assert readings.power_unit == unit[0]


def test_hosts_and_devices_become_channels(read):
    text = "".join(
        record(START_MS + 1000 * k, 100 * n + k, metadata={"host": f"node_{n}", "gpu": g, "lineno": 88})
        for k in range(3)
        for n in range(2)
        for g in range(2)
    )
    readings = read(text)
    assert [c.name for c in readings.channels] == ["node_0/0", "node_0/1", "node_1/0", "node_1/1"]
    assert readings.channels[2].power_w.tolist() == [100, 101, 102]
    assert readings.channels[2].line.tolist() == [3, 7, 11]
    assert readings.channels[2].time_s.tolist() == [0, 1, 2]


def test_other_records_are_counted_and_the_efficiency_noted(read):
    text = (
        record(START_MS, None, "power_measurement_start")
        + record(START_MS, 0.94, "conversion_eff", {"measurement_type": "AC"})
        + LOG
        + record(START_MS, None, "power_measurement_stop")
    )
    readings = read(text)
    assert codes(readings) == {"other_records": 3}
    assert any("conversion_eff 0.94; its readings are AC power" in note for note in readings.notes)
    assert any("taken as W, as the MLPerf" in note for note in readings.notes)
    assert not any("taken as W" in note for note in read(text, power_unit="kW").notes)
    assert readings.channels[0].power_w.size == 20


def test_values_that_are_no_numbers_are_missing_cells(read):
    readings = read(LOG + "".join(record(START_MS + 10**6, value) for value in (None, "x", True, float("inf"), [1])))
    assert codes(readings) == {"unreadable_cells": 5}
    assert np.isnan(readings.channels[0].power_w).tolist() == [False] * 20 + [True] * 5


def test_a_number_in_quotes_is_a_number(read):
    assert read(LOG + record(START_MS + 10**6, "4316")).channels[0].power_w[-1] == 4316


def test_a_log_among_the_lines_of_a_training_job_is_read(read):
    readings = read("starting\n" * 60 + "".join(f"step 3\nloss 3.2\n{line}" for line in LOG.splitlines(True)))
    assert readings.channels[0].power_w.size == 20
    assert codes(readings) == {"malformed_rows": 100}
    assert "the first in line 1: expected :::MLLOG {json}, got 'starting'" in readings.warnings[0].message


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (":::MLLOG {\n", "at column"),
        (":::MLLOG [1]\n", "expected a record with a key"),
        (":::MLLOG {" * 50_000 + "\n", "line 22"),
        (f':::MLLOG {{"a": {"[" * 100_000}\n', "recursion"),
        (f':::MLLOG {{"a": {"9" * 5000}}}\n', "limit"),
        (record(None, 1), "time_ms of a power_reading is 'None'"),
        (record("x", 1), "time_ms of a power_reading is 'x'"),
        (record(10**400, 1), "time_ms of a power_reading is '1000"),
    ],
)
def test_malformed_lines_are_skipped_and_counted_unless_most_are(read, line, reason):
    readings = read(LOG + "\n" + line + LOG)
    assert codes(readings) == {"malformed_rows": 1}
    (warning,) = readings.warnings
    assert "line 22" in warning.message
    assert reason in warning.message
    assert readings.channels[0].power_w.size == 40
    with pytest.raises(LoadDataError, match="22 of 42 rows are malformed") as caught:
        read(LOG + line * 22)
    assert caught.value.line == 21


def test_prefixes_of_launchers(read):
    readings = read("".join(f"0: {line}\n" for line in LOG.splitlines()))
    assert readings.channels[0].power_w.size == 20


def test_what_cannot_be_read(read):
    with pytest.raises(LoadDataError, match=r"no record has the key 'power_reading'; keys are run_start \(1\)"):
        read(record(START_MS, 1, "run_start"))
    with pytest.raises(LoadDataError, match="no columns to choose from; leave out power_column"):
        read(LOG, power_column="value")
    with pytest.raises(LoadDataError, match="did you mean 'kW'"):
        read(LOG, power_unit="kWh")


def test_a_log_of_devices_in_turns_is_left_to_the_options(read):
    assert not read(LOG, devices=2).indexed


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damaged(LOG.encode()))
def test_damaged_files(tmp_path, content):
    path = tmp_path / "damaged.txt"
    path.write_bytes(content)
    readings = read_anyhow(path, mllog.read)
    if readings is not None:
        assert readings.power_unit == "W"
