from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from loads.errors import LoadDataError
from loads.interpolation import Waveform, hat_average
from loads.workloads.job import Checkpoint, Evaluation, Failures, JobLifeCycle, Stage, Step, StepPhase
from loads.workloads.synthesis import synthesise

ALPHA = 1e-4
"""Each statistical test errs once in ten thousand seeds; the seeds are fixed."""


def seed(number=1):
    return np.random.SeedSequence(number)


def two_levels(period_s=1.0, **more):
    return Step(
        period_s=period_s, phases=(StepPhase(share=0.75, start_w=400), StepPhase(share=0.25, start_w=200)), **more
    )


def flat(period_s, power_w):
    return Step(period_s=period_s, phases=(StepPhase(share=1, start_w=power_w),))


def table(job, duration_s, number=1):
    """Start, end, start power and end power of the phases up to a time, rounded."""
    phases, _ = job.draw(duration_s, seed(number))
    rows = np.column_stack([phases.knots_s[:-1], phases.knots_s[1:], phases.start_w, phases.end_w])
    return [tuple(float(x) for x in row) for row in rows[rows[:, 0] < duration_s - 1e-9].round(6)]


FULL = JobLifeCycle(
    step=two_levels(period_sd=0.05),
    idle_w=50,
    start=(Stage(duration_s=8, start_w=100, name="load"), Stage(duration_s=2, start_w=100, end_w=400, name="warm up")),
    pause=Stage(duration_s=0.1, start_w=150),
    evaluation=Evaluation(
        every_iterations=5,
        step=flat(0.5, 300),
        repeats=3,
        begin=(Stage(duration_s=0.2, start_w=120),),
        first_begin=(Stage(duration_s=1.0, start_w=80),),
    ),
    checkpoint=Checkpoint(duration_s=0.7, level_w=60, every_iterations=10),
    failures=Failures(mean_time_between_s=60, down_s=4),
)


def test_start_iterations_and_end_follow_each_other():
    job = JobLifeCycle(
        step=two_levels(),
        idle_w=50,
        start=(Stage(duration_s=3, start_w=100), Stage(duration_s=1, start_w=100, end_w=400)),
        pause=Stage(duration_s=0.5, start_w=150),
        iterations=2,
    )
    assert table(job, 8)[:-1] == [
        (0, 3, 100, 100),
        (3, 4, 100, 400),
        (4, 4.75, 400, 400),
        (4.75, 5, 200, 200),
        (5, 5.5, 150, 150),
        (5.5, 6.25, 400, 400),
        (6.25, 6.5, 200, 200),
        (6.5, 7, 150, 150),
    ]
    assert table(job, 8)[-1][::2] == (7, 50)
    phases, _ = job.draw(8, seed())
    cycle_w = (0.75 * 400 + 0.25 * 200 + 0.5 * 150) / 1.5
    np.testing.assert_allclose(phases.expected_w[:3], [100, 100, cycle_w])
    np.testing.assert_allclose(phases.expected_end_w[:3], [100, 400, cycle_w])
    np.testing.assert_allclose(phases.expected_w[2:8], cycle_w)
    assert job.nominal_w == 350


def test_evaluations_and_checkpoints_come_after_their_iterations():
    job = replace(FULL, failures=None, start=(), pause=None, step=flat(1.0, 400))
    assert table(job, 19.5) == [
        *[(i, i + 1, 400, 400) for i in range(5)],
        (5, 6, 80, 80),
        *[(6 + i / 2, 6.5 + i / 2, 300, 300) for i in range(3)],
        *[(7.5 + i, 8.5 + i, 400, 400) for i in range(5)],
        (12.5, 12.7, 120, 120),
        (12.7, 13.2, 300, 300),
        (13.2, 13.7, 300, 300),
        (13.7, 14.2, 300, 300),
        (14.2, 14.9, 60, 60),
        *[(14.9 + i, 15.9 + i, 400, 400) for i in range(5)],
    ]


