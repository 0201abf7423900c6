"""The linear engine against ANDES's nonlinear equations, at the same step and with the same injected power."""

import numpy as np
import pytest
from linear_runs import run, scenario

TRAINING = {"workloads": [{"type": "training"}]}
SPREAD = {**TRAINING, "mode": "replace", "rating_mw": 1000.0, "steady_share": 0.9, "power_factor": 1.0}
SITES = {
    "kundur": [{**TRAINING, "bus": 7, "rating_mw": 50.0}],
    "ieee39": [{**TRAINING, "bus": 16, "rating_mw": 110.0}],
    "npcc140": [{**TRAINING, "bus": bus, "rating_mw": 170.0} for bus in (131, 91, 78)],
    "wecc179": [{**SPREAD, "bus": bus} for bus in (118, 79, 4, 140, 43, 1)],
}
"""Sites that fluctuate by about 1 % of the load; on wecc179 at large loads of several areas."""


def compare(folder, case, sites, duration_s=8.0):
    """Deviation of the nadir, peak to peak of the worst generator, widest voltage swing: linear and andes."""
    found = []
    for engine in ("linear", "andes"):
        wanted = scenario(
            case,
            sites,
            engine=engine,
            channels=["voltage_pu", "speed_pu"],
            grid={"base_load": {"p": 1}},
            simulation={"duration_s": duration_s},
        )
        result = run(folder / engine, wanted)
        frequency = result.summary["metrics"]["frequency"]
        voltage = result.voltage_pu.to_numpy()
        found.append(
            np.array(
                [
                    frequency["nominal_hz"] - frequency["nadir_hz"],
                    frequency["peak_to_peak_mhz"],
                    np.ptp(voltage, axis=0).max(),
                ]
            )
        )
    return found


@pytest.mark.slow
@pytest.mark.parametrize("case", SITES)
def test_fluctuation_of_one_percent_of_the_load(tmp_path, case):
    linear, andes = compare(tmp_path, case, SITES[case])
    np.testing.assert_allclose(linear, andes, rtol=0.03)


@pytest.mark.slow
def test_the_error_grows_with_the_square_of_the_amplitude(tmp_path):
    """Half the site, half the relative error."""
    errors = []
    for rating_mw in (400.0, 200.0, 100.0):
        sites = [{**TRAINING, "bus": 7, "rating_mw": rating_mw, "power_factor": 1.0}]
        linear, andes = trajectories(tmp_path / str(rating_mw), sites)
        errors.append(np.abs(linear - andes).max() / np.abs(andes - 60.0).max())
    assert errors[0] > 1e-3
    ratios = np.array(errors[:-1]) / errors[1:]
    assert np.all((ratios > 1.5) & (ratios < 2.7)), errors


def trajectories(folder, sites):
    """Frequencies of kundur's buses from a step of 2 ms, whose own error does not count; linear and andes.

    The sites replace load, so that the operating point stays as it is.
    """
    found = []
    for engine in ("linear", "andes"):
        wanted = scenario(
            "kundur",
            [{**site, "mode": "replace"} for site in sites],
            engine=engine,
            channels=["frequency_hz"],
            grid={"base_load": {"p": 1}},
            simulation={"duration_s": 2.0, "step_s": 0.002},
        )
        found.append(run(folder / engine, wanted).frequency_hz.to_numpy())
    return found
