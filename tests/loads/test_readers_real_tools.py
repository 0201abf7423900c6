"""Tables as real tools and scripts write them, with what stands around the rows: the mean power comes out right."""

import json

import numpy as np
import pytest

from loads.errors import LoadDataError
from loads.readers import read_trace

POWER_W = np.array([100.0, 300.0, 250.0, 120.0, 310.0, 260.0, 110.0, 290.0])
MEAN_W = float(np.trapezoid(POWER_W) / (POWER_W.size - 1))


def rows(pattern, prefix=""):
    """Rows of one device, a second apart: in the pattern, s is the second, w the power in W, mw in mW."""
    return prefix + "".join(pattern.format(s=s, w=w, mw=round(1000 * w)) for s, w in enumerate(POWER_W))


AMD = "timestamp,gpu,socket_power,throttle_status\n"
DMON = "#Entity   POWER       TOTEC       \nID        W           mJ          \n"
ROCM = "device,Average Graphics Package Power (W)\n"

ONE_DEVICE = {
    "nvidia-smi, instant not supported": (
        "nvidia-smi",
        rows("2024/05/17 15:38:2{s}.123, {w:.2f} W, [N/A]\n", "timestamp, power.draw [W], power.draw.instant [W]\n"),
    ),
    "nvidia-smi in a loop of a shell": (
        "nvidia-smi",
        rows("2024-05-17T15:38:2{s}.123456789+00:00,99, {w:.2f}\n", "timestamp,utilization.gpu,power.draw\n"),
    ),
    "time of day alone": ("nvidia-smi", rows("15:38:2{s}.123, {w:.2f} W\n", "time, power.draw [W]\n")),
    "amd-smi with a greeting": ("amd-smi", rows("171596030{s},0,{w},N/A\n", "'CTRL' + 'C' to stop watching:\n" + AMD)),
    "amd-smi with a greeting each time": (
        "amd-smi",
        rows("'CTRL' + 'C' to stop watching:\n" + AMD + "171596030{s},0,{w},N/A\n"),
    ),
    "amd-smi monitor": (
        "amd-smi",
        rows("171596030{s}    0  {w:3.0f} W     28 °C\n", " TIMESTAMP  GPU  POWER  GPU_TEMP\n"),
    ),
    "dcgmi names": ("dcgm", rows("{s},0,{w},N/A\n", "time_s,gpu_id,POWER,TOTEC\n")),
    "date and time apart": ("csv", rows("2024-05-17,15:38:2{s}.5,{w}\n", "Date,Time,Power (W)\n")),
    "date and time apart, US order": ("csv", rows("05-17-2024;15:38:2{s};{w}\n", "date;time;power_w\n")),
    "date without dashes": ("csv", rows("20240517 15:38:2{s} {w}\n", "date time power_w\n")),
    "blanks split the date-time": ("csv", rows("2024-05-17 15:38:2{s} {w}\n", "timestamp power_w\n")),
    "columns with gaps": ("csv", rows("2024-05-17 15:38:2{s}   {w}\n", "timestamp             power_w\n")),
    "zeus with a blank": ("zeus", rows("2024-05-17 15:38:2{s}.123456789, {mw}\n", "Time, Power\n")),
}


@pytest.mark.parametrize(("format", "text"), ONE_DEVICE.values(), ids=ONE_DEVICE)
def test_one_device(tmp_path, format, text):
    path = tmp_path / "log.txt"
    path.write_text(text, encoding="utf-8")
    trace = read_trace(path)
    assert trace.provenance.format == format
    assert len(trace.provenance.channels) == 1
    assert trace.duration_s == pytest.approx(7)
    assert trace.mean_w == pytest.approx(MEAN_W)


SNAPSHOTS = {
    "dcgmi dmon": ("dcgm", rows(DMON + "GPU 0     {w}      {mw}     \n")),
    "rocm-smi with warnings": (
        "rocm-smi",
        rows("WARNING: low-power state. Check control\n\n" + ROCM + "card0,{w}\n\n"),
    ),
    "rocm-smi with a time before": ("rocm-smi", rows("171596030{s}\n" + ROCM + "card0,{w}\n")),
}


@pytest.mark.parametrize(("format", "text"), SNAPSHOTS.values(), ids=SNAPSHOTS)
def test_snapshots_without_times(tmp_path, format, text):
    path = tmp_path / "log.txt"
    path.write_text(text)
    trace = read_trace(path, interval_s=1.0)
    assert trace.provenance.format == format
    assert (trace.provenance.channels, trace.mean_w) == ((trace.provenance.channels[0],), pytest.approx(MEAN_W))
    with pytest.raises(LoadDataError, match="interval_s"):
        read_trace(path)


def test_a_table_without_header_or_unit_needs_the_unit_alone(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(rows("2024/05/17 15:38:2{s}.123, {w:.2f}\n"))
    with pytest.raises(LoadDataError, match="give power_unit"):
        read_trace(path)
    trace = read_trace(path, power_unit="W")
    assert (trace.mean_w, trace.duration_s) == (pytest.approx(MEAN_W), pytest.approx(7))


@pytest.mark.parametrize("header", ["time_s,power0,power1", "time_s,GPU0,GPU1,total_power"])
def test_devices_by_number(tmp_path, header):
    path = tmp_path / "log.csv"
    total = ",{0}" if "total" in header else ""
    path.write_text(
        header + "\n" + "".join(f"{s},{w},{w + 5}{total.format(2 * w + 5)}\n" for s, w in enumerate(POWER_W))
    )
    trace = read_trace(path)
    assert len(trace.provenance.channels) == 2
    assert trace.mean_w == pytest.approx(2 * MEAN_W + 5)
    assert "assumed_power_unit" in {warning.code for warning in trace.provenance.warnings}


JSON = {
    "value and unit": [
        {
            "timestamp": 1715960308 + s,
            "gpu": 0,
            "power": {"socket_power": {"value": w, "unit": "W"}, "gfx_voltage": "N/A"},
        }
        for s, w in enumerate(POWER_W)
    ],
    "unit in inner metadata": {
        "metadata": {"gpu": "H100", "unit": "W"},
        "data": [{"time_s": s, "power": w} for s, w in enumerate(POWER_W)],
    },
    "list of devices in each record": [
        {"time_s": s, "gpus": [{"index": 0, "power_w": w - 40}, {"index": 1, "power_w": 40}]}
        for s, w in enumerate(POWER_W)
    ],
}


@pytest.mark.parametrize("document", JSON.values(), ids=JSON)
def test_json(tmp_path, document):
    path = tmp_path / "log.json"
    path.write_text(json.dumps(document))
    assert read_trace(path).mean_w == pytest.approx(MEAN_W)


def test_a_number_too_large_for_watts_is_missing(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("time_s,power_kw\n0,1\n1,9e307\n2,1\n")
    assert read_trace(path).mean_w == pytest.approx(1000)
