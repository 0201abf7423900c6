"""Workloads as scenarios write them: what a site draws, and what a run says of its recordings."""

import numpy as np
import pytest
from pydantic import TypeAdapter

import cosim
from cosim.demand import scaled_trace, site_demand
from cosim.scenario.model import Scenario
from cosim.scenario.site import Site
from cosim.scenario.workloads import AnyWorkload, with_absolute_files
from loads.workloads import TrainingCycle

SEED = np.random.SeedSequence(1)
JOB = {"type": "job", "idle_w": 60, "step": {"period_s": 2.0, "phases": [{"share": 1.0, "start_w": 400}]}}
SERVING = {
    "type": "inference",
    "arrivals": {"type": "poisson", "rate_per_s": 5, "prompt_tokens": 100, "generated_tokens": {"mean": 20, "cv": 1}},
    "engine": {
        "max_batch": 8,
        "prefill_tokens_per_s": 9000,
        "decode_batch": [1, 8],
        "decode_step_s": [0.02, 0.03],
    },
    "idle_w": 75,
    "prefill_w": 700,
    "decode_w": [300, 400],
}


def workload(data):
    return TypeAdapter(AnyWorkload).validate_python(data)


def demand(*workloads, duration_s=60.0, **site):
    parts = Site.model_validate({"rating_mw": 100, "workloads": list(workloads), **site})
    return site_demand(parts, [scaled_trace(w, duration_s, SEED) for w in parts.workloads])


def test_parameters_and_defaults_are_the_models():
    assert workload({"type": "training"}).model() == TrainingCycle()
    assert workload({"type": "training", "down_mean": 0.5}).model() == TrainingCycle(down_mean=0.5)
    assert workload({"type": "mix"}).model().nominal_w == pytest.approx(1.0)


def test_a_share_is_nominal_power_at_the_poi():
    assert demand(JOB | {"share": 0.5}, pue=1.25).mean_mw(60.0) == pytest.approx(50)


def test_counted_devices_draw_their_own_power():
    counted = JOB | {"scale_to": "count", "count": 1000}
    assert demand(counted, pue=1.25).mean_mw(60.0) == pytest.approx(1000 * 400e-6 * 1.25)
    chained = demand(counted, pue=1.25, power_chain={})
    assert chained.mean_mw(60.0) == pytest.approx(1000 * 400e-6 / 0.94 * 1.25, rel=1e-6)
    servers = demand(counted | {"measured_at": "servers"}, pue=1.25, power_chain={})
    assert servers.mean_mw(60.0) == pytest.approx(1000 * 400e-6 * 1.25, rel=1e-6)


def test_the_mean_or_the_peak_may_be_scaled():
    assert demand(SERVING | {"scale_to": "mean"}).mean_mw(60.0) == pytest.approx(100)
    (described,) = demand(SERVING | {"scale_to": "peak"}).describe()["workloads"]
    assert described["peak_mw"] == pytest.approx(100)


def test_devices_out_of_step_fluctuate_less():
    swing = {
        rho: demand({"type": "training", "count": 10_000, "synchronisation": rho}).native_series(60.0, 0.1)[1].std()
        for rho in (1.0, 0.25, 0.0)
    }
    assert swing[0.25] == pytest.approx(0.5 * swing[1.0], rel=0.1)
    assert swing[0.0] < 0.03 * swing[1.0]


def test_jobs_of_a_mix_may_be_presets_and_models():
    jobs = [{"type": "preset", "preset": "frontier-h100", "share": 0.7}, JOB | {"share": 0.3}]
    trace = scaled_trace(workload({"type": "mix", "jobs": jobs}), 60.0, SEED).trace
    assert trace.provenance.parameters["nominal_w"] == pytest.approx(1.0)
    assert [job["weight"] for job in trace.provenance.parameters["jobs"]] == [0.7, 0.3]


def test_a_preset_keeps_what_is_not_changed():
    base, changed = (
        workload({"type": "preset", "preset": "nanogpt-jax-char", "parameters": parameters}).model()
        for parameters in ({}, {"step": {"period_s": 0.09}})
    )
    assert changed.step.phases == base.step.phases
    assert (base.step.period_s, changed.step.period_s) == (0.0885, 0.09)


def test_files_of_requests_start_at_the_scenarios_folder(tmp_path):
    (tmp_path / "r.csv").write_text("arrived_at,num_prefill_tokens,num_decode_tokens\n0,10,5\n1,20,5\n2,5,5\n")
    recorded = {"type": "recorded", "file": "r.csv"}
    for data in (
        SERVING | {"arrivals": recorded},
        {"type": "mix", "jobs": [SERVING | {"arrivals": recorded}]},
        {
            "type": "preset",
            "preset": "llama3-70b-serving",
            "parameters": {"arrivals": recorded, "skip_start_s": [0, 0]},
        },
    ):
        trace = scaled_trace(with_absolute_files(workload(data), tmp_path), 10.0, SEED).trace
        assert trace.duration_s == 10.0


def test_a_run_says_what_its_recording_cannot_show(tmp_path):
    rows = "\n".join(f"2026/03/01 10:00:{k / 10:06.3f}, {300 + 50 * (k % 7):.2f} W" for k in range(300))
    (tmp_path / "gpu.csv").write_text(f"timestamp, power.draw [W]\n{rows}\n")
    site = {"bus": 9, "rating_mw": 10, "workloads": [{"type": "trace", "file": str(tmp_path / "gpu.csv")}]}
    result = cosim.run(
        {"grid": {"case": "ieee14"}, "sites": [site], "simulation": {"duration_s": 0.3}}, tmp_path / "out", report=False
    )
    (warning,) = result.summary["warnings"]
    assert warning.startswith("site dc1: file gpu.csv: the sensor averages")
    assert "lower bounds" in warning


@pytest.mark.parametrize(
    "name", ["gpt2-124m-llmc", "nanogpt-jax-char", "mamba-2.8b-inference", "site-mix", "frontier-b200"]
)
def test_presets_draw_about_their_share(name):
    data = {"type": "preset", "preset": name, "share": 0.5}
    if name.startswith(("gpt2", "nanogpt")):
        data["parameters"] = {"skip_start": True}
    assert demand(data).mean_mw(60.0) == pytest.approx(50, rel=0.4)


def test_the_schema_describes_every_key_of_every_workload():
    parts = Scenario.model_json_schema(by_alias=True)["$defs"]
    for name in (name for name in parts if name.endswith("Workload")):
        for key, entry in parts[name]["properties"].items():
            assert key == "type" or entry.get("description"), f"{name}.{key}"
