import numpy as np
import pytest
from scipy import signal, stats

from loads.interpolation import Waveform
from loads.workloads.cycle import FineTuningCycle, TrainingCycle

CYCLES = (TrainingCycle, FineTuningCycle)
ALPHA = 1e-4
"""Each statistical test errs once in ten thousand seeds; the seeds are fixed, so it passes always or never."""

QUIET = {
    "frequency_sd": 0.0,
    "up_sd": 0.0,
    "down_sd": 0.0,
    "up_noise_range": (0, 0),
    "down_noise_range": (0, 0),
}


def test_defaults_are_those_of_the_publication():
    cycle = TrainingCycle()
    assert cycle.frequency_range_hz == (0.5, 1.5)
    assert cycle.compute_share_range == (0.55, 0.80)
    assert (cycle.frequency_sd, cycle.up_sd, cycle.down_mean, cycle.down_sd) == (0.1, 0.05, 0.3, 0.05)
    assert (cycle.up_noise_range, cycle.down_noise_range) == ((0.02, 0.05), (0.01, 0.03))


def test_same_seed_same_bytes_and_a_longer_trace_goes_on():
    seed = np.random.SeedSequence(7, spawn_key=(1,))
    short, again, long = (TrainingCycle().generate(d, 1000, seed) for d in (20, 20, 400))
    assert short.power_w.tobytes() == again.power_w.tobytes() == long.power_w[:20_000].tobytes()
    assert TrainingCycle().generate(20, 1000, 8).power_w.tobytes() != short.power_w.tobytes()
    assert seed.n_children_spawned == 0


def test_a_seed_keeps_its_meaning():
    """Published numbers name their seed: these are the samples of the first release."""
    trace = TrainingCycle().generate(10, 1000, np.random.SeedSequence(1, spawn_key=(0, 0)))
    assert trace.power_w[[0, 1234, 9999]] == pytest.approx(
        [0.9973187270845695, 1.03281987798392, 0.9887334965062399], rel=1e-12
    )


def test_shape_and_provenance():
    trace = TrainingCycle().generate(3, 500, 1)
    assert (trace.shape, trace.power_w.size, trace.duration_s, trace.is_uniform) == ("hold", 1500, 3, True)
    assert trace.min_w >= 0
    parameters = trace.provenance.parameters
    assert 0.5 <= parameters["frequency_hz"] <= 1.5
    assert 0.02 <= parameters["up_noise_sd"] <= 0.05
    assert parameters["seed_entropy"] == 1
    assert "noise is white at the sample rate of 500 Hz" in trace.provenance.notes


def test_without_randomness_it_is_a_square_wave():
    """0.8 Hz, 60 % up: up until 0.75 s, down until 1.25 s."""
    cycle = TrainingCycle(frequency_hz=0.8, compute_share_range=(0.6, 0.6), random_phase=False, **QUIET)
    trace = cycle.generate(2.5, 100, 0)
    middle = trace.time_s[:-1] + 0.005
    np.testing.assert_allclose(trace.power_w, np.where(middle % 1.25 < 0.75, 1.0, 0.7), rtol=1e-12)


def test_a_sample_with_a_phase_change_is_the_mixture():
    cycle = TrainingCycle(frequency_hz=1.0, compute_share_range=(0.625, 0.625), random_phase=False, **QUIET)
    trace = cycle.generate(1.0, 10, 0)
    assert trace.power_w[6] == pytest.approx(0.25 * 1.0 + 0.75 * 0.7)
    assert trace.energy_j == pytest.approx(0.625 + 0.375 * 0.7)


def test_every_phase_change_makes_an_edge_of_half_its_depth():
    cycle = TrainingCycle(frequency_hz=1.37, **QUIET)
    trace = cycle.generate(60, 1000, 3)
    edges = trace.edges(0.5 * 0.3 - 1e-9)
    changes = np.flatnonzero(np.diff(edges, prepend=-1) > 2.5e-3).size
    assert changes == pytest.approx(2 * 60 * 1.37, abs=1)


def test_statistics_over_an_hour():
    trace = TrainingCycle(frequency_hz=1.0).generate(3600, 1000, 5)
    up = trace.power_w > 0.85
    share = (0.55 + 0.80) / 2
    assert up.mean() == pytest.approx(share, abs=0.01)
    assert trace.power_w[up].mean() == pytest.approx(1.0, abs=0.01)
    assert trace.power_w[~up].mean() == pytest.approx(0.7, abs=0.01)
    assert trace.mean_w == pytest.approx(share + 0.7 * (1 - share), abs=0.01)
    starts = np.flatnonzero(np.diff((Waveform.from_trace(trace).interval_means(0.02, 180_000) > 0.85).astype(int)) > 0)
    assert starts.size == pytest.approx(3600 / 1.01, rel=0.01)  # the mean of 1 / (1 + xi) is about 1 + 0.1 ** 2


def test_phases_differ_between_jobs():
    phases = {TrainingCycle().generate(1, 100, seed).provenance.parameters["phase"] for seed in range(5)}
    assert len(phases) == 5


