"""The table of a sweep: one row for each run, in the plan's order, whatever its columns hold."""

import io
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosim.errors import InputError
from cosim.sweep.model import OWN_COLUMNS, Sweep
from cosim.sweep.plan import Plan, PlannedRun
from cosim.sweep.records import CRASHED, ERROR, INVALID, flat
from cosim.sweep.table import PENDING, TABLE_NAME, read_table, table, write_table

SWEEP = Sweep(scenario="x")
DATA = {"simulation": {"engine": "andes"}}


def plan_of(*runs):
    """A plan of runs, each with its id, cells and seed."""
    made = tuple(PlannedRun(run_id, cells, seed, {}, DATA, "grid") for run_id, cells, seed in runs)
    return Plan(SWEEP, {}, len(made), made)


def record(run_id, **keys):
    return {
        run_id: {"run_id": run_id, "status": "completed", "verdict": "pass", "values": {}, "wall_time_s": 1.5} | keys
    }


def through_a_file(frame):
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return pd.read_parquet(buffer)


def is_missing(value):
    return value is None or (isinstance(value, float) and math.isnan(value))


def test_columns_are_those_of_the_contract_in_its_order():
    plan = plan_of(
        ("a", {"sites[0].bus": 4, "sites[0].rating_mw": 50.0}, 1),
        ("b", {"sites[0].bus": 8, "sites[0].rating_mw": 60.0}, 2),
    )
    values = {"frequency.nadir_hz": 59.9, "voltage.min_pu": 0.95, "criteria.sag.verdict": "pass"}
    records = record("a", values=values, error=None) | record("b", values=values | {"ramp.total.windows.1s": 3.0})
    frame = table(plan, records)
    assert list(frame.columns) == [
        *("run_id", "sites[0].bus", "sites[0].rating_mw", "seed", "engine", "status", "verdict"),
        *("frequency.nadir_hz", "voltage.min_pu", "criteria.sag.verdict", "ramp.total.windows.1s"),
        *("wall_time_s", "error"),
    ]
    assert set(OWN_COLUMNS) <= set(frame.columns)
    assert list(frame["sites[0].bus"]) == [4, 8]
    assert frame["ramp.total.windows.1s"].isna().tolist() == [True, False]


def test_columns_are_the_same_before_the_first_run_is_made():
    plan = plan_of(("a", {"x": 1}, 1))
    frame = table(plan, {})
    assert list(frame.columns) == ["run_id", "x", "seed", "engine", "status", "verdict", "wall_time_s", "error"]
    assert list(frame["status"]) == [PENDING]
    assert frame[["verdict", "wall_time_s", "error"]].isna().all(axis=None)


def test_a_row_for_each_run_in_the_order_of_the_plan():
    plan = plan_of(*((f"run{k}", {"x": k}, 1) for k in (3, 1, 2, 0)))
    records = (
        record("run0", values={"m": 0.0}) | record("run2", values={"m": 2.0}) | record("stranger", values={"m": 9.0})
    )
    frame = table(plan, records)
    assert list(frame["run_id"]) == ["run3", "run1", "run2", "run0"]
    assert list(frame["status"]) == [PENDING, PENDING, "completed", "completed"]
    np.testing.assert_array_equal(frame["m"], [np.nan, np.nan, 2.0, 0.0])


def test_a_scenario_that_comes_up_twice_has_its_numbers_in_both_rows():
    plan = plan_of(("same", {"x": "here"}, 1), ("other", {"x": "b"}, 1), ("same", {"x": "there"}, 1))
    frame = table(plan, record("same", values={"m": 7.0}))
    assert list(frame["x"]) == ["here", "b", "there"]
    np.testing.assert_array_equal(frame["m"], [7.0, np.nan, 7.0])


@pytest.mark.parametrize(
    "status", ["unstable", "diverged", "power_flow_failed", "initialisation_failed", INVALID, ERROR, CRASHED]
)
def test_a_run_that_did_not_complete_never_passes(status):
    frame = table(plan_of(("a", {}, 1)), {"a": {"run_id": "a", "status": status, "error": "why"}})
    assert frame["verdict"][0] == "simulation_failed"
    assert frame["error"][0] == "why"


def test_missing_text_stays_missing():
    """A run without a generator at the nadir has none that is called nan."""
    plan = plan_of(("a", {}, 1), ("b", {}, 1), ("c", {}, 1), ("d", {}, 1))
    values = {"frequency.nadir_generator": "GENROU_1", "is": True}
    records = record("a", values=values) | record("b", values={"frequency.nadir_generator": None}) | record("c")
    for frame in (table(plan, records), through_a_file(table(plan, records))):
        assert frame["frequency.nadir_generator"].isna().tolist() == [False, True, True, True]
        assert frame["is"].isna().tolist() == [False, True, True, True]
        assert frame["is"][0] == True  # noqa: E712


