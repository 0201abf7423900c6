"""What came out of a sweep: its table with its plan, the metrics that are shown, and how they spread."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_tables import METRIC, completed, failed, made_folder
from sweeps import BASE, FAULT

from cosim.errors import InputError
from cosim.sweep.analysis import (
    counts,
    criterion_columns,
    metric_columns,
    outcomes,
    read_outcome,
    shown_metrics,
    spread,
    spreads,
)
from cosim.sweep.limits import SweepLimit
from cosim.sweep.table import read_table, write_table

PARAMETERS = [
    {"key": "sites[0].rating_mw", "range": [10, 40], "steps": 4},
    {"key": "sites[0].bus", "values": [7, 9]},
]


def numbered(run):
    """A deviation that rises with the size, and a sag below the limit at 40 MW."""
    mw = run.cells["sites[0].rating_mw"]
    return completed(2.0 * mw, 1.0 - mw / 350)


@pytest.fixture
def folder(tmp_path):
    """A sweep of 16 runs, all of which have completed."""
    return made_folder(tmp_path, numbered, parameters=PARAMETERS)


def test_runs_are_in_the_order_of_the_plan_with_what_they_were_judged_by(folder):
    found = read_outcome(folder)
    assert list(found.runs["run_id"]) == [run.run_id for run in found.plan.runs]
    assert len(found.completed) == len(found.runs) == 16
    assert counts(found.verdicts) == {"pass": 12, "fail": 4}
    (limit,) = found.limits_on("voltage.min_pu")
    assert limit == SweepLimit("no sag", "voltage.min_pu", "pu", is_max=False, decides=True, bounds=(0.9,))
    assert found.limits_on(METRIC) == []
    assert not found.has_other_ids


def test_runs_may_be_pending_or_have_failed(tmp_path):
    def record(run):
        if run.seed == 2:
            return None
        if run.cells["sites[0].rating_mw"] == 40:
            return failed("diverged", "no solution")
        return numbered(run)

    found = read_outcome(made_folder(tmp_path, record, parameters=PARAMETERS))
    assert counts(found.verdicts) == {"pending": 8, "pass": 6, "simulation_failed": 2}
    assert len(found.completed) == 6
    assert metric_columns(found.runs) == [METRIC, "voltage.min_pu"]


def test_a_sweep_that_has_just_begun_has_an_outcome(tmp_path):
    found = read_outcome(made_folder(tmp_path, lambda _: None, parameters=PARAMETERS))
    assert counts(found.verdicts) == {"pending": 16}
    assert found.completed.empty
    assert shown_metrics(found) == []
    assert spreads(found) == []


CELLS = [
    {"key": "sites[0].pue", "values": [1, 1.3]},
    {"key": "sites[0].load_model", "values": [{"z": 0, "i": 0, "p": 1}, {"z": 1, "i": 0, "p": 0}]},
    {"key": "criteria[0].decide", "values": [False, True]},
    {"key": "events", "values": [FAULT, []], "labels": ["1", "2.0"]},
    {"key": "sites[0].bus", "values": [7, "9"]},
]


@pytest.mark.parametrize("parameter", CELLS)
def test_cells_of_any_type_are_those_of_the_plan(tmp_path, parameter):
    folder = made_folder(tmp_path, lambda _: completed(1.0), parameters=[parameter])
    found = read_outcome(folder)
    assert found.runs[parameter["key"]].nunique() == 2


def test_a_table_of_other_values_is_refused(folder, tmp_path):
    changed = [PARAMETERS[0] | {"range": [10, 41]}, PARAMETERS[1]]
    other = made_folder(tmp_path / "other", numbered, parameters=changed)
    write_table(read_table(other), folder)
    with pytest.raises(InputError, match=r"runs\.parquet is not the table of this sweep\.yaml"):
        read_outcome(folder)


@pytest.mark.parametrize("change", ["seeds", "fewer", "a column less", "order"])
def test_a_table_that_is_not_of_this_sweep_is_refused(folder, change):
    runs = read_table(folder)
    runs = {
        "seeds": runs.assign(seed=runs["seed"] + 1),
        "fewer": runs[:-1],
        "a column less": runs.drop(columns="sites[0].bus"),
        "order": runs[::-1].reset_index(drop=True),
    }[change]
    write_table(runs, folder)
    with pytest.raises(InputError, match="is not the table of this sweep"):
        read_outcome(folder)


def test_run_numbers_of_another_version_are_noted(folder):
    runs = read_table(folder)
    write_table(runs.assign(run_id=[f"{k:012x}" for k in range(len(runs))]), folder)
    assert read_outcome(folder).has_other_ids


def test_a_folder_that_is_no_sweeps_is_refused(folder, tmp_path):
    with pytest.raises(InputError, match="is no sweep's folder"):
        read_outcome(tmp_path / "nowhere")
    folder.joinpath("runs.parquet").unlink()
    with pytest.raises(InputError, match=r"there is no runs\.parquet"):
        read_outcome(folder)


def test_verdicts_of_runs():
    runs = pd.DataFrame(
        [("completed", "pass"), ("completed", None), ("pending", None), ("diverged", "simulation_failed")],
        columns=["status", "verdict"],
    )
    assert list(outcomes(runs)) == ["pass", "not_assessed", "pending", "simulation_failed"]


def test_metrics_are_the_columns_of_numbers_between_verdict_and_time():
    runs = pd.DataFrame(
        [
            {"run_id": "a", "x": 1.0, "seed": 1, "status": "completed", "verdict": "pass", "voltage.min_pu": 0.9}
            | {"voltage.min_bus": "7", "oscillation.damping_percent": np.nan, "site.dc1.tripped": True, "n.count": 3}
            | {"criteria.no sag.verdict": "pass", "criteria.no sag.value": 0.9, "wall_time_s": 1.0, "error": None}
        ]
    )
    assert metric_columns(runs) == ["voltage.min_pu", "n.count"]


def test_shown_are_what_decides_and_the_usual_metrics_once_each(tmp_path):
    criteria = [*BASE["criteria"], {"metric": "ramp.sites.dc1.windows.1s", "max": 100}]

    def record(run):
        mw = run.cells["sites[0].rating_mw"]
        ramps = {"sites": {"dc1": {"windows": {"1s": mw}}}, "total": {"windows": {"1s": mw}}}
        return completed(mw, ramp=ramps, line={"swing_mw": mw})

    base = BASE | {"criteria": criteria}
    found = read_outcome(made_folder(tmp_path, record, base=base, parameters=PARAMETERS))
    shown = ["voltage.min_pu", "ramp.sites.dc1.windows.1s", METRIC]  # the total is the only site's: once is enough
    assert shown_metrics(found) == shown
    assert shown_metrics(found, "line.swing_mw") == ["line.swing_mw", *shown]
    assert shown_metrics(found, METRIC) == [METRIC, *shown[:2]]
    with pytest.raises(InputError, match=r"--metric.*line\.swng_mw.*line\.swing_mw"):
        shown_metrics(found, "line.swng_mw")


def test_a_metric_cannot_be_asked_for_before_a_run_has_completed(tmp_path):
    found = read_outcome(made_folder(tmp_path, lambda _: None, parameters=PARAMETERS))
    with pytest.raises(InputError, match="no run has completed yet"):
        shown_metrics(found, METRIC)


@given(st.lists(st.floats(-1e6, 1e6) | st.none(), min_size=1, max_size=40))
def test_a_spread_is_that_of_the_numbers_there_are(values):
    runs = pd.DataFrame({"run_id": [f"r{k}" for k in range(len(values))], METRIC: pd.Series(values, dtype=float)})
    known = [value for value in values if value is not None]
    found = spread(runs, METRIC, [])
    if not known:
        assert found is None
        return
    assert (found.count, found.unit, found.smallest, found.largest) == (len(known), "mHz", min(known), max(known))
    expected = np.quantile(known, [0.05, 0.5, 0.95])
    np.testing.assert_allclose([found.low, found.median, found.high], expected, rtol=1e-9, atol=1e-9)
    assert found.worst == max(known)
    assert values[int(found.worst_run.removeprefix("r"))] == found.worst


@pytest.mark.parametrize(
    ("metric", "is_max", "worst"),
    [
        ("voltage.min_pu", None, 0.8),
        ("frequency.coi.nadir_hz", None, 0.8),
        ("oscillation.min_damping_percent", None, 0.8),
        ("frequency.max_deviation_mhz", None, 1.1),
        ("voltage.max_pu", None, 1.1),
        ("voltage.max_pu", False, 0.8),  # a limit says which side is bad
        ("site.dc1.least_connected_share", None, 0.8),
        ("site.dc1.mean_mw", False, 0.8),
    ],
)
def test_the_worst_run_is_on_the_side_of_the_limit(metric, is_max, worst):
    runs = pd.DataFrame({"run_id": ["a", "b", "c"], metric: [1.0, 0.8, 1.1]})
    limits = [] if is_max is None else [SweepLimit("x", metric, "", is_max, decides=True, bounds=(1.0,))]
    found = spread(runs, metric, limits)
    assert (found.worst, found.worst_run) == (worst, "b" if worst == 0.8 else "c")


def test_metrics_that_are_shown_spread(folder):
    sag, deviation = spreads(read_outcome(folder))
    assert (sag.metric, sag.worst) == ("voltage.min_pu", pytest.approx(1 - 40 / 350))
    assert (deviation.metric, deviation.median, deviation.worst) == (METRIC, 50.0, 80.0)
    assert deviation.worst_run in set(read_table(folder)["run_id"])


def test_counts_are_in_the_order_asked_for_and_then_by_frequency():
    values = pd.Series(["b", "c", "c", "a", "c", "b"])
    assert list(counts(values).items()) == [("c", 3), ("b", 2), ("a", 1)]
    assert list(counts(values, ("a", "x", "b")).items()) == [("a", 1), ("b", 2), ("c", 3)]


def test_criteria_by_column_with_the_place_that_sets_two_apart():
    """`flat` adds the place to the name of a criterion that stands in a summary twice."""
    names = ["no sag", "no sag@7", "curve@home"]
    columns = [f"criteria.{name}.{what}" for name in names for what in ("verdict", "value", "margin")]
    found = criterion_columns(pd.DataFrame(columns=["run_id", *columns]))
    assert found == {"no sag": "no sag", "no sag@7": "no sag", "curve@home": "curve@home"}
