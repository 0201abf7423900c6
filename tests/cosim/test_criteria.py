import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from cosim.criteria import Criterion, Run, find, judge, overall_verdict, ramp_violations, wanted_by
from cosim.criteria.model import CriteriaReference
from cosim.metrics import Place, Section
from cosim.metrics.ramp import Demand

METRICS = {
    "frequency": {"max_deviation_mhz": 100.0, "settling_hz": None},
    "voltage": {"min_pu": 0.95, "min_bus": "16", "events": [], "envelopes": {"e": {"<0.9pu": 0.3, "<0.5pu": None}}},
    "ramp": {
        "sites": {"dc.1": {"excursion_mw": {"5s": 12.0}}, "b": {"excursion_mw": {"5s": 4.0}}},
        "total": {"windows": {"10s": 25.0}},
    },
    "site": {"dc.1": {"power_recovery_s": 2.0}, "b": {"power_recovery_s": None}},
}
PLACES = {"frequency.max_deviation_mhz": Place("G1", 5.0), "voltage.min_pu": Place("16", 5.4)}
SITES = {"dc.1": 100.0, "b": 50.0}


def judged(criteria, status="completed", reasons=None, lower_bounds=None, nominal_hz=60.0, sites=SITES):
    section = Section(METRICS, reasons or {}, PLACES, lower_bounds or {})
    return judge([Criterion.model_validate(c) for c in criteria], section, Run(status, nominal_hz, sites))


def only(criterion, status="completed", **given):
    (result,) = judged([criterion], status, **given)
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
        "strict": False,
        "title": None,
        "profile": None,
        "date": None,
        "note": None,
        "envelope": None,
    }
    order = (
        "id metric value limit unit verdict margin where time_s reason source clause limit_status evidence side "
        "decides strict title profile date note envelope"
    )
    assert list(entry) == order.split()


@example(limit=0.95)
@given(limit=st.floats(-1e3, 1e3))
def test_margin_is_positive_inside(limit):
    criteria = [{"metric": "voltage.min_pu", side: limit} for side in ("max", "min")]
    below, above = judged(criteria)
    assert below.margin == limit - 0.95 == -above.margin
    assert (below.verdict == "pass") == (limit >= 0.95)
    assert (above.verdict == "pass") == (limit <= 0.95)


def test_both_bounds_give_two_results():
    results = judged([{"metric": "voltage.min_pu", "min": 0.9, "max": 0.94}])
    assert [(r.id, r.limit, r.verdict) for r in results] == [
        ("voltage.min_pu <= 0.94", 0.94, "fail"),
        ("voltage.min_pu >= 0.9", 0.9, "pass"),
    ]
    named = judged([{"id": "v", "metric": "voltage.min_pu", "min": 0.9, "max": 1.1}])
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
    results = judged([{"metric": "voltage.min_pu", "min": 0.5}, {"metric": "frequency.settling_hz", "max": 61}], status)
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
    assert overall_verdict(judged(criteria), "completed") == verdict


