import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_fuzz import damaged, read_anyhow

from loads.errors import LoadDataError
from loads.readers import ptdaemon
from loads.readers.readings import ReadOptions
from loads.readers.source import SourceFile

NOON_4_JULY_NS = 1_720_094_400_000_000_000


def line(second, watts, *, phases=0, factor=0.98, mark="testing"):
    parts = f"Watts,{watts},Volts,239.2,Amps,3.4,PF,{factor}"
    phase = "".join(f",Ch{k},{parts.replace(str(watts), str(watts / phases))}" for k in range(1, phases + 1))
    return f"Time,07-04-2024 12:00:{second:06.3f},{parts},Mark,{mark}{phase}\n"


LOG = "".join(line(k + 0.25, 1000.0 + k, phases=3) for k in range(20)) + "\n"


@pytest.fixture
def read(tmp_path):
    def read(text, **options):
        path = tmp_path / "spl.txt"
        path.write_text(text, encoding="utf-8")
        return ptdaemon.read(SourceFile.open(path), ReadOptions(**options))

    return read


def codes(readings):
    return {warning.code: warning.count for warning in readings.warnings}


@pytest.mark.parametrize(
    ("name", "samples", "mean_w", "seconds"),
    [
        ("gptj-99_Server_run_1_spl.txt", 733, 4418.74693042292, 732),
        ("llama2-70b-99_Offline_run_1_spl.txt", 3634, 5639.494799119428, 3633),
        ("llama2-70b-99_Server_run_1_spl.txt", 3056, 5603.773494764397, 3055),
    ],
)
def test_recordings(recorded, name, samples, mean_w, seconds):
    file = SourceFile.open(recorded(f"llm-serving-8xh200/{name}"))
    assert ptdaemon.looks_like(file)
    readings = ptdaemon.read(file, ReadOptions())
    (channel,) = readings.channels
    assert channel.power_w.size == samples
    assert channel.power_w.mean() == pytest.approx(mean_w, rel=1e-12)
    assert channel.time_s[-1] == pytest.approx(seconds, abs=0.01)
    assert (readings.clock, readings.power_unit, readings.warnings) == ("naive", "W", ())
    assert any("power factor 0.966 idle, 0.98" in note for note in readings.notes)


@pytest.mark.parametrize("phases", [0, 1, 3])
def test_the_total_is_read_whatever_the_channels(read, phases):
    readings = read("".join(line(k, 600.0 * (k + 1), phases=phases) for k in range(3)))
    (channel,) = readings.channels
    assert channel.power_w.tolist() == [600, 1200, 1800]
    assert channel.time_s.tolist() == [0, 1, 2]
    assert channel.line.tolist() == [1, 2, 3]
    assert readings.origin_ns == NOON_4_JULY_NS  # The fourth of July, not the seventh of April.
    assert any("Ch1" in note for note in readings.notes) == bool(phases)


def test_keys_count_not_positions(read):
    text = "".join(f"Time,07-04-2024 12:00:0{k}.000,Mark,run,PF,0.9,Volts,230,Watts,{k}\n" for k in range(3))
    assert read(text).channels[0].power_w.tolist() == [0, 1, 2]
    assert read(text, power_unit="kW").channels[0].power_w.tolist() == [0, 1000, 2000]


def test_power_factor_idle_and_loaded(read):
    readings = read("".join(line(k, 1000.0, factor=0.9) for k in range(9)) + "".join(line(k, 5000.0) for k in range(9)))
    assert "mean power factor 0.900 idle, 0.980 loaded (above 3000 W)" in readings.notes
    assert "mean power factor 0.980" in read(LOG).notes
    assert not read(LOG.replace("PF,0.98", "PF,-1")).notes[1:]


def test_invalid_readings_are_missing_cells(read):
    readings = read(LOG + line(30, -1.0, phases=3) + line(31, "bad", phases=0) + line(32, float("nan"), phases=3))
    assert codes(readings) == {"malformed_rows": 1, "unreadable_cells": 2}
    assert np.isnan(readings.channels[0].power_w).tolist() == [False] * 20 + [True] * 2


@pytest.mark.parametrize(
    "bad",
    [
        line(50, 1.0, phases=3).replace("Watts", "W", 1),
        line(50, 1.0, phases=3).replace("07-04", "13-04"),
        line(50, 1.0, phases=3).replace("2024", "1824"),
        "junk\n",
    ],
)
def test_malformed_lines_are_skipped_and_counted_unless_most_are(read, bad):
    readings = read(LOG + bad)
    assert codes(readings) == {"malformed_rows": 1}
    assert readings.channels[0].power_w.size == 20
    assert "line 22" in readings.warnings[0].message
    with pytest.raises(LoadDataError, match=r"21 of 41 rows are malformed|no line has"):
        read(LOG + bad * 21)


def test_a_line_cut_off_inside_a_number_is_not_taken_for_a_small_power(read):
    readings = read(LOG + "Time,07-04-2024 12:00:50.000,Watts,23")
    assert readings.channels[0].power_w.min() == 1000
    assert "line 22: expected 39 fields" in readings.warnings[0].message


def test_other_texts_do_not_look_like_it(tmp_path):
    for text in ("Time,Power\n07-04-2024 12:00:00,5\n", "hello\n", "Time,07-04-2024 12:00:00.000,Volts,230\n"):
        path = tmp_path / "a.txt"
        path.write_text(text)
        assert not ptdaemon.looks_like(SourceFile.open(path))


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damaged(LOG.encode()), st.booleans())
def test_damaged_files(tmp_path, content, junk_first):
    path = tmp_path / "damaged.txt"
    path.write_bytes(b"\x1c\n" + content if junk_first else content)
    readings = read_anyhow(path, ptdaemon.read)
    if readings is not None:
        power = readings.channels[0].power_w
        assert (power[np.isfinite(power)] >= 0).all()