def test_checkpoints_by_time_wait_for_the_end_of_an_iteration():
    """Every 2.5 s of running: after iterations of 1 s that is three, then a pause; over 256 iterations, too."""
    checkpoint = Checkpoint(duration_s=0.5, level_w=60, every_s=2.5)
    rows = np.array(table(JobLifeCycle(step=flat(1.0, 400), idle_w=50, checkpoint=checkpoint), 2000))
    starts = rows[rows[:, 2] == 60, 0]
    np.testing.assert_allclose(starts, 3 + 3.5 * np.arange(starts.size))
    assert starts.size == 571


def test_the_end_is_an_abrupt_fall_to_idle_wherever_it_is():
    job = JobLifeCycle(step=two_levels(), idle_w=50, start=(Stage(duration_s=1, start_w=0, end_w=400),), end_s=2.5)
    assert [row[::2] for row in table(job, 10)][-3:] == [(1.75, 200), (2, 400), (2.5, 50)]
    assert [row[2:] for row in table(replace(job, end_s=0.25), 10)] == [(0, 100), (50, 50)]
    trace = synthesise(job, 10, 10, 1)
    assert trace.edges(300).tolist() == [2.5]


def test_a_failure_stops_the_job_and_loses_the_iterations_since_the_checkpoint():
    """Without jitter, every iteration after a failure must be done again: counted by the checkpoints' places."""
    job = JobLifeCycle(
        step=flat(1.0, 400),
        idle_w=50,
        start=(Stage(duration_s=2, start_w=100),),
        checkpoint=Checkpoint(duration_s=0.5, level_w=60, every_iterations=10),
        failures=Failures(mean_time_between_s=40, down_s=5),
    )
    _, drawn = job.draw(2000, seed(3))
    rows = table(job, 2000, 3)
    failures = drawn["failures_s"]
    assert len(failures) > 15
    for failure in failures[:-1]:
        k = next(k for k, row in enumerate(rows) if row[2] == 50 and abs(row[0] - failure) < 1e-5)
        assert rows[k + 1][2] == 100
        assert rows[k][1] - rows[k][0] == pytest.approx(5)
        assert rows[k + 1][1] - rows[k + 1][0] == pytest.approx(2)
        after = rows[k + 2 :]
        until = next((n for n, row in enumerate(after) if row[2] != 400), len(after))
        if after[until][2] == 60:  # not cut by the next failure: a whole stretch of ten is done anew
            assert until == 10
    gaps = np.diff(failures) - 7
    assert stats.kstest(gaps, stats.expon(scale=40).cdf).pvalue > ALPHA


def test_iterations_are_counted_across_failures():
    """The job ends after 300 completed iterations: more are seen, and 30 checkpoints, none of them twice."""
    job = replace(
        FULL, iterations=300, checkpoint=Checkpoint(duration_s=0.7, level_w=60, every_iterations=10), evaluation=None
    )
    phases, drawn = job.draw(1e5, seed(2))
    assert (phases.start_w == 60).sum() == 30
    assert (phases.start_w == 200).sum() > 300 > len(drawn["failures_s"]) > 0
    assert phases.start_w[-1] == 50
    assert phases.knots_s[-2] < 2000


def test_skipping_the_start_begins_anywhere_in_the_cycle_of_the_running_job():
    """The level at time 0 over many seeds: chi-square against the shares of time of each level."""
    job = replace(FULL, failures=None, skip_start=True, step=two_levels())
    levels = np.array([job.draw(1.0, seed(n))[0].start_w[0] for n in range(1500)])
    seconds = {400: 10 * 0.75, 200: 10 * 0.25, 150: 10 * 0.1, 300: 2 * 1.5, 120: 2 * 0.2, 60: 0.7}
    counts = [(levels == level).sum() for level in seconds]
    assert sum(counts) == 1500
    expected = np.array(list(seconds.values())) / sum(seconds.values()) * 1500
    assert stats.chisquare(counts, expected).pvalue > ALPHA


def test_a_given_phase_says_where_the_running_job_begins():
    job = replace(FULL, failures=None, skip_start=True, pause=None, step=flat(1.0, 400))
    cycle_s = 10 + 2 * (1.5 + 0.2) + 0.7
    later = table(replace(job, phase=7.0 / cycle_s), 30)  # 0.3 s into the sixth iteration
    assert later[0] == pytest.approx((0, 0.7, 400, 400))
    assert later[5] == pytest.approx((4.7, 4.9, 120, 120))
    _, drawn = replace(job, phase=7.0 / cycle_s).draw(1, seed())
    assert (drawn["phase"], drawn["first_iteration"]) == (7.0 / cycle_s, 5)


