import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_fuzz import damaged, read_anyhow

from loads.errors import LoadDataError
from loads.readers import wattameter
from loads.readers.energy import COUNTER_RANGES_J
from loads.readers.readings import ReadOptions
from loads.readers.source import SourceFile

GPU = ("gpu-0[mW]", "gpu-1[mW]", "gpu-0[C]")


def log(columns, rows, step_s=0.1):
    head = "# 2025-10-07_09:38:40.6 - Power data for run 1\n"
    head += f"# timestamp                  reading-time[ns] {' '.join(columns)}\n"
    times = (
        np.datetime64("2025-10-07T09:38:40.623626") + np.arange(len(rows)) * np.timedelta64(round(1e6 * step_s), "us")
    ).tolist()
    lines = [
        f"  {t:%Y-%m-%d_%H:%M:%S.%f} 45560 {' '.join(str(value) for value in row)}\n"
        for t, row in zip(times, rows, strict=True)
    ]
    return head + "".join(lines)


LOG = log(GPU, [(75_000 + k, 70_000, 41) for k in range(20)])


@pytest.fixture
def read(tmp_path):
    def read(text, **options):
        path = tmp_path / "a.log"
        path.write_text(text, encoding="utf-8")
        return wattameter.read(SourceFile.open(path), ReadOptions(**options))

    return read


def codes(readings):
    return {warning.code: warning.count for warning in readings.warnings}


def test_nvml_recording(recorded):
    file = SourceFile.open(recorded("h100x4-step-wattameter/nvml_wattameter.log"))
    assert wattameter.looks_like(file)
    readings = wattameter.read(file, ReadOptions())
    assert [channel.name for channel in readings.channels] == ["gpu-0", "gpu-1", "gpu-2", "gpu-3"]
    means = [channel.power_w.mean() for channel in readings.channels]
    np.testing.assert_allclose(means, [248.9605285714, 236.3614142857, 233.9289642857, 225.5677], rtol=1e-10)
    assert all(channel.power_w.size == 140 for channel in readings.channels)
    assert readings.channels[0].time_s[-1] == pytest.approx(14.051259)
    assert (readings.power_unit, readings.clock, readings.warnings) == ("mW", "naive", ())


def test_rapl_recording(recorded):
    readings = wattameter.read(SourceFile.open(recorded("h100x4-step-wattameter/rapl_wattameter.log")), ReadOptions())
    assert [channel.name for channel in readings.channels] == ["cpu-0", "cpu-1"]
    means = [channel.power_w.mean() for channel in readings.channels]
    np.testing.assert_allclose(means, [110.10353783268381, 108.10952785965537], rtol=1e-12)
    assert codes(readings) == {"part_of_channel": 2}
    assert readings.power_unit == "W"


def test_rapl_recording_from_its_counters(recorded, tmp_path):
    path = recorded("h100x4-step-wattameter/rapl_wattameter.log")
    by_rate = wattameter.read(SourceFile.open(path), ReadOptions())
    counters = tmp_path / "counters.log"
    counters.write_text(path.read_text().replace("[W]", "[X]"))
    readings = wattameter.read(SourceFile.open(counters), ReadOptions())
    for channel, rate in zip(readings.channels, by_rate.channels, strict=True):
        # The logger writes the rate of an interval in the row where it begins.
        np.testing.assert_allclose(channel.power_w, rate.power_w[:-1], rtol=1e-4)
    assert any("energy counter" in note for note in readings.notes)


def test_columns_units_and_lines(read):
    readings = read(LOG)
    assert [channel.name for channel in readings.channels] == ["gpu-0", "gpu-1"]
    first = readings.channels[0]
    np.testing.assert_allclose(first.power_w, (75_000 + np.arange(20)) / 1000)
    np.testing.assert_allclose(first.time_s, 0.1 * np.arange(20), atol=1e-9)
    assert first.line.tolist() == list(range(3, 23))
    assert read(LOG, power_unit="W").channels[1].power_w[0] == 70_000
    mixed = read(log(("gpu-0[mW]", "cpu-0[W]"), [(5000, 5), (7000, 7)]))
    assert mixed.power_unit == "mW, W"
    assert [channel.power_w.tolist() for channel in mixed.channels] == [[5, 7], [5, 7]]


