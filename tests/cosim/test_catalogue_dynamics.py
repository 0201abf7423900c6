"""Every catalogue system starts in equilibrium, stays there, and settles after a load step where its droops say."""

import numpy as np
import pytest
from scipy.optimize import brentq

import cosim
from grids import catalogue, load_grid
from grids.grid import synchronous_models

NAMES = list(catalogue())
STEP_SHARE = 0.01


def _run(name, out, duration_s, step_s, channels, events=()):
    scenario = {
        "schema": 1,
        "name": name,
        "grid": {"case": name, "base_load": {"z": 0, "i": 0, "p": 1}},
        "events": list(events),
        "simulation": {"duration_s": duration_s, "step_s": step_s},
        "outputs": {"channels": channels, "every_s": 0.1},
    }
    result = cosim.run(scenario, out=out, report=False)
    assert result.summary["status"] == "completed"
    return result


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_flat_run_stays_flat(name, tmp_path):
    result = _run(name, tmp_path, 20, 0.02, ["speed_pu"])
    deviation_mhz = np.abs(result.speed_pu.to_numpy() - 1).max() * catalogue()[name].nominal_hz * 1e3
    assert result.summary["initialisation"]["residual"] < 1e-6
    assert deviation_mhz < 0.1


def droops(grid):
    """For each machine with a governor: MW per pu of speed at steady state, and the turbine's maximum in MW."""
    system, base = grid.system, grid.base_mva
    rating = {str(m.idx): m.rating_mva for m in grid.machines}
    out = {}
    for model in system.groups["TurbineGov"].models.values():
        kind = model.class_name
        for i in range(model.n):
            if not model.u.v[i]:
                continue
            machine = str(model.syn.v[i])
            mva = float(model.Tn.v[i]) or rating[machine]
            if kind in ("TGOV1", "TGOV1N"):
                stiffness, limit = 1 / model.R.v[i], model.VMAX.v[i]
            elif kind == "IEESGO":
                stiffness, limit = model.K1.v[i] * base / mva, model.PMAX.v[i]  # ANDES does not rebase K1
            elif kind == "IEEEG1":
                shares = sum(getattr(model, f"K{k}").v[i] for k in range(1, 9))
                stiffness, limit = model.K.v[i] * shares, model.PMAX.v[i] * shares
            else:
                raise NotImplementedError(f"droop of {kind}")
            out[machine] = (float(stiffness) * mva, float(limit) * mva)
    return out


def damping_mw(grid):
    """Sum of the machines' D and of the turbines' damping, MW per pu of speed."""
    rating = {str(m.idx): m.rating_mva for m in grid.machines}
    total = 0.0
    for model in synchronous_models(grid.system):
        total += sum(d * s for d, s, u in zip(model.D.v, model.Sn.v, model.u.v, strict=True) if u)
    for model in grid.system.groups["TurbineGov"].models.values():
        if model.n and hasattr(model, "Dt"):
            total += sum(d * rating[str(syn)] for d, syn in zip(model.Dt.v, model.syn.v, strict=True))
    return float(total)


def settled_speed(change_mw, initial_mw, governors, damping):
    """Speed deviation at which governors, each up to its limit, and damping make up for the change of generation."""

    def surplus(deviation):
        responses = [min(k * -deviation, limit - initial_mw[m]) for m, (k, limit) in governors.items()]
        return sum(responses) - damping * deviation - change_mw

    return brentq(surplus, -0.05, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_load_step_settles_where_droops_say(name, tmp_path):
    grid = load_grid(name)
    governors, damping = droops(grid), damping_mw(grid)
    largest = max(grid.buses, key=lambda bus: bus.load_mw)
    step = {"type": "load_step", "bus": largest.idx, "mw": STEP_SHARE * grid.load_mw, "at_s": 1.0}
    result = _run(name, tmp_path, 60, 0.1, ["speed_pu", "generator_mw"], [step])
    power = result.generator_mw
    last = power.index >= 55  # lightly damped modes still ring at 60 s: the mean over 5 s is what has settled
    change_mw = float((power[last].mean() - power.iloc[0]).sum())
    inertia = {str(m.idx): m.inertia_s * m.rating_mva for m in grid.machines}
    weights = np.array([inertia[str(m)] for m in result.speed_pu.columns])
    deviation = float(result.speed_pu[last].mean().to_numpy() @ weights / weights.sum()) - 1
    expected = settled_speed(change_mw, power.iloc[0].to_dict(), governors, damping)
    assert deviation == pytest.approx(expected, rel=0.05)
