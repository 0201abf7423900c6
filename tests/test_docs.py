"""docs/loads.md says what the code does: names, defaults, numbers, commands and pictures."""

import ast
import dataclasses
import importlib.util
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from cosim.cli import main
from cosim.demand import scaled_trace, site_demand
from cosim.scenario.load import load_scenario
from cosim.scenario.model import Site
from cosim.scenario.workloads import SyntheticWorkload
from loads import FineTuningCycle, JobLifeCycle, Mix, ServingModel, TrainingCycle, Waveform, build_model, hat_average
from loads.power_chain import IDEAL
from loads.presets import find_preset, presets
from loads.readers import FORMATS, ReadOptions
from loads.statistics import dominant_lines
from loads.trace import Provenance, Trace
from loads.workloads import MODELS, Checkpoint, Evaluation, Failures, Stage, Step, StepPhase, synthesise
from loads.workloads.arrivals import BurstyArrivals, ClosedLoop, PoissonArrivals
from loads.workloads.batching import Engine
from loads.workloads.recorded_arrivals import RecordedArrivals

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RECORDED = ROOT.parent / "shared/data/traces"
TOTAL = RECORDED / "gpt3-175b-512xh100/DERIVED_total_64nodes_2s.csv"
TEXT = (DOCS / "loads.md").read_text(encoding="utf-8")

GPT3 = "gpt3-175b-512xh100 against its recording"


