"""Sampling of sweeps: what each method promises, for any parameters."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from cosim.sweep.model import Sweep
from cosim.sweep.parameters import Cases, Distribution, Range, Values
from cosim.sweep.sampling import number_of_points, sample


def swept(*parameters, sampling=None, **keys):
    """A sweep of parameters, sampled by a method with its keys."""
    return Sweep.model_validate(
        {"scenario": "x", "parameters": list(parameters), "sampling": sampling or {"method": "grid"}, **keys}
    )


def cells(sweep):
    """The points of a sweep as tables show them."""
    return [tuple(level.cell for level in point) for point in sample(sweep)]


def ranges(count, **keys):
    """Parameters between 0 and 1."""
    return [{"key": f"k{number}", "range": [0.0, 1.0], **keys} for number in range(count)]


levels = st.lists(st.integers(-1000, 1000), min_size=1, max_size=5, unique=True)
level_lists = st.lists(levels, min_size=0, max_size=4)
finite = st.floats(-1e6, 1e6)
shares = st.floats(0.0, 1.0)


def with_values(lists):
    return [{"key": f"k{number}", "values": values} for number, values in enumerate(lists)]


@given(level_lists)
def test_a_grid_has_every_combination_once_and_in_order(lists):
    points = cells(swept(*with_values(lists)))
    assert len(points) == math.prod(len(values) for values in lists)
    assert len(set(points)) == len(points)
    assert points == list(itertools.product(*lists))


@given(st.integers(1, 6), st.integers(1, 4))
def test_a_list_takes_the_values_together(length, count):
    lists = [[10 * number + k for k in range(length)] for number in range(count)]
    assert cells(swept(*with_values(lists), sampling={"method": "list"})) == list(zip(*lists, strict=True))


@given(level_lists)
def test_one_at_a_time_is_away_from_its_base_in_one_parameter_at_most(lists):
    points = cells(swept(*with_values(lists), sampling={"method": "one_at_a_time"}))
    base = tuple(values[0] for values in lists)
    assert points[0] == base
    away = [[k for k, cell in enumerate(point) if cell != base[k]] for point in points[1:]]
    assert all(len(differing) == 1 for differing in away)
    assert len(points) == 1 + sum(len(values) - 1 for values in lists)
    for k, values in enumerate(lists):
        assert [p[k] for p, d in zip(points[1:], away, strict=True) if d == [k]] == values[1:]


@given(st.integers(2, 60), st.integers(1, 5), st.integers(0, 2**62 - 1))
def test_a_latin_hypercube_has_one_point_in_each_stratum_of_each_parameter(samples, count, seed):
    points = cells(swept(*ranges(count), sampling={"method": "latin_hypercube", "samples": samples}, seed=seed))
    assert len(points) == samples
    for column in zip(*points, strict=True):
        assert sorted(math.floor(share * samples - 1e-9) if share else 0 for share in column) == list(range(samples))


@given(st.integers(2, 300), st.integers(1, 6), st.integers(0, 2**40))
def test_sobol_gives_as_many_points_as_asked_for(samples, count, seed):
    """Of N that is no power of two the first ones of the next power: a longer sample begins with a shorter one."""
    sampling = {"method": "sobol", "samples": samples}
    points = cells(swept(*ranges(count), sampling=sampling, seed=seed))
    assert len(points) == samples
    whole = {"method": "sobol", "samples": 2 ** (samples - 1).bit_length()}
    assert cells(swept(*ranges(count), sampling=whole, seed=seed))[:samples] == points


@pytest.mark.parametrize("seed", range(5))
def test_sobol_is_more_even_than_chance(seed):
    points = np.array(cells(swept(*ranges(3), sampling={"method": "sobol", "samples": 256}, seed=seed)))
    chance = np.random.default_rng(seed).random((256, 3))
    discrepancy = stats.qmc.discrepancy
    assert discrepancy(points) < 0.2 * discrepancy(chance)
    for column in points.T:  # one in each of 256 strata
        assert sorted(np.floor(column * 256).astype(int)) == list(range(256))


@given(st.sampled_from([2, 4, 8]), st.integers(1, 4), st.booleans(), st.integers(0, 2**62 - 1))
@settings(max_examples=40)
def test_saltelli_has_the_blocks_of_which_sobol_indices_are_made(samples, count, second_order, seed):
    """Each block: A, then A with one parameter of B each, (then B with one of A each,) then B."""
    sampling = {"method": "saltelli", "samples": samples, "second_order": second_order}
    points = np.array(cells(swept(*ranges(count), sampling=sampling, seed=seed)))
    rows = (2 * count if second_order else count) + 2
    assert points.shape == (samples * rows, count)
    for block in points.reshape(samples, rows, count):
        a, b = block[0], block[-1]
        for k in range(count):
            mixed = a.copy()
            mixed[k] = b[k]
            np.testing.assert_array_equal(block[1 + k], mixed)
            if second_order:
                mixed = b.copy()
                mixed[k] = a[k]
                np.testing.assert_array_equal(block[1 + count + k], mixed)


@given(st.integers(2, 8), st.integers(1, 5), st.sampled_from([2, 4, 6]), st.integers(0, 2**62 - 1))
@settings(max_examples=40)
def test_morris_changes_one_parameter_at_each_step_of_a_path(trajectories, count, grid_levels, seed):
    sampling = {"method": "morris", "trajectories": trajectories, "grid_levels": grid_levels}
    points = np.array(cells(swept(*ranges(count), sampling=sampling, seed=seed)))
    assert points.shape == (trajectories * (count + 1), count)
    jump = grid_levels / (2 * (grid_levels - 1))
    on_grid = points * (grid_levels - 1)
    np.testing.assert_allclose(on_grid, np.round(on_grid), atol=1e-9)
    for path in points.reshape(trajectories, count + 1, count):
        steps = np.diff(path, axis=0)
        assert sorted(np.argmax(np.abs(steps), axis=1)) == list(range(count))  # each parameter once
        np.testing.assert_allclose(np.sort(np.abs(steps), axis=1)[:, -1], jump)
        assert (np.abs(steps) > 1e-9).sum() == count


METHODS = st.one_of(
    st.just({"method": "grid"}),
    st.just({"method": "list"}),
    st.just({"method": "one_at_a_time"}),
    st.integers(2, 40).map(lambda n: {"method": "latin_hypercube", "samples": n}),
    st.integers(2, 40).map(lambda n: {"method": "sobol", "samples": n}),
    st.tuples(st.sampled_from([2, 4]), st.booleans()).map(
        lambda n: {"method": "saltelli", "samples": n[0], "second_order": n[1]}
    ),
    st.integers(2, 6).map(lambda n: {"method": "morris", "trajectories": n}),
)
RANDOM = METHODS.filter(lambda sampling: "samples" in sampling or sampling["method"] == "morris")


@given(METHODS, st.integers(1, 4), st.integers(2, 5))
def test_the_number_of_points_is_known_without_making_them(sampling, count, steps):
    sweep = swept(*ranges(count, steps=steps), sampling=sampling)
    assert number_of_points(sweep) == len(sample(sweep))


@pytest.mark.parametrize("method", ["grid", "list", "one_at_a_time"])
def test_nothing_varied_is_one_point(method):
    sweep = swept(sampling={"method": method})
    assert sample(sweep) == [()]
    assert number_of_points(sweep) == 1


@given(RANDOM, st.integers(1, 4), st.integers(0, 2**62 - 1))
@settings(max_examples=60)
def test_the_same_seed_gives_the_same_points_whatever_was_drawn_before(sampling, count, seed):
    sweep = swept(*ranges(count), sampling=sampling, seed=seed)
    first = cells(sweep)
    np.random.seed(seed % 1000)  # noqa: NPY002
    np.random.random(7)  # noqa: NPY002
    assert cells(sweep) == first


@given(
    st.sampled_from(
        [
            {"method": "latin_hypercube", "samples": 16},
            {"method": "sobol", "samples": 16},
            {"method": "saltelli", "samples": 16},
            {"method": "morris", "trajectories": 30},
        ]
    ),
    st.integers(2, 4),
    st.lists(st.integers(0, 2**31), min_size=2, max_size=4, unique=True),
)
@settings(max_examples=60)
def test_other_seeds_give_other_points(sampling, count, seeds):
    found = [tuple(cells(swept(*ranges(count), sampling=sampling, seed=seed))) for seed in seeds]
    assert len(set(found)) == len(seeds)


@given(st.integers(1, 6), st.integers(1, 8), st.integers(0, 1000))
def test_values_and_cases_are_sampled_with_equal_chance(count, each, seed):
    samples = max(2, count * each)
    parameters = [
        {"key": "k", "values": list(range(count))},
        {"name": "c", "cases": {f"case {number}": {"j": number} for number in range(count)}},
    ]
    sweep = swept(*parameters, sampling={"method": "latin_hypercube", "samples": samples}, seed=seed)
    if samples % count == 0:
        for column in zip(*cells(sweep), strict=True):
            assert set(Counter(column).values()) == {samples // count}


@st.composite
def distributions(draw):
    """A distribution of any kind, with bounds where it has any."""
    kind = draw(st.sampled_from(["uniform", "log_uniform", "triangular", "normal", "cut normal"]))
    if kind == "normal":
        return Distribution(key="k", distribution="normal", mean=draw(finite), sd=draw(st.floats(1e-3, 1e6)))
    positive = kind == "log_uniform"
    low = draw(st.floats(1e-6, 1e6) if positive else finite)
    high = low + draw(st.floats(1e-3, 1e6)) * max(1.0, abs(low) * 1e-6)
    if kind == "triangular":
        mode = min(max(low + draw(shares) * (high - low), low), high)
        return Distribution(key="k", distribution=kind, low=low, high=high, mode=mode)
    if kind == "cut normal":
        mean = low + draw(st.floats(-1.0, 2.0)) * (high - low)
        sd = (high - low) * draw(st.floats(0.1, 10.0))
        return Distribution(key="k", distribution="normal", mean=mean, sd=sd, low=low, high=high)
    return Distribution(key="k", distribution=kind, low=low, high=high)


def cdf(distribution, value):
    """Share of a distribution below a value, from its formula in a textbook."""
    d = distribution
    low, high = d.low, d.high
    if d.distribution == "uniform":
        return (value - low) / (high - low)
    if d.distribution == "log_uniform":
        return math.log(value / low) / math.log(high / low)
    if d.distribution == "triangular":
        if value <= d.mode and d.mode > low:
            return (value - low) ** 2 / ((high - low) * (d.mode - low))
        return 1 - (high - value) ** 2 / ((high - low) * (high - d.mode)) if d.mode < high else 1.0

    return (phi(d, value) - (0.0 if low is None else phi(d, low))) / share_kept(d)


def phi(d, x):
    """Distribution function of a normal distribution before it is cut off."""
    return 0.5 * math.erfc(-(x - d.mean) / d.sd / math.sqrt(2))


def share_kept(d):
    """Share of a normal distribution between its ends; 1 of any other."""
    if d.distribution != "normal":
        return 1.0
    return (1.0 if d.high is None else phi(d, d.high)) - (0.0 if d.low is None else phi(d, d.low))


@given(distributions(), st.lists(shares, min_size=2, max_size=20))
def test_quantiles_are_within_the_bounds_and_rise_with_the_share(distribution, shares):
    inside = [share for share in shares if distribution.is_bounded or 0 < share < 1]
    values = [distribution.at(share).cell for share in sorted(inside)]
    assert values == sorted(values)
    assert all(math.isfinite(value) for value in values)
    if distribution.is_bounded:
        assert all(distribution.low <= value <= distribution.high for value in values)


@given(distributions(), st.floats(0.001, 0.999))
def test_quantiles_are_those_of_the_distribution(distribution, share):
    assume(share_kept(distribution) > 1e-3)  # of a thin tail the formula here has too few digits
    value = distribution.at(share).cell
    ends = [end for end in (distribution.low, distribution.high, distribution.mean) if end is not None]
    rounding = 1e-11 * max(abs(value), *(abs(end) for end in ends))  # 12 digits
    low, high = value - rounding, value + rounding
    if distribution.is_bounded:
        low, high = max(low, distribution.low), min(high, distribution.high)
    assert cdf(distribution, low) - 1e-6 <= share <= cdf(distribution, high) + 1e-6


@given(distributions())
def test_a_bounded_distribution_reaches_its_ends(distribution):
    if distribution.is_bounded:
        low, high = distribution.at(0.0).cell, distribution.at(1.0).cell
        assert low == pytest.approx(distribution.low, rel=1e-9, abs=1e-9)
        assert high == pytest.approx(distribution.high, rel=1e-9, abs=1e-9)


@given(finite, st.floats(1e-6, 1e6), st.integers(2, 50))
def test_a_range_has_equal_steps_and_both_ends(low, width, steps):
    high = low + width
    if not low < high:
        return
    values = [level.cell for level in Range(key="k", range=[low, high], steps=steps).levels]
    scale = max(abs(low), abs(high))
    assert len(values) == steps
    assert values[0] == pytest.approx(low, rel=1e-11)
    assert values[-1] == pytest.approx(high, rel=1e-11)
    assert all(low <= value <= high for value in values)
    np.testing.assert_allclose(np.diff(values), (high - low) / (steps - 1), atol=4e-11 * scale)


@given(st.floats(1e-6, 1e6), st.floats(1.001, 1e6), st.integers(2, 50))
def test_a_range_with_a_log_scale_has_equal_ratios(low, ratio, steps):
    values = [level.cell for level in Range(key="k", range=[low, low * ratio], steps=steps, scale="log").levels]
    assert values[0] == pytest.approx(low, rel=1e-11)
    assert values[-1] == pytest.approx(low * ratio, rel=1e-11)
    np.testing.assert_allclose(np.diff(np.log(values)), math.log(ratio) / (steps - 1), atol=1e-10)


@given(st.integers(-1000, 1000), st.integers(1, 100), st.integers(1, 20))
def test_whole_numbers_of_a_range_are_whole(first, step, count):
    """Keys such as a count or a bus take no other."""
    values = [level.cell for level in Range(key="k", range=[first, first + step * count], steps=count + 1).levels]
    assert values == [first + step * k for k in range(count + 1)]
    assert all(type(value) is int for value in values)


def test_numbers_are_readable():
    assert [level.cell for level in Range(key="k", range=[0.1, 0.7], steps=3).levels] == [0.1, 0.4, 0.7]
    assert Range(key="k", range=[0, 1], steps=4).levels[1].cell == 0.333333333333


@given(st.integers(1, 9), shares)
def test_each_value_has_its_part_of_the_shares(count, share):
    parameter = Values(key="k", values=list(range(count)))
    assert parameter.at(share).cell == min(int(share * count), count - 1)


def test_a_level_gives_its_value_to_all_keys_and_its_label_to_tables():
    both = Values(key=["a", "b"], name="both", values=[1, [2, 3], None, "x"], labels=["one", "two", "none", "ex"])
    assert [level.cell for level in both.levels] == ["one", "two", "none", "ex"]
    assert [level.values for level in both.levels] == [{"a": v, "b": v} for v in (1, [2, 3], None, "x")]
    assert [level.term for level in both.levels] == [1, "two", "none", "ex"]  # expressions compute with numbers
    plain = Values(key="a", values=[1, [2, 3], None, True, "x"])
    assert [level.cell for level in plain.levels] == [1, "[2, 3]", "null", True, "x"]
    cases = Cases(name="c", cases={"small": {"a": 1}, "none": {}})
    assert [(level.cell, level.term, level.values) for level in cases.levels] == [
        ("small", "small", {"a": 1}),
        ("none", "none", {}),
    ]
    assert cases.keys == ["a"]
