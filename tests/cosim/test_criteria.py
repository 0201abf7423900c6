import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from cosim.criteria import Criterion, find, judge, overall_verdict, ramp_violations
from cosim.metrics.ramp import Demand

METRICS = {
    "frequency": {
        "nominal_hz": 60.0,
        "nadir_hz": 59.9,
        "nadir_time_s": 5.0,
        "nadir_generator": "G1",
        "zenith_hz": 60.05,
        "zenith_time_s": 8.0,
        "zenith_generator": "G2",
        "max_deviation_mhz": 100.0,
        "peak_to_peak_mhz": 120.0,
        "peak_to_peak_generator": "G3",
        "settling_hz": None,
        "coi": {"nadir_hz": 59.95, "nadir_time_s": 5.1},
        "max_rocof_hz_per_s": {"500ms": 0.2},
        "max_rocof_time_s": {"500ms": 5.2},
        "worst_bus": "16",
        "worst_bus_deviation_mhz": 110.0,
        "worst_bus_time_s": 5.3,
    },
    "voltage": {"min_pu": 0.95, "min_bus": "16", "min_time_s": 5.4, "events": []},
    "ramp": {
        "sites": {
            "dc.1": {
                "max_up_mw_per_s": 3.0,
                "max_up_time_s": 1.0,
                "windows": {"10s": 20.0},
                "window_times_s": {"10s": 11.0, "60s": 61.0},
                "max_mw_per_min": 30.0,
            }
        },
        "total": {"windows": {"10s": 25.0}, "window_times_s": {"10s": 12.0}},
    },
    "site": {"dc.1": {"mean_mw": 100.0}},
}


def only(criterion, status="completed", reasons=None):
    (result,) = judge([criterion], METRICS, status, reasons)
    return result


def test_entry_is_the_contract():
    entry = only(
        {
            "id": "f",
            "metric": "frequency.max_deviation_mhz",
            "max": 80,
            "source": "S",
            "clause": "4.2",
            "status": "draft",
            "evidence": "secondary",
        }
    ).as_dict()
    assert entry == {
        "id": "f",
        "metric": "frequency.max_deviation_mhz",
        "value": 100.0,
        "limit": 80.0,
        "unit": "mHz",
        "verdict": "fail",
        "margin": -20.0,
        "where": "G1",
        "time_s": 5.0,
        "reason": None,
        "source": "S",
        "clause": "4.2",
        "limit_status": "draft",
        "evidence": "secondary",
        "side": "max",
        "decides": False,
    }
    order = (
        "id metric value limit unit verdict margin where time_s reason source clause limit_status evidence side decides"
    )
    assert list(entry) == order.split()


@pytest.mark.parametrize(
    ("metric", "where", "time_s"),
    [
        ("frequency.nadir_hz", "G1", 5.0),
        ("frequency.zenith_hz", "G2", 8.0),
        ("frequency.peak_to_peak_mhz", "G3", None),
        ("frequency.coi.nadir_hz", "centre of inertia", 5.1),
        ("frequency.max_rocof_hz_per_s.500ms", "centre of inertia", 5.2),
        ("frequency.worst_bus_deviation_mhz", "16", 5.3),
        ("frequency.nadir_time_s", None, None),
        ("voltage.min_pu", "16", 5.4),
        ("ramp.sites.dc.1.max_up_mw_per_s", "dc.1", 1.0),
        ("ramp.sites.dc.1.windows.10s", "dc.1", 11.0),
        ("ramp.sites.dc.1.max_mw_per_min", "dc.1", 61.0),
        ("ramp.total.windows.10s", "total", 12.0),
        ("site.dc.1.mean_mw", "dc.1", None),
    ],
)
def test_where_and_when(metric, where, time_s):
    result = only({"metric": metric, "max": 1e6})
    assert (result.where, result.time_s, result.verdict) == (where, time_s, "pass")


def test_deviation_is_placed_at_the_larger_side():
    metrics = {"frequency": METRICS["frequency"] | {"zenith_hz": 60.2, "max_deviation_mhz": 200.0}}
    (result,) = judge([{"metric": "frequency.max_deviation_mhz", "max": 1}], metrics, "completed")
    assert (result.where, result.time_s) == ("G2", 8.0)


@example(limit=0.95)
@given(limit=st.floats(-1e3, 1e3))
def test_margin_is_positive_inside(limit):
    criteria = [{"metric": "voltage.min_pu", side: limit} for side in ("max", "min")]
    below, above = judge(criteria, METRICS, "completed")
    assert below.margin == limit - 0.95 == -above.margin
    assert (below.verdict == "pass") == (limit >= 0.95)
    assert (above.verdict == "pass") == (limit <= 0.95)


def test_both_bounds_give_two_results():
    results = judge([{"metric": "voltage.min_pu", "min": 0.9, "max": 0.94}], METRICS, "completed")
    assert [(r.id, r.limit, r.verdict) for r in results] == [
        ("voltage.min_pu <= 0.94", 0.94, "fail"),
        ("voltage.min_pu >= 0.9", 0.9, "pass"),
    ]
    named = judge([{"id": "v", "metric": "voltage.min_pu", "min": 0.9, "max": 1.1}], METRICS, "completed")
    assert [r.id for r in named] == ["v (max)", "v (min)"]
    assert only({"id": "v", "metric": "voltage.min_pu", "min": 0.9}).id == "v"


