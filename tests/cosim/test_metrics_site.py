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
    reacting = ("energy", "protection", "mitigation")
    # the voltage never left 0.9 pu
    assert [key for key in reasons if key.split(".")[2] not in reacting] == ["site.dc1.power_recovery_s"]
    assert {key: value for key, value in values["dc1"].items() if key not in reacting} == pytest.approx(
        {
            "mean_mw": 200 / 3,
            "min_mw": 40.0,
            "max_mw": 100.0,
            "energy_mwh": 200 / 3600,
            "energy_error": 1e-6,
            "poi_min_pu": 0.95,
            "poi_max_pu": 1.04,
            "below_v_min_s": 0.0,
            "power_recovery_s": None,
            "least_connected_share": 1.0,
            "connected_share_at_end": 1.0,
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


def test_power_comes_back_after_the_voltage(tmp_path):
    time_s = np.arange(0, 10.001, 0.1)
    volts = np.where((time_s > 1.95) & (time_s < 3.05), 0.5, 1.0)  # at 0.9 pu again at 3.08 s
    power = np.interp(time_s, [0, 2.0, 2.001, 4, 6, 10], [100, 100, 0, 0, 100, 100.0])  # 90 MW at 5.8 s
    run = write_run(tmp_path, time_s, {"voltage_pu": {"16": volts}}, power_mw=power, site_notes={"bus": "16"})
    section = site.assess(run)
    assert section.values["dc1"]["power_recovery_s"] == pytest.approx(2.72, abs=0.01)
    assert section.places["site.dc1.power_recovery_s"] == ("dc1", pytest.approx(3.08))
    assert not section.lower_bounds
    gone = np.where(time_s < 2, 100.0, 0.0)
    run = write_run(tmp_path, time_s, {"voltage_pu": {"16": volts}}, power_mw=gone, site_notes={"bus": "16"})
    section = site.assess(run)
    assert section.values["dc1"]["power_recovery_s"] == pytest.approx(6.92)
    assert "90 %" in section.lower_bounds["site.dc1.power_recovery_s"]


def test_power_recovery_at_jumps_goes_by_the_power_before_the_sag(tmp_path):
    # The sag halves the power at once; from 3 s the voltage is back, and the power with it at 4 s.
    time_s = [0.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 5.0]
    volts = np.array([1.0, 1.0, 1.0, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0])
    power = np.array([80.0, 80.0, 100.0, 50.0, 50.0, 50.0, 50.0, 90.0, 90.0])
    run = write_run(tmp_path, time_s, {"voltage_pu": {"16": volts}}, power_mw=power, site_notes={"bus": "16"})
    section = site.assess(run)
    assert section.values["dc1"]["power_recovery_s"] == pytest.approx(1.0)
    assert section.places["site.dc1.power_recovery_s"].time_s == pytest.approx(3.0)


def test_no_power_recovery_without_a_return_of_the_voltage(tmp_path):
    time_s = np.arange(0, 5.0, 0.1)
    volts = np.where(time_s < 2, 1.0, 0.5)
    volts[40:] = np.nan  # the run diverged: not a return
    run = write_run(
        tmp_path, time_s, {"voltage_pu": {"16": volts}}, power_mw=np.ones(time_s.size), site_notes={"bus": "16"}
    )
    section = site.assess(run)
    assert section.values["dc1"]["power_recovery_s"] is None
    assert "never came back" in section.reasons["site.dc1.power_recovery_s"]
