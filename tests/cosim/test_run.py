"""Whole runs: what they leave behind, how they end, and that they repeat."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

import cosim
from cosim import runner
from cosim.errors import InputError
from cosim.runner import default_folder
from cosim.scenario.load import load_scenario
from cosim.scenario.model import Scenario
from cosim.study import prepare_study

TRACES = Path(__file__).parents[2].parent / "shared" / "data" / "traces"


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    return cosim.run("ieee14-quickstart", tmp_path_factory.mktemp("quickstart"))


def small(**changes):
    """A half-second scenario on ieee14."""
    return {
        "grid": {"case": "ieee14"},
        "sites": [{"bus": 9, "rating_mw": 10.0}],
        "simulation": {"duration_s": 0.5},
        **changes,
    }


def numbers(path):
    """Every dataset of a result file, as bytes."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
            found[name] = item[()].tobytes()

    with h5py.File(path / "result.h5") as file:
        file.visititems(visit)
    return found


def test_files_of_a_run(quickstart):
    folder = quickstart.path.parent
    assert {p.name for p in folder.iterdir()} == {"result.h5", "summary.json", "scenario.yaml", "report.html"}
    summary = json.loads((folder / "summary.json").read_text())
    assert summary == quickstart.summary
    assert list(summary)[:8] == [
        "name",
        "status",
        "verdict",
        "end_time_s",
        "metrics",
        "criteria",
        "initialisation",
        "provenance",
    ]
    assert (summary["status"], summary["verdict"]) == ("completed", "pass")
    assert summary["warnings"] == []


def test_it_ends_exactly_at_its_duration(quickstart):
    assert quickstart.summary["end_time_s"] == 8.0
    assert quickstart.time_s[-1] == 8.0
    assert quickstart.site("dc1").index[-1] == 8.0


def test_channels_are_frames_with_units(quickstart):
    assert list(quickstart.voltage_pu.columns) == [str(bus) for bus in range(1, 15)]
    assert quickstart.voltage_pu.attrs["unit"] == "pu"
    assert np.all(np.diff(quickstart.time_s) > 0)
    assert np.abs(quickstart.frequency_hz - 60).max().max() < 0.1
    assert quickstart.frequency_hz.notna().all().all()


def test_energy_of_the_trace_reaches_the_grid(quickstart):
    site = quickstart.summary["metrics"]["site"]["dc1"]
    assert abs(site["energy_error"]) < 1e-12
    demand = quickstart.demand("dc1")
    assert demand.mean() * 8 / 3600 == pytest.approx(site["energy_mwh"], rel=1e-9)


def test_power_flow_starts_with_the_sites_power(quickstart):
    """No jump at t = 0: the second node is near the first, and the residual was small."""
    assert quickstart.summary["initialisation"]["residual"] < 1e-6
    assert abs(quickstart.speed_pu.iloc[1] - 1).max() < 1e-4


def test_event_is_recorded_and_lands_on_a_node(quickstart):
    (event,) = quickstart.events.to_dict("records")
    assert (event["time_s"], event["kind"]) == (4.0, "line_trip")
    assert 4.0 in quickstart.time_s


def test_steps_land_on_the_edges_of_the_trace(quickstart):
    index = quickstart.site("dc1").index.to_numpy()
    jumps = index[1:][np.diff(index) == 0]
    assert jumps.size > 12  # 1 Hz, two edges an iteration, and the line trip
    assert np.allclose(jumps * 1000, np.rint(jumps * 1000), atol=1e-6)  # edges of a 1 kHz trace


def test_resolved_scenario_runs_again_to_the_same_numbers(quickstart, tmp_path):
    again = cosim.run(quickstart.path.parent / "scenario.yaml", tmp_path, report=False)
    assert again.summary["metrics"] == quickstart.summary["metrics"]
    assert numbers(tmp_path) == numbers(quickstart.path.parent)


