"""`cosim trace`: what scripts and people get from recordings and models, without a grid."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

from cosim.cli import main
from loads.readers import read_trace

PROMISED = {
    "format",
    "unit",
    "channels",
    "samples",
    "duration_s",
    "sample_interval_s",
    "mean_w",
    "min_w",
    "max_w",
    "energy_j",
    "dominant_period_s",
    "max_ramp_w_per_s",
    "sensor_window_s",
    "warnings",
}


def cosim(*arguments):
    """Run the command line in this process; return its exit code."""
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    return stop.value.code


def power_w(time_s):
    """A square wave of 2 s between 100 and 500 W."""
    return np.where(time_s % 2.0 < 1.0, 500.0, 100.0)


@pytest.fixture
def two_gpus(tmp_path):
    """nvidia-smi log of two GPUs with an index, every 0.1 s for 60 s; one cell is not available."""
    rows = ["timestamp, index, power.draw.instant [W]"]
    for k, time_s in enumerate(0.1 * np.arange(601)):
        stamp = f"2026/03/01 10:{int(time_s) // 60:02d}:{time_s % 60:06.3f}"
        rows.append(f"{stamp}, 0, {power_w(time_s):.2f} W")
        rows.append(f"{stamp}, 1, {'[N/A]' if k == 300 else f'{power_w(time_s + 0.5):.2f} W'}")
    path = tmp_path / "gpus.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_inspect_prints_what_the_contract_promises(two_gpus, capsys):
    assert cosim("trace", "inspect", two_gpus, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(printed) >= PROMISED
    assert (printed["format"], printed["unit"]) == ("nvidia-smi", "W")
    assert len(printed["channels"]) == 2
    assert printed["duration_s"] == pytest.approx(60.0)
    assert printed["sample_interval_s"] == pytest.approx(0.1)
    assert printed["mean_w"] == pytest.approx(600, rel=0.01)
    assert printed["energy_j"] == pytest.approx(printed["mean_w"] * 60.0)
    assert printed["dominant_period_s"] == pytest.approx(2.0, rel=0.01)
    assert printed["max_ramp_w_per_s"] == pytest.approx(4000, rel=0.01)
    assert (printed["min_w"], printed["max_w"]) == (200, 1000)
    warnings = {warning["code"]: warning for warning in printed["warnings"]}
    assert warnings["unreadable_cells"]["count"] == 1
    assert all(set(warning) == {"code", "count", "message"} for warning in printed["warnings"])


def test_inspect_for_people(two_gpus, tmp_path, capsys):
    assert cosim("trace", "inspect", two_gpus, "--plot", tmp_path / "p.png") == 0
    printed = capsys.readouterr().out
    assert "2, summed" in printed
    assert "warning [unreadable_cells, 1]" in printed
    assert "local, without a zone" in " ".join(printed.split())
    assert any(block in printed for block in "▁▂▃▄▅▆▇█")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_one_channel_alone(two_gpus, capsys):
    assert cosim("trace", "inspect", two_gpus, "--json") == 0
    name = json.loads(capsys.readouterr().out)["channels"][0]
    assert cosim("trace", "inspect", two_gpus, "--json", "--channel", name) == 0
    alone = json.loads(capsys.readouterr().out)
    assert alone["channels"] == [name]
    assert alone["mean_w"] == pytest.approx(300, rel=0.02)
    assert cosim("trace", "inspect", two_gpus, "--channel", f"{name}x") == 2
    assert f"did you mean '{name}'" in capsys.readouterr().err


def test_arrivals_are_described_as_such(tmp_path, capsys):
    path = tmp_path / "requests.csv"
    path.write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:17:03.9799600,480,10\n2023-11-16 18:17:13.9799600,20,30\n"
    )
    assert cosim("trace", "inspect", path, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["format"], printed["requests"], printed["duration_s"]) == ("arrivals", 2, 10.0)
    assert (printed["prompt_tokens"], printed["generated_tokens"]) == (500, 40)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".h5"])
def test_convert_keeps_the_energy(two_gpus, tmp_path, suffix, capsys):
    out = tmp_path / f"out{suffix}"
    assert cosim("trace", "convert", two_gpus, "-o", out) == 0
    assert "600" in capsys.readouterr().out
    original, converted = read_trace(two_gpus), read_trace(out)
    np.testing.assert_array_equal(converted.power_w, original.power_w)
    assert converted.energy_j == pytest.approx(original.energy_j, rel=1e-12)


def test_convert_trims_resamples_and_scales(two_gpus, tmp_path):
    out = tmp_path / "out.parquet"
    options = ("--from-s", 10, "--to-s", 50, "--resample-s", 0.25, "--scale-mean-w", 1000)
    assert cosim("trace", "convert", two_gpus, "-o", out, *options) == 0
    trace = read_trace(out)
    assert trace.duration_s == pytest.approx(40)
    assert trace.sample_interval_s == pytest.approx(0.25)
    assert trace.mean_w == pytest.approx(1000)
    assert "time_s" in pq.read_schema(out).names


def test_each_channel_may_have_its_own_file(two_gpus, tmp_path):
    out = tmp_path / "gpu.csv"
    assert cosim("trace", "convert", two_gpus, "-o", out, "--each-channel", "--plot", tmp_path / "gpu.png") == 0
    written = sorted(path.name for path in tmp_path.glob("gpu-*.csv"))
    assert len(written) == len(list(tmp_path.glob("gpu-*.png"))) == 2
    assert not out.exists()
    parts = sum(read_trace(tmp_path / name).energy_j for name in written)
    assert parts == pytest.approx(read_trace(two_gpus).energy_j, rel=1e-9)


def test_several_files_are_summed(two_gpus, tmp_path, capsys):
    other = tmp_path / "other.csv"
    other.write_bytes(two_gpus.read_bytes())
    assert cosim("trace", "inspect", two_gpus, other, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert len(printed["channels"]) == 4
    assert printed["mean_w"] == pytest.approx(1200, rel=0.01)
    assert "identical_channels" in {warning["code"] for warning in printed["warnings"]}


def test_synth_is_the_same_each_time_and_longer_goes_on(tmp_path):
    for name, duration_s in (("a.h5", 20), ("b.h5", 20), ("c.h5", 40)):
        options = ("--duration-s", duration_s, "--seed", 7, "--set", "frequency_hz=0.8")
        assert cosim("trace", "synth", "training", "-o", tmp_path / name, *options) == 0
    powers = []
    for name in ("a.h5", "b.h5", "c.h5"):
        with h5py.File(tmp_path / name) as file:
            powers.append(file["power_w"][:20_000])
    assert powers[0].tobytes() == powers[1].tobytes() == powers[2].tobytes()


def test_synth_scales_with_the_count_and_its_synchronisation(tmp_path):
    swings = {}
    for count, synchronisation in ((100, 1), (400, 1), (100, 0), (400, 0)):
        out = tmp_path / "out.parquet"
        options = ("--count", count, "--synchronisation", synchronisation, "--duration-s", 120, "--rate-hz", 50)
        assert cosim("trace", "synth", "frontier-h100", "-o", out, *options) == 0
        trace = read_trace(out)
        assert trace.mean_w == pytest.approx(count * 520, rel=0.1)
        swings[count, synchronisation] = trace.power_w.std()
    assert swings[400, 1] / swings[100, 1] == pytest.approx(4, rel=0.01)
    assert swings[400, 0] / swings[100, 0] == pytest.approx(2, rel=0.1)


def test_synth_changes_parameters_of_presets(tmp_path, capsys):
    out = tmp_path / "out.csv"
    options = ("--set", "step.phases[0].start_w=3000", "--set", "skip_start=true", "--duration-s", 5)
    assert cosim("trace", "synth", "gpt2-124m-llmc", "-o", out, *options) == 0
    assert "wrote" in capsys.readouterr().out
    assert read_trace(out).max_w > 2990


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("inspect", "no-such.csv"), "cannot be read"),
        (("synth", "traning", "-o", "x.csv"), "did you mean 'training'"),
        (("synth", "training", "-o", "x.xls"), "must end in .csv, .parquet, .h5"),
        (("synth", "training", "-o", "no/x.csv"), "folder does not exist"),
        (("synth", "training", "-o", "x.csv", "--set", "frequncy_hz=1"), "frequncy_hz: unknown key"),
        (("synth", "training", "-o", "x.csv", "--set", "frequency_hz=many"), "expected a number"),
        (("synth", "training", "-o", "x.csv", "--set", "frequency_hz=900"), "half the sample rate"),
        (("synth", "gpt3-175b-512xh100", "-o", "x.csv", "--set", "step.perid_s=1"), "did you mean 'period_s'"),
        (("synth", "training", "-o", "x.csv", "--duration-s", "0"), "must be above 0 s"),
        (("synth", "gpt3-175b-512xh100", "-o", "x.csv", "--duration-s", "0.01"), "less than one sample"),
        (("synth", "training", "-o", "x.csv", "--plot", "x.bmp"), "must end in .png"),
        (("convert", "no.csv", "-o", "x.csv", "--scale", "2", "--scale-mean-w", "3"), "give one of"),
    ],
)
def test_bad_input_is_explained(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cosim("trace", *arguments) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed
    assert not list(tmp_path.iterdir())


def test_it_needs_no_grid(tmp_path):
    code = (
        "import sys; from cosim.cli import main\n"
        "try: main(['trace', 'synth', 'training', '-o', 'x.csv', '--duration-s', '1'])\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "assert not {'andes', 'grids'} & set(sys.modules), 'a grid was loaded'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=tmp_path)
    assert (tmp_path / "x.csv").is_file()


def test_workloads_are_listed_with_sources_and_sparklines(capsys):
    assert cosim("list", "workloads", "--json", "--sparklines") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    preset = rows["gpt3-175b-512xh100"]
    assert preset["sources"][0]["evidence"] == "computed"
    assert any(block in preset["sparkline"] for block in "▁▂▃▄▅▆▇█")
    assert {"type: training", "type: fine_tuning", "type: job", "type: inference", "type: mix", "type: trace"} <= set(
        rows
    )
