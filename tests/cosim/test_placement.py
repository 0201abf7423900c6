"""Where sites connect: who supplies them, and how strong the grid is there."""

import pytest

from cosim.edited_grid import edited_grid
from cosim.errors import InputError
from cosim.placement import PoiStrength, poi_strengths, strength_warnings
from cosim.problems import Problems
from cosim.scenario.load import validate
from cosim.scenario.source import Source
from cosim.study import prepare_study
from grids.short_circuit import short_circuit


def scenario(case="kundur", **keys):
    data = {"grid": {"case": case}, "simulation": {"duration_s": 0.5}, **keys}
    source = Source(None, data)
    return validate(source), source


def steady(bus, rating_mw, **keys):
    return {
        "bus": bus,
        "rating_mw": rating_mw,
        "steady_share": 1.0,
        "workloads": [{"type": "training", "share": 0}],
        **keys,
    }


def strengths(case, *sites):
    valid, source = scenario(case, sites=list(sites))
    return poi_strengths(valid, edited_grid(valid, None, Problems(source)))


def unedited(case="kundur"):
    valid, source = scenario(case)
    return edited_grid(valid, None, Problems(source))


def test_several_sites_added_and_replaced():
    study = prepare_study(*scenario(sites=[steady(7, 60), steady(8, 100, mode="replace"), steady(8, 40)]))
    assert sum(study.redispatch_mw.values()) == pytest.approx(100)
    whole = unedited()
    for bus, replaced in ((7, 0.0), (8, 100.0)):
        assert study.grid.find_bus(bus).load_mw == pytest.approx(whole.find_bus(bus).load_mw - replaced)


def test_redispatch_by_slack_tells_of_its_limit():
    mode = {"mode": "slack"}
    within = prepare_study(*scenario(sites=[steady(7, 100)], redispatch=mode))
    beyond = prepare_study(*scenario(sites=[steady(7, 300)], redispatch=mode))
    assert within.redispatch_mw == beyond.redispatch_mw == {}
    assert not any("slack" in note for note in within.grid.notes)
    assert any("its limit leaves 154" in note for note in beyond.grid.notes)


def test_redispatch_beyond_the_limits_of_named_machines():
    with pytest.raises(InputError, match=r"redispatch: .*200 MW of headroom"):
        prepare_study(*scenario(sites=[steady(7, 300)], redispatch={"machines": [2]}))
    with pytest.raises(InputError, match=r"redispatch.machines\[1\]: .*no machine 9"):
        prepare_study(*scenario(sites=[steady(7, 30)], redispatch={"machines": [2, 9]}))


def test_replacing_more_than_there_is():
    with pytest.raises(InputError, match=r"sites\[0\].rating_mw: .*cannot replace"):
        prepare_study(*scenario(sites=[steady(7, 1500, mode="replace")]))


def test_ratio_counts_all_sites_of_a_bus():
    found = strengths("ieee39", steady(16, 200), steady(16, 300), steady(4, 100))
    at_16 = short_circuit(unedited("ieee39"), [16])[0].mva
    assert found["dc1"].ratio == found["dc2"].ratio == pytest.approx(at_16 / 500)
    assert found["dc1"].as_dict()["mva"] == pytest.approx(at_16)
    assert found["dc3"].rating_mw == 100
    assert strength_warnings(found) == []


def test_edits_count():
    edits = [{"replace_by_inverters": {"share": 0.3}}]
    ratios = []
    for grid in ({"case": "ieee39"}, {"case": "ieee39", "edits": edits}):
        valid, source = scenario(grid=grid, sites=[steady(16, 200)])
        ratios.append(poi_strengths(valid, edited_grid(valid, None, Problems(source)))["dc1"].ratio)
    assert ratios[1] < ratios[0]


def test_weak_connection_is_told():
    (text,) = strength_warnings(strengths("ieee14", steady(14, 150)))
    assert "site dc1" in text
    assert "weak at bus 14" in text
    assert "short-circuit ratio" in text


@pytest.mark.parametrize(
    ("ratio", "line_mva", "said"),
    [
        (3.1, None, []),
        (2.9, None, [" weak at bus 5"]),
        (1.9, None, ["very weak at bus 5"]),
        (0.0, None, ["no machine feeds it"]),
        (10.0, 201.0, []),
        (10.0, 199.0, ["more than 50 %"]),
    ],
)
def test_thresholds(ratio, line_mva, said):
    found = strength_warnings({"dc1": PoiStrength("5", 100.0, 100 * ratio, ratio, 10.0, line_mva)})
    assert len(found) == len(said)
    assert all(part in text for part, text in zip(said, found, strict=True))
