import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_runs import write_run

from cosim.metrics import flicker
from cosim.metrics.flickermeter import LAMPS, block_3, long_term_severity, sensation, short_term_severity
from cosim.metrics.section import Place

RATE_HZ = 200
KEYS = {"pst_120v", "pst_230v", "plt_120v", "plt_230v"}
METERS = [("120v", 60), ("120v", 50), ("230v", 50), ("230v", 60)]


def wave(seconds, percent=1.0, hz=8.8, rate_hz=RATE_HZ):
    """1 pu with a sinusoidal peak-to-peak change."""
    return 1 + percent / 200 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)


def run(folder, voltage_pu, every_s=1 / RATE_HZ, bus="7", site_bus="7", time_s=None, **attributes):
    """A result of one site with this voltage at a bus, and a steady one at another."""
    time_s = np.arange(voltage_pu.size) * every_s if time_s is None else time_s
    channels = {"voltage_pu": {"3": np.ones(voltage_pu.size), bus: voltage_pu}}
    return write_run(folder, time_s, channels, site_notes={"bus": site_bus}, **attributes)


def meter_of_the_waveform(voltage_pu, lamp, mains_hz):
    """The standard's blocks 1 to 4 in the time domain on the mains waveform at 4800 samples/s, to a factor."""
    per_sample = 4800 // RATE_HZ
    rms = scipy.signal.resample_poly(voltage_pu, per_sample, 1, padtype="line")
    mean = 1 + scipy.signal.lfilter(*scipy.signal.bilinear([1], [27.3, 1], 4800), rms - 1)  # after a start at 1 pu
    waveform = np.sqrt(2) * rms / mean * np.sin(2 * np.pi * mains_hz * np.arange(rms.size) / 4800)
    _, damping, centre, zero, first_pole, second_pole, _ = (2 * np.pi * np.array(LAMPS[lamp])).tolist()
    poles = [*np.roots([1, 2 * damping, centre**2]), -first_pole, -second_pole]
    stages = [
        scipy.signal.butter(1, 0.05, "highpass", fs=4800, output="sos"),
        scipy.signal.butter(6, {50: 35.0, 60: 42.0}[mains_hz], fs=4800, output="sos"),
        scipy.signal.zpk2sos(*scipy.signal.bilinear_zpk([0.0, -zero], poles, 1e4, 4800)),
    ]
    signal = np.square(waveform)
    for stage in stages:
        signal = scipy.signal.sosfilt(stage, signal)
    smooth = scipy.signal.lfilter(*scipy.signal.bilinear([1], [0.3, 1], 4800), np.square(signal))
    return smooth[::per_sample]


@pytest.mark.parametrize(("lamp", "mains_hz"), METERS)
def test_agrees_with_a_time_domain_meter_of_the_mains_waveform(lamp, mains_hz):
    # A step, smooth enough to be band-limited, and a burst. Switching on disturbs the waveform's meter for a while.
    time_s, settled = np.arange(0, 60, 1 / RATE_HZ), 30 * RATE_HZ
    voltage = 1 - 0.005 * (1 + np.tanh((time_s - 38) / 0.02))
    voltage += 0.005 * np.sin(2 * np.pi * 3 * time_s) * np.exp(-np.square((time_s - 50) / 2))
    reference = wave(60, 100 * LAMPS[lamp].reference_change)
    unit = meter_of_the_waveform(reference, lamp, mains_hz)[settled:].max()
    expected = meter_of_the_waveform(voltage, lamp, mains_hz)[settled:] / unit
    found = sensation(voltage, RATE_HZ, lamp, mains_hz)[settled:]
    assert expected.max() > 1
    assert found == pytest.approx(expected, abs=0.005 * expected.max())


