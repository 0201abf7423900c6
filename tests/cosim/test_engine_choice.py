"""`simulation.engine`: what steps a run, what is said of it, and `cosim grid compile`."""

import json

import pytest

import cosim as package
from cosim import compilation as compilation_module
from cosim.cli import main
from cosim.compilation import Compilation, watched
from cosim.engine_choice import Stepped, stepped
from cosim.engine_text import engine_text
from cosim.engines.compiled import CompiledEngine
from cosim.result import Result
from cosim.scenario.load import validate
from cosim.scenario.source import Source
from cosim.study import prepare_study
from grids.andes_runtime import stock_case

SCENARIO = {
    "name": "small",
    "grid": {"case": "wscc9"},
    "sites": [{"name": "dc1", "bus": 5, "rating_mw": 10, "workloads": [{"type": "training"}]}],
    "simulation": {"duration_s": 0.3},
}


def scenario(engine=None, **changes):
    simulation = SCENARIO["simulation"] | ({"engine": engine} if engine else {})
    return SCENARIO | {"simulation": simulation} | changes


def uncovered():
    """Grid with switched shunts, which have code of their own in ANDES."""
    return {"case": str(stock_case("ieee14/ieee14_shuntsw.xlsx"))}


def command(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def test_auto_is_the_default():
    assert validate(Source(None, SCENARIO)).simulation.engine == "auto"


@pytest.mark.parametrize(
    ("asked", "engine"), [(None, "compiled"), ("compiled", "compiled"), ("andes", "andes"), ("linear", "linear")]
)
def test_summary_says_what_stepped(tmp_path, asked, engine):
    found = package.run(scenario(asked), tmp_path, report=False).summary["provenance"]
    assert (found["engine"], found["engine_asked"]) == (engine, asked or "auto")
    assert found["engine_reason"] is None


def test_a_grid_that_is_not_covered_is_stepped_by_andes_and_says_why(tmp_path, capsys):
    data = scenario(grid=uncovered(), sites=[])
    path = tmp_path / "shunts.yaml"
    path.write_text(json.dumps(data | {"schema": 1}), encoding="utf-8")
    code, out, _ = command(capsys, "run", path, "--out", tmp_path / "out")
    assert code == 0
    found = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))["provenance"]
    assert (found["engine"], found["engine_asked"]) == ("andes", "auto")
    assert "ShuntSw" in found["engine_reason"]
    assert "Engine: andes; auto was asked for" in out
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "ShuntSw" in page
    assert "engine andes: ANDES, trapezoidal rule" in page


def test_compiled_is_refused_where_it_is_not_covered(tmp_path):
    result = package.run(scenario("compiled", grid=uncovered(), sites=[]), tmp_path, report=False)
    summary = result.summary
    assert (summary["status"], summary["verdict"]) == ("initialisation_failed", "simulation_failed")
    assert "ShuntSw" in result.attributes["message"]
    assert "engine: andes" in result.attributes["message"]
    assert summary["provenance"]["engine"] == "compiled"
    assert "ShuntSw" in summary["provenance"]["engine_reason"]


def test_a_run_that_never_starts_has_the_engine_that_was_asked_for():
    study = prepare_study(validate(Source(None, SCENARIO)), Source(None, {}))
    assert isinstance(study.engine, CompiledEngine)
    assert stepped(study.engine, "auto") == Stepped("auto", "auto", None)


def test_command_line_offers_all_engines(tmp_path, capsys):
    path = tmp_path / "small.yaml"
    path.write_text(json.dumps(SCENARIO | {"schema": 1}), encoding="utf-8")
    for engine in ("auto", "compiled", "andes", "linear"):
        code, out, _ = command(capsys, "run", path, "--engine", engine, "--out", tmp_path / engine, "--no-report")
        assert code == 0
        assert f"Engine: {'compiled' if engine == 'auto' else engine}" in out
    assert command(capsys, "run", path, "--engine", "fast")[0] == 2


