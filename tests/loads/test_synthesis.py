import numpy as np
import pytest
from scipy import signal, stats

from loads.errors import LoadDataError
from loads.workloads import SITE_MIX, FineTuningCycle, JobLifeCycle, Mix, Stage, Step, StepPhase, TrainingCycle
from loads.workloads.synthesis import synthesise

ALPHA = 1e-4
"""Each statistical test errs once in ten thousand seeds; the seeds are fixed."""

CYCLE = TrainingCycle(frequency_hz=1.0)
LEVEL = 0.675 + 0.325 * 0.7
"""Expected power of the training cycle."""


def fluctuation(devices, synchronisation, seed, duration_s=600):
    trace = synthesise(CYCLE, duration_s, 10, seed, devices=devices, synchronisation=synchronisation)
    return trace.power_w - devices * LEVEL


def test_one_device_is_the_plain_model_whatever_the_synchronisation():
    plain = CYCLE.generate(30, 100, 4)
    for rho in (0.0, 0.4, 1.0):
        one = synthesise(CYCLE, 30, 100, 4, synchronisation=rho)
        assert one.power_w.tobytes() == plain.power_w.tobytes()
        assert one.edge_knots.tolist() == plain.edge_knots.tolist()


def test_devices_in_step_are_one_waveform_times_their_number():
    plain = CYCLE.generate(30, 100, 4)
    many = synthesise(CYCLE, 30, 100, 4, devices=100_000)
    np.testing.assert_array_equal(many.power_w, 100_000 * plain.power_w)
    assert many.edge_knots.tolist() == plain.edge_knots.tolist()


@pytest.mark.parametrize(("rho", "exponent"), [(1.0, 1.0), (0.0, 0.5)])
def test_fluctuation_grows_with_the_number_in_step_and_with_its_root_if_independent(rho, exponent):
    deviation = [
        np.sqrt(np.mean([np.var(fluctuation(n, rho, seed)) for seed in range(8)])) for n in (16, 256, 4096, 65_536)
    ]
    growth = np.diff(np.log(deviation)) / np.log(16)
    np.testing.assert_allclose(growth, exponent, atol=0.02)


@pytest.mark.parametrize("devices", [3, 1000])
@pytest.mark.parametrize("rho", [0.0, 0.1, 0.5])
def test_variance_is_that_of_correlated_devices(devices, rho):
    """N v (1 + (N - 1) rho), with v from single devices; the ratio's own deviation is taken from the seeds."""
    single = np.array([np.var(fluctuation(1, 1.0, seed)) for seed in range(500, 540)])
    total = np.array([np.var(fluctuation(devices, rho, seed)) for seed in range(40)])
    expected = devices * (1 + (devices - 1) * rho)
    spread = np.hypot(single.std(ddof=1) / single.mean(), total.std(ddof=1) / total.mean()) / np.sqrt(40)
    assert abs(total.mean() / single.mean() / expected - 1) < stats.norm.isf(ALPHA / 2) * spread
    assert spread < 0.1


def test_a_few_independent_devices_are_as_many_separate_ones():
    """Without common part, 3 devices are 3 draws: the total keeps the shape of their sum, lowest level included."""
    quiet = TrainingCycle(
        frequency_hz=1.0, frequency_sd=0.0, up_sd=0.0, down_sd=0.0, up_noise_range=(0, 0), down_noise_range=(0, 0)
    )
    trace = synthesise(quiet, 200, 20, 1, devices=3, synchronisation=0.0)
    levels = np.array([3.0, 2.7, 2.4, 2.1])
    on_a_level = np.abs(trace.power_w[:, None] - levels).min(axis=1) < 1e-9
    assert on_a_level.mean() > 0.6  # the rest are samples in which one of them changes its phase
    assert {2.7, 3.0} <= {round(p, 9) for p in trace.power_w[on_a_level]}