def test_same_seed_same_bytes_and_another_seed_others(tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        scenario = small(simulation={"duration_s": 0.5, "seed": seed})
        cosim.run(scenario, tmp_path / name, report=False)
    assert numbers(tmp_path / "a") == numbers(tmp_path / "b")
    assert numbers(tmp_path / "a") != numbers(tmp_path / "c")


def test_replacing_load_keeps_the_power_flow(tmp_path):
    """A site that takes over a part of the bus's load changes no voltage at t = 0."""
    without = cosim.run(small(sites=[]), tmp_path / "without", report=False)
    site = {"bus": 9, "rating_mw": 20.0, "mode": "replace", "power_factor": 0.9, "steady_share": 1.0}
    replaced = small(sites=[site])
    replaced = cosim.run(replaced, tmp_path / "replaced", report=False)
    np.testing.assert_allclose(replaced.voltage_pu.iloc[0], without.voltage_pu.iloc[0], atol=1e-6)
    assert replaced.summary["initialisation"]["redispatch_mw"] == {}


def test_redispatch_modes(tmp_path):
    """Shared by headroom, all machines give more; left to the slack, it alone does."""

    def generation(mode):
        site = {"bus": 9, "rating_mw": 10.0, "steady_share": 1.0}
        scenario = small(sites=[site], redispatch=mode, outputs={"channels": ["generator_mw"]})
        return cosim.run(scenario, tmp_path / str(len(str(mode))), report=False).generator_mw.iloc[0]

    nothing = cosim.run(small(sites=[], outputs={"channels": ["generator_mw"]}), tmp_path / "0", report=False)
    base = nothing.generator_mw.iloc[0]
    shared, slack = generation({"mode": "headroom"}) - base, generation({"mode": "slack"}) - base
    named = generation({"machines": ["GENROU_2", "GENROU_3"]}) - base
    assert (shared > 0.3).all()
    assert (slack.abs() > 1e-3).sum() == 1
    assert (named.abs() > 2.0).sum() == 2


def test_load_step_event(tmp_path):
    scenario = small(
        sites=[],
        events=[{"type": "load_step", "bus": 4, "mw": 10.0, "at_s": 0.123}],
        grid={"case": "ieee14", "base_load": {"p": 1}},
    )
    result = cosim.run(scenario, tmp_path, report=False)
    assert result.events["time_s"].tolist() == [0.123]
    coi = result.coi_hz["coi"]
    assert coi[coi.index <= 0.12].sub(60).abs().max() < 1e-6
    slope = (coi.iloc[-1] - 60) / (0.5 - 0.123)
    assert slope == pytest.approx(-10 * 60 / (2 * 2550), rel=0.15)


def test_point_injection_samples_the_trace(tmp_path):
    scenario = small(simulation={"duration_s": 0.5, "injection": "point"})
    result = cosim.run(scenario, tmp_path, report=False)
    assert abs(result.summary["metrics"]["site"]["dc1"]["energy_error"]) > 1e-6


def test_thinned_channels_keep_extremes(tmp_path):
    scenario = small(simulation={"duration_s": 2.0})
    fine = cosim.run(scenario, tmp_path / "fine", report=False)
    thin = cosim.run({**scenario, "outputs": {"every_s": 0.5}}, tmp_path / "thin", report=False)
    assert thin.time_s.tolist() == pytest.approx([0, 0.5, 1.0, 1.5, 2.0])
    for key in ("nadir_hz", "zenith_hz", "peak_to_peak_mhz"):
        assert thin.summary["metrics"]["frequency"][key] == fine.summary["metrics"]["frequency"][key]
    assert thin.summary["metrics"]["frequency"]["max_rocof_hz_per_s"]["100ms"] is None


def test_unsolvable_power_flow(tmp_path):
    scenario = small(
        sites=[{"bus": 14, "rating_mw": 499.0}],
        redispatch={"mode": "slack"},
        criteria=[{"metric": "frequency.nadir_hz", "min": 50}],
    )
    result = cosim.run(scenario, tmp_path)
    assert result.summary["status"] == "power_flow_failed"
    assert result.summary["verdict"] == "simulation_failed"
    assert result.summary["criteria"][0]["verdict"] == "simulation_failed"
    assert "below v_min_pu" in result.summary["warnings"][0]
    assert (tmp_path / "report.html").is_file()


def test_initialisation_outside_limits(tmp_path):
    scenario = small(sites=[{"bus": 2, "rating_mw": 200.0}], redispatch={"mode": "slack"})
    result = cosim.run(scenario, tmp_path, report=False)
    assert result.summary["status"] == "initialisation_failed"
    assert "ESST3A" in result.summary["initialisation"]["worst_equation"]


def test_loss_of_synchronism_keeps_what_there_is(tmp_path):
    scenario = {
        "grid": {"case": "kundur"},
        "events": [{"type": "load_step", "bus": 8, "mw": 3000.0, "at_s": 0.5}],
        "simulation": {"duration_s": 8, "step_s": 0.02},
        "criteria": [{"metric": "frequency.nadir_hz", "min": 50}],
    }
    result = cosim.run(scenario, tmp_path, report=False)
    summary = result.summary
    assert (summary["status"], summary["verdict"]) == ("unstable", "simulation_failed")
    assert 1 < summary["end_time_s"] < 8
    assert result.time_s[-1] == pytest.approx(summary["end_time_s"], abs=0.021)


def test_divergence_keeps_what_there_is(tmp_path, monkeypatch):
    """From 0.2 s on the solver fails at any step size."""
    from cosim.engines.andes import AndesEngine

    step = AndesEngine.step
    monkeypatch.setattr(AndesEngine, "step", lambda self, h: self.time_s + h < 0.2 and step(self, h))
    result = cosim.run(small(simulation={"duration_s": 0.5, "engine": "andes"}), tmp_path, report=False)
    assert result.summary["status"] == "diverged"
    assert result.summary["end_time_s"] == pytest.approx(0.2, abs=0.011)
    assert result.summary["metrics"]["frequency"]["nadir_hz"] is not None


def test_a_step_that_fails_is_cut_and_the_energy_kept(tmp_path, monkeypatch):
    from cosim.engines.andes import AndesEngine

    step = AndesEngine.step
    monkeypatch.setattr(AndesEngine, "step", lambda self, h: (h < 0.004 or self.time_s < 0.25) and step(self, h))
    result = cosim.run(small(simulation={"duration_s": 0.5, "engine": "andes"}), tmp_path, report=False)
    assert result.summary["status"] == "completed"
    assert "shortened step" in result.summary["warnings"][0]
    assert abs(result.summary["metrics"]["site"]["dc1"]["energy_error"]) < 1e-4


def test_interrupted_run_keeps_what_there_is(tmp_path):
    def stop(time_s):
        if time_s > 0.3:
            raise KeyboardInterrupt

    result = cosim.run(small(simulation={"duration_s": 0.5, "engine": "andes"}), tmp_path, report=False, progress=stop)
    assert result.summary["status"] == "interrupted"
    assert result.summary["verdict"] == "simulation_failed"
    assert 0.3 < result.time_s[-1] < 0.4


def test_a_bus_number_may_be_text(tmp_path):
    def metrics(quoted):
        shunt = {"type": "shunt_switch", "shunt": {"bus": quoted(9), "mvar": 3}, "on": True, "at_s": 0.12}
        events = [
            {"type": "load_step", "bus": quoted(9), "mw": 3, "at_s": 0.1},
            {"type": "fault", "bus": quoted(5), "duration_s": 0.02, "at_s": 0.15},
            shunt,
        ]
        sites = [{"bus": quoted(14), "rating_mw": 20.0}]
        return cosim.run(small(sites=sites, events=events), tmp_path / quoted.__name__, report=False).summary["metrics"]

    assert metrics(str) == metrics(int)


def test_a_site_beside_an_infinite_bus(tmp_path):
    data = Path(__file__).parents[1] / "data"
    scenario = small(
        grid={"case": str(data / "three_bus.raw"), "dyr": str(data / "three_bus_hygov.dyr")},
        sites=[{"bus": 103, "rating_mw": 20.0}],
    )
    summary = cosim.run(scenario, tmp_path, report=False).summary
    assert summary["status"] == "completed"
    assert summary["warnings"] == []  # no step was cut
    assert summary["metrics"]["frequency"]["coi"]["peak_to_peak_mhz"] > 0.1  # of the one machine that can move


def test_a_machine_out_of_service_does_not_count(tmp_path):
    data = Path(__file__).parents[1] / "data"
    raw = (data / "three_bus.raw").read_text()
    row = "102,'2',  0.0, 0.0,0,0,1.02,0,100.0,0,0.25,0,0,1,0,100.0,318.0,0,1,1\n"
    raw = raw.replace("0 / end of generators", row + "0 / end of generators")
    machine = (data / "three_bus_genrou.dyr").read_text()
    (tmp_path / "off.raw").write_text(raw)
    (tmp_path / "off.dyr").write_text(machine + machine.splitlines()[1].replace("'GENROU' 1", "'GENROU' 2") + "\n")
    grid = {"case": str(tmp_path / "off.raw"), "dyr": str(tmp_path / "off.dyr")}
    result = cosim.run(small(grid=grid, sites=[]), tmp_path / "out", report=False)
    assert len(result.speed_pu.columns) == 2
    assert result.summary["metrics"]["frequency"]["max_deviation_mhz"] < 1e-3


@pytest.mark.parametrize("lost", [(14,), (12, 13)])
def test_buses_that_lose_their_supply_draw_nothing(lost, tmp_path):
    lines = {(14,): [(9, 14), (13, 14)], (12, 13): [(6, 12), (6, 13), (13, 14)]}[lost]
    scenario = small(
        sites=[{"bus": lost[-1], "rating_mw": 6.0}],
        events=[{"type": "line_trip", "line": {"from": a, "to": b}, "at_s": 0.2} for a, b in lines],
    )
    result = cosim.run(scenario, tmp_path, report=False)
    assert result.summary["status"] == "completed"
    assert "lost its supply at 0.2 s" in result.summary["warnings"][0]
    assert result.site("dc1")["power_mw"].iloc[-1] == 0
    assert (result.voltage_pu[[str(bus) for bus in lost]].iloc[-1] == 0).all()
    kinds = {(event["bus"], event["kind"]) for event in result.summary["metrics"]["voltage"]["events"]}
    assert kinds == {(str(bus), "interruption") for bus in lost}


@pytest.mark.parametrize("at_s", [2e-6, 0.4999999])
def test_an_event_at_an_end_of_the_run_is_not_lost(at_s, tmp_path):
    events = [{"type": "line_trip", "line": {"from": 9, "to": 14}, "at_s": at_s}]
    result = cosim.run(small(sites=[], events=events), tmp_path, report=False)
    assert result.events["time_s"].tolist() == [pytest.approx(at_s, abs=3e-5)]


def test_a_site_that_draws_nothing(tmp_path):
    sites = [{"bus": 9, "rating_mw": 6.0, "workloads": [{"type": "training", "share": 0.0}]}]
    summary = cosim.run(small(sites=sites), tmp_path, report=False).summary
    assert summary["metrics"]["site"]["dc1"]["energy_mwh"] == 0
    assert summary["metrics"]["site"]["dc1"]["energy_error"] is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "two\nlines"}, "cannot be a name"),
        ({"simulation": {"duration_s": 86400, "step_s": 1e-4}}, "too many"),
        ({"criteria": [{"metric": "voltage.min_pu", "min": "1"}]}, "expected a number"),
        ({"sites": [{"name": "total"}]}, "sum of all sites"),
        ({"sites": [{"workloads": [{"type": "training", "frequency_hz": 1e9}]}]}, "half the sample rate"),
        ({"sites": [{"workloads": [{"type": "training", "up_noise_range": [0.5, 0.1]}]}]}, "in order"),
        ({"events": [{"type": "line_trip", "line": "Line_1", "at_s": t} for t in (0.1, 0.2)]}, "open already"),
    ],
)
def test_contradictions_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        cosim.run(small(**changes))


