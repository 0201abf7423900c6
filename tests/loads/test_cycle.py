import numpy as np
import pytest

from loads.interpolation import Waveform
from loads.workloads.cycle import TrainingCycle

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
    with pytest.raises(ValueError, match="must"):
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