@pytest.mark.parametrize(
    "entry",
    [
        {"metric": "a"},
        {"metric": "a", "min": 2, "max": 1},
        {"metric": "a", "max": float("nan")},
        {"metric": "", "max": 1},
        {"metric": "a", "max": 1, "limit": 2},
        {"metric": "a", "max": 1, "status": "law"},
        {"max": 1},
        {"metric": "a", "max": 1, "below": 1},
        {"metric": "a", "max_share_of_rating": 0.1},
        {"metric": "a", "max": 1, "envelope": {"signal": "voltage", "rows": [{"below": 0.9, "seconds": 1}]}},
        {"envelope": {"signal": "voltage", "rows": [{"below": 0.9, "seconds": 1}]}},
        {"id": "e", "max": 1, "envelope": {"signal": "voltage", "rows": [{"below": 0.9, "seconds": 1}]}},
        {"id": "e", "envelope": {"signal": "voltage", "rows": []}},
        {"id": "e", "envelope": {"signal": "voltage", "rows": [{"seconds": 1}]}},
        {"id": "e", "envelope": {"signal": "voltage", "rows": [{"below": 0.9, "above": 1, "seconds": 1}]}},
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
        {"id": "up", "metric": "ramp.sites.*.max_up_mw_per_s", "max": 10},
        {"metric": "ramp.sites.a.max_down_mw_per_s", "max": 29, "min": 1},
        {"metric": "ramp.total.windows.10s", "max": 60},
        {"metric": "ramp.sites.a.max_mw_per_min", "max": 40, "status": "draft"},
        {"metric": "ramp.sites.a.windows.1s", "min": 1},
        {"metric": "ramp.sites.b.windows.1s", "max": 1},
        {"metric": "voltage.min_pu", "max": 0},
        {"metric": "ramp.total.windows.1s", "max": 1, "applies": {"nominal_hz": 50}},
    ]
    ramps = ("max_up_mw_per_s", "max_down_mw_per_s", "max_mw_per_min")
    site = dict.fromkeys(ramps, 1.0) | {"windows": {"1s": 1.0}}
    section = Section({"ramp": {"sites": {"a": site}, "total": {"windows": {"10s": 1.0, "1s": 1.0}}}})
    results = judge([Criterion.model_validate(c) for c in criteria], section, Run("completed", 60.0, {"a": 100.0}))
    found = ramp_violations(results, demands)
    rows = [(v["site"], v["start_s"], v["duration_s"], v["value"], v["limit"], v["criterion"]) for v in found]
    assert rows == [
        ("a", 25.0, 1.0, 50.0, 10.0, "up (a)"),
        ("a", 75.0, 1.0, 30.0, 29.0, "ramp.sites.a.max_down_mw_per_s <= 29"),
        ("total", 25.0, 10.0, 100.0, 60.0, "ramp.total.windows.10s <= 60"),
        # The step at 25 s is inside the window from the first full one, at 60 s, until the fall at 75 s.
        ("a", 60.0, 15.0, 50.0, 40.0, "ramp.sites.a.max_mw_per_min <= 40"),
    ]


def test_each_site_has_its_verdict():
    first, second = judged([{"id": "x", "metric": "ramp.sites.*.excursion_mw.5s", "max": 10}])
    assert (first.id, first.metric, first.verdict) == ("x (dc.1)", "ramp.sites.dc.1.excursion_mw.5s", "fail")
    assert (second.id, second.verdict, second.margin) == ("x (b)", "pass", 6.0)
    (named,) = judged([{"metric": "ramp.sites.*.excursion_mw.5s", "max": 10}], sites={"b": 1.0})
    assert named.id == "ramp.sites.b.excursion_mw.5s <= 10"
    (absent,) = judged([{"id": "x", "metric": "ramp.sites.*.excursion_mw.5s", "max": 10}], sites={})
    assert (absent.verdict, absent.reason) == ("not_assessed", "the scenario has no sites")


def test_the_lesser_of_a_limit_and_a_share_of_the_rating():
    criterion = {"id": "x", "metric": "ramp.sites.*.excursion_mw.5s", "max": 10, "max_share_of_rating": 0.12}
    first, second = judged([criterion])
    assert (first.limit, first.verdict) == (10, "fail")
    assert (second.limit, second.verdict) == (6, "pass")
    alone = judged([{"id": "x", "metric": "ramp.sites.*.excursion_mw.5s", "max_share_of_rating": 0.12}])
    assert [result.limit for result in alone] == [12, 6]
    assert alone[0].verdict == "pass"  # on the limit


@pytest.mark.parametrize(("key", "on_it"), [("max", "pass"), ("min", "pass"), ("below", "fail"), ("above", "fail")])
def test_inclusive_and_strict_bounds(key, on_it):
    result = only({"metric": "voltage.min_pu", key: 0.95})
    assert (result.verdict, result.margin, result.strict) == (on_it, 0, on_it == "fail")
    inside = np.nextafter(0.95, 2 if key in ("max", "below") else 0)
    outside = np.nextafter(0.95, 0 if key in ("max", "below") else 2)
    assert only({"metric": "voltage.min_pu", key: float(inside)}).verdict == "pass"
    assert only({"metric": "voltage.min_pu", key: float(outside)}).verdict == "fail"
    sign = {"max": "<=", "min": ">=", "below": "<", "above": ">"}[key]
    assert result.id == f"voltage.min_pu {sign} 0.95"


def test_an_envelope_has_a_verdict_for_each_row():
    rows = [{"below": 0.9, "seconds": 0.3}, {"below": 0.5, "seconds": 0.1}]
    criterion = {"id": "e", "envelope": {"signal": "voltage", "at": "sites", "rows": rows}}
    first, second = judged([criterion], reasons={"voltage.envelopes.e": "no sites"})
    assert (first.id, first.metric, first.unit) == ("e <0.9pu", "voltage.envelopes.e.<0.9pu", "s")
    assert (first.value, first.limit, first.verdict) == (0.3, 0.3, "pass")  # as long as allowed
    assert (second.verdict, second.reason) == ("not_assessed", "no sites")
    assert first.envelope == "e"
    (wanted,) = wanted_by([Criterion.model_validate(criterion)], ["a"]).envelopes
    assert [(row.comparison, row.level, row.max_s) for row in wanted.rows] == [("below", 0.9, 0.3), ("below", 0.5, 0.1)]


def test_a_lower_bound_can_fail_but_not_pass():
    bounds = {"frequency.max_deviation_mhz": "the record is short"}
    result = only({"metric": "frequency.max_deviation_mhz", "max": 200}, lower_bounds=bounds)
    assert (result.verdict, result.value, result.margin) == ("not_assessed", 100.0, None)
    assert result.reason == "a lower bound: the record is short"
    assert only({"metric": "frequency.max_deviation_mhz", "max": 99}, lower_bounds=bounds).verdict == "fail"
    assert only({"metric": "frequency.max_deviation_mhz", "min": 99}, lower_bounds=bounds).verdict == "pass"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"applies": {"nominal_hz": 50}}, "set for grids of 50 Hz"),
        ({"applies": {"min_site_mw": 150}}, "set for sites of 150 MW and more"),
        ({"area": "west", "profile": "nerc"}, "set for area west; choose it with {profile: nerc, area: west}"),
    ],
)
def test_a_limit_out_of_its_scope_is_not_assessed(given, reason):
    result = only({"metric": "voltage.min_pu", "min": 0.99} | given)
    assert (result.verdict, result.value, result.reason) == ("not_assessed", None, reason)
    assert only({"metric": "voltage.min_pu", "min": 0.99, "applies": {"nominal_hz": 60}}).verdict == "fail"
    after_a_trip = {"metric": "voltage.min_pu", "min": 0.99, "applies": {"contingency": True}}
    assert only(after_a_trip).reason == "set for runs with a fault or a trip"
    sized = {"id": "x", "metric": "ramp.sites.*.excursion_mw.5s", "max": 1, "applies": {"min_site_mw": 75}}
    assert [result.verdict for result in judged([sized])] == ["fail", "not_assessed"]


@pytest.mark.parametrize("entry", [{}, {"profile": "a", "file": "b"}, {"profile": "a", "only": []}])
def test_bad_references_are_refused(entry):
    with pytest.raises(ValidationError):
        CriteriaReference.model_validate(entry)


def test_find_prefers_any_way_that_leads_there():
    tree = {"a": {"b": {"c": 1}}, "a.b": {"d": 2}}
    assert find(tree, "a.b.c") == 1
    assert find(tree, "a.b.d") == 2
    with pytest.raises(KeyError, match=r"a\.b\.e|b\.e|e"):
        find(tree, "a.b.e")
