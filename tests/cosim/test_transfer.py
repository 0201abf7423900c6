"""Transfer functions: against scipy, against the physics of their limits, peaks against a dense grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_grids import droop_gain_pu, linear_grid
from scipy import signal

from cosim.linear.frequency_response import FrequencyResponse
from cosim.linear.transfer import Draw, GridResponse, frequency_grid


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_response_is_that_of_a_dense_solve(states, inputs, outputs, seed):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(states, states)) - 2.0 * np.eye(states)
    b, c, d = (rng.normal(size=shape) for shape in ((states, inputs), (outputs, states), (outputs, inputs)))
    frequency_hz = np.geomspace(1e-3, 30.0, 57)
    response = FrequencyResponse(a)
    found = response.at(frequency_hz, response.from_inputs(b), response.to_outputs(c), d)
    for k, f in enumerate(frequency_hz):
        dense = c @ np.linalg.solve(2j * np.pi * f * np.eye(states) - a, b) + d
        assert found[k] == pytest.approx(dense, rel=1e-8, abs=1e-8 * np.abs(dense).max())


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_response_against_scipy(states, seed):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(states, states)) - 2.0 * np.eye(states)
    b, c, d = rng.normal(size=(states, 1)), rng.normal(size=(1, states)), rng.normal(size=(1, 1))
    frequency_hz = np.geomspace(1e-3, 30.0, 57)
    response = FrequencyResponse(a)
    found = response.at(frequency_hz, response.from_inputs(b), response.to_outputs(c), d)[:, 0, 0]
    _, expected = signal.freqresp(signal.StateSpace(a, b, c, d), 2 * np.pi * frequency_hz)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6 * np.abs(expected).max())


def test_eigenvectors_that_coincide_do_no_harm():
    a = np.diag(np.full(6, -1.0)) + np.diag(np.ones(5), 1)  # six identical lags in series: one Jordan block
    response = FrequencyResponse(a)
    b, c = np.eye(6)[:, 5:], np.eye(6)[:1]
    frequency_hz = np.array([0.01, 0.3, 2.0])
    found = response.at(frequency_hz, response.from_inputs(b), response.to_outputs(c), np.zeros((1, 1)))[:, 0, 0]
    assert found == pytest.approx((1.0 / (1.0 + 2j * np.pi * frequency_hz)) ** 6, rel=1e-10)


def supplied_pu(grid, buses, frequency_hz):
    """Power of all machines together per power drawn at each bus: 1, but for what the losses change."""
    c, d = grid.observed("generator_mw")
    columns = [grid.bus_input(bus)[0] for bus in buses]
    s = 2j * np.pi * frequency_hz * np.eye(len(grid.space.a))
    states = np.linalg.solve(s - grid.space.a, grid.space.b[:, columns])
    found = (c @ states + d[:, columns]).sum(axis=0) / grid.base_mva
    assert np.abs(found) == pytest.approx(np.ones(len(buses)), abs=0.15)
    return found


def test_slow_power_moves_the_frequency_by_the_droop():
    grid = linear_grid("kundur", constant_power=True)
    slow_hz = 2e-4
    coi = GridResponse(grid).gain("coi", [Draw("7"), Draw("9")], np.array([slow_hz]))[0, 0]
    stiffness_mw_per_pu = droop_gain_pu("kundur") * grid.base_mva
    supplied = supplied_pu(grid, ["7", "9"], slow_hz)
    assert coi == pytest.approx(-1e3 * grid.nominal_hz / stiffness_mw_per_pu * supplied, rel=0.01)


@pytest.mark.parametrize(("case", "bus"), [("kundur", "7"), ("ieee39", "16")])
def test_fast_power_moves_the_inertia_alone(case, bus):
    grid = linear_grid(case, constant_power=True)
    fast_hz = 20.0
    coi = GridResponse(grid).gain("coi", [Draw(bus)], np.array([fast_hz]))[0, 0]
    per_mw = -1e3 * grid.nominal_hz / (2.0 * grid.inertia_mws.sum() * 2j * np.pi * fast_hz)
    assert coi == pytest.approx(per_mw * supplied_pu(grid, [bus], fast_hz), rel=0.02)
    assert coi == pytest.approx(np.array([per_mw]), rel=0.1)


def test_a_share_and_a_power_factor_scale_and_add():
    grid = linear_grid("kundur")
    response, at_hz = GridResponse(grid), np.array([0.3, 0.7, 1.1])
    plain, lagging, shared = (
        response.gain("voltage", [draw], at_hz)[:, :, 0]
        for draw in (Draw("7"), Draw("7", mvar_per_mw=0.5), Draw("7", mvar_per_mw=0.5, share=0.8))
    )
    assert shared == pytest.approx(0.8 * lagging)
    assert (np.abs(lagging[:, 6]) > 1.1 * np.abs(plain[:, 6])).all()  # reactive power is what moves voltage


@pytest.mark.parametrize(("case", "quantity"), [("kundur", "speed"), ("kundur", "voltage"), ("ieee39", "speed")])
def test_no_peak_of_a_dense_grid_is_above_those_found(case, quantity):
    response = GridResponse(linear_grid(case))
    draws = [Draw(bus) for bus in response.grid.elements["bus"]]
    peaks = response.peaks(quantity, draws, response.frequencies(0.1, 5.0))
    dense, _ = response.largest(quantity, draws, np.geomspace(0.1, 5.0, 8001))
    found = np.array([peak.gain for peak in peaks])
    assert (found >= dense.max(axis=0) * (1 - 1e-6)).all()
    assert found == pytest.approx(dense.max(axis=0), rel=1e-3)


def test_the_band_of_a_peak_is_where_it_falls_to_half_its_power():
    response = GridResponse(linear_grid("kundur"))
    peak = response.peaks("speed", [Draw("4")], response.frequencies(0.1, 5.0))[0]
    assert peak.frequency_hz == pytest.approx(0.647, abs=0.003)
    size, _ = response.largest("speed", [Draw("4")], np.array([peak.low_hz, peak.high_hz]))
    assert size[:, 0] == pytest.approx([np.sqrt(0.5) * peak.gain] * 2, rel=0.02)
    # A lone mode's band is twice its damping ratio wide.
    assert peak.high_hz - peak.low_hz == pytest.approx(2 * 0.034 * 0.647, rel=0.15)


def test_frequencies_close_in_on_a_pole_without_damping():
    poles = np.array([2j * np.pi * 0.5, -2j * np.pi * 0.5])
    frequency_hz = frequency_grid(poles, 0.1, 2.0)
    assert frequency_hz[0] == 0.1
    assert frequency_hz[-1] == 2.0
    assert (np.diff(frequency_hz) > 0).all()
    assert np.abs(frequency_hz - 0.5).min() < 1e-4
    assert frequency_hz.size < 2000


def test_parts_put_together_are_the_whole():
    response = GridResponse(linear_grid("ieee39"))
    draws = [Draw(bus) for bus in response.grid.elements["bus"]]
    frequency_hz = response.frequencies(0.1, 5.0)
    size, where = response.largest("frequency", draws, frequency_hz)
    whole = np.abs(response.gain("frequency", draws, frequency_hz))
    assert size == pytest.approx(whole.max(axis=1))
    assert (where == whole.argmax(axis=1)).all()