def test_a_trace_that_would_loop_for_ever_is_refused(tmp_path):
    (tmp_path / "ns.csv").write_text("t_ns,power_w\n0,1\n1,2\n2,1\n")
    workload = {"type": "trace", "file": str(tmp_path / "ns.csv")}
    with pytest.raises(InputError, match="would loop"):
        cosim.run(small(sites=[{"workloads": [workload]}]))
    (tmp_path / "zero.csv").write_text("t_s,power_w\n0,0\n1,0\n2,0\n")
    with pytest.raises(InputError, match="above 0 W"):
        cosim.run(small(sites=[{"workloads": [{**workload, "file": str(tmp_path / "zero.csv")}]}]))


def test_a_result_that_cannot_be_written_is_bad_input(tmp_path):
    (tmp_path / "result.h5").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        cosim.run(small(), tmp_path)


def test_python_and_command_line_refuse_alike():
    with pytest.raises(InputError, match=r"sites\[0\].bus.*no bus 99"):
        cosim.run(small(sites=[{"bus": 99}]))


def test_relative_paths_start_at_the_scenario(tmp_path):
    (tmp_path / "node.csv").write_text("time_s,power_w\n0,700\n1,900\n2,800\n")
    path = tmp_path / "mine.yaml"
    path.write_text(
        "grid: {case: ieee14}\nsites: [{workloads: [{type: trace, file: node.csv}]}]\nsimulation: {duration_s: 0.5}\n"
    )
    study = prepare_study(*load_scenario(path))
    assert study.scenario.sites[0].workloads[0].file == str(tmp_path / "node.csv")
    assert study.scenario.sites[0].bus == 3  # the bus with the largest load
    assert study.demands["dc1"].mean_mw(2.0) == pytest.approx(100)
    assert "node.csv" in runner.scenario_text(study.scenario)


