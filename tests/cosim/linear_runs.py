"""Runs with the linear engine, in one go or node by node, and what they left behind."""

import math

import h5py
import numpy as np
import pytest

import cosim


def scenario(case, sites, events=(), engine="linear", channels=("voltage_pu", "frequency_hz", "speed_pu"), **changes):
    """A scenario whose sites are ``{"bus": ..., "rating_mw": ...}``."""
    simulation = {"engine": engine, "duration_s": 3.0, "step_s": 0.01, **changes.pop("simulation", {})}
    return {
        "grid": {"case": case, **changes.pop("grid", {})},
        "sites": [{"name": f"dc{k + 1}", **site} for k, site in enumerate(sites)],
        "events": list(events),
        "simulation": simulation,
        "outputs": {"channels": list(channels), "every_s": 0.01, **changes.pop("outputs", {})},
        **changes,
    }


def run(out, wanted, *, node_by_node=False, status="completed"):
    """Run a scenario; `node_by_node` makes the co-simulation loop do what else is done in one go."""
    with pytest.MonkeyPatch.context() as patch:
        if node_by_node:
            patch.setattr("cosim.runner.is_open_loop", lambda *_: False)
        result = cosim.run(wanted, out, report=False)
    assert result.summary["status"] == status
    return result


def datasets(result):
    """Every dataset of a result file."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(result.path) as file:
        file.visititems(visit)
    return found


def attributes(result):
    """Every attribute of every group and dataset of a result file, but not of the file itself."""
    found = {}
    with h5py.File(result.path) as file:
        file.visititems(lambda name, item: found.update({(name, key): value for key, value in item.attrs.items()}))
    return found


def assert_same(one, other, where=""):
    """The same but for rounding, through lists and mappings."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for k, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_same(left, right, f"{where}[{k}]")
    elif isinstance(one, float) and isinstance(other, int | float):
        assert math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9) or (math.isnan(one) and math.isnan(other)), where
    elif isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other, err_msg=where)
    else:
        assert one == other, where
