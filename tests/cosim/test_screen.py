"""Screening: runs with linear equations from a shared operating point, and which of them are confirmed."""

import copy

import pytest
from sweeps import assert_same_numbers, cosim, numbers, write_sweep

import cosim as package
from cosim.errors import InputError
from cosim.scenario.load import validate
from cosim.scenario.source import Source
from cosim.screen import CannotScreen, Screener, screen_key
from cosim.sweep.confirm import nearest_margin, to_confirm
from cosim.sweep.limits import SweepLimit
from cosim.sweep.model import Sweep
from cosim.sweep.plan import Plan, PlannedRun
from cosim.sweep.table import read_table

SCENARIO = {
    "name": "screened",
    "grid": {"case": "kundur"},
    "sites": [{"name": "dc1", "bus": 7, "rating_mw": 40, "workloads": [{"type": "training"}]}],
    "simulation": {"duration_s": 6.0, "engine": "linear"},
    "criteria": [
        {"metric": "frequency.max_deviation_mhz", "max": 30, "id": "swing"},
        {"metric": "ramp.sites.dc1.windows.1s", "max": 100, "id": "ramp"},
        {"metric": "site.dc1.poi_min_pu", "min": 0.5, "id": "not screened"},
    ],
}


def scenario(**changes):
    """The scenario above with other values, by dotted key."""
    data = copy.deepcopy(SCENARIO)
    for key, value in changes.items():
        node, *rest = [int(part) if part.isdigit() else part for part in key.split("__")]
        target = data
        for part in [node, *rest][:-1]:
            target = target[part]
        target[[node, *rest][-1]] = value
    source = Source(None, data)
    return validate(source), source


@pytest.fixture(scope="module")
def screener():
    return Screener(*scenario())


@pytest.mark.parametrize("seed", [1, 5])
def test_a_screened_run_is_the_run_of_the_linear_engine(screener, seed, tmp_path):
    made = scenario(simulation__seed=seed)
    screened = screener.run(*made)
    whole = package.run(made[1].data, tmp_path, report=False).summary
    assert screened["status"] == whole["status"] == "completed"
    frequency, voltage = ((found["metrics"]["frequency"], found["metrics"]["voltage"]) for found in (screened, whole))
    for key in ("max_deviation_mhz", "peak_to_peak_mhz"):
        assert frequency[0][key] == pytest.approx(voltage[0][key], rel=0.02)
    assert frequency[0]["max_rocof_hz_per_s"]["500ms"] == pytest.approx(
        voltage[0]["max_rocof_hz_per_s"]["500ms"], rel=0.03
    )
    for key in ("min_pu", "max_pu"):
        assert frequency[1][key] == pytest.approx(voltage[1][key], abs=2e-4)
    assert frequency[1]["swing_pu"] == pytest.approx(voltage[1]["swing_pu"], rel=0.03)
    swings = [entry["value"] for found in (screened, whole) for entry in found["criteria"] if entry["id"] == "ramp"]
    assert swings[0] == pytest.approx(swings[1], rel=1e-6)


def test_what_a_screen_does_not_compute_is_not_assessed(screener):
    verdicts = {entry["id"]: entry for entry in screener.run(*scenario())["criteria"]}
    assert verdicts["swing"]["verdict"] == verdicts["ramp"]["verdict"] == "pass"
    assert verdicts["not screened"]["verdict"] == "not_assessed"
    assert "screen" in verdicts["not screened"]["reason"]


def test_the_order_of_the_runs_does_not_matter(screener):
    first, second = scenario(simulation__seed=3), scenario(simulation__seed=4)
    apart = [screener.run(*made) for made in (first, second)]
    other = Screener(*scenario())
    assert [other.run(*made) for made in (second, first)] == apart[::-1]


def test_voltages_before_the_run_follow_the_starting_power(tmp_path):
    """Sites that start from other powers than that of the operating point."""
    workload = {"type": "training", "frequency_hz": 0.2}
    screener = Screener(*scenario(sites__0__workloads=[workload], sites__0__rating_mw=120))
    for seed in (2, 3, 4):
        made = scenario(sites__0__workloads=[workload], sites__0__rating_mw=120, simulation__seed=seed)
        whole = package.run(made[1].data, tmp_path / str(seed), report=False).summary["metrics"]["voltage"]
        assert screener.run(*made)["metrics"]["voltage"]["min_pu"] == pytest.approx(whole["min_pu"], abs=1e-3)


def test_sites_that_react_take_a_run_of_their_own():
    with pytest.raises(CannotScreen, match="react"):
        Screener(*scenario(sites__0__protection={"preset": "legacy-ups"}))


def test_a_network_that_switches_is_refused():
    trip = [{"type": "line_trip", "line": {"from": 8, "to": 9, "circuit": 1}, "at_s": 1.0}]
    with pytest.raises(InputError, match="linear engine"):
        Screener(*scenario(events=trip))


