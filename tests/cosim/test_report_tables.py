"""What the report makes of many limits: groups, rows, marks in plots."""

import pytest

from cosim.report.figures.ride_through import _itic, _steps
from cosim.report.limits import Limit, drawn_limits, judged_limits
from cosim.report.marks import _event_labels, _limit_labels
from cosim.report.tables import compliance, number_tables


def entry(id_, verdict, **changes):
    """One judged criterion as summary.json has it."""
    own = {"id": id_, "metric": "voltage.min_pu", "value": 0.95, "limit": 0.9, "unit": "pu", "verdict": verdict}
    own |= {"margin": 0.05, "where": "4", "time_s": 1.0, "reason": None, "source": "a rule", "clause": None}
    own |= {"limit_status": "binding", "evidence": "secondary", "side": "min", "decides": True, "profile": None}
    return own | changes


def gap(id_, reason="set for area west"):
    """A row of an envelope that does not apply."""
    changes = {"value": None, "margin": None, "reason": reason, "envelope": "curve", "profile": "nerc"}
    return entry(id_, "not_assessed", **changes)


def table(entries):
    return compliance(entries, judged_limits(entries))


def test_limits_are_grouped_by_profile_with_failures_first():
    entries = [
        entry("a", "pass", profile="wecc"),
        entry("b", "fail", profile="ercot", decides=False),
        entry("c", "pass", profile="nerc"),
        entry("d", "fail", profile="nerc"),
        entry("e", "not_assessed", profile="wecc"),
    ]
    found = table(entries)
    assert [row[0].text for row in found.rows] == ["d", "c", "b", "a", "e"]
    assert found.headings == {0: "nerc: 1 fail, 1 pass", 2: "ercot: 1 fail", 3: "wecc: 1 pass, 1 not assessed"}


def test_one_group_needs_no_heading():
    assert table([entry("a", "pass"), entry("b", "fail")]).headings == {}


def test_rows_of_an_envelope_that_does_not_apply_are_one():
    found = table([gap("curve <0.9pu"), gap("curve <0.5pu"), gap("curve <0.2pu", "the record is too short")])
    assert [row[0].text for row in found.rows] == ["curve", "curve <0.2pu"]
    assert found.rows[0][3].note == "2 levels"
    assert found.rows[0][1].note == "set for area west"


def test_assessed_rows_of_an_envelope_stay_apart():
    rows = [entry(f"curve <{level}pu", "pass", envelope="curve", value=0.0) for level in (0.9, 0.5)]
    assert len(table(rows).rows) == 2


def test_an_envelope_is_explained_once():
    rows = [entry(f"curve <{v}pu", "pass", envelope="curve", title="A curve", note="at sites") for v in (0.9, 0.5)]
    assert [row[0].note for row in table(rows).rows] == ["A curve\nat sites", ""]


def test_limits_of_another_area_are_not_drawn():
    entries = [entry("a", "fail"), gap("b"), entry("c", "not_assessed")]
    assert [limit.id for limit in drawn_limits(entries, judged_limits(entries))] == ["a", "c"]


def test_labels_of_near_events_are_one():
    assert _event_labels([1.0, 2.0, 2.08, 2.3, 9.0], 0.6) == [(1.0, "E1"), (2.0, "E2–E4"), (9.0, "E5")]
    assert _event_labels([], 0.6) == []


def test_labels_of_near_limits_are_one_above_the_highest():
    limits = [Limit(name, "m", value) for name, value in (("a", 1.0), ("b", 1.01), ("c", 2.0))]
    assert [(value, text) for value, text, _ in _limit_labels(limits, 0.1)] == [(2.0, "c"), (1.01, "b, a")]


def test_the_itic_curve_is_there_for_reference():
    (rows,) = _itic().values()
    x, y = _steps(rows, "low")
    assert list(zip(x, y, strict=True))[1:] == [
        *((10.0, 0.9), (10.0, 0.8), (0.5, 0.8), (0.5, 0.7)),
        *((0.02, 0.7), (0.02, 0.0)),
    ]


@pytest.mark.parametrize(("rows", "has_times"), [("frequency", True), ("oscillations", False)])
def test_a_column_of_times_is_there_where_a_quantity_has_one(rows, has_times):
    metrics = {
        "site": {},
        "ramp": {"sites": {}, "total": {"windows": {}}},
        "frequency": {"nominal_hz": 60.0, "max_rocof_hz_per_s": {}, "nadir_hz": 59.9, "nadir_time_s": 2.0},
        "oscillation": {"local": {"generator_amplification": 0.5249861}},
    }
    tables = number_tables({"metrics": metrics, "not_assessed": {}})[rows]
    assert all(("Time (s)" in [column.title for column in found.columns]) == has_times for found in tables)
    assert all(len(row) == len(found.columns) for found in tables for row in found.rows)
    if not has_times:
        assert "0.525" in [row[1].text for found in tables for row in found.rows]
