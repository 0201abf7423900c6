"""Tables of tools that log devices: nvidia-smi, rocm-smi, amd-smi, DCGM, Zeus."""

import numpy as np
import pytest

from loads.errors import LoadDataError
from loads.readers import ReadOptions, detect_format, read_readings


@pytest.fixture
def read(tmp_path):
    def read_text(text, format, **options):
        path = tmp_path / "log.csv"
        path.write_text(text, encoding="utf-8")
        assert detect_format(path) == format
        readings = read_readings(path, options=ReadOptions(**options))
        assert readings.format == format
        return readings

    return read_text


def powers(readings):
    return {channel.name: channel.power_w.tolist() for channel in readings.channels}


def codes(readings):
    return {warning.code: warning.count for warning in readings.warnings}


def smi(header, *rows):
    stamped = (f"2023/07/14 10:12:4{i}.483, {row}" for i, row in enumerate(rows))
    return "\n".join([f"timestamp, {header}", *stamped, ""])


def test_nvidia_smi_with_units(read):
    readings = read(smi("power.draw [W]", "71.25 W", "[N/A]", "[Unknown Error]", "72.00 W"), "nvidia-smi")
    (channel,) = readings.channels
    np.testing.assert_array_equal(channel.power_w, [71.25, np.nan, np.nan, 72])
    assert channel.time_s.tolist() == [0, 1, 2, 3]
    assert (channel.name, readings.power_unit, readings.clock) == ("power.draw", "W", "naive")
    assert codes(readings) == {"unreadable_cells": 2}
    assert not readings.indexed


def test_nvidia_smi_without_units(read):
    assert powers(read(smi("power.draw [W]", "17.65", "18"), "nvidia-smi")) == {"power.draw": [17.65, 18]}


@pytest.mark.parametrize(
    ("column", "labels", "names"),
    [
        ("index", ("0", "1"), ["gpu0", "gpu1"]),
        ("uuid", ("GPU-aaaaaaaa-1", "GPU-aaaaaaaa-2"), ["GPU-aaaaaaaa-1", "GPU-aaaaaaaa-2"]),
        ("pci.bus_id", ("00000000:07:00.0", "00000000:0F:00.0"), ["00000000:07:00.0", "00000000:0F:00.0"]),
    ],
)
def test_nvidia_smi_devices(read, column, labels, names):
    rows = [f"{labels[i % 2]}, {i}.5 W" for i in range(4)]
    readings = read(smi(f"{column}, power.draw [W]", *rows), "nvidia-smi")
    assert powers(readings) == {names[0]: [0.5, 2.5], names[1]: [1.5, 3.5]}
    assert readings.indexed


@pytest.mark.parametrize(
    ("columns", "chosen", "window_s"),
    [
        (("power.draw",), "power.draw", 1.0),
        (("power.draw.average", "power.draw", "power.draw.instant"), "power.draw.instant", None),
        (("power.draw.average", "power.draw"), "power.draw", 1.0),
        (("power.draw.average",), "power.draw.average", 1.0),
    ],
)
def test_nvidia_smi_takes_the_reading_without_an_average(read, columns, chosen, window_s):
    row = ", ".join(f"{10 * (i + 1)}.00 W" for i in range(len(columns)))
    readings = read(smi(", ".join(f"{column} [W]" for column in columns), row, row), "nvidia-smi")
    assert powers(readings) == {chosen: [10 * (columns.index(chosen) + 1)] * 2}
    assert readings.sensor_window_s == window_s
    assert any("moving average" in note for note in readings.notes) == (len(columns) > 1)


def test_nvidia_smi_columns_can_be_chosen(read):
    text = smi("power.draw [W], power.draw.instant [W], power.limit [W]", "1 W, 2 W, 3 W")
    readings = read(text, "nvidia-smi", power_column="power.draw [W]")
    assert powers(readings) == {"power.draw": [1]}
    assert readings.sensor_window_s == 1.0