def test_parts_of_a_package_are_left_out_but_not_its_memory(read):
    columns = ("cpu-0[W]", "cpu-0-core[W]", "cpu-0-uncore[W]", "cpu-0-dram[W]", "cpu-1-core[W]")
    readings = read(log(columns, [(10, 4, 1, 3, 5), (10, 4, 1, 3, 5)]))
    assert [channel.name for channel in readings.channels] == ["cpu-0", "cpu-0-dram", "cpu-1-core"]
    assert codes(readings) == {"part_of_channel": 2}


@given(st.lists(st.integers(1, 400), min_size=5, max_size=40), st.sampled_from(COUNTER_RANGES_J), st.floats(0.05, 0.95))
def test_counters_wrap(tmp_path_factory, watts, limit_j, where):
    watts = [min(w, 4 * sorted(watts)[len(watts) // 2]) for w in watts]
    risen_uj = np.concatenate([[0], np.cumsum(np.array(watts) * 100_000)])
    limit_uj = round(limit_j * 1e6)
    counter = (limit_uj - int(where * risen_uj[-1]) + risen_uj) % limit_uj
    counter[counter == 0] = 1
    path = tmp_path_factory.mktemp("counter") / "a.log"
    path.write_text(log(("cpu-0[uJ]",), [(value,) for value in counter]))
    readings = wattameter.read(SourceFile.open(path), ReadOptions())
    (channel,) = readings.channels
    np.testing.assert_allclose(channel.power_w, watts, atol=2e-5)
    np.testing.assert_allclose(channel.time_s, 0.1 * np.arange(len(watts)) + 0.05, atol=1e-9)
    assert codes(readings) == {"counter_wrapped": int((np.diff(counter) < 0).sum())}


def test_counters_that_start_again_or_could_not_be_read(read):
    counter = [10_000_000, 20_000_000, 30_000_000, 40_000_000, 1_000_000, 11_000_000, 0, 31_000_000]
    readings = read(log(("cpu-0[uJ]",), [(value,) for value in counter], step_s=1.0))
    np.testing.assert_allclose(readings.channels[0].power_w, [10, 10, 10, np.nan, 10, np.nan, np.nan])
    assert codes(readings) == {"counter_restarted": 1, "unreadable_cells": 3}


def test_a_logger_started_again(read):
    header = LOG.splitlines(keepends=True)[1]
    readings = read(LOG + header + LOG.splitlines(keepends=True)[-1])
    assert readings.channels[0].power_w.size == 21
    assert readings.warnings == ()
    with pytest.raises(LoadDataError, match="the columns change") as caught:
        read(LOG + header.replace("gpu-1[mW]", "gpu-1[W]"))
    assert caught.value.line == 23


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3\n", "no header line"),
        (log(GPU, []), "no rows"),
        (log(("gpu-0[C]",), [(1,), (2,)]), r"no column with a unit of power or energy; columns are .*gpu-0\[C\]"),
        (log(("gpu-0[mW]", "gpu-0[mW]"), [(1, 2)]), "occurs twice"),
        (log(("cpu-0[uJ]",), [(1,)]), "from 2 rows on"),
        (LOG.replace("2025", "25"), "20 of 20 rows are malformed, the first: '25-10-07"),
    ],
)
def test_what_cannot_be_read(read, text, message):
    with pytest.raises(LoadDataError, match=message):
        read(text)


def test_bad_rows_and_cells(read):
    readings = read(LOG + "  2025-10-07_09:39:00.0 45 75\n" + "  2025-10-07_09:39:00.0 45 N/A inf 40\n")
    assert codes(readings) == {"malformed_rows": 1, "unreadable_cells": 2}
    assert "line 23: 3 cells under 5 columns" in readings.warnings[0].message


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([LOG, log(("cpu-0[uJ]",), [(10**6 * k,) for k in range(1, 20)])]).flatmap(
        lambda t: damaged(t.encode())
    )
)
def test_damaged_files(tmp_path, content):
    path = tmp_path / "damaged.log"
    path.write_bytes(content)
    read_anyhow(path, wattameter.read)
