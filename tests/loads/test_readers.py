"""Detection of formats, and what the functions that read a file have in common."""

import gzip
import hashlib

import numpy as np
import pytest

from loads.errors import LoadDataError
from loads.readers import FORMATS, ReadOptions, detect_format, read_readings, read_recording, read_trace
from loads.trace import Trace

TABLE = "time_s,power_w\n0,1\n1,2\n2,4\n"


@pytest.fixture
def written(tmp_path):
    def write(text, name="trace.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_formats_are_named_in_the_order_of_detection():
    assert list(FORMATS) == [
        "nvidia-smi", "rocm-smi", "amd-smi", "dcgm", "zeus", "mllog",
        "ptdaemon", "wattameter", "json", "parquet", "hdf5", "csv",
    ]  # fmt: skip
    for format in FORMATS.values():
        assert callable(format.looks_like)
        assert callable(format.read)


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ("timestamp, power.draw [W]\n2023/07/14 10:10:26.905, 56.38 W\n", "nvidia-smi"),
        ("2023/07/14 10:10:26.905, 0, 56.38 W\n", "nvidia-smi"),
        ("power.draw [W]\n56.38 W\n", "nvidia-smi"),
        ("device,Average Graphics Package Power (W)\ncard0,38.0\n", "rocm-smi"),
        ("timestamp,gpu,socket_power\n1715960307,0,100\n", "amd-smi"),
        ("'CTRL' + 'C' to stop watching output:\ntimestamp,gpu,socket_power\n1715960307,0,100\n", "amd-smi"),
        ("timestamp,gpu_id,power_w,energy_mj\n0,0,1,1\n", "dcgm"),
        ("time,gpu,DCGM_FI_DEV_POWER_USAGE\n0,0,1\n", "dcgm"),
        ("Time,Power\n2022-07-13 02:07:36.708783111,32402\n", "zeus"),
        ("Time,Power\n0.5,32402\n", "csv"),
        (':::MLLOG {"time_ms": 1, "key": "power_reading", "value": 2}\n', "mllog"),
        ("timestamp gpu power_w\n", "csv"),
        (TABLE, "csv"),
    ],
)
def test_detection(written, text, format):
    assert detect_format(written(text)) == format


def test_a_trace_says_where_it_comes_from(written):
    path = written(TABLE)
    trace = read_trace(path)
    assert isinstance(trace, Trace)
    np.testing.assert_array_equal(trace.time_s, [0, 1, 2])
    np.testing.assert_array_equal(trace.power_w, [1, 2, 4])
    provenance = trace.provenance
    assert provenance.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (provenance.format, provenance.power_unit, provenance.time_unit) == ("csv", "W", "s")


def test_channels_can_be_chosen(written):
    path = written("time_s,gpu0_power_w,gpu1_power_w\n0,1,10\n1,2,20\n2,2,20\n")
    assert read_trace(path).power_w.tolist() == [11, 22, 22]
    assert read_trace(path, channels=["gpu1_power"]).power_w.tolist() == [10, 20, 20]


def test_files_of_one_recording_are_summed(written):
    times = "\n".join(f"{1_700_000_000 + i},{100 + i}" for i in range(10))
    paths = [written(f"time_s,power_w\n{times}\n", name) for name in ("a.csv", "b.csv")]
    assert read_recording(paths).trace().mean_w == pytest.approx(2 * read_trace(paths[0]).mean_w)


def test_compressed_files(tmp_path):
    path = tmp_path / "trace.csv.gz"
    path.write_bytes(gzip.compress(TABLE.encode()))
    assert read_readings(path).channels[0].power_w.tolist() == [1, 2, 4]
    path.write_bytes(gzip.compress(("time_s,power_w\n" + "1,2\n" * 100_000).encode())[:-20])
    with pytest.raises(LoadDataError):
        read_readings(path)


def test_nearest_names_are_suggested(written):
    path = written(TABLE)
    with pytest.raises(LoadDataError, match="did you mean 'power_w'"):
        read_trace(path, power_column="Power_W ")
    with pytest.raises(LoadDataError, match=r"did you mean 'csv'.*formats are auto, nvidia-smi"):
        read_trace(path, "cvs")
    with pytest.raises(LoadDataError, match="did you mean 'kW'"):
        read_trace(path, power_unit="kWh")
    with pytest.raises(LoadDataError, match="did you mean 'power_unit'"):
        read_trace(path, power_units="W")


def test_options_are_stronger_than_the_file(written):
    path = written("time_s,clock_ms,power_w,cpu_power_w\n0,0,1,10\n1,1000,2,20\n")
    options = ReadOptions(time_column="clock_ms", power_column="cpu_power_w", power_unit="kW", time_unit="us")
    readings = read_readings(path, options=options)
    assert readings.channels[0].time_s.tolist() == [0, 1e-3]
    assert readings.channels[0].power_w.tolist() == [1e4, 2e4]
    assert "columns not used: time_s, power_w" in readings.notes


def test_files_that_cannot_be_read(tmp_path, written):
    binary = tmp_path / "a.bin"
    for content in (b"\x93\xf0\r\n\x00\x01", b"\xfe\x80power"):
        binary.write_bytes(content)
        with pytest.raises(LoadDataError, match="not UTF-8 text"):
            read_trace(binary)
    for missing in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(LoadDataError, match="cannot be read"):
            read_trace(missing)
    with pytest.raises(LoadDataError, match="empty"):
        read_trace(written(" \n"))
    with pytest.raises(LoadDataError, match="not recognised; give format, one of nvidia-smi"):
        read_trace(written("hello world\n"))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("TIMESTAMP,ContextTokens,GeneratedTokens", "list of requests.*arrivals of an inference workload"),
        ("timestamp,duration,emissions,cpu_power,energy_consumed", "CodeCarbon summary.*power sampler"),
        ("time_s,temperature", "no power column; give power_column, one of temperature"),
        ("model,gpus", "no power column; give power_column, one of model, gpus"),
    ],
)
def test_tables_without_power_against_time_are_named(written, header, message):
    row = ",".join("1" for _ in header.split(","))
    with pytest.raises(LoadDataError, match=message):
        read_trace(written(f"{header}\n{row}\n{row}\n"))
