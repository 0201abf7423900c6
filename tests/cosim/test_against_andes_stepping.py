"""The compiled engine against ANDES itself: every variable after every step, over cases and disturbances."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest
from andes.core.discrete import DeadBand, Limiter

from cosim.engines.compiled import CompiledEngine
from cosim.loop_inputs import powers
from cosim.scenario.load import validate
from cosim.scenario.source import Source
from cosim.simulation import CoSimulation
from cosim.study import prepare_study
from grids import load_grid

SPEED, VOLTAGE, ANY = 1e-9, 1e-8, 1e-6
"""Largest differences of speeds and voltages (pu), and of any variable."""

CASES = ("kundur", "ieee14", "ieee39", "npcc140", "wecc179")
LINES = {"kundur": "Line_8", "ieee14": "Line_3", "ieee39": "Line_12", "npcc140": "Line_30", "wecc179": "Line_30"}
KINDS = ("load step", "trace", "line trip", "fault", "generator trip", "limits")


@dataclass
class Tape:
    """Takes the place of a recorder, and keeps all variables of the engine."""

    engine: CompiledEngine
    time_s: list[float] = field(default_factory=list)
    variables: list[np.ndarray] = field(default_factory=list)
    limited: set[str] = field(default_factory=set)

    def record(self, now_s, _):
        dae = self.engine._system.dae
        self.time_s.append(now_s)
        self.variables.append(np.concatenate([dae.x, dae.y]))
        if not isinstance(self.engine, CompiledEngine):
            self.limited |= limits_at_work(self.engine._system)

    def record_site(self, *_):
        pass

    def record_event(self, *_):
        pass


def limits_at_work(system):
    """Limiters that hold a variable back now, dead bands aside."""
    return {
        f"{model.class_name} {name}"
        for model in system.exist.tds.values()
        if model.n and model.class_name not in ("PQ", "PV", "Slack")
        for name, limiter in model.discrete.items()
        if isinstance(limiter, Limiter) and not isinstance(limiter, DeadBand) and np.any(limiter.zi == 0)
    }


@cache
def grid_of(case):
    return load_grid(case)


def scenario(case, kind, engine, **simulation):
    """A scenario of few seconds with one kind of disturbance, in proportion to the case."""
    grid = grid_of(case)
    bus = max(grid.buses, key=lambda b: b.load_mw).idx
    size = grid.rating_mva
    events = {
        "load step": [{"type": "load_step", "bus": bus, "mw": 0.02 * size, "at_s": 0.5}],
        "line trip": [{"type": "line_trip", "line": LINES[case], "at_s": 0.5, "reclose_after_s": 1.0}],
        "fault": [{"type": "fault", "bus": bus, "at_s": 0.5, "duration_s": 0.06, "x_pu": 0.04}],
        "generator trip": [{"type": "generator_trip", "machine": grid.machines[-1].idx, "at_s": 0.5}],
        "limits": [{"type": "fault", "bus": bus, "at_s": 0.3, "duration_s": 0.15, "x_pu": 20 / size}],
    }.get(kind, [])
    if case == "wecc179" and kind == "limits":  # the bus with the largest load is too far from machines
        events[0] |= {"bus": 69, "duration_s": 0.2, "x_pu": 1e-4}
    sites = [{"name": "dc", "bus": bus, "rating_mw": 0.015 * size, "workloads": [{"type": "training"}]}]
    return {
        "schema": 1,
        "name": f"{case}, {kind}",
        "grid": {"case": case},
        "sites": sites if kind == "trace" else [],
        "events": events,
        "simulation": {"engine": engine, "duration_s": 2.5, "step_s": 0.01, **simulation},
    }


def run(data):
    """Run with the ordinary loop, which shows all variables after each step."""
    source = Source(None, data)
    study = prepare_study(validate(source), source)
    engine = study.engine
    assert engine.initialise(*powers(study.loads, study.start_level)).succeeded
    tape = Tape(engine)
    loop = CoSimulation(engine, study.loads, study.timeline, study.events, tape, [], study.watchers())
    loop._fast = None
    outcome = loop.run(study.start_level, lambda _: None)
    return engine, tape, outcome


def difference(data):
    """Run with both engines and return the tapes, the outcomes, and the largest differences before a step is cut."""
    _, theirs, expected = run(data | {"simulation": {**data["simulation"], "engine": "andes"}})
    engine, ours, outcome = run(data)
    assert (outcome.status, outcome.end_time_s) == (expected.status, expected.end_time_s)
    assert (outcome.steps, outcome.cut_steps) == (expected.steps, expected.cut_steps)
    assert ours.time_s == theirs.time_s
    apart = np.abs(np.array(ours.variables) - np.array(theirs.variables))
    grid = engine._arrays.grid
    return theirs, outcome, apart, grid.speed, len(grid.x) + grid.bus_v


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_every_variable_is_the_same_after_every_step(case, kind):
    theirs, outcome, apart, speed, voltage = difference(scenario(case, kind, "compiled"))
    assert outcome.status == "completed"
    assert outcome.cut_steps == 0
    assert apart[:, speed].max() < SPEED
    assert apart[:, voltage].max() < VOLTAGE
    assert apart.max() < ANY
    if kind == "limits":
        assert theirs.limited


@pytest.mark.slow
@pytest.mark.parametrize("case", ["ieee39", "npcc140"])
def test_inverter_based_plants_too(case):
    data = scenario(case, "load step", "compiled")
    data["grid"]["edits"] = [{"replace_by_inverters": {"share": 0.3}}]
    _, outcome, apart, speed, voltage = difference(data)
    assert outcome.status == "completed"
    assert apart[:, speed].max() < SPEED
    assert apart[:, voltage].max() < VOLTAGE
    assert apart.max() < ANY


def test_a_run_that_loses_synchronism_ends_alike():
    data = scenario("ieee14", "limits", "compiled", duration_s=4)
    data["events"][0] |= {"duration_s": 1.5, "x_pu": 1e-4}
    _, outcome, apart, speed, _ = difference(data)
    assert outcome.status == "unstable"
    assert apart[:, speed].max() < SPEED


def test_a_run_that_diverges_ends_alike():
    data = scenario("ieee14", "load step", "compiled", duration_s=3)
    data["grid"]["base_load"] = {"z": 0, "i": 0, "p": 1}
    data["events"][0] |= {"mw": 600, "load_model": {"p": 1, "v_min_pu": 0.1}}
    _, outcome, *_ = difference(data)
    assert outcome.status == "diverged"
    assert outcome.cut_steps > 0
