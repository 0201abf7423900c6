"""What parameters do to a metric of a sweep: against models that are known, and slow and plain counts."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_tables import METRIC, swept, table_of

from cosim.sweep.effects import (
    changes_from_base,
    effect,
    pass_plane,
    pass_share,
    plane_of,
    seed_movement,
)
from cosim.sweep.grouping import find_parameter, grouped, is_scale, varied

A = {"key": "sites[0].rating_mw", "values": [10, 20, 40]}
B = {"key": "sites[0].pue", "range": [1.0, 1.4], "steps": 3}
BUS = {"key": "sites[0].bus", "values": [14, 4, 9]}
MIX = {"name": "mix", "cases": {"much": {"x": 1}, "little": {"x": 2}}}
CONTINUOUS = {"key": "grid.x", "range": [0.0, 1.0]}


def by(parameter, runs, method="grid", **keys):
    return grouped(parameter, runs[parameter.column], method, **keys)


@given(
    st.lists(st.tuples(st.sampled_from([10, 20, 40]), st.floats(-1e6, 1e6) | st.just(np.nan)), min_size=1, max_size=60)
)
def test_an_effect_is_the_quantiles_of_each_value(runs_of):
    (parameter,) = swept(A).parameters
    runs = pd.DataFrame(runs_of, columns=[parameter.column, METRIC])
    found = effect(runs[METRIC], by(parameter, runs))
    assert found.grouping.names == tuple(str(mw) for mw in sorted(set(runs[parameter.column])))
    for k, mw in enumerate(sorted(set(runs[parameter.column]))):
        numbers = [number for value, number in runs_of if value == mw and not np.isnan(number)]
        assert found.count[k] == len(numbers)
        if numbers:
            expected = np.quantile(numbers, [0.05, 0.5, 0.95])
            np.testing.assert_allclose([found.low[k], found.median[k], found.high[k]], expected, rtol=1e-9, atol=1e-9)
        else:
            assert np.isnan([found.low[k], found.median[k], found.high[k]]).all()


def test_an_effect_moves_a_metric_as_far_as_the_model_does():
    """Of 3 a + 100 b, each median of a grid is taken over the middle of all else."""
    sweep = swept(A, B)
    runs = table_of(sweep, lambda a, b, _: 3 * a + 100 * b)
    a, b = (effect(runs[METRIC], by(parameter, runs)) for parameter in sweep.parameters)
    np.testing.assert_allclose(a.median, [3 * mw + 120 for mw in (10, 20, 40)])
    assert a.movement == pytest.approx(90)
    np.testing.assert_allclose(b.median, [3 * 20 + 100 * pue for pue in (1.0, 1.2, 1.4)])
    assert b.movement == pytest.approx(40)


def test_nothing_is_moved_where_fewer_than_two_values_have_numbers():
    sweep = swept(A)
    runs = table_of(sweep, lambda a, _: a if a == 20 else None)
    assert np.isnan(effect(runs[METRIC], by(sweep.parameters[0], runs)).movement)


def test_values_that_are_names_are_in_the_order_of_the_sweep_file():
    sweep = swept(BUS, MIX)
    runs = table_of(sweep, lambda bus, _mix, _: bus)
    bus, mix = (by(parameter, runs) for parameter in sweep.parameters)
    assert (bus.names, bus.centres) == (("14", "4", "9"), None)
    assert (mix.names, mix.centres) == (("much", "little"), None)
    np.testing.assert_allclose(effect(runs[METRIC], bus).median, [14, 4, 9])


SAMPLED = ["latin_hypercube", "sobol"]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=300), st.integers(2, 10), st.sampled_from(SAMPLED))
def test_bins_hold_every_run_once_and_are_apart(values, bins, method):
    (parameter,) = swept(CONTINUOUS, sampling={"method": method, "samples": 2}).parameters
    found = grouped(parameter, pd.Series(values, dtype=float), method, bins)
    cells = np.array(values)
    assert found.is_binned
    assert 1 <= len(found.names) <= bins
    assert set(found.codes) == set(range(len(found.names)))
    ends = [(cells[found.codes == k].min(), cells[found.codes == k].max()) for k in range(len(found.names))]
    for k, (low, high) in enumerate(ends):
        assert low <= found.centres[k] <= high
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ends))


def test_bins_of_a_sample_hold_as_many_runs_each():
    sweep = swept(CONTINUOUS, sampling={"method": "latin_hypercube", "samples": 200})
    runs = table_of(sweep, lambda x, _: x)
    found = by(sweep.parameters[0], runs, "latin_hypercube")
    assert np.bincount(found.codes).tolist() == [20] * 10
    assert len(by(sweep.parameters[0], runs[:24], "latin_hypercube").names) == 3  # at least eight runs each


def test_what_is_sampled_but_has_levels_is_not_binned():
    sweep = swept(CONTINUOUS, A, sampling={"method": "latin_hypercube", "samples": 60})
    runs = table_of(sweep, lambda x, _a, _: x)
    assert by(sweep.parameters[1], runs, "latin_hypercube").names == ("10", "20", "40")
    steps = swept({"key": "grid.x", "range": [0, 1]}, sampling={"method": "morris", "trajectories": 9})
    assert len(by(steps.parameters[0], table_of(steps, lambda x, _: x), "morris").names) == 4


def test_numbers_with_very_many_values_are_binned():
    sweep = swept({"key": "grid.x", "range": [0, 99], "steps": 100})
    found = by(sweep.parameters[0], table_of(sweep, lambda x, _: x))
    assert found.is_binned
    assert found.names[0] == "0 to 9"
    assert found.names[-1] == "90 to 99"


@pytest.mark.parametrize(
    ("parameter", "is_log"),
    [
        ({"key": "k", "range": [0.1, 10], "scale": "log"}, True),
        ({"key": "k", "distribution": "log_uniform", "low": 0.1, "high": 10}, True),
        ({"key": "k", "range": [0.1, 10]}, False),
    ],
)
def test_a_log_scale_is_kept(parameter, is_log):
    sweep = swept(parameter, sampling={"method": "sobol", "samples": 32})
    found = by(sweep.parameters[0], table_of(sweep, lambda x, _: x), "sobol")
    assert found.is_log == is_log


@pytest.mark.parametrize(
    ("key", "cells", "expected"),
    [
        ("sites[0].rating_mw", [1.0, 2.0], True),
        ("simulation.duration_s", [1, 2], True),
        ("sites[0].bus", [4, 8], False),
        ("events[0].line.circuit", [1, 2], False),
        ("simulation.seed", [1, 2], False),
        ("grid.redispatch", [True, False], False),
        ("grid.case", ["a", "b"], False),
    ],
)
def test_names_that_are_numbers_are_not_on_a_scale(key, cells, expected):
    (parameter,) = swept({"key": key, "values": cells}).parameters
    assert is_scale(parameter, pd.Series(cells)) == expected


def test_parameters_with_one_value_are_not_varied():
    sweep = swept(A, {"key": "sites[0].pue", "values": [1.2]}, MIX)
    assert [p.title for p in varied(sweep, table_of(sweep, lambda *_: 0))] == ["rating_mw", "mix"]


def test_a_parameter_is_found_by_key_name_or_column():
    parameters = swept(A, {"key": ["sites[0].bus", "sites[1].bus"], "name": "both", "values": [1, 2]}).parameters
    assert find_parameter(parameters, "rating_mw") is parameters[0]
    assert find_parameter(parameters, "sites[0].rating_mw") is parameters[0]
    assert find_parameter(parameters, "both") is find_parameter(parameters, "sites[1].bus") is parameters[1]
    assert find_parameter(parameters, "sites[1].rating_mw") is None


VERDICTS = {
    "pass": ("completed", "pass"),
    "fail": ("completed", "fail"),
    "not_assessed": ("completed", "not_assessed"),
    "diverged": ("diverged", "simulation_failed"),
    "pending": ("pending", None),
}


@given(
    st.lists(
        st.tuples(st.sampled_from([10, 20, 40]), st.sampled_from(["much", "little"]), st.sampled_from(list(VERDICTS))),
        min_size=1,
        max_size=60,
    )
)
def test_shares_of_passes_are_of_the_runs_with_a_result(runs_of):
    """What did not complete counts as no pass; what is pending or was not assessed does not count."""
    sweep = swept(A, MIX)
    rows = [(a, mix, *VERDICTS[kind]) for a, mix, kind in runs_of]
    runs = pd.DataFrame(rows, columns=[A["key"], "mix", "status", "verdict"])
    across, up = (by(parameter, runs) for parameter in sweep.parameters)

    def expected(is_inside):
        counted = [kind for a, mix, kind in runs_of if is_inside(a, mix) and kind in ("pass", "fail", "diverged")]
        return (100 * counted.count("pass") / len(counted) if counted else np.nan), len(counted)

    share = pass_share(runs, across)
    plane = pass_plane(runs, across, up)
    assert plane.shape == (len(up.names), len(across.names))
    for k, name in enumerate(across.names):
        mw = int(name)
        np.testing.assert_allclose((share.median[k], share.count[k]), expected(lambda a, _, mw=mw: a == mw))
        for j, mix in enumerate(up.names):
            cell = expected(lambda a, m, mw=mw, mix=mix: (a, m) == (mw, mix))[0]
            np.testing.assert_allclose(plane[j, k], cell)


def test_a_plane_has_the_median_of_each_pair_and_gaps():
    sweep = swept(A, BUS, replicates=3)
    runs = table_of(sweep, lambda a, bus, seed: 100 * a + bus + {1: -5, 2: 0, 3: 50}[seed])
    runs = runs[(runs[A["key"]] != 20) | (runs[BUS["key"]] != 4)]
    found = plane_of(runs[METRIC], *(by(parameter, runs) for parameter in sweep.parameters))
    expected = [[100 * a + bus for a in (10, 20, 40)] for bus in (14, 4, 9)]
    expected[1][1] = np.nan
    np.testing.assert_allclose(found, expected)


def test_the_seed_moves_a_metric_as_far_as_the_median_point():
    sweep = swept(A, replicates=3)
    runs = table_of(sweep, lambda a, seed: 1000 * a + a * seed)  # 20, 40 and 80 apart
    assert seed_movement(runs[METRIC], 3) == pytest.approx(40)
    runs.loc[1, METRIC] = np.nan  # a point counts with all its seeds
    assert seed_movement(runs[METRIC], 3) == pytest.approx(60)
    assert np.isnan(seed_movement(runs[METRIC], 1))


ONE = {"method": "one_at_a_time"}


@given(st.integers(1, 4), st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=4))
@settings(max_examples=30)
def test_changes_from_the_base_point_are_free_of_what_the_seed_does(replicates, noise):
    """Of 3 a + 100 b + bus + what is the same for a seed: changes are those of the model alone, at any noise."""
    sweep = swept(A, B, BUS, sampling=ONE, replicates=replicates)
    runs = table_of(sweep, lambda a, b, bus, seed: 3 * a + 100 * b + bus + noise[seed - 1])
    found = changes_from_base(sweep.parameters, runs, METRIC)
    expected = {("rating_mw", "20"): 30, ("rating_mw", "40"): 90, ("pue", "1.2"): 20, ("pue", "1.4"): 40}
    expected |= {("bus", "4"): -10, ("bus", "9"): -5}
    assert [(c.parameter.title, c.value) for c in found] == list(expected)
    for change in found:
        target = expected[change.parameter.title, change.value]
        np.testing.assert_allclose([change.low, change.median, change.high], target, atol=1e-9)
        assert change.pairs == replicates


def test_a_change_has_the_smallest_and_the_largest_of_its_seeds():
    sweep = swept(A, MIX, sampling=ONE, replicates=3)
    effects = {1: 0.0, 2: 1.0, 3: 10.0}
    runs = table_of(sweep, lambda _a, mix, seed: 50 * seed + effects[seed] * (mix == "little"))
    found = {(c.parameter.title, c.value): c for c in changes_from_base(sweep.parameters, runs, METRIC)}
    change = found["mix", "little"]
    assert (change.low, change.median, change.high) == (0.0, 1.0, 10.0)
    assert found["rating_mw", "40"].high == 0.0


def test_only_seeds_that_both_points_have_are_compared():
    sweep = swept(A, sampling=ONE, replicates=3)
    runs = table_of(sweep, lambda a, seed: a * seed)
    runs = runs.drop(index=[1, 5])  # seed 2 of the base, seed 3 of the next point
    first, second = changes_from_base(sweep.parameters, runs, METRIC)
    assert (first.value, first.pairs, first.median) == ("20", 1, 10.0)
    assert (second.value, second.pairs, second.low, second.high) == ("40", 2, 30.0, 90.0)


def test_without_a_base_there_are_no_changes():
    sweep = swept(A, sampling=ONE)
    runs = table_of(sweep, lambda a, _: a)
    why = changes_from_base(sweep.parameters, runs[1:], METRIC)
    assert why == "no run at the base point has completed with a number for it"
    why = changes_from_base(sweep.parameters, runs[:1], METRIC)
    assert why == "no run away from the base point has completed with the seed of one at it"