def test_extreme_parameters_give_no_negative_power_or_time():
    cycle = TrainingCycle(frequency_sd=5.0, down_mean=2.0, compute_share_range=(1.0, 1.0), up_sd=2.0)
    trace = cycle.generate(30, 100, 2)
    assert trace.min_w == 0
    assert np.isfinite(trace.power_w).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"frequency_hz": 0.0},
        {"frequency_range_hz": (0.0, 1.0)},
        {"compute_share_range": (0.8, 0.5)},
        {"compute_share_range": (0.5, 1.5)},
        {"up_noise_range": (-0.1, 0.1)},
        {"down_sd": -1.0},
        {"down_mean": float("nan")},
    ],
)
def test_refuses_parameters_without_meaning(wrong):
    with pytest.raises(ValueError, match=r"must|finite"):
        TrainingCycle(**wrong)


def test_refuses_less_than_a_sample():
    with pytest.raises(ValueError, match="less than one sample"):
        TrainingCycle().generate(1e-4, 1000)


def test_edges_are_phase_changes_and_not_noise():
    trace = TrainingCycle(frequency_hz=1.0).generate(60, 1000, 5)
    every_jump = np.abs(np.diff(trace.power_w)) > 0.01
    edges = trace.edges(0.01)
    assert every_jump.sum() > 10_000
    assert edges.size == pytest.approx(2 * 60 * 1.0, rel=0.1)
    before, after = (np.array([trace.power_w[round(t * 1000) + k] for t in edges]) for k in (-2, 1))
    assert np.abs(after - before).mean() == pytest.approx(0.3, abs=0.05)
    assert Waveform.from_trace(trace, "hold").edges(60, 0.01) == pytest.approx(edges)


def test_defaults_of_fine_tuning_are_those_of_the_publication():
    cycle = FineTuningCycle()
    assert (cycle.frequency_range_hz, cycle.compute_share_range) == ((0.3, 0.7), (0.7, 0.9))
    assert (cycle.frequency_sd, cycle.up_sd, cycle.down_mean, cycle.down_sd) == (0.1, 0.03, 0.8, 0.03)
    assert (cycle.up_noise_range, cycle.down_noise_range) == ((0.01, 0.03), (0.005, 0.02))
    assert "fine-tuning" in cycle.source
    assert "fine-tuning" in cycle.generate(5, 100, 1).provenance.source


def drawn(cycle, seed, iterations=2000):
    """Lengths of up and down phases and their levels, whole iterations only, and the drawn parameters."""
    phases, parameters = cycle.draw(iterations / 0.5, np.random.SeedSequence(seed))
    lengths, levels = np.diff(phases.knots_s), phases.start_w
    return lengths[:-1:2], lengths[1::2], levels[:-1:2], levels[1::2], parameters


def z_of_mean(sample, mean, sd):
    return abs(np.mean(sample) - mean) / (sd / np.sqrt(np.size(sample)))


@pytest.mark.parametrize("kind", CYCLES)
def test_iterations_have_the_published_distributions(kind):
    cycle = kind(frequency_hz=0.5, random_phase=False)
    up_s, down_s, up_w, down_w, _ = drawn(cycle, 11)
    xi = 1.0 / (0.5 * (up_s + down_s)) - 1.0
    low, high = cycle.compute_share_range
    shares = up_s / (up_s + down_s)
    assert stats.kstest(xi, stats.norm(0, 0.1).cdf).pvalue > ALPHA
    assert stats.kstest(shares, stats.uniform(low, high - low).cdf).pvalue > ALPHA
    assert stats.kstest(up_w, stats.norm(1.0, cycle.up_sd).cdf).pvalue > ALPHA
    assert stats.kstest(down_w, stats.norm(1.0 - cycle.down_mean, cycle.down_sd).cdf).pvalue > ALPHA
    for values in (up_w, down_w, xi):
        assert abs(stats.pearsonr(values, shares).statistic) < stats.norm.isf(ALPHA / 2) / np.sqrt(shares.size)
        assert abs(stats.pearsonr(values[1:], values[:-1]).statistic) < stats.norm.isf(ALPHA / 2) / np.sqrt(shares.size)


@pytest.mark.parametrize("kind", CYCLES)
def test_what_is_drawn_once_a_workload_is_uniform_over_many(kind):
    cycle = kind()
    many = [cycle.draw(1.0, np.random.SeedSequence(seed))[1] for seed in range(600)]
    for name, (low, high) in {
        "frequency_hz": cycle.frequency_range_hz,
        "up_noise_sd": cycle.up_noise_range,
        "down_noise_sd": cycle.down_noise_range,
        "phase": (0.0, 1.0),
    }.items():
        assert stats.kstest([one[name] for one in many], stats.uniform(low, high - low).cdf).pvalue > ALPHA


