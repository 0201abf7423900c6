"""Staggering: the energy stays, and a sinusoid falls as the theory of delayed sums says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loads_reference import integral, make_trace, one, pieces
from loads_strategies import AT_END, traces

from loads.interpolation import Waveform
from loads.mitigation import Stagger, spread_checkpoints, staggered
from loads.workloads import Checkpoint, JobLifeCycle, Step, StepPhase

COHORTS = st.integers(1, 9)
SPREADS = st.floats(0, 5)
DELAYS = st.sampled_from(["even", "random"])


def sinusoid(frequency_hz, rate_hz=1000, duration_s=10):
    time_s = np.arange(duration_s * rate_hz + 1) / rate_hz
    return make_trace(time_s, 100 + 10 * np.sin(2 * np.pi * frequency_hz * time_s), "linear")


@given(traces(), COHORTS, SPREADS, DELAYS)
@settings(deadline=None, max_examples=50)
def test_looping_trace_keeps_its_energy_and_duration(trace, cohorts, spread_s, delays):
    output, _ = staggered(trace, Stagger(cohorts, spread_s, delays), "loop")
    assert output.duration_s == pytest.approx(trace.duration_s)
    assert output.energy_j == pytest.approx(trace.energy_j, rel=1e-9, abs=1e-6)


@given(traces(), COHORTS, SPREADS, DELAYS)
@settings(deadline=None, max_examples=50)
def test_held_trace_gives_each_cohort_all_of_its_work(trace, cohorts, spread_s, delays):
    settings_ = Stagger(cohorts, spread_s, delays)
    output, report = staggered(trace, settings_, "hold")
    first, last = trace.power_w[0], trace.power_w[-1]
    waiting = np.mean(report.delays_s)
    assert output.duration_s == pytest.approx(trace.duration_s + spread_s)
    expected = trace.energy_j + waiting * first + (spread_s - waiting) * last
    assert output.energy_j == pytest.approx(expected, rel=1e-9, abs=1e-6)


@given(traces().filter(lambda t: t.power_w.size <= 12), st.integers(1, 4), SPREADS, AT_END)
@settings(deadline=None, max_examples=30)
def test_every_interval_is_the_mean_of_the_delayed_traces(trace, cohorts, spread_s, at_end):
    output, report = staggered(trace, Stagger(cohorts, spread_s, "random", seed=3), at_end)
    turns = np.ceil(max(report.delays_s) / trace.duration_s) * trace.duration_s if at_end == "loop" else 0.0
    parts = pieces(trace, at_end == "loop", output.duration_s + turns)
    if at_end == "hold":
        parts = [(-10.0, 0.0, trace.power_w[0], trace.power_w[0]), *parts]
    for k in range(min(output.power_w.size, 8)):
        a, b = output.time_s[k : k + 2]
        energies = [integral(parts, a - d + turns, b - d + turns, one) for d in report.delays_s]
        assert output.power_w[k] * (b - a) == pytest.approx(np.mean(energies), rel=1e-6, abs=1e-4)


@pytest.mark.parametrize("spread_s", [0.2, 0.35, 1.3])
def test_sinusoid_falls_by_the_sinc_of_the_spread(spread_s):
    frequency_hz = 1.1
    output, report = staggered(sinusoid(frequency_hz), Stagger(200, spread_s))
    assert report.sd_after_w / report.sd_before_w == pytest.approx(abs(np.sinc(frequency_hz * spread_s)), abs=2e-3)
    assert output.mean_w == pytest.approx(100)


def test_few_cohorts_follow_the_dirichlet_kernel():
    _, report = staggered(sinusoid(1.0), Stagger(3, 0.4))
    expected = np.sin(np.pi * 0.4) / (3 * np.sin(np.pi * 0.4 / 3))
    assert report.sd_after_w / report.sd_before_w == pytest.approx(expected, rel=1e-4)


def test_even_delays_over_a_period_cancel_it():
    _, report = staggered(sinusoid(2.0), Stagger(4, 0.5))
    assert report.sd_after_w < 1e-9 * report.sd_before_w


def test_random_delays_come_from_the_seed():
    first, again, other = (Stagger(50, 2.0, "random", seed).delays_s for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert first.min() >= 0
    assert first.max() < 2


def test_edges_are_those_of_every_cohort_and_become_smaller():
    time_s = np.arange(11) / 10
    trace = make_trace(time_s, [0, 0, 0, 100, 100, 100, 100, 100, 0, 0], "hold")
    output, _ = staggered(trace, Stagger(2, 0.4))
    np.testing.assert_allclose(output.power_w, [0, 0, 0, 50, 50, 100, 100, 100, 50, 50], atol=1e-9)
    np.testing.assert_allclose(output.edges(10.0), [0.3, 0.5, 0.8])
    marked = type(trace)(trace.time_s, trace.power_w, trace.provenance, "hold", np.array([3]))
    np.testing.assert_array_equal(staggered(marked, Stagger(2, 0.4))[0].edge_knots, [2, 3, 5])
    assert staggered(sinusoid(1.0), Stagger(2, 0.4))[0].edges(0.0).size == 0


def test_staggering_says_what_it_did():
    output, report = staggered(sinusoid(1.0), Stagger(4, 0.5))
    assert output.provenance.notes[-1] == "staggered: 4 cohorts spread evenly over 0.5 s"
    assert report.delays_s == (0.0, 0.125, 0.25, 0.375)
    other, _ = staggered(sinusoid(1.0), Stagger(4, 0.5, "random", 7))
    assert other.provenance.notes[-1] == "staggered: 4 cohorts spread at random (seed 7) over 0.5 s"


def test_jobs_with_spread_checkpoints_do_not_save_at_once():
    step = Step(1.0, (StepPhase(1.0, 100.0),))
    job = JobLifeCycle(step, idle_w=5.0, checkpoint=Checkpoint(2.0, 10.0, every_iterations=18))
    jobs = spread_checkpoints(job, 5)
    low = []
    for each in jobs:
        phases, _ = each.draw(100.0, np.random.SeedSequence(1))
        waveform = Waveform.from_segments(phases.knots_s, phases.start_w, phases.end_w, "hold")
        low.append(waveform.interval_means(0.5, 200) < 50)
    assert np.sum(low, axis=0).max() == 1
    assert np.sum(low, axis=1).min() >= 16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cohorts": 0}, "cohorts must be a whole number from 1, got 0"),
        ({"spread_s": -1}, "spread_s must be 0 s or more, got -1"),
        ({"delays": "odd"}, "delays must be 'even' or 'random', got 'odd'"),
    ],
)
def test_settings_out_of_range_say_what_was_expected(change, message):
    with pytest.raises(ValueError, match=message):
        Stagger(**({"cohorts": 2, "spread_s": 1.0} | change))


def test_checkpoints_cannot_be_spread_where_there_are_none():
    job = JobLifeCycle(Step(1.0, (StepPhase(1.0, 100.0),)), idle_w=5.0)
    with pytest.raises(ValueError, match="needs a checkpoint with every_iterations"):
        spread_checkpoints(job, 2)
    with pytest.raises(ValueError, match="jobs must be a whole number from 1, got 0"):
        spread_checkpoints(job, 0)