def test_not_assessed_says_why():
    reasons = {"frequency": "no", "frequency.settling_hz": "too short", "frequency.settling": "another"}
    result = only({"metric": "frequency.settling_hz", "min": 59.5}, reasons=reasons)
    assert (result.verdict, result.reason, result.value, result.margin) == (
        "not_assessed",
        "too short",
        None,
        None,
    )
    assert "finite" in only({"metric": "frequency.settling_hz", "min": 59.5}).reason
    misspelt = only({"metric": "frequency.max_deviation", "max": 1})
    assert misspelt.verdict == "not_assessed"
    assert "did you mean 'frequency.max_deviation_mhz'" in misspelt.reason
    assert "not a single number" in only({"metric": "voltage.min_bus", "max": 1}).reason


@pytest.mark.parametrize("status", ["unstable", "diverged", "power_flow_failed", "interrupted"])
def test_run_that_did_not_complete_never_passes(status):
    results = judge(
        [{"metric": "voltage.min_pu", "min": 0.5}, {"metric": "frequency.settling_hz", "max": 61}],
        METRICS,
        status,
    )
    assert {r.verdict for r in results} == {"simulation_failed"}
    assert all(status in r.reason and r.margin is None for r in results)
    assert overall_verdict(results, status) == overall_verdict([], status) == "simulation_failed"


PASSES = {"metric": "voltage.min_pu", "min": 0.9}
FAILS = {"metric": "voltage.min_pu", "min": 0.99}
UNKNOWN = {"metric": "frequency.settling_hz", "min": 59}


@pytest.mark.parametrize(
    ("criteria", "verdict"),
    [
        ([], "not_assessed"),
        ([UNKNOWN], "not_assessed"),
        ([PASSES, UNKNOWN], "pass"),
        ([PASSES, FAILS], "fail"),
        ([FAILS | {"status": "binding"}], "fail"),
        ([PASSES, FAILS | {"status": "draft"}], "pass"),
        ([PASSES, FAILS | {"decide": False}], "pass"),
        ([PASSES, FAILS | {"status": "proposed", "decide": True}], "fail"),
        ([FAILS | {"status": "example"}], "not_assessed"),
        ([PASSES | {"status": "withdrawn"}], "not_assessed"),
    ],
)
def test_overall_verdict(criteria, verdict):
    assert overall_verdict(judge(criteria, METRICS, "completed"), "completed") == verdict


@pytest.mark.parametrize(
    "entry",
    [
        {"metric": "a"},
        {"metric": "a", "min": 2, "max": 1},
        {"metric": "a", "max": float("nan")},
        {"metric": "", "max": 1},
        {"metric": "a", "max": 1, "limit": 2},
        {"metric": "a", "max": 1, "status": "law"},
    ],
)
def test_bad_criteria_are_refused(entry):
    with pytest.raises(ValidationError):
        Criterion.model_validate(entry)


def test_ramp_violations():
    power = np.zeros(400)
    power[100:] = 50.0  # up 50 MW at 25 s
    power[300:] = 20.0  # down 30 MW at 75 s
    demands = {"a": Demand(power, 0.25), "total": Demand(2 * power, 0.25)}
    criteria = [
        {"id": "up", "metric": "ramp.sites.a.max_up_mw_per_s", "max": 10},
        {"metric": "ramp.sites.a.max_down_mw_per_s", "max": 29, "min": 1},
        {"metric": "ramp.total.windows.10s", "max": 60},
        {"metric": "ramp.sites.a.max_mw_per_min", "max": 40, "status": "draft"},
        {"metric": "ramp.sites.a.windows.1s", "min": 1},
        {"metric": "ramp.sites.b.windows.1s", "max": 1},
        {"metric": "voltage.min_pu", "max": 0},
    ]
    found = ramp_violations(criteria, demands)
    rows = [(v["site"], v["start_s"], v["duration_s"], v["value"], v["limit"], v["criterion"]) for v in found]
    assert rows == [
        ("a", 25.0, 1.0, 50.0, 10.0, "up"),
        ("a", 75.0, 1.0, 30.0, 29.0, "ramp.sites.a.max_down_mw_per_s <= 29"),
        ("total", 25.0, 10.0, 100.0, 60.0, "ramp.total.windows.10s <= 60"),
        # The step at 25 s is inside the window from the first full one, at 60 s, until the fall at 75 s.
        ("a", 60.0, 15.0, 50.0, 40.0, "ramp.sites.a.max_mw_per_min <= 40"),
    ]


def test_find_prefers_any_way_that_leads_there():
    tree = {"a": {"b": {"c": 1}}, "a.b": {"d": 2}}
    assert find(tree, "a.b.c") == 1
    assert find(tree, "a.b.d") == 2
    with pytest.raises(KeyError, match=r"a\.b\.e|b\.e|e"):
        find(tree, "a.b.e")