def test_mean_does_not_depend_on_synchronisation():
    for rho in (0.0, 0.3):
        means = [fluctuation(1000, rho, seed).mean() / 1000 for seed in range(30)]
        assert abs(np.mean(means)) < stats.norm.isf(ALPHA / 2) * np.std(means, ddof=1) / np.sqrt(30)


def test_same_seed_same_bytes_and_a_longer_trace_goes_on():
    seed = np.random.SeedSequence(7, spawn_key=(1,))
    short, again, long = (synthesise(CYCLE, d, 100, seed, devices=50, synchronisation=0.4) for d in (20, 20, 900))
    assert short.power_w.tobytes() == again.power_w.tobytes() == long.power_w[:2000].tobytes()
    mixes = [synthesise(SITE_MIX, d, 100, seed).power_w for d in (20, 900)]
    assert mixes[0].tobytes() == mixes[1][:2000].tobytes()


def test_stages_of_the_whole_job_are_common_to_independent_devices():
    """A ramp and an end are the job's: they keep their size per device, and their jump stays an edge."""
    job = JobLifeCycle(
        step=Step(period_s=1.0, phases=(StepPhase(share=0.5, start_w=500), StepPhase(share=0.5, start_w=300))),
        idle_w=50,
        start=(Stage(duration_s=10, start_w=100, end_w=400),),
        iterations=20,
    )
    trace = synthesise(job, 40, 10, 2, devices=10_000, synchronisation=0.0)
    t = trace.time_s[:100] + 0.05
    np.testing.assert_allclose(trace.power_w[:100] / 1e4, 100 + 30 * t, rtol=1e-9)
    np.testing.assert_allclose(trace.power_w[300:] / 1e4, 50, rtol=1e-9)
    assert trace.edge_knots.tolist() == [300]
    in_step = synthesise(job, 40, 10, 2, devices=10_000)
    assert in_step.edge_knots.tolist() == [*range(100, 301, 5)]


def test_nodes_of_a_running_job_out_of_step_average_out():
    step = Step(period_s=2.0, phases=(StepPhase(share=0.5, start_w=500), StepPhase(share=0.5, start_w=300)))
    job = JobLifeCycle(step=step, idle_w=50, skip_start=True)
    deviation = [
        np.sqrt(
            np.mean(
                [np.var(synthesise(job, 20, 10, seed, devices=n, synchronisation=0.0).power_w) for seed in range(20)]
            )
        )
        for n in (1, 100, 10_000)
    ]
    assert deviation[0] == pytest.approx(100, rel=0.05)
    np.testing.assert_allclose(deviation[1:], [1000, 10_000], rtol=0.35)


def test_power_is_not_below_zero():
    wild = FineTuningCycle(down_mean=1.0, down_sd=0.5)
    assert synthesise(wild, 60, 10, 1, devices=2, synchronisation=0.9).min_w == 0.0


def test_provenance_tells_how_to_draw_it_again():
    seed = np.random.SeedSequence(9, spawn_key=(3, 1))
    trace = synthesise(FineTuningCycle(), 5, 50, seed, devices=64, synchronisation=0.9)
    kept = trace.provenance.parameters
    assert (kept["devices"], kept["synchronisation"], kept["nominal_w"]) == (64, 0.9, 64.0)
    assert (kept["seed_entropy"], kept["seed_spawn_key"], kept["sample_rate_hz"]) == (9, [3, 1], 50)
    assert 0.3 <= kept["frequency_hz"] <= 0.7
    again = np.random.SeedSequence(kept["seed_entropy"], spawn_key=kept["seed_spawn_key"])
    np.testing.assert_array_equal(
        synthesise(FineTuningCycle(), 5, 50, again, devices=64, synchronisation=0.9).power_w, trace.power_w
    )


