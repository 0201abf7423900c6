"""The library of profiles: complete, exact at each bound, and honest about what was read."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from cosim.cli import main
from cosim.criteria import TRUSTED, CriteriaReference, Criterion, Run, judge, overall_verdict
from cosim.criteria.library import expand, find_profile, profile_files, read_profile
from cosim.errors import InputError
from cosim.metrics import Section, is_metric
from cosim.metrics.envelope import longest_stay

NAMES = ["nerc", "ercot", "caiso", "ieso", "wecc", "entsoe", "eirgrid", "iec-pq", "equipment", "screening"]
ALL = [(name, criterion) for name in profile_files() for criterion in find_profile(name).criteria]
METRICS = [(name, c) for name, c in ALL if c.metric]
ROWS = [(name, c, row) for name, c in ALL if c.envelope for row in c.curve().rows]
RUN = Run("completed", None, {"dc1": 1000.0})
CONTINGENCY = Run("completed", None, {"dc1": 1000.0}, has_contingency=True)


def tree(path, value):
    """Metrics that hold a value at a path."""
    family, _, rest = path.partition(".")
    return {family: {rest: value}}


def chosen(criterion):
    return criterion.model_copy(update={"area": None})


def test_the_profiles_are_there():
    assert set(NAMES) <= set(profile_files())
    for name in profile_files():
        ids = [criterion.id for criterion in find_profile(name).criteria]
        assert len(ids) == len(set(ids))
        assert find_profile(name).profile == name


@pytest.mark.parametrize(("name", "criterion"), ALL, ids=lambda x: x if isinstance(x, str) else x.id)
def test_every_limit_is_complete(name, criterion):
    assert criterion.title
    assert criterion.source
    assert criterion.profile == name
    assert criterion.status != "inline"
    assert criterion.evidence in ("primary", "secondary", "recalled")
    assert criterion.metric is None or is_metric(criterion.path_for("dc1"), ["dc1"])


@pytest.mark.parametrize(("name", "criterion"), METRICS, ids=lambda x: x if isinstance(x, str) else x.id)
def test_each_side_of_each_limit(name, criterion):  # noqa: ARG001
    path = criterion.path_for("dc1")
    for bound in criterion.bounds(1000.0):
        away = np.inf if bound.is_max else -np.inf
        values = {
            "on": bound.limit,
            "in": float(np.nextafter(bound.limit, -away)),
            "out": float(np.nextafter(bound.limit, away)),
        }
        verdicts = {}
        for where, value in values.items():
            run = CONTINGENCY if criterion.applies.contingency else RUN
            results = judge([chosen(criterion)], Section(tree(path, value)), run)
            (result,) = [r for r in results if r.side == ("max" if bound.is_max else "min")]
            verdicts[where] = result.verdict
        assert verdicts == {"on": "fail" if bound.is_strict else "pass", "in": "pass", "out": "fail"}


@pytest.mark.parametrize(("name", "criterion", "row"), ROWS, ids=str)
def test_each_side_of_each_level_and_time(name, criterion, row):  # noqa: ARG001
    curve = criterion.curve()
    outermost = curve.outermost(row)
    time_s = np.array([0.0, 1.0, 3.0])

    def stay(level):
        return longest_stay(time_s, np.full(3, level), row, outermost).time_s

    into = -np.inf if row.is_low else np.inf
    assert stay(row.level) == (0 if row.is_strict else 3)
    assert stay(np.nextafter(row.level, into)) == 3
    assert stay(np.nextafter(row.level, -into)) == 0
    for value, verdict in ((row.max_s, "pass"), (np.nextafter(row.max_s, np.inf), "fail")):
        results = judge([chosen(criterion)], Section(tree(curve.path(row), float(value))), RUN)
        (result,) = [r for r in results if r.metric == curve.path(row)]
        assert result.verdict == verdict


@pytest.mark.parametrize(
    ("profile", "id", "expected"),
    [
        ("ercot", "power-oscillation", ("ramp.sites.*.filtered_mw.0.1-55Hz,5s", "max", 10, "proposed", "secondary")),
        ("ieso", "ieso-15s", ("ramp.sites.*.excursion_mw.15s", "max", 5, "binding", "secondary")),
        ("ieso", "ieso-ramp", ("ramp.sites.*.max_mw_per_min", "max", 20, "binding", "secondary")),
        ("caiso", "caiso-ramp", ("ramp.sites.*.mw_per_min.600s", "max", 20, "proposed", "secondary")),
        ("us-utilities", "southern-6s", ("ramp.sites.*.excursion_mw.6s", "below", 10, "binding", "secondary")),
        ("us-utilities", "lipa-fast", ("ramp.sites.*.band_mw.5-55Hz", "below", 3.5, "binding", "secondary")),
        ("eirgrid", "eirgrid-rocof", ("frequency.max_rocof_hz_per_s.500ms", "max", 1, "binding", "secondary")),
        ("entsoe", "sogl-steady-ce", ("frequency.settling_deviation_mhz", "max", 200, "binding", "secondary")),
        ("screening", "generator-swing", ("generator.swing_mw", "max", 5, "example", "primary")),
        ("iec-pq", "iec-pst-hv-230v", ("voltage.flicker.*.pst_230v", "max", 0.8, "example", "secondary")),
        ("wecc", "wecc-recovery", ("voltage.recovery.to_80_percent_s", "max", 20, "binding", "recalled")),
        ("ercot", "frequency-target", ("frequency.nadir_hz", "min", 59.91, "example", "recalled")),
        ("ercot", "fast-reserve", ("frequency.nadir_hz", "above", 59.85, "example", "recalled")),
    ],
)
def test_numbers_of_limits_md(profile, id, expected):
    (c,) = [c for c in find_profile(profile).criteria if c.id == id]
    metric, key, value, status, evidence = expected
    assert (c.metric, getattr(c, key), c.status, c.evidence) == (metric, value, status, evidence)


def rows_of(profile, id):
    (c,) = [c for c in find_profile(profile).criteria if c.id == id]
    return {c.curve().row_name(row): row.max_s for row in c.curve().rows}


def test_curves_of_limits_md():
    low = {"<0.45pu": 0.15, "<0.65pu": 0.3, "<0.75pu": 2.0, "<0.9pu": 3.0}
    high = {">=1.1pu": 1.0, ">=1.15pu": 0.5, ">=1.175pu": 0.2, ">=1.2pu": 0}
    assert rows_of("nerc", "prc-024-voltage") == low | high
    assert rows_of("ercot", "ufls-stage-1") == {"<=59.3Hz": 0.1}
    assert rows_of("equipment", "semi-f47") == {"<0.5pu": 0, "<0.7pu": 0.2, "<0.8pu": 0.5, "<=0.8pu": 1.0}
    assert rows_of("nerc", "prc-024-frequency-west")["<=57.3Hz"] == 0.75
    deep = {"<0.9pu": 6, "<0.7pu": 3, "<0.5pu": 1.2}
    high = {">1.05pu": 1800, ">1.1pu": 1.0, ">1.2pu": 0}
    assert rows_of("nerc", "prc-029-voltage") == deep | {"<0.25pu": 0.32} | high
    assert rows_of("caiso", "caiso-voltage") == deep | {"<0.25pu": 0.15, ">1.1pu": 2}
    low = {"<0.7pu": 0.02, "<0.8pu": 0.5, "<0.9pu": 10}
    assert rows_of("equipment", "itic") == low | {">1.1pu": 0.5, ">1.2pu": 0.003, ">1.4pu": 0.001, ">2pu": 0}
    assert rows_of("entsoe", "demand-connection-frequency-gb")[">51.5Hz"] == 900


def test_drafts_never_decide_unless_asked():
    for name in profile_files():
        for criterion in find_profile(name).criteria:
            if criterion.status in ("draft", "proposed", "withdrawn"):
                assert not criterion.decides, criterion.id
    (asked,) = expand([CriteriaReference(profile="caiso", only=["caiso-ramp"], decide=True)])
    assert asked.decides
    results = judge([asked], Section(tree("ramp.sites.dc1.mw_per_min.600s", 30.0)), RUN)
    assert overall_verdict(results, "completed") == "fail"


def test_ercot_is_not_assessed_on_a_50_hz_grid():
    section = Section({"frequency": {"nadir_hz": 49.0, "settling_hz": 49.0}})
    results = judge(find_profile("ercot").criteria, section, Run("completed", 50.0, {"dc1": 100.0}))
    assert {result.verdict for result in results} == {"not_assessed"}
    assert all("60 Hz" in str(result.reason) for result in results)


def test_areas_are_chosen():
    none = expand([CriteriaReference(profile="nerc")])
    west = expand([CriteriaReference(profile="nerc", area="west")])
    assert {c.area for c in none} == {None, "west", "ercot", "quebec", "east"}
    assert {c.area for c in west} == {None}
    assert "prc-024-frequency-west" in [c.id for c in west]
    assert "prc-024-frequency-east" not in [c.id for c in west]


def test_damping_has_its_limit_with_and_without_a_contingency():
    limits = expand([CriteriaReference(profile="wecc", only=["damping-normal", "damping-contingency"])])
    section = Section({"oscillation": {"min_damping_percent": 4.0}})
    assert [r.verdict for r in judge(limits, section, RUN)] == ["fail", "not_assessed"]
    assert [r.verdict for r in judge(limits, section, CONTINGENCY)] == ["not_assessed", "pass"]


def test_listing_says_what_to_verify(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    with pytest.raises(SystemExit) as stop:
        main(["list", "criteria"])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    for name in profile_files():
        assert name in printed
    doubtful = [c for _, c in ALL if c.evidence not in TRUSTED]
    assert printed.count("verify before citing") == len(doubtful) > 50
    with pytest.raises(SystemExit):
        main(["list", "criteria", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert sum(row.get("verify_before_citing", False) for row in rows) == len(doubtful)


def test_listing_of_one_profile(capsys):
    with pytest.raises(SystemExit):
        main(["list", "criteria", "ercot", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert {row["profile"] for row in rows} == {"ercot"}
    assert any(row.get("left_out") for row in rows)
    large = next(row for row in rows if row["id"] == "nogrr282-recovery")
    assert (large["bound"], large["scope"]) == ("<= 2 s", ["grids of 60 Hz", "sites of 75 MW and more"])
    for arguments, said in ((["criteria", "erkot"], "did you mean 'ercot'"), (["grids", "ercot"], "as a whole")):
        with pytest.raises(SystemExit) as stop:
            main(["list", *arguments])
        assert stop.value.code == 2
        assert said in capsys.readouterr().err


def test_the_table_of_the_docs_has_every_profile():
    text = (Path(__file__).parents[2] / "docs" / "criteria.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    documented = {row[0].strip("`"): row[1:] for row in rows if len(row) == 6}
    assert list(documented) == list(profile_files())
    for name, (title, limits, status, evidence, areas) in documented.items():
        profile = find_profile(name)
        assert (title, int(limits), areas) == (
            profile.title,
            len(profile.criteria),
            ", ".join(profile.areas) or "-",
        )
        for text, values in ((status, "status"), (evidence, "evidence")):
            counts = Counter(getattr(criterion, values) for criterion in profile.criteria)
            assert text == ", ".join(f"{count} {value}" for value, count in counts.items())


GOOD = """profile: mine
title: My limits
evidence: primary
status: binding
limits:
  - {id: low, title: Lowest voltage, metric: voltage.min_pu, min: 0.95, source: me}
