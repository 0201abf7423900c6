"""Draw the pictures of docs/loads.md from the presets and models: ``python docs/make_pictures.py``.

Every draw has a fixed seed, so the pictures change only when a model, a preset or matplotlib does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from loads import (
    JobLifeCycle,
    ServingModel,
    SiteDemand,
    TrainingCycle,
    Waveform,
    Workload,
    build_model,
    hat_average,
    synthesise,
)
from loads.plots import BLUE, GREY, ORANGE, power_scale
from loads.power_chain import PoiShape, PowerChain
from loads.presets import Preset, find_preset, presets
from loads.statistics import spectrum
from loads.trace import Trace
from loads.workloads import WorkloadModel

FOLDER = Path(__file__).parent / "pictures"
SEED = 1
DPI = 120
COLOURS = 64
"""Of the palette: few suffice for lines and text, and make the files small."""

CLOSE_UPS_S = {
    "fine-tuning-life-cycle": (0, 30),
    "frontier-b200": (4, 8),
    "frontier-h100": (4, 8),
    "gpt2-124m-llmc": (100, 101.5),
    "gpt2-1558m-llmc": (400, 414),
    "gpt3-175b-512xh100": (258, 302),
    "hyperscale-training": (4, 8),
    "llama3-70b-serving": (10, 13),
    "llama3-70b-serving-bursty": (20, 30),
    "mamba-2.8b-inference": (24, 42),
    "nanogpt-jax-char": (68.5, 69.2),
    "nanogpt-jax-finetune": (99, 103),
    "site-mix": (4, 8),
}
"""Part of each preset's trace that is drawn large."""

CHAIN = PowerChain(
    psu_efficiency=0.94,
    psu_lag_s=0.03,
    ups_efficiency=0.95,
    transformer_efficiency=0.99,
    ups_lag_s=0.04,
    other_it_share=0.05,
    cooling_lag_s=60.0,
)
PUE = 1.2


def main() -> None:
    """Draw all pictures anew."""
    FOLDER.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        _save(draw(), FOLDER / f"{name}.png")


def draw_preset(name: str) -> Figure:
    """Draw what is typical of a preset, and a close-up."""
    preset = find_preset(name)
    model = _model(preset)
    trace = synthesise(model, preset.thumbnail_s, preset.sample_rate_hz, SEED)
    unit, watts = ("pu of nominal", 1.0) if model.nominal_w == 1.0 else power_scale(trace.max_w)
    figure = Figure(figsize=(9.0, 2.5), layout="constrained")
    whole, close = figure.subplots(1, 2, width_ratios=(3, 2))
    figure.suptitle(f"{name}: {preset.unit}", fontsize=10)
    for axes, (start_s, end_s) in ((whole, (0.0, trace.duration_s)), (close, CLOSE_UPS_S[name])):
        _draw_power(axes, trace, start_s, end_s, watts)
        _label(axes, "time (s)", f"power ({unit})")
        axes.set_ylim(0.0, 1.08 * trace.max_w / watts)
    whole.axvspan(*CLOSE_UPS_S[name], color=ORANGE, alpha=0.25, linewidth=0)
    close.set_title("close-up (the shaded part)", fontsize=8, loc="left")
    return figure


def draw_metered() -> Figure:
    """Draw 64 nodes of the recorded job as modelled and as a meter sees them every 2 s."""
    trace = synthesise(_model(find_preset("gpt3-175b-512xh100")), 300.0, 10.0, SEED, devices=64)
    times_s = 2.0 * np.arange(150, dtype=np.float64)
    metered_w, _ = hat_average(Waveform.from_trace(trace, "hold"), times_s, np.zeros(times_s.size, dtype=bool))
    figure, (axes,) = _panels(1, 2.6)
    _draw_power(axes, trace, 0.0, 300.0, 1e3, label="model, 10 samples a second")
    axes.plot(
        times_s, metered_w / 1e3, color=ORANGE, marker=".", markersize=4, linewidth=0.7, label="metered every 2 s"
    )
    _label(axes, "time (s)", "power of 64 nodes (kW)")
    axes.set_ylim(240, 480)
    axes.legend(fontsize=8, loc="lower right")
    return figure


def draw_sampling() -> Figure:
    """Draw phases, the exact means of samples over them, and what point samples would be."""
    model = TrainingCycle(frequency_hz=0.8, up_noise_range=(0, 0), down_noise_range=(0, 0), random_phase=False)
    fine, coarse = (synthesise(model, 3.0, rate_hz, SEED) for rate_hz in (1000.0, 5.0))
    figure, (axes,) = _panels(1, 2.4)
    _draw_power(axes, fine, 0.0, 3.0, 1.0, label="phases")
    axes.stairs(coarse.power_w, coarse.time_s, baseline=None, color=ORANGE, label="samples at 5 Hz: means")
    middles = (np.arange(15) + 0.5) / 5.0
    points = fine.power_w[(middles * 1000.0).astype(int)]
    axes.plot(middles, points, "o", color=GREY, markersize=4, fillstyle="none", label="point samples (not used)")
    _label(axes, "time (s)", "power (pu of nominal)")
    axes.set_ylim(0.5, 1.3)
    axes.legend(fontsize=8, ncols=3, loc="upper center")
    return figure


