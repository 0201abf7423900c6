"""The search for hosting capacity, against responses whose answer is known."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.hosting_margins import CheckedLimit, Trial, contradictions, predicted
from cosim.hosting_search import Bracket, largest_size, rounded

MAX_MW = 500.0


def limit_of(name, value, limit, is_max=True):
    margin = limit - value if is_max else value - limit
    return CheckedLimit(name, name, value, limit, "", "max" if is_max else "min", margin >= 0, margin, "1", 0.0)


def trial_of(engine, seed, size_mw, limits):
    verdict = "pass" if all(limit.passes for limit in limits) else "fail"
    return Trial(engine, seed, size_mw, "completed", verdict, tuple(limits))


class Grid:
    """Deviations that grow with size, a voltage that falls with its square; the engines differ by a share."""

    def __init__(self, at_mw, gap=0.0, bend=0.0, fails_from_mw=math.inf):
        self.at_mw, self.gap, self.bend, self.fails_from_mw = at_mw, gap, bend, fails_from_mw
        self.runs = []

    def __call__(self, engine, seed, size_mw):
        self.runs.append((engine, seed, size_mw))
        if size_mw >= self.fails_from_mw:
            return Trial(engine, seed, size_mw, "power_flow_failed", "simulation_failed", (), "no solution")
        x = size_mw / self.at_mw[seed] * (1 + self.gap * (engine == "auto"))
        swing = 30.0 * (x + self.bend * x**2) / (1 + self.bend)
        voltage = 1.02 - 0.05 * (size_mw / MAX_MW) ** 2
        return trial_of(engine, seed, size_mw, [limit_of("swing", swing, 30.0), limit_of("low", voltage, 0.9, False)])

    def count(self, engine):
        return sum(run[0] == engine for run in self.runs)


sizes = st.lists(st.floats(5.0, 400.0), min_size=1, max_size=5)


@given(sizes=sizes, gap=st.floats(-0.03, 0.03), bend=st.floats(0, 2), tolerance=st.floats(0.002, 0.2))
def test_largest_size_passes_with_every_seed_and_a_little_more_does_not(sizes, gap, bend, tolerance):
    grid = Grid(dict(enumerate(sizes, 1)), gap, bend)
    found = largest_size(grid, range(1, len(sizes) + 1), Bracket(MAX_MW, tolerance))
    assert found.status == "found"
    truth_mw = min(sizes) / (1 + gap)
    assert found.low.size_mw <= truth_mw * (1 + 1e-9)
    assert found.high.size_mw >= truth_mw * (1 - 1e-9)
    assert found.high.size_mw <= found.low.size_mw * (1 + tolerance) * 1.0002
    assert found.high.binding.id == "swing"
    assert found.low.engine == found.high.engine == "auto"
    assert not found.warnings
    assert len(set(grid.runs)) == len(grid.runs) == len(found.trials)


def test_two_nonlinear_runs_do_where_the_engines_agree():
    grid = Grid({1: 80.0, 2: 120.0, 3: 200.0}, gap=0.003, bend=0.1)
    found = largest_size(grid, [1, 2, 3], Bracket(MAX_MW))
    assert grid.count("auto") == 2
    assert grid.count("linear") <= 12
    assert found.seed == 1
    assert [estimate.seed for estimate in found.estimates] == [1, 2, 3]
    assert found.estimates[0].predicted_mw == pytest.approx(80.0, rel=0.003)


def test_few_nonlinear_runs_do_where_the_engines_differ():
    grid = Grid({1: 80.0, 2: 200.0}, gap=0.1)
    found = largest_size(grid, [1, 2], Bracket(MAX_MW))
    assert found.low.size_mw <= 80.0 / 1.1 <= found.high.size_mw
    assert grid.count("auto") <= 5


def test_seeds_near_the_worst_are_run_at_the_size_found():
    found = largest_size(Grid({1: 100.0, 2: 100.5, 3: 105.0}), [1, 2, 3], Bracket(MAX_MW))
    assert found.checked == (1, 2)
    assert found.seed == 1


def test_the_reach_grows_with_the_gap_between_the_engines():
    found = largest_size(Grid({1: 100.0, 2: 105.0, 3: 150.0}, gap=0.03), [1, 2, 3], Bracket(MAX_MW))
    assert found.checked == (1, 2)


def test_a_seed_that_is_worse_than_predicted_decides():
    linear = Grid({1: 100.0, 2: 100.8})
    full = Grid({1: 100.0, 2: 97.0})

    def run(engine, seed, size_mw):
        return (full if engine == "auto" else linear)(engine, seed, size_mw)

    found = largest_size(run, [1, 2], Bracket(MAX_MW))
    assert found.seed == 2
    assert found.low.size_mw <= 97.0 <= found.high.size_mw
    assert found.checked == (1, 2)


def test_the_largest_size_passes():
    found = largest_size(Grid({1: 1e4, 2: 2e4}), [1, 2], Bracket(MAX_MW))
    assert (found.status, found.low.size_mw, found.high) == ("at_max", MAX_MW, None)
    assert found.low.binding.passes


def test_no_size_passes():
    found = largest_size(Grid({1: 0.1}), [1], Bracket(MAX_MW))
    assert (found.status, found.low, found.high.size_mw) == ("none", None, 0.5)
    assert found.high.binding.id == "swing"


def test_a_run_that_does_not_complete_binds():
    grid = Grid({1: 1e4, 2: 1e4}, fails_from_mw=217.0)
    found = largest_size(grid, [1, 2], Bracket(MAX_MW))
    assert found.status == "found"
    assert found.low.size_mw < 217.0 <= found.high.size_mw <= found.low.size_mw * 1.0101
    assert found.high.status == "power_flow_failed"


@given(size_mw=st.floats(2.0, 450.0))
def test_a_limit_that_starts_to_apply_at_a_size_binds_there(size_mw):
    def run(engine, seed, tried_mw):
        limits = [limit_of("swing", tried_mw / 10, 1e3)]
        if tried_mw >= size_mw:
            limits.append(limit_of("step", 5.0, 1.0))
        return trial_of(engine, seed, tried_mw, limits)

    found = largest_size(run, [1], Bracket(MAX_MW))
    assert found.low.size_mw < size_mw <= found.high.size_mw <= found.low.size_mw * 1.0102
    assert found.high.binding.id == "step"


def test_the_engines_disagree_on_the_kind_of_failure():
    def run(engine, seed, size_mw):
        if engine == "auto" and size_mw > 40:
            return Trial(engine, seed, size_mw, "unstable", "simulation_failed", (), "out of step")
        return Grid({1: 200.0})(engine, seed, size_mw)

    found = largest_size(run, [1], Bracket(MAX_MW))
    assert found.low.size_mw <= 40 < found.high.size_mw <= found.low.size_mw * 1.0102
    assert found.high.status == "unstable"
    assert sum(trial.engine == "auto" for trial in found.trials) < 20


def test_what_is_not_assessed_is_said_after_one_run():
    def run(engine, seed, size_mw):
        return Trial(engine, seed, size_mw, "completed", "not_assessed", (), "set for 50 Hz")

    found = largest_size(run, [1, 2], Bracket(MAX_MW))
    assert (found.status, found.low, len(found.trials)) == ("not_assessed", None, 1)


def test_one_engine_may_do_both():
    grid = Grid({1: 80.0})
    found = largest_size(grid, [1], Bracket(MAX_MW), confirm="linear")
    assert grid.count("auto") == 0
    assert found.low.size_mw <= 80.0 <= found.high.size_mw <= found.low.size_mw * 1.0102


def test_a_pass_above_a_failure_is_told():
    run = Grid({1: 80.0})
    trials = [run("auto", 1, 70.0), run("auto", 1, 90.0)]
    assert contradictions(trials) == []
    odd = replace(run("auto", 1, 100.0), verdict="pass")
    assert contradictions([*trials, replace(odd, seed=2), replace(odd, engine="linear")]) == []
    (text,) = contradictions([*trials, odd])
    assert "100 MW passes, but not 90 MW" in text


def test_prediction_is_of_the_limit_that_binds_first():
    def run(size_mw):
        return trial_of(
            "linear", 1, size_mw, [limit_of("a", size_mw, 50.0), limit_of("b", 1 - size_mw / 100, 0.7, False)]
        )

    size_mw, name = predicted([run(1.0), run(10.0)])
    assert (size_mw, name) == (pytest.approx(30.0), "b")
    assert predicted([run(1.0)]) == (math.inf, None)


def test_a_limit_on_a_constant_never_binds():
    trials = [trial_of("linear", 1, size, [limit_of("a", 3.0, 5.0)]) for size in (1.0, 10.0)]
    assert predicted(trials) == (math.inf, None)


@pytest.mark.parametrize(("max_mw", "tolerance"), [(0.0, 0.01), (math.inf, 0.01), (10.0, 0.0), (10.0, 0.6)])
def test_a_bracket_out_of_range(max_mw, tolerance):
    with pytest.raises(ValueError, match="must be"):
        Bracket(max_mw, tolerance)


def test_sizes_have_few_digits():
    assert rounded(12.3456789) == 12.346
