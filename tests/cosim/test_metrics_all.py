import json

import numpy as np
import pytest
from recorded_runs import write_run

from cosim.criteria import find
from cosim.metrics import compute, metric_paths, plain, reason_for, unit_of

NETWORK = json.dumps(
    {
        "buses": [{"name": n, "base_kv": 1.0, "area": n, "load_mw": 0.0} for n in ("4", "16")],
        "generators": [{"name": n, "bus": "4", "rating_mva": 100.0, "infinite": False} for n in ("G1", "G2")],
        "lines": [{"name": "T", "from_bus": "4", "to_bus": "16", "rating_mva": 50.0, "in_service": True}],
    }
)


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    """Metrics of a run that has everything, long enough for flicker."""
    folder = tmp_path_factory.mktemp("rich")
    time_s = np.arange(0, 601, 0.005)
    wave = np.sin(4 * time_s)
    ring = np.exp(-0.2 * np.maximum(time_s - 1.5, 0)) * np.sin(8 * time_s)
    run = write_run(
        folder,
        time_s,
        {
            "voltage_pu": {"16": 1 - 0.2 * wave, "4": 1 + 0.01 * wave},
            "frequency_hz": {"16": 60 + wave, "4": 60 - wave},
            "speed_pu": {"G1": 1 + 0.01 * ring, "G2": 1 - 0.02 * ring},
            "rotor_angle_rad": {"G1": 0.1 * wave, "G2": 0.2 * wave},
            "generator_mw": {"G1": 10 * wave, "G2": 20 * wave},
            "line_mw": {"T": 5 * wave},
        },
        inertia=[5.0, 3.0],
        network=NETWORK,
        events=[(1.0, "fault", ""), (1.2, "fault_cleared", "")],
        power_mw=100 + wave,
        demand=(0.005, 100 + np.sin(np.arange(120_200) * 0.02)),
        site_notes={"bus": "16", "energy_error": 1e-8, "below_v_min_s": 0.0},
    )
    return compute(run)


def test_every_listed_path_is_a_number_and_every_number_is_listed(rich):
    values, reasons = rich.values, rich.reasons
    all_paths = metric_paths(["dc1"])
    assert len(all_paths) == len(set(all_paths))
    paths = [path for path in all_paths if not reason_for(reasons, path)]
    # Two hours of flicker, bands in which this run has no mode or its load no swing, and what reacts to the grid.
    rest = (".plt_120v", ".plt_230v", ".dominant_hz", ".damping_percent", "_amplification")
    reacting = tuple(f"site.dc1.{part}." for part in ("energy", "protection", "mitigation"))
    assert all(path.endswith(rest) or path.startswith(reacting) for path in set(all_paths) - set(paths))
    for path in paths:
        assert isinstance(find(values, path), int | float), path

    def numbers(tree, prefix=""):
        for key, value in tree.items():
            if isinstance(value, dict):
                yield from numbers(value, f"{prefix}{key}.")
            elif isinstance(value, int | float):
                yield prefix + key
            else:
                assert value is None or isinstance(value, str | list)

    assert set(numbers(values)) == set(paths)


def test_keys_are_there_with_nothing_recorded(tmp_path, rich):
    full = rich.values
    section = compute(write_run(tmp_path, [], {}))
    empty, reasons = section.values, section.reasons

    def keys(tree):
        return {key: keys(value) if isinstance(value, dict) else None for key, value in tree.items()}

    assert keys(full) == keys(empty)
    for path in metric_paths(["dc1"]):
        if find(empty, path) is None:
            assert any(path == key or path.startswith(key + ".") for key in reasons), path


def test_diverged_run_gives_strict_json(tmp_path):
    time_s = np.arange(0, 3, 0.01)
    bad = np.where(time_s < 2, 1.0, np.nan)
    worse = np.where(time_s < 2, 1.0, np.inf)
    run = write_run(
        tmp_path,
        time_s,
        {"voltage_pu": {"1": bad, "2": worse}, "speed_pu": {"G1": worse, "G2": bad}},
        inertia=[1.0, 1.0],
        power_mw=worse,
        demand=(0.01, bad),
        site_notes={"bus": "1"},
    )
    values = compute(run).values  # without a warning: warnings are errors here
    json.dumps(values, allow_nan=False)
    assert values["voltage"]["min_pu"] == 1.0
    assert values["voltage"]["max_pu"] is values["frequency"]["max_deviation_mhz"] is None
    assert values["site"]["dc1"]["mean_mw"] is values["ramp"]["total"]["max_up_mw_per_s"] is None


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("frequency.max_deviation_mhz", "mHz"),
        ("frequency.nadir_hz", "Hz"),
        ("frequency.max_rocof_hz_per_s.500ms", "Hz/s"),
        ("frequency.max_rocof_time_s.1s", "s"),
        ("voltage.min_pu", "pu"),
        ("voltage.min_time_s", "s"),
        ("ramp.total.max_up_mw_per_s", "MW/s"),
        ("ramp.sites.dc1.windows.10s", "MW"),
        ("ramp.sites.dc1.window_times_s.10s", "s"),
        ("ramp.sites.dc1.max_mw_per_min", "MW/min"),
        ("site.dc1.energy_mwh", "MWh"),
        ("site.dc1.mean_mw", "MW"),
        ("site.dc1.energy_error", ""),
    ],
)
def test_units(path, unit):
    assert unit_of(path) == unit


def test_only_a_ratio_has_no_unit():
    ratios = ("energy_error", "pst_120v", "pst_230v", "plt_120v", "plt_230v", "_amplification")
    ratios += ("transfers", "_share", "_share_at_end", "_of_charge", ".soc_min", ".soc_max", ".soc_final")
    for path in metric_paths(["a"]):
        assert (unit_of(path) == "") == path.endswith(ratios), path


def test_unit_does_not_come_from_a_site_name():
    assert unit_of("site.hall_mw.energy_error") == ""
    assert unit_of("site.windows.energy_mwh") == "MWh"


def test_plain():
    nested = {
        "a": np.float64(1),
        2: (np.int64(3), np.nan),
        "c": np.array([1.0, np.inf]),
        "d": True,
        "e": None,
    }
    assert plain(nested) == {"a": 1.0, "2": [3, None], "c": [1.0, None], "d": True, "e": None}
    assert type(plain(np.bool_(True))) is bool
