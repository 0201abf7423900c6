import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loads_reference import make_trace
from loads_strategies import traces

from loads.lag import lagged
from loads.power_chain import PoiShape, PowerChain
from loads.site import SiteDemand, Workload

STEP = make_trace([0, 1, 2], [1000, 2000], "hold")
TYPICAL = PowerChain(0.94, 0.03, 0.95, 0.99, 0.04, 0.1, 30.0)


@settings(deadline=None, max_examples=40)
@given(traces(), st.floats(0.05, 5.0))
def test_a_looped_trace_keeps_its_energy_behind_a_lag(trace, lag_s):
    out = lagged(trace, lag_s, "loop", 0.1)
    assert out.duration_s == pytest.approx(trace.duration_s, rel=1e-12)
    assert out.energy_j == pytest.approx(trace.energy_j, rel=1e-9, abs=1e-9)
    assert out.edges(0.0).size == 0


def test_a_step_behind_a_lag_is_the_exponential():
    out = lagged(STEP, 0.2, "hold", 0.01)

    def integral(t):
        """Of 2000 - 1000 exp(-(t - 1) / 0.2)."""
        return 2000 * t + 200 * np.exp(-(t - 1.0) / 0.2)

    knots = 1.0 + 0.01 * np.arange(101)
    interval_s = out.time_s[1]
    first = round(1.0 / interval_s)
    assert out.power_w[:first] == pytest.approx(1000)
    assert first * interval_s == pytest.approx(1.0)
    np.testing.assert_allclose(out.power_w[first : first + 100], np.diff(integral(knots)) / 0.01, rtol=1e-9)
    assert out.duration_s >= 2 + 8 * 0.2
    assert out.power_w[-1] == pytest.approx(2000, rel=1e-3)


def test_the_output_does_not_depend_on_its_interval():
    fine, coarse = (lagged(STEP, 0.2, "loop", interval) for interval in (0.01, 0.1))
    np.testing.assert_allclose(fine.power_w.reshape(-1, 10).mean(axis=1), coarse.power_w, rtol=1e-9)


@settings(deadline=None, max_examples=30)
@given(
    st.floats(0.9, 1.0), st.floats(0.9, 1.0), st.floats(0.0, 0.5), st.floats(1.24, 2.0), st.sampled_from([30, math.inf])
)
def test_the_mean_at_the_poi_is_pue_times_it(ups, transformer, other, pue, cooling_lag_s):
    chain = PowerChain(0.94, 0.03, ups, transformer, 0.04, other, cooling_lag_s)
    shape = PoiShape(STEP, "loop", True, pue, chain)
    moving = sum(weight * waveform.moments(0.0, 2.0)[0] / 2.0 for waveform, weight in shape.components)
    assert moving + shape.constant_w == pytest.approx(pue * 1500, rel=1e-9)
    assert shape.mean_w == pue * 1500


@pytest.mark.parametrize("scale_to", ["mean", "nominal", "peak"])
def test_a_share_is_power_at_the_poi(scale_to):
    trace = make_trace([0, 5, 10], [1000, 2000], "hold")
    site = SiteDemand(100, (Workload(trace, 0.5, scale_to, nominal_w=1500.0, at_devices=True),), pue=1.3, chain=TYPICAL)
    (described,) = site.describe()["workloads"]
    reached = {"mean": "mean_mw", "nominal": "mean_mw", "peak": "peak_mw"}[scale_to]
    assert described[reached] == pytest.approx(50)
    assert site.mean_mw(10.0) == pytest.approx(described["mean_mw"], rel=1e-9)


def test_counted_devices_draw_through_the_chain():
    """1,000 devices of 1.5 kW on average: over 0.94 into the servers, which are 90 % of IT; times the PUE."""
    site = SiteDemand(100, (Workload(STEP, scale_to="count", count=1000, at_devices=True),), pue=1.3, chain=TYPICAL)
    assert site.mean_mw(2.0) == pytest.approx(1.5 / 0.94 / 0.9 * 1.3)
    behind = SiteDemand(100, (Workload(STEP, scale_to="count", count=1000),), pue=1.3, chain=TYPICAL)
    assert behind.mean_mw(2.0) == pytest.approx(1.5 / 0.9 * 1.3)


def test_lags_leave_no_edges_and_other_it_damps_the_swing():
    plain = SiteDemand(100, (Workload(STEP),))
    chained = SiteDemand(100, (Workload(STEP, at_devices=True),), pue=1.3, chain=TYPICAL)
    assert plain.edges(4.0, 1.0).size > 0
    assert chained.edges(4.0, 1.0).size == 0
    swing = np.ptp(chained.native_series(2.0, 0.01)[1])
    full = np.ptp(plain.native_series(2.0)[1])
    assert swing == pytest.approx(full * 0.9 / (0.95 * 0.99) / 1.3, rel=0.02)  # cooling follows by a few percent


def test_cooling_follows_with_its_lag():
    """A load that stays up: cooling passes 63 % of its change one lag later."""
    trace = make_trace([0, 100, 400], [1000, 2000], "hold")
    site = SiteDemand(
        100,
        (Workload(trace, scale_to="count", count=1000, at_end="hold"),),
        pue=1.5,
        chain=PowerChain(cooling_lag_s=30),
    )
    power = site.native_series(400.0, 1.0)[1]
    assert power[98] == pytest.approx(1.5, rel=1e-6)
    assert power[100:130].max() < 2.5 + 0.5 * (1 - math.exp(-1)) * 1.03
    assert power[130] == pytest.approx(2.5 + 0.5 * (1 - math.exp(-1)), rel=0.01)
    assert power[-1] == pytest.approx(3.0, rel=1e-3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PowerChain(ups_efficiency=0), "ups_efficiency must be above 0"),
        (lambda: PowerChain(psu_lag_s=-1), "psu_lag_s must be 0 s or more"),
        (lambda: PowerChain(other_it_share=1), "other_it_share"),
        (lambda: PowerChain(cooling_lag_s=0), "cooling_lag_s"),
        (lambda: SiteDemand(1, (), chain=PowerChain(ups_efficiency=0.9)), r"must be at least 1\.111"),
        (lambda: SiteDemand(1, (), power_factor=1.2), "power_factor"),
        (lambda: lagged(STEP, 0.0, "loop"), "lag_s must be above 0"),
    ],
)
def test_refuses_what_makes_no_chain(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_reactive_power_follows_the_power_factor():
    assert SiteDemand(1, (), power_factor=0.8).mvar_per_mw == pytest.approx(0.75)
    assert SiteDemand(1, ()).mvar_per_mw == 0.0
