"""Sensitivity indices of sweeps, against functions whose indices are published or follow from their definition."""

import numpy as np
import pytest
from made_tables import METRIC, swept, table_of

from cosim.sweep.sensitivity import morris_effects, point_means, sobol_indices

PI = np.pi
ANGLES = [{"key": f"grid.x{k}", "range": [-PI, PI]} for k in (1, 2, 3)]

# Ishigami and Homma 1990 with a = 7, b = 0.1; the indices as Sobol and Levitan 1999 and the manual of SALib have them.
FIRST, TOTAL, SECOND_13 = (0.3139, 0.4424, 0.0), (0.5576, 0.4424, 0.2437), 0.2437


def ishigami(x1, x2, x3, _):
    return np.sin(x1) + 7 * np.sin(x2) ** 2 + 0.1 * x3**4 * np.sin(x1)


def saltelli(samples, **keys):
    return {"method": "saltelli", "samples": samples, **keys}


def test_sobol_indices_against_those_of_ishigami():
    sweep = swept(*ANGLES, sampling=saltelli(2048))
    found = sobol_indices(sweep, table_of(sweep, ishigami), METRIC)
    np.testing.assert_allclose(found.first, FIRST, atol=0.02)
    np.testing.assert_allclose(found.total, TOTAL, atol=0.02)
    assert found.second is None
    for half in (found.first_half, found.total_half):
        assert ((half > 0) & (half < 0.1)).all()
    assert (np.abs(found.first - FIRST) < 1.5 * found.first_half).all()
    assert (np.abs(found.total - TOTAL) < 1.5 * found.total_half).all()


def test_indices_of_pairs_against_those_of_ishigami():
    sweep = swept(*ANGLES, sampling=saltelli(1024, second_order=True))
    found = sobol_indices(sweep, table_of(sweep, ishigami), METRIC)
    np.testing.assert_allclose(found.total, TOTAL, atol=0.03)
    assert found.second[0, 2] == pytest.approx(SECOND_13, abs=0.04)
    assert found.second[0, 1] == pytest.approx(0.0, abs=0.04)
    assert found.second[1, 2] == pytest.approx(0.0, abs=0.04)
    assert np.isnan(found.second[np.tril_indices(3)]).all()


@pytest.mark.parametrize("seed", [1, 5])
def test_the_mean_over_the_seeds_of_a_point_is_what_counts(seed):
    """What the seed adds is the same at all points in one case, and cancels at each point in the other."""
    plain = swept(*ANGLES, sampling=saltelli(64), seed=seed)
    expected = sobol_indices(plain, table_of(plain, ishigami), METRIC)
    sweep = swept(*ANGLES, sampling=saltelli(64), replicates=2, seed=seed)
    noise = {seed: 1000.0, seed + 1: -1000.0}
    runs = table_of(sweep, lambda a, b, c, s: ishigami(a, b, c, s) + noise[s] * np.cos(a + b))
    found = sobol_indices(sweep, runs, METRIC)
    np.testing.assert_allclose(found.first, expected.first, atol=1e-9)
    np.testing.assert_allclose(found.total, expected.total, atol=1e-9)


def test_parameters_with_levels_have_indices_too():
    """Of x + y with x on 0 or 3 and y between 0 and 1: variances of 9/4 and 1/12."""
    sweep = swept(
        {"key": "grid.x", "values": [0, 3], "labels": ["low", "high"]},
        {"key": "grid.y", "range": [0, 1]},
        sampling=saltelli(512),
    )
    found = sobol_indices(sweep, table_of(sweep, lambda x, y, _: {"low": 0, "high": 3}[x] + y), METRIC)
    share = (9 / 4) / (9 / 4 + 1 / 12)
    np.testing.assert_allclose(found.first, [share, 1 - share], atol=0.01)
    np.testing.assert_allclose(found.total, [share, 1 - share], atol=0.01)


def test_the_same_table_gives_the_same_intervals():
    sweep = swept(*ANGLES, sampling=saltelli(64))
    runs = table_of(sweep, ishigami)
    first, second = (sobol_indices(sweep, runs, METRIC) for _ in range(2))
    np.testing.assert_array_equal(first.first_half, second.first_half)


RANGES = [
    {"key": "grid.a", "range": [0, 10]},
    {"key": "grid.b", "range": [-1, 1]},
    {"key": "grid.c", "range": [0.01, 1], "scale": "log"},
    {"key": "grid.d", "distribution": "uniform", "low": 5, "high": 9},
]


