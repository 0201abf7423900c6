import json

import numpy as np
import pytest
from loads_reference import SYNTHETIC, make_trace

from loads.errors import LoadDataError
from loads.trace import Provenance, Trace, TraceWarning


def test_linear_energy_is_the_area_under_the_lines():
    trace = Trace.from_samples([10, 11, 13], [0, 2, 4], SYNTHETIC)
    assert trace.shape == "linear"
    assert trace.duration_s == 3
    assert trace.energy_j == 1 + 6
    assert trace.mean_w == pytest.approx(7 / 3)
    assert (trace.min_w, trace.max_w) == (0, 4)
    assert trace.edges(0.1).size == 0


def test_hold_energy_weighs_each_value_with_its_interval():
    trace = make_trace([0, 1, 3, 4], [5, 1, 1.5], "hold")
    assert trace.energy_j == 5 + 2 + 1.5
    assert trace.edges(1.0).tolist() == [1.0]
    assert trace.edges(0.1).tolist() == [1.0, 3.0]
    assert trace.sample_interval_s == 1


@pytest.mark.parametrize(
    ("knots", "uniform"),
    [
        (np.arange(1001) * 0.001, True),
        (1.7e9 + np.arange(100) * 0.1, True),
        (np.array([0, 1, 2, 3.1]), False),
        (np.cumsum(np.full(1000, 1.0) + 1e-7 * (np.arange(1000) % 2)), False),
    ],
)
def test_uniform_allows_rounding_and_no_more(knots, uniform):
    assert make_trace(knots, np.ones(knots.size), "linear").is_uniform is uniform


def test_arrays_are_own_and_read_only():
    power = np.ones(3)
    trace = make_trace([0, 1, 2], power, "linear")
    power[0] = 9
    assert trace.power_w[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        trace.power_w[0] = 2


@pytest.mark.parametrize(
    ("knots", "power", "shape", "message"),
    [
        ([0, 1], [1], "linear", "needs 2 powers, got 1"),
        ([0, 1], [1, 2], "hold", "needs 1 powers, got 2"),
        ([0], [1], "linear", "at least 2 knots, got 1"),
        ([0, 1, 1], [1, 2, 3], "linear", "must increase, got 1.0 s then 1.0 s at knot 2"),
        ([0, np.nan], [1, 2], "linear", "time_s must be finite"),
        ([0, 1], [1, np.inf], "linear", "power_w must be finite, got inf"),
        ([[0, 1]], [1, 2], "linear", "one dimension"),
        ([0, 1], [1, 2], "step", "'linear' or 'hold'"),
    ],
)
def test_refuses_what_is_no_trace(knots, power, shape, message):
    with pytest.raises(LoadDataError, match=message):
        make_trace(knots, power, shape)


def test_provenance_is_ready_for_json():
    provenance = Provenance("recorded", "meter", notes=("a",), warnings=(TraceWarning("gap", 2, "two gaps"),))
    plain = json.loads(json.dumps(provenance.to_dict()))
    assert plain["notes"] == ["a"]
    assert plain["warnings"] == [{"code": "gap", "count": 2, "message": "two gaps"}]
    with pytest.raises(LoadDataError, match="kind"):
        Provenance("guessed", "x")
