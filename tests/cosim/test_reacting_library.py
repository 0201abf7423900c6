"""Library scenarios of sites that react, against what was published and what inertia says."""

import numpy as np
import pytest

import cosim

pytestmark = pytest.mark.slow


CHANNELS = "outputs.channels=[voltage_pu, speed_pu, generator_mw]"


@pytest.fixture(scope="module")
def virginia(tmp_path_factory):
    """The six faults, with generator powers."""
    return cosim.run("virginia-2024", tmp_path_factory.mktemp("virginia"), [CHANNELS], report=False)


@pytest.fixture(scope="module")
def compliant(tmp_path_factory):
    """The same with a fleet that rides through."""
    overrides = [CHANNELS, "sites[0].protection.preset=compliant"]
    return cosim.run("virginia-2024", tmp_path_factory.mktemp("compliant"), overrides, report=False)


@pytest.mark.xdist_group("virginia-2024")
def test_the_fleet_leaves_on_the_third_fault_within_a_minute_and_stays_away(virginia):
    protection = virginia.summary["metrics"]["site"]["fleet"]["protection"]
    assert virginia.summary["status"] == "completed"
    assert protection["first_transfer_s"] == pytest.approx(39.0, abs=1e-3)
    assert protection["largest_away_share"] == protection["away_share_at_end"] == protection["locked_share_at_end"] == 1
    power_mw = virginia.site("fleet")["power_mw"]
    assert power_mw[:4.99].to_numpy() == pytest.approx(1500.0)
    assert power_mw[39.001:].max() == 0.0


@pytest.mark.xdist_group("virginia-2024")
def test_the_faults_are_as_published(virginia):
    """NERC: six faults in 82 s, 42 to 66 ms each, 0.25 to 0.40 pu."""
    faults = virginia.events[virginia.events["kind"] == "fault"]["time_s"].to_numpy()
    cleared = virginia.events[virginia.events["kind"] == "fault_cleared"]["time_s"].to_numpy()
    assert faults.size == 6
    assert faults[-1] - faults[0] == pytest.approx(82.0)
    assert (cleared - faults).min() == pytest.approx(0.042, abs=1e-5)
    assert (cleared - faults).max() == pytest.approx(0.066, abs=1e-5)
    voltage = virginia.channel_with_jumps("voltage_pu", ["131"])["131"]
    residual = [voltage[start + 1e-3 : end - 1e-3].mean() for start, end in zip(faults, cleared, strict=True)]
    assert 0.25 < min(residual) < max(residual) < 0.40


@pytest.mark.xdist_group("virginia-2024")
def test_frequency_rises_as_inertia_and_lost_power_say(virginia, compliant):
    """d f / dt = -(P_e - P_m) f0 / (2 H S), against the fleet that stays: governors and damping are then the same.

    What the generators are relieved of is less than the fleet, as base loads of constant impedance take a part of it.
    """

    def just_after(result):
        generated_mw, coi_hz = result.channel("generator_mw").sum(axis=1), result.coi_hz["coi"]
        start_s, end_s = 39.075, 39.125
        slope = np.polyfit(coi_hz[start_s:end_s].index, coi_hz[start_s:end_s], 1)[0]
        return generated_mw[start_s:end_s].mean(), slope

    (left_mw, left_slope), (stayed_mw, stayed_slope) = just_after(virginia), just_after(compliant)
    assert 300 < stayed_mw - left_mw < 1500
    assert left_slope - stayed_slope == pytest.approx((stayed_mw - left_mw) * 60 / (2 * 565_876), rel=0.1)
    assert virginia.summary["metrics"]["frequency"]["coi"]["zenith_hz"] > 60.04


def test_a_compliant_fleet_stays(compliant):
    site = compliant.summary["metrics"]["site"]["fleet"]
    assert compliant.summary["status"] == "completed"
    assert site["protection"]["transfers"] == 0
    assert site["least_connected_share"] == 1.0
    assert compliant.summary["metrics"]["frequency"]["coi"]["zenith_hz"] < 60.03


def test_storage_takes_away_four_fifths_of_the_swing(tmp_path):
    """Published on this grid: 15.1 to 1.3 mHz (arXiv 2606.04869)."""
    summary = cosim.run("npcc140-storage", tmp_path, report=False, unmitigated=True).summary
    before = summary["unmitigated"]["metrics"]["frequency"]["peak_to_peak_mhz"]
    after = summary["metrics"]["frequency"]["peak_to_peak_mhz"]
    assert before == pytest.approx(15.1, rel=0.2)
    assert after < 0.2 * before
    for site in summary["metrics"]["site"].values():
        storage = site["mitigation"]["storage"]
        assert storage["sd_after_mw"] < 0.1 * storage["sd_before_mw"]
        for device in ("battery", "supercapacitor"):
            assert 0.4 < storage[device]["soc_min"] <= storage[device]["soc_max"] < 0.6


def test_smoothing_costs_energy_and_halves_the_swing(tmp_path):
    summary = cosim.run("ieee39-smoothing", tmp_path, report=False, unmitigated=True).summary
    before, after = summary["unmitigated"]["metrics"], summary["metrics"]
    assert after["frequency"]["peak_to_peak_mhz"] < 0.6 * before["frequency"]["peak_to_peak_mhz"]
    smoothing = after["site"]["dc1"]["mitigation"]["smoothing"]
    assert 0 < smoothing["added_percent"] < 15
    added_mwh = after["site"]["dc1"]["energy"]["poi_mwh"] - before["site"]["dc1"]["energy"]["poi_mwh"]
    assert smoothing["added_mwh"] == pytest.approx(added_mwh, rel=1e-6)
    gpu_w_per_s, gpus = 350.0, 200e6 / 1.2 / 700.0
    assert after["ramp"]["sites"]["dc1"]["max_up_mw_per_s"] <= 1.2 * gpus * gpu_w_per_s / 1e6 * 1.001


def test_a_mass_return_is_a_step_and_a_coordinated_one_is_not(tmp_path):
    together = cosim.run("mass-return", tmp_path / "a", report=False).summary["metrics"]
    walk_in = [f"sites[{k}].protection.return.walk_in_s=20" for k in range(3)]
    slowly = cosim.run("mass-return", tmp_path / "b", walk_in, report=False).summary["metrics"]
    assert together["ramp"]["total"]["max_up_mw_per_s"] > 500
    assert slowly["ramp"]["total"]["max_up_mw_per_s"] < 100
    for metrics in (together, slowly):
        assert all(site["protection"]["away_share_at_end"] == 0 for site in metrics["site"].values())
        assert all(site["protection"]["largest_away_share"] == 1 for site in metrics["site"].values())