def morris(trajectories, **keys):
    return {"method": "morris", "trajectories": trajectories, **keys}


@pytest.mark.parametrize("grid_levels", [4, 6])
def test_effects_of_a_linear_model_are_its_slopes_times_the_ranges(grid_levels):
    sweep = swept(*RANGES, sampling=morris(5, grid_levels=grid_levels))
    runs = table_of(sweep, lambda a, b, c, _, __: 3 * a - 2 * b + 5 * np.log10(c))
    found = morris_effects(sweep, runs, METRIC)
    np.testing.assert_allclose(found.mean, [30, -4, 10, 0], atol=1e-8)
    np.testing.assert_allclose(found.mean_size, [30, 4, 10, 0], atol=1e-8)
    np.testing.assert_allclose(found.deviation, 0, atol=1e-8)
    np.testing.assert_allclose(found.mean_size_half, 0, atol=1e-8)


def test_effects_of_a_product_depend_on_the_other_factor():
    """Of x y on levels 0, 1/3, 2/3, 1: the effect of x is y, of mean 1/2 and variance 5/36."""
    unit = [{"key": "grid.x", "range": [0, 1]}, {"key": "grid.y", "range": [0, 1]}]
    sweep = swept(*unit, sampling=morris(4000), seed=2)
    found = morris_effects(sweep, table_of(sweep, lambda x, y, _: x * y), METRIC)
    np.testing.assert_allclose(found.mean, 1 / 2, atol=0.02)
    np.testing.assert_allclose(found.mean_size, 1 / 2, atol=0.02)
    np.testing.assert_allclose(found.deviation, np.sqrt(5 / 36), atol=0.01)


def test_the_size_of_an_effect_that_changes_its_sign_does_not_cancel():
    """Of (x - 1/2)^2 on four levels: steps of 2/3 from 0 and 1/3 up, or from 1 and 2/3 down, give -1/3 or 1/3."""
    sweep = swept({"key": "grid.x", "range": [0, 1]}, sampling=morris(400))
    found = morris_effects(sweep, table_of(sweep, lambda x, _: (x - 0.5) ** 2), METRIC)
    assert found.mean_size[0] == pytest.approx(1 / 3)
    assert abs(found.mean[0]) < 0.06
    assert found.deviation[0] == pytest.approx(1 / 3, abs=0.01)


@pytest.fixture(params=["saltelli", "morris"])
def sampled(request):
    """A sweep of either method with two seeds, its table, and what makes its indices."""
    sampling, of = {"saltelli": (saltelli(4), sobol_indices), "morris": (morris(4), morris_effects)}[request.param]
    sweep = swept(*ANGLES, sampling=sampling, replicates=2)
    return sweep, table_of(sweep, ishigami), of


def test_a_point_that_is_pending_or_failed_leaves_no_indices(sampled):
    sweep, runs, of = sampled
    runs.loc[[2, 3, 9], "status"] = "pending"
    runs.loc[[11, 15], "status"] = ["power_flow_failed", "diverged"]
    points = len(runs) // 2
    assert of(sweep, runs, METRIC) == (
        f"the indices need every point, and 4 of {points} are not complete "
        "(runs: 3 pending, 1 power flow failed, 1 diverged)"
    )


def test_a_run_without_a_number_leaves_no_indices(sampled):
    sweep, runs, of = sampled
    runs.loc[3, METRIC] = None
    assert of(sweep, runs, METRIC) == "the indices need every point, and 1 run has no number"
    runs.loc[7, METRIC] = np.inf
    assert of(sweep, runs, METRIC) == "the indices need every point, and 2 runs have no number"


@pytest.mark.parametrize("value", [0.0, 59.97])
def test_what_is_the_same_at_every_point_has_no_indices(sampled, value):
    sweep, runs, of = sampled
    runs[METRIC] = value
    assert of(sweep, runs, METRIC) == "it is the same at every point"


def test_means_are_in_the_order_of_the_sample():
    sweep = swept({"key": "grid.a", "range": [0, 8], "steps": 9}, replicates=3)
    means = point_means(sweep, table_of(sweep, lambda a, seed: a + seed - 2), METRIC)
    np.testing.assert_allclose(means, range(9))