def draw_job() -> Figure:
    """Draw a job with everything that can happen to it."""
    job = JobLifeCycle.from_dict(JOB)
    trace = synthesise(job, 900.0, 20.0, 3)
    failure_s = trace.provenance.parameters["failures_s"][0]
    figure, (axes,) = _panels(1, 2.9)
    _draw_power(axes, trace, 0.0, 900.0, 1e3)
    for text, at_s, level_kw in (
        ("load", 20.0, 1.15),
        ("compile", 45.0, 2.3),
        ("iterations", 140.0, 5.6),
        ("evaluation", 206.0, 5.6),
        ("checkpoint", 277.0, 0.55),
        ("failure: down,\nthen start again", failure_s + 66.0, 2.6),
        ("end", 875.0, 0.75),
    ):
        axes.text(at_s, level_kw, text, fontsize=8, ha="center")
    _label(axes, "time (s)", "power of 8 GPUs (kW)")
    axes.set_ylim(0.0, 6.5)
    return figure


def draw_serving() -> Figure:
    """Draw requests of one replica, and the power that they make."""
    preset = find_preset("llama3-70b-serving-bursty")
    model = _model(preset)
    assert isinstance(model, ServingModel)
    service = model.serve(120.0, np.random.SeedSequence(SEED))
    (runs,) = service.runs
    figure, (batch, power) = _panels(2, 4.0)
    knots_s = np.append(runs.start_s, runs.end_s[-1])
    decoding = np.where(runs.kind == 2, runs.batch, 0)
    batch.stairs(decoding, knots_s, color=BLUE, fill=True, linewidth=0, alpha=0.6, label="requests decoded together")
    arrived = service.arrival_s[np.isfinite(service.arrival_s)]
    batch.plot(arrived, np.full(arrived.size, -2.0), "|", color=ORANGE, markersize=7, label="arrivals")
    batch.legend(fontsize=8, loc="upper left")
    _label(batch, "time (s)", "batch (requests)")
    batch.set_ylim(-4.0, 20.0)
    batch.set_yticks(range(0, 21, 5))
    levels = np.array([model.idle_w, model.prefill_w])[np.minimum(runs.kind, 1)]
    decode_w = model.engine.by_batch(model.decode_w)[runs.batch]
    power.stairs(np.where(runs.kind == 2, decode_w, levels) / 1e3, knots_s, color=BLUE, linewidth=0.6)
    _label(power, "time (s)", "power (kW)")
    power.set_ylim(0.0, 3.0)
    for axes in (batch, power):
        axes.set_xlim(60.0, 120.0)
    return figure


