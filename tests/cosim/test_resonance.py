"""Loads meet modes: spectra, expected swings against simulations of the same linear equations, who owns which band."""

from dataclasses import replace

import numpy as np
import pytest
from linear_grids import linear_grid
from scipy import signal

from cosim.linear.load_spectrum import load_spectrum
from cosim.linear.mode_bands import owners, resonant
from cosim.linear.modes import find_modes
from cosim.linear.resonance import resonance
from cosim.linear.siting import swings_at
from cosim.linear.transfer import Draw, GridResponse

INTERVAL_S = 0.02


def times(duration_s):
    return (np.arange(round(duration_s / INTERVAL_S)) + 0.5) * INTERVAL_S


def sinusoid(frequency_hz, amplitude_mw, duration_s=120.0):
    return 50.0 + amplitude_mw * np.cos(2 * np.pi * frequency_hz * times(duration_s) + 0.4)


@pytest.mark.parametrize("frequency_hz", [0.0573, 0.4, 0.6469, 1.0241, 3.9])
def test_a_sinusoid_is_a_line(frequency_hz):
    spectrum = load_spectrum({"dc1": (INTERVAL_S, sinusoid(frequency_hz, 12.0))}, 5.0)
    strongest = np.abs(spectrum.line_mw[:, 0]).argmax()
    assert spectrum.line_hz[strongest] == pytest.approx(frequency_hz, abs=2e-4)
    assert np.abs(spectrum.line_mw[strongest, 0]) == pytest.approx(12.0, rel=0.01)
    others = np.delete(np.abs(spectrum.line_mw[:, 0]), strongest)
    assert np.sqrt(0.5 * np.sum(others**2) + spectrum.energy_mw2[-1, 0, 0].real) < 0.2


def test_harmonics_of_a_cycle_are_lines():
    high = (0.37 * times(200.0)) % 1.0 < 0.6
    spectrum = load_spectrum({"dc1": (INTERVAL_S, np.where(high, 10.0, -10.0))}, 5.0)
    for n in range(1, 5):
        near = np.abs(spectrum.line_hz - 0.37 * n).argmin()
        assert spectrum.line_hz[near] == pytest.approx(0.37 * n, abs=1e-3)
        expected = 40.0 / (np.pi * n) * abs(np.sin(np.pi * n * 0.6))
        assert np.abs(spectrum.line_mw[near, 0]) == pytest.approx(expected, rel=0.02)


def test_noise_has_next_to_no_lines_and_keeps_its_energy():
    rng = np.random.default_rng(3)
    power = 100.0 + rng.normal(0.0, 2.0, 30000)
    spectrum = load_spectrum({"dc1": (INTERVAL_S, power)}, 5.0)
    assert 0.5 * np.sum(np.abs(spectrum.line_mw) ** 2) < 0.01 * spectrum.energy_mw2[-1, 0, 0].real
    # White over 25 Hz: a fifth lies below 5 Hz, on average.
    assert spectrum.energy_mw2[-1, 0, 0].real == pytest.approx(4.0 * 5.0 / 25.0, rel=0.08)


def test_the_weakening_by_means_over_intervals_is_undone():
    coarse = 50.0 + 3.0 * np.cos(2 * np.pi * 4.6 * times(60.0))
    spectrum = load_spectrum({"dc1": (INTERVAL_S, coarse)}, 5.0)
    # The staircase itself has less than the sinusoid that it samples.
    assert np.abs(spectrum.line_mw[:, 0]).max() == pytest.approx(3.0 * np.sinc(4.6 * INTERVAL_S), rel=0.005)


def test_a_steady_load_has_no_spectrum():
    spectrum = load_spectrum({"dc1": (INTERVAL_S, np.full(3000, 80.0))}, 5.0)
    assert spectrum.line_hz.size == 0
    assert np.abs(spectrum.energy_mw2).max() == 0.0


def test_loads_in_step_add_and_loads_against_each_other_cancel():
    rng = np.random.default_rng(5)
    noise = rng.normal(0.0, 1.0, 6000) + sinusoid(0.8, 3.0)
    records = {"a": (INTERVAL_S, noise), "b": (INTERVAL_S, noise), "c": (INTERVAL_S, -noise)}
    spectrum = load_spectrum(records, 5.0)
    together = spectrum.energy_mw2[-1]
    assert together[0, 1] == pytest.approx(together[0, 0])
    assert together[0, 2] == pytest.approx(-together[0, 0])
    assert spectrum.line_mw[:, 2] == pytest.approx(-spectrum.line_mw[:, 0])


def test_a_line_on_a_mode_swings_by_the_gain():
    grid = linear_grid("kundur")
    found = resonance(grid, {"dc1": Draw("4")}, {"dc1": (INTERVAL_S, sinusoid(0.647, 2.0))})
    first = found.modes[0]
    gain = np.abs(GridResponse(grid).gain("speed", [Draw("4")], np.array([0.647]))[0, :, 0])
    assert first.frequency_hz == pytest.approx(0.647, abs=1e-3)
    assert first.damping_percent == pytest.approx(3.43, abs=0.05)
    assert first.kind == "inter-area"
    assert first.machine == grid.elements["generator"][gain.argmax()]
    assert first.swing_mhz == pytest.approx(2.0 * gain.max(), rel=0.01)
    assert first.load_rms_mw == pytest.approx(2.0 / np.sqrt(2.0), rel=0.01)
    assert first.sites["dc1"].line_share > 0.95
    assert first.text.startswith(
        "the 0.65 Hz line of dc1 (2 MW) meets the inter-area mode at 0.65 Hz (3.4 % damping): "
    )
    assert found.total.rms_mhz == pytest.approx(first.swing_mhz / np.sqrt(2.0), rel=0.02)