def test_report_names_engine_and_solver(tmp_path):
    package.run(SCENARIO, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "compiled (of auto)" in page
    assert "in compiled code" in page


def test_text_of_results_of_old_and_of_none():
    assert engine_text({"engine": "andes"}) == "andes"
    assert engine_text({}) == "-"


def test_steps_that_andes_took_are_noted(tmp_path):
    """Both lines to a bus trip: it has no supply, and the compiled engine hands the steps over."""
    trips = [
        {"type": "line_trip", "line": {"from": 5, "to": 7}, "at_s": 0.1},
        {"type": "line_trip", "line": {"from": 4, "to": 5}, "at_s": 0.2},
    ]
    notes = package.run(scenario(events=trips), tmp_path, report=False).summary["warnings"]
    assert "from 0.2 s on ANDES itself took the steps: bus 5 had no supply" in notes
    notes = package.run(scenario("andes", events=trips), tmp_path, report=False).summary["warnings"]
    assert not any("took the steps" in note for note in notes)


def test_baseline_and_half_step_take_the_same_engine(tmp_path):
    package.run(SCENARIO, tmp_path, report=False, check_step=True)
    assert Result.open(tmp_path / "half-step").summary["provenance"]["engine"] == "compiled"


class TestCompilation:
    """What is compiled is told."""

    def test_a_function_that_numba_compiles_is_counted_once_with_those_within_it(self):
        from numba import njit

        inner = njit(lambda x: x + 1.0)
        outer = njit(lambda x: inner(x) * 2.0)
        told = Compilation()
        with watched(told):
            assert outer(1.0) == 4.0
        first = told.own_s
        assert first > 0.0
        with watched(told):
            outer(2.0)
        assert told.own_s == first

    def test_summary_counts_models_and_stays_silent_if_nothing_was_compiled(self):
        told, shown = Compilation(), []
        assert told.summary is None
        told.show = shown.append
        told.told("GENROU", 1.7)
        told.told("TGOV1", 0.3)
        assert shown[0] == "compiled GENROU (1.7 s)"
        assert told.summary == "compiled 2 models in 2.0 s: once"
        told.own_s = 54.0
        assert told.summary == "compiled 2 models and the stepper (54.0 s) in 56.0 s: once"

    def test_name_of_a_generated_module(self):
        assert compilation_module._model("cosim_compiled_genrou_8c9e2ca4853d8ca0") == "GENROU"


class TestGridCompile:
    """`cosim grid compile`."""

    def test_lists_models_and_cache(self, capsys):
        code, out, _ = command(capsys, "grid", "compile", "wscc9")
        assert code == 0
        assert "wscc9: runs are stepped by engine compiled" in out
        assert "GENROU" in out
        assert "models are kept in" in " ".join(out.split())

    def test_json_of_a_path_that_is_not_covered_and_of_a_scenario(self, capsys):
        code, out, _ = command(capsys, "grid", "compile", uncovered()["case"], "ieee14-quickstart", "--json")
        assert code == 0
        plain, covered = json.loads(out)
        assert (plain["engine"], covered["engine"]) == ("andes", "compiled")
        assert "ShuntSw" in plain["reason"]
        rows = {row["model"]: row for row in plain["models"]}
        assert not rows["ShuntSw"]["covered"]
        assert rows["ShuntSw"]["reason"]
        assert rows["GENROU"]["covered"]
        assert plain["cache"]

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ([], "name grids, or give --all"),
            (["wscc9", "--all"], "name grids, or give --all"),
            (["nowhere"], "no grid is named 'nowhere'"),
            (["wscc9", "kundur", "--dyr", "x.dyr"], "goes with one case"),
        ],
    )
    def test_bad_input(self, capsys, arguments, words):
        code, _, err = command(capsys, "grid", "compile", *arguments)
        assert code == 2
        assert words in err

    def test_nothing_is_said_twice(self, capsys):
        command(capsys, "grid", "compile", "wscc9")
        _, _, err = command(capsys, "grid", "compile", "wscc9")
        assert "compiled" not in err
