"""Modes of state spaces that are known on paper, and what holds for any."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csr_matrix

from cosim.linear.grid import Channel, ControlLimits, LinearGrid
from cosim.linear.modes import Kind, find_modes
from cosim.linear.state_space import StateSpace

OMEGA = 2 * np.pi * 60


def linear_grid(a, speed, angle, inertia_mws):
    """A grid of a state matrix, with the positions of its speeds and angles."""
    n = len(a)
    rows = {"speed_pu": csr_matrix(np.eye(n)[speed]), "rotor_angle_rad": csr_matrix(np.eye(n)[angle])}
    space = StateSpace(a, np.zeros((n, 0)), np.eye(n), np.zeros((n, 0)), tuple(f"x{k}" for k in range(n)), np.arange(n))
    channels = {name: Channel("", "generator", row, np.zeros(len(speed))) for name, row in rows.items()}
    names = tuple(f"G{k + 1}" for k in range(len(speed)))
    return LinearGrid(
        space=space,
        channels=channels,
        elements={"generator": names},
        inertia_mws=np.asarray(inertia_mws, float),
        limits=ControlLimits((), np.zeros(0), np.zeros(0)),
        nominal_hz=60.0,
        base_mva=100.0,
    )


def machines(inertia_s, ties, damping=0.0):
    """Machines on ties: angles first, then speeds. H on 100 MVA, ties as a matrix of synchronising coefficients."""
    h, k = np.asarray(inertia_s, float), np.asarray(ties, float)
    n = len(h)
    laplacian = np.diag(k.sum(axis=1)) - k
    a = np.zeros((2 * n, 2 * n))
    a[:n, n:] = OMEGA * np.eye(n)
    a[n:, :n] = -laplacian / (2 * h[:, None])
    a[n:, n:] = -np.diag(damping / (2 * h))
    return linear_grid(a, list(range(n, 2 * n)), list(range(n)), 100 * h)


def tie(n, *pairs):
    k = np.zeros((n, n))
    for i, j, value in pairs:
        k[i, j] = k[j, i] = value
    return k


def test_two_machines_on_a_tie():
    modes = find_modes(machines([3.0, 6.0], tie(2, (0, 1, 1.5)), damping=2.0))
    (mode,) = modes.oscillatory(0.0, 10.0)
    # With damping not in proportion to H the frequency is that of the undamped pair to first order.
    assert mode.frequency_hz == pytest.approx(np.sqrt(OMEGA * 1.5 * (1 / 6 + 1 / 12)) / (2 * np.pi), rel=1e-3)
    assert mode.kind is Kind.LOCAL  # two machines are never two areas
    assert mode.shape == pytest.approx([1.0, -0.5], abs=0.02)
    together, against = mode.groups()
    assert (list(together), list(against)) == ([0], [1])
    assert mode.participation == pytest.approx([1 / 3, 1 / 6, 1 / 3, 1 / 6], abs=0.01)
    assert [m.eigenvalue for m in modes.rotational] == pytest.approx([0.0], abs=1e-9)
    assert not modes.unstable
    assert modes.rotational[0].damping_percent == 0.0


def test_damping_of_a_pair():
    """D in proportion to H: every swing decays with D / (4 H)."""
    modes = find_modes(machines([4.0, 4.0], tie(2, (0, 1, 1.0)), damping=8.0))
    (mode,) = modes.oscillatory(0.0, 10.0)
    assert mode.eigenvalue.real == pytest.approx(-0.5, rel=1e-9)
    assert mode.damping_percent == pytest.approx(50.0 / np.sqrt(OMEGA * 1.0 * (1 / 8 + 1 / 8)), rel=1e-6)


def test_free_speed_is_a_second_zero_and_no_instability():
    modes = find_modes(machines([3.0, 6.0], tie(2, (0, 1, 1.5))))
    assert sum(mode.repeated for mode in modes.rotational) == 2
    assert not modes.unstable


def test_integrators_at_rest_are_no_rotation():
    grid = machines([3.0, 6.0], tie(2, (0, 1, 1.5)), damping=2.0)
    a = np.zeros((6, 6))
    a[:4, :4] = grid.space.a
    modes = find_modes(linear_grid(a, [2, 3], [0, 1], [300.0, 600.0]))
    assert [mode.repeated for mode in modes.rotational] == [1]
    assert [mode.repeated for mode in modes if mode.kind is Kind.REAL and abs(mode.eigenvalue) < 1e-6] == [2]
    assert not modes.unstable


def test_two_areas_of_two_machines():
    ties = tie(4, (0, 1, 3.0), (2, 3, 3.0), (0, 2, 0.1), (1, 3, 0.1))
    modes = find_modes(machines([5.0] * 4, ties, damping=1.0))
    slow, *fast = sorted(modes.oscillatory(0.0, 10.0), key=lambda mode: mode.frequency_hz)
    assert slow.kind is Kind.INTER_AREA
    assert sorted(map(sorted, slow.groups())) == [[0, 1], [2, 3]]
    assert len(fast) == 2  # one swing in each area, both at nearly the same frequency
    assert slow.frequency_hz == pytest.approx(np.sqrt(OMEGA * 0.2 / 10) / (2 * np.pi), rel=1e-3)


def test_machine_against_an_infinite_bus_is_local():
    grid = machines([3.0, 1e10], tie(2, (0, 1, 1.5)), damping=2.0)
    (mode,) = find_modes(replace(grid, inertia_mws=np.array([300.0, np.inf]))).oscillatory(0.0, 10.0)
    assert mode.kind is Kind.LOCAL
    assert mode.frequency_hz == pytest.approx(np.sqrt(OMEGA * 1.5 / 6) / (2 * np.pi), rel=1e-3)


def governed():
    """Two machines with governors (droop 0.1 pu on 100 MVA, lag of 1 s) and a stiff tie: angles, speeds, powers."""
    swing = machines([3.0, 3.0], tie(2, (0, 1, 4.0))).space.a
    a = np.zeros((6, 6))
    a[:4, :4] = swing
    a[2:4, 4:] = np.eye(2) / 6
    a[4:, 2:4] = -np.eye(2) / 0.1
    a[4:, 4:] = -np.eye(2)
    return a


def test_governors_against_all_rotors_is_common():
    modes = find_modes(linear_grid(governed(), [2, 3], [0, 1], [300.0, 300.0]))
    slow, fast = sorted(modes.oscillatory(0.0, 10.0), key=lambda mode: mode.frequency_hz)
    assert slow.shape == pytest.approx([1.0, 1.0], abs=1e-6)
    # 6 s s + 6 s + 10 = 0 for speed and power alone; powers take half, so that the share decides by a hair.
    assert slow.eigenvalue == pytest.approx(np.roots([6.0, 6.0, 10.0])[0], rel=1e-6)
    assert slow.kind in (Kind.COMMON, Kind.CONTROL)
    assert fast.kind is Kind.LOCAL


def test_growing_real_mode_is_unstable():
    a = np.diag([0.02, -1.0, 0.0])
    modes = find_modes(linear_grid(a, [], [], []))
    assert [mode.eigenvalue for mode in modes.unstable] == [0.02]
    assert modes.unstable[0].kind is Kind.REAL
    assert modes.unstable[0].damping_percent == pytest.approx(-100.0)
    assert not modes.rotational  # a zero of an integrator, with no rotor to turn


def test_growing_oscillation_is_unstable_and_first():
    a = np.array([[0.05, 5.0, 0.0], [-5.0, 0.05, 0.0], [0.0, 0.0, -1.0]])
    modes = find_modes(linear_grid(a, [], [], []))
    assert modes.unstable == [modes.modes[0]]
    assert modes.modes[0].kind is Kind.CONTROL
    assert modes.oscillatory(0.1, 3.0)[0].damping_percent == pytest.approx(-100 * 0.05 / np.hypot(0.05, 5.0))


def test_identical_lags_in_series_are_not_reliable():
    a = np.array([[-5.0, 0.0, 0.0], [5.0, -5.0, 0.0], [0.0, 0.0, -1.0]])
    modes = find_modes(linear_grid(a, [], [], []))
    assert {round(mode.eigenvalue.real, 6): mode.is_reliable for mode in modes} == {-5.0: False, -1.0: True}


def test_identical_machines_are_one_repeated_mode():
    """Three machines on one bus swing against each other in two ways of one frequency, whose vectors are arbitrary."""
    ties = tie(3, (0, 1, 1.0), (0, 2, 1.0), (1, 2, 1.0))
    modes = find_modes(machines([4.0] * 3, ties, damping=8.0))
    (mode,) = modes.oscillatory(0.0, 10.0)
    assert mode.repeated == 2
    assert mode.is_reliable
    assert mode.participation == pytest.approx([1 / 6] * 6, rel=1e-6)


matrices = st.integers(2, 8).flatmap(
    lambda n: hnp.arrays(float, (n, n), elements=st.floats(-10, 10, allow_nan=False, width=32))
)


@given(matrices)
def test_what_holds_for_any_state_space(a):
    n = len(a)
    modes = find_modes(linear_grid(a, [n - 1], [0], [500.0]))
    total = sum((2 if m.eigenvalue.imag > 0 else 1) * m.repeated * m.eigenvalue.real for m in modes)
    assert total == pytest.approx(np.trace(a), abs=1e-4 * (1 + np.abs(a).sum()))
    assert sum((2 if m.eigenvalue.imag > 0 else 1) * m.repeated for m in modes) == n
    for mode in modes:
        assert mode.eigenvalue.imag >= 0.0
        assert (mode.participation >= 0.0).all()
        assert mode.participation.sum() == pytest.approx(1.0)
        assert np.abs(mode.shape).max() in (0.0, pytest.approx(1.0))
        assert mode.condition > 1.0 - 1e-6
        if mode.is_reliable and mode.repeated == 1:
            scale = 1e-8 * (1.0 + np.abs(a).sum())
            assert np.abs(a @ mode.right - mode.eigenvalue * mode.right).max() < scale
            assert np.abs(mode.left @ a - mode.eigenvalue * mode.left).max() < scale * mode.condition * 10
            assert mode.left @ mode.right == pytest.approx(1.0)


@given(st.integers(0, 10_000), st.lists(st.floats(-3, 3), min_size=6, max_size=6))
def test_units_of_the_states_do_not_matter(seed, exponents):
    a = np.random.default_rng(seed).normal(size=(6, 6))
    d = 10.0 ** np.array(exponents)
    ours = find_modes(linear_grid(a, [5], [0], [500.0]))
    scaled = find_modes(linear_grid(d[:, None] * a / d, [5], [0], [500.0]))
    for one in ours:
        if not one.condition < 100.0:
            continue
        other = min(scaled, key=lambda mode: abs(mode.eigenvalue - one.eigenvalue))
        assert other.eigenvalue == pytest.approx(one.eigenvalue, abs=1e-6)
        assert other.participation == pytest.approx(one.participation, abs=1e-5)
        assert other.condition == pytest.approx(one.condition, rel=1e-4)