def draw_synchronisation() -> Figure:
    """Draw 1024 devices with different correlations, and how the fluctuation grows with their number."""
    model = _model(find_preset("frontier-h100"))
    figure = Figure(figsize=(9.0, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    numbers = 4 ** np.arange(7)
    for rho, colour in ((1.0, BLUE), (0.3, ORANGE), (0.0, GREY)):
        label = f"correlation {rho:g}"
        total = synthesise(model, 6.0, 200.0, SEED, devices=1024, synchronisation=rho)
        _draw_power(left, total, 0.0, 6.0, 1e3, colour=colour, label=label)
        deviations = [
            synthesise(model, 120.0, 50.0, SEED, devices=int(n), synchronisation=rho).power_w.std() for n in numbers
        ]
        one_w = deviations[0]
        right.loglog(numbers, np.array(deviations) / 1e3, "o", color=colour, markersize=4)
        right.loglog(numbers, one_w * np.sqrt(numbers * (1 + (numbers - 1) * rho)) / 1e3, color=colour, linewidth=1.0)
    _label(left, "time (s)", "power of 1024 H100 (kW)")
    left.set_ylim(0.0, 900.0)
    left.legend(fontsize=8, ncols=3, loc="upper center")
    _label(right, "number of H100", "standard deviation (kW)")
    right.set_title("dots: drawn; lines: the equation", fontsize=8, loc="left")
    return figure


def draw_chain() -> Figure:
    """Draw what power supplies, UPS and cooling make of a workload."""
    cycle = synthesise(_model(find_preset("frontier-h100")), 15.0, 1000.0, SEED)
    shape = PoiShape(cycle, "hold", True, PUE, CHAIN)
    figure, (near, far) = _panels(2, 4.6)
    part = (4.05, 5.0)
    _draw_power(near, cycle, *part, cycle.mean_w, colour=GREY, label="devices")
    _draw_power(near, shape.it, *part, cycle.mean_w, label="behind the lags of power supplies and UPS")
    _label(near, "time (s)", "power (pu of its mean)")
    near.set_ylim(0.0, 1.75)
    near.legend(fontsize=8, loc="upper center", ncols=2)
    job = JobLifeCycle.from_dict(JOB | {"failures": None, "end_s": 600.0})
    power = synthesise(job, 900.0, 20.0, 3)
    workload = Workload(power, scale_to="count", count=1, at_end="hold", at_devices=True)
    site = SiteDemand(1.0, (workload,), pue=PUE, chain=CHAIN)
    step_s, count = 0.25, 3600
    knots_s = step_s * np.arange(count + 1)
    moving, cooling = (1e3 * mw * waveform.interval_means(step_s, count) for waveform, mw in site.components)
    devices = Waveform.from_trace(power, "hold").interval_means(step_s, count) / 1e3
    for series, colour, label in (
        (moving + cooling + 1e3 * site.constant_mw, BLUE, "at the POI"),
        (devices, GREY, "devices"),
        (cooling, ORANGE, "cooling behind its lag of 60 s"),
    ):
        far.stairs(series, knots_s, baseline=None, color=colour, linewidth=0.9, label=label)
    _label(far, "time (s)", "power (kW)")
    far.set_xlim(0.0, 900.0)
    far.set_ylim(0.0, 9.0)
    far.legend(fontsize=8, loc="upper center", ncols=3)
    return figure


def draw_spectra() -> Figure:
    """Draw the relative spectra of presets that follow different publications."""
    figure, (axes,) = _panels(1, 3.2)
    axes.axvspan(0.2, 3.0, color=GREY, alpha=0.2, linewidth=0, label="0.2 to 3 Hz")
    for name, colour in (("hyperscale-training", BLUE), ("gpt3-175b-512xh100", ORANGE)):
        preset = find_preset(name)
        trace = synthesise(_model(preset), 1800.0, 20.0, SEED)
        found = spectrum(trace)
        edges = np.geomspace(0.002, 10.0, 500)
        starts = np.unique(np.searchsorted(found.frequency_hz, edges[:-1]))
        density = np.maximum.reduceat(np.sqrt(found.density_w2_per_hz), starts) / trace.mean_w
        axes.loglog(found.frequency_hz[starts], density, color=colour, linewidth=0.8, label=name)
    _label(axes, "frequency (Hz)", "density (pu of mean per √Hz)")
    axes.set_ylim(1e-4, 3.0)
    axes.legend(fontsize=8, loc="lower left")
    return figure


JOB = {
    "idle_w": 580,
    "start": [
        {"duration_s": 40, "start_w": 974},
        {"duration_s": 35, "start_w": 2100},
        {"duration_s": 10, "start_w": 2100, "end_w": 5200},
    ],
    "step": {
        "period_s": 2.8,
        "phases": [{"share": 0.75, "start_w": 5200, "noise_sd_w": 60}, {"share": 0.25, "start_w": 3400}],
    },
    "evaluation": {
        "every_iterations": 40,
        "repeats": 20,
        "step": {"period_s": 0.9, "phases": [{"share": 1, "start_w": 4690}]},
    },
    "checkpoint": {"every_iterations": 60, "duration_s": 15, "level_w": 974},
    "failures": {"mean_time_between_s": 600, "down_s": 60},
    "end_s": 850,
}
"""A job in which something happens every few minutes."""


def _model(preset: Preset) -> WorkloadModel:
    return build_model(preset.model, preset.parameters)


def _panels(count: int, height: float) -> tuple[Figure, NDArray]:
    figure = Figure(figsize=(9.0, height), layout="constrained")
    return figure, figure.subplots(count, 1, squeeze=False)[:, 0]


def _label(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=8)
    axes.set_ylabel(y, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)


def _draw_power(
    axes: Axes, trace: Trace, start_s: float, end_s: float, watts: float, colour: str = BLUE, label: str | None = None
) -> None:
    first, last = np.searchsorted(trace.time_s, [start_s, end_s])
    first = max(int(first) - 1, 0)
    knots_s, power = trace.time_s[first : last + 1], trace.power_w[first:last] / watts
    axes.stairs(power, knots_s[: power.size + 1], baseline=None, color=colour, linewidth=0.7, label=label)
    axes.set_xlim(start_s, end_s)


def _save(figure: Figure, path: Path) -> None:
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


PICTURES: dict[str, Callable[[], Figure]] = {
    **{f"preset-{name}": partial(draw_preset, name) for name in presets()},
    "metered": draw_metered,
    "sampling": draw_sampling,
    "job": draw_job,
    "serving": draw_serving,
    "synchronisation": draw_synchronisation,
    "chain": draw_chain,
    "spectra": draw_spectra,
}
"""Pictures by the names of their files."""

if __name__ == "__main__":
    main()
