"""The page of a sweep: every section for any sweep, numbers that are those of the table, nothing from outside."""

import base64
import json
import re
import shlex
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from made_tables import METRIC, completed, failed, made_folder
from sweeps import BASE, cosim
from test_report import Page
from test_report_in_a_browser import BROWSER, opened

from cosim.errors import InputError
from cosim.report.sweep import write_sweep_report
from cosim.sweep.table import read_table

SECTIONS = ["run", "distributions", "effects", "pairs", "hosting", "worst", "failures", "sensitivity"]
RATING = {"key": "sites[0].rating_mw", "range": [10, 40], "steps": 4}
BUS = {"key": "sites[0].bus", "values": [7, 9]}
PUE = {"key": "sites[0].pue", "range": [1.1, 1.5]}
EVIL = "<script>alert(1)</script>"


class SweepPage(Page):
    """A page whose figures are by place, or by place and option where a drop-down chooses."""

    def __init__(self, path):
        super().__init__(path.read_text(encoding="utf-8"))

    def handle_data(self, data):
        _, attrs = self.open[-1] if self.open else ("", {})
        if "data-option" in attrs:
            self.figures[attrs["data-figure"], attrs["data-option"]] = json.loads(data)
        else:
            super().handle_data(data)

    def options(self, choice):
        """Values of the drop-downs of a choice, one after the other."""
        inside, found = False, []
        for tag, attrs in self.elements:
            if tag == "select":
                inside = attrs["data-choice"] == choice
            elif tag == "option" and inside:
                found.append(attrs["value"])
        return found

    def alt(self, place, option):
        return next(
            a["data-alt"] for _, a in self.elements if (a.get("data-figure"), a.get("data-option")) == (place, option)
        )

    def traces(self, *figure, kind):
        return [
            trace for trace in self.figures[figure if len(figure) > 1 else figure[0]]["data"] if trace["type"] == kind
        ]


def array(values):
    """Numbers of a trace, which Plotly may have packed."""
    if isinstance(values, dict):
        found = np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])
        return found.reshape([int(n) for n in str(values["shape"]).split(",")]) if "shape" in values else found
    return np.array(values, dtype=float)


def deviation_of(run):
    """2 mHz for each MW, 10 more at bus 9, and a little for the seed."""
    cells = run.cells
    return 2.0 * cells.get("sites[0].rating_mw", 20) + 10 * (cells.get("sites[0].bus") == 9) + 0.5 * run.seed


def numbered(run):
    """Runs at bus 9 fail above 20 MW, those at bus 7 never."""
    is_deep = run.cells.get("sites[0].bus") == 9 and run.cells.get("sites[0].rating_mw", 20) > 20
    return completed(deviation_of(run), 0.85 if is_deep else 0.95)