def section(heading):
    """Text below a heading, up to the next of the same level or above."""
    match = re.search(rf"^(#+) {re.escape(heading)}$", TEXT, re.MULTILINE)
    assert match, f"docs/loads.md has no heading {heading!r}"
    rest = TEXT[match.end() :]
    end = re.search(rf"^#{{1,{len(match[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(text, first):
    """Cells of the table whose header begins with `first`, row by row, without backticks."""
    header = re.search(rf"^\| {re.escape(first)} \|.*\n\|-", text, re.MULTILINE)
    assert header, f"no table begins with {first!r}"
    table = text[header.start() : text.find("\n\n", header.start())].splitlines()[2:]
    return [[cell.strip().replace("`", "") for cell in line.split("|")[1:-1]] for line in table]


def fields_of(kind):
    return {field.name for field in dataclasses.fields(kind)}


def written(value):
    """A default as the tables write it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(f"{number:g}" for number in value) if value else "[]"
    return f"{value:g}" if isinstance(value, int | float) else value


def default_of(kind, name):
    """Default of a field as the tables write it; pydantic keeps it in one place, dataclasses in another."""
    default = next(field for field in dataclasses.fields(kind) if field.name == name).default
    default = getattr(default, "default", default)
    return "required" if default is dataclasses.MISSING or "Undefined" in repr(default) else written(default)


def test_every_format_has_a_row_in_the_order_of_detection():
    assert [row[0] for row in rows(section("Formats"), "format")] == list(FORMATS)


def codes_in(path):
    """Codes of the warnings that a module makes, and the lines where the code is not written out."""
    found, elsewhere = set(), []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("TraceWarning", "Finding"):
            code = node.args[0] if node.args else None
            if isinstance(code, ast.Constant):
                found.add(code.value)
            else:
                elsewhere.append(node.lineno)
    return found, elsewhere


def test_every_warning_has_a_row():
    found = {path: codes_in(path) for path in sorted((ROOT / "loads").rglob("*.py"))}
    codes = set().union(*(codes for codes, _ in found.values()))
    # These pass on the codes of others, but for the idle stretches, whose codes stand in a table.
    passing = {path.name for path, (_, elsewhere) in found.items() if elsewhere}
    assert passing == {"findings.py", "idle.py", "pipeline.py", "written.py"}
    listed = [row[0] for row in rows(section("Oddities and warnings"), "code")]
    assert sorted(listed) == sorted(codes | {"idle_head", "idle_tail"})


def test_every_option_has_a_row_with_its_default():
    listed = {row[0]: row[1] for row in rows(section("Options"), "option")}
    assert listed == {name: default_of(ReadOptions, name) for name in fields_of(ReadOptions)}


def test_every_parameter_of_the_cycles_has_a_row_with_its_defaults():
    table = rows(section("Training and fine-tuning cycle"), "parameter")
    assert {row[0] for row in table} == fields_of(TrainingCycle)
    for name, _, _, training, fine_tuning, _ in table:
        assert (training, fine_tuning) == (default_of(TrainingCycle, name), default_of(FineTuningCycle, name)), name


@pytest.mark.parametrize(
    ("heading", "first", "kind"),
    [
        ("Job life cycle", "`job`", JobLifeCycle),
        ("Inference serving", "`inference`", ServingModel),
        ("Inference serving", "`engine`", Engine),
    ],
)
def test_every_parameter_has_a_row_with_its_default(heading, first, kind):
    table = rows(section(heading), first)
    assert {row[0] for row in table} == fields_of(kind)
    for name, _, default, _ in table:
        if name != "source":
            assert default == default_of(kind, name), name


def test_every_key_that_workloads_share_has_a_row_with_its_default():
    listed = {row[0]: row[1] for row in rows(section("Models"), "key")}
    assert listed == {name: written(field.default) for name, field in SyntheticWorkload.model_fields.items()}


def test_every_type_of_model_is_described():
    for kind in MODELS:
        assert f"`{kind}`" in section("Models")
    assert {row[0] for row in rows(section("Mix"), "`mix`")} == fields_of(Mix)


def test_every_key_of_the_parts_of_a_job_is_named():
    listed = {row[0]: row[1] for row in rows(section("Job life cycle"), "part")}
    parts = {
        "step": Step,
        "phase of a step": StepPhase,
        "stage": Stage,
        "evaluation": Evaluation,
        "checkpoint": Checkpoint,
        "failures": Failures,
    }
    assert listed.keys() == parts.keys()
    for part, kind in parts.items():
        missing = [name for name in fields_of(kind) if not re.search(rf"\b{name}\b", listed[part])]
        assert not missing, part


def test_every_type_of_arrivals_and_its_keys_are_named():
    text = section("Inference serving")
    listed = {row[0]: row[1] for row in rows(text, "`arrivals` type")}
    kinds = {kind.type: kind for kind in (PoissonArrivals, BurstyArrivals, ClosedLoop, RecordedArrivals)}
    assert listed.keys() == kinds.keys()
    own = {"bursty": fields_of(BurstyArrivals) - fields_of(PoissonArrivals)}
    for name, kind in kinds.items():
        for key in own.get(name, fields_of(kind) - {"type"}):
            assert re.search(rf"\b{key}\b", listed[name]), (name, key)


def test_the_power_chain_and_site_have_their_defaults():
    text = section("From devices to the POI")
    chain = {row[0]: (float(row[2]), float(row[3])) for row in rows(text, "key of `power_chain`")}
    typical = Site(power_chain={}).power_chain.model_dump()
    assert chain == {name: (value, getattr(IDEAL, name)) for name, value in typical.items()}
    for name, _, default, _ in rows(text, "key of a site"):
        assert float(default) == Site.model_fields[name].default, name


@pytest.mark.parametrize("name", presets())
def test_every_preset_is_described_with_its_sources(name):
    preset = find_preset(name)
    nominal_w = build_model(preset.model, preset.parameters).nominal_w
    listed = {row[0]: row[1:4] for row in rows(section("Presets"), "preset")}
    slug = name.replace(".", "")
    assert listed[f"[{name}](#{slug})"] == [preset.hardware, preset.unit, f"{nominal_w:,.6g} W"]
    text = " ".join(section(name).split())
    for wanted in (preset.hardware, f"`{preset.model}`", f"{preset.sample_rate_hz:g} samples a second", preset.follows):
        assert wanted in text
    assert preset.description[1:] in text
    expected = [[source.figures, source.source, source.evidence] for source in preset.sources]
    assert rows(section(name), "figures") == expected
    assert f"(pictures/preset-{name}.png)" in text


def slug_of(heading):
    """Anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_links_resolve(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = DOCS / path if path else DOCS / page
        assert file.is_file(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in map(slug_of, headings), target


def test_pictures_are_those_that_the_script_draws():
    spec = importlib.util.spec_from_file_location("make_pictures", DOCS / "make_pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    linked = re.findall(r"!\[[^\]]+\]\(pictures/([\w.-]+)\.png\)", TEXT)
    stored = {path.stem: path for path in (DOCS / "pictures").iterdir()}
    assert sorted(linked) == sorted(module.PICTURES) == sorted(stored)
    assert module.CLOSE_UPS_S.keys() == presets().keys()
    for path in stored.values():
        head = path.read_bytes()[:24]
        width, height = struct.unpack(">II", head[16:24])
        assert head.startswith(b"\x89PNG")
        assert width >= 900
        assert height >= 250
        assert path.stat().st_size < 60_000


def test_commands_print_what_the_page_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shown = re.findall(r"^    \$ cosim (trace synth .+)\n    (wrote .+)$", TEXT, re.MULTILINE)
    assert len(shown) >= 2
    for command, output in shown:
        with pytest.raises(SystemExit) as stop:
            main(command.split())
        assert stop.value.code == 0
        assert capsys.readouterr().out.strip() == output


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("trace inspect node_1.txt", {"node_1.txt": "gpt3-175b-512xh100/node_1.txt"}),
        ("trace inspect gpudata.csv", {"gpudata.csv": "a100-step-nvidia-smi/A100_TR_gpudata.csv"}),
        (
            "trace convert node_1.txt node_11.txt --resample-s 2 -o nodes.parquet",
            {name: f"gpt3-175b-512xh100/{name}" for name in ("node_1.txt", "node_11.txt")},
        ),
    ],
)
def test_commands_print_what_the_page_shows_of_recordings(command, files, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, source in files.items():
        if not (RECORDED / source).exists():
            pytest.skip(f"the recording is not at {RECORDED}")
        (tmp_path / name).symlink_to(RECORDED / source)
    with pytest.raises(SystemExit) as stop:
        main(command.split())
    assert stop.value.code == 0
    printed = " ".join(capsys.readouterr().out.split())
    block = re.search(rf"^    \$ cosim {re.escape(command)}\n((?:    .*\n|\n(?=    ))+)", TEXT, re.MULTILINE)[1]
    shown = " ".join(block.split()).removeprefix("... ")
    assert len(shown) > 50
    assert printed.endswith(shown)


def figures_of(metered_w):
    """Quantities of the comparison, from samples every 2 s: kW and s."""
    trace = Trace.from_samples(2.0 * np.arange(metered_w.size), metered_w, Provenance("synthetic", "64 nodes"))
    count = 8 * metered_w.size
    amplitude = np.abs(np.fft.rfft((metered_w - metered_w.mean()) * np.hanning(metered_w.size), count))[1:]
    period_s = 1.0 / np.fft.rfftfreq(count, 2.0)[1:]
    slow = (period_s > 120) & (period_s < 170)
    return [
        metered_w.mean() / 1e3,
        metered_w.min() / 1e3,
        metered_w.max() / 1e3,
        np.ptp(metered_w) / 1e3,
        dominant_lines(trace)[0].period_s,
        period_s[slow][amplitude[slow].argmax()],
    ]


def comparison():
    """Columns of the comparison with the recording: recorded, model, difference in percent."""
    table = rows(section(GPT3), "quantity")
    return [[float(row[column].removesuffix(" %")) for row in table] for column in (1, 2, 3)]


def test_the_comparison_states_the_figures_of_the_preset():
    recorded, model, difference = comparison()
    preset = find_preset("gpt3-175b-512xh100")
    trace = synthesise(build_model(preset.model, preset.parameters), 3408.0, 10.0, 1, devices=64)
    nodes_s = 2.0 * np.arange(1705)
    metered_w, _ = hat_average(Waveform.from_trace(trace, "hold"), nodes_s, np.zeros(nodes_s.size, dtype=bool))
    assert figures_of(metered_w) == pytest.approx(model, rel=5e-4)
    off = 100.0 * (np.array(model) / np.array(recorded) - 1.0)
    assert off == pytest.approx(difference, abs=0.1)
    assert (np.abs(difference)[[0, 3, 4, 5]] <= [2.0, 10.0, 2.0, 2.0]).all()


def test_the_comparison_states_the_figures_of_the_recording():
    if not TOTAL.exists():
        pytest.skip(f"the recording is not at {TOTAL}")
    total_w = np.loadtxt(TOTAL, delimiter=",", skiprows=1)[:, 2]
    assert figures_of(total_w) == pytest.approx(comparison()[0], rel=5e-4)


def test_the_worked_example_draws_what_the_page_says(tmp_path):
    text = section("A worked example")
    path = tmp_path / "site.yaml"
    path.write_text(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1], encoding="utf-8")
    scenario, _ = load_scenario(path)
    (site,) = scenario.sites
    simulation = scenario.simulation
    seeds = [np.random.SeedSequence(simulation.seed, spawn_key=(0, k)) for k in range(len(site.workloads))]
    traces = [scaled_trace(w, simulation.duration_s, s) for w, s in zip(site.workloads, seeds, strict=True)]
    demand = site_demand(site, traces)
    drawn = [[w["mean_mw"], w["peak_mw"], w["min_mw"]] for w in demand.describe()["workloads"]]
    drawn.append([demand.steady_mw] * 3)
    _, power_mw = demand.native_series(simulation.duration_s)
    drawn.append([power_mw.mean(), power_mw.max(), power_mw.min()])
    table = rows(text, "workload")
    stated = [[float(cell) for cell in row[1:4]] for row in table]
    assert np.array(drawn) == pytest.approx(np.array(stated), abs=0.06)
    names = [workload.preset for workload in site.workloads]
    assert [row[0] for row in table] == [*names, "steady", "site"]