@settings(deadline=None, max_examples=30)
@given(level=st.floats(0.0, 2.0), samples=st.integers(1, 3000), rate_hz=st.sampled_from([200, 333.3, 1000]))
def test_a_constant_voltage_has_no_flicker(level, samples, rate_hz):
    found = sensation(np.full(samples, level), rate_hz, "230v", 50)
    assert found.shape == (samples,)
    assert np.abs(found).max() < 1e-12


@settings(deadline=None, max_examples=20)
@given(scale=st.floats(0.2, 5.0), hz=st.floats(1.0, 25.0), level=st.floats(0.5, 1.1))
def test_severity_is_proportional_to_the_relative_change(scale, hz, level):
    small, large = wave(30, 0.2, hz), 1 + scale * (wave(30, 0.2, hz) - 1)
    one = short_term_severity(sensation(small, RATE_HZ, "120v", 60))
    assert short_term_severity(sensation(level * large, RATE_HZ, "120v", 60)) == pytest.approx(scale * one, rel=0.01)


def test_short_term_severity_weighs_levels_by_the_time_they_are_exceeded():
    assert short_term_severity(np.full(50, 4.0)) == pytest.approx(2 * np.sqrt(0.0314 + 0.0525 + 0.0657 + 0.28 + 0.08))
    # Exceeded for 5 % of the time: the levels of 0.1 to 4 % see it, those of 6 % and more do not.
    rare = np.where(np.arange(10000) < 500, 1.0, 0.0)
    assert short_term_severity(rare) == pytest.approx(np.sqrt(0.0314 + 0.0525 + 0.0657))


def test_long_term_severity_is_the_root_of_the_mean_cube():
    assert long_term_severity([2.0, *[0.0] * 7]) == pytest.approx(1.0)


def test_half_power_of_the_low_pass_is_at_35_or_42_hz():
    # Both meters have the same lamp, so the ratio of their responses is that of the two filters.
    ratio = np.abs(block_3(35.0, "230v", 50) / block_3(35.0, "230v", 60))
    assert ratio == pytest.approx(np.sqrt((1 + (35 / 42) ** 12) / 2), rel=1e-9)


@pytest.mark.parametrize("step_at", [1, 6 * RATE_HZ, 12 * RATE_HZ - 1])
def test_a_step_is_felt_from_where_it_is_and_nowhere_else(step_at):
    voltage = np.where(np.arange(12 * RATE_HZ) < step_at, 1.0, 0.98)
    found = sensation(voltage, RATE_HZ, "230v", 50)
    middle = sensation(np.where(np.arange(12 * RATE_HZ) < 6 * RATE_HZ, 1.0, 0.98), RATE_HZ, "230v", 50)
    response = middle[6 * RATE_HZ :]
    assert response.max() > 10
    after = min(found.size - step_at, response.size)
    assert found[step_at : step_at + after] == pytest.approx(response[:after], abs=1e-3 * response.max())
    assert found[:step_at] == pytest.approx(0, abs=1e-3 * response.max())


def test_what_comes_before_the_first_sample_is_the_first_value():
    held = np.full(20 * RATE_HZ, 1.0)
    late = np.concatenate([held, wave(20, 0.5, 5.0)])
    found = sensation(late, RATE_HZ, "120v", 60)[held.size :]
    assert sensation(wave(20, 0.5, 5.0), RATE_HZ, "120v", 60) == pytest.approx(found, rel=1e-6, abs=1e-6)


def test_an_interruption_and_its_end_are_finite():
    voltage = np.where(np.arange(400 * RATE_HZ) // (200 * RATE_HZ) == 0, 0.0, 1.0)
    voltage[: 20 * RATE_HZ] = 1.0
    found = sensation(voltage, RATE_HZ, "230v", 50)
    assert np.isfinite(found).all()
    assert found[190 * RATE_HZ] < 1e-6  # dead and quiet


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate_hz": 100}, "rate_hz must be >= 200, got 100"),
        ({"mains_hz": 16.7}, "mains_hz must be 50 or 60"),
        ({"voltage_pu": []}, "voltage_pu is empty"),
    ],
)
def test_refuses_what_the_standard_does_not_cover(change, message):
    arguments = {"voltage_pu": np.ones(9), "rate_hz": 200, "lamp": "230v", "mains_hz": 50}
    with pytest.raises(ValueError, match=message):
        sensation(**arguments | change)