"""


def test_a_file_of_ones_own(tmp_path):
    (tmp_path / "mine.yaml").write_text(GOOD)
    (criterion,) = read_profile(tmp_path / "mine.yaml").criteria
    assert (criterion.id, criterion.min, criterion.profile, criterion.decides) == ("low", 0.95, "mine", True)
    (again,) = expand([CriteriaReference(file=str(tmp_path / "mine.yaml"))])
    assert again == criterion
    assert isinstance(criterion, Criterion)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("min: 0.95", "mni: 0.95"), "mine.yaml:6:"),
        (("min: 0.95", "mni: 0.95"), "limits[0].mni: unknown key; did you mean 'min'"),
        (("min: 0.95", "min: low"), "limits[0].min: expected a number, got the text 'low'"),
        (("id: low, ", ""), "needs an id"),
        (("metric: voltage.min_pu, min: 0.95", "max: 1"), "needs a metric or an envelope"),
        (("title: My", "titel: My"), "did you mean 'title'"),
        (("limits:", "limits: 3\nrest:"), "limits: expected a list"),
        ((GOOD, "- a"), "expected the keys and values of a profile"),
    ],
)
def test_mistakes_in_a_file_are_named(tmp_path, change, said):
    (tmp_path / "mine.yaml").write_text(GOOD.replace(*change))
    with pytest.raises(InputError) as caught:
        read_profile(tmp_path / "mine.yaml")
    assert said in str(caught.value)
    assert "mine.yaml:" in str(caught.value)