def written(folder, record=numbered, metric=None, hosting=None, **keys):
    """The page of a sweep with made-up numbers."""
    out = made_folder(folder, record, **keys)
    write_sweep_report(out, out / "report.html", metric, hosting)
    return SweepPage(out / "report.html")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Two parameters on a grid, two seeds."""
    return written(tmp_path_factory.mktemp("sweep"), parameters=[RATING, BUS])


def section_ids(page):
    return [attrs["id"] for tag, attrs in page.elements if tag == "section"]


def test_every_section_is_there_in_order_and_in_the_contents(page):
    assert section_ids(page) == SECTIONS
    links = [attrs["href"] for tag, attrs in page.elements if tag == "a" and attrs["href"].startswith("#")]
    assert links == [f"#{name}" for name in SECTIONS]
    assert page.open == []  # every element is closed


def test_the_guide_has_a_section_for_each(page):
    guide = (Path(__file__).parents[2] / "docs" / "sweep-report.md").read_text()
    titles = re.findall(r"^## (\d .*)$", guide, re.MULTILINE)
    assert len(titles) == len(SECTIONS)
    assert " ".join(titles) in page.text


def test_nothing_is_loaded_from_outside(page):
    for tag, attrs in page.elements:
        for name in ("src", "href"):
            assert not re.match(r"(?i)[a-z]+:(?!,)|//", attrs.get(name, "")), (tag, attrs)
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")


def test_ids_are_unique(page):
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_what_was_run_is_said(page):
    for text in (
        "small",
        "Scenario base",
        "grid: every combination of the parameters' values",
        "8 points × 2 seeds = 16 runs",
        "Seeds 1 to 2, the same at all points",
        "rating sites[0].rating_mw MW 10, 20, 30, 40 4",
        "bus sites[0].bus – 7, 9 2",
        "completed 16 (100 %)",
        "pass 12 (75 %), fail 4 (25 %)",
        "no sag voltage.min_pu ≥ 0.9 pu decides 12 4 0 0 −0.0500",
    ):
        assert text in page.text, text


def test_tiles_have_the_main_numbers(page):
    assert "Runs made 16 of 16 Pass 12 75.0 % of those made Fail 4 25.0 % of those made" in page.text
    assert "Largest that passes 20 rating (MW), at the worst combination" in page.text


def test_distributions_have_every_run_once_by_verdict_and_the_limits(page):
    for k, (name, low, high) in enumerate([("voltage.min_pu", 0.85, 0.95), (METRIC, 20.5, 91.0)]):
        figure = f"figure-distribution-{k}"
        bars = page.traces(figure, kind="bar")
        assert {bar["name"]: array(bar["y"]).sum() for bar in bars} == {"pass": 12, "fail": 4}, name
        for bar in bars:
            left, width = array(bar["x"]), array(bar["width"])
            np.testing.assert_allclose(left[1:], (left + width)[:-1])  # bars touch
            assert left[0] <= low
            assert (left + width)[-1] >= high
    layout = page.figures["figure-distribution-0"]["layout"]
    assert [shape["x0"] for shape in layout["shapes"]] == [0.9]
    assert [note["text"] for note in layout["annotations"]] == ["no sag"]
    assert "median 0.9500, from 0.8500 at 5 %" in page.by_id("figure-distribution-0")["aria-label"]


def test_bars_end_on_round_numbers(page):
    left = array(page.traces("figure-distribution-1", kind="bar")[0]["x"])
    assert all(len(f"{value:.12g}".strip("0").replace(".", "")) <= 3 for value in left)


def test_every_axis_has_a_unit(page):
    for figure, drawn in page.figures.items():
        name = figure if isinstance(figure, str) else figure[0]
        titles = [drawn["layout"][axis]["title"]["text"] for axis in ("xaxis", "yaxis")]
        for title in titles:
            is_name = title in ("runs", "bus", "") or "(" in title
            assert is_name, (name, titles)


def test_no_name_on_an_axis_is_left_out(page):
    found = 0
    for drawn in page.figures.values():
        for axis in ("xaxis", "yaxis"):
            if drawn["layout"][axis].get("type") == "category":
                assert drawn["layout"][axis]["dtick"] == 1
                found += 1
    assert found >= 8


def test_the_table_of_metrics_has_their_quantiles(page, tmp_path):
    runs = read_table(made_folder(tmp_path, numbered, parameters=[RATING, BUS]))
    low, median, high = runs[METRIC].quantile([0.05, 0.5, 0.95])
    row = f"{METRIC} mHz 16 20.5 {low:.1f} {median:.1f} {high:.1f} 91.0"
    assert row in page.text


def test_effects_are_medians_over_all_else(page):
    assert page.options("effects") == ["0", "1", "2"]  # two metrics and the share that passes
    rating = page.traces("figure-effect-0", "1", kind="scatter")[-1]
    np.testing.assert_allclose(array(rating["x"]), [10, 20, 30, 40])
    np.testing.assert_allclose(array(rating["y"]), [2 * mw + 5.75 for mw in (10, 20, 30, 40)])
    bus = page.traces("figure-effect-1", "1", kind="scatter")[-1]
    assert bus["x"] == ["7", "9"]
    np.testing.assert_allclose(array(bus["y"]), [50.75, 60.75])
    share = page.traces("figure-effect-0", "2", kind="scatter")[-1]
    np.testing.assert_allclose(array(share["y"]), [100, 100, 50, 50])
    ranking = page.traces("figure-ranking", "1", kind="bar")[0]
    assert ranking["y"] == ["rating (MW)", "bus", "seed, at one point"]
    np.testing.assert_allclose(array(ranking["x"]), [60, 10, 0.5])
    assert "rating (MW) 60 mHz; bus 10 mHz; seed, at one point 0.5 mHz" in page.alt("figure-ranking", "1")


def test_panels_of_a_metric_share_their_scale_and_show_the_limit(page):
    first, second = (page.figures[f"figure-effect-{k}", "0"]["layout"] for k in (0, 1))
    assert first["yaxis"]["range"] == second["yaxis"]["range"]
    assert [shape["y0"] for shape in first["shapes"]] == [0.9]
    low, high = first["yaxis"]["range"]
    assert low < 0.85 < 0.95 < high


def test_heat_maps_have_medians_and_shares(page):
    assert page.options("heat") == ["0", "0", "1", "2"]
    (deviation,) = page.traces("figure-heat", "0|1", kind="heatmap")
    assert (deviation["x"], deviation["y"]) == (["10", "20", "30", "40"], ["7", "9"])
    np.testing.assert_allclose(
        array(deviation["z"]), [[2 * mw + bus for mw in (10, 20, 30, 40)] for bus in (0.75, 10.75)]
    )
    (share,) = page.traces("figure-heat", "0|2", kind="heatmap")
    np.testing.assert_allclose(array(share["z"]), [[100, 100, 100, 100], [100, 100, 0, 0]])


def test_hosting_is_drawn_and_tabled(page):
    (bars,) = page.traces("figure-hosting", "0", kind="bar")
    assert (bars["x"], list(array(bars["y"])), bars["text"]) == (["7", "9"], [40, 20], ["≥ 40", "20"])
    assert "9 20 30 fails 4 8" in page.text
    assert "7 ≥ 40 no larger value was tested 4 8" in page.text


def commands(text):
    """The words of each command of a text."""
    return [shlex.split(command) for command in re.findall(r"cosim run .*?--out \S+", text)]


def test_the_worst_runs_are_listed_with_their_commands(page):
    assert "no sag voltage.min_pu ≥ 0.9 pu; smallest margin first" in page.text
    assert re.search(r"fail 0\.8500 −0\.0500 rating \(MW\): \d+; bus: 9; seed: \d", page.text)
    found = re.search(
        rf"{re.escape(METRIC)} no criterion on it decides; largest first.*?(\w{{12}}) ✕ fail 91\.0 –", page.text
    )
    worst = next(words for words in commands(page.text) if words[-1] == f"results/{found[1]}")
    assert {"sites[0].rating_mw=40", "sites[0].bus=9", "simulation.seed=2"} < set(worst)
    assert "7 Runs that did not complete Every run made has completed." in page.text


def test_links_lead_to_what_was_kept(tmp_path):
    out = made_folder(tmp_path / "a #1 folder", numbered, parameters=[RATING, BUS])
    run_id = read_table(out)[METRIC].idxmax()
    kept = out / "runs" / read_table(out)["run_id"][run_id]
    kept.mkdir(parents=True)
    for name in ("result.h5", "summary.json"):
        (kept / name).write_text("{}")
    write_sweep_report(out, tmp_path / "elsewhere.html")
    page = SweepPage(tmp_path / "elsewhere.html")
    links = {unquote(a["href"]) for tag, a in page.elements if tag == "a" and not a["href"].startswith("#")}
    assert {(tmp_path / link).resolve() for link in links} == {kept / "result.h5", kept / "summary.json"}
    assert not any("#" in a["href"] for tag, a in page.elements if tag == "a" and "runs" in a["href"])


def test_runs_that_failed_are_listed_by_reason_and_never_pass(tmp_path):
    def record(run):
        if run.cells["sites[0].rating_mw"] == 40:
            return failed("diverged", f"no solution at {run.seed}.5 s")
        return completed(deviation_of(run))

    page = written(tmp_path, record, parameters=[RATING, BUS])
    assert "diverged: 4 runs no solution at 1.5 s" in page.text
    assert "Did not complete 4 25.0 % of those made" in page.text
    assert "Largest that passes 30" in page.text
    assert "40 fails" in page.text
    share = page.traces("figure-effect-0", "2", kind="scatter")[-1]
    np.testing.assert_allclose(array(share["y"]), [100, 100, 100, 0])
    shown = re.findall(
        r"cosim run .*?--out results/(\w{12})", page.text.partition("7 Runs that did not complete Every")[0]
    )
    assert shown


def test_runs_that_are_pending_are_said_and_not_counted(tmp_path):
    def record(run):
        return None if run.cells["sites[0].rating_mw"] == 40 and run.seed == 2 else completed(deviation_of(run))

    page = written(tmp_path, record, parameters=[RATING, BUS])
    assert "2 of 16 runs are pending." in page.text
    assert "Runs made 14 of 16 Pass 14 100.0 % of those made" in page.text
    assert "Largest that passes ≥ 30" in page.text
    assert "2 of 2 combinations end at a value that is pending or was not assessed." in page.text
    assert "7 ≥ 30 40 is pending 4 8" in page.text


def test_runs_that_were_not_assessed_neither_pass_nor_fail(tmp_path):
    def record(run):
        found = completed(deviation_of(run))
        return found | {"verdict": "not_assessed"} if run.cells["sites[0].rating_mw"] >= 30 else found

    page = written(tmp_path, record, parameters=[RATING, BUS])
    assert "Not assessed 8 50.0 % of those made" in page.text
    assert "7 ≥ 20 30 was not assessed 4 8" in page.text
    assert "neither passes nor fails" in page.text


def test_a_sweep_that_has_just_begun_has_a_page(tmp_path):
    page = written(tmp_path, lambda _: None, parameters=[RATING, BUS])
    assert section_ids(page) == SECTIONS
    assert "16 of 16 runs are pending." in page.text
    assert "Nothing to show: no run has been made." in page.text
    assert not page.figures


def test_a_sweep_whose_runs_all_failed_has_a_page(tmp_path):
    page = written(tmp_path, lambda _: failed("invalid", "no such bus"), parameters=[RATING, BUS])
    assert section_ids(page) == SECTIONS
    assert "invalid: 16 runs no such bus" in page.text
    assert "No run has completed." in page.text
    assert "Largest that passes none" in page.text


LHS = {"method": "latin_hypercube", "samples": 8}


def test_a_sample_whose_runs_all_failed_has_a_page(tmp_path):
    page = written(tmp_path, lambda _: failed("diverged", "no"), parameters=[PUE, BUS], sampling=LHS)
    assert section_ids(page) == SECTIONS
    assert "diverged: 16 runs no" in page.text


def test_a_sample_of_which_one_run_is_made_has_a_page(tmp_path):
    made = []

    def record(run):
        made.append(run)
        return completed(1.0) if len(made) == 1 else None

    page = written(tmp_path, record, parameters=[PUE, BUS], sampling=LHS)
    assert section_ids(page) == SECTIONS
    assert "15 of 16 runs are pending." in page.text


def test_seeds_that_are_varied_are_not_said_to_be_the_same(tmp_path):
    seeds = {"key": "simulation.seed", "values": [3, 5, 9]}
    page = written(tmp_path, parameters=[RATING, seeds], replicates=1, set={"sites[*].pue": 1.25})
    assert "Seeds 3 to 9 Set sites[*].pue = 1.25" in page.text
    assert "the same at all points" not in page.text


def test_many_names_are_thinned_out(tmp_path):
    labels = {"key": "description", "values": [f"text {k}" for k in range(90)]}
    page = written(tmp_path, parameters=[labels, BUS], replicates=1)
    assert "dtick" not in page.figures["figure-effect-0", "0"]["layout"]["xaxis"]


def test_seeds_alone_have_a_page(tmp_path):
    page = written(tmp_path, parameters=[], replicates=5)
    assert section_ids(page) == SECTIONS
    assert "1 point × 5 seeds = 5 runs" in page.text
    assert "Nothing is varied but the seed." in page.text
    assert "Nothing to show: no parameter has two values." in page.text
    assert "Nothing to show: no parameter is in MW" in page.text


def test_one_run_has_a_page(tmp_path):
    page = written(tmp_path, parameters=[], replicates=1)
    assert section_ids(page) == SECTIONS
    assert "1 point × 1 seed = 1 run" in page.text


def test_changes_from_a_base_point_are_of_the_same_seeds(tmp_path):
    page = written(tmp_path, parameters=[RATING, BUS], sampling={"method": "one_at_a_time"})
    (marks,) = page.traces("figure-tornado", "1", kind="scatter")
    found = dict(zip(zip(marks["y"], marks["text"], strict=True), array(marks["x"]), strict=True))
    assert found == {("rating (MW)", "20"): 20, ("rating (MW)", "30"): 40, ("rating (MW)", "40"): 60, ("bus", "9"): 10}
    assert list(dict.fromkeys(marks["y"])) == ["rating (MW)", "bus"]  # the strongest first
    assert "parameters are varied one at a time, never two together" in page.text
    rating = page.traces("figure-effect-0", "1", kind="scatter")[-1]
    np.testing.assert_allclose(array(rating["y"]), [2 * mw + 0.75 for mw in (10, 20, 30, 40)])  # at the base's bus
    assert "40 0.0000 0.0000 to 0.0000 60.0 60.0 to 60.0" in page.text


def test_parameters_varied_together_are_said_to_be(tmp_path):
    parameters = [RATING | {"steps": 2}, BUS]
    page = written(tmp_path, parameters=parameters, sampling={"method": "list"})
    assert "what one does cannot be told from what the others do" in page.text
    assert "each combination of the other parameters was run with a value or two of it" in page.text


def test_samples_are_binned(tmp_path):
    page = written(
        tmp_path,
        lambda run: completed(100 * run.cells["sites[0].pue"]),
        parameters=[PUE, RATING],
        sampling={"method": "latin_hypercube", "samples": 40},
    )
    pue = page.traces("figure-effect-0", "1", kind="scatter")[-1]
    x, y = array(pue["x"]), array(pue["y"])
    assert x.size == 10
    np.testing.assert_allclose(y, 100 * x)
    assert "1.1 to 1.5" in page.text
    assert "Sampling grid tests more" in page.text


def test_sampled_sizes_at_a_few_buses_can_be_searched(tmp_path):
    """The border is sampled, too: between the largest value below 20 MW and the smallest above."""
    page = written(
        tmp_path,
        parameters=[{"key": "sites[0].rating_mw", "range": [10, 40]}, BUS],
        sampling={"method": "latin_hypercube", "samples": 40},
    )
    (bars,) = page.traces("figure-hosting", "0", kind="bar")
    largest = dict(zip(bars["x"], array(bars["y"]), strict=True))
    assert 17 < largest["9"] <= 20
    assert largest["7"] > 37


def test_sobol_indices_are_shown(tmp_path):
    page = written(
        tmp_path,
        lambda run: completed(3 * run.cells["sites[0].rating_mw"] / 30 + (run.cells["sites[0].pue"] - 1.1) / 0.4),
        parameters=[PUE, {"key": "sites[0].rating_mw", "range": [10, 40]}],
        sampling={"method": "saltelli", "samples": 64, "second_order": True},
        replicates=1,
    )
    first, total = page.traces("figure-sensitivity", "0", kind="bar")
    assert first["y"] == total["y"] == ["rating (MW)", "pue"]
    np.testing.assert_allclose(array(first["x"]), [0.9, 0.1], atol=0.05)
    np.testing.assert_allclose(array(total["x"]), [0.9, 0.1], atol=0.05)
    assert "No indices for voltage.min_pu: it is the same at every point." in page.text
    assert "Interactions of pairs" in page.text
    assert "−0.000" not in page.text
    assert "rating (MW) cannot be searched" in page.text  # pairs of values at each of many shares say nothing


def test_elementary_effects_are_shown(tmp_path):
    page = written(
        tmp_path,
        lambda run: completed(3 * run.cells["sites[0].rating_mw"]),
        parameters=[PUE, {"key": "sites[0].rating_mw", "range": [10, 40]}],
        sampling={"method": "morris", "trajectories": 4},
        replicates=1,
    )
    marks = page.traces("figure-sensitivity", "0", kind="scatter")[-1]
    np.testing.assert_allclose(array(marks["x"]), [0, 90], atol=1e-9)
    assert marks["text"] == ["pue", "rating (MW)"]
    assert "rating (MW) 90.0 ± 0.0 90.0 0.0" in page.text


def test_indices_wait_for_every_point(tmp_path):
    page = written(
        tmp_path,
        lambda run: None if run.seed == 2 and run.cells["sites[0].rating_mw"] > 39 else completed(deviation_of(run)),
        parameters=[PUE, {"key": "sites[0].rating_mw", "range": [10, 40]}],
        sampling={"method": "saltelli", "samples": 16},
    )
    assert re.search(r"No indices: the indices need every point, and \d+ of 64 (is|are) not complete", page.text)


def test_a_metric_and_a_parameter_are_chosen(tmp_path):
    page = written(tmp_path, metric=METRIC, hosting="pue", parameters=[RATING, PUE | {"steps": 3}])
    assert "Largest pue that passes" in page.text
    first = re.search(r"3 Effects of the parameters .*?Metric (\S+)", page.text.partition("2 Distributions Runs")[2])
    assert first[1] == METRIC


def test_the_command_writes_the_page_and_refuses_what_is_not_there(tmp_path, capsys):
    out = made_folder(tmp_path, numbered, parameters=[RATING, BUS])
    assert cosim("sweep", "report", out, "--metric", METRIC) == 0
    assert (out / "report.html").stat().st_size > 1_000_000
    for arguments, message in (
        (("--metric", "frequency.max_deviatio_mhz"), METRIC),
        (("--hosting", "rating"), "sites[0].rating_mw"),
        (("--hosting", "bus"), "not numbers on a scale"),
    ):
        assert cosim("sweep", "report", out, *arguments) == 2
        assert message in " ".join(capsys.readouterr().err.split())
    with pytest.raises(InputError, match="is no sweep's folder"):
        write_sweep_report(tmp_path, tmp_path / "report.html")


def test_text_of_users_stays_text(tmp_path):
    parameters = [
        {"key": "description", "values": [EVIL, "two"], "labels": [f"{EVIL}1", "b&b"], "name": "what", "unit": "<b>"},
        RATING,
    ]
    out = made_folder(tmp_path, numbered, parameters=parameters, name=f"s {EVIL}", description=EVIL)
    write_sweep_report(out, out / "report.html")
    text = (out / "report.html").read_text()
    assert EVIL not in text
    page = SweepPage(out / "report.html")
    for figure in page.figures.values():
        assert EVIL not in json.dumps(figure)  # Plotly would read it as markup


def test_the_same_folder_gives_the_same_page(tmp_path):
    out = made_folder(tmp_path, numbered, parameters=[RATING, BUS])
    for name in ("a.html", "b.html"):
        write_sweep_report(out, out / name)
    assert (out / "a.html").read_bytes() == (out / "b.html").read_bytes()


MANY = [
    *({"key": f"sites[{k}].pue", "name": f"pue_{k}", "range": [1.1, 1.5]} for k in range(6)),
    *({"key": f"sites[{k}].rating_mw", "name": f"rating_{k}", "range": [1, 5], "unit": "MW"} for k in range(6)),
]


@pytest.mark.slow
def test_twelve_parameters_have_a_page_that_a_browser_can_open(tmp_path):
    sites = [BASE["sites"][0] | {"name": f"dc{k}"} for k in range(6)]
    page = written(
        tmp_path,
        lambda run: completed(sum(run.cells[p["key"]] for p in MANY), 0.95 + 0.01 * run.cells["sites[0].pue"]),
        base=BASE | {"sites": sites},
        parameters=MANY,
        sampling={"method": "sobol", "samples": 256},
        replicates=1,
    )
    assert section_ids(page) == SECTIONS
    assert (tmp_path / "out" / "report.html").stat().st_size < 15_000_000
    assert len(page.options("heat")) == 66 + 3


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on the PATH")
def test_the_page_runs_in_a_browser_and_shows_what_is_chosen(tmp_path):
    out = made_folder(tmp_path, numbered, parameters=[RATING, BUS], name=EVIL)
    write_sweep_report(out, out / "report.html")
    elements, console = opened(out / "report.html", tmp_path / "profile")
    assert console == []  # a refused request would be there: the page's policy allows none
    assert EVIL not in elements
    assert len(re.findall(r'<div id="figure-[^>]*js-plotly-plot', elements)) == 7  # 2 + 3 + 1 + 1, one option each
    title = 'data-unformatted="{}"'
    assert title.format("voltage min (pu)") in elements
    assert title.format("runs that pass (%)") not in elements
    text = (out / "report.html").read_text()
    (tmp_path / "chosen.html").write_text(text.replace('<option value="2">', '<option value="2" selected>'))
    elements, console = opened(tmp_path / "chosen.html", tmp_path / "profile")
    assert console == []
    assert title.format("runs that pass (%)") in elements
