"""The commands `cosim trace inspect | convert | synth`: traces without a grid."""

import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from loads.recording import Recording
    from loads.trace import Trace

app = typer.Typer(
    name="trace",
    help="Read, convert and make power traces, without a grid.",
    epilog="Example:  cosim trace inspect gpu_power.csv --plot gpu_power.png",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _formats(incomplete: str) -> list[str]:
    from loads.readers import FORMATS

    return [name for name in ("auto", *FORMATS) if name.startswith(incomplete)]


def _workload_names(incomplete: str) -> list[str]:
    from cosim.scenario.workloads import SYNTHETIC
    from loads.presets import presets

    return [name for name in (*SYNTHETIC, *presets()) if name.startswith(incomplete)]


Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Recorded files; several are summed.")]
Format = Annotated[str, typer.Option(help="Format of the files; found from their content.", autocompletion=_formats)]
Channels = Annotated[
    list[str], typer.Option("--channel", metavar="NAME", help="Device or column to take alone. May be repeated.")
]
PowerUnit = Annotated[str | None, typer.Option(help="mW, W, kW, MW or GW, where the file does not say.")]
TimeUnit = Annotated[str | None, typer.Option(help="ns, us, ms or s, where the file does not say.")]
PowerColumn = Annotated[str | None, typer.Option(help="Column of power, where there are several.")]
TimeColumn = Annotated[str | None, typer.Option(help="Column of time, where there are several.")]
DeviceColumn = Annotated[str | None, typer.Option(help="Column that says whose a row is.")]
Devices = Annotated[int | None, typer.Option(min=1, help="Devices whose rows take turns in a file without an index.")]
RatedW = Annotated[float | None, typer.Option(min=0, help="Power (W) that a normalised power of 1 stands for.")]
IntervalS = Annotated[float | None, typer.Option(min=0, help="Distance between samples (s), for a file without times.")]
WindowS = Annotated[float | None, typer.Option(min=0, help="Averaging window of the sensor (s), where it is known.")]
MaxGapS = Annotated[float, typer.Option(min=0, help="Longest gap (s) that is bridged by a straight line.")]
TrimIdle = Annotated[bool, typer.Option("--trim-idle", help="Cut off an idle head and tail.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
PlotOption = Annotated[Path | None, typer.Option("--plot", metavar="FILE", help="Draw the trace: .png, .svg or .pdf.")]
OutOption = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="File to write: .csv, .parquet or .h5.")]


@app.command(epilog="Example:  cosim trace inspect gpu_power.csv --plot gpu_power.png")
def inspect(
    files: Files,
    format: Format = "auto",
    channel: Channels = [],  # noqa: B006
    power_unit: PowerUnit = None,
    time_unit: TimeUnit = None,
    power_column: PowerColumn = None,
    time_column: TimeColumn = None,
    device_column: DeviceColumn = None,
    devices: Devices = None,
    rated_w: RatedW = None,
    interval_s: IntervalS = None,
    sensor_window_s: WindowS = None,
    max_gap_s: MaxGapS = 60.0,
    trim_idle: TrimIdle = False,
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a recording holds: format, units, statistics, periods, ramps, and every oddity found.

    All devices in the files are summed unless --channel is given. A file of request arrivals is described as such.
    """
    options = _read_options(locals())
    from cosim import trace_report
    from loads.workloads.recorded_arrivals import is_arrivals, read_arrivals

    _check_plot(plot)
    with _input_errors():
        if len(files) == 1 and format == "auto" and is_arrivals(files[0]):
            trace_report.show_arrivals(read_arrivals(files[0]), files[0], as_json)
            return
        recording = _record(files, format, options)
        trace = recording.trace(channel or None)
    _draw(trace, _title(files), plot)
    trace_report.show_trace(trace, _title(files), as_json)


@app.command(epilog="Example:  cosim trace convert node_*.txt --resample-s 0.1 --trim-idle -o nodes.parquet")
def convert(
    files: Files,
    out: OutOption,
    format: Format = "auto",
    channel: Channels = [],  # noqa: B006
    power_unit: PowerUnit = None,
    time_unit: TimeUnit = None,
    power_column: PowerColumn = None,
    time_column: TimeColumn = None,
    device_column: DeviceColumn = None,
    devices: Devices = None,
    rated_w: RatedW = None,
    interval_s: IntervalS = None,
    sensor_window_s: WindowS = None,
    max_gap_s: MaxGapS = 60.0,
    trim_idle: TrimIdle = False,
    from_s: Annotated[float | None, typer.Option(min=0, help="Start of the part to keep (s).")] = None,
    to_s: Annotated[float | None, typer.Option(min=0, help="End of the part to keep (s).")] = None,
    resample_s: Annotated[
        float | None, typer.Option(min=0, help="New interval (s): each value is the mean over it, which keeps energy.")
    ] = None,
    each_channel: Annotated[
        bool, typer.Option("--each-channel", help="Write a file for each channel, NAME-channel, in place of the sum.")
    ] = False,
    scale: Annotated[float | None, typer.Option(min=0, help="Factor on the power.")] = None,
    scale_mean_w: Annotated[float | None, typer.Option(min=0, help="Scale to this mean power (W).")] = None,
    scale_peak_w: Annotated[float | None, typer.Option(min=0, help="Scale to this highest power (W).")] = None,
    plot: PlotOption = None,
) -> None:
    """Convert recordings to CSV, Parquet or HDF5: in watts and seconds; trimmed, resampled and scaled on request."""
    options = _read_options(locals())
    from cosim import trace_report
    from cosim.errors import InputError, Problem
    from loads import export

    _check_plot(plot)
    _check_out(out)
    if sum(option is not None for option in (scale, scale_mean_w, scale_peak_w)) > 1:
        raise InputError(Problem("give one of --scale, --scale-mean-w and --scale-peak-w"))
    with _input_errors():
        recording = _record(files, format, options)
        wanted = channel or list(recording.channels)
        for names, path in [([name], _for_channel(out, name)) for name in wanted] if each_channel else [(wanted, out)]:
            trace = recording.trace(names)
            if from_s is not None or to_s is not None:
                trace = export.trim(trace, from_s or 0.0, trace.duration_s if to_s is None else to_s)
            if resample_s is not None:
                trace = export.resample(trace, resample_s)
            if (scale, scale_mean_w, scale_peak_w) != (None, None, None):
                trace = export.scale(trace, factor=scale, mean_w=scale_mean_w, peak_w=scale_peak_w)
            export.write_trace(trace, path)
            picture = _for_channel(plot, names[0]) if plot and each_channel else plot
            _draw(trace, path.stem if each_channel else _title(files), picture)
            trace_report.show_written(trace, path)


@app.command(
    epilog="Examples:  cosim trace synth gpt3-175b-512xh100 --duration-s 600 -o gpt3.parquet;  "
    "cosim trace synth training --set frequency_hz=0.8 --count 100000 --duration-s 600 --rate-hz 100 -o job.h5"
)
def synth(
    workload: Annotated[
        str,
        typer.Argument(
            metavar="WORKLOAD",
            help="A preset (cosim list workloads) or a type: training, fine_tuning, job, inference, mix.",
            autocompletion=_workload_names,
        ),
    ],
    out: OutOption,
    duration_s: Annotated[float, typer.Option(help="Length (s).")] = 600.0,
    rate_hz: Annotated[float | None, typer.Option(help="Samples per second; the workload's own if not given.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all random draws.")] = 1,
    count: Annotated[int, typer.Option(min=1, help="Number of devices, nodes, replicas or jobs.")] = 1,
    synchronisation: Annotated[
        float, typer.Option(min=0, max=1, help="Correlation of their fluctuations: 1 in step, 0 independent.")
    ] = 1.0,
    overrides: Annotated[
        list[str],
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a parameter, such as frequency_hz=0.8. May be repeated."
        ),
    ] = [],  # noqa: B006
    plot: PlotOption = None,
) -> None:
    """Make a synthetic trace: any preset, or any workload type with its parameters."""
    from cosim import trace_report
    from cosim.synthesis import synthesise_workload

    _check_plot(plot)
    _check_out(out)
    keys = {"count": count, "synchronisation": synchronisation} | ({"sample_rate_hz": rate_hz} if rate_hz else {})
    trace = synthesise_workload(workload, keys, overrides, duration_s, seed)
    from loads.export import write_trace

    with _input_errors():
        write_trace(trace, out)
    _draw(trace, workload, plot)
    trace_report.show_written(trace, out)


def _read_options(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a command that say how to read a file."""
    from loads.readers import ReadOptions

    return {field.name: arguments[field.name] for field in fields(ReadOptions)}


def _record(files: list[Path], format: str, options: dict[str, Any]) -> "Recording":
    from loads.readers import read_recording

    return read_recording(files, format, **options)


def _for_channel(path: Path, channel: str) -> Path:
    """Path of a channel's own file."""
    return path.with_name(f"{path.stem}-{re.sub(r'[^A-Za-z0-9._-]+', '-', channel)}{path.suffix}")


def _title(files: list[Path]) -> str:
    return files[0].name if len(files) == 1 else f"{files[0].name} and {len(files) - 1} more"


class _input_errors:
    """Turns what `loads` says of bad data into bad input (exit code 2)."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        from cosim.errors import InputError, Problem
        from loads.errors import LoadDataError

        if isinstance(error, LoadDataError):
            raise InputError(Problem(str(error))) from error


def _check_plot(path: Path | None) -> None:
    from loads.plots import SUFFIXES

    if path is not None:
        _check_suffix(path, SUFFIXES, "--plot")


def _check_out(path: Path) -> None:
    from loads.export import SUFFIXES

    _check_suffix(path, SUFFIXES, "--out")


def _check_suffix(path: Path, suffixes: tuple[str, ...], option: str) -> None:
    from cosim.errors import InputError, Problem

    if path.suffix.lower() not in suffixes:
        got = path.suffix or "no suffix"
        raise InputError(Problem(f"a name must end in {', '.join(suffixes)}, got {got}", place=f"{option} {path}"))
    if not path.parent.is_dir():
        raise InputError(Problem("its folder does not exist", place=f"{option} {path}"))


def _draw(trace: "Trace", title: str, path: Path | None) -> None:
    if path is not None:
        from loads.plots import draw_trace, save_figure

        save_figure(draw_trace(trace, title), path)