def test_the_worst_of_several_windows_counts_and_so_does_the_end_of_the_record():
    quiet, loud = wave(600, 0.1), wave(600, 0.5)
    alone = flicker.severity(wave(600, 0.5), RATE_HZ, "230v", 50)
    assert alone.pst == pytest.approx(2 * 0.714, rel=0.01)  # steady sensation 4: see the weights
    for record in ([quiet, loud, quiet], [quiet, quiet, loud[: 300 * RATE_HZ]]):
        found = flicker.severity(np.concatenate(record), RATE_HZ, "230v", 50)
        assert 0.9 * alone.pst < found.pst <= 1.01 * alone.pst
        assert found.plt is None
        loud_from_s = 600 if record[1] is loud else 1200
        assert loud_from_s <= found.pst_time_s <= loud_from_s + 600


def test_long_term_severity_takes_the_worst_two_hours():
    quiet, loud = wave(600, 0.1), wave(600, 0.5)
    found = flicker.severity(np.concatenate([quiet] * 12 + [loud]), RATE_HZ, "230v", 50)
    pst = [0.2 * found.pst] * 11 + [found.pst]
    assert found.plt == pytest.approx(long_term_severity(pst), rel=0.01)
    assert 7200 <= found.plt_time_s <= 7800


def test_site_is_judged_at_its_bus_for_both_lamps(tmp_path):
    voltage = wave(60, 0.5)
    section = flicker.assess(run(tmp_path, voltage))
    values = section.values["dc1"]
    assert set(values) == set(flicker.template()) == KEYS
    for lamp in ("120v", "230v"):
        found = flicker.severity(voltage, RATE_HZ, lamp, 60)
        assert values[f"pst_{lamp}"] == pytest.approx(found.pst)
        path = f"voltage.flicker.dc1.pst_{lamp}"
        assert section.places[path] == Place("7", pytest.approx(found.pst_time_s))
        assert section.lower_bounds[path] == "the record holds 59.995 s, Pst is defined over 600 s"
        assert values[f"plt_{lamp}"] is None
        assert section.reasons[f"voltage.flicker.dc1.plt_{lamp}"] == (
            "the record holds 59.995 s, Plt is defined over 12 Pst of 600 s"
        )
    assert values["pst_230v"] > values["pst_120v"]


def test_a_long_enough_record_has_pst_without_a_lower_bound_and_plt(tmp_path, monkeypatch):
    monkeypatch.setattr(flicker, "PST_WINDOW_S", 2.0)
    (tmp_path / "pst").mkdir()
    section = flicker.assess(run(tmp_path / "pst", wave(2, 0.5)))
    assert section.lower_bounds == {}
    assert section.values["dc1"]["plt_120v"] is None
    section = flicker.assess(run(tmp_path, np.concatenate([wave(22, 0.1), wave(2, 0.5)])))
    assert section.lower_bounds == section.reasons == {}
    values = section.values["dc1"]
    assert 0 < values["plt_120v"] < values["pst_120v"]
    where, time_s = section.places["voltage.flicker.dc1.plt_120v"]
    assert where == "7"
    assert 22 < time_s < 24


def test_mains_of_50_hz_has_its_own_filter(tmp_path):
    voltage = wave(30, 3.0, 33.0)
    pst = [
        flicker.assess(run(folder, voltage, nominal_hz=hz)).values["dc1"]["pst_230v"]
        for hz, folder in ((50.0, tmp_path / "50"), (60.0, tmp_path / "60"))
        if folder.mkdir() is None
    ]
    assert pst[0] < 0.9 * pst[1]