@pytest.mark.parametrize(
    ("model", "window_s"),
    [("NVIDIA A100-SXM4-80GB", None), ("NVIDIA A30", None), ("NVIDIA A10", 1.0), ("NVIDIA H100 80GB HBM3", 1.0)],
)
def test_a_ga100_has_no_average(read, model, window_s):
    readings = read(smi("name, power.draw [W]", f"{model}, 70 W", f"{model}, 71 W"), "nvidia-smi")
    assert readings.sensor_window_s == window_s


@pytest.mark.parametrize("cells", ["", "GPU-1234abcd-12, ", "P0, "])
def test_nvidia_smi_without_a_header(read, cells):
    rows = "".join(f"2023/07/14 10:12:4{i}.483, {cells}{70 + i}.00 W\n" for i in range(3))
    readings = read(rows, "nvidia-smi")
    assert [channel.power_w.tolist() for channel in readings.channels] == [[70, 71, 72]]
    assert readings.channels[0].line.tolist() == [1, 2, 3]
    assert any("no header" in note for note in readings.notes)
    assert readings.indexed == cells.startswith("GPU")


def test_without_a_header_several_powers_are_open(read):
    text = "2023/07/14 10:12:46.483, 70.00 W, 700.00 W\n2023/07/14 10:12:47.483, 71.00 W, 700.00 W\n"
    with pytest.raises(LoadDataError, match="which power is the draw: column 2, column 3") as caught:
        read(text, "nvidia-smi")
    assert caught.value.line == 1
    assert [c.power_w.tolist() for c in read(text, "nvidia-smi", power_column="column 2").channels] == [[70, 71]]


def test_nvidia_smi_without_times(read):
    text = "power.draw [W]\n70 W\n71 W\n72 W\n"
    with pytest.raises(LoadDataError, match="no time column; give interval_s"):
        read(text, "nvidia-smi")
    assert read(text, "nvidia-smi", interval_s=0.1).channels[0].time_s.tolist() == pytest.approx([0, 0.1, 0.2])


@pytest.mark.parametrize(
    "power", ["Average Graphics Package Power (W)", "Current Socket Graphics Package Power (W)", "Card Power (W)"]
)
def test_rocm_smi_in_a_loop(read, power):
    text = "".join(f"device,{power}\ncard0,{i}.0\ncard1,{10 + i}.0\n\n" for i in range(3))
    with pytest.raises(LoadDataError, match="no time column; give interval_s"):
        read(text, "rocm-smi")
    readings = read(text, "rocm-smi", interval_s=2)
    assert powers(readings) == {"card0": [0, 1, 2], "card1": [10, 11, 12]}
    assert [channel.time_s.tolist() for channel in readings.channels] == [[0, 2, 4]] * 2
    assert codes(readings) == {"repeated_header": 2}
    assert any("as rocm-smi defines it" in note for note in readings.notes)


def test_a_missing_row_does_not_shift_the_rest(read):
    rows = ["card0,1", "card1,2", "card1,3", "card0,4", "card1,5"]
    readings = read("device,Card Power (W)\n" + "\n".join(rows) + "\n", "rocm-smi", interval_s=1)
    assert [channel.time_s.tolist() for channel in readings.channels] == [[0, 2], [0, 1, 2]]


def test_amd_smi_watching(read):
    text = (
        "'CTRL' + 'C' to stop watching output:\ntimestamp,gpu,socket_power,gfx_voltage\n"
        "1715960307,0,400,N/A\n1715960307,1,N/A,N/A\n1715960310,0,410,N/A\n1715960310,1,150,N/A\n"
    )
    readings = read(text, "amd-smi")
    assert readings.channels[0].power_w.tolist() == [400, 410]
    np.testing.assert_array_equal(readings.channels[1].power_w, [np.nan, 150])
    assert readings.channels[0].time_s.tolist() == [0, 3]
    assert readings.channels[0].line.tolist() == [3, 5]
    assert readings.clock == "utc"
    assert codes(readings) == {"assumed_time_unit": 4, "unreadable_cells": 1}