def test_scenarios_share_an_operating_point_if_grid_and_sites_are_the_same():
    key = screen_key(scenario()[0])
    assert screen_key(scenario(simulation__seed=9)[0]) == key
    assert screen_key(scenario(sites__0__workloads=[{"type": "mix"}])[0]) == key
    assert screen_key(scenario(sites__0__rating_mw=41)[0]) != key
    assert screen_key(scenario(sites__0__bus=8)[0]) != key
    assert screen_key(scenario(grid__base_load={"z": 0, "i": 0, "p": 1})[0]) != key


LIMITS = [SweepLimit("swing", "frequency.max_deviation_mhz", "mHz", True, True, (30.0,))]


def test_nearness_to_a_limit_is_a_share_of_what_it_allows():
    near = {"criteria.swing.value": 28.5, "criteria.swing.margin": 1.5}
    assert nearest_margin(near, LIMITS) == pytest.approx(0.05)
    beyond = {"criteria.swing.value": 33.0, "criteria.swing.margin": -3.0}
    assert nearest_margin(beyond, LIMITS) == pytest.approx(0.1)
    assert nearest_margin({}, LIMITS) == float("inf")
    nadir = [SweepLimit("nadir", "frequency.nadir_hz", "Hz", False, True, (59.5,))]
    values = {"criteria.nadir.value": 59.55, "criteria.nadir.margin": 0.05, "frequency.nominal_hz": 60.0}
    assert nearest_margin(values, nadir) == pytest.approx(0.1)


def plan_of(count, **confirm):
    """A plan of screened runs; run k has id ``k`` and is confirmed as ``k!``."""
    data = {"criteria": SCENARIO["criteria"][:1], "sites": SCENARIO["sites"], "simulation": {"engine": "linear"}}
    runs = tuple(
        PlannedRun(str(k), {}, k, {}, data, "g", data, PlannedRun(f"{k}!", {}, k, {}, data, "g")) for k in range(count)
    )
    return Plan(Sweep(scenario="x", screen={"confirm": confirm}), {}, count, runs)


def record(deviation_mhz, status="completed", holds=True):
    values = {
        "frequency.max_deviation_mhz": deviation_mhz,
        "criteria.swing.value": deviation_mhz,
        "criteria.swing.margin": 30 - deviation_mhz,
        "linear.holds": holds,
    }
    return {"status": status, "verdict": "pass", "values": values}


@pytest.mark.parametrize(
    ("confirm", "expected"),
    [
        ({"top": 2, "near_limit": 0}, ["1!", "3!", "4!"]),
        ({"top": 0, "near_limit": 0.1}, ["2!", "4!"]),
        ({"top": 0, "near_limit": 0, "outside_domain": True}, ["0!", "4!"]),
        ({"top": 99, "near_limit": 0}, ["0!", "1!", "2!", "3!", "4!"]),
    ],
)
def test_the_runs_that_matter_are_confirmed(confirm, expected):
    """The worst two, those within a tenth of 30 mHz, those beyond the domain; whatever lost synchronism, always."""
    plan = plan_of(5, **confirm)
    records = dict(
        zip(
            "01234",
            [record(10, holds=False), record(50), record(28), record(60), record(1.0, status="unstable")],
            strict=True,
        )
    )
    assert [run.run_id for run in to_confirm(plan, records)] == expected
    del records["0"]
    assert to_confirm(plan, records) == []  # not before all is screened


@pytest.mark.slow
def test_a_sweep_screens_and_confirms(tmp_path):
    keys = {
        "parameters": [{"key": "sites[0].rating_mw", "values": [20, 60]}],
        "replicates": 3,
        "screen": {"confirm": {"top": 1, "near_limit": 0}},
        "keep": "all",
    }
    base = SCENARIO | {"simulation": {"duration_s": 1.0}}
    file = write_sweep(tmp_path, base=base, **keys)
    tables = []
    for workers in (1, 2):
        out = tmp_path / f"out{workers}"
        assert cosim("sweep", "run", file, "--out", out, "--workers", workers, "--quiet") == 0
        tables.append(numbers(out))
    assert_same_numbers(*tables)
    table = read_table(out)
    confirmed = table[table["engine"] == "compiled"]
    assert len(table) == 6
    assert len(confirmed) == 1
    row = confirmed.iloc[0]
    assert row["screen.frequency.max_deviation_mhz"] == pytest.approx(row["frequency.max_deviation_mhz"], rel=0.05)
    assert (out / "runs" / row["confirmed_as"] / "result.h5").is_file()
    assert table["frequency.max_deviation_mhz"].idxmax() == confirmed.index[0]
    assert cosim("sweep", "run", file, "--out", out, "--quiet", "--resume", "--no-report") == 0
    assert_same_numbers(numbers(out), tables[0])
    assert row["run_id"] in (out / "report.html").read_text()