def test_only_the_finite_beginning_counts_when_a_run_ended_early(tmp_path):
    voltage = wave(40, 0.5)
    whole = flicker.severity(voltage[: 30 * RATE_HZ], RATE_HZ, "120v", 60).pst
    for name, value in (("nan", np.nan), ("inf", np.inf)):
        (tmp_path / name).mkdir()
        broken = voltage.copy()
        broken[30 * RATE_HZ :] = value
        section = flicker.assess(run(tmp_path / name, broken))
        assert section.values["dc1"]["pst_120v"] == pytest.approx(whole)
        assert section.lower_bounds["voltage.flicker.dc1.pst_120v"].startswith("the record holds 29.995 s")


def test_rows_between_the_grid_are_interpolated(tmp_path):
    time_s = np.sort(np.concatenate([np.arange(6000) * 0.005, 0.0023 + np.arange(0, 30, 3)]))
    voltage = 1 + 0.0025 * np.sin(2 * np.pi * 5 * time_s)
    values = flicker.assess(run(tmp_path, voltage, time_s=time_s)).values["dc1"]
    expected = flicker.severity(wave(30, 0.5, 5.0), RATE_HZ, "120v", 60).pst
    assert values["pst_120v"] == pytest.approx(expected, rel=1e-3)


def test_sites_at_one_bus_are_computed_once(tmp_path, monkeypatch):
    result = run(tmp_path, wave(2))
    result.sites = ("dc1", "dc2")
    result.site_attributes = lambda _: {"bus": 7}
    calls = []
    original = flicker.severity
    monkeypatch.setattr(flicker, "severity", lambda *arguments: calls.append(arguments) or original(*arguments))
    values = flicker.assess(result).values
    assert values["dc1"] == values["dc2"]
    assert len(calls) == len(LAMPS)


def test_only_the_columns_of_the_sites_are_kept(tmp_path):
    result = run(tmp_path, wave(2))
    asked = []
    original = result.channel
    result.channel = lambda name, elements=None: asked.append(elements) or original(name, elements)
    flicker.assess(result)
    assert asked == [["7"]]


def test_100_samples_a_second_are_not_assessed(tmp_path):
    section = flicker.assess(run(tmp_path, wave(2), every_s=0.01))
    assert section.values["dc1"] == dict.fromkeys(KEYS)
    why = section.reasons["voltage.flicker"]
    assert "100 times a second" in why
    assert "outputs.every_s and simulation.step_s to 0.005 or less" in why


@pytest.mark.parametrize(
    ("arguments", "path", "why"),
    [
        ({"site_bus": "99"}, "voltage.flicker.dc1", "the voltage of the site's bus (99) was not recorded"),
        ({"voltage_pu": np.ones(1)}, "voltage.flicker", "fewer than two rows were stored"),
        ({"voltage_pu": np.full(9, np.nan)}, "voltage.flicker.dc1", "the voltage of bus 7 has no finite value"),
        ({"nominal_hz": 16.7}, "voltage.flicker", "IEC 61000-4-15 is for mains of 50 or 60 Hz; the grid has 16.7 Hz"),
    ],
)
def test_what_cannot_be_assessed_says_why(tmp_path, arguments, path, why):
    section = flicker.assess(run(tmp_path, **{"voltage_pu": np.ones(9)} | arguments))
    assert section.values["dc1"] == dict.fromkeys(KEYS)
    assert section.reasons == {path: why}


def test_without_the_channel_it_is_named(tmp_path):
    result = write_run(tmp_path, np.arange(9) * 0.005, {"speed_pu": {"G1": np.ones(9)}})
    assert "voltage_pu" in flicker.assess(result).reasons["voltage.flicker"]


def test_a_uniform_record_stays_as_it_is():
    time_s = np.cumsum(np.full(1000, 0.005))
    value = np.random.default_rng(1).normal(size=1000)
    assert flicker.uniform(time_s, value, 0.005) is value