def test_a_mix_is_its_jobs_added_up():
    """Weights are nominal powers: a model of 400 W counts as the weight, too; jobs have their own seeds."""
    steady = JobLifeCycle(step=Step(period_s=1.0, phases=(StepPhase(share=1, start_w=400),)), idle_w=0)
    trace = synthesise(Mix(((steady, 0.5), (steady, 2.0))), 10, 10, 1)
    np.testing.assert_allclose(trace.power_w, 2.5)
    assert trace.provenance.parameters["nominal_w"] == 2.5
    jobs = synthesise(SITE_MIX, 5, 10, 1).provenance.parameters["jobs"]
    assert [job["weight"] for job in jobs] == [0.9, 0.025, 0.025, 0.025, 0.025]
    assert len({job["phase"] for job in jobs}) == len({job["frequency_hz"] for job in jobs}) == 5
    assert [("fine-tuning" in job["source"]) for job in jobs] == [False, False, False, True, True]


def test_the_site_mix_has_its_dominant_line_near_the_large_jobs_f0():
    for seed in range(12):
        trace = synthesise(SITE_MIX, 1200, 20, seed)
        f0 = trace.provenance.parameters["jobs"][0]["frequency_hz"]
        f, density = signal.welch(trace.power_w, 20, nperseg=1024)
        assert f[np.argmax(density[1:]) + 1] == pytest.approx(f0, rel=0.08)
        assert trace.mean_w == pytest.approx(0.95 * LEVEL + 0.05 * (0.8 + 0.2 * 0.2), rel=0.02)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"devices": 0}, "whole number from 1"),
        ({"devices": 2.5}, "whole number from 1"),
        ({"synchronisation": 1.1}, "from 0 to 1"),
        ({"synchronisation": float("nan")}, "from 0 to 1"),
    ],
)
def test_refuses_fleets_without_meaning(wrong, message):
    with pytest.raises(ValueError, match=message):
        synthesise(CYCLE, 1, 10, 1, **wrong)


@pytest.mark.parametrize("jobs", [(), ((CYCLE, 0.0),), ((CYCLE, float("inf")),)])
def test_refuses_mixes_without_meaning(jobs):
    with pytest.raises(ValueError, match="must"):
        Mix(jobs)


def test_a_mix_from_plain_data_names_what_is_wrong():
    jobs = [{"type": "training", "share": 0.9, "frequency_hz": 0.8}, {"type": "fine_tuning", "share": 0.1}]
    assert Mix.from_dict({"jobs": jobs}).jobs == ((TrainingCycle(frequency_hz=0.8), 0.9), (FineTuningCycle(), 0.1))
    for wrong, message in (
        ({"jobs": [{"type": "trainig"}]}, r"jobs\[0\]: .*did you mean 'training'"),
        ({"jobs": [jobs[0], {"type": "training", "frequncy_hz": 1}]}, r"jobs\[1\]: frequncy_hz: unknown key"),
        ({"jobs": [5]}, r"jobs\[0\]: expected a mapping"),
        ({"jbos": []}, "one key, jobs"),
    ):
        with pytest.raises(LoadDataError, match=message):
            Mix.from_dict(wrong)


def test_a_mix_adds_ramps_and_noise():
    """Expected power and noise add up on the union of the knots; deviations of noise add as squares."""
    ramp = JobLifeCycle(
        step=Step(period_s=1.0, phases=(StepPhase(share=1, start_w=4, noise_sd_w=3),)),
        idle_w=0,
        start=(Stage(duration_s=10.0, start_w=0, end_w=8, noise_sd_w=3),),
    )
    flat = JobLifeCycle(step=Step(period_s=0.7, phases=(StepPhase(share=1, start_w=4, noise_sd_w=4),)), idle_w=0)
    phases, _ = Mix(((ramp, 4.0), (flat, 4.0))).draw(20.0, np.random.SeedSequence(1))
    means = phases.means(1.0, 20)
    np.testing.assert_allclose(means[:10], 4 + 0.8 * (np.arange(10) + 0.5))
    np.testing.assert_allclose(means[10:], 8.0)
    np.testing.assert_allclose(phases.noise_sd_w, 5.0)
    np.testing.assert_allclose(phases.expected_means(1.0, 20), means)