def test_amd_smi_reads_the_column_that_holds_numbers(read):
    text = "timestamp,gpu,current_socket_power,average_socket_power\n1715960307,0,N/A,90\n1715960308,0,N/A,91\n"
    readings = read(text, "amd-smi")
    assert powers(readings) == {"gpu0": [90, 91]}
    assert any("'average_socket_power', not current_socket_power" in note for note in readings.notes)
    assert codes(readings) == {"assumed_time_unit": 2}


@pytest.mark.parametrize(("ratio", "differs"), [(1.0, False), (1.015, False), (1.05, True), (0.9, True)])
def test_dcgm_power_is_compared_with_the_counter(read, ratio, differs):
    rows = []
    for i in range(10):
        rows += [f"{1_700_000_000 + i},0,400,{900_000_000 + 400_000 * i}"]
        rows += [f"{1_700_000_000 + i},1,500,{round(500_000 * i * ratio)}"]
    readings = read("\n".join(["timestamp,gpu_id,power_w,energy_mj", *rows, ""]), "dcgm")
    assert powers(readings) == {"gpu0": [400] * 10, "gpu1": [500] * 10}
    assert readings.sensor_window_s == 1.0
    messages = [warning.message for warning in readings.warnings if warning.code == "energy_counter"]
    assert len(messages) == differs
    if differs:
        assert "gpu1: 4500 J of power" in messages[0]
        assert "gpu0" not in messages[0]


def test_dcgm_fields(read):
    text = "time_s,gpu,DCGM_FI_DEV_GPU_UTIL,DCGM_FI_DEV_POWER_USAGE\n0,0,90,500\n1,0,91,510\n"
    readings = read(text, "dcgm")
    assert powers(readings) == {"gpu0": [500, 510]}
    assert readings.power_unit == "W"


def test_zeus_is_in_milliwatts(read):
    text = "Time,Power\n2022-07-13 02:07:36.708783111,32402\n2022-07-13 02:07:36.708783115,132402\n"
    readings = read(text, "zeus")
    assert powers(readings)["Power"] == pytest.approx([32.402, 132.402], rel=1e-15)
    assert readings.channels[0].time_s.tolist() == [0, 4e-9]
    assert any("taken as mW" in note for note in readings.notes)


@pytest.mark.parametrize("number", [324, 4_000_000])
def test_zeus_that_is_not_in_milliwatts_is_asked(read, number):
    text = f"Time,Power\n2022-07-13 02:07:36,{number}\n2022-07-13 02:07:37,{number}\n"
    with pytest.raises(LoadDataError, match="no GPU's; give power_unit"):
        read(text, "zeus")
    assert powers(read(text, "zeus", power_unit="W")) == {"Power": [number, number]}


def test_against_recorded_nvidia_smi(recorded):
    """GPU Power Benchmark (SC24): an A100 polled each 13 ms, and a GH200 whose sensor is stuck."""
    readings = read_readings(recorded("a100-step-nvidia-smi/A100_TR_gpudata.csv"))
    (channel,) = readings.channels
    assert channel.name == "power.draw.instant"
    assert channel.power_w.size == 1245
    assert np.median(np.diff(channel.time_s)) == pytest.approx(0.0135, abs=0.001)
    assert channel.power_w[0] == 56.38
    stuck = read_readings(recorded("a100-step-nvidia-smi/GH200_stuck_sensor_head3000.csv"))
    assert set(stuck.channels[0].power_w) == {46.19}


def test_against_recorded_zeus(recorded):
    (channel,) = read_readings(recorded("zeus-sample/sample.csv")).channels
    assert channel.power_w[0] == pytest.approx(32.402)
    assert np.median(np.diff(channel.time_s)) == pytest.approx(0.053, abs=0.001)
