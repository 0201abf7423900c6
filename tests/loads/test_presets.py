import numpy as np
import pytest

from loads.errors import LoadDataError
from loads.interpolation import Waveform, hat_average
from loads.presets import find_preset, presets
from loads.statistics import dominant_lines, percentiles_w
from loads.workloads import build_model, synthesise

REQUIRED = {
    "gpt2-124m-llmc",
    "gpt2-1558m-llmc",
    "nanogpt-jax-char",
    "nanogpt-jax-finetune",
    "mamba-2.8b-inference",
    "gpt3-175b-512xh100",
    "hyperscale-training",
    "frontier-h100",
    "frontier-b200",
}
EVIDENCE = {"primary", "secondary", "computed", "assumed"}


def model_of(name, **changes):
    preset = find_preset(name)
    return build_model(preset.model, {**preset.parameters, **changes})


def trace_of(name, duration_s, rate_hz=None, seed=1, **changes):
    return synthesise(model_of(name, **changes), duration_s, rate_hz or find_preset(name).sample_rate_hz, seed)


def test_all_published_cases_are_there():
    assert set(presets()) >= REQUIRED


@pytest.mark.parametrize("name", sorted(presets()))
def test_every_preset_makes_a_trace_and_says_where_its_figures_come_from(name):
    preset = find_preset(name)
    assert preset.sources
    assert {source.evidence for source in preset.sources} <= EVIDENCE
    assert all(source.figures and source.source for source in preset.sources)
    model = model_of(name)
    trace = synthesise(model, preset.thumbnail_s, preset.sample_rate_hz, 1)
    again = synthesise(model, preset.thumbnail_s, preset.sample_rate_hz, 1)
    assert trace.power_w.tobytes() == again.power_w.tobytes()
    assert 0.0 <= trace.min_w < trace.max_w < 2.0 * model.nominal_w


@pytest.mark.parametrize(
    ("name", "period_s", "share"),
    [("gpt2-124m-llmc", 0.30, 0.02), ("gpt2-1558m-llmc", 2.8, 0.02), ("gpt3-175b-512xh100", 10.93, 0.02)],
)
def test_the_dominant_line_is_at_the_published_period(name, period_s, share):
    trace = trace_of(name, 1800.0, skip_start=True)
    assert dominant_lines(trace)[0].period_s == pytest.approx(period_s, rel=share)


@pytest.mark.parametrize("name", ["hyperscale-training", "frontier-h100", "frontier-b200", "site-mix"])
def test_hyperscale_training_swings_between_a_fifth_of_a_hertz_and_three(name):
    for seed in range(3):
        assert 0.2 <= dominant_lines(trace_of(name, 300.0, 50.0, seed))[0].frequency_hz <= 3.0


@pytest.mark.parametrize(("name", "high_w", "low_w"), [("frontier-h100", 700, 140), ("frontier-b200", 1000, 50)])
def test_frontier_training_alternates_between_its_two_levels(name, high_w, low_w):
    low, high = percentiles_w(trace_of(name, 300.0), (15, 70))
    assert high == pytest.approx(high_w, rel=0.03)
    assert low == pytest.approx(low_w, rel=0.15)


@pytest.mark.parametrize("name", ["gpt2-124m-llmc", "gpt2-1558m-llmc"])
def test_communication_draws_61_to_69_percent_of_computing(name):
    step = find_preset(name).parameters["step"]
    high_w, low_w = (phase["start_w"] for phase in step["phases"])
    assert 0.61 <= low_w / high_w <= 0.69


def test_nanogpt_compiles_then_steps_and_evaluates():
    """Compilation of 41.6 s, steps of 85 to 92 ms, evaluation every 250 steps."""
    trace = trace_of("nanogpt-jax-char", 200.0)
    power = Waveform.from_trace(trace, "hold").interval_means(1.0, 200)
    assert power[6:46].max() < 100 < 200 < power[48:60].min()
    lines = dominant_lines(trace_of("nanogpt-jax-char", 400.0, start=[], evaluation=None))
    assert 0.085 <= lines[0].period_s <= 0.092


