"""Tables that no tool defines: units, columns of time, power and devices."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loads.errors import LoadDataError
from loads.readers import ReadOptions, read_readings

ONE_FILE = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)


@pytest.fixture
def read(tmp_path):
    def read_text(text, **options):
        path = tmp_path / "trace.csv"
        path.write_text(text, encoding="utf-8")
        return read_readings(path, "csv", ReadOptions(**options))

    return read_text


def powers(readings):
    return {channel.name: channel.power_w.tolist() for channel in readings.channels}


def codes(readings):
    return {warning.code: warning.count for warning in readings.warnings}


@pytest.mark.parametrize(
    ("header", "watts"),
    [
        ("time_s,power_w", 1),
        ("t,power_kW", 1e3),
        ("t [s], Power [MW]", 1e6),
        ("Time / s, Power / MW", 1e6),
        ("relative_time_s,power_total_W", 1),
        ("elapsed_s,total_power_w", 1),
        ("timestamp,power_draw [mW]", 1e-3),
        ("Time (sec),Watts (W)", 1),
        ("seconds,watts", 1),
        ("t_s,milliwatts", 1e-3),
    ],
)
def test_units_from_the_header(read, header, watts):
    assert next(iter(powers(read(f"{header}\n0,1\n1,2\n")).values())) == pytest.approx([watts, 2 * watts], rel=1e-15)


@ONE_FILE
@given(st.data(), st.booleans())
def test_units_from_the_cells(read, data, in_header):
    factors = {"mW": 1e-3, "W": 1.0, "kW": 1e3, "MW": 1e6}
    cells = data.draw(st.lists(st.tuples(st.floats(0.1, 1e4), st.sampled_from(sorted(factors))), min_size=1))
    rows = "".join(f"{i},{number!r} {unit}\n" for i, (number, unit) in enumerate(cells))
    units = {unit for _, unit in cells}
    header = f"time_s,power{f' [{min(units)}]' if in_header and len(units) == 1 else ''}"
    readings = read(f"{header}\n{rows}")
    expected = [number * factors[unit] for number, unit in cells]
    assert powers(readings).popitem()[1] == pytest.approx(expected, rel=1e-15)
    assert any("different units" in note for note in readings.notes) == (len(units) > 1)


def test_a_cell_with_its_unit_is_not_mixed_with_bare_numbers_of_another(read):
    assert powers(read("time_s,power_w\n0,1 W\n1,2\n")) == {"power": [1, 2]}
    with pytest.raises(LoadDataError, match="cells of column 'power_w' are in kW, but its unit is said to be W"):
        read("time_s,power_w\n0,1 kW\n1,2\n")
    with pytest.raises(LoadDataError, match="said to be kW; leave out power_unit"):
        read("time_s,power_w\n0,1 W\n1,2 W\n", power_unit="kW")


def test_a_cell_in_another_unit_is_no_power(read):
    readings = read("time_s,power_w\n0,1 W\n1,36 C\n2,3 W\n")
    assert np.isnan(readings.channels[0].power_w[1])
    assert codes(readings) == {"unreadable_cells": 1}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("time_s,power\n0,1\n1,2\n", None, "'power' is neither in its name nor given; give power_unit"),
        ("time,power_w\n0,1\n100,2\n200,2\n", None, "'time' is neither in its name nor given; give time_unit"),
        ("time_s,power_mw\n0,1\n1,2\n", None, "may be milliwatt or megawatt; give power_unit='mW' or 'MW'"),
        ("time_s,power\n0,1 mw\n1,2 mw\n", None, "may be milliwatt or megawatt"),
        ("time_s,a_power_w,b_power_w\n0,1,2\n", 1, "several columns of power: a_power_w, b_power_w; give power_column"),
        ("time_s,cpu_power_w,power_w\n0,1,2\n", 1, "several columns of power: cpu_power_w, power_w"),
        ("time_s,node0_power_w,gpu0_power_w\n0,1,2\n", 1, "several columns of power"),
        ("time_s,gpu0_power_avg_w,gpu0_power_max_w\n0,1,2\n", 1, "several columns of power"),
        ("time_s,gpu0_power_w,gpu1_power_kw\n0,1,2\n", None, "columns of different units"),
        ("time_s,x\n0,1\n", 1, "no power column; give power_column, one of x"),
        ("x,power_w\n0,1\n", 1, "no time column; give time_column, one of x, power_w, or interval_s"),
        ("time_s,power_limit_w\n0,1\n", 1, "no power column"),
        ("time_s,tdp_w,gpu_share\n0,1,1\n", 1, "no power column"),
        ("time_s,energy [J]\n0,1\n", 1, "no power column"),
    ],
)
def test_what_is_left_open_is_asked(read, text, line, message):
    with pytest.raises(LoadDataError) as caught:
        read(text)
    assert message in str(caught.value)
    assert caught.value.line == line


def test_the_first_of_several_time_columns_is_noted(read):
    readings = read("time_ms,time_s,power_w\n500,0,1\n1500,7,2\n")
    assert readings.channels[0].time_s.tolist() == [0.5, 1.5]
    assert any("'time_ms', the first of time_ms, time_s" in note for note in readings.notes)


def test_an_assumed_unit_of_time_is_a_warning(read):
    readings = read("t,power_w\n0,1\n0.5,2\n")
    assert readings.channels[0].time_s.tolist() == [0, 0.5]
    assert codes(readings) == {"assumed_time_unit": 2}
    assert not read("t,power_w\n0,1\n0.5,2\n", time_unit="ms").warnings


@pytest.mark.parametrize("header", ["timestamp,power_w", "time_ns,power_w"])
def test_epoch_nanoseconds_keep_every_digit(read, header):
    readings = read(f"{header}\n1700000000000000001,1\nbad,2\n1700000000000000008,3\n")
    assert readings.channels[0].time_s.tolist() == [0, 7e-9]
    assert (readings.origin_ns, readings.clock) == (1700000000000000001, "utc")


@pytest.mark.parametrize(
    ("times", "clock"),
    [
        (("2024-05-17T15:38:27Z", "2024-05-17T15:38:29.5Z"), "utc"),
        (("2024-05-17 15:38:27", "2024-05-17 15:38:29.5"), "naive"),
        (("2024-05-17 23:59:59", "2024-05-18 00:00:01.500000"), "naive"),
    ],
)
def test_text_times(read, times, clock):
    readings = read(f"timestamp,power_w\n{times[0]},1\n{times[1]},2\n")
    assert readings.channels[0].time_s.tolist() == [0, 2.5]
    assert (readings.clock, readings.time_unit) == (clock, "timestamp")


@pytest.mark.parametrize("column", ["gpu_id", "gpu", "gpu_index", "GPU Index", "index", "device", "card"])
def test_long_tables_have_a_row_a_device(read, column):
    readings = read(f"time_s,{column},power_w\n0,0,1\n0,1,10\n1,1,20\n1,0,2\n2,0,3\n")
    zero, one = readings.channels
    assert (zero.power_w.tolist(), one.power_w.tolist()) == ([1, 2, 3], [10, 20])
    assert (zero.time_s.tolist(), one.time_s.tolist()) == ([0, 1, 2], [0, 1])
    assert (zero.line.tolist(), one.line.tolist()) == ([2, 5, 6], [3, 4])
    assert readings.indexed


def test_devices_of_several_hosts(read):
    text = "time_s,hostname,gpu,power_w\n0,a,0,1\n0,a,1,2\n0,b,0,3\n0,b,1,4\n1,a,0,5\n"
    assert powers(read(text)) == {"a 0": [1, 5], "a 1": [2], "b 0": [3], "b 1": [4]}
    assert powers(read(text, device_column="hostname")) == {"a": [1, 2, 5], "b": [3, 4]}


@ONE_FILE
@given(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=40))
def test_rows_of_devices_keep_their_order(read, devices):
    readings = read("time_s,node,power_w\n" + "".join(f"{i},{d},{i}\n" for i, d in enumerate(devices)))
    if len(set(devices)) == len(devices):
        assert len(readings.channels) == 1
        return
    expected = {d: [float(i) for i, other in enumerate(devices) if other == d] for d in devices}
    assert powers(readings) == expected


def test_the_index_of_a_data_frame_is_no_device(read):
    readings = read("index,time_s,power_w\n0,0,1\n1,1,2\n2,2,3\n")
    assert powers(readings) == {"power": [1, 2, 3]}
    assert any("different in each row" in note for note in readings.notes)
    assert list(powers(read("index,time_s,gpu_uuid,power_w\n0,0,a,1\n1,0,b,2\n2,1,a,3\n"))) == ["a", "b"]


@pytest.mark.parametrize("model", ["NVIDIA H100 80GB HBM3", "Tesla V100-SXM2-16GB", "AMD Instinct MI300X", "B200"])
def test_models_are_no_devices(read, model):
    rows = "".join(f"{i // 2},{model},{100 + i}\n" for i in range(6))
    readings = read(f"time_s,gpu,power_w\n{rows}")
    assert powers(readings) == {"power": [100, 101, 102, 103, 104, 105]}
    assert not readings.indexed
    assert any("names models" in note for note in readings.notes)


@pytest.mark.parametrize("devices", [("h100-1", "h100-2"), ("nvidia0", "nvidia1"), ("amd-a", "amd-b")])
def test_devices_named_like_models_are_devices(read, devices):
    rows = "".join(f"{i // 2},{devices[i % 2]},{100 + i}\n" for i in range(4))
    assert powers(read(f"time_s,device,power_w\n{rows}")) == {devices[0]: [100, 102], devices[1]: [101, 103]}


def test_a_device_without_any_number_is_left_out(read):
    readings = read("time_s,gpu,power_w\n0,0,1\n0,1,[N/A]\n1,0,2\n1,1,[N/A]\n")
    assert powers(readings) == {"gpu0": [1, 2]}
    assert codes(readings) == {"unreadable_cells": 2, "empty_channel": 1}


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("time_s,GPU0 [W],GPU1 [W]", ["GPU0", "GPU1"]),
        ("time_s,gpu0_power_w,gpu1_power_w", ["gpu0_power", "gpu1_power"]),
        ("time_s,power_gpu_0_w,power_gpu_1_w", ["power_gpu_0", "power_gpu_1"]),
        ("time_s,node1_gpu0_w,node2_gpu0_w", ["node1_gpu0", "node2_gpu0"]),
    ],
)
def test_wide_tables_have_a_column_a_device(read, header, names):
    readings = read(f"{header}\n0,100,200\n1,110,210\n")
    assert powers(readings) == {names[0]: [100, 110], names[1]: [200, 210]}
    assert readings.channels[0].time_s is readings.channels[1].time_s
    assert readings.channels[0].line is readings.channels[1].line


@pytest.mark.parametrize(("scale", "unit"), [(1, "W"), (1000, "mW")])
def test_devices_without_a_unit_are_told_by_size(read, scale, unit):
    readings = read(f"timestamp,GPU0,GPU1\n0.5,{70 * scale},{650 * scale}\n1.5,{75 * scale},{700 * scale}\n")
    assert powers(readings) == {"GPU0": [70, 75], "GPU1": [650, 700]}
    assert readings.power_unit == unit
    assert codes(readings) == {"assumed_time_unit": 2, "assumed_power_unit": 4}
    assert any(f"taken as {unit}" in warning.message for warning in readings.warnings)


def test_devices_without_a_unit_may_be_a_share(read):
    text = "time_s,GPU0,GPU1\n0,0.5,1\n1,0.25,1\n"
    with pytest.raises(LoadDataError, match=r"median of 0.75; give power_unit, or rated_w"):
        read(text)
    assert powers(read(text, rated_w=700)) == {"GPU0": [350, 175], "GPU1": [700, 700]}
    assert powers(read(text, power_unit="kW")) == {"GPU0": [500, 250], "GPU1": [1000, 1000]}


@pytest.mark.parametrize("column", ["gpu_power_norm", "power_pu", "power_fraction of TDP", "tdp_share"])
def test_normalised_power_needs_the_rated_power(read, column):
    text = f"time_s,{column}\n0,0.25\n1,1\n"
    with pytest.raises(LoadDataError, match="share of the rated power; give rated_w"):
        read(text)
    readings = read(text, rated_w=400)
    assert readings.channels[0].power_w.tolist() == [100, 400]
    assert readings.power_unit == "pu"


def test_a_total_that_is_the_sum_of_its_parts_is_left_out(read):
    readings = read("time_s,gpu0_power_w,gpu1_power_w,total_power_w\n0,1,2,3\n1,2,4,6.01\n")
    assert powers(readings) == {"gpu0_power": [1, 2], "gpu1_power": [2, 4]}
    assert any("is the sum of" in note for note in readings.notes)


def test_a_total_that_contains_more_is_used_alone(read):
    readings = read("time_s,gpu0_power_w,cpu_power_w,total_power_w\n0,1,2,6\n1,2,4,12\n")
    assert powers(readings) == {"total_power": [6, 12]}
    assert any("contains more than gpu0_power_w, cpu_power_w (by 100% on average)" in note for note in readings.notes)


def test_a_total_that_is_less_than_its_parts_is_refused(read):
    with pytest.raises(LoadDataError, match="is less than the sum"):
        read("time_s,gpu0_power_w,gpu1_power_w,total_power_w\n0,1,2,2\n1,2,4,4\n")


def test_a_part_of_another_column_is_left_out(read):
    readings = read("time_s,cpu-0[W],cpu-0-core[W],cpu-1[W],cpu-1-core[W]\n0,10,1,20,2\n1,10,1,20,2\n")
    assert list(powers(readings)) == ["cpu-0", "cpu-1"]
    (warning,) = readings.warnings
    assert (warning.code, warning.count) == ("part_of_channel", 2)
    assert "cpu-0-core[W] (of cpu-0[W]), cpu-1-core[W] (of cpu-1[W])" in warning.message
    assert not readings.notes


def test_a_unit_of_time_that_dates_do_not_need_is_noted(read):
    text = "timestamp,power_w\n2024-05-17 15:38:27,1\n2024-05-17 15:38:28,2\n"
    assert any("time_unit is not used" in note for note in read(text, time_unit="ms").notes)
    assert not read(text).notes


def test_rows_without_times_are_counted(read):
    readings = read("gpu,power_w\n0,1\n1,2\n0,3\n0,5\n1,6\n", interval_s=0.5)
    assert [channel.time_s.tolist() for channel in readings.channels] == [[0, 0.5, 1], [0, 1]]
    assert any("0.5 s apart" in note for note in readings.notes)
    readings = read("n,power_w\n0,1\n1,2\n0,3\n1,6\n", interval_s=2, devices=2)
    assert readings.channels[0].time_s.tolist() == [0, 0, 2, 2]
    assert not readings.indexed


def test_against_the_recorded_nodes_of_gpt3(recorded):
    """MLPerf Training v4.0 power logs, SMC: 64 nodes, and their published total: mean 438 kW, least 323, most 458."""
    nodes = read_readings(recorded("gpt3-175b-512xh100/DERIVED_all_nodes_long.csv"))
    assert sorted(channel.name for channel in nodes.channels) == sorted(f"node{i}" for i in range(1, 65))
    assert sum(np.mean(channel.power_w) for channel in nodes.channels) == pytest.approx(438e3, rel=0.005)
    (total,) = read_readings(recorded("gpt3-175b-512xh100/DERIVED_total_64nodes_2s.csv")).channels
    assert total.power_w.min() == pytest.approx(323e3, rel=0.005)
    assert total.power_w.max() == pytest.approx(458e3, rel=0.005)


def test_against_a_recorded_normalised_cycle(recorded):
    path = recorded("dgx-h100-one-cycle/dgx_h100_choukse_excerpt_1cycle.csv")
    (channel,) = read_readings(path, options=ReadOptions(rated_w=10_200)).channels
    assert channel.power_w.max() == pytest.approx(0.925 * 10_200, rel=0.01)
    with pytest.raises(LoadDataError, match="rated_w"):
        read_readings(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("llm-requests-azure/AzureLLMInferenceTrace_code.csv", "list of requests"),
        ("h100x4-step-wattameter/codecarbon_emissions_sample.csv", "CodeCarbon"),
        ("llm-serving-h100-mlenergy/traces_summary.csv", "no power column"),
    ],
)
def test_recorded_files_without_power_against_time(recorded, name, message):
    with pytest.raises(LoadDataError, match=message):
        read_readings(recorded(name))
