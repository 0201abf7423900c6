"""What the report does to numbers: thinning of curves, digits, sides of limits."""

import numpy as np
import pytest

from cosim.metrics.ramp import Demand, site_ramps
from cosim.report.decimate import MAX_POINTS, decimate
from cosim.report.figures.power import _changes
from cosim.report.figures.ride_through import _steps
from cosim.report.limits import judged_limits
from cosim.report.text import digits_to_show, general, label, number, spaced


@pytest.mark.parametrize("size", [MAX_POINTS + 1, 5003, 60_000, 360_001])
def test_thinning_keeps_extremes_ends_and_order(size):
    x = np.arange(size) * 0.01
    y = np.random.default_rng(1).standard_normal(size)
    y[size // 3], y[-2] = 50.0, -50.0
    thin_x, thin_y = decimate(x, y)
    assert MAX_POINTS / 2 < thin_y.size <= MAX_POINTS
    assert (np.diff(thin_x) > 0).all()
    assert (thin_x[0], thin_x[-1]) == (x[0], x[-1])
    assert (thin_y.min(), thin_y.max()) == (-50.0, 50.0)
    np.testing.assert_array_equal(thin_y, y[np.searchsorted(x, thin_x)])


def test_thinning_keeps_the_extremes_of_every_bucket():
    y = np.random.default_rng(2).standard_normal(1000)
    x = np.arange(1000.0)
    kept = decimate(x, y, max_points=202)[0].astype(int)
    for start in range(0, 1000, 10):
        bucket = y[start : start + 10]
        assert {start + bucket.argmin(), start + bucket.argmax()} <= set(kept.tolist())


def test_short_series_is_not_touched():
    x, y = np.arange(4.0), np.array([1.0, np.nan, 2.0, 3.0])
    assert decimate(x, y)[1] is y


def test_thinning_shows_gaps_and_what_lies_between_them():
    y = np.full(10_000, np.nan)
    y[2000:4000], y[3001] = 1.0, 7.0
    x, thin = decimate(np.arange(10_000.0), y, max_points=100)
    assert np.nanmax(thin) == 7.0
    assert np.isnan(thin[x > 4200]).all()


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match="must be >= 4, got 2"):
        decimate(np.arange(9.0), np.arange(9.0), max_points=2)


@pytest.mark.parametrize(("interval_s", "size"), [(0.01, 1500), (0.3, 60), (1.0, 100)])
def test_drawn_ramps_reach_the_metric(interval_s, size):
    demand = Demand(np.random.default_rng(3).uniform(0, 100, size), interval_s)
    values = site_ramps(demand).values
    for name, window_s in (("1s", 1.0), ("10s", 10.0)):
        at_s, change_mw = _changes(demand, window_s)
        assert np.abs(change_mw).max() == pytest.approx(values["windows"][name], rel=1e-12)
        assert at_s[np.abs(change_mw).argmax()] == pytest.approx(values["window_times_s"][name])
    assert _changes(demand, 1e4) is None


def test_digits_follow_the_unit():
    assert number(59.98765, "Hz") == "59.9877"
    assert number(36.04, "mHz") == "36.0"
    assert number(-0.5, "MW") == "−0.50"
    assert number(-0.0001, "MW") == "0.00"
    assert number(10.0, "s") == "10"
    assert number(0.0, "s") == "0"
    assert number(None, "Hz") == number(float("nan"), "Hz") == "–"
    assert general(-1.24e-9, 2) == "−1.2 × 10⁻⁹"
    assert general(1500000.0) == "1.5 × 10⁶"
    assert general(200.0) == "200"


def test_value_next_to_its_limit_gets_more_digits():
    assert digits_to_show(-0.004, "mHz") == 4
    assert digits_to_show(0.5, "mHz") == 1
    assert digits_to_show(None, "pu") == 4
    assert number(36.004, "mHz", digits_to_show(-0.004, "mHz")) == "36.0040"


def test_key_with_a_unit_becomes_a_title():
    assert label("rating_mw") == "rating (MW)"
    assert label("factor_mw_per_w") == "factor (MW/W)"
    assert label("scale_to") == "scale to"
    assert label("s") == "s"


def test_limits_know_their_side_and_whether_they_decide():
    entries = [
        {"id": "v", "metric": "voltage.min_pu", "limit": 0.9, "side": "min", "decides": True},
        {"id": "d", "metric": "voltage.max_pu", "limit": 1.1, "side": "max", "decides": False},
    ]
    low, high = judged_limits(entries)
    assert (low.is_max, low.decides) == (False, True)
    assert (high.is_max, high.decides) == (True, False)


def test_parameters_are_printed_with_spaces():
    assert spaced("0.1-55Hz,5s") == "0.1–55 Hz, 5 s"
    assert spaced("36mHz") == "36 mHz"
    assert spaced("500ms") == "500 ms"


def test_an_envelope_is_drawn_as_steps_from_the_band_outwards():
    rows = [("<", 0.5, 0.2), ("<", 0.9, 2.0), (">=", 1.2, 0.0), (">=", 1.1, 1.0)]
    x, y = _steps(rows, "low")
    assert list(zip(x, y, strict=True))[1:] == [(2.0, 0.9), (2.0, 0.5), (0.2, 0.5), (0.2, 0.0)]
    x, y = _steps(rows, "high")
    assert list(zip(x, y, strict=True))[1:] == [(1.0, 1.1), (1.0, 1.2), (0.001, 1.2), (0.001, 2.0)]
