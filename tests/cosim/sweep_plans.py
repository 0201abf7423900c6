"""A scenario of many parts, and plans of sweeps of it."""

from pathlib import Path

from ruamel.yaml import YAML

from cosim.sweep.plan import Plan, load_sweep, make_plan

TRACE = "time_s,power_w\n0,700\n1,900\n"
ARRIVALS = "time_s,input_tokens,output_tokens\n0.1,100,20\n0.2,50,10\n"
BASE = {
    "schema": 1,
    "name": "two sites",
    "description": "Of many parts",
    "grid": {
        "case": "ieee39",
        "base_load": {"z": 0.5, "i": 0, "p": 0.5},
        "edits": [{"inertia_scale": 0.5}, {"load_scale": {"factor": 1.1, "buses": [4]}}],
    },
    "sites": [
        {
            "name": "dc1",
            "bus": 16,
            "rating_mw": 200,
            "power_chain": {},
            "workloads": [
                {"type": "training", "share": 0.5},
                {"type": "preset", "preset": "gpt3-175b-512xh100", "share": 0.1},
                {"type": "trace", "file": "node.csv", "share": 0.2},
            ],
            "mitigation": [{"type": "ramp_limiter", "up_mw_per_s": 20, "down_mw_per_s": 20}],
            "protection": {"preset": "legacy-ups", "counter": {"events": 2}},
        },
        {
            "name": "dc2",
            "bus": 4,
            "rating_mw": 50,
            "workloads": [{"type": "mix", "share": 0.5}, {"type": "fine_tuning", "share": 0.1}],
            "protection": {"voltage": {"rows": [{"below": 0.8, "seconds": 0.1}]}},
        },
    ],
    "events": [{"type": "line_trip", "line": {"from": 16, "to": 17}, "at_s": 0.5}],
    "simulation": {"duration_s": 2, "seed": 77},
    "criteria": [{"metric": "voltage.min_pu", "min": 0.9}, {"profile": "screening"}],
}


def write(path: Path, data: object) -> Path:
    """Write plain data as YAML, its keys in their order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    YAML(pure=True).dump(data, path)
    return path


def planned(folder: Path, sweep: dict[str, object], base: dict[str, object] | None = None) -> Plan:
    """The plan of a sweep in a folder that also has its scenario, two traces and arrivals."""
    write(folder / "base.yaml", BASE if base is None else base)
    (folder / "node.csv").write_text(TRACE)
    (folder / "other.csv").write_text(TRACE.replace("700", "500"))
    (folder / "arrivals.csv").write_text(ARRIVALS)
    return make_plan(*load_sweep(write(folder / "sweep.yaml", {"scenario": "base.yaml"} | sweep)))


def column(plan: Plan, name: str) -> list[object]:
    """The cells of a column of a plan."""
    return [run.cells[name] for run in plan.runs]