@pytest.mark.parametrize("kind", ["lines", "noise"])
def test_against_a_simulation_of_the_linear_equations(kind):
    """Rms of every machine against scipy.signal.lsim over ten minutes, the first minute left out."""
    grid, bus = linear_grid("kundur"), "7"
    duration_s = 600.0
    rng = np.random.default_rng(11)
    time_s = times(duration_s)
    if kind == "lines":
        power = sum(a * np.cos(2 * np.pi * f * time_s) for f, a in ((0.31, 4.0), (0.652, 2.0), (1.13, 6.0)))
    else:
        power = 5.0 * np.repeat(rng.normal(size=time_s.size // 5), 5)
    found = resonance(grid, {"dc1": Draw(bus)}, {"dc1": (INTERVAL_S, power)})
    c, d = grid.observed("speed_pu")
    column = [grid.bus_input(bus)[0]]
    scale = 1e3 * grid.nominal_hz / grid.base_mva
    system = signal.StateSpace(grid.space.a, scale * grid.space.b[:, column], c, scale * d[:, column])
    _, speeds, _ = signal.lsim(system, power, INTERVAL_S * np.arange(time_s.size), interp=False)
    simulated = signal.detrend(speeds[time_s > 60.0], axis=0).std(axis=0)
    expected = np.array([found.rms_mhz[name] for name in grid.elements["generator"]])
    assert expected == pytest.approx(simulated, rel=0.02 if kind == "lines" else 0.12)


def test_bands_share_the_swing_without_counting_anything_twice():
    grid = linear_grid("ieee39")
    rng = np.random.default_rng(2)
    power = np.repeat(rng.normal(0.0, 10.0, 1200), 5)
    found = resonance(grid, {"dc1": Draw("16")}, {"dc1": (INTERVAL_S, power)})
    energy = sum(0.5 * mode.swing_mhz**2 for mode in found.modes)
    # The largest machine differs from mode to mode, so that the sum bounds the total of one machine from both sides.
    assert sum(mode.load_rms_mw**2 for mode in found.modes) < found.total.load_rms_mw**2
    assert 0.3 * found.total.rms_mhz**2 < energy < 3.0 * found.total.rms_mhz**2
    swings = [mode.swing_mhz for mode in found.modes]
    assert swings == sorted(swings, reverse=True)


def test_a_frequency_belongs_to_the_mode_that_answers_most():
    modes = resonant(find_modes(linear_grid("kundur")), 5.0)
    first, second = (next(m for m in modes if abs(m.frequency_hz - f) < 0.01) for f in (1.1078, 1.1414))
    between_hz = np.array([0.3, 0.5 * (first.frequency_hz + second.frequency_hz), 2.5])
    assert owners(between_hz, [first, second], [1.0, 0.2]).tolist() == [-1, 0, -1]
    assert owners(between_hz, [first, second], [0.2, 1.0]).tolist() == [-1, 1, -1]


def test_sites_alone_and_together():
    grid = linear_grid("kundur")
    draws = {"west": Draw("5"), "east": Draw("10")}
    in_step = {name: (INTERVAL_S, sinusoid(0.647, 2.0)) for name in draws}
    against = in_step | {"east": (INTERVAL_S, 100.0 - sinusoid(0.647, 2.0))}
    same, opposite = resonance(grid, draws, in_step), resonance(grid, draws, against)
    # The mode swings area against area: loads at both ends excite it when they move against each other.
    assert opposite.modes[0].swing_mhz > 5.0 * same.modes[0].swing_mhz
    alone = [opposite.modes[0].sites[name].swing_mhz for name in draws]
    assert opposite.modes[0].swing_mhz == pytest.approx(sum(alone), rel=0.05)
    assert "all sites together" in opposite.modes[0].text


def test_a_load_at_each_bus_swings_as_it_would_alone_there():
    grid = linear_grid("kundur")
    rng = np.random.default_rng(4)
    power = sinusoid(0.8, 3.0) + np.repeat(rng.normal(0.0, 2.0, 1200), 5)
    spectrum = load_spectrum({"load": (INTERVAL_S, power)}, 5.0)
    draws = [Draw("5"), Draw("9", mvar_per_mw=0.3)]
    found = swings_at(GridResponse(grid), "speed", draws, spectrum, 0.01, 5.0)
    for draw, swing in zip(draws, found, strict=True):
        alone = resonance(grid, {"load": draw}, {"load": (INTERVAL_S, power)})
        assert (swing.bus, swing.element) == (draw.bus, alone.total.machine)
        assert swing.rms == pytest.approx(alone.total.rms_mhz, rel=0.01)


def test_a_steady_load_meets_no_mode():
    found = resonance(linear_grid("kundur"), {"dc1": Draw("7")}, {"dc1": (INTERVAL_S, np.full(3000, 80.0))})
    assert found.modes == []
    assert found.total.rms_mhz == 0.0
    assert found.total.load_rms_mw == 0.0


def test_what_cannot_be_assessed_says_why():
    grid = linear_grid("kundur")
    with pytest.raises(ValueError, match="no load"):
        resonance(grid, {}, {})
    with pytest.raises(ValueError, match=r"a record of 0.1 s is too short"):
        resonance(grid, {"dc1": Draw("7")}, {"dc1": (INTERVAL_S, np.ones(5))})
    infinite = replace(grid, inertia_mws=np.full(grid.inertia_mws.shape, np.inf))
    with pytest.raises(ValueError, match="no machine"):
        resonance(infinite, {"dc1": Draw("7")}, {"dc1": (INTERVAL_S, sinusoid(0.5, 1.0))})
