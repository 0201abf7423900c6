"""Edits of a scenario: the physics that must follow, and errors that name key and record."""

import numpy as np
import pytest

from cosim.edited_grid import edited_grid
from cosim.engines.andes import AndesEngine, LoadPoint
from cosim.errors import InputError
from cosim.problems import Problems
from cosim.scenario.load import validate
from cosim.scenario.source import parse_yaml


def edit(case, *edits, base_load="{z: 0, p: 1}"):
    """Grid of a scenario with edits in YAML."""
    text = f"grid: {{case: {case}, base_load: {base_load}, edits: [{', '.join(edits)}]}}\nsimulation: {{duration_s: 1}}"
    source = parse_yaml(text, None)
    problems = Problems(source)
    grid = edited_grid(validate(source), None, problems)
    problems.stop_if_any()
    return grid


def engine_of(grid, bus=None):
    """Initialised engine, with a load at a bus that draws nothing yet."""
    engine = AndesEngine(grid, [LoadPoint("step", bus)] if bus else [], 1e-6)
    nothing = np.zeros(1 if bus else 0)
    initialisation = engine.initialise(nothing, nothing)
    assert initialisation.succeeded, initialisation
    assert initialisation.residual < 1e-6
    return engine


def coi_hz(engine):
    weights = engine.inertia_mws / engine.inertia_mws.sum()
    return engine.nominal_hz * float(weights @ engine.channel("speed_pu"))


def step_response(grid, bus, power_mw, duration_s, step_s=0.02):
    """Deviation of the centre of inertia (Hz) at each step after a load step, and the change of generation (MW)."""
    engine = engine_of(grid, bus)
    before_mw = engine.channel("generator_mw").sum()
    engine.set_power(np.array([power_mw]), np.zeros(1))
    assert engine.solve_network()
    out = [0.0]
    for _ in range(round(duration_s / step_s)):
        assert engine.step(step_s)
        out.append(coi_hz(engine) - engine.nominal_hz)
    return np.array(out), engine.channel("generator_mw").sum() - before_mw