@pytest.mark.slow
def test_recorded_gpt3_training_shows_its_line_in_the_frequency(tmp_path):
    """64 nodes of 8 H100: an optimiser step of 10.6 s and its logging make a line at 10.9 s."""
    trace = TRACES / "gpt3-175b-512xh100" / "node_1.txt"
    if not trace.is_file():
        pytest.skip(f"the recorded trace is not at {trace}")
    result = cosim.run(
        "ieee39-gpt3-recorded",
        tmp_path,
        [f"sites[0].workloads[0].file={trace}", "simulation.step_s=0.05"],
        report=False,
    )
    coi = result.coi_hz["coi"]
    coi = coi[coi.index > 20]  # past the start of the recording
    frequency = np.fft.rfftfreq(len(coi), 0.1)
    size = np.abs(np.fft.rfft((coi - coi.mean()) * np.hanning(len(coi))))
    band = (frequency > 1 / 20) & (frequency < 1 / 6)
    line = 1 / frequency[band][np.argmax(size[band])]
    assert line == pytest.approx(10.93, rel=0.03)
    assert size[band].max() > 5 * np.median(size[band])


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("ieee39-training", "ieee39-training"),
        ("<script>alert(1)</script>", "script-alert(1)-script"),
        ("../../etc/passwd", "etc-passwd"),
        ("..", "scenario"),
        ("Köln, 200 MW", "Köln- 200 MW"),
    ],
)
def test_the_folder_is_named_after_the_scenario_and_inside_results(name, folder):
    scenario = Scenario.model_validate({"name": name, "grid": {"case": "ieee14"}, "simulation": {"duration_s": 1}})
    assert default_folder(scenario) == Path("results") / folder
