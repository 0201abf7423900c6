"""Modes against nonlinear runs: what the linear equations say must be what a small kick leaves ringing.

Two kicks. A load pulse of 0.1 s excites what it excites; the strongest oscillations in the record must be modes. Then
all states are moved along one mode's vector: the run must then be that oscillation alone, which tests modes that no
pulse brings out. The record is read by the matrix pencil, which knows nothing of the equations.
"""

from dataclasses import replace

import numpy as np
import pytest

from cosim.engines.andes import AndesEngine, LoadPoint
from cosim.linear.modes import find_modes
from cosim.metrics import modes as record
from grids import load_grid

STEP_S = 0.01
PULSE_S = 0.1
PULSE = {"kundur": (7, 50.0), "ieee39": (16, 50.0), "npcc140": (20, 100.0), "wecc179": (111, 100.0)}
"""Bus and MW: some mHz, so that the grid stays linear."""
SWING_PU = 1e-5
"""Largest speed deviation of a run that starts on a mode: 0.6 mHz."""
FREQUENCY_SHARE, DAMPING_POINTS = 0.01, 0.5


class Grid:
    """A grid with a load of 0 MW, at rest, and its modes."""

    def __init__(self, case):
        bus, self.pulse_mw = PULSE[case]
        self.engine = AndesEngine(load_grid(case), [LoadPoint("kick", bus)], 1e-9)
        self.nothing = np.zeros(1)
        assert self.engine.initialise(self.nothing, self.nothing).succeeded
        self.linear = self.engine.linearised()
        self.modes = find_modes(self.linear)
        self.rest = self.engine.save()

    def speeds_hz(self, duration_s, power_mw):
        """Speeds [step, generator] of a run; `power_mw` gives the load at the end of a step."""
        rows = []
        for k in range(1, round(duration_s / STEP_S) + 1):
            self.engine.set_power(np.array([power_mw(k * STEP_S)]), self.nothing)
            assert self.engine.step(STEP_S)
            rows.append(self.engine.channel("speed_pu") * self.engine.nominal_hz)
        return np.array(rows)

    def after_pulse(self, duration_s):
        """Speeds from 0.2 s on after a load pulse."""
        self.engine.restore(self.rest)
        assert self.engine.solve_network()
        speeds = self.speeds_hz(duration_s, lambda t: self.pulse_mw if t < PULSE_S + STEP_S / 2 else 0.0)
        return speeds[round(2 * PULSE_S / STEP_S) :]

    def on_mode(self, mode, duration_s):
        """Speeds of a run that starts with all states moved along a mode's vector."""
        space, (swing, _) = self.linear.space, self.linear.observed("speed_pu")
        largest = np.argmax(np.abs(swing @ mode.right))
        vector = SWING_PU * mode.right / (swing @ mode.right)[largest]
        moved = self.rest.states + (space.recovery @ vector).real[: self.rest.states.size]
        self.engine.restore(replace(self.rest, states=moved))
        self.engine.set_power(self.nothing, self.nothing)
        assert self.engine.solve_network()
        return self.speeds_hz(duration_s, lambda _: 0.0)

    def nearest(self, frequency_hz):
        """Oscillation of rotors nearest to a frequency, which must be within 1 %."""
        swings = [mode for mode in self.modes if mode.kind.electromechanical]
        mode = min(swings, key=lambda mode: abs(mode.frequency_hz - frequency_hz))
        assert mode.frequency_hz == pytest.approx(frequency_hz, rel=FREQUENCY_SHARE)
        return mode


@pytest.fixture(scope="module")
def grids():
    made = {}

    def of(case):
        if case not in made:
            made[case] = Grid(case)
        return made[case]

    return of


def heard(speeds_hz, channels):
    """Oscillations in the records of the generators that swing most."""
    loudest = np.argsort(-np.std(speeds_hz, axis=0))[:channels]
    return record.find_modes(speeds_hz[:, loudest], 1.0 / STEP_S, 0.1, 3.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "expected_hz"),
    [
        ("kundur", [0.647, 1.108]),
        ("ieee39", [0.641, 0.965]),
        ("npcc140", [0.658, 1.033]),
        ("wecc179", [0.797, 0.971, 1.328]),
    ],
)
def test_load_pulse_rings_with_modes(grids, case, expected_hz):
    grid = grids(case)
    found = heard(grid.after_pulse(20.0), 4)
    assert abs(found[0].frequency_hz - expected_hz[0]) < 0.01 * expected_hz[0]  # the strongest of all
    for frequency_hz in expected_hz:
        mode = grid.nearest(frequency_hz)
        rung = min(found, key=lambda one: abs(one.frequency_hz - mode.frequency_hz))
        assert rung.frequency_hz == pytest.approx(mode.frequency_hz, rel=FREQUENCY_SHARE)
        assert rung.damping_percent == pytest.approx(mode.damping_percent, abs=DAMPING_POINTS)


@pytest.mark.slow
@pytest.mark.parametrize("case", list(PULSE))
def test_run_that_starts_on_a_mode_is_that_mode(grids, case):
    grid = grids(case)
    swings = [m for m in grid.modes.oscillatory(0.1, 3.0) if m.kind.electromechanical and m.is_reliable]
    for mode in {id(m): m for m in (*swings[:2], min(swings, key=lambda m: m.frequency_hz))}.values():
        speeds = grid.on_mode(mode, min(6.0, 3.0 / mode.frequency_hz))
        rung = heard(speeds, 2)[0]
        assert rung.frequency_hz == pytest.approx(mode.frequency_hz, rel=FREQUENCY_SHARE)
        assert rung.damping_percent == pytest.approx(mode.damping_percent, abs=DAMPING_POINTS)