@pytest.mark.parametrize("kind", CYCLES)
def test_noise_in_the_trace_is_white_and_of_the_drawn_deviation(kind):
    """Within a phase the samples differ from its level by white noise: chi-square for its variance, z for its lag 1."""
    cycle = kind(frequency_hz=0.5)
    phases, parameters = cycle.draw(200.0, np.random.SeedSequence(3))
    noise = cycle.generate(200.0, 100.0, 3).power_w - phases.means(100.0, 20_000)
    sds = phases.noise_sd_w[np.searchsorted(phases.knots_s, np.arange(20_000) / 100 + 0.005, "right") - 1]
    changes = np.unique((phases.knots_s[1:-1] * 100).astype(int))
    inside = np.ones(20_000, dtype=bool)
    inside[changes[changes < 20_000]] = False
    for name in ("up_noise_sd", "down_noise_sd"):
        sample = noise[inside & (sds == parameters[name])]
        assert sample.size > 1000
        quantile = stats.chi2(sample.size).cdf(np.sum(sample**2) / parameters[name] ** 2)
        assert ALPHA / 2 < quantile < 1 - ALPHA / 2
    scaled = noise / sds
    assert abs(np.mean(scaled[1:] * scaled[:-1])) < stats.norm.isf(ALPHA / 2) / np.sqrt(20_000)


@pytest.mark.parametrize("kind", CYCLES)
def test_the_expected_power_is_the_mean_over_many_seeds(kind):
    """Means of 60 s over 200 seeds against the expected power, with the deviation they show."""
    cycle = kind()
    means, expected = [], []
    for seed in range(200):
        phases, _ = cycle.draw(60.0, np.random.SeedSequence(seed))
        means.append(phases.means(1.0, 60).mean())
        expected.append(phases.expected_means(1.0, 60).mean())
    assert np.ptp(expected) < 1e-12
    share = sum(cycle.compute_share_range) / 2
    assert expected[0] == pytest.approx(share + (1 - share) * (1 - cycle.down_mean))
    assert z_of_mean(means, expected[0], np.std(means, ddof=1)) < stats.norm.isf(ALPHA / 2)


@pytest.mark.parametrize("kind", CYCLES)
@pytest.mark.parametrize("seed", [21, 22, 23])
def test_the_spectrum_has_a_line_at_f0_as_wide_as_the_jitter_makes_it(kind, seed):
    """Independent periods of relative deviation s put a line of full width 2 pi s^2 f0 at half height at f0."""
    f0 = 0.5
    trace = kind(frequency_hz=f0).generate(20_000, 10, seed)
    f, density = signal.welch(trace.power_w, 10, nperseg=4096)
    near = (f > 0.5 * f0) & (f < 1.5 * f0)
    k = np.flatnonzero(near)[np.argmax(density[near])]
    # The mean period is (1 + s^2) / f0; a spectral estimate of a line this wide strays by a few bins.
    assert f[k] == pytest.approx(f0 / 1.01, rel=0.04)
    half = near & (density > 0.5 * density[k])
    assert np.ptp(f[half]) == pytest.approx(2 * np.pi * 0.1**2 * f0, rel=0.5)
    assert density[k] == density[f > 0.1 * f0].max()


@pytest.mark.parametrize("kind", CYCLES)
def test_drawn_phases_go_on_in_a_longer_draw(kind):
    cycle = kind(decay_s=200.0)
    short, long = (cycle.draw(d, np.random.SeedSequence(4))[0] for d in (50.0, 5000.0))
    n = short.start_w.size
    assert long.start_w.size > n
    for name in ("start_w", "noise_sd_w", "expected_w"):
        assert getattr(short, name).tobytes() == getattr(long, name)[:n].tobytes()
    assert short.knots_s.tobytes() == long.knots_s[: n + 1].tobytes()


def test_a_decaying_cycle_grows_rarer_and_shallower():
    """Against the definition: rate and depth times g(t) = 0.1 + 0.9 exp(-t / decay), g taken where it hardly moves."""
    quiet = QUIET | {"frequency_hz": 1.0, "random_phase": False, "compute_share_range": (0.8, 0.8)}
    phases, _ = FineTuningCycle(decay_s=300.0, **(quiet | {"down_sd": 0.0})).draw(3000.0, np.random.SeedSequence(1))
    starts, periods, lows = phases.knots_s[:-1:2], np.diff(phases.knots_s[::2]), phases.start_w[1::2]
    for start, period, low in zip(starts, periods, lows, strict=True):
        at = np.linspace(start, start + period, 2001)
        g = 0.1 + 0.9 * np.exp(-at / 300.0)
        assert np.trapezoid(g, at) == pytest.approx(1.0, rel=1e-6)  # one iteration of the undecayed clock
        assert low == pytest.approx(1.0 - 0.8 * g[0], abs=1e-9)
    assert periods[0] == pytest.approx(1.0, rel=0.01)
    assert starts[-1] > 3000 - 20
    assert lows[-1] > 0.9


def test_refuses_a_decay_without_meaning():
    with pytest.raises(ValueError, match="decay_s must be above 0"):
        FineTuningCycle(decay_s=0.0)