def test_half_the_inertia_doubles_the_slope():
    slopes = []
    for edits in ([], ["{inertia_scale: 0.5}"]):
        grid = edit("kundur", *edits)
        deviation, change_mw = step_response(grid, 7, 50.0, 0.02, 0.01)
        slopes.append(deviation[-1] / 0.02)
        assert slopes[-1] == pytest.approx(-change_mw * 60 / (2 * grid.inertia_mws), rel=0.05)
    assert slopes[1] / slopes[0] == pytest.approx(2, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("droop_pu", [None, 0.1])
def test_settling_follows_the_droop(droop_pu):
    grid = edit("kundur", *([f"{{droop: {{value_pu: {droop_pu}}}}}"] if droop_pu else []))
    turbine = grid.system.TGOV1
    gain_mw = sum(m.rating_mva for m in grid.machines) / (droop_pu or 0.05)
    damping_mw = sum(d * m.rating_mva for d, m in zip(turbine.Dt.v, grid.machines, strict=True))
    deviation, change_mw = step_response(grid, 7, 20.0, 60.0, 0.05)
    theory = -change_mw * grid.nominal_hz / (gain_mw + damping_mw)
    assert deviation[-1] == pytest.approx(theory, rel=0.05)


@pytest.mark.slow
def test_without_governors_frequency_does_not_settle():
    with_governors, _ = step_response(edit("kundur"), 7, 20.0, 20.0, 0.05)
    without, _ = step_response(edit("kundur", "{governor_off: all}"), 7, 20.0, 20.0, 0.05)
    second = 20
    assert without[-1] < 3 * with_governors[-1]
    slope = np.diff(without[[0, 10 * second, 20 * second]])
    assert slope[1] == pytest.approx(slope[0], rel=0.1)


def test_governor_of_one_machine_off_leaves_its_power():
    grid = edit("kundur", "{governor_off: [2]}")
    engine = engine_of(grid, 7)
    tm = grid.system.GENROU.tm.v.copy()
    engine.set_power(np.array([50.0]), np.zeros(1))
    assert engine.solve_network()
    for _ in range(50):
        assert engine.step(0.02)
    change = grid.system.GENROU.tm.v - tm
    position = grid.system.GENROU.idx.v.index(2)
    assert abs(change[position]) < 1e-9
    assert np.delete(change, position).min() > 1e-3


@pytest.mark.parametrize("factor", [0.9, 1.02])
def test_scaled_load_gives_a_power_flow_with_its_total(factor):
    grid = edit("kundur", f"{{load_scale: {factor}}}")
    engine = engine_of(grid)
    losses_mw = engine.channel("generator_mw").sum() - grid.load_mw
    assert grid.load_mw == pytest.approx(factor * edit("kundur").load_mw)
    assert 0 < losses_mw < 0.06 * grid.load_mw
    slack = grid.system.Slack
    machine = next(k for k, m in enumerate(grid.machines) if m.generator == slack.idx.v[0])
    given_pu = engine.channel("generator_mw")[machine] / grid.base_mva
    assert given_pu == pytest.approx(slack.p0.v[0], rel=0.1)  # it takes what losses change, no more


@pytest.mark.parametrize(
    ("case", "how"),
    [
        ("ieee14", "machines: [GENROU_1]"),  # the slack generator's
        ("ieee39", "share: 0.3"),
        ("ieee39", "share: 0.3, control: reactive_power"),
        ("npcc140", "share: 0.3, droop_pu: 0.05"),
    ],
)
def test_inverters_start_in_equilibrium_and_stay_there(case, how):
    whole, grid = edit(case), edit(case, f"{{replace_by_inverters: {{{how}}}}}")
    plants = sum(plant.rating_mva for plant in grid.inverters)
    gone = [m for m in whole.machines if m.idx not in {left.idx for left in grid.machines}]
    assert plants >= sum(m.rating_mva for m in gone) > 0
    assert grid.inertia_mws == pytest.approx(whole.inertia_mws - sum(m.rating_mva * m.inertia_s for m in gone))
    engine, reference = engine_of(grid), engine_of(whole)
    # the power flow does not know who stands behind a generator
    np.testing.assert_allclose(engine.channel("voltage_pu"), reference.channel("voltage_pu"), atol=1e-9)
    for _ in range(100):
        assert engine.step(0.02)
    assert np.abs(engine.channel("speed_pu") - 1).max() * engine.nominal_hz < 1e-6


def test_inverters_give_no_inertia_but_droop_if_asked():
    def after(*edits):
        return step_response(edit("ieee39", *edits), 16, 200.0, 1.0)[0]

    whole = after()
    inverters = after("{replace_by_inverters: {share: 0.3}}")
    with_droop = after("{replace_by_inverters: {share: 0.3, droop_pu: 0.05}}")
    grids = [edit("ieee39"), edit("ieee39", "{replace_by_inverters: {share: 0.3}}")]
    inertia = [grid.inertia_mws for grid in grids]
    assert inverters[1] / whole[1] == pytest.approx(inertia[0] / inertia[1], rel=0.05)
    assert inverters[-1] < with_droop[-1] < 0


@pytest.mark.parametrize(
    ("item", "key", "said"),
    [
        ("{inertia_scale: {factor: 2, machines: [GENROU_333]}}", "inertia_scale", "no machine GENROU_333"),
        ("{inertia_scale: {factor: 2, area: 9}}", "inertia_scale", "no machine in area 9"),
        ("{governor_off: [GENROU_99]}", "governor_off", "no machine GENROU_99"),
        ("{governor_off: [GENCLS_1]}", "governor_off", "machine GENCLS_1 has no governor"),
        ("{droop: {value_pu: 0.04, machines: [GENCLS_1]}}", "droop", "machine GENCLS_1 has no governor"),
        ("{damping: {factor: 2, machines: [GENROU_22]}}", "damping", "D of GENROU_22 is zero"),
        ("{load_scale: {factor: 1.1, buses: [999]}}", "load_scale", "no bus 999"),
        ("{load_scale: 9}", "load_scale", "its limit is"),
        ("{replace_by_inverters: {machines: [GENROU_99]}}", "replace_by_inverters", "no machine GENROU_99"),
        ("{line_out: Line_999}", "line_out", "no line Line_999"),
        ("{line_in: Line_1}", "line_in", "line Line_1 is in service already"),
        ("{ufls: {stages: [{frequency_hz: 60, share: 0.1}]}}", "ufls", "at the nominal 60 Hz"),
    ],
)
def test_impossible_edit_names_key_and_record(item, key, said):
    with pytest.raises(InputError) as error:
        edit("npcc140", item)
    assert f"grid.edits[0].{key}" in str(error.value)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("{inertia_scal: 0.5}", "did you mean 'inertia_scale'"),
        ("{inertia_scale: 0.5, load_scale: 2}", "an edit has one key, got inertia_scale and load_scale"),
        ("{}", "an edit has one key, got none"),
        ("{governor_off: al}", "did you mean 'all'"),
        ("{inertia_scale: {factor: 2, machines: [1], area: 1}}", "in one way"),
        ("{damping: {}}", "either value_pu or factor"),
        ("{replace_by_inverters: {}}", "either machines or share"),
        ("{ufls: {stages: [{frequency_hz: 59, share: 0.6}, {frequency_hz: 58, share: 0.6}]}}", "more than 1"),
    ],
)
def test_malformed_edit_says_what_is_expected(item, said):
    with pytest.raises(InputError, match=said):
        edit("kundur", item)


def test_all_impossible_edits_are_reported():
    with pytest.raises(InputError) as error:
        edit("kundur", "{line_out: Line_99}", "{inertia_scale: 0.5}", "{governor_off: [99]}")
    assert len(error.value.problems) == 2


def test_every_edit_leaves_a_note():
    items = [
        "{inertia_scale: 0.5}",
        "{governor_off: [1]}",
        "{droop: {value_pu: 0.04}}",
        "{damping: {value_pu: 1}}",
        "{load_scale: 1.01}",
        "{replace_by_inverters: {machines: [4]}}",
        "{line_out: {from: 7, to: 8, circuit: 1}}",
        "{line_in: {from: 7, to: 8, circuit: 1}}",
        "{ufls: {stages: [{frequency_hz: 59.3, share: 0.1}]}}",
    ]
    notes = [note for note in edit("kundur", *items).notes if note.startswith("edit: ") and "weakly" not in note]
    assert len(notes) == len(items)
