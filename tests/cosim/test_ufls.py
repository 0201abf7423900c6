"""Under-frequency load shedding: when it acts, what it sheds, and that the step does not matter."""

from itertools import pairwise

import numpy as np
import pytest

import cosim
from cosim.load_shedding import LoadShedding
from cosim.scenario.grid import UnderFrequencyLoadShedding
from cosim.watchers import Snapshot

TRIP = {"type": "generator_trip", "machine": "GENROU_1", "at_s": 0.2}


def run(out, stages, relay="coi", step_s=0.01, duration_s=2.0, base_load=None):
    scenario = {
        "grid": {
            "case": "ieee14",
            "base_load": base_load or {"p": 1.0},
            "edits": [{"ufls": {"relay": relay, "stages": stages}}],
        },
        "events": [TRIP],
        "simulation": {"duration_s": duration_s, "step_s": step_s},
        "outputs": {"every_s": step_s},
    }
    return cosim.run(scenario, out, report=False)


def shedding_times(result):
    events = result.events
    return events["time_s"][events["kind"] == "load_shedding"].to_numpy()


@pytest.mark.slow
@pytest.mark.parametrize(("relay", "delay_s"), [("coi", 0.1), ("bus", 0.0)])
def test_trip_times_do_not_depend_on_the_step(tmp_path, relay, delay_s):
    stages = [
        {"frequency_hz": 59.8, "delay_s": delay_s, "share": 0.05},
        {"frequency_hz": 59.6, "delay_s": delay_s, "share": 0.1},
    ]
    coarse = run(tmp_path / "coarse", stages, relay, 0.01, 0.75)
    fine = run(tmp_path / "fine", stages, relay, 0.002, 0.75)
    assert coarse.summary["status"] == fine.summary["status"] == "completed"
    assert shedding_times(coarse).size >= 2
    np.testing.assert_allclose(shedding_times(coarse), shedding_times(fine), atol=1e-3)


def test_it_acts_the_delay_after_the_crossing_and_frequency_turns_as_inertia_says(tmp_path):
    """Slope changes by dP f0 / (2 H S); 81 MW are lost, 20 % of 224 MW is shed."""
    result = run(tmp_path, [{"frequency_hz": 59.8, "delay_s": 0.1, "share": 0.2}], step_s=0.002, duration_s=0.6)
    (at_s,) = shedding_times(result)
    coi = result.coi_hz["coi"]
    crossing = np.interp(-59.8, -coi[coi.index < at_s], coi.index[coi.index < at_s])
    assert at_s == pytest.approx(crossing + 0.1, abs=1e-3)
    before, after = (
        np.diff(np.interp([at_s + a, at_s + b], coi.index, coi))[0] / (b - a)
        for a, b in ((-0.02, -0.004), (0.004, 0.02))
    )
    inertia_mws = np.nansum(result.inertia_mws[1:])
    assert after - before == pytest.approx(0.2 * 223.7 * 60 / (2 * inertia_mws), rel=0.1)
    (warning,) = [text for text in result.summary["warnings"] if "load shedding" in text]
    assert "20 % of the base load, 44.74 MW" in warning


def test_impedance_loads_are_shed_too(tmp_path):
    stage = [{"frequency_hz": 59.9, "delay_s": 0.0, "share": 0.5}]
    result = run(tmp_path, stage, base_load={"z": 1.0})
    assert shedding_times(result).size == 1
    assert result.coi_hz["coi"].iloc[-1] > 60


def test_no_relay_acts_above_its_threshold(tmp_path):
    result = run(tmp_path, [{"frequency_hz": 55.0, "delay_s": 0.0, "share": 0.5}])
    assert shedding_times(result).size == 0
    assert result.summary["warnings"] == []


class FakeEngine:
    """Two buses with base load of 10 and 30 MW."""

    base_load_bus = np.array([0, 1])
    base_load_mw = np.array([10.0, 30.0])
    elements = {"bus": ("a", "b")}  # noqa: RUF012

    def scale_base_loads(self, remaining):
        self.remaining = remaining


def relay(*stages, kind="bus"):
    engine = FakeEngine()
    scheme = UnderFrequencyLoadShedding.model_validate({"relay": kind, "stages": list(stages)})
    return LoadShedding(scheme, engine), engine


def seen(time_s, *frequency_hz):
    frequency = np.array(frequency_hz)
    return Snapshot(time_s, frequency, np.ones(frequency.size), float(frequency.mean()))


def test_the_crossing_lies_within_the_step_and_each_bus_has_its_timer():
    shedding, engine = relay({"frequency_hz": 59.5, "delay_s": 0.0, "share": 0.1})
    first, second = seen(1.0, 60.0, 60.0), seen(2.0, 59.0, 59.6)
    assert shedding.due_s(first, second) == pytest.approx(1.5)
    halfway = seen(1.5, 59.5 - 1e-9, 59.8)
    shedding.observe(first, halfway)
    (text,) = shedding.act(engine, 1.5)
    np.testing.assert_allclose(engine.remaining, [0.9, 1.0])
    assert "1 MW, at bus a" in text
    assert shedding.due_s(halfway, second) is None


def test_a_timer_forgets_when_frequency_recovers():
    shedding, engine = relay({"frequency_hz": 59.5, "delay_s": 1.0, "share": 0.1})
    steps = [seen(0.0, 60, 60), seen(0.5, 59.4, 60), seen(1.0, 59.6, 60), seen(1.5, 59.4, 60), seen(2.0, 59.3, 60)]
    for before, after in pairwise(steps):
        assert shedding.due_s(before, after) is None
        shedding.observe(before, after)
    assert shedding.due_s(steps[-1], seen(3.0, 59.3, 60)) == pytest.approx(1.25 + 1.0)
    assert shedding.act(engine, 2.0) == []


def test_a_timer_that_runs_out_before_the_recovery_counts():
    shedding, _ = relay({"frequency_hz": 59.5, "delay_s": 0.2, "share": 0.1})
    start, low = seen(0.0, 59.6, 60), seen(0.1, 59.4, 60)
    shedding.observe(start, low)
    assert shedding.due_s(low, seen(1.1, 59.6, 60)) == pytest.approx(0.25)


def test_a_bus_without_supply_never_acts():
    shedding, _ = relay({"frequency_hz": 59.5, "delay_s": 0.0, "share": 0.1})
    assert shedding.due_s(seen(0.0, 60, 60), seen(1.0, np.nan, 60)) is None