def test_nanogpt_fine_tuning_evaluates_for_11_to_12_seconds():
    parameters = find_preset("nanogpt-jax-finetune").parameters
    evaluation = parameters["evaluation"]
    assert 11 <= evaluation["repeats"] * evaluation["step"]["period_s"] <= 12
    assert 0.211 <= parameters["step"]["period_s"] <= 0.250


GPT3 = {"mean_w": 438_284.0, "swing_w": 135_249.0, "period_s": 10.93, "evaluation_s": 142.0}
"""Of the recording: 64 nodes, resampled to 2 s and summed (MLPerf Training v4.0 power logs, SMC)."""


def metered(trace, nodes_s):
    """As 64 meters see it that read every 2 s at different times, joined by straight lines."""
    means, _ = hat_average(Waveform.from_trace(trace, "hold"), nodes_s, np.zeros(nodes_s.size, dtype=bool))
    return means


def slow_period_s(power_w):
    """Strongest period between 120 and 170 s of samples every 2 s."""
    count = 8 * power_w.size
    amplitude = np.abs(np.fft.rfft((power_w - power_w.mean()) * np.hanning(power_w.size), count))[1:]
    period_s = 1.0 / np.fft.rfftfreq(count, 2.0)[1:]
    slow = (period_s > 120) & (period_s < 170)
    return period_s[slow][amplitude[slow].argmax()]


@pytest.mark.parametrize("seed", range(3))
def test_gpt3_has_the_recorded_figures(seed):
    """Mean within 2 %, dominant period within 2 %, swing within 10 %, evaluation every 142 s."""
    trace = synthesise(model_of("gpt3-175b-512xh100"), 3408.0, 10.0, seed, devices=64)
    power = metered(trace, 2.0 * np.arange(1705))
    assert trace.mean_w == pytest.approx(GPT3["mean_w"], rel=0.02)
    assert dominant_lines(trace)[0].period_s == pytest.approx(GPT3["period_s"], rel=0.02)
    assert np.ptp(power) == pytest.approx(GPT3["swing_w"], rel=0.10)
    assert slow_period_s(power) == pytest.approx(GPT3["evaluation_s"], rel=0.01)
    two_seconds = Waveform.from_trace(trace, "hold").interval_means(2.0, 1704)
    assert np.ptp(two_seconds) == pytest.approx(GPT3["swing_w"], rel=0.10)


def test_the_recording_of_gpt3_has_the_stated_figures(recorded):
    total = np.loadtxt(recorded("gpt3-175b-512xh100/DERIVED_total_64nodes_2s.csv"), delimiter=",", skiprows=1)[:, 2]
    assert total.mean() == pytest.approx(GPT3["mean_w"], rel=1e-5)
    assert np.ptp(total) == pytest.approx(GPT3["swing_w"], rel=1e-5)
    assert slow_period_s(total) == pytest.approx(GPT3["evaluation_s"], rel=2e-3)


@pytest.mark.parametrize(("batch", "published_s"), [(1, 12.1), (8, 15.6), (32, 25.9), (128, 75.8)])
def test_mamba_takes_the_published_times(batch, published_s):
    arrivals = {"type": "closed_loop", "concurrency": batch, "prompt_tokens": 1000, "generated_tokens": 1000}
    service = model_of("mamba-2.8b-inference", arrivals=arrivals).serve(1.2 * published_s, np.random.SeedSequence(1))
    assert np.nanmin(service.finish_s) == pytest.approx(published_s, rel=0.02)


def test_bursty_serving_falls_to_idle():
    trace = trace_of("llama3-70b-serving-bursty", 300.0)
    idle, busy = percentiles_w(trace, (5, 95))
    assert idle == pytest.approx(300, rel=0.05)
    assert 5 <= busy / idle <= 20


def test_a_name_that_does_not_exist():
    with pytest.raises(LoadDataError, match="did you mean 'frontier-h100'"):
        find_preset("frontier-h10")