def test_phases_that_join_share_the_draw_of_their_level():
    ramps = (
        StepPhase(share=0.3, start_w=300, end_w=400, level_sd_w=20),
        StepPhase(share=0.3, start_w=400, end_w=350, level_sd_w=20),
        StepPhase(share=0.4, start_w=100, level_sd_w=5),
    )
    phases, _ = JobLifeCycle(step=Step(period_s=1, phases=ramps), idle_w=0).draw(3000, seed())
    first, second, third = (phases.start_w[k::3] for k in range(3))
    np.testing.assert_array_equal(phases.end_w[0::3], second)
    for draws in ((first - 300) / 20, (third - 100) / 5):
        assert stats.kstest(draws, "norm").pvalue > ALPHA
    assert abs(stats.pearsonr(first, third).statistic) < stats.norm.isf(ALPHA / 2) / np.sqrt(first.size)


def test_periods_have_the_given_deviation():
    phases, _ = JobLifeCycle(step=two_levels(2.0, period_sd=0.05), idle_w=0).draw(4000, seed())
    periods = np.diff(phases.knots_s[::2])
    assert stats.kstest(periods, stats.norm(2.0, 0.1).cdf).pvalue > ALPHA
    np.testing.assert_allclose(np.diff(phases.knots_s)[::2] / periods, 0.75)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 1000),
    st.booleans(),
    st.floats(1.0, 80.0),
    st.sampled_from([{"every_iterations": 3}, {"every_s": 7.0}]),
)
def test_a_longer_trace_begins_with_the_shorter_one(number, skip_start, duration_s, often):
    checkpoint = Checkpoint(duration_s=0.7, level_w=60, **often)
    job = replace(FULL, skip_start=skip_start, checkpoint=checkpoint, iterations=500)
    short, long = (synthesise(job, d, 20, number) for d in (duration_s, 700))
    assert short.power_w.tobytes() == long.power_w[: short.power_w.size].tobytes()


def test_levels_are_not_below_zero():
    step = Step(period_s=1, phases=(StepPhase(share=1, start_w=10, level_sd_w=100),))
    phases, _ = JobLifeCycle(step=step, idle_w=0).draw(100, seed())
    assert phases.start_w.min() == 0


def test_plain_data_and_back():
    data = asdict(FULL)
    assert JobLifeCycle.from_dict(data) == FULL
    short = {"step": {"period_s": 2, "phases": [{"share": 1, "start_w": 300}]}, "idle_w": 70, "nominal_w": 500}
    job = JobLifeCycle.from_dict(short)
    assert (job.step.phases, job.nominal_w, job.start) == ((StepPhase(share=1.0, start_w=300.0),), 500.0, ())


STEP = {"period_s": 2, "phases": [{"share": 1, "start_w": 300}]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"step": STEP}, "idle_w: missing key"),
        ({"step": STEP, "idle_w": -1}, "idle_w: .*greater than or equal to 0, got -1"),
        ({"step": STEP | {"period": 1}, "idle_w": 0}, "step.period: unknown key; did you mean 'period_s'?"),
        ({"step": {"period_s": 2, "phases": [{"share": 0.5, "start_w": 3}]}, "idle_w": 0}, "add up to 1, got 0.5"),
        ({"step": {"period_s": 2, "phases": [{"share": 1, "start_w": "hot"}]}, "idle_w": 0}, r"phases\[0\].start_w"),
        ({"step": {"period_s": 2, "phases": []}, "idle_w": 0}, "step.phases"),
        ({"step": STEP, "idle_w": float("nan")}, "idle_w: .*finite"),
        ({"step": STEP, "idle_w": 0, "checkpoint": {"duration_s": 1, "level_w": 1}}, "checkpoint: .*every_iterations"),
        ({"step": {"period_s": 2, "phases": [{"share": 1, "start_w": 0}]}, "idle_w": 0}, "nominal_w must be above 0"),
    ],
)
def test_a_mistake_names_its_key(data, message):
    with pytest.raises(LoadDataError, match=message):
        JobLifeCycle.from_dict(data)


