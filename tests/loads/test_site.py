import json
import subprocess
import sys

import numpy as np
import pytest
from loads_reference import make_trace

from loads.injector import Injector
from loads.site import SiteDemand, Workload
from loads.workloads.cycle import TrainingCycle

TRACE = make_trace([0, 1, 2, 3, 4], [1000, 3000, 2000, 4000], "hold")  # mean 2500, peak 4000


def powers(site, duration_s=4.0):
    return site.native_series(duration_s)[1]


def test_mean_of_the_trace_becomes_the_share():
    site = SiteDemand(100, (Workload(TRACE, 0.5),), steady_share=0.2)
    assert powers(site) == pytest.approx(20 + 40 * TRACE.power_w / 2500)
    assert site.mean_mw(4) == pytest.approx(60)
    assert site.energy_mwh(7200) == pytest.approx(120)


def test_peak_and_nominal():
    assert powers(SiteDemand(100, (Workload(TRACE, 1.0, "peak"),))) == pytest.approx(TRACE.power_w / 40)
    one_watt = make_trace([0, 1, 2], [1.0, 0.7], "hold")
    assert powers(SiteDemand(100, (Workload(one_watt, 0.5, "nominal"),)), 2) == pytest.approx([50, 35])


def test_cooling_stays_at_the_mean():
    """PUE 1.25: a fifth of the POI power is cooling, which does not move."""
    site = SiteDemand(100, (Workload(TRACE, 1.0),), pue=1.25)
    assert powers(site) == pytest.approx(20 + 80 * TRACE.power_w / 2500)
    assert site.mean_mw(4) == pytest.approx(100)


def test_cooling_of_counted_devices_comes_on_top():
    site = SiteDemand(100, (Workload(TRACE, scale_to="count", count=1000),), steady_share=0.1, pue=1.2)
    assert powers(site) == pytest.approx(10 + TRACE.power_w / 1000 + 0.2 * 2.5)


def test_series_is_exact_means_at_the_finest_interval():
    fine = make_trace(np.arange(41) * 0.1, np.arange(40.0), "hold")
    site = SiteDemand(100, (Workload(TRACE, scale_to="count", count=1), Workload(fine, scale_to="count", count=1)))
    interval_s, power_mw = site.native_series(3.97)
    assert interval_s == pytest.approx(0.1)
    assert power_mw.size == 39
    assert power_mw * 1e6 == pytest.approx(np.repeat(TRACE.power_w, 10)[:39] + np.arange(39))
    interval_s, power_mw = site.native_series(4.0, max_interval_s=0.05)
    assert (interval_s, power_mw.size) == (0.05, 80)
    assert power_mw.mean() == pytest.approx(site.mean_mw(4.0))


def test_injector_draws_the_sites_energy():
    jobs = tuple(Workload(TrainingCycle().generate(10, 1000, s), 0.3, "nominal") for s in range(3))
    site = SiteDemand(200, jobs, steady_share=0.8, pue=1.3)
    injector = Injector(site.components, site.constant_mw)
    injector.start(0.01)
    for k in range(1, 1501):
        injector.next_value(k * 0.01, 0.01 if k < 1500 else 0.0)
        injector.commit()
    assert injector.energy_injected / 3600 == pytest.approx(site.energy_mwh(15.0), rel=1e-12)


def test_edges_in_mw():
    site = SiteDemand(100, (Workload(TRACE, 1.0, "peak"),))
    assert site.edges(9, 40).tolist() == [1, 3, 4, 5, 7, 8]
    assert site.edges(9, 60).tolist() == [4, 8]
    assert SiteDemand(100, (Workload(TRACE, at_end="hold"),)).edges(9, 0.0).tolist() == [1, 2, 3]


def test_describe_states_scale_and_result():
    site = SiteDemand(100, (Workload(TRACE, 1.0, "peak"),), steady_share=0.5, pue=1.25)
    plain = json.loads(json.dumps(site.describe()))
    (workload,) = plain["workloads"]
    assert plain["steady_mw"] == 50
    assert workload["scale_to"] == "peak"
    assert workload["factor_mw_per_w"] == pytest.approx(50 / (4000 + 0.25 * 2500))
    assert workload["mean_mw"] == pytest.approx(50 * 1.25 * 2500 / (4000 + 0.25 * 2500))
    assert workload["peak_mw"] == pytest.approx(50)


def test_a_site_without_workloads_is_steady():
    site = SiteDemand(100, (), steady_share=0.4)
    assert site.native_interval_s is None
    assert site.native_series(3.0, 1.0)[1].tolist() == [40, 40, 40]
    assert site.edges(3.0, 0.0).size == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Workload(TRACE, 1.0, "max"), "scale_to must be"),
        (lambda: Workload(TRACE, 1.0, "count"), "count goes with"),
        (lambda: Workload(TRACE, 1.0, "mean", 3), "count goes with"),
        (lambda: Workload(TRACE, scale_to="count", count=0), "count must be above 0"),
        (lambda: Workload(TRACE, 1.2), "share must be from 0 to 1, got 1.2"),
        (lambda: Workload(TRACE, at_end="stop"), "at_end must be"),
        (lambda: Workload(make_trace([0, 1], [0], "hold")), "must be above 0 W"),
        (lambda: SiteDemand(0, ()), "rating_mw must be above 0"),
        (lambda: SiteDemand(1, (), steady_share=1.5), "steady_share"),
        (lambda: SiteDemand(1, (), pue=0.9), "pue must be 1 or more, got 0.9"),
        (lambda: SiteDemand(1, (Workload(TRACE, 0.6), Workload(TRACE, 0.6))), "together, got 1.2"),
    ],
)
def test_refuses_what_makes_no_site(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_importing_the_package_loads_nothing_heavy():
    code = "import loads, sys; print(sorted({'numba', 'pandas', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_public_name_is_there():
    import loads

    assert all(hasattr(loads, name) for name in loads.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Tracer'"):
        _ = loads.Tracer


def test_peak_at_the_poi_is_the_share_of_the_rating_with_cooling():
    trace = make_trace([0, 1, 2], [1, 3, 1], "linear")
    site = SiteDemand(200.0, (Workload(trace, 1.0, "peak"),), pue=1.5)
    (described,) = site.describe()["workloads"]
    assert described["peak_mw"] == pytest.approx(200.0)
    assert described["cooling_mw"] == pytest.approx(0.5 * described["factor_mw_per_w"] * trace.mean_w)
