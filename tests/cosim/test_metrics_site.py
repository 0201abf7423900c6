import numpy as np
import pytest
from recorded_runs import write_run

from cosim.metrics import site


def test_energy_never_crosses_a_jump(tmp_path):
    # 100 MW for 1 s, a jump to 40 MW, then a ramp to 60 MW over 2 s: 100 + 100 MW·s.
    run = write_run(
        tmp_path,
        [0.0, 1.0, 1.0, 3.0],
        {"voltage_pu": {"16": np.array([1.0, 0.95, 1.04, 1.02]), "4": np.array([0.5, 2.0, 1.0, 1.0])}},
        power_mw=[100.0, 100.0, 40.0, 60.0],
        site_notes={"bus": 16, "energy_error": 1e-6, "below_v_min_s": 0.0},
    )
    section = site.assess(run)
    values, reasons = section.values, section.reasons
    assert not reasons
    assert values["dc1"] == pytest.approx(
        {
            "mean_mw": 200 / 3,
            "min_mw": 40.0,
            "max_mw": 100.0,
            "energy_mwh": 200 / 3600,
            "energy_error": 1e-6,
            "poi_min_pu": 0.95,
            "poi_max_pu": 1.04,
            "below_v_min_s": 0.0,
        }
    )


def test_noted_voltage_goes_before_the_channel(tmp_path):
    run = write_run(tmp_path, [], {}, site_notes={"poi_min_pu": 0.9, "poi_max_pu": 1.0})
    section = site.assess(run)
    values, reasons = section.values, section.reasons
    assert (values["dc1"]["poi_min_pu"], values["dc1"]["poi_max_pu"]) == (0.9, 1.0)
    assert values["dc1"]["mean_mw"] is None
    assert "no time step" in reasons["site.dc1.mean_mw"]
    assert "site.dc1.poi_min_pu" not in reasons


def test_missing_voltage_has_a_reason(tmp_path):
    reasons = site.assess(write_run(tmp_path, [], {})).reasons
    assert "voltage_pu was not recorded" in reasons["site.dc1.poi_min_pu"]
    channels = {"voltage_pu": {"1": np.array([1.0])}}
    run = write_run(tmp_path, [0.0], channels, power_mw=[5.0], site_notes={"bus": "16"})
    section = site.assess(run)
    values, reasons = section.values, section.reasons
    assert "(16)" in reasons["site.dc1.poi_min_pu"]
    assert (values["dc1"]["mean_mw"], values["dc1"]["energy_mwh"]) == (5.0, 0.0)