def test_a_column_of_texts_and_numbers_has_texts():
    cells = [4, "BUS4", 2.5, True, "[1, 2]"]
    frame = table(plan_of(*((f"run{k}", {"x": cell}, 1) for k, cell in enumerate(cells))), {})
    assert list(frame["x"]) == ["4", "BUS4", "2.5", "True", "[1, 2]"]
    assert list(through_a_file(frame)["x"]) == list(frame["x"])


def test_whole_numbers_stay_whole_unless_some_are_missing():
    plan = plan_of(("a", {"bus": 4}, 2**62), ("b", {"bus": 16}, 3))
    frame = through_a_file(table(plan, record("a", values={"events": 2})))
    assert frame["bus"].dtype == np.int64
    assert frame["seed"].tolist() == [2**62, 3]
    assert frame["events"].tolist()[0] == 2.0


cell = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.booleans() | st.text(max_size=8)
metric = st.none() | cell


@given(
    st.lists(
        st.tuples(st.tuples(cell, cell), st.dictionaries(st.sampled_from("abcd"), metric)), min_size=1, max_size=6
    ),
    st.sets(st.integers(0, 5)),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_values_can_be_written_and_read(tmp_path, runs, pending):
    """Numbers stay numbers where a whole column has them, all else is text, and what is missing stays so."""
    plan = plan_of(*((f"run{k}", {"p": cells[0], "q": cells[1]}, k) for k, (cells, _) in enumerate(runs)))
    records = {}
    for k, (_, values) in enumerate(runs):
        if k not in pending:
            records |= record(f"run{k}", values=values)
    write_table(table(plan, records), tmp_path)
    frame = read_table(tmp_path)
    assert list(frame["run_id"]) == [run.run_id for run in plan.runs]
    given_columns = {"p": [cells[0] for cells, _ in runs], "q": [cells[1] for cells, _ in runs]}
    for name in "abcd":
        given_columns[name] = [None if k in pending else values.get(name) for k, (_, values) in enumerate(runs)]
    for name, expected in given_columns.items():
        if name not in frame:
            assert all(value is None for value in expected)
            continue
        for found, value in zip(frame[name], expected, strict=True):
            assert is_missing(found) == (value is None)
            if value is not None and isinstance(found, str):
                assert found in (
                    str(value),
                    str(float(value)) if isinstance(value, int) and abs(value) < 2**63 else None,
                )
            elif value is not None:
                assert found == value or math.isclose(found, value, rel_tol=1e-15)  # whole numbers beside others
    assert [path.name for path in tmp_path.iterdir()] == [TABLE_NAME]


def test_a_folder_without_a_table_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no sweep: there is no runs.parquet"):
        read_table(tmp_path)


def test_metrics_of_a_summary_are_named_by_their_paths():
    summary = {
        "metrics": {
            "frequency": {"nadir_hz": 59.9, "max_rocof_hz_per_s": {"100ms": 0.1, "1s": None}, "nadir_generator": "G1"},
            "voltage": {"min_pu": 0.9, "events": [{"bus": 4}]},
            "ramp": {"sites": {"dc1": {"windows": {"1s": 5.0}}}, "violations": []},
        },
        "criteria": [
            {"id": "sag", "where": "Bus_4", "verdict": "pass", "value": 0.9, "margin": 0.1, "limit": 0.8},
            {"id": "ramp", "where": "dc1", "verdict": "fail", "value": 5.0, "margin": -1.0, "limit": 4.0},
            {"id": "ramp", "where": "dc2", "verdict": "not_assessed", "value": None, "margin": None, "limit": 4.0},
        ],
    }
    assert flat(summary) == {
        "frequency.nadir_hz": 59.9,
        "frequency.max_rocof_hz_per_s.100ms": 0.1,
        "frequency.max_rocof_hz_per_s.1s": None,
        "frequency.nadir_generator": "G1",
        "voltage.min_pu": 0.9,
        "ramp.sites.dc1.windows.1s": 5.0,
        "criteria.sag.verdict": "pass",
        "criteria.sag.value": 0.9,
        "criteria.sag.margin": 0.1,
        "criteria.ramp.verdict": "fail",
        "criteria.ramp.value": 5.0,
        "criteria.ramp.margin": -1.0,
        "criteria.ramp@dc2.verdict": "not_assessed",
        "criteria.ramp@dc2.value": None,
        "criteria.ramp@dc2.margin": None,
    }