def test_a_profile_becomes_a_step_that_goes_through_it():
    step = Step.from_profile(10.0, [1.0, 4.0, 9.0], [100.0, 400.0, 300.0])
    phases, _ = JobLifeCycle(step=step, idle_w=0).draw(25, seed())
    waveform = Waveform.from_segments(phases.knots_s, phases.start_w, phases.end_w, "hold")
    assert [waveform.value(t) for t in (1, 4, 9, 11, 14, 19)] == pytest.approx([100, 400, 300] * 2)
    assert waveform.value(0) == waveform.value(10) == pytest.approx(200)
    assert np.abs(phases.jumps()[1]).max() == 0
    with pytest.raises(ValueError, match="increase within"):
        Step.from_profile(10.0, [1.0, 10.0], [100.0, 400.0])


def recorded_job(profile):
    """One node of the recorded job; the profile is turned so that an iteration ends in the dip of the exchange."""
    turned_s = (profile[:, 0] - 0.9) % 10.63
    order = np.argsort(turned_s)
    return JobLifeCycle(
        step=Step.from_profile(10.63, list(turned_s[order]), list(profile[order, 1]), period_sd=0.002),
        idle_w=2500,
        start=(
            Stage(duration_s=0.6, start_w=6110),
            Stage(duration_s=1.3, start_w=4960, end_w=4320),
            Stage(duration_s=2.0, start_w=5600, end_w=7000),
        ),
        pause=Stage(duration_s=0.14, start_w=6005),
        evaluation=Evaluation(
            every_iterations=12,
            step=flat(4.14, 6390),
            repeats=3,
            begin=(Stage(duration_s=0.45, start_w=5110),),
            first_begin=(Stage(duration_s=0.6, start_w=3680), Stage(duration_s=1.8, start_w=4230, end_w=6300)),
        ),
    )


def spectrum(power_w):
    """Period and amplitude, zero padded, of samples every 2 s."""
    n = 8 * power_w.size
    amplitude = np.abs(np.fft.rfft((power_w - power_w.mean()) * np.hanning(power_w.size), n))
    return 1.0 / np.fft.rfftfreq(n, 2.0)[1:], amplitude[1:]


def test_against_the_recorded_gpt3_job(recorded):
    """MLPerf Training v4.0 power logs, SMC: GPT-3 175B on 64 nodes of 8 H100, node power every 2 s.

    The total was made by joining the samples of 64 nodes, taken at different times, by straight lines: on average over
    the nodes that is the hat average over 2 s on either side, so the model is measured in the same way.
    """
    folder = "gpt3-175b-512xh100/"
    profile = np.loadtxt(recorded(folder + "DERIVED_folded_train_step_profile.csv"), delimiter=",", skiprows=1)
    total = np.loadtxt(recorded(folder + "DERIVED_total_64nodes_2s.csv"), delimiter=",", skiprows=1)[:, 2]
    duration_s = 2.0 * (total.size - 1)
    job = recorded_job(profile)
    for number in range(3):
        trace = synthesise(job, duration_s, 10, number, devices=64)
        nodes = 2.0 * np.arange(total.size)
        model, _ = hat_average(Waveform.from_trace(trace, "hold"), nodes, np.zeros(nodes.size, dtype=bool))
        assert trace.mean_w == pytest.approx(total.mean(), rel=0.02)
        assert np.ptp(model) == pytest.approx(np.ptp(total), rel=0.1)
        assert model.min() == pytest.approx(total.min(), rel=0.05)
        # The swing of the running job, without the first seconds and the first evaluation.
        running = [np.ptp(np.percentile(power[80:], [1, 99])) for power in (model, total)]
        assert running[0] == pytest.approx(running[1], rel=0.1)
        lines = {}
        for name, power in (("model", model), ("recorded", total)):
            period_s, amplitude = spectrum(power)
            slow = (period_s > 120) & (period_s < 170)
            lines[name] = period_s[amplitude.argmax()], period_s[slow][amplitude[slow].argmax()]
        assert lines["model"] == pytest.approx(lines["recorded"], rel=0.02)
        assert lines["recorded"] == pytest.approx((10.93, 142), rel=0.002)
